"""Tests of the connected parts of label maps."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray
from skimage.measure import label

from napari_corrclip.maps.parts import parts_of

SHAPES = arrays.array_shapes(min_dims=2, max_dims=2, min_side=0, max_side=9)


def patches(size: int, side: int, seed: int) -> NDArray[np.uint16]:
    """Return a map of squares of few values, so that its runs are few beside its pixels."""
    cells = np.random.default_rng(seed).integers(0, 3, (side, side))
    return np.kron(cells, np.ones((size, size), np.int64)).astype(np.uint16)


@given(arrays.arrays(np.uint16, SHAPES, elements=st.integers(0, 2)), st.integers(17, 40))
def test_parts_are_those_of_pixels_whether_runs_are_few_or_many(
    labels: NDArray[np.uint16], wide: int
) -> None:
    for each in (labels, np.repeat(labels, wide, axis=1)):
        expected = label(each.astype(np.int32), background=0, connectivity=2) if each.size else each
        np.testing.assert_array_equal(parts_of(each), expected)


@pytest.mark.parametrize("size", [1, 40])
def test_what_is_left_out_is_a_value_of_its_own(size: int) -> None:
    labels, other = patches(size, 12, 0), patches(size, 12, 1) == 1
    kinds = np.where(other & (labels == 0), 9, labels)
    np.testing.assert_array_equal(
        parts_of(labels, other), label(kinds, background=0, connectivity=2)
    )


def test_many_parts_need_more_than_16_bits() -> None:
    labels = np.zeros((600, 600), np.uint16)
    labels[::2, ::2] = 1
    found = parts_of(labels)
    assert found.dtype == np.int32
    assert found.max() == 300 * 300
