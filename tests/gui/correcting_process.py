"""A napari of its own in which somebody goes on correcting by keys until the process is killed.

python -m tests.gui.correcting_process IMAGE-WITH-A-SESSION
"""

from __future__ import annotations

import hashlib
import sys
import time
from collections.abc import Callable

import napari
import numpy as np
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication

from napari_corrclip.annotation import Session
from napari_corrclip.gui.dock import CorrClipDock
from tests.annotation.random_edits import digest


def maps(session: Session) -> str:
    """A hash of what is seen, whatever can be undone."""
    return hashlib.sha256(session.labels.tobytes() + session.regions.tobytes()).hexdigest()


def wait(until: Callable[[], bool]) -> None:
    end = time.time() + 180
    while not until() and time.time() < end:
        QApplication.processEvents()
        time.sleep(0.005)
    assert until()


def main(path: str) -> None:
    viewer = napari.Viewer(show=True)
    dock = CorrClipDock(viewer)
    viewer.window.add_dock_widget(dock, name="CorrCLIP")
    (layer,) = viewer.open(path, plugin="napari")
    dock.reset_choices()
    dock.image.layer = layer
    QTest.mouseClick(dock.restore_bar.restore_button, Qt.MouseButton.LeftButton)
    wait(lambda: not dock.controller.running)
    session, mode = dock.workspace.session, dock.correct.mode
    assert session is not None, dock.status.text()
    assert mode is not None
    QTest.mouseClick(dock.correct.button, Qt.MouseButton.LeftButton)
    canvas = viewer.window._qt_viewer.canvas.native
    random = np.random.default_rng(0)
    number = 0
    print("ready", flush=True)
    while True:
        ids = random.choice(session.ids, size=3, replace=False).tolist()
        mode.select(ids)
        before = len(session.history.done)
        key = (Qt.Key.Key_1, Qt.Key.Key_2, Qt.Key.Key_3, Qt.Key.Key_Backspace)[random.integers(4)]
        modifiers = Qt.KeyboardModifier.NoModifier
        if number % 7 == 6 and before:
            key, modifiers = Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier
        QTest.keyClick(canvas, key, modifiers)
        QApplication.processEvents()
        number += 1
        print(digest(session), maps(session), flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
