"""Folders whose files belong together: all of them old or all of them new, after a crash too.

**Writing.** A new set of files is put together in a hidden folder and flushed to the disk (see
:mod:`napari_corrclip.storage.temporary`). Where ``NAME`` does not exist that folder lies beside it and is
renamed. Where it does, it lies inside, and under a lock it is renamed to ``NAME/.napari-corrclip.new``: from
then on that set is what the folder holds. It names its files in ``.files``, which are then given their places
one by one, former ones of the set are removed, and everybody else's files stay.

**Reading.** :func:`read_whole` looks for each file in the new set first and then in its place, and reads
again when a file was another one afterwards.

**After a crash.** A new set whose lock nobody holds was left by a killed process; whoever reads or writes
next gives its files their places. What never became a new set is removed.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import re
import stat
import sys
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from napari_corrclip.errors import InputError
from napari_corrclip.storage.disk import (
    cannot_write,
    check_name,
    remove,
    report,
    sync_file,
    sync_folder,
    sync_tree,
)
from napari_corrclip.storage.locks import Lock, take
from napari_corrclip.storage.temporary import clean, temporary
from napari_corrclip.storage.untrusted import check_regular

Writer = Callable[[Path], object]
"""Writes one file at the path it is given."""
Check = Callable[[Collection[str]], object]
"""Is told the names of a new set while nobody else writes into its folder."""
Locate = Callable[[str], Path]
"""Where the file of a name lies now; nothing is there where the set has none."""
Read = TypeVar("Read")

NEW = ".napari-corrclip.new"
LOCK = ".napari-corrclip.lock"
WAIT = 20.0
"""Seconds that a writer waits for another one, who needs thousandths of one for a few renames."""
_FILES, _FORMER = ".files", ".former"
_LONGEST = 1 << 20
"""Bytes of a list of files."""
_TRIES = 8


# -- writing


def write_folder(
    folder: str | os.PathLike[str], writers: Mapping[str, Writer], *, owned: Collection[str] = ()
) -> None:
    """Write a set of files that belong together into ``folder``: all of them or none.

    Other files there stay. Whatever stops this (no space, an interrupt, a crash) leaves all files as they
    were, or all new.

    Args:
        folder: made with its parents where it does not exist.
        writers: file name to what writes it.
        owned: all names that such a set may have; old files of these names that are not written
            anew are removed, so that no leftover lies beside results that it does not belong to.

    Raises:
        InputError: it cannot be written.
    """
    with staged(folder, owned=owned) as stage:
        for name, write in writers.items():
            report("write", stage / name)
            write(stage / name)


@contextlib.contextmanager
def staged(
    folder: str | os.PathLike[str], *, owned: Collection[str] = (), check: Check | None = None
) -> Iterator[Path]:
    """Give an empty hidden folder; the files and folders that were put there become ``folder``'s on success.

    Args:
        folder: as for :func:`write_folder`.
        owned: as there.
        check: looks at the folder as it is at the end, unless it is new, and raises where it must stay so.

    Raises:
        InputError: it cannot be written, or another program is writing there and does not end.
    """
    check_name(folder)
    try:
        target = _resolved(Path(folder))
        target.parent.mkdir(parents=True, exist_ok=True)
        recover_folder(target)
        _clean_beside(target)
        is_new = not os.path.lexists(target)
        with temporary(target.parent if is_new else target) as stage:
            stage.mkdir()
            yield stage
            sync_tree(stage)
            if not (is_new and _appears(stage, target)):
                _exchange(stage, target, owned, check)
    except OSError as error:
        raise cannot_write(folder, error) from None


def _resolved(folder: Path) -> Path:
    try:
        return folder.resolve()
    except RuntimeError as error:  # Python before 3.13 says so of links in a circle
        raise OSError(errno.ELOOP, str(error)) from None


def _appears(stage: Path, target: Path) -> bool:
    """Let a new folder take its place; return whether nobody else's is there."""
    try:
        stage.rename(target)
    except OSError:
        if not target.is_dir():
            raise
        return False
    sync_folder(target.parent)
    return True


