"""The folder of a journal: snapshots, the files of records between them, and its lock.

``journal.py`` says what lies there and when it is written.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from napari_corrclip.annotation.files.checking import Damaged, apply_all
from napari_corrclip.annotation.files.folder import HISTORY_FILE, Saved, load_parts
from napari_corrclip.annotation.files.records import (
    MAGIC,
    OnDisk,
    count_steps,
    due,
    follow,
    read_records,
)
from napari_corrclip.errors import InputError
from napari_corrclip.storage.disk import cannot_write, report
from napari_corrclip.storage.locks import take
from napari_corrclip.storage.temporary import clean
from napari_corrclip.storage.untrusted import guarded, read_bytes

_SNAPSHOT = re.compile(r"snapshot-(\d+)")
_RECORDS = re.compile(r"journal-(\d+)\.bin")
_LEFT = re.compile(r"\.snapshot-\d+\.(?:[0-9a-f]{8}\.(?:tmp|old)|previous)")
_LOOK = 0.1
"""Seconds for which a lock is waited for: whoever looks whether it is free has it for a moment."""
_CONTINUES = re.compile(rb"continues (\d{1,18}) (\d{1,18})\n")


@dataclass(frozen=True, slots=True, eq=False)
class Logged:
    """A session as a journal kept it.

    Attributes:
        saved: as it was after the last whole record.
        end: where that is; ``None`` where something is damaged.
        notes: what is damaged, a sentence each.
    """

    saved: Saved
    end: OnDisk | None
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Glance:
    """The amount and the age of what a journal keeps, known without reading the session.

    Attributes:
        steps: how many are in force.
        changed: when the last one was written, in seconds since 1970.
    """

    steps: int
    changed: float


def glance(folder: Path) -> Glance | None:
    """Return what a journal's folder holds, at a glance; ``None`` where that cannot be said."""
    first = max(snapshots(folder), default=None)
    if first is None:
        return None
    steps, changed = 0, 0.0
    try:
        with (folder / f"snapshot-{first}" / HISTORY_FILE).open("rb") as file:
            steps, changed = count_steps(file), os.fstat(file.fileno()).st_mtime
        for number in used_numbers(folder):
            path = folder / f"journal-{number}.bin"
            if number < first or not path.is_file():
                continue
            with path.open("rb") as file:
                found = _CONTINUES.match(file.read(64))
                file.seek(0 if found is None else found.end())
                steps += count_steps(file)
                changed = max(changed, os.fstat(file.fileno()).st_mtime)
    except OSError:
        return None
    return Glance(max(steps, 0), changed)


def has_session(folder: str | os.PathLike[str]) -> bool:
    """Whether a session can be restored from ``folder``."""
    return bool(snapshots(Path(folder)))


def put_aside(folder: str | os.PathLike[str]) -> Path:
    """Rename a journal's folder, so that another one can begin in its place; returns the new name.

    Raises:
        InputError: another program keeps a session there, or it cannot be renamed.
    """
    folder = Path(folder)
    return move(folder, folder.with_name(f"{folder.name}.{time.time_ns() // 1_000_000}"))


def move(folder: Path, to: Path) -> Path:
    """Rename a journal's folder to one that is not there yet; returns the new name.

    Raises:
        InputError: as of :func:`put_aside`.
    """
    lock = lock_folder(folder)
    try:
        if to.is_dir() and not snapshots(to):
            shutil.rmtree(to, ignore_errors=True)  # what a lock left
        folder.rename(to)
    except OSError as error:
        raise cannot_write(folder, error) from None
    finally:
        lock.release()
    return to


def last_snapshot(folder: Path) -> Path | None:
    """Return the newest snapshot in a journal's folder; ``None``: there is no session."""
    numbers = snapshots(folder)
    return folder / f"snapshot-{numbers[-1]}" if numbers else None


