"""Maps on the disk that are read piece by piece, all of the version that was opened.

Imports zarr, so it is imported where that is known to be there.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from napari_corrclip.errors import InputError
from napari_corrclip.results.folder import LARGE_MAPS
from napari_corrclip.storage.folders import locate
from napari_corrclip.storage.untrusted import check_regular
from napari_corrclip.storage.zarr_store import RegularFiles

_GROUP = ("zarr.json", ".zgroup")
_ADVICE = "segment the image again"


class MapsStore(RegularFiles):
    """One of the maps of a result, as long as it is the one that was opened.

    After another run has put its result in their place, a read says so; it never gives a piece of the new
    maps for one of the old.

    Args:
        root: the folder of the map in ``maps.zarr``, wherever that lies at this moment.
        folder: of the result.
    """

    def __init__(self, root: Path, *, folder: Path, read_only: bool = True) -> None:
        self._folder, self._name = folder, root.name
        self._opened = _identity(root.parent)
        super().__init__(root, read_only=read_only)

    @property
    def root(self) -> Path:
        """Where it lies now.

        Raises:
            InputError: it is there no more.
        """
        # A result that was just written has its place only a moment later.
        place = locate(self._folder, LARGE_MAPS)
        if self._opened is None or _identity(place) != self._opened:
            raise InputError(
                f"The result in {str(self._folder)!r} was replaced, moved or removed since it was opened; "
                "open it again."
            )
        return place / self._name

    @root.setter
    def root(self, _: Path) -> None:
        pass  # it is found out each time

    def __str__(self) -> str:
        """Say which it is, also when it is there no more."""
        return f"file://{self._folder.as_posix()}/{LARGE_MAPS}/{self._name}"

    def __repr__(self) -> str:
        """As ``str``."""
        return f"{type(self).__name__}('{self}')"

    def with_read_only(self, read_only: bool = False) -> MapsStore:
        """Return another store of the same map."""
        return type(self)(self.root, folder=self._folder, read_only=read_only)

    async def get(self, key: str, *args: Any, **options: Any) -> Any:
        """Return the bytes of a piece, which are those of the map that was opened."""
        found = await super().get(key, *args, **options)
        _ = self.root
        return found

    def get_sync(self, key: str, *args: Any, **options: Any) -> Any:
        """As :meth:`get`."""
        found = super().get_sync(key, *args, **options)
        _ = self.root
        return found

    async def get_partial_values(
        self, prototype: Any, key_ranges: Iterable[tuple[str, Any]]
    ) -> Any:
        """As :meth:`get`."""
        found = await super().get_partial_values(prototype, key_ranges)
        _ = self.root
        return found


def check_pieces(place: Path) -> None:
    """Refuse maps in which something is a pipe, a device or the like, before anything is read.

    Raises:
        InputError: a sentence that names it.
    """
    for folder, _, _ in os.walk(place):
        with os.scandir(folder) as entries:
            for entry in entries:
                # What is a plain file is known without a look at it, of thousands.
                if not entry.is_file(follow_symlinks=False) and not entry.is_dir():
                    check_regular(entry.path, "piece of a map", _ADVICE)


def _identity(maps: Path) -> tuple[int, ...] | None:
    """Return what differs between maps and others in their place; ``None``: there are none.

    It is of the file that every map's folder has and that nobody touches after it was written, and not of the
    folder: a new one may be given the number of a removed one.
    """
    for name in _GROUP:
        try:
            found = (maps / name).stat()
        except (OSError, ValueError):
            continue
        return found.st_ino, found.st_size, found.st_mtime_ns
    return None
