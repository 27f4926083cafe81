"""The row below the class table with what is rarely changed of a class: its prompts and its threshold."""

from __future__ import annotations

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QHBoxLayout, QWidget

from napari_corrclip.gui.widgets import Label, Line, set_tip
from napari_corrclip.gui.words.table import PROMPTS, THRESHOLD, TIPS, VocabularyModel
from napari_corrclip.vocabulary.grammar import NO_PROMPTS


class ClassDetail(QWidget):
    """The prompts and the threshold of the selected class; empty where none or several are.

    Args:
        model: has the classes, and takes what is typed.
    """

    def __init__(self, model: VocabularyModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._model = model
        self._row: int | None = None
        self.prompts, self.threshold = Line(), Line()
        self.threshold.setFixedWidth(56)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        for line, title, column in (
            (self.prompts, "Prompts", PROMPTS),
            (self.threshold, "Threshold", THRESHOLD),
        ):
            label = Label(title)
            label.setBuddy(line)
            set_tip(line, TIPS[column])
            line.setAccessibleName(f"{title} of the selected class")
            line.editingFinished.connect(lambda line=line, column=column: self._take(line, column))
            layout.addWidget(label)
            layout.addWidget(line, int(line is self.prompts))
        model.modelReset.connect(self._show)
        model.dataChanged.connect(self._show)
        self._show()

    def show_row(self, row: int | None) -> None:
        """Show the class of a row; ``None``: none or several are selected."""
        self._row = row
        self._show()

    def _show(self, *_: object) -> None:
        row = self._row if self._row is not None and self._row < self._model.rowCount() else None
        for line, column in ((self.prompts, PROMPTS), (self.threshold, THRESHOLD)):
            line.setEnabled(row is not None)
            text = "" if row is None else self._text(row, column)
            if not line.isModified() or not line.hasFocus():  # what is being typed stays
                line.setText(text)
        self.prompts.setPlaceholderText("select a class" if row is None else "none: by examples")

    def _text(self, row: int, column: int) -> str:
        text = str(self._model.data(self._model.index(row, column), Qt.ItemDataRole.EditRole))
        return "" if text == NO_PROMPTS else text

    def _take(self, line: Line, column: int) -> None:
        """Take what was typed; what cannot be is said by the model, and the former comes back."""
        if self._row is None or not line.isModified():
            return
        line.setModified(False)
        index = self._model.index(self._row, column)
        self._model.setData(index, line.text())
        text = self._model.data(index, Qt.ItemDataRole.EditRole)
        if line.text() != text:
            line.setText(text)
