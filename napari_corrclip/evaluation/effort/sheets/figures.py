"""The figures of a study of sheets: what they take in parts of region by region, and what was left wrong."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

import numpy as np

from napari_corrclip.evaluation.effort.curves import CEILING
from napari_corrclip.evaluation.effort.sheets.study import (
    END,
    IMAGES,
    TAUGHT_IMAGES,
    Sample,
    SheetStudy,
    wanted,
)
from napari_corrclip.evaluation.effort.sheets.ways import SheetWay
from napari_corrclip.evaluation.resampling import Interval

USUAL: Final = "accept-free"
GOAL: Final = 0.5
STRETCH: Final = 0.3


def base_of(way: SheetWay) -> str:
    """Return the way region by region that a way by sheets is compared with."""
    return TAUGHT_IMAGES if way.taught else IMAGES


def ratio(
    study: SheetStudy, over: str, under: str, target: str = CEILING, prices: str = USUAL
) -> Interval:
    """Return what one way took in parts of what another took, with the interval that random halves tell."""
    return spread(study, lambda sample: _ratio(sample, over, under, target, prices))


def _ratio(sample: Sample, over: str, under: str, target: str, prices: str) -> float:
    below = sample.actions(under, target, prices)
    return sample.actions(over, target, prices) / below if below else math.nan


def spread(study: SheetStudy, figure: Callable[[Sample], float]) -> Interval:
    """Return a ratio on the whole set, with an interval.

    The logarithm of a figure varies over random halves, drawn without replacement, as much as it does over
    sets of the whole size that are drawn from where this one came from (delete-d jackknife with d = n/2, Shao
    and Wu 1989); 1.96 of its standard deviations lie to each side. With fewer than two halves that have the
    figure there is no interval.
    """
    value = figure(study.whole)
    found = np.array([figure(half) for half in study.halves])
    known = found[found > 0]  # NaN is not
    if not value > 0 or len(known) < 2:
        return Interval(value, math.nan, math.nan, len(study.whole.images))
    # Halves are balanced, so that their mean is about the whole's; the deviation is from that mean.
    reach = 1.96 * float(np.log(known).std(ddof=1))
    return Interval(
        value, value * math.exp(-reach), value * math.exp(reach), len(study.whole.images)
    )


def left_wrong(sample: Sample, way: str, target: str) -> tuple[float, float]:
    """Return the shares of all pixels in decided regions that are not what these show.

    Args:
        sample: the images.
        way: by sheets.
        target: where it is looked at.

    Returns:
        that of regions that were decided to be what they are not, and that of those decided rightly,
        whose borders are not the truth's; NaN where the target was not reached.
    """
    run = sample.runs[way]
    page = len(run.kinds) if target == END else run.page_at(wanted(sample.regions, target))
    if page is None:
        return math.nan, math.nan
    total = max(1, sample.regions.total)
    return float(run.wrongly[page] / total), float(run.beside[page] / total)
