"""The division of a large image: tiles that overlap, blocks that do not, one grid of windows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

from napari_corrclip.engine.tiles import check_tiles
from napari_corrclip.engine.window_count import Size
from napari_corrclip.images.boxes import Box


@dataclass(frozen=True)
class Tile:
    """A piece of the image with what it shares with its neighbours.

    Attributes:
        place: its row and column among the tiles.
        box: all that is looked at.
        core: the part that it decides; the cores of all tiles are a partition of the image.
    """

    place: tuple[int, int]
    box: Box
    core: Box


@dataclass(frozen=True)
class TileGrid:
    """Tiles of one size that overlap, so that all are seen at one scale; the last ends at the border.

    Attributes:
        size: rows and columns of the image.
        side: of a tile in pixels; an image smaller than that is one tile along that axis.
        overlap: pixels that neighbours share at least.
        pitch: tiles begin at its multiples, but for the last of a row or column, so that what a
            source lays over a tile with this period (SAM's points) is one grid over the image.
    """

    size: Size
    side: int
    overlap: int
    pitch: int = 1

    def __post_init__(self) -> None:
        """Look at the numbers."""
        check_tiles(self.side, self.overlap)
        if not 1 <= self.pitch <= self.side // 2:
            raise ValueError(f"a pitch of {self.pitch} pixels for tiles of {self.side}")

    @cached_property
    def tiles(self) -> tuple[Tile, ...]:
        """All tiles, row by row."""
        rows, columns = (_along(side, self.side, self.overlap, self.pitch) for side in self.size)
        return tuple(
            Tile((row, column), (t, le, b, r), (core_t, core_l, core_b, core_r))
            for row, ((t, b), (core_t, core_b)) in enumerate(rows)
            for column, ((le, r), (core_l, core_r)) in enumerate(columns)
        )

    @cached_property
    def _by_place(self) -> dict[tuple[int, int], Tile]:
        return {tile.place: tile for tile in self.tiles}

    def neighbours(self, tile: Tile) -> list[Tile]:
        """The tiles above, left, right and below."""
        row, column = tile.place
        places = ((row - 1, column), (row, column - 1), (row, column + 1), (row + 1, column))
        return [self._by_place[place] for place in places if place in self._by_place]


def _along(
    side: int, tile: int, overlap: int, pitch: int
) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    """(start, stop) of every tile along an axis, and of its core up to the middle of the overlaps."""
    tile = min(tile, side)
    stride = max(pitch, (tile - overlap) // pitch * pitch)
    starts = [*range(0, side - tile, stride), side - tile]
    middles = [(before + tile + after) // 2 for before, after in pairwise(starts)]
    cores = pairwise([0, *middles, side])
    return [((start, start + tile), core) for start, core in zip(starts, cores, strict=True)]


def blocks(box: Box, side: int) -> Iterator[Box]:
    """Divide ``box`` into squares of ``side`` that begin at its multiples, row by row."""
    top, left, bottom, right = box
    for t, b in _aligned(top, bottom, side):
        for le, r in _aligned(left, right, side):
            yield t, le, b, r


def _aligned(start: int, stop: int, side: int) -> Iterator[tuple[int, int]]:
    while start < stop:
        end = min(stop, (start // side + 1) * side)
        yield start, end
        start = end


def shared(one: Box, other: Box) -> Box:
    """What two boxes share; they do share something."""
    return (
        max(one[0], other[0]),
        max(one[1], other[1]),
        min(one[2], other[2]),
        min(one[3], other[3]),
    )


def slices(box: Box, origin: Sequence[int] = (0, 0)) -> tuple[slice, slice]:
    """Rows and columns of ``box`` in an array whose first pixel is at ``origin``."""
    top, left, bottom, right = box
    row, column = origin[:2]
    return slice(top - row, bottom - row), slice(left - column, right - column)
