"""The menu beside Run: what is done with a whole session."""

from __future__ import annotations

from collections.abc import Callable
from weakref import WeakKeyDictionary

from qtpy.QtWidgets import QFileDialog, QMenu, QPushButton, QWidget

from napari_corrclip.annotation import Session, has_session
from napari_corrclip.annotation.files.folder import is_session
from napari_corrclip.errors import InputError
from napari_corrclip.gui.session.copying import ScriptCopier
from napari_corrclip.gui.session.loading import Loading
from napari_corrclip.gui.widgets import set_tip
from napari_corrclip.gui.work.workspace import Workspace


class SessionMenu(QPushButton):
    """A button with a small menu.

    Args:
        workspace: has what is corrected.
        loading: opens a saved one.
        copier: puts one as a script on the clipboard.
        tell: shows a sentence.
    """

    def __init__(
        self,
        workspace: Workspace,
        loading: Loading,
        copier: ScriptCopier,
        tell: Callable[[str], object],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._workspace = workspace
        self._loading = loading
        self._tell = tell
        self._saved: WeakKeyDictionary[Session, str] = WeakKeyDictionary()
        self.setText("Session")
        set_tip(self, "Save or load the session, or copy it as Python")
        entries = QMenu(self)
        self.save_action = entries.addAction("Save session…")
        self.load_action = entries.addAction("Load session…")
        self.copy_action = entries.addAction("Copy as Python")
        self.setMenu(entries)
        for action, call in (
            (self.save_action, self.save),
            (self.load_action, self.load),
            (self.copy_action, copier.copy),
        ):
            if action is not None:
                action.triggered.connect(lambda *_, call=call: call())

    def save(self) -> None:
        """Ask for a folder and write the session into it; one that is there already is kept."""
        try:
            session = self._workspace.corrected
            folder = QFileDialog.getExistingDirectory(self, "Save the session in a folder")
            if not folder:
                return
            there = is_session(folder) or has_session(folder)
            # What this session wrote there it may write again.
            if there and self._saved.get(session) != folder:
                raise InputError(f"{folder!r} holds a session already; choose another folder.")
            session.save(folder)
            self._saved[session] = folder
        except InputError as error:
            self._tell(str(error))
            return
        self._tell(f"The session was saved in {folder!r}.")

    def load(self) -> None:
        """Ask for a folder and open the session in it on the image that is chosen."""
        try:
            self._loading.check()
            folder = QFileDialog.getExistingDirectory(self, "Load the session of a folder")
            if folder:
                self._loading.begin(folder)
        except InputError as error:
            self._tell(str(error))
