"""The targets of an edit: regions, classes, pixels; checked before anything is planned."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_corrclip.annotation.region import Region
from napari_corrclip.annotation.state import State
from napari_corrclip.errors import InputError
from napari_corrclip.images.boxes import Box

Regions = int | Iterable[int]
"""One region id, or several."""

Pixels = ArrayLike | tuple[ArrayLike, ArrayLike]
"""A boolean (H, W) mask, or a tuple of row and column indices as ``np.nonzero`` gives them."""


def regions_of(state: State, regions: Regions) -> list[Region]:
    """Return the regions that are meant, each once.

    Raises:
        InputError: none is meant, or one does not exist.
    """
    single = isinstance(regions, int | np.integer) and not isinstance(regions, bool)
    try:
        ids = [regions] if single else list(regions)  # type: ignore[arg-type]
    except TypeError:
        raise InputError(f"{shown(regions)} names no regions; give one id or several.") from None
    if not ids:
        raise InputError("No region is selected; select at least one.")
    found: dict[int, Region] = {}
    for region_id in ids:
        if isinstance(region_id, bool) or not isinstance(region_id, int | np.integer):
            raise InputError(f"{shown(region_id)} is no region id; ids are whole numbers from 1.")
        row = state.rows.get(int(region_id))
        if row is None:
            raise InputError(
                f"There is no region {int(region_id)}; there are {len(state.rows)}"
                + (f", up to {max(state.rows)}." if state.rows else ".")
            )
        found[row.id] = row
    return list(found.values())


def region_of(state: State, region: int) -> Region:
    """Return the one region that is meant.

    Raises:
        InputError: it does not exist, or several are meant.
    """
    rows = regions_of(state, region)
    if len(rows) != 1:
        raise InputError(f"{len(rows)} regions are selected where one is needed; select one.")
    return rows[0]


def name_of(state: State, value: int) -> str:
    """Return what a label value is called, in quotes; 0 is unlabelled."""
    return repr(state.vocabulary.by_value(value).name) if value else "unlabelled"


def pixels_of(state: State, pixels: Pixels) -> tuple[Box, NDArray[np.bool_]]:
    """Return the box around ``pixels`` and which of its (h, w) pixels they are.

    Raises:
        InputError: there are none, or some lie outside the image.
    """
    height, width = state.shape
    if isinstance(pixels, tuple):
        rows, columns = _indices(pixels)
    else:
        rows, columns = np.nonzero(mask_of(state, pixels))
    if not len(rows):
        raise InputError("No pixel is marked; mark at least one.")
    box = (int(rows.min()), int(columns.min()), int(rows.max()) + 1, int(columns.max()) + 1)
    if box[0] < 0 or box[1] < 0 or box[2] > height or box[3] > width:
        raise InputError(
            f"The pixels reach from row {box[0]}, column {box[1]} to {box[2] - 1}, {box[3] - 1}, out "
            f"of the image of {height} x {width}; keep inside it."
        )
    inside = np.zeros((box[2] - box[0], box[3] - box[1]), bool)
    inside[rows - box[0], columns - box[1]] = True
    return box, inside


def mask_of(state: State, mask: ArrayLike) -> NDArray[np.bool_]:
    """Return a mask of the whole image.

    Raises:
        InputError: it is none.
    """
    array = _array(mask)
    if array.dtype != np.bool_ or array.shape != state.shape:
        raise InputError(
            f"The mask has shape {array.shape} and type {array.dtype}; give bool of {state.shape}."
        )
    return array


def points_of(state: State, region: Region, points: Sequence[Sequence[float]], what: str) -> (
    NDArray[np.int64]
):  # fmt: skip
    """Return (n, 2) rows and columns of points that lie in ``region``.

    Raises:
        InputError: there are none, or one lies elsewhere.
    """
    at = _array(points)
    if at.ndim == 1 and at.size == 2:
        at = at[None]
    if at.ndim != 2 or at.shape[1] != 2 or not len(at) or at.dtype.kind not in "iuf":
        raise InputError(
            f"The points to {what} are {shown(points)}; give at least one (row, column) in the region."
        )
    # NaN and what fits no whole number lie outside, too.
    near = np.where((at >= 0) & (at < max(state.shape)), at, -1)
    whole = np.floor(near).astype(np.int64)
    for (row, column), given in zip(whole.tolist(), at.tolist(), strict=True):
        inside = 0 <= row < state.shape[0] and 0 <= column < state.shape[1]
        if not inside or state.regions[row, column] != region.id:
            raise InputError(
                f"The point {tuple(given)} to {what} is not in region {region.id}; click inside it."
            )
    return whole


def _indices(pixels: tuple[ArrayLike, ...]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    if len(pixels) != 2:
        raise InputError(
            f"The pixels are given as a tuple of {len(pixels)}; give rows and columns, or a boolean mask."
        )
    rows, columns = (np.atleast_1d(_array(axis)) for axis in pixels)
    whole = all(axis.dtype.kind in "iu" or not axis.size for axis in (rows, columns))
    if not whole or rows.shape != columns.shape or rows.ndim != 1:
        raise InputError(
            f"The pixels have rows of {rows.dtype} {rows.shape} and columns of {columns.dtype} "
            f"{columns.shape}; give two lists of whole numbers of one length."
        )
    return rows.astype(np.int64), columns.astype(np.int64)


def _array(given: object) -> NDArray[Any]:
    try:
        return np.asarray(given)
    except ValueError:
        raise InputError(
            f"{shown(given)} is no array; give rows that are all of one length."
        ) from None


def shown(value: object) -> str:
    """Return ``value`` as a message may hold it: in one line, and a short one."""
    text = " ".join(repr(value).split())
    return text if len(text) <= 80 else f"{text[:79]}…"
