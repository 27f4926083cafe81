"""The rows of a set's lesson on the page of corrections: its switch, and what it offers or how good it is."""

from __future__ import annotations

from psygnal import Signal
from qtpy import QtGui
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from napari_corrclip.gui.project.lesson_words import account, changes, offer, score
from napari_corrclip.gui.project.teaching import Teaching
from napari_corrclip.gui.widgets import Label, button, combo, set_tip
from napari_corrclip.learning.store import SWITCHES, Switch

TIPS: dict[Switch, str] = {
    "off": "What was learnt is not shown; nothing of it is forgotten",
    "ask": "After every few regions that you decide you are asked whether what was learnt is to be shown",
    "on": "After every few regions that you decide the others show what was learnt from them",
}


class Fitted(Label):
    """A text of one line in the room that there is; what does not fit is in its tip."""

    def __init__(self) -> None:
        super().__init__()
        self._whole = ""
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)

    def say(self, text: str, tip: str = "") -> None:
        """Show a text; the tip tells more, or all of it."""
        self._whole = text
        self.setAccessibleName(text)
        set_tip(self, tip or text)
        self._fit()

    def resizeEvent(self, event: QtGui.QResizeEvent | None) -> None:  # noqa: D102
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        room = self.contentsRect().width()
        self.setText(self.fontMetrics().elidedText(self._whole, Qt.TextElideMode.ElideRight, room))


class LessonBar(QWidget):
    """The switch of a lesson, and below it what would change, or who foretold the last verdicts.

    Args:
        teaching: the lesson of the open image.

    Attributes:
        switch: off, ask or on.
        why_button: asks what taught the selected region its class.
        told: what would change, or who foretold the last verdicts.
        like_button: asks which regions of all images look most like the selected one.

    Signals (psygnal):
        looked: what is offered is to be walked through.
    """

    looked = Signal()

    def __init__(self, teaching: Teaching, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._teaching = teaching
        self.switch = combo(SWITCHES, TIPS[teaching.switch])
        self.switch.setMinimumContentsLength(3)
        self.switch.setAccessibleName("Whether what was learnt is shown")
        self.switch.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.switch.textActivated.connect(self._turned)
        self.why_button = button(
            "Why?",
            "What taught this? The verdicts on the regions that look most like the selected one (Y)",
        )
        self.why_button.setAccessibleName("What taught this?")
        self.why_button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.why_button.setEnabled(False)
        self.why_button.clicked.connect(lambda: teaching.ask())
        self.like_button = button(
            "Like this", "More like this: the regions of all images that look most alike (Shift+F)"
        )
        self.like_button.setAccessibleName("More like this")
        self.like_button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.like_button.setEnabled(False)
        self.like_button.clicked.connect(self._ask_like)
        self.told = Fitted()
        self.apply_button = button(
            "Apply", "Let these regions show what was learnt; one undo ends it"
        )
        self.look_button = button("Look", "Go through these regions, one after another")
        for pressed in (self.apply_button, self.look_button):
            pressed.setFocusPolicy(Qt.FocusPolicy.TabFocus)  # the keys stay with the canvas
        self.apply_button.clicked.connect(lambda: teaching.apply())
        self.look_button.clicked.connect(lambda: self.looked.emit())
        strip = QWidget()
        first, second = QHBoxLayout(), QHBoxLayout(strip)
        first.addWidget(Label("Lesson"))
        first.addWidget(self.switch)
        first.addStretch(1)
        first.addWidget(self.why_button)
        first.addWidget(self.like_button)
        second.setContentsMargins(0, 0, 0, 0)
        second.addWidget(self.told, 1)
        second.addWidget(self.apply_button)
        second.addWidget(self.look_button)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(3)
        column.addLayout(first)
        column.addWidget(strip)
        # Nothing below is to move when the buttons come.
        strip.setFixedHeight(max(26, self.apply_button.sizeHint().height()))
        for pressed in (self.apply_button, self.look_button):
            pressed.hide()
        teaching.changed.connect(self.refresh)
        self.hide()

    def show_project(self, there: bool) -> None:
        """Be there while images of a project are corrected, and gone else."""
        self.setVisible(there)

    def _turned(self, text: str) -> None:
        switch = next(switch for switch in SWITCHES if switch == text)
        self._teaching.turn(switch)

    def _ask_like(self) -> None:
        region = self._teaching.region
        if region is not None:
            self._teaching.like_asked.emit(region)

    def refresh(self) -> None:
        """Say how it is now."""
        teaching = self._teaching
        self.switch.setCurrentText(teaching.switch)
        set_tip(self.switch, TIPS[teaching.switch])
        self.why_button.setEnabled(teaching.learning is not None and teaching.region is not None)
        self.like_button.setEnabled(teaching.region is not None)
        words, offered = teaching.words, teaching.offered
        offers = offered is not None and words is not None
        for pressed in (self.apply_button, self.look_button):
            pressed.setVisible(offers)
        if offered is not None and words is not None:
            many = f"{len(offered.regions):,} of {offered.undecided:,}"
            self.told.say(f"{many}: {changes(offered, words)}", f"{offer(offered, words)}.")
        elif teaching.why_not:
            self.told.say("This image teaches nothing.", teaching.why_not)
        elif teaching.last is not None:
            learning = teaching.learning
            weights = () if learning is None else learning.lesson.weights
            self.told.say(score(teaching.last, weights), account(teaching.last, weights))
        else:
            self.told.say("")
