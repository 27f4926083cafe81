"""What is no image to segment, and what is no file any more."""

from __future__ import annotations

from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest
import tifffile
import zarr
from napari.layers import Image
from napari.layers._source import layer_source

from napari_corrclip.annotation import journal_folder, restore
from napari_corrclip.demo.scenes import generate_scene
from napari_corrclip.gui.dock import CorrClipDock
from napari_corrclip.gui.image.picture import source_of
from tests.gui.person import Person, open_scene


def test_the_confidence_is_not_offered_as_an_image(person: Person) -> None:
    open_scene(person)
    person.viewer.add_image(generate_scene(8).image[..., 0], name="gray")
    image = person.dock.image
    image.layer = person.viewer.layers["scene"]
    person.type("red, green")
    session = person.run()
    person.press(person.dock.regions.check)
    assert "confidence" in person.names()
    person.dock.reset_choices()
    assert [one.name for one in image.layers.choices] == ["scene", "gray"]
    for channel in image.channels:
        assert [one and one.name for one in channel.choices] == [None, "scene", "gray"]
    assert image.layer is person.viewer.layers["scene"]
    # One grayscale image has no channels to put together.
    assert image.channels_box.isHidden()
    # It may be the only one that is left.
    person.viewer.layers.remove("gray")
    person.viewer.layers.remove("scene")
    assert image.layer is None
    person.press(person.dock.bar.run_button)
    assert person.dock.status.text() == "There is no image; open one, or try the demo."
    assert person.dock.workspace.session is session
    person.agree()


def test_a_layer_with_other_data_is_not_its_file_any_more(
    person: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NAPARI_CORRCLIP_SESSIONS", str(tmp_path / "sessions"))
    path = tmp_path / "scene.png"
    iio.imwrite(path, generate_scene(7).image)
    (layer,) = person.viewer.open(str(path), plugin="napari")
    person.dock.reset_choices()
    person.dock.model.regions.setCurrentText("superpixels")
    person.type("red, green, blue")
    read = layer.data
    former = person.run()
    assert former.source is not None
    former.assign(former.ids[:3].tolist(), "blue")

    layer.data = generate_scene(8).image
    other = person.run()
    assert other is not former
    assert other.source is None
    assert person.dock.workspace.journal is None
    other.assign(other.ids[:5].tolist(), "red")
    person.agree()
    kept = restore(journal_folder(former.source))
    np.testing.assert_array_equal(kept.labels, former.labels)

    # With what was read before, it is the file again, and its corrections are offered.
    layer.data = read
    person.dock.reset_choices()
    assert not person.dock.restore_bar.isHidden()
    layer.data = generate_scene(8).image
    person.press(person.dock.restore_bar.restore_button)
    assert person.dock.status.text() == (
        f"The layer 'scene' does not show its file any more; open {str(path)!r} again to restore its "
        "corrections."
    )
    assert person.dock.workspace.session is other
    layer.data = read
    person.press(person.dock.restore_bar.restore_button)
    person.wait()
    np.testing.assert_array_equal(person.dock.session.labels, former.labels)
    person.agree()


@pytest.mark.parametrize("kind", ["numpy", "zarr", "multiscale"])
def test_arrays_of_every_kind_are_known_again(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    iio.imwrite(path, np.zeros((40, 40), np.uint8))

    def data() -> object:
        array = np.zeros((40, 40), np.uint8)
        if kind == "zarr":
            return zarr.array(array)
        return [array, array[::2, ::2]] if kind == "multiscale" else array

    with layer_source(path=str(path)):
        layer = Image(data(), multiscale=kind == "multiscale")
    for _ in range(2):
        assert source_of(layer) is not None
    layer.data = data()
    for _ in range(2):
        assert source_of(layer) is None


def test_two_layers_of_one_file_are_two_images(
    person: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NAPARI_CORRCLIP_SESSIONS", str(tmp_path / "sessions"))
    path = tmp_path / "two.tif"
    planes = [generate_scene(7).image[..., 0], generate_scene(8).image[..., 1]]
    tifffile.imwrite(path, np.stack(planes))

    def opened() -> list[Image]:
        layers = person.viewer.open(str(path), plugin="napari", layer_type="image", channel_axis=0)
        person.dock.reset_choices()
        return layers

    first, second = opened()
    assert first.source.path == second.source.path
    person.dock.model.regions.setCurrentText("superpixels")
    person.type("red, green, blue")
    person.dock.image.layer = first
    one = person.run()
    one.assign(one.ids[:3].tolist(), "blue")
    person.dock.image.layer = second
    assert not person.dock.image.picture().same_as(person.dock.workspace.picture)  # type: ignore[arg-type]
    assert person.dock.restore_bar.isHidden()
    other = person.run()
    assert other is not one
    np.testing.assert_array_equal(other.image[..., 0], person.dock.image.picture().rgb[..., 0])
    other.assign(other.ids[:5].tolist(), "red")
    assert one.source is not None
    assert other.source is not None
    assert one.source.key != other.source.key

    # Each finds its own again, in whatever order and under whatever name the layers stand.
    person.dock.cleanup()
    person.viewer.layers.clear()
    person.dock = CorrClipDock(person.viewer)
    person.viewer.window.add_dock_widget(person.dock, name="second")
    first, second = opened()
    person.viewer.layers.reverse()
    second.name = "a"
    for layer, session in ((second, other), (first, one)):
        person.dock.image.layer = layer
        assert not person.dock.restore_bar.isHidden()
        person.press(person.dock.restore_bar.restore_button)
        person.wait()
        assert person.dock.session is not session
        np.testing.assert_array_equal(person.dock.session.labels, session.labels)
        person.agree()

    # One that was never seen beside the other finds its own, too, or nothing; never the other's.
    for at, session in ((0, one), (1, other)):
        person.dock.cleanup()
        person.viewer.layers.clear()
        layers = person.viewer.open(
            str(path), plugin="napari", layer_type="image", channel_axis=0, name=["green", "red"]
        )
        person.viewer.layers.remove(layers[1 - at])
        person.dock = CorrClipDock(person.viewer)
        person.viewer.window.add_dock_widget(person.dock, name=f"of {at}")
        person.dock.reset_choices()
        person.dock.image.layer = layers[at]
        assert not person.dock.restore_bar.isHidden()
        person.press(person.dock.restore_bar.restore_button)
        person.wait()
        np.testing.assert_array_equal(person.dock.session.labels, session.labels)
        assert person.dock.session.notes == ()


def test_a_file_that_is_opened_twice_keeps_its_corrections(
    person: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NAPARI_CORRCLIP_SESSIONS", str(tmp_path / "sessions"))
    path = tmp_path / "scene.png"
    iio.imwrite(path, generate_scene(7).image)
    (first,) = person.viewer.open(str(path), plugin="napari")
    person.dock.reset_choices()
    person.dock.model.regions.setCurrentText("superpixels")
    person.type("red, green, blue")
    session = person.run()
    session.assign(session.ids[:3].tolist(), "blue")
    person.viewer.open(str(path), plugin="napari")
    person.dock.reset_choices()
    person.dock.image.layer = first
    again = person.run()
    assert again is session
    assert session.source == person.dock.image.source()
