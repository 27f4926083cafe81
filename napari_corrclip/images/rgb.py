"""Images: from any array to the 8-bit RGB that the networks see.

Reading a file (:mod:`napari_corrclip.images.files`) and converting are apart, so that an array that
is already in memory (a layer, a slice of a stack) takes the same way as a file.
"""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_corrclip.errors import InputError
from napari_corrclip.images.files import read_image

PERCENTILES = (0.1, 99.9)
"""The percentiles that become black and white where no limits are given."""


@dataclass(frozen=True, slots=True)
class ImageOptions:
    """How an image becomes 8-bit RGB; see :func:`to_rgb`."""

    limits: tuple[float, float] | None = None
    percentiles: tuple[float, float] = PERCENTILES
    channel_axis: int | None = None

    def rgb(self, image: ArrayLike) -> NDArray[np.uint8]:
        """Return ``image`` as (H, W, 3) uint8 by these options."""
        return to_rgb(
            image,
            limits=self.limits,
            percentiles=self.percentiles,
            channel_axis=self.channel_axis,
        )


def to_rgb(
    image: ArrayLike,
    *,
    limits: tuple[float, float] | None = None,
    percentiles: tuple[float, float] = PERCENTILES,
    channel_axis: int | None = None,
) -> NDArray[np.uint8]:
    """Return ``image`` as (H, W, 3) uint8.

    uint8 passes unchanged (and may share its memory), booleans become 0 and 255, and float RGB that
    lies within 0 to 1 is multiplied by 255. Everything else, that is float grayscale, other floats
    and all deeper integers, is stretched linearly so that the lower of two values becomes 0 and the
    upper 255: ``limits`` if given (then for uint8 too), or else ``percentiles`` over all pixels and
    channels together, which keeps the colours' balance. Where both percentiles are one value, the
    smallest and largest are taken, and a constant image becomes black.

    Args:
        image: (H, W), (H, W, 1), (H, W, 3) or (H, W, 4) of bool, integers or floats. Grayscale is
            repeated; a fourth channel is opacity and is dropped.
        limits: the values that become 0 and 255.
        percentiles: two percentiles, 0 to 100, used without ``limits``.
        channel_axis: the axis of the channels if it is not the last.

    Raises:
        InputError: another shape or type, no pixels, NaN or infinite values, or useless limits.
    """
    try:
        array = np.asarray(image)
    except ValueError as error:  # rows of different lengths
        raise InputError(f"The image is no array ({error}); give rows of equal length.") from None
    check_type(array)
    array = channels_last(array, channel_axis)
    if array.dtype.kind == "f":
        _check_finite(array)
    if limits is not None:
        low, high = _pair(limits, "limits")
        return _as_rgb(_stretch(array, low, high))
    lower, upper = _pair(percentiles, "percentiles")
    if not 0 <= lower < upper <= 100:
        raise InputError(
            f"The percentiles are {percentiles}; give a lower and a higher one from 0 to 100."
        )
    if array.dtype == np.uint8:
        return _as_rgb(array)
    if array.dtype.kind == "b":
        return _as_rgb(array.astype(np.uint8) * np.uint8(255))
    smallest, largest = float(array.min()), float(array.max())
    if array.dtype.kind == "f" and array.shape[-1] == 3 and smallest >= 0 and largest <= 1:
        return _as_rgb(_stretch(array, 0.0, 1.0))
    if max(abs(smallest), abs(largest)) > 1e150:
        # Differences of such values would overflow, and a stretch does not mind the scale.
        array = array * 1e-150
        smallest, largest = smallest * 1e-150, largest * 1e-150
    # float16 percentiles would overflow between its largest values
    measured = array.astype(np.float32) if array.dtype == np.float16 else array
    low, high = (float(value) for value in np.percentile(measured, [lower, upper]))
    if not low < high:
        low, high = smallest, largest
    if not low < high:
        return np.zeros((*array.shape[:2], 3), np.uint8)
    return _as_rgb(_stretch(array, low, high))


