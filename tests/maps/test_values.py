"""Label values are counted as one call of NumPy counts them, in whatever stripes."""

from __future__ import annotations

import numpy as np
import pytest

from napari_corrclip.maps.values import count_values, shares
from napari_corrclip.vocabulary import Vocabulary


@pytest.mark.parametrize("shape", [(3, 5), (700, 90), (1, 70_000), (0, 4)])
def test_values_are_counted(shape: tuple[int, int]) -> None:
    labels = np.random.default_rng(0).integers(0, 1 << 16, shape, np.uint16)
    np.testing.assert_array_equal(
        count_values(labels), np.bincount(labels.ravel(), minlength=1 << 16)
    )


def test_a_strangers_values_are_nobodys() -> None:
    words = Vocabulary.coerce("cat, dog")
    labels = np.array([[0, 1, 1, 2, 70_000]], np.int64)
    assert shares(count_values(labels), labels.size, words) == {"cat": 0.4, "dog": 0.2}
    assert shares(count_values(labels[:0]), 0, words) == {"cat": 0.0, "dog": 0.0}
