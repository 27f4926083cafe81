"""The copy as Python: the session as a script, on the clipboard."""

from __future__ import annotations

from pathlib import Path

from PIL import Image
from qtpy.QtWidgets import QApplication, QFileDialog, QWidget

from napari_corrclip.annotation import Session
from napari_corrclip.errors import InputError
from napari_corrclip.gui.work.controller import Controller
from napari_corrclip.gui.work.said import Tell
from napari_corrclip.gui.work.workspace import Workspace
from napari_corrclip.progress import Progress, Steps
from napari_corrclip.scripting import Script, script_steps
from napari_corrclip.storage.files import atomic_path
from napari_corrclip.wording.amounts import count

COPY = "The copy as Python"


class ScriptCopier:
    """The writer of the script, in a thread; it asks where to save an image that is in no file.

    Args:
        parent: of the dialog.
        workspace: has what is corrected.
        controller: works in the thread.
        tell: shows a sentence.
    """

    def __init__(
        self,
        parent: QWidget,
        workspace: Workspace,
        controller: Controller,
        tell: Tell,
    ) -> None:
        self._parent = parent
        self._workspace = workspace
        self._controller = controller
        self._tell = tell

    def copy(self) -> None:
        """Put the script of the session on the clipboard."""
        try:
            session = self._workspace.corrected
        except InputError as error:
            self._tell(error)
            return
        if self._controller.running:
            self._tell("Something runs; copy when it has ended, or cancel it first.")
            return
        self._controller.work(
            script_steps(session), lambda script: self._done(session, script), COPY
        )

    def _done(self, session: Session, script: Script) -> None:
        if not script.image:
            self._save_image(session)
            return
        clipboard = QApplication.clipboard()
        assert clipboard is not None
        clipboard.setText(script.text)
        steps = count(script.steps, "step")
        self._tell(
            f"Copied as Python: the run and {steps} since, in {len(script.text.splitlines())} lines. "
            "Paste them into a file."
        )

    def _save_image(self, session: Session) -> None:
        """Ask for a file for an image that has none, save it, and begin again."""
        picture = self._workspace.picture
        name = "image" if picture is None else picture.name
        path, _ = QFileDialog.getSaveFileName(
            self._parent,
            "A script needs the image in a file: save it as it was segmented",
            f"{name}.png",
            "PNG (*.png)",
        )
        if not path:
            self._tell("Nothing was copied; the image is in no file that a script could read.")
            return
        if Path(path).suffix.lower() != ".png":
            path += ".png"
        self._controller.work(
            _save_steps(session, path), lambda script: self._done(session, script), COPY
        )


def _save_steps(session: Session, path: str) -> Steps[Script]:
    assert session.image is not None
    writing = script_steps(session, path)  # copies the session at once
    yield Progress("save the image", 0, 1)
    with atomic_path(path) as temporary:
        Image.fromarray(session.image).save(temporary)
    return (yield from writing)
