"""Autosave: every edit is on the disk when the next one begins.

A journal is a folder of one image::

    snapshot-7/        a saved session
    journal-7.bin      what was done, undone and redone since, appended record by record
    journal-8.bin      what was done then: "continues 7 1234", that many bytes of it
    lock

Snapshots are written in a thread, from a copy. Meanwhile a new file continues the former one, so that
there is always a whole snapshot with all that was done since; it goes, with the files that follow from
it, when the next one is whole. After a crash the newest whole snapshot is read and its files are followed
as far as they are whole: at most the edit that was being written is missing.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import sys
import threading
import time
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
from filelock import FileLock, Timeout
from numpy.typing import NDArray
from psygnal import Signal

from napari_corrclip.annotation.change import Step
from napari_corrclip.annotation.encoded import EncodedImage
from napari_corrclip.annotation.files.checking import Damaged, apply_all
from napari_corrclip.annotation.files.folder import Saved, load_parts, save_parts
from napari_corrclip.annotation.files.records import (
    MAGIC,
    Kind,
    due,
    follow,
    pack_record,
    read_records,
)
from napari_corrclip.annotation.history import LIMIT
from napari_corrclip.annotation.session import Session
from napari_corrclip.errors import InputError
from napari_corrclip.images.source import Source
from napari_corrclip.storage.disk import cannot_write, report, sync_folder
from napari_corrclip.storage.places import SESSIONS_VARIABLE, sessions_folder
from napari_corrclip.storage.temporary import clean
from napari_corrclip.storage.untrusted import guarded, read_bytes

FOLDER_VARIABLE = SESSIONS_VARIABLE
_CROP = re.compile(r"-(\d+)-(\d+)-(\d+)-(\d+)")
_SNAPSHOT = re.compile(r"snapshot-(\d+)")
_RECORDS = re.compile(r"journal-(\d+)\.bin")
_LEFT = re.compile(r"\.snapshot-\d+\.(?:[0-9a-f]{8}\.(?:tmp|old)|previous)")
_CONTINUES = re.compile(rb"continues (\d{1,18}) (\d{1,18})\n")
LARGE = 1 << 20
"""Bytes of a step that is written down before it is made; see :meth:`Journal.prepare`."""


@dataclass(frozen=True, slots=True)
class OnDisk:
    """Where a journal ends that says all of a session.

    Attributes:
        revision: of the session.
        number: of the last file of records.
        size: bytes of it.
        records: how many follow the snapshot.
        file: what tells whether it is still that file; ``None``: it was not there.
    """

    revision: int
    number: int
    size: int
    records: int
    file: tuple[int, int, int] | None


@dataclass(frozen=True, slots=True, eq=False)
class _Prepared:
    """A file that begins with ``step`` and is to follow ``size`` bytes of file ``number``."""

    step: Step
    path: Path
    number: int
    size: int


def journal_folder(source: Source) -> Path:
    """Return the folder of an image's journal; it need not exist yet.

    It lies in the folder that the environment variable ``NAPARI_CORRCLIP_SESSIONS`` names, else in the
    system's folder for a user's data.
    """
    return sessions_folder() / source.key


class Journal:
    """Keeps ``session`` in ``folder`` while it is edited; use it as a context, or close it.

    What cannot be written (no space, no permission) costs no edit: the session goes on, :attr:`problem`
    says in a sentence what is wrong, ``failed`` emits it, and with the next edit everything is written
    anew.

    It lives as long as the session does, whether somebody holds it or not.

    Args:
        session: what is edited.
        folder: made where it does not exist.
        records: so many are appended before a new snapshot is made.
        replace: whether another session that is kept in the folder is to be given up.
        wait: whether to come back only when the session is on the disk. Otherwise the first edit waits
            for that, and what is wrong with it is told by ``failed``.

    Raises:
        InputError: the folder keeps another session (one that was not restored from it), another
            program writes there, or it cannot be written.

    Attributes:
        problem: what is wrong; ``None``: all of the session is on the disk, or on its way there.

    Signals (psygnal):
        failed: a sentence; from the thread that wrote, where that is not the session's.
    """

    failed = Signal(str)

    def __init__(
        self,
        session: Session,
        folder: str | os.PathLike[str],
        *,
        records: int = 200,
        replace: bool = False,
        wait: bool = True,
    ) -> None:
        self.session = session
        self.folder = Path(folder)
        self.records = records
        self.problem: str | None = None
        self._file: int | None = None
        self._number = self._size = self._count = 0
        self._rooted = False  # whether a snapshot is there that the records follow from
        self._thread: threading.Thread | None = None
        self._written = threading.Event()  # whether no snapshot is being written
        self._written.set()
        self._prepared: _Prepared | None = None
        self._closed = False
        if not os.fspath(folder):
            raise InputError("The journal's folder has no name; give one.")
        place = self.folder.absolute()
        if not replace and session.journal_folder != place and has_session(place):
            raise InputError(
                f"{str(folder)!r} keeps a session that this one would replace; go on with "
                "annotation.restore(folder), give another folder, or say replace=True."
            )
        self._lock = _lock(self.folder)
        try:
            # No edit of another thread between what is written now and the first record.
            with session.locked():
                session._check_no_group()
                self._begin(session._on_disk if session.journal_folder == place else None, wait)
                session._recorders.append(self._append)
                session.journal_folder = place
                session._journal = self
        except BaseException:
            self._lock.release()
            raise

    def __enter__(self) -> Journal:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()

    def close(self) -> None:
        """Stop listening; what was done is on the disk then. Once it is closed this does nothing."""
        with self.session.locked():
            if self._closed:
                return  # else it would be said that what was done since is on the disk
            self._closed = True
            with contextlib.suppress(ValueError):
                self.session._recorders.remove(self._append)
            revision = self.session._revision
        try:
            self._wait()
            if self._rooted and self.problem is None:
                self.session._on_disk = OnDisk(
                    revision,
                    self._number,
                    self._size,
                    self._count,
                    _identity(self.folder, self._number),
                )
        finally:
            self._close_file()
            self._forget_prepared()
            self._lock.release()
            if self.session._journal is self:
                self.session._journal = None

    def prepare(self, kind: Kind, step: Step) -> None:
        """Write down a large step that is about to be made, in the thread that worked it out.

        When it is made, its file is there already and has to be renamed alone. Nothing is told of what is
        wrong here: then it is written when it is made.
        """
        if step.nbytes < LARGE or not self._rooted or self._closed:
            return
        with self.session.locked():
            number, size = self._number, self._size
        path = self.folder / f"prepared-{time.time_ns()}.tmp"
        with contextlib.suppress(OSError, InputError):
            file = _create(path, _head(number, size) + pack_record(kind, step))
            os.close(file)
            with self.session.locked():  # else an edit might be taking the former one
                self._prepared, former = _Prepared(step, path, number, size), self._prepared
            if former is not None:
                former.path.unlink(missing_ok=True)
        if self._closed:
            self._forget_prepared()

    def _begin(self, on_disk: OnDisk | None, wait: bool) -> None:
        _clean(self.folder)
        if (
            on_disk is not None
            and on_disk.revision == self.session._revision
            and on_disk.file is not None
            and on_disk.file == _identity(self.folder, on_disk.number)
            and has_session(self.folder)
        ):
            # All of it is here; the first edit begins a file that continues the last.
            self._number, self._size = on_disk.number, on_disk.size
            self._count, self._rooted = on_disk.records, True
        elif wait:
            self._write_anew()
        else:
            self._next_file(MAGIC)
            self._write_beside(first=True)

    def _append(self, kind: Kind, step: Step) -> None:
        # The session calls it in its lock, so that records are in the order of the edits. Nothing is raised
        # from here but interrupts: the edit has been made, and whoever made it is not to blame.
        try:
            if not self._rooted:
                self._written.wait()
            if not self._rooted:
                self._write_anew()
            elif not self._rename_prepared(step):
                if self._file is None:
                    self._next_file(_head(self._number, self._size))
                self._write(pack_record(kind, step))
        except BaseException as error:
            # Its end may be half a record, or one that is not counted: the next edit writes all anew.
            self._rooted = False
            self._close_file()
            self._tell(error)
            if not isinstance(error, Exception):
                raise
            return
        self.problem = None
        if self._count >= self.records and self._thread is None:
            try:
                self._next_file(_head(self._number, self._size))
            except (OSError, InputError) as error:
                self._tell_late(error)
            else:
                self._write_beside(first=False)

    def _sentence(self, error: BaseException) -> str:
        if isinstance(error, OSError):
            return str(cannot_write(self.folder, error))
        if isinstance(error, InputError):
            return str(error)
        return (
            f"The journal in {str(self.folder)!r} failed ({type(error).__name__}: {error}); save the "
            "session to another folder."
        )

    def _tell(self, error: BaseException) -> None:
        problem = self.problem = (
            f"{self._sentence(error)} What you did is kept in memory until then."
        )
        self._emit(problem)

    def _tell_late(self, error: Exception) -> None:
        """Tell that what is on the disk could not be put together; nothing is missing there."""
        self._count = 0  # it is tried again later
        self._emit(f"{self._sentence(error)} What you did so far is on the disk.")

    def _emit(self, sentence: str) -> None:
        """Tell it, in no lock: a listener may read the session, or save it elsewhere."""
        if threading.current_thread() is self._thread:
            self._written.set()  # an edit that waits for the snapshot goes on
            self.failed.emit(sentence)
        else:
            self.session._tell(partial(self.failed.emit, sentence))

    # -- records

    def _next_file(self, head: bytes) -> None:
        """Begin another file of records."""
        number = max(_used(self.folder), default=0) + 1
        file = _create(self.folder / f"journal-{number}.bin", head)
        self._close_file()
        self._file, self._number, self._size = file, number, len(head)

    def _write(self, record: bytes) -> None:
        assert self._file is not None
        _write_all(self._file, record)
        self._size += len(record)
        self._count += 1

    def _rename_prepared(self, step: Step) -> bool:
        """Let the file that was prepared for ``step`` follow; return whether there is one."""
        prepared = self._prepared
        if prepared is None or prepared.step is not step:
            return False
        self._prepared = None
        if (prepared.number, prepared.size) != (self._number, self._size):
            prepared.path.unlink(missing_ok=True)
            return False
        number = max(_used(self.folder), default=0) + 1
        path = self.folder / f"journal-{number}.bin"
        prepared.path.replace(path)
        sync_folder(self.folder)
        self._close_file()
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND)
        self._number, self._size = number, path.stat().st_size
        self._count += 1
        return True

    def _forget_prepared(self) -> None:
        prepared, self._prepared = self._prepared, None
        if prepared is not None:
            with contextlib.suppress(OSError):
                prepared.path.unlink(missing_ok=True)

    def _close_file(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None

    # -- snapshots

    def _write_anew(self) -> None:
        """Save the session as it is, now, and begin a file of records that needs no former one."""
        self._written.wait()
        session = self.session
        number = max(_used(self.folder), default=0) + 1
        self._save(
            Saved(session.state, session.history, session.source, session.image_digest), number
        )
        file = _create(self.folder / f"journal-{number}.bin", MAGIC)
        self._close_file()
        self._file, self._number, self._size, self._count = file, number, len(MAGIC), 0
        self._rooted = True
        self._remove_before(number)

    def _write_beside(self, *, first: bool) -> None:
        """Save the session as it is in a thread; the file of records that follows is there already."""
        session, number = self.session, self._number
        saved = Saved(
            session.state.copy(derived=False),
            session.history.copy(),
            session.source,
            session.image_digest,
        )
        self._count = 0

        def work() -> None:
            try:
                self._save(saved, number)
                if first:  # a record that was lost since a later one's copy is not in it
                    self._rooted = True
                self._remove_before(number)
            except Exception as error:
                self._tell(error) if first else self._tell_late(error)
            finally:
                self._written.set()
                self._thread = None

        # The interpreter waits for it before it ends.
        self._written.clear()
        self._thread = threading.Thread(target=work, name="journal")
        self._thread.start()

    def _save(self, saved: Saved, number: int) -> None:
        save_parts(saved, self.folder / f"snapshot-{number}")

    def _remove_before(self, number: int) -> None:
        for old in [one for one in _used(self.folder) if one < number]:
            shutil.rmtree(self.folder / f"snapshot-{old}", ignore_errors=True)
            (self.folder / f"journal-{old}.bin").unlink(missing_ok=True)

    def _wait(self) -> None:
        """Wait for the snapshot that is being written."""
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join()


def _clean(folder: Path) -> None:
    """Remove what a crash left half-written: steps, and snapshots of this version and earlier ones."""
    with contextlib.suppress(OSError):
        for left in folder.glob("prepared-*.tmp"):
            left.unlink(missing_ok=True)
    clean(folder, _LEFT)


def put_aside(folder: str | os.PathLike[str]) -> Path:
    """Rename a journal's folder, so that another one can begin in its place; returns the new name.

    Raises:
        InputError: another program keeps a session there, or it cannot be renamed.
    """
    folder = Path(folder)
    lock = _lock(folder)
    aside = folder.with_name(f"{folder.name}.{time.time_ns() // 1_000_000}")
    try:
        folder.rename(aside)
    except OSError as error:
        raise cannot_write(folder, error) from None
    finally:
        lock.release()
    return aside


def has_session(folder: str | os.PathLike[str]) -> bool:
    """Whether a session can be restored from ``folder``."""
    return bool(_numbers(Path(folder)))


def kept_parts(source: Source) -> list[Source]:
    """Return the image and those crops of it that have a session that can be restored, the image first.

    Args:
        source: the image; its crop is of no matter.
    """
    whole = source.part(None)
    folder = journal_folder(whole)
    found: list[tuple[int, int, int, int]] = []
    for path in folder.parent.glob(f"{folder.name}-*"):
        match = _CROP.fullmatch(path.name.removeprefix(folder.name))
        if match is not None and has_session(path):
            top, left, bottom, right = (int(number) for number in match.groups())
            found.append((top, left, bottom, right))
    parts = [whole.part(crop) for crop in sorted(found)]
    return [whole, *parts] if has_session(folder) else parts


def restore(
    folder: str | os.PathLike[str],
    image: NDArray[np.uint8] | None = None,
    *,
    engine: EncodedImage | None = None,
    source: Source | None = None,
    history_limit: int = LIMIT,
) -> Session:
    """Return the session that a journal kept in ``folder``, as it was after the last whole record.

    What is kept in the folder stays as it is; where a killed process was just giving the files of a
    snapshot their places, that is finished. The session's ``notes`` say what a person is to know: that the
    image was changed since, or that the newest snapshot is damaged and an older one was taken.

    Args:
        folder: of the journal.
        image: as for :class:`Session`.
        engine: as there.
        source: the image's file as it is now.
        history_limit: as there.

    Raises:
        InputError: there is none, all are damaged, or it is of another image.
    """
    folder = Path(folder)
    while True:
        highest = max(_numbers(folder), default=0)
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
        if max(_numbers(folder), default=0) <= highest:
            break  # else somebody writes there, and took away what was to be read
    saved.history.limit_to(history_limit)  # not before: an undo in the journal may reach far back
    session = Session._of(saved, image, engine, source)
    session._on_disk = None if notes else replace(end, revision=session._revision)
    session.notes = (*session.notes, *notes)
    session.journal_folder = folder.absolute()
    return session


def _newest(folder: Path) -> tuple[Saved, int, list[str]]:
    """Return the newest whole snapshot, its number, and what is to be told.

    Raises:
        InputError: there is none.
    """
    numbers = sorted(_numbers(folder), reverse=True)
    if not numbers:
        raise InputError(f"There is no session in {str(folder)!r}; start a new one.")
    notes: list[str] = []
    for number in numbers:
        try:
            return load_parts(folder / f"snapshot-{number}", sys.maxsize), number, notes
        except InputError as error:
            if max(_numbers(folder), default=0) > numbers[0]:
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
    for number in sorted(one for one in _used(folder) if one >= end.number):
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
        end = OnDisk(0, number, size if data else 0, records, _identity(folder, number))
    return end


def _identity(folder: Path, number: int) -> tuple[int, int, int] | None:
    """Return what differs between a file of records and another one in its place."""
    try:
        found = (folder / f"journal-{number}.bin").stat()
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns


def _used(folder: Path) -> list[int]:
    """Return the numbers of snapshots and files of records in ``folder``."""
    try:
        names = [path.name for path in folder.iterdir()]
    except OSError:
        return []
    found = (_SNAPSHOT.fullmatch(name) or _RECORDS.fullmatch(name) for name in names)
    return sorted({int(one[1]) for one in found if one})


def _head(number: int, size: int) -> bytes:
    """Return how a file of records begins that continues another one."""
    return b"continues %d %d\n" % (number, size) + MAGIC


def _create(path: Path, data: bytes) -> int:
    """Make a file of ``data`` and return it, open for more."""
    try:
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
        try:
            _write_all(file, data)
        except BaseException:
            os.close(file)
            path.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise cannot_write(path.parent, error) from None
    return file


def _write_all(file: int, data: bytes) -> None:
    """Write ``data``, which is on the disk then."""
    left = memoryview(data)
    while left:
        report("write", "")
        left = left[os.write(file, left) :]
    report("fsync", "")
    os.fsync(file)


def _numbers(folder: Path) -> list[int]:
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


def _lock(folder: Path) -> FileLock:
    """Return the taken lock of ``folder``; the system frees it when the process ends, however."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / "lock")
        lock.acquire(timeout=0)
    except Timeout:
        raise InputError(
            f"The session in {str(folder)!r} is open in another window or program; close it there first."
        ) from None
    except OSError as error:
        raise cannot_write(folder, error) from None
    return lock
