"""The simulated person: corrects one image toward its truth and counts what that takes.

They are careful: nothing is given a class that is not its majority truth, so what was once decided
need not be looked at again. They know the truth of what they look at, and nothing of what they do
not: the order of looks is the queue's.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from napari_corrclip.annotation import Queue, Session, SmallGroup
from napari_corrclip.errors import InputError
from napari_corrclip.evaluation.effort.cases.case import Case
from napari_corrclip.evaluation.effort.simulation.arms import Arm
from napari_corrclip.evaluation.effort.simulation.boundary import boundary_iou
from napari_corrclip.evaluation.effort.simulation.boxes import FORBIDDEN, best_box
from napari_corrclip.evaluation.effort.simulation.brush import ErrorDepth, Stroke
from napari_corrclip.evaluation.effort.simulation.prices import KINDS
from napari_corrclip.evaluation.effort.simulation.region_truth import (
    Measures,
    case_counts,
    ceiling,
    majority,
    true_numbers,
)
from napari_corrclip.evaluation.effort.simulation.running_accuracy import RunningAccuracy
from napari_corrclip.images.boxes import window
from napari_corrclip.maps.adjacency import borders
from napari_corrclip.progress import Progress, Steps

MARKS = (0, 10, 30, 100, 300, 1000)
"""Numbers of actions after which everything is measured."""

ENOUGH = 0.95
"""Share of right pixels at which a person with a brush stops."""

MOST_STROKES = 500
"""Splits and strokes at most on one image."""


@dataclass(frozen=True, eq=False)
class Mark:
    """The figures that are measured after some actions.

    Attributes:
        actions: how many, each counted as one.
        confusion: (1 + K, 1 + K) pixels of truth x shown.
        boundary_iou: mean over the classes.
    """

    actions: int
    confusion: NDArray[np.int64]
    boundary_iou: float


@dataclass(frozen=True, eq=False)
class Run:
    """The cost of correcting one image in one way.

    Attributes:
        case: the image's name.
        arm: the way of working.
        kinds: (n,) uint8, the actions, as indices into :data:`KINDS`.
        accuracy: (n + 1,) share of right pixels before the first and after each action.
        miou: (n + 1,) mean IoU likewise.
        marks: at :data:`MARKS` and at the end.
        looked: regions that were presented one by one.
        untouched: how many of them were accepted as they were.
        best: what the regions can reach.
    """

    case: str
    arm: str
    kinds: NDArray[np.uint8]
    accuracy: NDArray[np.float64]
    miou: NDArray[np.float64]
    marks: tuple[Mark, ...]
    looked: int
    untouched: int
    best: Measures


def correct(case: Case, arm: Arm, *, strokes: int = MOST_STROKES) -> Steps[Run]:
    """Correct an image in one way; yields after every action.

    First the queue, region by region, to its end; then, with the tools for it, errors inside regions
    by splits and brush discs, until 95 % of the pixels are right.

    Args:
        case: the image with its truth and pre-labels.
        arm: the way of working; without pre-labels the case's are taken away first.
        strokes: splits and discs at most.
    """
    best = ceiling(case)
    person = Person(case if arm.labels else case.without_labels(), arm)
    try:
        yield from person.review()
        if {"brush", "split"} & set(arm.tools):
            yield from person.touch_up(strokes)
    finally:
        person.running.close()
    return person.record.run(case.name, arm.name, best)


class _Record:
    """The log of a run.

    Args:
        running: the accuracy of the session.
        marks: numbers of actions after which everything is measured, and at the end; empty: nowhere.
    """

    def __init__(self, running: RunningAccuracy, marks: tuple[int, ...]) -> None:
        self.running = running
        self.at = marks
        self.kinds: list[int] = []
        self.accuracy = [running.accuracy]
        self.miou = [running.miou]
        self.marks = [self._mark()] if marks else []
        self.looked = self.untouched = 0

    def add(self, kind: str) -> Progress:
        """Note an action that was just done."""
        self.kinds.append(KINDS.index(kind))
        self.accuracy.append(self.running.accuracy)
        self.miou.append(self.running.miou)
        if len(self.kinds) in self.at:
            self.marks.append(self._mark())
        return Progress("correct", len(self.kinds), len(self.kinds))

    def run(self, case: str, arm: str, best: Measures) -> Run:
        """Return what was logged."""
        if self.marks[-1].actions != len(self.kinds):
            self.marks.append(self._mark())
        return Run(
            case=case,
            arm=arm,
            kinds=np.array(self.kinds, np.uint8),
            accuracy=np.array(self.accuracy),
            miou=np.array(self.miou),
            marks=tuple(self.marks),
            looked=self.looked,
            untouched=self.untouched,
            best=best,
        )

    def _mark(self) -> Mark:
        running = self.running
        outlines = boundary_iou(running.truth, running.shown, running.confusion.classes)
        return Mark(len(self.kinds), running.confusion.counts.copy(), outlines)


class Person:
    """The person at work on one case in one way.

    Args:
        case: the image.
        arm: the way of working.
        marks: numbers of actions after which everything is measured.
    """

    def __init__(self, case: Case, arm: Arm, marks: tuple[int, ...] = MARKS) -> None:
        self.case = case
        self.arm = arm
        self.session = Session(case.result, case.image)
        self.truth = true_numbers(case)
        self.running = RunningAccuracy(self.session, self.truth)
        self.record = _Record(self.running, marks)
        self.values = (0, *case.result.vocabulary.values)

    # -- region by region

    def review(self) -> Steps[None]:
        """Look at the regions in the queue's order and give the wrong ones their class."""
        chosen = self.arm.order
        if chosen is None:
            return
        order = chosen(self.case, self.session) if callable(chosen) else chosen
        regions = Regions(self.session, self.case)
        yield from self.begin(regions)
        if self.arm.accept_above < 1:
            self.session.accept_above(self.arm.accept_above)
            yield self.record.add("accept")
        queue = Queue(self.session, order, refresh_every=self.arm.refresh_every)
        every, looks = self.arm.refresh_every, 0
        while True:
            if every and looks and looks % every == 0:
                yield from self.refresh(regions)
            found = queue.next()
            if found is None:
                return
            if isinstance(found, SmallGroup):
                yield from self._small(found)
                return
            looks += 1
            yield from self._look(found, regions)

    def begin(self, regions: Regions) -> Steps[None]:
        """Do what comes before the first look: nothing."""
        yield from ()

    def refresh(self, regions: Regions) -> Steps[None]:
        """Do what comes before the queue is refreshed: nothing."""
        yield from ()

    def _look(self, region: int, regions: Regions) -> Steps[None]:
        row = self.session.region(region)
        at = regions.index[region]
        number = int(regions.best[at])
        right = self.values[number] == row.predicted or number == 0
        self.record.looked += 1
        if right:
            self.record.untouched += 1
            # What is not counted is left as it is.
            if row.predicted:
                self.session.accept(region)
            else:
                self.session.ignore(region)
        yield self.record.add("look" if self.arm.labels else "find")
        if right:
            return
        tool, ids = self._choose(region, at, number, regions)
        if tool == "spread":
            self.session.spread(region, self.values[number])
        else:
            self.session.assign(ids, self.values[number])
        regions.show(ids, number)
        yield self.record.add(tool)

    def _choose(self, region: int, at: int, number: int, regions: Regions) -> tuple[str, list[int]]:
        """Return the tool that puts most pixels right, and the regions it gives the class to."""
        best, gained = ("assign", [region]), regions.gain([at], number)
        if "spread" in self.arm.tools:
            patch = self.session.patch_of(region)
            rows = [regions.index[member] for member in patch]
            if regions.may_be(rows, number) and regions.gain(rows, number) > gained:
                best, gained = ("spread", patch), regions.gain(rows, number)
        if "box" in self.arm.tools:
            weights = regions.weights(number, undecided(self.session, regions.ids))
            inside = best_box(regions.boxes, weights, at, self.session.shape)
            if len(inside) and regions.gain(inside, number) > gained:
                best, gained = ("box", regions.ids[inside].tolist()), regions.gain(inside, number)
        if "sweep" in self.arm.tools:
            stroke = regions.stroke(at, number)
            if regions.gain(stroke, number) > gained:
                best = ("sweep", regions.ids[stroke].tolist())
        return best

    def _small(self, group: SmallGroup) -> Steps[None]:
        """Deal with all small regions at once: accept what is predicted, or absorb them."""
        if self.arm.labels:
            rows = [self.session.region(region) for region in group.ids]
            known = [row.id for row in rows if row.predicted]
            if known:
                self.session.accept(known)
            yield self.record.add("look")
        else:
            yield self.record.add("find")
            with contextlib.suppress(InputError):  # regions that touch no other
                self.session.absorb(group.ids)
            yield self.record.add("merge")

    # -- inside regions

    def touch_up(self, strokes: int) -> Steps[None]:
        """Go to the deepest error, again and again, and cut it away or paint over it."""
        depth = ErrorDepth(self.truth, self.running.shown)
        actions = 0
        while actions < strokes and self.running.accuracy < ENOUGH:
            stroke = depth.deepest()
            if stroke is None:
                return
            before = len(self.record.kinds)
            rows, columns = stroke.pixels(self.session.shape)
            wrong = (self.truth[rows, columns] == stroke.number) & (
                self.running.shown[rows, columns] != stroke.number
            )
            box = None
            if "split" in self.arm.tools:
                box = yield from self._cut(stroke, int(wrong.sum()))
            if box is None:
                self.session.paint((rows, columns), self.values[stroke.number])
                yield self.record.add("brush")
                box = (
                    slice(int(rows.min()), int(rows.max()) + 1),
                    slice(int(columns.min()), int(columns.max()) + 1),
                )
            depth.update(box, self.running.shown[box])
            actions += len(self.record.kinds) - before

    def _cut(self, stroke: Stroke, painted: int) -> Steps[tuple[slice, slice] | None]:
        """Split the region at the error and give the part its class, if that pays.

        It takes two actions, so it has to gain more than twice what the disc would. Undo is free: it
        is tried, and taken back if it does not.
        """
        region = self.session.region_at(*stroke.center)
        if region == 0:
            return None
        box = window(self.session.region(region).box)
        inside = self.session.regions[box] == region
        truth, shown = self.truth[box], self.running.shown[box]
        if np.count_nonzero(inside & (truth == stroke.number) & (shown != truth)) <= 2 * painted:
            return None
        right = inside & (truth == shown)
        if not right.any():
            return None
        depth = distance_transform_edt(right)
        row, column = divmod(int(depth.argmax()), depth.shape[1])
        keep = (row + box[0].start, column + box[1].start)
        before = self.running.hits
        try:
            self.session.split_points(region, keep=[keep], cut=[stroke.center])
        except InputError:  # the click leaves it in one piece
            return None
        part = self.session.region_at(*stroke.center)
        self.session.assign(part, self.values[stroke.number])
        if self.running.hits - before <= 2 * painted:
            self.session.undo()
            self.session.undo()
            return None
        yield self.record.add("split")
        yield self.record.add("assign")
        return box


