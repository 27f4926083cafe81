"""Locks that processes hold by a file; the system frees them however the holder ends, ``kill -9`` included.

The file is there only while somebody holds the lock or died with it: no listing of a folder shows it
otherwise. Threads of one process keep each other out, too.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import sys
import time
from dataclasses import dataclass
from pathlib import Path

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

_HELD = {errno.EACCES, errno.EAGAIN, errno.EDEADLK}
_UNWRITABLE = {errno.EACCES, errno.EPERM, errno.EROFS}
_PAUSE = 0.01
"""Seconds between two looks at a lock that another holds."""


@dataclass(frozen=True, slots=True)
class Lock:
    """A lock that is held until :meth:`release`.

    Attributes:
        path: of its file.
        sure: whether nobody else holds it; ``False`` where the file system knows no locks.
    """

    path: Path
    sure: bool
    _file: int

    def release(self, *, keep: bool = False) -> None:
        """Let others have it.

        Args:
            keep: leave the file, as a process that dies does.
        """
        if os.name == "posix":
            # Before it is free: afterwards it may be the lock of somebody else.
            if not keep:
                with contextlib.suppress(OSError):
                    self.path.unlink()
            os.close(self._file)
        else:
            os.close(self._file)
            if not keep:  # an open file cannot be removed there, neither our own nor another's
                with contextlib.suppress(OSError):
                    self.path.unlink()


def take(path: Path, *, wait: float = 0, create: bool = True) -> Lock | None:
    """Return the lock of the file ``path``; ``None``: another holds it.

    Args:
        path: of the file, in a folder that exists.
        wait: seconds to wait for it.
        create: make the file where it is missing; otherwise a missing one is told as ``None``.

    Raises:
        OSError: the file can be neither made nor opened, or is no regular one.
    """
    until = time.monotonic() + wait
    while True:
        try:
            file = _open(path, create)
        except FileNotFoundError:
            if create:
                raise
            return None
        kept = False
        try:
            held = _lock(file)
            # Whoever held it has removed the file since it was opened: then nobody else would see this lock.
            if held is not False and _is(file, path):
                kept = True
                return Lock(path, held is True, file)
        finally:
            if not kept:
                os.close(file)
        if held is False:
            if time.monotonic() >= until:
                return None
            time.sleep(_PAUSE)


def _open(path: Path, create: bool) -> int:
    # Not through links, and a pipe is not waited for.
    flags = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    flags |= getattr(os, "O_CLOEXEC", 0) | (os.O_CREAT if create else 0)
    try:
        file = os.open(path, os.O_RDWR | flags, 0o666)
    except OSError as error:
        if error.errno not in _UNWRITABLE:
            raise
        # Another user's, or on a disk that is read-only: it can be locked all the same.
        file = os.open(path, os.O_RDONLY | flags, 0o666)
    if not stat.S_ISREG(os.fstat(file).st_mode):
        os.close(file)
        raise OSError(errno.EINVAL, "its lock is no regular file", str(path))
    return file


def _lock(file: int) -> bool | None:
    """Whether the open file could be locked; ``None`` where it cannot be told."""
    try:
        if sys.platform == "win32":
            msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
        else:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return False if error.errno in _HELD else None
    return True


def _is(file: int, path: Path) -> bool:
    """Whether the open file is the one at ``path``."""
    try:
        found = path.lstat()
    except OSError:
        return False
    return os.path.samestat(found, os.fstat(file))
