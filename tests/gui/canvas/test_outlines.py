"""Outlines over the canvas of a real window: where they lie and what they show."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import napari
import numpy as np
import pytest
from napari.utils.colormaps import DirectLabelColormap
from numpy.typing import NDArray
from pytestqt.qtbot import QtBot
from qtpy.QtCore import QPoint, Qt
from qtpy.QtGui import QImage
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication

from napari_corrclip.annotation import Session
from napari_corrclip.gui.canvas import cover as covers
from napari_corrclip.gui.canvas.cover import Cover, camera_of, grid_of, view_of
from napari_corrclip.gui.canvas.outlines import FoundOutlines, Outlines, Shown
from napari_corrclip.gui.canvas.painter import View, grown
from napari_corrclip.gui.canvas.schemes import DARK, HIGHLIGHTS, LIGHT, STRIPES, Level, packed
from napari_corrclip.gui.correct import CorrectMode
from napari_corrclip.gui.layers.session_layers import SessionLayers
from tests.annotation.images import small_result
from tests.forms import short
from tests.gui.window import Window

pytestmark = pytest.mark.canvas

SHIFT = Qt.KeyboardModifier.ShiftModifier


def colors_of(window: Window) -> set[int]:
    """All that is drawn, anywhere."""
    return {*np.unique(drawn(window)).tolist()}


def drawn(window: Window) -> NDArray[np.uint32]:
    window.settle()
    cover_of(window).grab()
    shown = window.layers.outlines.picture
    assert shown is not None
    return shown[0]


def drawn_at_rest(window: Window, qtbot: QtBot) -> NDArray[np.uint32]:
    """What is drawn when the camera's last movement is over, too."""
    window.settle()
    cover = cover_of(window)
    qtbot.waitUntil(lambda: not cover._rest.isActive())
    return drawn(window).copy()


def cover_of(window: Window) -> Cover:
    (cover,) = window.canvas.findChildren(Cover)
    return cover


def class_color(window: Window, region: int) -> int:
    session = window.session
    return packed(*session.vocabulary.colors[session.region(region).value])


def centre(window: Window, region: int) -> tuple[float, float]:
    box = window.session.region(region).box
    return (box[0] + box[2]) / 2, (box[1] + box[3]) / 2


def test_what_is_undecided_is_neutral_and_what_is_decided_in_its_colour(window: Window) -> None:
    session = window.session
    assert colors_of(window) == {0, LIGHT, DARK}
    session.assign([20], "dog")
    assert colors_of(window) == {0, LIGHT, DARK, class_color(window, 20)}
    session.ignore([30])
    assert STRIPES in colors_of(window)
    session.undo()
    session.undo()
    assert colors_of(window) == {0, LIGHT, DARK}


def test_a_colour_and_a_class_that_change_are_followed(window: Window) -> None:
    session = window.session
    session.assign([20], "dog")
    drawn(window)
    session.set_vocabulary(session.vocabulary.recolor("dog", (1, 2, 3)))
    assert packed(1, 2, 3) in colors_of(window)


@pytest.mark.parametrize("zoom", [1.0, 0.31, 5.3])
def test_of_an_edit_as_much_is_painted_as_differs(
    window: Window, mode: CorrectMode, monkeypatch: pytest.MonkeyPatch, zoom: float
) -> None:
    session = window.session
    camera_of(window.viewer).zoom *= zoom
    mode.select([20, 45])
    drawn(window)
    outlines, cover = window.layers.outlines, cover_of(window)
    view = cover_view(window)
    sizes: list[int] = []
    painted = type(outlines).painted

    def counted(these: Outlines, part: View) -> NDArray[np.uint32]:
        sizes.append(part.size[0] * part.size[1])
        return painted(these, part)

    monkeypatch.setattr(Outlines, "painted", counted)
    disc = np.add.outer((np.arange(96) - 50) ** 2, (np.arange(96) - 40) ** 2) < 49
    for edit in (
        lambda: session.assign([20], "dog"),
        lambda: session.ignore([30, 31]),
        lambda: session.assign([21], "dog"),
        lambda: session.merge([44, sorted(session.neighbours(44))[0]]),
        lambda: session.paint_regions(disc, None),
        session.undo,
        session.undo,
        session.undo,
    ):
        edit()
        cover.grab()
        shown = outlines.picture
        assert shown is not None
        np.testing.assert_array_equal(shown[0], painted(outlines, view))
    whole = view.size[0] * view.size[1]
    assert len(sizes) == 8 or zoom > 1  # what is not in view is not painted
    assert max(sizes) < whole / 2 or zoom > 1


