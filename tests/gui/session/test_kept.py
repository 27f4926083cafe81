"""What was corrected in memory is not lost by another image, a removed layer or a closed dock."""

from __future__ import annotations

import numpy as np
from napari.layers import Image
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QMessageBox

from napari_corrclip.annotation import Session
from napari_corrclip.demo.scenes import generate_scene
from napari_corrclip.gui.dock import CorrClipDock
from napari_corrclip.gui.image.picture import picture_of
from napari_corrclip.gui.work.said import done
from napari_corrclip.gui.work.with_images import WithImages
from tests.gui.person import Person, answer, click_in


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
    second = add(person, 8, "second")
    assert person.run() is not session  # without a question: the first image is still there
    assert offered(person) == []
    choose(person, first)
    assert offered(person) == ["whole image, in memory"]
    person.press(person.dock.bar.run_button)  # would make others
    assert person.dock.status.text() == (
        "There are corrections of this image; restore them, or start over."
    )
    assert not person.dock.controller.running

    # Nothing is restored beside a run.
    choose(person, second)
    person.press(person.dock.bar.run_button)
    choose(person, first)
    assert not person.dock.restore_bar.restore_button.isEnabled()
    person.wait()
    person.press(person.dock.restore_bar.restore_button)
    assert person.dock.session is session
    np.testing.assert_array_equal(session.labels, labels)
    person.agree()
    assert person.dock.words.vocabulary == session.vocabulary
    assert offered(person) == []
    # What was left of it in the viewer is shown anew; nothing was done to the second.
    assert person.names() == [
        "first", "second", "labels of second", "regions of second", "labels", "regions"
    ]  # fmt: skip
    session.undo()
    person.agree()
    assert WithImages.of_process().of(first) == ()


def test_a_removed_layer_and_a_closed_dock_are_gone_on_with(person: Person) -> None:
    session = corrected(person)
    for name in ("regions", "labels"):
        person.viewer.layers.remove(name)
        assert person.dock.layers is None
        assert person.dock.workspace.session is None
        assert "Restore brings back what was corrected" in person.dock.status.text()
        assert offered(person) == ["whole image, in memory"]
        person.press(person.dock.restore_bar.restore_button)
        assert person.dock.session is session
        assert person.names() == ["first", "labels", "regions"]
        person.agree()

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

    # To start over leaves the layers.
    person.viewer.layers.remove("regions")
    again.press(again.dock.restore_bar.anew_button)
    assert offered(again) == []
    again.dock.words.line.setText("red, green")
    assert again.run() is not session
    np.testing.assert_array_equal(person.viewer.layers["labels of first"].data, session.labels)
    again.dock.cleanup()


def test_running_again_leaves_the_active_layer_its_place_and_the_keys(person: Person) -> None:
    session = corrected(person)
    image = person.viewer.layers["first"]
    person.press(person.dock.correct.button)
    person.dock.regions.check.setChecked(True)
    image.scale = (2, 3)
    image.translate = (5, 7)
    for name in ("labels", "regions", "confidence"):
        np.testing.assert_array_equal(person.viewer.layers[name].scale, (2, 3))
        np.testing.assert_array_equal(person.viewer.layers[name].translate, (5, 7))
    person.dock.regions.check.setChecked(False)
    layers = person.dock.layers
    assert layers is not None
    person.viewer.layers.selection.active = layers.regions
    added: list[str] = []
    person.viewer.layers.events.inserted.connect(lambda event: added.append(event.value.name))
    assert person.run() is session
    assert added == []
    assert person.viewer.layers.selection.active is layers.regions
    assert person.names() == ["first", "labels", "regions"]
    np.testing.assert_array_equal(person.viewer.layers["labels"].scale, (2, 3))
    mode = person.dock.correct.mode
    assert mode is not None
    assert mode.on
    before = len(session.history.done)
    mode.select([int(session.ids[-1])])
    key = next(key for key in layers.regions.keymap if str(key) == "1")
    layers.regions.keymap[key](layers.regions)
    mode.actions.let_go()  # the key is up again
    assert len(session.history.done) == before + 1

    # Names that look like tags are read as they are.
    person.dock.say(done("<b>x</b> & y"))
    assert person.dock.status.label.textFormat() == Qt.TextFormat.PlainText
    assert person.dock.status.text() == "<b>x</b> & y."
    person.dock.status.undo_button.click()
    assert len(session.history.done) == before

    person.dock.cleanup()
    image.scale = (1, 1)  # nobody listens
    np.testing.assert_array_equal(person.viewer.layers["labels of first"].scale, (2, 3))


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


def test_what_restoring_would_end_for_good_is_asked_about(person: Person) -> None:
    """Its image has been removed, so that it cannot be kept with it."""
    former = corrected(person)
    second = add(person, 8, "second")
    session = person.run()
    session.ignore(session.ids[:2].tolist())
    person.viewer.layers.remove(second)
    choose(person, person.viewer.layers["first"])
    for reply in ("Cancel", "Restore"):
        asked: list[str] = []

        def click(box: QMessageBox, reply: str = reply, asked: list[str] = asked) -> None:
            asked.append(box.text())
            click_in(box, reply)

        clock = answer(QMessageBox, click)
        person.press(person.dock.restore_bar.restore_button)
        clock.stop()
        assert asked[0].startswith(
            "1 step of what was corrected is kept in memory only. Their image is"
        )
        assert person.dock.session is (session if reply == "Cancel" else former)
        assert (offered(person) == []) == (reply == "Restore")
    person.agree()
