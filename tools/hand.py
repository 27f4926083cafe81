"""Somebody at the mouse and the keys of a real window, for the tools that do what a person does."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import napari
from qtpy.QtCore import QEvent, QPoint, QPointF, Qt
from qtpy.QtGui import QMouseEvent
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QWidget

from napari_corrclip.annotation import Session
from napari_corrclip.gui.dock import CorrClipDock

Place = Sequence[float]
"""A place of the image: row and column."""
NONE = Qt.KeyboardModifier.NoModifier
LEFT, RIGHT = Qt.MouseButton.LeftButton, Qt.MouseButton.RightButton


class Hand:
    """A window with the dock in it, and what is pressed and drawn there.

    Attributes:
        actions: clicks, keys, strokes and what else counted as one.
    """

    def __init__(self, size: tuple[int, int] = (1400, 900), theme: str = "dark") -> None:
        self.actions = 0
        self.viewer = napari.Viewer(show=True, title="napari")
        self.viewer.theme = theme
        self.viewer.window.resize(*size)
        _, made = self.viewer.window.add_plugin_dock_widget("napari-corrclip", "CorrCLIP")
        self.dock: CorrClipDock = made
        self.settle()

    def settle(self, seconds: float = 0.4) -> None:
        """Let everything be drawn."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            QApplication.processEvents()
            time.sleep(0.005)

    def wait(self, until: Callable[[], bool]) -> None:
        """Wait as long as it takes."""
        end = time.monotonic() + 600
        while not until():
            self.settle(0.005)
            if time.monotonic() > end:
                raise TimeoutError(self.dock.status.text())

    def wait_for_result(self) -> None:
        """Wait until a run has ended, and show all of its image."""
        self.wait(
            lambda: not self.dock.controller.running and self.dock.workspace.session is not None
        )
        self.viewer.reset_view()
        self.settle()

    @property
    def canvas(self) -> QWidget:
        """Where napari draws."""
        return self.viewer.window._qt_viewer.canvas.native

    @property
    def session(self) -> Session:
        """What is corrected."""
        session = self.dock.workspace.session
        assert session is not None, self.dock.status.text()
        return session

    def at(self, place: Place) -> QPoint:
        """Where a place of the image is on the canvas."""
        size = self.canvas.size()
        camera: Any = getattr(self.viewer, "scene", self.viewer).camera  # napari 0.9 moved it
        _, row, column = camera.center
        return QPoint(
            round(size.width() / 2 + (place[1] - column) * camera.zoom),
            round(size.height() / 2 + (place[0] - row) * camera.zoom),
        )

    def type(self, text: str) -> None:
        """Type words and Enter."""
        QTest.keyClicks(self.dock.words.line, text)
        QTest.keyClick(self.dock.words.line, Qt.Key.Key_Return)
        self._done()

    def key(self, key: Qt.Key, modifiers: Any = NONE) -> None:
        """Press a key over the canvas and let it go."""
        QTest.keyClick(self.canvas, key, modifiers)
        self._done()

    def hover(self, place: Place, held: Qt.MouseButton = Qt.MouseButton.NoButton) -> None:
        """Move the mouse to a place of the image."""
        where = self.at(place)
        event = QMouseEvent(
            QEvent.Type.MouseMove, QPointF(where), QPointF(self.canvas.mapToGlobal(where)),
            Qt.MouseButton.NoButton, held, NONE,
        )  # fmt: skip
        QApplication.sendEvent(self.canvas, event)
        QApplication.processEvents()

    def click(self, place: Place, modifiers: Any = NONE, button: Qt.MouseButton = LEFT) -> None:
        """Click on a place of the image."""
        self.hover(place)
        QTest.mouseClick(self.canvas, button, modifiers, self.at(place))
        self._done()

    def sweep(
        self,
        key: Qt.Key,
        places: Sequence[Place],
        before_release: Callable[[], object] = lambda: None,
    ) -> None:
        """Hold a key and draw a stroke over places of the image: two actions."""
        self.hover(places[0])
        QTest.keyPress(self.canvas, key)
        QTest.mousePress(self.canvas, LEFT, pos=self.at(places[0]))
        for place in places[1:]:
            time.sleep(0.012)  # vispy leaves out moves that follow within 10 ms
            self.hover(place, LEFT)
        before_release()
        QTest.mouseRelease(self.canvas, LEFT, pos=self.at(places[-1]))
        QTest.keyRelease(self.canvas, key)
        self._done(2)

    def close(self) -> None:
        """Leave."""
        self.dock.cleanup()
        self.viewer.close()
        self.settle(0.2)

    def _done(self, actions: int = 1) -> None:
        self.actions += actions
        QApplication.processEvents()
