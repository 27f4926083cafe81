"""The camera in correct mode: an image mostly out of view, a transposed view; by real mouse and keys."""

from __future__ import annotations

import numpy as np
import pytest
from qtpy.QtCore import QRect, Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QFrame

from napari_corrclip.gui.correct import CorrectMode
from napari_corrclip.gui.image.area import Area
from tests.forms import short
from tests.gui.window import SIDE, Window

pytestmark = pytest.mark.canvas

BOX = "selection box"


def on_canvas(window: Window, mode: CorrectMode, region: int) -> bool:
    """Whether the canvas shows all of a region, by napari's own map of the canvas."""
    box = window.session.region(region).box
    corners = [(box[0] - 0.5, box[1] - 0.5), (box[2] - 0.5, box[3] - 0.5)]
    shown = list(window.viewer.dims.displayed)
    camera, size = mode.camera.napari, window.canvas.size()
    for corner in corners:
        world = np.asarray(window.layers.regions.data_to_world(corner))[shown]
        down, right = (world - camera.center[-2:]) * camera.zoom
        if abs(down) > size.height() / 2 or abs(right) > size.width() / 2:
            return False
    return True


@pytest.mark.parametrize(
    "corner", short((float(SIDE), float(SIDE)), rest=[((0.0, 0.0),), ((0.0, float(SIDE)),)])
)
def test_the_queue_finds_back_to_an_image_that_is_mostly_out_of_view(
    window: Window, mode: CorrectMode, corner: tuple[float, float]
) -> None:
    camera = mode.camera.napari
    zoom = camera.zoom
    size = window.canvas.size()
    away = np.array([size.height(), size.width()]) / zoom / 2 - 3
    # Three pixels of the image reach into a corner of the canvas, or none.
    camera.center = (0.0, *(np.array(corner) + away * np.where(np.array(corner) > 0, 1, -1)))
    window.settle()
    for _ in range(4):
        window.key(Qt.Key.Key_D)
        window.settle()
        (region,) = mode.selection
        assert camera.zoom == zoom
        assert on_canvas(window, mode, region)


def test_a_transposed_view_moves_along_its_own_axes(window: Window, mode: CorrectMode) -> None:
    window.viewer.dims.order = (1, 0)
    QApplication.processEvents()
    camera = mode.camera.napari
    camera.zoom *= 4
    for _ in range(6):
        window.key(Qt.Key.Key_D)
        window.settle()
        (region,) = mode.selection
        assert on_canvas(window, mode, region)


def test_the_part_in_view_of_a_transposed_image(window: Window) -> None:
    viewer = window.viewer
    image = viewer.layers["image"]
    camera = getattr(viewer, "scene", viewer).camera
    viewer.dims.order = (1, 0)
    QApplication.processEvents()
    size = window.canvas.size()
    # Columns run down the screen: all of the rows to its right, and columns from 40 on.
    camera.zoom = size.width() / (SIDE + 10)
    camera.center = (0.0, 40 - 0.5 + size.height() / camera.zoom / 2, (SIDE - 1) / 2)
    box = Area(viewer).view(image, 0, window.canvas)
    assert box is not None
    assert box[:3] == (0, 40, SIDE)
    assert box[3] == min(SIDE, 40 + int(np.ceil(size.height() / camera.zoom)))


def test_a_view_along_other_axes_is_refused(window: Window, mode: CorrectMode) -> None:
    viewer = window.viewer
    viewer.add_image(np.zeros((3, SIDE, SIDE)), name="stack")
    viewer.layers.selection.active = window.layers.labels
    viewer.dims.order = (2, 0, 1)
    QApplication.processEvents()
    before = mode.camera.napari.center
    window.key(Qt.Key.Key_D)
    assert "does not show the rows and columns" in window.told[-1]
    assert mode.camera.napari.center == before
    with pytest.raises(Exception, match="bring its last two axes to the front"):
        Area(viewer).view(viewer.layers["image"], 0, window.canvas)


# -- boxes


def drag_box(window: Window, start: tuple[float, float], end: tuple[float, float]) -> QRect:
    """Shift and a drag between two places of the world; return the box that was drawn meanwhile."""
    shift = Qt.KeyboardModifier.ShiftModifier
    first, last = window.at(*start), window.at(*end)
    QTest.mouseMove(window.canvas, first)
    QTest.mousePress(window.canvas, Qt.MouseButton.LeftButton, shift, first)
    QApplication.processEvents()
    assert not [one for one in window.canvas.findChildren(QFrame, BOX) if one.isVisible()]
    for part in (0.5, 1.0):
        QTest.qWait(30)  # vispy leaves moves out that follow within 10 ms
        window._move(first + (last - first) * part)
    (frame,) = (one for one in window.canvas.findChildren(QFrame, BOX) if one.isVisible())
    drawn = QRect(frame.geometry())
    QTest.mouseRelease(window.canvas, Qt.MouseButton.LeftButton, shift, last)
    QApplication.processEvents()
    assert not [one for one in window.canvas.findChildren(QFrame, BOX) if one.isVisible()]
    return drawn


def test_the_box_is_drawn_while_it_is_dragged(window: Window, mode: CorrectMode) -> None:
    layers = list(window.viewer.layers)
    drawn = drag_box(window, (42, 14), (14, 42))
    assert drawn.topLeft() == window.at(14, 14)
    assert drawn.bottomRight() == window.at(42, 42)
    inside = {
        row.id
        for row in window.session.rows()
        if row.box[0] >= 14 and row.box[1] >= 14 and row.box[2] <= 43 and row.box[3] <= 43
    }
    assert set(mode.selection) == inside
    assert inside
    assert list(window.viewer.layers) == layers
    window.stand_out(mode.selection)


def test_a_box_is_upright_on_the_screen_where_the_image_is_turned(
    window: Window, mode: CorrectMode
) -> None:
    for layer in window.viewer.layers:
        layer.rotate = 30
    window.viewer.reset_view()
    QApplication.processEvents()
    regions = window.layers.regions
    middle = np.asarray(regions.data_to_world((SIDE / 2, SIDE / 2)))
    low, high = middle - 22, middle + 22
    drag_box(window, tuple(low), tuple(high))
    rows, columns = np.indices(window.session.shape).reshape(2, -1)
    world = np.array([regions.data_to_world(at) for at in zip(rows, columns, strict=True)])
    ids = window.session.regions.ravel()

    def whole(margin: float) -> set[int]:
        """The regions whose pixels lie all in the box on the screen."""
        out = ((world < low - margin) | (world > high + margin)).any(axis=1)
        return {*ids[ids > 0].tolist()} - {*ids[out].tolist()}

    # A pixel of the screen or so is nobody's affair.
    assert whole(-0.7) <= set(mode.selection) <= whole(1.4)
    assert len(mode.selection) > 5
    # Upright in the image, the box would hold others.
    corners = np.array([regions.world_to_data(at) for at in (low, high)])
    top, bottom = corners.min(axis=0), corners.max(axis=0)
    upright = {
        row.id
        for row in window.session.rows()
        if (np.array(row.box[:2]) >= top - 0.5).all()
        and (np.array(row.box[2:]) <= bottom + 1.5).all()
    }
    assert set(mode.selection) != upright
