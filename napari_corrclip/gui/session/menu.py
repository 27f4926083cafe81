"""The buttons for a whole session: saved, loaded, copied as Python."""

from __future__ import annotations

from qtpy.QtWidgets import QFileDialog, QVBoxLayout, QWidget

from napari_corrclip.errors import InputError
from napari_corrclip.gui.session.copying import ScriptCopier
from napari_corrclip.gui.session.loading import Loading
from napari_corrclip.gui.session.saving import SessionSaver
from napari_corrclip.gui.widgets import button
from napari_corrclip.gui.work.said import Tell


class SessionMenu(QWidget):
    """A row of buttons for the whole session.

    Args:
        saver: saves the open one.
        loading: opens a saved one.
        copier: puts one as a script on the clipboard.
        tell: shows a sentence.
    """

    def __init__(
        self,
        saver: SessionSaver,
        loading: Loading,
        copier: ScriptCopier,
        tell: Tell,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._loading = loading
        self._tell = tell
        self.save_button = button("Save session…", "Write all that was decided, to go on anywhere")
        self.load_button = button("Load session…", "Go on with a saved one on the chosen image")
        self.copy_button = button("Copy as Python", "A script that makes the same labels again")
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        for pressed, call in (
            (self.save_button, saver.save),
            (self.load_button, self.load),
            (self.copy_button, copier.copy),
        ):
            column.addWidget(pressed)
            pressed.clicked.connect(lambda *_, call=call: call())

    def load(self) -> None:
        """Ask for a folder and open the session in it on the image that is chosen."""
        try:
            self._loading.check()
            folder = QFileDialog.getExistingDirectory(self, "Load the session of a folder")
            if folder:
                self._loading.begin(folder)
        except InputError as error:
            self._tell(error)