def test_new_regions_have_outlines(window: Window, mode: CorrectMode) -> None:
    session = window.session
    before = np.count_nonzero(drawn(window) == LIGHT)
    session.merge([20, 21])
    fewer = np.count_nonzero(drawn(window) == LIGHT)
    assert fewer < before
    session.undo()
    assert np.count_nonzero(drawn(window) == LIGHT) == before


def test_a_stroke_is_outlined_while_it_is_drawn(window: Window) -> None:
    regions = window.layers.regions
    window.viewer.layers.selection.active = regions
    before = drawn(window).copy()
    regions.mode = "paint"
    regions.brush_size = 12
    window.settle()
    start = window.at(40, 40)
    QTest.mousePress(window.canvas, Qt.MouseButton.LeftButton, pos=start)
    for column in (44, 50, 56):
        window._move(window.at(40, column))
    assert (drawn(window) != before).any()
    QTest.mouseRelease(window.canvas, Qt.MouseButton.LeftButton, pos=window.at(40, 56))
    QApplication.processEvents()
    window.agree()


def test_selecting_adds_no_layer_and_takes_no_focus(window: Window, mode: CorrectMode) -> None:
    layers = list(window.viewer.layers)
    window.click(*centre(window, 20))
    assert mode.selection == (20,)
    window.stand_out([20])
    assert list(window.viewer.layers) == layers
    at = window.canvas.mapToGlobal(window.at(*centre(window, 20)))
    assert QApplication.widgetAt(at) is window.canvas
    assert not cover_of(window).hasFocus()


def on_screen(window: Window) -> NDArray[np.uint8]:
    """The canvas as it is on the screen, RGB."""
    window.settle()
    picture: NDArray[np.uint8] = window.viewer.screenshot(canvas_only=False, flash=False)
    corner = window.canvas.mapTo(window.canvas.window(), QPoint(0, 0))
    ratio = window.canvas.devicePixelRatioF()
    top, left = round(corner.y() * ratio), round(corner.x() * ratio)
    rows, columns = cover_view(window).size
    return picture[top : top + rows, left : left + columns, :3]


def test_the_border_is_where_napari_draws_the_region_s_last_pixels(window: Window) -> None:
    session, labels = window.session, window.layers.labels
    chosen = [*np.unique(session.regions[30:60, 20:70]).tolist()]
    inside = np.isin(session.regions, chosen)
    labels.opacity = 1.0
    colors: dict[int | None, tuple[float, ...]] = {
        None: (0, 0, 1, 1),
        0: (0, 0, 1, 1),
        1: (1, 0, 0, 1),
    }
    labels.colormap = DirectLabelColormap(color_dict=colors)
    labels.data[...] = inside
    labels.refresh()
    outlines = window.layers.outlines
    outlines.veil(True)
    red = (on_screen(window) == (255, 0, 0)).all(axis=2)
    outlines.veil(False)
    outlines.select(chosen)
    yellow = (on_screen(window) == (255, 236, 60)).all(axis=2)
    assert yellow.any()
    np.testing.assert_array_equal(yellow, red & grown(~red, 2 * cover_view(window).width))


def cover_view(window: Window) -> View:
    view = cover_of(window).view()
    assert view is not None
    return view


