"""Sessions saved in folders that are named like their images."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from qtpy.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QWidget,
)

from napari_corrclip.annotation import Session, has_session
from napari_corrclip.annotation.files.folder import is_session
from napari_corrclip.errors import InputError
from napari_corrclip.gui.image.picture import Picture
from napari_corrclip.gui.model.resources import PathLabel
from napari_corrclip.gui.widgets import Line, button, is_sure
from napari_corrclip.gui.work.exporting import folder_for, name_for
from napari_corrclip.gui.work.said import Kind, Said, Tell
from napari_corrclip.gui.work.with_images import InMemory
from napari_corrclip.gui.work.workspace import Workspace
from napari_corrclip.plugin.writer import SUFFIX


class SessionSaver:
    """The asker for a name, which writes sessions.

    Args:
        parent: of the dialogs.
        workspace: has the sessions.
        tell: is given a sentence.
    """

    def __init__(self, parent: QWidget, workspace: Workspace, tell: Tell) -> None:
        self._parent = parent
        self._workspace = workspace
        self._tell = tell

    def save(self) -> None:
        """Ask for a name for the open session, and write it; one that is there already is asked about."""
        try:
            session, picture = self._workspace.corrected, self._workspace.picture
        except InputError as error:
            self._tell(error)
            return
        if picture is not None:
            self._save(session, picture)

    def save_all(self, kept: Iterable[InMemory]) -> bool:
        """Save several sessions, each under its own name; return whether all of them are."""
        return all(self._save(session.session, session.picture) for session in kept)

    def _save(self, session: Session, picture: Picture) -> bool:
        suggested = (
            self._workspace.saved_in(session)
            or folder_for(picture) / f"{name_for(picture)}{SUFFIX}"
        )
        dialog = NameDialog(self._parent, suggested)
        chosen = dialog.folder() if dialog.exec() else None
        dialog.deleteLater()
        if chosen is None:
            return False
        try:
            if not self._may_write(session, chosen):
                self._tell("Nothing was saved; what lies there is as it was.")
                return False
            self._workspace.save(session, chosen)
        except InputError as error:
            self._tell(error)
            return False
        self._tell(Said(f"Saved the session in {str(chosen)!r}.", Kind.DONE))
        return True

    def _may_write(self, session: Session, folder: Path) -> bool:
        """Ask whether another session is replaced; what this one wrote there last it may write again.

        Raises:
            InputError: corrections are kept there as they are made.
        """
        if self._workspace.lies_in(session, folder):
            return True
        if is_session(folder):
            there = f"{str(folder)!r} holds another session already."
            return is_sure(self._parent, "Save session", there, "Replace")
        if has_session(folder):
            raise InputError(
                f"{str(folder)!r} holds corrections as they are made; choose another name."
            )
        return True


class NameDialog(QDialog):
    """The dialog for a session's name; it is a folder, which dialogs for files go into where it is there.

    Args:
        parent: of the dialog.
        suggested: the folder to begin with.

    Attributes:
        name: the line for the name, or for a whole path.
    """

    def __init__(self, parent: QWidget, suggested: Path) -> None:
        super().__init__(parent)
        self.setWindowTitle("Save session")
        self._into = suggested.parent
        self.name = Line()
        self.name.setText(suggested.name)
        self.name.setMinimumWidth(280)
        self.place = PathLabel()
        choose = button("Choose…", "Write into another folder")
        choose.clicked.connect(self._choose)
        row = QHBoxLayout()
        row.addWidget(self.place, 1)
        row.addWidget(choose)
        kinds = QDialogButtonBox.StandardButton
        self.buttons = QDialogButtonBox(kinds.Save | kinds.Cancel)
        self.buttons.accepted.connect(self.accept)
        self.buttons.rejected.connect(self.reject)
        self.name.returnPressed.connect(self.accept)
        self.name.textChanged.connect(self._show)
        form = QFormLayout(self)
        form.addRow("Name", self.name)
        form.addRow("Into", row)
        form.addRow(self.buttons)
        self._show()
        self.name.setSelection(0, len(suggested.stem))

    def folder(self) -> Path | None:
        """Return the folder that is named; ``None``: none is."""
        folder = self._into / self.name.text().strip()
        if folder == self._into or folder.name in ("", ".."):
            return None
        return folder if folder.suffix == SUFFIX else folder.with_name(f"{folder.name}{SUFFIX}")

    def _show(self) -> None:
        folder = self.folder()
        self.place.show_path(str(self._into if folder is None else folder.parent))
        save = self.buttons.button(QDialogButtonBox.StandardButton.Save)
        assert save is not None
        save.setEnabled(folder is not None)

    def _choose(self) -> None:
        chosen = QFileDialog.getExistingDirectory(
            self, "Save the session into a folder", str(self._into)
        )
        if chosen:
            self._into = Path(chosen)
            self.name.setText(Path(self.name.text()).name)
            self._show()
