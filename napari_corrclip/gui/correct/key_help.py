"""The keys of the moment: six of them as caps, and all of them in a window of their own."""

from __future__ import annotations

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QGridLayout, QSizePolicy, QWidget

from napari_corrclip.gui.correct.keys import Moment, caps, help_text
from napari_corrclip.gui.widgets import Label, MarkupLabel, OwnWindow, button

COLUMNS = 2
ROWS = 3
WIDTH = 640
"""Logical pixels of the window with all keys, at least; it fits the smallest screen."""
_CAP = "border: 1px solid palette(mid); border-bottom-width: 2px; border-radius: 3px; padding: 0px 4px;"


class KeyHelp(QWidget):
    """Six keys of the moment as caps, and a button that opens a window with the others.

    Attributes:
        keys: all keys of the moment, in the window.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._caps = [(Label(), Label()) for _ in range(COLUMNS * ROWS)]
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(6)
        grid.setVerticalSpacing(3)
        for number, (cap, title) in enumerate(self._caps):
            row, column = divmod(number, COLUMNS)
            cap.setStyleSheet(_CAP)
            font = cap.font()
            font.setBold(True)
            cap.setFont(font)
            cap.setAlignment(Qt.AlignmentFlag.AlignCenter)
            cap.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)
            grid.addWidget(cap, row, 2 * column, Qt.AlignmentFlag.AlignLeft)
            grid.addWidget(title, row, 2 * column + 1)
            grid.setColumnStretch(2 * column + 1, 1)
        self.more_button = button("?", "All keys, and what the mouse does")
        self.more_button.setAccessibleName("All keys")
        self.more_button.setMaximumWidth(28)
        self.more_button.setFocusPolicy(
            Qt.FocusPolicy.TabFocus
        )  # by mouse, the keys stay with the canvas
        self.more_button.clicked.connect(lambda: self.window_of_keys.open())
        grid.addWidget(self.more_button, 0, 2 * COLUMNS, ROWS, 1, Qt.AlignmentFlag.AlignTop)
        self.keys = MarkupLabel()
        self.keys.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.keys.setWordWrap(True)
        self.keys.setMinimumWidth(WIDTH)
        self.keys.setAlignment(Qt.AlignmentFlag.AlignTop)
        self.keys.setAccessibleName("Keys, and what the mouse does")
        self.keys.setAccessibleDescription("All keys of the moment, in groups")
        self.window_of_keys = OwnWindow(self.keys, "CorrCLIP: keys", self)
        self.show_moment("normal")

    def show_moment(self, moment: Moment) -> None:
        """Show the keys of another moment."""
        self.keys.setText(help_text(moment))
        commands = caps(moment)
        for number, (cap, title) in enumerate(self._caps):
            there = number < len(commands)
            cap.setVisible(there)
            title.setVisible(there)
            if there:
                cap.setText(commands[number].keys)
                title.setText(commands[number].title)
