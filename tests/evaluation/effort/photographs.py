"""A folder of photographs of two things, with what is true of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image


def save(path: Path, array: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array.astype(np.uint8)).save(path)


def write(folder: Path, count: int = 4, side: int = 48) -> Path:
    """Photographs of two things: dark on the left, light on the right; the border by chance."""
    rng = np.random.default_rng(0)
    for number in range(count):
        truth = np.zeros((side, side), int)
        truth[:, rng.integers(side // 4, side // 2) :] = 1
        truth[-4:] = 9
        image = 60 + 100 * (truth == 1)[..., None] + rng.normal(0, 40, (side, side, 3))
        save(folder / "images" / f"{number}.jpg", image.clip(0, 255))
        save(folder / "labels" / f"{number}.png", truth)
    return folder
