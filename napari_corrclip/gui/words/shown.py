"""The choice of the classes that the table shows, and of their order on the screen.

A long list has few classes that matter to an image. Whatever is hidden or moved here is so on the screen
alone: the vocabulary, its order and the keys stay.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from psygnal import Signal
from qtpy.QtGui import QAction  # type: ignore[attr-defined]  # as Qt 6 has it
from qtpy.QtWidgets import QMenu, QWidget

from napari_corrclip.gui.widgets import button, set_tip
from napari_corrclip.gui.words.table import ClassTable, VocabularyModel
from napari_corrclip.vocabulary import Vocabulary

TITLE = "Show"


class ShownClasses:
    """The rows that are hidden, and those that lie elsewhere than in the vocabulary.

    A class that is selected, or new, is always shown. Rows come when their classes appear on the image;
    they go and move when a person says so, and not under their hand.

    Args:
        table: the view of the classes.
        model: the classes and their shares.
        parent: of the menu.

    Attributes:
        button: opens the menu, and says how many are shown where some are not.
        only_these: an action: hide all but the selected rows, as they are now.
        only_present: an action: hide what is not on the image.
        by_share: an action: the largest share first.

    Signals (psygnal):
        refused: a sentence on why nothing was done.
        moved: whether rows lie elsewhere, where they cannot be moved by hand.
    """

    refused = Signal(str)
    moved = Signal(bool)

    def __init__(self, table: ClassTable, model: VocabularyModel, parent: QWidget) -> None:
        self._table, self._model = table, model
        self._away: set[tuple[int, str]] = set()  # values and names that are hidden
        self._shares: Mapping[int, float] = {}  # by which rows lie as they do
        self.button = button(TITLE, "Which classes the table shows, and in which order")
        menu = QMenu(parent)
        menu.setToolTipsVisible(True)

        def add(text: str, tip: str, call: Callable[[bool], object]) -> QAction:
            action = menu.addAction(text)
            assert action is not None
            set_tip(action, tip)
            action.setCheckable(True)
            action.toggled.connect(call)
            return action

        self.only_these = add(
            "Only the selected classes", "Hide all but the selected rows", self._take_these
        )
        self.only_present = add(
            "Only those in the image", "Hide classes that no pixel has", self._take_present
        )
        menu.addSeparator()
        self.by_share = add(
            "By share of the image",
            "The largest first; else in the order of their keys",
            self._take_order,
        )
        self.button.setMenu(menu)
        model.modelReset.connect(self.apply)
        model.dataChanged.connect(self._shares_changed)
        selection = table.selectionModel()
        assert selection is not None  # of a view with a model
        selection.selectionChanged.connect(lambda *_: self.apply())

    def apply(self) -> None:
        """Hide and move the rows; another model has none that is hidden or elsewhere."""
        words = self._model.vocabulary
        classes = _named(words)
        kept = set(self._table.rows())
        shown = 0
        for row, class_ in enumerate(classes):
            away = class_ in self._away and row not in kept
            shown += not away
            if self._table.isRowHidden(row) != away:
                self._table.setRowHidden(row, away)
        self.button.setText(TITLE if shown == len(classes) else f"{shown} of {len(classes)}")
        self._move()

    def _move(self) -> None:
        words, header = self._model.vocabulary, self._table.verticalHeader()
        assert header is not None  # a table view always has one
        if words is None:
            return
        order = list(range(len(words)))
        if self.by_share.isChecked():
            order.sort(key=lambda row: -self._shares.get(words.values[row], 0.0))
        for at, row in enumerate(order):
            if header.visualIndex(row) != at:
                header.moveSection(header.visualIndex(row), at)

    def _take_these(self, on: bool) -> None:
        words, rows = self._model.vocabulary, self._table.rows()
        if on and (words is None or not rows):
            self.only_these.setChecked(False)
            self.refused.emit("No class is selected; select the rows that are to be shown first.")
            return
        if on and words is not None:
            self.only_present.setChecked(False)
            classes = _named(words)
            self._away = {*classes} - {classes[row] for row in rows}
        elif not self.only_present.isChecked():
            self._away = set()
        self.apply()

    def _take_present(self, on: bool) -> None:
        words = self._model.vocabulary
        if on and (words is None or not self._model.shares):
            self.only_present.setChecked(False)
            self.refused.emit("No image is segmented yet; press Run first.")
            return
        if on and words is not None:
            self.only_these.setChecked(False)
            self._away = {
                class_ for class_ in _named(words) if not self._model.shares.get(class_[0])
            }
        elif not self.only_these.isChecked():
            self._away = set()
        self.apply()

    def _take_order(self, on: bool) -> None:
        self._shares = dict(self._model.shares)
        self.moved.emit(on)
        self.apply()

    def _shares_changed(self, *_: object) -> None:
        """Show classes that have come into the image."""
        if self.only_present.isChecked():
            here = {class_ for class_ in self._away if self._model.shares.get(class_[0])}
            if here:
                self._away -= here
                self.apply()


def _named(words: Vocabulary | None) -> list[tuple[int, str]]:
    """Return what tells each class from those of other lists."""
    return [] if words is None else list(zip(words.values, words.names, strict=True))
