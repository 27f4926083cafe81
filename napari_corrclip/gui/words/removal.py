"""The question what becomes of the decisions of classes that are to go: all of them in one window."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from qtpy.QtWidgets import (
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFormLayout,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from napari_corrclip.gui.widgets import Label
from napari_corrclip.vocabulary import Vocabulary, VocabularyClass
from napari_corrclip.wording.amounts import count

TAKE_BACK = "nobody; take it back"


class ToGive(NamedTuple):
    """The count of what was decided as a class that goes, and is to be given to another one.

    Attributes:
        regions: that were decided as it.
        pixels: that were painted as it, of the image that is open.
        images: of a set, on how many the regions are; ``None``: it is asked of one image alone.
    """

    regions: int
    pixels: int
    images: int | None = None


Reassigned = dict[str | int, str | int | None]


class RemovalDialog(QDialog):
    """A row for each class, with what becomes of its decisions.

    Args:
        decided: each class that goes, with what was decided as it; in a set its parent is chosen first.
        vocabulary: the classes from now on.
        parent: what it stands before.

    Attributes:
        boxes: the choice for each class, by label value.
    """

    def __init__(
        self,
        decided: Mapping[VocabularyClass, ToGive | tuple[int, int]],
        vocabulary: Vocabulary,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        names = [class_.name for class_ in decided]
        what = repr(names[0]) if len(names) == 1 else f"{len(names)} classes"
        self.setWindowTitle(f"Remove {what}")
        self._values = vocabulary.values
        self.boxes: dict[int, QComboBox] = {}
        rows = QWidget()
        form = QFormLayout(rows)
        form.setRowWrapPolicy(QFormLayout.RowWrapPolicy.WrapAllRows)
        for class_, counts in decided.items():
            found = ToGive(*counts)
            box = QComboBox()
            box.addItems([TAKE_BACK, *vocabulary.names])
            box.setAccessibleName(f"Who gets what was decided as {class_.name!r}")
            if found.images is not None and class_.parent in self._values:
                box.setCurrentIndex(1 + self._values.index(class_.parent))
            self.boxes[class_.value] = box
            label = Label(_assigned(class_, found))
            box.setAccessibleDescription(label.text())
            form.addRow(label, box)
        buttons = QDialogButtonBox()
        buttons.addButton("Remove", QDialogButtonBox.ButtonRole.AcceptRole)
        buttons.addButton(QDialogButtonBox.StandardButton.Cancel)
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        several = QScrollArea()
        several.setWidgetResizable(True)
        several.setFrameShape(QScrollArea.Shape.NoFrame)
        several.setWidget(rows)
        layout = QVBoxLayout(self)
        layout.addWidget(several if len(decided) > 8 else rows)
        layout.addWidget(buttons)

    @property
    def answers(self) -> Reassigned:
        """By label value, the value of the class that takes the decisions, ``None`` to take them back."""
        return {
            value: self._values[box.currentIndex() - 1] if box.currentIndex() else None
            for value, box in self.boxes.items()
        }


def ask_about_removed(
    parent: QWidget,
    decided: Mapping[VocabularyClass, ToGive | tuple[int, int]],
    vocabulary: Vocabulary,
) -> Reassigned | None:
    """Ask what becomes of the decisions of each class that goes.

    Args:
        parent: the window of the question.
        decided: each class that goes, with what was decided as it.
        vocabulary: the classes from now on, with the session's values.

    Returns:
        By label value, the value of the class that takes the decisions, or ``None`` to take them
        back; ``None`` for all of it: nothing is to be removed.
    """
    dialog = RemovalDialog(decided, vocabulary, parent)
    sure = dialog.exec() == QDialog.DialogCode.Accepted
    answers = dialog.answers
    dialog.deleteLater()
    return answers if sure else None


def _assigned(class_: VocabularyClass, found: ToGive) -> str:
    """Say what there is to be given away: ``1 region was assigned to 'big cat'. Give it to:``."""
    parts = []
    if found.regions and found.images is not None:
        parts.append(f"{count(found.regions, 'region')} on {count(found.images, 'image')}")
    elif found.regions:
        parts.append(count(found.regions, "region"))
    if found.pixels:
        here = "" if found.images is None else " on this one"
        parts.append(f"{count(found.pixels, 'painted pixel')}{here}")
    one = found.regions + found.pixels == 1
    said = "assigned to" if found.images is None else "decided as"
    return (
        f"{' and '.join(parts)} {'was' if one else 'were'} {said} {class_.name!r}. "
        f"Give {'it' if one else 'them'} to:"
    )
