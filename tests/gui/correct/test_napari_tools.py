"""Correct mode beside napari's own tools, layer list and callbacks; by real mouse and keys."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from napari.settings import get_settings
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QListView, QRadioButton

from napari_corrclip.gui.correct import CorrectMode, CorrectPanel
from tests.forms import short
from tests.gui.window import Window

pytestmark = pytest.mark.canvas


@pytest.fixture
def panel(window: Window) -> Iterator[CorrectPanel]:
    """The mode with its panel in the window, switched on by a click."""
    panel = CorrectPanel(window.tell)
    window.viewer.window.add_dock_widget(panel, name="correct")
    panel.open(CorrectMode(window.viewer, window.layers, window.tell))
    window.viewer.layers.selection.active = window.layers.labels
    QTest.mouseClick(panel.button, Qt.MouseButton.LeftButton)
    QApplication.processEvents()
    yield panel
    panel.close_mode()


def of(panel: CorrectPanel) -> CorrectMode:
    assert panel.mode is not None
    return panel.mode


def centre(window: Window, region: int) -> tuple[float, float]:
    box = window.session.region(region).box
    return (box[0] + box[2]) / 2, (box[1] + box[3]) / 2


def tool(window: Window, name: str) -> QRadioButton:
    """The button of a tool in napari's layer controls, of the layer that is shown there."""
    found = [
        one
        for one in window.canvas.window().findChildren(QRadioButton)
        if one.isVisible() and one.property("mode") == name
    ]
    (button,) = found
    return button


def double_click(window: Window, region: int) -> None:
    where = window.at(*centre(window, region))
    QTest.mouseMove(window.canvas, where)
    QApplication.processEvents()
    QTest.mouseClick(window.canvas, Qt.MouseButton.LeftButton, pos=where)
    QTest.mouseDClick(window.canvas, Qt.MouseButton.LeftButton, pos=where)
    QApplication.processEvents()


# -- tools


