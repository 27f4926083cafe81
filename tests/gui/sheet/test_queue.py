"""The acts of a sheet while they wait: of which project they are, in which order, and when all is closed."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from napari_corrclip.gui.pages import Page
from napari_corrclip.gui.project.keeping import reviewer
from napari_corrclip.gui.sheet.window import SheetWindow
from napari_corrclip.gui.words.merging import MergeWish
from napari_corrclip.project.project import Project
from napari_corrclip.project.reviewing import read_session
from napari_corrclip.project.sheet.acts import DecidedSheet
from napari_corrclip.project.sheet.regions import SheetRegion
from tests.gui.gates import Gate, before_method
from tests.gui.hand import click_at, turn_to
from tests.gui.person import MINUTE, Person, delete_now
from tests.gui.project.opened import shown
from tests.gui.sheet.sheet_hand import begin, names, press, undo, written

pytestmark = pytest.mark.canvas


def in_a_thread(_: object) -> bool:
    return threading.current_thread() is not threading.main_thread()


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Iterator[Gate]:
    """A closed gate before what a thread decides."""
    made = before_method(monkeypatch, Project, "decide_steps")
    made.close(in_a_thread)
    yield made
    made.open()


def at_the_gate(person: Person, gate: Gate) -> None:
    person.qtbot.waitUntil(lambda: gate.waiting > 0, timeout=MINUTE)


def sheets_of(folder: Path) -> list[DecidedSheet]:
    with Project.open(folder, read_only=True) as project:
        return project.decided_sheets()


def now(folder: Path, regions: list[SheetRegion]) -> list[SheetRegion]:
    with Project.open(folder, read_only=True) as project:
        return project.read_regions(regions)


def decided_before(folder: Path, by: str, number: int = 3) -> DecidedSheet:
    """Decide about some regions as somebody does without the window."""
    with Project.open(folder) as project:
        undecided = project.read_regions(project.sheet(progress=False).page(0))
        some = dict.fromkeys(undecided[:number], project.vocabulary.values[1])
        return project.decide(some, by=by, progress=False)


def off_the_image(person: Person, sheet: SheetWindow) -> int:
    """Return the row of a region that is not of the image that is open."""
    here = person.dock.projects.review.record
    assert here is not None
    return next(row for row, cell in enumerate(sheet.model) if cell.region.item.id != here.id)


def test_an_act_belongs_to_its_project_whichever_is_open(
    person: Person, folder: Path, tmp_path: Path, gate: Gate
) -> None:
    shutil.copytree(folder.parent, tmp_path / "other")
    other = tmp_path / "other" / folder.name
    sheet = begin(person, folder)
    decided_before(other, sheet.deciding.by)
    press(sheet, "a")
    at_the_gate(person, gate)
    person.dock.open_project(str(other))
    review = person.dock.projects.review
    person.qtbot.waitUntil(
        lambda: review.project is not None and review.project.folder == other, timeout=MINUTE
    )
    assert names(sheet) == []  # no key does anything to what was there
    shown(person)
    turn_to(person, Page.IMAGES)
    click_at(person, person.dock.projects.panel.sheet_button)
    person.qtbot.waitUntil(lambda: sheet.sheet is not None, timeout=MINUTE)
    assert not any(cell.said for cell in sheet.model)
    gate.open()
    written(person)
    assert sum(each.regions for each in sheets_of(folder)) == 24
    undo(sheet)
    written(person)
    assert sheet.said.text() == "Took back 3 regions."
    undo(sheet)
    written(person)
    assert "Nothing was decided" in sheet.said.text()
    assert [each.undone for each in sheets_of(other)] == [True]
    assert not any(each.undone for each in sheets_of(folder))


def test_what_could_not_be_done_to_another_project_is_told_with_its_name(
    person: Person, folder: Path, tmp_path: Path, gate: Gate
) -> None:
    shutil.copytree(folder.parent, tmp_path / "other")
    sheet = begin(person, folder)
    row = off_the_image(person, sheet)
    region = sheet.model.cells[row].region
    sheet.view.setCurrentIndex(sheet.model.index(row))
    press(sheet, "1")
    at_the_gate(person, gate)
    person.dock.open_project(str(tmp_path / "other" / folder.name))
    shown(person)
    with Project.open(folder) as project, project.session(region.item):
        gate.open()
        written(person)
    assert sheet.said.text().startswith(f"{folder.name!r}: Not decided: {region.item.title}: ")


@pytest.mark.parametrize("how", ["the window", "the dock"])
def test_what_waits_is_written_when_all_is_closed(
    person: Person, folder: Path, gate: Gate, how: str, caplog: pytest.LogCaptureFixture
) -> None:
    sheet = begin(person, folder)
    here = shown(person).items()[0]
    regions = [cell.region for cell in sheet.model]
    press(sheet, "a")
    at_the_gate(person, gate)
    regions += [cell.region for cell in sheet.model]
    press(sheet, "a")
    assert sum(region.item.id == here.id for region in regions[24:]) > 1  # of the open one, too
    threading.Timer(0.5, gate.open).start()
    if how == "the dock":
        person.dock.cleanup()
    person.dock.setParent(None)
    person.dock.deleteLater()
    delete_now()
    assert all(region.state == "accepted" for region in now(folder, regions))
    assert [each.regions for each in sheets_of(folder)] == [24, len(regions) - 24]
    with Project.open(folder, read_only=True) as project:
        verdicts = [len(read_session(project.folder_of(item)).state.verdicts) for item in project]
    assert sum(verdicts) == len(regions)
    assert [record for record in caplog.records if record.name.startswith("napari_corrclip")] == []


def test_what_cannot_be_written_at_the_end_is_in_the_log(
    person: Person, folder: Path, gate: Gate, caplog: pytest.LogCaptureFixture
) -> None:
    sheet = begin(person, folder)
    row = off_the_image(person, sheet)
    region = sheet.model.cells[row].region
    press(sheet, "a")
    at_the_gate(person, gate)
    undo(sheet)  # which waits, too
    with Project.open(folder) as project, project.session(region.item):
        threading.Timer(0.5, gate.open).start()
        person.dock.cleanup()
    said = [record.getMessage() for record in caplog.records]
    assert [text.partition(":")[0] for text in said] == ["Not decided"]
    assert region.item.title in said[0]
    assert [each.undone for each in sheets_of(folder)] == [True]


def test_undo_comes_in_the_order_of_asking(person: Person, folder: Path, gate: Gate) -> None:
    sheet = begin(person, folder)
    project = shown(person)
    row = off_the_image(person, sheet)
    region = sheet.model.cells[row].region
    sheet.view.setCurrentIndex(sheet.model.index(row))
    press(sheet, "1")
    at_the_gate(person, gate)
    undo(sheet)
    press(sheet, "2")
    gate.open()
    written(person)
    (after,) = project.read_regions([region])
    assert (after.state, after.value) == ("assigned", project.vocabulary.values[1])
    assert [each.undone for each in project.decided_sheets()] == [True, False]
    # What waits only is not begun at all.
    gate.close(in_a_thread)
    press(sheet, "3")
    at_the_gate(person, gate)
    press(sheet, "1")
    undo(sheet)
    gate.open()
    written(person)
    assert len(project.decided_sheets()) == 3
    (after,) = project.read_regions([region])
    assert after.value == project.vocabulary.values[2]


def decide_alone(person: Person, sheet: SheetWindow, row: int, key: str) -> SheetRegion:
    """Give one region a class, and return it as it was."""
    region = sheet.model.cells[row].region
    sheet.view.setCurrentIndex(sheet.model.index(row))
    press(sheet, key)
    written(person)
    assert sheet.said.text() == ""
    return region


def test_what_others_decided_and_classes_that_went_are_not_taken_back(
    person: Person, folder: Path
) -> None:
    mine = decided_before(folder, reviewer())
    others = decided_before(folder, "Ann")
    with Project.open(folder) as project:
        gone = project.vocabulary.names[2]
        removed = project.remove_class(gone, by=reviewer(), progress=False)
    sheet = begin(person, folder)
    project = shown(person)
    undo(sheet)
    written(person)
    assert sheet.said.text() == "Took back 3 regions."
    undo(sheet)
    assert "Nothing was decided by you" in sheet.said.text()
    assert gone not in project.vocabulary.names
    assert removed is not None
    undone = {each.number for each in project.decided_sheets() if each.undone}
    assert undone == {mine.number}
    assert {others.number, removed.number}.isdisjoint(undone)


def test_an_open_sheet_follows_the_classes(person: Person, folder: Path) -> None:
    sheet = begin(person, folder)
    project = shown(person)
    red, green, blue = project.vocabulary.classes
    was_red = [row for row, name in enumerate(names(sheet)) if name == red.name]
    assert was_red
    assert person.dock.motions.merge(MergeWish((red.value,), green.value, False))
    assert {names(sheet)[row] for row in was_red} == {green.name}
    assert f"1 {green.name} · 2 {blue.name} · Backspace left out" in sheet.keys.text()
    region = decide_alone(person, sheet, was_red[0], "2")
    (after,) = project.read_regions([region])
    assert (after.state, after.value) == ("assigned", blue.value)
