"""The contact sheet before a person: marked by mouse and keys, decided a page at a time, taken back."""

from __future__ import annotations

from pathlib import Path

import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QInputDialog, QLineEdit

from napari_corrclip.gui.pages import Page
from napari_corrclip.gui.sheet.window import SheetWindow
from napari_corrclip.project.project import Project
from napari_corrclip.project.records import ItemState
from napari_corrclip.project.reviewing import read_session
from napari_corrclip.wording.amounts import size_text
from tests.gui.hand import choose, click_at, turn_to
from tests.gui.person import MINUTE, Person, answer
from tests.gui.project.opened import name_shown, shown
from tests.gui.sheet.sheet_hand import (
    begin,
    click_on,
    mark_all,
    names,
    pictures,
    place_of,
    press,
    undo,
    written,
)
from tests.gui.window import settle

pytestmark = pytest.mark.canvas


def picture_of(sheet: SheetWindow, path: Path) -> None:
    """Keep a picture of the window, to be looked at."""
    window = sheet.view.window()
    assert window is not None
    window.grab().save(str(path))


def verdicts(project: Project, number: int) -> dict[int, tuple[str, int]]:
    folder = project.folder_of(f"../scenes/scene {number}.png")
    said = read_session(folder).state.verdicts
    return {region: (verdict.kind, verdict.value) for region, verdict in said.items()}


def test_a_page_is_decided_by_mouse_and_keys_and_lands_in_the_sessions(
    person: Person, folder: Path
) -> None:
    sheet = begin(person, folder)
    project = shown(person)
    assert sheet.sheet is not None
    total = sum(item.regions or 0 for item in project)
    assert sheet.text.text() == f"{total} regions · page 1 of {-(-total // 24)}"
    regions = [cell.region for cell in sheet.model]
    assert [each.p for each in regions] == sorted(each.p for each in regions)
    assert len(regions) == 24
    grabbed = sheet.view.grab().toImage()  # each has its picture, and not the ground alone
    for row in range(24):
        where = place_of(sheet, row)
        seen = {grabbed.pixel(where.x() + by, where.y()) for by in range(-60, 60)}
        assert len(seen) > 5, row
    session = person.dock.workspace.session
    assert session is not None

    # Two are wrong: one by the mouse, one by the keyboard; their class by its digit.
    click_on(sheet, 2)
    press(sheet, Qt.Key.Key_Right, Qt.Key.Key_Right, Qt.Key.Key_Space)
    assert sheet.model.marked == [2, 4]
    assert "2 marked" in sheet.text.text()
    pictures(person)
    picture_of(sheet, folder.parent / "sheet.png")
    press(sheet, "2")
    green = project.vocabulary.classes[1]
    assert [names(sheet)[row] for row in (2, 4)] == ["green", "green"]
    # The rest is right: the next page comes by itself, and nobody waits for the disk.
    press(sheet, "a")
    assert sheet.bar.value() == 1
    written(person)
    assert sheet.said.text() == ""
    now = {each.place: each for each in project.read_regions(each.place for each in regions)}
    for row, region in enumerate(regions):
        after = now[region.place]
        expected = ("assigned", green.value) if row in (2, 4) else ("accepted", region.value)
        assert (after.state, after.value) == expected
    by_image = {item.id: item for item in project}
    for number, item in enumerate(by_image.values()):
        mine = {each.region for each in regions if each.item.id == item.id}
        kept = verdicts(project, number)
        if number:  # of the image that is open it is written behind
            assert set(kept) == mine
            assert item.state is ItemState.IN_REVIEW
    # That image is open: it was decided in its session, and can be undone there.
    mine = {each.region for each in regions if each.item.id == project.items()[0].id}
    assert mine
    assert set(session.state.verdicts) == mine
    assert [step.title.partition(":")[0] for step in session.history.done] in (
        ["Sheet 1", "Sheet 2"], ["Sheet 2"],
    )  # fmt: skip

    # The page is another one; back there, what was decided stands; Ctrl+Z takes back act after act.
    press(sheet, Qt.Key.Key_PageUp)
    assert sheet.bar.value() == 0
    assert all(not cell.is_open for cell in sheet.model)
    undo(sheet)
    written(person)
    assert sheet.said.text() == "Took back 22 regions."
    assert sum(cell.is_open for cell in sheet.model) == 22
    undo(sheet)
    written(person)
    assert all(cell.is_open for cell in sheet.model)
    assert session.state.verdicts == {}
    assert [verdicts(project, number) for number in range(3)] == [{}, {}, {}]
    undo(sheet)
    assert "Nothing was decided" in sheet.said.text()


def test_a_page_that_is_mostly_wrong_gets_its_class_but_for_some(
    person: Person, folder: Path
) -> None:
    sheet = begin(person, folder)
    project = shown(person)
    regions = [cell.region for cell in sheet.model]
    mark_all(sheet)
    assert sheet.model.marked == list(range(24))
    mark_all(sheet)
    assert sheet.model.marked == []
    mark_all(sheet)
    click_on(sheet, 3)
    click_on(sheet, 5)
    press(sheet, "2")
    green = project.vocabulary.classes[1]
    # What is decided already is not marked again, and the rest of the page is right.
    mark_all(sheet)
    assert sheet.model.marked == [3, 5]
    mark_all(sheet)
    press(sheet, "a")
    written(person)
    assert sheet.bar.value() == 1
    now = {each.place: each for each in project.read_regions(each.place for each in regions)}
    for row, region in enumerate(regions):
        after = now[region.place]
        expected = ("accepted", region.value) if row in (3, 5) else ("assigned", green.value)
        assert (after.state, after.value) == expected


