"""Images: from any array to the 8-bit RGB that the networks see.

Reading a file (:mod:`napari_corrclip.images.files`) and converting are apart, so that an array that
is already in memory (a layer, a slice of a stack) takes the same way as a file.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_corrclip.errors import InputError
from napari_corrclip.images.files import read_image
from napari_corrclip.images.flat import check_mapped
from napari_corrclip.images.limits import (
    PERCENTILES,
    check_percentiles,
    find_limits,
    is_deep,
    pair,
)
from napari_corrclip.images.nodata import without_data
from napari_corrclip.images.pictures import from_pillow, is_pillow
from napari_corrclip.images.stack import CHANNELS


@dataclass(frozen=True, slots=True)
class ImageOptions:
    """The options by which an image becomes 8-bit RGB; see :func:`to_rgb`."""

    limits: tuple[float, float] | None = None
    percentiles: tuple[float, float] = PERCENTILES
    channel_axis: int | None = None

    def rgb(self, image: ArrayLike) -> NDArray[np.uint8]:
        """Return ``image`` as (H, W, 3) uint8 by these options."""
        return self.stretched(image)[0]

    def stretched(self, image: ArrayLike) -> tuple[NDArray[np.uint8], tuple[float, float] | None]:
        """Return that, and the values that became black and white; ``None``: none did."""
        return _converted(image, self.limits, self.percentiles, self.channel_axis)


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
    smallest and largest are taken, and a constant image becomes black; see
    :func:`napari_corrclip.images.limits.find_limits`. What a masked array hides is left out of that, and
    is black.

    Args:
        image: (H, W), (H, W, 1), (H, W, 3) or (H, W, 4) of bool, integers or floats. Grayscale is
            repeated; a fourth channel is opacity and is dropped. Or an image of Pillow's, which is taken
            as its file would be.
        limits: the values that become 0 and 255.
        percentiles: two percentiles, 0 to 100, used without ``limits``.
        channel_axis: the axis of the channels if it is not the last.

    Raises:
        InputError: another shape or type, no pixels, NaN or infinite values, or useless limits.
    """
    return _converted(image, limits, percentiles, channel_axis)[0]


def _converted(
    image: ArrayLike,
    limits: tuple[float, float] | None,
    percentiles: tuple[float, float],
    channel_axis: int | None,
) -> tuple[NDArray[np.uint8], tuple[float, float] | None]:
    """Return what :func:`to_rgb` does, and the values that became black and white, if any."""
    array = as_array(image)
    check_type(array)
    array = channels_last(array, channel_axis)
    lacking = without_data(array)
    array = np.ma.getdata(array)
    if array.dtype.kind == "f":
        if lacking is not None:
            array = np.where(lacking[:, :, None], array.dtype.type(0), array)
        _check_finite(array)
    if limits is not None:
        low, high = pair(limits, "limits")
    else:
        check_percentiles(percentiles)
        if not is_deep(array.dtype):
            bits = array if array.dtype == np.uint8 else array.astype(np.uint8) * np.uint8(255)
            return _blank(_as_rgb(bits), lacking), None
        seen = array if lacking is None else array[~lacking]
        low, high = find_limits(seen, percentiles, colors=array.shape[-1] == 3)
    return _blank(_as_rgb(_stretch(array, low, high)), lacking), (low, high)


def as_array(image: Any) -> NDArray[Any]:
    """Return an array, or an image of Pillow's, as an array; a masked one stays masked.

    Raises:
        InputError: it is no array.
    """
    if is_pillow(image):
        return from_pillow(image, read_image)
    if isinstance(image, np.ma.MaskedArray):
        return image
    check_mapped(image, "image")
    try:
        return np.asarray(image)
    except ValueError as error:  # rows of different lengths
        raise InputError(f"The image is no array ({error}); give rows of equal length.") from None


def _blank(rgb: NDArray[np.uint8], lacking: NDArray[np.bool_] | None) -> NDArray[np.uint8]:
    """Return ``rgb`` with black where there is no data."""
    if lacking is not None:
        rgb = rgb.copy()
        rgb[lacking] = 0
    return rgb


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
    if count in CHANNELS:
        return array[:, :, :3]
    if channel_axis is None and shape[0] in CHANNELS:
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


def _stretch(array: NDArray[Any], low: float, high: float) -> NDArray[np.uint8]:
    """Map ``low`` to 0 and ``high`` to 255, rounded and clipped."""
    # float32 holds 16-bit integers exactly and takes half the memory of float64
    kind = np.float32 if array.dtype.itemsize <= 2 else np.float64
    values: NDArray[Any] = array.astype(kind)
    if max(abs(low), abs(high)) > 1e150:
        # differences of such values would overflow, and a stretch does not mind the scale
        values, low, high = values * 1e-150, low * 1e-150, high * 1e-150
    values = np.clip(values, low, high)
    # first to 0..1: 255 / (high - low) overflows for tiny ranges
    values = (values - low) / (high - low) * 255
    return np.asarray(np.rint(values), np.uint8)


def _as_rgb(array: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return (H, W, 1) or (H, W, 3) as contiguous (H, W, 3)."""
    if array.shape[-1] == 1:
        return np.repeat(array, 3, axis=-1)
    return np.ascontiguousarray(array)
