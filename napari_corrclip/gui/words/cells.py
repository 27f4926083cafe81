"""The cells of the class table: a round swatch, a key that is pressed, a share over a thin bar."""

from __future__ import annotations

from psygnal import Signal
from qtpy.QtCore import QModelIndex, QRectF, Qt
from qtpy.QtGui import QColor, QKeyEvent, QKeySequence, QPainter
from qtpy.QtWidgets import QStyledItemDelegate, QStyleOptionViewItem, QWidget

from napari_corrclip.gui.widgets import Line

# No DecorationRole: of a colour Qt makes a square.
COLOR_ROLE = int(Qt.ItemDataRole.UserRole)
SHARE_ROLE = COLOR_ROLE + 1
BAR = 3
"""Pixels of the bar's height."""


class SwatchDelegate(QStyledItemDelegate):
    """A class's colour as a disc, which a selected row does not cover."""

    def paint(  # noqa: D102
        self, painter: QPainter | None, option: QStyleOptionViewItem, index: QModelIndex
    ) -> None:
        super().paint(painter, option, index)
        color = index.data(COLOR_ROLE)
        if painter is None or not isinstance(color, QColor):
            return
        side = min(option.rect.width(), option.rect.height()) - 6
        place = QRectF(0, 0, side, side)
        place.moveCenter(QRectF(option.rect).center())
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QColor(0, 0, 0, 110))
        painter.setBrush(color)
        painter.drawEllipse(place)
        painter.restore()


class KeyDelegate(QStyledItemDelegate):
    """A class's key, which is chosen by pressing it; Delete takes it away."""

    def createEditor(  # noqa: D102
        self, parent: QWidget | None, option: QStyleOptionViewItem, index: QModelIndex
    ) -> QWidget:
        editor = _PressedKey(parent)
        editor.setAccessibleName("Key of the class: press a letter")
        editor.pressed.connect(lambda: self._take(editor))
        return editor

    def _take(self, editor: _PressedKey) -> None:
        self.commitData.emit(editor)
        self.closeEditor.emit(editor)


class _PressedKey(Line):
    """A field that takes the next letter that is pressed.

    Signals (psygnal):
        pressed: there is one, or the former was taken away.
    """

    pressed = Signal()

    def keyPressEvent(self, event: QKeyEvent | None) -> None:
        assert event is not None
        letter = QKeySequence(event.key()).toString()
        held = event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier
        if event.key() in (Qt.Key.Key_Delete, Qt.Key.Key_Backspace):
            self.setText("")
        elif held == Qt.KeyboardModifier.ShiftModifier and event.text().strip():
            self.setText(f"Shift+{letter}")
        elif not held and event.text().strip():
            self.setText(letter)
        else:
            super().keyPressEvent(event)
            return
        event.accept()
        self.pressed.emit()


class ShareDelegate(QStyledItemDelegate):
    """A class's share of the image: the number, and a bar in the class's colour as long as the share."""

    def paint(  # noqa: D102
        self, painter: QPainter | None, option: QStyleOptionViewItem, index: QModelIndex
    ) -> None:
        super().paint(painter, option, index)
        share, color = (
            index.data(SHARE_ROLE),
            index.data(COLOR_ROLE),
        )
        if painter is None or share is None or not isinstance(color, QColor):
            return
        place = QRectF(option.rect).adjusted(2, 0, -2, -1)
        place.setTop(place.bottom() - BAR)
        painter.save()
        painter.fillRect(place, QColor(128, 128, 128, 60))
        place.setWidth(place.width() * share)
        painter.fillRect(place, color)
        painter.restore()
