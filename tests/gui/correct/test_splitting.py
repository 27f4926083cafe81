"""Splitting by clicks, as it is seen, by real mouse and keys."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

import napari
import numpy as np
import pytest
from qtpy.QtCore import QPoint, Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication

from napari_corrclip.annotation import Session
from napari_corrclip.annotation.edits.splitting import Divider
from napari_corrclip.gui.canvas.outlines import CUT, KEPT, PART_COLORS
from napari_corrclip.gui.canvas.schemes import packed
from napari_corrclip.gui.correct import CorrectMode
from napari_corrclip.gui.layers.session_layers import SessionLayers
from napari_corrclip.gui.work.job import Job
from tests.annotation.images import small_result
from tests.forms import short
from tests.gui.gates import Gate, before_method
from tests.gui.window import SIDE, Window, hearing

pytestmark = pytest.mark.canvas

REGION = 1


@pytest.fixture
def halves(
    make_napari_viewer: Callable[..., napari.Viewer],
) -> Iterator[tuple[Window, CorrectMode]]:
    """A session with one large region that is dark on the left and bright on the right."""
    result, _ = small_result((SIDE, SIDE))
    image = np.full((SIDE, SIDE, 3), 30, np.uint8)
    image[:, SIDE // 2 :] = 220
    viewer = make_napari_viewer(show=True)
    viewer.add_image(image, rgb=True)
    session = Session(result, image)
    session.merge(session.ids[:60])
    told: list[str] = []
    layers = SessionLayers(viewer, session, tell=hearing(told))
    viewer.reset_view()
    QApplication.processEvents()
    mode = CorrectMode(viewer, layers, hearing(told))
    mode.start()
    viewer.layers.selection.active = layers.labels
    yield Window(viewer, session, layers, told), mode
    mode.stop()
    layers.close()


def right_click(window: Window, row: float, column: float) -> None:
    where = QPoint(window.at(row, column))
    QTest.mouseMove(window.canvas, where)
    QApplication.processEvents()
    QTest.mouseClick(
        window.canvas, Qt.MouseButton.RightButton, Qt.KeyboardModifier.NoModifier, where
    )
    QApplication.processEvents()
    settle()


def settle() -> None:
    """Wait until the preview of the clicks is there."""
    until = time.monotonic() + 60
    while Job._running:
        assert time.monotonic() < until
        QApplication.processEvents()
        time.sleep(0.005)


def begin(window: Window) -> None:
    window.click(20, 20)
    window.key(Qt.Key.Key_S)
    window.click(20, 20)


def test_a_split_is_seen_before_it_is_done(halves: tuple[Window, CorrectMode]) -> None:
    window, mode = halves
    session = window.session
    whole = session.regions == REGION
    begin(window)
    assert mode.splitting.on
    assert "Right-click what is to be cut away" in window.told[-1]
    right_click(window, 20, 80)
    left = np.indices(session.shape)[1] < SIDE // 2
    over = window.over()
    kept, cut = (packed(*PART_COLORS[part], 150) for part in (KEPT, CUT))
    dots = {packed(*PART_COLORS[part]) for part in (KEPT, CUT)}
    assert set(np.unique(over[whole & left])) <= {kept, *dots}
    assert set(np.unique(over[whole & ~left])) <= {cut, *dots}
    assert dots == {over[20, 20], over[20, 80]}
    assert "Enter splits it" in window.told[-1]
    assert len(session.history.done) == 1  # the merge of the fixture

    window.key(Qt.Key.Key_Return)
    assert not mode.splitting.on
    assert not np.isin(window.over(), (kept, cut, *dots)).any()
    assert len(session.history.done) == 2
    new = int(session.ids.max())
    np.testing.assert_array_equal(session.regions == REGION, whole & (np.arange(SIDE) < SIDE // 2))
    np.testing.assert_array_equal(session.regions == new, whole & (np.arange(SIDE) >= SIDE // 2))
    assert mode.selection == (REGION,)
    window.agree()
    window.undo()
    np.testing.assert_array_equal(session.regions == REGION, whole)
    window.redo()
    assert session.find(new) is not None
    window.agree()


def test_escape_leaves_no_trace(halves: tuple[Window, CorrectMode]) -> None:
    window, mode = halves
    before = window.session.regions.copy()
    begin(window)
    right_click(window, 20, 80)
    window.key(Qt.Key.Key_Escape)
    assert not mode.splitting.on
    assert window.layers.outlines.division is None
    assert len(window.session.history.done) == 1
    np.testing.assert_array_equal(window.session.regions, before)
    assert mode.selection == (REGION,)
    right_click(window, 20, 80)  # nothing is split any more
    window.key(Qt.Key.Key_1)
    assert window.session.region(REGION).verdict is not None


def test_what_a_split_lacks_is_said(halves: tuple[Window, CorrectMode]) -> None:
    window, mode = halves
    window.click(20, 20)
    window.key(Qt.Key.Key_S)
    right_click(window, 20, 80)
    assert "Left-click what is to stay" in window.told[-1]
    window.key(Qt.Key.Key_Return)
    assert mode.splitting.on
    assert "Left-click what is to stay" in window.told[-1]
    outside = np.argwhere(window.session.regions != REGION)[-1]
    window.click(*(outside + 0.0))
    assert f"That is not in region {REGION}" in window.told[-1]
    # A place clicked again for the other thing changes sides.
    window.click(20, 80)
    assert mode.splitting.cut == []
    assert len(mode.splitting.keep) == 1
    assert "Right-click" in window.told[-1]
    window.key(Qt.Key.Key_Escape)
    window.key(Qt.Key.Key_Escape)
    others = window.session.ids[-2:].tolist()
    mode.select(others)
    window.key(Qt.Key.Key_S)
    assert "2 regions are selected; select the one to split" in window.told[-1]
    assert not mode.splitting.on


def test_other_keys_wait_for_the_split(halves: tuple[Window, CorrectMode]) -> None:
    window, mode = halves
    begin(window)
    right_click(window, 20, 80)
    for key in (Qt.Key.Key_1, Qt.Key.Key_G, Qt.Key.Key_D, Qt.Key.Key_V, Qt.Key.Key_S):
        window.key(key)
        assert "A split is under way" in window.told[-1]
    assert mode.splitting.on
    assert len(window.session.history.done) == 1


def test_undo_of_the_region_s_shape_leaves_the_split(halves: tuple[Window, CorrectMode]) -> None:
    window, mode = halves
    begin(window)
    right_click(window, 20, 80)
    window.undo()
    assert not mode.splitting.on
    assert "the split was left" in window.told[-2]
    window.agree()
    window.key(Qt.Key.Key_Return)
    window.agree()


def test_another_verdict_does_not_disturb_it(halves: tuple[Window, CorrectMode]) -> None:
    window, mode = halves
    begin(window)
    right_click(window, 20, 80)
    window.session.ignore(int(window.session.ids[-1]))
    assert mode.splitting.on
    window.key(Qt.Key.Key_Return)
    assert int((window.session.regions == REGION).sum()) > 0
    assert "Split region 1 into 2 parts" in window.told[-1]


def test_a_run_meanwhile_leaves_the_split(halves: tuple[Window, CorrectMode]) -> None:
    window, mode = halves
    begin(window)
    window.session.rerun(small_result((SIDE, SIDE), seed=3)[0])
    assert not mode.splitting.on
    assert window.layers.outlines.division is None
    window.agree()


def test_a_layer_may_go_meanwhile(halves: tuple[Window, CorrectMode]) -> None:
    window, mode = halves
    begin(window)
    window.viewer.layers.remove("labels")
    window.viewer.layers.selection.active = window.layers.regions
    right_click(window, 20, 80)
    assert mode.splitting.on
    assert window.layers.outlines.division is not None
    mode.stop()
    assert {layer.name for layer in window.viewer.layers} <= {"image", "labels", "regions"}
    assert len(window.session.history.done) == 1


def test_switching_the_mode_off_leaves_it(halves: tuple[Window, CorrectMode]) -> None:
    window, mode = halves
    begin(window)
    right_click(window, 20, 80)
    mode.stop()
    assert not mode.splitting.on
    assert window.layers.outlines.division is None
    mode.start()
    window.key(Qt.Key.Key_Escape)
    assert len(window.session.history.done) == 1


def before_divisions(patch: pytest.MonkeyPatch) -> Gate:
    """Hold the thread before it divides; what comes is the number of clicks of the part to divide off."""
    return before_method(patch, Divider, "divide", lambda _divider, _kept, away: len(away))


def right_press(window: Window, row: float, column: float) -> None:
    where = QPoint(window.at(row, column))
    QTest.mouseClick(
        window.canvas, Qt.MouseButton.RightButton, Qt.KeyboardModifier.NoModifier, where
    )
    QApplication.processEvents()


def wait_for(gate: Gate, count: int) -> None:
    until = time.monotonic() + 60
    while len(gate.came) < count:
        assert time.monotonic() < until
        QApplication.processEvents()


def test_the_latest_clicks_win_and_enter_waits_for_them(
    halves: tuple[Window, CorrectMode], monkeypatch: pytest.MonkeyPatch
) -> None:
    window, mode = halves
    gate = before_divisions(monkeypatch)
    begin(window)
    right_press(window, 20, 80)
    wait_for(gate, 1)
    assert mode.splitting.busy
    assert "Looking where the region is divided" in window.told[-1]
    right_press(window, 30, 80)  # the former preview is not wanted any more
    window.key(Qt.Key.Key_Return)
    assert mode.splitting.on
    assert "split in a moment" in window.told[-1]
    assert len(window.session.history.done) == 1
    gate.open()
    settle()
    assert gate.came == [1, 2]
    assert threading.main_thread() not in gate.threads
    assert not mode.splitting.on
    assert len(window.session.history.done) == 2
    assert (window.session.regions[:, : SIDE // 2] != window.session.ids.max()).all()
    window.agree()


def test_a_click_after_enter_is_looked_at_first(
    halves: tuple[Window, CorrectMode], monkeypatch: pytest.MonkeyPatch
) -> None:
    window, mode = halves
    gate = before_divisions(monkeypatch)
    begin(window)
    right_press(window, 20, 80)
    wait_for(gate, 1)
    window.key(Qt.Key.Key_Return)
    right_press(window, 30, 80)
    gate.open()
    settle()
    assert mode.splitting.on
    assert "Enter splits it" in window.told[-1]
    assert len(window.session.history.done) == 1


@pytest.mark.parametrize("how", short("escape", "off", rest=["undo"]))
def test_a_split_that_was_left_does_not_come_late(
    halves: tuple[Window, CorrectMode], monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    window, mode = halves
    gate = before_divisions(monkeypatch)
    begin(window)
    right_press(window, 20, 80)
    wait_for(gate, 1)
    window.key(Qt.Key.Key_Return)
    if how == "escape":
        window.key(Qt.Key.Key_Escape)
    elif how == "undo":
        window.undo()
    else:
        mode.stop()
    before, told = window.session.regions.copy(), list(window.told)
    gate.open()
    settle()
    assert not mode.splitting.on
    np.testing.assert_array_equal(window.session.regions, before)
    assert window.told == told


def test_a_session_without_image_says_why_it_cannot_split(
    halves: tuple[Window, CorrectMode],
) -> None:
    window, mode = halves
    window.session.timeline.image = None
    begin(window)
    right_click(window, 20, 80)
    assert "cannot be split by clicks without the image" in window.told[-1]
    window.key(Qt.Key.Key_Return)
    assert mode.splitting.on
    assert len(window.session.history.done) == 1
