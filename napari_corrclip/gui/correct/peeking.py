"""The look at the image alone, while a key is held."""

from __future__ import annotations

from napari.layers import Labels

from napari_corrclip.gui.correct.correcting import Correcting


class Peeking:
    """The session's layers and outlines, hidden for a moment."""

    def __init__(self, correcting: Correcting) -> None:
        self._correcting = correcting
        self._hidden: list[tuple[Labels, bool]] = []

    def start(self) -> None:
        """Hide everything but the image until :meth:`end`."""
        if self._hidden:
            return
        self._hidden = [(layer, layer.visible) for layer in self._correcting.layers.layers]
        for layer, _ in self._hidden:
            layer.visible = False
        self._correcting.outlines.veil(True)

    def end(self) -> None:
        """Show again what :meth:`start` hid."""
        if not self._hidden:
            return
        hidden, self._hidden = self._hidden, []
        for layer, visible in hidden:
            layer.visible = visible
        self._correcting.outlines.veil(False)
