"""Superpixels: small regions of like colour that cover the whole image (scikit-image's SLIC)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict

import numpy as np
from numpy.typing import NDArray

from napari_corrclip.maps.regions import number_regions
from napari_corrclip.progress import Progress, Steps
from napari_corrclip.regions.options import SuperpixelOptions
from napari_corrclip.regions.protocol import Described, check_image

WORKING_PIXELS = 1_000_000
"""Larger images are divided at this size: SLIC takes about two seconds a megapixel."""


class SuperpixelRegions:
    """A source that divides all pixels of an image among superpixels; the same image always alike.

    An image of more than a megapixel is divided at a megapixel, so that the outlines of its
    superpixels are steps of about two pixels at four megapixels.

    Args:
        n_segments: about how many; ``None``: :func:`default_segments` of the image's size.
        compactness: weight of nearness against colour; higher is squarer.
        sigma: width in pixels of the smoothing before, against noise.
        min_size: smallest superpixel as a share of the mean one; smaller ones join a neighbour.
    """

    name = "superpixels"

    def __init__(
        self,
        n_segments: int | None = SuperpixelOptions.n_segments,
        *,
        compactness: float = SuperpixelOptions.compactness,
        sigma: float = SuperpixelOptions.sigma,
        min_size: float = SuperpixelOptions.min_size,
    ) -> None:
        self.options = SuperpixelOptions(n_segments, compactness, sigma, min_size)

    def segment(self, image: NDArray[np.uint8]) -> Steps[NDArray[np.int32]]:
        """Return the superpixels of ``image``, 1 to n; see :class:`RegionSource`."""
        from skimage.segmentation import slic

        height, width = check_image(image)
        yield Progress("regions", 0, 2)
        small, rows, columns = _shrink(image)
        yield Progress("regions", 1, 2)
        found = slic(
            small,
            n_segments=self.options.n_segments or default_segments(height, width),
            compactness=self.options.compactness,
            sigma=self.options.sigma,
            min_size_factor=self.options.min_size,
            start_label=1,
            channel_axis=-1,
        )
        regions, _ = number_regions(found)
        if regions.shape != (height, width):
            regions = regions[rows[:, None], columns]
        yield Progress("regions", 2, 2)
        return regions

    def describe(self) -> Mapping[str, Described]:
        """Return the source and its settings; ``n_segments`` 0 stands for the image's default."""
        return {
            "source": self.name,
            **asdict(self.options),
            "n_segments": self.options.n_segments or 0,
        }


def default_segments(height: int, width: int) -> int:
    """Return how many superpixels an image of this size is divided into unless told.

    It grows with the side and not with the area (256²: 192, 1024²: 768, 2048²: 1536): a larger
    image shows more things, and larger ones.
    """
    return min(2000, max(1, round(0.75 * math.sqrt(height * width))))


def _shrink(
    image: NDArray[np.uint8],
) -> tuple[NDArray[np.generic], NDArray[np.intp], NDArray[np.intp]]:
    """Return ``image`` at most :data:`WORKING_PIXELS` large, and each row's and column's source."""
    height, width = image.shape[:2]
    if height * width <= WORKING_PIXELS:
        return image, np.arange(height), np.arange(width)
    from skimage.transform import resize

    scale = math.sqrt(WORKING_PIXELS / (height * width))
    size = (max(1, int(height * scale)), max(1, int(width * scale)))
    small = resize(image, (*size, 3), order=1, anti_aliasing=True, preserve_range=True)
    rows = np.arange(height) * size[0] // height
    columns = np.arange(width) * size[1] // width
    return np.rint(small).astype(np.uint8), rows, columns
