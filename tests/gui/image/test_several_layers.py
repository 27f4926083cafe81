"""Several image layers: which is chosen, which is seen, and what is drawn over which."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import napari
import numpy as np
import pytest
from pytestqt.qtbot import QtBot

from napari_corrclip.demo.scenes import generate_scene
from napari_corrclip.gui.dock import CorrClipDock
from tests.gui.person import Person, open_scene, threads_end


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


def test_a_closed_dock_leaves_the_labels_in_view(two: Person) -> None:
    two.viewer.layers.selection.active = two.viewer.layers["other"]
    two.dock.cleanup()
    assert two.viewer.layers["labels of scene"].visible
