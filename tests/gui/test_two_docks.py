"""Docks beside each other, in two viewers and in one: what is done in one leaves the other alone."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import napari
import numpy as np
import PIL.Image
import pytest
from pytestqt.qtbot import QtBot
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

from napari_corrclip.demo.scenes import generate_scene
from napari_corrclip.gui.correct.lasso import DrawnLine
from napari_corrclip.gui.dock import CorrClipDock
from napari_corrclip.gui.work.said import Kind
from tests.forms import short
from tests.gui.gates import at_stage
from tests.gui.person import MINUTE, Person, bars, delete_now, open_scene, threads_end
from tests.gui.window import Window

pytestmark = pytest.mark.canvas

Pair = tuple[Person, Person]


@pytest.fixture(params=short("two viewers", rest=["one viewer"]))
def pair(
    request: pytest.FixtureRequest, make_napari_viewer: Callable[..., napari.Viewer], qtbot: QtBot
) -> Iterator[Pair]:
    """Two docks; where they are in one viewer, both are of the same image."""
    # On the screen: where no window is seen, the first that closes is the last and ends the application.
    first = make_napari_viewer(show=True)
    viewers = [first]
    viewers.append(make_napari_viewer(show=True) if request.param == "two viewers" else first)
    found = [Person(viewer, CorrClipDock(viewer), qtbot) for viewer in viewers]
    for number, one in enumerate(found):
        one.viewer.window.add_dock_widget(one.dock, name=f"CorrCLIP {number}")
    for one in found[: len(set(map(id, viewers)))]:
        open_scene(one)
    for one, words in zip(found, ("red, green", "blue, yellow, wood"), strict=True):
        one.dock.reset_choices()
        one.dock.image.layer = one.viewer.layers["scene"]
        one.dock.model.regions.setCurrentText("superpixels")
        one.type(words)
    yield found[0], found[1]
    for one in found:
        with contextlib.suppress(RuntimeError):  # it went with its viewer
            if one.dock.parent() is not None:
                one.viewer.window.remove_dock_widget(one.dock)
            one.dock.deleteLater()
    delete_now()
    threads_end(qtbot)


def run_both(pair: Pair) -> None:
    for one in pair:
        one.press(one.dock.bar.run_button)
    for one in pair:
        one.qtbot.waitUntil(lambda one=one: not one.dock.controller.running, timeout=MINUTE)
        one.agree()


def test_the_lasso_is_drawn_in_its_own_window(pair: Pair) -> None:
    one, other = pair
    if one.viewer is other.viewer:
        pytest.skip("of two windows")
    run_both(pair)
    one.viewer.window.resize(800, 600)
    other.viewer.window.resize(1200, 850)
    one.press(one.dock.correct.next_button)
    assert one.dock.layers is not None
    window = Window(one.viewer, one.dock.session, one.dock.layers, [])
    window.key(Qt.Key.Key_L)
    window.settle()
    QTest.mousePress(window.canvas, Qt.MouseButton.LeftButton, pos=window.at(20, 20))
    window._move(window.at(60, 60))
    assert [drawn.isVisible() for drawn in window.canvas.findChildren(DrawnLine)] == [True]
    QTest.mouseRelease(window.canvas, Qt.MouseButton.LeftButton, pos=window.at(60, 60))
    # Nor is a key of the other window one of this one's.
    QTest.keyPress(window.canvas, Qt.Key.Key_H)
    assert not one.dock.layers.labels.visible
    QTest.keyRelease(other.dock.words.line, Qt.Key.Key_H)
    assert not one.dock.layers.labels.visible
    QTest.keyRelease(window.canvas, Qt.Key.Key_H)
    assert one.dock.layers.labels.visible


def test_both_are_edited(pair: Pair) -> None:
    run_both(pair)
    sessions = [one.dock.session for one in pair]
    assert sessions[0] is not sessions[1]
    assert sessions[0].vocabulary.names == ("red", "green")
    assert sessions[1].vocabulary.names == ("blue", "yellow", "wood")
    began = [session.labels.copy() for session in sessions]
    for turn in range(2):
        for number, (one, session) in enumerate(zip(pair, sessions, strict=True)):
            other = sessions[1 - number].labels.copy()
            region = int(session.ids[turn])
            wanted = next(
                value
                for value in session.vocabulary.values
                if value != session.labels[session.regions == region][0]
            )
            session.assign(region, wanted)
            np.testing.assert_array_equal(sessions[1 - number].labels, other)
            for each in pair:
                each.agree()
            assert one.dock.correct.undo_button.isEnabled()
    # Words of one are not those of the other.
    pair[0].type("stone")
    pair[0].wait()
    assert sessions[0].vocabulary.names == ("red", "green", "stone")
    assert sessions[1].vocabulary.names == ("blue", "yellow", "wood")
    assert pair[1].dock.words.vocabulary == sessions[1].vocabulary
    # Each undoes its own steps, and only those.
    for number, one in enumerate(pair):
        other = sessions[1 - number].labels.copy()
        while sessions[number].can_undo:
            one.press(one.dock.correct.undo_button)
            one.agree()
        np.testing.assert_array_equal(sessions[number].labels, began[number])
        np.testing.assert_array_equal(sessions[1 - number].labels, other)
        pair[1 - number].agree()


def test_docks_of_one_image_say_so_and_the_last_layers_are_those_of_the_dock_that_stays(
    make_napari_viewer: Callable[..., napari.Viewer], qtbot: QtBot, tmp_path: Path
) -> None:
    saved = tmp_path / "scene.png"
    PIL.Image.fromarray(generate_scene(7).image).save(saved)
    viewer = make_napari_viewer(show=True)
    (image,) = viewer.open(saved, plugin="napari")
    both = [Person(viewer, CorrClipDock(viewer), qtbot) for _ in range(2)]
    for number, person in enumerate(both):
        viewer.window.add_dock_widget(person.dock, name=f"CorrCLIP {number}", tabify=bool(number))
        person.dock.image.layer = image
        person.dock.model.regions.setCurrentText("superpixels")
    stays, goes = both
    stays.type("red, green")
    stays.run()
    stays.dock.session.assign(1, "red")
    goes.press(goes.dock.restore_bar.restore_button)
    qtbot.waitUntil(lambda: goes.dock.workspace.session is not None, timeout=MINUTE)
    goes.agree()
    said = goes.dock.status.said
    assert "is open already, in this program or another; close it there first." in said.text
    assert (said.kind, stays.dock.line.safety.text()) == (Kind.WARNING, "saved ✓")
    viewer.window.remove_dock_widget(goes.dock)
    qtbot.waitUntil(lambda: goes.dock.layers is None, timeout=MINUTE)
    shown = [layer.name for layer in viewer.layers if layer.visible]
    assert stays.dock.layers is not None
    assert shown == [image.name, *(layer.name for layer in stays.dock.layers.layers)]
    stays.agree()
    viewer.window.remove_dock_widget(stays.dock)
    for person in both:
        person.dock.deleteLater()
    delete_now()
    threads_end(qtbot)


@pytest.mark.long  # a viewer that closes takes its dock with it: below
def test_one_is_closed_while_the_other_runs(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    held = at_stage(monkeypatch, "windows")
    first, second = pair
    for one in pair:
        one.press(one.dock.bar.run_button)
    first.qtbot.waitUntil(held.reached, timeout=MINUTE)
    assert first.dock.controller.running
    assert second.dock.controller.running
    second.viewer.window.remove_dock_widget(second.dock)
    second.qtbot.waitUntil(lambda: not second.dock.controller.running, timeout=MINUTE)
    assert first.dock.controller.running
    held.open()
    first.qtbot.waitUntil(lambda: not first.dock.controller.running, timeout=MINUTE)
    threads_end(first.qtbot)
    first.agree()
    assert first.names() == ["scene", "labels", "regions"]
    assert second.dock.workspace.session is None
    if second.viewer is not first.viewer:
        assert second.names() == ["scene"]
    assert bars() == []
    session = first.dock.session
    session.assign(session.ids[:2].tolist(), "green")
    first.agree()
    first.press(first.dock.correct.undo_button)
    first.agree()


@pytest.mark.long
def test_one_is_closed_while_the_other_is_corrected(pair: Pair) -> None:
    run_both(pair)
    first, second = pair
    for one in pair:
        one.press(one.dock.correct.button)
    mode = first.dock.correct.mode
    assert mode is not None
    mode.select(first.dock.session.ids[:2].tolist())
    second.viewer.window.remove_dock_widget(second.dock)
    second.qtbot.waitUntil(lambda: second.dock.layers is None, timeout=MINUTE)
    assert mode.on
    assert first.dock.correct.selection.text() == "2 selected"
    mode.actions.assign("2")
    session = first.dock.session
    assert [session.region(one).verdict is not None for one in session.ids[:3]] == [
        True, True, False
    ]  # fmt: skip
    first.agree()
    first.press(first.dock.correct.undo_button)
    first.agree()


@pytest.mark.parametrize("pair", ["two viewers"], indirect=True)
def test_a_viewer_is_closed_while_the_other_runs(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = at_stage(monkeypatch, "windows")
    first, second = pair
    for one in pair:
        # napari takes a worker for that of the window that is used, and stops it with that window.
        window = one.dock.window()
        one.viewer.window.activate()
        one.qtbot.waitUntil(window.isActiveWindow, timeout=MINUTE)
        one.press(one.dock.bar.run_button)
    first.qtbot.waitUntil(held.reached, timeout=MINUTE)
    running, sessions = second.dock.controller, second.dock.workspace
    second.viewer.close()
    delete_now()
    assert not running.running
    assert first.dock.controller.running
    held.open()
    first.qtbot.waitUntil(lambda: not first.dock.controller.running, timeout=MINUTE)
    threads_end(first.qtbot)
    assert sessions.session is None
    assert bars() == []
    first.agree()
    assert first.names() == ["scene", "labels", "regions"]
    session = first.dock.session
    session.assign(session.ids[:2].tolist(), "green")
    first.agree()
    first.press(first.dock.correct.undo_button)
    first.agree()


@pytest.mark.parametrize("pair", ["two viewers"], indirect=True)
@pytest.mark.long
def test_a_viewer_is_closed_in_correct_mode(pair: Pair) -> None:
    run_both(pair)
    first, second = pair
    second.press(second.dock.correct.button)
    second.viewer.close()
    delete_now()
    # The mode watched the keys of the whole application.
    first.type("stone")
    first.qtbot.waitUntil(lambda: not first.dock.controller.running, timeout=MINUTE)
    assert first.dock.session.vocabulary.names == ("red", "green", "stone")
    first.agree()
