"""A session that learns: its decisions taught to a lesson, and what that says shown as an edit.

A lesson knows the regions of a run, which have vectors; a person decides on the regions of a session, which
they may have merged, split and painted since. A decision speaks of those regions of the run of which most
pixels lie in the region that was decided; a region of the run that a decided one touches keeps what the
networks said.
"""

from __future__ import annotations

import datetime
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from napari_corrclip.annotation.change import Edited, Step
from napari_corrclip.annotation.edits.predictions import teach, undecided
from napari_corrclip.annotation.edits.targets import region_of
from napari_corrclip.annotation.evidence import NOT_TAUGHT, Taught
from napari_corrclip.annotation.files.folder import digest
from napari_corrclip.annotation.region import elect
from napari_corrclip.annotation.state import State
from napari_corrclip.annotation.timeline import Timeline
from napari_corrclip.errors import InputError
from napari_corrclip.learning import Foretold, Lesson, Sitting, Teacher
from napari_corrclip.learning.open_image import Kind
from napari_corrclip.learning.open_image import Taught as Said
from napari_corrclip.learning.vocabulary import recast
from napari_corrclip.maps.looks import places_of
from napari_corrclip.maps.votes import crosstab
from napari_corrclip.results.vectors import RegionVectors
from napari_corrclip.wording.amounts import count

_LOOKED_AT = 8
"""Regions whose places tell whether vectors are of a run: those of all of them would take a while."""
_ROUNDING = 1e-5
"""Of a place from 0 to 1, of an image of 10,000 pixels a tenth of one."""


@dataclass(frozen=True)
class Lookout:
    """A look at what would change if what was learnt were shown now.

    Attributes:
        taught: of each of the run's regions; ``None``: nothing is learnt, and nothing is to be shown.
        regions: ids of the session's undecided regions that would show another class, ascending.
        values: the label values that these would show.
        pairs: how many regions would go from which label value to which, the most first.
        undecided: how many regions nobody has decided.
        learnt: how many regions show another class by it than the networks say.
        weight: of what was learnt beside the networks' own probabilities, 0 to 1.
        verdicts: that were learnt from, in the whole set.
        images: that they were given in.
        foretold: of the last verdicts, who foretold them.
        revision: of the session.
    """

    taught: Taught | None
    regions: tuple[int, ...]
    values: tuple[int, ...]
    pairs: tuple[tuple[int, int, int], ...]
    undecided: int
    learnt: int
    weight: float
    verdicts: int
    images: int
    foretold: Foretold
    revision: int

    @property
    def title(self) -> str:
        """What the step of the history is called."""
        return f"Learnt: {count(self.learnt, 'region')}"


