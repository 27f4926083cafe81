"""The SQLite file of a project's index: opened, brought up to date, written in transactions.

Readers and writers stand beside each other by SQLite's write-ahead log where the file system carries it,
which is tried; else by its rollback journal, where one writes at a time.
"""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
import shutil
import sqlite3
import tempfile
import urllib.parse
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from napari_corrclip.errors import InputError
from napari_corrclip.project.schema import APPLICATION, MIGRATIONS, VERSION
from napari_corrclip.storage.disk import cannot_write
from napari_corrclip.storage.locks import Lock, take
from napari_corrclip.storage.places import can_write

NAME = "project.sqlite"
WRITER = ".writer.lock"
WAIT = 10.0
"""Seconds for which a writer waits for another one."""
_MOMENT = 2.0
"""Seconds for which one who needs the file alone waits for somebody who reads it."""
_BUSY = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
_CLOSED = (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM)
"""What SQLite says of a file that it may not open, or cannot write beside."""
VFS: str | None = None
"""SQLite's layer over the file system; ``None``: its own choice. Some carry no log, as some disks do not."""


class RefusedError(InputError):
    """The error of values that an index cannot have; others it would have."""


class ClosedError(InputError):
    """The error of an index that is asked something after it was closed."""


class Database:
    """A project's SQLite file that is open.

    Args:
        path: of the file.
        create: make it; there must be none.
        read_only: change nothing, not even beside it.

    Raises:
        InputError: there is none, it is damaged or another program's, or of a newer version.

    Attributes:
        path: of the file.
        read_only: whether nothing may be changed.
    """

    def __init__(self, path: Path, *, create: bool = False, read_only: bool = False) -> None:
        self.path = path
        self.read_only = read_only
        self._closed = False
        if path.exists() is create:
            raise InputError(
                f"The index {str(path)!r} is there already; open it."
                if create
                else f"The index {str(path)!r} is missing; {_anew(path)}."
            )
        self._writer: Lock | None = None
        with self.told():
            self._connection = _opened(path, read_only=read_only)
        try:
            with self.told():
                self._prepare(create)
        except BaseException:
            self.close()
            raise

    @property
    def folder(self) -> Path:
        """The project's."""
        return self.path.parent

    def _prepare(self, create: bool) -> None:
        connection = self._connection
        found = 0
        if not create:
            if _number(connection, "PRAGMA application_id") != APPLICATION:
                raise InputError(
                    f"{str(self.path)!r} is empty, or no index of a project; {_anew(self.path)}."
                )
            found = _number(connection, "PRAGMA user_version")
            if found > VERSION:
                raise InputError(
                    f"The index {str(self.path)!r} is of version {found}, and this napari-corrclip knows "
                    f"{VERSION}; install a newer one: pip install -U napari-corrclip."
                )
        if self.read_only:
            if found < VERSION:
                self._connection = _in_memory(connection)
            return
        if _has_log(connection):
            connection.execute("PRAGMA synchronous = NORMAL")
        else:  # where nothing less is safe when the power goes
            connection.execute("PRAGMA synchronous = FULL")
            self._be_the_writer()
        with self.transaction():
            _migrate(connection)
        connection.execute("PRAGMA foreign_keys = ON")

    def _be_the_writer(self) -> None:
        """Be the one process that writes: without a log, two at once are not safe everywhere."""
        try:
            self._writer = take(self.folder / WRITER)
        except OSError as error:
            raise cannot_be_changed(self.folder, error) from None
        if self._writer is None:
            raise InputError(
                f"Another process has {str(self.folder)!r} open for writing, and its disk carries no "
                "write-ahead log, so that one writes at a time; open it read-only, or wait for that one."
            )

    def close(self) -> None:
        """Let go of the file, which is whole without any other then, if nobody else has it open."""
        self._closed = True
        if not self.read_only:
            with contextlib.suppress(sqlite3.Error):
                self._connection.execute("PRAGMA busy_timeout = 0")
                self._connection.execute("PRAGMA journal_mode = DELETE")
        self._connection.close()
        if self._writer is not None:
            self._writer.release()
            self._writer = None

    @property
    def is_only_writer(self) -> bool:
        """Whether no other process may write as long as it is open."""
        return self._writer is not None

    def check_writable(self) -> None:
        """Refuse to change anything where nothing may be, before anything else is looked at.

        Raises:
            InputError: it was opened read-only, or closed.
        """
        if self._closed:
            raise self._was_closed()
        if self.read_only:
            raise InputError(
                f"The project in {str(self.folder)!r} was opened read-only; open it for writing."
            )

    def _was_closed(self) -> ClosedError:
        return ClosedError(
            f"The project in {str(self.folder)!r} was closed; open it again: Project.open."
        )

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """Make all changes inside, or none.

        Raises:
            InputError: another process writes for too long, the disk is full, or it is read-only.
        """
        self.check_writable()
        with self.told():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._connection.execute("COMMIT")
            except BaseException:
                with contextlib.suppress(sqlite3.Error):
                    self._connection.execute("ROLLBACK")
                raise

    @contextlib.contextmanager
    def told(self) -> Iterator[None]:
        """Turn what SQLite raises into a sentence: an :class:`InputError`."""
        try:
            yield
        except sqlite3.IntegrityError as error:
            raise RefusedError(_sentence(self.path, error)) from None
        except sqlite3.DatabaseError as error:
            if self._closed:
                raise self._was_closed() from None
            raise InputError(_sentence(self.path, error)) from None

    def copy_to(self, path: Path) -> None:
        """Write all that the file has now into another one, where none is yet; this one stays as it is.

        Raises:
            InputError: it cannot be read, or written.
        """
        with (
            self.told(),
            contextlib.closing(sqlite3.connect(path, isolation_level=None)) as copy,
        ):
            self._connection.backup(copy)

    def readable_rows(self, query: str, values: Sequence[object] = ()) -> list[Any]:
        """Return what a query finds, as far as the file can be read."""
        found = []
        with contextlib.suppress(sqlite3.DatabaseError):
            # Not with `extend`, which would lose what came before an error.
            for row in self._connection.execute(query, values):
                found.append(row)
        return found

    def rows(self, query: str, values: Sequence[object] = ()) -> list[Any]:
        """Return what a query finds."""
        with self.told():
            return self._connection.execute(query, values).fetchall()


