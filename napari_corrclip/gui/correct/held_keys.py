"""Keys that act while they are held, and their release, which may happen where nobody looks."""

from __future__ import annotations

import sys
from collections.abc import Callable

from qtpy.QtCore import QEvent, QObject, Qt
from qtpy.QtGui import QKeyEvent, QMouseEvent
from qtpy.QtWidgets import QApplication, QWidget

_KEYS = (QEvent.Type.ShortcutOverride, QEvent.Type.KeyPress, QEvent.Type.KeyRelease)
_LOST = (QEvent.Type.WindowDeactivate, QEvent.Type.FocusOut)
_WATCHED = frozenset((*_KEYS, *_LOST, QEvent.Type.MouseMove))
_MODIFIERS = frozenset(
    (Qt.Key.Key_Shift, Qt.Key.Key_Control, Qt.Key.Key_Alt, Qt.Key.Key_AltGr, Qt.Key.Key_Meta)
)
MAC_DIGITS = {
    18: "1",
    19: "2",
    20: "3",
    21: "4",
    23: "5",
    22: "6",
    26: "7",
    28: "8",
    25: "9",
    29: "0",
}
"""Digits by macOS's codes of keys (``kVK_ANSI_1`` and so on, Carbon's HIToolbox/Events.h)."""


class HeldKeys(QObject):
    """The filter of the application's events for Alt, and for the key of peeking being let go.

    The canvas alone does not see all of it: a window manager or a menu may take the release, or the
    focus may be elsewhere by then. So a move of the mouse without Alt, another window and a focus that
    leaves the window end what is held, too.

    Args:
        alt: is told whether Alt is held; returns whether it is of use, and then no menu gets it.
        let_go: is called when a held key is let go or lost.
        key: the key of peeking.
        released: is called when any key but Shift and its like is let go, or what is held is lost.
        digit: is called with a digit that is pressed with Alt on macOS, where Option and 1 type ¡.
        host: a widget of the window that is watched; ``None``: all windows.
    """

    def __init__(
        self,
        alt: Callable[[bool], bool],
        let_go: Callable[[], object],
        key: Qt.Key,
        digit: Callable[[str], object],
        *,
        released: Callable[[], object] = lambda: None,
        host: QWidget | None = None,
    ) -> None:
        super().__init__()
        self._host = host
        self._held = False
        self._used = False
        self._alt = alt
        self._let_go = let_go
        self._key = key
        self._digit = digit
        self._released = released

    def start(self) -> None:
        """Watch from now on."""
        app = QApplication.instance()
        if app is not None:
            app.installEventFilter(self)
        # It may be deleted with its viewer, and nobody stops the mode then.
        if self._host is not None:
            self._host.destroyed.connect(self._unwatch)

    def stop(self) -> None:
        """Watch no more; everything is let go."""
        if self._host is not None:
            self._host.destroyed.disconnect(self._unwatch)
        self._unwatch()
        self._lost()

    def _unwatch(self, *_: object) -> None:
        app = QApplication.instance()
        if app is not None:
            app.removeEventFilter(self)

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """See Qt; takes nothing from anybody but Alt from the menu bar."""
        kind = None if event is None else event.type()
        if kind not in _WATCHED or not isinstance(watched, QWidget) or not self._ours(watched):
            return False
        if kind in _LOST:
            if kind != QEvent.Type.FocusOut or not self._stays(watched):
                self._lost()
        elif isinstance(event, QMouseEvent):
            if self._held and not event.modifiers() & Qt.KeyboardModifier.AltModifier:
                self._hold(False)
        elif isinstance(event, QKeyEvent) and not event.isAutoRepeat():
            down = kind != QEvent.Type.KeyRelease
            if event.key() == Qt.Key.Key_Alt:
                # On some desktops the menu bar takes Alt, and the focus with it.
                return self._hold(down) and kind == QEvent.Type.ShortcutOverride
            if self._used and sys.platform == "darwin" and kind == QEvent.Type.KeyPress:
                digit = MAC_DIGITS.get(event.nativeVirtualKey())
                if digit is not None:
                    self._digit(digit)
                    return True
            if event.key() == self._key and not down:
                self._let_go()
            if not down and event.key() not in _MODIFIERS:
                self._released()
        return False

    def _ours(self, watched: QWidget) -> bool:
        return self._host is None or watched.window() is self._host.window()

    def _stays(self, left: QWidget) -> bool:
        """Whether the focus goes from a widget to another one of the window, where a release is seen."""
        now = QApplication.focusWidget()  # already the next one; a menu leaves it as it is
        return now is not None and now is not left and self._ours(now)

    def _hold(self, held: bool) -> bool:
        if held != self._held:
            self._held = held
            self._used = self._alt(held)
        return self._used

    def _lost(self) -> None:
        self._hold(False)
        self._let_go()
        self._released()
