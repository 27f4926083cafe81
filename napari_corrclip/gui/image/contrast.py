"""Contrast: from a plane of any numbers to the 8 bits that the networks see, by rank or as it is shown.

What becomes black and white by rank is found as everywhere, by :mod:`napari_corrclip.images`, so that an
image has one label map in the dock, by the API and on the command line.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_corrclip.errors import InputError
from napari_corrclip.images import PERCENTILES, find_limits, to_rgb
from napari_corrclip.images.limits import check_percentiles, is_deep
from napari_corrclip.results.provenance import PERCENTILES_BEFORE, Stretch


@dataclass(frozen=True, slots=True)
class Contrast:
    """The rule by which grayscale becomes 8 bits.

    Attributes:
        percentiles: those that become black and white; ``None``: as the viewer shows the layer.
        unless_set: the percentiles are for more than 8 bits alone, and for layers whose contrast nobody set;
            others are taken as the viewer shows them.

    Raises:
        InputError: the percentiles are not a lower and a higher one of 0 to 100.
    """

    percentiles: tuple[float, float] | None = None
    unless_set: bool = False

    def __post_init__(self) -> None:
        if self.percentiles is not None:
            check_percentiles(self.percentiles)


AUTOMATIC = Contrast(PERCENTILES, unless_set=True)
"""As files are read, until somebody sets the layer's contrast."""
BEFORE = (Contrast(PERCENTILES_BEFORE), Contrast())
"""What the dock did before sessions kept how their image was stretched: by percentiles, or as shown."""


@dataclass(frozen=True, slots=True)
class ShownContrast:
    """The contrast in which the viewer shows a layer.

    Attributes:
        limits: what becomes black and white.
        gamma: in between.
        is_set: whether somebody chose that; else napari did, by the smallest and the largest value.
    """

    limits: tuple[float, float]
    gamma: float = 1.0
    is_set: bool = True


def find_stretch(plane: NDArray[Any], contrast: Contrast, shown: ShownContrast) -> Stretch:
    """Return how a plane of one channel becomes 8 bits.

    Values that are no numbers count for nothing, nor does what a masked array hides.

    Args:
        plane: (H, W) of booleans, integers or floats.
        contrast: what is wished for.
        shown: how the viewer shows it.

    Raises:
        InputError: it holds no number at all.
    """
    values = _numbers(plane)
    ranked = contrast.percentiles
    if contrast.unless_set and (shown.is_set or not is_deep(plane.dtype)):
        ranked = None
    if ranked is None:
        low, high = shown.limits
        # The viewer's limits of an image with infinite values are infinite.
        if math.isfinite(low) and math.isfinite(high) and low < high:
            return Stretch(low, high, shown.gamma)
        return Stretch(*find_limits(values, (0, 100)), shown.gamma)
    return Stretch(*find_limits(values, ranked))


def gray(plane: NDArray[Any], stretch: Stretch) -> NDArray[np.uint8]:
    """Return a plane of one channel as (H, W) uint8.

    NaN and minus infinity become black, plus infinity white.

    Args:
        plane: (H, W) of booleans, integers or floats.
        stretch: what :func:`find_stretch` found, now or when a session was made.
    """
    values = plane.astype(np.float32) if plane.dtype == np.float16 else plane
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        values = np.nan_to_num(values, nan=stretch.low, posinf=stretch.high, neginf=stretch.low)
    bits = to_rgb(values, limits=(stretch.low, stretch.high))[..., 0]
    if stretch.gamma != 1:
        table = np.rint(255 * (np.arange(256) / 255) ** stretch.gamma).astype(np.uint8)
        bits = table[bits]
    return np.ascontiguousarray(bits)


def colours(plane: NDArray[Any]) -> NDArray[np.uint8]:
    """Return an RGB or RGBA plane as (H, W, 3) uint8; opacity, and what is no number, are dropped."""
    plane = plane[..., :3]
    if plane.dtype.kind == "f":
        plane = np.nan_to_num(plane, nan=0.0, posinf=0.0, neginf=0.0)
    return to_rgb(plane)


def _numbers(plane: NDArray[Any]) -> NDArray[Any]:
    """Return the values of a plane that are numbers."""
    values = plane.compressed() if isinstance(plane, np.ma.MaskedArray) else plane
    if values.dtype.kind == "f":
        finite = np.isfinite(values)
        values = values if finite.all() else values[finite]
    if not values.size:
        raise InputError(
            "There is no number in this part of the image, all is NaN, infinite or no data; "
            "choose another part."
        )
    return values
