"""Synthetic scenes with class and instance truth, drawn from a seed.

A scene is one or two grounds with five to eight objects on them, each a texture x colour x shape,
under uneven light and sensor noise. Train, validation and test scenes come from disjoint seeds.
"""

from __future__ import annotations

import colorsys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, zoom

from napari_corrclip.demo.world import (
    COLORS,
    COMBINATIONS,
    GROUNDS,
    HELD_OUT,
    SEEN,
    SHAPES,
    TEXTURES,
)

SIZE: Final = 256
MIN_OBJECT: Final = 44
MAX_OBJECT: Final = 92

#: First seeds of the three splits; each may use up to a million.
TRAIN_SEED: Final = 1_000_000
VALIDATION_SEED: Final = 2_000_000
TEST_SEED: Final = 3_000_000

Float = NDArray[np.float32]

# Hue in degrees, saturation and value ranges of the named colours.
_NAMED: Final = {
    "red": (0, (0.80, 0.95), (0.72, 0.92)),
    "yellow": (54, (0.75, 0.95), (0.85, 0.98)),
    "green": (128, (0.65, 0.90), (0.48, 0.72)),
    "blue": (222, (0.70, 0.92), (0.62, 0.90)),
    "purple": (284, (0.55, 0.80), (0.55, 0.80)),
    "white": (0, (0.00, 0.05), (0.90, 1.00)),
}
# Colours without a name, well away from the named ones: they teach shape without colour.
_UNNAMED: Final = (
    (27, (0.75, 0.95), (0.80, 0.98)),
    (25, (0.45, 0.70), (0.30, 0.48)),
    (90, (0.60, 0.90), (0.65, 0.90)),
    (172, (0.55, 0.90), (0.45, 0.85)),
    (195, (0.30, 0.60), (0.75, 0.95)),
    (326, (0.45, 0.85), (0.75, 0.95)),
    (350, (0.15, 0.35), (0.80, 0.95)),
    (0, (0.00, 0.04), (0.08, 0.20)),
    (0, (0.00, 0.05), (0.38, 0.58)),
)


@dataclass(frozen=True, slots=True)
class SceneObject:
    """One object of a scene.

    Attributes:
        instance: its id in the scene's instance map, from 1 on.
        color: empty where the colour has no name.
        shape: one of ``world.SHAPES``.
        texture: one of ``world.TEXTURES``.
        center: (row, column) in pixels.
        diameter: in pixels.
    """

    instance: int
    color: str
    shape: str
    texture: str
    center: tuple[float, float]
    diameter: float

    @property
    def name(self) -> str:
        """Colour and shape, as a person would type them ("red circle")."""
        return f"{self.color} {self.shape}".strip()

    @property
    def held_out(self) -> bool:
        """Whether the networks have never seen or read this combination."""
        return (self.color, self.shape) in HELD_OUT


@dataclass(frozen=True, eq=False)
class Scene:
    """A drawn scene and its truth.

    Attributes:
        seed: what it was drawn from.
        image: (256, 256, 3) uint8 RGB.
        instances: (256, 256) int32; 0 = ground, else the object's ``instance``.
        grounds: (256, 256) uint8, index into ``world.GROUNDS`` (under the objects too).
        objects: the objects with at least one visible pixel.
    """

    seed: int
    image: NDArray[np.uint8]
    instances: NDArray[np.int32]
    grounds: NDArray[np.uint8]
    objects: tuple[SceneObject, ...]

    @cached_property
    def regions(self) -> NDArray[np.int32]:
        """(256, 256) int32: the true partition; the grounds follow the objects' ids."""
        first = max((item.instance for item in self.objects), default=0) + 1
        ground = self.grounds.astype(np.int32) + first
        return np.where(self.instances > 0, self.instances, ground).astype(np.int32)

    def truth(self, names: Sequence[str]) -> NDArray[np.uint16]:
        """Class truth for a vocabulary.

        Args:
            names: class names; an object belongs to the first that is its colour and shape, its
                colour, or its shape; a ground to its own name.

        Returns:
            (256, 256) uint16: index into ``names`` plus 1; 0 where no name fits.
        """
        index = {name: i + 1 for i, name in reversed(list(enumerate(names)))}
        of_ground = np.array([index.get(name, 0) for name in GROUNDS], np.uint16)
        out = of_ground[self.grounds]
        of_object = np.zeros(int(self.instances.max()) + 1, np.uint16)
        for item in self.objects:
            found = [index[n] for n in (item.name, item.color, item.shape) if n in index]
            of_object[item.instance] = found[0] if found else 0
        here = self.instances > 0
        out[here] = of_object[self.instances[here]]
        return out


