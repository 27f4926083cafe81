"""The screen's own pointer, moved and pressed as a hand does it; for what QTest cannot do: a drag.

While something is dragged, Qt reads the pointer from the screen and lets nobody in. So the hand is a
thread with a connection of its own to the X server, by its extension XTEST.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import os
import threading
import time
from collections.abc import Sequence
from itertools import pairwise

from qtpy.QtCore import QPoint

PAUSE = 0.05
"""Seconds between two movements of the hand."""


def has_pointer() -> bool:
    """Whether there is an X server with XTEST."""
    names = [ctypes.util.find_library(name) for name in ("X11", "Xtst")]
    return all(names) and bool(os.environ.get("DISPLAY"))


def drag(way: Sequence[QPoint]) -> threading.Thread:
    """Press the left button at the first point of ``way`` and let it go at the last, in a thread."""
    hand = threading.Thread(target=_drag, args=([(one.x(), one.y()) for one in way],), daemon=True)
    hand.start()
    return hand


def _drag(way: Sequence[tuple[int, int]]) -> None:
    x11, xtst = (ctypes.CDLL(ctypes.util.find_library(name)) for name in ("X11", "Xtst"))
    x11.XOpenDisplay.restype = ctypes.c_void_p
    display = ctypes.c_void_p(x11.XOpenDisplay(None))

    def do(what: str, *values: int) -> None:
        getattr(xtst, what)(display, *values)
        x11.XSync(display, 0)
        time.sleep(PAUSE)

    do("XTestFakeMotionEvent", -1, *way[0], 0)
    do("XTestFakeButtonEvent", 1, 1, 0)
    try:
        for (left, top), (right, bottom) in pairwise(way):
            for part in range(1, 11):
                x = left + (right - left) * part // 10
                y = top + (bottom - top) * part // 10
                do("XTestFakeMotionEvent", -1, x, y, 0)
        time.sleep(10 * PAUSE)  # a hand rests before it lets go
    finally:
        do("XTestFakeButtonEvent", 1, 0, 0)
        x11.XCloseDisplay(display)
