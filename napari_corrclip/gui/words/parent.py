"""The question which class others are a kind of: those that make no circle, or none."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtWidgets import QComboBox, QDialog, QDialogButtonBox, QVBoxLayout, QWidget

from napari_corrclip.gui.widgets import Label
from napari_corrclip.vocabulary import Vocabulary
from napari_corrclip.wording.visible import visible

NONE = "no class"


class ParentDialog(QDialog):
    """A list of the classes that some may be below, with the one that they are below now chosen.

    Args:
        words: all classes.
        rows: indices of those that are to be below another one.
        parent: what it stands before.

    Attributes:
        box: the choice.
    """

    def __init__(
        self, words: Vocabulary, rows: Sequence[int], parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        names = [words.names[row] for row in rows]
        what = repr(names[0]) if len(names) == 1 else f"{len(names)} classes"
        self.setWindowTitle(f"Parent of {visible(what)}")
        self._values: list[int | None] = [None, *possible_parents(words, rows)]
        self.box = QComboBox()
        paths = (
            " › ".join(words.path(words.values.index(value))) for value in self._values[1:] if value
        )
        self.box.addItems([NONE, *map(visible, paths)])
        now = {words.classes[row].parent for row in rows}
        self.box.setCurrentIndex(self._values.index(now.pop()) if len(now) == 1 else 0)
        self.box.setAccessibleName("Parent")
        kind = "is a kind of" if len(names) == 1 else "are kinds of"
        label = Label(f"{visible(what)} {kind}")
        label.setBuddy(self.box)
        buttons = QDialogButtonBox(
            QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel
        )
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        for part in (label, self.box, buttons):
            layout.addWidget(part)
        self.box.setFocus()

    @property
    def value(self) -> int | None:
        """The value of the chosen class; ``None``: of none."""
        return self._values[self.box.currentIndex()]


def possible_parents(words: Vocabulary, rows: Sequence[int]) -> list[int]:
    """Return the values of the classes that those of ``rows`` may be below: none is below one of them."""
    chosen = {words.names[row] for row in rows}
    return [value for at, value in enumerate(words.values) if chosen.isdisjoint(words.path(at))]


def ask_parent(parent: QWidget, words: Vocabulary, rows: Sequence[int]) -> Vocabulary | None:
    """Ask which class those of ``rows`` are below, and return the classes so; ``None``: nothing is to change.

    Args:
        parent: the window of the question.
        words: all classes.
        rows: indices of those that are meant.
    """
    dialog = ParentDialog(words, rows, parent)
    sure, value = dialog.exec() == QDialog.DialogCode.Accepted, dialog.value
    dialog.deleteLater()
    if not sure:
        return None
    above = None if value is None else words.values.index(value)
    for row in rows:
        words = words.with_parent(row, above)
    return words
