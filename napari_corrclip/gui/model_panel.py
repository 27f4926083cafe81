"""Which networks, where they run and how fine they look."""

from __future__ import annotations

from qtpy.QtWidgets import QFormLayout, QGroupBox, QWidget

from napari_corrclip.gui.choice import DETAILS, REGIONS, Choice
from napari_corrclip.gui.widgets import combo
from napari_corrclip.weights.presets import presets


class ModelPanel(QGroupBox):
    """Lets a person choose the networks; :attr:`choice` is what is chosen."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("Model", parent)
        self.preset = combo([preset.name for preset in presets()], "Which networks")
        self.regions = combo(REGIONS, "Where regions come from")
        self.detail = combo(
            DETAILS,
            "Size at which the networks see the image: the preset's own, twice that, or the image's "
            "own. Small things vanish below.",
        )
        self.device = combo(["auto", "cpu", "cuda", "mps"], "Where the networks run")
        form = QFormLayout(self)
        form.addRow("Preset", self.preset)
        form.addRow("Regions", self.regions)
        form.addRow("Detail", self.detail)
        form.addRow("Device", self.device)

    @property
    def choice(self) -> Choice:
        """What is chosen."""
        return Choice(
            self.preset.currentText(),
            self.device.currentText(),
            self.detail.currentText(),
            self.regions.currentText(),
        )