def generate_scene(
    seed: int,
    *,
    combinations: Literal["all", "seen"] = "all",
    unnamed: float = 0.0,
) -> Scene:
    """Draw the scene of ``seed``.

    Args:
        seed: any non-negative integer; the same seed gives the same scene.
        combinations: ``"seen"`` leaves out the held-out colour x shape pairs (training).
        unnamed: share of objects in a colour that has no name, 0..1 (training).

    Returns:
        the scene and its truth.
    """
    rng = np.random.default_rng(seed)
    image, grounds = _draw_ground(rng)
    instances = np.zeros((SIZE, SIZE), np.int32)
    objects: list[SceneObject] = []
    placed: list[tuple[float, float, float]] = []
    for _ in range(int(rng.integers(5, 9))):
        place = _find_place(rng, placed)
        if place is None:
            continue
        placed.append(place)
        item = _choose_object(rng, len(objects) + 1, place, combinations, unnamed)
        _draw_object(rng, image, instances, item)
        objects.append(item)
    image *= _light(rng)[..., None]
    image += rng.normal(0.0, rng.uniform(0.008, 0.035), image.shape).astype(np.float32)
    visible = set(np.unique(instances).tolist())
    return Scene(
        seed=seed,
        image=np.clip(image * 255 + 0.5, 0, 255).astype(np.uint8),
        instances=instances,
        grounds=grounds,
        objects=tuple(item for item in objects if item.instance in visible),
    )


def _smooth_noise(rng: np.random.Generator, rows: int, columns: int) -> Float:
    """(SIZE, SIZE) float32 smooth noise in -1..1 with about ``rows`` x ``columns`` blobs."""
    coarse = rng.uniform(-1, 1, (rows, columns)).astype(np.float32)
    fine: Float = zoom(
        coarse, (SIZE / rows, SIZE / columns), order=1, grid_mode=True, mode="nearest"
    )
    return fine


def _hsv(hue: float, saturation: float, value: float) -> Float:
    return np.array(colorsys.hsv_to_rgb((hue / 360) % 1.0, saturation, value), np.float32)


def _draw_ground(rng: np.random.Generator) -> tuple[Float, NDArray[np.uint8]]:
    """One ground, or two that meet in a wavy line."""
    count = 2 if rng.random() < 0.7 else 1
    kinds = rng.choice(len(GROUNDS), size=count, replace=False)
    image = _paint_ground(rng, GROUNDS[kinds[0]])
    index = np.full((SIZE, SIZE), kinds[0], np.uint8)
    if count == 2:
        angle = rng.uniform(0, 2 * np.pi)
        rows, columns = np.mgrid[-1 : 1 : SIZE * 1j, -1 : 1 : SIZE * 1j].astype(np.float32)
        along = rows * np.sin(angle) + columns * np.cos(angle)
        across = columns * np.sin(angle) - rows * np.cos(angle)
        wave = 0.08 * np.sin(across * rng.uniform(3, 8) + rng.uniform(0, 6))
        beyond = along + wave > rng.uniform(-0.35, 0.35)
        image = np.where(beyond[..., None], _paint_ground(rng, GROUNDS[kinds[1]]), image)
        index[beyond] = kinds[1]
    return image.astype(np.float32), index


