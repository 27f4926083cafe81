"""What of the image the canvas shows, and moving that."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from napari_corrclip.gui.image.area import corners_in_view, shown_axes

if TYPE_CHECKING:
    from napari_corrclip.gui.correct.mode import CorrectMode


class Sight:
    """Knows what ``mode``'s canvas shows of the image, however it is turned, transposed or out of view."""

    def __init__(self, mode: CorrectMode) -> None:
        self._mode = mode
        self._before: tuple[float, tuple[float, ...]] | None = None

    def in_view(self) -> tuple[float, float, float, float]:
        """Return what the canvas shows as (top, left, bottom, right), in pixels of the image.

        It may reach far beyond the image. Edges of pixels are whole numbers.

        Raises:
            InputError: other axes than rows and columns are shown.
        """
        world = corners_in_view(self._mode.viewer, self._mode.host)
        pixels = (
            np.array([self._mode.layers.regions.world_to_data(one)[-2:] for one in world]) + 0.5
        )
        (top, left), (bottom, right) = pixels.min(axis=0).tolist(), pixels.max(axis=0).tolist()
        return top, left, bottom, right

    def look_at(self, world: Sequence[float]) -> None:
        """Have a place in the world, (row, column), in the middle of the canvas."""
        down, right = shown_axes(self._mode.viewer)
        self._mode.camera.center = (0.0, world[down], world[right])

    def looks_at(self) -> tuple[float, float]:
        """Return what place of the world is in the middle of the canvas, (row, column)."""
        row, column = np.asarray(self._mode.camera.center[-2:])[
            shown_axes(self._mode.viewer)
        ].tolist()
        return row, column

    def note_camera(self, _viewer: object, _event: object) -> None:
        """Before napari zooms by a double click, which selects here."""
        ours = self._mode.viewer.layers.selection.active in self._mode.layers.layers
        self._before = (self._mode.camera.zoom, self._mode.camera.center) if ours else None

    def zoom_back(self) -> None:
        """Take back what others' answer to a double click on our layers did to the camera."""
        if self._before is not None:
            self._mode.camera.zoom, self._mode.camera.center = self._before
