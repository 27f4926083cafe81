"""The small pictures of a project's regions that were made already: one SQLite file that may be thrown away.

A page of a sheet has regions of as many images, each of which would have to be read again. Of 100,000 regions
a file each would be too many for most disks; one table of some 5 KB a row is read as fast as files are.
Nothing hangs on it: where it is damaged, or another process writes, pictures are made again.
"""

from __future__ import annotations

import contextlib
import io
import sqlite3
import threading
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from napari_corrclip.storage.disk import remove

NAME = "crops.sqlite"
_TABLE = """
    CREATE TABLE IF NOT EXISTS crops (
        item TEXT NOT NULL, region INTEGER NOT NULL, side INTEGER NOT NULL,
        stamp TEXT NOT NULL, picture BLOB NOT NULL, PRIMARY KEY (item, region, side)
    )
"""
_QUALITY = 85
_WAIT = 0.2
"""Seconds for which another process that writes is waited for; a picture is made as fast."""
_UNLIKELY = 1_000_000
"""Bytes that no small picture has."""
IN_MEMORY = 64 << 20
"""Bytes of pictures that are held in memory where nothing may be written, at most."""


class CropCache:
    """The pictures of a project that are kept; any thread may ask.

    Args:
        folder: of the project; ``None``: they are kept in memory, the last ones, and gone with it.
    """

    def __init__(self, folder: Path | None) -> None:
        self._path = None if folder is None else folder / NAME
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._held = 0
        self._closed = False

    def get(self, item: str, region: int, side: int, stamp: str) -> NDArray[np.uint8] | None:
        """Return the picture of a region, (side, side, 3) uint8; ``None``: there is none that is true now.

        Args:
            item: name of its item.
            region: its id.
            side: of the picture, in pixels.
            stamp: tells it from those of before.
        """
        query = (
            "SELECT picture FROM crops WHERE item = ? AND region = ? AND side = ? AND stamp = ?"
            " AND length(picture) < ?"
        )
        rows = self._ask(query, (item, region, side, stamp, _UNLIKELY))
        return _decoded(rows[0][0], side) if rows else None

    def keep(self, item: str, region: int, stamp: str, picture: NDArray[np.uint8]) -> None:
        """Keep the picture of a region; where that cannot be, it is made again next time.

        Args:
            item: name of its item.
            region: its id.
            stamp: as for :meth:`get`.
            picture: (side, side, 3).
        """
        data = io.BytesIO()
        Image.fromarray(picture).save(data, format="JPEG", quality=_QUALITY, subsampling=0)
        row = (item, region, len(picture), stamp, data.getvalue())
        self._ask("INSERT OR REPLACE INTO crops VALUES (?, ?, ?, ?, ?)", row)
        if self._path is None:
            self._held += len(row[-1])
            if self._held > IN_MEMORY:
                self._ask("DELETE FROM crops WHERE rowid <= (SELECT avg(rowid) FROM crops)")
                self._held = self._ask("SELECT coalesce(sum(length(picture)), 0) FROM crops")[0][0]

    @property
    def size(self) -> int:
        """Bytes that it takes on the disk, or in memory."""
        if self._path is None:
            return self._held
        with contextlib.suppress(OSError):
            return self._path.stat().st_size
        return 0

    def clear(self) -> int:
        """Remove all pictures; return how many bytes they took.

        What cannot be removed is not counted.
        """
        before = self.size
        self._let_go()
        self._held = 0
        if self._path is not None:
            for path in (self._path, self._path.with_name(f"{NAME}-journal")):
                remove(path)
        return before - self.size

    def close(self) -> None:
        """Let go of the file for good: a thread that makes pictures still keeps none any more."""
        self._closed = True
        self._let_go()

    def _let_go(self) -> None:
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def _ask(self, query: str, values: tuple[object, ...] = ()) -> list[Any]:
        """Return what a query finds; nothing where the file cannot be used."""
        with self._lock:
            if self._closed:
                return []
            try:
                return self._opened().execute(query, values).fetchall()
            except sqlite3.OperationalError:  # somebody writes, or the disk is full or read-only
                return []
            except (sqlite3.DatabaseError, OSError):  # it is damaged, or no file of ours
                self._begin_anew()
                return []

    def _opened(self) -> sqlite3.Connection:
        if self._connection is None:
            if self._path is not None and self._path.exists() and not self._path.is_file():
                raise OSError("it is no regular file")
            place = ":memory:" if self._path is None else str(self._path)
            found = sqlite3.connect(
                place, timeout=_WAIT, isolation_level=None, check_same_thread=False
            )
            try:
                found.execute("PRAGMA synchronous = OFF")  # it may be thrown away
                found.execute(_TABLE)
            except BaseException:
                found.close()
                raise
            self._connection = found
        return self._connection

    def _begin_anew(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        if self._path is not None:
            with contextlib.suppress(OSError):
                self._path.unlink(missing_ok=True)


def _decoded(data: bytes, side: int) -> NDArray[np.uint8] | None:
    """Return the pixels of a picture that is as large as it should be."""
    try:
        with Image.open(io.BytesIO(data), formats=["JPEG"]) as picture:
            if picture.size != (side, side):
                return None
            return np.asarray(picture.convert("RGB"))
    except (OSError, UnidentifiedImageError, ValueError, TypeError):
        return None