def _exchange(
    stage: Path, target: Path, owned: Collection[str], check: Check | None = None
) -> None:
    """Let what is in ``stage`` be what ``target`` holds."""
    # The system puts hidden files of its own wherever a person looks.
    names = [path.name for path in stage.iterdir() if not path.name.startswith(".")]
    files = _Set(frozenset(names), frozenset(owned))
    files.write(stage)
    lock = _wait(target)
    try:
        _complete_former(target)
        if check is not None:
            check(files.written)
        for name in files.written:
            _check_place(stage / name, target / name)
        try:
            stage.rename(target / NEW)
            sync_folder(target)
        finally:
            # An interrupt may have come anywhere: what has begun is ended.
            _complete(target, stage, files)
    finally:
        lock.release()


def _wait(target: Path) -> Lock:
    lock = take(target / LOCK, wait=WAIT)
    if lock is None:
        raise InputError(
            f"{str(target)!r} is being written by another program, which has not ended for {WAIT:g} "
            "seconds; wait until it has, or choose another folder."
        )
    return lock


def _check_place(new: Path, place: Path) -> None:
    if place.is_dir() and not place.is_symlink() and not new.is_dir():
        raise InputError(
            f"{str(place)!r} is there and a folder, where a file is to be written; move it away or "
            "choose another folder."
        )


def _complete_former(target: Path) -> None:
    """Do :func:`_complete` for one who was killed; ``target`` is locked."""
    if os.path.lexists(target / NEW):
        with temporary(target) as aside:
            _complete(target, aside)


def _complete(target: Path, aside: Path, files: _Set | None = None) -> None:
    """Give the files of a new set their places, if there is one; ``target`` is locked.

    Args:
        target: the folder.
        aside: where what is left over is put; nothing but renames is needed, which take no space.
        files: the set, where that is known; else its list is read.
    """
    try:
        _give_places(target, aside, files)
    except OSError:
        _give_places(target, aside, files)
    except BaseException:
        # An interrupt comes once. Who cannot now leaves it to the next.
        with contextlib.suppress(OSError):
            _give_places(target, aside, files)
        raise


def _give_places(target: Path, aside: Path, files: _Set | None) -> None:
    """Do what :func:`_complete` says; may be called again after any step."""
    new = target / NEW
    if not os.path.lexists(new):
        return
    files = files or _Set.read(new)
    if files is not None:
        former = new / _FORMER
        if not _is_folder(former):
            remove(former)  # a stranger's link would lead elsewhere
            former.mkdir()
        for name in sorted(files.written):
            path, place = new / name, target / name
            if not os.path.lexists(path):
                continue  # it has its place
            if os.path.lexists(place) and (_is_folder(place) or _is_folder(path)):
                _put_away(place, former)  # no rename replaces a folder
            _rename(path, place)
        for name in sorted(files.owned - files.written):
            if os.path.lexists(target / name):
                _put_away(target / name, former)
        sync_folder(target)
    _rename(new, aside)
    sync_folder(target)


def _put_away(place: Path, former: Path) -> None:
    remove(former / place.name)
    _rename(place, former / place.name)


def _is_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()


def _rename(path: Path, place: Path) -> None:
    """Rename, again and again for a while where Windows refuses because somebody has a file open."""
    for _ in range(200 if sys.platform == "win32" else 0):
        try:
            path.replace(place)
        except PermissionError:
            time.sleep(0.01)
        else:
            return
    path.replace(place)


