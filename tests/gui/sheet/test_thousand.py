"""A contact sheet of a thousand regions, gone through with the hand to its end."""

from __future__ import annotations

from pathlib import Path

import imageio.v3 as iio
import pytest
from qtpy.QtCore import Qt

import napari_corrclip as nc
from napari_corrclip.demo.scenes import generate_scene
from tests.gui.person import Person
from tests.gui.project.opened import prelabelled, shown
from tests.gui.sheet.sheet_hand import begin, click_on, pictures, place_of, press, undo, written

RECIPE = nc.Recipe(regions="superpixels", region_options={"n_segments": 230})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    images = tmp_path / "scenes"
    images.mkdir()
    for seed in range(6):
        iio.imwrite(images / f"scene {seed}.png", generate_scene(seed).image[:160, :160])
    return prelabelled(images, RECIPE)


def test_the_last_page_of_a_thousand_regions_is_decided_as_the_first(
    person: Person, folder: Path
) -> None:
    sheet = begin(person, folder)
    project = shown(person)
    total = sum(item.regions or 0 for item in project)
    assert total >= 1_000
    pages = -(-total // 24)
    assert sheet.text.text() == f"{total:,} regions · page 1 of {pages}"
    seen = [cell.region for cell in sheet.model]
    while sheet.bar.value() < pages - 1:  # faster than pictures are made
        press(sheet, Qt.Key.Key_PageDown)
        seen += [cell.region for cell in sheet.model]
    assert len({each.place for each in seen}) == len(seen) == total
    assert [each.p for each in seen] == sorted(each.p for each in seen)
    pictures(person)
    last = [cell.region for cell in sheet.model]
    assert len(last) == total - 24 * (pages - 1)
    grabbed = sheet.view.grab().toImage()
    for row in range(len(last)):
        where = place_of(sheet, row)
        ground = {grabbed.pixel(where.x() + by, where.y()) for by in range(-60, 60)}
        assert len(ground) > 5, row
    click_on(sheet, 0)
    press(sheet, "3")
    written(person)
    (after,) = project.read_regions([last[0].place])
    assert (after.state, after.value) == ("assigned", project.vocabulary.classes[2].value)
    undo(sheet)
    written(person)
    (after,) = project.read_regions([last[0].place])
    assert not after.state
    assert project.crops.size > 0
