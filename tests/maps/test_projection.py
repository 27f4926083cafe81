"""The projection to 128 numbers: frozen, and angles stay about what they were."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from napari_corrclip.maps import projection


@pytest.mark.parametrize("dimension", [192, 512, 768, 1024])
def test_angles_stay_about_what_they_were(dimension: int) -> None:
    rng = np.random.default_rng(1)
    common = rng.normal(size=dimension)
    vectors = (rng.normal(size=(60, dimension)) + common).astype(np.float32)
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    found = projection.project(vectors)
    assert found.shape == (60, 128)
    wrong = found @ found.T - unit @ unit.T
    # The standard deviation of a product of unit vectors is at most sqrt(2 / 128) = 0.125.
    assert wrong.std() < 0.125
    assert np.abs(wrong).max() < 0.6
    np.testing.assert_allclose(found, projection.project(7 * vectors), atol=1e-6)


def test_short_vectors_stay_themselves() -> None:
    vectors = np.array([[3, 4], [0, 0], [0, -2]], np.float32)
    np.testing.assert_allclose(
        projection.project(vectors), [[0.6, 0.8], [0, 0], [0, -1]], atol=1e-7
    )
    whole = np.eye(128, dtype=np.float32)
    np.testing.assert_array_equal(projection.project(whole), whole)


def test_the_matrix_is_the_same_for_ever() -> None:
    """Another one needs another version, which is kept with what it projects."""
    assert projection.VERSION == 1
    first = projection.matrix(768)
    assert first is projection.matrix(768)
    np.testing.assert_allclose(
        first[0, :4] * np.sqrt(128), [1.6905257, -0.46593737, 0.03282016, 0.40751628], atol=1e-7
    )
    # Whole, rounded far above what a mathematical library may do otherwise in the last place.
    rounded = np.round(first * 1e4).astype("<i4")
    assert hashlib.sha256(rounded.tobytes()).hexdigest()[:16] == "084bb81068626b8b"
    assert first.std() == pytest.approx(128**-0.5, rel=0.01)
    with pytest.raises(ValueError, match="read-only"):
        first[0, 0] = 0
