"""The palettes: what everybody tells apart, computed here once more, and the colours of files of before."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from skimage.color import deltaE_ciede2000, rgb2lab

from napari_corrclip.vocabulary import MAX_VALUE
from napari_corrclip.vocabulary.color_difference import WELL_APART
from napari_corrclip.vocabulary.palette import (
    BACKGROUND,
    DISTINCT,
    Palette,
    default_color,
    palette_of,
)

# Machado, Oliveira and Fernandes (2009), severity 1.0.
DEUTERANOPIA = [
    [0.367322, 0.860646, -0.227968],
    [0.280085, 0.672501, 0.047413],
    [-0.011820, 0.042940, 0.968881],
]
PROTANOPIA = [
    [0.152286, 1.052583, -0.204868],
    [0.114503, 0.786281, 0.099216],
    [-0.003882, -0.048116, 1.051998],
]
FIRST = np.array([default_color(value) for value in range(1, 17)])


def over_gray(colors: NDArray[np.int64]) -> NDArray[np.float64]:
    return np.rint(0.4 * colors + 0.6 * 128) / 255


def seen_by(matrix: list[list[float]], srgb: NDArray[np.float64]) -> NDArray[np.float64]:
    linear = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    linear = np.clip(linear @ np.array(matrix).T, 0, 1)
    return np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)


def least(lab: NDArray[np.float64]) -> float:
    apart = deltaE_ciede2000(lab[:, None], lab[None])
    return float(apart[~np.eye(len(lab), dtype=bool)].min())


@pytest.mark.parametrize("matrix", [np.eye(3).tolist(), DEUTERANOPIA, PROTANOPIA])
def test_any_two_of_the_first_are_told_apart_over_an_image(matrix: list[list[float]]) -> None:
    lab = rgb2lab(seen_by(matrix, over_gray(FIRST)))
    assert least(lab) >= 8.3 > WELL_APART == 8
    # Most vocabularies are short.
    assert least(lab[:8]) >= 9.5
    assert least(lab[:4]) >= 16
    with_background = over_gray(np.array([*FIRST, BACKGROUND]))
    assert least(rgb2lab(seen_by(matrix, with_background))) >= WELL_APART


def test_normal_sight_tells_more_and_gray_pictures_keep_them_apart() -> None:
    lab = rgb2lab(over_gray(FIRST))
    assert least(lab) >= 9.6
    assert least(lab[:8]) >= 13.5
    # Distinct lightness: L* as seen differs by 1 between any two, by 2 between any two of the first eight.
    assert np.diff(np.sort(lab[:, 0])).min() >= 1
    assert np.diff(np.sort(lab[:8, 0])).min() >= 2


def test_none_of_the_first_is_near_black_white_or_gray() -> None:
    plain = rgb2lab(FIRST / 255)
    assert np.hypot(plain[:, 1], plain[:, 2]).min() >= 35
    assert plain[:, 0].min() >= 22
    assert plain[:, 0].max() <= 96


@pytest.mark.parametrize("palette", Palette)
def test_colours_are_stable_and_differ(palette: Palette) -> None:
    values = range(1, MAX_VALUE + 1)
    assert len({default_color(value, palette=palette) for value in values}) == MAX_VALUE
    first = np.array([default_color(value, palette=palette) for value in range(1, 33)], int)
    gaps = np.abs(first[:, None] - first[None]).max(axis=-1)
    assert gaps[~np.eye(32, dtype=bool)].min() >= 36
    distinct = np.array([default_color(v, palette=palette) for v in range(1, DISTINCT + 1)], int)
    assert np.abs(distinct - BACKGROUND).max(axis=1).min() > 20


def test_the_former_palette_is_what_it_was() -> None:
    """A changed palette would recolour what people know; so its ends are written down."""
    former = [default_color(value, palette=Palette.FORMER) for value in range(1, DISTINCT + 1)]
    assert former[:3] == [(230, 60, 60), (60, 130, 230), (60, 180, 74)]
    assert former[8:11] == [(56, 74, 38), (110, 38, 74), (20, 20, 254)]
    assert former[-1] == (92, 110, 200)
    assert default_color(257) == default_color(257, palette=Palette.FORMER) == (205, 175, 190)
    assert default_color(1) == (10, 4, 233)
    assert default_color(16) == (50, 135, 68)
    assert default_color(DISTINCT) == (164, 146, 218)


def test_a_palette_is_known_by_its_colour() -> None:
    assert palette_of(default_color(3), 3) is Palette.DISTINCT
    assert palette_of((60, 180, 74), 3) is Palette.FORMER
    assert palette_of((60, 180, 74), 4) is None
    assert palette_of(BACKGROUND, 3, background=True) is Palette.DISTINCT
    assert palette_of(BACKGROUND, 3) is None
