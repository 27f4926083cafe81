"""A colour cast: the networks see an image in a warm light, with gains of its own for every image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Cast:
    """A warm light over the images of a set.

    Attributes:
        strength: red is taken times 1 plus this, blue times 1 minus this.
        variation: standard deviation of the logarithm of each channel's gain about that, image by image.
    """

    strength: float
    variation: float

    def gains(self, seed: int) -> NDArray[np.float64]:
        """Return (3,) what red, green and blue are multiplied by, always alike for a seed."""
        middle = np.array([1 + self.strength, 1.0, 1 - self.strength])
        normal = np.random.default_rng(seed).standard_normal(3)
        varied: NDArray[np.float64] = middle * np.exp(self.variation * normal)
        return varied

    def tinted(self, image: NDArray[np.uint8], seed: int) -> NDArray[np.uint8]:
        """Return ``image`` (H, W, 3) under the cast of a seed; what is beyond 255 is cut off."""
        return np.clip(np.rint(image * self.gains(seed)), 0, 255).astype(np.uint8)

    def __str__(self) -> str:
        """What it is called in a table."""
        return f"red × {1 + self.strength:g}, blue × {1 - self.strength:g}"


ON_SCENES: Final = Cast(0.33, 0.05)
ON_PHOTOGRAPHS: Final = Cast(0.03, 0.01)
"""Weaker, for a forest has learnt from exact colours, and loses about ten of a hundred pixels by it."""
