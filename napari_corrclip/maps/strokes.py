"""The pixels of what is drawn by hand: along a straight line of some width, and inside an outline.

Places are (row, column) with whole numbers at the middles of pixels, as napari's layers count.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_corrclip.images.boxes import Box

Places = tuple[NDArray[np.intp], NDArray[np.intp]]
"""Row and column indices, as ``np.nonzero`` gives them."""


def line(
    start: NDArray[np.float64],
    end: NDArray[np.float64],
    to_screen: NDArray[np.float64],
    reach: float,
) -> NDArray[np.float64]:
    """Return the (4, 2) corners of a straight line that is as wide on the screen whatever the zoom.

    Args:
        start: where it begins, in the image.
        end: where it ends; it may be the same.
        to_screen: (2, 2), from a step in the image to one on the screen.
        reach: half of its width, and by how much it goes beyond its ends, in pixels of the screen.
    """
    way = to_screen @ (end - start)
    length = float(np.hypot(*way))
    along = reach * (way / length if length > 1e-9 else np.array([0.0, 1.0]))
    across = np.array([-along[1], along[0]])
    corners = np.array([-along - across, -along + across, along + across, along - across])
    offsets: NDArray[np.float64] = np.linalg.solve(to_screen, corners.T).T
    return np.array([start, start, end, end]) + offsets


def touched(polygon: NDArray[np.floating], shape: tuple[int, int]) -> Places:
    """Return the pixels of an image whose squares a convex polygon touches.

    Row by row: the polygon is widest within a row where its edges are, so each edge is clipped to the row.

    Args:
        polygon: (N, 2) corners in their order; a line or a point is one, too.
        shape: height and width of the image.
    """
    corners = np.asarray(polygon, np.float64)
    height, width = shape
    top = max(int(np.floor(corners[:, 0].min() + 0.5)), 0)
    bottom = min(int(np.floor(corners[:, 0].max() + 0.5)), height - 1)
    rows = np.arange(top, bottom + 1)
    if not len(rows):
        return np.zeros(0, np.intp), np.zeros(0, np.intp)
    (row, column), (down, right) = corners.T, (np.roll(corners, -1, axis=0) - corners).T
    low, high = np.full(len(rows), np.inf), np.full(len(rows), -np.inf)
    edges = rows[:, None] + np.array([-0.5, 0.5])
    for at in range(len(corners)):
        if down[at]:
            parts = ((edges - row[at]) / down[at]).clip(0, 1)
            parts.sort(axis=1)
            crossed = (max(row[at], row[at] + down[at]) >= edges[:, 0]) & (
                min(row[at], row[at] + down[at]) <= edges[:, 1]
            )
        else:
            parts = np.tile([0.0, 1.0], (len(rows), 1))
            crossed = (edges[:, 0] <= row[at]) & (row[at] <= edges[:, 1])
        columns = column[at] + parts * right[at]
        low = np.where(crossed, np.minimum(low, columns.min(axis=1)), low)
        high = np.where(crossed, np.maximum(high, columns.max(axis=1)), high)
    shown = (high >= -0.5) & (low < width - 0.5) & (low <= high)
    first = np.floor(low[shown] + 0.5).clip(0, width - 1).astype(np.intp)
    last = np.floor(high[shown] + 0.5).clip(0, width - 1).astype(np.intp)
    return _ranges(rows[shown].astype(np.intp), first, last - first + 1)


def enclosed(
    outline: NDArray[np.floating], shape: tuple[int, int]
) -> tuple[Box, NDArray[np.bool_]]:
    """Return the box around an outline, and which of its (h, w) pixels have their middle inside.

    What the outline goes around, once or more often, is inside, also where it crosses itself.

    Args:
        outline: (N, 2) places; from the last it goes straight back to the first.
        shape: height and width of the image; the box lies within it, maybe empty.
    """
    places = np.asarray(outline, np.float64)
    low = np.floor(places.min(axis=0)).astype(int).clip(0, shape)
    high = (np.ceil(places.max(axis=0)).astype(int) + 1).clip(0, shape)
    (top, left), (bottom, right) = low.tolist(), np.maximum(low, high).tolist()
    box = (top, left, bottom, right)
    turns = np.zeros((bottom - top, right - left + 1), np.int32)
    if not turns.size:
        return box, np.zeros((bottom - top, right - left), np.bool_)
    ends = np.roll(places, -1, axis=0)
    sign = np.sign(ends[:, 0] - places[:, 0]).astype(np.int32)
    # An edge has its upper end and not its lower one, so that a corner is crossed once.
    first = np.ceil(np.minimum(places[:, 0], ends[:, 0])).clip(top, bottom).astype(np.intp)
    behind = np.ceil(np.maximum(places[:, 0], ends[:, 0])).clip(top, bottom).astype(np.intp)
    edges, rows = _ranges(np.arange(len(places)), first, behind - first)
    (row, column), (down, aside) = places[edges].T, (ends - places)[edges].T
    crossing = column + (rows - row) * aside / down
    columns = np.ceil(crossing).clip(left, right).astype(np.intp)
    np.add.at(turns, (rows - top, columns - left), sign[edges])
    inside: NDArray[np.bool_] = turns.cumsum(axis=1)[:, :-1] != 0
    return box, inside


def _ranges(keys: NDArray[np.intp], first: NDArray[np.intp], counts: NDArray[np.intp]) -> Places:
    """Return each key as often as its count says, with whole numbers that go on from its first."""
    begin = np.repeat(counts.cumsum() - counts, counts)
    return np.repeat(keys, counts), np.arange(counts.sum()) - begin + np.repeat(first, counts)
