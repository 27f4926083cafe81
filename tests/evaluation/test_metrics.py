"""Metrics held against scikit-learn, and boundaries against their definition, pixel by pixel."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from scipy import ndimage
from sklearn.metrics import confusion_matrix, jaccard_score

from napari_corrclip.evaluation.benchmarking.scores import Ceiling, Scores, best_labels
from napari_corrclip.evaluation.boundary import BoundaryCounts, near_boundary, width_of
from napari_corrclip.evaluation.metrics import Confusion

CLASSES = 4
shapes = st.tuples(st.integers(1, 12), st.integers(1, 12))


@st.composite
def maps(draw: st.DrawFn, count: int = 2) -> list[NDArray[np.uint16]]:
    shape = draw(shapes)
    return [draw(arrays(np.uint16, shape, elements=st.integers(0, CLASSES))) for _ in range(count)]


@given(st.lists(maps(), min_size=1, max_size=3))
def test_counts_are_those_of_scikit_learn(pairs: list[list[NDArray[np.uint16]]]) -> None:
    """To the pixel, summed over images of different sizes; what has no truth counts for nothing."""
    found = Confusion(CLASSES)
    for truth, prediction in pairs:
        found.add(truth, prediction)
    truth, prediction = (np.concatenate([pair[n].ravel() for pair in pairs]) for n in (0, 1))
    truth, prediction = truth[truth > 0], prediction[truth > 0]
    labels = list(range(CLASSES + 1))
    if not truth.size:
        assert not found.counts[1:].any()
        assert np.isnan(found.mean_iou())
        assert np.isnan(found.mean_class_accuracy)
        return
    expected = confusion_matrix(truth, prediction, labels=labels)
    np.testing.assert_array_equal(found.counts[1:], expected[1:])
    assert found.accuracy == (truth == prediction).mean()
    for number in range(1, CLASSES + 1):
        iou = found.iou[number - 1]
        if not ((truth == number) | (prediction == number)).any():
            assert np.isnan(iou)
        else:
            assert iou == pytest.approx(jaccard_score(truth == number, prediction == number))
        own = truth == number
        recall = (prediction[own] == number).mean() if own.any() else np.nan
        np.testing.assert_equal(found.class_accuracy[number - 1], recall)
    assert found.mean_iou() == pytest.approx(np.nanmean(found.iou))
    assert found.mean_class_accuracy == pytest.approx(np.nanmean(found.class_accuracy))


def naive_boundary(mask: NDArray[np.bool_], width: int) -> NDArray[np.bool_]:
    """The mask without its erosion, one step after another, with nothing outside the image."""
    inside = mask
    for _ in range(width):
        inside = ndimage.binary_erosion(inside, np.ones((3, 3)), border_value=0)
    found: NDArray[np.bool_] = mask & ~inside
    return found


@given(maps(1), st.integers(1, 4))
def test_boundaries_of_all_classes_are_those_of_each(
    drawn: list[NDArray[np.uint16]], width: int
) -> None:
    labels = drawn[0]
    near = near_boundary(labels, width)
    for number in range(CLASSES + 1):
        mask = labels == number
        np.testing.assert_array_equal(near & mask, naive_boundary(mask, width))


@given(st.lists(maps(), min_size=1, max_size=3))
def test_boundary_iou_is_the_naive_one(pairs: list[list[NDArray[np.uint16]]]) -> None:
    found = BoundaryCounts(CLASSES)
    both, either = np.zeros(CLASSES, int), np.zeros(CLASSES, int)
    for truth, prediction in pairs:
        found.add(truth, prediction)
        width = width_of(truth.shape)
        for number in range(1, CLASSES + 1):
            true = naive_boundary(truth == number, width)
            told = naive_boundary((prediction == number) & (truth > 0), width)
            both[number - 1] += (true & told).sum()
            either[number - 1] += (true | told).sum()
    expected = np.full(CLASSES, np.nan)
    np.divide(both, either, out=expected, where=either > 0)
    np.testing.assert_array_equal(found.iou, expected)
    if either.any():
        assert found.mean_iou == pytest.approx(np.nanmean(expected))


def test_a_perfect_prediction_has_all_figures_at_one() -> None:
    truth = np.random.default_rng(0).integers(1, CLASSES + 1, (30, 40)).astype(np.uint16)
    truth[:5] = 0
    told = np.where(truth > 0, truth, 2)  # whatever it says where nothing is counted
    scores = Scores(CLASSES)
    scores.add("a", truth, told, np.arange(truth.size).reshape(truth.shape))
    assert scores.confusion.mean_iou() == 1
    assert scores.boundary.mean_iou == 1
    assert scores.ceiling.confusion.mean_iou() == 1


def test_a_shifted_border_costs_boundaries_more_than_areas() -> None:
    truth, told = (np.ones((200, 200), np.uint16) for _ in range(2))
    truth[:, 100:], told[:, 104:] = 2, 2
    scores = Scores(2)
    scores.add("a", truth, told, np.zeros_like(truth))
    assert scores.confusion.mean_iou() == pytest.approx((100 / 104 + 96 / 100) / 2)
    assert scores.boundary.mean_iou < scores.confusion.mean_iou() - 0.05


@given(maps(3))
def test_no_labels_of_regions_are_better_than_the_ceiling(
    drawn: list[NDArray[np.uint16]],
) -> None:
    truth, prediction, regions = drawn
    best, count = best_labels(truth, regions, CLASSES)
    assert count == len(set(regions[regions > 0].tolist()))
    ceiling = Ceiling(CLASSES)
    reached = ceiling.add(truth, prediction, regions)
    counted = truth > 0
    random = np.random.default_rng(0)
    for _ in range(5):
        others = random.integers(1, CLASSES + 1, CLASSES + 1)[regions]
        others = np.where(regions == 0, prediction, others)
        right = (others == truth)[counted]
        assert reached >= (right.mean() if right.size else 0)
    for region in range(1, CLASSES + 1):
        inside = regions == region
        assert len(set(best[inside].tolist())) <= 1
        votes = np.bincount(truth[inside], minlength=CLASSES + 1)[1:]
        if votes.any():
            assert best[inside][0] == votes.argmax() + 1
    assert ceiling.unsegmented == (regions == 0).sum()
    assert ceiling.pixels == regions.size
