"""Small pieces that the dock's panels share."""

from __future__ import annotations

from collections.abc import Iterable

from qtpy.QtWidgets import QComboBox, QPushButton


def combo(choices: Iterable[str], tip: str) -> QComboBox:
    """Return a list to choose from that a long entry does not make wide."""
    made = QComboBox()
    made.addItems(list(choices))
    made.setToolTip(tip)
    made.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    made.setMinimumContentsLength(10)
    return made


def button(text: str, tip: str) -> QPushButton:
    """Return a button that says what it does."""
    made = QPushButton(text)
    made.setToolTip(tip)
    return made
