"""Stores of zarr folders, strangers' and our own; imports zarr, which may not be there."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterable, Iterator
from typing import Any

from zarr.storage import LocalStore

from napari_corrclip.storage.untrusted import check_regular


class RegularFiles(LocalStore):
    """A folder of which regular files alone are read: a pipe among the chunks would wait for a writer.

    All ways that zarr has to read a chunk are looked at, of all its versions.
    """

    async def get(self, key: str, *args: Any, **options: Any) -> Any:
        """Return what is in a file."""
        self._check(key)
        return await super().get(key, *args, **options)

    def get_sync(self, key: str, *args: Any, **options: Any) -> Any:
        """Return what is in a file; zarr below 3.1.6 does not ask."""
        self._check(key)
        return super().get_sync(key, *args, **options)

    async def get_partial_values(
        self, prototype: Any, key_ranges: Iterable[tuple[str, Any]]
    ) -> Any:
        """Return parts of files."""
        pairs = list(key_ranges)
        for key, _ in pairs:
            self._check(key)
        return await super().get_partial_values(prototype, pairs)

    def _check(self, key: str) -> None:
        path = self.root / key
        if key and path.exists():
            check_regular(path, "chunk", "save or copy the zarr again")


class EndedWrites(LocalStore):
    """A folder into which nothing is written once :meth:`end` has returned.

    zarr writes in threads of its own, which go on when an interrupt reaches the one that waits for them: what
    they wrote after the folder had been removed would make it anew.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._changed = threading.Condition()
        self._ended = False
        self._running = 0

    def end(self) -> None:
        """Wait for the writes that have begun; those that have not are refused."""
        with self._changed:
            self._ended = True
            self._changed.wait_for(lambda: not self._running)

    # zarr has no public name for the making of the folder.
    async def _open(self, *args: Any, **options: Any) -> None:
        with self._write():
            await super()._open(*args, **options)

    async def _ensure_open(self) -> None:
        with self._write():
            await super()._ensure_open()

    async def set(self, key: str, value: Any) -> None:
        """Write a file."""
        with self._write():
            await super().set(key, value)

    async def set_if_not_exists(self, key: str, value: Any) -> None:
        """Write a file that is not there."""
        with self._write():
            await super().set_if_not_exists(key, value)

    def set_sync(self, key: str, value: Any) -> None:
        """Write a file; zarr below 3.1.6 does not ask."""
        with self._write():
            super().set_sync(key, value)

    @contextlib.contextmanager
    def _write(self) -> Iterator[None]:
        with self._changed:
            if self._ended:
                raise InterruptedError(f"The writing of {str(self.root)!r} has ended.")
            self._running += 1
        try:
            yield
        finally:
            with self._changed:
                self._running -= 1
                self._changed.notify_all()
