"""Runs that are stopped at each stage or broken; docks and viewers beside each other."""

from __future__ import annotations

from collections.abc import Callable

import napari
import pytest

from napari_corrclip.encoders.dino import TimmSimilarityEncoder
from napari_corrclip.gui.dock import CorrClipDock
from tests.gui.gates import Gate, at_stage
from tests.gui.person import MINUTE, Person, bars, open_scene, run, threads_end


def begin(person: Person, barrier: Gate) -> None:
    open_scene(person)
    person.type("red, green")
    person.press(person.dock.bar.run_button)
    person.qtbot.waitUntil(barrier.reached, timeout=MINUTE)


def test_cancelling_at_each_stage_leaves_nothing(person: Person, barrier: Gate) -> None:
    begin(person, barrier)
    person.press(person.dock.bar.cancel_button)
    assert "Stopping" in person.dock.status.text()
    barrier.open()
    person.wait()
    threads_end(person.qtbot)
    assert person.dock.status.text() == "Cancelled; nothing was changed."
    assert person.dock.workspace.session is None
    assert person.names() == ["scene"]
    assert bars() == []


def test_a_network_that_raises_is_a_sentence_and_the_bar_tells_of_the_next_run(
    person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_scene(person)
    person.type("red, green")

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    with monkeypatch.context() as patched:
        patched.setattr(TimmSimilarityEncoder, "features", broken)
        run(person)
    said = person.dock.status.text()
    assert said.startswith("The run failed (RuntimeError: mat1 and mat2")
    assert "labels" not in person.names()
    assert bars() == []

    # The next one works, and tells the stage and the time, in napari's activity too.
    held = at_stage(monkeypatch, "windows")
    person.press(person.dock.bar.run_button)
    person.qtbot.waitUntil(held.reached, timeout=MINUTE)
    bar = person.dock.bar
    person.qtbot.waitUntil(lambda: bar.activity.desc.startswith("Finding regions"), timeout=MINUTE)
    assert " s" in bar.text().partition("·")[2]
    held.open()
    person.wait()
    person.agree()
    assert bar.activity is None
    assert bars() == []


def test_docks_in_one_viewer_and_in_another_one_run_beside_each_other(
    person: Person, make_napari_viewer: Callable[..., napari.Viewer]
) -> None:
    viewer = make_napari_viewer()
    other, far = CorrClipDock(person.viewer), CorrClipDock(viewer)
    person.viewer.window.add_dock_widget(other, name="Another")
    viewer.window.add_dock_widget(far, name="CorrCLIP")
    second = Person(person.viewer, other, person.qtbot)
    third = Person(viewer, far, person.qtbot)
    open_scene(person)
    open_scene(third)
    people = ((person, "red, green"), (second, "blue, yellow"), (third, "red, green"))
    for somebody, words in people:
        somebody.dock.reset_choices()
        somebody.dock.image.layer = somebody.viewer.layers["scene"]
        somebody.dock.model.regions.setCurrentText("superpixels")
        somebody.type(words)
        somebody.press(somebody.dock.bar.run_button)
    for somebody, _ in people:
        somebody.wait()
    for somebody, _ in people:
        somebody.agree()
    assert third.names() == ["scene", "labels", "regions"]
    first, last = person.dock.session, other.session
    before = first.labels.copy()
    last.assign(last.ids[:1], "blue")
    assert (first.labels == before).all()
    second.agree()
    far.cleanup()
    other.cleanup()
    person.agree()
    person.viewer.window.remove_dock_widget(other)
    other.deleteLater()
