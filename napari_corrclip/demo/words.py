"""The words that a person would type who sees a scene."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from napari_corrclip.demo.scenes import Scene
from napari_corrclip.demo.world import GROUNDS
from napari_corrclip.vocabulary import Vocabulary

_PAINT: Mapping[str, tuple[int, int, int]] = {
    "red": (226, 48, 48),
    "yellow": (250, 212, 40),
    "green": (34, 178, 72),
    "blue": (40, 108, 238),
    "purple": (160, 60, 214),
    "white": (244, 244, 244),
    "grass": (110, 140, 70),
    "sand": (206, 180, 130),
    "water": (92, 150, 180),
    "stone": (140, 140, 138),
    "wood": (140, 96, 62),
}


def what_is_in(scene: Scene) -> Vocabulary:
    """Return the objects and grounds of ``scene`` as classes, in like colours."""
    grounds = [GROUNDS[index] for index in np.unique(scene.grounds)]
    objects = dict.fromkeys((item.color, item.shape) for item in scene.objects if item.color)
    words = Vocabulary.from_names([*(f"{color} {shape}" for color, shape in objects), *grounds])
    shown: dict[str, int] = {}
    for color, shape in objects:
        # Shapes of one colour get shades of it.
        shade = shown[color] = shown.get(color, -1) + 1
        words = words.recolor(f"{color} {shape}", _shade(_PAINT[color], shade))
    for ground in grounds:
        words = words.recolor(ground, _PAINT[ground])
    return words


def _shade(color: tuple[int, int, int], number: int) -> tuple[int, int, int]:
    """``color``, then ever darker shades of it."""
    red, green, blue = (round(part * 0.68**number) for part in color)
    return red, green, blue
