"""The active class: the selected row, and what brush and fill paint; each follows the other."""

from __future__ import annotations

from typing import Any

from napari.layers import Labels

from napari_corrclip.gui.words.table import ClassTable, VocabularyModel


class ActiveClass:
    """The tie between the selected row of the class table and the label that napari's tools paint.

    Args:
        table: the view of the classes.
        model: the classes.
    """

    def __init__(self, table: ClassTable, model: VocabularyModel) -> None:
        self._table, self._model = table, model
        self._labels: Labels | None = None
        self._busy = False

    def follow(self, labels: Labels | None) -> None:
        """Tie the table to the layer of another session; ``None``: to none."""
        former, self._labels = self._labels, labels
        if former is not None:
            former.events.selected_label.disconnect(self.agree)
        if labels is not None:
            labels.events.selected_label.connect(self.agree)
            self.row_chosen()
            self.agree()

    def row_chosen(self) -> None:
        """Have the tools paint the class of the selected row, where one alone is selected."""
        rows, words = self._table.rows(), self._model.vocabulary
        if self._busy or self._labels is None or words is None or len(rows) != 1:
            return
        value = words.values[rows[0]]
        if self._labels.selected_label != value:
            self._labels.selected_label = value

    def agree(self, _event: Any = None) -> None:
        """Select the row of what the tools paint now; a value that is no class selects none."""
        words, labels = self._model.vocabulary, self._labels
        if words is None or labels is None:
            return
        rows = [row for row, value in enumerate(words.values) if value == labels.selected_label]
        if self._table.rows() != rows:
            self._busy = True  # the layer has that label already
            try:
                self._table.select(rows)
            finally:
                self._busy = False
