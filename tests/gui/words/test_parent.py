"""Classes below others in the dock: typed, chosen by mouse and keys, seen, and taken back."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from qtpy.QtCore import QPoint, Qt
from qtpy.QtGui import QContextMenuEvent
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QDialogButtonBox, QMenu

from napari_corrclip.demo.scenes import generate_scene
from napari_corrclip.gui.words.parent import NONE, ParentDialog
from napari_corrclip.gui.words.table import NAME, PROMPTS
from napari_corrclip.vocabulary import Vocabulary
from tests.gui.person import MINUTE, Person, answer


def rows(person: Person) -> list[str]:
    """What the table calls its classes."""
    model = person.dock.words.model
    return [model.data(model.index(row, NAME)) for row in range(model.rowCount())]


def parents(person: Person) -> dict[str, str | None]:
    words = person.dock.words.vocabulary
    assert words is not None
    names = dict(zip(words.values, words.names, strict=True))
    return {one.name: None if one.parent is None else names[one.parent] for one in words}


def shown(person: Person) -> None:
    person.viewer.window.show()
    person.qtbot.waitUntil(person.dock.isVisible, timeout=MINUTE)


def ask(person: Person, row: int, *, by_key: bool = False) -> None:
    """Ask what can be done with a row, by the mouse or the menu key, and choose "Parent…" there by a key."""
    table = person.dock.words.table
    port = table.viewport()
    assert port is not None
    at = table.visualRect(table.model().index(row, NAME)).center()
    person.qtbot.mouseClick(port, Qt.MouseButton.LeftButton, pos=at)
    reason = QContextMenuEvent.Reason
    event = QContextMenuEvent(
        reason.Keyboard if by_key else reason.Mouse,
        QPoint(0, 0) if by_key else at,
        QPoint(0, 0) if by_key else port.mapToGlobal(at),
    )
    QApplication.sendEvent(port, event)
    person.qtbot.waitUntil(
        lambda: isinstance(QApplication.activePopupWidget(), QMenu), timeout=MINUTE
    )
    menu = QApplication.activePopupWidget()
    assert isinstance(menu, QMenu)
    # At the row, whichever way it was asked for.
    assert abs(menu.pos().y() - port.mapToGlobal(at).y()) < 40
    QTest.keyClick(menu, Qt.Key.Key_Down)
    QTest.keyClick(menu, Qt.Key.Key_Return)


def choosing(name: str, offered: list[str], *, sure: bool = True) -> Callable[[ParentDialog], None]:
    """Return what a person does in the question: goes to the name by keys, and presses a button."""

    def reply(dialog: ParentDialog) -> None:
        assert [dialog.box.itemText(at) for at in range(dialog.box.count())] == offered
        QTest.keyClick(dialog.box, Qt.Key.Key_Home)
        for _ in range(offered.index(name)):
            QTest.keyClick(dialog.box, Qt.Key.Key_Down)
        assert dialog.box.currentText() == name
        buttons = dialog.findChild(QDialogButtonBox)
        assert buttons is not None
        which = QDialogButtonBox.StandardButton
        pressed = buttons.button(which.Ok if sure else which.Cancel)
        assert pressed is not None
        QTest.mouseClick(pressed, Qt.MouseButton.LeftButton)

    return reply


def test_what_is_typed_below_another_class_is_shown_below_it(person: Person) -> None:
    person.type("animal > cat > tabby; animal > dog; sky")
    assert rows(person) == ["animal", "animal › cat", "cat › tabby", "animal › dog", "sky"]
    person.type("cat > siamese, plant > sky")
    assert rows(person)[4:] == ["plant › sky", "cat › siamese", "plant"]
    words = person.dock.words.vocabulary
    assert words is not None
    assert words.values == (1, 2, 3, 4, 5, 6, 7)
    person.type("tabby > animal")
    assert "The parents go in a circle" in person.dock.status.text()
    model = person.dock.words.model
    assert model.data(model.index(2, NAME), Qt.ItemDataRole.EditRole) == "tabby"
    assert "animal › cat › tabby" in model.data(model.index(2, NAME), Qt.ItemDataRole.ToolTipRole)
    assert model.data(model.index(0, PROMPTS)) == "by examples"
    assert not model.setData(model.index(2, NAME), "cat > tom")
    assert "reads like several classes" in person.dock.status.text()


@pytest.mark.canvas
def test_a_parent_is_chosen_by_mouse_and_by_keys_among_those_that_can_be(person: Person) -> None:
    shown(person)
    person.type("animal, cat, tabby, sky")
    answer(ParentDialog, choosing("animal", [NONE, "animal", "tabby", "sky"]))
    ask(person, 1)
    person.qtbot.waitUntil(lambda: parents(person)["cat"] == "animal", timeout=MINUTE)
    answer(ParentDialog, choosing("animal › cat", [NONE, "animal", "animal › cat", "sky"]))
    ask(person, 2, by_key=True)
    person.qtbot.waitUntil(lambda: parents(person)["tabby"] == "cat", timeout=MINUTE)
    assert rows(person) == ["animal", "animal › cat", "cat › tabby", "sky"]
    assert person.dock.words.table.rows() == [2]
    # What is below a class can not be above it.
    answer(ParentDialog, choosing("sky", [NONE, "sky"], sure=False))
    ask(person, 0)
    person.qtbot.waitUntil(lambda: QApplication.activeModalWidget() is None, timeout=MINUTE)
    assert parents(person)["animal"] is None
    answer(ParentDialog, choosing(NONE, [NONE, "animal", "sky"]))
    ask(person, 1)
    person.qtbot.waitUntil(lambda: parents(person)["cat"] is None, timeout=MINUTE)
    assert rows(person) == ["animal", "cat", "cat › tabby", "sky"]


@pytest.mark.canvas
def test_a_parent_is_a_step_of_the_session_and_is_taken_back(person: Person) -> None:
    shown(person)
    small = generate_scene(7).image[:64, :64]
    person.viewer.add_image(small, name="scene", rgb=True)
    person.dock.reset_choices()
    person.dock.model.regions.setCurrentText("superpixels")
    person.type("red, green, blue")
    session = person.run()
    labels, before = session.labels.copy(), session.vocabulary
    person.type("colour > red")
    person.wait()
    assert parents(person) == {"red": "colour", "green": None, "blue": None, "colour": None}
    answer(
        ParentDialog,
        choosing("colour", [NONE, "colour › red", "blue", "colour"]),
    )
    ask(person, 1)
    person.wait()
    person.qtbot.waitUntil(lambda: session.vocabulary.path("green") == ("colour", "green"))
    assert (session.labels == labels).all()  # nothing is found otherwise
    session.assign(session.ids[:1].tolist(), "colour")
    person.agree()
    assert session.decided_as("colour") == (1, 0)
    person.press(person.dock.correct.undo_button)
    person.press(person.dock.correct.undo_button)
    assert session.vocabulary.path("green") == ("green",)
    assert rows(person) == ["colour › red", "green", "blue", "colour"]
    while session.can_undo:
        person.press(person.dock.correct.undo_button)
    assert session.vocabulary == before
    assert person.dock.words.vocabulary == before
    person.agree()


def test_removing_a_class_leaves_what_is_below_it_to_its_parent(person: Person) -> None:
    person.type("animal > cat > tabby")
    person.dock.words.table.select([1])
    person.press(person.dock.words.remove_button)
    assert rows(person) == ["animal", "animal › tabby"]
    assert person.dock.words.vocabulary == Vocabulary.parse("animal > cat > tabby").remove("cat")