def _paint_ground(rng: np.random.Generator, kind: str) -> Float:
    """(SIZE, SIZE, 3) float32 in about 0..1: muted colours with a texture of the ground's own."""
    rows, columns = np.mgrid[0:SIZE, 0:SIZE].astype(np.float32)
    speckle = rng.normal(0, 1, (SIZE, SIZE)).astype(np.float32)
    shift = rng.normal(0, 0.02, 3).astype(np.float32)
    if kind == "grass":
        color = np.array([0.30, 0.40, 0.20], np.float32)
        blades: Float = gaussian_filter(speckle, (2.2, 0.6))
        tone = 0.22 * blades + 0.06 * _smooth_noise(rng, 8, 8)
    elif kind == "sand":
        color = np.array([0.76, 0.67, 0.50], np.float32)
        tone = 0.035 * speckle + 0.05 * _smooth_noise(rng, 5, 5)
    elif kind == "water":
        color = np.array([0.30, 0.45, 0.55], np.float32)
        bend = 2.5 * _smooth_noise(rng, 6, 6)
        tone = 0.07 * np.sin(rows / rng.uniform(2.2, 3.2) + bend) + 0.04 * _smooth_noise(rng, 4, 4)
    elif kind == "stone":
        color = np.array([0.50, 0.50, 0.49], np.float32)
        tone = 0.11 * np.sign(_smooth_noise(rng, 24, 24)) + 0.07 * _smooth_noise(rng, 48, 48)
    else:  # wood
        color = np.array([0.45, 0.31, 0.20], np.float32)
        grain = columns / rng.uniform(2.6, 4.0) + 1.5 * _smooth_noise(rng, 3, 10)
        plank = (np.floor(columns / 42) % 2).astype(np.float32)
        tone = 0.06 * np.sin(grain) + 0.05 * plank + 0.02 * speckle
    out: Float = ((color + shift) * (1 + tone[..., None])).astype(np.float32)
    return out


def _find_place(
    rng: np.random.Generator, placed: list[tuple[float, float, float]]
) -> tuple[float, float, float] | None:
    """(row, column, diameter) that overlaps the others at most a little; None if there is none."""
    for _ in range(30):
        diameter = float(rng.uniform(MIN_OBJECT, MAX_OBJECT))
        row, column = rng.uniform(diameter * 0.5, SIZE - diameter * 0.5, 2)
        if all(np.hypot(row - r, column - c) > 0.5 * (diameter + d) * 0.88 for r, c, d in placed):
            return float(row), float(column), diameter
    return None


def _choose_object(
    rng: np.random.Generator,
    instance: int,
    place: tuple[float, float, float],
    combinations: str,
    unnamed: float,
) -> SceneObject:
    pairs = COMBINATIONS if combinations == "all" else SEEN
    color, shape = pairs[rng.integers(len(pairs))]
    if rng.random() < unnamed:
        color, shape = "", SHAPES[rng.integers(len(SHAPES))]
    texture = TEXTURES[rng.integers(len(TEXTURES))]
    return SceneObject(instance, color, shape, texture, place[:2], place[2])


def _draw_object(
    rng: np.random.Generator, image: Float, instances: NDArray[np.int32], item: SceneObject
) -> None:
    """Draw ``item`` into ``image`` and ``instances``, with a soft shadow on what lies below."""
    half = item.diameter / 2
    top, left = (max(0, int(c - half - 6)) for c in item.center)
    bottom, right = (min(SIZE, int(c + half + 8)) for c in item.center)
    box = np.s_[top:bottom, left:right]
    rows, columns = np.mgrid[top:bottom, left:right].astype(np.float32)
    y, x = (rows - item.center[0]) / half, (columns - item.center[1]) / half
    angle = rng.uniform(-0.4, 0.4)
    u = x * np.cos(angle) + y * np.sin(angle)
    v = y * np.cos(angle) - x * np.sin(angle)
    distance = _signed_distance(item.shape, u, v) * half
    cover = np.clip(0.5 - distance, 0, 1)[..., None]

    hue, saturation, value = (
        _NAMED[item.color] if item.color else _UNNAMED[rng.integers(len(_UNNAMED))]
    )
    rgb = _hsv(hue + rng.normal(0, 4), rng.uniform(*saturation), rng.uniform(*value))
    accent = _accent(rng, item.texture, u * half, v * half)[..., None]
    # The texture darkens light colours and lightens dark ones, so that it shows on all of them.
    other = rgb * 0.55 if rgb.max() > 0.6 else rgb + (1 - rgb) * 0.5
    surface = rgb * (1 - accent) + other * accent

    shadow = np.clip(0.5 - (distance - 2.0) / 5.0, 0, 1)[..., None]
    image[box] *= 1 - 0.28 * shadow * (1 - cover)
    image[box] = image[box] * (1 - cover) + surface * cover
    instances[box][cover[..., 0] >= 0.5] = item.instance


