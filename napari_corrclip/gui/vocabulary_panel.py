"""The vocabulary: a line to type into, over a table with a row a class."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from psygnal import Signal
from qtpy.QtCore import QAbstractTableModel, QModelIndex, Qt
from qtpy.QtGui import QColor
from qtpy.QtWidgets import (
    QColorDialog,
    QHBoxLayout,
    QHeaderView,
    QLineEdit,
    QPushButton,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from napari_corrclip.errors import InputError
from napari_corrclip.vocabulary import Vocabulary

COLUMNS = ("", "#", "class", "prompts", "p ≥", "share")
COLOR, KEY, NAME, PROMPTS, THRESHOLD, SHARE = range(len(COLUMNS))
KEYS = "1234567890"
"""The key of each of the first ten classes."""


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
        """Show another vocabulary."""
        self.beginResetModel()
        self.vocabulary = vocabulary
        self.endResetModel()

    def show_shares(self, shares: Mapping[int, float]) -> None:
        """Show each class's share of the image, by label value."""
        self.shares = shares
        if self.rowCount():
            self.dataChanged.emit(self.index(0, SHARE), self.index(self.rowCount() - 1, SHARE))

    def rowCount(self, parent: QModelIndex | None = None) -> int:  # noqa: D102
        if self.vocabulary is None or (parent is not None and parent.isValid()):
            return 0
        return len(self.vocabulary)

    def columnCount(self, parent: QModelIndex | None = None) -> int:  # noqa: D102
        return 0 if parent is not None and parent.isValid() else len(COLUMNS)

    def headerData(  # noqa: D102
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        if orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return COLUMNS[section]
        return None

    def flags(self, index: QModelIndex) -> Qt.ItemFlag:  # noqa: D102
        flags = super().flags(index)
        if index.column() in (NAME, PROMPTS, THRESHOLD):
            flags |= Qt.ItemFlag.ItemIsEditable
        return flags

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:  # noqa: D102
        if self.vocabulary is None or not index.isValid():
            return None
        one = self.vocabulary.classes[index.row()]
        column = index.column()
        if role == Qt.ItemDataRole.BackgroundRole and column == COLOR:
            return QColor(*one.color)
        if role == Qt.ItemDataRole.ToolTipRole:
            return {
                COLOR: "Double-click to choose the colour",
                KEY: "This key assigns the class",
                PROMPTS: "What the class is looked for by; commas separate prompts",
                THRESHOLD: "Least probability of the class; below it a pixel is background, or unlabelled",
                SHARE: "Share of the image",
            }.get(column)
        if role == Qt.ItemDataRole.TextAlignmentRole and column in (THRESHOLD, SHARE):
            return int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        if role not in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.EditRole):
            return None
        if column == KEY:
            return KEYS[index.row()] if index.row() < len(KEYS) else ""
        if column == NAME:
            return f"{one.name}  (background)" if one.background and role == 0 else one.name
        if column == PROMPTS:
            own = one.prompts != (one.name,) or role == Qt.ItemDataRole.EditRole
            return ", ".join(one.prompts) if own else ""
        if column == THRESHOLD:
            return "" if one.threshold is None else f"{one.threshold:g}"
        if column == SHARE:
            share = self.shares.get(one.value)
            return "" if share is None else f"{share:.1%}"
        return None

    def setData(  # noqa: D102
        self, index: QModelIndex, value: Any, role: int = Qt.ItemDataRole.EditRole
    ) -> bool:
        if self.vocabulary is None or role != Qt.ItemDataRole.EditRole:
            return False
        text, row = str(value).strip(), index.row()
        try:
            if index.column() == NAME:
                changed = self.vocabulary.rename(row, text)
            elif index.column() == PROMPTS:
                prompts = [part.strip() for part in text.split(",") if part.strip()]
                changed = self.vocabulary.with_prompts(row, prompts or None)
            else:
                changed = self.vocabulary.with_threshold(_threshold(text), row)
        except InputError as error:
            self._change(error)
            return False
        if changed == self.vocabulary:
            return False
        self._change(changed)
        return True


