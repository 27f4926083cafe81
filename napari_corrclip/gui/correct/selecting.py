"""Selecting regions by mouse."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Labels
from numpy.typing import NDArray

if TYPE_CHECKING:
    from napari_corrclip.gui.correct.mode import CorrectMode

CLICK = 4.0
"""A press that moves less than this, in screen pixels, is a click and no drag."""
_LEFT, _RIGHT = 1, 2


class Pointer:
    """The mouse on both layers while ``mode`` is on: clicks select, or mark where to split."""

    def __init__(self, mode: CorrectMode) -> None:
        self._mode = mode

    def bind(self) -> None:
        """Take the mouse."""
        for layer in self._mode.layers.layers:
            layer.mouse_drag_callbacks.append(self._pressed)
            layer.mouse_double_click_callbacks.append(self._double_clicked)
            layer.mouse_move_callbacks.append(self._moved)

    def unbind(self) -> None:
        """Give it back."""
        for layer in self._mode.layers.layers:
            layer.mouse_drag_callbacks.remove(self._pressed)
            layer.mouse_double_click_callbacks.remove(self._double_clicked)
            layer.mouse_move_callbacks.remove(self._moved)

    def _pressed(self, layer: Labels, event: Any) -> Generator[None, None, None]:
        """A click selects, with Shift toggles; Shift and a drag draws a box; a plain drag pans."""
        if "Alt" in event.modifiers or "Control" in event.modifiers:
            return
        splitting = self._mode.splitting.on
        if event.button != _LEFT and not (splitting and event.button == _RIGHT):
            return
        button = event.button
        boxes = "Shift" in event.modifiers and not splitting
        start, pressed = tuple(event.position), np.array(event.pos)
        if boxes:
            layer.mouse_pan = False
        dragged = False
        try:
            yield
            while event.type == "mouse_move":
                dragged = dragged or _far(pressed, event.pos)
                yield
        finally:
            if boxes:
                layer.mouse_pan = True
        # Where the moves between were too fast to be told, the release lies elsewhere all the same.
        dragged = dragged or _far(pressed, event.pos)
        if self._mode.splitting.on:
            if not dragged:
                self._mode.splitting.click(self._mode.pixel_at(start), cut=button == _RIGHT)
        elif not dragged and button == _LEFT:
            self._clicked(start, toggle=boxes)
        elif boxes:
            self._boxed(start, tuple(event.position))

    def _clicked(self, position: tuple[float, ...], *, toggle: bool) -> None:
        mode = self._mode
        region = mode.region_at(position)
        if not region:
            mode.select(mode.selection if toggle else ())
        elif not toggle:
            mode.select([region])
        elif region in mode.selection:
            mode.select(one for one in mode.selection if one != region)
        else:
            mode.select([*mode.selection, region])

    def _boxed(self, start: tuple[float, ...], end: tuple[float, ...]) -> None:
        """Add the regions that lie whole in a box."""
        mode = self._mode
        corners = [mode.layers.regions.world_to_data(point[-2:])[-2:] for point in (start, end)]
        low, high = np.min(corners, axis=0) - 0.5, np.max(corners, axis=0) + 1.5
        inside = [
            row.id
            for row in mode.session.rows()
            if row.box[0] >= low[0] and row.box[1] >= low[1]
            and row.box[2] <= high[0] and row.box[3] <= high[1]
        ]  # fmt: skip
        mode.select([*mode.selection, *inside])

    def _double_clicked(self, _layer: Labels, event: Any) -> None:
        """Select all of that class in view."""
        mode = self._mode
        region = mode.region_at(event.position)
        if not region or mode.splitting.on:
            return
        value = mode.session.region(region).value
        top, left, bottom, right = mode.in_view()
        mode.select(
            row.id
            for row in mode.session.rows()
            if row.value == value
            and row.box[0] < bottom and row.box[2] > top
            and row.box[1] < right and row.box[3] > left
        )  # fmt: skip

    def _moved(self, _layer: Labels, _event: Any) -> None:
        self._mode.spreading.follow()


def _far(pressed: NDArray[np.floating], position: Any) -> bool:
    return bool(np.abs(np.asarray(position) - pressed).max() > CLICK)
