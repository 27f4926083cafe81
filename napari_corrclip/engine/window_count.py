"""The number of windows of an image, by arithmetic alone: no torch, so that it can be said at once."""

from __future__ import annotations

import math
from typing import Protocol

Size = tuple[int, int]


class TilingSettings(Protocol):
    """The fields of the settings that windows depend on."""

    @property
    def short_side(self) -> int | None:
        """Short side at inference in pixels; ``None`` = the image's own."""

    @property
    def long_side(self) -> int:
        """Longest side at inference in pixels."""

    @property
    def window(self) -> int:
        """Side of a window in pixels."""

    @property
    def stride(self) -> int:
        """Step between windows in pixels."""


def inference_size(image_size: Size, short_side: int | None, long_side: int) -> Size:
    """The size at which an image goes through the networks.

    The short side becomes ``short_side``, unless the long one would exceed ``long_side`` then; a
    side is floor(side * scale + 0.5).

    Args:
        image_size: rows and columns.
        short_side: in pixels; ``None`` keeps the scale as far as ``long_side`` allows.
        long_side: in pixels.
    """
    short, long = min(image_size), max(image_size)
    scale = min(1.0 if short_side is None else short_side / short, long_side / long)
    return scaled(image_size, scale)


def scaled(image_size: Size, scale: float) -> Size:
    """The size of an image at ``scale``: each side floor(side * scale + 0.5), at least 1."""
    rows, columns = (max(1, math.floor(side * scale + 0.5)) for side in image_size)
    return rows, columns


def window_count(side: int, window: int, stride: int) -> int:
    """How many windows cover a side; a window is at most as long as the side."""
    return math.ceil((side - min(window, side)) / stride) + 1


def window_grid(image_size: Size, settings: TilingSettings) -> Size:
    """Rows and columns of windows of an image of so many rows and columns."""
    size = inference_size(image_size, settings.short_side, settings.long_side)
    rows, columns = (window_count(side, settings.window, settings.stride) for side in size)
    return rows, columns
