"""More like this before a person: asked for by button and key, narrowed down, and a click goes there."""

from __future__ import annotations

import shutil
from pathlib import Path

import imageio.v3 as iio
import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

from napari_corrclip.demo.scenes import generate_scene
from napari_corrclip.gui.pages import Page
from napari_corrclip.project.vectors import VECTORS
from tests.gui.hand import choose, click_at, turn_to
from tests.gui.person import MINUTE, Person
from tests.gui.project.opened import key, name_shown, prelabelled, shown
from tests.gui.window import settle

pytestmark = pytest.mark.canvas


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    images = tmp_path_factory.mktemp("like") / "scenes"
    images.mkdir()
    for number, seed in enumerate((3, 4, 3)):  # the last is the first again
        iio.imwrite(images / f"scene {number}.png", generate_scene(seed).image)
    return prelabelled(images)


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    shutil.copytree(made.parent, tmp_path, dirs_exist_ok=True)
    return tmp_path / made.name


def begin(person: Person, folder: Path) -> None:
    """Open the project, correct its first image, and go to a region."""
    person.dock.open_project(str(folder))
    shown(person)
    person.qtbot.waitUntil(lambda: person.dock.workspace.session is not None, timeout=MINUTE)
    turn_to(person, Page.CORRECT)
    click_at(person, person.dock.correct.button)
    settle(person.viewer)
    key(person, Qt.Key.Key_D)


def test_what_looks_alike_is_listed_and_a_click_goes_there(person: Person, folder: Path) -> None:
    begin(person, folder)
    dock, like = person.dock, person.dock.projects.like
    mode = dock.correct.mode
    assert mode is not None
    (region,) = mode.selection
    click_at(person, dock.projects.lesson.like_button)
    person.qtbot.waitUntil(lambda: like.found is not None, timeout=MINUTE)
    assert like.found is not None
    first = like.found.regions[0]
    assert (first.item.path.rpartition("/")[2], first.region) == ("scene 2.png", region)
    assert like.list.count() == len(like.found.regions) == 60
    person.qtbot.waitUntil(lambda: not like._jobs.running, timeout=MINUTE)  # all pictures are there
    entry = like.list.item(0)
    assert entry is not None
    assert entry.text() == f"1.00  {first.name}\nscene 2.png"
    picture = entry.icon().pixmap(96, 96).toImage()
    assert len({picture.pixel(x, 48) for x in range(96)}) > 5
    like.list.window().grab().save(str(folder.parent / "like.png"))

    # Narrowed down: to other images, to a class, to what nobody has decided.
    listed = like.found
    QTest.mouseClick(like.elsewhere, Qt.MouseButton.LeftButton, pos=like.elsewhere.rect().center())
    if not like.elsewhere.isChecked():  # the words of a box are not its middle everywhere
        like.elsewhere.click()
    person.qtbot.waitUntil(lambda: like.found is not listed, timeout=MINUTE)
    assert {each.item.path.rpartition("/")[2] for each in like.found.regions} == {
        "scene 1.png",
        "scene 2.png",
    }
    listed = like.found
    choose(like.classes, first.name)
    person.qtbot.waitUntil(lambda: like.found is not listed, timeout=MINUTE)
    assert {each.name for each in like.found.regions} == {first.name}

    # There it is selected; the same is asked for by key, and says so where there are no vectors.
    person.qtbot.waitUntil(lambda: not like._jobs.running, timeout=MINUTE)
    entry = like.list.item(0)
    assert entry is not None
    place = like.list.visualItemRect(entry).center()
    QTest.mouseClick(like.list.viewport(), Qt.MouseButton.LeftButton, pos=place)
    person.qtbot.waitUntil(lambda: name_shown(person) == "scene 2", timeout=MINUTE)
    project = shown(person)
    assert dock.correct.mode is not None
    assert dock.correct.mode.selection == (region,)
    record = dock.projects.review.shown_whole
    assert record is not None
    (project.folder_of(record) / VECTORS).unlink()
    key(person, Qt.Key.Key_F, Qt.KeyboardModifier.ShiftModifier)
    person.qtbot.waitUntil(lambda: "has no vectors" in like.text.text(), timeout=MINUTE)
    assert like.list.count() == 0
    window = like.list.window()
    assert window is not None
    assert window.isVisible()
    dock.projects.review.close()  # what is listed is gone with the project
    assert not window.isVisible()
