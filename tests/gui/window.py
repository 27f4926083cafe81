"""A viewer on a real screen with a session in it, and somebody at its mouse and keys."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import napari
import numpy as np
from qtpy.QtCore import QEvent, QPoint, QPointF, Qt
from qtpy.QtGui import QMouseEvent
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QWidget
from scipy.ndimage import binary_erosion

from napari_corrclip.annotation import Session
from napari_corrclip.errors import CorrClipError
from napari_corrclip.gui.layers.session_layers import SessionLayers
from napari_corrclip.gui.work.said import Said, Tell

SIDE = 96


def settle(viewer: napari.Viewer) -> None:
    """Wait until rows that came or went above and beside the canvas have given it its size.

    A hand sees where it presses; a point that was computed for another size is elsewhere.
    """
    canvas = viewer.window._qt_viewer.canvas
    since = time.monotonic()
    size, rest = canvas.native.size(), 0
    while rest < 3 and time.monotonic() - since < 10:
        QTest.qWait(10)
        shown = tuple(int(side) for side in canvas._scene_canvas.size)
        now = canvas.native.size()
        rest = rest + 1 if now == size and shown == (now.width(), now.height()) else 0
        size = now


def hearing(told: list[str]) -> Tell:
    """Return what a person is told by, which adds the sentences to a list."""
    return lambda said: told.append(Said.of(said).text)


@dataclass
class Window:
    """A viewer on the screen with a session in it, and somebody at its mouse and keys."""

    viewer: napari.Viewer
    session: Session
    layers: SessionLayers
    told: list[str]

    def tell(self, told: str | Said | CorrClipError) -> None:
        hearing(self.told)(told)

    @property
    def canvas(self) -> QWidget:
        return self.viewer.window._qt_viewer.canvas.native

    def at(self, row: float, column: float) -> QPoint:
        """Where a pixel of the image is on the canvas."""
        size = self.canvas.size()
        camera = getattr(self.viewer, "scene", self.viewer).camera  # napari 0.9 moved it
        _, centre_row, centre_column = camera.center
        zoom = camera.zoom
        return QPoint(
            round(size.width() / 2 + (column - centre_column) * zoom),
            round(size.height() / 2 + (row - centre_row) * zoom),
        )

    def settle(self) -> None:
        """See :func:`settle`."""
        settle(self.viewer)

    def stroke(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        self.settle()
        steps = [QPoint(self.at(*start)), QPoint(self.at(*end))]
        QTest.mouseMove(self.canvas, steps[0])
        QTest.mousePress(self.canvas, Qt.MouseButton.LeftButton, pos=steps[0])
        QApplication.processEvents()
        for part in np.linspace(0, 1, 5)[1:]:
            row, column = (a + part * (b - a) for a, b in zip(start, end, strict=True))
            self._move(self.at(row, column))
        QTest.mouseRelease(self.canvas, Qt.MouseButton.LeftButton, pos=steps[1])
        QApplication.processEvents()

    def hover(self, row: float, column: float) -> None:
        """Move without a button; of a QTest.mouseMove Qt tells when the screen does."""
        self.settle()
        self._move(self.at(row, column), Qt.MouseButton.NoButton)

    def _move(self, where: QPoint, held: Qt.MouseButton = Qt.MouseButton.LeftButton) -> None:
        """Move with a button held down, which QTest.mouseMove does not say."""
        event = QMouseEvent(
            QEvent.Type.MouseMove,
            QPointF(where),
            QPointF(self.canvas.mapToGlobal(where)),
            Qt.MouseButton.NoButton,
            held,
            Qt.KeyboardModifier.NoModifier,
        )
        QApplication.sendEvent(self.canvas, event)
        QApplication.processEvents()

    def click(
        self,
        row: float,
        column: float,
        modifiers: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier,
        button: Qt.MouseButton = Qt.MouseButton.LeftButton,
    ) -> None:
        self.settle()
        where = self.at(row, column)
        QTest.mouseMove(self.canvas, where)
        QApplication.processEvents()
        QTest.mouseClick(self.canvas, button, modifiers, where)
        QApplication.processEvents()

    def key(
        self, key: Qt.Key, modifiers: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier
    ) -> None:
        QTest.keyClick(self.canvas, key, modifiers)
        QApplication.processEvents()

    def outlines(self, name: str, regions: Sequence[int]) -> None:
        """Check that an overlay marks the outline of ``regions``, two pixels wide, where they are."""
        overlay = self.viewer.layers[name]
        inside = np.isin(self.session.regions, list(regions))
        want = inside & ~binary_erosion(inside, iterations=2)
        row, column = np.round(self.layers.regions.world_to_data(overlay.data_to_world((0, 0))))
        drawn = np.zeros(inside.shape, bool)
        high, wide = overlay.data.shape
        drawn[int(row) : int(row) + high, int(column) : int(column) + wide] = overlay.data
        np.testing.assert_array_equal(drawn, want)

    def undo(self) -> None:
        self.key(Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)

    def redo(self) -> None:
        both = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier
        self.key(Qt.Key.Key_Z, both)

    def agree(self) -> None:
        np.testing.assert_array_equal(self.layers.labels.data, self.session.labels)
        np.testing.assert_array_equal(self.layers.regions.data, self.session.regions)