class Learning:
    """A session whose decisions teach a lesson, from when its image is opened until it is left.

    Nothing changes by itself: :meth:`look_out` learns from what was decided by then and says what would
    change, :meth:`apply` shows it.

    Args:
        timeline: of a session.
        lesson: of the session's set.
        vectors: of the regions of the run that the session shows.
        image: a key that the image has whenever it is opened.
        former: finished sittings of the lesson; those of this image and run are known to the image's level.
            What was said of its regions by another run is taken back, for it speaks of this run's by now.
        before: what learnt until now from this very run, by other words: what it was told goes on.

    Raises:
        InputError: the vectors are of another run or preset; the lesson is of other classes.
    """

    def __init__(
        self,
        timeline: Timeline,
        lesson: Lesson,
        vectors: RegionVectors,
        image: str = "",
        former: Sequence[Sitting] = (),
        before: Learning | None = None,
    ) -> None:
        self.timeline, self.lesson = timeline, lesson
        self.vectors, self._ids = vectors, vectors.ids
        with timeline.locked():
            state, evidence = timeline.state, timeline.state.evidence
            values, run = state.vocabulary.values, digest(evidence.numbers)
            if len(vectors) != len(evidence.probabilities):
                raise InputError(
                    f"There are vectors of {len(vectors)} regions, and the run has "
                    f"{len(evidence.probabilities)}; learn from the vectors of this very run."
                )
            self._check_places(vectors, evidence.numbers)
            if set(lesson.classes) != set(values):
                raise InputError(
                    f"The lesson is of the label values {lesson.classes}, and the session of {values}; bring "
                    "it to the vocabulary first (Lesson.changed)."
                )
            self._columns = [values.index(value) for value in lesson.classes]
            self._numbers, self._probabilities = evidence.numbers, evidence.probabilities
            self._areas = np.bincount(self._numbers.ravel(), minlength=len(vectors) + 1)[1:]
            self._elected = elected(state)
            self._former = [
                recast(sitting, lesson.classes, lesson.merged)
                for sitting in former
                # Without a key, another run may be another image's.
                if sitting.image == image and (image or sitting.run == run)
            ]
            self._times: dict[int, datetime.datetime] = {}
            timeline.recorded.connect(self._note_time)
            self._open = lesson.open(
                image,
                vectors,
                evidence.probabilities[:, self._columns],
                self._elected,
                decided=self._decided(state),
                former=self._former,
                run=run,
            )
            if before is not None and before._numbers is self._numbers:
                self._open.go_on_from(before._open)
                self._times |= before._times

    @property
    def fits(self) -> bool:
        """Whether the session still shows the run and the classes that it learns from.

        By other words of a class the networks say something else, too.
        """
        with self.timeline.locked():
            evidence = self.timeline.state.evidence
            same = set(self.timeline.state.vocabulary.values) == set(self.lesson.classes)
            return (
                same
                and evidence.numbers is self._numbers
                and evidence.probabilities is self._probabilities
            )

    @property
    def taken_back(self) -> Mapping[int, frozenset[int]]:
        """The regions whose verdicts in former sittings hold no more, by the number of the sitting."""
        with self.timeline.locked():
            return self._taken_back(self._verdicts(self.timeline.state))

    def _taken_back(self, now: Mapping[int, tuple[int, Kind]]) -> dict[int, frozenset[int]]:
        gone: dict[int, frozenset[int]] = {}
        for sitting in self._former:
            looks, here = sitting.looks, now if sitting.run == self._open.run else {}
            rows = zip(looks.ids.tolist(), looks.values.tolist(), strict=True)
            stale = frozenset(
                region for region, value in rows if here.get(region, (0,))[0] != value
            )
            if stale:
                gone[sitting.number] = stale
        return gone

    def look_out(self, when: datetime.datetime | None = None) -> Lookout:
        """Learn from what has been decided by now, and return what would change by it.

        Args:
            when: ``None``: now.

        Raises:
            InputError: the session shows another run or other classes by now.
        """
        with self.timeline.locked():
            state, revision = self.timeline.state, self.timeline.revision
            self._check()
            self._follow(state, when)
            said = self._open.refresh(self._decided(state), self._shown(state))
            return self._told(said, state, revision)

    def opening(self) -> Lookout:
        """Return what would change by what was known when the image was opened; nothing is learnt."""
        with self.timeline.locked():
            self._check()
            return self._told(self._open.opening, self.timeline.state, self.timeline.revision)

    def apply(self, lookout: Lookout) -> Edited:
        """Show what was learnt, as a step that further learning becomes part of.

        What was decided since it was looked at stays as it was decided.

        Raises:
            InputError: it is of another run or other classes.
        """
        with self.timeline.locked():
            left = self.what_is_left(lookout)
            return show(self.timeline, left.taught, left.title)

    def what_is_left(self, lookout: Lookout) -> Lookout:
        """Return a look by what has been decided since: those regions keep what was decided.

        Raises:
            InputError: it is of another run or other classes.
        """
        with self.timeline.locked():
            self._check()
            return self._counted(lookout, self.timeline.state)

    def leave(self, when: datetime.datetime | None = None) -> Sitting:
        """Return what was learnt here, for :meth:`Lesson.finish <napari_corrclip.Lesson.finish>`.

        Args:
            when: ``None``: now.

        Raises:
            InputError: the session shows another run or other classes by now.
        """
        with self.timeline.locked():
            state = self.timeline.state
            self._check()
            self._follow(state, when)
            return self._open.leave(self._decided(state), self._shown(state), when=when)

    def what_taught(
        self, region: int, sittings: Sequence[Sitting] = (), most: int = 3
    ) -> tuple[Teacher, ...]:
        """Return the verdicts on the regions that look most like one, the likest first.

        Args:
            region: id of a region of the session; one without a vector has none.
            sittings: finished ones, whose verdicts count too.
            most: how many.
        """
        with self.timeline.locked():
            row = region_of(self.timeline.state, region)
            numbers, pixels = row.sources
            own = numbers < len(self._elected)
            if not own.any():
                return ()
            run = int(numbers[own][pixels[own].argmax()])
            known = [
                recast(sitting, self.lesson.classes, self.lesson.merged)
                for sitting in sittings
                # Of another run of this image the ids are those of other regions.
                if sitting.image != self._open.image or sitting.run == self._open.run
            ]
            gone = self._taken_back(self._verdicts(self.timeline.state))
            known = [sitting.without(sorted(gone.get(sitting.number, ()))) for sitting in known]
            return self._open.what_taught(int(self._open.vectors.ids[run]), known, most)

    # -- between the session's regions and those of its run

    def _check_places(self, vectors: RegionVectors, numbers: NDArray[np.int32]) -> None:
        """Refuse vectors of another run that found as many regions: they lie elsewhere, as some tell."""
        count = len(vectors)
        first, last = max(1, (count - _LOOKED_AT) // 2), min(count, (count + _LOOKED_AT) // 2)
        if count and not np.allclose(
            places_of(numbers, first, last),
            vectors.places[first - 1 : last],
            rtol=0,
            atol=_ROUNDING,
        ):
            raise InputError(
                f"There are vectors of {count} regions that lie elsewhere than those of the run; learn from "
                "the vectors of this very run."
            )

    def _check(self) -> None:
        if not self.fits:
            raise InputError(
                "The session shows another run or other classes than those that were learnt from; begin to "
                "learn again."
            )

    def _decided(self, state: State) -> NDArray[np.int32]:
        """Return the ids of the run's regions that a decided region touches."""
        return self._ids[~undecided(state)]

    def _follow(self, state: State, when: datetime.datetime | None) -> None:
        """Hold what has been decided by now, in the order of the decisions, and what was taken back."""
        now = self._verdicts(state)
        self._open.forget(self._taken_back(now))
        times = {} if when is not None else self._times
        self._open.follow(self._new(now), when, times)

    def _note_time(self, _kind: str, step: Step) -> None:
        """Take note of when regions were decided."""
        now = datetime.datetime.now(datetime.UTC)
        for change in step.changes:
            for region, swap in change.verdicts.items():
                if swap.new is not None:
                    self._times[region] = now

    def _order(self) -> dict[int, int]:
        """Return the place in the history of the last decision on each of the session's regions."""
        changes = (change for step in self.timeline.history.done for change in step.changes)
        return {region: place for place, change in enumerate(changes) for region in change.verdicts}

    def _verdicts(self, state: State) -> dict[int, tuple[int, Kind]]:
        """Return what a person said after looking of each of the run's regions, by its id."""
        said: dict[int, tuple[int, Kind]] = {}
        order = self._order()
        # Those of before the history begins come first.
        for row in sorted(state.rows.values(), key=lambda row: order.get(row.id, -1)):
            if row.verdict is None or not row.verdict.looked:
                continue
            numbers, pixels = row.sources
            own = numbers < len(self._areas)
            most = numbers[own][2 * pixels[own] > self._areas[numbers[own]]]
            for run in most.tolist():
                said[int(self._ids[run])] = (row.verdict.value, row.verdict.kind)
        return said

    def _new(self, now: Mapping[int, tuple[int, Kind]]) -> dict[int, tuple[int, Kind]]:
        """Return the verdicts that no former sitting of this image has as they are."""
        known = {
            (region, value)
            for sitting in self._former
            if sitting.run == self._open.run
            for region, value in zip(
                sitting.looks.ids.tolist(), sitting.looks.values.tolist(), strict=True
            )
        }
        return {
            region: (value, kind)
            for region, (value, kind) in now.items()
            if (region, value) not in known
        }

    def _shown(self, state: State) -> NDArray[np.int32]:
        """Return (R,) the label value that each of the run's regions shows where nobody has decided."""
        taught = state.evidence.taught
        if taught is None:
            return self._elected
        return np.where(taught.values == NOT_TAUGHT, self._elected, taught.values)

    def _told(self, said: Said, state: State, revision: int) -> Lookout:
        """Return what would change by what a lesson says."""
        taught: Taught | None = None
        if said.weight > 0:
            rows = np.searchsorted(self._ids, said.ids)
            values = np.full(len(self._ids), NOT_TAUGHT, np.int32)
            values[rows] = said.classes
            probabilities = np.zeros((len(self._ids), len(self._columns)), np.float32)
            probabilities[np.ix_(rows, self._columns)] = said.probabilities
            taught = Taught(values, probabilities, said.weight, said.verdicts, said.images)
        lookout = Lookout(
            taught=taught,
            regions=(),
            values=(),
            pairs=(),
            undecided=0,
            learnt=0,
            weight=said.weight,
            verdicts=said.verdicts,
            images=said.images,
            foretold=said.foretold,
            revision=revision,
        )
        return self._counted(lookout, state)

    def _counted(self, lookout: Lookout, state: State) -> Lookout:
        """Return a look with what would change of the regions that are undecided now."""
        plan, learnt = teach(state, lookout.taught, ""), 0
        changed = list[tuple[int, int, int]]()
        if plan.change.taught is not None:
            for region, value in state.foretell(plan.change.taught).items():
                if state.rows[region].value != value:
                    changed.append((region, state.rows[region].value, value))
        if lookout.taught is not None:
            values = lookout.taught.values
            says = (values != NOT_TAUGHT) & (values != self._elected)
            learnt = int((says & undecided(state)).sum())
        changed.sort()
        pairs = Counter((before, now) for _, before, now in changed)
        return replace(
            lookout,
            regions=tuple(region for region, _, _ in changed),
            values=tuple(now for _, _, now in changed),
            pairs=tuple((before, now, times) for (before, now), times in pairs.most_common()),
            undecided=sum(row.verdict is None for row in state.rows.values()),
            learnt=learnt,
        )


def show(timeline: Timeline, taught: Taught | None, title: str) -> Edited:
    """Show what a lesson says of undecided regions in the place of what the networks said.

    Args:
        timeline: of a session.
        taught: of each of the run's regions; ``None``: nothing any more.
        title: of the step.

    Raises:
        InputError: it is of other regions or classes.
    """
    with timeline.locked():
        plan = teach(timeline.state, taught, title)
        if plan.change.taught is None or taught is None or timeline.history.last_taught is None:
            return timeline.do(plan)
        return timeline.amend(plan.title, plan.change)


def elected(state: State) -> NDArray[np.int32]:
    """Return (R,) the label values that the networks elected for each of the run's regions; 0 = none."""
    evidence, values = state.evidence, state.vocabulary.values
    column = np.zeros(1 << 16, np.int64)
    column[list(values)] = np.arange(1, len(values) + 1)
    inside = evidence.numbers > 0
    votes = crosstab(
        evidence.numbers[inside] - 1,
        column[evidence.prediction[inside]],
        (len(evidence.probabilities), 1 + len(values)),
    )
    by_mean = np.full(len(votes), state.voting == "mean")
    return elect(votes, evidence.probabilities, by_mean, np.array([0, *values], np.int64)).astype(
        np.int32
    )
