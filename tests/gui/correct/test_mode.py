"""Correct mode, by real mouse and keys."""

from __future__ import annotations

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication

from napari_corrclip.gui.correct import CorrectMode
from tests.forms import short
from tests.gui.window import Window

pytestmark = pytest.mark.canvas

SHIFT = Qt.KeyboardModifier.ShiftModifier


def centre(window: Window, region: int) -> tuple[float, float]:
    box = window.session.region(region).box
    return (box[0] + box[2]) / 2, (box[1] + box[3]) / 2


@pytest.mark.parametrize("layer", short("regions", rest=["labels"]))
def test_clicks_select_and_keys_decide(window: Window, mode: CorrectMode, layer: str) -> None:
    session = window.session
    window.viewer.layers.selection.active = window.viewer.layers[layer]
    window.click(*centre(window, 20))
    assert mode.selection == (20,)
    window.click(*centre(window, 40), SHIFT)
    window.click(*centre(window, 41), SHIFT)
    assert mode.selection == (20, 40, 41)
    window.click(*centre(window, 40), SHIFT)
    assert mode.selection == (20, 41)
    window.stand_out((20, 41))
    assert window.viewer.layers.selection.active is window.viewer.layers[layer]

    window.key(Qt.Key.Key_2)
    value = session.vocabulary.values[1]
    assert [session.region(one).value for one in (20, 41)] == [value, value]
    window.agree()
    window.key(Qt.Key.Key_G)
    assert session.find(41) is None
    assert mode.selection == (20,)
    window.agree()
    window.key(Qt.Key.Key_S, SHIFT)
    assert len(mode.selection) == 1
    assert "Split region 20 into 2 parts" in window.told[-1]
    window.undo()
    window.undo()
    window.undo()
    assert not session.can_undo
    window.agree()
    window.key(Qt.Key.Key_Escape)
    assert mode.selection == ()


def test_a_key_with_nothing_selected_is_for_the_region_under_the_cursor(
    window: Window, mode: CorrectMode
) -> None:
    window.hover(*centre(window, 30))
    window.key(Qt.Key.Key_Backspace)
    verdict = window.session.region(30).verdict
    assert verdict is not None
    assert verdict.kind == "ignored"


def test_u_takes_a_decision_and_paint_back(window: Window, mode: CorrectMode) -> None:
    session = window.session
    before = session.labels.copy()
    session.assign(30, "dog")
    inside = session.regions == 30
    session.paint(inside & (np.indices(session.shape)[0] % 2 == 0), "cat")
    window.click(*centre(window, 30))
    window.key(Qt.Key.Key_U)
    assert "Undecided 1 region." in window.told[-1]
    np.testing.assert_array_equal(session.labels, before)
    window.agree()
    window.undo()
    assert session.region(30).verdict is not None


def test_shift_and_a_drag_draw_a_box(window: Window, mode: CorrectMode) -> None:
    zoom = getattr(window.viewer, "scene", window.viewer).camera.center
    start, end = window.at(14, 14), window.at(42, 42)
    QTest.mouseMove(window.canvas, start)
    QTest.mousePress(window.canvas, Qt.MouseButton.LeftButton, SHIFT, start)
    QApplication.processEvents()
    for part in (0.3, 0.6, 1.0):
        QTest.mouseMove(window.canvas, window.at(14 + part * 28, 14 + part * 28))
        QApplication.processEvents()
    QTest.mouseRelease(window.canvas, Qt.MouseButton.LeftButton, SHIFT, end)
    QApplication.processEvents()
    inside = {
        row.id
        for row in window.session.rows()
        if row.box[0] >= 14 and row.box[1] >= 14 and row.box[2] <= 43 and row.box[3] <= 43
    }
    assert set(mode.selection) == inside
    assert len(inside) == 9
    assert getattr(window.viewer, "scene", window.viewer).camera.center == zoom


def test_a_plain_drag_pans(window: Window, mode: CorrectMode) -> None:
    camera = getattr(window.viewer, "scene", window.viewer).camera
    before = camera.center
    for _ in range(10):
        window.stroke((20, 20), (40, 60))
        if camera.center != before:
            break
        QTest.qWait(100)  # napari's camera follows the mouse once it has drawn
    assert camera.center != before
    assert mode.selection == ()
    assert not window.session.can_undo


def test_the_queue_by_keys(window: Window, mode: CorrectMode) -> None:
    seen = []
    window.key(Qt.Key.Key_D)
    for _ in range(3):
        (region,) = mode.selection
        seen.append(region)
        window.key(Qt.Key.Key_Return)
    assert len(set(seen)) == 3
    verdicts = [window.session.region(one).verdict for one in seen]
    assert all(verdict is not None and verdict.kind == "accepted" for verdict in verdicts)
    (region,) = mode.selection
    assert window.told[-1].startswith(f"#{region}: ")
    window.key(Qt.Key.Key_A)
    assert mode.selection == (seen[-1],)


def test_off_napari_s_keys_are_back(window: Window, mode: CorrectMode) -> None:
    layer = window.layers.labels
    mode.stop()
    window.key(Qt.Key.Key_2)  # napari: paint
    assert str(layer.mode) == "paint"
    assert not window.session.can_undo
    mode.start()
    assert str(layer.mode) == "pan_zoom"
    window.click(*centre(window, 20))
    window.key(Qt.Key.Key_2)
    assert str(layer.mode) == "pan_zoom"
    assert window.session.region(20).verdict is not None
    mode.stop()
    assert str(layer.mode) == "paint"
    assert not layer.keymap
    np.testing.assert_array_equal(layer.data, window.session.labels)


def test_what_cannot_be_done_is_said(window: Window, mode: CorrectMode) -> None:
    window.click(*centre(window, 20))
    window.key(Qt.Key.Key_G)
    assert "select two or more to merge" in window.told[-1]
    window.key(Qt.Key.Key_9)
    assert "There is no class 9" in window.told[-1]
    assert not window.session.can_undo


def test_what_changes_nothing_is_said_to_be_so(window: Window, mode: CorrectMode) -> None:
    session = window.session
    window.click(*centre(window, 30))
    window.key(Qt.Key.Key_Backspace)
    assert window.told[-1] == (
        "Ignored 1 region. Left out of training: void (0) in exported labels."
    )
    for key in (Qt.Key.Key_Backspace, Qt.Key.Key_U, Qt.Key.Key_U):
        steps = len(session.history.done)
        window.click(*centre(window, 30))
        window.key(key)
        changed = len(session.history.done) > steps
        assert (window.told[-1] == "Nothing changed; it was so already.") is not changed
    assert len(session.history.done) == 2
    window.key(Qt.Key.Key_V)  # elects what it showed before
    assert window.told[-1] == "Nothing changed; it was so already."
    window.undo()
    assert window.told[-1] == "Undone: Undecide 1 region."
    window.redo()
    assert window.told[-1] == "Redone: Undecide 1 region."


def test_the_status_bar_tells_of_the_keys_of_the_mode(window: Window, mode: CorrectMode) -> None:
    assert window.layers.labels.help.startswith("click selects")
    mode.stop()
    assert "click selects" not in window.layers.labels.help
    window.layers.labels.mode = "paint"
    assert "click selects" not in window.layers.labels.help
