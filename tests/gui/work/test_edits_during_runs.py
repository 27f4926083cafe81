"""What takes long is done beside the person, and what they do meanwhile is kept."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from napari_corrclip.annotation import Session
from napari_corrclip.engine.window_count import Size
from napari_corrclip.gui.work.choice import Choice
from napari_corrclip.gui.work.estimates import Estimates
from tests.annotation.random_edits import digest
from tests.gui.gates import Gate, after_drafts
from tests.gui.person import MINUTE, Person, open_scene


@pytest.fixture
def pause(monkeypatch: pytest.MonkeyPatch) -> Iterator[Gate]:
    """Holds the thread after it has made a draft."""
    gate = after_drafts(monkeypatch)
    yield gate
    gate.open()


def test_a_session_is_built_beside_the_person_and_the_whole_run_is_estimated(
    person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: list[threading.Thread] = []
    start = Session._begin

    def begun(self: Session, *args: Any) -> None:
        threads.append(threading.current_thread())
        start(self, *args)

    monkeypatch.setattr(Session, "_begin", begun)
    fresh = Estimates()
    noted: list[tuple[float, float, float]] = []
    note = fresh.note

    def noting(choice: Choice, shape: Size, *seconds: float) -> None:
        regions, encode, whole = seconds
        noted.append((regions, encode, whole))
        note(choice, shape, *seconds)

    monkeypatch.setattr(fresh, "note", noting)
    monkeypatch.setattr("napari_corrclip.gui.work.controller.ESTIMATES", fresh)
    open_scene(person)
    person.type("red, green, blue")
    session = person.run()
    assert len(threads) == 1
    assert threads[0] is not threading.main_thread()
    assert session.state.has_adjacency
    person.agree()

    ((regions, encode, whole),) = noted
    assert whole > regions + encode
    choice = person.dock.model.choice
    assert fresh.seconds(choice, session.shape) == pytest.approx(whole)
    rows, columns = session.shape
    larger = fresh.seconds(choice, (4 * rows, 4 * columns))
    assert larger is not None
    assert larger > 4 * (whole - encode)


def test_edits_made_while_words_and_a_run_are_taken_in_are_kept(
    person: Person, pause: Gate
) -> None:
    open_scene(person)
    person.type("red, green, blue")
    session = person.run()
    assert not pause.reached()
    person.type("yellow")
    person.qtbot.waitUntil(pause.reached, timeout=MINUTE)
    # In the middle of planning: the person decides on.
    first, second = session.ids[:2].tolist()
    session.assign(first, "blue")
    before = len(session.history.done)
    pause.open()
    person.wait()
    assert len(pause.came) >= 2  # the first was of a session that had changed
    assert session.vocabulary.names[-1] == "yellow"
    assert not session.provisional
    blue = session.vocabulary.values[2]
    assert session.region(first).value == blue
    assert len(session.history.done) == before + 1  # the first look and the better one are one step
    assert "Labelled by 4 classes" in person.dock.status.text()
    person.agree()
    found = digest(session)
    session.undo()
    assert session.vocabulary.names == ("red", "green", "blue")
    session.redo()
    assert digest(session) == found
    person.agree()

    pause.close()
    came = len(pause.came)
    person.press(person.dock.bar.run_button)
    person.qtbot.waitUntil(lambda: pause.waiting > 0, timeout=MINUTE)
    session.assign(second, "blue")
    pause.open()
    person.wait()
    assert len(pause.came) == came + 2
    assert threading.main_thread() not in pause.threads
    assert person.dock.session is session
    assert [step.title for step in session.history.done][-1] == "Run again"
    assert session.region(second).value == blue
    person.agree()
    session.undo()
    assert session.region(second).value == blue
    person.agree()
    session.undo()
    assert session.region(second).verdict is None
    person.agree()


def test_a_run_that_ends_while_a_stroke_is_drawn_loses_neither(person: Person, pause: Gate) -> None:
    open_scene(person)
    person.type("red, green, blue")
    session = person.run()
    layers = person.dock.layers
    assert layers is not None
    person.press(person.dock.bar.run_button)
    person.qtbot.waitUntil(pause.reached, timeout=MINUTE)
    layers.labels.selected_label = other = session.vocabulary.values[0]
    place = next(
        (row, column)
        for row, column in np.argwhere(session.labels != other).tolist()
        if 20 < row < 40 and 20 < column < 60
    )
    layers.labels.mode = "paint"
    event = _Event()
    drawing = layers._pressed(layers.labels, event)
    next(drawing)
    with layers.labels.block_history():
        layers.labels.paint(place, other)
        pause.open()
        person.wait()
        assert layers.labels.data[place] == other
    event.type = "mouse_release"
    with pytest.raises(StopIteration):
        next(drawing)
    person.qtbot.waitUntil(lambda: layers._stroke is None)
    titles = [step.title.partition(" ")[0] for step in session.history.done]
    assert sorted(titles) == ["Paint", "Run"]
    assert session.pins[place] == other
    person.agree()


class _Event:
    """A button held down on a layer."""

    type = "mouse_press"
    button = 1
    modifiers = ()
    position = (0.0, 0.0)

    def __init__(self) -> None:
        self.type = "mouse_move"
