"""The panel that writes labels to files: of the image that is corrected, or of the whole set."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from qtpy.QtWidgets import QFileDialog, QHBoxLayout, QVBoxLayout, QWidget

from napari_corrclip.errors import InputError
from napari_corrclip.gui.export.files import FilesPanel, void_text
from napari_corrclip.gui.export.trainer import TrainerPanel, numbers_text
from napari_corrclip.gui.model.resources import PathLabel
from napari_corrclip.gui.widgets import Label, button, combo, is_sure, primary_button, set_tip
from napari_corrclip.gui.work.controller import Controller
from napari_corrclip.gui.work.exporting import export_steps, folder_for, name_for, paths_of
from napari_corrclip.gui.work.handing_on import image_steps, item_steps, set_steps
from napari_corrclip.gui.work.said import Kind, Said, Tell
from napari_corrclip.gui.work.workspace import Workspace
from napari_corrclip.project.export.exporting import Exported
from napari_corrclip.project.export.format import Format
from napari_corrclip.project.export.formats import WRITTEN
from napari_corrclip.project.export.manifest import has_manifest
from napari_corrclip.project.exporting import LABELLED
from napari_corrclip.project.folder import SUFFIX
from napari_corrclip.project.project import Project
from napari_corrclip.project.records import ItemRecord, ItemState
from napari_corrclip.vocabulary import Vocabulary
from napari_corrclip.wording.amounts import count

OWN = "Separate files"
THIS = "This image"
SETS: Mapping[str, tuple[ItemState, ...]] = {
    "All that have labels": (),
    "All that are verified": (ItemState.VERIFIED,),
}


class ExportPanel(QWidget):
    """The panel: what is written, in which format, where to, and the button that does it.

    Args:
        workspace: has what is corrected.
        controller: writes in the thread, where nothing else is at work.
        tell: is given a sentence.

    Attributes:
        what: this image, or which ones of the set; shown where there is a set.
        kind: the format.
        files, trainer: the choices of either kind of format.
        folder: into which the person wants it; ``None``: beside the project, or else the image.
        project: returns the set that is open, or ``None``.
        item: returns the item of the set whose session is open, or ``None``.
        keep: lets the disk have all that was done to the set.
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
        self.project: Callable[[], Project | None] = lambda: None
        self.item: Callable[[], ItemRecord | None] = lambda: None
        self.keep: Callable[[], object] = lambda: None
        self.what = combo((THIS, *SETS), "Of which images labels are written")
        self.what.setAccessibleName("Of which images")
        self.what.hide()
        self.kind = combo((), "In which format")
        self.kind.setAccessibleName("Format")
        self.files, self.trainer = FilesPanel(), TrainerPanel()
        self.boxes = self.files.boxes
        self.place = PathLabel()
        self.choose_button = button("Choose…", "Write into another folder")
        self.choose_button.setAccessibleName("Choose the folder of the files")
        self.choose_button.clicked.connect(self.choose)
        into = QHBoxLayout()
        into.addWidget(Label("Into"))
        into.addWidget(self.place, 1)
        into.addWidget(self.choose_button)
        self.names, self.void = Label(), Label()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 4, 0, 0)
        column.setSpacing(4)
        for part in (self.what, self.kind, self.files, self.trainer):
            column.addWidget(part)
        column.addLayout(into)
        for said in (self.names, self.void):
            said.setWordWrap(True)
            column.addWidget(said)
        self.button = primary_button("Export", "Write these files")
        self.button.clicked.connect(self.export)
        self._offer_kinds()
        self.what.currentIndexChanged.connect(self._other_images)
        self.kind.currentIndexChanged.connect(self.refresh)
        self.files.changed.connect(self.refresh)
        self.trainer.changed.connect(self.refresh)
        workspace.opened.connect(self.refresh)
        workspace.left.connect(self.refresh)
        self.refresh()

    # -- what is chosen

    @property
    def formats(self) -> list[str]:
        """The files of this program's own that are wanted."""
        return self.files.wanted

    @property
    def format(self) -> Format | None:
        """The format of a trainer; ``None``: separate files."""
        return WRITTEN.get(self.kind.currentData() or "")

    @property
    def _set(self) -> Project | None:
        """The set that is written; ``None``: the image alone."""
        return None if self.what.currentText() == THIS else self.project()

    @property
    def _words(self) -> Vocabulary | None:
        """The classes of what is written: of a set, or of the image that is corrected."""
        project, session = self.project(), self._workspace.session
        if project is not None and (self._set is not None or self.item() is not None):
            return project.vocabulary
        return None if session is None else session.vocabulary

    def project_opened(self, project: Project | None) -> None:
        """Offer the images of a set, or no more."""
        self.what.setVisible(project is not None)
        if project is None:
            self.what.setCurrentText(THIS)
        self.refresh()

    def _other_images(self) -> None:
        self._offer_kinds()
        self.refresh()

    def _offer_kinds(self) -> None:
        chosen = self.kind.currentData()
        self.kind.blockSignals(True)
        self.kind.clear()
        if self.what.currentText() == THIS:
            self.kind.addItem(OWN, "")
        for name, format_ in WRITTEN.items():
            self.kind.addItem(format_.title, name)
        self.kind.setCurrentIndex(max(self.kind.findData(chosen), 0))
        self.kind.blockSignals(False)

    def look_again(self, *_: object) -> None:
        """Take note of an edit, where that is seen."""
        if self.isVisible():
            self.refresh()

    def refresh(self, *_: object) -> None:
        """Show where the files of what is chosen would go."""
        format_, project = self.format, self._set
        self.files.setVisible(format_ is None)
        self.trainer.setVisible(format_ is not None)
        if format_ is not None:
            words = self._words
            self.trainer.show_format(format_, several=project is not None, words=words)
        picture = self._workspace.picture
        there = self._workspace.session is not None and picture is not None
        self.button.setEnabled(
            project is not None or (there and (format_ is not None or bool(self.formats)))
        )
        if project is None and not there:
            self.place.show_path("")
            self.names.setText("Nothing is corrected yet.")
            self.void.setText("")
            return
        target = self._target
        if format_ is None:
            assert picture is not None
            names = [path.name for path in paths_of(target, name_for(picture), self.formats)]
            # Side by side: five formats are more lines than a low screen has.
            self.names.setText(", ".join(names) or "No format is chosen.")
            self.void.setText(void_text(self._workspace.corrected))
        else:
            set_tip(self.kind, format_.tip)
            images = "1 image" if project is None else count(self._how_many(project), "image")
            self.names.setText(f"{images}, into a folder of its own with a manifest.")
            self.void.setText(numbers_text(format_, self.trainer.choices))
        self.place.show_path(str(target))
        set_tip(self.place, str(target))

    @staticmethod
    def _states(text: str) -> tuple[ItemState, ...]:
        return SETS.get(text, ())

    def _how_many(self, project: Project) -> int:
        states = self._states(self.what.currentText()) or LABELLED
        counted = project.count()
        return sum(counted.get(state, 0) for state in states)

    @property
    def _target(self) -> Path:
        """The folder that files go to, or that is made."""
        format_, picture, project = self.format, self._workspace.picture, self.project()
        if project is None:
            assert picture is not None
            base, set_name, files = folder_for(picture), "", ""
        else:
            # A set finds new images in their folder: what is written there would be taken for some.
            base, set_name = project.folder.parent, project.folder.name.removesuffix(SUFFIX)
            files = f"{set_name}-files"
        if format_ is None:
            return self.folder or base / files
        name = set_name
        if self._set is None:
            assert picture is not None
            name = name_for(picture)
        return (self.folder or base) / f"{name}-{format_.name}"

    # -- what a person does

    def choose(self) -> None:
        """Ask for the folder."""
        chosen = QFileDialog.getExistingDirectory(self, "Write the files into a folder")
        if chosen:
            self.folder = Path(chosen)
            self.refresh()

    def export(self) -> None:
        """Write the files; those that are there already are asked about."""
        try:
            if self._controller.running:
                raise InputError("Something is at work; wait for it or cancel it, then export.")
            if self.format is None:
                self._write_files()
            else:
                self._write_export(self.format)
        except InputError as error:
            self._tell(error)

    def _write_files(self) -> None:
        session, picture = self._workspace.corrected, self._workspace.picture
        if picture is None:
            return
        folder, name = self._target, name_for(picture)
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

    def _write_export(self, format_: Format) -> None:
        project, target = self._set, self._target
        replace = has_manifest(target)
        options = self.trainer.options(several=project is not None, replace=replace)
        if replace and not self._may_replace([target.name], target.parent):
            self._tell("Nothing was written; the export is as it was.")
            return

        def done(exported: Exported) -> None:
            turned = (
                f" {count(exported.turned, 'photograph')} stored turned: masks lie as it is seen upright."
                if exported.turned
                else ""
            )
            what = f"{count(exported.images, 'image')}{exported.dealt} as {format_.title}"
            left = exported.left_out
            out = f" {len(left)} left out, the first: {left[0]}" if left else ""
            notes = "".join(f" {note}" for note in exported.notes[:2])
            said = f"Wrote {what} into {str(exported.folder)!r}.{turned}{notes}{out}"
            self._tell(Said(said, Kind.WARNING if left else Kind.DONE))

        if project is not None:
            self.keep()
            states = self._states(self.what.currentText())
            steps = set_steps(project.folder, target, format_.name, states, options)
        else:
            session, picture = self._workspace.corrected, self._workspace.picture
            assert picture is not None
            item, opened = self.item(), self.project()
            if opened is not None and item is not None:
                self.keep()
                steps = item_steps(opened.folder, item.name, session, target, format_.name, options)
            else:
                steps = image_steps(session, picture, target, format_.name, options)
        self._controller.work(steps, done, "The export")

    def _may_replace(self, names: list[str], folder: Path) -> bool:
        there = (
            f"{', '.join(names)} {'is' if len(names) == 1 else 'are'} in {str(folder)!r} already."
        )
        return is_sure(self, "Export", there, "Replace")
