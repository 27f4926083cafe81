"""Somebody before a viewer with the dock in it, what they do, and what is waited for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import napari
import numpy as np
from napari.utils import progress
from pytestqt.qtbot import QtBot
from qtpy.QtCore import QEvent, Qt, QThreadPool, QTimer
from qtpy.QtTest import QTest
from qtpy.QtWidgets import (
    QApplication,
    QDialog,
    QDialogButtonBox,
    QMessageBox,
    QPushButton,
)
from scipy.ndimage import distance_transform_edt

from napari_corrclip.annotation import Session
from napari_corrclip.demo.scenes import generate_scene
from napari_corrclip.gui.dock import CorrClipDock
from napari_corrclip.gui.session.saving import NameDialog
from napari_corrclip.gui.work.job import Job
from tests.gui.window import Window

MINUTE = 240_000  # of a machine that has much else to do
Dialog = TypeVar("Dialog", bound=QDialog)


@dataclass
class Person:
    """Somebody before a viewer with the dock in it."""

    viewer: napari.Viewer
    dock: CorrClipDock
    qtbot: QtBot

    def type(self, text: str) -> None:
        self.qtbot.keyClicks(self.dock.words.line, text)
        self.qtbot.keyClick(self.dock.words.line, Qt.Key.Key_Return)

    def press(self, button: QPushButton) -> None:
        """Click on a button, on the page that has it."""
        docked = self.dock.parentWidget()
        if docked is not None:
            docked.raise_()  # as by its tab
        pages = self.dock.pages
        if pages.isAncestorOf(button) and pages.page_of(button) is not pages.page:
            pages.turn_to(pages.page_of(button))
            QApplication.processEvents()  # it has its place then; else nothing may end before the click
        assert not button.visibleRegion().isEmpty() or not self.dock.isVisible(), button.text()
        self.qtbot.mouseClick(button, Qt.MouseButton.LeftButton)

    def wait(self) -> None:
        self.qtbot.waitUntil(lambda: not self.dock.controller.running, timeout=MINUTE)

    def run(self, *, demo: bool = False) -> Session:
        """Press the button, wait, and return what is corrected then."""
        self.press(self.dock.bar.demo_button if demo else self.dock.bar.run_button)
        self.wait()
        session = self.dock.workspace.session
        assert session is not None, self.dock.status.text()
        return session

    def names(self) -> list[str]:
        return [layer.name for layer in self.viewer.layers]

    def agree(self) -> None:
        session, layers = self.dock.workspace.session, self.dock.layers
        assert session is not None
        assert layers is not None
        np.testing.assert_array_equal(layers.labels.data, session.labels)
        np.testing.assert_array_equal(layers.regions.data, session.regions)


class User(Person):
    """Somebody with a whole window: the dock's buttons, and the canvas."""

    @property
    def session(self) -> Session:
        session = self.dock.workspace.session
        assert session is not None, self.dock.status.text()
        return session

    @property
    def window(self) -> Window:
        layers = self.dock.layers
        assert layers is not None
        # The plugin sees what plugins may see; the mouse needs the canvas, which is private.
        seen_by_us: Any = self.viewer
        return Window(seen_by_us.__wrapped__, self.session, layers, [])

    def inside(self, region: int) -> tuple[float, float]:
        """A pixel well inside a region."""
        depth = distance_transform_edt(np.pad(self.session.regions == region, 1))[1:-1, 1:-1]
        row, column = np.unravel_index(int(depth.argmax()), depth.shape)
        return float(row), float(column)

    def undo_all(self) -> int:
        steps = 0
        while self.session.can_undo:
            self.window.undo()
            self.agree()
            steps += 1
        return steps


def start(viewer: napari.Viewer, qtbot: QtBot) -> User:
    viewer.window.resize(1300, 850)
    dock = CorrClipDock(viewer)
    viewer.window.add_dock_widget(dock, name="CorrCLIP")
    return User(viewer, dock, qtbot)


def open_sample(user: User) -> None:
    image, truth = user.viewer.open_sample("napari-corrclip", "scene")
    user.viewer.layers.remove(truth)
    user.dock.reset_choices()
    user.dock.image.layer = image


def open_scene(person: Person) -> None:
    person.viewer.add_image(generate_scene(7).image, name="scene", rgb=True, scale=(0.5, 0.5))
    person.dock.reset_choices()
    person.dock.model.regions.setCurrentText("superpixels")


def run(person: Person) -> None:
    """Press the button and wait, whatever comes of it."""
    person.press(person.dock.bar.run_button)
    person.wait()


def answer(kind: type[Dialog], reply: Callable[[Dialog], object]) -> QTimer:
    """Have the next dialog of a kind answered once it is on the screen.

    Returns:
        The clock by which it is looked for; where none may come, it has to be stopped.
    """
    clock = QTimer(QApplication.instance())

    def look() -> None:
        dialog = QApplication.activeModalWidget()
        if not isinstance(dialog, kind) or not dialog.isVisible():
            return
        clock.stop()
        try:
            reply(dialog)
        except BaseException:  # which fails the test, if it goes on
            dialog.reject()
            raise

    clock.timeout.connect(look)
    clock.start(20)
    _clocks.append(clock)
    return clock


_clocks: list[QTimer] = []


def answer_no_more() -> None:
    """Stop looking for dialogs that did not come, so that none of the next test is answered."""
    while _clocks:
        _clocks.pop().stop()


def click_in(box: QMessageBox, text: str) -> None:
    """Click on the button of that text."""
    (button,) = [one for one in box.buttons() if one.text().replace("&", "") == text]
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)


def name_folder(dialog: NameDialog, name: str) -> None:
    """Type a name for a session, and press Save."""
    dialog.name.selectAll()
    QTest.keyClicks(dialog.name, name)
    box = dialog.buttons
    save = box.button(QDialogButtonBox.StandardButton.Save)
    assert save is not None
    assert save.isEnabled()
    QTest.mouseClick(save, Qt.MouseButton.LeftButton)


def threads_end(qtbot: QtBot) -> None:
    """Wait until no job is in a thread, none waits, and what they had to say was heard."""
    qtbot.waitUntil(
        lambda: not Job._kept and QThreadPool.globalInstance().activeThreadCount() == 0,
        timeout=MINUTE,
    )


def bars() -> list[str]:
    return [str(one.desc) for one in progress._all_instances]


def delete_now() -> None:
    """Delete what is to be deleted, as a running event loop does."""
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
