"""The classes of a vocabulary as a table that is edited, sorted by hand and scrolled."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from psygnal import Signal
from qtpy.QtCore import QAbstractTableModel, QMimeData, QModelIndex, QPoint, Qt
from qtpy.QtGui import QColor, QContextMenuEvent, QKeyEvent
from qtpy.QtWidgets import QHeaderView, QTableView, QWidget

from napari_corrclip.errors import InputError
from napari_corrclip.gui.correct.class_keys import CLASS_KEYS, key_of
from napari_corrclip.gui.words.cells import (
    COLOR_ROLE,
    SHARE_ROLE,
    KeyDelegate,
    ShareDelegate,
    SwatchDelegate,
)
from napari_corrclip.vocabulary import Vocabulary, grammar
from napari_corrclip.vocabulary.near_colors import nearest
from napari_corrclip.vocabulary.numbers import number
from napari_corrclip.wording.markup import plain

COLUMNS = ("", "key", "class", "prompts", "threshold", "share")
COLOR, KEY, NAME, PROMPTS, THRESHOLD, SHARE = range(len(COLUMNS))
ROWS = "application/x-napari-corrclip-rows"
WIDTHS = {COLOR: 24, KEY: 30, SHARE: 58}
"""Pixels; the name has the rest."""
DETAILS = (PROMPTS, THRESHOLD)
"""Columns that are shown below the table, of the selected class alone."""
TIPS = {
    COLOR: "Click to choose the colour",
    KEY: "This key assigns the class, / finds those without one; double-click or F2 and press a letter "
    "for one of your own; drag the row to change the order",
    NAME: "Double-click or F2 to rename; a right click puts it below another class, or merges it",
    PROMPTS: (
        "What the class is looked for by; commas separate prompts; empty: the name; "
        '"" (two quotes): nothing, examples alone find it'
    ),
    THRESHOLD: "Least probability of the class; below it a pixel is background, or unlabelled",
    SHARE: "Share of the image",
}


class VocabularyModel(QAbstractTableModel):
    """A vocabulary as a table that can be edited.

    Args:
        change: called with every vocabulary that an edit makes, or the error that refuses it.
    """

    def __init__(
        self, change: Callable[[Vocabulary | InputError], object], parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.vocabulary: Vocabulary | None = None
        self.shares: Mapping[int, float] = {}
        self._change = change

    def show(self, vocabulary: Vocabulary | None) -> None:
        """Show another vocabulary; an editor that is open stays where the classes do."""
        same = self.vocabulary == vocabulary
        if same:  # other than by ==, they may have different origins
            self.vocabulary = vocabulary
            return
        self.beginResetModel()
        self.vocabulary = vocabulary
        self.endResetModel()

    def show_shares(self, shares: Mapping[int, float]) -> None:
        """Show each class's share of the image, by label value."""
        self.shares = shares
        if self.rowCount():
            self.dataChanged.emit(self.index(0, SHARE), self.index(self.rowCount() - 1, SHARE))

    def show_keys(self) -> None:
        """Show which key each class has now."""
        if self.rowCount():
            self.dataChanged.emit(self.index(0, KEY), self.index(self.rowCount() - 1, KEY))

    def move(self, rows: Iterable[int], to: int) -> None:
        """Put the classes of ``rows`` before the row ``to``, in their order."""
        if self.vocabulary is None:
            return
        moved = sorted(set(rows))
        others = [row for row in range(self.rowCount()) if row not in moved]
        before = [row for row in others if row < to]
        order = [*before, *moved, *others[len(before) :]]
        if order != sorted(order):
            self._change(self.vocabulary.reorder(order))

    # -- what Qt asks

    def rowCount(self, parent: QModelIndex | None = None) -> int:  # noqa: D102
        if self.vocabulary is None or (parent is not None and parent.isValid()):
            return 0
        return len(self.vocabulary)

    def columnCount(self, parent: QModelIndex | None = None) -> int:  # noqa: D102
        return 0 if parent is not None and parent.isValid() else len(COLUMNS)

    def headerData(  # noqa: D102
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        if orientation != Qt.Orientation.Horizontal:
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return COLUMNS[section]
        return TIPS[section] if role == Qt.ItemDataRole.ToolTipRole else None

    def flags(self, index: QModelIndex) -> Qt.ItemFlag:  # noqa: D102
        if not index.isValid():
            return Qt.ItemFlag.ItemIsDropEnabled  # between rows, and not on them
        flags = super().flags(index) | Qt.ItemFlag.ItemIsDragEnabled
        if index.column() in (KEY, NAME, PROMPTS, THRESHOLD):
            flags |= Qt.ItemFlag.ItemIsEditable
        return flags

    def supportedDropActions(self) -> Qt.DropAction:  # noqa: D102
        return Qt.DropAction.MoveAction

    def mimeTypes(self) -> list[str]:  # noqa: D102
        return [ROWS]

    def mimeData(self, indexes: Iterable[QModelIndex]) -> QMimeData:  # noqa: D102
        data = QMimeData()
        rows = sorted({index.row() for index in indexes})
        data.setData(ROWS, ",".join(map(str, rows)).encode())
        return data

    def dropMimeData(  # noqa: D102
        self,
        data: QMimeData | None,
        action: Qt.DropAction,
        row: int,
        column: int,
        parent: QModelIndex,
    ) -> bool:
        if data is None or not data.hasFormat(ROWS) or action != Qt.DropAction.MoveAction:
            return False
        rows = [int(part) for part in bytes(data.data(ROWS).data()).decode().split(",")]
        at = row if row >= 0 else parent.row() if parent.isValid() else self.rowCount()
        self.move(rows, at)
        # The rows have moved already; what is dropped is not to be taken out once more.
        return False

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:  # noqa: D102
        if self.vocabulary is None or not index.isValid():
            return None
        one = self.vocabulary.classes[index.row()]
        column = index.column()
        if role == COLOR_ROLE and column in (COLOR, SHARE):
            return QColor(*one.color)
        if role == SHARE_ROLE and column == SHARE:
            return self.shares.get(one.value)
        if role == Qt.ItemDataRole.ToolTipRole:
            path = self.vocabulary.path(index.row()) if column == NAME else ()
            if len(path) > 1 or len("".join(path)) > 12:
                return plain(f"{' › '.join(path)}\n{TIPS[NAME]}")
            if column == PROMPTS:
                return plain(f"{', '.join(one.prompts)}\n{TIPS[PROMPTS]}")
            near = nearest(one, self.vocabulary) if column == COLOR else None
            return TIPS[column] if near is None else plain(f"{near.sentence}\n{TIPS[COLOR]}")
        if role == Qt.ItemDataRole.ForegroundRole and column == PROMPTS:
            return QColor(128, 128, 128) if one.prompts in ((), (one.name,)) else None
        if role == Qt.ItemDataRole.TextAlignmentRole and column in (THRESHOLD, SHARE):
            return int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        if role == Qt.ItemDataRole.AccessibleTextRole and column == COLOR:
            return f"colour {QColor(*one.color).name()}"
        if role not in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.EditRole):
            return None
        editing = role == Qt.ItemDataRole.EditRole
        if column == KEY:
            return (
                CLASS_KEYS.letter_of(one.name) if editing else key_of(self.vocabulary, index.row())
            )
        if column == NAME:
            return one.name if editing else self._called(index.row())
        if column == PROMPTS:
            if not one.prompts and not editing:
                return "by examples"
            return grammar.write_prompts(one.prompts, ", ")
        if column == THRESHOLD:
            return "" if one.threshold is None else f"{one.threshold:g}"
        if column == SHARE:
            share = self.shares.get(one.value)
            return "" if share is None else f"{share:.0%}" if share >= 0.0995 else f"{share:.1%}"
        return None

    def _called(self, row: int) -> str:
        """Return what a class is called in the table: below its parent, whatever lies between them."""
        assert self.vocabulary is not None
        one = self.vocabulary.classes[row]
        called = " › ".join(self.vocabulary.path(row)[-2:])
        said = one.background and one.name.casefold() != "background"
        return f"{called}  (background)" if said else called

    def setData(  # noqa: D102
        self, index: QModelIndex, value: Any, role: int = Qt.ItemDataRole.EditRole
    ) -> bool:
        if self.vocabulary is None or role != Qt.ItemDataRole.EditRole:
            return False
        text, row = str(value).strip(), index.row()
        if text == self.data(index, Qt.ItemDataRole.EditRole):
            return False
        try:
            if index.column() == KEY:
                CLASS_KEYS.give(self.vocabulary.names[row], text, self.vocabulary)
                return True
            if index.column() == NAME:
                changed = _renamed(self.vocabulary, row, text)
            elif index.column() == PROMPTS:
                changed = self.vocabulary.with_prompts(
                    row, grammar.parse_prompts(text) if text else None
                )
            else:
                changed = self.vocabulary.with_threshold(_threshold(text), row)
        except InputError as error:
            self._change(error)
            return False
        if changed == self.vocabulary:
            return False
        self._change(changed)
        return True


