"""A hand at the contact sheet: clicks and keys where its grid is, and what is waited for."""

from __future__ import annotations

from pathlib import Path

from qtpy.QtCore import QPoint, Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication

from napari_corrclip.gui.pages import Page
from napari_corrclip.gui.sheet.window import SheetWindow
from tests.gui.hand import click_at, turn_to
from tests.gui.person import MINUTE, Person
from tests.gui.project.opened import shown


def begin(person: Person, folder: Path) -> SheetWindow:
    """Open the project, and its sheet by the button on the page of the images."""
    dock = person.dock
    dock.open_project(str(folder))
    shown(person)
    person.qtbot.waitUntil(lambda: dock.workspace.session is not None, timeout=MINUTE)
    turn_to(person, Page.IMAGES)
    click_at(person, dock.projects.panel.sheet_button)
    person.qtbot.waitUntil(lambda: dock.sheet.sheet is not None, timeout=MINUTE)
    pictures(person)
    return dock.sheet


def pictures(person: Person) -> None:
    """Wait until all pictures are there."""
    sheet = person.dock.sheet
    person.qtbot.waitUntil(
        lambda: (
            not sheet._soon.isActive()
            and not sheet._pictures.running
            and not sheet._contexts.running
        ),
        timeout=MINUTE,
    )


def written(person: Person) -> None:
    """Wait until all that was decided is."""
    person.qtbot.waitUntil(lambda: not person.dock.sheet.deciding.running, timeout=MINUTE)
    QApplication.processEvents()


def place_of(sheet: SheetWindow, row: int) -> QPoint:
    """Where a region is seen on the page."""
    where = sheet.view.visualRect(sheet.model.index(row)).center()
    port = sheet.view.viewport()
    assert port is not None
    assert port.rect().contains(where)
    return where


def click_on(sheet: SheetWindow, row: int) -> None:
    """Click on a region where it is on the screen, on whatever lies there."""
    port, window = sheet.view.viewport(), sheet.view.window()
    assert port is not None
    assert window is not None
    where = port.mapTo(window, place_of(sheet, row))
    there = window.childAt(where)
    assert there is port
    QTest.mouseClick(there, Qt.MouseButton.LeftButton, pos=there.mapFrom(window, where))
    QApplication.processEvents()


def press(sheet: SheetWindow, *keys: Qt.Key | str) -> None:
    """Press keys where the keyboard is, which is at the grid."""
    for key in keys:
        at = QApplication.focusWidget() or sheet.view
        assert at is sheet.view
        QTest.keyClick(at, key)
        QApplication.processEvents()


def undo(sheet: SheetWindow) -> None:
    QTest.keyClick(sheet.view, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    QApplication.processEvents()


def names(sheet: SheetWindow) -> list[str]:
    return [cell.title for cell in sheet.model]


def mark_all(sheet: SheetWindow) -> None:
    QTest.keyClick(sheet.view, Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
    QApplication.processEvents()