def test_a_sheet_is_narrowed_by_class_and_order_and_asked_for_what_looks_alike(
    person: Person, folder: Path
) -> None:
    sheet = begin(person, folder)
    project = shown(person)
    window = sheet.view.window()
    assert window is not None
    before = sheet.sheet
    choose(sheet.classes, "green")
    sheet.classes.textActivated.emit("green")  # as Enter does in its list
    person.qtbot.waitUntil(lambda: sheet.sheet is not before, timeout=MINUTE)
    assert set(names(sheet)) == {"green"}
    before = sheet.sheet
    choose(sheet.order, "most alike together")
    sheet.order.textActivated.emit("most alike together")
    person.qtbot.waitUntil(lambda: sheet.sheet is not before, timeout=MINUTE)
    assert before is not None
    assert sheet.sheet is not None
    assert len(sheet.sheet) == len(before)
    sheet.view.setFocus()
    first = sheet.model.cells[3].region
    click_on(sheet, 3)
    before = sheet.sheet
    press(sheet, "m")
    person.qtbot.waitUntil(lambda: sheet.sheet is not before, timeout=MINUTE)
    assert sheet.model.cells[0].region.place == first.place
    assert sheet.all_button.isVisible()
    before = sheet.sheet
    click_at(person, sheet.all_button)
    person.qtbot.waitUntil(lambda: sheet.sheet is not before, timeout=MINUTE)
    assert not sheet.all_button.isVisible()
    # Its neighbours are seen beside it, under the mouse or the keyboard.
    pictures(person)
    sheet.view.setFocus()
    press(sheet, Qt.Key.Key_Right)
    pictures(person)
    assert f"region {sheet.model.cells[1].region.region} of" in sheet.details.text()
    QTest.mouseMove(sheet.view.viewport(), place_of(sheet, 7))
    person.qtbot.waitUntil(
        lambda: f"region {sheet.model.cells[7].region.region} of" in sheet.details.text(),
        timeout=MINUTE,
    )
    assert sheet.picture.pixmap().width() == 300
    assert project.crops.size > 0
    assert sheet.kept.text() == f"pictures kept: {size_text(project.crops.size)}"


def test_examples_become_a_class_and_a_double_click_opens_the_image(
    person: Person, folder: Path
) -> None:
    sheet = begin(person, folder)
    project = shown(person)
    press(sheet, Qt.Key.Key_Space, Qt.Key.Key_Right, Qt.Key.Key_Space)
    chosen = [cell.region for cell in sheet.model][:2]

    def name_it(dialog: QInputDialog) -> None:
        line = dialog.findChild(QLineEdit)
        assert line is not None
        QTest.keyClicks(line, "hedge")
        QTest.keyClick(line, Qt.Key.Key_Return)

    clock = answer(QInputDialog, name_it)
    press(sheet, "n")
    clock.stop()
    written(person)
    assert project.vocabulary.names[-1] == "hedge"
    assert {each.name for each in project.read_regions(each.place for each in chosen)} == {"hedge"}
    assert "4 hedge" in sheet.keys.text()
    assert names(sheet)[:2] == ["hedge", "hedge"]
    press(sheet, Qt.Key.Key_Right, "4")  # none is marked: that which the keyboard is at
    written(person)
    assert [cell.region.name for cell in sheet.model][:3] == ["hedge"] * 3

    row = next(row for row, cell in enumerate(sheet.model) if "scene 2" in cell.region.item.path)
    region = sheet.model.cells[row].region
    port = sheet.view.viewport()
    QTest.mouseClick(port, Qt.MouseButton.LeftButton, pos=place_of(sheet, row))
    QTest.mouseDClick(port, Qt.MouseButton.LeftButton, pos=place_of(sheet, row))
    person.qtbot.waitUntil(lambda: name_shown(person) == "scene 2", timeout=MINUTE)
    shown(person)
    settle(person.viewer)
    assert person.dock.correct.mode is not None
    assert person.dock.correct.mode.selection == (region.region,)
    assert sheet.model.marked == []


def test_what_was_decided_is_written_though_project_and_window_close(
    person: Person, folder: Path
) -> None:
    sheet = begin(person, folder)
    press(sheet, Qt.Key.Key_Space, "1", Qt.Key.Key_Right, Qt.Key.Key_Space, "2", "a")
    person.dock.projects.review.close()
    window = sheet.view.window()
    assert window is not None
    assert not window.isVisible()
    written(person)
    with Project.open(folder, read_only=True) as project:
        assert sum(sheet.regions for sheet in project.decided_sheets()) == 24
        counted = sum((item.regions or 0) - (item.undecided or 0) for item in project)
        assert counted == 24
    # The next day it can be taken back, the last first.
    sheet = begin(person, folder)
    undo(sheet)
    written(person)
    assert sheet.said.text() == "Took back 22 regions."


def test_a_project_that_is_only_looked_at_is_not_decided(person: Person, folder: Path) -> None:
    project = Project.open(folder, read_only=True)
    person.dock.projects.opened(project, run=False)
    shown(person)
    turn_to(person, Page.IMAGES)
    sheet = person.dock.sheet
    click_at(person, person.dock.projects.panel.sheet_button)
    person.qtbot.waitUntil(lambda: sheet.sheet is not None, timeout=MINUTE)
    pictures(person)
    assert not sheet.accept_button.isEnabled()
    press(sheet, Qt.Key.Key_Space, "1", "a")
    assert sheet.said.text() == "The project can only be looked at."
    assert project.decided_sheets() == []
    assert not (folder / "crops.sqlite").exists()
