"""A stack in the dock: a session for each plane, that follows the slider."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

from napari_corrclip.gui.dock import CorrClipDock
from napari_corrclip.gui.image.area import canvas_beside
from napari_corrclip.gui.image.picture import Picture
from napari_corrclip.gui.layers.session_layers import SessionLayers
from tests.gui.gates import before_method
from tests.gui.person import MINUTE, Person, run, threads_end
from tests.gui.stacks import PLANES, opened, planes, ready, saved, to


def choose_a_look(stack: Person, layers: SessionLayers) -> None:
    """Change the layers' look, and switch on the mode, the confidence and the table."""
    layers.labels.opacity = 0.7
    layers.regions.contour = 2
    stack.viewer.layers.selection.active = layers.regions
    stack.press(stack.dock.correct.button)
    stack.dock.regions.check.setChecked(True)
    stack.dock.regions.show_table()


def test_layers_and_their_look_follow_the_slider(stack: Person) -> None:
    dock = stack.dock
    stack.press(dock.bar.run_button)
    to(stack, 2)
    stack.wait()
    assert stack.names() == ["stack"]
    assert "plane 0 of 0–3 along axis 0 is segmented; move the slider" in dock.status.text()
    to(stack, 0)
    first, layers = dock.session, dock.layers
    assert layers is not None
    assert tuple(layers.labels.translate) == (3, 4)
    assert tuple(layers.labels.scale) == (0.5, 0.5)
    stack.agree()
    first.assign(first.ids[:3], "blue")
    choose_a_look(stack, layers)
    shares = dock.words.model
    stack.qtbot.waitUntil(lambda: bool(shares.shares), timeout=MINUTE)

    # A plane without a session shows nothing of another.
    to(stack, 2)
    assert not any(layer.visible or layer.data.any() for layer in layers.layers)
    assert not stack.viewer.layers["confidence"].visible
    assert dock.workspace.session is None
    assert dock.regions.table is not None
    assert not dock.regions.table.isEnabled()
    assert not dock.correct.button.isEnabled()
    assert not stack.viewer.layers["confidence"].data.any()
    correct = dock.correct
    review = (correct.back_button, correct.refresh_button, correct.sure_button, correct.rest_button)
    for offered in (*review, *correct.tool_buttons.values()):
        assert not offered.isEnabled()
    shown = (correct.left.text(), correct.sure_button.text(), correct.rest_button.text())
    assert not any(letter.isdigit() for text in shown for letter in text)
    assert not correct.left.isHidden()  # the rows keep their places
    stack.qtbot.waitUntil(lambda: not shares.shares, timeout=MINUTE)
    run(stack)
    second, picture = dock.session, dock.workspace.picture
    assert picture is not None
    assert picture.where == (2,)
    assert dock.status.text().startswith("Plane 2 of 0–3 along axis 0: ")
    np.testing.assert_array_equal(second.image, planes()[2])
    assert correct.sure_button.isEnabled()
    assert any(letter.isdigit() for letter in correct.rest_button.text())
    stack.viewer.layers["confidence"].visible = False  # by the eye in the list, and it stays so
    second.paint(([3, 3], [4, 5]), "green")
    stack.agree()

    to(stack, 0)
    assert dock.session is first
    assert not stack.viewer.layers["confidence"].visible
    assert stack.viewer.layers["confidence"].data.any()
    stack.viewer.dims.ndisplay = 3
    assert not dock.regions.table.isEnabled()
    stack.viewer.dims.ndisplay = 2
    assert dock.regions.table.isEnabled()
    assert not stack.viewer.layers["confidence"].visible
    stack.agree()
    stack.press(dock.correct.undo_button)
    stack.agree()
    assert first.region(int(first.ids[0])).verdict is None
    to(stack, 2)
    # Running again goes into the plane's session: its decision stays.
    run(stack)
    assert dock.session is second
    assert (second.labels[3, 4:6] == second.vocabulary.values[1]).all()
    stack.agree()


