"""The lock of a project's runner: one runs, or collects, at a time, and a crash leaves none behind."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from napari_corrclip.errors import InputError
from napari_corrclip.project.database import cannot_be_changed
from napari_corrclip.storage.locks import take

_RUNNER = ".runner.lock"


@contextlib.contextmanager
def only_runner(folder: Path) -> Iterator[None]:
    """Be the one process that runs a project.

    Raises:
        InputError: another one does, or nobody may write there.
    """
    try:
        lock = take(folder / _RUNNER)
    except OSError as error:
        raise cannot_be_changed(folder, error) from None
    if lock is None:
        raise _is_at_work(folder)
    try:
        yield
    finally:
        lock.release()


def check_nobody_runs(folder: Path) -> None:
    """Refuse what would be beside a run.

    Raises:
        InputError: somebody runs the project now.
    """
    if is_running(folder):
        raise _is_at_work(folder)


def is_running(folder: Path) -> bool:
    """Whether somebody runs a project now."""
    if not (folder / _RUNNER).exists():
        return False
    try:
        lock = take(folder / _RUNNER, create=False)
    except OSError:
        return False
    if lock is not None:
        lock.release()
    return lock is None


def _is_at_work(folder: Path) -> InputError:
    return InputError(f"Another run is at work on {str(folder)!r}; wait for it, or stop it.")