def cannot_be_changed(folder: Path, error: OSError) -> InputError:
    """Return the sentence for a project in whose folder nothing can be written."""
    if error.errno not in (errno.EACCES, errno.EPERM, errno.EROFS):
        return cannot_write(folder, error)
    return InputError(
        f"The project in {str(folder)!r} can be looked at and not changed ({error.strerror}); look at its "
        "permissions, or go on with a copy of it."
    )


def settle(path: Path) -> None:
    """Put what its log has into an index's file, which is whole without any other then.

    What is missing or damaged is left as it is.

    Raises:
        InputError: somebody has it open.
    """
    if not path.exists():
        return
    try:
        with contextlib.closing(_opened(path, read_only=False)) as connection:
            connection.execute(f"PRAGMA busy_timeout = {int(_MOMENT * 1000)}")
            connection.execute("PRAGMA journal_mode = DELETE").fetchone()
    except sqlite3.DatabaseError as error:
        if _code(error) in _BUSY:
            raise InputError(
                f"The project in {str(path.parent)!r} is open, in this process or another; close it first."
            ) from None


def put_aside(path: Path) -> Path | None:
    """Rename an index's file, with what belongs to it, to a name that is free; return it, if there is one.

    Killed at any moment, all of it is there by one of the two names.

    Raises:
        OSError: it cannot be renamed.
    """
    numbers = itertools.chain([""], (f".{number}" for number in itertools.count(2)))
    names = (path.with_name(f"{path.name}.former{number}") for number in numbers)
    aside = next(name for name in names if not any(map(os.path.lexists, files_of(name))))
    there = [pair for pair in zip(files_of(path), files_of(aside), strict=True) if pair[0].exists()]
    for old, new in there:
        try:
            os.link(old, new)
        except OSError:  # the disk knows one name a file
            shutil.copy2(old, new)
    # First the file itself: without it nobody takes the rest for the log of another one.
    for old, _ in there:
        old.unlink()
    return aside if there else None


def files_of(path: Path) -> list[Path]:
    """Return an index's file, and those that SQLite keeps beside it."""
    return [path.with_name(path.name + ending) for ending in ("", "-journal", "-wal", "-shm")]


def _connect(path: Path, *, read_only: bool, immutable: bool = False) -> sqlite3.Connection:
    name = urllib.parse.quote(str(path.absolute()))
    how = ["mode=ro"] if read_only else ["mode=rwc"]
    if immutable:
        how.append("immutable=1")
    if VFS is not None:
        how.append(f"vfs={VFS}")
    # Changes are made in transactions of ours alone. Each thread has its own; but a window that goes may
    # close that of a thread which has ended.
    return sqlite3.connect(
        f"file:{name}?{'&'.join(how)}",
        uri=True,
        timeout=WAIT,
        isolation_level=None,
        check_same_thread=False,
    )


