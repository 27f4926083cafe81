"""The pixels inside of rings: the inverse of outlines, for rings of whoever drew them.

What is inside is told by even and odd: a hole is a ring inside of another one. The pixels are found as runs
along rows, of all rings together, in pieces of bounded memory.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Rule = Literal["centres", "border"]
"""Which pixels are in: those whose centre is inside, of points on the edges of pixels; or those on the lines,
too, of points that are pixels, as OpenCV fills polygons."""
_Runs = tuple[Ints, Ints, Ints]
"""Of runs, owner * rows + row, the first pixel and the one behind the last."""
_PIECE = 1 << 15
"""Crossings of rows, or pixels, that are looked at together."""


@dataclass(frozen=True, eq=False, slots=True)
class Filled:
    """The pixels inside of rings, as runs along rows.

    Attributes:
        owners: (n,) int64, whose pixels they are, ascending.
        starts: (n,) int64, the place of the first pixel where rows follow one another.
        lengths: (n,) int64 pixels, at least 1; no run goes on in the next row.
    """

    owners: Ints
    starts: Ints
    lengths: Ints


def filled(
    owners: Ints,
    begins: Ints,
    rows: NDArray[Any],
    columns: NDArray[Any],
    shape: tuple[int, int],
    rule: Rule = "centres",
) -> Iterator[Filled]:
    """Yield the pixels inside of rings, in pieces of ascending owners; nothing lies outside of the image.

    Args:
        owners: (R,) whose ring each is, ascending; rings of one owner are filled together.
        begins: (R + 1,) where each ring's points begin.
        rows: (n,) of the points; whole pixels of the image where the rule is ``border``.
        columns: (n,) of the points, likewise.
        shape: rows and columns of the image.
        rule: which pixels are in.
    """
    edges = _Edges.of(owners, begins, rows, columns, shape, rule)
    looked_at = np.bincount(edges.owners, edges.crossings)
    for owner, last in _together(looked_at):
        some = edges.part(slice(*np.searchsorted(edges.owners, (owner, last)).tolist()))
        if last == owner + 1 and looked_at[owner] > _PIECE:
            yield from some.in_pieces()
        elif len(some.owners):
            yield some.found([some.inside(0, shape[0]), some.border()])


def paint(
    target: NDArray[Any],
    found: Filled,
    values: NDArray[Any] | int,
    where: NDArray[Any] | None = None,
) -> None:
    """Give the pixels of runs their owners' values; where runs overlap, the last owner's.

    Args:
        target: (H, W), changed.
        found: of :func:`filled`.
        values: (owners,) of each owner, or one of all.
        where: (H, W), ``None``: everywhere; else where it is true.
    """
    flat = target.reshape(-1)
    for first, last in _together(found.lengths):
        lengths = found.lengths[first:last]
        before = np.cumsum(lengths) - lengths
        at = np.repeat(found.starts[first:last] - before, lengths) + np.arange(lengths.sum())
        given: Any = values
        if isinstance(values, np.ndarray):
            given = np.repeat(values[found.owners[first:last]], lengths)
        if where is not None:
            inside = where.reshape(-1)[at]
            at = at[inside]
            given = given[inside] if isinstance(values, np.ndarray) else given
        flat[at] = given


def _together(amounts: NDArray[Any]) -> Iterator[tuple[int, int]]:
    """Yield the first and the last index + 1 of what is looked at together: one, or several of few in all."""
    ends = np.cumsum(amounts)
    first = 0
    while first < len(ends):
        done = ends[first - 1] if first else 0
        last = max(first + 1, int(np.searchsorted(ends, done + _PIECE, side="right")))
        yield first, last
        first = last


@dataclass(frozen=True, eq=False, slots=True)
class _Edges:
    """The edges of rings, and the rows that they cross.

    Attributes:
        owners: (n,), ascending.
        points: (n, 4), column and row where each begins, column and row where it ends.
        tops: (n,) the first row that each crosses.
        bottoms: (n,) the row below the last one.
        shape: rows and columns of the image.
        rule: which pixels are in.
    """

    owners: Ints
    points: NDArray[Any]
    tops: Ints
    bottoms: Ints
    shape: tuple[int, int]
    rule: Rule

    @classmethod
    def of(
        cls,
        owners: Ints,
        begins: Ints,
        rows: NDArray[Any],
        columns: NDArray[Any],
        shape: tuple[int, int],
        rule: Rule,
    ) -> _Edges:
        counts = np.diff(begins)
        after = np.arange(1, len(rows) + 1)
        some = counts > 0
        after[begins[1:][some] - 1] = begins[:-1][some]
        points = np.stack([columns, rows, columns[after], rows[after]], axis=1)
        low, high = np.minimum(rows, rows[after]), np.maximum(rows, rows[after])
        if rule == "centres":
            low, high = np.ceil(low - 0.5), np.ceil(high - 0.5)
        tops = np.clip(low, 0, shape[0]).astype(np.int64)
        bottoms = np.clip(high, 0, shape[0]).astype(np.int64)
        return cls(np.repeat(owners, counts), points, tops, bottoms, shape, rule)

    @property
    def crossings(self) -> Ints:
        """How many rows, or pixels of its line, each edge is looked at in."""
        if self.rule == "centres":
            return self.bottoms - self.tops + 1
        long = np.abs(self.points[:, :2] - self.points[:, 2:]).max(axis=1)
        return np.where(self.points[:, 1] == self.points[:, 3], 1, long + 1)

    def part(self, cut: slice) -> _Edges:
        """Return some of them."""
        return _Edges(
            self.owners[cut],
            self.points[cut],
            self.tops[cut],
            self.bottoms[cut],
            self.shape,
            self.rule,
        )

    def in_pieces(self) -> Iterator[Filled]:
        """Yield the pixels of one owner, of some rows or lines at a time."""
        height = self.shape[0]
        changes = np.bincount(self.tops, minlength=height + 1)
        changes -= np.bincount(self.bottoms, minlength=height + 1)
        for top, bottom in _together(np.cumsum(changes)[:-1]):
            yield self.found([self.inside(top, bottom)])
        if self.rule == "border":
            for first, last in _together(self.crossings):
                yield self.found([self.part(slice(first, last)).border()])

    def found(self, runs: Sequence[_Runs]) -> Filled:
        """Return runs by their owners."""
        height, width = self.shape
        lines, lefts, rights = (np.concatenate(arrays) for arrays in zip(*runs, strict=True))
        kept = np.flatnonzero(rights > lefts)
        lines, lefts, lengths = lines[kept], lefts[kept], rights[kept] - lefts[kept]
        owners, rows = np.divmod(lines, max(height, 1))
        order = np.argsort(owners, kind="stable")
        return Filled(owners[order], (rows * width + lefts)[order], lengths[order])

    def inside(self, top: int, bottom: int) -> _Runs:
        """Return the pixels of some rows that are inside."""
        tops = np.maximum(self.tops, top)
        counts = np.maximum(np.minimum(self.bottoms, bottom) - tops, 0)
        edge = np.repeat(np.arange(len(counts)), counts)
        row = np.arange(len(edge)) - np.repeat(np.cumsum(counts) - counts - tops, counts)
        centres = self.rule == "centres"
        begin, end = (self._columns_centres if centres else self._columns_border)(edge, row)
        # A ring crosses each row an even number of times: the pixels are between a crossing and the next.
        line = self.owners[edge] * self.shape[0] + row
        order = np.lexsort((begin, line))
        first, second = order[0::2], order[1::2]
        width = self.shape[1]
        return line[first], np.clip(begin[first], 0, width), np.clip(end[second], 0, width)

    def _columns_centres(self, edge: Ints, row: Ints) -> tuple[Ints, Ints]:
        """Return the first pixel whose centre is right of each crossing, where runs begin and end."""
        from_column, from_row, to_column, to_row = self.points[edge].astype(np.float64).T
        share = (row + 0.5 - from_row) / (to_row - from_row)
        found = np.ceil(from_column + share * (to_column - from_column) - 0.5)
        columns: Ints = np.clip(found, -1, self.shape[1] + 1).astype(np.int64)
        return columns, columns

    def _columns_border(self, edge: Ints, row: Ints) -> tuple[Ints, Ints]:
        """Return the first pixel from each crossing on, and the one behind the last up to it.

        Crossings are in OpenCV's fixed point; what lies on the lines themselves is drawn beside it.
        """
        from_column, from_row, to_column, to_row = _turned(self.points, 1).T
        rise = np.maximum(to_row - from_row, 1)
        run = (to_column - from_column) << 16
        slope = np.sign(run) * (np.abs(run) // rise)
        place = (from_column[edge] << 16) + slope[edge] * (row - from_row[edge])
        return -(-place >> 16), (place >> 16) + 1

    def border(self) -> _Runs:
        """Return the pixels on the lines, as Bresenham draws them from the left to the right."""
        if self.rule == "centres":
            return (np.zeros(0, np.int64),) * 3
        height = self.shape[0]
        points = _turned(self.points, 0)
        across, down = points[:, 2] - points[:, 0], points[:, 3] - points[:, 1]
        level, slanted = np.flatnonzero(down == 0), np.flatnonzero(down != 0)
        across, down = across[slanted], down[slanted]
        long = np.maximum(across, np.abs(down))
        short = np.minimum(across, np.abs(down))
        edge = np.repeat(np.arange(len(slanted)), long + 1)
        step = np.arange(len(edge)) - np.repeat(np.cumsum(long + 1) - long - 1, long + 1)
        # The whole number that is nearest to step * short / long; of a tie the smaller one.
        aside = -((long[edge] - 2 * step * short[edge]) // (2 * long[edge]))
        steep = (np.abs(down) > across)[edge]
        column = points[slanted[edge], 0] + np.where(steep, aside, step)
        row = points[slanted[edge], 1] + np.sign(down)[edge] * np.where(steep, step, aside)
        lines = self.owners[slanted[edge]] * height + row
        return (
            np.concatenate([self.owners[level] * height + points[level, 1], lines]),
            np.concatenate([points[level, 0], column]),
            np.concatenate([points[level, 2], column]) + 1,
        )


def _turned(points: NDArray[Any], by: Literal[0, 1]) -> Ints:
    """Return edges that begin where they are leftmost (0) or topmost (1)."""
    found = points.astype(np.int64)
    turned = found[:, by] > found[:, by + 2]
    found[turned] = found[turned][:, [2, 3, 0, 1]]
    return found
