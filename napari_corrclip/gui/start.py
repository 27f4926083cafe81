"""The invitation to somebody who has no image open yet: how to open one, and the demo."""

from __future__ import annotations

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from napari_corrclip.gui.widgets import Label

INVITATION = (
    "Open an image: File > Open, or drop it on the canvas. Many images, one after another, are a project. "
    "Or look at a synthetic scene first:"
)


class StartPanel(QWidget):
    """The invitation of the empty first page; it goes when there is an image.

    Args:
        demo_button: shows what the plugin does without an image of one's own.
        open_button: makes a project of a folder, or opens one.
    """

    def __init__(
        self,
        demo_button: QPushButton,
        open_button: QPushButton,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.invitation = Label(INVITATION)
        self.invitation.setWordWrap(True)
        self.invitation.setAlignment(Qt.AlignmentFlag.AlignTop)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 4, 0, 4)
        layout.addWidget(self.invitation)
        row = QHBoxLayout()
        row.addWidget(open_button, 1)
        row.addWidget(demo_button, 1)
        layout.addLayout(row)
