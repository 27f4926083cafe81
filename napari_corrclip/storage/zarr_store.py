"""The store of a zarr folder of strangers; imports zarr, which may not be there."""

from __future__ import annotations

from collections.abc import Iterable
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
