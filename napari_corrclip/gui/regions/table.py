"""The regions as a table below the image or beside it, and the switch of the confidence.

Sort, filter, select, show.

The table follows the selection on the canvas and the canvas that of the table. It takes no focus and
scrolls nowhere by itself: what is selected on the canvas is found by the word ``selected`` in the filter.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
from psygnal import Signal
from qtpy.QtCore import QItemSelection, QItemSelectionModel, Qt, QTimer
from qtpy.QtGui import QFocusEvent, QKeyEvent, QKeySequence
from qtpy.QtWidgets import (
    QAbstractItemView,
    QApplication,
    QCheckBox,
    QHBoxLayout,
    QHeaderView,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from napari_corrclip.annotation import Changed
from napari_corrclip.annotation.review.filter import parse_filter
from napari_corrclip.errors import InputError
from napari_corrclip.gui.correct import CorrectMode
from napari_corrclip.gui.correct.outlines_button import OutlinesButton
from napari_corrclip.gui.layers.confidence import ConfidenceLayer
from napari_corrclip.gui.regions.model import COLUMNS, RegionsModel, spans
from napari_corrclip.gui.widgets import Docked, Label, Line, button, set_tip, style_sheet

if TYPE_CHECKING:
    import napari
    from napari.layers import Image

NAME = "CorrCLIP regions"
LOW_WINDOW = 800
"""Pixels of height from which on there is room for a table below the image."""
TYPING = 250
"""Milliseconds after the last key before the filter is read."""
WIDTHS = {"id": 40, "conf": 42, "margin": 52, "area": 56, "state": 64}


class RegionsView(QTableView):
    """A table that scrolls only for who is in it.

    Signals (psygnal):
        opened: Enter was pressed on, or the mouse clicked twice in, this row.
    """

    opened = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAutoScroll(False)
        self.setTabKeyNavigation(False)  # Tab leaves the table, as in any form
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setWordWrap(False)
        self.setSortingEnabled(True)
        rows, columns = self.verticalHeader(), self.horizontalHeader()
        assert rows is not None
        assert columns is not None
        rows.hide()
        # All rows are of one height, so that nobody measures 10,000 of them.
        rows.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        rows.setDefaultSectionSize(self.fontMetrics().height() + 6)
        columns.setMinimumSectionSize(36)
        columns.setSortIndicator(0, Qt.SortOrder.AscendingOrder)
        self.doubleClicked.connect(lambda index: self.opened.emit(index.row()))

    def keyPressEvent(self, event: QKeyEvent | None) -> None:
        """Enter shows the current row, arrows go to others, and the mode's keys are for the canvas."""
        if event is None:
            return
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            if self.currentIndex().isValid():
                self.opened.emit(self.currentIndex().row())
        elif event.key() in _WALKS or event.matches(QKeySequence.StandardKey.SelectAll):
            super().keyPressEvent(event)
        else:
            event.ignore()  # Qt would look for a row that begins with the digit of a class

    def focusInEvent(self, event: QFocusEvent | None) -> None:
        """Follow the arrow keys."""
        self.setAutoScroll(True)
        super().focusInEvent(event)

    def focusOutEvent(self, event: QFocusEvent | None) -> None:
        """Stay where it is while somebody works on the canvas."""
        self.setAutoScroll(False)
        super().focusOutEvent(event)


_WALKS = (
    Qt.Key.Key_Up, Qt.Key.Key_Down, Qt.Key.Key_PageUp, Qt.Key.Key_PageDown, Qt.Key.Key_Home,
    Qt.Key.Key_End, Qt.Key.Key_Left, Qt.Key.Key_Right, Qt.Key.Key_Tab, Qt.Key.Key_Backtab,
)  # fmt: skip


