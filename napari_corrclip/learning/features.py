"""The features of regions: what the set's level learns from, and probabilities as it wants them.

Equations: docs/learning.md, *Features*.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_corrclip.learning.normalisation import Normalisation, Seen

CONSTANT = 0.5
"""The first feature of every region."""
LEAST = 0.003
"""The least probability of a class after something was added to it."""


def probabilities_of(stored: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return (n, K) with rows of sum 1; a row of zeros says nothing, and is even."""
    exact = stored.astype(np.float64)
    np.maximum(exact, 0, out=exact)
    total = exact.sum(axis=1, keepdims=True)
    silent = total[:, 0] <= 0
    if silent.any():
        exact[silent], total[silent] = 1, exact.shape[1]
    exact /= total
    return exact


def raised(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return (n, K) with nothing below :data:`LEAST`, rows of sum 1."""
    least = np.maximum(scores, LEAST)
    scaled: NDArray[np.float64] = least / least.sum(axis=1, keepdims=True)
    return scaled


@dataclass(frozen=True, eq=False)
class Features:
    """The features of regions, and their two parts as views of them.

    Attributes:
        phi: (n, 1 + K + X) φ, what the set's level learns from: a constant, P, x.
        own: (n, K) P.
        x: (n, X), what the image's level learns from.
    """

    phi: NDArray[np.float64]
    own: NDArray[np.float64]
    x: NDArray[np.float64]

    def __getitem__(self, rows: NDArray[np.int64] | slice) -> Features:
        """Return those of some regions."""
        return Features.of(self.phi[rows], self.own.shape[1])

    @classmethod
    def of(cls, phi: NDArray[np.float64], classes: int) -> Features:
        """Return φ with its parts."""
        return cls(phi, phi[:, 1 : 1 + classes], phi[:, 1 + classes :])


def features(
    probabilities: NDArray[np.floating], seen: Seen, normalisation: Normalisation
) -> Features:
    """Return the features of regions.

    Args:
        probabilities: (n, K) as they are kept.
        seen: vectors of the regions.
        normalisation: of the set.
    """
    count, classes = probabilities.shape
    phi = np.empty((count, 1 + classes + normalisation.length))
    phi[:, 0] = CONSTANT
    phi[:, 1 : 1 + classes] = probabilities_of(probabilities)
    normalisation.put_x(seen, phi[:, 1 + classes :])
    return Features.of(phi, classes)


def columns(values: NDArray[np.integer], classes: tuple[int, ...]) -> NDArray[np.int64]:
    """Return (n,) the column of each label value; -1: it is of no class."""
    order = np.argsort(classes)
    ascending = np.asarray(classes, np.int64)[order]
    found = np.minimum(np.searchsorted(ascending, values), len(classes) - 1)
    return np.where(ascending[found] == values, order[found], -1)


def one_hot(classes: NDArray[np.int64], count: int) -> NDArray[np.float64]:
    """Return (n, K) with a 1 in each row's class."""
    rows = np.zeros((len(classes), count))
    rows[np.arange(len(classes)), classes] = 1
    return rows
