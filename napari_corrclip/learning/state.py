"""The state of a lesson: a fold over finished sittings, and nothing else.

Whatever changes in the past (a verdict taken back, a class merged), the sittings are folded again from the
beginning; there is one way only in which rows become sums, so that the same sittings give the same bits.

Equations: docs/learning.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy.linalg.blas import dsyrk

from napari_corrclip.learning import guard, set_level
from napari_corrclip.learning.features import Features, columns, features, one_hot
from napari_corrclip.learning.normalisation import Normalisation
from napari_corrclip.learning.sitting import Looks, Rows, Sitting, Undecided, joined
from napari_corrclip.storage.frozen import Closed

WEAK = 0.1
"""A region left undecided, in parts of a verdict that accepts what it shows."""
FADE = 0.95
"""What is left of the regions left undecided with each further image."""
RECENT = 40
"""Verdicts of which it is kept who foretold them."""
_AT_ONCE = 512
"""Rows whose features are made together: they fit into a processor's cache, and Python's time is small."""

R = TypeVar("R", bound=Rows)


@dataclass(frozen=True, eq=False)
class State(Closed):
    """The sums of finished sittings; the arrays cannot be written to.

    Attributes:
        gram: S (D, D), sum of φφᵀ over verdicts.
        residuals: B (D, K), sum of φ(1_y - P)ᵀ over them.
        weak_gram: F (D, D), likewise over what was left undecided, weighed and fading.
        weak_residuals: G (D, K).
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

    gram: NDArray[np.float64]
    residuals: NDArray[np.float64]
    weak_gram: NDArray[np.float64]
    weak_residuals: NDArray[np.float64]
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
            gram=np.zeros((features, features)),
            residuals=np.zeros((features, classes)),
            weak_gram=np.zeros((features, features)),
            weak_residuals=np.zeros((features, classes)),
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
    # BLAS adds to one triangle of arrays in the order of columns.
    gram, weak_gram = (np.array(each, order="F") for each in (state.gram, state.weak_gram))
    residuals, weak_residuals = state.residuals.copy(), state.weak_residuals.copy()
    verdicts, right = state.verdicts.copy(), state.right.copy()
    inside, opening, recent = state.inside, state.opening, state.recent
    taught, seen = state.sittings, state.looks
    for looks, undecided in _read(sittings, normalisation):
        phi = looks.features.phi
        gram = dsyrk(1.0, phi.T, beta=1.0, c=gram, overwrite_c=1)
        residuals += phi.T @ looks.residuals
        count(verdicts, right, looks.elected, looks.rows.right)
        inside, opening = guard.faded(inside, opening)
        inside, opening = foretold(inside, opening, looks.rows)
        recent = np.concatenate([recent, who_foretold(looks.rows)])[-RECENT:]
        trust = set_level.trust(verdicts, right)
        phi, each = undecided.features.phi, undecided.rows.each
        roots = np.sqrt(each * (WEAK + set_level.ANCHOR * trust[undecided.elected]))
        weak_gram = dsyrk(1.0, (phi * roots[:, None]).T, beta=FADE, c=weak_gram, overwrite_c=1)
        weak_residuals *= FADE
        weak_residuals += (each * WEAK) * (phi.T @ undecided.residuals)
        taught, seen = taught + 1, seen + len(looks.rows)
    return State(
        gram=_whole(gram),
        residuals=residuals,
        weak_gram=_whole(weak_gram),
        weak_residuals=weak_residuals,
        verdicts=verdicts,
        right=right,
        inside=inside,
        opening=opening,
        recent=recent,
        sittings=taught,
        looks=seen,
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
class Read(Generic[R]):
    """Rows with their features.

    Attributes:
        rows: as kept.
        elected: (n,) the class that the networks elected.
        features: of the regions.
        residuals: (n, K), 1 of the class said or shown, minus P.
    """

    rows: R
    elected: NDArray[np.int64]
    features: Features
    residuals: NDArray[np.float64]


def read(
    rows: R,
    said: NDArray[np.int32],
    classes: tuple[int, ...],
    normalisation: Normalisation,
) -> Read[R]:
    """Return rows with their features.

    Args:
        rows: of the classes ``classes``.
        said: (n,) the label values that were said of them, or shown.
        classes: (K,) label values.
        normalisation: of the set.
    """
    found = features(rows.probabilities, rows, normalisation)
    truth = one_hot(columns(said, classes), len(classes))
    return Read(rows, columns(rows.elected, classes), found, truth - found.own)


def _read(
    sittings: Iterable[Sitting], normalisation: Normalisation
) -> Iterator[tuple[Read[Looks], Read[Undecided]]]:
    """Yield the rows of each sitting that taught something."""
    waiting: list[Sitting] = []
    rows = 0
    for sitting in sittings:
        if len(sitting.looks):
            waiting.append(sitting)
            rows += len(sitting.looks) + len(sitting.undecided)
        if rows >= _AT_ONCE:
            yield from _read_together(waiting, normalisation)
            waiting, rows = [], 0
    if waiting:
        yield from _read_together(waiting, normalisation)


def _read_together(
    sittings: list[Sitting], normalisation: Normalisation
) -> Iterator[tuple[Read[Looks], Read[Undecided]]]:
    classes = sittings[0].classes
    looks = [sitting.looks for sitting in sittings]
    undecided = [sitting.undecided for sitting in sittings]
    values = np.concatenate([each.values for each in looks])
    shown = np.concatenate([each.shown for each in undecided])
    first = _parted(looks, read(joined(looks), values, classes, normalisation))
    second = _parted(undecided, read(joined(undecided), shown, classes, normalisation))
    yield from zip(first, second, strict=True)


def _parted(parts: list[R], whole: Read[R]) -> Iterator[Read[R]]:
    """Yield the part of each."""
    first = 0
    for rows in parts:
        own = slice(first, first := first + len(rows))
        yield Read(rows, whole.elected[own], whole.features[own], whole.residuals[own])


def _whole(triangle: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return a symmetric matrix of its upper triangle."""
    return np.triu(triangle) + np.triu(triangle, 1).T
