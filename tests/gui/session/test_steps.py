"""A step of the slider: the data of the layers are others, and nothing else."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from qtpy.QtCore import QRect
from qtpy.QtWidgets import QApplication, QWidget

from napari_corrclip.gui.correct.correcting import Tool
from napari_corrclip.gui.pages import Page
from napari_corrclip.progress import Progress, Steps
from tests.gui.person import MINUTE, Person, User, run
from tests.gui.stacks import planes, ready, to


def places(dock: QWidget) -> list[tuple[str, QRect]]:
    """Where each widget of the dock is that is seen."""
    QApplication.processEvents()
    return [
        (type(child).__name__, QRect(child.mapTo(dock, child.rect().topLeft()), child.size()))
        for child in dock.findChildren(QWidget)
        # The line of the session tells of the plane, in as much room as each part needs.
        if child.isVisible() and type(child.parent()).__name__ != "SessionLine"
    ]


def test_a_slider_step_swaps_the_data_of_the_layers_and_the_dock_stays(
    on_screen: Person,
) -> None:
    person, dock = on_screen, on_screen.dock
    person.viewer.window.resize(1300, 850)
    person.viewer.add_image(planes(3), rgb=True, name="stack")
    ready(person)
    dock.image.planes.setCurrentIndex(1)
    run(person)
    dock.pages.turn_to(Page.CORRECT)
    person.press(dock.correct.button)
    dock.regions.check.setChecked(True)
    dock.regions.show_table()
    to(person, 0)
    person.qtbot.waitUntil(lambda: bool(dock.words.model.shares), timeout=MINUTE)

    came_or_went: list[Any] = []
    for event in (person.viewer.layers.events.inserted, person.viewer.layers.events.removed):
        event.connect(came_or_went.append)
    layers, list_of_layers = dock.layers, list(person.viewer.layers)
    assert layers is not None
    assert layers.labels.data.any()
    active = person.viewer.layers.selection.active
    table, before = dock.regions.table, places(dock)
    assert table is not None
    for plane in (1, 2, 0):
        person.viewer.dims.set_point(0, plane)
        # Between two planes nothing of either is shown, and all stands where it stood.
        assert not any(layer.visible for layer in list_of_layers[1:])
        assert places(dock) == before
        to(person, plane)
        np.testing.assert_array_equal(dock.session.image, planes(3)[plane])
        person.agree()
        assert dock.layers is not None
        assert dock.layers.layers == layers.layers
        assert all(layer.visible for layer in list_of_layers)
        assert dock.regions.confidence is not None
        assert dock.regions.confidence.session is dock.session
        assert dock.correct.mode is not None
        assert dock.correct.mode.on
        assert person.viewer.layers.selection.active is active
        assert dock.regions.table is table
        assert table.isEnabled()
        assert table.model.session is dock.session
        assert dock.pages.page is Page.CORRECT
        assert places(dock) == before
    assert came_or_went == []
    assert list(person.viewer.layers) == list_of_layers


def test_the_tool_stays_and_an_undo_goes_with_its_plane(user: User) -> None:
    """While something is at work, too: what a sentence tells of one plane takes back nothing of another."""
    dock = user.dock
    user.viewer.add_image(planes(2), rgb=True, name="stack")
    ready(user)
    for plane in (0, 1):
        to(user, plane)
        run(user)
        user.session.assign(user.session.ids[:1], "blue")
    first, second = len(user.session.history.done), user.session
    user.press(dock.correct.button)
    user.press(dock.correct.tool_buttons[Tool.SWEEP])
    user.session.assign(user.session.ids[1:2], "blue")
    user.qtbot.waitUntil(dock.status.undo_button.isVisible, timeout=MINUTE)
    over: list[bool] = []

    def steps() -> Steps[None]:
        while not over:
            time.sleep(0.01)
            yield Progress("write", 0, 1)

    dock.controller.work(steps(), lambda _: None, "The export")
    to(user, 0)
    assert user.session is not second
    assert not dock.status.undo_button.isVisible()
    over.append(True)
    user.qtbot.waitUntil(lambda: not dock.controller.running, timeout=MINUTE)
    assert len(second.history.done) == first + 1
    mode = dock.correct.mode
    assert mode is not None
    assert mode.on
    assert mode.correcting.tool is Tool.SWEEP
    assert dock.correct.tool_buttons[Tool.SWEEP].isChecked()
    user.viewer.dims.ndisplay = 3
    QApplication.processEvents()
    user.viewer.dims.ndisplay = 2
    QApplication.processEvents()
    assert mode.correcting.tool is Tool.SWEEP
    user.press(dock.correct.button)
    user.press(dock.correct.button)
    assert mode.correcting.tool is None  # a person has put it down
