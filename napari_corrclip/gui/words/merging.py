"""The questions of classes in motion: into which one others are merged, which one is to be there again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from qtpy.QtWidgets import QCheckBox, QComboBox, QDialog, QDialogButtonBox, QVBoxLayout, QWidget

from napari_corrclip.gui.widgets import Label, set_tip
from napari_corrclip.vocabulary import Vocabulary
from napari_corrclip.wording.visible import visible

WIDTH = 340
"""Pixels, so that a sentence takes few lines."""


class OfSet(Protocol):
    """The protocol of a set of images whose classes are those of the table."""

    def merges(self, values: Sequence[int]) -> Vocabulary | None:
        """Return the set's classes, if some of these can be merged on all its images; else ``None``."""
        ...

    def told_of(self, values: Sequence[int]) -> str:
        """Return in a sentence what was decided as some classes on all images."""
        ...

    def merged(self) -> Mapping[str, str]:
        """Return by name of a class that became another one the name of that."""
        ...

    def removed(self) -> Sequence[str]:
        """Return the names of classes that were removed with what was decided as them."""
        ...


class NoSet:
    """The set of an image that is in none."""

    def merges(self, _values: Sequence[int]) -> Vocabulary | None:
        """Return ``None``."""
        return None

    def told_of(self, _values: Sequence[int]) -> str:
        """Return nothing."""
        return ""

    def merged(self) -> Mapping[str, str]:
        """Return none."""
        return {}

    def removed(self) -> Sequence[str]:
        """Return none."""
        return ()


@dataclass(frozen=True, slots=True)
class MergeWish:
    """The wish that classes become another one.

    Attributes:
        values: label values of those that go.
        heir: of the one that they become.
        prompts: whether that one gets their prompts.
    """

    values: tuple[int, ...]
    heir: int
    prompts: bool


class MergeDialog(QDialog):
    """A list of the classes that others can become, with their parent chosen first.

    Args:
        words: all classes.
        rows: indices of those that go.
        told: what is to be known before.
        parent: what it stands before.

    Attributes:
        box: the choice.
        prompts: whether the chosen one gets the prompts of the others.
    """

    def __init__(
        self, words: Vocabulary, rows: Sequence[int], told: str, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        chosen = [words.classes[row] for row in rows]
        what = repr(chosen[0].name) if len(chosen) == 1 else f"{len(chosen)} classes"
        self.setWindowTitle(f"Merge {visible(what)}")
        gone = {class_.value for class_ in chosen}
        places = [place for place, value in enumerate(words.values) if value not in gone]
        self._values = [words.values[place] for place in places]
        self.box = QComboBox()
        self.box.addItems([visible(" › ".join(words.path(place))) for place in places])
        self.box.setAccessibleName("Merge into")
        parents = {class_.parent for class_ in chosen}
        if len(parents) == 1 and (above := parents.pop()) in self._values:
            self.box.setCurrentIndex(self._values.index(above))
        becomes = "becomes" if len(chosen) == 1 else "become"
        label = Label(f"{visible(what)} {becomes}")
        label.setBuddy(self.box)
        self.prompts = QCheckBox("which takes over the prompts, too")
        self.prompts.setChecked(True)
        set_tip(self.prompts, "Later runs find what both were found by")
        self._said = Label(told)
        self._said.setWordWrap(True)
        self._said.setMinimumWidth(WIDTH)
        self.box.setAccessibleDescription(told)
        buttons = _buttons(self, "Merge")
        _stack(self, label, self.box, self.prompts, self._said, buttons)
        self.box.setFocus()

    @property
    def heir(self) -> int:
        """The value of the chosen class."""
        return self._values[self.box.currentIndex()]


class AgainDialog(QDialog):
    """A list of classes that went, of which one is to be there again.

    Args:
        title: what is done.
        named: by name, what is said of each in the list.
        told: what it comes to.
        parent: what it stands before.

    Attributes:
        box: the choice.
    """

    def __init__(
        self, title: str, named: Mapping[str, str], told: str, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle(title)
        self._names = list(named)
        self.box = QComboBox()
        self.box.addItems([visible(text) for text in named.values()])
        self.box.setCurrentIndex(len(named) - 1)  # what was done last
        self.box.setAccessibleName(title)
        self.box.setAccessibleDescription(told)
        said = Label(told)
        said.setWordWrap(True)
        said.setMinimumWidth(WIDTH)
        _stack(self, self.box, said, _buttons(self, title))
        self.box.setFocus()

    @property
    def name(self) -> str:
        """The name of the chosen class."""
        return self._names[self.box.currentIndex()]


def ask_merge(
    parent: QWidget, words: Vocabulary, rows: Sequence[int], told: str
) -> MergeWish | None:
    """Ask which class others become; ``None``: none is to.

    Args:
        parent: the window of the question.
        words: all classes.
        rows: indices of those that go.
        told: what is to be known before.
    """
    dialog = MergeDialog(words, rows, told, parent)
    sure = dialog.exec() == QDialog.DialogCode.Accepted
    gone = tuple(words.values[row] for row in rows)
    wish = MergeWish(gone, dialog.heir, dialog.prompts.isChecked())
    dialog.deleteLater()
    return wish if sure else None


def ask_again(parent: QWidget, title: str, named: Mapping[str, str], told: str) -> str | None:
    """Ask which class is to be there again; ``None``: none is.

    Args:
        parent: the window of the question.
        title: what is done.
        named: by name, what is said of each class.
        told: what it comes to.
    """
    dialog = AgainDialog(title, named, told, parent)
    sure, name = dialog.exec() == QDialog.DialogCode.Accepted, dialog.name
    dialog.deleteLater()
    return name if sure else None


def _buttons(dialog: QDialog, text: str) -> QDialogButtonBox:
    buttons = QDialogButtonBox()
    buttons.addButton(text, QDialogButtonBox.ButtonRole.AcceptRole)
    buttons.addButton(QDialogButtonBox.StandardButton.Cancel)
    buttons.accepted.connect(dialog.accept)
    buttons.rejected.connect(dialog.reject)
    return buttons


def _stack(dialog: QDialog, *parts: QWidget) -> None:
    layout = QVBoxLayout(dialog)
    for part in parts:
        layout.addWidget(part)
