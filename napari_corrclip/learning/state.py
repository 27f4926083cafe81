"""The state of a lesson: a fold over finished sittings, and nothing else.

Whatever changes in the past (a verdict taken back, a class merged), the sittings are folded again from the
beginning; there is one way only in which rows become sums, so that the same sittings give the same bits.

Equations: docs/learning.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg.blas import dsyrk

from napari_corrclip.learning import guard, set_level
from napari_corrclip.learning.features import Features, columns, features, one_hot
from napari_corrclip.learning.normalisation import Normalisation
from napari_corrclip.learning.sitting import Looks, Rows, Sitting, joined
from napari_corrclip.storage.frozen import Closed

WEAK = 0.1
"""A region left undecided, in parts of a verdict that accepts what it shows."""
FADE = 0.95
"""What is left of the regions left undecided with each further image."""
TOGETHER = 100
"""Images whose undecided regions go together: when so many have taught, those of the former so many count no
more, of which by then 0.6 % is left at most."""
RECENT = 40
"""Verdicts of which it is kept who foretold them."""
GROUP = 512
"""Verdicts that are added to S at once: BLAS is slow on a few, and the features of so many fit into a
processor's cache."""


@dataclass(frozen=True, eq=False)
class State(Closed):
    """The sums of finished sittings; the arrays cannot be written to.

    Attributes:
        grouped: (D, D), sum of φφᵀ over verdicts but those that wait.
        waiting: (m, D), φ of the verdicts of the last sittings, until they are :data:`GROUP`.
        said: (K, D), sum of φ over the verdicts that said each class.
        weak_grams: (2, D, D), likewise over what was left undecided, weighed: of the last :data:`TOGETHER`
            images that are complete, as it was when they were, and of those since; each fading.
        weak_residuals_of: (2, D, K), likewise.
        verdicts: n (K,) verdicts on regions by the class that the networks elected.
        right: r (K,) those among them that said the same.
        inside: ℓ, the logit of the weight within an image.
        opening: o, that of an image just opened.
        recent: (m, 2) bool, of the last verdicts, the newest last: whether the class in force foretold it,
            and whether the networks' own did.
        sittings: how many there were that taught something.
        looks: verdicts in them.
        last: number of the last sitting, 0 before any; one that taught nothing counts too.
    """

    grouped: NDArray[np.float64]
    waiting: NDArray[np.float64]
    said: NDArray[np.float64]
    weak_grams: NDArray[np.float64]
    weak_residuals_of: NDArray[np.float64]
    verdicts: NDArray[np.float64]
    right: NDArray[np.float64]
    inside: float
    opening: float
    recent: NDArray[np.bool_]
    sittings: int
    looks: int
    last: int

    @classmethod
    def empty(cls, length: int, classes: int) -> State:
        """Return that of no sittings.

        Args:
            length: how many numbers x has.
            classes: K.
        """
        features = 1 + classes + length
        return cls(
            grouped=np.zeros((features, features)),
            waiting=np.zeros((0, features)),
            said=np.zeros((classes, features)),
            weak_grams=np.zeros((2, features, features)),
            weak_residuals_of=np.zeros((2, features, classes)),
            verdicts=np.zeros(classes),
            right=np.zeros(classes),
            inside=guard.INSIDE,
            opening=guard.OPENING,
            recent=np.zeros((0, 2), np.bool_),
            sittings=0,
            looks=0,
            last=0,
        )

    @property
    def gram(self) -> NDArray[np.float64]:
        """S (D, D), sum of φφᵀ over verdicts."""
        whole: NDArray[np.float64] = self.grouped + self.waiting.T @ self.waiting
        return whole

    @property
    def residuals(self) -> NDArray[np.float64]:
        """B (D, K), sum of φ(1_y - P)ᵀ over verdicts; that of φPᵀ is a part of S, for P is a part of φ."""
        found: NDArray[np.float64] = self.said.T - self.gram[:, 1 : 1 + len(self.said)]
        return found

    @property
    def weak_gram(self) -> NDArray[np.float64]:
        """F (D, D), S over what was left undecided, weighed and fading."""
        return self._faded(self.weak_grams)

    @property
    def weak_residuals(self) -> NDArray[np.float64]:
        """G (D, K), likewise."""
        return self._faded(self.weak_residuals_of)

    def _faded(self, both: NDArray[np.float64]) -> NDArray[np.float64]:
        faded: NDArray[np.float64] = FADE ** (self.sittings % TOGETHER) * both[0] + both[1]
        return faded

    @property
    def nbytes(self) -> int:
        """Memory held, in bytes."""
        return sum(value.nbytes for value in vars(self).values() if isinstance(value, np.ndarray))


