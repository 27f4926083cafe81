"""The sizes of images of which an export has no label, or none that tells: as its manifest has them."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

from napari_corrclip.project.export.checks import check_size
from napari_corrclip.project.export.manifest import Manifest


class Sizes:
    """The sizes that the manifest of an export has, which is read when somebody asks for the first one.

    Args:
        folder: of the export.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @cached_property
    def _manifest(self) -> Manifest | None:
        return Manifest.read(self._folder)

    def told(self, name: str) -> tuple[int, int] | None:
        """Return the rows and columns of an image, whatever they are; ``None``: nobody knows them.

        Args:
            name: of its entry.

        Raises:
            InputError: the manifest is damaged.
        """
        item = None if self._manifest is None else self._manifest.items.get(name)
        return None if item is None else item.shape

    def of(self, name: str) -> tuple[int, int] | None:
        """Return the rows and columns of an image, as :meth:`told`.

        Raises:
            InputError: no image is as large, or as of :meth:`told`.
        """
        shape = self.told(name)
        return None if shape is None else check_size(shape, f"The image {name!r} in the manifest")
