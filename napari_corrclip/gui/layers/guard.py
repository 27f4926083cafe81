"""The guard of a layer's data against what others set: the console, another plugin."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from napari.layers import Labels
from qtpy.QtCore import QTimer


class Guard:
    """A watch on a layer's array: it stays in its place, and what somebody set instead is handed over.

    Args:
        layer: whose data are ours.
        take: is given the layer, which has its array again, and the other one.
    """

    def __init__(self, layer: Labels, take: Callable[[Labels, Any], None]) -> None:
        self._layer = layer
        self._own = layer.data
        self._take = take
        # napari is in the middle of setting them when it tells.
        self._later = QTimer()
        self._later.setSingleShot(True)
        self._later.timeout.connect(self._put_back)
        layer.events.data.connect(self._set)

    def close(self) -> None:
        """Leave the layer alone."""
        self._later.stop()
        self._layer.events.data.disconnect(self._set)

    def _set(self, _event: object = None) -> None:
        if self._layer.data is not self._own:
            self._later.start(0)

    def _put_back(self) -> None:
        given = self._layer.data
        if given is self._own:
            return
        self._layer.data = self._own
        self._take(self._layer, given)