@pytest.mark.parametrize(
    "how", short("upright", "turned", rest=["transposed", "mirrored", "stretched"])
)
def test_the_picture_lies_where_napari_sees_the_mouse(window: Window, how: str) -> None:
    viewer = window.viewer
    if how == "turned":
        for layer in viewer.layers:
            layer.rotate = 30
    elif how == "stretched":
        for layer in viewer.layers:
            layer.scale, layer.translate = (2, 0.5), (7, -3)
    elif how == "transposed":
        viewer.dims.transpose()
    elif how == "mirrored":
        camera_of(viewer).orientation2d = ("up", "left")
    viewer.reset_view()
    window.settle()
    regions = window.layers.regions
    size = window.canvas.size()
    view = view_of(viewer, regions, (size.height(), size.width()))
    assert view is not None
    down, right = 200, 310  # in no middle and on no diagonal
    window._move(QPoint(right, down), Qt.MouseButton.NoButton)
    mine = view.matrix @ (down, right) + view.offset
    seen = np.array(regions.world_to_data(viewer.cursor.position)[-2:]) + 0.5
    np.testing.assert_allclose(mine, seen, rtol=0, atol=np.abs(view.matrix).max())


def test_the_picture_moves_with_the_camera_and_is_sharp_soon_after(
    window: Window, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = drawn_at_rest(window, qtbot)
    cover = cover_of(window)
    monkeypatch.setattr(covers, "REST", 60_000)
    camera = camera_of(window.viewer)
    _, row, column = camera.center
    camera.center = (0.0, row + 20 / camera.zoom, column - 30 / camera.zoom)
    now = grabbed(cover)
    np.testing.assert_array_equal(now[:-20, 30:], before[20:, :-30])
    assert cover._rest.isActive()
    cover._rest.start(0)
    qtbot.waitUntil(lambda: not cover._rest.isActive())
    sharp = grabbed(cover)
    np.testing.assert_array_equal(sharp[:-20, 30:], before[20:, :-30])
    shown = window.layers.outlines.picture
    view = cover.view()
    assert shown is not None
    assert view is not None
    np.testing.assert_allclose(shown[1].offset, view.offset)


def grabbed(cover: Cover) -> NDArray[np.uint32]:
    image = cover.grab().toImage().convertToFormat(QImage.Format.Format_ARGB32_Premultiplied)
    raw = image.constBits()
    assert raw is not None
    taken = np.frombuffer(raw.asstring(image.sizeInBytes()), np.uint32)  # type: ignore[attr-defined]
    return taken.reshape(image.height(), image.width())


def test_a_camera_that_never_rests_is_followed_nevertheless(
    window: Window, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(covers, "LATEST", 30)
    monkeypatch.setattr(covers, "REST", 60_000)
    former = drawn(window)

    def is_painted_anew() -> bool:
        camera_of(window.viewer).zoom *= 1.001
        shown = window.layers.outlines.picture
        return shown is not None and shown[0] is not former

    qtbot.waitUntil(is_painted_anew)


def test_lines_are_as_wide_at_every_zoom(window: Window) -> None:
    camera = camera_of(window.viewer)
    for factor in (0.5, 4.0):
        camera.zoom *= factor
        picture = drawn(window)
        light = np.pad(picture == LIGHT, ((0, 0), (1, 1))).astype(int)
        ends = np.flatnonzero(np.diff(light, axis=1).reshape(-1))
        runs = ends[1::2] - ends[::2]  # in rows; most are across an upright line
        assert np.bincount(runs).argmax() == cover_view(window).width


@pytest.mark.parametrize("how", short("3d", "grid", rest=["rolled"]))
def test_where_the_image_is_not_seen_flat_nothing_is_drawn(window: Window, how: str) -> None:
    viewer = window.viewer
    assert drawn(window).any()
    if how == "3d":
        viewer.dims.ndisplay = 3
    elif how == "grid":
        grid_of(viewer).enabled = True
    else:
        viewer.add_image(np.zeros((3, 96, 96), np.uint8))
        viewer.dims.order = (1, 0, 2)
    assert not grabbed(cover_of(window)).any()
    viewer.dims.ndisplay = 2
    grid_of(viewer).enabled = False
    viewer.dims.order = tuple(range(viewer.dims.ndim))
    assert drawn(window).any()


def test_it_stays_as_large_as_the_canvas(window: Window, qtbot: QtBot) -> None:
    window.canvas.window().resize(900, 640)
    window.settle()
    cover = cover_of(window)
    qtbot.waitUntil(lambda: cover.size() == window.canvas.size())
    assert drawn(window).shape == (cover.height(), cover.width())


def test_a_hidden_layer_has_no_outlines_but_a_selection(window: Window, mode: CorrectMode) -> None:
    mode.select([20])
    window.layers.regions.visible = False
    window.stand_out([20])
    assert LIGHT not in colors_of(window)
    window.layers.regions.visible = True
    assert LIGHT in colors_of(window)


def test_keys_choose_what_is_outlined(window: Window, mode: CorrectMode) -> None:
    session = window.session
    session.assign([20], "dog")
    session.assign([60], "cat")
    dog, cat = class_color(window, 20), class_color(window, 60)
    window.key(Qt.Key.Key_O)
    assert colors_of(window) == {0}
    assert "press O" in window.told[-1]
    window.key(Qt.Key.Key_O)
    assert {LIGHT, dog, cat} <= colors_of(window)
    window.key(Qt.Key.Key_O, SHIFT)
    assert colors_of(window) == {0, dog, cat}
    assert window.told[-1] == "Decided regions alone are outlined."
    window.hover(*centre(window, 20))
    window.key(Qt.Key.Key_C)
    assert colors_of(window) == {0, dog}
    assert window.told[-1] == "Decided regions of 'dog' alone are outlined."
    window.key(Qt.Key.Key_C)
    window.key(Qt.Key.Key_O, SHIFT)
    assert {LIGHT, dog, cat} <= colors_of(window)
    assert window.told[-1] == "All regions are outlined."


def test_without_outlines_the_selection_is_seen(window: Window, mode: CorrectMode) -> None:
    window.layers.outlines.show(Shown(any=False))
    window.click(*centre(window, 20))
    window.stand_out([20])
    window.layers.outlines.show(replace(window.layers.outlines.shown, any=True))
    assert LIGHT in colors_of(window)


def test_a_selected_region_below_a_pixel_of_the_screen_is_seen(
    window: Window, mode: CorrectMode
) -> None:
    camera_of(window.viewer).zoom = 0.05
    mode.select([20])
    assert np.count_nonzero(drawn(window) == HIGHLIGHTS[Level.SELECTED][0]) >= 9


def test_regions_that_were_found_are_outlined_before_they_have_classes(
    window: Window, qtbot: QtBot
) -> None:
    before = drawn_at_rest(window, qtbot)
    window.layers.close()
    QApplication.sendPostedEvents()
    window.viewer.layers.remove(window.layers.regions)
    layers = list(window.viewer.layers)
    found = FoundOutlines(window.viewer, window.session.regions, {})
    assert list(window.viewer.layers) == layers
    window.settle()
    (cover,) = (one for one in window.canvas.findChildren(Cover) if one.isVisible())
    np.testing.assert_array_equal(grabbed(cover), before)
    found.close()
    assert not cover.isVisible()


def test_each_window_has_its_own(
    window: Window, make_napari_viewer: Callable[..., napari.Viewer]
) -> None:
    other = make_napari_viewer(show=True)
    other.window.resize(1300, 850)  # the larger canvas is the other's
    session = Session(small_result((96, 96))[0])
    there = SessionLayers(other, session)
    canvas = other.window._qt_viewer.canvas.native
    assert len(canvas.findChildren(Cover)) == 1
    assert len(window.canvas.findChildren(Cover)) == 1
    there.close()


@pytest.mark.parametrize("first", short("layers", rest=["viewer"]))
def test_nothing_stays_when_the_session_goes(window: Window, first: str) -> None:
    drawn(window)
    if first == "layers":
        window.layers.close()
        QApplication.sendPostedEvents()
        assert not [one for one in window.canvas.findChildren(Cover) if one.isVisible()]
        assert window.layers.regions.opacity > 0  # and so they are seen as the layer shows them
        camera_of(window.viewer).zoom *= 2
    else:
        window.viewer.close()
        camera_of(window.viewer).zoom *= 2
    window.session.assign([20], "dog")
