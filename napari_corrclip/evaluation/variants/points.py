"""Few points first: SAM is asked at a coarse grid, and at more points only where that left something open.

A point of the fine grid is asked where the coarse grid's partition left pixels in no region, or, by margin,
in regions whose two best classes are less than m apart in mean probability, too. What is found there fills
these pixels alone, behind the regions that there are. (Asked all together, the new masks would take part in
the suppression of overlapping boxes, and large masks that cover the ground would go.) The published source
asks all points of one grid.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict

import numpy as np
from numpy.typing import NDArray
from segment_anything.utils.amg import build_point_grid

from napari_corrclip.maps.regions import number_regions
from napari_corrclip.progress import Steps
from napari_corrclip.regions.protocol import Partition
from napari_corrclip.regions.sam import SamRegions

Open = Callable[[NDArray[np.uint8], NDArray[np.int32]], Steps[NDArray[np.bool_]]]
"""What is open after the first points: of an image and its regions (H, W) bool."""


def open_points(points: NDArray[np.float64], open_: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return those of the points (n, 2), x and y from 0 to 1, that lie where (H, W) ``open_`` is true."""
    height, width = open_.shape
    columns, rows = np.clip(points * (width, height), 0, (width - 1, height - 1)).astype(int).T
    chosen: NDArray[np.float64] = points[np.flatnonzero(open_[rows, columns])]
    return chosen


def filled(
    regions: NDArray[np.int32], found: NDArray[np.int32], open_: NDArray[np.bool_]
) -> NDArray[np.int32]:
    """Return regions with those that were found later where they are open, numbered without gaps.

    Args:
        regions: (H, W) ids, 0 = in no region.
        found: (H, W) ids, likewise; where there is none, what was there stays.
        open_: (H, W) bool.
    """
    later = np.where(open_ & (found > 0), found.astype(np.int64) + int(regions.max()), regions)
    return number_regions(later)[0]


def missing(_: NDArray[np.uint8], regions: NDArray[np.int32]) -> Steps[NDArray[np.bool_]]:
    """Return what is in no region."""
    yield from ()
    open_: NDArray[np.bool_] = regions == 0
    return open_


class AdaptivePoints(SamRegions):
    """SAM's masks at a coarse grid of points, then at those of a fine one that are still open.

    Args:
        like: whose network and options are taken.
        coarse: side of the first grid.
        fine: side of the second one; 0: there is none.
        open_: what is open; ``None``: what is in no region.

    Attributes:
        asked: how many points every image was asked at, in turn.
    """

    def __init__(self, like: SamRegions, coarse: int, fine: int, open_: Open | None = None) -> None:
        options = asdict(like.options) | {"points_per_side": coarse}
        super().__init__(like.sam, **options)
        self.fine = fine
        self.open = missing if open_ is None else open_
        self.asked: list[int] = []

    def partition(self, image: NDArray[np.uint8]) -> Steps[Partition]:
        """Divide an image; see the protocol."""
        embedding = yield from self.encode(image)
        first = build_point_grid(self.options.points_per_side)
        regions = (yield from self.divide(embedding, first)).copy()
        asked = len(first)
        if self.fine:
            open_ = yield from self.open(image, regions)
            more = open_points(build_point_grid(self.fine), open_)
            asked += len(more)
            if len(more):
                found = yield from self.divide(embedding, more)
                regions = filled(regions, found, open_)
        self.asked.append(asked)
        return Partition(regions, embedding)
