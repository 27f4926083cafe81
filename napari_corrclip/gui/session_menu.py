"""The "…" beside Run: what is done with a whole session."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from qtpy.QtWidgets import QFileDialog, QMenu, QToolButton, QWidget

from napari_corrclip.annotation import Session
from napari_corrclip.annotation.storage import STATE_FILE
from napari_corrclip.errors import InputError


class SessionMenu(QToolButton):
    """A button with a small menu.

    Args:
        session: returns what is corrected; raises :class:`InputError` where nothing is.
        tell: shows a sentence.
        copy: puts the session as a script on the clipboard.
    """

    def __init__(
        self,
        session: Callable[[], Session],
        tell: Callable[[str], object],
        copy: Callable[[], object],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._session = session
        self._tell = tell
        self.setText("…")
        self.setToolTip("Save the session, or copy it as Python")
        self.setMinimumWidth(28)
        # The arrow of a menu would be drawn over the dots.
        self.setStyleSheet("QToolButton::menu-indicator { image: none; width: 0px; }")
        self.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        entries = QMenu(self)
        self.save_action = entries.addAction("Save session…")
        self.copy_action = entries.addAction("Copy as Python")
        self.setMenu(entries)
        if self.save_action is not None:
            self.save_action.triggered.connect(lambda: self.save())
        if self.copy_action is not None:
            self.copy_action.triggered.connect(lambda: copy())

    def save(self) -> None:
        """Ask for a folder and write the session into it; one that is there already is kept."""
        try:
            session = self._session()
            folder = QFileDialog.getExistingDirectory(self, "Save the session in a folder")
            if not folder:
                return
            if (Path(folder) / STATE_FILE).exists():
                raise InputError(f"{folder!r} holds a session already; choose another folder.")
            session.save(folder)
        except InputError as error:
            self._tell(str(error))
            return
        self._tell(f"The session was saved in {folder!r}.")
