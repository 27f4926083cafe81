"""The runs of maps: pixels along a row of which each is like the one before it."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

_TOGETHER = 1 << 16
"""Pixels that runs are spread over at once, about."""


def begins(*maps: NDArray[Any]) -> NDArray[np.int64]:
    """Return where runs begin, (n,) places of pixels where rows follow one another; none goes on in the next.

    Args:
        *maps: (H, W) of one size; a run has one number in each of them.
    """
    found = np.ones(maps[0].shape, np.bool_)
    found[:, 1:] = False
    for map_ in maps:
        found[:, 1:] |= map_[:, 1:] != map_[:, :-1]
    return np.flatnonzero(found)


def spread(
    numbers: NDArray[np.generic], lengths: NDArray[np.integer], shape: tuple[int, int]
) -> NDArray[Any]:
    """Return a map whose runs along the rows have a number each, which they keep the type of.

    Args:
        numbers: (n,) of the runs.
        lengths: (n,) their pixels, of any integers; altogether those of the map.
        shape: of the map.
    """
    found = np.empty(shape, numbers.dtype)
    flat, ends = found.reshape(-1), np.cumsum(lengths, dtype=np.int64)
    cuts = np.searchsorted(ends, np.arange(_TOGETHER, flat.size, _TOGETHER))
    edges = np.unique([0, *cuts.tolist(), len(numbers)]).tolist()
    for first, last in pairwise(edges):
        begin = ends[first - 1] if first else 0
        flat[begin : ends[last - 1]] = np.repeat(
            numbers[first:last], lengths[first:last].astype(np.int64)
        )
    return found
