"""A hand at the dock: it clicks where something is seen, and types where the keyboard is."""

from __future__ import annotations

from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QComboBox, QLineEdit, QWidget

from napari_corrclip.gui.pages import Page
from tests.gui.person import Person


def click_at(person: Person, widget: QWidget) -> None:
    """Click where a hand could: in the middle of what is seen of a widget, on whatever lies there."""
    seen = widget.visibleRegion().boundingRect()
    assert seen.size() == widget.size(), f"{widget!r} is cut, or not to be seen"
    window = widget.window()
    assert window is not None
    where = widget.mapTo(window, seen.center())
    there = window.childAt(where)
    assert there is widget or widget.isAncestorOf(there), f"{there!r} lies over {widget!r}"
    QTest.mouseClick(there, Qt.MouseButton.LeftButton, pos=there.mapFrom(window, where))
    QApplication.processEvents()


def turn_to(person: Person, page: Page) -> None:
    """Click on the tab of a page."""
    tabs = person.dock.pages.tabs
    where = tabs.tabRect(list(Page).index(page)).center()
    QTest.mouseClick(tabs, Qt.MouseButton.LeftButton, pos=where)
    QApplication.processEvents()
    assert person.dock.pages.page is page


def choose(box: QComboBox, text: str) -> None:
    """Choose from a list by the keyboard."""
    click = box.findText(text)
    assert click >= 0, text
    box.setFocus()
    while box.currentIndex() != click:
        down = box.currentIndex() < click
        QTest.keyClick(box, Qt.Key.Key_Down if down else Qt.Key.Key_Up)
    QApplication.processEvents()


def write(person: Person, line: QLineEdit, text: str) -> None:
    """Type into a line, in place of what stands there."""
    click_at(person, line)
    line.selectAll()
    QTest.keyClicks(line, text)
    QTest.keyClick(line, Qt.Key.Key_Return)
    QApplication.processEvents()
