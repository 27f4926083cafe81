"""Pascal VOC's own classes and colours, which sets of it have without a table."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_corrclip.project.export.format import vocabulary_in_order
from napari_corrclip.vocabulary import Vocabulary

NAMES = (
    "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow", "diningtable",
    "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor",
)  # fmt: skip
"""The classes by their numbers, from 1 on; 0 is what is of none."""


def voc_vocabulary() -> Vocabulary:
    """Return the classes in their colours."""
    colors = voc_colors(np.arange(1, len(NAMES) + 1)).tolist()
    return vocabulary_in_order(
        (name, (red, green, blue)) for name, (red, green, blue) in zip(NAMES, colors, strict=True)
    )


def voc_colors(indices: NDArray[np.integer]) -> NDArray[np.uint8]:
    """Return Pascal VOC's colours of numbers, (…, 3); each below 2 to the 24th has its own.

    Bit 3 i + c of a number is bit 7 - i of its colour's channel c.
    """
    found = np.zeros((*indices.shape, 3), np.uint8)
    for place in range(8):
        for channel in range(3):
            bit = (indices >> (3 * place + channel)) & 1
            found[..., channel] |= (bit << (7 - place)).astype(np.uint8)
    return found


def voc_indices(colors: NDArray[np.integer]) -> NDArray[np.int32]:
    """Return the numbers of which colours, (…, 3), are Pascal VOC's."""
    found = np.zeros(colors.shape[:-1], np.int32)
    for place in range(8):
        for channel in range(3):
            bit = (colors[..., channel].astype(np.int32) >> (7 - place)) & 1
            found |= bit << (3 * place + channel)
    return found
