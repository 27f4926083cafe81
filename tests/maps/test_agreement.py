"""κ, IoU and intervals held against scikit-learn, and against what was drawn."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from sklearn.metrics import cohen_kappa_score, confusion_matrix, jaccard_score

from napari_corrclip.maps.agreement import iou, kappa, kappa_of_pairs, kappa_of_units, margins

LABELS = 4


@st.composite
def raters(draw: st.DrawFn) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    size = draw(st.integers(1, 40))
    one, other = (
        draw(arrays(np.int64, size, elements=st.integers(0, LABELS - 1))) for _ in range(2)
    )
    return one, other


def counted(one: NDArray[np.int64], other: NDArray[np.int64]) -> NDArray[np.int64]:
    found: NDArray[np.int64] = confusion_matrix(one, other, labels=range(LABELS))
    return found


@given(raters())
def test_kappa_and_iou_are_those_of_scikit_learn(
    pair: tuple[NDArray[np.int64], NDArray[np.int64]],
) -> None:
    counts = counted(*pair)
    if len(np.unique(np.concatenate(pair))) == 1:  # of which scikit-learn warns
        assert math.isnan(kappa(counts))
    else:
        assert kappa(counts) == pytest.approx(cohen_kappa_score(*pair), abs=1e-12)
    for label in range(LABELS):
        one, other = (rater == label for rater in pair)
        if (one | other).any():
            assert iou(counts)[label] == pytest.approx(jaccard_score(one, other))
        else:
            assert np.isnan(iou(counts)[label])


def test_what_was_worked_out_by_hand() -> None:
    """20 of 25 and 15 of 25: p_o = 0.7, p_e = 0.5 · 0.6 + 0.5 · 0.4 = 0.5, κ = 0.2 / 0.5."""
    assert kappa(np.array([[20, 5], [10, 15]])) == pytest.approx(0.4, abs=1e-15)
    assert kappa(np.array([[3, 0], [0, 2]])) == 1
    assert kappa(np.array([[0, 1], [1, 0]])) == -1
    assert math.isnan(kappa(np.zeros((3, 3), np.int64)))


def test_counts_of_billions_of_pixels_are_not_rounded() -> None:
    """Squares of sums are beyond 64 bits."""
    small = np.array([[20, 5], [10, 15]])
    assert kappa(small * 10**15) == kappa(small)


@given(st.lists(raters(), min_size=1, max_size=5))
def test_units_add_up_to_the_whole(
    pairs: list[tuple[NDArray[np.int64], NDArray[np.int64]]],
) -> None:
    counts = [counted(*pair) for pair in pairs]
    units = np.stack([margins(each) for each in counts])
    whole, found = np.sum(counts, axis=0), kappa_of_units(units)
    assert found.value == pytest.approx(kappa(whole), abs=1e-12, nan_ok=True)
    assert found.units == len(pairs)
    assert math.isnan(found.low) or found.low <= found.value <= found.high
    of_pairs = kappa_of_pairs(whole)
    assert of_pairs.value == pytest.approx(kappa(whole), abs=1e-12, nan_ok=True)
    assert of_pairs.units == whole.sum()


def test_units_one_by_one_are_pairs() -> None:
    """The jackknife that leaves out a cell's pairs at once is the one that leaves out each by itself."""
    rng = np.random.default_rng(5)
    one = rng.integers(LABELS, size=60)
    other = np.where(rng.random(60) < 0.7, one, rng.integers(LABELS, size=60))
    alone = [counted(one[at : at + 1], other[at : at + 1]) for at in range(60)]
    units = kappa_of_units(np.stack([margins(each) for each in alone]))
    pairs = kappa_of_pairs(counted(one, other))
    assert (units.low, units.high) == pytest.approx((pairs.low, pairs.high))


def test_the_interval_holds_what_it_says() -> None:
    """Of 400 samples of 20 images each about 95 % have the κ of all images in their interval."""
    rng = np.random.default_rng(11)
    images = []
    for _ in range(2000):  # each with its own difficulty, as images have
        right = rng.beta(6, 2)
        one = rng.integers(LABELS, size=30)
        images.append(
            counted(one, np.where(rng.random(30) < right, one, rng.integers(LABELS, size=30)))
        )
    units = np.stack([margins(each) for each in images])
    true = kappa(np.sum(images, axis=0))
    held = 0
    for _ in range(400):
        found = kappa_of_units(units[rng.choice(len(units), 20, replace=False)])
        held += found.low <= true <= found.high
    assert 0.92 <= held / 400 <= 0.98


def test_one_image_tells_no_interval() -> None:
    found = kappa_of_units(margins(np.array([[20, 5], [10, 15]]))[None])
    assert found.value == pytest.approx(0.4)
    assert math.isnan(found.low)
    assert found.units == 1
