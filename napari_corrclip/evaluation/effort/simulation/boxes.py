"""The best box that a person could draw around regions to give them one class."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

LINES = 24
"""A drawn box's edges lie on a grid of so many lines along the image's longer side."""

FORBIDDEN = -1e12
"""Weight of a region that must not be in the box."""


def best_box(
    boxes: NDArray[np.integer],
    weights: NDArray[np.floating],
    anchor: int,
    shape: tuple[int, int],
    lines: int = LINES,
) -> NDArray[np.intp]:
    """Return the regions inside the heaviest box around the region ``anchor``.

    A region is in a box if it lies wholly within, as with a rubber band. Edges lie on a grid, since
    nobody draws to the pixel; over that grid the best box is found exactly: how much lies within
    (top, bottom, left, right) is a cumulative sum along four axes.

    Args:
        boxes: (R, 4) min_row, min_col, max_row, max_col of all regions, maxima excluded.
        weights: (R,) what it is worth to have each in the box; :data:`FORBIDDEN` where it must not.
        anchor: index of the region that has to be in it.
        shape: height and width of the image.
        lines: of the grid along the longer side.

    Returns:
        ascending indices of the regions inside; none if no box around ``anchor`` weighs above 0.
    """
    cell = max(1.0, max(shape) / lines)
    rows, columns = (int(np.ceil(side / cell)) for side in shape)
    low = np.floor(boxes[:, :2] / cell).astype(np.int64)
    high = np.ceil(boxes[:, 2:] / cell).astype(np.int64)
    top, left, bottom, right = low[:, 0], low[:, 1], high[:, 0], high[:, 1]
    # Only boxes around the anchor: what begins beyond its first edges cannot matter less.
    size = (
        top[anchor] + 1,
        rows - bottom[anchor] + 1,
        left[anchor] + 1,
        columns - right[anchor] + 1,
    )
    begin = np.minimum(top, top[anchor]), np.minimum(left, left[anchor])
    end = np.maximum(bottom - bottom[anchor], 0), np.maximum(right - right[anchor], 0)
    within = np.zeros(size)
    np.add.at(within, (begin[0], end[0], begin[1], end[1]), weights)
    # A box that begins further out or ends further out holds all that the smaller one holds.
    within = within[::-1, :, ::-1, :]
    for axis in range(4):
        np.cumsum(within, axis=axis, out=within)
    within = within[::-1, :, ::-1, :]
    t, b, le, r = (int(i) for i in np.unravel_index(int(within.argmax()), size))
    if within[t, b, le, r] <= 0:
        return np.zeros(0, np.intp)
    b, r = b + int(bottom[anchor]), r + int(right[anchor])
    return np.flatnonzero((top >= t) & (bottom <= b) & (left >= le) & (right <= r))
