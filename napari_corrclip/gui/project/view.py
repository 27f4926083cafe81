"""The list of a project's images as it is seen: a small picture, the name and the state in each row."""

from __future__ import annotations

from collections.abc import Callable

from qtpy.QtCore import QModelIndex, QRect, QSize, Qt
from qtpy.QtGui import QColor, QPainter, QPalette, QPixmap
from qtpy.QtWidgets import (
    QAbstractItemView,
    QListView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QWidget,
)

from napari_corrclip.gui.project.model import RECORD, ItemsModel, details, file_name
from napari_corrclip.project.records import ItemRecord, ItemState

HEIGHT, PICTURE, EDGE = 46, 56, 4
"""Logical pixels of a row, of the small picture's width, and around both."""
COLORS = {
    ItemState.NEW: "#8a9099",
    ItemState.RUNNING: "#4c8bd6",
    ItemState.PRELABELLED: "#c9a227",
    ItemState.IN_REVIEW: "#d9822b",
    ItemState.VERIFIED: "#3fa55b",
    ItemState.FAILED: "#d05050",
    ItemState.SKIPPED: "#8a9099",
}


class ItemDelegate(QStyledItemDelegate):
    """The painter of a row.

    Args:
        picture: returns an item's small picture, or ``None`` until it is there.
        parent: the view.
    """

    def __init__(
        self, picture: Callable[[ItemRecord], QPixmap | None], parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._picture = picture

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex) -> QSize:  # noqa: D102
        return QSize(120, HEIGHT)

    def paint(  # noqa: D102
        self, painter: QPainter | None, option: QStyleOptionViewItem, index: QModelIndex
    ) -> None:
        record = index.data(RECORD)
        if painter is None or not isinstance(record, ItemRecord):
            return
        painter.save()
        rect: QRect = option.rect
        palette: QPalette = option.palette
        if option.state & QStyle.StateFlag.State_Selected:
            painter.fillRect(rect, palette.color(QPalette.ColorRole.Highlight))
        place = QRect(rect.left() + EDGE, rect.top() + EDGE, PICTURE, HEIGHT - 2 * EDGE)
        pixmap = self._picture(record)
        if pixmap is None:
            painter.fillRect(place, QColor(128, 128, 128, 60))
        else:
            fitted = pixmap.size().scaled(place.size(), Qt.AspectRatioMode.KeepAspectRatio)
            at = QRect(place.topLeft(), fitted)
            at.moveCenter(place.center())
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
            painter.drawPixmap(at, pixmap)
        left = place.right() + 2 * EDGE
        width = rect.right() - EDGE - left
        metrics = painter.fontMetrics()
        half = HEIGHT // 2
        painter.setPen(palette.color(QPalette.ColorRole.Text))
        name = metrics.elidedText(file_name(record), Qt.TextElideMode.ElideMiddle, width)
        flags = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
        painter.drawText(QRect(left, rect.top() + 2, width, half - 2), int(flags), name)
        dot = QRect(left, rect.top() + half + (half - 10) // 2 - 1, 8, 8)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setBrush(QColor(COLORS[record.state]))
        painter.setPen(Qt.PenStyle.NoPen)
        painter.drawEllipse(dot)
        painter.setPen(palette.color(QPalette.ColorRole.Text))
        said = metrics.elidedText(details(record), Qt.TextElideMode.ElideRight, width - 14)
        painter.drawText(
            QRect(left + 14, rect.top() + half - 2, width - 14, half), int(flags), said
        )
        painter.restore()


class ItemsView(QListView):
    """The list; a click or Enter opens an image.

    Args:
        model: has the items.
        picture: as of :class:`ItemDelegate`.
    """

    def __init__(self, model: ItemsModel, picture: Callable[[ItemRecord], QPixmap | None]) -> None:
        super().__init__()
        self.setAccessibleName("Images of the project")
        self.setAccessibleDescription(
            "A row an image: its name, its state, how many regions are left. Enter opens it; PageUp and "
            "PageDown go to the one before and after"
        )
        self.setModel(model)
        self.setUniformItemSizes(True)  # else Qt asks for the size of each of 50,000
        self.setItemDelegate(ItemDelegate(picture, self))
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setMinimumHeight(2 * HEIGHT)

    def show_row(self, row: int | None) -> None:
        """Select a row, and bring it to sight; ``None``: none."""
        selection = self.selectionModel()
        model = self.model()
        if selection is None or model is None:
            return
        if row is None:
            selection.clear()
            return
        index = model.index(row, 0)
        if index != self.currentIndex():
            self.setCurrentIndex(index)
        self.scrollTo(index)
