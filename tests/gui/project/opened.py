"""A project before a person: what is shown of it, and keys over its image."""

from __future__ import annotations

from pathlib import Path

from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication

import napari_corrclip as nc
from napari_corrclip.project.project import Project
from tests.gui.person import MINUTE, Person
from tests.prepared import prepared


def key(
    person: Person, key: Qt.Key, modifiers: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier
) -> None:
    """Press a key over the canvas."""
    window = person.dock.window()
    assert window is not None
    if not window.isActiveWindow():
        person.viewer.window.activate()
        person.qtbot.waitUntil(window.isActiveWindow, timeout=MINUTE)
    canvas = person.viewer.window._qt_viewer.canvas.native
    canvas.setFocus()
    QTest.keyClick(canvas, key, modifiers)
    QApplication.processEvents()


def shown(person: Person) -> Project:
    """Wait until what is to be shown is, and return the project."""
    review = person.dock.projects.review
    person.qtbot.waitUntil(
        lambda: review.project is not None and not review.is_opening, timeout=MINUTE
    )
    assert review.project is not None
    return review.project


def name_shown(person: Person) -> str:
    """What the image is called whose session is open; empty where none is."""
    picture = person.dock.workspace.picture
    return "" if picture is None else picture.name


SUPERPIXELS = nc.Recipe(regions="superpixels", region_options={"n_segments": 40})


def prelabelled(images: Path, recipe: nc.Recipe = SUPERPIXELS) -> Path:
    """Make and run a project as the command line does; return its folder. No image teaches another one."""

    def make(images: Path) -> Path:
        with Project.create(
            images.with_name("set"), "red, green, blue", images, recipe=recipe
        ) as made:
            made.run(progress=False)
            made.lesson.switch = "off"
            return made.folder

    return prepared(images, recipe.key(), make)


def states(project: Project) -> list[str]:
    return [str(project.item(item).state) for item in project]
