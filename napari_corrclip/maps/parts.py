"""Connected parts of a label map: what is of one value and touches, corners included."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_corrclip.maps.regions import as_ids
from napari_corrclip.maps.runs import begins, spread

_FEW = 16
"""Pixels that a run has on average where runs are few beside the pixels."""


def parts_of(
    labels: NDArray[np.integer], other: NDArray[np.bool_] | None = None
) -> NDArray[np.int32] | NDArray[np.uint16]:
    """Return the connected parts of a label map, numbered from 1 in the order of their first pixels.

    Where values lie in large patches the runs of pixels along rows are connected instead of the pixels:
    memory and time are little beside those of the map that is returned.

    Args:
        labels: (H, W); 0 is in no part.
        other: (H, W), pixels of 0 that are of a value of their own all the same; ``None``: there are none.
    """
    starts = begins(labels) if other is None else begins(labels, other)
    if not len(starts) or len(starts) * _FEW > labels.size:
        from skimage.measure import label

        return as_ids(label(_kinds(labels, other), background=0, connectivity=2))
    values = _kinds(
        labels.reshape(-1)[starts], None if other is None else other.reshape(-1)[starts]
    )
    lengths = np.diff(starts, append=labels.size)
    parts = _connected(starts, lengths, values, labels.shape[1])
    return spread(as_ids(parts), lengths, (labels.shape[0], labels.shape[1]))


def _kinds(labels: NDArray[np.integer], other: NDArray[np.bool_] | None) -> NDArray[np.integer]:
    """Return the labels, or with pixels of another value numbers that have room for it."""
    if other is None:
        return labels
    kinds = labels.astype(np.int32)
    kinds[other & (labels == 0)] = -1
    return kinds


def _connected(
    starts: NDArray[np.int64],
    lengths: NDArray[np.int64],
    values: NDArray[np.integer],
    width: int,
) -> NDArray[np.int32]:
    """Return the number of each run's part; runs cover the map, and none goes on in the next row."""
    from scipy import sparse

    count = len(starts)
    row, column = np.divmod(starts, width)
    # The runs below it that a run touches: from the one under its left corner to the one under its right.
    above = np.flatnonzero((values != 0) & (row < row[-1]))
    left = starts[above] + width - (column[above] > 0)
    right = starts[above] + width + lengths[above] - (column[above] + lengths[above] == width)
    first = np.searchsorted(starts, left, "right") - 1
    below = np.searchsorted(starts, right, "right") - first
    upper = np.repeat(above, below)
    lower = np.arange(below.sum()) - np.repeat(np.cumsum(below) - below - first, below)
    same = values[upper] == values[lower]
    upper, lower = upper[same], lower[same]
    joined = sparse.coo_array((np.ones(len(upper), np.bool_), (upper, lower)), (count, count))
    _, part = sparse.csgraph.connected_components(joined, directed=False)
    part[values == 0] = -1
    seen, at = np.unique(part, return_index=True)
    at = at[seen >= 0]
    number = np.zeros(part.max(initial=-1) + 2, np.int32)
    number[seen[seen >= 0][np.argsort(at)]] = np.arange(1, len(at) + 1)
    found: NDArray[np.int32] = number[part]
    return found