def _signed_distance(shape: str, u: Float, v: Float) -> NDArray[np.floating]:
    """Signed distance (approximate away from the border) in units of the half diameter; < 0 inside."""
    radius = np.hypot(u, v)
    if shape == "circle":
        return np.subtract(radius, 0.92)
    if shape == "ring":
        return np.abs(radius - 0.70) - 0.25
    if shape == "square":
        return np.maximum(np.abs(u), np.abs(v)) - 0.76
    if shape == "cross":
        arms = np.minimum(
            np.maximum(np.abs(u) - 0.95, np.abs(v) - 0.31),
            np.maximum(np.abs(u) - 0.31, np.abs(v) - 0.95),
        )
        return arms
    corners = {"triangle": 3, "star": 5}[shape]
    theta = np.arctan2(u, -v)
    sector = 2 * np.pi / corners
    folded = np.abs((theta + sector / 2) % sector - sector / 2)
    along, across = radius * np.cos(folded), radius * np.sin(folded)
    if shape == "triangle":
        # The sides face away from the corners; the centre is lowered so that the box is filled.
        v = v - 0.22
        sides = [np.cos(a) * v + np.sin(a) * u for a in (0.0, 2 * np.pi / 3, -2 * np.pi / 3)]
        nearest: NDArray[np.floating] = np.maximum.reduce(sides) - 0.56
        return nearest
    inner = 0.45
    tip = np.array([1.0, 0.0])
    valley = inner * np.array([np.cos(sector / 2), np.sin(sector / 2)])
    edge = valley - tip
    normal = np.array([-edge[1], edge[0]]) / np.hypot(*edge)
    outward = normal if normal @ tip > 0 else -normal
    beyond: NDArray[np.floating] = (along - tip[0]) * outward[0] + across * outward[1]
    return beyond


def _unit(values: NDArray[np.floating]) -> Float:
    clipped: Float = np.clip(values, 0, 1).astype(np.float32)
    return clipped


def _accent(rng: np.random.Generator, texture: str, x: Float, y: Float) -> Float:
    """Where the second tone of a texture lies, 0..1; ``x`` and ``y`` in pixels."""
    if texture == "plain":
        return np.zeros_like(x)
    if texture == "striped":
        period, angle = rng.uniform(9, 13), rng.uniform(0, np.pi)
        phase = (x * np.cos(angle) + y * np.sin(angle)) * 2 * np.pi / period
        return _unit(0.5 + 2.5 * np.sin(phase))
    period = rng.uniform(11, 14)
    a = np.mod(x + period / 2, period) - period / 2
    b = np.mod(y + period / 2, period) - period / 2
    return _unit(0.5 + period * 0.27 - np.hypot(a, b))


def _light(rng: np.random.Generator) -> Float:
    """(SIZE, SIZE) float32 factor: a slope of light over the scene, about 0.8 to 1.2."""
    rows, columns = np.mgrid[-1 : 1 : SIZE * 1j, -1 : 1 : SIZE * 1j].astype(np.float32)
    slope = rng.uniform(-0.14, 0.14, 2)
    out: Float = (rng.uniform(0.88, 1.06) + slope[0] * rows + slope[1] * columns).astype(np.float32)
    return out


__all__ = [
    "COLORS",
    "SIZE",
    "TEST_SEED",
    "TRAIN_SEED",
    "VALIDATION_SEED",
    "Scene",
    "SceneObject",
    "generate_scene",
]
