"""Regions of another program: cells, parcels, annotations; any integer array."""

from __future__ import annotations

import os
from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_corrclip.errors import InputError
from napari_corrclip.images.origin import escaped
from napari_corrclip.maps.reading import read_map
from napari_corrclip.maps.regions import check_regions
from napari_corrclip.progress import Progress, Steps
from napari_corrclip.regions.protocol import Described, Partition, RegionSource, check_image
from napari_corrclip.storage.frozen import Closed


class GivenRegions(Closed):
    """A region map that is there already; its ids are kept as they are.

    Args:
        array: (H, W) of any integer type; 0 = unsegmented.
        origin: where it comes from, for provenance; a file's path for example.

    Raises:
        InputError: it is not of integers, has negative ids or ids above 2147483647, or is not 2-D.
    """

    name = "given"

    def __init__(self, array: ArrayLike, *, origin: str = "array") -> None:
        self.regions = check_regions(array)
        self.origin = origin

    @classmethod
    def from_file(cls, path: str | os.PathLike[str]) -> GivenRegions:
        """Read the regions from a file; see :func:`napari_corrclip.maps.reading.read_map`.

        Raises:
            InputError: it cannot be read or holds no regions.
        """
        array = read_map(path, "regions")
        try:
            return cls(array, origin=os.fspath(path))
        except InputError as error:
            raise InputError(f"{os.fspath(path)!r}: {error}") from None

    def segment(self, image: NDArray[np.uint8]) -> Steps[NDArray[np.int32]]:
        """Return the given regions if they fit ``image``; see :class:`RegionSource`."""
        size = check_image(image)
        if self.regions.shape != size:
            raise InputError(
                f"The regions have shape {self.regions.shape} and the image {size}; give regions "
                "of the image's height and width."
            )
        yield Progress("regions", 1, 1)
        return self.regions.copy()

    def describe(self) -> Mapping[str, Described]:
        """Return the source, its origin and a checksum of the ids."""
        origin = escaped(self.origin)
        return {"source": self.name, "origin": origin, "sha256": self._checksum()}

    def _checksum(self) -> str:
        import hashlib

        return hashlib.sha256(np.ascontiguousarray(self.regions).tobytes()).hexdigest()[:16]


class AwaitedRegions:
    """A source that finds nothing: the regions come with each image."""

    name = "given"

    def segment(self, image: NDArray[np.uint8]) -> Steps[NDArray[np.int32]]:
        """Refuse: there is nothing without them.

        Raises:
            InputError: always.
        """
        check_image(image)
        yield Progress("regions", 0, 1)
        raise self.missing()

    def missing(self) -> InputError:
        """Return the error of whoever goes on without the regions."""
        return InputError(
            "The regions of this run are given with each image, and this one came without; give its "
            "region map, or choose sam or superpixels."
        )

    def describe(self) -> Mapping[str, Described]:
        """Return the source alone."""
        return {"source": self.name}


class FoundRegions(GivenRegions):
    """The regions that another source found in this very image, reported as that source's.

    Args:
        found: its partition of the image.
        source: who found it.
    """

    def __init__(self, found: Partition, source: RegionSource) -> None:
        super().__init__(found.regions)
        self._embedding = found.embedding
        self._described = dict(source.describe())

    def partition(self, image: NDArray[np.uint8]) -> Steps[Partition]:
        """Return what was found, with what clicks need; see :class:`ClickableSource`."""
        regions = yield from self.segment(image)
        return Partition(regions, self._embedding)

    def describe(self) -> Mapping[str, Described]:
        """Return the source that found them and its settings."""
        return self._described
