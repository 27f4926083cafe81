"""The mouse on the layers: it selects regions, and marks where to split one.

A box is what it looks like: upright on the screen, however the image is turned.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import numpy as np
from napari.layers import Labels
from numpy.typing import NDArray
from qtpy.QtCore import QRect, Qt
from qtpy.QtWidgets import QFrame

from napari_corrclip.errors import InputError
from napari_corrclip.gui.correct.camera import Camera
from napari_corrclip.gui.correct.correcting import Correcting
from napari_corrclip.gui.correct.splitting import Splitting
from napari_corrclip.gui.correct.spreading import Spreading
from napari_corrclip.gui.image.area import canvas_beside
from napari_corrclip.images.boxes import window

CLICK = 4.0
"""A press that moves less than this, in screen pixels, is a click and no drag."""
_LEFT, _RIGHT = 1, 2
FRAME = "border: 1px solid white; background: rgba(255, 255, 255, 40)"
"""The look of the box that is being drawn."""


class Pointer:
    """The mouse on both layers while the mode is on: clicks select, or mark where to split."""

    def __init__(
        self, correcting: Correcting, camera: Camera, splitting: Splitting, spreading: Spreading
    ) -> None:
        self._correcting = correcting
        self._camera = camera
        self._splitting = splitting
        self._spreading = spreading

    def bind(self) -> None:
        """Take the mouse."""
        for layer in self._correcting.layers.layers:
            layer.mouse_drag_callbacks.append(self._pressed)
            layer.mouse_double_click_callbacks.append(self._double_clicked)
            layer.mouse_move_callbacks.append(self._moved)

    def unbind(self) -> None:
        """Give it back."""
        for layer in self._correcting.layers.layers:
            layer.mouse_drag_callbacks.remove(self._pressed)
            layer.mouse_double_click_callbacks.remove(self._double_clicked)
            layer.mouse_move_callbacks.remove(self._moved)

    def _pressed(self, layer: Labels, event: Any) -> Generator[None, None, None]:
        """A click selects, with Shift toggles; Shift and a drag draws a box; a plain drag pans."""
        if "Alt" in event.modifiers or "Control" in event.modifiers:
            return
        splitting = self._splitting.on
        if event.button != _LEFT and not (splitting and event.button == _RIGHT):
            return
        button = event.button
        boxes = "Shift" in event.modifiers and not splitting
        start, pressed = tuple(event.position), np.array(event.pos)
        frame = None
        if boxes:
            layer.mouse_pan = False
            frame = self._frame()
        dragged = False
        try:
            yield
            while event.type == "mouse_move":
                dragged = dragged or _far(pressed, event.pos)
                if frame is not None and dragged:
                    _stretch(frame, pressed, event.pos)
                yield
        finally:
            if boxes:
                layer.mouse_pan = True
            if frame is not None:
                frame.hide()
                frame.deleteLater()
        # Where the moves between were too fast to be told, the release lies elsewhere all the same.
        dragged = dragged or _far(pressed, event.pos)
        if self._splitting.on:
            if not dragged:
                self._splitting.click(self._correcting.pixel_at(start), cut=button == _RIGHT)
        elif not dragged and button == _LEFT:
            self._clicked(start, toggle=boxes)
        elif boxes:
            self._boxed(start, tuple(event.position))

    def _clicked(self, position: tuple[float, ...], *, toggle: bool) -> None:
        correcting = self._correcting
        region = correcting.region_at(position)
        if not region:
            correcting.select(correcting.selection if toggle else ())
        elif not toggle:
            correcting.select([region])
        elif region in correcting.selection:
            correcting.select(other for other in correcting.selection if other != region)
        else:
            correcting.select([*correcting.selection, region])

    def _boxed(self, start: tuple[float, ...], end: tuple[float, ...]) -> None:
        """Add the regions that lie whole in a box on the screen, whose corners are in the world."""
        correcting = self._correcting
        session, regions = correcting.session, correcting.layers.regions
        origin, down, right = (
            np.asarray(regions.data_to_world(at)[-2:]) for at in ((0, 0), (1, 0), (0, 1))
        )
        steps = np.array([down - origin, right - origin])  # the world along rows and columns
        half = np.abs(steps).sum(axis=0) / 2  # a pixel that is half inside counts
        ends = np.array([start[-2:], end[-2:]])
        low, high = ends.min(axis=0) - half, ends.max(axis=0) + half

        def within(pixels: NDArray[np.intp]) -> NDArray[np.bool_]:
            world = origin + pixels @ steps
            inside: NDArray[np.bool_] = ((world >= low) & (world <= high)).all(axis=-1)
            return inside

        rows = session.rows()
        edges = np.array([row.box for row in rows], np.intp).reshape(-1, 4) - (0, 0, 1, 1)
        corners = within(edges[:, [[0, 1], [0, 3], [2, 1], [2, 3]]])
        whole: NDArray[np.bool_] = np.all(corners, axis=1)
        if np.count_nonzero(np.abs(steps) > 1e-9 * half.max()) > 2:
            # Turned or sheared: a region may be inside where a corner of its upright box is not.
            for at in np.flatnonzero(~whole).tolist():
                box = rows[at].box
                pixels = np.argwhere(session.regions[window(box)] == rows[at].id) + box[:2]
                whole[at] = within(pixels).all()
        correcting.select(
            [*correcting.selection, *(rows[at].id for at in np.flatnonzero(whole).tolist())]
        )

    def _frame(self) -> QFrame | None:
        """Return a box to be drawn over the canvas, which is no layer and takes no events."""
        try:
            made = QFrame(canvas_beside(self._correcting.host))
        except InputError:
            return None
        made.setObjectName("selection box")
        made.setStyleSheet(FRAME)
        made.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        made.hide()
        return made

    def _double_clicked(self, _layer: Labels, event: Any) -> None:
        """Select all of that class in view."""
        correcting = self._correcting
        self._camera.zoom_back()
        region = correcting.region_at(event.position)
        if not region or self._splitting.on:
            return
        value = correcting.session.region(region).value
        try:
            top, left, bottom, right = self._camera.in_view()
        except InputError as error:
            correcting.say(error)
            return
        correcting.select(
            row.id
            for row in correcting.session.rows()
            if row.value == value
            and row.box[0] < bottom and row.box[2] > top
            and row.box[1] < right and row.box[3] > left
        )  # fmt: skip

    def _moved(self, _layer: Labels, _event: Any) -> None:
        self._spreading.follow()


def _stretch(frame: QFrame, pressed: NDArray[np.floating], position: Any) -> None:
    """Draw the box from where the mouse was pressed to where it is."""
    ends = np.rint([pressed, position]).astype(int)
    (left, top), (right, bottom) = ends.min(axis=0).tolist(), ends.max(axis=0).tolist()
    frame.setGeometry(QRect(left, top, right - left + 1, bottom - top + 1))
    frame.show()


def _far(pressed: NDArray[np.floating], position: Any) -> bool:
    return bool(np.abs(np.asarray(position) - pressed).max() > CLICK)
