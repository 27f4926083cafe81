"""Autosave: every edit is on the disk when the next one begins.

A journal is a folder of one image::

    snapshot-7/        a saved session
    journal-7.bin      what was done, undone and redone since, appended record by record
    lock

A new snapshot is written before the former one and its journal go, so that there is always a whole one.
After a crash the newest whole snapshot is read and its journal followed as far as it is whole: at most
the edit that was being written is missing.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import sys
import time
from pathlib import Path

import numpy as np
from filelock import FileLock, Timeout
from numpy.typing import NDArray
from psygnal import Signal

from napari_corrclip.annotation.change import Step
from napari_corrclip.annotation.engine import Engine
from napari_corrclip.annotation.history import LIMIT
from napari_corrclip.annotation.packing import Damaged
from napari_corrclip.annotation.records import MAGIC, Kind, follow, pack_record, read_records
from napari_corrclip.annotation.session import Session
from napari_corrclip.annotation.source import Source
from napari_corrclip.annotation.storage import load_parts, save_session
from napari_corrclip.errors import InputError
from napari_corrclip.files import cannot_write

FOLDER_VARIABLE = "NAPARI_CORRCLIP_SESSIONS"
_CROP = re.compile(r"-(\d+)-(\d+)-(\d+)-(\d+)")
_SNAPSHOT = re.compile(r"snapshot-(\d+)")


def journal_folder(source: Source) -> Path:
    """Return the folder of an image's journal; it need not exist yet.

    It lies in the folder that the environment variable ``NAPARI_CORRCLIP_SESSIONS`` names, else in the
    system's folder for a user's data.
    """
    chosen = os.environ.get(FOLDER_VARIABLE)
    if chosen:
        base = Path(chosen).expanduser().absolute()
    else:
        from platformdirs import user_data_path

        base = user_data_path("napari-corrclip", appauthor=False) / "sessions"
    return base / source.key


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

    Raises:
        InputError: the folder keeps another session (one that was not restored from it), another
            program writes there, or it cannot be written.
    """

    failed = Signal(str)

    def __init__(
        self,
        session: Session,
        folder: str | os.PathLike[str],
        *,
        records: int = 200,
        replace: bool = False,
    ) -> None:
        self.session = session
        self.folder = Path(folder)
        self.records = records
        self.problem: str | None = None
        self._count = 0
        self._file: int | None = None
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
            self._snapshot()
        except BaseException:
            self._lock.release()
            raise
        session.recorded.connect(self._append)
        session.journal_folder = place
        # The signal alone would let it be collected, and nobody would be told.
        session._journal = self

    def __enter__(self) -> Journal:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()

    def close(self) -> None:
        """Stop listening; what was done is on the disk already."""
        with contextlib.suppress(ValueError):
            self.session.recorded.disconnect(self._append)
        self._close_file()
        self._lock.release()
        if self.session._journal is self:
            self.session._journal = None

    def _append(self, kind: Kind, step: Step) -> None:
        # Nothing is raised from here: the edit has been made, and whoever made it is not to blame.
        try:
            if self._file is None or self._count >= self.records:
                self._snapshot()
            else:
                self._write(pack_record(kind, step))
        except Exception as error:
            self._close_file()  # its end may be half a record; the next edit writes everything anew
            wrong: Exception = error
            if isinstance(error, OSError):
                wrong = cannot_write(self.folder, error)
            elif not isinstance(error, InputError):
                wrong = InputError(
                    f"The journal in {str(self.folder)!r} failed ({type(error).__name__}: {error}); "
                    "save the session to another folder."
                )
            self.problem = f"{wrong} What you did is kept in memory until then."
            self.failed.emit(self.problem)
            return
        self.problem = None

    def _write(self, record: bytes) -> None:
        assert self._file is not None
        left = memoryview(record)
        while left:
            left = left[os.write(self._file, left) :]
        os.fsync(self._file)
        self._count += 1

    def _snapshot(self) -> None:
        """Save the session as it is and begin a new file of records."""
        former = _numbers(self.folder)
        number = max(former, default=0) + 1
        save_session(self.session, self.folder / f"snapshot-{number}")
        self._close_file()
        try:
            self._file = os.open(
                self.folder / f"journal-{number}.bin", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666
            )
            self._write(MAGIC)
        except OSError as error:
            raise cannot_write(self.folder, error) from None
        self._count = 0
        for old in former:
            shutil.rmtree(self.folder / f"snapshot-{old}", ignore_errors=True)
            (self.folder / f"journal-{old}.bin").unlink(missing_ok=True)

    def _close_file(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None


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
    engine: Engine | None = None,
    source: Source | None = None,
    history_limit: int = LIMIT,
) -> Session:
    """Return the session that a journal kept in ``folder``, as it was after the last whole record.

    Nothing in the folder is changed. The session's ``notes`` say what a person is to know: that the
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
    numbers = sorted(_numbers(folder), reverse=True)
    if not numbers:
        raise InputError(f"There is no session in {str(folder)!r}; start a new one.")
    notes: list[str] = []
    for number in numbers:
        try:
            saved = load_parts(folder / f"snapshot-{number}", sys.maxsize)
        except InputError as error:
            if number == numbers[-1]:
                raise
            notes.append(f"{error} An older state was taken.")
            continue
        break
    try:
        data = (folder / f"journal-{number}.bin").read_bytes()
    except OSError:
        data = b""  # the crash came between the snapshot and its journal: nothing was done since
    try:
        for kind, step, _ in read_records(data) if data else ():
            for change in follow(saved.history, kind, step).changes:
                saved.state.apply(change)
    except (Damaged, InputError) as error:
        notes.append(
            f"The journal in {str(folder)!r} is damaged ({error}); what was done before that is here."
        )
    saved.history.limit_to(history_limit)  # not before: an undo in the journal may reach far back
    session = Session._of(saved, image, engine, source)
    session.notes = (*session.notes, *notes)
    session.journal_folder = folder.absolute()
    return session


def _numbers(folder: Path) -> list[int]:
    """Return the numbers of the snapshots in ``folder``."""
    try:
        names = [path.name for path in folder.iterdir() if path.is_dir()]
    except OSError:
        return []
    return sorted(int(found[1]) for name in names if (found := _SNAPSHOT.fullmatch(name)))


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
