"""What was corrected in memory is not lost by another image, a removed layer or a closed dock."""

from __future__ import annotations

import numpy as np
import pytest
from napari.layers import Image
from qtpy.QtCore import Qt

from napari_corrclip.annotation import Session
from napari_corrclip.demo.scenes import generate_scene
from napari_corrclip.gui.dock import CorrClipDock
from napari_corrclip.gui.image.picture import picture_of
from napari_corrclip.gui.work.with_images import WithImages
from tests.forms import short
from tests.gui.person import MINUTE, Person, open_scene
from tests.gui.stacks import planes, ready, to


def add(person: Person, seed: int, name: str) -> Image:
    layer = person.viewer.add_image(generate_scene(seed).image[:96, :128], name=name, rgb=True)
    choose(person, layer)
    person.dock.model.regions.setCurrentText("superpixels")
    return layer


def choose(person: Person, layer: Image) -> None:
    person.dock.reset_choices()
    person.dock.image.layer = layer


def corrected(person: Person) -> Session:
    """A first image, with two decisions on it."""
    add(person, 7, "first")
    person.type("red, green, wood")
    session = person.run()
    one, two = session.ids[:2].tolist()
    session.assign(one, "wood")
    session.assign(two, "green")
    return session


def offered(person: Person) -> list[str]:
    keeper = person.dock.restore_bar
    if keeper.isHidden():
        return []
    return [keeper.parts.itemText(at) for at in range(keeper.parts.count())]


def test_another_image_and_back(person: Person) -> None:
    session = corrected(person)
    labels = session.labels.copy()
    first = person.viewer.layers["first"]
    add(person, 8, "second")
    assert person.run() is not session
    assert offered(person) == []
    choose(person, first)
    assert offered(person) == ["whole image, in memory"]
    person.press(person.dock.bar.run_button)  # would make others
    assert person.dock.status.text() == (
        "There are corrections of this image; restore them, or begin anew."
    )
    assert not person.dock.controller.running
    person.press(person.dock.restore_bar.restore_button)
    assert person.dock.session is session
    np.testing.assert_array_equal(session.labels, labels)
    person.agree()
    assert person.dock.words.vocabulary == session.vocabulary
    assert offered(person) == []
    # What was left of it in the viewer is shown anew; nothing was done to the second.
    assert person.names() == [
        "first", "second", "labels (before)", "regions (before)", "labels", "regions"
    ]  # fmt: skip
    session.undo()
    person.agree()
    assert WithImages.of_process().of(first) == ()


def test_to_begin_anew_leaves_the_layers(person: Person) -> None:
    session = corrected(person)
    add(person, 8, "second")
    person.run()
    choose(person, person.viewer.layers["first"])
    person.press(person.dock.restore_bar.anew_button)
    assert offered(person) == []
    assert person.run() is not session
    np.testing.assert_array_equal(person.viewer.layers["labels (before)"].data, session.labels)


@pytest.mark.parametrize("which", short("regions", rest=["labels"]))
def test_a_removed_layer_comes_back(person: Person, which: str) -> None:
    session = corrected(person)
    person.viewer.layers.remove(which)
    assert "Restore brings back what was corrected" in person.dock.status.text()
    assert offered(person) == ["whole image, in memory"]
    person.press(person.dock.restore_bar.restore_button)
    assert person.dock.session is session
    assert person.names() == ["first", "labels", "regions"]
    person.agree()


def test_another_dock_goes_on(person: Person) -> None:
    session = corrected(person)
    person.dock.cleanup()
    person.dock.cleanup()  # and once more, which is harmless
    again = Person(person.viewer, CorrClipDock(person.viewer), person.qtbot)
    person.viewer.window.add_dock_widget(again.dock, name="CorrCLIP")
    assert offered(again) == ["whole image, in memory"]
    again.press(again.dock.restore_bar.restore_button)
    assert again.dock.session is session
    # What the first dock left of it in the viewer is shown anew.
    assert again.names() == ["first", "labels", "regions"]
    again.agree()
    again.dock.cleanup()


def test_a_plane_without_a_session_shows_nothing_of_another(person: Person) -> None:
    person.viewer.add_image(planes(), rgb=True, name="stack")
    ready(person)
    person.run()
    person.dock.regions.check.setChecked(True)
    person.dock.regions.show_table()
    assert "confidence" in person.names()
    model = person.dock.words.model
    person.qtbot.waitUntil(lambda: bool(model.shares), timeout=MINUTE)
    to(person, 1)
    assert person.names() == ["stack"]
    assert person.dock.regions.table is None
    person.qtbot.waitUntil(lambda: not model.shares, timeout=MINUTE)
    to(person, 0)
    assert "confidence" in person.names()
    assert person.dock.regions.table is not None


