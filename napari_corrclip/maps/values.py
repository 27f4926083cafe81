"""The values of a label map: how many pixels have each, and the classes' shares."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from napari_corrclip.vocabulary import Vocabulary

_STRIPE = 1 << 15
_VALUES = 1 << 16


def count_values(labels: NDArray[np.integer]) -> NDArray[np.int64]:
    """Return (65536,) how many pixels of (H, W) ``labels`` have each value; higher ones count nowhere."""
    counts = np.zeros(_VALUES, np.int64)
    rows = max(1, _STRIPE // max(1, labels.shape[1]))
    # What is counted is widened to int64 first: in stripes, that stays in the processor's cache.
    for top in range(0, len(labels), rows):
        part = np.bincount(labels[top : top + rows].ravel())[:_VALUES]
        counts[: len(part)] += part
    return counts


def shares(counts: NDArray[np.int64], pixels: int, vocabulary: Vocabulary) -> dict[str, float]:
    """Return each class's share of ``pixels``, by name.

    Args:
        counts: as :func:`count_values` returns them.
        pixels: of the whole map, unlabelled ones too.
        vocabulary: the classes.
    """
    return {class_.name: float(counts[class_.value] / max(pixels, 1)) for class_ in vocabulary}
