"""The dock by a real mouse: a row of the class table is dragged, the status line's link is clicked."""

from __future__ import annotations

import numpy as np
import pytest
from qtpy.QtCore import QPoint, Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication

from napari_corrclip.gui.words.table import KEY, NAME
from tests.gui.person import MINUTE, Person, open_scene
from tests.gui.pointer import drag, has_pointer
from tests.gui.window import Window

pytestmark = pytest.mark.canvas


@pytest.fixture
def person(on_screen: Person) -> Person:
    on_screen.viewer.window.resize(1300, 850)
    on_screen.qtbot.waitUntil(on_screen.dock.isVisible, timeout=MINUTE)
    return on_screen


def drag_row(person: Person, row: int, before: int) -> None:
    """Drag a row of the class table to the line between two others."""
    table, model = person.dock.words.table, person.dock.words.model
    viewport = table.viewport()
    assert viewport is not None

    def place(index: int, top: bool) -> QPoint:
        cell = table.visualRect(model.index(index, NAME))
        return viewport.mapToGlobal(
            QPoint(cell.center().x(), cell.top() + 1 if top else cell.center().y())
        )

    last = model.rowCount()
    end = place(before, True) if before < last else place(last - 1, False) + QPoint(0, 40)
    QApplication.processEvents()
    hand = drag([place(row, False), end])
    person.qtbot.waitUntil(lambda: not hand.is_alive(), timeout=MINUTE)
    QApplication.processEvents()


def names(person: Person) -> tuple[str, ...]:
    words = person.dock.words.vocabulary
    assert words is not None
    return words.names


@pytest.mark.skipif(not has_pointer(), reason="needs an X server with XTEST")
@pytest.mark.long
def test_rows_are_dragged(person: Person) -> None:
    open_scene(person)
    person.type("red, green, blue, wood")
    session = person.run()
    labels = session.labels.copy()
    session.assign(session.ids[:2].tolist(), "wood")
    decided, wood = np.isin(session.regions, session.ids[:2]), session.vocabulary.values[3]
    drag_row(person, 3, 0)
    person.qtbot.waitUntil(
        lambda: names(person) == ("wood", "red", "green", "blue"), timeout=MINUTE
    )
    person.wait()
    # The key follows the order, and what was decided the class.
    model = person.dock.words.model
    assert model.index(0, KEY).data() == "1"
    assert model.index(0, NAME).data() == "wood"
    assert session.vocabulary.names == names(person)
    assert (session.labels[decided] == wood).all()
    person.agree()
    assert person.dock.words.table.rows() == [0]
    drag_row(person, 0, 3)
    person.qtbot.waitUntil(
        lambda: names(person) == ("red", "green", "wood", "blue"), timeout=MINUTE
    )
    drag_row(person, 0, 4)
    person.qtbot.waitUntil(
        lambda: names(person) == ("green", "wood", "blue", "red"), timeout=MINUTE
    )
    # To its own place: nothing is to be undone for it.
    person.wait()
    steps = len(session.history.done)
    drag_row(person, 1, 2)
    assert names(person) == ("green", "wood", "blue", "red")
    assert len(session.history.done) == steps
    person.wait()
    for _ in range(steps):
        person.press(person.dock.correct.undo_button)
        person.agree()
        assert names(person) == session.vocabulary.names
    assert names(person) == ("red", "green", "blue", "wood")
    np.testing.assert_array_equal(session.labels, labels)


def test_the_button_beside_the_sentence_takes_a_stroke_back(person: Person) -> None:
    open_scene(person)
    person.type("red, green, blue")
    session = person.run()
    layers = person.dock.layers
    assert layers is not None
    window = Window(person.viewer, session, layers, [])
    window.settle()
    person.viewer.reset_view()
    person.viewer.layers.selection.active = layers.labels
    layers.labels.mode = "paint"
    layers.labels.selected_label = session.vocabulary.values[0]
    before = session.labels.copy()
    window.stroke((20, 20), (60, 60))
    painted = session.labels.copy()
    assert not np.array_equal(painted, before)
    status = person.dock.status
    assert status.text().startswith("Painted ")
    QApplication.processEvents()
    # A click beside the button does nothing.
    QTest.mouseClick(status.label, Qt.MouseButton.LeftButton)
    np.testing.assert_array_equal(session.labels, painted)
    person.press(status.undo_button)
    np.testing.assert_array_equal(session.labels, before)
    assert status.undo_button.isHidden()
    assert status.text().startswith("Undone: Paint ")
    assert session.can_redo
    person.agree()
