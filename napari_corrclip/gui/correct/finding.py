"""The search for a class by a part of its name, and the offer of a new one where none has it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from psygnal import Signal
from qtpy.QtCore import QEvent, QObject, QSize, Qt
from qtpy.QtGui import QKeyEvent
from qtpy.QtWidgets import QListWidget, QListWidgetItem, QVBoxLayout, QWidget

from napari_corrclip.gui.widgets import Line, set_tip

ROWS = 5
"""Matches that are seen at once."""
_NEW = int(Qt.ItemDataRole.UserRole)


def matches(typed: str, names: Sequence[str]) -> list[str]:
    """Return the names that fit what was typed, best first, otherwise in their order.

    First those that begin with it, then those that hold it, then those that hold its letters in this
    order. Case does not matter.
    """
    wanted = typed.casefold().strip()
    ranked = [
        (rank, name) for name in names if (rank := _rank(wanted, name.casefold())) is not None
    ]
    return [name for _, name in sorted(ranked, key=lambda pair: pair[0])]


def _rank(wanted: str, name: str) -> int | None:
    if name.startswith(wanted):
        return 0
    if wanted in name:
        return 1
    letters = iter(name)
    return 2 if all(letter in letters for letter in wanted) else None


class Finder(QWidget):
    """A line to type into, over the names that fit.

    Signals (psygnal):
        closed: it was left, with or without a choice.
    """

    closed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.line = Line()
        self.line.textChanged.connect(self._filter)
        self.line.installEventFilter(self)
        self.list = QListWidget()
        self.line.setAccessibleName("Part of a class's name")
        self.line.setAccessibleDescription("Arrows choose, Enter takes, Esc closes")
        self.list.setAccessibleName("Classes that fit")
        self.list.setAccessibleDescription("The classes whose names fit what was typed, best first")
        self.list.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.list.itemClicked.connect(lambda _: self._choose())
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addWidget(self.line)
        layout.addWidget(self.list)
        self._names: tuple[str, ...] = ()
        self._chosen: Callable[[str], object] | None = None
        self._made: Callable[[str], object] | None = None
        self._before: QWidget | None = None
        self.hide()

    def open(
        self,
        names: Sequence[str],
        title: str,
        chosen: Callable[[str], object],
        made: Callable[[str], object] | None = None,
    ) -> None:
        """Ask for one of ``names``, and give it to ``chosen``.

        Args:
            names: to choose from.
            title: what is asked.
            chosen: gets the name.
            made: gets what was typed where no name fits, as a new one; ``None``: nothing is new.
        """
        if self._chosen is None:
            window = self.window()
            self._before = None if window is None else window.focusWidget()
        self._names, self._chosen, self._made = tuple(names), chosen, made
        self.line.setPlaceholderText(title)
        self.line.clear()
        self._filter("")
        self.show()
        self.line.setFocus()

    def close_list(self) -> None:
        """Ask no more, and give the focus back."""
        if self._chosen is None:
            return
        before, self._before = self._before, None
        self._chosen = self._made = None
        if before is not None:
            before.setFocus()
        self.hide()
        self.closed.emit()

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """See Qt: Enter chooses, arrows move, Esc closes."""
        if not isinstance(event, QKeyEvent) or watched is not self.line:
            return False
        key = event.key()
        keys = (
            Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Escape, Qt.Key.Key_Up, Qt.Key.Key_Down,
        )  # fmt: skip
        if key not in keys:
            return False
        if event.type() == QEvent.Type.ShortcutOverride:
            event.accept()  # Esc and the arrows are no shortcuts of the window's here
        elif event.type() == QEvent.Type.KeyPress:
            if key == Qt.Key.Key_Escape:
                self.close_list()
            elif key in (Qt.Key.Key_Up, Qt.Key.Key_Down):
                step = 1 if key == Qt.Key.Key_Down else -1
                row = self.list.currentRow() + step
                self.list.setCurrentRow(max(0, min(row, self.list.count() - 1)))
            else:
                self._choose()
        return True

    def _filter(self, typed: str) -> None:
        self.list.clear()
        found = matches(typed, self._names)
        for name in found:
            self.list.addItem(QListWidgetItem(name))
        if not found and self._made is not None:
            item = QListWidgetItem(f"New class {typed.strip()!r}")
            item.setData(_NEW, typed.strip())
            self.list.addItem(item)
        self.list.setCurrentRow(0)
        high = self.list.sizeHintForRow(0) if self.list.count() else 0
        for row in range(self.list.count()):
            listed = self.list.item(row)
            assert listed is not None
            listed.setSizeHint(QSize(1, high))  # as wide as the list: what is longer ends in dots
            set_tip(listed, listed.text())
        frame = 2 * self.list.frameWidth()
        self.list.setFixedHeight(max(1, min(self.list.count(), ROWS)) * max(high, 16) + frame)

    def _choose(self) -> None:
        item, chosen = self.list.currentItem(), self._chosen
        if item is None or chosen is None:
            return  # nothing fits; more is to be typed
        name, new, made = item.text(), item.data(_NEW), self._made
        self.close_list()
        if new is None:
            chosen(name)
        elif made is not None:
            made(new)