class Regions:
    """The regions as the person knows them: their truth, where they lie, what they show.

    Regions keep their shape while the queue is worked through.
    """

    def __init__(self, session: Session, case: Case) -> None:
        self.counts, self.ids = case_counts(case)
        self.index = {int(region): at for at, region in enumerate(self.ids)}
        self.best = majority(self.counts)
        self.boxes = np.array([session.region(int(region)).box for region in self.ids]).reshape(
            -1, 4
        )
        self._touching = np.searchsorted(self.ids, borders(case.result.regions)[0])
        self._numbers = {value: at for at, value in enumerate((0, *case.result.vocabulary.values))}
        self.read(session)

    def read(self, session: Session) -> None:
        """Note what all regions show by now."""
        shown = [session.region(region).value for region in self.ids.tolist()]
        self.shown = np.array([self._numbers[value] for value in shown])

    def stroke(self, at: int, number: int) -> NDArray[np.intp]:
        """Return the rows that one stroke from the region at ``at`` may touch, all to get class ``number``.

        From region to region over common borders, never into one of another class; those that are not
        counted may lie on the way.
        """
        may = (self.best == number) | (self.best == 0)
        first, other = self._touching[may[self._touching].all(axis=1)].T
        graph = coo_array((np.ones(len(first), bool), (first, other)), shape=(len(may), len(may)))
        _, parts = connected_components(graph, directed=False)
        return np.flatnonzero(parts == parts[at])

    def show(self, ids: Iterable[int], number: int) -> None:
        """Note that regions were given the class ``number``."""
        self.shown[[self.index[region] for region in ids]] = number

    def gain(self, rows: Iterable[int], number: int) -> int:
        """Return how many pixels more are right if the regions at ``rows`` get that class."""
        return int(self.gains(number)[list(rows)].sum())

    def gains(self, number: int) -> NDArray[np.int64]:
        """Return :meth:`gain` of each region."""
        shown = np.where(self.shown > 0, self.counts[np.arange(len(self.shown)), self.shown], 0)
        return self.counts[:, number] - shown

    def may_be(self, rows: Iterable[int], number: int) -> bool:
        """Whether all regions at ``rows`` have that class by truth, or are not counted."""
        best = self.best[list(rows)]
        return bool(((best == number) | (best == 0)).all())

    def weights(self, number: int, undecided: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Return what it is worth to give each region that class in a box.

        The pixels that it puts right, and a little for a look that is saved.
        """
        saved = 0.01 * self.counts[:, 1:].sum(axis=1) * undecided
        weights = np.where(self.best == number, self.gains(number) + saved, FORBIDDEN)
        return np.where(self.best == 0, 0.0, weights)


def undecided(session: Session, ids: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return whether each region is undecided."""
    rows = (session.find(region) for region in ids.tolist())
    return np.array([row is not None and row.verdict is None for row in rows], np.bool_)
