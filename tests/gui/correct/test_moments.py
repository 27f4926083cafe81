"""Sentences that end with the moment that they tell of, and Undo that takes back what stands beside it."""

from __future__ import annotations

import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication

from tests.gui.person import User, open_sample

pytestmark = pytest.mark.canvas

ALT = Qt.KeyboardModifier.AltModifier


@pytest.fixture(autouse=True)
def _segmented(user: User) -> None:
    open_sample(user)
    user.type("purple circle, blue square, wood, water")
    user.dock.model.regions.setCurrentText("superpixels")
    user.run()
    user.viewer.reset_view()


def test_sentences_end_with_their_moment(user: User) -> None:
    dock, session, window = user.dock, user.session, user.window
    said = dock.status.text
    user.press(dock.correct.button)
    first, second = session.ids.tolist()[:2]
    window.click(*user.inside(first))
    window.key(Qt.Key.Key_3)
    decided = said()
    assert decided.startswith("Assigned 1 region to 'wood'")

    # Alt outlines, and its sentence goes when it is let go.
    undecided = [row.id for row in session.rows() if row.verdict is None]
    region = max(undecided, key=lambda one: len(session.patch_of(one)))
    window.hover(*user.inside(region))
    window.key(Qt.Key.Key_Escape)
    QTest.keyPress(window.canvas, Qt.Key.Key_Alt, ALT)
    QApplication.processEvents()
    assert "A class now goes to all" in said()
    QTest.keyRelease(window.canvas, Qt.Key.Key_Alt)
    QApplication.processEvents()
    assert said() == decided

    # An invitation is of the region that is selected.
    window.key(Qt.Key.Key_D)
    assert "Enter accepts" in said()
    window.key(Qt.Key.Key_Escape)
    assert said() == decided

    # A key without a class, and a split that is left.
    window.key(Qt.Key.Key_9)
    assert "There is no class 9" in said()
    window.click(*user.inside(second))
    assert said() == decided
    window.key(Qt.Key.Key_S)
    assert "Left-click what stays" in said()
    window.click(*user.inside(first))
    assert "That is not in region" in said()
    window.key(Qt.Key.Key_Escape)
    assert said() == "The split was left; nothing has changed."

    # Another layer is active for a while.
    layers = dock.layers
    image = dock.image.layer
    assert layers is not None
    assert image is not None
    user.viewer.layers.selection.active = image
    user.qtbot.waitUntil(lambda: "click on one of the two" in said())
    user.viewer.layers.selection.active = layers.labels
    user.qtbot.waitUntil(lambda: "click on one of the two" not in said())

    # A tool of napari's ends the mode; its own help is not left behind.
    layers.labels.mode = "erase"
    assert "press 'Correct regions' to come back" in said()
    user.press(dock.correct.button)
    assert "come back" not in said()
    assert "erase" not in str(user.viewer.help).lower()


def test_undo_beside_a_sentence_takes_back_what_it_tells_of(user: User) -> None:
    dock, session, window = user.dock, user.session, user.window
    first, second = session.ids.tolist()[:2]
    user.press(dock.correct.button)
    window.click(*user.inside(first))
    window.key(Qt.Key.Key_3)
    assert dock.status.said.undo
    session.assign(second, "water")  # from the console, which tells nobody
    user.qtbot.waitUntil(lambda: "'water'" in dock.status.text())
    user.press(dock.status.undo_button)
    assert session.region(second).verdict is None
    assert session.region(first).verdict is not None
    session.assign(second, "water")
    user.qtbot.waitUntil(lambda: dock.status.said.undo)
    session.undo()
    user.qtbot.waitUntil(lambda: dock.status.text().startswith("Undone: "))
    assert not dock.status.said.undo
