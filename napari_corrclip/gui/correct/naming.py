"""The question for the name of a class that is made of examples."""

from __future__ import annotations

from qtpy.QtWidgets import QDialog, QDialogButtonBox, QVBoxLayout, QWidget

from napari_corrclip.gui.widgets import Label, Line
from napari_corrclip.wording.amounts import count


class NewClassDialog(QDialog):
    """The question, with a line to type into.

    Args:
        parent: what it stands before.
        regions: how many are the examples.
    """

    def __init__(self, parent: QWidget | None, regions: int) -> None:
        super().__init__(parent)
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
        kinds = QDialogButtonBox.StandardButton
        self.buttons = QDialogButtonBox(kinds.Ok | kinds.Cancel)
        self.buttons.accepted.connect(self.accept)
        self.buttons.rejected.connect(self.reject)
        self.line.returnPressed.connect(self.accept)
        column = QVBoxLayout(self)
        for widget in (text, self.line, self.buttons):
            column.addWidget(widget)
        self.line.setFocus()


def ask_name(parent: QWidget | None, regions: int) -> str:
    """Ask for the name of a class that is made of regions; empty: none is to be made."""
    dialog = NewClassDialog(parent, regions)
    sure = dialog.exec() == QDialog.DialogCode.Accepted
    name = dialog.line.text().strip()
    dialog.deleteLater()
    return name if sure else ""
