"""Images: which file, its pixels, and the 8-bit RGB that the networks see."""

from napari_corrclip.images.files import read_image
from napari_corrclip.images.rgb import (
    PERCENTILES,
    ImageOptions,
    channels_last,
    check_type,
    read_rgb,
    to_rgb,
)

__all__ = [
    "PERCENTILES",
    "ImageOptions",
    "channels_last",
    "check_type",
    "read_image",
    "read_rgb",
    "to_rgb",
]