@dataclass(frozen=True)
class _Set:
    """Names of the files and folders of a set.

    Attributes:
        written: are there.
        owned: may be there in such a set; those that are not written are gone.
    """

    written: frozenset[str]
    owned: frozenset[str]

    def __post_init__(self) -> None:
        """Refuse what is no plain name, and so may lie elsewhere; a set may be a stranger's.

        Raises:
            ValueError: there is one.
        """
        strange = [name for name in self.written | self.owned if not _is_plain(name)]
        if strange:
            raise ValueError(f"{strange[0]!r} is no name of a file in a folder")

    def write(self, folder: Path) -> None:
        """Write them down in ``folder``, on the disk, with a place for what they replace."""
        (folder / _FORMER).mkdir()
        path = folder / _FILES
        document = {"written": sorted(self.written), "owned": sorted(self.owned)}
        path.write_text(json.dumps(document), encoding="utf-8")
        sync_file(path)
        sync_folder(folder)

    @classmethod
    def read(cls, folder: Path) -> _Set | None:
        """Return what was written down in ``folder``; ``None``: there is no such set.

        Raises:
            OSError: it cannot be read now, which says nothing of what is there.
        """
        path = folder / _FILES
        try:
            if not _is_folder(folder) or not stat.S_ISREG(path.lstat().st_mode):
                return None
            with path.open("rb") as file:
                data = file.read(_LONGEST + 1)
        except FileNotFoundError:
            return None
        try:
            document = json.loads(data[:_LONGEST])
            return cls(*(frozenset(map(str, document[key])) for key in ("written", "owned")))
        except (ValueError, KeyError, TypeError, RecursionError):
            return None


def _is_plain(name: str) -> bool:
    return bool(name) and Path(name).name == name and not name.startswith(".") and "\0" not in name


# -- reading


def read_whole(
    folder: str | os.PathLike[str], names: Sequence[str], read: Callable[[Locate], Read]
) -> Read:
    """Return what ``read`` makes of the files ``names``, which all are of one version.

    Args:
        folder: need not exist; then ``read`` finds nothing.
        names: all that it may ask for.
        read: is told where each file lies, and called again when one was exchanged meanwhile.

    Raises:
        InputError: one of them is a pipe, a device or the like, or is exchanged again and again; and what
            ``read`` raises.
    """
    folder = Path(folder)
    recover_folder(folder)
    for _ in range(_TRIES):
        with _Seen(folder, names) as seen:
            try:
                found = read(seen.locate)
            except Exception:
                if seen.is_there():
                    raise
            else:
                if seen.is_there():
                    return found
    # They are exchanged faster than they can be read.
    try:
        lock: Lock | None = _wait(folder)
    except (OSError, ValueError):  # who may not write there cannot keep others from it
        lock = None
    try:
        with _Seen(folder, names) as seen:
            found = read(seen.locate)
            if not seen.is_there():
                raise InputError(
                    f"What is in {str(folder)!r} is exchanged faster than it can be read; try again "
                    "when the program that writes it has ended."
                )
            return found
    finally:
        if lock is not None:
            lock.release()


_Identity = tuple[int, int, int, int]


@dataclass
class _Seen:
    """The places of a set's files at one time, and which files they were.

    They are held open, where the system lets an open file be exchanged, so that no later file can be taken
    for one of them.
    """

    folder: Path
    names: Sequence[str]
    _where: dict[str, Path] = field(default_factory=dict)
    _which: dict[str, _Identity | None] = field(default_factory=dict)
    _open: list[int] = field(default_factory=list)

    def __enter__(self) -> _Seen:
        try:
            for name in self.names:
                path = locate(self.folder, name)
                self._where[name] = path
                self._which[name] = self._hold(path)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for file in self._open:
            os.close(file)
        self._open.clear()

    def locate(self, name: str) -> Path:
        """Where it was."""
        return self._where[name]

    def is_there(self) -> bool:
        """Whether all of them are what and where they were."""
        for name in self.names:
            path = locate(self.folder, name)
            if path != self._where[name] or _identity(path) != self._which[name]:
                return False
        return True

    def _hold(self, path: Path) -> _Identity | None:
        try:
            mode = path.stat().st_mode
        except (OSError, ValueError):  # a NUL in it
            return None
        if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
            check_regular(path, "file", "it is no part of what was saved here, so remove it")
        if os.name == "posix":
            with contextlib.suppress(OSError):  # who may not read it is told by the reader
                file = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
                self._open.append(file)
                return _identity(file)
        return _identity(path)


