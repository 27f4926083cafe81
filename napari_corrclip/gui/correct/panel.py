"""The dock's part for correcting: the mode's switch, undo and redo, what is left, the keys."""

from __future__ import annotations

from psygnal import Signal
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QHBoxLayout, QLabel, QVBoxLayout, QWidget

from napari_corrclip.annotation import Changed
from napari_corrclip.gui.correct.mode import CorrectMode, help_text
from napari_corrclip.gui.layers import Tell
from napari_corrclip.gui.widgets import button


class CorrectPanel(QWidget):
    """Switches correct mode on and off, and tells of it.

    Args:
        tell: is given a sentence.

    Attributes:
        mode: on the layers of the open session; ``None`` before there are any.

    Signals (psygnal):
        switched: whether the mode is on.
    """

    switched = Signal(bool)

    def __init__(self, tell: Tell, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._tell = tell
        self.mode: CorrectMode | None = None
        self.undo_button = button("Undo", "Take the last correction back (Ctrl+Z on either layer)")
        self.undo_button.clicked.connect(self._undo)
        self.redo_button = button("Redo", "Make it again (Ctrl+Shift+Z)")
        self.redo_button.clicked.connect(self._redo)
        self.button = button(
            "Correct regions",
            "Select regions by mouse and decide by keys; while it is off, napari's tools paint",
        )
        self.button.setCheckable(True)
        self.button.toggled.connect(self._switch)
        self.selection = QLabel("")
        self.left = QLabel("")
        self.left.hide()
        self.keys = QLabel(help_text())
        self.keys.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.keys.hide()
        first = QHBoxLayout()
        first.addWidget(self.button)
        first.addWidget(self.selection, 1)
        second = QHBoxLayout()
        second.addWidget(self.undo_button)
        second.addWidget(self.redo_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(first)
        layout.addLayout(second)
        layout.addWidget(self.left)
        layout.addWidget(self.keys)
        self._enable()

    def open(self, mode: CorrectMode) -> None:
        """Correct by ``mode`` from now on."""
        self.close_mode()
        self.mode = mode
        mode.selected.connect(self._selected)
        mode.session.changed.connect(self._changed)
        self._enable()

    def close_mode(self) -> None:
        """Let go of the mode."""
        mode, self.mode = self.mode, None
        if mode is not None:
            mode.stop()
            mode.selected.disconnect(self._selected)
            mode.session.changed.disconnect(self._changed)
        self.button.setChecked(False)
        self.selection.setText("")
        self._enable()

    def _switch(self, on: bool) -> None:
        mode = self.mode
        if mode is not None and on:
            mode.start()
            layers = mode.viewer.layers
            if layers.selection.active not in mode.layers.layers:
                layers.selection.active = mode.layers.labels
            self._tell("Click on a region, or press D for the one that is most worth a look.")
        elif mode is not None:
            mode.stop()
        self.keys.setVisible(on)
        self.left.setVisible(on)
        self._count_left()
        self.switched.emit(on)

    def _selected(self, selection: tuple[int, ...]) -> None:
        self.selection.setText(f"{len(selection)} selected" if selection else "")

    def _changed(self, _changed: Changed) -> None:
        self._count_left()
        self._enable()

    def _count_left(self) -> None:
        """Say how much of the queue is left."""
        if self.mode is not None and self.mode.on:
            left = self.mode.queue.left
            self.left.setText(f"<b>{left.regions:,} left ≈ {left.share:.0%} of the area</b>")

    def _undo(self) -> None:
        if self.mode is not None:
            self.mode.layers.undo()

    def _redo(self) -> None:
        if self.mode is not None:
            self.mode.layers.redo()

    def _enable(self) -> None:
        session = None if self.mode is None else self.mode.session
        self.button.setEnabled(session is not None)
        self.undo_button.setEnabled(session is not None and session.can_undo)
        self.redo_button.setEnabled(session is not None and session.can_redo)
