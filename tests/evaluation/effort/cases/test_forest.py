"""The forest: its features, its sample, its probabilities."""

from __future__ import annotations

import numpy as np

from napari_corrclip.evaluation.effort.cases.forest import (
    draw_sample,
    pixel_features,
    probabilities,
    train,
)


def two_halves(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    truth = np.ones((31, 45), int)
    truth[:, 20:] = 3
    image = np.where(truth[..., None] == 1, 60, 190) + rng.integers(-20, 20, (31, 45, 3))
    return image.astype(np.uint8), truth


def test_features_are_of_every_second_pixel() -> None:
    found = pixel_features(two_halves()[0])
    assert found.shape[:2] == (16, 23)
    assert found.dtype == np.float32
    assert np.isfinite(found).all()
    np.testing.assert_allclose(found[[0, -1], 0, -2], [0, 1])
    np.testing.assert_allclose(found[0, [0, -1], -1], [0, 1])


def test_samples_are_seeded_even_and_leave_out_what_is_not_counted() -> None:
    image, truth = two_halves()
    features = pixel_features(image)
    half = np.where(truth == 3, 0, truth)
    sample = draw_sample([features, features], [truth, half], 100, seed=3)
    assert len(sample.classes) == 100
    assert set(sample.classes.tolist()) == {0, 2}
    # Half of the pixels are of the image that has no class 3.
    assert (sample.classes == 0).sum() >= 50
    again = draw_sample([features, features], [truth, half], 100, seed=3)
    np.testing.assert_array_equal(sample.features, again.features)
    other = draw_sample([features, features], [truth, half], 100, seed=4)
    assert not np.array_equal(sample.features, other.features)


def test_it_learns_and_gives_an_unseen_class_nothing() -> None:
    image, truth = two_halves()
    features = pixel_features(image)
    forest = train(draw_sample([features], [truth], 200), 200)
    new, expected = two_halves(1)
    found = probabilities(forest, pixel_features(new), 4, expected.shape)
    assert found.shape == (4, 31, 45)
    np.testing.assert_allclose(found.sum(axis=0), 1, atol=1e-5)
    assert (found[[1, 3]] == 0).all()
    assert (found.argmax(axis=0) + 1 == expected).mean() > 0.97
