"""The question before napari's window is closed with corrections that are in memory only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from weakref import WeakKeyDictionary

import napari
from qtpy.QtCore import QEvent, QObject, QTimer
from qtpy.QtWidgets import QMessageBox, QWidget

from napari_corrclip.annotation import Session
from napari_corrclip.errors import CorrClipError
from napari_corrclip.gui.canvas.cover import canvas_of
from napari_corrclip.gui.session.saving import SessionSaver
from napari_corrclip.gui.widgets import question
from napari_corrclip.gui.work.said import Kind, Said
from napari_corrclip.gui.work.with_images import InMemory
from napari_corrclip.gui.work.workspace import Workspace
from napari_corrclip.wording.amounts import count

NAMED = 5
"""So many images are named in the question."""
_ANSWERED: WeakKeyDictionary[QWidget, list[Session]] = WeakKeyDictionary()
"""The sessions that were asked about as a window was being closed, for another dock in it."""
_ALONE: WeakKeyDictionary[QWidget, list[InMemory]] = WeakKeyDictionary()


def alone_in(viewer: napari.viewer.Viewer) -> list[InMemory]:
    """Return the sessions that a window keeps without their images; all docks in it have the same list."""
    canvas = canvas_of(viewer)
    window = None if canvas is None else canvas.window()
    return [] if window is None else _ALONE.setdefault(window, [])


class Quitting(QObject):
    """A watch on napari's window: what would be lost with it is asked about before it closes.

    It outlives the dock, where corrections stay in memory with their image.

    Args:
        viewer: whose window.
        workspace: has the sessions.
    """

    def __init__(self, viewer: napari.viewer.Viewer, workspace: Workspace) -> None:
        canvas = canvas_of(viewer)
        window = None if canvas is None else canvas.window()
        super().__init__(window)
        self._viewer = viewer
        self._workspace = workspace
        self._clearing = False  # whether layers went just now, as where a script closes the window
        # After those who keep a session with its image when its layers go.
        viewer.layers.events.removed.connect(self._removed, position="last")
        if window is not None:
            window.installEventFilter(self)

    @property
    def _window(self) -> QWidget | None:
        """The window; not held, for it is deleted when nobody in Python has it."""
        parent = self.parent()
        return parent if isinstance(parent, QWidget) else None

    @property
    def lost(self) -> list[InMemory]:
        """What would be lost with the window; nothing where a script closes it: that clears the layers."""
        layers = self._viewer.layers
        if self._clearing and not len(layers):
            return []
        return self._workspace.only_in_memory(layers)

    def _removed(self, event: Any) -> None:
        """What was done to an image that somebody removes is not lost with it."""
        self._workspace.keep_alone(event.value)
        self._clearing = True
        QTimer.singleShot(0, self._cleared)

    def _cleared(self) -> None:
        self._clearing = False

    @property
    def lost_with_dock(self) -> list[InMemory]:
        """What would be lost with the dock: what is kept with an image, or with the window, stays."""
        layers = self._viewer.layers
        return [
            kept
            for kept in self.lost
            if kept.picture.layer not in layers and not self._workspace.is_alone(kept)
        ]

    def may_go(self, lost: Sequence[InMemory], leave: str, because: str) -> bool:
        """Ask what becomes of corrections that are in memory only, and save them if that is wanted.

        Args:
            lost: what is asked about.
            leave: what the button says that loses it.
            because: a sentence on why it would be lost, with ``{They go}`` or ``{they go}`` in it.

        Returns:
            Whether what would lose them may go on.
        """
        window = self._window
        if not lost or window is None:
            return True
        save = _is_to_be_saved(window, lost, leave, because)
        saver = SessionSaver(window, self._workspace, self._tell)
        return save is False or (save is True and saver.save_all(lost))

    def stop(self) -> None:
        """Ask no more."""
        self._viewer.layers.events.removed.disconnect(self._removed)
        window = self._window
        if window is not None:
            window.removeEventFilter(self)
            self.setParent(None)

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """Keep the window open where a person wants it to stay."""
        closes = event is not None and event.type() == QEvent.Type.Close
        if event is None or not closes or watched is not self._window or self._may_close():
            return False
        event.ignore()
        return True

    def _may_close(self) -> bool:
        window = self._window
        if window is None or not window.isVisible():
            return True  # where nobody sees the window, as in a script, nobody answers
        answered = _ANSWERED.setdefault(window, [])
        lost = [kept for kept in self.lost if kept.session not in answered]
        if not self.may_go(lost, "Quit without saving", "{They go} with napari."):
            return False
        if lost:
            # Another dock need not ask about them; but napari may stay open yet, by a question of its own.
            answered += [kept.session for kept in lost]
            QTimer.singleShot(0, answered.clear)
        return True

    def _tell(self, told: str | Said | CorrClipError) -> None:
        """Show why something was not saved; the dock's own line may be gone."""
        said = Said.of(told)
        if said.kind is Kind.WARNING:
            box = question(self._window, "Not saved", said.text)
            box.exec()
            box.deleteLater()


def _is_to_be_saved(
    parent: QWidget, lost: Sequence[InMemory], leave: str, because: str
) -> bool | None:
    """Ask what becomes of corrections that are in memory only.

    Args:
        parent: of the window that asks.
        lost: what is asked about.
        leave: what the button says that loses it.
        because: as of :meth:`Quitting.may_go`.

    Returns:
        ``True``: it is to be saved; ``False``: it may be lost; ``None``: nothing is to happen.
    """
    steps = sum(len(kept.session.history.done) for kept in lost)
    names = list(dict.fromkeys(kept.picture.title for kept in lost))
    named = ", ".join(names[:NAMED])
    if len(names) > NAMED:
        named += f" and {len(names) - NAMED} more"
    verb, they = ("is", "it goes") if steps == 1 else ("are", "they go")
    because = because.replace("{they go}", they).replace("{They go}", they.capitalize())
    box = question(
        parent,
        "Not saved",
        f"{count(steps, 'correction')} of {named} {verb} in memory only. {because}",
    )
    save = box.addButton("Save…", QMessageBox.ButtonRole.AcceptRole)
    lose = box.addButton(leave, QMessageBox.ButtonRole.DestructiveRole)
    box.addButton(QMessageBox.StandardButton.Cancel)
    box.setDefaultButton(save)
    box.exec()
    pressed = box.clickedButton()
    box.deleteLater()
    return True if pressed is save else False if pressed is lose else None
