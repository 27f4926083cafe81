"""Superpixels cover everything, and the same image is always divided alike."""

from __future__ import annotations

import numpy as np
import pytest

from napari_corrclip.errors import InputError
from napari_corrclip.progress import Progress, finish
from napari_corrclip.regions import RegionSource, SuperpixelRegions, superpixels
from napari_corrclip.regions.superpixels import default_segments


def noise(height: int, width: int) -> np.ndarray:
    coarse = np.random.default_rng(1).integers(
        0, 256, (height // 8 + 1, width // 8 + 1, 3), np.uint8
    )
    return coarse.repeat(8, axis=0).repeat(8, axis=1)[:height, :width]


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (3, 2), (7, 5), (64, 48)])
@pytest.mark.parametrize("constant", [False, True])
def test_every_pixel_is_in_one_region_without_gaps(size: tuple[int, int], constant: bool) -> None:
    image = np.full((*size, 3), 90, np.uint8) if constant else noise(*size)
    regions = finish(SuperpixelRegions().segment(image))
    assert regions.shape == size
    assert regions.dtype == np.int32
    np.testing.assert_array_equal(np.unique(regions), np.arange(1, regions.max() + 1))


def test_the_same_image_is_divided_alike_and_along_its_colours() -> None:
    image = np.zeros((64, 64, 3), np.uint8)
    image[20:44, 20:44] = (250, 30, 30)
    first = finish(SuperpixelRegions(40).segment(image))
    np.testing.assert_array_equal(first, finish(SuperpixelRegions(40).segment(image)))
    pixels = np.maximum(np.bincount(first.ravel()), 1)
    red = np.bincount(first.ravel(), image[..., 0].ravel() > 0) / pixels
    assert np.mean(np.minimum(red, 1 - red)[first]) < 0.03
    assert 10 <= first.max() <= 80


def test_a_large_image_is_divided_at_a_smaller_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(superpixels, "WORKING_PIXELS", 1000)
    image = noise(61, 97)
    regions = finish(SuperpixelRegions(30).segment(image))
    assert regions.shape == (61, 97)
    np.testing.assert_array_equal(np.unique(regions), np.arange(1, regions.max() + 1))
    assert regions.max() > 10


def test_the_default_number_grows_with_the_side() -> None:
    numbers = [default_segments(side, side) for side in (1, 64, 256, 1024, 2048, 9000)]
    assert numbers == [1, 48, 192, 768, 1536, 2000]


def test_it_yields_and_tells_its_settings() -> None:
    source = SuperpixelRegions(12, compactness=5)
    assert isinstance(source, RegionSource)
    events = list(source.segment(noise(16, 16)))
    assert all(isinstance(event, Progress) and event.stage == "regions" for event in events)
    assert events[-1].done == events[-1].total
    assert source.describe()["n_segments"] == 12
    assert source.describe()["compactness"] == 5
    assert source.describe()["source"] == source.name == "superpixels"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_segments": 0}, "n_segments is 0"),
        ({"n_segments": 10**7}, "n_segments is 10000000; give a whole number from 1 to 1000000"),
        ({"n_segments": 2.5}, "n_segments is 2.5"),
        ({"compactness": 0.0}, "compactness is 0.0"),
        ({"compactness": float("nan")}, "compactness is nan"),
        ({"compactness": 1e20}, r"compactness is 1e\+20; give a number above 0, up to 1,000,000"),
        ({"sigma": 1e6}, "sigma is 1000000.0; give a number of pixels from 0 to 1,000"),
        ({"sigma": -1.0}, "sigma is -1.0"),
        ({"min_size": 2.0}, "min_size is 2.0"),
    ],
)
def test_useless_settings_are_refused(options: dict[str, float], message: str) -> None:
    with pytest.raises(InputError, match=message):
        SuperpixelRegions(**options)  # type: ignore[arg-type]
