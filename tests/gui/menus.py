"""The menu of the classes, by mouse and keys, and the buttons of what it asks."""

from __future__ import annotations

from qtpy.QtCore import QPoint, Qt
from qtpy.QtGui import QContextMenuEvent
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QDialog, QDialogButtonBox, QMenu

from napari_corrclip.gui.words.table import NAME
from tests.gui.person import MINUTE, Person


def press(dialog: QDialog, text: str) -> None:
    buttons = dialog.findChild(QDialogButtonBox)
    assert buttons is not None
    (found,) = [one for one in buttons.buttons() if one.text().replace("&", "") == text]
    QTest.mouseClick(found, Qt.MouseButton.LeftButton)


def row_of(person: Person, name: str) -> int:
    words = person.dock.words.vocabulary
    assert words is not None
    return words.names.index(name)


def ask(person: Person, name: str, entry: str, *, by_key: bool = False) -> None:
    """Open the menu of a class by the mouse or the menu key, and choose an entry there by keys."""
    table = person.dock.words.table
    port = table.viewport()
    assert port is not None
    model = table.model()
    assert model is not None
    at = table.visualRect(model.index(row_of(person, name), NAME)).center()
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
    texts = [action.text() for action in menu.actions()]
    for _ in range(1 + texts.index(entry)):
        QTest.keyClick(menu, Qt.Key.Key_Down)
    QTest.keyClick(menu, Qt.Key.Key_Return)
