"""Region by region: what a set takes by the queue of each image, and by one queue over all of them.

Both come from one trace an image: the order of an image's queue depends on the looks at that image alone.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_corrclip.annotation import ORDERS, Queue, Region, Session, SmallGroup
from napari_corrclip.evaluation.effort.cases.case import Case
from napari_corrclip.evaluation.effort.sequence.ways import ON
from napari_corrclip.evaluation.effort.sheets.regions import SetRegions
from napari_corrclip.evaluation.effort.simulation.lesson import correct_steps
from napari_corrclip.evaluation.effort.simulation.region_truth import case_counts, majority
from napari_corrclip.learning import Lesson
from napari_corrclip.progress import Progress, Steps

ORDER = "adaptive"
REFRESH = 10
_ROUNDING = 1e-6
"""Of a number of pixels."""


@dataclass(frozen=True, eq=False)
class Trace:
    """The course of one image, corrected region by region.

    Attributes:
        spent: (n + 1,) actions before the first look and after each.
        right: (n + 1,) pixels that are right then.
        scores: (n,) what the queue's order said of each region that was looked at, when it was ranked.
    """

    spent: NDArray[np.int64]
    right: NDArray[np.int64]
    scores: NDArray[np.float64]


def trace_steps(case: Case) -> Steps[Trace]:
    """Go through the real queue of an image to its end; yields before every look.

    A look is one action, accepting included, and giving a class another one; the group of the small ones is
    accepted by one look.
    """
    counts, ids = case_counts(case)
    best, at = majority(counts), {int(region): row for row, region in enumerate(ids)}
    numbers = {value: number for number, value in enumerate((0, *case.result.vocabulary.values))}
    values = {number: value for value, number in numbers.items()}
    session = Session(case.result, case.image)
    said: dict[int, float] = {}

    def order(shown: Session, rows: list[Region]) -> NDArray[np.floating]:
        scores = ORDERS[ORDER](shown, rows)
        said.update(zip((row.id for row in rows), scores.tolist(), strict=True))
        return scores

    queue = Queue(session, order, refresh_every=REFRESH)
    spent, gained, scores = list[int](), list[int](), list[float]()
    while (found := queue.next()) is not None:
        yield Progress("region by region", len(spent), len(ids))
        if isinstance(found, SmallGroup):
            known = [region for region in found.ids if session.region(region).predicted]
            if known:
                session.accept(known)
            spent.append(1)
            gained.append(0)
            scores.append(0.0)
            break
        row, shown = at[found], numbers[session.region(found).value]
        number = int(best[row])
        wrong = number not in (0, shown)
        if wrong:
            session.assign(found, values[number])
        elif shown:
            session.accept(found)
        else:
            session.ignore(found)
        before = int(counts[row, shown]) if shown else 0
        spent.append(2 if wrong else 1)
        gained.append(int(counts[row, number]) - before if wrong else 0)
        scores.append(said[found])
    start = SetRegions.of([case])
    first = int(start.right(start.shown).sum() + start.outside.sum())
    return Trace(
        np.concatenate([[0], np.cumsum(spent)]).astype(np.int64),
        first + np.concatenate([[0], np.cumsum(gained)]).astype(np.int64),
        np.array(scores, np.float64),
    )


def taught_steps(cases: Sequence[Case], regions: SetRegions) -> Steps[list[Trace]]:
    """Correct image after image with a lesson, each to 95 % of what its regions can reach.

    As of ``effort --sequence``: what was learnt is shown when an image is opened, and every five looks.
    """
    lesson: Lesson | None = Lesson.new(cases[0].result.vocabulary.values)
    traces = []
    for number, case in enumerate(cases):
        total = int(regions.totals[number])
        target = 0.95 * float(regions.reach[number]) / max(1, total)
        visit, lesson = yield from correct_steps(case, ON, lesson, target)
        # What a lesson shows when the image is opened, and at the last refresh, takes no action.
        course = visit.course.copy()
        course[0] = visit.opening[1:, 1:].trace() / max(1, visit.opening[1:].sum())
        course[-1] = 1 - visit.wrong
        right = np.round(course * total).astype(np.int64)
        traces.append(Trace(np.arange(len(right)), right, np.zeros(len(right) - 1)))
    return traces


def image_by_image(traces: Sequence[Trace], regions: SetRegions, right: float) -> float:
    """Return the actions after which so many pixels of the set are right, by the queue of each image.

    All images are brought to the same share of what their regions can reach: the lowest at which the set is
    where it is to be. NaN: it never is.

    Args:
        traces: of the images.
        regions: of the set.
        right: pixels of the set that are to be right.
    """
    reach = regions.reach

    def at(level: float) -> tuple[int, int]:
        spent = got = 0
        for trace, own in zip(traces, reach.tolist(), strict=True):
            there = trace.right >= level * own - _ROUNDING
            last = int(there.argmax()) if there.any() else len(there) - 1
            spent += int(trace.spent[last])
            got += int(trace.right[last])
        return spent, got

    low, high = 0.0, 1.0
    if at(high)[1] < right - _ROUNDING:
        return float("nan")
    for _ in range(40):
        middle = (low + high) / 2
        if at(middle)[1] >= right - _ROUNDING:
            high = middle
        else:
            low = middle
    return float(at(high)[0])


def over_the_set(traces: Sequence[Trace]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return what is spent, and how many pixels are right, by one queue over all images.

    Always the region with the highest score of all images comes next. No person goes from image to image like
    that, and opening one costs nothing here: it is a bound of what a queue can do.

    Returns:
        (n + 1,) actions and (n + 1,) pixels, before the first look and after each.
    """
    ahead = [(-float(t.scores[0]), i, 0) for i, t in enumerate(traces) if len(t.scores)]
    heapq.heapify(ahead)
    spent, right = [0], [sum(int(trace.right[0]) for trace in traces)]
    while ahead:
        _, image, look = heapq.heappop(ahead)
        trace = traces[image]
        spent.append(spent[-1] + int(trace.spent[look + 1] - trace.spent[look]))
        right.append(right[-1] + int(trace.right[look + 1] - trace.right[look]))
        if look + 1 < len(trace.scores):
            heapq.heappush(ahead, (-float(trace.scores[look + 1]), image, look + 1))
    return np.array(spent, np.int64), np.array(right, np.int64)
