"""Damages and remedies: what they do to pixels, and that they are the same every time."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from napari_corrclip.demo.scenes import generate_scene
from napari_corrclip.evaluation.robustness.damages import (
    DAMAGES,
    blur,
    jpeg,
    low_contrast,
    noise,
)
from napari_corrclip.evaluation.robustness.remedies import (
    REMEDIES,
    median,
    noise_of,
    non_local_means,
    sharpen,
    smooth,
    stretch,
)


@pytest.fixture(scope="module")
def scene() -> NDArray[np.uint8]:
    return generate_scene(7).image


def distance(one_image: NDArray[np.uint8], other: NDArray[np.uint8]) -> float:
    """Root of the mean squared difference, in gray levels."""
    return float(np.sqrt(((one_image.astype(float) - other) ** 2).mean()))


@pytest.mark.parametrize("name", DAMAGES)
def test_a_stronger_damage_is_farther_away(name: str, scene: NDArray[np.uint8]) -> None:
    damage = DAMAGES[name]
    found = [damage.apply(scene, strength) for strength in damage.strengths]
    distances = [distance(image, scene) for image in found]
    assert 0 < distances[0] < distances[1] < distances[2]
    for image, strength in zip(found, damage.strengths, strict=True):
        assert image.shape == scene.shape
        assert image.dtype == np.uint8
        np.testing.assert_array_equal(image, damage.apply(scene, strength))


def test_damages_are_what_they_say(scene: NDArray[np.uint8]) -> None:
    gray = np.full((64, 64, 3), 128, np.uint8)
    assert (noise(gray, 20).astype(float) - 128).std() == pytest.approx(20, rel=0.03)
    np.testing.assert_array_equal(blur(gray, 3), gray)
    assert distance(jpeg(scene, 95), scene) < distance(jpeg(scene, 50), scene)
    levels = low_contrast(np.array([[[0, 128, 255]]], np.uint8), 0.25)
    assert levels.tolist() == [[[96, 128, 160]]]


@pytest.mark.parametrize("name", REMEDIES)
def test_a_remedy_gives_an_image_every_time_the_same(name: str, scene: NDArray[np.uint8]) -> None:
    remedy = REMEDIES[name]
    for knob in remedy.knobs:
        found = remedy.apply(scene[:64, :64], knob)
        assert found.shape == (64, 64, 3)
        assert found.dtype == np.uint8
        np.testing.assert_array_equal(found, remedy.apply(scene[:64, :64], knob))


def test_remedies_do_against_damages_what_they_are_for(scene: NDArray[np.uint8]) -> None:
    noisy = noise(scene, 30)
    for treated in (smooth(noisy, 1), median(noisy, 3), non_local_means(noisy, 0.6)):
        assert distance(treated, scene) < distance(noisy, scene)
    pale = low_contrast(scene, 0.25)
    assert np.ptp(stretch(pale, 0.5)) == 255
    soft = blur(scene, 2)
    assert distance(sharpen(soft, 2), scene) < distance(soft, scene)
    flat = np.full((8, 8, 3), 9, np.uint8)
    np.testing.assert_array_equal(stretch(flat, 2), flat)
    np.testing.assert_array_equal(non_local_means(flat, 1), flat)


@pytest.mark.parametrize("sigma", [0.01, 0.05, 0.2])
def test_noise_is_estimated(sigma: float) -> None:
    random = np.random.default_rng(0)
    ramp = np.add.outer(np.arange(80.0), np.arange(90.0))[..., None] / 300  # no edge, no noise
    assert noise_of(ramp) == pytest.approx(0, abs=1e-12)
    assert noise_of(ramp + random.normal(0, sigma, (80, 90, 3))) == pytest.approx(sigma, rel=0.05)
    assert noise_of(np.zeros((2, 2, 3))) == 0
