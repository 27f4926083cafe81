"""A lesson under another vocabulary: what its rows say when classes were merged, removed or added.

A class is its label value, which is never given again: renamed or in another order it is the same. Rows are
brought to other classes, and what is learnt follows from them. What the guard was told of them stays as it
was told: it is history.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from napari_corrclip.learning.features import columns, probabilities_of
from napari_corrclip.learning.sitting import Rows, Sitting

R = TypeVar("R", bound=Rows)


def recast(sitting: Sitting, classes: tuple[int, ...], merged: Mapping[int, int]) -> Sitting:
    """Return a sitting as one of other classes.

    Of merged classes the probabilities are added up. Of a class that is there no longer the verdicts go, and
    the other probabilities are scaled to a sum of 1; where it was elected, the likeliest of the others is. A
    class that is new has a probability of 0 until :func:`reclassified` says more.

    Args:
        sitting: of whatever classes.
        classes: (K,) label values.
        merged: the value that took the place of another one.
    """
    if sitting.classes == classes:
        return sitting
    became = [survivor(value, merged, classes) for value in sitting.classes]
    target = columns(np.array(became, np.int64), classes)
    looks, undecided = sitting.looks, sitting.undecided
    looks = _in_columns(looks, sitting.classes, target, classes)
    undecided = _in_columns(undecided, sitting.classes, target, classes)
    said = _moved(looks.values, sitting.classes, target, classes)
    shown = _moved(undecided.shown, sitting.classes, target, classes)
    looks = replace(looks, values=said)
    undecided = replace(undecided, shown=np.where(shown > 0, shown, undecided.elected))
    return replace(
        sitting,
        classes=classes,
        looks=looks.chosen((looks.values > 0) & (looks.elected > 0)),
        undecided=undecided.chosen(undecided.elected > 0),
    )


def reclassified(
    sitting: Sitting,
    classes: tuple[int, ...],
    looks: tuple[NDArray[np.floating], NDArray[np.integer]],
    undecided: tuple[NDArray[np.floating], NDArray[np.integer]],
) -> Sitting:
    """Return a sitting with what the networks say of its regions by other words.

    Args:
        sitting: of the same classes already, by :func:`recast`.
        classes: (K,) label values.
        looks: (n, K) probabilities and (n,) elected label values of the regions looked at.
        undecided: likewise of those left undecided.
    """
    return replace(
        sitting,
        classes=classes,
        looks=_said_anew(sitting.looks, *looks),
        undecided=_said_anew(sitting.undecided, *undecided),
    )


def dropped(sitting: Sitting, values: Collection[int]) -> Sitting:
    """Return a sitting without the verdicts that named some classes, such as one that was split since."""
    kept = ~np.isin(sitting.looks.values, list(values))
    return sitting if kept.all() else replace(sitting, looks=sitting.looks.chosen(kept))


def survivor(value: int, merged: Mapping[int, int], classes: Collection[int]) -> int:
    """Return the value that a class has by now, however often it was merged; its own if it came back."""
    passed = set()
    while value not in classes and value in merged and value not in passed:
        passed.add(value)
        value = merged[value]
    return value


def _said_anew(rows: R, probabilities: NDArray[np.floating], elected: NDArray[np.integer]) -> R:
    said = replace(
        rows, probabilities=probabilities_of(probabilities), elected=elected.astype(np.int32)
    )
    return said.chosen(said.elected > 0)


def _in_columns(
    rows: R, former: tuple[int, ...], target: NDArray[np.int64], classes: tuple[int, ...]
) -> R:
    """Return rows whose probabilities and elected classes are of other classes."""
    own = probabilities_of(rows.probabilities)
    moved = np.zeros((len(rows), len(classes)))
    for column in np.flatnonzero(target >= 0):
        moved[:, target[column]] += own[:, column]
    elected = _moved(rows.elected, former, target, classes)
    likeliest = np.asarray(classes, np.int32)[moved.argmax(axis=1)]
    gone = (elected == 0) & (rows.elected > 0) & (moved.max(axis=1, initial=0) > 0)
    return replace(
        rows,
        probabilities=probabilities_of(moved),
        elected=np.where(gone, likeliest, elected).astype(np.int32),
    )


def _moved(
    values: NDArray[np.int32],
    former: tuple[int, ...],
    target: NDArray[np.int64],
    classes: tuple[int, ...],
) -> NDArray[np.int32]:
    """Return label values as they are by now; 0: of no class."""
    column = columns(values, former)
    now = np.where(column >= 0, target[column], -1)
    moved: NDArray[np.int32] = np.where(now >= 0, np.asarray(classes, np.int32)[now], 0)
    return moved
