"""A new class from the search for one, in the whole window: typed where nothing is found, and assigned."""

from __future__ import annotations

import pytest
from pytestqt.qtbot import QtBot
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication

from tests.gui.person import MINUTE, User, open_scene

pytestmark = pytest.mark.canvas


def test_what_is_not_found_becomes_a_class_and_is_assigned(user: User, qtbot: QtBot) -> None:
    open_scene(user)
    user.type("water, grass")
    session = user.run()
    dock, window = user.dock, user.window
    user.press(dock.correct.next_button)
    (region,) = dock.correct.mode.selection  # type: ignore[union-attr]
    window.canvas.setFocus()
    window.key(Qt.Key.Key_Slash)
    finder = dock.correct.finder
    assert dock.window().focusWidget() is finder.line  # type: ignore[union-attr]
    QTest.keyClicks(finder.line, "boat")
    assert finder.list.item(0).text() == "New class 'boat'"  # type: ignore[union-attr]
    QTest.keyClick(finder.line, Qt.Key.Key_Return)
    QApplication.processEvents()
    qtbot.waitUntil(lambda: session.region(region).verdict is not None, timeout=MINUTE)
    user.wait()
    value = session.vocabulary.values[session.vocabulary.index("boat")]
    verdict = session.region(region).verdict
    assert verdict is not None
    assert (verdict.kind, verdict.value) == ("assigned", value)
    assert dock.words.vocabulary == session.vocabulary
    user.agree()
    assert user.undo_all() == 2  # the class, and what it was given
