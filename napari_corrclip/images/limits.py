"""Limits: the two values of a deep image that become black and white."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_corrclip.errors import InputError

PERCENTILES = (0.1, 99.9)
"""The percentiles that become black and white where no limits are given."""

_LARGEST = float(np.finfo(np.float64).max)


def is_deep(dtype: np.dtype[Any]) -> bool:
    """Whether black and white are a question: bytes and booleans have theirs."""
    return dtype != np.uint8 and dtype.kind != "b"


def find_limits(
    values: NDArray[Any],
    percentiles: tuple[float, float] = PERCENTILES,
    *,
    colors: bool = False,
) -> tuple[float, float]:
    """Return the values that become black and white.

    Float colours that lie within 0 to 1 keep that range. Of all else, the percentiles over all pixels
    and channels together, which keeps the colours' balance; where both are one value, the smallest and
    largest; and of a constant image, limits that make it black.

    Args:
        values: booleans, integers or floats of any shape, all finite. What a masked array hides is
            left out.
        percentiles: a lower and a higher one, 0 to 100.
        colors: whether they are those of RGB.

    Returns:
        Two finite numbers, the lower one first; 0 and 1 where there is no value at all.
    """
    if isinstance(values, np.ma.MaskedArray):
        values = values.compressed()
    if not values.size:
        return 0.0, 1.0
    if values.dtype.kind == "b":
        values = values.astype(np.uint8)
    smallest, largest = float(values.min()), float(values.max())
    if values.dtype.kind == "f" and colors and smallest >= 0 and largest <= 1:
        return 0.0, 1.0
    if max(abs(smallest), abs(largest)) > 1e150:
        # differences of such values would overflow
        low, high = (float(value) * 1e150 for value in np.percentile(values * 1e-150, percentiles))
    else:
        # float16 percentiles would overflow between its largest values
        measured = values.astype(np.float32) if values.dtype == np.float16 else values
        low, high = (float(value) for value in np.percentile(measured, percentiles))
    if low < high:
        return low, high
    if smallest < largest:
        return smallest, largest
    # any higher value makes all black
    return smallest, max(
        math.nextafter(smallest, math.inf), min(smallest + max(1.0, abs(smallest)), _LARGEST)
    )


def check_percentiles(percentiles: tuple[float, float]) -> tuple[float, float]:
    """Return two percentiles.

    Raises:
        InputError: they are not a lower and a higher one from 0 to 100.
    """
    lower, upper = pair(percentiles, "percentiles")
    if not 0 <= lower < upper <= 100:
        raise InputError(
            f"The percentiles are {percentiles}; give a lower and a higher one from 0 to 100."
        )
    return lower, upper


def pair(values: tuple[float, float], what: str) -> tuple[float, float]:
    """Return two finite numbers, the lower one first.

    Raises:
        InputError: they are something else.
    """
    try:
        low, high = (float(value) for value in values)
    except (TypeError, ValueError, OverflowError):
        raise InputError(f"The {what} are {values!r}; give two numbers.") from None
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise InputError(
            f"The {what} are {values!r}; give two finite numbers, the lower one first."
        )
    return low, high
