"""The dock's panel for correcting: the mode's switch, undo and redo, the queue, the keys."""

from __future__ import annotations

import html
from collections.abc import Callable

from psygnal import Signal
from qtpy.QtCore import Qt, QTimer
from qtpy.QtWidgets import (
    QDockWidget,
    QHBoxLayout,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from napari_corrclip.annotation import Changed
from napari_corrclip.errors import InputError
from napari_corrclip.gui.correct.correcting import Tool
from napari_corrclip.gui.correct.finding import Finder
from napari_corrclip.gui.correct.key_help import KeyHelp
from napari_corrclip.gui.correct.keys import Moment
from napari_corrclip.gui.correct.mode import UNDER_WAY, CorrectMode
from napari_corrclip.gui.correct.review import Review
from napari_corrclip.gui.numbers import NumberBox
from napari_corrclip.gui.widgets import (
    Label,
    MarkupLabel,
    button,
    give_room_back,
    primary_button,
    set_tip,
)
from napari_corrclip.gui.work.said import Tell
from napari_corrclip.vocabulary import Vocabulary

SURE = 0.9
"""The confidence from which on regions are accepted together, before a person chooses another."""


class CorrectPanel(QWidget):
    """The switch of correct mode, with what it tells.

    Args:
        tell: is given a sentence.

    Attributes:
        mode: on the layers of the open session; ``None`` before there are any.

    Signals (psygnal):
        switched: whether the mode is on.
        begun: it was begun by a key over the canvas, wherever this panel may be.
        class_asked: a class is to be added, as it was typed; it is assigned when the session has it.
    """

    switched = Signal(bool)
    begun = Signal()
    class_asked = Signal(str)

    def __init__(self, tell: Tell, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._tell = tell
        self.mode: CorrectMode | None = None
        self._awaited: tuple[str, Callable[[str], object]] | None = None
        self._paused: tuple[int, ...] | None = None
        self._tool: Tool | None = None  # that comes back with the mode
        self.undo_button = button("Undo", "Take the last correction back (Ctrl+Z on either layer)")
        self.undo_button.clicked.connect(self._undo)
        self.redo_button = button("Redo", "Make it again (Ctrl+Shift+Z)")
        self.redo_button.clicked.connect(self._redo)
        self.button = button(
            "Correct regions",
            "Select regions by mouse and decide by keys; while it is off, napari's tools paint",
        )
        self.button.setCheckable(True)
        self.button.toggled.connect(self._switch)
        self.selection = Label()
        self.left = MarkupLabel()
        self.back_button = button("Back", "Go to the region before (A)")
        self.next_button = primary_button(
            "Next region", "Go to the region that is most worth a look (D)"
        )
        self.refresh_button = button(
            "Sort again", "Order the undecided regions anew by what is known now"
        )
        self.small = Label()
        set_tip(self.small, "Undecided regions under 0.02 % of the image each")
        self.accept_button = button("Accept all", "Accept the predicted class of all small regions")
        self.absorb_button = button(
            "Absorb", "Make each small region part of the neighbour with the longest common border"
        )
        self.tool_buttons = {
            Tool.SWEEP: button(
                "Sweep", "A drag assigns the active class to all regions that it touches (W)"
            ),
            Tool.LASSO: button("Lasso", "A drag selects the regions that it goes around (L)"),
        }
        for tool, switch in self.tool_buttons.items():
            switch.setCheckable(True)
            switch.setFocusPolicy(Qt.FocusPolicy.TabFocus)
            switch.clicked.connect(lambda _=False, tool=tool: self._take_tool(tool))
        self.new_button = button(
            "New class…",
            "Make a class of the selected regions that words cannot name: these are its examples (N)",
        )
        self.new_button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.new_button.setEnabled(False)
        self.new_button.clicked.connect(self._new_class)
        self.sure_button = button(
            "",
            "Accept the predicted class of all undecided regions that are as sure as this number",
        )
        self.sure = NumberBox()
        self.sure.setRange(0.01, 1.0)
        self.sure.setSingleStep(0.05)
        self.sure.setButtonSymbols(NumberBox.ButtonSymbols.NoButtons)  # the arrow keys do
        self.sure.setFixedWidth(48)
        self.sure.setStyleSheet("min-width: 36px; max-width: 36px")  # napari's style asks for more
        self.sure.setValue(SURE)
        self.sure.setAccessibleName("Confidence from which on regions are accepted")
        set_tip(self.sure, "From this probability of their class on, regions are accepted together")
        self.sure.valueChanged.connect(lambda _: self._count_left())
        self.sure.editingFinished.connect(self._count_left)
        typed = self.sure.lineEdit()
        assert typed is not None  # of a spin box
        typed.textEdited.connect(lambda _: self._count_left())  # before Enter, too
        self.rest_button = button(
            "", "Accept the predicted class of all regions that are undecided"
        )
        for clicked, act in (
            (self.sure_button, lambda review: review.accept_sure(self._least)),
            (self.rest_button, lambda review: review.accept_rest()),
            (self.back_button, lambda review: review.back()),
            (self.refresh_button, lambda review: review.refresh()),
            (self.accept_button, lambda review: review.accept_small()),
            (self.absorb_button, lambda review: review.absorb_small()),
        ):
            clicked.setFocusPolicy(
                Qt.FocusPolicy.TabFocus
            )  # by mouse, the keys stay with the canvas
            clicked.clicked.connect(self._acts(act))
        self.next_button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.next_button.clicked.connect(self._next)
        self.finder = Finder()
        self.finder.closed.connect(self._found)
        self.help = KeyHelp()
        self.keys = self.help.keys
        self.help.hide()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(
            _row(self.button, self.selection, self.undo_button, self.redo_button, at=1)
        )
        self._queue = _box(self.left, self.back_button, self.refresh_button)
        self._small = _box(self.small, self.accept_button, self.absorb_button)
        self._tools = _box(Label("Drag to"), *self.tool_buttons.values(), self.new_button)
        self._accept = _box(self.sure_button, self.sure, self.rest_button)
        layout.setSpacing(3)  # all of it is to fit a low screen
        rows = (self._queue, self._accept, self._small, self._tools)
        for widget in (*rows, self.finder, self.help, self.next_button):
            layout.addWidget(widget)
        self._show_rows(False)
        self._small.hide()
        self._enable()

    def open(self, mode: CorrectMode) -> None:
        """Correct by ``mode`` from now on; after a :meth:`rest` as before it."""
        resumes = self.mode is None and self.button.isChecked()
        if not resumes:
            self.close_mode()
        self.mode = mode
        mode.correcting.selected.connect(self._selected)
        mode.splitting.switched.connect(self._splitting)
        mode.ended.connect(self._ended)
        mode.asked.connect(self._begin)
        mode.correcting.tool_taken.connect(self._tool_taken)
        mode.actions.find_asked.connect(self._find)
        mode.session.changed.connect(self._changed)
        self._enable()
        if resumes:
            mode.start()
            mode.correcting.take(self._tool)
            self._count_left()
        else:
            mode.offer()

    def pause(self, on: bool) -> None:
        """Have keys, mouse and buttons do nothing for a while; what was selected is so again after it."""
        self.setEnabled(not on)
        if self.mode is None:
            return
        if on:
            self._paused = self.mode.selection if self.mode.on else None
            self._tool = self.mode.correcting.tool
            self.mode.stop()
            self.mode.withdraw()
        elif self._paused is None:
            self.mode.offer()
        else:
            self.mode.start()
            self.mode.select(self._paused)
            self.mode.correcting.take(self._tool)
            self._paused = None
            self._count_left()  # something may have changed meanwhile

    def end_peek(self) -> None:
        """Show what is hidden while H is held."""
        if self.mode is not None:
            self.mode.actions.peeking.end()

    def close_mode(self) -> None:
        """Let go of the mode."""
        self.rest()
        self._tool = None
        self.button.setChecked(False)

    def rest(self) -> None:
        """Let go of the mode for the time until the next one comes; all stays in its place."""
        mode, self.mode = self.mode, None
        if mode is not None and self._paused is None:
            self._tool = mode.correcting.tool
        self._awaited = None
        self._paused = None
        self.setEnabled(True)
        self.finder.close_list()
        if mode is not None:
            mode.stop()
            mode.withdraw()
            mode.asked.disconnect(self._begin)
            mode.correcting.selected.disconnect(self._selected)
            mode.splitting.switched.disconnect(self._splitting)
            mode.ended.disconnect(self._ended)
            mode.correcting.tool_taken.disconnect(self._tool_taken)
            mode.actions.find_asked.disconnect(self._find)
            mode.session.changed.disconnect(self._changed)
        self.selection.setText("")
        self._forget_figures()
        self._enable()

    def _forget_figures(self) -> None:
        """Say of no session how much is left; the buttons keep their places."""
        self.left.setText("")
        set_tip(self.left, "")
        self.small.setText("small")
        for accept, text in ((self.sure_button, "Accept from"), (self.rest_button, "The rest")):
            accept.setMinimumWidth(accept.width() if accept.isVisible() else 0)
            accept.setText(text)

    def _switch(self, on: bool) -> None:
        mode = self.mode
        if mode is not None and on:
            mode.start()
            if mode.review.queue.left.regions:
                self._tell("Click on a region, or press D for the one that is most worth a look.")
            else:
                self._tell("All regions are decided; click on one to change it.")
        elif mode is not None:
            self.finder.close_list()
            mode.stop()
            mode.offer()
        self.help.setVisible(on)
        if not on:
            self.help.window_of_keys.close()
        self._moment("normal")
        self._count_left()
        self.switched.emit(on)

    def _ended(self) -> None:
        self.button.setChecked(False)

    def _selected(self, selection: tuple[int, ...]) -> None:
        self.selection.setText(f"{len(selection)} selected" if selection else "")
        self.new_button.setEnabled(bool(selection))

    def _tool_taken(self, tool: Tool | None) -> None:
        for other, switch in self.tool_buttons.items():
            switch.setChecked(other is tool)

    def _take_tool(self, tool: Tool) -> None:
        mode = self.mode
        if mode is not None and mode.on:
            act = mode.sweeping.switch if tool is Tool.SWEEP else mode.actions.lasso
            act()
            self._tool_taken(mode.correcting.tool)

    def _new_class(self) -> None:
        mode = self.mode
        if mode is None or not mode.on:
            return
        if mode.splitting.on:
            self._tell(UNDER_WAY)
            return
        try:
            mode.actions.new_class()
        except InputError as error:
            self._tell(error)

    def _show_rows(self, on: bool) -> None:
        """Show what is of use while regions are corrected, or hide it."""
        for row in (self._queue, self._accept, self._tools):
            row.setVisible(on)

    def _splitting(self, on: bool) -> None:
        self._moment("splitting" if on else "normal")

    def _moment(self, moment: Moment) -> None:
        self.help.show_moment(moment)

    def _find(self, title: str, names: tuple[str, ...], chosen: Callable[[str], object]) -> None:
        self._awaited = None
        self._show_rows(False)  # the list takes their place
        self._small.hide()
        give_room_back(self._small)
        self.finder.open(names, title, chosen, lambda text: self._make(text, chosen))
        self._moment("finding")
        self._come_to_sight()

    def _found(self) -> None:
        """Show the rows again in whose place the list was."""
        self._moment("normal")
        give_room_back(self.finder)
        self._count_left()

    def _come_to_sight(self) -> None:
        """Have what is typed into seen: before the tab of another dock, and not scrolled away."""
        above = self.parentWidget()
        while above is not None:
            if isinstance(above, QScrollArea):
                above.ensureWidgetVisible(self.finder)
            elif isinstance(above, QDockWidget):
                above.show()
                above.raise_()
            above = above.parentWidget()
        self.finder.line.setFocus()

    def _make(self, text: str, chosen: Callable[[str], object]) -> None:
        """Ask for a new class, and remember what is to be done when it is there."""
        try:
            typed = Vocabulary.typed(text)
        except InputError as error:
            self._tell(error)
            return
        if len(typed) != 1:
            self._tell(f"{text!r} names {len(typed)} classes; type the name of one.")
            return
        self._awaited = (typed.names[0], chosen)
        self.class_asked.emit(text)

    def _assign_made(self) -> None:
        awaited, mode = self._awaited, self.mode
        if awaited is None or mode is None or awaited[0] not in mode.session.vocabulary.names:
            return
        self._awaited = None
        name, chosen = awaited
        # When all have heard of the class.
        QTimer.singleShot(0, lambda: chosen(name) if self.mode is mode and mode.on else None)

    def forget_made(self) -> None:
        """Do nothing more about a new class: nobody looks for it any longer."""
        self._awaited = None

    def _changed(self, changed: Changed) -> None:
        if changed.vocabulary:
            self.finder.close_list()  # it lists the classes that there were
            self._assign_made()
        self._count_left()
        self._enable()

    @property
    def _least(self) -> float:
        """The confidence that stands in the box, also while it is typed; what cannot be counts as before."""
        typed = self.sure.valueFromText(self.sure.text())
        return typed if self.sure.minimum() <= typed <= self.sure.maximum() else self.sure.value()

    def _count_left(self) -> None:
        """Say how much of the queue is left."""
        on = self.mode is not None and self.mode.on
        in_sight = on and self.finder.isHidden()
        self._show_rows(in_sight)
        small = self.mode.review.small if on and self.mode is not None else ()
        self._small.setVisible(in_sight and bool(small))
        if self.mode is not None and on:
            header = self.mode.review.header()
            set_tip(self.left, header)
            # One line: nothing below it is to move with the count.
            left, _, share = html.escape(header.removesuffix(" of the area")).partition(" ≈ ")
            self.left.setText(f"<b>{left}</b>" + (f" ≈ {share}" if share else ""))
            self.small.setText(f"small ({len(small):,})")
            sure, rest = (len(self.mode.review.sure(least)) for least in (self._least, 0))
            self.sure_button.setText(f"Accept {sure:,} from")
            self.sure_button.setEnabled(sure > 0)
            self.rest_button.setText(f"The rest ({rest:,})")
            self.rest_button.setEnabled(rest > 0)
            for accept in (self.sure_button, self.rest_button):
                accept.setMinimumWidth(0)

    def _next(self) -> None:
        """Go to the next region; where regions are not corrected yet, from now on they are."""
        self.button.setChecked(True)
        self._acts(lambda review: review.next())()

    def _begin(self) -> None:
        self._next()
        self.begun.emit()

    def _acts(self, act: Callable[[Review], object]) -> Callable[[], None]:
        def clicked() -> None:
            mode = self.mode
            if mode is None or not mode.on:
                return
            if mode.splitting.on:
                self._tell(UNDER_WAY)
                return
            if not mode.correcting.is_active:  # else what it says of keys is untrue
                mode.correcting.viewer.layers.selection.active = mode.layers.labels
            act(mode.review)

        return clicked

    def _undo(self) -> None:
        if self.mode is not None:
            self.mode.layers.undo()

    def _redo(self) -> None:
        if self.mode is not None:
            self.mode.layers.redo()

    def _enable(self) -> None:
        session = None if self.mode is None else self.mode.session
        self.button.setEnabled(session is not None)
        self.next_button.setEnabled(session is not None)
        for row in (self._queue, self._accept, self._small, self._tools):
            row.setEnabled(session is not None)
        self.undo_button.setEnabled(session is not None and session.can_undo)
        self.redo_button.setEnabled(session is not None and session.can_redo)


def _row(*widgets: QWidget, at: int) -> QHBoxLayout:
    """Return a line in which the widget at a place takes what room there is."""
    row = QHBoxLayout()
    row.setContentsMargins(0, 0, 0, 0)
    for widget in widgets:
        row.addWidget(widget)
    row.setStretch(at, 1)
    return row


def _box(first: QWidget, *others: QWidget, at: int = 0) -> QWidget:
    """Return a line in which the widget at a place takes what room there is; none where it is behind all."""
    box = QWidget()
    box.setLayout(_row(first, *others, at=at))
    return box
