"""The outlines of all segments of a map at once: rings along the edges of pixels, or through their centres.

A *segment* is all pixels of one number; its outline turns at *corners*, which are found from each 2 × 2
pixels. On a line of the pixels' grid a segment's corners are joined in pairs, so that sorting them gives all
straight edges; which edge follows another is known at each corner, with the segment on the right hand. Rings
are the cycles of this permutation. Time and memory are those of the corners: no loop is over pixels, segments
or rings.

Where two pixels of a segment touch by a corner alone, connectivity says what they are. By 4 they are apart,
except where one ring would come there twice: it becomes a ring and a hole that touches it, since no ring of a
valid polygon may meet itself. By 8 they are one part.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import breadth_first_order, connected_components

Connectivity = Literal[4, 8]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, eq=False, slots=True)
class Outlines:
    """The outlines of a map's segments, ring after ring, by ascending segment.

    A ring's points are its corners, on the edges of pixels: row 0 is the upper edge of the first row. None
    lies between two others on one line, and the first is not repeated at the end.

    Attributes:
        segments: (R,) int64, whose ring each is.
        begins: (R + 1,) int64, where each ring's points begin.
        rows: (n,) int64, of the points.
        columns: (n,) int64, of the points.
        areas: (R,) int64 pixels that the ring holds; negative: it is a hole.
        outer: (R,) int64, the number of the ring that a hole is in; of a ring that is none its own.
    """

    segments: Ints
    begins: Ints
    rows: Ints
    columns: Ints
    areas: Ints
    outer: Ints

    def parts(self) -> Iterator[tuple[int, list[list[int]]]]:
        """Yield each segment's number with its parts: the outer ring's number, and those of its holes."""
        order = np.lexsort((self.outer != np.arange(len(self.outer)), self.outer, self.segments))
        parts: list[list[int]] = []
        last = -1
        for ring, segment, outer in zip(
            order.tolist(), self.segments[order].tolist(), self.outer[order].tolist(), strict=True
        ):
            if segment != last:
                if parts:
                    yield last, parts
                parts, last = [], segment
            if ring == outer:
                parts.append([ring])
            else:
                parts[-1].append(ring)
        if parts:
            yield last, parts


@dataclass(frozen=True, eq=False, slots=True)
class Paths:
    """Closed paths through the centres of the outermost pixels of each part of a map's segments.

    Parts are connected by sides or corners. From a point to the next it goes along a row, a column or a
    diagonal, over pixels of the part alone; around a hole it comes and leaves along one row. So the pixels
    that it goes over and those inside, by even and odd, are the very part.

    Attributes:
        segments: (P,) int64, whose part each is, ascending.
        begins: (P + 1,) int64, where each path's points begin.
        rows: (n,) int64, of the pixels.
        columns: (n,) int64, of the pixels.
    """

    segments: Ints
    begins: Ints
    rows: Ints
    columns: Ints


def outlines(
    bands: Iterable[NDArray[np.integer]], width: int, connectivity: Connectivity = 4
) -> Outlines:
    """Return the outlines of a map's segments.

    Args:
        bands: pieces of whole rows of the map from the top to the bottom; numbers >= 0, 0 is in no segment.
        width: columns of the map.
        connectivity: what pixels are that touch by a corner alone.
    """
    return _Linked.of(_Corners.of(bands, width, connectivity), connectivity).outlines()


def paths(bands: Iterable[NDArray[np.integer]], width: int) -> Paths:
    """Return the paths through the outermost pixels of a map's segments.

    Args:
        bands: as of :func:`outlines`.
        width: columns of the map.
    """
    return _Linked.of(_Corners.of(bands, width, 8), 8).paths()


@dataclass(frozen=True, eq=False, slots=True)
class _Corners:
    """The corners of all segments; at a crossing of the grid there may be several.

    Attributes:
        segment: (n,) index of the segment.
        row: (n,) line of the grid.
        column: (n,) line of the grid.
        right: (n,) whether its edge along the row goes to the right from here; else to the left.
        down: (n,) whether its edge along the column goes down from here; else up.
        hollow: (n,) whether the pixel between its edges is not the segment's.
        run: (n,) where the run of the segment's pixels begins that ends left below; -1: there is none.
        numbers: (S,) of the segments, ascending.
        height: rows of the map.
        width: columns of the map.
    """

    segment: Ints
    row: Ints
    column: Ints
    right: Flags
    down: Flags
    hollow: Flags
    run: Ints
    numbers: Ints
    height: int
    width: int

    @classmethod
    def of(
        cls, bands: Iterable[NDArray[np.integer]], width: int, connectivity: Connectivity
    ) -> _Corners:
        """Find them in each 2 × 2 pixels that are not of two equal halves."""
        found: list[tuple[NDArray[Any], ...]] = []
        last = np.zeros(width + 2, np.int64)
        top = 0
        for band in _and_an_end(bands, width):
            below = np.zeros((len(band), width + 2), np.int64)
            below[:, 1:-1] = band
            pixels = np.concatenate([last[None], below])
            found += _corners_between(pixels, top, connectivity)
            last = below[-1]
            top += len(band)
        number, row, column, right, down, hollow, run = (
            np.concatenate(arrays) for arrays in zip(*found, strict=True)
        )
        numbers, segment = np.unique(number, return_inverse=True)
        return cls(
            segment.astype(np.int64), row, column, right, down, hollow, run, numbers, top - 1, width
        )


def _and_an_end(bands: Iterable[NDArray[np.integer]], width: int) -> Iterator[NDArray[np.integer]]:
    """Yield bands that have rows, and a row of no segment below them."""
    for band in bands:
        if len(band):
            yield band
    yield np.zeros((1, width), np.int64)


def _corners_between(
    pixels: Ints, top: int, connectivity: Connectivity
) -> Iterator[tuple[NDArray[Any], ...]]:
    """Yield the corners that lie below the first of some rows and above the last, a kind after another."""
    beside = pixels[:, :-1] != pixels[:, 1:]
    above = pixels[:-1] != pixels[1:]
    mixed = (beside[:-1] | beside[1:]) & (above[:, :-1] | above[:, 1:])
    row, column = np.nonzero(mixed)
    del above, mixed
    # Of the run of pixels left below the crossing, the first one.
    starts = np.flatnonzero(beside[1:])
    place = row * beside.shape[1] + column
    before = np.searchsorted(starts, place) - 1
    run = starts[before] - row * beside.shape[1] if len(starts) else place
    del beside, starts, place, before
    quarters = {
        (down, right): pixels[row + down, column + right]
        for down in (False, True)
        for right in (False, True)
    }
    left_below, right_below = quarters[True, False], quarters[True, True]
    for (down, right), here in quarters.items():
        along, across = quarters[down, not right], quarters[not down, right]
        opposite = quarters[not down, not right]
        alone = (here > 0) & (here != along) & (here != across)
        missing = (along > 0) & (along == across) & (along != here)
        if connectivity == 4:
            missing &= opposite == along
        else:
            alone &= opposite != here
        for number, chosen, hollow in ((here, alone, False), (along, missing, True)):
            at = np.flatnonzero(chosen)
            one = number[at]
            starts_there = (one == left_below[at]) & (one != right_below[at])
            yield (
                one,
                row[at] + top,
                column[at],
                np.full(len(at), right),
                np.full(len(at), down),
                np.full(len(at), hollow),
                np.where(starts_there, run[at], -1),
            )


@dataclass(frozen=True, eq=False, slots=True)
class _Linked:
    """Corners with the one that follows each along its ring.

    Attributes:
        corners: by segment, row and column: those of an edge along a row follow one another.
        following: (n,) the index of the next corner.
        below: (n,) indices by segment, column and row: those of an edge along a column follow one another.
        ring: (n,) each one's ring.
        begins: (R,) the first corner of each ring, ascending.
    """

    corners: _Corners
    following: Ints
    below: Ints
    ring: Ints
    begins: Ints

    @classmethod
    def of(cls, found: _Corners, connectivity: Connectivity) -> _Linked:
        """Link corners."""
        by_row = (
            (found.segment * (found.height + 1) + found.row) * (found.width + 1) + found.column
        ) * 2 + found.right
        order = np.argsort(by_row)
        by_row = by_row[order]
        columns = {name: getattr(found, name)[order] for name in _COLUMNS}
        corners = replace(found, **columns)
        below = np.argsort(_by_column(corners, corners.row) * 2 + corners.down)
        along = np.arange(len(order)) ^ 1
        across = np.empty_like(below)
        across[below] = below[np.arange(len(order)) ^ 1]
        leaves_along = (corners.right == corners.down) != corners.hollow
        following = np.where(leaves_along, along, across)
        ring, begins = _cycles(following)
        if connectivity == 4:
            # Two corners of one ring at one crossing.
            at = np.flatnonzero((by_row[1:] >> 1 == by_row[:-1] >> 1) & (ring[1:] == ring[:-1]))
            if len(at):
                following[at], following[at + 1] = following[at + 1], following[at]
                ring, begins = _cycles(following)
        return cls(corners, following, below, ring, begins)

    def outlines(self) -> Outlines:
        """Return the rings."""
        order = _along(self.following, self.begins)
        corners = self.corners
        counts = np.bincount(self.ring, minlength=len(self.begins))
        begins = np.concatenate([[0], np.cumsum(counts)])
        rows, columns = corners.row[order], corners.column[order]
        areas = self._areas()
        outer = np.arange(len(self.begins))
        holes = np.flatnonzero(areas < 0)
        _, tops = self._edges_left_of(holes)
        outer[holes] = self.ring[tops]
        return Outlines(
            corners.numbers[corners.segment[self.begins]],
            begins,
            rows,
            columns,
            areas,
            _roots(outer),
        )

    def _areas(self) -> Ints:
        """Return the pixels in each ring: of its edges along columns, those on their left hand."""
        rows = self.corners.row
        found = np.zeros(len(self.begins), np.int64)
        np.add.at(found, self.ring, self.corners.column * (rows[self.following] - rows))
        return found

    def _edges_left_of(self, holes: Ints) -> tuple[Ints, Ints]:
        """Return the corners where an edge begins and ends, upwards, left of the first pixel of each hole.

        Between the edge and the hole are pixels of its segment alone, so that both bound one part of it.
        It is of the ring of its end: a corner stays in the ring in which it is come to, also where two were
        joined in another way.
        """
        corners = self.corners
        first = self.begins[holes]
        tops = self.below[0::2]
        keys = _by_column(corners, corners.row)[tops]
        wanted = (corners.segment[first] * (corners.width + 1) + corners.run[first]) * (
            corners.height + 1
        ) + corners.row[first]
        at = np.searchsorted(keys, wanted, side="right") - 1
        return self.below[1::2][at], tops[at]

    def paths(self) -> Paths:
        """Return the paths: each corner becomes the pixels on both of its edges, each hole three more.

        Those are where its path begins at the edge left of it, where it comes back, and the hole's first
        pixel once more.
        """
        corners, count = self.corners, len(self.following)
        row, column = corners.row, corners.column
        leaves_along = (corners.right == corners.down) != corners.hollow
        # The edge along the row has the segment below it where the pixel between the edges says so.
        under = corners.down != corners.hollow
        side = corners.right != corners.hollow
        edge_row, edge_column = row - ~under, column - ~corners.right  # of the edge along the row
        line_row, line_column = row - ~corners.down, column - ~side  # of the edge along the column
        come = (
            np.where(leaves_along, line_row, edge_row),
            np.where(leaves_along, line_column, edge_column),
        )
        leave = (
            np.where(leaves_along, edge_row, line_row),
            np.where(leaves_along, edge_column, line_column),
        )
        holes = np.flatnonzero(self._areas() < 0)
        edges, _ = self._edges_left_of(holes)
        first = self.begins[holes]
        hole_row, left = row[first], corners.run[first]
        rows = np.concatenate([come[0], leave[0], hole_row, hole_row, hole_row])
        columns = np.concatenate([come[1], leave[1], left, column[first] - 1, left])
        # Nodes: corners as they are come to, as they are left, holes that begin, their ends, the ways back.
        following = np.concatenate([np.arange(count) + count, self.following])
        begin = 2 * count + np.arange(len(holes))
        end, back = begin + len(holes), begin + 2 * len(holes)
        # Along an edge upwards the lowest hole comes first.
        order = np.lexsort((-hole_row, edges))
        begin, end, back, edges, first = (a[order] for a in (begin, end, back, edges, first))
        same = np.flatnonzero(edges[1:] == edges[:-1])
        after = following[count + edges]
        after[same] = begin[same + 1]
        fresh = np.ones(len(edges), np.bool_)
        fresh[same + 1] = False
        following = np.concatenate([following, np.empty(3 * len(holes), np.int64)])
        following[count + edges[fresh]] = begin[fresh]
        following[begin], following[first] = first + count, end
        following[end], following[back] = back, after
        return self._cleaned(following, rows, columns)

    def _cleaned(self, following: Ints, rows: Ints, columns: Ints) -> Paths:
        """Order the points of paths, and leave out those that do not turn."""
        path, begins = _cycles(following)
        order = _along(following, begins)
        segments = self.corners.segment[
            begins
        ]  # the first node of a path is a corner as it is come to
        path, rows, columns = path[order], rows[order], columns[order]
        for look in (_is_new, _turns):
            kept = look(path, rows, columns)
            path, rows, columns = path[kept], rows[kept], columns[kept]
        counts = np.bincount(path, minlength=len(begins))
        return Paths(
            self.corners.numbers[segments], np.concatenate([[0], np.cumsum(counts)]), rows, columns
        )


_COLUMNS = ("segment", "row", "column", "right", "down", "hollow", "run")


def _by_column(corners: _Corners, rows: Ints) -> Ints:
    found: Ints = (corners.segment * (corners.width + 1) + corners.column) * (
        corners.height + 1
    ) + rows
    return found


def _cycles(following: Ints) -> tuple[Ints, Ints]:
    """Return the cycle of each element of a permutation, and each cycle's first one, ascending."""
    count = len(following)
    if not count:
        return following, following
    graph = csr_array(
        (np.ones(count, np.int8), following, np.arange(count + 1)), shape=(count, count)
    )
    number, cycle = connected_components(graph, directed=False)
    first = np.empty(number, np.int64)
    first[cycle[::-1]] = np.arange(count)[::-1]  # the last one written is the first element
    order = np.argsort(first)
    rank = np.empty_like(order)
    rank[order] = np.arange(number)
    return rank[cycle], first[order]


