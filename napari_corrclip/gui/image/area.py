"""The part of an image that is run on: all of it, what is in view, or a drawn rectangle."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import napari
import numpy as np
from numpy.typing import NDArray
from qtpy.QtWidgets import QApplication, QWidget

from napari_corrclip.errors import InputError
from napari_corrclip.gui.image.planes import factors_at, place, shape_at
from napari_corrclip.images.boxes import Box

if TYPE_CHECKING:
    from napari.layers import Image, Shapes

LEAST = 16
"""Pixels that a side must have."""
NAME = "area to segment"


class Area:
    """The part that a person means, and the layer that they draw it on.

    Args:
        viewer: where they look and draw.
    """

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        self._viewer = viewer
        self._shapes: Shapes | None = None

    def draw(self, image: Image) -> None:
        """Let a person draw a rectangle over ``image``."""
        shapes = self._shapes
        if shapes is None or shapes not in self._viewer.layers:
            spatial = place(image)
            shapes = self._shapes = self._viewer.add_shapes(
                name=NAME,
                ndim=2,
                edge_color="yellow",
                face_color="transparent",
                edge_width=max(1, round(max(shape_at(image)[-2:]) / 300)),
                **spatial,
            )
        self._viewer.layers.selection.active = shapes
        shapes.mode = "add_rectangle"

    def rectangle(self, image: Image, level: int = 0) -> Box | None:
        """Return the rectangle that is selected, or else the last one, in pixels of a level.

        It is cut at the image's edges; of a shape that is no upright rectangle its bounds are taken.
        ``None``: it covers the image.

        Raises:
            InputError: there is none, it lies outside, or it is too small.
        """
        shapes = self._shapes
        if shapes is None or shapes not in self._viewer.layers or not shapes.data:
            raise InputError(
                "There is no rectangle yet; press 'Draw rectangle' and drag over the image."
            )
        chosen = max(shapes.selected_data) if shapes.selected_data else len(shapes.data) - 1
        corners = np.asarray(shapes.data[chosen])[:, -2:]
        world = np.array([shapes.data_to_world(corner)[-2:] for corner in corners])
        return self._box(image, level, world, "rectangle", "draw it over the image")

    def view(self, image: Image, level: int, beside: QWidget) -> Box | None:
        """Return the part that is in view, in pixels of a level; ``None``: all of the image.

        Args:
            image: the layer.
            level: of it.
            beside: a widget of the viewer's window.

        Raises:
            InputError: the image is out of view or hardly to be seen, or the view is 3-D.
        """
        if self._viewer.dims.ndisplay != 2:
            raise InputError("The view is 3-D; switch to 2-D, or run on the whole image.")
        world = corners_in_view(self._viewer, beside)
        return self._box(image, level, world, "view", "move the image into view")

    def _box(
        self, image: Image, level: int, world: NDArray[np.float64], what: str, remedy: str
    ) -> Box | None:
        """Return the bounds of corners in the world, (N, 2), in pixels of a level."""
        point = np.array(self._viewer.dims.point, float)
        pixels = []
        for corner in world:
            point[-2:] = corner
            pixels.append(image.world_to_data(point)[-2:])
        # From middles of pixels to edges, from which a level's are a matter of scale.
        edges = (np.array(pixels) + 0.5) / factors_at(image, level)[-2:]
        rows, columns = shape_at(image, level)[-2:]
        top, left = np.floor(edges.min(axis=0) + 1e-6).astype(int).tolist()
        bottom, right = np.ceil(edges.max(axis=0) - 1e-6).astype(int).tolist()
        box = max(top, 0), max(left, 0), min(bottom, rows), min(right, columns)
        height, width = box[2] - box[0], box[3] - box[1]
        if height <= 0 or width <= 0:
            raise InputError(f"The {what} lies outside of the image {image.name!r}; {remedy}.")
        if min(height, width) < min(LEAST, rows, columns):
            raise InputError(
                f"The {what} holds {height} × {width} pixels of {image.name!r}; "
                f"{LEAST} × {LEAST} are the least."
            )
        return None if box == (0, 0, rows, columns) else box


def shown_axes(viewer: napari.components.ViewerModel) -> NDArray[np.intp]:
    """Return which of rows (0) and columns (1) runs down the screen, and which to the right.

    Rows and columns are the last two axes; the viewer may show them transposed.

    Raises:
        InputError: the viewer shows other axes.
    """
    axes: NDArray[np.intp] = np.array(viewer.dims.displayed, np.intp) - (viewer.dims.ndim - 2)
    if sorted(axes.tolist()) != [0, 1]:
        raise InputError(
            "The viewer does not show the rows and columns of the image; "
            "bring its last two axes to the front again."
        )
    return axes


def corners_in_view(
    viewer: napari.components.ViewerModel, beside: QWidget | None
) -> NDArray[np.float64]:
    """Return the corners of what the canvas shows, (4, 2) (row, column) in the world.

    The canvas may show much more than the image, or hardly any of it.

    Raises:
        InputError: there is no canvas, or it shows other axes than rows and columns.
    """
    axes = shown_axes(viewer)
    canvas = canvas_beside(beside)
    camera: Any = getattr(viewer, "scene", viewer).camera  # napari 0.9 moved it
    size = np.array([canvas.height(), canvas.width()]) / camera.zoom
    middle = np.array(camera.center[-2:])
    low, high = middle - size / 2, middle + size / 2
    on_screen = np.array([low, (low[0], high[1]), high, (high[0], low[1])])
    # Of two axes, an order is its own inverse.
    return on_screen.take(axes, axis=1)


def canvas_beside(widget: QWidget | None) -> QWidget:
    """Return what napari draws on in the window of ``widget``; ``None``: in any window.

    napari has no public name for it; it is the window's only OpenGL widget.

    Raises:
        InputError: the window has none.
    """
    from qtpy.QtOpenGLWidgets import QOpenGLWidget

    windows = QApplication.topLevelWidgets() if widget is None else [widget.window()]
    found: list[QWidget] = [
        canvas
        for window in windows
        if window is not None
        for canvas in window.findChildren(QOpenGLWidget)
    ]
    if not found:
        raise InputError("There is no view of the image here; run on the whole image.")
    return max(found, key=lambda canvas: canvas.width() * canvas.height())