def test_what_was_chosen_on_a_plane_is_carried_to_the_next(stack: Person) -> None:
    dock = stack.dock
    stack.viewer.add_image(np.zeros((60, 8, 8), np.uint8), name="long")
    dock.image.layer = stack.viewer.layers["stack"]
    dock.image.planes.setCurrentIndex(1)
    run(stack)
    layers = dock.layers
    assert layers is not None
    choose_a_look(stack, layers)
    to(stack, 1)
    other, mode = dock.layers, dock.correct.mode
    assert other is not None
    assert other is not layers
    assert other.labels.opacity == 0.7
    assert other.regions.contour == 2
    assert stack.viewer.layers.selection.active is other.regions
    assert mode is not None
    assert mode.on
    assert "confidence" in stack.names()
    assert dock.regions.table is not None
    # What H hides for a moment is no choice.
    canvas = canvas_beside(dock)
    QTest.keyPress(canvas, Qt.Key.Key_H)
    assert not other.labels.visible
    to(stack, 2)
    assert dock.layers is not None
    assert all(layer.visible for layer in dock.layers.layers)
    QTest.keyRelease(canvas, Qt.Key.Key_H)
    # The slider of a longer image leads out of the stack, and back.
    stack.viewer.dims.set_point(0, 50)
    stack.qtbot.waitUntil(lambda: dock.layers is None, timeout=MINUTE)
    dock.image.planes.setCurrentIndex(0)
    stack.press(dock.bar.run_button)
    assert "The viewer shows no plane of 'stack'" in dock.status.text()
    to(stack, 0)
    stack.agree()

    stack.viewer.layers.remove("long")
    stack.viewer.layers.remove("stack")
    assert dock.workspace.session is None
    assert "'stack' was removed; its labels stay" in dock.status.text()
    assert all(layer.ndim == 3 for layer in stack.viewer.layers)
    assert {name.split(" [")[0] for name in stack.names()} == {
        "labels of stack",
        "regions of stack",
    }


