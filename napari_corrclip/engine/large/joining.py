"""The joining of many tiles' ids to one numbering: a region that a border cuts is one again.

Two tiles that overlap have both divided the pixels that they share. A region of the one and a region
of the other are the same where their IoU over these pixels is above a threshold of at least one half:
then a region has at most one partner in a neighbour, so that no two regions of a tile are joined by a
pair of tiles, whatever lies inside or across them. What is joined is the equivalence that all pairs
span.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from napari_corrclip.engine.large.grid import Tile, TileGrid, shared, slices
from napari_corrclip.errors import InputError
from napari_corrclip.maps.regions import number_regions

THRESHOLD = 0.5
MAX_ID = int(np.iinfo(np.int32).max)


def matches(
    one: NDArray[np.integer], other: NDArray[np.integer], threshold: float = THRESHOLD
) -> NDArray[np.int64]:
    """Return which regions of two maps of the same pixels are the same.

    Args:
        one: ids >= 0; 0 = in no region. Memory is that of the pixels plus the highest id.
        other: of the same shape.
        threshold: the IoU that a pair has to exceed.

    Returns:
        (n, 2) pairs of ids; no id occurs twice in a column.
    """
    a, b = (ids.ravel().astype(np.int64) for ids in (one, other))
    sizes = np.bincount(a, minlength=1), np.bincount(b, minlength=1)
    both = (a > 0) & (b > 0)
    width = len(sizes[1])
    codes, common = np.unique(a[both] * width + b[both], return_counts=True)
    pairs = np.stack([codes // width, codes % width], axis=1)
    union = sizes[0][pairs[:, 0]] + sizes[1][pairs[:, 1]] - common
    kept: NDArray[np.int64] = pairs[common > threshold * union]
    return kept


class Joiner:
    """The joiner of tiles in any order, of which it keeps what a neighbour has yet to be compared with.

    Args:
        grid: the tiles.
        threshold: see :func:`matches`; from 0.5 on.

    Raises:
        InputError: the threshold is below one half, or not below 1.
    """

    def __init__(self, grid: TileGrid, threshold: float = THRESHOLD) -> None:
        if not 0.5 <= threshold < 1:
            raise InputError(
                f"The IoU at which regions of two tiles are joined is {threshold!r}; give a number "
                "from 0.5 to below 1."
            )
        self._grid, self._threshold = grid, threshold
        self._strips: dict[tuple[tuple[int, int], tuple[int, int]], NDArray[np.int32]] = {}
        self._first: dict[tuple[int, int], int] = {}
        self._counts: dict[tuple[int, int], int] = {}
        self._pairs: list[NDArray[np.int64]] = []
        self._seen: list[NDArray[np.int64]] = []
        self._used = 0

    @property
    def waiting(self) -> int:
        """Pixels that are kept for neighbours that have not come."""
        return sum(strip.size for strip in self._strips.values())

    def add(self, tile: Tile, regions: NDArray[np.integer]) -> NDArray[np.int32]:
        """Take in what was found in ``tile``.

        Args:
            tile: one of the grid's, each once.
            regions: of the tile's box; ids >= 0 that mean nothing outside it, 0 = in no region.

        Returns:
            the core's ids among all tiles', for :meth:`numbers`.

        Raises:
            InputError: there are more regions than an int32 can count.
        """
        local, ids = number_regions(regions)
        first, self._used = self._used, self._used + len(ids)
        if self._used > MAX_ID:
            raise InputError(
                f"There are more than {MAX_ID} regions in the tiles; let the source find fewer."
            )
        self._first[tile.place], self._counts[tile.place] = first, len(ids)
        for neighbour in self._grid.neighbours(tile):
            strip = local[slices(shared(tile.box, neighbour.box), tile.box)]
            other = self._strips.pop((neighbour.place, tile.place), None)
            if other is None:
                self._strips[tile.place, neighbour.place] = strip.copy()
                continue
            offset = np.array([first, self._first[neighbour.place]])
            self._pairs.append(matches(strip, other, self._threshold) + offset)
        core = local[slices(tile.core, tile.box)]
        core = np.where(core > 0, core + np.int32(first), 0).astype(np.int32)
        found = np.unique(core)
        self._seen.append(found[found > 0].astype(np.int64))
        return core

    def numbers(self) -> NDArray[np.int32]:
        """Return the final number of every id that :meth:`add` gave; entry 0 is 0.

        The numbers are 1 to n without gaps, those of earlier tiles first (row by row, whatever the
        order in which they came). A region that no core shows has none, and is 0 here.
        """
        from scipy.sparse import coo_array
        from scipy.sparse.csgraph import connected_components

        # ids in the order of the tiles and not of their coming, so that numbers do not depend on it
        spans = [(self._first[place], self._counts[place]) for place in sorted(self._first)]
        order = np.concatenate(
            [np.arange(first, first + count) for first, count in spans] or [np.zeros(0, np.int64)]
        )
        pairs = np.concatenate([np.zeros((0, 2), np.int64), *self._pairs]) - 1
        links = coo_array(
            (np.ones(len(pairs), np.int8), (pairs[:, 0], pairs[:, 1])), shape=(self._used,) * 2
        )
        _, group = connected_components(links, directed=False)
        shown = np.zeros(self._used, bool)
        shown[group[np.concatenate([np.zeros(0, np.int64), *self._seen]) - 1]] = True
        kept = group[order][shown[group[order]]]
        groups, at = np.unique(kept, return_index=True)
        number = np.zeros(max(self._used, 1), np.int32)
        number[groups[np.argsort(at)]] = np.arange(1, len(groups) + 1)
        return np.concatenate([np.zeros(1, np.int32), number[group]])


def join(
    grid: TileGrid,
    found: Iterable[tuple[Tile, NDArray[np.integer]]],
    threshold: float = THRESHOLD,
) -> NDArray[np.int32]:
    """Return the region map of a whole image from what was found in each tile, all in memory.

    Args:
        grid: the tiles.
        found: every tile with the ids of its box, in any order.
        threshold: see :func:`matches`.

    Returns:
        (H, W) int32, 1 to n without gaps, 0 = in no region.
    """
    joiner = Joiner(grid, threshold)
    regions = np.zeros(grid.size, np.int32)
    for tile, labels in found:
        regions[slices(tile.core)] = joiner.add(tile, labels)
    return joiner.numbers()[regions]
