"""Small pieces that the dock's panels share."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from typing import Protocol

from napari.utils.theme import get_theme
from qtpy.QtCore import QEvent, QObject, QSize, Qt, QTimer
from qtpy.QtGui import QKeyEvent
from qtpy.QtWidgets import (
    QAbstractSpinBox,
    QApplication,
    QCheckBox,
    QComboBox,
    QDialog,
    QDockWidget,
    QFrame,
    QLabel,
    QLayout,
    QLineEdit,
    QMessageBox,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from napari_corrclip.wording.markup import plain


def is_enter(event: QKeyEvent) -> bool:
    """Whether Enter was pressed, on either side of the keyboard."""
    return event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter)


LARGE = 16_000_000
"""Pixels of an image from which on an edit may take so long that a person is to see that it is at work."""


@contextmanager
def waiting(pixels: int) -> Iterator[None]:
    """Show the cursor of waiting while an edit of an image of so many pixels is made, if it is large."""
    if pixels < LARGE:
        yield
        return
    QApplication.setOverrideCursor(Qt.CursorShape.WaitCursor)
    try:
        yield
    finally:
        QApplication.restoreOverrideCursor()


def is_number_typed() -> bool:
    """Whether the keyboard is at a spin box, as napari's brush size; Enter there is for nobody else."""
    at = QApplication.focusWidget()
    return isinstance(at, QAbstractSpinBox) or (
        at is not None and isinstance(at.parent(), QAbstractSpinBox)
    )


class Line(QLineEdit):
    """A line of text that keeps Enter to itself.

    Qt's gives it on to whatever the line lies in, and napari's window hands it to the canvas, where it
    accepts a region.
    """

    def keyPressEvent(self, event: QKeyEvent | None) -> None:  # noqa: D102
        super().keyPressEvent(event)
        if event is not None and is_enter(event):
            event.accept()


