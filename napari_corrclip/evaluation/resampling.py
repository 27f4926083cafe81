"""Figures over a set of images with their intervals: the images are drawn anew, pixel counts added up.

An mIoU over a set is no mean over its images: intersections and unions are added over the images first. So
a resample adds the counts of the images that it drew, each as often as it was drawn. Counts are whole
numbers, and all their sums are exact.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from napari_corrclip.maps.votes import crosstab

RESAMPLES: Final = 2000
FEWEST: Final = 5
"""Images below which an interval is not told and decides nothing: of one image all draws are the same."""
SEED: Final = 0

# Of draws x images that are counted at once: 32 MB of float64.
_AT_ONCE: Final = 1 << 22


@dataclass(frozen=True)
class Interval:
    """A figure over images with its 95 % interval.

    Attributes:
        value: NaN where it cannot be told.
        low: 2.5 % of the resamples lie below.
        high: 2.5 % lie above.
        images: on how many images it rests.
    """

    value: float
    low: float
    high: float
    images: int

    @property
    def told(self) -> bool:
        """Whether its ends say anything: not of fewer than :data:`FEWEST` images."""
        return self.images >= FEWEST and not math.isnan(self.low)

    @property
    def above_zero(self) -> bool:
        """Whether the whole interval is above 0, of images enough to tell."""
        return self.told and self.low > 0

    @property
    def below_zero(self) -> bool:
        """Whether the whole interval is below 0, of images enough to tell."""
        return self.told and self.high < 0


def class_counts(
    truth: NDArray[np.integer], prediction: NDArray[np.integer], classes: int
) -> NDArray[np.int64]:
    """Return (3, K): pixels of each class that were hit, are in the truth, were predicted.

    It is what :class:`~napari_corrclip.evaluation.metrics.Confusion` has its IoU from, and of hundreds of
    classes and thousands of images small enough to be kept of each image.

    Args:
        truth: (H, W) labels 0..K; 0 is not counted.
        prediction: (H, W) labels 0..K; 0 is wrong whatever the truth is.
        classes: how many classes K.
    """
    counts = crosstab(truth.ravel(), prediction.ravel(), (classes + 1, classes + 1))[1:]
    return np.stack([counts[:, 1:].diagonal(), counts.sum(1), counts[:, 1:].sum(0)])


def mean_iou(
    counts: NDArray[np.number],
    classes: Sequence[int] | None = None,
    *,
    left_out: NDArray[np.bool_] | None = None,
) -> NDArray[np.float64]:
    """Return the mean IoU over the classes that occur in truth or prediction; NaN where none does.

    Args:
        counts: (..., 3, K) as of :func:`class_counts`, added over any images.
        classes: indices of those to be averaged, 0-based; ``None``: all.
        left_out: (..., K) classes that are not averaged, although they may have been predicted.
    """
    chosen = counts if classes is None else counts[..., list(classes)]
    hits = chosen[..., 0, :].astype(np.float64)
    union = chosen[..., 1, :] + chosen[..., 2, :] - hits
    occurs = union > 0
    if left_out is not None:
        occurs &= ~(left_out if classes is None else left_out[..., list(classes)])
    iou = np.divide(hits, union, out=np.zeros_like(hits), where=occurs)
    found = occurs.sum(-1)
    total = iou.sum(-1)
    means: NDArray[np.float64] = np.full_like(total, np.nan)
    np.divide(total, found, out=means, where=found > 0)
    return means


def resampled(
    counts: NDArray[np.int64],
    classes: Sequence[int] | None = None,
    *,
    resamples: int = RESAMPLES,
    seed: int = SEED,
) -> NDArray[np.float64]:
    """Return (resamples,) the mean IoU of the images drawn anew, with replacement, as many as there are.

    The draws follow from the seed and the number of images alone, so that two ways of working over the
    same images are drawn together: the difference of what this returns of each is paired.

    A class that the images have, and of which a draw lost the truth, is left out of that draw: as something
    that is predicted at times and never right it would pull every draw down, and intervals with them.

    Args:
        counts: (N, 3, K) of each image.
        classes: as of :func:`mean_iou`.
        resamples: how often.
        seed: of the draws.
    """
    images = len(counts)
    rng = np.random.default_rng(seed)
    flat = counts.reshape(images, -1).astype(
        np.float64
    )  # whole numbers below 2**53: sums are exact
    there = counts[:, 1].sum(0) > 0
    step = max(1, _AT_ONCE // max(1, images))
    parts = []
    for start in range(0, resamples, step):
        draws = rng.integers(images, size=(min(step, resamples - start), images))
        rows = np.arange(len(draws))[:, None]
        times = crosstab(np.broadcast_to(rows, draws.shape).ravel(), draws.ravel(), draws.shape)
        sums = (times.astype(np.float64) @ flat).reshape(len(draws), *counts.shape[1:])
        parts.append(mean_iou(sums, classes, left_out=there & (sums[:, 1] == 0)))
    return np.concatenate(parts)


def miou_interval(
    counts: NDArray[np.int64], classes: Sequence[int] | None = None, *, seed: int = SEED
) -> Interval:
    """Return the mean IoU over a set of images, with the interval of its resamples."""
    value = float(mean_iou(counts.sum(0), classes))
    return _interval(value, resampled(counts, classes, seed=seed), len(counts))


def difference_interval(
    counts: NDArray[np.int64],
    against: NDArray[np.int64],
    classes: Sequence[int] | None = None,
    *,
    seed: int = SEED,
) -> Interval:
    """Return by how much the mean IoU of one way is above another's over the same images, paired.

    Args:
        counts: (N, 3, K) of each image.
        against: (N, 3, K) of the same images in the same order, worked on in the other way.
        classes: as of :func:`mean_iou`.
        seed: of the draws.
    """
    value = float(mean_iou(counts.sum(0), classes) - mean_iou(against.sum(0), classes))
    drawn = resampled(counts, classes, seed=seed) - resampled(against, classes, seed=seed)
    return _interval(value, drawn, len(counts))


def _interval(value: float, drawn: NDArray[np.float64], images: int) -> Interval:
    known = drawn[~np.isnan(drawn)]
    if not len(known):
        return Interval(value, float("nan"), float("nan"), images)
    low, high = np.percentile(known, (2.5, 97.5))
    return Interval(value, float(low), float(high), images)
