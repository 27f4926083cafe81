"""The disk beyond reading and writing: flushing, removing, and saying why it refused."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import stat
import sys
from collections.abc import Iterable
from pathlib import Path

from napari_corrclip.errors import InputError, NotWrittenError


def report(step: str, path: str | os.PathLike[str]) -> None:
    """Raise the audit event ``napari_corrclip.STEP`` for what Python itself reports none of.

    Tests kill a process before each such step, as before each rename; see ``tests/storage/killed.py``.
    """
    sys.audit(f"napari_corrclip.{step}", os.fspath(path))


def check_name(path: str | os.PathLike[str]) -> None:
    """Raise an ``InputError`` where ``path`` can be none on any disk: by a NUL, or half a character."""
    try:
        if b"\0" in os.fsencode(path):
            raise ValueError("embedded null byte")
    except ValueError as error:
        raise InputError(
            f"{os.fspath(path)!r} can be no name in a file system ({error}); give another one."
        ) from None


def cannot_write(path: str | os.PathLike[str], error: OSError) -> NotWrittenError:
    """Return the sentence for ``error`` while ``path`` was being written."""
    reason = error.strerror or str(error)
    advice = _ADVICE.get(
        error.errno or 0,
        "choose a folder that exists, that you may write to and that has space left",
    )
    return NotWrittenError(f"{os.fspath(path)!r} cannot be written ({reason}); {advice}.")


_ADVICE = {
    errno.ENAMETOOLONG: "give a shorter name",
    errno.EINVAL: "give a name that the file system of that folder can hold",
    errno.EILSEQ: "give a name that the file system of that folder can hold",
}
"""What to do, where it is the name that cannot be."""


def copy_tree(source: Path, target: Path, *, ignore: Iterable[str] = ()) -> None:
    """Copy a folder as one that may be written to, whoever may write to the former.

    Args:
        source: the folder.
        target: must not exist.
        ignore: patterns of names that are left out.
    """
    shutil.copytree(source, target, ignore=shutil.ignore_patterns(*ignore))
    for path in (target, *target.rglob("*")):
        if not path.is_symlink():
            path.chmod(path.stat().st_mode | stat.S_IRUSR | stat.S_IWUSR)


def sync_file(path: Path) -> None:
    """Flush what is in a file to the disk."""
    with path.open("rb+") as file:
        report("fsync", path)
        os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Flush to the disk what ``folder`` holds by which name; what is in the files is not."""
    # Windows cannot open folders; there the rename alone has to do.
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            report("fsync", folder)
            os.fsync(handle)
        finally:
            os.close(handle)


def sync_tree(folder: Path) -> None:
    """Flush a folder with all in it, so that no rename comes before what it names."""
    for place, _, names in os.walk(folder):
        for name in names:
            path = Path(place, name)
            if not path.is_symlink():
                sync_file(path)
        sync_folder(Path(place))


def remove(path: Path) -> None:
    """Remove a file, a link or a folder with all in it, as far as can be; links are not followed."""
    with contextlib.suppress(OSError):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
