"""The image that a person means, by whatever they give, and its pixels as the networks see them."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_corrclip.errors import InputError
from napari_corrclip.images.files import Picture, read_picture
from napari_corrclip.images.nodata import without_data
from napari_corrclip.images.rgb import ImageOptions, as_array, channels_last


@dataclass(frozen=True, eq=False)
class Pixels:
    """An image as 8-bit RGB, and where it holds no data.

    Attributes:
        rgb: (H, W, 3) uint8.
        nodata: (H, W), true where the image has no data; ``None``: nowhere.
        notes: what the user is to be told about it, a sentence each.
        limits: the values that became black and white; ``None``: it was of 8 bits already.
    """

    rgb: NDArray[np.uint8]
    nodata: NDArray[np.bool_] | None = None
    notes: tuple[str, ...] = ()
    limits: tuple[float, float] | None = None


def read_pixels(
    image: Any, options: ImageOptions | None = None, *, where: tuple[int, ...] = ()
) -> Pixels:
    """Return the pixels of an image.

    Args:
        image: an array as :func:`napari_corrclip.images.to_rgb` takes it (what a masked one hides is no
            data), an image of Pillow's, the path of a file, or :class:`Pixels`, which pass as they are.
        options: limits or percentiles.
        where: of a TIFF with several planes, which one.

    Raises:
        InputError: it cannot be used; where it is a file, the sentence names it.
    """
    if isinstance(image, Pixels):
        return image
    options = options or ImageOptions()
    if not isinstance(image, str | os.PathLike):
        return pixels_of(Picture(as_array(image)), options)
    return pixels_in(Path(image), read_picture(Path(image), where), options)


def pixels_in(path: Path, picture: Picture, options: ImageOptions) -> Pixels:
    """Return the pixels of what was read from a file, which sentences name."""
    try:
        return pixels_of(picture, options)
    except InputError as error:
        raise InputError(f"{str(path)!r}: {error}") from None


def pixels_of(picture: Picture, options: ImageOptions) -> Pixels:
    """Return the pixels of a picture."""
    rgb, limits = options.stretched(picture.array)
    nodata = None
    if isinstance(picture.array, np.ma.MaskedArray):
        nodata = without_data(channels_last(picture.array, options.channel_axis))
    return Pixels(rgb, nodata, picture.notes, limits)


def read_rgb(
    path: str | os.PathLike[str], options: ImageOptions | None = None
) -> NDArray[np.uint8]:
    """Return the image in ``path`` as (H, W, 3) uint8; errors name the file."""
    return read_pixels(Path(path), options).rgb
