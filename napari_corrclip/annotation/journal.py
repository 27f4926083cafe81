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
import shutil
import threading
import time
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from psygnal import Signal

from napari_corrclip._moved import moved_names
from napari_corrclip.annotation.change import Step
from napari_corrclip.annotation.encoded import EncodedImage
from napari_corrclip.annotation.files.folder import Saved, save_parts
from napari_corrclip.annotation.files.log import (
    Logged,
    clean_up,
    create,
    has_session,
    head_of,
    identity,
    lock_folder,
    read_log,
    used_numbers,
    went_on,
    write_all,
)
from napari_corrclip.annotation.files.records import MAGIC, Kind, OnDisk, pack_record
from napari_corrclip.annotation.history import LIMIT
from napari_corrclip.annotation.session import Session
from napari_corrclip.errors import InputError
from napari_corrclip.images.source import Source
from napari_corrclip.storage.disk import cannot_write, sync_folder

IN_MEMORY = " What you did is kept in memory until then."
"""What a sentence of a problem ends with."""
LARGE = 1 << 20
"""Bytes of a step that is written down before it is made; see :meth:`Journal.prepare`."""


@dataclass(frozen=True, slots=True, eq=False)
class _Prepared:
    """A file that begins with ``step`` and is to follow ``size`` bytes of file ``number``."""

    step: Step
    path: Path
    number: int
    size: int


class Journal:
    """The journal of ``session`` in ``folder`` while it is edited; use it as a context, or close it.

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
        written: a snapshot is whole; from the thread that wrote it.
    """

    failed = Signal(str)
    written = Signal()

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
        if not replace:
            self._check_ours(place)
        self._lock = lock_folder(self.folder)
        try:
            if not replace:
                self._check_ours(place)  # somebody may have begun one meanwhile, and left it
            # No edit of another thread between what is written now and the first record.
            with session.locked():
                session.timeline.check_no_group()
                on_disk = session.on_disk if session.journal_folder == place else None
                if on_disk is not None and went_on(self.folder, on_disk):
                    if not replace:
                        raise InputError(
                            f"The session in {str(folder)!r} was edited in another window; restore it "
                            "again, give another folder, or say replace=True."
                        )
                    on_disk = None
                self._begin(on_disk, wait)
                session.timeline.writers.append(self)
                session.journal_folder = place
        except BaseException:
            self._lock.release()
            raise

    def _check_ours(self, place: Path) -> None:
        if self.session.journal_folder != place and has_session(place):
            raise InputError(
                f"{str(self.folder)!r} keeps a session that this one would replace; go on with "
                "annotation.restore(folder), give another folder, or say replace=True."
            )

    def __enter__(self) -> Journal:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()

    @property
    def whole(self) -> bool:
        """Whether all of the session is on the disk now, and not only on its way there."""
        return self._rooted and self.problem is None

    def close(self) -> None:
        """Stop listening; what was done is on the disk then. Once it is closed this does nothing."""
        with self.session.locked():
            if self._closed:
                return  # else it would be said that what was done since is on the disk
            self._closed = True
            with contextlib.suppress(ValueError):
                self.session.timeline.writers.remove(self)
            edits = self.session.timeline.edits
        try:
            self.wait()
            if self._rooted and self.problem is None:
                self.session.on_disk = OnDisk(
                    edits,
                    self._number,
                    self._size,
                    self._count,
                    identity(self.folder, self._number),
                )
        finally:
            self._close_file()
            self._forget_prepared()
            self._lock.release()

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
            file = create(path, head_of(number, size) + pack_record(kind, step))
            os.close(file)
            with self.session.locked():  # else an edit might be taking the former one
                self._prepared, former = _Prepared(step, path, number, size), self._prepared
            if former is not None:
                former.path.unlink(missing_ok=True)
        if self._closed:
            self._forget_prepared()

    def _begin(self, on_disk: OnDisk | None, wait: bool) -> None:
        clean_up(self.folder)
        if (
            on_disk is not None
            and on_disk.edits == self.session.timeline.edits
            and on_disk.file is not None
            and on_disk.file == identity(self.folder, on_disk.number)
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

    def append(self, kind: Kind, step: Step) -> None:
        """Write down what was just done; the session's timeline calls it."""
        # In its lock so that records are in the order of the edits. Nothing is raised
        # from here but interrupts: the edit has been made, and whoever made it is not to blame.
        try:
            if not self._rooted:
                self._written.wait()
            if not self._rooted:
                self._write_anew()
            elif not self._rename_prepared(step):
                if self._file is None:
                    self._next_file(head_of(self._number, self._size))
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
                self._next_file(head_of(self._number, self._size))
            except (OSError, InputError) as error:
                self._tell_late(error)
            else:
                self._write_beside(first=False)

    def write_again(self) -> None:
        """Write all anew where something could not be written, without waiting for the next edit."""
        with self.session.locked():
            if self._closed or self.problem is None:
                return
            try:
                self._write_anew()
            except (OSError, InputError) as error:
                self._tell(error)
            else:
                self.problem = None

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
        problem = self.problem = f"{self._sentence(error)}{IN_MEMORY}"
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
            self.session.timeline.tell(partial(self.failed.emit, sentence))

    # -- records

    def _next_file(self, head: bytes) -> None:
        """Begin another file of records."""
        number = max(used_numbers(self.folder), default=0) + 1
        file = create(self.folder / f"journal-{number}.bin", head)
        self._close_file()
        self._file, self._number, self._size = file, number, len(head)

    def _write(self, record: bytes) -> None:
        assert self._file is not None
        write_all(self._file, record)
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
        number = max(used_numbers(self.folder), default=0) + 1
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
        number = max(used_numbers(self.folder), default=0) + 1
        self._save(
            Saved(session.state, session.history, session.source, session.image_digest), number
        )
        file = create(self.folder / f"journal-{number}.bin", MAGIC)
        self._close_file()
        self._file, self._number, self._size, self._count = file, number, len(MAGIC), 0
        self._rooted = True
        self._remove_before(number)

    def _write_beside(self, *, first: bool) -> None:
        """Save the session as it is in a thread; the file of records that follows is there already."""
        session, number = self.session, self._number
        saved = session.parts()
        self._count = 0

        def work() -> None:
            try:
                self._save(saved, number)
                if first:  # a record that was lost since a later one's copy is not in it
                    self._rooted = True
                self._remove_before(number)
            except Exception as error:
                self._tell(error) if first else self._tell_late(error)
            else:
                self._written.set()
                self.written.emit()
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
        for old in [used for used in used_numbers(self.folder) if used < number]:
            shutil.rmtree(self.folder / f"snapshot-{old}", ignore_errors=True)
            (self.folder / f"journal-{old}.bin").unlink(missing_ok=True)

    def wait(self) -> None:
        """Wait for the snapshot that is being written."""
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join()


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
    logged = read_log(folder, history_limit)
    return reopened(folder, logged, image, engine=engine, source=source)


def reopened(
    folder: Path,
    logged: Logged,
    image: NDArray[np.uint8] | None = None,
    *,
    engine: EncodedImage | None = None,
    source: Source | None = None,
) -> Session:
    """Return the session that ``folder`` holds ``logged`` of; see :func:`restore`."""
    session = Session.of(logged.saved, image, engine=engine, source=source)
    if logged.end is not None:
        session.on_disk = replace(logged.end, edits=session.timeline.edits)
    session.notes = (*session.notes, *logged.notes)
    session.journal_folder = folder.absolute()
    return session


__getattr__ = moved_names(__name__)
