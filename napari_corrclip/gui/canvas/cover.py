"""A transparent widget over napari's canvas, whose picture moves with the image.

A layer would be a row in the list, saved and chosen with the others, and cost twice as much a frame. The
widget takes no events. While the camera moves, the picture that is there is moved with the image; soon
after, it is painted anew.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QElapsedTimer, QEvent, QObject, QPoint, QPointF, QRect, Qt, QTimer
from qtpy.QtGui import QColor, QImage, QPainter, QPaintEvent, QTransform
from qtpy.QtWidgets import QWidget

from napari_corrclip.errors import InputError
from napari_corrclip.gui.canvas.painter import View
from napari_corrclip.gui.image.area import canvas_beside, shown_axes
from napari_corrclip.images.boxes import Box, area, union, window

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Layer

REST = 40
"""Milliseconds without a movement of the camera before the picture is painted anew."""
SLOWEST = 80
"""The same where frames take long, so that not every one of them is painted anew."""
LATEST = 250
"""Milliseconds of movement before it is painted anew nevertheless."""
PLACE = ("scale", "translate", "rotate", "shear", "affine")
"""What says where a layer lies."""
DOT = 4.0
"""Radius of a dot, in logical pixels."""


@dataclass(frozen=True, slots=True)
class Dot:
    """A dot of constant size on the screen.

    Attributes:
        at: (row, column) of a pixel of the image.
        color: RGB.
    """

    at: tuple[int, int]
    color: tuple[int, int, int]


class Cover(QWidget):
    """A picture over a canvas.

    Args:
        canvas: is covered.
        viewer: whose canvas it is.
        layer: lies where the picture does.
        content: paints it.

    Attributes:
        picture: what was painted last, with its view; ``None``: nothing is shown.
    """

    def __init__(
        self, canvas: QWidget, viewer: ViewerModel, layer: Layer, content: Drawing
    ) -> None:
        super().__init__(canvas)
        self.setObjectName("outlines")
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setAttribute(Qt.WidgetAttribute.WA_NoSystemBackground)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._viewer = viewer
        self._layer = layer
        self._content = content
        self._is_stale = True
        self._changed: list[Box] = []
        self.picture: tuple[NDArray[np.uint32], View] | None = None
        self._rest = QTimer(self)
        self._rest.setSingleShot(True)
        self._rest.timeout.connect(self.refresh)
        self._moving = QElapsedTimer()
        self._last = QElapsedTimer()
        canvas.installEventFilter(self)
        self.setGeometry(canvas.rect())
        self.show()

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """Stay as large as the canvas."""
        if (
            event is not None
            and event.type() == QEvent.Type.Resize
            and isinstance(watched, QWidget)
        ):
            self.setGeometry(watched.rect())
            self.refresh()
        return False

    def refresh(self) -> None:
        """Paint anew when the screen is drawn next."""
        self._rest.stop()
        self._is_stale = True
        self.update()

    def refresh_in(self, boxes: Iterable[Box]) -> None:
        """Paint what lies in boxes of the image anew when the screen is drawn next."""
        changed = union(boxes)
        if changed is None:
            return
        self._changed.append(changed)
        if self.picture is None or self._is_stale or self._rest.isActive():
            self.update()
            return
        top, left, bottom, right = self.picture[1].window(changed)
        ratio = self.devicePixelRatioF()
        corner = QPoint(math.floor(left / ratio), math.floor(top / ratio))
        self.update(QRect(corner, QPoint(math.ceil(right / ratio), math.ceil(bottom / ratio))))

    def move_along(self) -> None:
        """Follow the camera: the picture moves now, and is painted anew when it rests."""
        if not self._rest.isActive():
            self._moving.start()
        elif self._moving.elapsed() >= LATEST:
            self.refresh()
            return
        # Time from a movement to the next is that of a frame, where they come one after another.
        gap = self._last.elapsed() if self._last.isValid() else LATEST
        self._last.start()
        self._rest.start(max(REST, min(2 * gap, SLOWEST)) if gap < LATEST else REST)
        self.update()

    def view(self) -> View | None:
        """Return what the screen shows; ``None``: other axes, a grid of layers, or three dimensions."""
        ratio = self.devicePixelRatioF()
        size = round(self.height() * ratio), round(self.width() * ratio)
        return view_of(self._viewer, self._layer, size, ratio) if min(size) > 0 else None

    def _paint(self, view: View) -> None:
        """Have a picture of what there is; as little of it as has changed is painted."""
        changed, self._changed = union(self._changed), []
        if not self._is_stale and self.picture is not None:
            picture, painted = self.picture
            if changed is None and painted.size == view.size:
                return  # moved at most, and painted anew soon
            if changed is not None and painted.is_same(view):
                seen = painted.window(changed)
                if area(seen):
                    picture[window(seen)] = self._content.painted(painted.part(seen))
                return
        self._is_stale = False
        self.picture = self._content.painted(view), view

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """Draw the picture where it lies now."""
        view = self.view()
        if view is None:
            self.picture = None
            return
        self._paint(view)
        assert self.picture is not None
        painter = QPainter(self)
        ratio = self.devicePixelRatioF()
        _draw(painter, *self.picture, view, ratio)
        dots = self._content.dots()
        if dots:
            _draw_dots(painter, dots, view, ratio)
        painter.end()


class Drawing(ABC):
    """A content with its cover, which follows the camera, the layer and the axes.

    Args:
        viewer: whose canvas is drawn on, if it has one.
        layer: lies where the picture does.
    """

    def __init__(self, viewer: ViewerModel, layer: Layer) -> None:
        self._cover: Cover | None = None
        canvas = canvas_of(viewer)
        if canvas is None:
            return
        self._cover = Cover(canvas, viewer, layer, self)
        self._cover.destroyed.connect(self._lose)
        self._moves = (camera_of(viewer).events, *(getattr(layer.events, name) for name in PLACE))
        dims = viewer.dims.events
        self._changes = (dims.ndisplay, dims.order, grid_of(viewer).events.enabled)
        for event in self._moves:
            event.connect(self._moved)
        for event in self._changes:
            event.connect(self.refresh)

    @abstractmethod
    def painted(self, view: View) -> NDArray[np.uint32]:
        """Return the picture of a view, as :func:`~napari_corrclip.gui.canvas.painter.paint` does."""

    @abstractmethod
    def dots(self) -> Sequence[Dot]:
        """Return the dots that lie over it."""

    @property
    def picture(self) -> tuple[NDArray[np.uint32], View] | None:
        """What is on the screen, and where; ``None``: nothing."""
        return None if self._cover is None else self._cover.picture

    def refresh(self, _event: object = None) -> None:
        """Paint anew when the screen is drawn next."""
        if self._cover is not None:
            self._cover.refresh()

    def refresh_in(self, boxes: Iterable[Box]) -> None:
        """Paint what lies in boxes of the image anew when the screen is drawn next."""
        if self._cover is not None:
            self._cover.refresh_in(boxes)

    def close(self) -> None:
        """Draw nothing more."""
        cover = self._cover
        if cover is None:
            return
        self._lose()
        cover.hide()
        cover.deleteLater()

    def _lose(self) -> None:
        """Let go of the widget, which may be gone with its window."""
        if self._cover is None:
            return
        self._cover = None
        for event in self._moves:
            event.disconnect(self._moved)
        for event in self._changes:
            event.disconnect(self.refresh)

    def _moved(self, _event: object = None) -> None:
        if self._cover is not None:
            self._cover.move_along()


def _draw(
    painter: QPainter, pixels: NDArray[np.uint32], painted: View, shown: View, ratio: float
) -> None:
    """Draw a picture that was painted for one view where it lies in another."""
    rows, columns = pixels.shape
    image = QImage(  # type: ignore[call-overload]  # any buffer is taken
        pixels.data, columns, rows, 4 * columns, QImage.Format.Format_ARGB32_Premultiplied
    )
    turn = np.linalg.solve(shown.matrix, painted.matrix)
    down, right = shown.on_screen(painted.offset[None])[0].tolist()
    if np.allclose(turn, np.eye(2), rtol=0, atol=1e-9):
        image.setDevicePixelRatio(ratio)
        painter.drawImage(QPointF(round(right) / ratio, round(down) / ratio), image)
        return
    painter.save()
    painter.scale(1 / ratio, 1 / ratio)
    (down_down, down_right), (right_down, right_right) = turn.tolist()
    moved = QTransform(right_right, down_right, right_down, down_down, right, down)
    painter.setTransform(moved, True)
    painter.drawImage(0, 0, image)
    painter.restore()


def _draw_dots(painter: QPainter, dots: Sequence[Dot], view: View, ratio: float) -> None:
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    places = view.on_screen(np.array([dot.at for dot in dots], np.float64) + 0.5) / ratio
    for dot, (down, right) in zip(dots, places.tolist(), strict=True):
        painter.setPen(QColor(255, 255, 255))
        painter.setBrush(QColor(*dot.color))
        painter.drawEllipse(QPointF(right, down), DOT, DOT)


def view_of(
    viewer: ViewerModel, layer: Layer, size: tuple[int, int], ratio: float = 1.0
) -> View | None:
    """Return what of a layer a canvas shows; ``None``: it does not show its rows and columns, or a grid.

    Args:
        viewer: has the canvas.
        layer: of two axes.
        size: (rows, columns) of the canvas, in physical pixels.
        ratio: of these to logical ones.
    """
    if viewer.dims.ndisplay != 2 or grid_of(viewer).enabled:
        return None
    try:
        axes = shown_axes(viewer)
    except InputError:
        return None
    camera = camera_of(viewer)
    vertical, horizontal = (str(getattr(way, "value", way)) for way in camera.orientation2d)
    signs = np.array([1 if vertical == "down" else -1, 1 if horizontal == "right" else -1])
    corners = np.array([(0, 0), (size[0], 0), (0, size[1])], np.float64)
    world = np.array(camera.center[-2:]) + (corners - np.array(size) / 2) * signs / (
        camera.zoom * ratio
    )
    # Of two axes, an order is its own inverse; the middle of a pixel is a whole number.
    origin, below, beside = (
        np.array(layer.world_to_data(corner)[-2:]) + 0.5 for corner in world.take(axes, axis=1)
    )
    matrix = np.stack([(below - origin) / size[0], (beside - origin) / size[1]], axis=1)
    matrix[np.abs(matrix) < 1e-9 * np.abs(matrix).max()] = 0  # an upright layer is painted faster
    return View(size, matrix, origin, max(1, round(ratio)))


def camera_of(viewer: ViewerModel) -> Any:
    """Return the camera, wherever this napari keeps it."""
    return getattr(viewer, "scene", viewer).camera  # there from napari 0.9 on


def grid_of(viewer: ViewerModel) -> Any:
    """Return the grid of layers, wherever this napari keeps it."""
    return getattr(viewer, "canvas", viewer).grid  # there from napari 0.9 on


def canvas_of(viewer: ViewerModel) -> QWidget | None:
    """Return the canvas of a viewer; ``None``: it has no window."""
    menu = getattr(getattr(viewer, "window", None), "main_menu", None)
    if not isinstance(menu, QWidget):
        return None
    try:
        return canvas_beside(menu)
    except InputError:
        return None
