"""An interrupt while zarr's threads write: nothing is left behind, and nothing comes back."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from napari_corrclip.results.zarr_maps import create_maps, new_result


@pytest.mark.skipif(os.name != "posix", reason="signals are sent as POSIX has them")
@pytest.mark.parametrize("nth", [1, 2, 4])
def test_an_interrupt_leaves_nothing(
    nth: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "result"
    made: list[Path] = []
    done = threading.Event()
    mkdir = Path.mkdir

    def slowly(self: Path, *args: Any, **options: Any) -> None:
        """Stand for a disk that takes its time to make the folder of the nth piece."""
        if threading.current_thread() is threading.main_thread():
            mkdir(self, *args, **options)
            return
        made.append(self)
        if last := len(made) == nth:
            main = threading.main_thread().ident
            assert main is not None
            signal.pthread_kill(main, signal.SIGINT)  # which wakes it
            time.sleep(0.5)
        mkdir(self, *args, **options)
        if last:
            done.set()

    monkeypatch.setattr(Path, "mkdir", slowly)
    before = signal.signal(
        signal.SIGINT, signal.default_int_handler
    )  # a window may have set its own
    try:
        interrupted(folder)
    finally:
        signal.signal(signal.SIGINT, before)
    assert done.wait(10)
    time.sleep(0.1)  # what it would write then
    assert not list(tmp_path.iterdir())


def interrupted(folder: Path) -> None:
    with (
        pytest.raises(KeyboardInterrupt),
        new_result(folder) as stage,
        create_maps(stage, (8, 8)) as maps,
    ):
        maps["labels"][...] = 1
