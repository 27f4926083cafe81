"""The image's level: a kernel ridge over the open image's verdicts, on what the set's level leaves.

Equations: docs/learning.md, *The image*.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve

from napari_corrclip.learning.features import raised

RIDGE = 0.5
MOST_VERDICTS = 400
"""The last of the image that are learnt from."""
SHARPNESS = 10.0
"""The factor of scores before the softmax."""


def kernel(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return (n, m), exp(-|a - b|² / 2) of each pair."""
    squares = (a**2).sum(axis=1)[:, None] + (b**2).sum(axis=1) - 2 * (a @ b.T)
    alike: NDArray[np.float64] = np.exp(-0.5 * np.maximum(squares, 0))
    return alike


def solved(x: NDArray[np.float64], residuals: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return alpha (m, K).

    Args:
        x: (m, X) of the verdicts' regions.
        residuals: (m, K), what the person said minus what the set's level says of them.
    """
    system = kernel(x, x)
    system[np.diag_indices_from(system)] += RIDGE
    alpha: NDArray[np.float64] = solve(
        system, residuals, assume_a="pos", overwrite_a=True, check_finite=False
    )
    return alpha


def added(
    scores: NDArray[np.float64],
    x: NDArray[np.float64],
    verdicts: NDArray[np.float64],
    alpha: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Return s₂ (n, K).

    Args:
        scores: (n, K), of the set's level.
        x: (n, X) of the regions.
        verdicts: (m, X) of those that were learnt from.
        alpha: (m, K).
    """
    return raised(scores + kernel(x, verdicts) @ alpha)


def sharpened(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return q (n, K), the softmax of scores."""
    powers = np.exp(SHARPNESS * (scores - scores.max(axis=1, keepdims=True)))
    rows: NDArray[np.float64] = powers / powers.sum(axis=1, keepdims=True)
    return rows
