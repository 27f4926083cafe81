"""The button that runs and cancels, and how far it is."""

from __future__ import annotations

from time import perf_counter
from typing import Any

from napari.utils import progress
from psygnal import Signal
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QHBoxLayout, QProgressBar, QWidget

from napari_corrclip.gui.widgets import button, primary_button
from napari_corrclip.progress import Progress
from napari_corrclip.weights.fetch import DOWNLOAD
from napari_corrclip.wording.markup import plain


class RunBar(QWidget):
    """A bar of the stage with Cancel, in a place that is kept for it; napari's activity dock shows it too.

    Attributes:
        run_button: runs, or cancels what runs; for the page that sets up a run.
        demo_button: for the page of somebody who has no image yet.

    Signals (psygnal):
        run, cancel, demo: a button was pressed.
    """

    run = Signal()
    cancel = Signal()
    demo = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.run_button = primary_button("Run", "Segment the image by the vocabulary")
        self.run_button.clicked.connect(self._pressed)
        self.demo_button = button(
            "Try the demo", "A synthetic scene, a vocabulary for it, and a run; no download"
        )
        self.demo_button.clicked.connect(lambda: self.demo.emit())
        self.bar = QProgressBar()
        self.bar.setTextVisible(True)
        self.cancel_button = button("Cancel", "Stop what runs; what there was stays")
        self.cancel_button.clicked.connect(lambda: self.cancel.emit())
        for widget in (self.bar, self.cancel_button):
            policy = widget.sizePolicy()
            policy.setRetainSizeWhenHidden(True)  # nothing moves when a run begins or ends
            widget.setSizePolicy(policy)
            widget.hide()
        self.activity: Any = None
        self._busy = self._beside = False
        self._began = 0.0
        self._text, self._stage, self._total = "", "CorrCLIP", 0
        self._clock = QTimer(self)
        self._clock.setInterval(1000)
        self._clock.timeout.connect(self._tick)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.bar, 1)
        layout.addWidget(self.cancel_button)

    def show_busy(self, busy: bool) -> None:
        """Show whether something runs."""
        self._busy = busy
        self.run_button.setText("Cancel" if busy else "Run")
        self.demo_button.setEnabled(not busy)
        self.bar.setVisible(busy)
        self._show_cancel()
        self.bar.setRange(0, 0)
        self._text, self._stage, self._total = "", "CorrCLIP", 0
        self.end_activity()
        if busy:
            self._began = perf_counter()
            self._clock.start()
            self.activity = progress(desc="CorrCLIP", total=0)
        else:
            self._clock.stop()

    def show_run_button(self, shown: bool) -> None:
        """Offer Cancel here where the button that runs is on another page."""
        self._beside = not shown
        self._show_cancel()

    def _show_cancel(self) -> None:
        self.cancel_button.setVisible(self._busy and self._beside)

    def show_progress(self, event: Progress) -> None:
        """Show how far a stage is; downloads in megabytes."""
        done, total, unit = event.done, max(event.total, 1), ""
        if event.stage.startswith(DOWNLOAD):
            done, total, unit = done // 10**6, max(total // 10**6, 1), " MB"
        self._stage, self._total = event.stage, total if event.total > 1 else 0
        if event.total <= 1:  # one step: how far it is is not known
            self.bar.setRange(0, 0)
            self._text = event.stage
        else:
            self.bar.setRange(0, total)
            self.bar.setValue(done)
            self._text = f"{event.stage}  {done} of {total}{unit}"
        self._tell()

    def close_activity(self) -> None:
        """Stop the clock and leave napari's activity dock; the dock is closed."""
        self._clock.stop()
        self.end_activity()

    def end_activity(self) -> None:
        """Leave napari's activity dock; the bar itself may be deleted already."""
        if self.activity is not None:
            self.activity.close()
            self.activity = None

    def _tick(self) -> None:
        self._tell()
        # Not at every event: napari's bar lets Qt work off whatever waits, the end of the run included.
        activity: Any = self.activity
        stage, done, total = self._stage, self.bar.value(), self._total

        def on() -> bool:
            return activity is not None and self.activity is activity

        if on() and activity.desc.removesuffix(": ") != plain(stage):
            activity.set_description(plain(stage))
        if on() and activity.total != total:
            activity.total = total
        if on() and total:
            activity.update(done - activity.n)

    def _tell(self) -> None:
        if self._text:
            seconds = round(perf_counter() - self._began)
            time = f"{seconds} s" if seconds < 100 else f"{seconds // 60} min {seconds % 60} s"
            said = f"{self._text} · {time}"
            self.bar.setFormat(said.replace("%", "%\u200b"))  # %p would be the share that is done

    def _pressed(self) -> None:
        (self.cancel if self._busy else self.run).emit()
