"""The adjacency of regions: which touch, and along how many pixel sides."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from napari_corrclip.images.boxes import Box, padded, window


class Adjacency:
    """The common borders of regions, kept up to date by the boxes that change.

    Args:
        regions: (H, W) int32 ids, 0 = unsegmented.
    """

    def __init__(self, regions: NDArray[np.int32]) -> None:
        self._sides: defaultdict[int, dict[int, int]] = defaultdict(dict)
        self._add(regions, 1)

    def neighbours(self, region: int) -> Mapping[int, int]:
        """Return the ids that touch ``region``, each with its length of border in pixel sides."""
        return self._sides.get(region, {})

    def leave(self, regions: NDArray[np.int32], box: Box) -> None:
        """Forget the borders in ``box``, which is about to change; call :meth:`enter` after it."""
        self._add(regions[window(padded(box, 1, regions.shape))], -1)

    def enter(self, regions: NDArray[np.int32], box: Box) -> None:
        """Count the borders in ``box``, which has changed."""
        self._add(regions[window(padded(box, 1, regions.shape))], 1)

    def _add(self, regions: NDArray[np.int32], sign: int) -> None:
        pairs, lengths = borders(regions)
        for (first, other), length in zip(pairs.tolist(), lengths.tolist(), strict=True):
            for a, b in ((first, other), (other, first)):
                left = self._sides[a].get(b, 0) + sign * length
                if left:
                    self._sides[a][b] = left
                else:
                    self._sides[a].pop(b, None)


def borders(regions: NDArray[np.int32]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the (n, 2) pairs of ids > 0 that touch, the lower first, and their (n,) pixel sides."""
    keys = []
    for first, other in ((regions[:, :-1], regions[:, 1:]), (regions[:-1], regions[1:])):
        touch = (first != other) & (first > 0) & (other > 0)
        a, b = first[touch].astype(np.int64), other[touch].astype(np.int64)
        keys.append(np.minimum(a, b) << 32 | np.maximum(a, b))
    found, lengths = np.unique(np.concatenate(keys), return_counts=True)
    return np.stack([found >> 32, found & 0xFFFFFFFF], axis=1), lengths
