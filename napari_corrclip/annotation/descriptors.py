"""The look of a region as a vector; alike regions have like vectors."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from napari_corrclip.annotation.region import Region
from napari_corrclip.annotation.state import State
from napari_corrclip.images.boxes import area, window
from napari_corrclip.maps.regions import number_regions

_SAMPLES = 256
_CROWDED = 30


def cell_descriptors(
    state: State, rows: list[Region], cells: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Return (R, D) of unit length: the mean of the cells under up to 256 pixels of each region.

    Args:
        state: the maps.
        rows: the regions.
        cells: (h, w, D), a grid over the whole image.
    """
    height, width = state.shape
    found = np.zeros((len(rows), cells.shape[2]), np.float32)
    for index, (r, c) in enumerate(_samples(state, rows)):
        where = r * cells.shape[0] // height, c * cells.shape[1] // width
        found[index] = cells[where].mean(axis=0, dtype=np.float32)
    return _unit(found)


def colour_descriptors(
    state: State, rows: list[Region], image: NDArray[np.uint8]
) -> NDArray[np.float32]:
    """Return (R, 6 + K) of unit length: mean and spread of the colours, and the class probabilities.

    For sessions without networks.
    """
    found = np.zeros((len(rows), 6 + len(state.vocabulary)), np.float32)
    for index, (row, where) in enumerate(zip(rows, _samples(state, rows), strict=True)):
        colours = image[where].astype(np.float32) / 255
        found[index] = np.concatenate(
            [colours.mean(axis=0) - 0.5, colours.std(axis=0), 0.5 * row.probabilities]
        )
    return _unit(found)


def _samples(
    state: State, rows: list[Region]
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Yield rows and columns of evenly spread pixels of each region, from the top on."""
    if sum(area(row.box) for row in rows) > _CROWDED * state.regions.size:
        # Regions in pieces all over the image: sorting all pixels once costs less than their boxes.
        numbers, ids = number_regions(state.regions)
        order = np.argsort(numbers, axis=None, kind="stable")
        ends = np.cumsum(np.bincount(numbers.ravel()))
        for row in rows:
            number = 1 + int(np.searchsorted(ids, row.id))
            r, c = np.divmod(_spread(order[ends[number - 1] : ends[number]]), state.shape[1])
            yield r, c
        return
    for row in rows:
        r, c = np.nonzero(state.regions[window(row.box)] == row.id)
        yield _spread(r) + row.box[0], _spread(c) + row.box[1]


def _spread(pixels: NDArray[np.int64]) -> NDArray[np.int64]:
    return pixels[:: max(1, len(pixels) // _SAMPLES)]


def _unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit: NDArray[np.float32] = np.zeros_like(vectors)
    np.divide(vectors, length, out=unit, where=length > 0)
    return unit
