"""Classes that are typed at one image of a project, beside what other images, windows and undos have."""

from __future__ import annotations

from pathlib import Path

import pytest
from qtpy.QtCore import Qt

from napari_corrclip.gui.pages import Page
from napari_corrclip.project.project import Project
from napari_corrclip.vocabulary import Vocabulary
from tests.gui.hand import turn_to, write
from tests.gui.person import MINUTE, Person
from tests.gui.project.opened import key, name_shown, prelabelled, shown

pytestmark = pytest.mark.canvas


def opened(person: Person, images: Path) -> Project:
    person.dock.open_project(str(prelabelled(images)))
    project = shown(person)
    person.qtbot.waitUntil(lambda: name_shown(person) == "scene 0", timeout=MINUTE)
    turn_to(person, Page.CORRECT)
    return project


def go_to(person: Person, name: str, pressed: Qt.Key) -> None:
    person.qtbot.waitUntil(lambda: not person.dock.controller.running, timeout=MINUTE)
    key(person, pressed)
    person.qtbot.waitUntil(
        lambda: name_shown(person) == name and not person.dock.projects.review.is_opening,
        timeout=MINUTE,
    )


def add(person: Person, name: str) -> None:
    write(person, person.dock.words.line, name)
    person.qtbot.waitUntil(
        lambda: name in person.dock.session.vocabulary.names and not person.dock.controller.running,
        timeout=MINUTE,
    )


def values(words: Vocabulary) -> dict[str, int]:
    return {class_.name: class_.value for class_ in words.classes}


def test_an_undone_class_stays_what_it_is_on_other_images(person: Person, images: Path) -> None:
    project = opened(person, images)
    add(person, "black circle")
    go_to(person, "scene 1", Qt.Key.Key_PageDown)
    region = int(person.dock.session.ids[0])
    person.dock.session.assign([region], "black circle")
    go_to(person, "scene 0", Qt.Key.Key_PageUp)
    while "black circle" in person.dock.session.vocabulary.names:
        person.dock.session.undo()
    add(person, "white cross")
    found = values(project.vocabulary)
    assert found["black circle"] == 4
    assert found["white cross"] == 5
    go_to(person, "scene 1", Qt.Key.Key_PageDown)
    session = person.dock.session
    verdict = next(row.verdict for row in session.rows() if row.id == region)
    assert verdict is not None
    assert session.vocabulary.by_value(4).name == "black circle"
    assert (session.labels[session.regions == region] == 4).all()


def test_what_another_window_typed_meanwhile_stays(person: Person, images: Path) -> None:
    project = opened(person, images)
    with Project.open(project.folder) as beside:
        before = beside.vocabulary
        beside.change_classes(before, beside.classes_beside(before, before.add("wood")))
    add(person, "white cross")
    found = values(project.vocabulary)
    assert found == {"red": 1, "green": 2, "blue": 3, "wood": 4, "white cross": 5}
    assert values(person.dock.session.vocabulary)["white cross"] == 5
    go_to(person, "scene 1", Qt.Key.Key_PageDown)
    assert values(person.dock.session.vocabulary) == found
