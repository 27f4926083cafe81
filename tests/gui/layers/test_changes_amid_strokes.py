"""A change that arrives while somebody paints, by real mouse."""

from __future__ import annotations

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication

from tests.gui.window import SIDE, Window

pytestmark = pytest.mark.canvas


def test_a_change_amid_a_stroke_spares_the_stroke(window: Window) -> None:
    session, layer = window.session, window.layers.labels
    window.viewer.layers.selection.active = layer
    layer.mode = "paint"
    layer.brush_size = 6
    layer.selected_label = 2
    start, end = window.at(20, 10), window.at(20, 80)
    QTest.mouseMove(window.canvas, start)
    QTest.mousePress(window.canvas, Qt.MouseButton.LeftButton, pos=start)
    QApplication.processEvents()
    for column in (20, 35, 50):
        window._move(window.at(20, column))
    painted = np.asarray(layer.data) != session.labels
    assert painted.any()

    # All of the image shows another class now, below the stroke too.
    sky = session.vocabulary.values[2]
    session.assign(session.ids, "sky")
    inside = session.regions > 0
    assert (layer.data[painted] == 2).all()  # the change is shown when the stroke has ended
    for column in (60, 70, 80):
        window._move(window.at(20, column))
    QTest.mouseRelease(window.canvas, Qt.MouseButton.LeftButton, pos=end)
    QApplication.processEvents()

    window.agree()
    assert (session.labels[painted] == 2).all()
    assert (session.pins[painted] == 2).all()
    assert session.labels[20, 75] == 2
    assert set(np.unique(session.pins)) == {-1, 2}  # nothing but the stroke was painted
    window.undo()
    assert (session.pins == -1).all()
    assert (session.labels[inside] == sky).all()
    window.agree()


def test_a_change_amid_a_stroke_on_the_regions(window: Window) -> None:
    session, layer = window.session, window.layers.regions
    window.viewer.layers.selection.active = layer
    layer.mode = "paint"
    layer.brush_size = 6
    region = session.region_at(20, 12)
    start, end = window.at(20, 12), window.at(20, 40)
    QTest.mouseMove(window.canvas, start)
    QTest.mousePress(window.canvas, Qt.MouseButton.LeftButton, pos=start)
    QApplication.processEvents()
    window._move(window.at(20, 25))
    far = [one for one in session.ids.tolist() if session.region(one).box[0] > SIDE // 2][:2]
    session.merge(far)
    window._move(window.at(20, 40))
    QTest.mouseRelease(window.canvas, Qt.MouseButton.LeftButton, pos=end)
    QApplication.processEvents()
    window.agree()
    assert session.regions[20, 30] == region
    assert session.find(far[1]) is None
    window.undo()
    window.undo()
    assert not session.can_undo
    window.agree()
