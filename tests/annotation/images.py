"""Small results to correct."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_corrclip.results.segmentation import Segmentation, segmentation_from_probabilities
from napari_corrclip.vocabulary import Vocabulary


def small_result(
    shape: tuple[int, int] = (24, 32),
    *,
    seed: int = 0,
    words: str = "cat, dog, sky",
    correction: bool = True,
) -> tuple[Segmentation, NDArray[np.uint8]]:
    """A result of blocks of 8x8 pixels, some of them unsegmented, and a noisy image of them."""
    random = np.random.default_rng(seed)
    height, width = shape
    across = -(-width // 8)
    regions = (np.arange(height)[:, None] // 8) * across + np.arange(width)[None] // 8
    regions = regions.astype(np.int32)  # id 0, the first block, is unsegmented
    vocabulary = Vocabulary.parse(words)
    raw = random.random((len(vocabulary), *shape)) + 2 * (
        np.arange(len(vocabulary))[:, None, None] == regions % len(vocabulary)
    ) * random.random((1, *shape))
    image = random.integers(0, 256, (*shape, 3)).astype(np.uint8)
    result = segmentation_from_probabilities(
        (raw / raw.sum(axis=0)).astype(np.float32), regions, vocabulary, correction=correction
    )
    return result, image
