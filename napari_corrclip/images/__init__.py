"""Images: which file, its pixels, and the 8-bit RGB that the networks see."""

from napari_corrclip.images.files import Picture, read_image, read_picture
from napari_corrclip.images.limits import PERCENTILES, find_limits
from napari_corrclip.images.pixels import Pixels, read_pixels, read_rgb
from napari_corrclip.images.rgb import ImageOptions, channels_last, check_type, to_rgb

__all__ = [
    "PERCENTILES",
    "ImageOptions",
    "Picture",
    "Pixels",
    "channels_last",
    "check_type",
    "find_limits",
    "read_image",
    "read_picture",
    "read_pixels",
    "read_rgb",
    "to_rgb",
]
