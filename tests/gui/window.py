"""A viewer on a real screen with a session in it, and somebody at its mouse and keys."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import napari
import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QEvent, QPoint, QPointF, Qt
from qtpy.QtGui import QImage, QMouseEvent
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QWidget

from napari_corrclip.annotation import Session
from napari_corrclip.errors import CorrClipError
from napari_corrclip.gui.canvas.cover import Cover
from napari_corrclip.gui.canvas.schemes import FAINT, HIGHLIGHTS, Level
from napari_corrclip.gui.layers.session_layers import SessionLayers
from napari_corrclip.gui.work.said import OVER, Said, Tell

SIDE = 96


def settle(viewer: napari.Viewer) -> None:
    """Wait until rows that came or went above and beside the canvas have given it its size.

    A hand sees where it presses; a point that was computed for another size is elsewhere.
    """
    canvas = viewer.window._qt_viewer.canvas
    since = time.monotonic()
    size, rest = canvas.native.size(), 0
    while rest < 3 and time.monotonic() - since < 10:
        QTest.qWait(3)
        shown = tuple(int(side) for side in canvas._scene_canvas.size)
        now = canvas.native.size()
        rest = rest + 1 if now == size and shown == (now.width(), now.height()) else 0
        size = now


def hearing(told: list[str]) -> Tell:
    """Return what a person is told by, which adds the sentences to a list."""

    def hear(said: str | Said | CorrClipError) -> None:
        if Said.of(said) != OVER:
            told.append(Said.of(said).text)

    return hear


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

    def over(self) -> NDArray[np.uint32]:
        """What is drawn over the middle of each pixel of the image, (H, W); 0 where it is not in view."""
        self.settle()
        (cover,) = self.canvas.findChildren(Cover)
        image = cover.grab().toImage().convertToFormat(QImage.Format.Format_ARGB32_Premultiplied)
        raw = image.constBits()
        assert raw is not None
        drawn = np.frombuffer(raw.asstring(image.sizeInBytes()), np.uint32)  # type: ignore[attr-defined]
        drawn = drawn.reshape(image.height(), image.width())
        view = cover.view()
        assert view is not None
        shape = self.session.shape
        middles = np.indices(shape).reshape(2, -1).T + 0.5
        places = np.floor(view.on_screen(middles)).astype(int)
        inside = ((places >= 0) & (places < drawn.shape)).all(axis=1)
        found = np.zeros(len(places), np.uint32)
        found[inside] = drawn[tuple(places[inside].T)]
        return found.reshape(shape)

    def stand_out(self, regions: Sequence[int], level: Level = Level.SELECTED) -> None:
        """Check that exactly these regions stand out on the screen."""
        colors = (*HIGHLIGHTS[level], FAINT)
        inside = np.isin(self.session.regions, list(regions))
        np.testing.assert_array_equal(np.isin(self.over(), colors), inside)

    def undo(self) -> None:
        self.key(Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)

    def redo(self) -> None:
        both = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier
        self.key(Qt.Key.Key_Z, both)

    def agree(self) -> None:
        np.testing.assert_array_equal(self.layers.labels.data, self.session.labels)
        np.testing.assert_array_equal(self.layers.regions.data, self.session.regions)
