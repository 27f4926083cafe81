"""Intersection over union, summed over a set of images."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from napari_corrclip.maps.agreement import iou
from napari_corrclip.maps.votes import crosstab


class Confusion:
    """Pixel counts of truth x prediction, summed over images.

    Args:
        classes: number of classes K; labels are 1..K in both maps.

    Truth 0 is ignored. Prediction 0 (unlabelled) is wrong for whatever the truth is.
    """

    def __init__(self, classes: int) -> None:
        self.classes = classes
        self.counts: NDArray[np.int64] = np.zeros((classes + 1, classes + 1), np.int64)

    def add(self, truth: NDArray[np.integer], prediction: NDArray[np.integer]) -> None:
        """Count one image; both maps (H, W) with labels 0..K."""
        self.counts += crosstab(truth.ravel(), prediction.ravel(), self.counts.shape)

    @property
    def iou(self) -> NDArray[np.float64]:
        """(K,) IoU of each class; NaN for a class in neither truth nor prediction."""
        counted = self.counts.copy()
        counted[0] = 0
        return iou(counted)[1:]

    @property
    def accuracy(self) -> float:
        """Share of the pixels with truth that have their class."""
        return float(np.diag(self.counts)[1:].sum() / max(1, int(self.counts[1:].sum())))

    @property
    def class_accuracy(self) -> NDArray[np.float64]:
        """(K,) share of each class's true pixels that have it; NaN for a class without any."""
        hits = np.diag(self.counts)[1:].astype(np.float64)
        total = self.counts[1:].sum(1)
        found: NDArray[np.float64] = np.full(self.classes, np.nan)
        np.divide(hits, total, out=found, where=total > 0)
        return found

    @property
    def mean_class_accuracy(self) -> float:
        """Mean of :attr:`class_accuracy` over the classes of the truth; NaN if there is none."""
        known = self.class_accuracy
        known = known[~np.isnan(known)]
        return float(known.mean()) if known.size else float("nan")

    def mean_iou(self, classes: Iterable[int] | None = None) -> float:
        """Mean IoU over the classes that occur, of ``classes`` (0-based) or of all; NaN if none does."""
        iou = self.iou if classes is None else self.iou[list(classes)]
        iou = iou[~np.isnan(iou)]
        return float(iou.mean()) if iou.size else float("nan")


def true_miou(confusion: Confusion) -> float:
    """Return the mean IoU over the classes that occur in the truth; for single images.

    Over all that occur in either map, a stray pixel of an absent class would weigh as much as a class.
    """
    return confusion.mean_iou(np.flatnonzero(confusion.counts[1:].any(axis=1)).tolist())
