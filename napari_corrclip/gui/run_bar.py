"""The button that runs, the one that cancels, in places of their own, and how far it is."""

from __future__ import annotations

from time import perf_counter
from typing import Any

from napari.utils import progress
from psygnal import Signal
from qtpy.QtCore import Qt, QTimer
from qtpy.QtGui import QResizeEvent
from qtpy.QtWidgets import QHBoxLayout, QProgressBar, QSizePolicy, QVBoxLayout, QWidget

from napari_corrclip.gui.widgets import Label, button, primary_button, set_tip
from napari_corrclip.gui.work.stages import said
from napari_corrclip.progress import Progress
from napari_corrclip.weights.fetch import DOWNLOAD
from napari_corrclip.wording.markup import plain


class RunBar(QWidget):
    """A bar of the stage with Cancel, in a place that is kept for it; napari's activity dock shows it too.

    Attributes:
        run_button: for the page that sets up a run; it rests while something runs.
        cancel_button: never where the other is: a click that comes late begins no new run.
        demo_button: for the page of somebody who has no image yet.

    Signals (psygnal):
        run, cancel, demo: a button was pressed.
        let_go: Cancel had the keyboard, and is gone with what ran.
    """

    run = Signal()
    cancel = Signal()
    demo = Signal()
    let_go = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.run_button = primary_button("Run", "Segment the image by the vocabulary")
        self.run_button.clicked.connect(lambda: self.run.emit())
        self.demo_button = button(
            "Try the demo", "A synthetic scene, a vocabulary for it, and a run; no download"
        )
        self.demo_button.clicked.connect(lambda: self.demo.emit())
        self.stage = Label()  # the bar's own text is not drawn while how far it is is not known
        self.stage.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setFixedHeight(6)
        self.bar.setAccessibleName("Progress")
        self.cancel_button = button("Cancel", "Stop what runs; what there was stays")
        self.cancel_button.clicked.connect(lambda: self.cancel.emit())
        for widget in (self.stage, self.bar, self.cancel_button):
            policy = widget.sizePolicy()
            policy.setRetainSizeWhenHidden(True)  # nothing moves when a run begins or ends
            widget.setSizePolicy(policy)
            widget.hide()
        self.activity: Any = None
        self._began = 0.0
        self._text, self._stage, self._total = "", "CorrCLIP", 0
        self._clock = QTimer(self)
        self._clock.setInterval(1000)
        self._clock.timeout.connect(self._tick)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        told = QVBoxLayout()
        told.setSpacing(2)
        told.addWidget(self.stage)
        told.addWidget(self.bar)
        layout.addLayout(told, 1)
        layout.addWidget(self.cancel_button)
        self._tell()

    def show_busy(self, busy: bool) -> None:
        """Show whether something runs."""
        window = self.window()
        at = None if window is None else window.focusWidget()
        self.stage.setVisible(busy)
        self.stage.setText("")
        self.bar.setVisible(busy)
        self.cancel_button.setVisible(busy)
        for begins in (self.run_button, self.demo_button):
            begins.setEnabled(not busy)
        # The keyboard never comes to Run by itself: a key that comes late is as a click that does.
        if busy and at in (self.run_button, self.demo_button):
            self.cancel_button.setFocus()
        elif not busy and at is self.cancel_button:
            self.let_go.emit()
        self.bar.setRange(0, 0)
        self._text, self._stage, self._total = "", "CorrCLIP", 0
        self.end_activity()
        if busy:
            self._began = perf_counter()
            self._clock.start()
            self.activity = progress(desc="CorrCLIP", total=0)
        else:
            self._clock.stop()

    def show_progress(self, event: Progress) -> None:
        """Show how far a stage is; downloads in megabytes."""
        done, total, unit = event.done, max(event.total, 1), ""
        if event.stage.startswith(DOWNLOAD):
            done, total, unit = done // 10**6, max(total // 10**6, 1), " MB"
        self._stage, self._total = said(event.stage), total if event.total > 1 else 0
        if event.total <= 1:  # one step: how far it is is not known
            self.bar.setRange(0, 0)
            self._text = self._stage
        else:
            self.bar.setRange(0, total)
            self.bar.setValue(done)
            self._text = f"{self._stage}  {done} of {total}{unit}"
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

    def resizeEvent(self, event: QResizeEvent | None) -> None:  # noqa: D102
        super().resizeEvent(event)
        self._tell()

    def text(self) -> str:
        """Return the stage, how far it is, and the time; empty while nothing runs."""
        if not self._text:
            return ""
        seconds = round(perf_counter() - self._began)
        time = f"{seconds} s" if seconds < 100 else f"{seconds // 60} min {seconds % 60} s"
        return f"{self._text} · {time}"

    def _tell(self) -> None:
        """Show it; where there is no room for all of it, without the time."""
        metrics, room = self.stage.fontMetrics(), self.stage.width()
        text = self.text()
        fits = metrics.horizontalAdvance(text) <= room
        self.stage.setText(
            text if fits else metrics.elidedText(self._text, Qt.TextElideMode.ElideRight, room)
        )
        set_tip(self.stage, text)
        self.bar.setAccessibleDescription(text or "How far what runs is")
