"""Sweeping a class over regions, and the lasso, by real mouse and keys."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication

from napari_corrclip.gui.canvas.schemes import FAINT, SWEPT_ALPHA, packed
from napari_corrclip.gui.correct import CorrectMode
from napari_corrclip.gui.correct.class_keys import CLASS_KEYS
from napari_corrclip.gui.correct.correcting import Tool
from napari_corrclip.gui.correct.lasso import DrawnLine
from tests.gui.window import SIDE, Window

pytestmark = pytest.mark.canvas

LEFT = Qt.MouseButton.LeftButton
NONE = Qt.KeyboardModifier.NoModifier
SHIFT = Qt.KeyboardModifier.ShiftModifier
CONTROL = Qt.KeyboardModifier.ControlModifier
Place = tuple[float, float]


def press(window: Window, place: Place, held: Qt.KeyboardModifier = NONE) -> None:
    window.settle()
    QTest.mouseMove(window.canvas, window.at(*place))
    QTest.mousePress(window.canvas, LEFT, held, window.at(*place))
    QApplication.processEvents()


def go(window: Window, places: Sequence[Place]) -> None:
    for place in places:
        QTest.qWait(15)  # napari leaves out moves that follow at once
        window._move(window.at(*place))


def release(window: Window, place: Place, held: Qt.KeyboardModifier = NONE) -> None:
    QTest.mouseRelease(window.canvas, LEFT, held, window.at(*place))
    QApplication.processEvents()


def drag(window: Window, places: Sequence[Place], held: Qt.KeyboardModifier = NONE) -> None:
    press(window, places[0], held)
    go(window, places[1:])
    release(window, places[-1], held)


def along(window: Window, start: Place, end: Place) -> set[int]:
    """The regions on the straight line between two pixels, and no others that are far from it."""
    way = np.linspace(0, 1, 2000)[:, None] * np.subtract(end, start) + start
    rows, columns = np.floor(way + 0.5).astype(int).T
    return set(np.unique(window.session.regions[rows, columns]).tolist()) - {0}


def assigned(window: Window, name: str) -> set[int]:
    value = window.session.vocabulary.values[window.session.vocabulary.index(name)]
    return {
        row.id
        for row in window.session.rows()
        if row.verdict is not None and row.verdict.kind == "assigned" and row.value == value
    }


@pytest.fixture
def camera(window: Window) -> Iterator[tuple[object, ...]]:
    """Where the camera is, which no stroke may move."""
    scene = getattr(window.viewer, "scene", window.viewer)
    before = scene.camera.center
    yield before
    assert scene.camera.center == before


def test_a_digit_that_is_held_sweeps_its_class(
    window: Window, mode: CorrectMode, camera: object
) -> None:
    session = window.session
    name = session.vocabulary.names[1]
    start, end = (10, 10), (70, 80)
    steps = len(session.history.done)
    window.hover(*start)
    QTest.keyPress(window.canvas, Qt.Key.Key_2)
    press(window, start)
    release_at = end
    window._move(window.at(*end))  # one move only: all that lies between is touched
    QTest.keyRelease(window.canvas, Qt.Key.Key_2)
    release(window, release_at)
    on_line = along(window, start, end)
    assert len(on_line) > 8
    assert on_line <= assigned(window, name)
    near = np.zeros(session.shape, bool)
    for off in (-1, 0, 1):
        for place in np.linspace(0, 1, 400)[:, None] * np.subtract(end, start) + start:
            row, column = np.floor(place + 0.5).astype(int)
            near[max(row - 1, 0) : row + 2, column + off] = True
    assert assigned(window, name) <= set(session.regions[near].tolist())
    assert len(session.history.done) == steps + 1
    count = len(assigned(window, name))
    assert window.told[-1] == f"Assigned {count} regions to {name!r}."
    window.agree()
    window.undo()
    assert assigned(window, name) == set()
    assert not session.can_undo
    # The key was for the stroke: what is under the cursor is left alone when it is let go.
    window.key(Qt.Key.Key_2)
    assert len(assigned(window, name)) == 1


@pytest.mark.parametrize("key", [Qt.Key.Key_2, Qt.Key.Key_Q], ids=["digit", "letter"])
def test_a_key_that_is_typed_with_shift_sweeps_as_any_other(
    window: Window, mode: CorrectMode, camera: object, key: Qt.Key
) -> None:
    session = window.session
    name = session.vocabulary.names[1]
    CLASS_KEYS.give(name, "Shift+Q", session.vocabulary)
    window.hover(10, 10)
    QTest.keyPress(window.canvas, Qt.Key.Key_Shift, SHIFT)
    QTest.keyPress(window.canvas, key, SHIFT)
    drag(window, [(10, 10), (70, 80)], SHIFT)
    QTest.keyRelease(window.canvas, key, SHIFT)
    QTest.keyRelease(window.canvas, Qt.Key.Key_Shift)
    CLASS_KEYS.give(name, "", session.vocabulary)
    assert mode.selection == ()
    assert along(window, (10, 10), (70, 80)) <= assigned(window, name)
    assert len(session.history.done) == 1
    drag(window, [(-3, -3), (40, 40)], SHIFT)  # no key is held now: a box
    assert mode.selection
    assert len(session.history.done) == 1


def test_the_stroke_is_seen_in_the_colour_of_its_class(window: Window, mode: CorrectMode) -> None:
    session = window.session
    color = session.vocabulary.classes[0].color
    window.key(Qt.Key.Key_W)
    assert mode.correcting.tool is Tool.SWEEP
    assert f"A drag assigns {session.vocabulary.names[0]!r}" in window.told[-1]
    press(window, (20, 20))
    go(window, [(20, 60)])
    swept = set(mode.sweeping.regions)
    assert along(window, (20, 20), (20, 60)) <= swept
    shown = np.isin(window.over(), [packed(*color, SWEPT_ALPHA), packed(*color), FAINT])
    np.testing.assert_array_equal(shown, np.isin(session.regions, list(swept)))
    assert not session.can_undo  # it is only drawn so far
    release(window, (20, 60))
    assert assigned(window, session.vocabulary.names[0]) == swept
    assert not np.isin(window.over(), [packed(*color, SWEPT_ALPHA)]).any()


def test_escape_takes_the_stroke_back_while_it_is_drawn(
    window: Window, mode: CorrectMode, camera: object
) -> None:
    before = window.session.labels.copy()
    window.key(Qt.Key.Key_W)
    press(window, (20, 20))
    go(window, [(50, 60)])
    assert len(mode.sweeping.regions) > 4
    window.key(Qt.Key.Key_Escape)
    go(window, [(80, 60)])
    release(window, (80, 60))
    assert not window.session.can_undo
    assert window.told[-1] == "The stroke was taken back; nothing has changed."
    np.testing.assert_array_equal(window.session.labels, before)
    assert mode.correcting.tool is Tool.SWEEP  # the next stroke is another one
    window.key(Qt.Key.Key_Escape)
    assert mode.correcting.tool is None


def test_the_active_class_is_swept_over_what_was_decided(window: Window, mode: CorrectMode) -> None:
    session = window.session
    names, values = session.vocabulary.names, session.vocabulary.values
    row = along(window, (30, 10), (30, 80))
    first, second, *_ = sorted(row)
    session.ignore(first)
    session.accept(second)
    window.layers.labels.selected_label = values[1]
    window.key(Qt.Key.Key_W)
    assert f"A drag assigns {names[1]!r}" in window.told[-1]
    window.layers.labels.selected_label = values[2]  # as by a click on another row
    assert f"A drag assigns {names[2]!r}" in window.told[-1]
    window.layers.labels.selected_label = values[1]
    drag(window, [(30, 10), (30, 80)])
    assert row <= assigned(window, names[1])
    window.undo()
    kinds = [session.region(one).verdict for one in (first, second)]
    assert [verdict and verdict.kind for verdict in kinds] == ["ignored", "accepted"]


def test_a_digit_assigns_when_it_is_let_go_and_before_the_next_key(
    window: Window, mode: CorrectMode
) -> None:
    session = window.session
    window.hover(30, 30)
    region = session.region_at(30, 30)
    QTest.keyPress(window.canvas, Qt.Key.Key_2)
    assert session.region(region).verdict is None
    window.hover(60, 60)  # what was meant is what was there when it was pressed
    QTest.keyPress(window.canvas, Qt.Key.Key_D)
    assert assigned(window, session.vocabulary.names[1]) == {region}
    assert mode.selection
    QTest.keyRelease(window.canvas, Qt.Key.Key_2)
    QTest.keyRelease(window.canvas, Qt.Key.Key_D)
    assert len(session.history.done) == 1


def test_off_a_drag_moves_the_image_and_napari_s_tools_are_its_own(
    window: Window, mode: CorrectMode
) -> None:
    window.key(Qt.Key.Key_W)
    window.key(Qt.Key.Key_W)
    drag(window, [(20, 20), (40, 60)])
    assert not window.session.can_undo
    window.key(Qt.Key.Key_W)
    window.layers.labels.mode = "paint"  # ends the mode, and the tool with it
    assert not mode.on
    assert mode.correcting.tool is None
    drag(window, [(20, 20), (40, 60)])
    assert "Painted" in window.told[-1]


CIRCLE = [
    (48 + 30 * np.sin(angle), 48 + 30 * np.cos(angle)) for angle in np.linspace(0, 2 * np.pi, 40)
]


def within(window: Window, reach: float) -> set[int]:
    """The regions of which every pixel is so near to the middle."""
    rows, columns = np.indices(window.session.shape)
    far = np.hypot(rows - 48, columns - 48) > reach
    regions = window.session.regions
    return set(np.unique(regions).tolist()) - set(np.unique(regions[far]).tolist()) - {0}


def test_the_lasso_selects_what_it_goes_around(
    window: Window, mode: CorrectMode, camera: object
) -> None:
    window.key(Qt.Key.Key_L)
    press(window, CIRCLE[0])
    go(window, CIRCLE[1:20])
    (drawn,) = (one for one in window.canvas.findChildren(DrawnLine) if one.isVisible())
    assert len(drawn.places) == 20
    go(window, CIRCLE[20:])
    release(window, CIRCLE[-1])
    assert not [one for one in window.canvas.findChildren(DrawnLine) if one.isVisible()]
    # A pixel of the screen or so is nobody's affair.
    assert within(window, 29) <= set(mode.selection) <= within(window, 31)
    assert len(mode.selection) > 10
    window.stand_out(mode.selection)
    assert not window.session.can_undo
    window.key(Qt.Key.Key_1)
    assert assigned(window, window.session.vocabulary.names[0]) == set(mode.selection)


def test_shift_adds_to_the_lasso_and_control_takes_out(window: Window, mode: CorrectMode) -> None:
    whole = [(-3, -3), (-3, SIDE / 2), (SIDE + 2, SIDE / 2), (SIDE + 2, -3)]
    window.key(Qt.Key.Key_L)
    window.click(80, 80)  # a click selects, as ever
    outside = mode.selection
    assert len(outside) == 1
    drag(window, whole, SHIFT)
    assert set(outside) < set(mode.selection)
    both = set(mode.selection)
    drag(window, CIRCLE, SHIFT | CONTROL)
    assert within(window, 29) & both
    assert not within(window, 29) & set(mode.selection)
    assert both - within(window, 31) <= set(mode.selection)
    drag(window, whole)
    assert not set(outside) & set(mode.selection)


def test_a_box_takes_out_with_control(window: Window, mode: CorrectMode) -> None:
    drag(window, [(-3, -3), (40, 40), (SIDE + 2, SIDE + 2)], SHIFT)
    every = set(mode.selection)
    assert every == set(window.session.ids.tolist())
    drag(window, [(14, 14), (30, 30), (42, 42)], SHIFT | CONTROL)
    inside = {
        row.id
        for row in window.session.rows()
        if row.box[0] >= 14 and row.box[1] >= 14 and row.box[2] <= 43 and row.box[3] <= 43
    }
    assert len(inside) == 9
    assert set(mode.selection) == every - inside
    window.key(Qt.Key.Key_2)  # dozens of boxes, which are drawn at once
    window.agree()
    assert assigned(window, window.session.vocabulary.names[1]) == every - inside
    window.undo()
    window.agree()
