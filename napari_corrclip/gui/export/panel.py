"""The panel that writes the labels of the open session under its image's name."""

from __future__ import annotations

from pathlib import Path

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QCheckBox, QFileDialog, QHBoxLayout, QVBoxLayout, QWidget

from napari_corrclip.annotation import Session
from napari_corrclip.errors import InputError
from napari_corrclip.gui.model.resources import PathLabel
from napari_corrclip.gui.widgets import Label, button, is_sure, primary_button, set_tip
from napari_corrclip.gui.work.controller import Controller
from napari_corrclip.gui.work.exporting import FORMATS, export_steps, folder_for, name_for, paths_of
from napari_corrclip.gui.work.said import Kind, Said, Tell
from napari_corrclip.gui.work.workspace import Workspace
from napari_corrclip.wording.amounts import count

BEGIN = ("png", "table")
"""The formats that are chosen at first."""


class ExportPanel(QWidget):
    """The formats, where they go, and the button that writes them.

    Args:
        workspace: has what is corrected.
        controller: writes in the thread, where nothing else is at work.
        tell: is given a sentence.

    Attributes:
        boxes: which formats are wanted, by the names of
            :data:`~napari_corrclip.gui.work.exporting.FORMATS`.
        folder: where the files go; ``None``: beside the image.
    """

    def __init__(
        self,
        workspace: Workspace,
        controller: Controller,
        tell: Tell,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._workspace = workspace
        self._controller = controller
        self._tell = tell
        self.folder: Path | None = None
        self.boxes: dict[str, QCheckBox] = {}
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 4, 0, 0)
        column.setSpacing(4)
        for name, kind in FORMATS.items():
            self.boxes[name] = box = QCheckBox(kind.title)
            box.setChecked(name in BEGIN)
            box.toggled.connect(self.refresh)
            set_tip(box, kind.tip)
            column.addWidget(box, 0, Qt.AlignmentFlag.AlignLeft)  # all of it can be clicked
        self.place = PathLabel()
        self.choose_button = button("Choose…", "Write into another folder")
        self.choose_button.setAccessibleName("Choose the folder of the files")
        self.choose_button.clicked.connect(self.choose)
        row = QHBoxLayout()
        row.addWidget(Label("Into"))
        row.addWidget(self.place, 1)
        row.addWidget(self.choose_button)
        column.addLayout(row)
        self.names = Label()
        self.names.setWordWrap(True)
        column.addWidget(self.names)
        self.void = Label()
        self.void.setWordWrap(True)
        column.addWidget(self.void)
        self.button = primary_button("Export", "Write these files")
        self.button.clicked.connect(self.export)
        workspace.opened.connect(self.refresh)
        workspace.left.connect(self.refresh)
        self.refresh()

    @property
    def formats(self) -> list[str]:
        """The formats that are wanted."""
        return [name for name, box in self.boxes.items() if box.isChecked()]

    def look_again(self, *_: object) -> None:
        """Take note of an edit, where that is seen."""
        if self.isVisible():
            self.refresh()

    def refresh(self, *_: object) -> None:
        """Show where the files of what is corrected would go."""
        picture = self._workspace.picture
        there = self._workspace.session is not None and picture is not None
        self.button.setEnabled(there and bool(self.formats))
        if picture is None or not there:
            self.place.show_path("")
            self.names.setText("Nothing is corrected yet.")
            self.void.setText("")
            return
        folder = self.folder or folder_for(picture)
        self.place.show_path(str(folder))
        set_tip(self.place, str(folder))
        names = [path.name for path in paths_of(folder, name_for(picture), self.formats)]
        # Side by side: five formats are more lines than a low screen has.
        self.names.setText(", ".join(names) or "No format is chosen.")
        self.void.setText(_void(self._workspace.corrected))

    def choose(self) -> None:
        """Ask for the folder."""
        chosen = QFileDialog.getExistingDirectory(self, "Write the files into a folder")
        if chosen:
            self.folder = Path(chosen)
            self.refresh()

    def export(self) -> None:
        """Write the files; those that are there already are asked about."""
        try:
            session, picture = self._workspace.corrected, self._workspace.picture
            if self._controller.running:
                raise InputError("Something is at work; wait for it or cancel it, then export.")
        except InputError as error:
            self._tell(error)
            return
        if picture is None:
            return
        folder, name = self.folder or folder_for(picture), name_for(picture)
        there = [path.name for path in paths_of(folder, name, self.formats) if path.exists()]
        if there and not self._may_replace(there, folder):
            self._tell("Nothing was written; the files are as they were.")
            return

        def done(paths: list[Path]) -> None:
            names = ", ".join(path.name for path in paths)
            self._tell(
                Said(f"Wrote {count(len(paths), 'file')} into {str(folder)!r}: {names}.", Kind.DONE)
            )

        self._controller.work(export_steps(session, folder, name, self.formats), done, "The export")

    def _may_replace(self, names: list[str], folder: Path) -> bool:
        there = (
            f"{', '.join(names)} {'is' if len(names) == 1 else 'are'} in {str(folder)!r} already."
        )
        return is_sure(self, "Export", there, "Replace")


def _void(session: Session) -> str:
    """Say how much of a session is left out of training, and how the files say so."""
    rows = session.rows()
    ignored = sum(row.verdict is not None and row.verdict.kind == "ignored" for row in rows)
    if not ignored:
        return "Pixels without a class are void (0). No region is ignored."
    return (
        f"{count(ignored, 'ignored region')} {'is' if ignored == 1 else 'are'} void (0 in the labels, like "
        "pixels without a class): left out of training."
    )
