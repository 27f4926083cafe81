"""Boundary IoU by hand."""

from __future__ import annotations

import numpy as np
import pytest

from napari_corrclip.evaluation.effort.simulation.boundary import band, boundary_iou


def halves(edge: int, height: int = 20, width: int = 40) -> np.ndarray:
    labels = np.ones((height, width), int)
    labels[:, edge:] = 2
    return labels


def test_the_band_lies_on_both_sides() -> None:
    found = band(halves(10), 3)
    assert found[:, 7:13].all()
    assert not found[:, :7].any()
    assert not found[:, 13:].any()


def test_shifted_outlines_by_hand() -> None:
    truth = halves(20)
    width = 2 / np.hypot(*truth.shape)
    assert boundary_iou(truth, truth, 2, width) == 1
    # Bands of class 1: columns 18, 19 and 19, 20; of class 2: 20, 21 and 21, 22.
    assert boundary_iou(truth, halves(21), 2, width) == pytest.approx(1 / 3)
    assert boundary_iou(truth, halves(30), 2, width) == 0
    # The areas differ little all the same.
    assert (truth == halves(21)).mean() > 0.97


def test_what_is_not_counted_counts_for_nothing() -> None:
    truth = halves(20)
    shown = truth.copy()
    shown[5:8, 30:33] = 1
    truth_without = truth.copy()
    truth_without[3:10, 28:35] = 0
    width = 1 / np.hypot(*truth.shape)
    assert boundary_iou(truth, shown, 2, width) < 0.9
    whole = np.isnan(boundary_iou(np.ones((5, 5), int), np.ones((5, 5), int), 1, 0.1))
    assert whole