def _opened(path: Path, *, read_only: bool) -> sqlite3.Connection:
    connection = _connect(path, read_only=read_only)
    try:
        connection.execute("PRAGMA user_version").fetchone()
    except sqlite3.DatabaseError as error:
        connection.close()
        _, _, log, memory = files_of(path)
        if read_only and _is_half_written(error):
            return _copied_with(path)
        if (
            read_only
            and _code(error) in _CLOSED
            and not can_write(path.parent)
            and not memory.exists()
        ):
            # The files that a log needs can nobody make here; a writer that is at work would have made them.
            return (
                _copied_with(path)
                if log.exists()
                else _connect(path, read_only=True, immutable=True)
            )
        if read_only or _code(error) != sqlite3.SQLITE_CANTOPEN:
            raise
        # It comes from a disk with a write-ahead log, whose last writer was killed, and this one has none.
        alone = _connect(path, read_only=False)
        alone.execute("PRAGMA locking_mode = EXCLUSIVE")
        alone.execute("PRAGMA journal_mode = DELETE")
        alone.close()
        connection = _connect(path, read_only=False)
    return connection


def _copied_with(path: Path) -> sqlite3.Connection:
    """Return a copy in memory of a file whose writer was killed, by its log or journal; it stays as it is."""
    with tempfile.TemporaryDirectory() as folder:
        copied = Path(folder, path.name)
        for old, new in zip(files_of(path), files_of(copied), strict=True):
            if old.exists():
                shutil.copyfile(old, new)
        return _copied(_connect(copied, read_only=False))


def _migrate(connection: sqlite3.Connection) -> None:
    """Bring a file up to date; inside a transaction, with foreign keys off."""
    # Looked at inside: another process may just have done it.
    for number in range(_number(connection, "PRAGMA user_version"), VERSION):
        for statement in MIGRATIONS[number].split(";"):
            connection.execute(statement)
    connection.execute(f"PRAGMA user_version = {VERSION}")
    connection.execute(f"PRAGMA application_id = {APPLICATION}")


def _in_memory(connection: sqlite3.Connection) -> sqlite3.Connection:
    """Return an earlier version's file, which must not be changed, as it would be now; it is closed."""
    copy = _copied(connection)
    _migrate(copy)
    return copy


def _copied(connection: sqlite3.Connection) -> sqlite3.Connection:
    """Return a copy in memory; what is copied is closed."""
    copy = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    with contextlib.closing(connection):
        try:
            connection.backup(copy)
        except BaseException:
            copy.close()
            raise
    return copy


def _has_log(connection: sqlite3.Connection) -> bool:
    """Have a write-ahead log where the file system carries one, which only trying it tells."""
    with contextlib.suppress(sqlite3.OperationalError):
        (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
        if mode == "wal":
            # The first transaction maps the memory that processes share.
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("COMMIT")
            return True
    connection.execute("PRAGMA journal_mode = DELETE").fetchone()
    return False


def _is_half_written(error: sqlite3.DatabaseError) -> bool:
    """Whether a writer was killed amid a transaction, which its rollback journal takes back."""
    return getattr(error, "sqlite_errorcode", 0) == sqlite3.SQLITE_READONLY_ROLLBACK


def _number(connection: sqlite3.Connection, query: str) -> int:
    return int(connection.execute(query).fetchone()[0])


def _code(error: sqlite3.DatabaseError) -> int:
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF


def _sentence(path: Path, error: sqlite3.DatabaseError) -> str:
    """Say in one sentence what SQLite complains of, and what to do."""
    code = _code(error)
    if code in _BUSY:
        return f"Another process has been writing to {str(path)!r} for {WAIT:g} seconds; try again."
    if _is_half_written(error):
        return f"Who wrote {str(path)!r} was stopped amid it; open the project again."
    if code == sqlite3.SQLITE_FULL:
        return (
            f"The disk of {str(path)!r} is full; what was said to be saved is; make room and go on."
        )
    if code in _CLOSED:
        return f"{str(path)!r} cannot be opened or written ({error}); look at its permissions."
    if code in (sqlite3.SQLITE_IOERR,):
        return f"{str(path)!r} cannot be read or written ({error}); look at the disk."
    return f"The index {str(path)!r} is damaged ({error}); {_anew(path)}."


def _anew(path: Path) -> str:
    return f"make it anew: napari-corrclip project repair {str(path.parent)!r}"
