"""The open image of a lesson: verdicts as they are given, and at each refresh what they say of the rest.

Equations: docs/learning.md.
"""

from __future__ import annotations

import datetime
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_corrclip.errors import InputError
from napari_corrclip.learning import guard, image_level, set_level
from napari_corrclip.learning.features import Features, columns, features, one_hot
from napari_corrclip.learning.normalisation import Normalisation
from napari_corrclip.learning.sitting import (
    MOST_UNDECIDED,
    Looks,
    Sitting,
    Undecided,
    columns_of,
    evenly,
    joined,
)
from napari_corrclip.learning.state import RECENT, State, count, foretold, read, who_foretold
from napari_corrclip.learning.teachers import Teacher, nearest
from napari_corrclip.results.vectors import RegionVectors, scaled
from napari_corrclip.storage.frozen import Closed, closed

Kind = Literal["assigned", "accepted", "ignored"]


@dataclass(frozen=True)
class Foretold:
    """The last verdicts, and who foretold them.

    Attributes:
        verdicts: how many, at most 40.
        lesson: those of them whose class was in force, with what had been learnt by then.
        networks: those whose class the networks elected.
    """

    verdicts: int
    lesson: int
    networks: int


@dataclass(frozen=True, eq=False)
class Taught(Closed):
    """A prediction of undecided regions, a row each; the arrays cannot be written to.

    Attributes:
        ids: (n,) int32, ascending.
        probabilities: (n, K) float32, rows of sum 1; bit by bit the networks' own while nothing is learnt.
        classes: (n,) int32, the label value of the likeliest class; the elected one while nothing is learnt.
        before: (n,) int32, what the regions showed.
        weight: of what was learnt beside the networks' own probabilities, 0 to 1; 0 while nothing is learnt.
        verdicts: that were learnt from, in the whole set.
        images: that they were given in, an image twice where it was opened twice.
        foretold: of the last ones.
    """

    ids: NDArray[np.int32]
    probabilities: NDArray[np.float32]
    classes: NDArray[np.int32]
    before: NDArray[np.int32]
    weight: float
    verdicts: int
    images: int
    foretold: Foretold

    def __len__(self) -> int:
        """Number of regions."""
        return len(self.ids)

    @property
    def changes(self) -> NDArray[np.bool_]:
        """(n,) whether a region would show another class than it did."""
        other: NDArray[np.bool_] = self.classes != self.before
        return other

    @property
    def moves(self) -> tuple[tuple[int, int, int], ...]:
        """The changes by pair of label values: before, after, and of how many regions; the most first."""
        pairs = np.column_stack([self.before, self.classes])[self.changes]
        kinds, counts = np.unique(pairs, axis=0, return_counts=True)
        order = np.argsort(-counts, kind="stable")
        return tuple(
            (int(before), int(after), int(count))
            for (before, after), count in zip(kinds[order], counts[order], strict=True)
        )


@dataclass(frozen=True)
class _Look:
    """A verdict on one region, and what was told of it before."""

    row: int
    value: int
    accepted: bool
    time: int
    foretold: bool
    p: float
    q: float
    q_opening: float


@dataclass(frozen=True, eq=False)
class _Gone:
    """The verdicts of former sittings of an image that hold no more.

    Attributes:
        regions: by the number of the sitting.
        verdicts: (K,) how many, by the class that the networks elected.
        right: (K,) those among them that said the same.
        looks: how many.
        sittings: of which nothing is left.
    """

    regions: Mapping[int, frozenset[int]]
    verdicts: NDArray[np.float64]
    right: NDArray[np.float64]
    looks: int = 0
    sittings: int = 0

    @classmethod
    def none(cls, classes: int) -> _Gone:
        """Return that nothing was taken back."""
        return cls({}, np.zeros(classes), np.zeros(classes))


