"""The way through the images of a project, of which some cannot be opened."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from qtpy.QtCore import Qt

from napari_corrclip.gui.pages import Page
from napari_corrclip.project.project import Project
from tests.gui.hand import click_at, turn_to
from tests.gui.person import Person
from tests.gui.project.opened import SUPERPIXELS, key, name_shown, prelabelled, shown, states
from tests.gui.project.reviewer import click_on, verify
from tests.gui.window import Window

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


def opened_with_broken(person: Person, images: Path, number: int) -> Project:
    """Open four images of which one is broken since it was run, at the first."""
    folder = prelabelled(images)
    (images / f"scene {number}.png").write_bytes(b"\x89PNG and no more")
    person.dock.open_project(str(folder))
    project = shown(person)
    comes(person, "scene 0")
    return project


def cannot(person: Person, name: str) -> None:
    """Wait until the row says that an image cannot be opened, and see what its buttons are about."""
    way = person.dock.projects.way
    tip = f"'{name}' cannot be opened; 0 of 4 images are verified"
    person.qtbot.waitUntil(lambda: way.left.toolTip() == tip, timeout=SOON)
    said = way.left.text()
    assert re.fullmatch(rf"{name} cannot be opened|sc.*….*(g|\.) not opened", said), said
    room = way.left.contentsRect().width()
    assert way.left.fontMetrics().horizontalAdvance(said) <= room
    assert f"Leave '{name}', which cannot be opened, out" in way.skip_button.toolTip()
    assert "'scene 0.png', which is shown, is done" in way.verify_button.toolTip()
    assert name_shown(person) == "scene 0"


def test_one_that_cannot_be_read_is_skipped_from_the_middle_of_the_list(
    person: Person, images: Path
) -> None:
    project = opened_with_broken(person, images, 2)
    way = person.dock.projects.way
    assert way.left.text() == "1 of 4 · 0 verified"
    key(person, Qt.Key.Key_PageDown)
    comes(person, "scene 1")
    click_on(person, 0)
    comes(person, "scene 0")
    click_on(person, 2)
    cannot(person, "scene 2.png")
    click_at(person, way.skip_button)
    comes(person, "scene 3")  # and not the one after that which was shown
    assert "'scene 2.png' is skipped." in person.dock.status.text()
    assert states(project) == ["pre-labelled", "pre-labelled", "skipped", "pre-labelled"]
    assert way.left.text() == "4 of 4 · 0 verified"
    assert "Leave this image out" in way.skip_button.toolTip()


def test_one_that_is_gone_is_skipped_when_it_was_clicked_on(person: Person, images: Path) -> None:
    folder = prelabelled(images)
    (images / "scene 1.png").unlink()
    person.dock.open_project(str(folder))
    project = shown(person)
    comes(person, "scene 0")
    click_on(person, 1)
    cannot(person, "scene 1.png")
    assert "scene 1.png' is gone; put it back" in person.dock.status.text()
    click_at(person, person.dock.projects.way.skip_button)
    comes(person, "scene 2")
    assert states(project) == ["pre-labelled", "skipped", "pre-labelled", "pre-labelled"]


def edit(person: Person) -> None:
    """Give the region in the middle of the image to the second class."""
    dock = person.dock
    assert dock.layers is not None
    turn_to(person, Page.CORRECT)
    click_at(person, dock.correct.button)
    window = Window(person.viewer, dock.session, dock.layers, [])
    rows, columns = np.array(dock.session.regions.shape) // 2
    window.click(rows, columns)
    key(person, Qt.Key.Key_2)
    assert dock.session.history.done


@pytest.mark.parametrize(
    "act",
    [edit, lambda person: click_on(person, 0), lambda person: key(person, Qt.Key.Key_PageUp)],
    ids=["edit", "click", "back"],
)
def test_skip_is_about_what_is_shown_again_when_a_person_turns_to_it(
    person: Person, images: Path, act: Callable[[Person], None]
) -> None:
    project = opened_with_broken(person, images, 1)
    way, session = person.dock.projects.way, person.dock.session
    key(person, Qt.Key.Key_PageDown)
    cannot(person, "scene 1.png")
    act(person)
    person.qtbot.waitUntil(lambda: way.left.text() == "1 of 4 · 0 verified", timeout=SOON)
    assert person.dock.session is session  # which was not read again
    assert "Leave this image out" in way.skip_button.toolTip()
    click_at(person, way.skip_button)
    person.qtbot.waitUntil(
        lambda: "cannot be opened" in way.left.toolTip(), timeout=SOON
    )  # the next
    assert states(project) == ["skipped", *["pre-labelled"] * 3]


def test_verified_is_about_what_is_shown_whatever_cannot_be_opened(
    person: Person, images: Path
) -> None:
    project = opened_with_broken(person, images, 3)
    click_on(person, 3)
    cannot(person, "scene 3.png")
    verify(person)
    comes(person, "scene 1")
    assert states(project) == ["verified", *["pre-labelled"] * 3]
    # The others are done, and the broken one is left out while the last that waits is shown.
    verify(person)
    comes(person, "scene 2")
    key(person, Qt.Key.Key_PageDown)
    way = person.dock.projects.way
    person.qtbot.waitUntil(lambda: "cannot be opened" in way.left.toolTip(), timeout=SOON)
    click_at(person, way.skip_button)
    assert (
        person.dock.status.text()
        == "'scene 3.png' is skipped. 'scene 2.png' is the last that waits."
    )
    assert states(project) == ["verified", "verified", "pre-labelled", "skipped"]
    assert way.left.text() == "3 of 4 · 2 verified"
