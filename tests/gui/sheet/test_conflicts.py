"""What two people decided otherwise, before a third: taken by keys and buttons on a sheet, and taken back."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

from napari_corrclip.engine.segmenter import Segmenter
from napari_corrclip.gui.pages import Page
from napari_corrclip.gui.sheet.window import SheetWindow
from napari_corrclip.project.project import Project
from napari_corrclip.project.sheet.regions import SheetRegion
from tests.gui.gates import at_stage
from tests.gui.hand import click_at, turn_to
from tests.gui.person import MINUTE, Person
from tests.gui.project.opened import shown
from tests.gui.sheet.sheet_hand import click_on, names, pictures, press, undo, written
from tests.project.joining.annotators import annotate, copied, run_set
from tests.project.small import RECIPE

pytestmark = pytest.mark.canvas


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two people's projects of three small scenes, and what was merged of them."""
    base = tmp_path_factory.mktemp("two")
    one = run_set(base, Segmenter.from_recipe(RECIPE))
    other = copied(one, "b")
    annotate(one, lambda _, region: "background" if region % 4 else "", "Ann")
    annotate(other, lambda _, region: ("", "blue", "background", "ignore")[region % 4], "Bo")
    with Project.open(one, read_only=True) as mine, Project.open(other, read_only=True) as theirs:
        merged = mine.merge(theirs, base / "both", progress=False)
    assert merged.open > 5
    return base


@pytest.fixture
def folder(base: Path, tmp_path: Path) -> Path:
    shutil.copytree(base, tmp_path, dirs_exist_ok=True)
    return tmp_path / "both.corrclip-project"


def begin(person: Person, folder: Path) -> tuple[Project, SheetWindow]:
    """Open the project, and the sheet of its conflicts by the button that tells of them."""
    dock = person.dock
    dock.open_project(str(folder))
    project = shown(person)
    person.qtbot.waitUntil(lambda: dock.workspace.session is not None, timeout=MINUTE)
    turn_to(person, Page.IMAGES)
    click_at(person, dock.projects.panel.conflicts_button)
    person.qtbot.waitUntil(lambda: dock.sheet.sheet is not None, timeout=MINUTE)
    pictures(person)
    return project, dock.sheet


def told(person: Person, text: str) -> None:
    """Wait until the page of the images says so; empty: it says nothing of conflicts."""
    button = person.dock.projects.panel.conflicts_button
    person.qtbot.waitUntil(
        lambda: (not button.isHidden() and button.text() == text) if text else button.isHidden(),
        timeout=MINUTE,
    )


def now(project: Project, region: SheetRegion) -> tuple[str, str]:
    (found,) = project.read_regions([region.place])
    return found.state, found.name


def test_conflicts_are_decided_on_their_sheet_by_keys_and_buttons(
    person: Person, folder: Path
) -> None:
    project, sheet = begin(person, folder)
    total = len(project.open_conflicts())
    told(person, f"{total} conflicts to decide…")
    assert sheet.text.text().startswith(f"{total} conflicts · page 1 of ")
    regions = [cell.region for cell in sheet.model]
    assert [each.area for each in regions] == sorted((each.area for each in regions), reverse=True)
    for cell in sheet.model:
        assert cell.conflict is not None
        assert cell.lines[0] == "[ Ann: background"
        assert cell.lines[1] in ("] Bo: blue", "] Bo: left out")
    assert "Ann: background, Bo: " in sheet.details.text()
    assert sheet.accept_button.isHidden()
    assert [each.text() for each in sheet.sides.buttons] == ["Take Ann's ([)", "Take Bo's (])"]
    said = [cell.conflict.said[1] for cell in sheet.model if cell.conflict is not None]
    blue, out = said.index("Bo: blue"), said.index("Bo: left out")
    rest = [row for row in range(len(said)) if row not in (blue, out)]

    # By the keys: Bo's word on two, one of which he left out; nothing is right unseen.
    press(sheet, "a")
    assert sheet.said.text() == "Of two people nobody is right unseen: [ and ] take their word."
    click_on(sheet, blue)
    click_on(sheet, out)
    assert ", the networks: " in sheet.details.text()
    press(sheet, "]")
    assert [names(sheet)[row] for row in (blue, out)] == ["blue", "left out"]
    assert sheet.said.text() == ""
    written(person)
    # Of what somebody has decided nothing is told of the networks.
    by, of = project.read_regions([regions[out].place])[0].by, "Ann: background, Bo: left out"
    assert sheet.details.text().startswith(f"{of}, decided: left out by {by}, region ")
    sheet.view.setCurrentIndex(sheet.model.index(blue))
    assert sheet.details.text().startswith(
        f"Ann: background, Bo: blue, decided: blue, assigned by {by}, region "
    )
    assert now(project, regions[blue]) == ("assigned", "blue")
    assert now(project, regions[out])[0] == "ignored"
    told(person, f"{total - 2} conflicts to decide…")
    # By the button: Ann's word; by its digit another class that neither had.
    click_on(sheet, rest[0])
    click_at(person, sheet.sides.buttons[0])
    sheet.view.setFocus()
    click_on(sheet, rest[1])
    press(sheet, "1")
    written(person)
    assert now(project, regions[rest[0]]) == ("assigned", "background")
    assert now(project, regions[rest[1]]) == ("assigned", "red")
    told(person, f"{total - 4} conflicts to decide…")
    with Project.open(folder, read_only=True) as seen:
        assert len(seen.open_conflicts()) == total - 4
    # Taken back act by act, they are open again.
    for left in (total - 3, total - 2, total):
        undo(sheet)
        written(person)
        told(person, f"{left} conflicts to decide…")
    assert [cell.region.state for cell in sheet.model] == [""] * len(regions)
    assert all(cell.is_open for cell in sheet.model)


