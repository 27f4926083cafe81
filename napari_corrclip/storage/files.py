"""Files and folders that are written whole or not at all.

A file is written beside its place, flushed to the disk and renamed. A folder of results is written
beside its place as well and changes places with the old one; where that cannot be (a folder that
holds other people's files too, or one that must not move), its files are exchanged one by one and
put back if anything stops the exchange, an interrupt included.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import shutil
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path

from napari_corrclip.errors import InputError
from napari_corrclip.storage.names import beside

Writer = Callable[[Path], object]
"""Writes one file at the path it is given."""


def cannot_write(path: str | os.PathLike[str], error: OSError) -> InputError:
    """Return the sentence for ``error`` while ``path`` was being written."""
    reason = error.strerror or str(error)
    advice = _ADVICE.get(
        error.errno or 0,
        "choose a folder that exists, that you may write to and that has space left",
    )
    return InputError(f"{os.fspath(path)!r} cannot be written ({reason}); {advice}.")


_ADVICE = {
    errno.ENAMETOOLONG: "give a shorter name",
    errno.EINVAL: "give a name that the file system of that folder can hold",
    errno.EILSEQ: "give a name that the file system of that folder can hold",
}
"""What to do, where it is the name that cannot be."""


def write_bytes(path: str | os.PathLike[str], data: bytes) -> None:
    """Write ``data`` to ``path``: readers see the old file or the whole new one.

    Raises:
        InputError: it cannot be written.
    """
    with atomic_path(path) as temporary:
        temporary.write_bytes(data)


@contextlib.contextmanager
def atomic_path(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Give a temporary path beside ``path``; what was written there takes its place on success.

    The temporary file ends like ``path``, for writers that choose a format by the suffix.

    Raises:
        InputError: it cannot be written.
    """
    path = Path(path)
    # The ending stays; what is between gives way, so that no name that just fits becomes too long.
    ending = path.suffix if len(path.suffix) < 16 else ""
    temporary = path.with_name(beside(path.stem, f".{secrets.token_hex(4)}.tmp.", ending))
    try:
        try:
            yield temporary
            _sync_file(temporary)
            temporary.replace(path)
            sync_folder(path.parent)
        finally:
            with contextlib.suppress(OSError):
                temporary.unlink()
    except OSError as error:
        raise cannot_write(path, error) from None


def write_folder(
    folder: str | os.PathLike[str], writers: Mapping[str, Writer], *, owned: Collection[str] = ()
) -> None:
    """Write a set of files that belong together into ``folder``: all of them or none.

    A folder that does not exist, or holds nothing but files of such a set, is replaced as a whole
    by a rename. Otherwise the set's files alone are exchanged and all others stay. Whatever stops
    this (no space, an interrupt) leaves the files as they were; after a crash between the two
    renames the former folder comes back with :func:`recover_folder`.

    Args:
        folder: made with its parents where it does not exist.
        writers: file name to what writes it.
        owned: all names that such a set may have; old files of these names that are not written
            anew are removed, so that no leftover lies beside results that it does not belong to.

    Raises:
        InputError: it cannot be written.
    """
    names = {*writers, *owned}
    try:
        target = Path(folder).resolve()
        recover_folder(target)
        target.parent.mkdir(parents=True, exist_ok=True)
        if _may_be_replaced(target, names):
            with contextlib.suppress(_CannotMove):
                _replace_folder(target, writers)
                return
        target.mkdir(exist_ok=True)
        _exchange_files(target, writers, names)
    except OSError as error:
        raise cannot_write(folder, error) from None


def recover_folder(folder: str | os.PathLike[str]) -> None:
    """Put the former folder back if a crash left :func:`write_folder` between its two renames."""
    folder = Path(folder).resolve()
    if not folder.name or folder.exists():
        return
    previous = _previous(folder)
    with contextlib.suppress(OSError):
        if previous.is_dir():
            previous.rename(folder)


class _CannotMove(Exception):
    """The folder cannot be replaced as a whole; its files still can."""


def _previous(folder: Path) -> Path:
    return folder.with_name(beside(folder.name, ".", ".previous"))


def _temporary(folder: Path) -> Path:
    return folder.with_name(beside(folder.name, ".", f".{secrets.token_hex(4)}.tmp"))


def _may_be_replaced(target: Path, names: Collection[str]) -> bool:
    if not target.exists():
        return True
    with os.scandir(target) as entries:
        if any(entry.name not in names or not entry.is_file() for entry in entries):
            return False
    here = Path.cwd()
    # Whoever works inside the folder would go on in the removed one.
    return not (target == here or target in here.parents or os.path.ismount(target))


def _replace_folder(target: Path, writers: Mapping[str, Writer]) -> None:
    previous, temporary = _previous(target), _temporary(target)
    try:
        try:
            temporary.mkdir()
        except OSError:
            # The parent may be read-only while the folder itself is not (a mounted volume).
            if target.exists():
                raise _CannotMove from None
            raise
        _write_all(temporary, writers)
        if target.exists():
            shutil.rmtree(previous, ignore_errors=True)
            try:
                target.rename(previous)
            except OSError:
                raise _CannotMove from None
        temporary.rename(target)
    finally:
        # An interrupt may have come anywhere: what matters is what lies where.
        if not target.exists() and previous.exists():
            previous.rename(target)
        shutil.rmtree(temporary, ignore_errors=True)
    sync_folder(target.parent)
    with contextlib.suppress(OSError):
        # Renamed first: a half-removed folder must never be taken for one to recover.
        previous.rename(temporary)
    shutil.rmtree(temporary, ignore_errors=True)


def _exchange_files(target: Path, writers: Mapping[str, Writer], names: Collection[str]) -> None:
    temporary = target / f".{secrets.token_hex(4)}.tmp"
    new, old = temporary / "new", temporary / "old"
    exchanging = done = False
    try:
        new.mkdir(parents=True)
        old.mkdir()
        _write_all(new, writers)
        exchanging = True
        for name in sorted(names):
            if (target / name).is_file():
                (target / name).rename(old / name)
        for name in writers:
            (new / name).rename(target / name)
        done = True
    finally:
        if exchanging and not done:
            _put_back(target, new, old, writers)
        shutil.rmtree(temporary, ignore_errors=True)
    sync_folder(target)


def _put_back(target: Path, new: Path, old: Path, writers: Mapping[str, Writer]) -> None:
    for name in writers:
        if not (new / name).exists():
            (target / name).unlink(missing_ok=True)
    for path in list(old.iterdir()):
        path.rename(target / path.name)


def _write_all(folder: Path, writers: Mapping[str, Writer]) -> None:
    for name, write in writers.items():
        write(folder / name)
        _sync_file(folder / name)
    sync_folder(folder)


def _sync_file(path: Path) -> None:
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Flush to the disk what ``folder`` holds by which name; what is in the files is not."""
    # Windows cannot open folders; there the rename alone has to do.
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
