"""Region maps: integer images of ids; 0 is what is in no region."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_corrclip.errors import InputError
from napari_corrclip.storage.frozen import closed

_MAX_ID = int(np.iinfo(np.int32).max)


def check_regions(array: ArrayLike) -> NDArray[np.int32]:
    """Return a read-only (H, W) int32 copy of a region map with the ids as they are.

    Raises:
        InputError: it is not of integers, has negative ids or ids above 2147483647, or is not 2-D.
    """
    if isinstance(array, np.ma.MaskedArray):
        array = array.filled(0)  # what is hidden is in no region
    regions = np.asarray(array)
    if regions.ndim != 2:
        raise InputError(
            f"The regions have shape {regions.shape}; give one 2-D array of (height, width)."
        )
    if regions.dtype == np.bool_:
        raise InputError(
            "The regions are bool, a mask and not regions; number its parts first, for example "
            "with skimage.measure.label."
        )
    if regions.dtype.kind not in "iu":
        raise InputError(
            f"The regions are {regions.dtype}; give whole numbers, such as uint16 or int32 labels."
        )
    if regions.size:
        low, high = int(regions.min()), int(regions.max())
        if low < 0:
            raise InputError(
                f"The regions hold the negative id {low}; use 0 for unsegmented pixels and ids "
                "from 1 on."
            )
        if high > _MAX_ID:
            raise InputError(
                f"The regions hold the id {high}, above {_MAX_ID}; renumber them, for example with "
                "skimage.segmentation.relabel_sequential."
            )
    kept: NDArray[np.int32] = closed(regions.astype(np.int32))
    return kept


def as_ids(ids: NDArray[np.integer]) -> NDArray[np.int32] | NDArray[np.uint16]:
    """Return ids of the type that takes less: uint16 where all of them fit, else int32.

    Args:
        ids: of regions, from 0 to 2147483647, of any shape.
    """
    if id_type(int(ids.max(initial=0))) is np.uint16:
        return ids.astype(np.uint16, copy=False)
    return ids.astype(np.int32, copy=False)


def id_type(highest: int) -> type[np.uint16] | type[np.int32]:
    """Return the type of ids up to one: uint16, which every program reads, where all fit, else int32."""
    return np.uint16 if highest <= np.iinfo(np.uint16).max else np.int32


def with_new_ids(ids: Sequence[int | None]) -> NDArray[np.int32]:
    """Return ids, with new ones where there is none: those behind the highest, else the lowest that are free.

    Args:
        ids: from 0 to 2147483647; ``None``: a new one, no two alike.
    """
    known = {each for each in ids if each is not None}
    begin = max(known, default=0) + 1
    wanted = sum(each is None for each in ids)
    spare = count(begin if begin + wanted - 1 <= _MAX_ID else 1)
    new = (each for each in spare if each not in known)
    return np.array([next(new) if each is None else each for each in ids], np.int32)


def number_regions(regions: NDArray[np.integer]) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Number the regions that occur from 1 without gaps.

    Args:
        regions: ids >= 0 of any shape; 0 = unsegmented.

    Returns:
        each pixel's number (0 = unsegmented), int32; and the ids that occur, ascending: number r is
        ``ids[r - 1]``.
    """
    # method.merging has the same on tensors of any device; it imports nothing of ours, and region
    # maps are numbered here without loading torch.
    flat = regions.ravel()
    highest = int(flat.max()) if flat.size else 0
    if highest <= 4 * flat.size + 1024:
        occurs = np.bincount(flat, minlength=1) > 0
        occurs[0] = True
        if occurs.all():
            return regions.astype(np.int32), np.arange(1, highest + 1)
        occurs[0] = False
        numbers = (np.cumsum(occurs) * occurs).astype(np.int32)
        return numbers.take(flat).reshape(regions.shape), np.flatnonzero(occurs).astype(np.int64)
    # Ids may be far apart (another program's numbers); sorting then costs less than counting.
    found, positions = np.unique(flat, return_inverse=True)
    segmented = found > 0
    numbers = (np.cumsum(segmented) * segmented).astype(np.int32)
    return numbers[positions].reshape(regions.shape), found[segmented].astype(np.int64)


def bounding_boxes(numbers: NDArray[np.int32], regions: int) -> NDArray[np.int32]:
    """Return (R, 4) int32: min_row, min_col, max_row, max_col of each region, maxima excluded.

    Args:
        numbers: (H, W) region numbers, all of 1 to R.
        regions: how many regions R.
    """
    from scipy.ndimage import find_objects

    boxes = [
        (found[0].start, found[1].start, found[0].stop, found[1].stop)
        for found in find_objects(numbers, max_label=regions)
        if found is not None  # every number occurs
    ]
    return np.array(boxes, np.int32).reshape(regions, 4)


def boxes_of_runs(
    owner: NDArray[np.integer],
    row: NDArray[np.integer],
    column: NDArray[np.integer],
    length: NDArray[np.integer],
    count: int,
) -> NDArray[np.int64]:
    """Return (R, 4) int64, the boxes of :func:`bounding_boxes` of owners of runs of pixels along rows.

    Args:
        owner: (n,) 0 to R - 1; each has a run.
        row: (n,) where each run lies.
        column: (n,) where it begins.
        length: (n,) its pixels.
        count: how many owners R.
    """
    boxes = np.empty((count, 4), np.int64)
    boxes[:, :2] = np.iinfo(np.int64).max
    boxes[:, 2:] = -1
    np.minimum.at(boxes[:, 0], owner, row)
    np.minimum.at(boxes[:, 1], owner, column)
    np.maximum.at(boxes[:, 2], owner, row + 1)
    np.maximum.at(boxes[:, 3], owner, column + length)
    return boxes
