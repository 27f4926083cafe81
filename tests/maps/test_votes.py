"""Votes of regions: the paper's equation on tensors, counted by arrays."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from napari_corrclip.maps.regions import number_regions
from napari_corrclip.maps.votes import (
    apply_votes,
    confidences,
    count_votes,
    crosstab,
    means,
    runners_up,
    shown_confidence,
    winners,
)
from napari_corrclip.method import correction

K = 4


def case(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Class indices, regions whose ids have gaps, and mean probabilities of the regions."""
    rng = np.random.default_rng(seed)
    shape = (int(rng.integers(1, 9)), int(rng.integers(1, 9)))
    regions = rng.choice([0, 1, 2, 7, 70_000], shape).astype(np.int32)
    # in eighths, so that some are equal
    probabilities = rng.integers(0, 9, (len(set(regions.flat) - {0}), K)) / np.float32(8)
    return rng.integers(-1, K, shape), regions, probabilities.astype(np.float32)


@given(st.integers(0, 2**32 - 1))
def test_arrays_are_corrected_as_the_paper_s_tensors(seed: int) -> None:
    classes, regions, _ = case(seed)
    numbers, ids = number_regions(regions)
    paper = correction.count_votes(torch.from_numpy(classes), torch.from_numpy(regions), K)
    votes = count_votes(classes, numbers, len(ids), K)
    assert votes.dtype == np.int64
    np.testing.assert_array_equal(ids, paper.ids)
    np.testing.assert_array_equal(numbers, paper.rows)
    np.testing.assert_array_equal(votes, paper.counts)
    np.testing.assert_array_equal(winners(votes), paper.winners)
    corrected = apply_votes(classes, numbers, winners(votes))
    expected = correction.correct(torch.from_numpy(classes), torch.from_numpy(regions), K)
    np.testing.assert_array_equal(corrected, expected)
    assert corrected.dtype == classes.dtype


@given(st.integers(0, 2**32 - 1))
def test_an_overruled_pixel_is_as_sure_as_its_region(seed: int) -> None:
    classes, regions, probabilities = case(seed)
    numbers, ids = number_regions(regions)
    confidence = np.random.default_rng(seed).random(classes.shape).astype(np.float16)
    chosen = winners(count_votes(classes, numbers, len(ids), K))
    after = apply_votes(classes, numbers, chosen)
    shown = shown_confidence(
        confidence, classes, after, numbers, confidences(probabilities, chosen)
    )
    assert shown.dtype == confidence.dtype
    for at in np.ndindex(classes.shape):
        expected = confidence[at]
        if after[at] != classes[at]:
            index = after[at]
            expected = probabilities[numbers[at] - 1, index] if index >= 0 else 0
        assert shown[at] == np.float16(expected)


@given(st.integers(0, 2**32 - 1))
def test_the_runner_up_is_the_first_of_the_likeliest_others(seed: int) -> None:
    _, _, probabilities = case(seed)
    chosen = np.random.default_rng(seed).integers(-1, K, len(probabilities))
    for count in (1, K):  # a single class has no other
        own = np.minimum(chosen, count - 1)
        second, less = runners_up(probabilities[:, :count], own)
        assert less.dtype == np.float32
        for row, mine, at, p in zip(probabilities, own, second, less, strict=True):
            others = [(-row[index], index) for index in range(count) if index != mine]
            assert (-p, at) == min(others, default=(0, -1))


def test_a_table_of_pairs_counts_weights_exactly() -> None:
    rows, columns = np.array([0, 1, 1], np.uint16), np.array([2, 0, 0], np.int32)
    assert crosstab(rows, columns, (2, 3)).tolist() == [[0, 0, 1], [2, 0, 0]]
    many = np.array([1, 2**52, 1])
    assert crosstab(rows, columns, (2, 3), many).tolist() == [[0, 0, 1], [2**52 + 1, 0, 0]]


def test_a_region_without_pixels_has_no_probability() -> None:
    found = means(np.array([[1.5, 0.5], [0, 0]]), np.array([[1, 1, 0], [0, 0, 0]]))
    assert found.dtype == np.float32
    assert found.tolist() == [[0.75, 0.25], [0, 0]]


@pytest.mark.parametrize("dtype", [np.uint16, np.int64])
def test_label_values_are_corrected_like_indices(dtype: type) -> None:
    labels = np.array([[7, 7, 9]], dtype)
    corrected = apply_votes(labels, np.array([[1, 1, 0]], np.int32), np.array([65535]))
    assert corrected.dtype == dtype
    assert corrected.tolist() == [[65535, 65535, 9]]
