"""The figures of a study of sequences: what a lesson saves, how sure one can be, and what it costs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_corrclip.evaluation.effort.curves import mean_interval, ratio_of_means
from napari_corrclip.evaluation.effort.sequence.orders import late
from napari_corrclip.evaluation.effort.sequence.study import SequenceStudy
from napari_corrclip.evaluation.effort.sequence.ways import BASES, UNTAUGHT
from napari_corrclip.evaluation.effort.simulation.lesson import Visit
from napari_corrclip.evaluation.metrics import Confusion
from napari_corrclip.evaluation.resampling import Interval

GIVING = ("assign", "spread", "box", "sweep", "split")
"""The actions by which regions get a class."""
WORSE, WORSE_SHARE = 2.0, 0.1
"""An image is worse with more actions than this above the same image untaught, or this share of the mean."""


@dataclass(frozen=True)
class Worse:
    """The images on which a lesson cost more than it saved.

    Attributes:
        share: of the visits, on which it took more than max(2, 10 % of the set's untaught mean) actions more.
        extra: actions more there, in parts of all untaught ones.
    """

    share: float
    extra: float


@dataclass(frozen=True)
class Opening:
    """The pre-labels of images when they are opened, and how far their probabilities are to be believed.

    Attributes:
        accuracy: share of right pixels, over all pixels of the visits.
        miou: mean IoU likewise.
        error: expected calibration error of the undecided regions when the image is opened.
        later: the same at all refreshes after it.
    """

    accuracy: float
    miou: float
    error: float
    later: float


def spent(study: SequenceStudy, visits: Sequence[Visit]) -> NDArray[np.float64]:
    """Return (visits,) what each took: actions, or with few regions those that give a class, and asking."""
    kinds = (*GIVING, "apply") if study.few else ()
    return np.array([visit.actions(*kinds) for visit in visits], np.float64)


def base(study: SequenceStudy, way: str) -> NDArray[np.float64]:
    """Return (images,) what each image takes in the way that ``way`` is compared with."""
    return spent(study, study.untaught[BASES.get(way, UNTAUGHT.name)])


def places(study: SequenceStudy) -> range:
    """Return the places that stand for the 20th image."""
    return late(len(study.orders[0]))


def total(study: SequenceStudy, way: str, where: range | None = None) -> Interval:
    """Return what a way takes, in parts of what the same images take untaught.

    Args:
        study: of a set.
        way: one with a lesson, or without.
        where: places of the orders; ``None``: all.
    """
    under = base(study, way)
    if way in study.untaught:
        ones = np.ones(len(under), np.int64)
        return ratio_of_means(spent(study, study.untaught[way]), ones, under, ones)
    over, times = _by_image(study, way, where)
    return ratio_of_means(over, times, under * times, times)


def late_to_first(study: SequenceStudy, way: str, *, strict: bool = False) -> Interval:
    """Return what the 20th image takes in parts of what a first one does.

    Args:
        study: of a set.
        way: one with a lesson.
        strict: the first one is taught too, within itself; else it is untaught.
    """
    over, times = _by_image(study, way, places(study))
    under = spent(study, study.alone[way]) if strict else base(study, way)
    return ratio_of_means(over, times, under, np.ones(len(under), np.int64))


def worse(study: SequenceStudy, way: str) -> Worse:
    """Return on how many images a way with a lesson took clearly more."""
    under = base(study, way)
    limit = max(WORSE, WORSE_SHARE * float(under.mean()))
    same = under[np.array(study.orders)]
    more = np.array([spent(study, visits) for visits in study.taught[way]]) - same
    clearly = more > limit
    return Worse(float(clearly.mean()), float(more[clearly].sum() / max(1.0, same.sum())))


def opening(study: SequenceStudy, way: str | None, where: range | None = None) -> Opening:
    """Return how right pre-labels are, and how far they are to be believed.

    Args:
        study: of a set.
        way: one with a lesson; ``None``: of the same images untaught.
        where: places of the orders; ``None``: all.
    """
    rows = _untaught(study) if way is None else study.taught[way]
    chosen = [
        visit
        for visits in rows
        for place, visit in enumerate(visits)
        if where is None or place in where
    ]
    shown = Confusion(len(study.classes))
    shown.counts += np.sum([visit.opening for visit in chosen], axis=0)
    first, later = np.sum([visit.calibration for visit in chosen], axis=0)
    return Opening(
        shown.accuracy, shown.mean_iou(), calibration_error(first), calibration_error(later)
    )


def calibration_error(bins: NDArray[np.float64]) -> float:
    """Return the expected calibration error of a histogram (BINS, 3); NaN of nothing.

    The mean over regions of how far the probability shown is from the share that is right, bin by bin (Guo et
    al. 2017, *On calibration of modern neural networks*).
    """
    count = float(bins[:, 0].sum())
    return float(np.abs(bins[:, 1] - bins[:, 2]).sum() / count) if count else float("nan")


def by_place(study: SequenceStudy, way: str) -> list[Interval]:
    """Return the mean of what images take at each place, over the orders; untaught, of the same images."""
    if way in study.untaught:
        rows = spent(study, study.untaught[way])[np.array(study.orders)]
    else:
        rows = np.array([spent(study, visits) for visits in study.taught[way]])
    return [mean_interval(column) for column in rows.T]


@dataclass(frozen=True)
class Spared:
    """A point of the curve of looks spared against pixels left wrong.

    Attributes:
        way: such as ``on-0.9``.
        taught: whether by a lesson.
        above: probability above which the rest is accepted; 1: never.
        actions: mean of all actions an image.
        saved: of the actions of the untaught whole queue, the share that is not needed.
        left: share of the pixels that is wrong and would be right after the whole queue.
    """

    way: str
    taught: bool
    above: float
    actions: float
    saved: float
    left: float


def spared(study: SequenceStudy) -> list[Spared]:
    """Return the curve of a set with few regions; empty for others."""
    if not study.spared:
        return []
    orders = study.orders[: len(next(iter(study.spared.values())))]
    at = np.array(orders)
    whole = np.array([visit.actions() for visit in study.untaught[UNTAUGHT.name]], np.float64)
    end = np.array([visit.wrong for visit in study.untaught[UNTAUGHT.name]])
    ways = {UNTAUGHT.name: [[study.untaught[UNTAUGHT.name][i] for i in row] for row in orders]}
    ways |= {way: list(map(list, rows[: len(orders)])) for way, rows in study.taught.items()}
    ways = {way: rows for way, rows in ways.items() if way in (UNTAUGHT.name, "on")}
    ways |= {way: list(map(list, rows)) for way, rows in study.spared.items()}
    points = []
    for way, rows in ways.items():
        name, _, above = way.partition("-")
        actions = np.array([[visit.actions() for visit in row] for row in rows], np.float64)
        wrong = np.array([[visit.wrong for visit in row] for row in rows])
        points.append(
            Spared(
                way,
                name != UNTAUGHT.name,
                float(above or 1),
                float(actions.mean()),
                float(1 - actions.sum() / whole[at].sum()),
                float((wrong - end[at]).mean()),
            )
        )
    return sorted(points, key=lambda point: (point.taught, -point.above))


def _untaught(study: SequenceStudy) -> list[list[Visit]]:
    return [[study.untaught[UNTAUGHT.name][at] for at in order] for order in study.orders]


def _by_image(
    study: SequenceStudy, way: str, where: range | None
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return (images,) what all visits to each image took, and how many they were."""
    images = len(study.untaught[UNTAUGHT.name])
    columns = slice(None) if where is None else slice(where.start, where.stop)
    at = np.array(study.orders)[:, columns].ravel()
    taken = np.array([spent(study, visits) for visits in study.taught[way]])[:, columns].ravel()
    return np.bincount(at, taken, minlength=images), np.bincount(at, minlength=images)
