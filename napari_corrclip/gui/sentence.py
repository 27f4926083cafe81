"""The sentence at the foot of the dock: two lines that never move, an icon for its kind, and Undo."""

from __future__ import annotations

import re

from psygnal import Signal
from qtpy.QtCore import QPointF, QRectF, QSize, Qt
from qtpy.QtGui import QColor, QPainter, QPaintEvent, QPen, QPolygonF, QResizeEvent, QTextLayout
from qtpy.QtWidgets import QHBoxLayout, QSizePolicy, QWidget

from napari_corrclip.errors import CorrClipError
from napari_corrclip.gui.widgets import Label, button, set_tip
from napari_corrclip.gui.work.said import OVER, Kind, Said

LINES = 2
COLORS = {Kind.DONE: "#3fa55b", Kind.NOTE: "#4c8bd6", Kind.WARNING: "#e0a020"}


_START = r"(?:/|[A-Za-z]:[\\/]|\\\\)"
_PATH = re.compile(rf"'{_START}[^'\n]*'|\"{_START}[^\"\n]*\"")
"""A path that is no relative one, in quotes, as it is told."""


def without_folders(text: str) -> str:
    """Return a sentence with the names of files alone where it has their paths."""

    def name(found: re.Match[str]) -> str:
        quote, path = found[0][0], found[0][1:-1]
        last = re.split(r"[\\/]+", path.rstrip("\\/"))[-1]
        return f"{quote}{last or path}{quote}"

    return _PATH.sub(name, text)


class Sentence(QWidget):
    """The place of a sentence; one that is too long for it loses folders, and is whole in its tip.

    Args:
        text: what is said at first.

    Signals (psygnal):
        undo: what was done is to be taken back.
    """

    undo = Signal()

    def __init__(self, text: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.said = self._lasting = Said(text)
        self.icon = _Icon()
        self.label = Label()
        self.label.setAlignment(Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft)
        self.label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.label.setStyleSheet("padding: 0px; margin: 0px;")
        self.label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.undo_button = button("Undo", "Take this back (Ctrl+Z)")
        self.undo_button.setFocusPolicy(
            Qt.FocusPolicy.TabFocus
        )  # by mouse, the keys stay with the canvas
        self.undo_button.clicked.connect(lambda: self.undo.emit())
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(6)
        layout.addWidget(self.icon, 0, Qt.AlignmentFlag.AlignTop)
        layout.addWidget(self.label, 1)
        layout.addWidget(self.undo_button, 0, Qt.AlignmentFlag.AlignTop)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self.say(text)

    def say(self, told: str | Said | CorrClipError) -> None:
        """Show a sentence; :data:`.OVER` ends one that was true for a moment, and no other."""
        said = Said.of(told)
        if said == OVER:
            said = self._lasting if self.said.for_now else self.said
        if not said.for_now:
            self._lasting = said
        if said is self.said and self.label.text():
            return
        self.said = said
        self.icon.show_kind(said.kind)
        self.undo_button.setVisible(said.undo)
        for read in (self, self.label):  # whole, where what is seen is cut
            read.setAccessibleName(f"{said.kind.value}: {said.text}")
        self._fit()

    def text(self) -> str:
        """Return the whole sentence."""
        return self.said.text

    def resizeEvent(self, event: QResizeEvent | None) -> None:  # noqa: D102
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        """Break the sentence into lines, the last of them cut with an ellipsis."""
        metrics, room = self.label.fontMetrics(), max(self.label.width(), 80)
        self.label.setFixedHeight(LINES * metrics.lineSpacing() + 2)  # napari's font came late
        whole = self.said.text
        lines, fits = self._broken(whole, room)
        if not fits:
            lines, _ = self._broken(without_folders(whole), room)
        self.label.setText("\n".join(lines))
        set_tip(self.label, "" if fits else whole)

    def _broken(self, text: str, room: int) -> tuple[list[str], bool]:
        """Return the lines of a text, and whether they are all of it."""
        metrics = self.label.fontMetrics()
        lines: list[str] = []
        at = 0
        layout = QTextLayout(text.replace("\n", "\u2028"), self.label.font())
        layout.beginLayout()
        while (line := layout.createLine()).isValid():
            line.setLineWidth(room)
            if len(lines) == LINES - 1:
                rest = " ".join(text[at:].split())
                lines.append(metrics.elidedText(rest, Qt.TextElideMode.ElideRight, room))
                at += line.textLength()
                break
            lines.append(text[at : at + line.textLength()].strip())
            at += line.textLength()
        layout.endLayout()
        return lines, at >= len(text)


class _Icon(QWidget):
    """A small picture of a sentence's kind, drawn, so that every platform has it."""

    def __init__(self) -> None:
        super().__init__()
        self._kind = Kind.NOTE
        self.setFixedSize(QSize(18, 18))

    def show_kind(self, kind: Kind) -> None:
        self._kind = kind
        set_tip(self, kind.value)
        self.update()

    def paintEvent(self, _event: QPaintEvent | None) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(COLORS[self._kind]))
        if self._kind is Kind.WARNING:
            painter.drawPolygon(QPolygonF([QPointF(9, 1.5), QPointF(17, 16), QPointF(1, 16)]))
        else:
            painter.drawEllipse(QRectF(1, 1, 16, 16))
        pen = QPen(QColor("#ffffff"), 2)
        pen.setCapStyle(Qt.PenCapStyle.RoundCap)
        painter.setPen(pen)
        if self._kind is Kind.DONE:
            painter.drawPolyline(QPolygonF([QPointF(5, 9.5), QPointF(8, 12.5), QPointF(13, 6)]))
        elif self._kind is Kind.NOTE:
            painter.drawLine(QPointF(9, 8.5), QPointF(9, 13))
            painter.drawPoint(QPointF(9, 5))
        else:
            painter.drawLine(QPointF(9, 6.5), QPointF(9, 11))
            painter.drawPoint(QPointF(9, 14))
        painter.end()
