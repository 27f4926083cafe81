"""A reviewer of a project in its window: turns to images, verifies, runs, and asks what the index knows."""

from __future__ import annotations

from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

from napari_corrclip.gui.pages import Page
from napari_corrclip.gui.project.view import HEIGHT
from napari_corrclip.project.project import Project
from tests.gui.hand import click_at, turn_to
from tests.gui.person import MINUTE, Person
from tests.gui.project.opened import key, name_shown, shown

SCENE = "../scenes/scene {}.png"
"""The path of an image, by its number."""


def go_to(person: Person, number: int, turn: Qt.Key = Qt.Key.Key_PageDown) -> None:
    """Turn to the next image, and wait until its session is open."""
    key(person, turn)
    person.qtbot.waitUntil(lambda: name_shown(person) == f"scene {number}", timeout=MINUTE)
    shown(person)


def click_on(person: Person, row: int) -> None:
    """Click on a row of the list."""
    if person.dock.pages.page is not Page.IMAGES:
        turn_to(person, Page.IMAGES)
    view = person.dock.projects.panel.view
    port = view.viewport()
    assert port is not None
    where = view.visualRect(view.model().index(row, 0)).center()  # type: ignore[union-attr]
    assert 0 < where.y() < port.height() + HEIGHT
    QTest.mouseClick(port, Qt.MouseButton.LeftButton, pos=where)


def verify(person: Person) -> None:
    key(person, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    shown(person)


def run(person: Person) -> None:
    """Press the run's button on the page of the images, and wait."""
    turn_to(person, Page.IMAGES)
    click_at(person, person.dock.projects.panel.run_button)
    person.qtbot.waitUntil(lambda: not person.dock.projects.run.running, timeout=MINUTE)


def left(project: Project, number: int) -> int:
    """How many regions of an image the index says to be decided."""
    record = project.item(SCENE.format(number))
    assert record.regions is not None
    assert record.undecided is not None
    return record.regions - record.undecided