def check_type(array: NDArray[Any]) -> None:
    """Raise an ``InputError`` where an array of this type and shape can be no image."""
    if array.dtype.kind not in "buif":
        raise InputError(
            f"The image holds values of type {array.dtype}; give booleans, integers or floats."
        )
    if array.size == 0:
        raise InputError(
            f"The image has the shape {array.shape} and so no pixels; give one of at least 1 × 1."
        )


def channels_last(array: NDArray[Any], channel_axis: int | None) -> NDArray[Any]:
    """Return ``array`` as (H, W, 1) or (H, W, 3), or raise what is wrong with its shape."""
    shape = array.shape
    if array.ndim not in (2, 3):
        raise InputError(
            f"The image is {array.ndim}-dimensional, with the shape {shape}; give one plane, "
            "(height, width) or (height, width, 3)."
        )
    if channel_axis is not None:
        if array.ndim != 3 or not -3 <= channel_axis < 3:
            raise InputError(
                f"channel_axis is {channel_axis}, but the image has the shape {shape}; leave it "
                "out or name the axis of the channels."
            )
        array = np.moveaxis(array, channel_axis, -1)
    if array.ndim == 2:
        return array[:, :, None]
    count = array.shape[-1]
    if count in (1, 3, 4):
        return array[:, :, :3]
    if channel_axis is None and shape[0] in (1, 3, 4):
        remedy = "its channels seem to come first: move them last or pass channel_axis=0"
    elif count == 2:
        remedy = "give one channel or three (a second one for opacity has to be left out)"
    else:
        remedy = "give one plane with 1, 3 or 4 channels, (height, width, channels)"
    raise InputError(f"The image has the shape {shape}, {count} channels; {remedy}.")


def _check_finite(array: NDArray[Any]) -> None:
    finite = np.isfinite(array)
    if finite.all():
        return
    wrong = np.argwhere(~finite)
    row, column = (int(at) for at in wrong[0][:2])
    kind = "NaN" if np.isnan(array[tuple(wrong[0])]) else "infinite"
    raise InputError(
        f"The image holds {len(wrong)} values that are no numbers, the first ({kind}) at row "
        f"{row}, column {column}; replace them, for example by numpy.nan_to_num."
    )


def _pair(values: tuple[float, float], what: str) -> tuple[float, float]:
    try:
        low, high = (float(value) for value in values)
    except (TypeError, ValueError):
        raise InputError(f"The {what} are {values!r}; give two numbers.") from None
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise InputError(
            f"The {what} are {values!r}; give two finite numbers, the lower one first."
        )
    return low, high


def _stretch(array: NDArray[Any], low: float, high: float) -> NDArray[np.uint8]:
    """Map ``low`` to 0 and ``high`` to 255, rounded and clipped."""
    # float32 holds 16-bit integers exactly and takes half the memory of float64
    kind = np.float32 if array.dtype.itemsize <= 2 else np.float64
    values: NDArray[Any] = np.clip(array.astype(kind), low, high)
    # first to 0..1: 255 / (high - low) overflows for tiny ranges
    values = (values - low) / (high - low) * 255
    return np.asarray(np.rint(values), np.uint8)


def _as_rgb(array: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return (H, W, 1) or (H, W, 3) as contiguous (H, W, 3)."""
    if array.shape[-1] == 1:
        return np.repeat(array, 3, axis=-1)
    return np.ascontiguousarray(array)


def read_rgb(
    path: str | os.PathLike[str], options: ImageOptions | None = None
) -> NDArray[np.uint8]:
    """Return the image in ``path`` as (H, W, 3) uint8; errors name the file."""
    image = read_image(path)
    try:
        return (options or ImageOptions()).rgb(image)
    except InputError as error:
        raise InputError(f"{os.fspath(path)!r}: {error}") from None
