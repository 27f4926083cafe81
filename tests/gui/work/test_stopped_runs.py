"""Runs that are stopped at each stage or broken; docks and viewers beside each other."""

from __future__ import annotations

from collections.abc import Callable

import napari
import pytest

from napari_corrclip.encoders.dino import TimmSimilarityEncoder
from napari_corrclip.gui.dock import CorrClipDock
from tests.gui.gates import Gate, at_stage
from tests.gui.person import MINUTE, Person, bars, open_scene, threads_end


def begin(person: Person, barrier: Gate) -> None:
    open_scene(person)
    person.type("red, green")
    person.press(person.dock.bar.run_button)
    person.qtbot.waitUntil(barrier.reached, timeout=MINUTE)


def test_cancelling_at_each_stage_leaves_nothing(person: Person, barrier: Gate) -> None:
    begin(person, barrier)
    person.press(person.dock.bar.run_button)
    assert "Stopping" in person.dock.status.text()
    barrier.open()
    person.wait()
    threads_end(person.qtbot)
    assert person.dock.status.text() == "Cancelled; nothing was changed."
    assert person.dock.workspace.session is None
    assert person.names() == ["scene"]
    assert bars() == []


def test_a_network_that_raises_is_a_sentence_and_the_next_run_works(
    person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_scene(person)
    person.type("red, green")

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    with monkeypatch.context() as patched:
        patched.setattr(TimmSimilarityEncoder, "features", broken)
        person.press(person.dock.bar.run_button)
        person.wait()
    said = person.dock.status.text()
    assert said.startswith("The run failed (RuntimeError: mat1 and mat2")
    assert "labels" not in person.names()
    assert bars() == []
    person.press(person.dock.bar.run_button)
    person.wait()
    person.agree()


def test_the_bar_tells_the_stage_and_the_time_and_napari_s_activity_too(
    person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = at_stage(monkeypatch, "windows")
    begin(person, held)
    bar = person.dock.bar
    person.qtbot.waitUntil(lambda: bar.activity.desc.startswith("regions"), timeout=MINUTE)
    assert " s" in bar.bar.format().partition("·")[2]
    held.open()
    person.wait()
    assert bar.activity is None
    assert bars() == []


def test_two_docks_in_one_viewer(person: Person) -> None:
    other = CorrClipDock(person.viewer)
    person.viewer.window.add_dock_widget(other, name="Another")
    second = Person(person.viewer, other, person.qtbot)
    open_scene(person)
    for one, words in ((person, "red, green"), (second, "blue, yellow")):
        one.dock.reset_choices()
        one.dock.image.layer = person.viewer.layers["scene"]
        one.dock.model.regions.setCurrentText("superpixels")
        one.type(words)
    person.press(person.dock.bar.run_button)
    second.press(other.bar.run_button)
    person.wait()
    second.wait()
    for one in (person, second):
        one.agree()
    first, last = person.dock.workspace.session, other.workspace.session
    assert first is not None
    assert last is not None
    before = first.labels.copy()
    last.assign(last.ids[:1], "blue")
    assert (first.labels == before).all()
    second.agree()
    other.cleanup()
    person.agree()
    person.viewer.window.remove_dock_widget(other)
    other.deleteLater()


def test_two_viewers_each_with_a_dock(
    person: Person, make_napari_viewer: Callable[..., napari.Viewer]
) -> None:
    viewer = make_napari_viewer()
    dock = CorrClipDock(viewer)
    viewer.window.add_dock_widget(dock, name="CorrCLIP")
    second = Person(viewer, dock, person.qtbot)
    for one in (person, second):
        open_scene(one)
        one.type("red, green")
        one.press(one.dock.bar.run_button)
    for one in (person, second):
        one.wait()
        one.agree()
        assert one.names() == ["scene", "labels", "regions"]
    dock.cleanup()
