"""How probable the class of each region is, as an image layer over the picture."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image
from numpy.typing import NDArray
from psygnal import Signal

from napari_corrclip.annotation import Changed, Region, Session
from napari_corrclip.annotation.boxes import Box, union, window
from napari_corrclip.gui.layers import SessionLayers
from napari_corrclip.gui.picture import OURS
from napari_corrclip.gui.regions_model import confidence

if TYPE_CHECKING:
    from napari.components import ViewerModel

NAME = "confidence"


class ConfidenceLayer:
    """Shows the confidence of ``layers``' session, and keeps it in step with every edit.

    Args:
        viewer: gets the layer, below the labels.
        layers: of the session.

    Attributes:
        layer: float32, (H, W), 0 to 1: the mean probability of the class that a region shows; 0 where
            there is no region.

    Signals (psygnal):
        removed: somebody removed the layer.
    """

    removed = Signal()

    def __init__(self, viewer: ViewerModel, layers: SessionLayers) -> None:
        self._viewer = viewer
        self.session: Session = layers.session
        active = viewer.layers.selection.active
        self.layer = Image(
            confidence_map(self.session, (0, 0, *self.session.shape)),
            name=NAME,
            colormap="viridis",
            contrast_limits=(0.0, 1.0),
            opacity=0.7,
            blending="translucent",
            metadata={OURS: NAME},
            **layers.place,
        )
        viewer.layers.insert(_place(viewer, layers), self.layer)
        viewer.layers.selection.active = active  # a new layer takes the place of the painted one
        viewer.layers.events.removed.connect(self._removed)
        self.session.changed.connect(self._changed)

    def close(self) -> None:
        """Take the layer away."""
        self._let_go()
        if self.layer in self._viewer.layers:
            self._viewer.layers.remove(self.layer)

    def _let_go(self) -> None:
        self.session.changed.disconnect(self._changed, missing_ok=True)
        self._viewer.layers.events.removed.disconnect(self._removed)

    def _removed(self, event: Any) -> None:
        if event.value is self.layer:
            self._let_go()
            self.removed.emit()

    def _changed(self, changed: Changed) -> None:
        """Compute anew where regions or what they show differ."""
        rows = [row for one in changed.updated if (row := self.session.find(one)) is not None]
        boxes: list[Box] = [*changed.regions, *(row.box for row in rows)]
        around = (0, 0, *self.session.shape) if changed.vocabulary else union(boxes)
        if around is None:
            return
        self.layer.data[window(around)] = confidence_map(self.session, around)
        self.layer.refresh(extent=False)


def confidence_map(session: Session, box: Box) -> NDArray[np.float32]:
    """Return (h, w) float32, the confidence of the region at each pixel of ``box``; 0 = no region."""
    ids, places = np.unique(session.regions[window(box)], return_inverse=True)
    rows: list[Region | None] = [session.find(one) for one in ids.tolist()]
    shown = [0.0 if row is None else confidence(row, session.vocabulary) for row in rows]
    height, width = box[2] - box[0], box[3] - box[1]
    return np.array(shown, np.float32)[places].reshape(height, width)


def _place(viewer: ViewerModel, layers: SessionLayers) -> int:
    """Return where it lies below both layers."""
    places = [viewer.layers.index(one) for one in layers.layers if one in viewer.layers]
    return min(places, default=len(viewer.layers))
