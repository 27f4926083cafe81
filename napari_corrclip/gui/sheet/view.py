"""The grid of a sheet as it is seen: a small picture each, what it shows, and what a person said of it."""

from __future__ import annotations

from collections.abc import Callable

from psygnal import Signal
from qtpy.QtCore import QModelIndex, QPoint, QRect, QSize, Qt
from qtpy.QtGui import (
    QColor,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPalette,
    QPen,
    QPixmap,
)
from qtpy.QtWidgets import (
    QAbstractItemView,
    QListView,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QWidget,
)

from napari_corrclip.gui.sheet.cells import CELL, Cell, CellsModel
from napari_corrclip.project.crops import ON_SHEET
from napari_corrclip.project.sheet.regions import SheetRegion

PICTURE, EDGE, LINE = ON_SHEET.side, 8, 20
"""Logical pixels of a picture, around it, and of the line below it."""
WIDTH, HEIGHT = PICTURE + 2 * EDGE, PICTURE + LINE + EDGE + 4
WRONG, RIGHT, CHOSEN = QColor("#e05555"), QColor("#3fa55b"), QColor("#4c8bd6")


class CellDelegate(QStyledItemDelegate):
    """The painter of a region.

    Args:
        picture: returns a region's small picture; ``None`` until it is there.
        parent: the view.
    """

    def __init__(
        self, picture: Callable[[SheetRegion], QPixmap | None], parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._picture = picture

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex) -> QSize:  # noqa: D102
        view = self.parent()
        return view.gridSize() if isinstance(view, QListView) else QSize(WIDTH, HEIGHT)

    def paint(  # noqa: D102
        self, painter: QPainter | None, option: QStyleOptionViewItem, index: QModelIndex
    ) -> None:
        cell = index.data(CELL)
        if painter is None or not isinstance(cell, Cell):
            return
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        palette: QPalette = option.palette
        text = palette.color(QPalette.ColorRole.Text)
        place = QRect(
            option.rect.left() + (option.rect.width() - PICTURE) // 2,
            option.rect.top() + EDGE,
            PICTURE,
            PICTURE,
        )
        pixmap = self._picture(cell.region)
        if pixmap is None:
            painter.fillRect(place, QColor(128, 128, 128, 60))
        else:
            if cell.said:
                painter.setOpacity(0.55)  # done with
            painter.drawPixmap(place, pixmap)
            painter.setOpacity(1)
        if cell.marked:
            color, sign = (WRONG, "✗") if cell.conflict is None else (CHOSEN, "●")
            _frame(painter, place, color, 4)
            _badge(painter, place, color, sign)
        elif not cell.is_open:
            _frame(painter, place, RIGHT, 2)
            _badge(painter, place, RIGHT, "✓" if cell.written else "…")
        view = self.parent()
        if isinstance(view, QListView) and view.currentIndex() == index:
            painter.setPen(QPen(text, 3 if view.hasFocus() else 1))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRect(place.adjusted(-5, -5, 5, 5))
        painter.setPen(text)
        below = QRect(place.left(), place.bottom() + 4, PICTURE, LINE)
        sure = f" {cell.region.p:.2f}" if cell.is_open and cell.conflict is None else ""
        metrics = painter.fontMetrics()
        room = PICTURE - metrics.horizontalAdvance(sure)
        flags = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
        for number, line in enumerate(cell.lines):
            shown = metrics.elidedText(line, Qt.TextElideMode.ElideRight, room)
            painter.drawText(below.translated(0, number * LINE), int(flags), shown)
        painter.drawText(
            below, int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter), sure
        )
        painter.restore()


