"""Files that are written whole or not at all: beside their place, flushed to the disk and renamed.

Folders whose files belong together are written by :mod:`napari_corrclip.storage.folders`.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator
from pathlib import Path

from napari_corrclip.storage.disk import cannot_write, check_name, report, sync_file, sync_folder
from napari_corrclip.storage.folders import Writer, recover_folder, write_folder
from napari_corrclip.storage.temporary import temporary

__all__ = [
    "Writer", "atomic_path", "cannot_write", "recover_folder", "sync_folder", "write_bytes", "write_folder",
]  # fmt: skip


def write_bytes(path: str | os.PathLike[str], data: bytes) -> None:
    """Write ``data`` to ``path``: readers see the old file or the whole new one.

    Raises:
        InputError: it cannot be written.
    """
    with atomic_path(path) as temporary_path:
        report("write", temporary_path)
        temporary_path.write_bytes(data)


@contextlib.contextmanager
def atomic_path(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Give a temporary path beside ``path``; what was written there takes its place on success.

    The temporary file ends like ``path``, for writers that choose a format by the suffix.

    Raises:
        InputError: it cannot be written.
    """
    check_name(path)
    path = Path(path)
    # Of the name its endings alone, so that none that just fits becomes too long.
    endings = ("".join(path.suffixes[-2:]), path.suffix, "")
    ending = next(choice for choice in endings if len(os.fsencode(choice)) < 32)
    try:
        # what earlier versions left, which knew no locks
        abandoned = re.compile(rf"\.[0-9a-f]{{8}}\.tmp\.{re.escape(path.name)}")
        with temporary(path.parent, ending, abandoned=abandoned) as beside:
            yield beside
            sync_file(beside)
            beside.replace(path)
            sync_folder(path.parent)
    except OSError as error:
        raise cannot_write(path, error) from None
