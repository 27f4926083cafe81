"""The study of sheets: every way of going through them, on a whole set and on random halves of it."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from napari_corrclip.evaluation.effort.cases.case import Case, CaseSet
from napari_corrclip.evaluation.effort.curves import CEILING, GAP
from napari_corrclip.evaluation.effort.sequence.orders import balanced_orders
from napari_corrclip.evaluation.effort.sheets import singly
from napari_corrclip.evaluation.effort.sheets.made import made_steps
from napari_corrclip.evaluation.effort.sheets.person import ROUNDING, SheetPerson, SheetRun
from napari_corrclip.evaluation.effort.sheets.regions import SetRegions
from napari_corrclip.evaluation.effort.sheets.singly import Trace
from napari_corrclip.evaluation.effort.sheets.ways import SheetWay
from napari_corrclip.evaluation.effort.simulation.lesson import shuffled
from napari_corrclip.progress import Progress, Steps, retold
from napari_corrclip.project.project import Project

END = "all decided"
TARGETS = (CEILING, GAP, END)
"""Up to where a set is corrected: 95 % of what its regions can reach together, 80 % of the way there from the
pre-labels, or until every region is decided."""
IMAGES, SET_QUEUE, TAUGHT_IMAGES = "images", "set", "images-on"
"""Ways region by region: the queue of each image, one queue over all, and image after image with a lesson."""


@dataclass(frozen=True, eq=False)
class Sample:
    """The results on some images of a set, corrected together.

    Attributes:
        images: which, in order.
        regions: of these.
        singly: actions by name of a way region by region and target; NaN: it never got there.
        runs: by name of a way by sheets.
    """

    images: tuple[int, ...]
    regions: SetRegions
    singly: Mapping[str, Mapping[str, float]]
    runs: Mapping[str, SheetRun]

    def actions(self, way: str, target: str, prices: str) -> float:
        """Return what a way took to a target; NaN: it was not reached, or not tried."""
        if way in self.singly:
            return self.singly[way].get(target, float("nan"))
        run = self.runs[way]
        if target == END:
            return float(run.spent(prices)[-1]) if run.whole else float("nan")
        return run.actions_to(wanted(self.regions, target), prices)


def wanted(regions: SetRegions, target: str) -> float:
    """Return how many pixels are right where a set has reached a target, which is not to decide all."""
    share = 0.95 * regions.ceiling
    if target == GAP:
        share = regions.start + 0.8 * (regions.ceiling - regions.start)
    return share * regions.total


@dataclass(frozen=True, eq=False)
class SheetStudy:
    """The results on one set of images.

    Attributes:
        name: of the set.
        title: for people.
        how: what the pre-labels are.
        held: whether they are right on 80 ± 1 % of the pixels.
        whole: all images together.
        halves: random halves of them, by which intervals are told.
    """

    name: str
    title: str
    how: str
    held: bool
    whole: Sample
    halves: tuple[Sample, ...]


def sheets_steps(
    cases: CaseSet, ways: Sequence[SheetWay], *, halves: int, seed: int = 0
) -> Steps[SheetStudy]:
    """Correct a set in every way; yields after every look and page.

    Args:
        cases: images with vectors.
        ways: of going through the sheets.
        halves: of how many halves.
        seed: draws them.
    """
    images = cases.cases
    traces = []
    for number, case in enumerate(images):
        stage = f"{cases.title}: region by region"
        traces.append((yield from _counted(singly.trace_steps(case), stage, number, len(images))))
    drawn = [tuple(range(len(images)))]
    if len(images) > 1:
        drawn += balanced_orders(len(images), halves, len(images) // 2, seed)
    samples = []
    for number, chosen in enumerate(drawn):
        title = f"{cases.title}, " + (f"half {number}" if number else "all images")
        some = [images[at] for at in chosen]
        steps = sample_steps(some, [traces[at] for at in chosen], ways, chosen, title)
        samples.append((yield from steps))
    return SheetStudy(
        cases.name, cases.title, cases.how, cases.held, samples[0], tuple(samples[1:])
    )


def sample_steps(
    cases: Sequence[Case],
    traces: Sequence[Trace],
    ways: Sequence[SheetWay],
    images: tuple[int, ...],
    title: str,
) -> Steps[Sample]:
    """Correct some images together, in every way."""
    regions = SetRegions.of(cases)
    goal = wanted(regions, CEILING)
    alone = _singly(traces, regions)
    if any(way.taught for way in ways):
        stage = f"{title}: region by region, taught"
        taught = yield from _counted(singly.taught_steps(cases, regions), stage, 0, 1)
        alone[TAUGHT_IMAGES] = {CEILING: singly.image_by_image(taught, regions, goal)}
    runs = {}
    with tempfile.TemporaryDirectory(prefix="napari-corrclip-") as place:
        first = Path(place) / "first"
        first.mkdir()
        made = yield from _counted(made_steps(first, cases), f"{title}: the project", 0, 1)
        names = [case.name for case in cases]
        for way in ways:
            folder = made
            if way.shuffled:
                folder = yield from _counted(
                    _shuffled_steps(Path(place), cases), f"{title}: the project", 0, 1
                )
            if way.taught:  # which decides in it; images lie beside it, where it looks for them
                folder = made.with_name(f"taught{made.suffix}")
                shutil.copytree(made, folder)
            with Project.open(folder) as project:
                project.lesson.switch = "on"
                person = SheetPerson(project, regions, way, names)
                until = goal if way.taught else None
                steps = person.review_steps(until)
                runs[way.name] = yield from retold(steps, _stage(f"{title}: {way.title}"))
            if folder != made:
                shutil.rmtree(folder)
    return Sample(images, regions, alone, runs)


def _shuffled_steps(place: Path, cases: Sequence[Case]) -> Steps[Path]:
    """Make the same project with the features of every image's regions exchanged among them."""
    folder = place / "shuffled"
    folder.mkdir()
    mixed = [
        replace(case, vectors=None if case.vectors is None else shuffled(case.vectors, case.name))
        for case in cases
    ]
    return (yield from made_steps(folder, mixed))


def _singly(traces: Sequence[Trace], regions: SetRegions) -> dict[str, dict[str, float]]:
    """Return what it takes region by region, untaught, by name of the way and target."""
    spent, right = singly.over_the_set(traces)
    alone: dict[str, dict[str, float]] = {IMAGES: {}, SET_QUEUE: {}}
    for target in (CEILING, GAP):
        pixels = wanted(regions, target)
        alone[IMAGES][target] = singly.image_by_image(traces, regions, pixels)
        there = right >= pixels - ROUNDING
        alone[SET_QUEUE][target] = float(spent[there.argmax()]) if there.any() else float("nan")
    for found in alone.values():
        found[END] = float(spent[-1])
    return alone


T = TypeVar("T")


def _counted(steps: Steps[T], stage: str, done: int, total: int) -> Steps[T]:
    """Tell the events of a part as the study's own, so that it can be cancelled at every one."""
    return retold(steps, lambda _: Progress(stage, done, total))


def _stage(stage: str) -> Callable[[Progress], Progress]:
    """Return what tells an event of a part as of a stage of the study."""
    return lambda event: Progress(stage, event.done, event.total)
