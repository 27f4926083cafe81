"""Several image layers: which is chosen, which is seen, and what is drawn over which."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import imageio.v3 as iio
import napari
import numpy as np
import pytest
from pytestqt.qtbot import QtBot

from napari_corrclip.demo.scenes import generate_scene
from napari_corrclip.gui.dock import CorrClipDock
from tests.gui.person import MINUTE, Person, open_scene, run, threads_end


@pytest.fixture
def two(make_napari_viewer: Callable[..., napari.Viewer], qtbot: QtBot) -> Iterator[Person]:
    """Somebody who has segmented the layer 'scene' and added 'other' over it."""
    viewer = make_napari_viewer()
    dock = CorrClipDock(viewer)
    viewer.window.add_dock_widget(dock, name="CorrCLIP")
    person = Person(viewer, dock, qtbot)
    open_scene(person)
    person.type("red, green")
    person.run()
    viewer.add_image(generate_scene(8).image, name="other", rgb=True, scale=(0.5, 0.5))
    yield person
    dock.cleanup()
    threads_end(qtbot)


def test_the_dock_follows_the_selected_image_and_shows_the_chosen_one(two: Person) -> None:
    viewer, dock = two.viewer, two.dock
    scene, other = viewer.layers["scene"], viewer.layers["other"]
    labels, regions = viewer.layers["labels"], viewer.layers["regions"]
    assert dock.image.layer is other  # a new image is selected, and the dock follows
    assert not labels.visible  # they are of another image
    assert not regions.visible
    viewer.layers.selection.active = scene
    assert dock.image.layer is scene
    assert labels.visible
    assert regions.visible
    assert not other.visible  # it lies over what is chosen
    viewer.layers.selection.active = labels
    assert dock.image.layer is scene
    dock.image.layers.value = other  # in the dock's list
    assert other.visible
    assert not labels.visible
    # What covers nothing of it stays: light that is added, and what lies elsewhere.
    size = np.array(generate_scene(7).image.shape[:2])
    beside = viewer.add_image(np.zeros((8, 8)), name="beside", translate=tuple(size * 2))
    light = viewer.add_image(np.zeros((8, 8)), name="light", blending="additive")
    viewer.layers.selection.active = scene
    assert dock.image.layer is scene
    assert beside.visible
    assert light.visible
    assert not other.visible


def test_a_run_never_draws_over_a_photograph_that_it_did_not_see(two: Person) -> None:
    viewer, dock = two.viewer, two.dock
    session = dock.session
    session.assign(session.ids[:2], "red")
    two.run()
    assert dock.session is not session
    assert [layer.name for layer in viewer.layers if layer.visible] == [
        "scene",
        "other",
        "labels",
        "regions",
    ]
    # What is put aside is hidden, and named after its image.
    aside = viewer.layers["labels of scene"]
    assert not aside.visible
    np.testing.assert_array_equal(aside.data, session.labels)
    # Labels of an image that is not looked at any more are not drawn over the one that is.
    viewer.layers.selection.active = viewer.layers["scene"]
    two.press(dock.restore_bar.anew_button)
    two.press(dock.bar.run_button)
    viewer.layers.selection.active = viewer.layers["other"]
    two.wait()
    assert dock.workspace.picture is not None
    assert dock.workspace.picture.name == "scene"
    assert "hidden until 'scene' is chosen again" in dock.status.text()
    assert not viewer.layers["labels"].visible
    viewer.layers.selection.active = viewer.layers["scene"]
    assert viewer.layers["labels"].visible


def test_classes_are_those_of_the_image_that_is_chosen(two: Person) -> None:
    """A table of other words over a session would have the brush and the keys give wrong classes."""
    viewer, dock = two.viewer, two.dock
    words = dock.words
    assert dock.image.layer is viewer.layers["other"]
    words.clear_button.click()
    two.type("road, car")
    assert dock.session.vocabulary.names == ("red", "green")
    viewer.layers.selection.active = viewer.layers["scene"]
    assert words.vocabulary == dock.session.vocabulary
    words.table.select([1])
    assert viewer.layers["labels"].selected_label == dock.session.vocabulary.values[1]
    viewer.layers.selection.active = viewer.layers["other"]
    assert words.vocabulary is not None
    assert words.vocabulary.names == ("road", "car")  # for the next run
    two.run()
    assert dock.session.vocabulary.names == ("road", "car")


def test_regions_that_are_found_are_not_outlined_over_another_photograph(two: Person) -> None:
    viewer, dock = two.viewer, two.dock
    scene, other = viewer.layers["scene"], viewer.layers["other"]
    found: list[object] = []
    dock.controller.regions_found.connect(lambda *_: found.append(True))
    two.press(dock.bar.run_button)  # on 'other'
    viewer.layers.selection.active = scene
    two.qtbot.waitUntil(lambda: bool(found), timeout=MINUTE)
    assert dock.display._preview is None
    two.wait()
    assert dock.image.layer is scene
    assert other.visible is False


def test_labels_of_a_removed_image_do_not_come_up_over_another_one(two: Person) -> None:
    viewer, dock = two.viewer, two.dock
    assert dock.image.layer is viewer.layers["other"]
    viewer.layers.remove("scene")
    assert not viewer.layers["labels"].visible
    assert "gone" in dock.status.text()


def test_a_closed_dock_leaves_the_labels_in_view(two: Person) -> None:
    two.viewer.layers.selection.active = two.viewer.layers["other"]
    two.dock.cleanup()
    assert two.viewer.layers["labels of scene"].visible


def test_sessions_on_the_disk_leave_no_layers_behind(
    person: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whichever photograph is gone on with, its labels take the place of the former's."""
    monkeypatch.setenv("NAPARI_CORRCLIP_SESSIONS", str(tmp_path / "sessions"))
    viewer, dock = person.viewer, person.dock
    sides = {"first": (60, 80), "second": (48, 64)}
    for number, (name, shape) in enumerate(sides.items()):
        iio.imwrite(tmp_path / f"{name}.png", generate_scene(number).image[: shape[0], : shape[1]])
        viewer.open(str(tmp_path / f"{name}.png"), plugin="napari")
    dock.model.regions.setCurrentText("superpixels")
    person.type("red, green")
    expected = ["first", "second", "labels", "regions"]
    for name in ("first", "second", "first", "second"):
        viewer.layers.selection.active = viewer.layers[name]
        if dock.restore_bar.isHidden():
            run(person)
        else:
            person.press(dock.restore_bar.restore_button)
            person.wait()
        assert person.names() == expected
        assert viewer.layers["labels"].data.shape == sides[name]
        assert viewer.layers["labels"].visible
        person.agree()


def test_labels_of_an_image_that_comes_after_a_stack_lie_over_it(stack: Person) -> None:
    viewer = stack.viewer
    run(stack)
    viewer.dims.set_current_step(0, 1)  # a plane without a session
    viewer.add_image(generate_scene(8).image, name="photo", rgb=True)
    stack.dock.image.planes.setCurrentIndex(0)
    run(stack)
    names = stack.names()
    assert names.index("photo") < names.index("labels") < names.index("regions")
    assert viewer.layers["labels"].visible
