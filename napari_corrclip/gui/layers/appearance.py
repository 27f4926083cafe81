"""The appearance of a session's layers, carried from one plane of a stack to the next."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_corrclip.gui.canvas.outlines import Shown
from napari_corrclip.gui.layers.session_layers import SessionLayers

if TYPE_CHECKING:
    from napari.components import ViewerModel

SETTINGS = ("visible", "opacity", "contour", "brush_size", "mode")


class Appearance:
    """The appearance that a person gave to the two layers.

    Attributes:
        correcting: whether correct mode was on.
        confident: whether the confidence was shown.
    """

    def __init__(self) -> None:
        self.correcting = self.confident = False
        self._settings: tuple[dict[str, Any], ...] = ()
        self._active: int | None = None
        self._outlined = Shown()

    def note(self, viewer: ViewerModel, layers: SessionLayers, correcting: bool) -> None:
        """Remember how ``layers`` are shown."""
        self.correcting = correcting
        self._settings = tuple(
            {name: getattr(layer, name) for name in SETTINGS} for layer in layers.layers
        )
        self._outlined = layers.outlines.shown
        active = viewer.layers.selection.active
        found = [at for at, layer in enumerate(layers.layers) if layer is active]
        self._active = found[0] if found else None

    def apply(self, viewer: ViewerModel, layers: SessionLayers) -> None:
        """Show ``layers`` in the same way."""
        for layer, settings in zip(layers.layers, self._settings, strict=False):
            for name, value in settings.items():
                setattr(layer, name, value)
        layers.outlines.show(self._outlined)
        if self._active is not None:
            viewer.layers.selection.active = layers.layers[self._active]
