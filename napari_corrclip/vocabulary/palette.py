"""Colours for label values: the same value always has the same colour.

The first 16 are the table below, any two of which everybody tells apart over an image, with normal sight and
without red or green cones, and which differ in lightness, too; ``python -m tools.palette`` found them, and
:mod:`~napari_corrclip.vocabulary.color_difference` is what it measures by. Those up to :data:`DISTINCT` are
chosen one after the other, each as far as possible from all before it in a perceptual space (OKLab); no two
are alike, and none is near black, white or gray, which are left to what is unlabelled and to the background.
For the values beyond, up to 65535, no palette could be told apart by eye: they are different, no more.

The former palette begins with eight colours picked by hand. Files of before have it, and whoever prefers it.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

Color = tuple[int, int, int]


class Palette(StrEnum):
    """A palette that classes have their colours from to which nobody gives one."""

    DISTINCT = "distinct"
    FORMER = "former"


BACKGROUND: Color = (112, 112, 116)
"""The default colour of a background class; the palettes hold nothing near it."""

DISTINCT = 256
_START: Mapping[Palette, tuple[Color, ...]] = MappingProxyType(
    {
        Palette.DISTINCT: (
            (10, 4, 233),  # deep blue
            (206, 246, 0),  # yellow
            (26, 235, 255),  # cyan
            (118, 66, 123),  # purple
            (172, 10, 0),  # red
            (218, 255, 174),  # pale green
            (110, 136, 4),  # olive
            (48, 159, 255),  # azure
            (156, 255, 228),  # pale turquoise
            (74, 75, 255),  # blue
            (136, 0, 45),  # wine
            (208, 191, 71),  # ochre
            (50, 200, 138),  # jade
            (226, 131, 182),  # pink
            (66, 30, 145),  # indigo
            (50, 135, 68),  # green
        ),
        Palette.FORMER: (
            (230, 60, 60),  # red
            (60, 130, 230),  # blue
            (60, 180, 74),  # green
            (246, 196, 40),  # yellow
            (154, 72, 200),  # violet
            (242, 130, 36),  # orange
            (64, 204, 208),  # cyan
            (240, 120, 186),  # pink
        ),
    }
)


def default_color(
    value: int, *, background: bool = False, palette: Palette = Palette.DISTINCT
) -> Color:
    """Return the (red, green, blue), 0 to 255, of label ``value`` (1 to 65535) unless given one."""
    if background:
        return BACKGROUND
    if value <= DISTINCT:
        return _distinct(palette)[value - 1]
    # An odd factor permutes the 16-bit numbers, so neighbouring values get distant colours and all
    # differ; red is odd here and even in the distinct ones, so they differ from those too.
    mixed = (value * 40503) & 0xFFFF
    red, green, blue = mixed >> 11, mixed >> 5 & 0x3F, mixed & 0x1F
    return (49 + 6 * red, 52 + 3 * green, 52 + 6 * blue)


def palette_of(color: Color, value: int, *, background: bool = False) -> Palette | None:
    """Return the palette in which the label ``value`` has this colour; ``None``: a person gave it."""
    for palette in Palette:
        if color == default_color(value, background=background, palette=palette):
            return palette
    return None


@functools.cache
def _distinct(palette: Palette) -> tuple[Color, ...]:
    """Return the first colours: the start, then always the candidate farthest from all chosen."""
    levels = np.arange(20, 256, 18)
    grid = np.stack(np.meshgrid(levels, levels, levels, indexing="ij"), axis=-1).reshape(-1, 3)
    points = _oklab(grid)
    chroma = np.hypot(points[:, 1], points[:, 2])
    usable = (points[:, 0] > 380) & (points[:, 0] < 900) & (chroma > 60)
    grid, points = grid[usable], points[usable]
    chosen = [(r & ~1, g, b) for r, g, b in _START[palette]]
    nearest = np.full(len(points), np.iinfo(np.int64).max)
    for color in _oklab(np.array(chosen)):
        nearest = np.minimum(nearest, _distance(points, color))
    while len(chosen) < DISTINCT:
        farthest = int(nearest.argmax())
        r, g, b = (int(level) for level in grid[farthest])
        chosen.append((r & ~1, g, b))
        nearest = np.minimum(nearest, _distance(points, points[farthest]))
    return tuple(chosen)


def _distance(points: NDArray[np.int64], point: NDArray[np.int64]) -> NDArray[np.int64]:
    offsets = points - point
    # lightness counts less: two hues are told apart more surely than two shades of one
    offsets[:, 0] //= 2
    distance: NDArray[np.int64] = (offsets**2).sum(axis=1)
    return distance


def _oklab(rgb: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return (n, 3) sRGB of 0 to 255 in OKLab (B. Ottosson, 2020), in thousandths.

    Whole numbers, so that the last digit of a platform's ``cbrt`` cannot change a choice.
    """
    srgb = rgb / 255.0
    linear = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    cones = np.array(
        [
            [0.4122214708, 0.5363325363, 0.0514459929],
            [0.2119034982, 0.6806995451, 0.1073969566],
            [0.0883024619, 0.2817188376, 0.6299787005],
        ]
    )
    lab = np.array(
        [
            [0.2104542553, 0.7936177850, -0.0040720468],
            [1.9779984951, -2.4285922050, 0.4505937099],
            [0.0259040371, 0.7827717662, -0.8086757660],
        ]
    )
    values = np.cbrt((linear[:, None, :] * cones).sum(axis=-1))
    rounded: NDArray[np.int64] = np.rint((values[:, None, :] * lab).sum(axis=-1) * 1000).astype(
        np.int64
    )
    return rounded
