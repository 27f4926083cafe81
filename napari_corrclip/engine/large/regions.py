"""Regions of a large image: found tile by tile, with overlap, and joined across the tiles' borders."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_corrclip.engine.large.grid import TileGrid, blocks, slices
from napari_corrclip.engine.large.joining import Joiner
from napari_corrclip.engine.large.reading import LazyImage, reduced
from napari_corrclip.errors import InputError
from napari_corrclip.maps.regions import check_regions
from napari_corrclip.progress import Progress, Steps, T, retold
from napari_corrclip.regions.protocol import RegionSource

_FRAME = 1024
# A source is shown a tile at most so wide: SAM looks at 1024 pixels of it whatever it gets, and what
# it finds in a larger one costs memory without being finer.
_SHOWN = 2048


def default_tile(source: RegionSource, scale: float) -> int:
    """The side in pixels of which a source sees as much as the windows do, at ``scale``.

    SAM looks at every image at its own size, 1024 pixels; for other sources it is the same.
    """
    from napari_corrclip.regions.sam import SamRegions

    frame = int(source.sam.image_encoder.img_size) if isinstance(source, SamRegions) else _FRAME
    return max(64, round(frame / scale))


def tile_grid(
    size: tuple[int, int],
    scale: float,
    source: RegionSource,
    tile: int | None = None,
    overlap: int | None = None,
) -> TileGrid:
    """Return the tiles in which ``source`` finds regions.

    SAM's points are one grid over the whole image where a tile is a multiple of their number wide:
    neighbours are then asked at the same places, and their masks differ less.

    Args:
        size: of the image.
        scale: at which windows see it.
        source: what is shown the tiles.
        tile: side in pixels; ``None``: :func:`default_tile`.
        overlap: pixels that neighbours share at least; ``None``: a quarter of a tile.

    Raises:
        InputError: the numbers cannot be.
    """
    points = int(source.describe().get("points_per_side", 0))
    side = tile
    if side is None:
        side = default_tile(source, scale)
        side = max(points, side // points * points) if points else side
    grid = TileGrid(size, side, side // 4 if overlap is None else overlap)
    if points < 2 or side % points:
        return grid
    return replace(grid, pitch=side // points)


def find_regions(grid: TileGrid, image: LazyImage, source: RegionSource, store: Any) -> Steps[int]:
    """Divide every tile by ``source`` and write the regions of the whole image.

    Args:
        grid: the tiles.
        image: of the grid's size.
        source: sees one tile at a time.
        store: (H, W) int32 that pieces are written to and read from; gets 1 to n, 0 = in no region.

    Returns:
        n.

    Raises:
        InputError: a tile cannot be divided, or what the source gives are no regions.
    """
    joiner = Joiner(grid)
    factor = -(-grid.side // _SHOWN)
    for done, tile in enumerate(grid.tiles):
        event = Progress("regions", done, len(grid.tiles))
        yield event
        shown = reduced(image, tile.box, factor)
        found = check_regions((yield from _telling(source.segment(shown), event)))
        if found.shape != shown.shape[:2]:
            raise InputError(
                f"The region source {source.name!r} gave regions of shape {found.shape} for a tile "
                f"of {shown.shape[:2]}; let it give a region map of what it is shown."
            )
        store[slices(tile.core)] = joiner.add(tile, _enlarged(found, factor, tile.box))
    numbers = joiner.numbers()
    whole = (0, 0, *grid.size)
    boxes = list(blocks(whole, store.chunks[0]))
    for done, box in enumerate(boxes):
        yield Progress("joining", done, len(boxes))
        store[slices(box)] = numbers[store[slices(box)]]
    return int(numbers.max())


def _enlarged(
    regions: NDArray[np.int32], factor: int, box: tuple[int, int, int, int]
) -> NDArray[np.int32]:
    if factor == 1:
        return regions
    large = regions.repeat(factor, axis=0).repeat(factor, axis=1)
    return large[: box[2] - box[0], : box[3] - box[1]]


def _telling(steps: Steps[T], event: Progress) -> Steps[T]:
    """Drive ``steps`` and yield ``event`` wherever they can be cancelled; return their result."""
    return retold(steps, lambda _: event)
