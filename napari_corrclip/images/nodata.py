"""Pixels without data: which they are, by what the file says or the array hides."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

_NEAR = 1e-6  # of the largest float: a number written with few digits may lie beyond it


@dataclass(frozen=True)
class NoData:
    """The value that stands for "no data" in an image, as the raster library GDAL notes it.

    Args:
        text: the number in decimal, or "nan"; what is written is meant in the image's own type, so
            that ``-3.4028235e+38`` is the lowest 32-bit float.
    """

    text: str

    def value(self, dtype: np.dtype[Any]) -> int | float | None:
        """Return the number as an image of ``dtype`` has it; ``None`` where it has no such number."""
        text = self.text.strip("\0 \t\r\n")
        try:
            number: int | float = int(text)
        except ValueError:
            try:
                number = float(text)
            except ValueError:
                return None
        if dtype.kind == "f":
            return _nearest(number, dtype)
        if dtype.kind not in "iu":
            return None
        if isinstance(number, float):
            if not number.is_integer():
                return None
            number = int(number)
        limits = np.iinfo(dtype)
        return number if limits.min <= number <= limits.max else None

    def mask(self, values: NDArray[Any]) -> NDArray[np.bool_]:
        """Return where there is no data: (H, W) of (H, W) or (H, W, C) values as they are stored.

        A pixel of several channels has none where all of them say so, or one of them is NaN and NaN is
        the value.
        """
        value = self.value(values.dtype)
        if value is None:
            return np.zeros(values.shape[:2], np.bool_)
        if isinstance(value, float) and math.isnan(value):
            lacking: NDArray[np.bool_] = np.isnan(values)
            return lacking.any(axis=2) if lacking.ndim == 3 else lacking
        lacking = values == values.dtype.type(value)
        return lacking.all(axis=2) if lacking.ndim == 3 else lacking


def _nearest(number: int | float, dtype: np.dtype[Any]) -> float:
    limits = np.finfo(dtype)
    try:
        value = float(number)
    except OverflowError:
        value = math.copysign(math.inf, number)
    largest = float(limits.max)
    if math.isfinite(value) and largest < abs(value) <= largest * (1 + _NEAR):
        return math.copysign(largest, value)
    with np.errstate(over="ignore"):
        return float(dtype.type(value))


def without_data(image: Any) -> NDArray[np.bool_] | None:
    """Return (H, W), where a masked array of (H, W) or (H, W, C) hides a value; ``None``: nowhere."""
    if not isinstance(image, np.ma.MaskedArray):
        return None
    mask = np.ma.getmaskarray(image)
    mask = mask.any(axis=2) if mask.ndim == 3 else mask
    return mask if mask.any() else None


def masked(image: NDArray[Any], mask: NDArray[np.bool_] | None) -> NDArray[Any]:
    """Return ``image`` with the pixels of ``mask`` (H, W) hidden; as it is where there are none."""
    if mask is None or not mask.any():
        return image
    if image.ndim == 3:
        mask = np.repeat(mask[:, :, None], image.shape[2], axis=2)
    hidden: NDArray[Any] = np.ma.MaskedArray(image, mask)
    return hidden
