"""Classes that are typed at one image of a project, beside what other images, windows and undos have."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from qtpy.QtCore import Qt

from napari_corrclip.gui.pages import Page
from napari_corrclip.project.own_classes import bring_classes, told_of_classes
from napari_corrclip.project.project import Project
from napari_corrclip.project.reviewing import read_session
from napari_corrclip.vocabulary import Vocabulary
from tests.gui.hand import click_at, turn_to, write
from tests.gui.person import MINUTE, Person
from tests.gui.project.opened import key, name_shown, prelabelled, shown
from tests.gui.project.reviewer import SCENE

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


def remove(person: Person, name: str) -> None:
    """Take a class from the table of the image that is open."""
    words = person.dock.words
    assert words.vocabulary is not None
    words.table.selectRow(words.vocabulary.names.index(name))
    click_at(person, words.remove_button)
    person.qtbot.waitUntil(
        lambda: (
            name not in person.dock.session.vocabulary.names and not person.dock.controller.running
        ),
        timeout=MINUTE,
    )


def test_a_class_that_has_gone_from_the_set_is_told_where_regions_have_it(
    person: Person, images: Path
) -> None:
    project = opened(person, images)
    table = project.result(SCENE.format(1)).table
    value = int(table["value"][table["area"].argmax()])
    gone = project.vocabulary.by_value(value).name
    remove(person, gone)
    assert gone not in project.vocabulary.names
    add(person, "wood")
    go_to(person, "scene 1", Qt.Key.Key_PageDown)
    told = f"{gone!r} is no class of the set any more; this image has it until you remove it here."
    assert told in person.dock.status.text()
    # What came to the set can be said of this image all the same.
    assert values(person.dock.session.vocabulary) == {**values(project.vocabulary), gone: value}
    person.dock.session.assign(int(person.dock.session.ids[0]), "wood")
    go_to(person, "scene 0", Qt.Key.Key_PageUp)
    assert "no class of the set" not in person.dock.status.text()
    go_to(person, "scene 1", Qt.Key.Key_PageDown)
    assert told in person.dock.status.text()
    assert len(person.dock.session.history.done) == 2  # the classes came once
    remove(person, gone)
    go_to(person, "scene 0", Qt.Key.Key_PageUp)
    go_to(person, "scene 1", Qt.Key.Key_PageDown)
    assert "no class of the set" not in person.dock.status.text()
    assert values(person.dock.session.vocabulary) == values(project.vocabulary)


def test_a_value_that_is_another_class_in_the_set_is_told_and_stays_what_it_is_there(
    person: Person, images: Path
) -> None:
    project = opened(person, images)
    second = SCENE.format(1)
    with Project.open(project.folder) as beside, beside.session(second) as session:
        session.set_vocabulary(session.vocabulary.add("boat"), classify=False)
        region = int(session.ids[0])
        session.assign(region, "boat")
        add(person, "rock")  # at the first image, before the set hears of the other one
    assert values(project.vocabulary)["rock"] == session.vocabulary.classes[-1].value == 4
    go_to(person, "scene 1", Qt.Key.Key_PageDown)
    assert (
        "'boat' is 'rock' on other images. Give its regions another class here, then remove it."
        in person.dock.status.text()
    )
    add(person, "ship")
    assert values(project.vocabulary)["rock"] == 4
    person.dock.session.assign(region, "ship")
    remove(person, "boat")
    expected = {"red": 1, "green": 2, "blue": 3, "rock": 4, "ship": 5}
    assert values(project.vocabulary) == expected
    go_to(person, "scene 0", Qt.Key.Key_PageUp)
    go_to(person, "scene 1", Qt.Key.Key_PageDown)
    assert "on other images" not in person.dock.status.text()
    assert values(person.dock.session.vocabulary) == expected
    row = next(row for row in person.dock.session.rows() if row.id == region)
    assert row.value == 5


def test_classes_of_one_name_and_two_values_are_told(images: Path) -> None:
    with Project.open(prelabelled(images)) as project:
        session = read_session(project.folder_of(SCENE.format(0)))
        words = replace(session.vocabulary, next_value=7).add("Boat").add("crane")
        session.set_vocabulary(words, classify=False)
        project.choose(project.vocabulary.add("boat"))
        ours, names = project.vocabulary, project.names_of_values()
        bring_classes(session, ours, names)
        assert session.vocabulary == words
        assert told_of_classes(session, ours, names) == (
            "'Boat' is not the 'boat' of other images. Give its regions another class here, then remove it."
        )
        # One that the set never had is no clash.
        session.set_vocabulary(words.remove("Boat"), classify=False)
        bring_classes(session, ours, names)
        assert values(session.vocabulary) == {**values(ours), "crane": 8}
        assert told_of_classes(session, ours, names) == ""