def after(state: State, sittings: Sequence[Sitting], normalisation: Normalisation) -> State:
    """Return a state after further finished sittings, in their order.

    Args:
        state: before.
        sittings: of the same classes as the state; one without looks changes nothing: the image was merely
            seen.
        normalisation: of the set.
    """
    known = [sitting for sitting in sittings if len(sitting.looks)]
    # Of sittings up to this one no undecided region counts by the end.
    first = (state.sittings + len(known)) // TOGETHER * TOGETHER - TOGETHER
    # BLAS adds to one triangle of arrays in the order of columns.
    grouped, complete, weak_gram = (
        np.array(each, order="F") for each in (state.grouped, *state.weak_grams)
    )
    waiting, said = state.waiting, state.said.copy()
    former, weak_residuals = state.weak_residuals_of.copy()
    verdicts, right = state.verdicts.copy(), state.right.copy()
    inside, opening, taught = state.inside, state.opening, state.sittings
    for group in _groups(known, len(waiting)):
        whole = joined([sitting.looks for sitting in group])
        looks = read(whole, whole.values, group[0].classes, normalisation)
        for column, row in zip(looks.said.tolist(), looks.features.phi, strict=True):
            said[column] += row
        waiting = np.vstack([waiting, looks.features.phi]) if len(waiting) else looks.features.phi
        if len(waiting) >= GROUP:
            grouped, waiting = _added(waiting, 1.0, grouped), waiting[:0]
        lasting = group[max(first - taught, 0) :]
        weak = iter(_left(lasting, normalisation) if lasting else ())
        for sitting, rows in zip(group, _parts([sitting.looks for sitting in group]), strict=True):
            count(verdicts, right, looks.elected[rows], sitting.looks.right)
            inside, opening = foretold(*guard.faded(inside, opening), sitting.looks)
            taught += 1
            if taught > first:
                undecided, each = next(weak)
                phi, trust = undecided.features.phi, set_level.trust(verdicts, right)
                roots = np.sqrt(each * (WEAK + set_level.ANCHOR * trust[undecided.elected]))
                weak_gram = _added(phi * roots[:, None], FADE, weak_gram)
                weak_residuals *= FADE
                weak_residuals += (each * WEAK) * (phi.T @ undecided.residuals)
            if not taught % TOGETHER:
                complete, former = weak_gram, weak_residuals
                weak_gram, weak_residuals = np.zeros_like(weak_gram), np.zeros_like(former)
    foretellers = [who_foretold(sitting.looks) for sitting in known[-RECENT:]]
    return State(
        grouped=_whole(grouped),
        waiting=waiting,
        said=said,
        weak_grams=np.stack([_whole(complete), _whole(weak_gram)]),
        weak_residuals_of=np.stack([former, weak_residuals]),
        verdicts=verdicts,
        right=right,
        inside=inside,
        opening=opening,
        recent=np.concatenate([state.recent, *foretellers])[-RECENT:],
        sittings=taught,
        looks=state.looks + sum(len(sitting.looks) for sitting in known),
        last=max([state.last, *(sitting.number for sitting in sittings)]),
    )


