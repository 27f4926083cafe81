"""The simulated person's side of teaching: a session that learns while it is corrected, and what that costs.

The lesson, the session and the queue are the real ones. Nothing is taught between two refreshes of the queue;
at each, and when the image is opened, what was learnt is shown: at once (``on``), or where it changes what a
region shows for one action (``ask``).
"""

from __future__ import annotations

import datetime
import zlib
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from napari_corrclip.annotation.learning import Learning, Lookout
from napari_corrclip.annotation.state import State
from napari_corrclip.annotation.timeline import Timeline
from napari_corrclip.evaluation.effort.cases.case import Case
from napari_corrclip.evaluation.effort.simulation.arms import Arm
from napari_corrclip.evaluation.effort.simulation.person import Person, Regions
from napari_corrclip.evaluation.effort.simulation.prices import KINDS
from napari_corrclip.learning import Lesson
from napari_corrclip.learning.open_image import Kind
from napari_corrclip.learning.store import Switch
from napari_corrclip.progress import Progress, Steps
from napari_corrclip.results.vectors import RegionVectors

BINS = 15
"""Of probabilities from 0 to 1, for their calibration."""
_ROUNDING = 1e-9
_WHEN: Final = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
"""The same lesson in every run, to the last bit."""


@dataclass(frozen=True)
class Way:
    """A way of correcting a set of images.

    Attributes:
        name: such as ``on+tools``.
        title: for tables and plots.
        switch: whether and how what is learnt is shown.
        refresh_every: looks between two refreshes of the queue.
        few_every: the same with the few regions of SAM.
        tools: as of an :class:`Arm`.
        shuffled: whether the features of an image's regions are exchanged among them.
        wrong: share of the verdicts that the lesson is told wrongly.
        rest_above: once all undecided regions show a probability above this, the rest is accepted, by one
            action, and unseen; 1: never.
    """

    name: str
    title: str
    switch: Switch = "on"
    refresh_every: int = 5
    few_every: int = 3
    tools: tuple[str, ...] = ()
    shuffled: bool = False
    wrong: float = 0.0
    rest_above: float = 1.0

    def arm(self, *, few: bool) -> Arm:
        """Return how each image is corrected; ``few``: it has SAM's few regions."""
        every = self.few_every if few else self.refresh_every
        return Arm(self.name, self.title, tools=self.tools, order="adaptive", refresh_every=every)


@dataclass(frozen=True, eq=False)
class Visit:
    """The cost of correcting one image of a sequence.

    Attributes:
        case: the image's name.
        kinds: (len(KINDS),) how many actions of each of :data:`KINDS`.
        opening: (1 + K, 1 + K) pixels of truth x shown when the image was opened.
        calibration: (2, BINS, 3) of the undecided regions, when the image was opened and at all refreshes, by
            the probability of the class that they show: how many, sum of that probability, how many show
            their class.
        wrong: share of the counted pixels that was wrong at the end.
        reached: whether the target was.
        course: (n + 1,) share of right pixels before the first and after each action.
    """

    case: str
    kinds: NDArray[np.int64]
    opening: NDArray[np.int64]
    calibration: NDArray[np.float64]
    wrong: float
    reached: bool
    course: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))

    def actions(self, *kinds: str) -> int:
        """Return how many actions of some kinds there were; without any, of all."""
        chosen = [KINDS.index(kind) for kind in kinds or KINDS]
        return int(self.kinds[chosen].sum())


class Pupil(Person):
    """The person at work on one image of a sequence.

    Args:
        case: the image, with vectors.
        way: of correcting.
        lesson: of the images before it; ``None``: nothing is taught.
        few: whether the image has SAM's few regions.
    """

    def __init__(self, case: Case, way: Way, lesson: Lesson | None, *, few: bool) -> None:
        super().__init__(case, way.arm(few=few), marks=())
        self.way = way
        self.opening = self.running.confusion.counts.copy()
        self.calibration = np.zeros((2, BINS, 3))
        self.learning: Learning | None = None
        if lesson is not None:
            self.learning = _learning(self, lesson)

    def begin(self, regions: Regions) -> Steps[None]:
        """Show what earlier images taught, and look whether anything is left to find."""
        if self.learning is not None:
            yield from self._show(self.learning.opening(), regions)
        self.opening = self.running.confusion.counts.copy()
        yield from self._weigh(regions, 0)

    def refresh(self, regions: Regions) -> Steps[None]:
        """Learn from what was decided by now, and show it."""
        if self.learning is not None:
            yield from self._show(self.learning.look_out(_WHEN), regions)
        yield from self._weigh(regions, 1)

    def _show(self, found: Lookout, regions: Regions) -> Steps[None]:
        if found.taught is None or self.learning is None:
            return
        if self.way.switch == "ask":
            if not found.regions:
                return  # there is nothing to ask
            yield Progress("asked", 0, 1)  # whoever has what they want need not answer
        self.learning.apply(found)
        regions.read(self.session)
        if self.way.switch == "ask":
            yield self.record.add("apply")

    def _weigh(self, regions: Regions, moment: int) -> Steps[None]:
        """Note how sure the undecided regions are; where all are sure enough, accept them."""
        rows = [self.session.region(region) for region in regions.ids.tolist()]
        open_ = [at for at, row in enumerate(rows) if row.verdict is None and row.predicted]
        sure = np.array([rows[at].confidence for at in open_])
        best = regions.best[open_]
        right = best == regions.shown[open_]
        counted = best > 0
        number = np.minimum((sure * BINS).astype(int), BINS - 1)[counted]
        for column, values in enumerate((np.ones(len(sure)), sure, right)):
            self.calibration[moment, :, column] += np.bincount(
                number, values[counted], minlength=BINS
            )
        if self.way.rest_above < 1 and open_ and sure.min() > self.way.rest_above:
            self.session.accept_above(self.way.rest_above)
            yield self.record.add("accept")
        yield Progress("shown", 1, 1)

    def visit(self, *, reached: bool) -> Visit:
        """Return what the image took."""
        return Visit(
            case=self.case.name,
            kinds=np.bincount(self.record.kinds, minlength=len(KINDS)).astype(np.int64),
            opening=self.opening,
            calibration=self.calibration,
            wrong=1 - self.running.accuracy,
            reached=reached,
            course=np.array(self.record.accuracy),
        )