class Label(QLabel):
    """A text that is shown as it stands, whatever it looks like; texts in the dock are these."""

    def __init__(self, text: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setText(text)


def heading(text: str) -> Label:
    """Return the title of a part of a window."""
    made = Label(text)
    font = made.font()
    font.setBold(True)
    made.setFont(font)
    return made


class MarkupLabel(QLabel):
    """A text in HTML; what others wrote is escaped by whoever puts it in."""

    def __init__(self, text: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setTextFormat(Qt.TextFormat.RichText)
        self.setText(text)


class _Tipped(Protocol):
    """A widget or an action; Qt's stubs keep the latter in another module than Qt 6 does."""

    def setToolTip(self, text: str) -> None: ...


def set_tip(on: _Tipped, tip: str) -> None:
    """Tell what something is for, in a text that is shown as it stands."""
    on.setToolTip(plain(tip))


def question(parent: QWidget | None, title: str, text: str) -> QMessageBox:
    """Return a window that asks, without an answer yet; its text is shown as it stands."""
    made = QMessageBox(parent)
    made.setWindowTitle(title)
    made.setTextFormat(Qt.TextFormat.PlainText)
    made.setText(text)
    return made


def is_sure(parent: QWidget | None, title: str, text: str, act: str) -> bool:
    """Ask whether to do what would cost something; Cancel is what Enter and Esc answer.

    Args:
        parent: of the window that asks.
        title: of the window.
        text: what it would cost.
        act: what the button says that does it.
    """
    box = question(parent, title, text)
    does = box.addButton(act, QMessageBox.ButtonRole.AcceptRole)
    box.setDefaultButton(box.addButton(QMessageBox.StandardButton.Cancel))
    box.exec()
    answer = box.clickedButton() is does
    box.deleteLater()
    return answer


def choose(
    parent: QWidget | None, title: str, text: str, choices: Sequence[str], check: str = ""
) -> tuple[int | None, bool]:
    """Ask which of a few things is meant; Enter answers the first, Esc none.

    Args:
        parent: of the window that asks.
        title: of the window.
        text: the question.
        choices: what the buttons say.
        check: what a box to be checked says; empty: there is none.

    Returns:
        The index of the choice, ``None`` where none was made; and whether the box was checked.
    """
    box = question(parent, title, text)
    buttons = [box.addButton(choice, QMessageBox.ButtonRole.AcceptRole) for choice in choices]
    box.addButton(QMessageBox.StandardButton.Cancel)
    box.setDefaultButton(buttons[0])
    checkbox = QCheckBox(check)  # PyQt lets go of one that nobody else holds
    if check:
        box.setCheckBox(checkbox)
    box.exec()
    clicked, checked = box.clickedButton(), checkbox.isChecked()
    box.deleteLater()
    return (buttons.index(clicked) if clicked in buttons else None), checked


def combo(choices: Iterable[str], tip: str) -> QComboBox:
    """Return a list to choose from that a long entry does not make wide."""
    made = QComboBox()
    made.addItems(list(choices))
    set_tip(made, tip)
    made.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    made.setMinimumContentsLength(10)
    return made


def button(text: str, tip: str) -> QPushButton:
    """Return a button that says what it does."""
    made = QPushButton(text)
    made.setAutoDefault(False)  # in a window of its own Enter in a field would press it
    set_tip(made, tip)
    return made


class OwnWindow:
    """A window beside napari's for a widget that takes no room of the dock; made when it is asked for.

    Args:
        inside: the widget; hidden until then.
        title: of the window.
        parent: with which the window goes.
    """

    def __init__(self, inside: QWidget, title: str, parent: QWidget) -> None:
        self._inside, self._title, self._parent = inside, title, parent
        self._window: QDialog | None = None
        inside.setParent(parent)
        inside.hide()

    def open(self) -> None:
        """Show the window, or bring it to the front."""
        if self._window is None:
            self._window = QDialog(self._parent)
            self._window.setWindowTitle(self._title)
            QVBoxLayout(self._window).addWidget(self._inside)
            self._inside.show()
        self._window.show()
        self._window.raise_()

    def close(self) -> None:
        """Hide the window."""
        if self._window is not None:
            self._window.hide()


def give_room_back(widget: QWidget) -> None:
    """Let all around a widget that was hidden know at once that its room is free.

    Qt tells them with the next event. What is shown before that, in its place, would make a low window
    higher, and it would stay so.
    """
    above = widget.parentWidget()
    while above is not None:
        layout = above.layout()
        if layout is not None:
            layout.invalidate()
        above = None if above.isWindow() else above.parentWidget()


PRIMARY = "corrclip_primary"
"""The object's name of a page's one button in the accent colour."""


def primary_button(text: str, tip: str) -> QPushButton:
    """Return the button that a page is for: as wide as the page, in the accent colour of the theme."""
    made = button(text, tip)
    made.setObjectName(PRIMARY)
    made.setMinimumHeight(30)
    return made


FOCUSED = {
    "QPushButton:focus": "padding: 2px",
    f"QPushButton#{PRIMARY}:focus": "padding: 2px",
    "QToolButton:focus": "",
    "QComboBox:focus": "padding: 1px 8px 1px 6px",
    "QLineEdit:focus": "padding: 0px",
    "QCheckBox::indicator:focus": "padding: 0px; width: 14px; height: 14px",
    "QAbstractSpinBox:focus": "",
    "QTableView:focus": "",
    "QListView:focus": "",
    "QTabBar::tab:selected:focus": "",
}
"""What shows that the keyboard is at it, which napari's own styles hardly do, with what its frame takes the
place of, so that no text is cut."""


def style_sheet(theme: str) -> str:
    """Return the style of what is ours in a theme of napari's: primary buttons, the place of the keyboard."""
    colors = get_theme(theme)
    accent, text, dim = (color.as_hex() for color in (colors.current, colors.text, colors.primary))
    rgb = ", ".join(str(part) for part in colors.text.as_rgb_tuple()[:3])
    return (
        f"QPushButton#{PRIMARY} {{ background: {accent}; color: {text}; font-weight: bold; }}"
        f"QPushButton#{PRIMARY}:hover {{ border: 1px solid {text}; }}"
        f"QPushButton#{PRIMARY}:disabled {{ background: {dim}; }}"
        "QPushButton:disabled { border: none; }"  # napari's makes it larger, and moves what is below
        f"QLineEdit {{ placeholder-text-color: rgba({rgb}, 75%); }}"
        + "".join(
            f"{what} {{ border: 2px solid {text}; {room}; }}" for what, room in FOCUSED.items()
        )
    )


def set_reading_order(root: QWidget) -> None:
    """Let Tab go through a widget as it is read: from above, and in each row from the left."""
    stops = [
        widget
        for widget in _read(root)
        if widget.focusPolicy() & Qt.FocusPolicy.TabFocus and widget is not root
    ]
    for former, following in pairwise(stops):
        QWidget.setTabOrder(former, following)


def _read(widget: QWidget) -> Iterator[QWidget]:
    yield widget
    layout = widget.layout()
    if isinstance(widget, QScrollArea):
        inside = widget.widget()
        if inside is not None:
            yield from _read(inside)
    elif layout is not None:
        yield from _read_layout(layout)


def _read_layout(layout: QLayout) -> Iterator[QWidget]:
    for place in range(layout.count()):
        item = layout.itemAt(place)
        widget, inner = (None, None) if item is None else (item.widget(), item.layout())
        if widget is not None:
            yield from _read(widget)
        elif inner is not None:
            yield from _read_layout(inner)


class Column(QScrollArea):
    """Panels below each other that scroll up and down, and are never cut at the sides.

    Args:
        panels: what is shown; as wide as its widest row asks for at least.
    """

    def __init__(self, panels: QWidget, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setFocusPolicy(
            Qt.FocusPolicy.NoFocus
        )  # what has the keyboard comes to sight by itself
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setWidget(panels)

    def minimumSizeHint(self) -> QSize:  # noqa: D102
        panels, bar = self.widget(), self.verticalScrollBar()
        width = 0 if panels is None else panels.minimumSizeHint().width()
        return QSize(width + (0 if bar is None else bar.sizeHint().width()), 100)

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:  # noqa: D102
        if event is not None and event.type() == QEvent.Type.LayoutRequest:
            self.updateGeometry()  # a row that was hidden may be wider
        return super().eventFilter(watched, event)


class Docked(QWidget):
    """A widget in a dock of napari's, which is told when that is closed.

    napari closes a dock by taking the widget out of it; behind another tab, or in a window that is not
    shown, nothing is hidden then.

    Attributes:
        docked_as: the name of its dock in napari's window, by which napari finds it again.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.docked_as = ""
        # A child, for PySide's QTimer.singleShot also calls a method of a widget that was deleted.
        self._moved = QTimer(self)
        self._moved.setSingleShot(True)
        self._moved.timeout.connect(self._tell_if_closed)

    def changeEvent(self, event: QEvent | None) -> None:  # noqa: D102
        super().changeEvent(event)
        if event is not None and event.type() == QEvent.Type.ParentChange:
            dock = self.parent()
            if isinstance(dock, QDockWidget):
                self.docked_as = dock.objectName()
            self._moved.start(0)  # when the widget has another dock, or really none

    def _tell_if_closed(self) -> None:
        if self.parent() is None:
            self.dock_closed()

    def dock_closed(self) -> None:
        """Let go of what is outside of the widget."""
        raise NotImplementedError
