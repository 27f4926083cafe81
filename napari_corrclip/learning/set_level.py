"""The set's level: a ridge from what regions look like to what was wrong with their probabilities.

Equations: docs/learning.md, *The set*.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve

from napari_corrclip.learning.features import Features, raised

RIDGE = 0.5
ANCHOR = 0.05
"""What an undecided region holds the networks' probabilities fast with, times the trust in its class."""
PRIOR = 2.0
"""Verdicts that every class is taken to have passed before any."""
MOST_ANCHORS = 512
"""Undecided regions of the open image that anchor, evenly chosen."""


def trust(verdicts: NDArray[np.float64], right: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return (K,) the trust in what the networks elect.

    Args:
        verdicts: (K,) looks at regions that they elected each class for.
        right: (K,) those among them after which it was right.
    """
    share: NDArray[np.float64] = (right + PRIOR) / (verdicts + PRIOR)
    return share**2


def solved(
    gram: NDArray[np.float64], residuals: NDArray[np.float64], anchors: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return W (D, K).

    Args:
        gram: (D, D), S + F.
        residuals: (D, K), B + G.
        anchors: (u, D), features of the open image's anchors, each times the root of its weight.
    """
    system = gram + anchors.T @ anchors
    system[np.diag_indices_from(system)] += RIDGE
    weights: NDArray[np.float64] = solve(
        system, residuals, assume_a="pos", overwrite_a=True, check_finite=False
    )
    return weights


def predicted(regions: Features, weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return s (n, K): the networks' probabilities and what was learnt to be missing."""
    return raised(regions.own + regions.phi @ weights)
