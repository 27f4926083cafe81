"""The confidence: how probable the class of each region is, as an image layer over the picture."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image
from numpy.typing import NDArray
from psygnal import Signal

from napari_corrclip.annotation import Changed, Region, Session
from napari_corrclip.gui.image.picture import OURS
from napari_corrclip.gui.layers.session_layers import SessionLayers
from napari_corrclip.images.boxes import Box, area, window
from napari_corrclip.maps.regions import number_regions

if TYPE_CHECKING:
    from napari.components import ViewerModel

NAME = "confidence"
SPARE = 256
"""So many new regions are looked up before all are numbered anew."""


class ConfidenceLayer:
    """The layer of a session's confidence, kept in step with every edit.

    Args:
        viewer: gets the layer, between the labels and the outlines.
        layers: of the session.
        former: the layer of a former session that :meth:`rest`.

    Attributes:
        layer: float32, (H, W), 0 to 1: the mean probability of the class that a region shows, 1 where a
            person decided; 0 where there is no region.

    Signals (psygnal):
        removed: somebody removed the layer.
    """

    removed = Signal()

    def __init__(
        self, viewer: ViewerModel, layers: SessionLayers, former: Image | None = None
    ) -> None:
        self._viewer = viewer
        self.session: Session = layers.session
        self._table = _table(self.session)
        computed = self._computed((0, 0, *self.session.shape))
        if former is None:
            self._add(computed, layers)
        else:
            self.layer = former
            former.data = computed
            for name, value in layers.place.items():
                setattr(former, name, value)
            former.visible = True
        viewer.layers.events.removed.connect(self._removed)
        self.session.changed.connect(self._changed)

    def _add(self, computed: NDArray[np.float32], layers: SessionLayers) -> None:
        viewer = self._viewer
        active = viewer.layers.selection.active
        self.layer = Image(
            computed,
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

    def rest(self) -> Image | None:
        """Return the layer, which shows nothing until it shows another session; ``None``: it was removed."""
        self._let_go()
        if self.layer not in self._viewer.layers:
            return None
        self.layer.visible = False
        return self.layer

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
        session = self.session
        rows = [row for region in changed.updated if (row := session.find(region)) is not None]
        boxes: list[Box] = [*changed.regions, *(row.box for row in rows)]
        whole = (0, 0, *session.shape)
        if changed.vocabulary or sum(map(area, boxes)) > area(whole):
            boxes = [whole]
        if not boxes:
            return
        table = self._table
        if changed.vocabulary or table is None or max(changed.updated, default=0) >= len(table):
            self._table = _table(session)
        elif rows:
            table[[row.id for row in rows]] = _confidences(rows)
        for box in boxes:
            self.layer.data[window(box)] = self._computed(box)
        self.layer.refresh(extent=False)

    def _computed(self, box: Box) -> NDArray[np.float32]:
        if self._table is None:
            return confidence_map(self.session, box)
        return self._table.take(self.session.regions[window(box)])


def confidence_map(session: Session, box: Box) -> NDArray[np.float32]:
    """Return (h, w) float32 as of :class:`ConfidenceLayer`, at each pixel of ``box``."""
    numbers, ids = number_regions(session.regions[window(box)])
    rows = [session.region(region) for region in ids.tolist()]
    return np.append(np.float32(0), _confidences(rows)).take(numbers)


def _table(session: Session) -> NDArray[np.float32] | None:
    """Return the confidence of each region by its id; ``None``: the ids are too far apart for that."""
    ids = session.ids
    highest = int(ids.max(initial=0))
    if highest > 4 * session.regions.size + 1024:
        return None
    table = np.zeros(highest + 1 + SPARE, np.float32)
    table[ids] = _confidences(session.rows())
    return table


def _confidences(rows: list[Region]) -> NDArray[np.float32]:
    """Return (n,) float32; a person is sure of what they decided, whatever the networks thought of it."""
    sure = (row.confidence if row.verdict is None else 1.0 for row in rows)
    return np.fromiter(sure, np.float32, len(rows))


def _place(viewer: ViewerModel, layers: SessionLayers) -> int:
    """Return where it lies over the labels, with which its colours would mix, and below the outlines."""
    there = layers.regions in viewer.layers
    return viewer.layers.index(layers.regions) if there else len(viewer.layers)
