"""Words typed at any moment: shown at once, found well soon after, never lost, and one step to undo."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtGui import QColor
from qtpy.QtWidgets import QColorDialog, QDialog, QLabel

from napari_corrclip.annotation import Session
from napari_corrclip.encoders.clip import OpenClipEncoder
from napari_corrclip.gui.words.removal import TAKE_BACK, RemovalDialog
from napari_corrclip.gui.words.table import COLOR, NAME
from napari_corrclip.progress import finish
from napari_corrclip.regions.superpixels import SuperpixelRegions
from tests.forms import short
from tests.gui.gates import Gate, before_method
from tests.gui.person import MINUTE, Person, answer, open_scene, threads_end

TEMPLATES = "templates: ['a photo of a {}.', '{}', 'a small {}', 'many {}']\n"


def many(prompts: list[str]) -> bool:
    """Whether they are of more than one template."""
    return not all(prompt.startswith("a photo of a ") for prompt in prompts)


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Gate]:
    """Before the text tower; open."""
    # Words that an earlier test had read would not be read again.
    monkeypatch.setenv("NAPARI_CORRCLIP_CACHE", str(tmp_path / "cache"))
    gate = before_method(
        monkeypatch, OpenClipEncoder, "encode_prompts", lambda _tower, prompts: prompts
    )
    gate.open()
    yield gate
    gate.open()


def read(gate: Gate) -> list[str]:
    """What the tower has read since the gate was emptied."""
    return [prompt for prompts in gate.passed for prompt in prompts]


@pytest.fixture
def session(person: Person, gate: Gate, tmp_path: Path) -> Session:
    """A scene that was segmented by three words in four templates."""
    open_scene(person)
    path = tmp_path / "words.yaml"
    path.write_text("classes: [red, green, wood]\n" + TEMPLATES)
    person.dock.words.load(path, replace=True)
    session = person.run()
    assert session.vocabulary.templates is not None
    gate.clear()
    return session


def until(person: Person, true: Callable[[], bool]) -> None:
    person.qtbot.waitUntil(true, timeout=MINUTE)


def looked(session: Session, *, quick: bool = False) -> np.ndarray:
    """What the session's engine finds by its words, as the pixels' own classes."""
    engine = session.engine
    words = session.vocabulary
    return finish(
        engine.segmenter.classify_steps(engine.features, words, quick=quick)  # type: ignore[union-attr]
    ).labels


def test_new_words_are_shown_after_a_first_look(
    person: Person, session: Session, gate: Gate
) -> None:
    before, steps = session.labels.copy(), len(session.history.done)
    gate.close(many)
    person.type("blue, stone")
    until(person, lambda: len(session.vocabulary) == 5)
    assert person.dock.controller.running
    assert "first look" in person.dock.status.text()
    assert read(gate) == ["a photo of a blue.", "a photo of a stone."]
    first = session.labels.copy()
    np.testing.assert_array_equal(first, looked(session, quick=True))
    person.agree()
    # An edit while the better look is still to come.
    session.assign(int(session.ids[0]), "stone")
    decided = session.regions == session.ids[0]
    gate.open()
    person.wait()
    assert "Labelled by 5 classes." in person.dock.status.text()
    whole = looked(session)
    np.testing.assert_array_equal(session.labels[~decided], whole[~decided])
    assert (session.labels[decided] == session.vocabulary.values[4]).all()
    assert (whole != first).any()
    person.agree()
    # One step for the words, and one for the edit.
    assert len(session.history.done) == steps + 2
    person.press(person.dock.correct.undo_button)
    np.testing.assert_array_equal(session.labels, whole)
    person.press(person.dock.correct.undo_button)
    np.testing.assert_array_equal(session.labels, before)
    assert person.dock.words.vocabulary == session.vocabulary
    person.press(person.dock.correct.redo_button)
    np.testing.assert_array_equal(session.labels, whole)
    person.agree()
    assert not person.dock.controller.running

    # Words that were read before need no first look.
    person.press(person.dock.correct.undo_button)
    gate.close()
    person.type("blue")
    person.wait()
    assert session.vocabulary.names[-1] == "blue"
    np.testing.assert_array_equal(session.labels, looked(session))


def test_a_word_typed_while_another_one_is_looked_for(
    person: Person, session: Session, gate: Gate
) -> None:
    before, steps = session.labels.copy(), len(session.history.done)
    undo = person.dock.correct.undo_button
    gate.close()
    person.type("blue")
    until(person, lambda: gate.waiting > 0)
    person.type("stone")  # is taken along
    person.type("red")  # there already
    assert "'red': there already" in person.dock.status.text()
    gate.open()
    person.wait()
    assert session.vocabulary.names == ("red", "green", "wood", "blue", "stone")
    assert len(session.history.done) == steps + 1
    np.testing.assert_array_equal(session.labels, looked(session))
    person.agree()
    person.press(undo)

    # After the first look at another.
    gate.close(many)
    person.type("sand")
    until(person, lambda: len(session.vocabulary) == 4)
    person.type("grass")
    gate.open()
    person.wait()
    assert session.vocabulary.names == ("red", "green", "wood", "sand", "grass")
    np.testing.assert_array_equal(session.labels, looked(session))
    # Undo leads to the former word alone, which then is looked for well, too.
    person.press(undo)
    person.wait()
    assert session.vocabulary.names == ("red", "green", "wood", "sand")
    np.testing.assert_array_equal(session.labels, looked(session))
    person.press(undo)
    person.wait()
    assert session.vocabulary.names == ("red", "green", "wood")
    np.testing.assert_array_equal(session.labels, before)
    person.agree()


def test_words_are_undone_and_renamed_during_the_better_look(
    person: Person, session: Session, gate: Gate
) -> None:
    before, names = session.labels.copy(), ("red", "green", "wood")
    gate.close(many)
    person.type("blue: azure")
    until(person, lambda: len(session.vocabulary) == 4)
    person.press(person.dock.correct.undo_button)
    assert not person.dock.controller.running
    gate.open()
    threads_end(person.qtbot)
    # They do not come back by themselves.
    np.testing.assert_array_equal(session.labels, before)
    assert person.dock.words.vocabulary == session.vocabulary
    assert session.vocabulary.names == names
    # Redone, the better look is taken up again.
    person.press(person.dock.correct.redo_button)
    assert person.dock.controller.running
    person.wait()
    np.testing.assert_array_equal(session.labels, looked(session))
    person.press(person.dock.correct.undo_button)
    np.testing.assert_array_equal(session.labels, before)
    assert not person.dock.controller.running

    # A new name between two looks is kept.
    gate.close(many)
    person.type("stone: granite")
    until(person, lambda: len(session.vocabulary) == 4)
    model = person.dock.words.model
    assert model.setData(model.index(3, NAME), "rock")
    assert session.vocabulary.names[-1] == "rock"
    gate.open()
    person.wait()
    assert session.vocabulary.names == (*names, "rock")
    np.testing.assert_array_equal(session.labels, looked(session))
    person.agree()


def test_names_colours_and_order_are_there_at_once(
    person: Person, session: Session, gate: Gate
) -> None:
    session.assign(int(session.ids[0]), "wood")
    model, table = person.dock.words.model, person.dock.words.table
    person.dock.words.prompts_follow = True
    assert model.setData(model.index(0, 3), "red, crimson")
    person.wait()
    labels = session.labels.copy()
    gate.close()
    gate.clear()
    assert model.setData(model.index(0, NAME), "ruby")
    assert not person.dock.controller.running
    assert session.vocabulary.names == ("ruby", "green", "wood")
    table.select([2])
    table.setFocus()
    person.qtbot.keyClick(table, Qt.Key.Key_Up, Qt.KeyboardModifier.AltModifier)
    person.qtbot.keyClick(table, Qt.Key.Key_Up, Qt.KeyboardModifier.AltModifier)
    assert session.vocabulary.names == ("wood", "ruby", "green")
    assert table.rows() == [0]
    assert session.vocabulary.values == (3, 1, 2)
    person.dock.words._set(session.vocabulary.recolor("wood", "#abcdef"))
    assert person.dock.layers is not None
    shown = person.dock.layers.labels.colormap.color_dict[3]
    np.testing.assert_allclose(shown[:3], np.array([0xAB, 0xCD, 0xEF]) / 255, atol=1e-6)
    np.testing.assert_array_equal(session.labels, labels)
    assert read(gate) == []
    person.agree()
    for _ in range(4):
        person.press(person.dock.correct.undo_button)
    assert session.vocabulary.names == ("red", "green", "wood")
    assert person.dock.words.vocabulary == session.vocabulary

    # The colour's dialog.
    def choose(dialog: QColorDialog) -> None:
        dialog.setCurrentColor(QColor("#336699"))
        dialog.accept()

    answer(QColorDialog, choose)
    where = table.visualRect(table.model().index(1, COLOR)).center()
    person.qtbot.mouseClick(table.viewport(), Qt.MouseButton.LeftButton, pos=where)
    assert session.vocabulary.classes[1].color == (0x33, 0x66, 0x99)
    assert "hard to tell" not in person.dock.status.text()

    # One near another class's is taken, and what is said last is that.
    def choose_near(dialog: QColorDialog) -> None:
        dialog.setCurrentColor(QColor("#abcdea"))
        dialog.accept()

    answer(QColorDialog, choose_near)
    person.qtbot.mouseClick(table.viewport(), Qt.MouseButton.LeftButton, pos=where)
    assert session.vocabulary.classes[1].color == (0xAB, 0xCD, 0xEA)
    name, other = session.vocabulary.names[1], session.vocabulary.by_value(3).name
    said = f"The colour of {name!r} is hard to tell from that of {other!r} (difference"
    assert person.dock.status.text().startswith(said)


@pytest.mark.parametrize("how", short("done", rest=["cancelled", "failed"]))
def test_words_typed_during_another_run_are_taken_when_it_ends(
    person: Person, session: Session, gate: Gate, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    session.assign(int(session.ids[0]), "wood")

    def broken(*_: object) -> None:
        raise RuntimeError("something broke")

    if how == "failed":
        monkeypatch.setattr(SuperpixelRegions, "segment", broken)
    found = before_method(monkeypatch, SuperpixelRegions, "segment")
    person.press(person.dock.bar.run_button)
    until(person, found.reached)
    person.type("blue")
    person.type("stone")
    assert person.dock.words.vocabulary is not None
    assert len(person.dock.words.vocabulary) == 5
    if how == "cancelled":
        person.press(person.dock.bar.run_button)
    found.open()
    until(person, lambda: len(session.vocabulary) == 5 and not person.dock.controller.running)
    assert person.dock.workspace.session is session
    assert session.vocabulary.names == ("red", "green", "wood", "blue", "stone")
    assert person.dock.words.vocabulary == session.vocabulary
    undecided = session.regions != session.ids[0]
    np.testing.assert_array_equal(session.labels[undecided], looked(session)[undecided])
    person.agree()


def test_words_typed_during_the_first_run_are_taken_when_it_ends(
    person: Person, gate: Gate
) -> None:
    open_scene(person)
    person.type("red, green")
    gate.close()
    person.press(person.dock.bar.run_button)
    until(person, lambda: gate.waiting > 0)
    person.type("wood")
    gate.open()
    until(person, lambda: not person.dock.controller.running)
    session = person.dock.workspace.session
    assert session is not None
    until(person, lambda: len(session.vocabulary) == 3)
    person.wait()
    np.testing.assert_array_equal(session.labels, looked(session))
    person.agree()


class Answers:
    """Answers to the question what becomes of decisions, and what was asked."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.asked: list[list[str]] = []
        self.choices: list[str] = []
        monkeypatch.setattr(RemovalDialog, "exec", lambda dialog: self._reply(dialog))

    def _reply(self, dialog: RemovalDialog) -> int:
        self.asked.append([label.text() for label in dialog.findChildren(QLabel)])
        if not self.choices:
            return QDialog.DialogCode.Rejected
        for box in dialog.boxes.values():
            box.setCurrentText(self.choices.pop(0))
        return QDialog.DialogCode.Accepted


