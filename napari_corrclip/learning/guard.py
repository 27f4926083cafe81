"""The guard: what a lesson's say weighs beside the networks', earned by predictions before their verdicts.

Equations: docs/learning.md, *The guard*.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

INSIDE, OPENING = 0.0, math.log(0.3 / 0.7)
"""Where the two weights' logits begin: that within an image, and that of one just opened."""
RATE_INSIDE, RATE_OPENING = 0.25, 0.1
"""What one verdict moves them."""
FADE = 0.9
"""What is left of them when the next image is opened."""
FURTHEST = 6.0
LEAST = 0.02
"""No probability counts as less: one verdict is not to decide."""


def faded(inside: float, opening: float) -> tuple[float, float]:
    """Return both logits as they are when an image is opened."""
    return FADE * inside, OPENING + FADE * (opening - OPENING)


def earned(logit: float, rate: float, p: NDArray[np.float64], q: NDArray[np.float64]) -> float:
    """Return a logit after verdicts.

    Args:
        logit: before.
        rate: what a verdict moves.
        p: (n,) the networks' probability of each class that a person said.
        q: (n,) the lesson's, told before.
    """
    steps: list[float] = (
        rate * (np.log(np.maximum(q, LEAST)) - np.log(np.maximum(p, LEAST)))
    ).tolist()
    for step in steps:
        logit += step
        if not -FURTHEST <= logit <= FURTHEST:
            logit = math.copysign(FURTHEST, logit)
    return logit


def weight(logit: float) -> float:
    """Return the weight of the lesson's say, 0 to 1."""
    return 1 / (1 + math.exp(-logit))


def mixed(
    weight: float, taught: NDArray[np.float64], own: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return (n, K) what is shown: the lesson's probabilities and the networks' own."""
    return weight * taught + (1 - weight) * own
