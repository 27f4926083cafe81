"""The brush: a disc at the deepest error, which spoils nothing, kept up to date without starting anew."""

from __future__ import annotations

import numpy as np
import pytest

from napari_corrclip.evaluation.effort.simulation.brush import ErrorDepth, Stroke, depth_inside


def test_a_disc_by_hand() -> None:
    rows, columns = Stroke((2, 2), 2.0, 1).pixels((5, 5))
    # nearer than 2: the centre, its 4 neighbours and the 4 corners
    assert sorted(zip(rows.tolist(), columns.tolist(), strict=True)) == [
        (r, c) for r in (1, 2, 3) for c in (1, 2, 3)
    ]
    rows, _ = Stroke((0, 0), 1.0, 1).pixels((5, 5))
    assert len(rows) == 1


def test_it_goes_to_the_middle_of_the_largest_error() -> None:
    truth = np.full((9, 21), 1)
    truth[:, 12:] = 2
    depth = ErrorDepth(truth, np.zeros_like(truth))
    first = depth.deepest()
    assert first is not None
    # Class 1 is 12 wide and 9 high: the depth in its middle row is 5, beyond the border ends it.
    assert first.center[0] == 4
    assert first.number == 1
    # Up to the other class, and not to the border.
    assert first.radius == 12 - first.center[1]


def test_right_pixels_of_the_class_may_be_painted_over() -> None:
    truth = np.ones((11, 11), int)
    shown = truth.copy()
    shown[5, 5] = 2
    stroke = ErrorDepth(truth, shown).deepest()
    assert stroke is not None
    assert stroke.center == (5, 5)
    assert stroke.radius > 11


@pytest.mark.parametrize("seed", range(6))
def test_strokes_spoil_nothing_and_end_in_the_truth(seed: int) -> None:
    rng = np.random.default_rng(seed)
    seeds = rng.integers(0, 30, (7, 2))
    grid = np.indices((30, 30)).transpose(1, 2, 0)
    truth = rng.integers(0, 4, 7)[((grid[:, :, None] - seeds) ** 2).sum(-1).argmin(-1)]
    shown = rng.integers(0, 4, 7)[
        ((grid[:, :, None] - rng.integers(0, 30, (7, 2))) ** 2).sum(-1).argmin(-1)
    ]
    depth = ErrorDepth(truth, shown)
    for _ in range(900):
        stroke = depth.deepest()
        if stroke is None:
            break
        right = (shown == truth) & (truth > 0)
        where = stroke.pixels(truth.shape)
        shown[where] = stroke.number
        assert (shown == truth)[right].all()
        assert ((shown == truth) & (truth > 0)).sum() > right.sum()
        box = slice(where[0].min(), where[0].max() + 1), slice(where[1].min(), where[1].max() + 1)
        depth.update(box, shown[box])
        wrong = (truth > 0) & (truth != shown)
        np.testing.assert_allclose(depth.depth, depth_inside(np.where(wrong, truth, 0)), rtol=1e-6)
    np.testing.assert_array_equal(shown[truth > 0], truth[truth > 0])


def test_errors_that_come_are_seen() -> None:
    truth = np.ones((12, 12), int)
    truth[:, 6:] = 2
    shown = truth.copy()
    depth = ErrorDepth(truth, shown)
    assert depth.deepest() is None
    shown[2:9, 1:8] = 3
    depth.update((slice(2, 9), slice(1, 8)), shown[2:9, 1:8])
    wrong = truth != shown
    np.testing.assert_array_equal(depth.depth, depth_inside(np.where(wrong, truth, 0)))
    shown[4:7, 1:8] = truth[4:7, 1:8]
    shown[0, 0] = 2
    depth.update((slice(0, 9), slice(0, 8)), shown[0:9, 0:8])
    wrong = truth != shown
    np.testing.assert_array_equal(depth.depth, depth_inside(np.where(wrong, truth, 0)))
