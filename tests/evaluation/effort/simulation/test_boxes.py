"""The best box: against every box of the grid, one by one."""

from __future__ import annotations

import numpy as np
import pytest

from napari_corrclip.evaluation.effort.simulation.boxes import FORBIDDEN, best_box


def every_box(
    boxes: np.ndarray, weights: np.ndarray, anchor: int, shape: tuple[int, int], lines: int
) -> float:
    """The weight of the heaviest box of the grid around the anchor."""
    cell = max(1.0, max(shape) / lines)
    rows, columns = (int(np.ceil(side / cell)) for side in shape)
    best = -np.inf
    for top in range(rows):
        for bottom in range(top + 1, rows + 1):
            for left in range(columns):
                for right in range(left + 1, columns + 1):
                    inside = (
                        (boxes[:, 0] >= top * cell)
                        & (boxes[:, 2] <= bottom * cell)
                        & (boxes[:, 1] >= left * cell)
                        & (boxes[:, 3] <= right * cell)
                    )
                    if inside[anchor]:
                        best = max(best, float(weights[inside].sum()))
    return best


@pytest.mark.parametrize("seed", range(8))
def test_it_is_the_heaviest_of_all(seed: int) -> None:
    rng = np.random.default_rng(seed)
    shape, lines = (20, 30), 6
    low = np.stack([rng.integers(0, 18, 15), rng.integers(0, 28, 15)], axis=1)
    high = np.minimum(low + rng.integers(1, 9, (15, 2)), shape)
    boxes = np.concatenate([low, high], axis=1)
    weights = rng.normal(0.5, 4, 15)
    weights[0] = 3
    inside = best_box(boxes, weights, 0, shape, lines)
    assert weights[inside].sum() == pytest.approx(every_box(boxes, weights, 0, shape, lines))
    assert 0 in inside


def test_what_is_forbidden_is_never_inside() -> None:
    # side by side: wanted, forbidden, wanted; below them a row that is wanted too
    boxes = np.array([[0, 0, 10, 10], [0, 10, 10, 20], [0, 20, 10, 30], [10, 0, 20, 30]])
    weights = np.array([5, FORBIDDEN, 5, 7.0])
    assert best_box(boxes, weights, 0, (20, 30)).tolist() == [0]
    assert best_box(boxes, weights, 3, (20, 30)).tolist() == [3]
    weights[1] = 0
    assert best_box(boxes, weights, 0, (20, 30)).tolist() == [0, 1, 2, 3]


def test_there_is_none_where_nothing_is_gained() -> None:
    boxes = np.array([[0, 0, 10, 10], [0, 10, 10, 20]])
    assert best_box(boxes, np.array([0.0, -1]), 0, (10, 20)).size == 0
