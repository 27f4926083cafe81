"""The layers that lie over a box of the regions: outlines and previews."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from napari.layers import Labels
from napari.utils.colormaps import DirectLabelColormap
from napari.utils.transforms import Affine
from numpy.typing import NDArray

from napari_corrclip.gui.layers.session_layers import SessionLayers
from napari_corrclip.images.boxes import Box, padded, union, window
from napari_corrclip.results.segmentation import CLEAR

if TYPE_CHECKING:
    from collections.abc import Iterable

    import napari

Color = tuple[float, float, float, float]
WIDTH = 2
"""Of outlines, in pixels of the image."""


def border(mask: NDArray[np.bool_], width: int) -> NDArray[np.bool_]:
    """Return the pixels of ``mask``, (h, w), within ``width`` steps of what is outside it.

    Beyond the edges is outside, so that a region that fills the image has an outline, too. napari's own
    ``contour`` takes ten times as long, which is felt where a region covers most of a large image.
    """
    inside = mask.copy()
    for _ in range(width):
        wider = inside.copy()
        inside[1:] &= wider[:-1]
        inside[:-1] &= wider[1:]
        inside[:, 1:] &= wider[:, :-1]
        inside[:, :-1] &= wider[:, 1:]
        inside[[0, -1]] = inside[:, [0, -1]] = False
    return mask & ~inside


class Overlay:
    """A layer no larger than the box that it marks; it is made when it is first shown.

    Args:
        viewer: gets the layer.
        layers: of the session; the overlay lies where ``regions`` does.
        name: of the layer.
        colors: RGBA, 0 to 1, by value.
        opacity: 0 to 1.
    """

    def __init__(
        self,
        viewer: napari.Viewer,
        layers: SessionLayers,
        name: str,
        colors: dict[int, Color],
        *,
        opacity: float = 1.0,
    ) -> None:
        self._viewer = viewer
        self._layers = layers
        self._name = name
        self._colors = colors
        self._opacity = opacity
        self._layer: Labels | None = None
        self._shown = self._veiled = False

    def hide(self) -> None:
        """Mark nothing."""
        self._shown = False
        self._draw()

    def veil(self, on: bool) -> None:
        """Let nothing be seen for a while, whatever is to be shown meanwhile."""
        self._veiled = on
        self._draw()

    def _draw(self) -> None:
        if self._there and self._layer is not None:
            self._layer.visible = self._shown and not self._veiled

    @property
    def _there(self) -> bool:
        return self._layer is not None and self._layer in self._viewer.layers

    def show(self, box: Box, values: NDArray[np.uint8]) -> None:
        """Show ``values``, (h, w), in ``box`` of the image."""
        selection = self._viewer.layers.selection
        selected, active = set(selection), selection.active
        layer = self._layer
        if layer is None or layer not in self._viewer.layers:
            layer = self._layer = self._new_layer(values)
            self._viewer.add_layer(layer)
            # A new layer becomes the active one; keys belong to ours.
            if active is not None:
                selection.active = active
            else:
                selection.clear()
                selection.update(selected)
        layer.data = values
        # Where the box's corner lies before the layer's own affine, which the overlay has too.
        regions = self._layers.regions
        to_physical = Affine(
            scale=regions.scale,
            translate=regions.translate,
            rotate=regions.rotate,
            shear=regions.shear,
        )
        layer.translate = to_physical(np.array(box[:2], np.float64))
        self._shown = True
        self._draw()

    def outline(self, regions: Iterable[int]) -> None:
        """Outline ``regions``; hide where there are none."""
        session = self._layers.session
        rows = [row for region in regions if (row := session.find(region)) is not None]
        around = union(row.box for row in rows)
        if around is None:
            self.hide()
            return
        box = padded(around, 1, session.shape)
        ids = session.regions[window(box)]
        inside = ids == rows[0].id if len(rows) == 1 else np.isin(ids, [row.id for row in rows])
        # A wider outline would cover all of a region of a tiny image.
        width = WIDTH if max(session.shape) >= 64 else 1
        self.show(box, border(inside, width).view(np.uint8))

    def remove(self) -> None:
        """Take the layer out of the viewer."""
        self._shown = self._veiled = False
        layer, self._layer = self._layer, None
        if layer is not None and layer in self._viewer.layers:
            self._viewer.layers.remove(layer)

    def _new_layer(self, values: NDArray[np.uint8]) -> Labels:
        colors: dict[int | None, Color] = {None: CLEAR, 0: CLEAR}
        for value, color in self._colors.items():
            colors[value] = color
        layer = Labels(
            values,
            name=self._name,
            colormap=DirectLabelColormap(color_dict=colors),
            opacity=self._opacity,
            **self._layers.place,
        )
        layer.editable = False
        return layer
