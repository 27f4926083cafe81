"""The sheet of a sample of regions: those that were drawn, and by a check box the others, too."""

from __future__ import annotations

from pathlib import Path

import pytest

from napari_corrclip.project.project import Project
from tests.gui.hand import click_at
from tests.gui.person import MINUTE, Person
from tests.gui.project.opened import shown
from tests.gui.sheet.sheet_hand import begin, pictures, press, written

pytestmark = pytest.mark.canvas


def test_the_regions_that_were_drawn_are_decided(person: Person, folder: Path) -> None:
    with Project.open(folder) as project:
        for item in project:
            project.mark(item, "verified", by="Ann")
        made = project.sample(5, kind="regions", seed=2, progress=False)
    drawn = {(name, region) for name, ids in made.drawn.regions for region in ids}
    sheet = begin(person, made.folder)
    assert sheet.drawn.isVisible()
    assert sheet.drawn.isChecked()
    assert sheet.text.text() == "5 regions · page 1 of 1"
    assert {(cell.region.item.name, cell.region.region) for cell in sheet.model} == drawn
    press(sheet, "a")
    written(person)
    with Project.open(folder, read_only=True) as first, Project.open(made.folder) as second:
        found = first.compare(second, progress=False)
        assert (found.looked, found.regions.total, found.regions.agreed) == (5, 5, 5)
    # The others, which do not count, when they are asked for.
    click_at(person, sheet.drawn)
    project = shown(person)
    left = sum(item.regions or 0 for item in project) - 5
    person.qtbot.waitUntil(lambda: sheet.text.text().startswith(f"{left} regions"), timeout=MINUTE)
    pictures(person)


def test_a_sheet_of_no_sample_asks_for_none(person: Person, folder: Path) -> None:
    assert not begin(person, folder).drawn.isVisible()
