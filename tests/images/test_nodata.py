"""Pixels without data: told by the file or the array, left out of the limits, never labelled."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray

import napari_corrclip as nc
from napari_corrclip.demo.scenes import generate_scene
from napari_corrclip.engine.encoded_image import annotate_steps, run_steps
from napari_corrclip.engine.features import Features
from napari_corrclip.engine.large import large_steps
from napari_corrclip.engine.segmenter import Segmenter
from napari_corrclip.errors import InputError
from napari_corrclip.images import find_limits, read_image, read_pixels, to_rgb
from napari_corrclip.progress import finish
from napari_corrclip.vocabulary import Vocabulary

RNG = np.random.default_rng(0)
LOWEST = np.finfo(np.float32).min
WORDS = Vocabulary.coerce("red, blue\nbackground: grass, water")


def write(path: Path, array: NDArray[Any], text: str, **options: Any) -> Path:
    """A TIFF whose tag of the raster library GDAL names ``text`` as the value for no data."""
    tifffile.imwrite(path, array, extratags=[(42113, "s", 0, text, True)], **options)
    return path


@pytest.mark.parametrize(
    ("text", "dtype", "value"),
    [
        ("-3.4028235e+38", np.float32, LOWEST),
        ("-3.40282346638528860e+38", np.float32, LOWEST),
        ("-3.4028236e38", np.float32, LOWEST),
        ("nan", np.float32, np.nan),
        ("-inf", np.float64, -np.inf),
        ("-9999.0 ", np.float32, -9999),
        ("0.1", np.float32, 0.1),
        ("0", np.uint8, 0),
        ("255", np.uint8, 255),
        ("-128", np.int8, -128),
        ("1e3", np.uint16, 1000),
        ("-32768", np.int16, -32768),
        ("18446744073709551615", np.uint64, 2**64 - 1),
    ],
)
def test_the_value_is_meant_in_the_image_s_own_type(
    text: str, dtype: Any, value: Any, tmp_path: Path
) -> None:
    array = RNG.uniform(1, 100, (24, 20)).astype(dtype)
    expected = to_rgb(array[8:])
    array[:8] = value
    image = read_image(write(tmp_path / "a.tif", array, text))
    assert np.ma.getmaskarray(image).sum() == 8 * 20
    rgb = to_rgb(image)
    assert not rgb[:8].any()
    assert np.array_equal(rgb[8:], expected)


@pytest.mark.parametrize(
    ("text", "dtype"),
    [("-9999", np.uint8), ("nan", np.uint8), ("abc", np.int16), ("1.5", np.int16)],
)
def test_a_value_that_the_type_does_not_have_hides_nothing(
    text: str, dtype: Any, tmp_path: Path
) -> None:
    image = read_image(write(tmp_path / "a.tif", np.ones((4, 4), dtype), text))
    assert not isinstance(image, np.ma.MaskedArray)


def test_a_colour_has_no_data_where_all_channels_say_so(tmp_path: Path) -> None:
    array = RNG.integers(1, 255, (9, 9, 3), np.uint8)
    array[:2], array[5, 5, 1] = 0, 0
    pixels = read_pixels(write(tmp_path / "a.tif", array, "0", photometric="rgb"))
    assert pixels.nodata is not None
    assert pixels.nodata[:2].all()
    assert not pixels.nodata[2:].any()


def test_no_number_without_the_tag_is_refused_as_ever(tmp_path: Path) -> None:
    array = np.ones((4, 4), np.float32)
    array[1, 2] = np.nan
    with pytest.raises(InputError, match="NaN"):
        read_pixels(write(tmp_path / "a.tif", array, "-9999"))
    masked = np.ma.MaskedArray(array, array > 5)
    with pytest.raises(InputError, match="row 1, column 2"):
        to_rgb(masked)


def test_limits_leave_out_what_is_hidden() -> None:
    values = np.ma.masked_less(np.arange(-1000.0, 1001.0), 0)
    assert find_limits(values, (0, 100)) == (0.0, 1000.0)
    assert find_limits(values[:10]) == (0.0, 1.0)  # no value at all
    assert find_limits(np.array([0.2, 0.7]), colors=True) == (0.0, 1.0)
    assert find_limits(np.array([7, 7, 7])) == (7.0, 14.0)
    assert find_limits(np.array([-1.6e308, 1.6e308]), (0, 100)) == pytest.approx(
        (-1.6e308, 1.6e308)
    )


# -- in every result


@pytest.fixture(scope="module")
def segmenter() -> Segmenter:
    return Segmenter.from_preset("demo", device="cpu", regions="superpixels")


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Path:
    array = generate_scene(5).image.astype(np.int16)
    array[:60, 30:] = -9999
    return write(tmp_path_factory.mktemp("scene") / "scene.tif", array, "-9999", photometric="rgb")


LACKING = np.zeros((256, 256), bool)
LACKING[:60, 30:] = True


def check(result: Any) -> None:
    assert not np.asarray(result.labels)[LACKING].any()
    assert not np.asarray(result.pixel_labels)[LACKING].any()
    assert not np.asarray(result.regions)[LACKING].any()
    assert not np.asarray(result.confidence)[LACKING].any()
    assert np.asarray(result.labels)[~LACKING].all()


def test_no_data_is_unlabelled_whichever_words_and_regions(
    segmenter: Segmenter, scene: Path, tmp_path: Path
) -> None:
    result, engine = finish(run_steps(segmenter, read_pixels(scene), WORDS))
    check(result)
    check(engine.classify(Vocabulary.coerce("sky, sea\nbackground: sand")))
    again, other = engine.encode(np.ones((256, 256), np.int32), WORDS)
    check(again)
    other.features.save(tmp_path / "features.safetensors")
    check(segmenter.classify(Features.load(tmp_path / "features.safetensors"), WORDS))


def test_no_data_is_unlabelled_in_a_session(segmenter: Segmenter, scene: Path) -> None:
    session = finish(annotate_steps(segmenter, scene, WORDS))
    assert not session.labels[LACKING].any()
    assert not session.regions[LACKING].any()


@pytest.mark.parametrize("given", [False, True])
def test_no_data_is_unlabelled_in_a_large_result(
    segmenter: Segmenter, scene: Path, given: bool, tmp_path: Path
) -> None:
    regions = np.ones((256, 256), np.int32) if given else None
    steps = large_steps(segmenter, scene, WORDS, tmp_path / "out", scale=1.0, regions=regions)
    check(finish(steps))


def test_a_masked_array_is_taken_as_its_file(segmenter: Segmenter, scene: Path) -> None:
    array = generate_scene(5).image.astype(np.int16)
    masked = np.ma.MaskedArray(array, np.repeat(LACKING[:, :, None], 3, axis=2))
    of_array, of_file = (segmenter.segment(one, WORDS, progress=False) for one in (masked, scene))
    check(of_array)
    assert np.array_equal(of_array.labels, of_file.labels)


def test_notes_on_the_image_reach_every_result(segmenter: Segmenter, tmp_path: Path) -> None:
    image = generate_scene(5).image
    path = tmp_path / "two.tif"
    with tifffile.TiffWriter(path) as file:
        file.write(image[::4, ::4], subfiletype=1, metadata=None)
        file.write(image, metadata=None, tile=(64, 64))
    result = segmenter.segment(path, WORDS, progress=False)
    large = finish(large_steps(segmenter, path, WORDS, tmp_path / "out", scale=0.5))
    for notes in (result.notes, large.notes):
        assert any("smaller copy of 64 × 64" in note for note in notes)
    nothing = nc.read_image(path)
    assert not any("copy" in note for note in segmenter.segment(nothing, WORDS).notes)
