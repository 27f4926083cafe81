"""The looks of regions against the same written down plainly, pixel by pixel."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter, gaussian_gradient_magnitude
from skimage.color import rgb2lab

from napari_corrclip.maps import looks
from napari_corrclip.maps.regions import number_regions
from tests import reference


@settings(max_examples=25)
@given(
    st.integers(0, 10_000),
    st.tuples(st.integers(1, 40), st.integers(1, 40)),
    st.tuples(st.integers(1, 50), st.integers(1, 50)),
)
def test_means_and_places_are_those_of_the_pixels(
    seed: int, shape: tuple[int, int], grid: tuple[int, int]
) -> None:
    """Grids finer than the pixels, too."""
    rng = np.random.default_rng(seed)
    numbers, ids = number_regions(reference.patchwork(rng, shape, 5))
    cells = rng.normal(size=(*grid, 3)).astype(np.float32)
    means = looks.cell_means(numbers, len(ids), cells)
    places = looks.places(numbers, len(ids))
    assert means.shape == (len(ids), 3)
    for number in range(1, len(ids) + 1):
        own = [(r, c) for r in range(shape[0]) for c in range(shape[1]) if numbers[r, c] == number]
        under = [cells[r * grid[0] // shape[0], c * grid[1] // shape[1]] for r, c in own]
        np.testing.assert_allclose(
            means[number - 1], np.mean(np.float64(under), axis=0), rtol=1e-5, atol=1e-6
        )
        middle = np.mean([((r + 0.5) / shape[0], (c + 0.5) / shape[1]) for r, c in own], axis=0)
        np.testing.assert_allclose(places[number - 1], middle, rtol=1e-5)
    if len(ids):
        first = int(rng.integers(len(ids)))
        some = looks.places_of(numbers, 1 + first, len(ids))
        np.testing.assert_allclose(some, places[first:], rtol=1e-5)


def test_more_channels_than_are_added_up_at_once() -> None:
    rng = np.random.default_rng(3)
    numbers, ids = number_regions(reference.patchwork(rng, (40, 56), 4))
    cells = rng.normal(size=(5, 7, 150)).astype(np.float32)
    means = looks.cell_means(numbers, len(ids), cells)
    pixels = cells[np.arange(40)[:, None] * 5 // 40, np.arange(56)[None] * 7 // 56]
    for number in range(1, len(ids) + 1):
        np.testing.assert_allclose(
            means[number - 1], pixels[numbers == number].mean(axis=0, dtype=np.float64), atol=1e-6
        )


@pytest.mark.parametrize("rows", [None, 5, 9, 64])
def test_colours_are_those_of_the_whole_image(
    rows: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where it is taken in bands of few rows."""
    rng = np.random.default_rng(5)
    numbers, ids = number_regions(reference.patchwork(rng, (70, 50), 6))
    rgb = rng.integers(0, 256, size=(70, 50, 3), dtype=np.uint8)
    if rows is not None:
        monkeypatch.setattr(looks, "_BAND_PIXELS", rows * 50)
    found = looks.colours(numbers, len(ids), rgb)
    assert found.shape == (len(ids), len(looks.COLOURS))
    lab = rgb2lab(rgb / 255)
    light = lab[..., 0]
    gradient = gaussian_gradient_magnitude(light, 2, mode="nearest")
    texture = np.sqrt(
        gaussian_filter(light**2, 2, mode="nearest")
        - gaussian_filter(light, 2, mode="nearest") ** 2
    )
    for number in range(1, len(ids) + 1):
        own = numbers == number
        expected = [
            *lab[own].mean(axis=0), *lab[own].std(axis=0), gradient[own].mean(), texture[own].mean()
        ]  # fmt: skip
        np.testing.assert_allclose(found[number - 1], expected, rtol=1e-5, atol=1e-4)


def test_one_colour_has_no_texture_and_no_spread() -> None:
    rgb = np.full((30, 30, 3), (200, 30, 30), np.uint8)
    (found,) = looks.colours(np.ones((30, 30), np.int32), 1, rgb)
    np.testing.assert_allclose(found[:3], rgb2lab(rgb / 255)[0, 0], rtol=1e-5)
    np.testing.assert_allclose(found[3:], 0, atol=1e-4)


def test_an_image_without_regions_has_no_rows() -> None:
    nothing, rgb = np.zeros((8, 9), np.int32), np.zeros((8, 9, 3), np.uint8)
    assert looks.cell_means(nothing, 0, np.ones((2, 2, 4), np.float32)).shape == (0, 4)
    assert looks.places(nothing, 0).shape == (0, 2)
    assert looks.colours(nothing, 0, rgb).shape == (0, 8)