def count(
    verdicts: NDArray[np.float64],
    right: NDArray[np.float64],
    elected: NDArray[np.int64],
    was_right: NDArray[np.bool_],
) -> None:
    """Add verdicts to n and r, in place.

    Args:
        verdicts: n (K,).
        right: r (K,).
        elected: (m,) the class of each that the networks elected.
        was_right: (m,) whether the person said the same.
    """
    verdicts += np.bincount(elected, minlength=len(verdicts))
    right += np.bincount(elected[was_right], minlength=len(right))


def foretold(inside: float, opening: float, looks: Looks) -> tuple[float, float]:
    """Return ℓ and o after verdicts."""
    return (
        guard.earned(inside, guard.RATE_INSIDE, looks.p, looks.q),
        guard.earned(opening, guard.RATE_OPENING, looks.p, looks.q_opening),
    )


def who_foretold(looks: Looks) -> NDArray[np.bool_]:
    """Return (n, 2): whether the class in force was the one said, and whether the networks' own was."""
    return np.column_stack([looks.foretold, looks.right])


@dataclass(frozen=True, eq=False)
class Read:
    """Rows with their features.

    Attributes:
        elected: (n,) the class that the networks elected.
        said: (n,) the one that was said, or shown.
        features: of the regions.
    """

    elected: NDArray[np.int64]
    said: NDArray[np.int64]
    features: Features

    def __getitem__(self, rows: slice) -> Read:
        """Return some of the rows."""
        return Read(self.elected[rows], self.said[rows], self.features[rows])

    @property
    def truth(self) -> NDArray[np.float64]:
        """(n, K), 1 of the class said or shown."""
        return one_hot(self.said, self.features.own.shape[1])

    @property
    def residuals(self) -> NDArray[np.float64]:
        """(n, K), that minus P."""
        return self.truth - self.features.own


def read(
    rows: Rows,
    said: NDArray[np.int32],
    classes: tuple[int, ...],
    normalisation: Normalisation,
) -> Read:
    """Return rows with their features.

    Args:
        rows: of the classes ``classes``.
        said: (n,) the label values that were said of them, or shown.
        classes: (K,) label values.
        normalisation: of the set.
    """
    found = features(rows.probabilities, rows, normalisation)
    return Read(columns(rows.elected, classes), columns(said, classes), found)


def _groups(sittings: Sequence[Sitting], waiting: int) -> Iterator[list[Sitting]]:
    """Yield sittings of which one after another makes a group of verdicts whole, and the rest.

    Args:
        sittings: of which each has verdicts.
        waiting: verdicts of those before that belong to the first group.
    """
    group: list[Sitting] = []
    for sitting in sittings:
        group.append(sitting)
        waiting += len(sitting.looks)
        if waiting >= GROUP:
            yield group
            group, waiting = [], 0
    if group:
        yield group


def _left(
    sittings: Sequence[Sitting], normalisation: Normalisation
) -> Iterator[tuple[Read, float]]:
    """Yield the regions that each of some sittings left undecided, and how many each of them counts for."""
    parts = [sitting.undecided for sitting in sittings]
    shown = np.concatenate([each.shown for each in parts])
    whole = read(joined(parts), shown, sittings[0].classes, normalisation)
    for undecided, rows in zip(parts, _parts(parts), strict=True):
        yield whole[rows], undecided.each


def _parts(parts: Sequence[Rows]) -> Iterator[slice]:
    """Yield where the rows of each lie among those of all."""
    first = 0
    for rows in parts:
        yield slice(first, first := first + len(rows))


def _added(phi: NDArray[np.float64], fade: float, gram: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return φᵀφ + fade · gram in the lower triangle of ``gram``, which BLAS is faster at than the upper."""
    added: NDArray[np.float64] = dsyrk(1.0, phi.T, beta=fade, c=gram, overwrite_c=1, lower=1)
    return added


def _whole(triangle: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return a symmetric matrix of its lower triangle."""
    return np.tril(triangle) + np.tril(triangle, -1).T