class RegionsTable(Docked):
    """A line to filter by, the table, and how many regions are shown.

    Args:
        mode: selects and shows; its session is the table's.

    Attributes:
        line: the filter.
        view: the table.
        model: its rows.
        said: what the filter shows, or what is wrong with it.

    Signals (psygnal):
        closed: somebody closed the dock that holds it.
    """

    closed = Signal()

    def __init__(self, mode: CorrectMode, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._following = False
        self.setMinimumWidth(350)
        self.line = Line()
        self.line.setPlaceholderText("cat undecided area>500 conf<0.4")
        set_tip(
            self.line,
            "Shows the regions for which all parts hold: part of a class name; assigned, accepted, "
            "ignored, decided, undecided or selected; id, conf, margin or area with <, >, <=, >= or =",
        )
        self.line.setClearButtonEnabled(True)
        self.line.setAccessibleName("Filter")
        self.refresh_button = button("Refresh", "Filter and sort anew; edits keep rows in place")
        self.refresh_button.clicked.connect(self.filter)
        self.view = RegionsView()
        self.view.setAccessibleName("Regions")
        self.view.setAccessibleDescription("A row a region; arrows select, Enter shows it")
        self.said = Label()
        self.said.setWordWrap(True)
        first = QHBoxLayout()
        first.addWidget(self.line, 1)
        first.addWidget(self.refresh_button)
        layout = QVBoxLayout(self)
        layout.addLayout(first)
        layout.addWidget(self.view, 1)
        layout.addWidget(self.said)
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._later.setInterval(TYPING)
        self._later.timeout.connect(self.filter)
        self.line.textChanged.connect(lambda _: self._later.start())
        self.line.returnPressed.connect(self.filter)
        self.view.opened.connect(self._show)
        self.begin(mode)

    def begin(self, mode: CorrectMode) -> None:
        """Be about the session of ``mode`` from now on, filtered and sorted as before."""
        self.mode = mode
        self._ended = False
        self.model = RegionsModel(mode.session, self)
        # Before the view's own: rows that an edit removes were not deselected by a person.
        self.model.rowsAboutToBeRemoved.connect(self._removing)
        self.model.rowsRemoved.connect(self._removing_ended)
        columns = self.view.horizontalHeader()
        assert columns is not None
        section, order = columns.sortIndicatorSection(), columns.sortIndicatorOrder()
        former = self.view.selectionModel()
        self.view.setModel(self.model)
        if former is not None:
            former.deleteLater()
            columns.setSortIndicator(section, order)
        columns.setSectionResizeMode(COLUMNS.index("class"), QHeaderView.ResizeMode.Stretch)
        for name, width in WIDTHS.items():
            self.view.setColumnWidth(COLUMNS.index(name), width)
        self.model.modelReset.connect(self._follow)
        chosen = self.view.selectionModel()
        assert chosen is not None
        chosen.selectionChanged.connect(self._chosen)
        mode.correcting.selected.connect(self._selected)
        mode.session.changed.connect(self._changed)
        self.setEnabled(True)
        self._count()
        self._follow()
        if self.line.text():
            self.filter()

    def end(self) -> None:
        """Follow the session and the mode no more."""
        if self._ended:
            return
        self._ended = True
        self.setEnabled(False)
        self._later.stop()
        self.model.close()
        self.mode.correcting.selected.disconnect(self._selected)
        self.mode.session.changed.disconnect(self._changed)

    def dock_closed(self) -> None:
        """Tell whoever opened the table."""
        if not self._ended:
            self.closed.emit()

    def filter(self, *_: object) -> None:
        """Read the line; where it is wrong, say so and leave the rows."""
        self._later.stop()
        try:
            keep = parse_filter(
                self.line.text(), self.mode.session.vocabulary, frozenset(self.mode.selection)
            )
        except InputError as error:
            self.said.setText(str(error))
            return
        self.model.filter(keep)
        self._count()

    def _count(self) -> None:
        shown, there = len(self.model.ids), len(self.mode.session.state.rows)
        self.said.setText(
            f"{there:,} regions" if shown == there else f"{shown:,} of {there:,} regions"
        )

    def _changed(self, changed: Changed) -> None:
        if changed.removed or changed.updated:
            self._count()

    # -- the selection, in both directions

    def _chosen(self, *_: object) -> None:
        """Select on the canvas what is selected here."""
        if self._following:
            return
        if not self.mode.on:
            self.said.setText("Switch on 'Correct regions' to select them on the image too.")
            return
        chosen = self.view.selectionModel()
        assert chosen is not None
        ids = [self.model.ids[index.row()] for index in chosen.selectedRows()]
        hidden = [region for region in self.mode.selection if self.model.place(region) is None]
        with self._follows():
            # What the filter hides is not taken away by a row that joins the selection.
            self.mode.select([*(hidden if _joins() else []), *ids])

    def _selected(self, _selection: tuple[int, ...]) -> None:
        if not self._following:
            self._follow()

    def _follow(self) -> None:
        """Select here what is selected on the canvas, without a step of the current row or the view."""
        if not self.mode.on:
            return
        places = (self.model.place(region) for region in self.mode.selection)
        wanted = QItemSelection()
        last = len(COLUMNS) - 1
        for first, final in spans(place for place in places if place is not None):
            wanted.select(self.model.index(first, 0), self.model.index(final, last))
        chosen = self.view.selectionModel()
        assert chosen is not None
        with self._follows():
            chosen.select(wanted, QItemSelectionModel.SelectionFlag.ClearAndSelect)

    def _removing(self, *_: object) -> None:
        self._following = True

    def _removing_ended(self, *_: object) -> None:
        self._following = False

    @contextmanager
    def _follows(self) -> Iterator[None]:
        self._following = True
        try:
            yield
        finally:
            self._following = False

    def _show(self, row: int) -> None:
        self.mode.review.show(self.model.ids[row])


def _joins() -> bool:
    """Whether Control or Shift is held."""
    held = QApplication.keyboardModifiers()
    either = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier
    return bool(held & either)


class RegionsBar(QWidget):
    """The bar that opens the table and shows the confidence; hidden before the first run.

    Args:
        viewer: gets the table's dock and the layer.

    Attributes:
        outlines: chooses which outlines are shown.
        table: ``None`` while it is closed.
        confidence: the layer's keeper; ``None`` while it is off.
    """

    def __init__(self, viewer: napari.viewer.Viewer, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.viewer = viewer
        self.mode: CorrectMode | None = None
        self._wanted = self._rests = self._paused = False
        self._visible = True  # the confidence, where it rests or is paused
        self._resting: Image | None = None
        self.table: RegionsTable | None = None
        self.confidence: ConfidenceLayer | None = None
        self.button = button("Regions table", "All regions, to sort, filter and select")
        self.button.clicked.connect(self.show_table)
        self.check = QCheckBox("Show confidence")
        set_tip(self.check, "A layer with how probable the class of each region is")
        self.check.toggled.connect(self._switch_confidence)
        self.outlines = OutlinesButton()
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.button)
        layout.addWidget(self.check)
        layout.addStretch(1)
        layout.addWidget(self.outlines)
        self.hide()
        viewer.events.theme.connect(self._take_theme)

    def _take_theme(self, _event: object = None) -> None:
        if self.table is not None:
            self.table.setStyleSheet(style_sheet(self.viewer.theme))

    def open(self, mode: CorrectMode) -> None:
        """Be about the session of ``mode`` from now on; where a table was open there is one again."""
        if not self._rests:
            self.close_mode()
        self._rests = False
        self.mode = mode
        self.setEnabled(True)
        self.outlines.open(mode)
        self.show()
        if self.table is not None:
            self.table.begin(mode)
        elif self._wanted:
            self.show_table()
        if self.check.isChecked():
            self._switch_confidence(True)

    def pause(self, on: bool) -> None:
        """Hide the confidence for a while, and offer nothing."""
        self.setEnabled(not on and self.mode is not None)
        if self.table is not None and self.mode is not None:
            self.table.setEnabled(not on)
        if self.confidence is not None and on is not self._paused:
            layer = self.confidence.layer
            if on:
                self._visible = layer.visible
            layer.visible = not on and self._visible
        self._paused = on

    def rest(self) -> None:
        """Let go of the session for the time until the next one comes; all stays in its place."""
        self._rests = True
        self.mode = None
        self.setEnabled(False)
        if self.table is not None:
            self.table.end()
        if self.confidence is not None:
            if not self._paused:
                self._visible = self.confidence.layer.visible
            self._resting, self.confidence = self.confidence.rest(), None
            if self._resting is not None:
                self._resting.data = np.zeros_like(self._resting.data)
        self._paused = False

    def fall_silent(self) -> None:
        """Hear nothing more of a layer that goes: the bar is being deleted."""
        if self.confidence is not None:
            self.confidence.removed.disconnect()

    def close_mode(self) -> None:
        """Let go of the session; the table goes with it."""
        self._rests = False
        self._close_table()
        self.check.setChecked(False)
        self.outlines.close_mode()
        self.mode = None
        self.hide()

    def show_table(self, *_: object) -> None:
        """Open the table, or bring it to the front.

        It comes below the image, so that dock and table are both seen; in a low window, which has room for
        two rows there, behind a tab beside the dock.
        """
        if self.mode is None:
            return
        self._wanted = True
        if self.table is None:
            self.table = RegionsTable(self.mode)
            self._take_theme()
            self.table.closed.connect(self._closed)
            window = self.window()
            low = window is not None and window.height() < LOW_WINDOW
            self.viewer.window.add_dock_widget(
                self.table,
                name=NAME,
                area="right" if low else "bottom",
                tabify=low,
                add_vertical_stretch=False,
            )
        dock = self.table.parent()
        if isinstance(dock, QWidget):
            dock.show()
            dock.raise_()

    def _closed(self) -> None:
        self._wanted = False
        self._close_table()

    def _close_table(self) -> None:
        table, self.table = self.table, None
        if table is None:
            return
        table.end()
        if table.parent() is not None:
            self.viewer.window.remove_dock_widget(table)
        table.deleteLater()

    def _switch_confidence(self, on: bool) -> None:
        former, self.confidence = self.confidence, None
        layer, self._resting = self._resting, None
        if layer is not None and layer not in self.viewer.layers:
            layer = None
        if former is not None:
            former.close()
        if not on and layer is not None:
            self.viewer.layers.remove(layer)
        if on and self.mode is not None:
            self.confidence = ConfidenceLayer(self.viewer, self.mode.layers, layer)
            if layer is not None:
                layer.visible = self._visible  # as a person left it
            self.confidence.removed.connect(lambda: self.check.setChecked(False))