def _along(following: Ints, begins: Ints) -> Ints:
    """Return the elements of a permutation's cycles, each from its first on, one cycle after another."""
    count = len(following)
    if not count:
        return following
    # All cycles are cut open and become one chain, which a search then goes along.
    before = np.empty_like(following)
    before[following] = np.arange(count)
    chain = following.copy()
    ends = before[begins]
    chain[ends[:-1]] = begins[1:]
    counts = np.ones(count, np.int64)
    counts[ends[-1]] = 0
    targets = np.delete(chain, ends[-1])
    graph = csr_array(
        (np.ones(count - 1, np.int8), targets, np.concatenate([[0], np.cumsum(counts)])),
        shape=(count, count),
    )
    order = breadth_first_order(graph, begins[0], return_predecessors=False)
    return np.asarray(order, np.int64)


def _roots(parents: Ints) -> Ints:
    """Return where each element's parents lead to: one that is its own parent."""
    while True:
        further = parents[parents]
        if np.array_equal(further, parents):
            return parents
        parents = further


def _before(path: Ints) -> Ints:
    """Return the index of the point before each one on its path, which is closed."""
    index = np.arange(len(path))
    first = np.ones(len(path), np.bool_)
    first[1:] = path[1:] != path[:-1]
    starts = np.flatnonzero(first)
    before = index - 1
    before[starts] = np.append(starts[1:], len(path)) - 1
    return before


def _is_new(path: Ints, rows: Ints, columns: Ints) -> Flags:
    """Return which points are not where the one before is; of a path at one place one stays."""
    before = _before(path)
    moved: Flags = (rows != rows[before]) | (columns != columns[before])
    still = np.bincount(path, moved) == 0
    first = np.ones(len(path), np.bool_)
    first[1:] = path[1:] != path[:-1]
    found: Flags = moved | (first & still[path])
    return found


def _turns(path: Ints, rows: Ints, columns: Ints) -> Flags:
    """Return where paths do not go straight on; no two points that follow each other are one."""
    before = _before(path)
    after = np.empty_like(before)
    after[before] = np.arange(len(before))
    down, right = np.sign(rows - rows[before]), np.sign(columns - columns[before])
    found: Flags = (
        (down != down[after]) | (right != right[after]) | (before == np.arange(len(path)))
    )
    return found
