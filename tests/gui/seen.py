"""The eyes before the dock: what is cut, what has no name, where Tab goes and whether that is seen."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QPoint, Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QHeaderView,
    QLabel,
    QLineEdit,
    QProgressBar,
    QSizePolicy,
    QWidget,
)

CONTROLS = (
    QAbstractButton, QAbstractItemView, QAbstractSpinBox, QComboBox, QLineEdit, QProgressBar,
)  # fmt: skip


def controls(root: QWidget) -> Iterator[QWidget]:
    """What a person presses, types into, reads as a list or comes to by Tab; none of Qt's own parts."""
    for widget in [root, *root.findChildren(QWidget)]:
        if isinstance(widget, QHeaderView) or widget.objectName().startswith("qt_"):
            continue
        parent = widget.parentWidget()
        if isinstance(parent, QWidget) and isinstance(parent.parentWidget(), QComboBox):
            continue  # the list that it opens
        if isinstance(parent, QLineEdit):
            continue  # the cross that clears it
        if isinstance(widget, CONTROLS) or widget.focusPolicy() != Qt.FocusPolicy.NoFocus:
            yield widget


def name_of(widget: QWidget, root: QWidget) -> str:
    """What a screen reader says of a control: its name, its text, or that of the label before it."""
    if widget.accessibleName():
        return widget.accessibleName()
    if isinstance(widget, QAbstractButton | QLabel):
        return widget.text()
    return "".join(label.text() for label in root.findChildren(QLabel) if label.buddy() is widget)


def check_names(root: QWidget) -> int:
    found = list(controls(root))
    nameless = [
        f"{type(widget).__name__} {widget.toolTip()!r}"
        for widget in found
        if not any(letter.isalpha() for letter in name_of(widget, root))
    ]
    assert nameless == []
    silent = [
        name_of(widget, root)
        for widget in found
        if not isinstance(widget, QLabel)
        and not (widget.accessibleDescription() or widget.toolTip())
    ]
    assert [name for name in silent if not name.startswith("Scroll")] == []  # Qt's own, of the tabs
    return len(found)


def walk(start: QWidget, root: QWidget) -> list[QWidget]:
    """Press Tab from a control on until the keyboard leaves a widget, or comes back."""
    window = start.window()
    assert window is not None
    start.setFocus()
    seen: list[QWidget] = []
    while True:
        QApplication.processEvents()
        at = window.focusWidget()  # without a window manager no window is active
        assert at is not None
        if at in seen or not (at is root or root.isAncestorOf(at)):
            return seen
        seen.append(at)
        region = at.visibleRegion().boundingRect()
        assert region.size() == at.size(), f"{name_of(at, root)!r} is cut, or not to be seen"
        QTest.keyClick(at, Qt.Key.Key_Tab)


def check_walk(seen: list[QWidget], root: QWidget) -> None:
    """Check that it went as one reads, and to all that is there."""
    places = [(widget.mapTo(root, QPoint(0, 0)), widget) for widget in seen]
    for (former, above), (place, below) in pairwise(places):
        is_below = place.y() + below.height() > former.y() + above.height() / 2
        beside = abs(place.y() - former.y()) < 12
        right = place.x() > former.x()
        assert (beside and right) or (is_below and not beside), (
            f"{name_of(below, root)!r} comes after {name_of(above, root)!r}"
        )
    wanted = {
        widget
        for widget in controls(root)
        if isinstance(widget, CONTROLS)
        and not isinstance(widget, QProgressBar)
        and widget.isEnabled()
        and widget.focusProxy() is None
        and not widget.visibleRegion().isEmpty()
        and widget.window() is root.window()
    }
    assert {name_of(widget, root) for widget in wanted - {*seen}} == set()


def picture(widget: QWidget) -> NDArray[np.uint8]:
    image = widget.grab().toImage()
    raw = image.constBits()
    assert raw is not None
    flat = np.frombuffer(raw.asstring(image.sizeInBytes()), np.uint8)  # type: ignore[attr-defined]
    return flat.reshape(image.height(), -1)


def check_seen(stops: list[QWidget], root: QWidget) -> None:
    """Check that one sees where the keyboard is."""
    window = root.window()
    assert window is not None
    window.activateWindow()
    for widget in stops:
        widget.setFocus()
        focused = picture(widget)
        window.setFocus()
        changed = (picture(widget) != focused).reshape(len(focused), -1, 4).any(axis=-1)
        # At least a frame around a check box; the mark of typing alone is less.
        assert changed.sum() >= 40, name_of(widget, root)


def cut(dock: QWidget) -> list[str]:
    """What should be seen of a page and is not, or not whole, or has no room for its text."""
    return [
        f"{type(widget).__name__} {getattr(widget, 'text', str)()}"
        for widget in dock.findChildren(QWidget)
        if widget.isVisible()
        and isinstance(widget, QAbstractButton | QLabel)
        and widget.window() is dock.window()
        and (widget.visibleRegion().boundingRect().size() != widget.size() or is_squeezed(widget))
    ]


def is_squeezed(widget: QAbstractButton | QLabel) -> bool:
    """Whether there is less room than the text asks for, which no ellipsis and no second line tells."""
    fits_itself = widget.sizePolicy().horizontalPolicy() is QSizePolicy.Policy.Ignored
    wraps = isinstance(widget, QLabel) and widget.wordWrap()
    drawn = not widget.text() or not any(letter.isalpha() for letter in widget.text())
    return not (fits_itself or wraps or drawn) and widget.width() < widget.sizeHint().width()
