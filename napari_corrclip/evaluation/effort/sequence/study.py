"""The study of sequences: every way of correcting a set, image after image, in several orders."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from napari_corrclip.evaluation.effort.cases.case import CaseSet
from napari_corrclip.evaluation.effort.sequence.orders import balanced_orders
from napari_corrclip.evaluation.effort.sequence.ways import ABOVE, ON, UNTAUGHT, sparing
from napari_corrclip.evaluation.effort.simulation.lesson import Visit, Way, correct_steps
from napari_corrclip.evaluation.effort.simulation.region_truth import ceiling
from napari_corrclip.learning import Lesson
from napari_corrclip.progress import Progress, Steps, retold

FEW = 40
"""A set with fewer regions an image on average is corrected to the end of the queue, and assignments are
counted: its looks are fixed."""
SPARED_ORDERS = 3
"""Orders that the curve of spared looks is measured on."""


@dataclass(frozen=True, eq=False)
class SequenceStudy:
    """The results on one set of images.

    Attributes:
        name: of the set.
        title: for people.
        how: what the pre-labels are.
        held: whether they are right on 80 ± 1 % of the pixels.
        accuracy: share of all counted pixels of the set that they have right.
        classes: names of the classes.
        regions: mean number of regions an image.
        few: whether these are few, so that assignments are counted.
        ceiling: mean share of the pixels that regions can reach.
        orders: (orders, places) which image comes where.
        untaught: by name of a way without a lesson, a visit an image, for the place is of no matter.
        taught: by name of a way with one, (orders, places).
        alone: by name of a way, each image as the first one of a set.
        spared: by name of a way that accepts the rest, (orders, places) of :data:`SPARED_ORDERS` orders.
    """

    name: str
    title: str
    how: str
    held: bool
    accuracy: float
    classes: tuple[str, ...]
    regions: float
    few: bool
    ceiling: float
    orders: tuple[tuple[int, ...], ...]
    untaught: Mapping[str, tuple[Visit, ...]]
    taught: Mapping[str, tuple[tuple[Visit, ...], ...]]
    alone: Mapping[str, tuple[Visit, ...]]
    spared: Mapping[str, tuple[tuple[Visit, ...], ...]]


def sequence_steps(
    cases: CaseSet,
    ways: Sequence[Way],
    *,
    orders: int,
    length: int,
    seed: int = 0,
    above: Sequence[float] = ABOVE,
) -> Steps[SequenceStudy]:
    """Correct a set in every way; yields after every action.

    Args:
        cases: images with vectors.
        ways: of correcting; those with a lesson also correct every image as though it were the first, but
            for those that are misled.
        orders: how many.
        length: images in each at most.
        seed: draws the orders.
        above: probabilities above which the rest is accepted, for the curve of few regions.
    """
    images = cases.cases
    regions = float(np.mean([len(case.result.table) for case in images]))
    few = regions < FEW
    best = [ceiling(case).accuracy for case in images]
    targets = [None if few else 0.95 * reach for reach in best]
    sequences = balanced_orders(len(images), orders, length, seed)
    untaught, alone = dict[str, tuple[Visit, ...]](), dict[str, tuple[Visit, ...]]()
    taught, spared = dict[str, tuple[tuple[Visit, ...], ...]](), {}

    def one(way: Way, at: int, lesson: Lesson | None) -> Steps[tuple[Visit, Lesson | None]]:
        return correct_steps(images[at], way, lesson, targets[at], few=few)

    def each(way: Way, title: str) -> Steps[tuple[Visit, ...]]:
        visits = []
        for at, case in enumerate(images):
            lesson = None if way.switch == "off" else Lesson.new(case.result.vocabulary.values)
            visit, _ = yield from _counted(one(way, at, lesson), title, at, len(images))
            visits.append(visit)
        return tuple(visits)

    def through(way: Way, title: str, some: int) -> Steps[tuple[tuple[Visit, ...], ...]]:
        found = []
        for number, order in enumerate(sequences[:some]):
            lesson: Lesson | None = None
            if way.switch != "off":
                lesson = Lesson.new(images[0].result.vocabulary.values)
            visits = []
            for place, at in enumerate(order):
                done = number * len(order) + place
                visit, lesson = yield from _counted(
                    one(way, at, lesson), title, done, some * len(order)
                )
                visits.append(visit)
            found.append(tuple(visits))
        return tuple(found)

    for way in ways:
        title = f"{cases.title}: {way.title}"
        if way.switch == "off":
            untaught[way.name] = yield from each(way, title)
        else:
            taught[way.name] = yield from through(way, title, orders)
            if not (way.shuffled or way.wrong):  # of those the totals are told alone
                alone[way.name] = yield from each(way, f"{title}, each as the first")
    if few:
        some = min(orders, SPARED_ORDERS)
        for way in (UNTAUGHT, ON):
            if way.name in {given.name for given in ways}:
                for least in above:
                    sparer = sparing(way, least)
                    title = f"{cases.title}: {way.title}, the rest above {least:g}"
                    spared[sparer.name] = yield from through(sparer, title, some)
    return SequenceStudy(
        name=cases.name,
        title=cases.title,
        how=cases.how,
        held=cases.held,
        accuracy=cases.accuracy,
        classes=images[0].result.vocabulary.names,
        regions=regions,
        few=few,
        ceiling=float(np.mean(best)),
        orders=sequences,
        untaught=untaught,
        taught=taught,
        alone=alone,
        spared=spared,
    )


def _counted(
    steps: Steps[tuple[Visit, Lesson | None]], stage: str, done: int, total: int
) -> Steps[tuple[Visit, Lesson | None]]:
    """Tell the events of one image as the study's own, so that it can be cancelled at every action."""
    return retold(steps, lambda _: Progress(stage, done, total))
