"""Painting on both layers with napari's own tools, by a real mouse and real keys."""

from __future__ import annotations

from collections.abc import Callable

import napari
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from napari.layers import Labels
from pytestqt.qtbot import QtBot
from qtpy.QtCore import QEvent, QPointF, Qt
from qtpy.QtGui import QMouseEvent
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QLineEdit

from napari_corrclip.annotation import Session
from napari_corrclip.gui import widgets
from napari_corrclip.gui.dock import CorrClipDock
from napari_corrclip.gui.layers import session_layers
from napari_corrclip.gui.layers import strokes as painting
from napari_corrclip.gui.layers.session_layers import SessionLayers
from napari_corrclip.gui.regions.model import RegionsModel
from tests.annotation.images import small_result
from tests.forms import short
from tests.gui.person import MINUTE
from tests.gui.window import Window

pytestmark = pytest.mark.canvas

LEFT, NO_KEY = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
ALT = Qt.KeyboardModifier.AltModifier


def move(window: Window, row: float, column: float, held: Qt.KeyboardModifier = NO_KEY,
         button: Qt.MouseButton = LEFT) -> None:  # fmt: skip
    where = window.at(row, column)
    event = QMouseEvent(
        QEvent.Type.MouseMove, QPointF(where), QPointF(window.canvas.mapToGlobal(where)),
        Qt.MouseButton.NoButton, button, held,
    )  # fmt: skip
    QApplication.sendEvent(window.canvas, event)
    QApplication.processEvents()


def press(window: Window, row: float, column: float, held: Qt.KeyboardModifier = NO_KEY) -> None:
    move(window, row, column, held, Qt.MouseButton.NoButton)
    QTest.mousePress(window.canvas, LEFT, held, window.at(row, column))
    QApplication.processEvents()


def release(window: Window, row: float, column: float, held: Qt.KeyboardModifier = NO_KEY) -> None:
    QTest.mouseRelease(window.canvas, LEFT, held, window.at(row, column))
    QApplication.processEvents()


def double_click(window: Window, row: float, column: float) -> None:
    """Near the first corner it closes a polygon."""
    move(window, row, column, NO_KEY, Qt.MouseButton.NoButton)
    QTest.mouseClick(window.canvas, LEFT, NO_KEY, window.at(row, column))
    QTest.mouseDClick(window.canvas, LEFT, NO_KEY, window.at(row, column))
    QApplication.processEvents()


def use(window: Window, layer: Labels, mode: str, size: int = 5) -> None:
    window.viewer.layers.selection.active = layer
    layer.mode = mode
    layer.brush_size = size


def held_by_napari(layer: Labels) -> int:
    """Atoms in napari's own history, which cannot be read in public."""
    return sum(len(item) for item in layer._undo_history) + len(layer._staged_history)


def test_a_stroke_says_how_many_voted_and_changed(window: Window) -> None:
    session, layer = window.session, window.layers.regions
    use(window, layer, "paint", 7)
    before = {row.id: row.value for row in session.rows()}
    begun = session.region_at(70, 70)
    window.stroke((70, 70), (70, 88))
    touched = set(session.history.done[-1].changes[0].patches)
    assert touched == {"regions"}
    rows = [row for row in session.rows() if row.verdict is None]
    changed = sum(row.value != before[row.id] for row in rows)
    told = window.told[-1]
    assert told.startswith(f"Extended region {begun}; ")
    assert told.endswith(f"re-voted, {changed} changed.")
    window.agree()