def _identity(file: Path | int) -> _Identity | None:
    """Return what differs between a file and another one in its place; ``None``: there is none."""
    try:
        found = os.stat(file)  # noqa: PTH116 - an open one, too
    except (OSError, ValueError):
        return None
    # what is in a folder, and hence its size and time, may be added to by others
    more = (0, 0) if stat.S_ISDIR(found.st_mode) else (found.st_size, found.st_mtime_ns)
    return found.st_dev, found.st_ino, *more


def locate(folder: Path, name: str) -> Path:
    """Return where the file ``name`` of what ``folder`` holds lies; it need not exist.

    Raises:
        InputError: it cannot be found out now.
    """
    new = folder / NEW
    place = new / name
    if not os.path.lexists(new):
        return folder / name
    try:
        # It was written before it became the new set, so it is whole.
        files = _Set.read(new)
    except OSError as error:
        raise InputError(
            f"What is in {str(folder)!r} cannot be read ({error.strerror or error}); try again."
        ) from None
    if files is None:
        return folder / name
    # Where nothing is, if the set has none of this name.
    return place if os.path.lexists(place) or name in files.owned - files.written else folder / name


# -- after a crash


def recover_folder(folder: str | os.PathLike[str]) -> None:
    """End what a killed process had begun in ``folder``; a living one is left alone.

    Where that cannot be (a read-only folder), :func:`read_whole` sees what it would have come to.
    """
    with contextlib.suppress(OSError, ValueError, RuntimeError):
        target = Path(folder).resolve()
        if target.is_dir():
            if os.path.lexists(target / NEW):
                _recover(target)
            _recover_exchange(target)
            clean(target)
        elif target.name:
            _recover_former(target)


def _recover(target: Path) -> None:
    lock = take(target / LOCK)
    if lock is None:
        return
    try:
        if lock.sure:
            _complete_former(target)
    finally:
        lock.release()


# -- what earlier versions left, which knew no locks


def _former(target: Path) -> list[Path]:
    """What a former result of ``target`` was called while a new one took its place; the newest last."""
    former = re.compile(rf"\.{re.escape(target.name)}\.(previous|[0-9a-f]{{8}}\.old)")
    found = [path for path in _matching(target.parent, former) if _is_folder(path)]
    return sorted(found, key=lambda path: path.stat().st_mtime_ns)


def _recover_former(target: Path) -> None:
    for path in _former(target)[-1:]:
        if not os.path.lexists(target):
            path.rename(target)


def _recover_exchange(target: Path) -> None:
    """End an exchange of files one by one, or take it back where no new file had its place yet."""
    for left in _matching(target, re.compile(r"\.[0-9a-f]{8}\.tmp")):
        new, old = left / "new", left / "old"
        lock = left.with_suffix(".lock")
        if os.path.lexists(lock) or not (_is_folder(new) and _is_folder(old)):
            continue
        moved = [path.name for path in old.iterdir()]
        if moved:
            forward = any(os.path.lexists(target / name) for name in moved)
            for path in sorted((new if forward else old).iterdir()):
                path.replace(target / path.name)
        remove(left)


def _clean_beside(target: Path) -> None:
    """Remove what an earlier version left beside ``target``, and what killed processes did."""
    clean(target.parent, re.compile(rf"\.{re.escape(target.name)}\.[0-9a-f]{{8}}\.tmp"))
    if os.path.lexists(target):
        for path in _former(target):
            remove(path)


def _matching(folder: Path, pattern: re.Pattern[str]) -> list[Path]:
    try:
        return [path for path in folder.iterdir() if pattern.fullmatch(path.name)]
    except OSError:
        return []
