"""The painting of overlapping masks over each other in order of area, which makes them one partition."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from napari_corrclip.errors import InputError
from napari_corrclip.maps.regions import number_regions

Painting = Literal["small-on-top", "large-on-top"]
PAINTINGS: tuple[Painting, ...] = ("small-on-top", "large-on-top")


def paint(
    masks: Sequence[NDArray[np.bool_]] | NDArray[np.bool_],
    order: Painting = "small-on-top",
    *,
    shape: tuple[int, int] | None = None,
    areas: Sequence[int] | NDArray[np.integer] | None = None,
) -> NDArray[np.int32]:
    """Paint ``masks`` over each other into one region map.

    Every covered pixel belongs to exactly one region: of the masks that hold it, to the smallest
    (``small-on-top``, keeps details) or the largest (``large-on-top``, as the published numbers);
    of equal areas to the later one.

    Ids are 1 to n without gaps, the largest mask first whatever the order of painting (by the
    mask's whole area; of equal ones the earlier first). A mask of which nothing is seen has no id.

    Args:
        masks: each (H, W) bool. They are taken one at a time, so a sequence may make each when
            asked; memory is that of the map.
        order: which mask is seen where two overlap.
        shape: (H, W); needed where there is no mask.
        areas: the masks' pixel counts, if known; else every mask is taken twice.

    Returns:
        (H, W) int32; 0 = in no mask.

    Raises:
        InputError: masks of different shapes, no mask and no shape, or an unknown order.
    """
    check_order(order)
    count = len(masks)
    if shape is None:
        if not count:
            raise InputError("There are no masks to paint; give the shape of the image.")
        shape = _shape(masks[0])
    if areas is None:
        areas = [int(np.count_nonzero(masks[index])) for index in range(count)]
    if len(areas) != count:
        raise InputError(f"There are {count} masks and {len(areas)} areas; give one for each mask.")
    painted, number = painting_order(areas, order)
    regions = np.zeros(shape, np.int32)
    for index in painted.tolist():
        mask = masks[index]
        if _shape(mask) != shape or mask.dtype != np.bool_:
            raise InputError(
                f"Mask {index} is {mask.dtype} of shape {mask.shape}; all must be bool of shape "
                f"{shape}."
            )
        regions[mask] = number[index]
    # A mask of which nothing is seen leaves a gap.
    return number_regions(regions)[0]


def painting_order(
    areas: Sequence[int] | NDArray[np.integer], order: Painting
) -> tuple[NDArray[np.intp], NDArray[np.int32]]:
    """Return in which order masks of these areas are painted, and each mask's id.

    Args:
        areas: (n,) pixels of the masks.
        order: see :func:`paint`.

    Returns:
        (n,) indices of the masks, the one that covers all others last; and (n,) ids from 1, the
        largest mask first.
    """
    # stable, so that equal areas keep the order of the input
    sizes = np.asarray(areas, np.int64)
    largest_first = np.argsort(-sizes, kind="stable")
    painted = largest_first if order == "small-on-top" else np.argsort(sizes, kind="stable")
    number = np.empty(len(sizes), np.int32)
    number[largest_first] = np.arange(1, len(sizes) + 1, dtype=np.int32)
    return painted, number


def check_order(order: str) -> None:
    """Raise an ``InputError`` where ``order`` is none of :data:`PAINTINGS`."""
    if order not in PAINTINGS:
        raise InputError(f"{order!r} is no painting order; choose {' or '.join(PAINTINGS)}.")


def _shape(mask: NDArray[np.bool_]) -> tuple[int, int]:
    if mask.ndim != 2:
        raise InputError(f"A mask has shape {mask.shape}; masks are (height, width).")
    return mask.shape[0], mask.shape[1]