def _frame(painter: QPainter, place: QRect, color: QColor, width: int) -> None:
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.setPen(QPen(color, width))
    painter.drawRect(place.adjusted(width // 2, width // 2, -width // 2, -width // 2))


def _badge(painter: QPainter, place: QRect, color: QColor, sign: str) -> None:
    """Draw a sign in the corner, so that it is told without colours, too."""
    corner = QRect(place.right() - 23, place.top() + 1, 22, 22)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(color)
    painter.drawRect(corner)
    painter.setPen(QColor("white"))
    painter.drawText(corner, int(Qt.AlignmentFlag.AlignCenter), sign)


class CellsView(QListView):
    """The grid; a click marks a region, a double click opens its image, keys do the rest.

    Args:
        model: has the regions.
        picture: as of :class:`CellDelegate`.

    Attributes:
        nothing: why it is empty; empty where it is not.

    Signals (psygnal):
        toggled: the row of a region that is to be marked, or not any more.
        wanted: the row of a region whose image is to be opened.
        hovered: the row of the region that the mouse or the keyboard is at.
        pressed_key: a :class:`QKeyEvent` that is none of moving about; accepted by whoever takes it.
    """

    toggled = Signal(int)
    wanted = Signal(int)
    hovered = Signal(int)
    pressed_key = Signal(object)

    def __init__(self, model: CellsModel, picture: Callable[[SheetRegion], QPixmap | None]) -> None:
        super().__init__()
        self.nothing = ""
        self.setAccessibleName("Regions of the sheet")
        self.setAccessibleDescription(
            "A small picture each: arrow keys go about, Space marks a wrong one, Ctrl+A all, a digit or "
            "letter gives the marked ones a class, Enter the chosen one, A accepts the rest, PageDown goes "
            "on; of conflicts [ and ] take what the first, and the second, has said"
        )
        self.setModel(model)
        self.setItemDelegate(CellDelegate(picture, self))
        self.setViewMode(QListView.ViewMode.IconMode)
        self.setMovement(QListView.Movement.Static)
        self.setResizeMode(QListView.ResizeMode.Adjust)
        self.setGridSize(QSize(WIDTH, HEIGHT))
        self.setUniformItemSizes(True)
        self.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setMouseTracking(True)
        self.setMinimumSize(3 * WIDTH + 24, 2 * HEIGHT)

    def sizeHint(self) -> QSize:
        """Room for a page of six by four."""
        return QSize(6 * WIDTH + 26, 4 * self.gridSize().height() + 6)

    def have_lines(self, number: int) -> None:
        """Have room for so many lines below each picture."""
        size = QSize(WIDTH, HEIGHT + (number - 1) * LINE)
        if size != self.gridSize():
            self.setGridSize(size)
            self.updateGeometry()

    def have_nothing(self, why: str) -> None:
        """Say in its middle why it is empty; nothing where it is not."""
        self.nothing = why
        port = self.viewport()
        if port is not None:
            port.update()

    def paintEvent(self, event: QPaintEvent | None) -> None:  # noqa: D102
        super().paintEvent(event)
        port = self.viewport()
        if self.nothing and port is not None:
            painter = QPainter(port)
            painter.setPen(self.palette().color(QPalette.ColorRole.Text))
            flags = Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap
            painter.drawText(port.rect().adjusted(20, 20, -20, -20), int(flags), self.nothing)
            painter.end()

    def currentChanged(self, current: QModelIndex, previous: QModelIndex) -> None:  # noqa: D102
        super().currentChanged(current, previous)
        if current.isValid():
            self.scrollTo(current)
            self.hovered.emit(current.row())

    def keyPressEvent(self, event: QKeyEvent | None) -> None:  # noqa: D102
        if event is None:
            return
        event.ignore()
        self.pressed_key.emit(event)
        if not event.isAccepted():
            super().keyPressEvent(event)

    def keyboardSearch(self, search: str | None) -> None:
        """Seek nothing by letters: they give classes."""

    def mousePressEvent(self, event: QMouseEvent | None) -> None:  # noqa: D102
        super().mousePressEvent(event)
        if event is not None and event.button() == Qt.MouseButton.LeftButton:
            row = self._row(event.position().toPoint())
            if row is not None:
                self.toggled.emit(row)

    def mouseDoubleClickEvent(self, event: QMouseEvent | None) -> None:  # noqa: D102
        if event is None or event.button() != Qt.MouseButton.LeftButton:
            return
        row = self._row(event.position().toPoint())
        if row is not None:
            self.toggled.emit(row)  # the first of the two clicks was no mark
            self.wanted.emit(row)

    def mouseMoveEvent(self, event: QMouseEvent | None) -> None:  # noqa: D102
        super().mouseMoveEvent(event)
        row = None if event is None else self._row(event.position().toPoint())
        if row is not None:
            self.hovered.emit(row)

    def _row(self, at: QPoint) -> int | None:
        index = self.indexAt(at)
        return index.row() if index.isValid() else None
