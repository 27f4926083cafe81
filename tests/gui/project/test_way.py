"""The way through the images of a project, of which some cannot be opened."""

from __future__ import annotations

from pathlib import Path

import pytest
from qtpy.QtCore import Qt

from napari_corrclip.gui.pages import Page
from napari_corrclip.project.project import Project
from tests.gui.hand import click_at, turn_to
from tests.gui.person import Person
from tests.gui.project.opened import SUPERPIXELS, key, name_shown, prelabelled, shown

pytestmark = pytest.mark.canvas
SOON = 20_000


def comes(person: Person, name: str) -> None:
    person.qtbot.waitUntil(
        lambda: name_shown(person) == name and not person.dock.projects.review.is_opening,
        timeout=SOON,
    )


def test_one_that_is_gone_is_passed_over(person: Person, images: Path) -> None:
    folder = prelabelled(images)
    (images / "scene 1.png").unlink()
    dock = person.dock
    dock.open_project(str(folder))
    shown(person)
    comes(person, "scene 0")
    turn_to(person, Page.CORRECT)
    key(person, Qt.Key.Key_PageDown)
    comes(person, "scene 2")
    assert "'scene 1.png' is gone; put it back, or relink. It is passed over." in dock.status.text()
    key(person, Qt.Key.Key_PageUp)
    comes(person, "scene 0")
    key(person, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    comes(person, "scene 2")
    assert (
        "is verified. 'scene 1.png' is gone; put it back, or relink. It is passed over."
        in dock.status.text()
    )


def test_one_that_cannot_be_read_is_left_out_or_passed(person: Person, images: Path) -> None:
    (images / "a broken.png").write_bytes(b"\x89PNG and no more")
    with Project.create(images.with_name("set"), "red, green", images, recipe=SUPERPIXELS) as made:
        folder = made.folder
    dock, review = person.dock, person.dock.projects.review
    dock.open_project(str(folder))
    project = shown(person)
    person.qtbot.waitUntil(lambda: review.to_skip is not None, timeout=SOON)
    assert review.record is None
    way = dock.projects.way
    person.qtbot.waitUntil(way.skip_button.isEnabled, timeout=SOON)
    assert not way.verify_button.isEnabled()
    click_at(person, way.skip_button)
    states = {item.path.rpartition("/")[2]: str(item.state) for item in project}
    assert states["a broken.png"] == "skipped"
    assert states["scene 0.png"] == "new"
    key(person, Qt.Key.Key_PageDown)
    person.qtbot.waitUntil(lambda: review.record is not None, timeout=SOON)
    assert review.record is not None
    assert review.record.path.endswith("scene 0.png")
