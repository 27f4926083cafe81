"""What a region looks like, as a vector; alike regions have like vectors."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_corrclip.annotation.boxes import window
from napari_corrclip.annotation.regions import Region
from napari_corrclip.annotation.state import State

_SAMPLES = 256


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
    for index, row in enumerate(rows):
        r, c = _samples(state, row)
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
    for index, row in enumerate(rows):
        colours = image[_samples(state, row)].astype(np.float32) / 255
        found[index] = np.concatenate(
            [colours.mean(axis=0) - 0.5, colours.std(axis=0), 0.5 * row.probabilities]
        )
    return _unit(found)


def _samples(state: State, row: Region) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows and columns of evenly spread pixels of a region."""
    r, c = np.nonzero(state.regions[window(row.box)] == row.id)
    step = max(1, len(r) // _SAMPLES)
    return r[::step] + row.box[0], c[::step] + row.box[1]


def _unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit: NDArray[np.float32] = np.zeros_like(vectors)
    np.divide(vectors, length, out=unit, where=length > 0)
    return unit
