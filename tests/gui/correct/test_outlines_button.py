"""The choice of outlines by mouse, in step with its keys; and regions that look like no class."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtGui import QAction
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QMenu

from napari_corrclip.gui.canvas.outlines import Shown
from tests.gui.hand import click_at
from tests.gui.person import Person, open_scene
from tests.gui.window import settle

pytestmark = pytest.mark.canvas


def choose(person: Person, *texts: str) -> None:
    """Press the button, and click through its menus."""
    click_at(person, person.dock.regions.outlines)
    for text in texts:

        def found(text: str = text) -> bool:
            menu = QApplication.activePopupWidget()
            return isinstance(menu, QMenu) and text in entries(menu)

        person.qtbot.waitUntil(found)
        menu = QApplication.activePopupWidget()
        assert isinstance(menu, QMenu)
        where = menu.actionGeometry(entries(menu)[text]).center()
        QTest.mousePress(menu, Qt.MouseButton.LeftButton, pos=where)
        if text is texts[-1]:  # a menu of its own opens by the press
            QTest.mouseRelease(menu, Qt.MouseButton.LeftButton, pos=where)
    person.qtbot.waitUntil(lambda: QApplication.activePopupWidget() is None)


def entries(menu: QMenu) -> dict[str, QAction]:
    """The entries of a menu, by their texts without keys."""
    return {action.text().partition("\t")[0]: action for action in menu.actions()}


def ticked(person: Person) -> Sequence[str]:
    """What has a tick in the menu."""
    button = person.dock.regions.outlines
    button.choices.aboutToShow.emit()
    return [text for text, action in entries(button.choices).items() if action.isChecked()]


def test_outlines_are_chosen_by_mouse_and_by_keys_alike(on_screen: Person) -> None:
    person, dock = on_screen, on_screen.dock
    person.viewer.window.resize(1024, 700)
    open_scene(person)
    person.type("red, green")
    session = person.run()
    settle(person.viewer)
    assert dock.layers is not None
    outlines, button = dock.layers.outlines, dock.regions.outlines
    assert button.accessibleName() == "Outlines: all regions"
    assert ticked(person) == ["Outlines"]
    width = button.width()

    choose(person, "Outlines")
    assert outlines.shown == Shown(any=False)
    assert button.accessibleName() == "Outlines: none"
    assert "press O" in dock.status.text()
    choose(person, "Decided only")
    assert outlines.shown == Shown(decided_only=True)
    assert ticked(person) == ["Outlines", "Decided only"]
    green = session.vocabulary.values[1]
    choose(person, "One class only", "green")
    assert outlines.shown == Shown(decided_only=True, of_class=green)
    assert button.accessibleName() == "Outlines: decided regions of 'green' alone"
    choose(person, "One class only", "All classes")
    assert outlines.shown.of_class is None

    # By the key, and the button says so.
    click_at(person, dock.correct.button)
    canvas = person.viewer.window._qt_viewer.canvas.native
    QTest.keyClick(canvas, Qt.Key.Key_O, Qt.KeyboardModifier.ShiftModifier)
    assert outlines.shown == Shown()
    assert button.accessibleName() == "Outlines: all regions"
    QTest.keyClick(canvas, Qt.Key.Key_O)
    assert button.accessibleName() == "Outlines: none"
    assert ticked(person) == []
    assert button.width() == width  # nothing moves


def test_regions_have_no_hue_whatever_their_opacity(on_screen: Person) -> None:
    person, dock = on_screen, on_screen.dock
    open_scene(person)
    person.type("red, green")
    session = person.run()
    assert dock.layers is not None
    layer = dock.layers.regions
    layer.opacity = 1.0
    dock.layers.labels.visible = False
    colors = np.array([layer.get_color(int(region)) for region in session.ids])
    np.testing.assert_allclose(colors[:, 0], colors[:, 1])
    np.testing.assert_allclose(colors[:, 1], colors[:, 2])
    assert len(np.unique(colors[:, 0])) > 3  # but one is told from the next
    assert layer.get_color(0) is None or layer.get_color(0)[3] == 0
    # And so they are on the screen, where the outlines are not drawn over them.
    layer.contour = 0
    dock.correct.mode.actions.toggle_outlines()  # type: ignore[union-attr]
    settle(person.viewer)
    shot = person.viewer.screenshot(canvas_only=True, flash=False)[..., :3].astype(int)
    assert np.ptp(shot, axis=-1).max() <= 2
    assert np.ptp(shot[..., 0]) > 100
