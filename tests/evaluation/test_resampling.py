"""Resampled figures: against a bootstrap that adds up pixel maps, and against the confusion matrix."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from napari_corrclip.evaluation.metrics import Confusion
from napari_corrclip.evaluation.resampling import (
    SEED,
    class_counts,
    difference_interval,
    mean_iou,
    miou_interval,
    resampled,
)


def maps(
    seed: int, images: int, classes: int
) -> tuple[list[NDArray[np.int64]], list[NDArray[np.int64]], list[NDArray[np.int64]]]:
    """Truths, and two predictions of which the first is the better one."""
    rng = np.random.default_rng(seed)
    truths = [rng.integers(0, classes + 1, (7, 9)) for _ in range(images)]

    def spoilt(share: float) -> list[NDArray[np.int64]]:
        return [
            np.where(rng.random(t.shape) < share, rng.integers(0, classes + 1, t.shape), t)
            for t in truths
        ]

    return truths, spoilt(0.2), spoilt(0.6)


@given(st.integers(0, 1000), st.integers(1, 5), st.integers(1, 6))
def test_counts_have_the_iou_of_the_confusion_matrix(seed: int, images: int, classes: int) -> None:
    truths, good, _ = maps(seed, images, classes)
    confusion = Confusion(classes)
    for truth, labels in zip(truths, good, strict=True):
        confusion.add(truth, labels)
    counts = np.stack([class_counts(t, p, classes) for t, p in zip(truths, good, strict=True)])
    some = list(range(0, classes, 2))
    np.testing.assert_equal(mean_iou(counts.sum(0)), confusion.mean_iou())
    np.testing.assert_equal(mean_iou(counts.sum(0), some), confusion.mean_iou(some))


@pytest.mark.parametrize("classes", [None, (0, 2)])
def test_resamples_are_those_of_a_bootstrap_by_hand(classes: tuple[int, ...] | None) -> None:
    truths, good, bad = maps(3, 6, 4)
    of = [
        np.stack([class_counts(t, p, 4) for t, p in zip(truths, labels, strict=True)])
        for labels in (good, bad)
    ]
    draws = np.random.default_rng(SEED).integers(6, size=(200, 6))
    there = set(np.unique(truths).tolist()) - {0}
    naive = []
    for draw in draws:
        # Of the classes that the images have, those that the draw has no truth of are left out.
        lost = there - set(np.unique([truths[number] for number in draw]).tolist())
        judged = [n for n in (range(4) if classes is None else classes) if n + 1 not in lost]
        scores = []
        for labels in (good, bad):
            confusion = Confusion(4)
            for number in draw:
                confusion.add(truths[number], labels[number])
            scores.append(confusion.mean_iou(judged))
        naive.append(scores)
    by_hand = np.array(naive)
    np.testing.assert_allclose(resampled(of[0], classes, resamples=200), by_hand[:, 0], rtol=1e-12)
    np.testing.assert_allclose(resampled(of[1], classes, resamples=200), by_hand[:, 1], rtol=1e-12)


def test_an_interval_is_the_middle_of_its_resamples_and_a_difference_is_paired() -> None:
    truths, good, bad = maps(5, 8, 3)
    better, worse = (
        np.stack([class_counts(t, p, 3) for t, p in zip(truths, labels, strict=True)])
        for labels in (good, bad)
    )
    found = miou_interval(better)
    drawn = resampled(better)
    assert (found.low, found.high) == tuple(np.percentile(drawn, (2.5, 97.5)))
    assert found.low < found.value < found.high
    assert found.images == 8
    gain = difference_interval(better, worse)
    assert gain.above_zero
    assert not gain.below_zero
    # Four images decide nothing: there are few draws of them.
    assert not difference_interval(better[:4], worse[:4]).above_zero
    assert not difference_interval(worse[:4], better[:4]).below_zero
    assert gain.value == pytest.approx(found.value - miou_interval(worse).value)
    # Drawn together, what is the same differs by nothing in every draw.
    same = difference_interval(better, better)
    assert (same.value, same.low, same.high) == (0, 0, 0)
    assert not same.above_zero
    # In halves, the draws are the same as at once.
    other = difference_interval(worse, better)
    assert (other.low, other.high) == pytest.approx((-gain.high, -gain.low))


def test_rare_classes_pull_no_interval_down() -> None:
    """Of 28 classes, each in a tenth of 36 images, many a draw has none; the value lies amid its draws."""
    rng = np.random.default_rng(0)
    below = []
    for _ in range(20):
        truth = rng.integers(20, 60, (36, 28)) * (rng.random((36, 28)) < 0.1)
        truth[0] = 30  # each is there
        hits = np.rint(truth * rng.uniform(0.4, 0.9, (36, 28))).astype(np.int64)
        stray = rng.integers(0, 3, (36, 28))
        counts = np.stack([hits, truth, hits + stray], axis=1)
        below.append((resampled(counts) < miou_interval(counts).value).mean())
    assert 0.3 < np.mean(below) < 0.7


def test_classes_that_occur_nowhere_have_no_figure() -> None:
    counts = np.zeros((3, 3, 2), np.int64)
    counts[:, :, 0] = 5
    assert miou_interval(counts).value == 1.0
    nothing = miou_interval(counts, (1,))
    assert np.isnan([nothing.value, nothing.low, nothing.high]).all()
    # A class of one image alone is missing from some draws, which have a figure by the other class.
    counts[0, 1, 1] = counts[0, 2, 1] = 4
    assert not np.isnan(resampled(counts)).any()
    assert np.isnan(resampled(counts, (1,))).any()
    assert miou_interval(counts, (1,)).high == 0.0


def test_more_resamples_than_are_counted_at_once_are_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    truths, good, _ = maps(9, 5, 3)
    counts = np.stack([class_counts(t, p, 3) for t, p in zip(truths, good, strict=True)])
    whole = resampled(counts, resamples=50)
    monkeypatch.setattr("napari_corrclip.evaluation.resampling._AT_ONCE", 5 * 7)
    np.testing.assert_array_equal(resampled(counts, resamples=50), whole)
