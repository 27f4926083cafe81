"""The truth of regions: the class each should have, and how right they can be at best."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_corrclip.evaluation.effort.cases.case import Case
from napari_corrclip.evaluation.metrics import Confusion, true_miou
from napari_corrclip.maps.regions import number_regions
from napari_corrclip.maps.votes import count_votes, winners
from napari_corrclip.results.segmentation import class_indices


@dataclass(frozen=True)
class Measures:
    """The accuracy of a label map: share of the pixels, and mean IoU over the classes of the truth."""

    accuracy: float
    miou: float


def true_counts(
    truth: NDArray[np.integer], numbers: NDArray[np.int32], regions: int, classes: int
) -> NDArray[np.int64]:
    """Return (R, 1 + K): pixels of each region by true class; column 0: not counted.

    Args:
        truth: (H, W) class numbers from 1, 0 = not counted.
        numbers: (H, W) region numbers from 1, 0 = unsegmented.
        regions: R.
        classes: K.
    """
    return count_votes(truth.astype(np.int64) - 1, numbers, regions, classes)


def majority(counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return (R,) class number from 1 that most counted pixels have, 0 where none is counted."""
    counted = counts.copy()
    counted[:, 0] = 0
    return winners(counted) + 1


def ceiling(case: Case) -> Measures:
    """Measure the map in which every region has its majority truth.

    It is what assigning to regions can reach. Pixels in no region stay unlabelled, which is wrong.
    """
    counts, _ = case_counts(case)
    best = majority(counts)
    numbers, _ = number_regions(case.result.regions)
    confusion = Confusion(len(case.result.vocabulary))
    confusion.add(true_numbers(case), np.concatenate([[0], best])[numbers])
    return Measures(confusion.accuracy, true_miou(confusion))


def true_numbers(case: Case) -> NDArray[np.int64]:
    """Return (H, W) the case's true class numbers from 1, 0 = not counted."""
    return class_indices(case.truth, case.result.vocabulary) + 1


def case_counts(case: Case) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return (R, 1 + K) pixels of the case's regions by true class, and the regions' ids."""
    numbers, ids = number_regions(case.result.regions)
    return true_counts(true_numbers(case), numbers, len(ids), len(case.result.vocabulary)), ids


def gains(case: Case, counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return (R,) pixels that become right where a region of the case gets its majority truth."""
    values = case.result.table["value"].to_numpy(np.int64)
    shown = class_indices(values.astype(np.uint16), case.result.vocabulary) + 1
    right = np.where(shown > 0, counts[np.arange(len(shown)), shown], 0)
    gained: NDArray[np.int64] = counts[:, 1:].max(axis=1) - right
    return gained