class ClassTable(QTableView):
    """The view: rows are dragged, or moved by Alt with the arrows; Delete removes, F2 renames, Space colours.

    Signals (psygnal):
        moved: -1 or 1: the selected rows are to go up or down.
        removed: the selected rows are to go.
        asked: what can be done with the selected rows, by a right click or the menu key; where on the screen.
    """

    moved = Signal(int)
    removed = Signal()
    asked = Signal(QPoint)

    def __init__(self, model: VocabularyModel) -> None:
        super().__init__()
        self.setAccessibleName("Classes")
        self.setAccessibleDescription(
            "A row a class: colour, key, name, share. F2 renames, Space colours, Delete removes, "
            "Alt with the arrows moves, the menu key puts it below another one or merges it"
        )
        self.setModel(model)
        self.setSelectionBehavior(QTableView.SelectionBehavior.SelectRows)
        self.setEditTriggers(
            QTableView.EditTrigger.DoubleClicked | QTableView.EditTrigger.EditKeyPressed
        )
        self.setDragDropMode(QTableView.DragDropMode.InternalMove)
        self.setDragDropOverwriteMode(False)
        self.setTabKeyNavigation(False)  # Tab leaves the table, as in any form
        self.setMinimumHeight(60)  # two rows: on a low screen what is open below takes the room
        self.setWordWrap(False)
        header, rows = self.horizontalHeader(), self.verticalHeader()
        assert header is not None  # a table view always has them
        assert rows is not None
        rows.hide()
        rows.setDefaultSectionSize(22)
        header.setHighlightSections(False)
        header.setMinimumSectionSize(16)
        for column, width in WIDTHS.items():
            header.setSectionResizeMode(column, QHeaderView.ResizeMode.Fixed)
            header.resizeSection(column, width)
        for column in DETAILS:
            self.setColumnHidden(column, True)
        header.setSectionResizeMode(NAME, QHeaderView.ResizeMode.Stretch)
        # Qt's own delegates are kept alive by their parent alone.
        self.setItemDelegateForColumn(COLOR, SwatchDelegate(self))
        self.setItemDelegateForColumn(KEY, KeyDelegate(self))
        self.setItemDelegateForColumn(SHARE, ShareDelegate(self))

    def rows(self) -> list[int]:
        """The selected rows, ascending."""
        selection = self.selectionModel()
        return sorted({index.row() for index in selection.selectedRows()}) if selection else []

    def select(self, rows: Sequence[int]) -> None:
        """Select rows and scroll to the first."""
        self.clearSelection()
        mode = self.selectionMode()
        self.setSelectionMode(QTableView.SelectionMode.MultiSelection)
        for row in rows:
            self.selectRow(row)
        self.setSelectionMode(mode)
        model, selection = self.model(), self.selectionModel()
        if rows and model is not None and selection is not None:
            index = model.index(rows[0], NAME)
            selection.setCurrentIndex(index, selection.SelectionFlag.NoUpdate)
            self.scrollTo(index)

    def contextMenuEvent(self, event: QContextMenuEvent | None) -> None:  # noqa: D102
        assert event is not None
        at = event.globalPos()
        if (
            event.reason() != QContextMenuEvent.Reason.Mouse
        ):  # by a key: at the row, wherever the mouse is
            port = self.viewport()
            assert port is not None  # a table view always has one
            at = port.mapToGlobal(self.visualRect(self.currentIndex()).center())
        self.asked.emit(at)

    def keyPressEvent(self, event: QKeyEvent | None) -> None:  # noqa: D102
        assert event is not None
        alt = event.modifiers() & Qt.KeyboardModifier.AltModifier
        if alt and event.key() in (Qt.Key.Key_Up, Qt.Key.Key_Down):
            self.moved.emit(-1 if event.key() == Qt.Key.Key_Up else 1)
        elif event.key() in (Qt.Key.Key_Delete, Qt.Key.Key_Backspace):
            self.removed.emit()
        elif event.key() == Qt.Key.Key_F2 and self.currentIndex().isValid():
            index = self.currentIndex()
            self.edit(index if index.column() == KEY else index.siblingAtColumn(NAME))
        elif event.key() == Qt.Key.Key_Space and self.currentIndex().isValid():
            self.clicked.emit(
                self.currentIndex().siblingAtColumn(COLOR)
            )  # as a click on the swatch
        else:
            super().keyPressEvent(event)


def _renamed(vocabulary: Vocabulary, row: int, name: str) -> Vocabulary:
    """Rename a class; a list is no name, and is mostly meant as prompts."""
    marks = [mark for mark in ",;>" if mark in name]
    if marks and not any(mark in vocabulary.names[row] for mark in marks):
        raise InputError(
            f"The name {name!r} reads like several classes; type new classes into the line above, and "
            "other words for this one into its prompts."
        )
    return vocabulary.rename(row, name)


def _threshold(text: str) -> float | None:
    if not text:
        return None
    found = number(text)
    if found is None:
        raise InputError(f"The threshold {text!r} is no number; give one from 0 to 1, or nothing.")
    return found