@pytest.mark.parametrize("how", short("button", rest=["key"]))
def test_a_tool_of_napari_s_ends_the_mode_and_nothing_is_lost(
    window: Window, panel: CorrectPanel, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    mode, layer = of(panel), window.layers.labels
    # Where a machine is slow, a key that is pressed is held, and the tool ends with it.
    monkeypatch.setattr(get_settings().application, "hold_button_delay", 600.0)
    window.click(*centre(window, 20))
    if how == "key":
        window.key(Qt.Key.Key_P)
    else:
        QTest.mouseClick(tool(window, "paint"), Qt.MouseButton.LeftButton)
        QApplication.processEvents()
    assert str(layer.mode) == "paint"
    assert not mode.on
    assert not panel.button.isChecked()
    assert not panel.help.isVisible()
    assert "napari's tool 'paint' is on" in window.told[-1]
    # A click paints, and selects nothing.
    window.click(*centre(window, 40))
    assert mode.selection == ()
    assert len(window.session.history.done) == 1
    assert (window.session.pins >= 0).sum() > 1
    window.agree()
    # One click, and all is as it was.
    QTest.mouseClick(panel.button, Qt.MouseButton.LeftButton)
    QApplication.processEvents()
    assert mode.on
    assert str(layer.mode) == "pan_zoom"
    assert mode.selection == (20,)
    window.key(Qt.Key.Key_2)
    assert window.session.region(20).verdict is not None
    assert len(window.session.history.done) == 2
    # Left by its own button, the tool of before is back, and nothing waits to be selected.
    QTest.mouseClick(panel.button, Qt.MouseButton.LeftButton)
    assert str(layer.mode) == "paint"
    QTest.mouseClick(panel.button, Qt.MouseButton.LeftButton)
    assert mode.selection == ()


def test_a_tool_waits_for_the_split(window: Window, panel: CorrectPanel) -> None:
    mode = of(panel)
    window.click(*centre(window, 20))
    window.key(Qt.Key.Key_S)
    window.click(*centre(window, 20))
    window.key(Qt.Key.Key_P)
    assert mode.on
    assert len(mode.splitting.keep) == 1
    assert str(window.layers.labels.mode) == "pan_zoom"
    assert "A split is under way" in window.told[-1]
    assert tool(window, "pan").isChecked()
    assert not tool(window, "paint").isChecked()
    window.click(*centre(window, 20))
    assert not window.session.can_undo


# -- the layer list


def click_in_list(window: Window, name: str, modifiers: Qt.KeyboardModifier) -> None:
    (view,) = [
        one
        for one in window.canvas.window().findChildren(QListView)
        if type(one).__name__ == "QtLayerList"
    ]
    model = view.model()
    assert model is not None
    (index,) = [
        one for row in range(model.rowCount()) if (one := model.index(row, 0)).data() == name
    ]
    viewport = view.viewport()
    assert viewport is not None
    QTest.mouseClick(
        viewport, Qt.MouseButton.LeftButton, modifiers, view.visualRect(index).center()
    )
    QApplication.processEvents()


def test_dead_keys_are_explained(window: Window, panel: CorrectPanel) -> None:
    mode, layers = of(panel), window.viewer.layers
    control, plain = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.NoModifier
    click_in_list(window, "regions", control)
    assert layers.selection == {window.layers.labels, window.layers.regions}
    assert layers.selection.active is None
    assert window.told[-1].startswith("'labels' and 'regions' are both selected")
    # What the mode adds to the list leaves the selection as it is.
    mode.select([20])
    QApplication.processEvents()
    assert layers.selection == {window.layers.labels, window.layers.regions}
    click_in_list(window, "regions", plain)
    told = len(window.told)
    window.key(Qt.Key.Key_2)
    assert window.session.region(20).verdict is not None
    assert "selected" not in " ".join(window.told[told:])
    click_in_list(window, layers[0].name, plain)
    assert window.told[-1].startswith("Neither 'labels' nor 'regions' is the selected layer")


def test_layers_of_the_mode_s_own_are_no_reason_to_speak(
    window: Window, panel: CorrectPanel
) -> None:
    of(panel).select([20])
    QTest.qWait(50)
    assert "selected layer" not in " ".join(window.told)
    assert window.viewer.layers.selection.active is window.layers.labels


# -- double clicks


def test_a_double_click_zooms_on_other_layers_and_calls_others(
    window: Window, panel: CorrectPanel
) -> None:
    mode, viewer = of(panel), window.viewer
    called: list[str] = []
    viewer.mouse_double_click_callbacks.append(lambda *_: called.append("plugin"))
    before = mode.camera.napari.zoom, mode.camera.napari.center
    double_click(window, 20)
    assert (mode.camera.napari.zoom, mode.camera.napari.center) == before
    assert len(mode.selection) > 1
    assert called == ["plugin"]
    viewer.layers.selection.active = viewer.layers[0]
    double_click(window, 40)
    assert mode.camera.napari.zoom == pytest.approx(2 * before[0])
    assert called == ["plugin"] * 2


def test_two_modes_leave_the_double_click_as_they_found_it(
    window: Window, mode: CorrectMode
) -> None:
    viewer = window.viewer
    other = CorrectMode(viewer, window.layers, window.tell)
    there = len(viewer.mouse_double_click_callbacks)
    other.start()
    mode.stop()
    other.stop()
    assert len(viewer.mouse_double_click_callbacks) == there - 1
    before = mode.camera.napari.zoom
    double_click(window, 20)
    assert mode.camera.napari.zoom == pytest.approx(2 * before)


# -- peeking


@pytest.mark.parametrize("how", short("click", rest=["queue", "escape"]))
def test_the_outline_is_that_of_the_selection_after_a_peek(
    window: Window, mode: CorrectMode, how: str
) -> None:
    if how == "escape":
        window.click(*centre(window, 20))
    QTest.keyPress(window.canvas, Qt.Key.Key_H)
    QApplication.processEvents()
    if how == "queue":
        window.key(Qt.Key.Key_D)
    elif how == "click":
        window.click(*centre(window, 20))
    else:
        window.key(Qt.Key.Key_Escape)
    assert not window.over().any()  # nothing but the image is seen
    QTest.keyRelease(window.canvas, Qt.Key.Key_H)
    QApplication.processEvents()
    assert bool(mode.selection) == (how != "escape")
    window.stand_out(mode.selection)