def correct_steps(
    case: Case, way: Way, lesson: Lesson | None, target: float | None, *, few: bool = False
) -> Steps[tuple[Visit, Lesson | None]]:
    """Correct one image of a sequence; yields after every action, and when something was shown.

    Args:
        case: the image, with vectors.
        way: of correcting.
        lesson: of the images before it; ``None``: nothing is taught.
        target: share of right pixels at which the person stops; ``None``: where the queue ends.
        few: whether the image has SAM's few regions.

    Returns:
        what it took, and the lesson after it; ``None`` without one.
    """
    pupil = Pupil(case, way, lesson, few=few)
    reached = target is None
    steps = pupil.review()
    try:
        for event in steps:
            yield event
            if target is not None and pupil.running.accuracy >= target - _ROUNDING:
                reached = True
                break
    finally:
        steps.close()
        pupil.running.close()
    learning = pupil.learning
    after = None if learning is None else learning.lesson.finish(learning.leave(_WHEN))
    return pupil.visit(reached=reached), after


def _learning(pupil: Pupil, lesson: Lesson) -> Learning:
    case, way = pupil.case, pupil.way
    if case.vectors is None:
        raise ValueError(f"the case {case.name} has no vectors to learn from")
    if way.shuffled:
        vectors = shuffled(case.vectors, case.name)
        return Exchanged(pupil.session.timeline, lesson.begun(vectors), vectors, case.name)
    vectors = case.vectors
    lesson = lesson.begun(vectors)
    if way.wrong:
        return Misled(pupil.session.timeline, lesson, vectors, case.name, way.wrong)
    return pupil.session.learn(lesson, vectors, case.name)


def shuffled(vectors: RegionVectors, name: str) -> RegionVectors:
    """Return vectors of which every region has those of another one of its image, always alike for a name.

    What the networks say of the regions stays theirs.
    """
    order = np.random.default_rng(zlib.crc32(name.encode())).permutation(len(vectors))
    similarity = vectors.similarity
    return replace(
        vectors,
        clip=vectors.clip[order],
        similarity=None if similarity is None else similarity[order],
        colours=vectors.colours[order],
        places=vectors.places[order],
    )


class Exchanged(Learning):
    """A session that learns from the looks of other regions of its image, and of other places."""

    def _check_places(self, vectors: RegionVectors, numbers: NDArray[np.int32]) -> None:
        """Take them as they are."""


class Misled(Learning):
    """A session that learns, and is told some verdicts wrongly; what a person decides stays right.

    Args:
        timeline: of a session.
        lesson: of the session's set.
        vectors: of the regions of the run.
        image: a key that the image has whenever it is opened.
        share: of the verdicts that are told wrongly; the same ones in every run.
    """

    def __init__(
        self, timeline: Timeline, lesson: Lesson, vectors: RegionVectors, image: str, share: float
    ) -> None:
        self._name, self._share = image, share
        super().__init__(timeline, lesson, vectors, image)

    def _verdicts(self, state: State) -> dict[int, tuple[int, Kind]]:
        return {
            region: (self._misheard(region, value), kind)
            for region, (value, kind) in super()._verdicts(state).items()
        }

    def _misheard(self, region: int, value: int) -> int:
        rng = np.random.default_rng(zlib.crc32(f"{self._name}/{region}".encode()))
        if rng.random() >= self._share:
            return value
        others = [other for other in self.lesson.classes if other != value]
        return int(rng.choice(others))
