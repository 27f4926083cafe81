"""From a plane of any numbers to the 8 bits that the networks see: as the viewer shows it, or by rank."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_corrclip.errors import InputError
from napari_corrclip.images import to_rgb

PERCENTILES = (1.0, 99.0)
"""What the panel offers to become black and white."""


@dataclass(frozen=True, slots=True)
class Contrast:
    """How grayscale becomes 8 bits.

    Attributes:
        percentiles: those that become black and white; ``None``: as the viewer shows the layer.

    Raises:
        InputError: the percentiles are not a lower and a higher one of 0 to 100.
    """

    percentiles: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        if self.percentiles is not None:
            low, high = self.percentiles
            if not 0 <= low < high <= 100:
                raise InputError(
                    f"The percentiles are {low:g} and {high:g}; give a lower and a higher one from 0 to 100."
                )


@dataclass(frozen=True, slots=True)
class Shown:
    """How the viewer shows a layer: what becomes black and white, and the gamma in between."""

    limits: tuple[float, float]
    gamma: float = 1.0


def gray(plane: NDArray[Any], contrast: Contrast, shown: Shown) -> NDArray[np.uint8]:
    """Return a plane of one channel as (H, W) uint8.

    Values that are no numbers count for nothing: NaN and minus infinity become black, plus infinity white.
    A plane of a single value is black, unless the viewer shows it otherwise.

    Args:
        plane: (H, W) of booleans, integers or floats.
        contrast: how it becomes 8 bits.
        shown: how the viewer shows it.

    Raises:
        InputError: it holds no number at all.
    """
    values = plane.astype(np.float32) if plane.dtype == np.float16 else plane
    some = values
    if values.dtype.kind == "f":
        finite = np.isfinite(values)
        if not finite.all():
            some = values[finite]
            if not some.size:
                raise InputError(
                    "There is no number in this part of the image, all is NaN or infinite; "
                    "choose another part."
                )
    low, high = _limits(some, contrast, shown)
    if not low < high:
        return np.zeros(plane.shape, np.uint8)
    if some is not values:
        values = np.nan_to_num(values, nan=low, posinf=high, neginf=low)
    bits = to_rgb(values, limits=(low, high))[..., 0]
    if contrast.percentiles is None and shown.gamma != 1:
        table = np.rint(255 * (np.arange(256) / 255) ** shown.gamma).astype(np.uint8)
        bits = table[bits]
    return np.ascontiguousarray(bits)


def colours(plane: NDArray[Any]) -> NDArray[np.uint8]:
    """Return an RGB or RGBA plane as (H, W, 3) uint8; opacity, and what is no number, are dropped."""
    plane = plane[..., :3]
    if plane.dtype.kind == "f":
        plane = np.nan_to_num(plane, nan=0.0, posinf=0.0, neginf=0.0)
    return to_rgb(plane)


def _limits(some: NDArray[Any], contrast: Contrast, shown: Shown) -> tuple[float, float]:
    """Return what becomes black and white; equal where there is nothing to stretch."""
    if contrast.percentiles is None:
        low, high = shown.limits
        # The viewer's limits of an image with infinite values are infinite.
        if math.isfinite(low) and math.isfinite(high) and low < high:
            return low, high
    else:
        ranked = some.astype(np.uint8) if some.dtype.kind == "b" else some
        low, high = (float(value) for value in np.percentile(ranked, contrast.percentiles))
        if low < high:
            return low, high
    return float(some.min()), float(some.max())
