"""Which image: the choice of a layer, in step with the viewer."""

from __future__ import annotations

from typing import Any, cast

import napari
from magicgui.widgets import create_widget
from napari.layers import Image
from psygnal import Signal
from qtpy.QtWidgets import QFormLayout, QWidget

from napari_corrclip.annotation import Source
from napari_corrclip.errors import InputError
from napari_corrclip.gui.picture import Picture, picture_of


class ImagePanel(QWidget):
    """Lets a person choose what is segmented.

    Args:
        viewer: whose image layers are offered.

    Attributes:
        layers: the list of layers, a magicgui widget.

    Signals (psygnal):
        chosen: another layer is chosen, or none is left.
    """

    chosen = Signal()

    def __init__(self, viewer: napari.viewer.Viewer, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.viewer = viewer
        self.layers = cast(Any, create_widget(annotation=Image, label="image"))
        layout = QFormLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addRow("Image", self.layers.native)
        self.layers.changed.connect(lambda *_: self.chosen.emit())

    @property
    def layer(self) -> Image | None:
        """The chosen layer."""
        return self.layers.value

    @layer.setter
    def layer(self, layer: Image) -> None:
        self.layers.reset_choices()
        self.layers.value = layer

    def reset_choices(self) -> None:
        """Offer the layers that there are."""
        self.layers.reset_choices()
        self.chosen.emit()

    def picture(self) -> Picture:
        """Return what is shown of the chosen layer.

        Raises:
            InputError: there is no layer, or it cannot be segmented.
        """
        if self.layer is None:
            raise InputError("There is no image; open one, or try the demo.")
        return picture_of(self.layer, tuple(self.viewer.dims.current_step))

    def source(self) -> Source | None:
        """Return the file that the picture comes from; ``None`` where there is none."""
        try:
            return self.picture().source
        except InputError:
            return None