def test_running_again_leaves_the_active_layer_and_the_keys(person: Person) -> None:
    session = corrected(person)
    person.press(person.dock.correct.button)
    layers = person.dock.layers
    assert layers is not None
    person.viewer.layers.selection.active = layers.regions
    seen: list[object] = []
    person.viewer.layers.selection.events.active.connect(lambda event: seen.append(event.value))
    added: list[str] = []
    person.viewer.layers.events.inserted.connect(lambda event: added.append(event.value.name))
    person.run()
    assert "regions (classes follow)" in added
    assert person.viewer.layers.selection.active is layers.regions
    assert person.names() == ["first", "labels", "regions"]
    mode = person.dock.correct.mode
    assert mode is not None
    assert mode.on
    before = len(session.history.done)
    mode.select([int(session.ids[-1])])
    key = next(key for key in layers.regions.keymap if str(key) == "1")
    layers.regions.keymap[key](layers.regions)
    assert len(session.history.done) == before + 1


def test_a_line_that_cannot_be_read_stops_the_run(person: Person) -> None:
    add(person, 7, "first")
    person.type("red, green")
    person.dock.words.line.setText("cat #zzzzzz")
    person.press(person.dock.bar.run_button)
    assert not person.dock.controller.running
    assert "#zzzzzz" in person.dock.status.text()
    assert person.dock.words.line.text() == "cat #zzzzzz"


def test_names_that_look_like_tags_are_read_as_they_are(person: Person) -> None:
    person.dock.say("<b>x</b> & y was removed.")
    assert person.dock.status.textFormat() == Qt.TextFormat.PlainText
    session = corrected(person)
    layers = person.dock.layers
    assert layers is not None
    person.dock._say_with_undo("<b>x</b>")
    assert person.dock.status.textFormat() == Qt.TextFormat.RichText
    assert "&lt;b&gt;x" in person.dock.status.text()
    steps = len(session.history.done)
    person.dock.status.linkActivated.emit("undo")
    assert len(session.history.done) == steps - 1


def test_labels_follow_their_image(person: Person) -> None:
    session = corrected(person)
    image = person.viewer.layers["first"]
    person.dock.regions.check.setChecked(True)
    image.scale = (2, 3)
    image.translate = (5, 7)
    for name in ("labels", "regions", "confidence"):
        np.testing.assert_array_equal(person.viewer.layers[name].scale, (2, 3))
        np.testing.assert_array_equal(person.viewer.layers[name].translate, (5, 7))
    assert person.run() is session
    np.testing.assert_array_equal(person.viewer.layers["labels"].scale, (2, 3))
    person.dock.cleanup()
    image.scale = (1, 1)  # nobody listens
    np.testing.assert_array_equal(person.viewer.layers["labels (before)"].scale, (2, 3))


def test_nothing_is_restored_beside_a_run(person: Person) -> None:
    corrected(person)
    first = person.viewer.layers["first"]
    second = add(person, 8, "second")
    person.run()
    choose(person, first)
    assert person.dock.restore_bar.restore_button.isEnabled()
    choose(person, second)
    person.press(person.dock.bar.run_button)
    choose(person, first)
    assert not person.dock.restore_bar.restore_button.isEnabled()
    person.wait()
    assert person.dock.restore_bar.restore_button.isEnabled()


def test_equal_pixels_of_two_layers_are_two_images_and_nothing_is_read() -> None:
    data = generate_scene(7).image
    reads: list[object] = []

    class Counting:
        """An array that tells when it is read."""

        def __init__(self, pixels: np.ndarray) -> None:
            self.pixels, self.shape, self.dtype = pixels, pixels.shape, pixels.dtype
            self.ndim, self.size = pixels.ndim, pixels.size

        def __getitem__(self, key: object) -> np.ndarray:
            reads.append(key)
            return self.pixels[key]

        def __array__(self, *_: object, **__: object) -> np.ndarray:
            reads.append("all")
            return self.pixels

    one, other = (Image(Counting(data), rgb=True) for _ in range(2))
    reads.clear()
    assert not picture_of(one).same_as(picture_of(other))
    assert picture_of(one).same_as(picture_of(one))
    assert not reads


def test_it_is_said_that_corrections_went_with_their_image(person: Person) -> None:
    open_scene(person)
    person.type("red, green")
    session = person.run()
    session.assign(session.ids[:2].tolist(), "red")
    person.viewer.layers.clear()
    said = person.dock.status.text()
    assert said.startswith("The image 'scene' was removed, and with it what was corrected of it")
    assert person.dock.restore_bar.isHidden()