def test_a_run_over_the_stack_is_cancelled_goes_on_and_ends_as_layers(
    stack: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = before_method(monkeypatch, Picture, "read", lambda picture, *_: picture.where)
    gate.close(lambda where: where == (2,))
    dock = stack.dock
    dock.image.planes.setCurrentIndex(1)
    assert dock.image.planes.currentText() == "all 4 along axis 0"
    stack.press(dock.bar.run_button)
    stack.qtbot.waitUntil(lambda: dock.workspace.session is not None, timeout=MINUTE)
    first = dock.session
    to(stack, 3)  # while it goes on
    assert dock.controller.running
    to(stack, 0)
    assert dock.session is first
    stack.qtbot.waitUntil(lambda: bool(gate.waiting), timeout=MINUTE)
    stack.press(dock.bar.cancel_button)
    gate.open()
    stack.wait()
    assert "2 planes were segmented and are kept. Resume with Run" in dock.status.text()
    assert dock.session is first
    first.assign(first.ids[:2], "blue")
    labels = first.labels.copy()
    run(stack)
    assert "2 of 4 planes segmented. 2 had a session already" in dock.status.text()
    np.testing.assert_array_equal(first.labels, labels)

    seen, expected = [], []
    for plane in range(PLANES):
        to(stack, plane)
        session = dock.session
        np.testing.assert_array_equal(session.image, planes()[plane])
        stack.agree()
        session.assign(session.ids[2:4], "red")
        seen.append(session)
        expected.append(session.labels.copy())
    assert len(set(map(id, seen))) == PLANES
    run(stack)
    assert "0 of 4 planes segmented. 4 had a session" in dock.status.text()

    # What was corrected in memory becomes layers of the stack: the open plane's, and those of the others.
    image = stack.viewer.layers["stack"]
    dock.cleanup()
    found = [layer for layer in stack.viewer.layers if layer.name.startswith("labels of stack")]
    joined = np.zeros((PLANES, 96, 128), np.uint16)
    for layer in found:
        assert layer.ndim == 3
        start = image.world_to_data(layer.data_to_world((0, 0, 0)))
        at = round(start[0])
        joined[at : at + layer.data.shape[0]] += layer.data
        np.testing.assert_allclose(start[1:], 0, atol=1e-6)
    np.testing.assert_array_equal(joined, expected)


def test_a_stack_goes_on_in_another_window(
    person: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = saved(tmp_path, monkeypatch)
    opened(person, file)
    run(person)
    session = person.dock.session
    session.assign(session.ids[:2], "blue")
    to(person, 1)
    to(person, 0)
    again = person.dock.session
    assert again is not session  # it was read from the disk, and its image is still encoded
    assert again.engine is session.engine is not None
    person.type("purple")
    person.wait()
    assert "Labelled by 4 classes" in person.dock.status.text()
    person.agree()
    person.press(person.dock.correct.undo_button)
    person.agree()
    labels = again.labels.copy()
    person.dock.cleanup()
    person.viewer.layers.clear()

    person.dock = CorrClipDock(person.viewer)
    person.viewer.window.add_dock_widget(person.dock, name="second")
    opened(person, file)
    assert not person.dock.restore_bar.isHidden()
    to(person, 1)
    assert person.dock.restore_bar.isHidden()
    person.dock.image.planes.setCurrentIndex(1)
    run(person)
    assert "3 of 4 planes segmented. 1 had a session already" in person.dock.status.text()
    to(person, 0)
    np.testing.assert_array_equal(person.dock.session.labels, labels)
    person.agree()
    person.dock.cleanup()


def test_a_stack_removed_while_it_runs_is_harmless(stack: Person) -> None:
    stack.dock.image.planes.setCurrentIndex(1)
    stack.press(stack.dock.bar.run_button)
    stack.qtbot.waitUntil(lambda: stack.dock.workspace.session is not None, timeout=MINUTE)
    stack.viewer.layers.remove("stack")
    stack.wait()
    threads_end(stack.qtbot)
    assert stack.dock.workspace.session is None
    assert all(layer.ndim == 3 for layer in stack.viewer.layers)


@pytest.mark.parametrize("on_disk", [True, False])
def test_a_layer_that_is_removed_from_a_plane_is_offered_back(
    person: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, on_disk: bool
) -> None:
    dock = person.dock
    file = saved(tmp_path, monkeypatch)
    if on_disk:
        opened(person, file)
    else:
        person.viewer.add_image(tifffile.imread(file), name="stack")
        ready(person)
    run(person)
    to(person, 1)
    run(person)
    for _ in range(2):  # nothing heaps up
        session = dock.session
        session.assign(int(session.ids[0]), "blue" if len(session.history.done) == 0 else "green")
        expected = session.labels.copy()
        person.viewer.layers.remove("labels")
        assert "The layer 'labels' was removed; Restore brings back" in dock.status.text()
        person.qtbot.waitUntil(lambda: not dock.restore_bar.isHidden(), timeout=MINUTE)
        person.press(dock.restore_bar.restore_button)
        person.qtbot.waitUntil(lambda: dock.workspace.session is not None, timeout=MINUTE)
        np.testing.assert_array_equal(dock.session.labels, expected)
        person.agree()
        assert len(person.names()) == 3
    # So does the slider, where it is on the disk.
    person.viewer.layers.remove("regions")
    to(person, 0)
    assert dock.session.labels.shape == expected.shape
    assert len(person.names()) == (3 if on_disk else 4)
    to(person, 1)
    if on_disk:
        np.testing.assert_array_equal(dock.session.labels, expected)
        person.agree()
    else:
        assert not dock.restore_bar.isHidden()


def test_a_plane_that_cannot_be_read_is_passed_over_and_values_are_the_stack_s(
    person: Person,
) -> None:
    import dask.array as da

    bad = [False]

    def block(block_id: tuple[int, ...] | None = None) -> np.ndarray:
        assert block_id is not None
        if bad[0] and block_id[0] == 1:
            raise OSError("the disk is gone")
        return planes(3)[block_id[0]].mean(axis=-1)[None].astype(np.uint8)

    array = da.map_blocks(block, chunks=((1,) * 3, (96,), (128,)), dtype=np.uint8)
    person.viewer.add_image(array, name="lazy", contrast_limits=(0, 255))
    ready(person)
    bad[0] = True
    person.dock.image.planes.setCurrentIndex(1)
    run(person)
    text = person.dock.status.text()
    assert "2 of 3 planes segmented" in text
    assert "1 failed, the first at 1: The image 'lazy' cannot be read (OSError" in text

    def typed(word: str) -> int:
        person.type(word)
        person.wait()
        words = person.dock.session.vocabulary
        return words.values[words.index(word)]

    # A value means one class on all planes.
    before = set(person.dock.session.vocabulary.values)
    sand = typed("sand")
    to(person, 2)
    stone = typed("stone")
    assert len({sand, stone} - before) == 2
    assert typed("sand") == sand
    to(person, 0)
    assert typed("stone") == stone
    person.agree()


def test_a_run_over_a_stack_says_once_which_words_are_unknown_and_no_plane_says_it_again(
    stack: Person,
) -> None:
    dock = stack.dock
    dock.words.line.setText("red, green, trombone")
    dock.image.planes.setCurrentIndex(1)
    run(stack)
    said = dock.status.text()
    assert f"{PLANES} of {PLANES} planes segmented." in said
    assert said.count("'trombone'") == 1
    to(stack, 1)
    assert "trombone" not in dock.status.text()
    assert "plane 1 of 0–3 along axis 0" in dock.status.text()
