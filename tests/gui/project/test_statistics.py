"""The window of a project's figures, as it is seen in napari's themes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from napari.utils.theme import get_theme
from numpy.typing import NDArray
from qtpy.QtGui import QImage

from napari_corrclip.gui.pages import Page
from napari_corrclip.gui.project.statistics import Look, draw
from napari_corrclip.gui.words.rolling import EACH, UPPERMOST
from tests.gui.hand import choose, click_at, turn_to
from tests.gui.person import MINUTE, Person
from tests.gui.project.opened import prelabelled, shown

pytestmark = pytest.mark.canvas


def colours_of(person: Person) -> NDArray[np.int64]:
    """The pixels of the whole window, (n, 3), red first."""
    window = person.dock.projects.statistics.picture.window()
    assert window is not None
    image = window.grab().toImage().convertToFormat(QImage.Format.Format_RGBA8888)
    raw = image.constBits()
    assert raw is not None
    flat = np.frombuffer(raw.asstring(image.sizeInBytes()), np.uint8)  # type: ignore[attr-defined]
    return flat.reshape(-1, 4)[:, :3].astype(np.int64)


def is_of_theme(person: Person, theme: str) -> bool:
    """Whether most of the window has the theme's ground, and its text is there to be read."""
    colors, seen = get_theme(theme), colours_of(person)
    shares = [
        (np.abs(seen - color.as_rgb_tuple()[:3]).max(axis=1) <= 2).mean()
        for color in (colors.background, colors.text)
    ]
    return bool(shares[0] > 0.6 and shares[1] > 0.005)


def test_figures_are_drawn_in_the_colours_of_the_theme(person: Person, images: Path) -> None:
    dock, qtbot = person.dock, person.qtbot
    dock.open_project(str(prelabelled(images)))
    project = shown(person)
    turn_to(person, Page.IMAGES)
    click_at(person, dock.projects.panel.statistics_button)
    qtbot.waitUntil(dock.projects.statistics.picture.isVisible, timeout=MINUTE)
    assert not dock.projects.statistics.roll_up.isVisible()  # no class is below another one
    for theme in ("dark", "light", "dark"):
        person.viewer.theme = theme  # while it is open
        qtbot.waitUntil(lambda t=theme: is_of_theme(person, t), timeout=20_000)
    # Classes count as what they are kinds of, as soon as that is chosen.
    project.choose(project.vocabulary.add("colour", prompts=()).with_parent("red", "colour"))
    click_at(person, dock.projects.panel.statistics_button)
    choice = dock.projects.statistics.roll_up
    qtbot.waitUntil(choice.isVisible, timeout=MINUTE)
    for text, to in ((UPPERMOST, "root"), (EACH, None)):
        choose(choice.box, text)
        found = project.figures(roll_up=to)
        picture = QImage.fromData(draw(found, project.vocabulary, Look.of("dark")))
        qtbot.waitUntil(lambda picture=picture: shows(person, picture), timeout=MINUTE)
    assert {row.name for row in project.figures(roll_up="root").classes} == {
        "green",
        "blue",
        "colour",
    }


def shows(person: Person, picture: QImage) -> bool:
    """Whether the window shows a picture."""
    pixmap = person.dock.projects.statistics.picture.pixmap()
    kind = QImage.Format.Format_RGB32
    return bool(pixmap.toImage().convertToFormat(kind) == picture.convertToFormat(kind))
