"""A part of a page that folds away behind a line, which says what is chosen in it."""

from __future__ import annotations

from psygnal import Signal
from qtpy.QtCore import QSize, Qt
from qtpy.QtGui import QResizeEvent
from qtpy.QtWidgets import QSizePolicy, QToolButton, QVBoxLayout, QWidget

from napari_corrclip.gui.widgets import give_room_back, set_tip


class Fold(QWidget):
    """A line with a title and what is chosen, over a widget that a click on it shows.

    Args:
        title: what the widget is about.
        inside: shown while it is open.

    Signals (psygnal):
        switched: whether it is open now.
    """

    switched = Signal(bool)

    def __init__(self, title: str, inside: QWidget, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.title = title
        self.summary = ""
        self.inside = inside
        self.head = _Head()
        self.head.setCheckable(True)
        self.head.setAutoRaise(True)
        self.head.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.head.setAccessibleDescription("Shows or hides these choices")
        self.head.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.head.toggled.connect(self._switched)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addWidget(self.head)
        layout.addWidget(inside)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)
        self.tell("")
        self._switched(False)

    @property
    def is_open(self) -> bool:
        """Whether the widget is shown."""
        return self.head.isChecked()

    def open(self) -> None:
        """Show the widget."""
        self.head.setChecked(True)

    def close_up(self) -> None:
        """Fold it away."""
        self.head.setChecked(False)

    def tell(self, summary: str) -> None:
        """Say in the line what is chosen."""
        self.summary = summary
        text = f"{self.title}: {summary}" if summary else self.title
        self.head.say(text)
        self.head.setAccessibleName(text)

    def _switched(self, on: bool) -> None:
        self.head.setArrowType(Qt.ArrowType.DownArrow if on else Qt.ArrowType.RightArrow)
        self.switched.emit(on)  # others make room first
        self.inside.setVisible(on)
        if not on:
            give_room_back(self.inside)


class _Head(QToolButton):
    """The line of a fold, which is cut with an ellipsis where the dock is narrow."""

    def __init__(self) -> None:
        super().__init__()
        self._whole = ""

    def say(self, text: str) -> None:
        self._whole = text
        self._fit()

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        super().resizeEvent(event)
        self._fit()

    def minimumSizeHint(self) -> QSize:
        return QSize(60, super().minimumSizeHint().height())

    def _fit(self) -> None:
        room = max(self.width() - 32, 40)
        fitting = self.fontMetrics().elidedText(self._whole, Qt.TextElideMode.ElideRight, room)
        self.setText(fitting.replace("&", "&&"))
        set_tip(self, self._whole if fitting != self._whole else "")
