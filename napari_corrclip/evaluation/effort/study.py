"""The study: every way of working on every image of every set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_corrclip.evaluation.effort.cases.case import Case, CaseSet
from napari_corrclip.evaluation.effort.curves import (
    Measure,
    actions_to,
    mean_interval,
    ratio_interval,
    target_value,
)
from napari_corrclip.evaluation.effort.simulation.arms import Arm
from napari_corrclip.evaluation.effort.simulation.person import Run, correct
from napari_corrclip.evaluation.effort.simulation.prices import PRICES, costs
from napari_corrclip.evaluation.effort.simulation.region_truth import (
    Measures,
    ceiling,
    true_numbers,
)
from napari_corrclip.evaluation.metrics import Confusion, true_miou
from napari_corrclip.evaluation.resampling import Interval
from napari_corrclip.progress import Progress, Steps, retold
from napari_corrclip.results.segmentation import class_indices


@dataclass(frozen=True, eq=False)
class SetStudy:
    """The results on one set of images.

    Attributes:
        name: of the set.
        title: for people.
        how: what the pre-labels are.
        held: whether they are right on 80 ± 1 % of the pixels.
        accuracy: share of all counted pixels of the set that they have right.
        classes: names of the classes.
        regions: mean number of regions an image.
        starts: of each image, how right its pre-labels are.
        best: of each image, what its regions can reach.
        runs: by name of the arm, one run an image.
    """

    name: str
    title: str
    how: str
    held: bool
    accuracy: float
    classes: tuple[str, ...]
    regions: float
    starts: tuple[Measures, ...]
    best: tuple[Measures, ...]
    runs: Mapping[str, tuple[Run, ...]]

    def actions(self, arm: str, target: str, measure: Measure, prices: str) -> NDArray[np.float64]:
        """Return (images,) what each image took to a target; NaN where it was not reached."""
        return np.array(
            [
                actions_to(target_value(target, measure, start, best), measure, run, PRICES[prices])
                for run, start, best in zip(self.runs[arm], self.starts, self.best, strict=True)
            ]
        )

    def mean_actions(self, arm: str, target: str, measure: Measure, prices: str) -> Interval:
        """Return the mean of :meth:`actions` over the images that reached the target."""
        return mean_interval(self.actions(arm, target, measure, prices))

    def ratio(self, over: str, under: str, target: str, measure: Measure, prices: str) -> Interval:
        """Return what one arm took in parts of what another took, paired over images."""
        return ratio_interval(
            self.actions(over, target, measure, prices),
            self.actions(under, target, measure, prices),
        )

    def ceiling(self, measure: Measure) -> Interval:
        """Return the mean over images of what regions can reach."""
        return mean_interval([getattr(best, measure) for best in self.best])

    def untouched(self, arm: str) -> float:
        """Return the share of the regions looked at that were accepted as they were."""
        runs = self.runs[arm]
        return sum(run.untouched for run in runs) / max(1, sum(run.looked for run in runs))

    def end(self, arm: str, prices: str) -> tuple[Interval, Interval]:
        """Return what the whole way took, and the accuracy at its end in parts of the ceiling."""
        runs = self.runs[arm]
        spent = [float(costs(run.kinds, PRICES[prices])[-1]) for run in runs]
        reached = [float(run.accuracy[-1]) / max(run.best.accuracy, 1e-9) for run in runs]
        return mean_interval(spent), mean_interval(reached)

    def after(self, arm: str, actions: int) -> tuple[float, float, float]:
        """Return pixel accuracy, mIoU (both over all pixels of the set) and mean boundary IoU.

        After so many actions, each counted as one; a run that has ended stays where it is.
        """
        total = Confusion(len(self.classes))
        outlines = []
        for run in self.runs[arm]:
            mark = [mark for mark in run.marks if mark.actions <= actions][-1]
            total.counts += mark.confusion
            outlines.append(mark.boundary_iou)
        return total.accuracy, total.mean_iou(), float(np.nanmean(outlines))


def study_steps(cases: CaseSet, arms: Sequence[Arm]) -> Steps[SetStudy]:
    """Correct every image of a set in every way; yields after every action."""
    runs: dict[str, list[Run]] = {arm.name: [] for arm in arms}
    total = len(cases.cases) * len(arms)
    for done, case in enumerate(cases.cases):
        for also, arm in enumerate(arms):
            at = done * len(arms) + also
            runs[arm.name].append((yield from _counted(correct(case, arm), cases.title, at, total)))
    yield Progress(cases.title, total, total)
    return SetStudy(
        name=cases.name,
        title=cases.title,
        how=cases.how,
        held=cases.held,
        accuracy=cases.accuracy,
        classes=cases.cases[0].result.vocabulary.names,
        regions=float(np.mean([len(case.result.table) for case in cases.cases])),
        starts=tuple(start(case) for case in cases.cases),
        best=tuple(ceiling(case) for case in cases.cases),
        runs={name: tuple(found) for name, found in runs.items()},
    )


def start(case: Case) -> Measures:
    """Measure the pre-labels of a case."""
    confusion = Confusion(len(case.result.vocabulary))
    shown = class_indices(case.result.labels, case.result.vocabulary) + 1
    confusion.add(true_numbers(case), shown)
    return Measures(confusion.accuracy, true_miou(confusion))


def _counted(steps: Steps[Run], stage: str, done: int, total: int) -> Steps[Run]:
    """Tell the events of one run as the study's own, so that it can be cancelled at every action."""
    return retold(steps, lambda _: Progress(stage, done, total))