def test_classes_removed_while_words_are_read_are_asked_about_once(
    person: Person, session: Session, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = Answers(monkeypatch)
    words, remove = person.dock.words.table, person.dock.words.remove_button
    session.assign(session.ids[:2], "wood")
    answers.choices = ["green"]
    gate.close()
    person.type("blue")
    until(person, lambda: gate.waiting > 0)
    words.select([2])
    person.press(remove)
    person.type("stone")
    gate.open()
    person.wait()
    assert len(answers.asked) == 1
    assert session.vocabulary.names == ("red", "green", "blue", "stone")
    assert session.decided_as("green") == (2, 0)
    person.agree()

    # Several in one window.
    session.assign(int(session.ids[2]), "stone")
    session.paint(([0, 0], [0, 1]), "green")
    answers.asked.clear()
    answers.choices = ["red", TAKE_BACK]
    words.select([1, 3])
    person.press(remove)
    person.wait()
    (labels,) = answers.asked
    assert "2 regions and 2 painted pixels were assigned to 'green'. Give them to:" in labels
    assert "1 region was assigned to 'stone'. Give it to:" in labels
    assert session.vocabulary.names == ("red", "blue")
    assert session.decided_as("red") == (2, 2)
    assert session.region(int(session.ids[2])).verdict is None
    person.agree()


def test_a_class_that_goes_with_a_run_is_asked_about_before_it_begins_or_when_it_has_ended(
    person: Person, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = Answers(monkeypatch)
    session.assign(session.ids[:2], "wood")
    person.dock.words.show_vocabulary(session.vocabulary.remove("wood"))
    person.press(person.dock.bar.run_button)
    assert not person.dock.controller.running  # the answer was no
    answers.choices = [TAKE_BACK]
    person.press(person.dock.bar.run_button)
    assert person.dock.controller.running
    # Another decision as the class, while the run goes on.
    session.assign(int(session.ids[5]), "wood")
    person.wait()
    assert session.vocabulary.names == ("red", "green")
    assert all(row.verdict is None for row in session.rows())
    person.press(person.dock.correct.undo_button)
    assert session.decided_as("wood")[0] == 3
    person.agree()

    # Removed while it goes on.
    answers.asked.clear()
    answers.choices = ["red"]
    person.press(person.dock.bar.run_button)
    person.dock.words.table.select([2])
    person.press(person.dock.words.remove_button)
    assert not answers.asked
    until(person, lambda: len(session.vocabulary) == 2 and not person.dock.controller.running)
    (labels,) = answers.asked
    assert "3 regions were assigned to 'wood'. Give them to:" in labels
    verdicts = [row.verdict for row in session.rows() if row.verdict is not None]
    assert {verdict.value for verdict in verdicts} == {1}
    person.agree()


def test_a_change_that_is_stopped_leaves_what_there_was(
    person: Person, session: Session, gate: Gate
) -> None:
    before = session.labels.copy()
    # A prompt that is too long is refused before anything is shown.
    person.type("red " * 90 + "thing")
    person.wait()
    assert "tokens" in person.dock.status.text()
    np.testing.assert_array_equal(session.labels, before)
    assert not session.can_undo
    assert person.dock.words.vocabulary == session.vocabulary

    gate.close()
    person.type("blue")
    until(person, lambda: gate.waiting > 0)
    person.press(person.dock.bar.cancel_button)
    gate.open()
    person.wait()
    assert "Cancelled; nothing was changed." in person.dock.status.text()
    np.testing.assert_array_equal(session.labels, before)
    assert person.dock.words.vocabulary == session.vocabulary
    # After the first look, it stays.
    gate.close(many)
    person.type("blue")
    until(person, lambda: len(session.vocabulary) == 4)
    first = session.labels.copy()
    person.press(person.dock.bar.cancel_button)
    gate.open()
    person.wait()
    assert "Stopped; the labels stay as they were found at the first look." in (
        person.dock.status.text()
    )
    np.testing.assert_array_equal(session.labels, first)
    session.assign(int(session.ids[0]), "red")
    assert not person.dock.controller.running
    person.agree()


def test_after_undoing_a_run_words_are_looked_for_in_the_regions_that_are_shown(
    person: Person, session: Session
) -> None:
    first = session.engine
    person.dock.model.regions.setCurrentText("SAM fast (8 × 8)")
    person.press(person.dock.bar.run_button)
    person.wait()
    assert session.engine is not first
    person.press(person.dock.correct.undo_button)
    assert session.engine is first
    np.testing.assert_array_equal(session.regions, first.features.regions)  # type: ignore[union-attr]
    person.type("blue")
    person.wait()
    np.testing.assert_array_equal(session.labels, looked(session))
    np.testing.assert_array_equal(session.regions, first.features.regions)  # type: ignore[union-attr]
    person.agree()

    # Words without networks wait for a run.
    session.engine = None
    person.type("stone")
    assert session.vocabulary.names[-1] == "stone"
    assert "Press Run to look for these classes." in person.dock.status.text()
    person.dock.words.prompts_follow = True
    assert person.dock.words.model.setData(person.dock.words.model.index(0, NAME), "ruby")
    person.dock.model.regions.setCurrentText("superpixels")
    assert person.run() is session
    assert session.vocabulary.names == ("ruby", "green", "wood", "blue", "stone")
    np.testing.assert_array_equal(session.labels, looked(session))
    person.agree()