class VocabularyPanel(QWidget):
    """Lets a person type, edit, colour and remove classes.

    Signals (psygnal):
        changed: the :class:`Vocabulary`, or ``None`` where none is left.
        refused: a sentence.
    """

    changed = Signal(object)
    refused = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.line = QLineEdit()
        self.line.setPlaceholderText("cat, dog, sky – then Enter")
        self.line.returnPressed.connect(self._typed)
        self.model = VocabularyModel(self._edited, self)
        self.table = QTableView()
        self.table.setModel(self.model)
        self.table.setSelectionBehavior(QTableView.SelectionBehavior.SelectRows)
        self.table.setMinimumHeight(96)
        self.table.setWordWrap(False)
        header, rows = self.table.horizontalHeader(), self.table.verticalHeader()
        assert header is not None  # a table view always has them
        assert rows is not None
        rows.hide()
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(NAME, QHeaderView.ResizeMode.Stretch)
        header.setSectionResizeMode(PROMPTS, QHeaderView.ResizeMode.Interactive)
        header.resizeSection(PROMPTS, 56)
        header.setMinimumSectionSize(24)
        self.table.doubleClicked.connect(self._choose_color)
        self.remove_button = QPushButton("Remove")
        self.remove_button.setToolTip("Remove the selected classes")
        self.remove_button.clicked.connect(self._remove)
        self.clear_button = QPushButton("Clear")
        self.clear_button.setToolTip("Remove all classes")
        self.clear_button.clicked.connect(lambda: self._set(None))
        buttons = QHBoxLayout()
        buttons.addWidget(self.remove_button)
        buttons.addWidget(self.clear_button)
        buttons.addStretch()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.line)
        layout.addWidget(self.table)
        layout.addLayout(buttons)
        self._buttons()

    @property
    def vocabulary(self) -> Vocabulary | None:
        """The classes; ``None`` where there is none yet."""
        return self.model.vocabulary

    def show_vocabulary(self, vocabulary: Vocabulary | None) -> None:
        """Show a vocabulary without telling anybody."""
        self.model.show(vocabulary)
        self._buttons()

    def take_typed(self) -> None:
        """Add what stands in the line, as if Enter had been pressed."""
        if self.line.text().strip():
            self._typed()

    def _typed(self) -> None:
        text = self.line.text()
        try:
            typed = Vocabulary.parse(text)
            words = typed if self.vocabulary is None else _joined(self.vocabulary, typed)
        except InputError as error:
            self.refused.emit(str(error))
            return
        self.line.clear()
        self._set(words)

    def _edited(self, changed: Vocabulary | InputError) -> None:
        if isinstance(changed, InputError):
            self.refused.emit(str(changed))
        else:
            self._set(changed)

    def _choose_color(self, index: QModelIndex) -> None:
        if index.column() != COLOR or self.vocabulary is None:
            return
        one = self.vocabulary.classes[index.row()]
        color = QColorDialog.getColor(QColor(*one.color), self, f"Colour of {one.name}")
        if color.isValid():
            self._set(self.vocabulary.recolor(index.row(), color.name()))

    def _remove(self) -> None:
        selection = self.table.selectionModel()
        rows = {index.row() for index in selection.selectedRows()} if selection else set()
        if self.vocabulary is None or not rows:
            self.refused.emit("No class is selected; click on its row first.")
            return
        if len(rows) == len(self.vocabulary):
            self._set(None)
            return
        words = self.vocabulary
        for name in [words.names[row] for row in sorted(rows)]:
            words = words.remove(name)
        self._set(words)

    def _set(self, vocabulary: Vocabulary | None) -> None:
        self.show_vocabulary(vocabulary)
        self.changed.emit(vocabulary)

    def _buttons(self) -> None:
        for button in (self.remove_button, self.clear_button):
            button.setEnabled(self.vocabulary is not None)


def _joined(words: Vocabulary, typed: Vocabulary) -> Vocabulary:
    """Return ``words`` with the classes of ``typed`` that it does not have."""
    for one in typed:
        if one.name.casefold() not in [name.casefold() for name in words.names]:
            prompts = None if one.prompts == (one.name,) else one.prompts
            words = words.add(one.name, prompts=prompts)
    return words


def _threshold(text: str) -> float | None:
    if not text:
        return None
    try:
        return float(text.replace(",", "."))
    except ValueError:
        raise InputError(
            f"The threshold {text!r} is no number; give one from 0 to 1, or nothing."
        ) from None
