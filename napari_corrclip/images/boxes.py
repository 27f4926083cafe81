"""Boxes of pixels: (min_row, min_col, max_row, max_col), maxima excluded."""

from __future__ import annotations

from collections.abc import Iterable

Box = tuple[int, int, int, int]


def window(box: Box) -> tuple[slice, slice]:
    """Return the slices that cut ``box`` out of a map."""
    return slice(box[0], box[2]), slice(box[1], box[3])


def area(box: Box) -> int:
    """Return the number of pixels in ``box``."""
    return (box[2] - box[0]) * (box[3] - box[1])


def union(boxes: Iterable[Box]) -> Box | None:
    """Return the smallest box around ``boxes``; ``None`` around none."""
    corners = list(zip(*boxes, strict=True))
    if not corners:
        return None
    return min(corners[0]), min(corners[1]), max(corners[2]), max(corners[3])


def padded(box: Box, by: int, shape: tuple[int, int]) -> Box:
    """Return ``box`` with a margin of ``by`` pixels, as far as the image of ``shape`` goes."""
    return (
        max(box[0] - by, 0),
        max(box[1] - by, 0),
        min(box[2] + by, shape[0]),
        min(box[3] + by, shape[1]),
    )
