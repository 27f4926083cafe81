"""The lesson of a set: what a person's verdicts on its images have taught so far.

It is a value: every change returns another one. What it knows is the fold of the finished sittings
(:mod:`napari_corrclip.learning.state`), kept by whoever keeps the lesson; it can be thrown away and folded
again.

Equations: docs/learning.md.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_corrclip.errors import InputError
from napari_corrclip.learning import guard
from napari_corrclip.learning.normalisation import Normalisation
from napari_corrclip.learning.open_image import Foretold, OpenImage, Taught
from napari_corrclip.learning.sitting import Rows, Sitting
from napari_corrclip.learning.state import State, after
from napari_corrclip.learning.vocabulary import recast
from napari_corrclip.results.vectors import RegionVectors
from napari_corrclip.storage.frozen import FrozenMapping


@dataclass(frozen=True, eq=False)
class Lesson:
    """The lesson that verdicts on regions taught about a set of images, for one vocabulary and one preset.

    Begin one by :meth:`new`, open an image (:meth:`open`), tell it the verdicts, ask it for a prediction of
    the rest, leave it, and finish the sitting (:meth:`finish`).

    Attributes:
        classes: (K,) label values of the vocabulary, which the columns of all probabilities are of.
        merged: the values that took the place of others, of classes merged since the first sitting.
        normalisation: fixed by the first image; ``None`` before it.
        state: of the finished sittings; ``None`` before the first image.
    """

    classes: tuple[int, ...]
    merged: Mapping[int, int] = field(default_factory=lambda: FrozenMapping[int, int]({}))
    normalisation: Normalisation | None = None
    state: State | None = None

    def __post_init__(self) -> None:
        """Check the classes; close what could be written to."""
        classes = tuple(int(value) for value in self.classes)
        if not classes or len(set(classes)) < len(classes) or min(classes) < 1:
            raise InputError(
                f"The classes of a lesson are {classes}; give each label value of the vocabulary once."
            )
        object.__setattr__(self, "classes", classes)
        object.__setattr__(self, "merged", FrozenMapping(self.merged))

    @classmethod
    def new(cls, classes: Iterable[int]) -> Lesson:
        """Return a lesson that knows nothing yet.

        Args:
            classes: the label values of a vocabulary, such as ``vocabulary.values``.
        """
        return cls(tuple(classes))

    def begun(self, vectors: RegionVectors) -> Lesson:
        """Return it with the normalisation of its first image; as it is, where it has one already.

        Args:
            vectors: of the image's regions; without any, the next image is the first.
        """
        if self.normalisation is not None or not len(vectors):
            return self
        normalisation = Normalisation.of(vectors)
        state = State.empty(normalisation.length, len(self.classes))
        return replace(self, normalisation=normalisation, state=state)

    @property
    def verdicts(self) -> int:
        """Verdicts in the finished sittings."""
        return 0 if self.state is None else self.state.looks

    @property
    def foretold(self) -> Foretold:
        """The last verdicts of the finished sittings, and who foretold them."""
        recent = np.zeros((0, 2), np.bool_) if self.state is None else self.state.recent
        lesson, networks = recent.sum(axis=0).tolist()
        return Foretold(len(recent), lesson, networks)

    @property
    def weights(self) -> tuple[float, float]:
        """The weight of the lesson's say when an image is opened next, and within it; both from 0 to 1."""
        if self.state is None:
            return guard.weight(guard.OPENING), guard.weight(guard.INSIDE)
        inside, opening = guard.faded(self.state.inside, self.state.opening)
        return guard.weight(opening), guard.weight(inside)

    # -- images

    def open(
        self,
        image: str,
        vectors: RegionVectors,
        probabilities: NDArray[np.floating],
        elected: ArrayLike,
        *,
        decided: ArrayLike = (),
        former: Sequence[Sitting] = (),
        run: str = "",
        when: datetime.datetime | None = None,
    ) -> OpenImage:
        """Return an image to be taught by; a lesson that has not begun begins by it (:meth:`begun`).

        Args:
            image: a key that the image has whenever it is opened.
            vectors: of the regions of its result.
            probabilities: (R, K) of the regions that have vectors, by the lesson's classes: what the
                networks say, and not what was taught.
            elected: (R,) the label values that the networks elected, likewise; 0 = none.
            decided: ids of the regions that are decided already.
            former: finished sittings, of which those of this image and run are known to its own level too. Of
                those of other images nothing is taken.
            run: digest of the run that the regions are of.
            when: ``None``: now.

        Raises:
            InputError: the vectors are of another preset, or not all is of the same regions and classes.
        """
        begun = self.begun(vectors)
        if begun.normalisation is None or begun.state is None:
            nothing = Normalisation.of(_one_region(vectors))
            begun = replace(
                self,
                normalisation=nothing,
                state=State.empty(nothing.length, len(self.classes)),
            )
        assert begun.normalisation is not None
        assert begun.state is not None
        begun.normalisation.check(vectors)
        return OpenImage(
            self.classes,
            begun.normalisation,
            begun.state,
            image,
            vectors,
            probabilities,
            elected,
            decided=decided,
            former=[
                recast(sitting, self.classes, self.merged)
                for sitting in former
                if sitting.image == image
            ],
            run=run,
            opened=when,
        )

    def opening_of(
        self,
        vectors: RegionVectors,
        probabilities: NDArray[np.floating],
        elected: ArrayLike,
        decided: ArrayLike = (),
    ) -> Taught:
        """Return what an image's undecided regions are taken for when it is opened; nothing is learnt.

        Args:
            vectors: as of :meth:`open`.
            probabilities: as there.
            elected: as there.
            decided: as there.

        Raises:
            InputError: as there.
        """
        return self.open("", vectors, probabilities, elected, decided=decided).opening

    # -- sittings

    def finish(self, *sittings: Sitting) -> Lesson:
        """Return it after further sittings.

        A lesson of former days is a value like any other: where it was kept, what was finished since is
        folded onto it, and not all from the beginning (:meth:`replayed`).

        Args:
            sittings: in the order of their numbers.

        Raises:
            InputError: the lesson has not begun; the sitting is older than one that it knows already; it is
                of another preset.
        """
        last = 0 if self.state is None else self.state.last
        for sitting in sittings:
            if sitting.number <= last:
                raise InputError(
                    f"Sitting {sitting.number} comes after sitting {last}; fold all of them again in their "
                    "order (Lesson.replayed)."
                )
            last = sitting.number
        return self._after(sittings)

    def replayed(self, sittings: Iterable[Sitting]) -> Lesson:
        """Return the lesson that these finished sittings make, and no others.

        After a verdict of one of them was taken back, say, with
        :meth:`~napari_corrclip.learning.sitting.Sitting.without`.

        Args:
            sittings: all of them; they are taken by their numbers.

        Raises:
            InputError: as of :meth:`finish`; two have the same number.
        """
        ordered = sorted(sittings, key=lambda sitting: sitting.number)
        numbers = [sitting.number for sitting in ordered]
        for number, following in pairwise(numbers):
            if number == following:
                raise InputError(f"Two sittings have the number {number}; give each of them once.")
        state = None
        if self.normalisation is not None:
            state = State.empty(self.normalisation.length, len(self.classes))
        return replace(self, state=state)._after(ordered)

    def changed(
        self,
        classes: Iterable[int],
        sittings: Iterable[Sitting],
        merged: Mapping[int, int] | None = None,
    ) -> Lesson:
        """Return it for another vocabulary; what a sitting says by it is told in docs/learning.md.

        Args:
            classes: label values of the vocabulary as it is now; renamed and reordered ones keep theirs.
            sittings: all finished ones, as they were kept, of whatever classes.
            merged: the values that took the place of others, beside those that did before.

        Raises:
            InputError: as of :meth:`replayed`.
        """
        together = {**self.merged, **(merged or {})}
        return replace(self, classes=tuple(classes), merged=together).replayed(sittings)

    def _after(self, sittings: Sequence[Sitting]) -> Lesson:
        if self.normalisation is None or self.state is None:
            if not sittings:
                return self
            raise InputError(
                "The lesson has not begun; begin it by the vectors of its first image (Lesson.begun)."
            )
        known = [recast(sitting, self.classes, self.merged) for sitting in sittings]
        for sitting in known:
            self._check(sitting, sitting.looks, self.normalisation)
            self._check(sitting, sitting.undecided, self.normalisation)
        return replace(self, state=after(self.state, known, self.normalisation))

    @staticmethod
    def _check(sitting: Sitting, rows: Rows, normalisation: Normalisation) -> None:
        """Refuse rows that the lesson cannot read."""
        if not normalisation.fits(rows):
            raise InputError(
                f"The vectors of sitting {sitting.number} ({sitting.image!r}) are of other lengths than the "
                "lesson's; leave the sitting out, for it is of another preset."
            )


def _one_region(vectors: RegionVectors) -> RegionVectors:
    """Return vectors of one region that is nothing, of the same networks."""
    similarity = vectors.similarity
    return replace(
        vectors,
        ids=np.ones(1, np.int32),
        clip=np.zeros((1, vectors.clip.shape[1]), np.float16),
        similarity=None if similarity is None else np.zeros((1, similarity.shape[1]), np.float16),
        colours=np.zeros((1, vectors.colours.shape[1]), np.float32),
        places=np.zeros((1, 2), np.float32),
        probabilities=np.zeros((1, vectors.probabilities.shape[1]), np.float16),
    )