def lock_folder(folder: Path) -> FileLock:
    """Return the taken lock of ``folder``; the system frees it when the process ends, however."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / "lock")
        lock.acquire(timeout=_LOOK, poll_interval=_LOOK / 10)
    except Timeout:
        raise InputError(
            f"The session in {str(folder)!r} is open already, in this program or another; close it there "
            "first."
        ) from None
    except OSError as error:
        raise cannot_write(folder, error) from None
    return lock


def is_open(folder: Path) -> bool:
    """Whether somebody keeps a session in ``folder`` now, in this program or another.

    It need not be written to; where the lock's file cannot be opened at all, nobody is known to.
    """
    file = folder / "lock"
    if not file.exists():
        return False
    try:
        lock = take(file, create=False)
    except OSError:
        return False
    if lock is not None:
        lock.release(keep=True)
    return lock is None and file.exists()  # else it went meanwhile


def clean_up(folder: Path) -> None:
    """Remove what a crash left half-written: steps, and snapshots of this version and earlier ones."""
    with contextlib.suppress(OSError):
        for left in folder.glob("prepared-*.tmp"):
            left.unlink(missing_ok=True)
    clean(folder, _LEFT)


def read_log(folder: Path, history_limit: int) -> Logged:
    """Read what a journal kept in ``folder``, up to the last whole record.

    Raises:
        InputError: there is no session, or all snapshots are damaged.
    """
    while True:
        highest = max(snapshots(folder), default=0)
        saved, number, notes = _newest(folder)
        end = OnDisk(0, number, 0, 0, None)
        try:
            with guarded(
                f"The journal in {str(folder)!r}",
                "what was done before that is here",
                damage=Damaged,
            ):
                end = _follow_all(folder, saved, end)
        except InputError as error:
            notes.append(str(error))
        if max(snapshots(folder), default=0) <= highest:
            break  # else somebody writes there, and took away what was to be read
    saved.history.limit_to(history_limit)  # not before: an undo in the journal may reach far back
    return Logged(saved, None if notes else end, tuple(notes))


def _newest(folder: Path) -> tuple[Saved, int, list[str]]:
    """Return the newest whole snapshot, its number, and what is to be told.

    Raises:
        InputError: there is none.
    """
    numbers = sorted(snapshots(folder), reverse=True)
    if not numbers:
        raise InputError(f"There is no session in {str(folder)!r}; start a new one.")
    notes: list[str] = []
    for number in numbers:
        try:
            return load_parts(folder / f"snapshot-{number}", sys.maxsize), number, notes
        except InputError as error:
            if max(snapshots(folder), default=0) > numbers[0]:
                return _newest(folder)
            if number == numbers[-1]:
                raise
            notes.append(f"{error} An older state was taken.")
    raise AssertionError("the last one was raised")


def _follow_all(folder: Path, saved: Saved, end: OnDisk) -> OnDisk:
    """Make what the files of records say that follow from a snapshot; return where they end.

    Each record is looked at before it is applied (:func:`apply_all`); one that cannot be is left out, with
    all that follow it.

    Raises:
        Damaged: a file is none of records, or one says what cannot be.
        InputError: they belong to another session, or a file is none.
    """
    for number in sorted(used for used in used_numbers(folder) if used >= end.number):
        path = folder / f"journal-{number}.bin"
        if not os.path.lexists(path):
            continue  # the crash came before it was made
        data = read_bytes(path, "journal's file", "what was done before that is here")
        found = _CONTINUES.match(data)
        start = 0 if found is None else found.end()
        if number > end.number:
            former = None if found is None else (int(found[1]), int(found[2]))
            if former != (end.number, end.size):
                continue  # it follows from a snapshot that there is none of
        size, records = start + len(MAGIC), end.records
        for kind, step, at in read_records(data[start:]) if data else ():
            changes = due(saved.history, kind, step).changes
            apply_all(saved.state, changes)
            follow(saved.history, kind, step)
            for change in changes:
                if change.image is not None:
                    saved.image = change.image.new.digest
            size, records = start + at, records + 1
        end = OnDisk(0, number, size if data else 0, records, identity(folder, number))
    return end


def went_on(folder: Path, end: OnDisk) -> bool:
    """Whether somebody went on in ``folder`` since it ended there."""
    now = identity(folder, end.number)
    if now is not None and end.file is not None and now[1] > end.file[1]:
        return True  # in the same file
    kept = snapshots(folder)
    if kept and now is None and (end.file is not None or end.number not in kept):
        return True  # so far that it was put together in another one
    head = head_of(end.number, end.size)
    for number in (number for number in used_numbers(folder) if number > end.number):
        with contextlib.suppress(OSError), (folder / f"journal-{number}.bin").open("rb") as file:
            if file.read(len(head)) == head:
                return True
    return False


def ends_at(folder: Path, end: OnDisk) -> bool:
    """Whether nothing was written in ``folder`` since it ended there."""
    return identity(folder, end.number) == end.file and not went_on(folder, end)


def identity(folder: Path, number: int) -> tuple[int, int, int] | None:
    """Return what differs between a file of records and another one in its place."""
    try:
        found = (folder / f"journal-{number}.bin").stat()
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns


def used_numbers(folder: Path) -> list[int]:
    """Return the numbers of snapshots and files of records in ``folder``."""
    try:
        names = [path.name for path in folder.iterdir()]
    except OSError:
        return []
    found = (_SNAPSHOT.fullmatch(name) or _RECORDS.fullmatch(name) for name in names)
    return sorted({int(match[1]) for match in found if match})


def snapshots(folder: Path) -> list[int]:
    """Return the numbers of the snapshots in ``folder``."""
    for _ in range(10):
        try:
            paths = list(folder.iterdir())
        except OSError:
            return []
        numbers = [
            int(found[1])
            for path in paths
            if (found := _SNAPSHOT.fullmatch(path.name)) and path.is_dir()
        ]
        if numbers or not any(_RECORDS.fullmatch(path.name) for path in paths):
            return sorted(numbers)
        # A journal without a snapshot: one is just taking the place of another, so look again.
    return []


def head_of(number: int, size: int) -> bytes:
    """Return how a file of records begins that continues another one."""
    return b"continues %d %d\n" % (number, size) + MAGIC


def create(path: Path, data: bytes) -> int:
    """Make a file of ``data`` and return it, open for more."""
    try:
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
        try:
            write_all(file, data)
        except BaseException:
            os.close(file)
            path.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise cannot_write(path.parent, error) from None
    return file


def write_all(file: int, data: bytes) -> None:
    """Write ``data``, which is on the disk then."""
    left = memoryview(data)
    while left:
        report("write", "")
        left = left[os.write(file, left) :]
    report("fsync", "")
    os.fsync(file)
