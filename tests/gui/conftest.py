"""A viewer on a real screen, and somebody at its mouse and keys."""

from __future__ import annotations

import gc
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

# A widget that outlives its viewer fails the test; read when the first viewer is made.
os.environ.setdefault("NAPARI_STRICT_QT", "1")

import napari
import napari.settings
import numpy as np
import pytest
from qtpy.QtCore import QEvent, QPoint, QPointF, Qt
from qtpy.QtGui import QMouseEvent
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QWidget
from scipy.ndimage import binary_erosion

from napari_corrclip.annotation import Session
from napari_corrclip.annotation.encoded_cache import FEATURES
from napari_corrclip.gui.correct import CorrectMode
from napari_corrclip.gui.layers.session_layers import SessionLayers
from napari_corrclip.weights.cache import PREFERENCES
from tests.annotation.images import small_result

SIDE = 96


@dataclass
class Window:
    """A viewer on the screen with a session in it, and somebody at its mouse and keys."""

    viewer: napari.Viewer
    session: Session
    layers: SessionLayers
    told: list[str]

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
        """Wait until rows that came or went above and beside the canvas have given it its size.

        A hand sees where it presses; a point that was computed for another size is elsewhere.
        """
        since = time.monotonic()
        size, rest = self.canvas.size(), 0
        while rest < 3 and time.monotonic() - since < 10:
            QTest.qWait(10)
            shown = tuple(
                int(side) for side in self.viewer.window._qt_viewer.canvas._scene_canvas.size
            )
            now = self.canvas.size()
            rest = rest + 1 if now == size and shown == (now.width(), now.height()) else 0
            size = now

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


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """In CI, give the tests of the window a second chance; the summary names those that took it.

    They press and wait in real time beside a window system, threads and other tests. At one's desk they
    have one chance, as all others have everywhere; so has what hypothesis finds.
    """
    if os.environ.get("CI"):
        for item in items:
            if item.path.parent == Path(__file__).parent and "hypothesis" not in item.keywords:
                item.add_marker(pytest.mark.flaky(reruns=1))


@pytest.fixture(scope="session", autouse=True)
def _libraries() -> None:
    import napari._qt.qt_viewer  # noqa: F401

    gc.collect()


@pytest.fixture(autouse=True)
def _old_objects_are_left_alone(_libraries: None) -> None:
    """Take all that is there by now (libraries, what other tests left) out of garbage collection.

    napari's fixture collects five times a test; looking through torch and what it brings each time takes
    longer than most tests.
    """
    gc.freeze()


@pytest.fixture(autouse=True)
def _own_preferences(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Read and write settings of plugins in a folder of the test's own, and forget them after it.

    napari's fixture for that, ``plugin_settings``, hides installed plugins; and this one is to be there.
    """
    with pytest.MonkeyPatch.context() as patch:
        for name in ("folder", "offline"):
            patch.setattr(PREFERENCES, name, getattr(PREFERENCES, name))
        for name in ("_limit", "preferred"):
            patch.setattr(FEATURES, name, getattr(FEATURES, name))
        patch.setattr(FEATURES, "_kept", [])  # what other tests left is not counted
        forget = getattr(napari.settings, "_clear_plugin_settings_cache", None)  # napari >= 0.9
        if forget is None:
            yield
            return
        place = tmp_path_factory.mktemp("preferences") / "settings.yaml"
        patch.setattr(napari.settings, "_CFG_PATH", str(place))
        forget()
        yield
        forget()


@pytest.fixture
def make_napari_viewer(
    make_napari_viewer: Callable[..., napari.Viewer],
) -> Iterator[Callable[..., napari.Viewer]]:
    """napari's own, with what was to be deleted deleted before it looks for leaks.

    An event loop that runs does so; that of a test has ended.
    """
    yield make_napari_viewer
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)


@pytest.fixture
def window(make_napari_viewer: Callable[..., napari.Viewer]) -> Iterator[Window]:
    result, image = small_result((SIDE, SIDE))
    viewer = make_napari_viewer(show=True)
    viewer.add_image(image, rgb=True)
    session = Session(result, image)
    told: list[str] = []
    layers = SessionLayers(viewer, session, tell=told.append)
    window = Window(viewer, session, layers, told)
    window.settle()
    viewer.reset_view()
    QApplication.processEvents()
    yield window
    layers.close()


@pytest.fixture
def mode(window: Window) -> Iterator[CorrectMode]:
    mode = CorrectMode(window.viewer, window.layers, window.told.append)
    mode.start()
    window.viewer.layers.selection.active = window.layers.labels
    yield mode
    mode.stop()
