"""The drawn cells of the class table: a round swatch, and a share as a number over a thin bar."""

from __future__ import annotations

from qtpy.QtCore import QModelIndex, QRectF, Qt
from qtpy.QtGui import QColor, QPainter
from qtpy.QtWidgets import QStyledItemDelegate, QStyleOptionViewItem

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
