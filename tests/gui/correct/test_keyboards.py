"""Digits on other keyboards than the American one, by real key events."""

from __future__ import annotations

import sys

import pytest
from qtpy.QtCore import QEvent, Qt
from qtpy.QtGui import QKeyEvent
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication

from napari_corrclip.gui.correct import CorrectMode
from tests.gui.window import Window

pytestmark = pytest.mark.canvas

ALT, SHIFT = Qt.KeyboardModifier.AltModifier, Qt.KeyboardModifier.ShiftModifier


def test_digits_that_are_typed_with_shift(window: Window, mode: CorrectMode) -> None:
    session = window.session
    first, third = session.vocabulary.values[0], session.vocabulary.values[2]
    mode.select([20])
    window.key(Qt.Key.Key_3, SHIFT)
    assert session.region(20).value == third
    mode.select([60])
    patch = session.patch_of(60)
    assert len(patch) > 1
    window.key(Qt.Key.Key_1, ALT | SHIFT)
    assert all(session.region(one).value == first for one in patch)
    assert len(session.history.done) == 2
    window.agree()


def press(window: Window, key: Qt.Key, code: int, text: str) -> None:
    """Press a key with Option held, as macOS tells it."""
    event = QKeyEvent(QEvent.Type.KeyPress, key, ALT, 0, code, 0, text)
    QApplication.sendEvent(window.canvas, event)
    QApplication.processEvents()


def test_option_and_a_digit_on_macos(
    window: Window, mode: CorrectMode, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = window.session
    second = session.vocabulary.values[1]
    mode.select([60])
    patch = session.patch_of(60)
    QTest.keyPress(window.canvas, Qt.Key.Key_Alt, ALT)
    monkeypatch.setattr(sys, "platform", "darwin")
    press(window, Qt.Key.Key_unknown, 19, "™")
    monkeypatch.undo()
    assert all(session.region(one).value == second for one in patch)
    assert len(session.history.done) == 1
    # Elsewhere these codes are other keys'.
    press(window, Qt.Key.Key_unknown, 18, "x")
    assert len(session.history.done) == 1
    monkeypatch.setattr(sys, "platform", "darwin")
    press(window, Qt.Key.Key_unknown, 25, "ª")
    assert "There is no class 9" in window.told[-1]
    QTest.keyRelease(window.canvas, Qt.Key.Key_Alt)
    press(window, Qt.Key.Key_unknown, 18, "x")
    monkeypatch.undo()
    assert len(session.history.done) == 1
