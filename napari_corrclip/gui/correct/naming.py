"""The question for the name of a class that is made of examples."""

from __future__ import annotations

from collections.abc import Collection

from qtpy.QtWidgets import QDialog, QDialogButtonBox, QVBoxLayout, QWidget

from napari_corrclip.gui.widgets import Label, Line
from napari_corrclip.vocabulary import grammar
from napari_corrclip.wording.amounts import count


class NewClassDialog(QDialog):
    """The question, with a line to type into.

    Args:
        parent: what it stands before.
        regions: how many are the examples.
        taken: names that classes have already.
    """

    def __init__(self, parent: QWidget | None, regions: int, taken: Collection[str] = ()) -> None:
        super().__init__(parent)
        self._taken = {grammar.key(name): name for name in taken}
        self.setWindowTitle("New class from these")
        these = "this region" if regions == 1 else f"these {count(regions, 'region')}"
        text = Label(
            f"What is the class of {these} "
            "called? No words are looked for: what you decide finds it, in a project with its lesson."
        )
        text.setWordWrap(True)
        self.line = Line()
        self.line.setPlaceholderText("cells of type B")
        self.line.setAccessibleName("Name of the new class")
        self.line.setMinimumWidth(320)
        self.told = Label("")
        self.told.setWordWrap(True)
        kinds = QDialogButtonBox.StandardButton
        self.buttons = QDialogButtonBox(kinds.Ok | kinds.Cancel)
        self.buttons.accepted.connect(self.accept)
        self.buttons.rejected.connect(self.reject)
        self.line.returnPressed.connect(self.accept)
        column = QVBoxLayout(self)
        for widget in (text, self.line, self.told, self.buttons):
            column.addWidget(widget)
        self.line.setFocus()

    def accept(self) -> None:
        """Take the name, unless it is none or another class has it: then say so, and stay."""
        name = self.line.text().strip()
        other = self._taken.get(grammar.key(name))
        if name and other is None:
            super().accept()
        elif name:
            self.told.setText(
                f"There is a class {other!r}: give another name, or cancel and assign the regions to it."
            )
        else:
            self.told.setText("Type a name, or cancel.")


def ask_name(parent: QWidget | None, regions: int, taken: Collection[str]) -> str:
    """Ask for the name of a class that is made of regions; empty: none is to be made.

    Args:
        parent: what the question stands before.
        regions: how many are the examples.
        taken: names that classes have already.
    """
    dialog = NewClassDialog(parent, regions, taken)
    sure = dialog.exec() == QDialog.DialogCode.Accepted
    name = dialog.line.text().strip()
    dialog.deleteLater()
    return name if sure else ""
