"""Images that are opened, and images that are changed in the background: never both at once."""

from __future__ import annotations

import shutil
from pathlib import Path

import imageio.v3 as iio
import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication

from napari_corrclip.demo.scenes import generate_scene
from napari_corrclip.gui.pages import Page
from napari_corrclip.gui.words.merging import AgainDialog
from napari_corrclip.gui.words.removal import TAKE_BACK, RemovalDialog
from napari_corrclip.project.project import Project
from napari_corrclip.project.reviewing import read_session
from tests.gui.gates import Gate, at_stage
from tests.gui.hand import choose, click_at, turn_to
from tests.gui.menus import ask, press, row_of
from tests.gui.person import MINUTE, Person, answer
from tests.gui.project.opened import key, name_shown, prelabelled, shown
from tests.gui.project.reviewer import SCENE
from tests.gui.sheet.sheet_hand import click_on, pictures, undo, written
from tests.gui.sheet.sheet_hand import press as press_on_sheet

pytestmark = pytest.mark.canvas

DOWN, UP = Qt.Key.Key_PageDown, Qt.Key.Key_PageUp


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project of three scenes that was run, with decisions as red on the first two."""
    folder = tmp_path_factory.mktemp("turns") / "scenes"
    folder.mkdir()
    for number in range(3):
        iio.imwrite(folder / f"scene {number}.png", generate_scene(number).image[:96, :128])
    made = prelabelled(folder)
    with Project.open(made) as project:
        for number in range(2):
            with project.session(SCENE.format(number), by="Ann") as session:
                session.assign(session.ids[: 2 + number].tolist(), "red")
    return made


@pytest.fixture
def project(person: Person, run: Path, tmp_path: Path) -> Project:
    """The project, open at its first image."""
    shutil.copytree(run.parent, tmp_path / "turns")
    person.dock.open_project(str(tmp_path / "turns" / run.name))
    found = shown(person)
    review = person.dock.projects.review
    if name_shown(person) != "scene 0":
        review.show(found.item(SCENE.format(0)))
    settled(person, 0)
    turn_to(person, Page.CORRECT)
    return found


def settled(person: Person, number: int) -> None:
    """Wait until an image is open, with its session."""
    review = person.dock.projects.review
    person.qtbot.waitUntil(
        lambda: (
            name_shown(person) == f"scene {number}" and not review.is_opening and review.has_session
        ),
        timeout=MINUTE,
    )


def idle(person: Person) -> None:
    """Wait until nothing is at work in the background, and no image is on its way."""
    dock = person.dock
    person.qtbot.waitUntil(
        lambda: (
            not dock.motions.running
            and not dock.sheet.deciding.running
            and not dock.controller.running
            and not dock.projects.review.is_opening
        ),
        timeout=MINUTE,
    )


def decided(project: Project, number: int) -> list[str]:
    """Return what regions of an image are decided as, as its session is on the disk."""
    session = read_session(project.folder_of(SCENE.format(number)))
    names = {class_.value: class_.name for class_ in session.vocabulary}
    return [names[verdict.value] for _, verdict in sorted(session.state.verdicts.items())]


def remove(person: Person, name: str) -> None:
    """Remove a class from the set, and take back what was decided as it."""

    def reply(dialog: RemovalDialog) -> None:
        for box in dialog.boxes.values():
            choose(box, TAKE_BACK)
        press(dialog, "Remove")

    answer(RemovalDialog, reply)
    person.dock.words.table.select([row_of(person, name)])
    click_at(person, person.dock.words.remove_button)


def held(person: Person, gate: Gate) -> None:
    person.qtbot.waitUntil(gate.reached, timeout=MINUTE)


def row_in(person: Person, project: Project, number: int) -> int:
    """Open the sheet, and turn to a page that has a region of an image; return its row."""
    turn_to(person, Page.IMAGES)
    sheet, item = person.dock.sheet, project.item(SCENE.format(number)).id
    click_at(person, person.dock.projects.panel.sheet_button)
    person.qtbot.waitUntil(lambda: sheet.sheet is not None, timeout=MINUTE)
    assert sheet.sheet is not None
    for _ in range(sheet.sheet.pages):
        rows = [row for row, cell in enumerate(sheet.model) if cell.region.item.id == item]
        if rows:
            pictures(person)
            return rows[0]
        press_on_sheet(sheet, DOWN)
    raise AssertionError(f"no region of image {number} is on the sheet")


def look_around(person: Person, milliseconds: int = 600) -> None:
    """Let an image that may be opened be opened."""
    QTest.qWait(milliseconds)
    QApplication.processEvents()


def test_an_image_that_is_returned_to_while_a_class_goes_does_not_get_it_again(
    person: Person, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = at_stage(monkeypatch, "take back")
    remove(person, "red")
    held(person, gate)
    for turn in (DOWN, DOWN, UP, UP):
        key(person, turn)
        look_around(person)
    gate.open()
    idle(person)
    settled(person, 0)
    assert "red" not in project.vocabulary.names
    assert "red" not in person.dock.session.vocabulary.names
    assert [decided(project, number) for number in range(3)] == [[], [], []]


def told_at(person: Person, gate: Gate) -> str:
    """Ask for the next image while others are changed, and let that end; return what was told meanwhile."""
    held(person, gate)
    key(person, DOWN)
    look_around(person)
    said = person.dock.status.text()
    gate.open()
    idle(person)
    settled(person, 1)
    return said


def test_an_image_that_is_about_to_lose_a_class_opens_when_it_has(
    person: Person, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = at_stage(monkeypatch, "take back")
    remove(person, "red")
    said = told_at(person, gate)
    assert said == "'scene 1.png' opens when 'red' is taken back on all images."
    assert "red" not in project.vocabulary.names
    assert decided(project, 1) == []
    assert not person.dock.session.state.verdicts
    record = project.removed_classes()["red"]
    assert sorted(len(item.regions) for item in record.items) == [2, 3]


def test_a_decision_of_the_sheet_is_made_in_an_image_that_is_opened_meanwhile(
    person: Person, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    dock = person.dock
    sheet, row = dock.sheet, row_in(person, project, 2)
    gate = at_stage(monkeypatch, "decide")
    click_on(sheet, row)
    press_on_sheet(sheet, "3")
    held(person, gate)
    at = sheet.view.visualRect(sheet.model.index(row)).center()
    port = sheet.view.viewport()
    assert port is not None
    QTest.mouseDClick(port, Qt.MouseButton.LeftButton, pos=at)
    look_around(person)
    gate.open()
    idle(person)
    settled(person, 2)
    assert decided(project, 2) == ["blue"]
    assert list(dock.session.state.verdicts) == [sheet.model.cells[row].region.region]
    assert dock.workspace.journal is not None
    # It is taken back there while the image is left.
    key(person, UP)
    settled(person, 1)
    gate = at_stage(monkeypatch, "take back")
    undo(sheet)
    held(person, gate)
    key(person, DOWN)
    look_around(person)
    gate.open()
    idle(person)
    settled(person, 2)
    assert not dock.session.state.verdicts
    assert decided(project, 2) == []
    assert dock.workspace.journal is not None


def test_the_sheet_waits_for_an_image_that_is_on_its_way(
    person: Person, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    dock = person.dock
    sheet, row = dock.sheet, row_in(person, project, 2)
    gate = at_stage(monkeypatch, "count the regions")
    key(person, DOWN)
    key(person, DOWN)
    held(person, gate)
    window = sheet.view.window()
    assert window is not None
    window.activateWindow()
    sheet.view.setFocus()
    click_on(sheet, row)
    press_on_sheet(sheet, "3")
    look_around(person)
    gate.open()
    written(person)
    idle(person)
    settled(person, 2)
    assert list(dock.session.state.verdicts) == [sheet.model.cells[row].region.region]
    assert decided(project, 2) == ["blue"]
    assert dock.session.history.done[-1].title == "Sheet 1: 1 region decided"
    assert dock.workspace.journal is not None


def test_the_sheet_waits_for_a_class_that_goes(
    person: Person, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    dock = person.dock
    gate = at_stage(monkeypatch, "take back")
    remove(person, "red")
    held(person, gate)
    sheet, row = dock.sheet, row_in(person, project, 1)
    assert [class_.name for class_ in project.vocabulary] == ["red", "green", "blue"]
    click_on(sheet, row)
    press_on_sheet(sheet, "1")
    look_around(person)
    gate.open()
    idle(person)
    assert sheet.said.text() == "'red' is no class of the set any more; give another class."
    assert decided(project, 1) == []
    click_on(sheet, row)
    press_on_sheet(sheet, "2")
    written(person)
    assert decided(project, 1) == ["blue"]
    assert project.vocabulary.names == ("green", "blue")


def test_an_image_that_is_about_to_have_a_class_again_opens_when_it_has(
    person: Person, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    remove(person, "red")
    idle(person)
    gate = at_stage(monkeypatch, "take back")
    answer(AgainDialog, lambda dialog: press(dialog, "Bring back"))
    ask(person, "blue", "Bring back…")
    held(person, gate)
    key(person, DOWN)
    look_around(person)
    gate.open()
    idle(person)
    settled(person, 1)
    assert decided(project, 1) == ["red"] * 3
    assert sorted(person.dock.session.state.verdicts) == person.dock.session.ids[:3].tolist()


def test_an_image_that_is_about_to_part_a_class_opens_when_it_has(
    person: Person, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert person.dock.motions.classes is not None
    project.merge_classes("red", "blue")
    with Project.open(project.folder) as other, other.session(SCENE.format(1), by="Ann") as session:
        assert "red" not in session.vocabulary.names
    gate = at_stage(monkeypatch, "take the merging back")
    answer(AgainDialog, lambda dialog: press(dialog, "Part again"))
    ask(person, "green", "Part again…")
    said = told_at(person, gate)
    assert said == "'scene 1.png' opens when 'red' is a class again on all images."
    assert decided(project, 1) == ["red"] * 3
    assert "Left as it was" not in person.dock.status.text()