def test_a_page_is_decided_as_one_has_and_the_rest_of_the_sheet_is_ordinary(
    person: Person, folder: Path
) -> None:
    project, sheet = begin(person, folder)
    total = len(project.open_conflicts())
    assert sheet.sheet is not None
    decided = 0
    for _ in range(sheet.sheet.pages):
        QTest.keyClick(sheet.view, Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
        decided += len(sheet.model.marked)
        press(sheet, "[")
        written(person)
        assert set(names(sheet)) == {"background"}
        press(sheet, Qt.Key.Key_PageDown)
    assert decided == total
    told(person, "")  # nothing waits for anybody
    assert project.open_conflicts() == []
    # Unchecked, it is the sheet of all regions, a line each; checked again, there is nothing.
    assert sheet.conflicts.isVisible()
    before = sheet.sheet
    click_at(person, sheet.conflicts)
    person.qtbot.waitUntil(lambda: sheet.sheet is not before, timeout=MINUTE)
    assert not sheet.accept_button.isHidden()
    assert not sheet.sides.isVisible()
    undecided = sum(item.undecided or 0 for item in project)
    assert sheet.text.text().startswith(f"{undecided} regions ")
    before = sheet.sheet
    click_at(person, sheet.conflicts)
    person.qtbot.waitUntil(lambda: sheet.sheet is not before, timeout=MINUTE)
    assert sheet.text.text() == "0 conflicts · nothing to decide"


def test_other_projects_say_nothing_of_conflicts(person: Person, folder: Path) -> None:
    person.dock.open_project(str(folder.with_name("a.corrclip-project")))
    shown(person)
    turn_to(person, Page.IMAGES)
    panel = person.dock.projects.panel
    assert panel.conflicts_button.isHidden()
    click_at(person, panel.sheet_button)
    sheet = person.dock.sheet
    person.qtbot.waitUntil(lambda: sheet.sheet is not None, timeout=MINUTE)
    pictures(person)
    assert sheet.conflicts.isHidden()
    # A damaged list of conflicts is told once, and nothing else is kept from anybody.
    (folder / "conflicts.json").write_text("[]")
    person.dock.open_project(str(folder))
    shown(person)
    person.qtbot.waitUntil(lambda: "conflicts.json" in person.dock.status.text(), timeout=MINUTE)
    assert "not of this version" in person.dock.status.text()
    assert panel.conflicts_button.isHidden()


def test_a_project_is_open_before_its_conflicts_are_read(
    person: Person, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = at_stage(monkeypatch, "count the conflicts")
    text = (folder / "conflicts.json").read_text()
    (folder / "conflicts.json").write_text("[")  # which nobody reads till the gate is open
    person.dock.open_project(str(folder))
    project = shown(person)
    person.qtbot.waitUntil(gate.reached, timeout=MINUTE)
    assert person.dock.projects.panel.conflicts_button.isHidden()
    (folder / "conflicts.json").write_text(text)
    total = len(project.open_conflicts())
    gate.open()
    told(person, f"{total} conflicts to decide…")
    # They are read once: what is counted later is those that were read then.
    (folder / "conflicts.json").write_text("[")
    project.mark(project.open_conflicts()[0].item, "skipped", by="Cy")
    person.dock.projects.panel.refresh()
    told(person, f"{len(project.open_conflicts())} conflicts to decide…")
    assert len(project.open_conflicts()) < total
