"""The mouse on the layers: it selects regions, sweeps a class over them, and marks where to split one.

A box is what it looks like: upright on the screen, however the image is turned.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from napari.layers import Labels
from numpy.typing import NDArray
from qtpy.QtCore import QRect, Qt
from qtpy.QtWidgets import QFrame

from napari_corrclip.errors import InputError
from napari_corrclip.gui.correct.camera import Camera
from napari_corrclip.gui.correct.correcting import Correcting, Tool
from napari_corrclip.gui.correct.lasso import DrawnLine, inside
from napari_corrclip.gui.correct.splitting import Splitting
from napari_corrclip.gui.correct.spreading import Spreading
from napari_corrclip.gui.correct.sweeping import Sweeping
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
        self,
        correcting: Correcting,
        camera: Camera,
        splitting: Splitting,
        spreading: Spreading,
        sweeping: Sweeping,
    ) -> None:
        self._correcting = correcting
        self._camera = camera
        self._splitting = splitting
        self._spreading = spreading
        self._sweeping = sweeping

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
        """A press begins what its button, its keys and the tool are for."""
        held = set(event.modifiers)
        if self._splitting.on:
            if not held - {"Shift"} and event.button in (_LEFT, _RIGHT):
                yield from self._marking(event)
            return
        if event.button != _LEFT or held - {"Shift", "Control"} or held == {"Control"}:
            return
        # Of a class's key that is held, Shift may be a part: of Shift+T, of a digit in some countries.
        sweeps = not held or (held == {"Shift"} and self._sweeping.held is not None)
        name = self._sweeping.ready() if sweeps else None
        if name is not None:
            yield from self._sweep(layer, event, name)
        elif self._correcting.tool is Tool.LASSO:
            yield from self._lasso(layer, event)
        else:
            yield from self._clicking(layer, event)

    def _marking(self, event: Any) -> Generator[None, None, None]:
        """A click of a split: left stays, right is cut away."""
        button, position, pressed = event.button, tuple(event.position), np.array(event.pos)
        dragged = yield from _drag(event, pressed, lambda _: None)
        if self._splitting.on and not dragged:
            self._splitting.click(self._correcting.pixel_at(position), cut=button == _RIGHT)

    def _clicking(self, layer: Labels, event: Any) -> Generator[None, None, None]:
        """A click selects, with Shift toggles; Shift and a drag draws a box; a plain drag pans."""
        start, pressed, held = tuple(event.position), np.array(event.pos), set(event.modifiers)
        frame = self._frame() if held else None
        with _still(layer, bool(held)):
            try:
                dragged = yield from _drag(
                    event,
                    pressed,
                    lambda at: None if frame is None else _stretch(frame, pressed, at),
                )
            finally:
                if frame is not None:
                    frame.hide()
                    frame.deleteLater()
        if not dragged:
            self._clicked(start, toggle=bool(held))
        elif held:
            self._take(self._boxed(start, tuple(event.position)), held)

    def _sweep(self, layer: Labels, event: Any, name: str) -> Generator[None, None, None]:
        """Every place of a drag, and straight on to the next, gets the class; a click is the shortest one."""
        sweeping = self._sweeping
        with _still(layer, True):
            sweeping.begin(name, tuple(event.position))
            try:
                yield
                while event.type == "mouse_move":
                    sweeping.reach(tuple(event.position))
                    yield
            except GeneratorExit:
                sweeping.leave()
                raise
        sweeping.reach(tuple(event.position))
        if sweeping.under_way:  # Esc has not taken it back
            sweeping.commit()

    def _lasso(self, layer: Labels, event: Any) -> Generator[None, None, None]:
        """A drag selects what it goes around, with Shift adds it, with Ctrl and Shift takes it out."""
        start, pressed, held = tuple(event.position), np.array(event.pos), set(event.modifiers)
        correcting = self._correcting
        outline = [correcting.place_at(start)]
        drawn = self._drawn()
        if drawn is not None:
            drawn.add(pressed)

        def on(at: Any) -> None:
            outline.append(correcting.place_at(tuple(event.position)))
            if drawn is not None:
                drawn.add(at)

        with _still(layer, True):
            try:
                dragged = yield from _drag(event, pressed, on)
            finally:
                if drawn is not None:
                    drawn.hide()
                    drawn.deleteLater()
        if correcting.tool is not Tool.LASSO:
            return  # Esc has put it down
        if not dragged:
            self._clicked(start, toggle=bool(held))
            return
        outline.append(correcting.place_at(tuple(event.position)))
        self._take(inside(correcting.session, np.array(outline)), held)

    def _take(self, regions: list[int], held: set[str]) -> None:
        """Select regions; with Shift besides what is selected, with Ctrl and Shift they are taken out."""
        correcting = self._correcting
        if "Control" in held:
            out = set(regions)
            correcting.select(region for region in correcting.selection if region not in out)
        else:
            correcting.select([*(correcting.selection if held else ()), *regions])

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

    def _boxed(self, start: tuple[float, ...], end: tuple[float, ...]) -> list[int]:
        """Return the regions that lie whole in a box on the screen, whose corners are in the world."""
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
        return [rows[at].id for at in np.flatnonzero(whole).tolist()]

    def _drawn(self) -> DrawnLine | None:
        """Return an outline to be drawn over the canvas."""
        try:
            return DrawnLine(canvas_beside(self._correcting.host))
        except InputError:
            return None

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
            correcting.say_for_now(error)
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


def _drag(
    event: Any, pressed: NDArray[np.floating], on: Callable[[Any], object]
) -> Generator[None, None, bool]:
    """Follow a press to its release; tell of every move that is one, and return whether any was."""
    dragged = False
    yield
    while event.type == "mouse_move":
        dragged = dragged or _far(pressed, event.pos)
        if dragged:
            on(event.pos)
        yield
    # Where the moves between were too fast to be told, the release lies elsewhere all the same.
    return dragged or _far(pressed, event.pos)


@contextmanager
def _still(layer: Labels, on: bool) -> Iterator[None]:
    """While a drag is for something else, it does not move the image."""
    if on:
        layer.mouse_pan = False
    try:
        yield
    finally:
        if on:
            layer.mouse_pan = True


def _stretch(frame: QFrame, pressed: NDArray[np.floating], position: Any) -> None:
    """Draw the box from where the mouse was pressed to where it is."""
    ends = np.rint([pressed, position]).astype(int)
    (left, top), (right, bottom) = ends.min(axis=0).tolist(), ends.max(axis=0).tolist()
    frame.setGeometry(QRect(left, top, right - left + 1, bottom - top + 1))
    frame.show()


def _far(pressed: NDArray[np.floating], position: Any) -> bool:
    return bool(np.abs(np.asarray(position) - pressed).max() > CLICK)