def test_a_changed_class_is_counted(window: Window) -> None:
    """A region that takes in a larger one of another class votes for that class."""
    session, layer = window.session, window.layers.regions

    def outcome(one: int, near: list[int]) -> Session | None:
        """The session if ``one`` takes in what its neighbours were, where that changes its class."""
        tried = Session(*small_result((96, 96)))
        merged = tried.merge(near).updated[0] if len(near) > 1 else near[0]
        before = tried.region(one).value
        tried.paint_regions(tried.regions == merged, one)
        return tried if tried.region(one).value != before else None

    one, near, expected = next(
        (row.id, near, found)
        for row in session.rows()[10:]
        for other in sorted(session.neighbours(row.id))
        if (near := [other, *[n for n in session.neighbours(other) if n not in (row.id, other)]])
        and (found := outcome(row.id, near)) is not None
    )
    session.merge(near)
    mask = session.regions == min(near)
    small = session.region(one)
    use(window, layer, "fill")
    layer.selected_label = small.id
    at = tuple(np.argwhere(mask)[mask.sum() // 2])
    window.click(*at)
    np.testing.assert_array_equal(session.regions, expected.regions)
    assert expected.region(one).value != small.value
    assert window.told[-1].startswith(f"Extended region {small.id}; 1 region re-voted, 1 changed.")
    window.agree()


def test_alt_paints_a_new_region(window: Window) -> None:
    session, layer = window.session, window.layers.regions
    use(window, layer, "paint", 7)
    begun, new = session.region_at(70, 70), int(session.ids.max()) + 1
    move(window, 60, 60, NO_KEY, Qt.MouseButton.NoButton)
    move(window, 62, 62, ALT, Qt.MouseButton.NoButton)  # napari sizes the brush by this
    press(window, 70, 70, ALT)
    for column in (74, 80, 88):
        move(window, 70, column, ALT)
    release(window, 70, 88, ALT)
    assert session.region_at(70, 70) == session.region_at(70, 84) == new != begun
    assert layer.brush_size == 7
    assert session.region(new).area < 300
    assert window.told[-1].startswith(f"New region {new} of ")
    window.agree()
    window.undo()
    assert session.region_at(70, 70) == begun
    window.agree()


@pytest.mark.parametrize("name", short("labels", rest=["regions"]))
def test_fill_erase_and_polygon(window: Window, name: str) -> None:
    session, layers = window.session, window.layers
    layer = layers.labels if name == "labels" else layers.regions
    truth = session.labels if name == "labels" else session.regions
    value = session.vocabulary.values[2] if name == "labels" else session.region_at(20, 20)
    for count, mode in enumerate(["fill", "erase", "polygon"], start=1):
        use(window, layer, mode)
        layer.selected_label = value
        row, column = next(
            tuple(one) for one in np.argwhere(truth != value) if 60 < one[0] < 80 and one[1] > 60
        )
        if mode == "fill":
            window.click(row, column)
            assert truth[row, column] == value
        elif mode == "erase":
            window.stroke((row, column), (row, column - 10))
            assert truth[row, column - 5] == 0
        else:
            for corner in ((50, 50), (50, 62), (62, 62)):
                window.click(*corner)
            window.click(62, 50)
            double_click(window, 50, 50)
            assert (truth[52:60, 52:60] == value).all()
        window.agree()
        assert len(session.history.done) == count
        assert held_by_napari(layer) == 0
    for _ in range(3):
        window.undo()
        window.agree()
    assert not session.can_undo


def test_what_is_no_class_is_refused_by_every_tool(window: Window) -> None:
    session, layer = window.session, window.layers.labels
    before = session.labels.copy()
    for mode in ("paint", "fill", "polygon"):
        use(window, layer, mode)
        layer.selected_label = 77
        window.told.clear()
        if mode == "polygon":
            for corner in ((50, 50), (50, 62), (62, 62)):
                window.click(*corner)
            QTest.mouseDClick(window.canvas, LEFT, NO_KEY, window.at(62, 50))
            QApplication.processEvents()
        else:
            window.stroke((20, 20), (40, 60))
        assert "No class has the value 77" in window.told[-1]
        np.testing.assert_array_equal(session.labels, before)
        window.agree()
    assert not session.can_undo
    assert held_by_napari(layer) == 0


def test_the_brush_is_larger_than_the_image_and_strokes_leave_it(window: Window) -> None:
    session, layers = window.session, window.layers
    use(window, layers.labels, "paint", 400)
    layers.labels.selected_label = session.vocabulary.values[1]
    window.stroke((48, 48), (50, 50))
    assert (session.labels == session.vocabulary.values[1]).all()
    window.agree()
    window.undo()
    window.agree()
    use(window, layers.regions, "paint", 9)
    region = session.region_at(70, 90)
    window.stroke((70, 90), (70, 140))
    assert session.region_at(70, 95) == region
    window.agree()
    done = len(session.history.done)
    window.stroke((110, 110), (130, 130))  # all of it outside
    window.agree()
    assert len(session.history.done) == done


def test_one_edited_dimension(window: Window) -> None:
    layer = window.layers.labels
    layer.n_edit_dimensions = 1
    use(window, layer, "paint", 9)
    layer.selected_label = window.session.vocabulary.values[2]
    before = window.session.labels.copy()
    window.click(40, 40)
    window.agree()
    rows = np.unique(np.nonzero(window.session.labels != before)[0])
    assert len(rows) <= 1


@pytest.mark.parametrize("name", short("labels", rest=["regions"]))
def test_an_edit_in_the_middle_of_a_stroke(window: Window, name: str, qtbot: QtBot) -> None:
    session, layers = window.session, window.layers
    layer = layers.labels if name == "labels" else layers.regions
    use(window, layer, "paint", 5)
    layer.selected_label = session.vocabulary.values[2]
    other = session.labels[70, 70:90] != session.vocabulary.values[2]
    press(window, 70, 70)
    begun = session.region_at(70, 70)
    move(window, 70, 80)
    drawn = layer.data.copy()
    # A late result, or somebody at the console.
    session.assign(session.ids.tolist(), "cat")
    mask = np.zeros(session.shape, bool)
    mask[64:90, 75:90] = True
    session.paint_regions(mask, None)
    np.testing.assert_array_equal(layer.data, drawn)
    move(window, 70, 90)
    release(window, 70, 90)
    window.agree()
    if name == "labels":
        assert (session.pins[70, 70:90][other] == session.vocabulary.values[2]).all()
    else:
        assert (session.regions[70, 70:90] == begun).all()
        assert session.region_at(85, 85) not in (begun, 0)
    assert len(session.history.done) == 3
    # A press that paints nothing holds nothing back for long.
    press(window, 110, 110)
    session.assign(session.ids.tolist(), "dog")
    release(window, 110, 110)
    qtbot.waitUntil(lambda: np.array_equal(layers.labels.data, session.labels), timeout=MINUTE)
    window.agree()


def test_another_layer_in_the_middle_of_a_stroke(window: Window) -> None:
    session, layers = window.session, window.layers
    use(window, layers.labels, "paint", 5)
    layers.labels.selected_label = session.vocabulary.values[2]
    press(window, 70, 70)
    move(window, 70, 80)
    window.viewer.layers.selection.active = layers.regions
    assert (session.labels[70, 70:80] == session.vocabulary.values[2]).all()
    release(window, 70, 80)
    session.assign(30, "dog")
    window.agree()


def test_a_stroke_around_something_by_the_right_button(window: Window, qtbot: QtBot) -> None:
    """napari fills what the right button's stroke encircles; Escape gives it up."""
    session, layers = window.session, window.layers
    use(window, layers.labels, "paint", 3)
    if not getattr(layers.labels._overlays.get("brush_stroke"), "enabled", False):
        pytest.skip("This napari has no stroke of the right button.")
    value = session.vocabulary.values[2]
    layers.labels.selected_label = value
    for give_up in (True, False):
        before = session.labels.copy()
        move(window, 40, 40, NO_KEY, Qt.MouseButton.NoButton)
        QTest.mouseClick(window.canvas, Qt.MouseButton.RightButton, NO_KEY, window.at(40, 40))
        QApplication.processEvents()
        for place in ((40, 50), (40, 60), (60, 60)):
            move(window, *place, NO_KEY, Qt.MouseButton.NoButton)
        session.assign(int(session.ids[0]), "dog")
        if give_up:
            window.key(Qt.Key.Key_Escape)
        else:
            for place in ((60, 50), (60, 40), (50, 40), (41, 40)):
                move(window, *place, NO_KEY, Qt.MouseButton.NoButton)
            assert (session.labels[42:58, 42:58] == value).all()
        window.agree()
        session.assign(int(session.ids[1]), "dog")
        window.agree()
        if give_up:
            assert (session.pins < 0).all()
            assert not np.array_equal(before, session.labels)


def test_many_pixels_are_drawn_in_strips(
    window: Window, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    session, layer = window.session, window.layers.regions
    window.layers.labels.visible = False
    layer.opacity = 0.8
    monkeypatch.setattr(painting, "PIXELS", 20)
    monkeypatch.setattr(painting, "STRIP", 700)
    session.merge(session.ids.tolist()[::2])
    window.agree()
    qtbot.waitUntil(lambda: not window.layers._strips, timeout=MINUTE)
    window.agree()
    drawn = window.viewer.screenshot(canvas_only=True, flash=False)
    layer.refresh()
    QApplication.processEvents()
    np.testing.assert_array_equal(drawn, window.viewer.screenshot(canvas_only=True, flash=False))
    assert held_by_napari(layer) == 0


def told_of(layer: Labels) -> list[str]:
    """What a layer tells its widgets from now on."""
    told: list[str] = []
    layer.events.set_data.connect(lambda _: told.append("set_data"))
    layer.events.labels_update.connect(lambda _: told.append("labels_update"))
    return told


def test_what_nobody_sees_is_not_drawn_until_it_is_seen(window: Window) -> None:
    """Outlines of regions that are clear took six seconds of 36 megapixels at every large edit."""
    session, layer = window.session, window.layers.regions
    window.layers.labels.visible = False
    told = told_of(layer)
    session.merge(session.ids.tolist()[::2])
    window.agree()
    assert told == []
    layer.opacity = 0.8
    QApplication.processEvents()
    drawn = window.viewer.screenshot(canvas_only=True, flash=False)
    layer.refresh()
    QApplication.processEvents()
    np.testing.assert_array_equal(drawn, window.viewer.screenshot(canvas_only=True, flash=False))


def test_many_regions_are_drawn_at_once(window: Window) -> None:
    """napari tells all its widgets of each that is painted, ten thousand times a second or two."""
    session = window.session
    told = told_of(window.layers.labels)
    session.ignore(session.ids.tolist())
    window.agree()
    assert 1 <= len(told) <= painting.BOXES


def test_the_status_bar_under_the_mouse(window: Window, qtbot: QtBot) -> None:
    session, viewer = window.session, window.viewer
    region = session.region_at(70, 70)
    row = session.region(region)
    name = session.vocabulary.by_value(row.value).name
    for layer in window.layers.layers:
        viewer.layers.selection.active = layer

        def told(part: str) -> bool:
            # the checker of napari's own may have been before the edit
            move(window, 70, 70 + np.random.default_rng().uniform(-0.2, 0.2), NO_KEY,
                 Qt.MouseButton.NoButton)  # fmt: skip
            viewer.mouse_over_canvas = True
            viewer.update_status_from_cursor()  # napari's own thread for it does not run in tests
            status = viewer.status
            return isinstance(status, dict) and part in status["coordinates"]

        qtbot.waitUntil(
            lambda: told(f"#{region} {name} {row.probabilities.max():.2f} ("), timeout=MINUTE
        )
    session.paint((np.array([70]), np.array([70])), session.vocabulary.names[2])
    qtbot.waitUntil(lambda: told(f"painted {session.vocabulary.names[2]}"), timeout=MINUTE)
    outside = window.layers.labels.get_status((-30.0, -30.0), world=True)
    assert "#" not in outside["coordinates"]


def test_typing_keeps_its_own_undo(window: Window, qtbot: QtBot) -> None:
    """Ctrl+Z in a line of a dock is the line's."""
    line = QLineEdit()
    window.viewer.window.add_dock_widget(line, name="line")
    window.session.assign(30, "dog")
    window.viewer.layers.selection.active = window.layers.labels
    line.setFocus()
    qtbot.keyClicks(line, "cat")
    QTest.keyClick(line, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert line.text() == ""
    assert window.session.can_undo
    window.undo()
    assert not window.session.can_undo
    window.viewer.window.remove_dock_widget(line)
    line.deleteLater()


def test_a_click_takes_a_stroke_back(
    make_napari_viewer: Callable[..., napari.Viewer], qtbot: QtBot
) -> None:
    viewer = make_napari_viewer(show=True)
    dock = CorrClipDock(viewer)
    viewer.window.add_dock_widget(dock, name="CorrCLIP")
    dock.try_demo()
    qtbot.waitUntil(lambda: dock.layers is not None and not dock.controller.running, timeout=MINUTE)
    assert dock.layers is not None
    session = dock.layers.session
    window = Window(viewer, session, dock.layers, [])
    window.settle()
    viewer.reset_view()
    QApplication.processEvents()
    use(window, dock.layers.regions, "paint", 9)
    before = session.regions.copy()
    assert session.region_at(40, 40) != session.region_at(40, 80)
    window.stroke((40, 40), (40, 80))
    assert not np.array_equal(session.regions, before)
    assert "re-voted" in dock.status.text()
    dock.status.undo_button.click()
    np.testing.assert_array_equal(session.regions, before)
    assert not dock.status.said.undo
    window.agree()
    viewer.window.remove_dock_widget(dock)
    qtbot.waitUntil(lambda: dock.layers is None, timeout=MINUTE)
    dock.deleteLater()


Edits = list[tuple[str, int, int, int]]
EDITS = st.lists(
    st.tuples(
        st.sampled_from(["assign", "merge", "ignore", "labels", "regions", "fill", "undo", "redo"]),
        st.integers(4, 91),
        st.integers(4, 91),
        st.integers(-20, 20),
    ),
    min_size=4,
    max_size=10,
)


@settings(
    max_examples=5, deadline=None, database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip
@given(edits=EDITS)
def test_layers_table_and_session_agree_after_anything(
    window: Window, edits: list[tuple[str, int, int, int]]
) -> None:
    window.layers.close()
    for layer in window.layers.layers:
        window.viewer.layers.remove(layer)
    result, image = small_result((96, 96))
    session = Session(result, image)
    layers = SessionLayers(window.viewer, session, tell=window.tell)
    here = Window(window.viewer, session, layers, window.told)
    window.layers, window.session = layers, session
    model = RegionsModel(session)
    states = {0: (session.labels.copy(), session.regions.copy())}
    for edit, row, column, by in edits:
        region = session.region_at(row, column)
        if edit == "assign" and region:
            session.assign(region, session.vocabulary.names[abs(by) % 3])
        elif edit == "ignore" and region:
            session.ignore(region)
        elif edit == "merge" and region and (near := sorted(session.neighbours(region))):
            session.merge([region, near[abs(by) % len(near)]])
        elif edit in ("labels", "regions", "fill"):
            layer = layers.regions if edit == "regions" else layers.labels
            use(here, layer, "fill" if edit == "fill" else "paint", 5)
            if layer is layers.labels:
                layer.selected_label = session.vocabulary.values[abs(by) % 3]
            here.stroke((row, column), (row + by, column - by))
        elif edit == "undo":
            here.undo()
        elif edit == "redo":
            here.redo()
        here.agree()
        assert set(model.ids) == set(session.ids.tolist())
        assert len(model.ids) == len(set(model.ids))
        assert all(held_by_napari(layer) == 0 for layer in layers.layers)
        done = len(session.history.done)
        if edit in ("undo", "redo") and done in states:
            np.testing.assert_array_equal(session.labels, states[done][0])
            np.testing.assert_array_equal(session.regions, states[done][1])
        states[done] = (session.labels.copy(), session.regions.copy())
    while session.can_undo:
        here.undo()
    here.agree()
    np.testing.assert_array_equal(session.labels, states[0][0])
    np.testing.assert_array_equal(session.regions, states[0][1])
    assert sorted(model.ids) == session.ids.tolist()
    while session.can_redo:
        here.redo()
        here.agree()
    model.close()


def test_a_large_edit_shows_that_it_is_at_work(
    window: Window, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(widgets, "LARGE", 0)
    session, waits = window.session, list[bool]()
    session.merge(session.ids.tolist()[::2])
    session.changed.connect(lambda _: waits.append(QApplication.overrideCursor() is not None))
    window.layers.undo()
    window.layers.redo()
    assert waits == [True, True]
    assert QApplication.overrideCursor() is None


def test_many_rows_are_described_later(window: Window, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session_layers, "ROWS", 3)
    session, features = window.session, window.layers.regions.features
    before = features["region"].tolist()
    session.ignore(session.ids.tolist()[:4])
    assert window.layers.regions.features["region"].tolist() == before