class OpenImage:
    """One image while it is open; nothing is predicted but at a refresh.

    It changes with each verdict, and belongs to one thread at a time. What it learns follows from the
    verdicts that it holds: one that was taken back leaves nothing behind.

    Args:
        classes: (K,) label values of the lesson.
        normalisation: of the set.
        state: of the finished sittings.
        image: key of the image.
        vectors: of the result's regions.
        probabilities: (R, K) the networks' own, of the regions of ``vectors``.
        elected: (R,) the label values that the networks elected; 0 = none.
        decided: ids of the regions that are decided already.
        former: finished sittings of this image, of the lesson's classes. Those of the same run are known to
            the image's own level; the others' regions are here no more.
        run: digest of the run.
        opened: when; ``None``: now.
    """

    def __init__(
        self,
        classes: tuple[int, ...],
        normalisation: Normalisation,
        state: State,
        image: str,
        vectors: RegionVectors,
        probabilities: NDArray[np.floating],
        elected: ArrayLike,
        *,
        decided: ArrayLike = (),
        former: Sequence[Sitting] = (),
        run: str = "",
        opened: datetime.datetime | None = None,
    ) -> None:
        self.classes, self.image, self.run = classes, image, run
        self.vectors = vectors
        self._normalisation, self._state = normalisation, state
        self._opened = opened or _now()
        self._given = np.asarray(probabilities, np.float32)
        self._elected = np.asarray(elected, np.int32)
        shape = (len(vectors), len(classes))
        if self._given.shape != shape or self._elected.shape != shape[:1]:
            raise InputError(
                f"The probabilities are of shape {self._given.shape} and the elected classes of "
                f"{self._elected.shape}, with {shape[0]} regions and {shape[1]} classes; give those of the "
                "regions that have vectors, by the lesson's classes."
            )
        # As the rows will be kept, so that a refresh and the finished sitting say the same.
        self._kept = scaled(self._given)
        self._features = features(self._kept, vectors, normalisation)
        self._own = self._features.own
        self._column = columns(self._elected, classes)
        self._sittings = tuple(sitting for sitting in former if len(sitting.looks))
        self._former = _newest(self._sittings, run)
        self._gram = state.gram + state.weak_gram
        self._residuals = state.residuals + state.weak_residuals
        self._gone = _Gone.none(len(classes))
        self._inside, self._outside = guard.faded(state.inside, state.opening)
        self._looks: dict[int, _Look] = {}
        # Of each region the last that was told while it was undecided; nothing was of one that is decided.
        self._q = self._own.copy()
        self._shown = self._elected.copy()
        self.opening = self._refreshed(self._undecided(decided), self._elected)
        if self._former:  # what was told of their regions knew the verdict on them
            known = vectors.rows_of(self._former.ids)
            self._q[known] = self._own[known]
        # Of an image that was opened before, the opening tells nothing that was not known.
        self._q_opening = self._own if self._sittings else self._q.copy()

    def look(
        self, region: int, value: int, kind: Kind, when: datetime.datetime | None = None
    ) -> bool:
        """Take a verdict that a person gave after looking; return whether there is something to learn from.

        A verdict on a region that has one takes its place. Of ignored regions, of those for which the
        networks elected no class, and of those without a vector nothing is learnt.

        Args:
            region: id.
            value: the label value that the person said.
            kind: what the person did.
            when: ``None``: now.

        Raises:
            InputError: the value is of none of the lesson's classes.
        """
        row = int(self.vectors.rows_of(region))
        if kind == "ignored" or row < 0 or self._column[row] < 0:
            self.take_back(region)
            return False
        if value not in self.classes:
            raise InputError(
                f"The region {region} was given the label value {value}, of which the lesson has no class; "
                "bring the lesson to the vocabulary first (Lesson.changed)."
            )
        column = self.classes.index(value)
        p = float(self._own[row, column])
        time = round((when or _now()).timestamp() * 1000)
        self._looks[int(region)] = _Look(
            row,
            value,
            kind == "accepted",
            time,
            bool(self._shown[row] == value),
            p,
            float(self._q[row, column]),
            float(self._q_opening[row, column]),
        )
        return True

    def take_back(self, region: int) -> None:
        """Forget the verdict on a region, as though it had never been given; do nothing without one."""
        self._looks.pop(int(region), None)

    def follow(
        self,
        verdicts: Mapping[int, tuple[int, Kind]],
        when: datetime.datetime | None = None,
        times: Mapping[int, datetime.datetime] | None = None,
    ) -> None:
        """Hold these verdicts and no others: after an undo, or whatever else was done to several at once.

        Args:
            verdicts: label value and kind of every region that a person decided here after looking, in the
                order of the decisions.
            when: as of :meth:`look`, for those that are new.
            times: of those among them of which they are known better.
        """
        for region in [region for region in self._looks if region not in verdicts]:
            self.take_back(region)
        for region, (value, kind) in verdicts.items():
            held = self._looks.get(region)
            if held is None or (held.value, held.accepted) != (value, kind == "accepted"):
                self.look(region, value, kind, (times or {}).get(region, when))
        self._looks = {region: self._looks[region] for region in verdicts if region in self._looks}

    def go_on_from(self, other: OpenImage) -> None:
        """Hold the verdicts of an image that was open by other words, and what was told of them before.

        What the guard was told is history; of a class that is there no longer nothing is held. Decisions that
        the other was not yet told of were made while its word was in force.

        Args:
            other: the same run of the same image.
        """
        for region, look in other._looks.items():
            if look.value in self.classes and self._column[look.row] >= 0:
                self._looks[region] = look
        decided = np.ones(len(self._own), np.bool_)
        decided[self.vectors.rows_of(self.opening.ids)] = False
        there = columns(np.array(self.classes), other.classes)
        rows, known = np.flatnonzero(decided)[:, None], np.flatnonzero(there >= 0)
        self._q[rows, known] = other._q[rows, there[known]]
        self._q_opening = self._q_opening.copy()
        self._q_opening[rows, known] = other._q_opening[rows, there[known]]
        self._shown[decided] = other._shown[decided]

    def forget(self, gone: Mapping[int, Collection[int]]) -> None:
        """Learn as though verdicts of former sittings of this image had not been given, and no others.

        Their rows are taken from the sums again, until the sittings are folded without them.

        Args:
            gone: regions whose verdicts hold no more, by the number of the sitting.
        """
        wanted = {number: frozenset(regions) for number, regions in gone.items() if regions}
        if wanted == self._gone.regions:
            return
        rows = [
            sitting.looks.chosen(np.isin(sitting.looks.ids, list(wanted[sitting.number])))
            for sitting in self._sittings
            if sitting.number in wanted
        ]
        left = [
            sitting.without(sorted(wanted.get(sitting.number, ()))) for sitting in self._sittings
        ]
        self._former = _newest(left, self.run)
        self._gram = self._state.gram + self._state.weak_gram
        self._residuals = self._state.residuals + self._state.weak_residuals
        self._gone = _Gone.none(len(self.classes))
        rows = [each for each in rows if len(each)]
        if not rows:
            return
        whole = joined(rows)
        known = read(whole, whole.values, self.classes, self._normalisation)
        phi = known.features.phi
        self._gram -= phi.T @ phi
        self._residuals -= phi.T @ known.residuals
        verdicts, right = np.zeros(len(self.classes)), np.zeros(len(self.classes))
        count(verdicts, right, known.elected, whole.right)
        emptied = sum(
            not len(after.looks) and len(before.looks) > 0
            for before, after in zip(self._sittings, left, strict=True)
        )
        self._gone = _Gone(wanted, verdicts, right, len(whole), emptied)

    @property
    def looked(self) -> tuple[int, ...]:
        """The ids of the regions whose verdicts are learnt from, in the order of the verdicts."""
        return tuple(self._looks)

    @property
    def told(self) -> NDArray[np.float64]:
        """(R, K) what the two levels last said of each region while it was undecided, without the guard."""
        found: NDArray[np.float64] = closed(self._q)
        return found

    @property
    def foretold(self) -> Foretold:
        """The last verdicts, those of former images too, and who foretold them."""
        recent = np.concatenate([self._state.recent, who_foretold(self._rows())])[-RECENT:]
        lesson, networks = recent.sum(axis=0).tolist()
        return Foretold(len(recent), lesson, networks)

    def refresh(self, decided: ArrayLike, shown: ArrayLike | None = None) -> Taught:
        """Learn from the verdicts, and return what they say of the undecided regions.

        Args:
            decided: ids of all decided regions, looked at or not, and of those whose pixels are no longer
                those of the result.
            shown: (R,) label values that the regions of the vectors show; ``None``: those of the last
                refresh.
        """
        before = self._shown if shown is None else np.asarray(shown, np.int32)
        return self._refreshed(self._undecided(decided), before)

    def leave(
        self,
        decided: ArrayLike,
        shown: ArrayLike | None = None,
        *,
        number: int | None = None,
        when: datetime.datetime | None = None,
    ) -> Sitting:
        """Return what was learnt here, for :meth:`~napari_corrclip.learning.lesson.Lesson.finish`.

        Args:
            decided: as of :meth:`refresh`.
            shown: as there.
            number: of the sitting; ``None``: the next after those of the lesson.
            when: ``None``: now.
        """
        values = self._shown if shown is None else np.asarray(shown, np.int32)
        rows = self._undecided(decided)
        rows = rows[columns(values[rows], self.classes) >= 0]
        kept = rows[evenly(len(rows), MOST_UNDECIDED)]
        undecided = Undecided(
            **columns_of(self.vectors, kept, self._kept, self._elected),
            shown=values[kept],
            each=len(rows) / len(kept) if len(kept) else 1.0,
        )
        return Sitting(
            number=self._state.last + 1 if number is None else number,
            image=self.image,
            run=self.run,
            opened=self._opened.isoformat(),
            left=(when or _now()).isoformat(),
            classes=self.classes,
            looks=self._rows(),
            undecided=undecided,
        )

    def what_taught(
        self, region: int, sittings: Iterable[Sitting] = (), most: int = 3
    ) -> tuple[Teacher, ...]:
        """Return the verdicts on the regions that look most like one, the likest first.

        Args:
            region: id; one without a vector has none.
            sittings: finished ones, whose verdicts count too.
            most: how many.
        """
        row = int(self.vectors.rows_of(region))
        if row < 0:
            return ()
        own = self._rows()
        rows = [(self.image, None, own.chosen(own.ids != region))]
        finished = [
            (
                sitting.image,
                sitting.number,
                # No region is its own teacher.
                sitting.looks.chosen(sitting.looks.ids != region)
                if sitting.image == self.image
                else sitting.looks,
            )
            for sitting in sittings
        ]
        return nearest(self._features.x[row], [*rows, *finished], self._normalisation, most)

    # -- the two levels

    def _undecided(self, decided: ArrayLike) -> NDArray[np.int64]:
        """Return the rows to predict: neither decided nor without a class."""
        ids = self.vectors.ids
        known = np.isin(ids, [*np.asarray(decided, np.int64).ravel().tolist(), *self._looks])
        return np.flatnonzero(~known & (self._column >= 0))

    def _refreshed(self, rows: NDArray[np.int64], before: NDArray[np.int32]) -> Taught:
        """Return a prediction of rows, which is in force from now on.

        Args:
            rows: the undecided ones.
            before: (R,) label values shown.
        """
        given, classes, weight = self._given[rows], self._elected[rows], 0.0
        if self._state.looks - self._gone.looks or self._looks or self._former:
            self._q[rows] = self._predicted(rows)
            weight = self._weight()
            mixed = guard.mixed(weight, self._q[rows], self._own[rows])
            classes = np.asarray(self.classes, np.int32)[mixed.argmax(axis=1)]
            given = mixed.astype(np.float32)
        else:
            self._q[rows] = self._own[rows]
        taught = Taught(
            ids=self.vectors.ids[rows],
            probabilities=given,
            classes=classes,
            before=before[rows],
            weight=weight,
            verdicts=self._state.looks - self._gone.looks + len(self._looks),
            images=self._state.sittings - self._gone.sittings + bool(self._looks),
            foretold=self.foretold,
        )
        self._shown = self._shown.copy()
        self._shown[rows] = classes
        return taught

    def _weight(self) -> float:
        looks = self._rows()
        inside, outside = foretold(self._inside, self._outside, looks)
        return guard.weight(inside if self._looks or self._former else outside)

    def _predicted(self, undecided: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return q of undecided rows, by both levels."""
        looks = list(self._looks.values())
        rows = np.array([look.row for look in looks], np.int64)
        said = columns(np.array([look.value for look in looks], np.int32), self.classes)
        truth = one_hot(said, len(self.classes))
        regions, taught = self._features[undecided], self._features[rows]
        weights = self._set_level(taught, said, truth, self._column[rows], undecided)
        scores = set_level.predicted(regions, weights)
        if self._former:  # older than those of this sitting
            former = self._former.chosen(~np.isin(self._former.ids, list(self._looks)))
            known = read(former, former.values, self.classes, self._normalisation)
            taught = Features.of(np.vstack([known.features.phi, taught.phi]), len(self.classes))
            truth = np.vstack([known.truth, truth])
        if len(truth):
            last = slice(-image_level.MOST_VERDICTS, None)
            taught, truth = taught[last], truth[last]
            alpha = image_level.solved(taught.x, truth - set_level.predicted(taught, weights))
            scores = image_level.added(scores, regions.x, taught.x, alpha)
        return image_level.sharpened(scores)

    def _set_level(
        self,
        taught: Features,
        said: NDArray[np.int64],
        truth: NDArray[np.float64],
        elected: NDArray[np.int64],
        undecided: NDArray[np.int64],
    ) -> NDArray[np.float64]:
        """Return W, of the finished sittings and this image's verdicts.

        Args:
            taught: of the regions of the verdicts.
            said: (m,) their classes.
            truth: (m, K) likewise, as rows with a 1.
            elected: (m,) those that the networks elected.
            undecided: rows that anchor.
        """
        verdicts = self._state.verdicts - self._gone.verdicts
        right = self._state.right - self._gone.right
        count(verdicts, right, elected, elected == said)
        chosen = undecided[evenly(len(undecided), set_level.MOST_ANCHORS)]
        each = len(undecided) / max(len(chosen), 1)
        trust = set_level.trust(verdicts, right)[self._column[chosen]]
        anchors = self._features.phi[chosen] * np.sqrt(set_level.ANCHOR * each * trust)[:, None]
        return set_level.solved(
            self._gram + taught.phi.T @ taught.phi,
            self._residuals + taught.phi.T @ (truth - taught.own),
            anchors,
        )

    def _rows(self) -> Looks:
        looks = list(self._looks.values())
        rows = np.array([look.row for look in looks], np.int64)
        return Looks(
            **columns_of(self.vectors, rows, self._kept, self._elected),
            values=np.array([look.value for look in looks], np.int32),
            accepted=np.array([look.accepted for look in looks], np.bool_),
            times=np.array([look.time for look in looks], np.int64),
            foretold=np.array([look.foretold for look in looks], np.bool_),
            p=np.array([look.p for look in looks], np.float64),
            q=np.array([look.q for look in looks], np.float64),
            q_opening=np.array([look.q_opening for look in looks], np.float64),
        )


def _newest(sittings: Sequence[Sitting], run: str) -> Looks | None:
    """Return the last verdict on each region of a run that former sittings looked at; ``None``: on none."""
    parts = [sitting.looks for sitting in sittings if sitting.run == run and len(sitting.looks)]
    if not parts:
        return None
    whole = joined(parts)
    _, last = np.unique(whole.ids[::-1], return_index=True)
    return whole.chosen(np.sort(len(whole) - 1 - last))


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)
