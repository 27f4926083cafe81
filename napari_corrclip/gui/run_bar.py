"""The button that runs and cancels, and how far it is."""

from __future__ import annotations

from psygnal import Signal
from qtpy.QtWidgets import QHBoxLayout, QProgressBar, QVBoxLayout, QWidget

from napari_corrclip.gui.widgets import button
from napari_corrclip.progress import Progress


class RunBar(QWidget):
    """Run or Cancel, the demo, and a bar of the stage.

    Signals (psygnal):
        run, cancel, demo: a button was pressed.
    """

    run = Signal()
    cancel = Signal()
    demo = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.run_button = button("Run", "Segment the image by the vocabulary")
        self.run_button.clicked.connect(self._pressed)
        self.demo_button = button(
            "Try the demo", "A synthetic scene, a vocabulary for it, and a run; no download"
        )
        self.demo_button.clicked.connect(lambda: self.demo.emit())
        self.bar = QProgressBar()
        self.bar.setTextVisible(True)
        self.bar.hide()
        self._busy = False
        row = QHBoxLayout()
        row.addWidget(self.run_button, 2)
        row.addWidget(self.demo_button, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(row)
        layout.addWidget(self.bar)

    def show_busy(self, busy: bool) -> None:
        """Show whether something runs."""
        self._busy = busy
        self.run_button.setText("Cancel" if busy else "Run")
        self.demo_button.setEnabled(not busy)
        self.bar.setVisible(busy)
        self.bar.setRange(0, 0)

    def show_progress(self, event: Progress) -> None:
        """Show how far a stage is."""
        self.bar.setRange(0, max(event.total, 1))
        self.bar.setValue(event.done)
        self.bar.setFormat(f"{event.stage}  %v of %m")

    def _pressed(self) -> None:
        (self.cancel if self._busy else self.run).emit()
