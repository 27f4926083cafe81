"""The figures of runs: what a target took, means and ratios with intervals over images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from napari_corrclip.evaluation.effort.simulation.person import Run
from napari_corrclip.evaluation.effort.simulation.prices import costs
from napari_corrclip.evaluation.effort.simulation.region_truth import Measures
from napari_corrclip.evaluation.resampling import RESAMPLES, Interval

Measure = Literal["accuracy", "miou"]
MEASURES: Final[tuple[Measure, ...]] = ("accuracy", "miou")

TARGETS: Final = ("85 %", "90 %", "95 %", "95 % of the ceiling", "80 % of the gap")
"""What is aimed at: a share of the pixels (or mean IoU), of what regions can reach, or of the way
from the pre-labels to that."""
CEILING, GAP = TARGETS[3:]

_ROUNDING = 1e-9


def target_value(target: str, measure: Measure, start: Measures, best: Measures) -> float:
    """Return the value of a measure at which a target is reached; NaN where there is no gap to close.

    Args:
        target: one of :data:`TARGETS`.
        measure: which.
        start: of the pre-labels.
        best: what the regions can reach.
    """
    begin, ceiling = getattr(start, measure), getattr(best, measure)
    if target == CEILING:
        return float(0.95 * ceiling)
    if target == GAP:
        # Pixels in no region may be right in the pre-labels and beyond reach of any region.
        return float(begin + 0.8 * (ceiling - begin)) if begin < ceiling else float("nan")
    return float(target.removesuffix(" %")) / 100


def actions_to(value: float, measure: Measure, run: Run, prices: Mapping[str, float]) -> float:
    """Return what was spent until a measure was first at ``value``; NaN if it never was, or is NaN."""
    reached = getattr(run, measure) >= value - _ROUNDING
    if not reached.any():
        return float("nan")
    return float(costs(run.kinds, prices)[int(reached.argmax())])


def mean_interval(values: Sequence[float] | NDArray[np.floating], seed: int = 0) -> Interval:
    """Return the mean over images, images being resampled; those with NaN are left out."""
    known = np.asarray(values, np.float64)
    known = known[~np.isnan(known)]
    if not len(known):
        return Interval(float("nan"), float("nan"), float("nan"), 0)
    means = known[_resampled(len(known), seed)].mean(axis=1)
    low, high = np.percentile(means, (2.5, 97.5))
    return Interval(float(known.mean()), float(low), float(high), len(known))


def ratio_interval(
    over: Sequence[float] | NDArray[np.floating],
    under: Sequence[float] | NDArray[np.floating],
    seed: int = 0,
) -> Interval:
    """Return the ratio of two totals over the same images, resampled image by image together.

    Images in which either is NaN are left out. It is the ratio of totals and not the mean of ratios,
    since an image that needs nothing has no ratio.
    """
    above, below = np.asarray(over, np.float64), np.asarray(under, np.float64)
    known = ~(np.isnan(above) | np.isnan(below))
    above, below = above[known], below[known]
    if not below.sum():
        return Interval(float("nan"), float("nan"), float("nan"), len(below))
    chosen = _resampled(len(above), seed)
    tops, bottoms = above[chosen].sum(axis=1), below[chosen].sum(axis=1)
    ratios = tops[bottoms > 0] / bottoms[bottoms > 0]
    low, high = np.percentile(ratios, (2.5, 97.5))
    return Interval(float(above.sum() / below.sum()), float(low), float(high), len(above))


def ratio_of_means(
    over: NDArray[np.floating],
    over_times: NDArray[np.integer],
    under: NDArray[np.floating],
    under_times: NDArray[np.integer],
    seed: int = 0,
) -> Interval:
    """Return the ratio of two means over the same images, resampled image by image together.

    Args:
        over: (images,) total of each image over the times that it came.
        over_times: (images,) how often it came; its total is 0 where it did not.
        under: (images,) likewise, of what is divided by.
        under_times: (images,) likewise.
        seed: of the resamples.
    """
    parts = np.stack([over, over_times, under, under_times]).astype(np.float64)
    chosen = _resampled(len(over), seed)
    value, ratios = _ratio(parts.sum(axis=1)), _ratio(parts[:, chosen].sum(axis=2))
    known = ratios[~np.isnan(ratios)]
    low, high = np.percentile(known, (2.5, 97.5)) if len(known) else (np.nan, np.nan)
    return Interval(float(value), float(low), float(high), int((parts[1] > 0).sum()))


def _ratio(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    over, times, under, often = sums
    with np.errstate(divide="ignore", invalid="ignore"):
        found: NDArray[np.float64] = (over / times) / (under / often)
    return np.where(np.isfinite(found), found, np.nan)


@dataclass(frozen=True, eq=False)
class Curve:
    """A measure over what was spent: mean over images, with its interval.

    Attributes:
        spent: (n,) ascending.
        mean: (n,).
        low: (n,) 2.5 % of the resamples lie below.
        high: (n,).
    """

    spent: NDArray[np.float64]
    mean: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]


def mean_curve(
    runs: Sequence[Run], measure: Measure, prices: Mapping[str, float], points: int = 60
) -> Curve:
    """Return the mean curve of some runs, up to where the longest ends.

    Between two actions nothing changes; a run that has ended stays where it is.
    """
    spent = [costs(run.kinds, prices) for run in runs]
    last = max(1.0, *(float(paid[-1]) for paid in spent))
    grid = np.unique(np.concatenate([[0.0], np.round(np.geomspace(1, last, points))]))
    values = np.array(
        [
            getattr(run, measure)[np.searchsorted(paid, grid, side="right") - 1]
            for run, paid in zip(runs, spent, strict=True)
        ]
    )
    resampled = np.array([values[chosen].mean(axis=0) for chosen in _resampled(len(runs), 0, 500)])
    low, high = np.percentile(resampled, (2.5, 97.5), axis=0)
    return Curve(grid, values.mean(axis=0), low, high)


def _resampled(count: int, seed: int, resamples: int = RESAMPLES) -> NDArray[np.int64]:
    return np.random.default_rng(seed).integers(count, size=(resamples, count))
