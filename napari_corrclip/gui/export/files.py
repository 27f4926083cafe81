"""The files of this program's own that a session is written to: which of them are wanted."""

from __future__ import annotations

from psygnal import Signal
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QCheckBox, QVBoxLayout, QWidget

from napari_corrclip.annotation import Session
from napari_corrclip.gui.widgets import set_tip
from napari_corrclip.gui.work.exporting import FORMATS
from napari_corrclip.wording.amounts import count

BEGIN = ("png", "table")
"""The kinds of files that are chosen at first."""


class FilesPanel(QWidget):
    """A box for each kind of file.

    Attributes:
        boxes: by the names of :data:`~napari_corrclip.gui.work.exporting.FORMATS`.

    Signals (psygnal):
        changed: others are wanted.
    """

    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.boxes: dict[str, QCheckBox] = {}
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        for name, kind in FORMATS.items():
            self.boxes[name] = box = QCheckBox(kind.title)
            box.setChecked(name in BEGIN)
            box.toggled.connect(lambda _: self.changed.emit())
            set_tip(box, kind.tip)
            column.addWidget(box, 0, Qt.AlignmentFlag.AlignLeft)  # all of it can be clicked

    @property
    def wanted(self) -> list[str]:
        """The kinds that are wanted."""
        return [name for name, box in self.boxes.items() if box.isChecked()]


def void_text(session: Session) -> str:
    """Say how much of a session is left out of training, and how the files say so."""
    rows = session.rows()
    ignored = sum(row.verdict is not None and row.verdict.kind == "ignored" for row in rows)
    if not ignored:
        return "Pixels without a class are void (0). No region is ignored."
    return (
        f"{count(ignored, 'ignored region')} {'is' if ignored == 1 else 'are'} void (0 in the labels, like "
        "pixels without a class): left out of training."
    )
