"""Temporary files and folders with an owner: a living process's are kept, a dead one's removed.

``.1a2b3c4d.tmp`` or ``.1a2b3c4d.tmp.NAME`` is what is being written; ``.1a2b3c4d.lock`` beside it is held
by who writes it, from before it is there until after it is gone. Where that lock is free the process was
killed, and whoever writes into the folder next removes both.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
from collections.abc import Iterator
from pathlib import Path

from napari_corrclip.storage.disk import remove
from napari_corrclip.storage.locks import take

_OWNED = re.compile(r"\.(?P<owner>[0-9a-f]{8})\.(?:(?P<lock>lock)|tmp(?:\..*)?)", re.DOTALL)


@contextlib.contextmanager
def temporary(
    folder: Path, ending: str = "", *, abandoned: re.Pattern[str] | None = None
) -> Iterator[Path]:
    """Give a hidden path in ``folder`` at which nothing is yet; what is there at the end is removed.

    Args:
        folder: exists.
        ending: of the name.
        abandoned: as for :func:`clean`.

    Raises:
        OSError: ``folder`` cannot be written to.
    """
    clean(folder, abandoned)
    lock = None
    while lock is None:  # another may be looking whether it is litter
        name = secrets.token_hex(4)
        lock = take(folder / f".{name}.lock")
    path = folder / f".{name}.tmp{ending}"
    try:
        yield path
    finally:
        try:
            remove(path)
        finally:
            lock.release(keep=os.path.lexists(path))


def clean(folder: Path, abandoned: re.Pattern[str] | None = None) -> None:
    """Remove what killed processes left in ``folder``, as far as can be.

    Args:
        folder: need not exist.
        abandoned: names that earlier versions, which knew no locks, gave to what they were writing.
    """
    for name in _names(folder):
        found = _OWNED.fullmatch(name)
        owner = found and found["owner"]
        with contextlib.suppress(OSError):
            if found and found["lock"]:
                _clean(folder, found["owner"])
            elif (
                abandoned is not None
                and abandoned.fullmatch(name)
                and not (owner and os.path.lexists(folder / f".{owner}.lock"))
            ):
                remove(folder / name)


def _clean(folder: Path, owner: str) -> None:
    path = folder / f".{owner}.lock"
    if path.lstat().st_size:  # ours are empty: this is another program's
        return
    lock = take(path, create=False)
    if lock is None:
        return
    found = ((name, _OWNED.fullmatch(name)) for name in _names(folder))
    left = [
        folder / name
        for name, owned in found
        if owned and owned["owner"] == owner and not owned["lock"]
    ]
    if lock.sure:
        for path in left:
            remove(path)
    lock.release(keep=not lock.sure or any(map(os.path.lexists, left)))


def _names(folder: Path) -> list[str]:
    try:
        return [path.name for path in folder.iterdir()]
    except OSError:
        return []
