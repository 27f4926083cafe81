"""Whatever a stranger's file is, the door says in one sentence whose fault it is."""

from __future__ import annotations

import os
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest

from napari_corrclip.errors import InputError, WeightsError
from napari_corrclip.storage.untrusted import check_regular, guarded, read_bytes


def fifo(path: Path) -> None:
    os.mkfifo(path)


def link_to_a_device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def missing(path: Path) -> None:
    del path


@pytest.mark.skipif(os.name != "posix", reason="pipes and devices are POSIX's")
@pytest.mark.parametrize(
    ("make", "said"),
    [
        (fifo, "no regular file"),
        (link_to_a_device, "no regular file"),
        (Path.mkdir, "it is a folder"),
        (missing, "No such file"),
    ],
)
def test_what_is_no_regular_file_is_refused(
    tmp_path: Path, make: Callable[[Path], object], said: str
) -> None:
    make(tmp_path / "x")
    with pytest.raises(
        InputError, match=rf"^The map '.*x' cannot be read \(.*{said}.*\); redo it\.$"
    ):
        read_bytes(tmp_path / "x", "map", "redo it")


def test_a_name_that_can_be_none(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"names no file .*; redo it\.$"):
        check_regular(f"{tmp_path}/a\0b", "map", "redo it")


def test_no_more_is_read_than_is_allowed(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"12345")
    assert read_bytes(tmp_path / "x", "map", "redo it", limit=5) == b"12345"
    with pytest.raises(InputError, match=r"larger than 4 bytes; redo it\.$"):
        read_bytes(tmp_path / "x", "map", "redo it", limit=4)


def test_a_small_file_takes_little_memory_whatever_is_allowed(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"12345")
    tracemalloc.start()
    assert read_bytes(tmp_path / "x", "map", "redo it", limit=1 << 30) == b"12345"
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1 << 20


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (EOFError("at\n byte 3"), r"^The map is damaged or cut short \(at byte 3\); redo it\.$"),
        (PermissionError(13, "No"), r"^The map cannot be read \(No\); redo it\.$"),
        (
            AttributeError("get_shape"),
            r"its reader failed \(AttributeError: get_shape\).*report this",
        ),
        (RecursionError(), r"its reader failed \(RecursionError: RecursionError\)"),
        (OverflowError("inf"), r"its reader failed \(OverflowError: inf\)"),
    ],
)
def test_only_the_formats_own_checks_speak_of_damage(error: Exception, said: str) -> None:
    with pytest.raises(InputError, match=said), guarded("The map", "redo it", damage=EOFError):
        raise error


@pytest.mark.parametrize("error", [WeightsError("ours"), MemoryError(), KeyboardInterrupt()])
def test_what_is_ours_or_nobodys_passes(error: BaseException) -> None:
    with pytest.raises(type(error)), guarded("The map", "redo it"):
        raise error
