"""The limits of deep images: one label map in the dock, by the API and on the command line; and kept."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest
import tifffile
from napari.layers import Image
from napari.layers._source import layer_source
from numpy.typing import NDArray

import napari_corrclip as nc
from napari_corrclip.annotation import Journal, Session, Source, has_session, journal_folder
from napari_corrclip.cli import main
from napari_corrclip.demo.scenes import generate_scene
from napari_corrclip.engine.large.reading import LazyImage
from napari_corrclip.errors import InputError
from napari_corrclip.gui.image.contrast import AUTOMATIC, Contrast
from napari_corrclip.gui.image.panel import RANKED, SHOWN
from napari_corrclip.gui.image.picture import picture_of
from napari_corrclip.images import ImageOptions, read_image, read_pixels, to_rgb
from napari_corrclip.images.planes import as_plane
from napari_corrclip.progress import finish
from napari_corrclip.results.provenance import Provenance, Stretch
from napari_corrclip.scripting import as_python
from tests.gui.person import MINUTE, Person

WORDS = "red, green, grass, sand"
RNG = np.random.default_rng(5)
BEFORE = (1.0, 99.0)


def deep_scene() -> NDArray[np.uint16]:
    """A scene of 12 bits, with a few pixels that are far brighter, as they are in micrographs."""
    deep = generate_scene(5).image[:160, :140, 0].astype(np.uint16) * 16 + 100
    deep[RNG.integers(0, 160, 60), RNG.integers(0, 140, 60)] = RNG.integers(5000, 60000, 60)
    return deep


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NAPARI_CORRCLIP_SESSIONS", str(tmp_path / "sessions"))
    iio.imwrite(tmp_path / "deep.png", deep_scene())
    return tmp_path / "deep.png"


def opened(person: Person, path: Path) -> Image:
    (layer,) = person.viewer.open(str(path), plugin="napari")
    person.dock.reset_choices()
    person.dock.image.layer = layer
    person.dock.model.regions.setCurrentText("superpixels")
    person.dock.words.line.setText(WORDS)
    return layer


@pytest.mark.canvas
def test_one_deep_image_has_one_label_map(person: Person, path: Path, tmp_path: Path) -> None:
    person.viewer.window.show()
    layer = opened(person, path)
    session = person.run()
    expected = to_rgb(read_image(path))
    np.testing.assert_array_equal(session.image, expected)
    by_api = nc.segment(path, WORDS, regions="superpixels", progress=False)
    np.testing.assert_array_equal(session.labels, by_api.labels)
    of_layer = nc.segment_layer(layer, WORDS, regions="superpixels", progress=False)
    np.testing.assert_array_equal(of_layer.result.labels, by_api.labels)
    given = [
        "segment",
        str(path),
        "-c",
        WORDS,
        "--regions",
        "superpixels",
        "-o",
        str(tmp_path / "r"),
    ]
    assert main(given) == 0
    (folder,) = {one.parent for one in (tmp_path / "r").rglob("provenance.json")}
    np.testing.assert_array_equal(nc.Segmentation.load(folder).labels, by_api.labels)
    piecewise = LazyImage(as_plane(read_image(path), "image"), ImageOptions())
    finish(piecewise.measure())
    np.testing.assert_array_equal(piecewise.read((0, 0, *session.shape)), expected)


@pytest.mark.parametrize("dtype", [np.uint16, np.int16, np.int32, np.float16, np.float32])
def test_the_dock_sees_every_deep_image_as_it_is_read(dtype: type) -> None:
    plane = (RNG.gamma(1.5, 900, (40, 50)) - 200).clip(0).astype(dtype)
    for contrast in (AUTOMATIC, Contrast((5, 80))):
        picture = picture_of(Image(plane), contrast=contrast)
        np.testing.assert_array_equal(
            picture.rgb, to_rgb(plane, percentiles=contrast.percentiles or (0.1, 99.9))
        )
        low, high = np.percentile(plane.astype(np.float32), contrast.percentiles or (0, 100))
        assert picture.stretch == (Stretch(float(low), float(high)),)


def test_the_viewers_contrast_counts_where_somebody_set_it(person: Person) -> None:
    deep = deep_scene()
    layer = person.viewer.add_image(deep, name="deep")
    person.dock.reset_choices()
    person.dock.image.layer = layer

    def seen() -> NDArray[np.uint8]:
        return person.dock.image.picture().rgb[..., 0]

    by_rank = to_rgb(deep)[..., 0]
    np.testing.assert_array_equal(seen(), by_rank)
    layer.contrast_limits = (200, 3000)
    np.testing.assert_array_equal(seen(), to_rgb(deep, limits=(200, 3000))[..., 0])
    layer.contrast_limits = (0, 65535)  # wider than what napari offered
    np.testing.assert_array_equal(seen(), to_rgb(deep, limits=(0, 65535))[..., 0])
    layer.reset_contrast_limits()
    layer.contrast_limits_range = layer.contrast_limits
    np.testing.assert_array_equal(seen(), by_rank)
    layer.gamma = 0.5
    assert (seen() >= by_rank.min()).all()
    assert not np.array_equal(seen(), by_rank)
    layer.gamma = 1
    person.dock.image.contrast.setCurrentText(SHOWN)
    whole = (float(deep.min()), float(deep.max()))
    np.testing.assert_array_equal(seen(), to_rgb(deep, limits=whole)[..., 0])
    person.dock.image.contrast.setCurrentText(RANKED)
    np.testing.assert_array_equal(seen(), by_rank)
    # 8 bits pass as they are, or as somebody shows them.
    eight = person.viewer.add_image((deep >> 8).astype(np.uint8), name="eight")
    person.dock.reset_choices()
    person.dock.image.layer = eight
    person.dock.image.contrast.setCurrentText("automatic")
    np.testing.assert_array_equal(seen(), deep >> 8)


def made(path: Path, way: Contrast | tuple[Stretch], *, kept: bool) -> Session:
    """A session of the file, made by the dock with other limits, which it says or does not say."""
    picture = picture_of(Image(read_image(path)))
    pixels = picture.read(way)
    result = nc.segment(pixels, WORDS, regions="superpixels", progress=False)
    if kept:
        result = result.stretched(picture.stretch)
    session = Session(result, pixels.rgb, source=Source.of(path))
    session.assign(session.ids[:3].tolist(), "red")
    return session


def test_a_session_is_opened_with_the_limits_that_it_was_made_with(
    person: Person, path: Path, tmp_path: Path
) -> None:
    opened(person, path)
    folder = journal_folder(Source.of(path))

    def opens(session: Session) -> None:
        person.wait()
        person.qtbot.waitUntil(lambda: person.dock.workspace.session is not None, timeout=MINUTE)
        restored = person.dock.session
        np.testing.assert_array_equal(restored.image, session.image)
        np.testing.assert_array_equal(restored.labels, session.labels)
        assert restored.notes == ()
        person.dock.workspace.leave()

    ways: list[tuple[Contrast | tuple[Stretch], bool]] = [
        (Contrast(BEFORE), False),  # as the dock's percentiles were, of which it said nothing
        (Contrast(), False),  # as napari shows it by itself
        ((Stretch(300.0, 2000.0, 0.7),), True),
    ]
    for number, (way, kept) in enumerate(ways):
        session = made(path, way, kept=kept)
        session.save(tmp_path / f"saved{number}")
        person.dock.menu._loading.begin(str(tmp_path / f"saved{number}"))
        opens(session)
        assert has_session(folder)
        person.dock.reset_choices()
        person.press(person.dock.restore_bar.restore_button)
        opens(session)


@pytest.mark.parametrize(
    ("way", "kept", "said"),
    [
        (Contrast(BEFORE), False, "nc.to_rgb(nc.read_image({path}), percentiles=(1.0, 99.0))"),
        (Contrast(BEFORE), True, "nc.to_rgb(nc.read_image({path}), limits=("),
        (Contrast(), True, "nc.to_rgb(nc.read_image({path}), limits=("),
        (AUTOMATIC, True, "nc.annotate(\n    {path},"),
    ],
)
def test_a_script_reads_the_file_with_the_limits_of_its_session(
    path: Path, way: Contrast, kept: bool, said: str
) -> None:
    if way is AUTOMATIC:
        way = Contrast(AUTOMATIC.percentiles)
    session = made(path, way, kept=kept)
    text = as_python(session)
    assert said.format(path=repr(str(path))) in text
    again: dict[str, Session] = {}
    exec(text, again)
    np.testing.assert_array_equal(again["session"].image, session.image)
    np.testing.assert_array_equal(again["session"].labels, session.labels)


def test_a_session_of_other_pixels_is_not_opened(person: Person, path: Path) -> None:
    Journal(made(path, Contrast((20, 70)), kept=True), journal_folder(Source.of(path))).close()
    person.dock.image.layer = opened(person, path)
    iio.imwrite(path, deep_scene()[::-1])
    person.viewer.layers.clear()
    opened(person, path)
    person.press(person.dock.restore_bar.restore_button)
    person.wait()
    assert "'deep' has other pixels now than those that were corrected" in person.dock.status.text()
    assert person.dock.workspace.session is None


def test_each_plane_of_a_stack_tells_its_limits(person: Person) -> None:
    stack = np.stack([deep_scene()[:60, :60], deep_scene()[60:120, 60:120] * 2])
    person.dock.image.layer = person.viewer.add_image(stack, name="stack")
    person.dock.model.regions.setCurrentText("superpixels")
    person.dock.words.line.setText(WORDS)
    person.dock.image.planes.setCurrentIndex(1)
    told: list[Session] = []
    person.dock.controller.sliced.connect(lambda session, *_: told.append(session))
    person.press(person.dock.bar.run_button)
    person.wait()
    for plane, session in zip(stack, told, strict=True):
        ((low, high),) = [(one.low, one.high) for one in session.provenance.stretch if one]
        np.testing.assert_array_equal(session.image, to_rgb(plane))
        np.testing.assert_allclose((low, high), np.percentile(plane, (0.1, 99.9)))


def test_how_an_image_was_stretched_is_read_as_it_was_written() -> None:
    made = Provenance(stretch=(Stretch(1.5, 2000.25, 0.8), None, Stretch(-1e9, 3)))
    assert Provenance.from_document(made.to_document()) == made
    assert Provenance.from_document({}).stretch == ()
    wrong: list[object] = [
        [{"low": 3, "high": 1, "gamma": 1}],
        [{"low": 0, "high": float("inf"), "gamma": 1}],
        [{"low": 0, "high": 10**400, "gamma": 1}],
        [{"low": 0, "high": 1, "gamma": float("nan")}],
        [{"low": 0}],
        [7],
        7,
    ]
    for stretch in wrong:
        with pytest.raises(InputError, match="no provenance of a result"):
            Provenance.from_document(made.to_document() | {"stretch": stretch})
    with pytest.raises(InputError, match="cannot be stretched from 2 to 2 by gamma 1"):
        replace(Stretch(1, 2), low=2, gamma=1)


def test_what_a_file_calls_no_data_is_none_in_the_dock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deep = deep_scene()
    deep[:40, :50] = 65535
    tag = [(42113, "s", 0, "65535", True)]
    tifffile.imwrite(tmp_path / "deep.tif", deep, photometric="minisblack", extratags=tag)
    with layer_source(path=str(tmp_path / "deep.tif")):
        layer = Image(tifffile.imread(tmp_path / "deep.tif"))
    for one in (layer, Image(np.ma.masked_equal(deep, 65535))):
        pixels = picture_of(one, contrast=AUTOMATIC).pixels
        expected = read_pixels(tmp_path / "deep.tif")
        np.testing.assert_array_equal(pixels.rgb, expected.rgb)
        np.testing.assert_array_equal(pixels.nodata, expected.nodata)
        part = picture_of(one, box=(10, 30, 60, 90)).pixels
        assert part.nodata is not None
        np.testing.assert_array_equal(part.nodata, deep[10:60, 30:90] == 65535)
    by_api = nc.segment(tmp_path / "deep.tif", WORDS, regions="superpixels", progress=False)
    in_dock = nc.segment_layer(layer, WORDS, regions="superpixels", progress=False)
    np.testing.assert_array_equal(in_dock.result.labels, by_api.labels)
    assert not by_api.labels[:40, :50].any()
