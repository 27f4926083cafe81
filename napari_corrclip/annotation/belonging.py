"""The rule of which image a kept session belongs to: that of its pixels, or its file as it was.

Where a session lies says which file it is of, and which plane. But files are given other names, pages are put
into a TIFF, photographs into a folder. So a session is opened on an image only if its pixels are those that
were corrected, whatever else was written into the file; or if the file was not changed since. What nothing
proves is for a person to say.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_corrclip.annotation.files.folder import ImageRecord, digest
from napari_corrclip.errors import InputError
from napari_corrclip.images.source import Source
from napari_corrclip.results.provenance import Stretch


@dataclass(frozen=True, eq=False)
class Look:
    """An image as it may have been seen.

    Attributes:
        image: (H, W, 3) uint8.
    """

    image: NDArray[np.uint8]

    @cached_property
    def digest(self) -> str:
        """Checksum of its pixels."""
        return digest(self.image)


Looks = Callable[[tuple[Stretch | None, ...]], Iterable[Look]]
"""Yields an image in each of the ways in which a session may have seen it that says how it was stretched.

The first is as it would be seen now.
"""


class OtherImageError(InputError):
    """The error of a session that is of another image than the one it was to be opened on.

    Attributes:
        record: of its image.
        folder: where it lies now.
    """

    def __init__(self, sentence: str, record: ImageRecord, folder: Path) -> None:
        super().__init__(sentence)
        self.record = record
        self.folder = folder

    @classmethod
    def of(cls, source: Source, record: ImageRecord, folder: Path) -> OtherImageError:
        """Return the error of a session in ``folder`` that is not of the image that ``source`` is now."""
        return cls(
            f"{source.path!r} has other pixels now than those that were corrected; the corrections lie in "
            f"{str(folder)!r}, to be loaded from there.",
            record,
            folder,
        )


class UnprovenError(InputError):
    """The error of a session of which nothing proves that it is of the image, nor that it is not."""


@dataclass(frozen=True, eq=False)
class Belonging:
    """The answer to whether a session belongs to an image.

    Attributes:
        proven: whether it is of the image; ``None``: nothing tells.
        image: as the session saw it, if it did; else as it is seen now.
    """

    proven: bool | None
    image: NDArray[np.uint8] | None


def belonging(record: ImageRecord, source: Source | None, looks: Looks | None) -> Belonging:
    """Return whether a session belongs to an image.

    Args:
        record: what the session says of its image.
        source: the image's file as it is now; ``None`` where that is to prove nothing.
        looks: at the image; ``None``: nobody looks.
    """
    first = None
    for look in () if looks is None else looks(record.stretch):
        first = look.image if first is None else first
        if record.digest and look.digest == record.digest:
            return Belonging(True, look.image)
    if source is not None and source.is_unchanged_since(record.source):
        return Belonging(True, first)
    return Belonging(False if record.digest and first is not None else None, first)
