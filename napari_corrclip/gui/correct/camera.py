"""The camera over the image: what the canvas shows, and moving to a region."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_corrclip.gui.correct.correcting import Correcting
from napari_corrclip.gui.image.area import corners_in_view, shown_axes
from napari_corrclip.images.boxes import Box

LOW, HIGH, GOOD = 0.05, 0.8, 0.3
"""A region under the first share of the view is zoomed to the third; over the second, to the second."""
MARGIN = 0.05
"""Of the view, around a region that the camera moved to."""


class Camera:
    """The viewer's camera in pixels of the image, however that is turned, transposed or out of view."""

    def __init__(self, correcting: Correcting) -> None:
        self._correcting = correcting
        self._before: tuple[float, tuple[float, ...]] | None = None

    @property
    def napari(self) -> Any:
        """The viewer's own camera, wherever this napari keeps it."""
        viewer = self._correcting.viewer
        return getattr(viewer, "scene", viewer).camera

    def in_view(self) -> tuple[float, float, float, float]:
        """Return what the canvas shows as (top, left, bottom, right), in pixels of the image.

        It may reach far beyond the image. Edges of pixels are whole numbers.

        Raises:
            InputError: other axes than rows and columns are shown.
        """
        regions = self._correcting.layers.regions
        corners = corners_in_view(self._correcting.viewer, self._correcting.host)
        pixels = np.array([regions.world_to_data(corner)[-2:] for corner in corners]) + 0.5
        (top, left), (bottom, right) = pixels.min(axis=0).tolist(), pixels.max(axis=0).tolist()
        return top, left, bottom, right

    def to_screen(self) -> NDArray[np.float64]:
        """Return (2, 2), from a step in the image, (rows, columns), to one on the screen, in logical pixels.

        The screen may show the world's two axes in the other order; that changes no length.
        """
        regions = self._correcting.layers.regions
        origin, down, right = (
            np.asarray(regions.data_to_world(at)[-2:]) for at in ((0, 0), (1, 0), (0, 1))
        )
        steps: NDArray[np.float64] = np.stack([down - origin, right - origin], axis=1)
        return steps * float(self.napari.zoom)

    def show(self, box: Box) -> None:
        """Move as little as shows a box of the image; zoom if it is tiny or fills the view.

        Raises:
            InputError: other axes than rows and columns are shown.
        """
        regions = self._correcting.layers.regions
        view = self.in_view()
        extent = view[2] - view[0], view[3] - view[1]
        share = max((box[2] - box[0]) / extent[0], (box[3] - box[1]) / extent[1])
        # Where all of the image is seen, no zoom shows more.
        height, width = self._correcting.session.shape
        everything = view[0] <= 0 and view[1] <= 0 and view[2] >= height and view[3] >= width
        if share < LOW or (share > HIGH and not everything):
            middle = ((box[0] + box[2] - 1) / 2, (box[1] + box[3] - 1) / 2)
            self._look_at(regions.data_to_world(middle)[-2:])
            self.napari.zoom *= (GOOD if share < LOW else HIGH) / share
            return
        by = [
            _shift(box[axis], box[axis + 2], view[axis], view[axis + 2], MARGIN * extent[axis])
            for axis in (0, 1)
        ]
        if any(by):
            origin, end = regions.data_to_world((0, 0))[-2:], regions.data_to_world(by)[-2:]
            row, column = self._looks_at()
            self._look_at((row + end[0] - origin[0], column + end[1] - origin[1]))

    def _look_at(self, world: Sequence[float]) -> None:
        """Have a place in the world, (row, column), in the middle of the canvas."""
        down, right = shown_axes(self._correcting.viewer)
        self.napari.center = (0.0, world[down], world[right])

    def _looks_at(self) -> tuple[float, float]:
        """Return the place of the world in the middle of the canvas, (row, column)."""
        axes = shown_axes(self._correcting.viewer)
        row, column = np.asarray(self.napari.center[-2:])[axes].tolist()
        return row, column

    def note(self, _viewer: object, _event: object) -> None:
        """Note where the camera is before napari zooms by a double click, which selects here."""
        camera = self.napari
        self._before = (camera.zoom, camera.center) if self._correcting.is_active else None

    def zoom_back(self) -> None:
        """Take back what others' answer to a double click on our layers did to the camera."""
        if self._before is not None:
            self.napari.zoom, self.napari.center = self._before


def _shift(low: float, high: float, first: float, last: float, margin: float) -> float:
    """Return by how much a view must move to hold ``low`` to ``high``."""
    if low < first:
        return low - margin - first
    if high > last:
        return high + margin - last
    return 0.0
