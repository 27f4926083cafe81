"""Keys of correct mode that are held or ask for more: Alt, H, V and the queue's; by real events."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from pytestqt.qtbot import QtBot
from qtpy.QtCore import QEvent, QPointF, Qt
from qtpy.QtGui import QMouseEvent
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QMessageBox, QPushButton

from napari_corrclip.annotation import Session
from napari_corrclip.gui.canvas.schemes import Level
from napari_corrclip.gui.correct import CorrectMode, CorrectPanel, help_text
from napari_corrclip.gui.correct.correcting import Tool
from napari_corrclip.gui.layers.session_layers import SessionLayers
from tests.annotation.images import small_result
from tests.forms import short
from tests.gui.person import answer, click_in
from tests.gui.window import SIDE, Window, hearing

pytestmark = pytest.mark.canvas

ALT = Qt.KeyboardModifier.AltModifier


@pytest.fixture
def panel(window: Window) -> Iterator[CorrectPanel]:
    """The mode with its panel in the window, switched on by a click."""
    panel = CorrectPanel(window.tell)
    window.viewer.window.add_dock_widget(panel, name="correct")
    panel.open(CorrectMode(window.viewer, window.layers, window.tell))
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


def hover(window: Window, region: int, modifiers: Qt.KeyboardModifier = ALT) -> None:
    """Move without a button, and with a modifier held, which QTest.mouseMove does not say."""
    where = window.at(*centre(window, region))
    event = QMouseEvent(
        QEvent.Type.MouseMove,
        QPointF(where),
        QPointF(window.canvas.mapToGlobal(where)),
        Qt.MouseButton.NoButton,
        Qt.MouseButton.NoButton,
        modifiers,
    )
    QTest.qWait(30)  # vispy leaves moves out that follow within 10 ms
    QApplication.sendEvent(window.canvas, event)
    QApplication.processEvents()


def press(button: QPushButton) -> None:
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)
    QApplication.processEvents()


# -- spreading


def large_patch(session: Session) -> tuple[int, list[int]]:
    """The undecided region with the largest patch, and that."""
    undecided = [row.id for row in session.rows() if row.verdict is None]
    patches = {one: session.patch_of(one) for one in undecided}
    return max(patches.items(), key=lambda one: len(one[1]))


def test_alt_outlines_what_a_class_spreads_over(window: Window, mode: CorrectMode) -> None:
    session = window.session
    session.assign(session.ids[:20], "dog")
    region, patch = large_patch(session)
    window.click(*centre(window, region))
    QTest.keyPress(window.canvas, Qt.Key.Key_Alt, ALT)
    QApplication.processEvents()
    assert sorted(mode.spreading.patch) == patch
    window.stand_out([one for one in patch if one != region], Level.MARKED)
    window.stand_out([region])
    window.key(Qt.Key.Key_2, ALT)
    value = session.vocabulary.values[1]
    assert all(session.region(one).value == value for one in patch)
    assert len(session.history.done) == 2
    QTest.keyRelease(window.canvas, Qt.Key.Key_Alt)
    QApplication.processEvents()
    window.stand_out((), Level.MARKED)
    assert mode.spreading.patch == ()
    window.agree()
    window.undo()
    assert session.region(region).verdict is None
    window.agree()


def test_the_outline_follows_the_cursor_and_a_lost_release(
    window: Window, mode: CorrectMode
) -> None:
    hover(window, 30, Qt.KeyboardModifier.NoModifier)
    QTest.keyPress(window.canvas, Qt.Key.Key_Alt, ALT)
    hover(window, 30)
    assert sorted(mode.spreading.patch) == window.session.patch_of(30)
    hover(window, 50)
    assert sorted(mode.spreading.patch) == window.session.patch_of(50)
    # The window manager kept the release; the mouse moves without Alt.
    hover(window, 50, Qt.KeyboardModifier.NoModifier)
    assert mode.spreading.patch == ()
    window.stand_out((), Level.MARKED)


def test_spreading_from_two_regions_is_one_step(window: Window, mode: CorrectMode) -> None:
    mode.select([20, 60])
    patches = {*window.session.patch_of(20), *window.session.patch_of(60)}
    window.key(Qt.Key.Key_3, ALT)
    value = window.session.vocabulary.values[2]
    assert all(window.session.region(one).value == value for one in patches)
    assert len(window.session.history.done) == 1
    window.key(Qt.Key.Key_9, ALT)
    assert "There is no class 9" in window.told[-1]


# -- peeking


def test_both_layers_are_hidden_while_h_is_held(window: Window, mode: CorrectMode) -> None:
    window.click(*centre(window, 20))
    window.layers.regions.visible = False  # and it stays so
    QTest.keyPress(window.canvas, Qt.Key.Key_H)
    QApplication.processEvents()
    assert [window.layers.labels.visible, window.layers.regions.visible] == [False, False]
    assert not window.over().any()
    QTest.keyRelease(window.canvas, Qt.Key.Key_H)
    QApplication.processEvents()
    assert [window.layers.labels.visible, window.layers.regions.visible] == [True, False]
    window.stand_out([20])


@pytest.mark.parametrize("how", short("focus", rest=["window", "off"]))
def test_a_lost_release_shows_them_again(window: Window, mode: CorrectMode, how: str) -> None:
    QTest.keyPress(window.canvas, Qt.Key.Key_H)
    QApplication.processEvents()
    assert not window.layers.labels.visible
    if how == "off":
        mode.stop()
    else:
        kind = QEvent.Type.WindowDeactivate if how == "window" else QEvent.Type.FocusOut
        QApplication.sendEvent(window.canvas, QEvent(kind))
    assert window.layers.labels.visible
    assert window.layers.regions.visible


# -- voting again


@pytest.mark.parametrize(
    "button", short("Only the undecided", rest=["Take back and re-vote", "Cancel"])
)
def test_re_voting_over_decided_regions_asks(
    window: Window, mode: CorrectMode, button: str
) -> None:
    session = window.session
    session.revote([20, 21], "mean")
    session.assign(20, "dog")
    mode.select([20, 21])
    asked: list[str] = []

    def reply(box: QMessageBox) -> None:
        asked.append(box.text())
        click_in(box, button)

    answer(QMessageBox, reply)
    window.key(Qt.Key.Key_V)
    assert "1 of the 2 selected regions is decided" in asked[0]
    assert (session.region(20).verdict is None) == (button == "Take back and re-vote")
    assert (session.region(21).voting == "majority") == (button != "Cancel")


def test_re_voting_asks_nothing_where_nothing_is_decided(window: Window, mode: CorrectMode) -> None:
    session = window.session
    session.revote("all", "mean")
    session.assign(20, "dog")
    mode.select([30])
    window.key(Qt.Key.Key_V)
    assert session.region(30).voting == "majority"
    assert session.region(31).voting == "mean"
    window.key(Qt.Key.Key_Escape)
    window.key(Qt.Key.Key_V)
    assert session.region(31).voting == "majority"
    assert session.region(20).verdict is not None


# -- the queue


def test_a_class_key_goes_on_only_in_the_queue(window: Window, mode: CorrectMode) -> None:
    window.key(Qt.Key.Key_D)
    (first,) = mode.selection
    window.key(Qt.Key.Key_1)
    (second,) = mode.selection
    assert second != first
    assert window.session.region(first).verdict is not None
    other = next(one for one in window.session.ids.tolist() if one not in (first, second))
    window.click(*centre(window, other))
    if mode.selection == (other,):
        window.key(Qt.Key.Key_1)
        assert mode.selection == (other,)


def test_the_queue_s_buttons(window: Window, panel: CorrectPanel) -> None:
    mode = of(panel)
    total = len(window.session.ids)
    assert f"{total} left</b> ≈ 9" in panel.left.text()
    press(panel.next_button)
    (first,) = mode.selection
    press(panel.next_button)
    assert mode.selection != (first,)
    press(panel.back_button)
    assert mode.selection == (first,)
    window.session.accept(window.session.ids[:70])
    assert f"{total - 70} left" in panel.left.text()
    assert panel.refresh_button.text() == "Sort again"
    press(panel.refresh_button)
    assert "The order is new" in window.told[-1]
    window.session.accept(window.session.ids)
    assert "All regions are decided" in panel.left.text()
    press(panel.next_button)
    assert "All regions are decided" in window.told[-1]
    press(panel.button)
    press(panel.button)
    assert "All regions are decided; click on one" in window.told[-1]


def test_what_is_sure_is_accepted_at_once_and_then_the_rest(
    window: Window, panel: CorrectPanel
) -> None:
    session = window.session
    assert panel.mode is not None
    rows = session.rows()
    middle = float(np.median([row.confidence for row in rows]))
    panel.sure.setValue(round(middle, 2))
    sure = {row.id for row in rows if row.confidence >= panel.sure.value() and row.predicted}
    assert 0 < len(sure) < len(rows)
    assert panel.sure_button.text() == f"Accept {len(sure)} from"
    assert panel.rest_button.text() == f"The rest ({len(rows)})"
    first = min(sure)
    session.ignore(first)  # the counts are of now
    assert panel.sure_button.text() == f"Accept {len(sure) - 1} from"
    steps = len(session.history.done)
    press(panel.sure_button)

    def decided() -> set[int]:
        return {row.id for row in session.rows() if row.verdict is not None}

    assert decided() == sure
    assert len(session.history.done) == steps + 1
    assert f"Accepted {len(sure) - 1} regions from {panel.sure.value():.2f}" in window.told[-1]
    assert panel.sure_button.text() == "Accept 0 from"
    assert not panel.sure_button.isEnabled()
    press(panel.rest_button)
    assert decided() == {row.id for row in rows}
    assert len(session.history.done) == steps + 2
    assert window.told[-1] == f"Accepted {len(rows) - len(sure)} regions."
    window.agree()
    window.undo()
    assert decided() == sure
    assert session.region(first).verdict is not None
    window.undo()
    assert decided() == {first}


def test_a_region_as_sure_as_the_number_is_accepted(window: Window, panel: CorrectPanel) -> None:
    assert panel.mode is not None
    review, session = panel.mode.review, window.session
    for threshold in (0.01, 0.5, 0.9, 1.0):
        sure = review.sure(threshold)
        before = [row.id for row in session.rows() if row.verdict is None]
        review.accept_sure(threshold)
        after = [row.id for row in session.rows() if row.verdict is None]
        assert sorted(set(before) - set(after)) == sure
        if sure:
            window.undo()
    exact = max(session.rows(), key=lambda row: row.confidence)
    assert exact.id in review.sure(exact.confidence)
    review.accept_sure(exact.confidence)
    assert session.region(exact.id).verdict is not None


def test_the_tools_have_buttons(window: Window, panel: CorrectPanel) -> None:
    assert panel.mode is not None
    sweep, lasso = (panel.tool_buttons[tool] for tool in (Tool.SWEEP, Tool.LASSO))
    press(sweep)
    assert panel.mode.correcting.tool is Tool.SWEEP
    window.key(Qt.Key.Key_L)
    assert (sweep.isChecked(), lasso.isChecked()) == (False, True)
    press(lasso)
    assert panel.mode.correcting.tool is None
    assert (sweep.isChecked(), lasso.isChecked()) == (False, False)


def test_the_camera_moves_only_as_far_as_needed(window: Window, mode: CorrectMode) -> None:
    camera = mode.camera.napari
    camera.zoom *= 2.5
    camera.center = (0.0, 20.0, 20.0)
    window.settle()
    zoom, before = camera.zoom, camera.center
    top, left, bottom, right = mode.camera.in_view()
    inside = next(
        row.id
        for row in window.session.rows()
        if row.box[0] >= top and row.box[1] >= left and row.box[2] <= bottom and row.box[3] <= right
    )
    mode.review._present(inside)
    assert camera.center == before
    outside = next(
        row.id
        for row in window.session.rows()
        if row.box[0] >= top and row.box[2] <= bottom and row.box[1] >= right
    )
    box = window.session.region(outside).box
    mode.review._present(outside)
    window.settle()
    assert camera.zoom == zoom
    assert camera.center[-2] == before[-2]
    seen = mode.camera.in_view()
    assert seen[1] <= box[1]
    assert box[3] <= seen[3]
    # As far as the margin, and not to the middle.
    assert camera.center[-1] < (box[1] + box[3]) / 2


def test_a_region_as_large_as_the_image_is_no_reason_to_zoom(
    window: Window, mode: CorrectMode
) -> None:
    window.session.merge(window.session.ids)
    window.settle()
    zoom = mode.camera.napari.zoom
    for _ in range(3):
        window.key(Qt.Key.Key_D)
        window.settle()
    assert mode.camera.napari.zoom == zoom
    # Where it sticks out, it is shown whole.
    mode.camera.napari.zoom *= 4
    window.settle()
    window.key(Qt.Key.Key_D)
    assert mode.camera.napari.zoom < 2 * zoom


def test_small_regions_are_one_entry(make_napari_viewer) -> None:  # type: ignore[no-untyped-def]
    result, image = small_result((SIDE, SIDE))
    viewer = make_napari_viewer(show=True)
    viewer.add_image(image, rgb=True)
    session = Session(result, image)
    for at in (10, 30, 50):
        session.paint_regions(([at], [at]), None)
    small = session.ids[-3:].tolist()
    told: list[str] = []
    layers = SessionLayers(viewer, session, tell=hearing(told))
    panel = CorrectPanel(hearing(told))
    viewer.window.add_dock_widget(panel, name="correct")
    panel.open(CorrectMode(viewer, layers, hearing(told)))
    press(panel.button)
    assert panel.small.text() == "small (3)"
    assert panel.small.isVisible()
    press(panel.accept_button)
    assert all(session.region(one).verdict is not None for one in small)
    assert not panel.small.isVisible()
    press(panel.undo_button)
    assert panel.small.isVisible()
    press(panel.absorb_button)
    assert all(session.find(one) is None for one in small)
    assert not panel.small.isVisible()
    np.testing.assert_array_equal(layers.regions.data, session.regions)
    session.undo()
    press(panel.button)
    assert not panel.small.isVisible()
    panel.close_mode()
    layers.close()


# -- the help


def test_the_help_is_of_the_moment(window: Window, panel: CorrectPanel) -> None:
    assert panel.keys.text() == help_text("normal")
    assert "hide&nbsp;layers" in help_text("normal")
    window.click(*centre(window, 20))
    window.key(Qt.Key.Key_S)
    assert panel.keys.text() == help_text("splitting")
    window.key(Qt.Key.Key_Escape)
    assert panel.keys.text() == help_text("normal")


def test_other_buttons_wait_for_the_split(window: Window, panel: CorrectPanel) -> None:
    window.click(*centre(window, 20))
    window.key(Qt.Key.Key_S)
    press(panel.next_button)
    assert "A split is under way" in window.told[-1]
    assert of(panel).splitting.on


def test_qt_s_window_is_watched_only_while_the_mode_is_on(
    window: Window, mode: CorrectMode, qtbot: QtBot
) -> None:
    mode.stop()
    QTest.keyPress(window.canvas, Qt.Key.Key_Alt, ALT)
    QTest.keyRelease(window.canvas, Qt.Key.Key_Alt)
    assert mode.spreading.patch == ()
    window.stand_out((), Level.MARKED)
