"""The window of a comparison: κ, agreement, IoU of each class, the confusion, and the images that differ."""

from __future__ import annotations

from pathlib import Path

import napari
from psygnal import Signal
from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QCheckBox,
    QFileDialog,
    QHBoxLayout,
    QListWidget,
    QListWidgetItem,
    QProgressBar,
    QVBoxLayout,
    QWidget,
)

from napari_corrclip.errors import CorrClipError
from napari_corrclip.gui.comparing.layers import BesideLayers
from napari_corrclip.gui.comparing.tables import FiguresTable, fill_classes, fill_confusion
from napari_corrclip.gui.comparing.work import Asked, Compared, compare_steps
from napari_corrclip.gui.image.panel import ImagePanel
from napari_corrclip.gui.project.review import Review
from napari_corrclip.gui.widgets import Label, OwnWindow, button, heading, set_tip
from napari_corrclip.gui.work.jobs import Jobs
from napari_corrclip.gui.work.said import Kind, Said, Tell
from napari_corrclip.progress import Progress
from napari_corrclip.project.joining.agreement import ComparedImage
from napari_corrclip.project.joining.figures import (
    estimates,
    figures_line,
    images_line,
    sample_line,
)
from napari_corrclip.project.project import Project
from napari_corrclip.wording.amounts import count

SIZE = 860, 560
"""Logical pixels of the window, at first."""


class CompareWindow:
    """The window, made when it is asked for; it counts in a thread.

    Args:
        viewer: shows the images.
        image: has the layer of the image that is shown.
        parent: with which it goes.
        review: has the project.
        tell: is given a sentence, as this window is too.

    Attributes:
        text: what was compared, or why nothing was.
        list: the images on which both differ, the most different first.
        classes: the table of the classes.
        confusion: the table of what one says of each class of the other.
        decided: whether only what somebody has decided in both is counted.
        verified: whether only images that both have verified are.
        bar: how far it is; ``cancel_button`` stops it.
        compared: what is shown; ``None``: nothing is yet.
        layers: the other's labels over the image that was opened here.

    Signals (psygnal):
        opened: the name of an item whose image is to be seen.
    """

    opened = Signal(str)

    def __init__(
        self,
        viewer: napari.viewer.Viewer,
        image: ImagePanel,
        parent: QWidget,
        review: Review,
        tell: Tell,
    ) -> None:
        self._parent, self._review, self._tell = parent, review, tell
        self._jobs = Jobs()
        self._jobs.busy.connect(self._busy)
        self._asked: Asked | None = None
        self.compared: Compared | None = None
        self.layers = BesideLayers(viewer, image, review, tell, parent)
        inside = QWidget()
        inside.setMinimumSize(520, 360)
        self.text = Label()
        self.text.setWordWrap(True)
        self.decided = QCheckBox("Decided by both only")
        set_tip(self.decided, "Count only pixels that somebody has decided in both projects")
        self.verified = QCheckBox("Verified by both only")
        set_tip(self.verified, "Count only images that both have verified")
        for box in (self.decided, self.verified):
            box.toggled.connect(lambda _: self._again())
        self.bar = QProgressBar()
        self.bar.setAccessibleName("How far the comparison is")
        self.bar.setAccessibleDescription("Images that were joined, then those that were counted")
        self.cancel_button = button("Cancel", "Stop comparing; what was found before stays")
        self.cancel_button.clicked.connect(self._jobs.cancel)
        self.list = QListWidget()
        self.list.setAccessibleName("Images on which they differ")
        self.list.setAccessibleDescription(
            "The most different first; a double click or Enter opens the image with the other's labels"
        )
        self.list.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.list.itemActivated.connect(self._chosen)  # by Enter, or a double click
        self.classes = FiguresTable(
            "Agreement on each class", "Its IoU, and the class that it is mixed up with most"
        )
        self.confusion = FiguresTable(
            "What the second says of each class of the first",
            "Rows are classes of the first, columns of the second; per cent of the row's pixels",
        )
        self.rows_are = heading("")
        self.rows_are.setWordWrap(True)
        top, middle, left, right = QHBoxLayout(), QHBoxLayout(), QVBoxLayout(), QVBoxLayout()
        for widget in (self.decided, self.verified):
            top.addWidget(widget)
        top.addStretch(1)
        top.addWidget(self.bar)
        top.addWidget(self.cancel_button)
        left.addWidget(heading("Where they differ: double click opens it"))
        left.addWidget(self.list, 1)
        right.addWidget(heading("Classes, the least agreed first"))
        right.addWidget(self.classes, 1)
        right.addWidget(self.rows_are)
        right.addWidget(self.confusion, 1)
        middle.addLayout(left, 2)
        middle.addLayout(right, 3)
        column = QVBoxLayout(inside)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.text)
        column.addLayout(top)
        column.addLayout(middle, 1)
        self._inside = inside
        self.window = OwnWindow(inside, "CorrCLIP: comparison", parent)
        self._busy(False)
        review.opened.connect(lambda _: self.close())  # it is of the project before

    def ask(self, project: Project) -> None:
        """Ask for another project's folder, and compare."""
        chosen = QFileDialog.getExistingDirectory(
            self._parent, "Compare with the project in…", str(project.folder.parent)
        )
        if chosen:
            self.open(project, Path(chosen))

    def open(self, project: Project, other: Path) -> None:
        """Compare the project that is open with another one, and show the window.

        Args:
            project: that is open.
            other: folder of the other one, or of a sample for a second look.
        """
        self._forget()
        self._asked = Asked(project.folder, other)
        for box in (self.decided, self.verified):
            box.blockSignals(True)
            box.setChecked(False)
            box.blockSignals(False)
        is_new = self._inside.window() is self._parent.window()
        self.window.open()
        window = self._inside.window()
        if is_new and window is not None:
            window.resize(*SIZE)
        self._again()

    def close(self) -> None:
        """Compare nothing any more; the layers go, too."""
        self._jobs.drop()
        self._forget()
        self.layers.close()
        self.window.close()

    def let_go(self) -> None:
        """Stop, and touch no widget: they are being deleted."""
        self.opened.disconnect()
        self._jobs.busy.disconnect()
        self._jobs.drop()
        self.layers.let_go()

    def _forget(self) -> None:
        self.compared = None
        self.text.setText("")
        self.rows_are.setText("")
        self.list.clear()
        for table in (self.classes, self.confusion):
            table.fill((), (), ())

    def _again(self) -> None:
        """Compare by what is checked."""
        if self._asked is None:
            return
        self._review.keep()  # what was decided is counted as it stands on the disk
        asked = Asked(
            self._asked.folder,
            self._asked.other,
            self.verified.isChecked(),
            self.decided.isChecked(),
        )
        self.text.setText(f"Comparing with {asked.other.name!r} …")
        self.bar.setRange(0, 0)
        self._jobs.start(
            compare_steps(asked),
            done=self._show,
            failed=self._failed,
            progressed=self._progressed,
            stopped=self._stopped,
        )

    def _busy(self, busy: bool) -> None:
        self.bar.setVisible(busy)
        self.cancel_button.setVisible(busy)

    def _progressed(self, event: object) -> None:
        if isinstance(event, Progress):
            self.bar.setRange(0, event.total)
            self.bar.setValue(event.done)
            self.bar.setFormat(f"{event.stage}: %v of %m")

    def _stopped(self) -> None:
        shown = "" if self.compared is None else " What is shown is of the comparison before."
        self.text.setText(f"The comparison was stopped.{shown}")

    def _failed(self, error: Exception) -> None:
        self._forget()
        what = str(error)
        if not isinstance(error, CorrClipError):
            what = f"The comparison failed ({error}); please report it."
        self.text.setText(what)
        self._tell(Said(what, Kind.WARNING))

    def _show(self, compared: Compared) -> None:
        self.compared = compared
        found, (one, other) = compared.found, compared.names
        lines = [f"{one} and {other}: {images_line(found)}."]
        if found.drawn is not None:
            lines.append(f"{sample_line(found.drawn, found)}.")
        for what, agreement, estimate in estimates(found):
            lines.append(f"{what}: {figures_line(agreement, estimate)}")
        if found.passed_over:
            lines.append(f"Passed over: {found.passed_over[0]}")
        self.text.setText("\n".join(lines))
        set_tip(self.text, "\n".join(found.passed_over[:10]))
        self.list.clear()
        for image in found.worst_first():
            entry = QListWidgetItem(f"{image.share:6.1%}  {_file(image.title)}")
            tip = f"{image.title}: {image.differing:,} of {count(image.pixels, 'pixel')} differ"
            if image.regions:
                tip += f", {image.differing_regions:,} of {count(image.regions, 'region')}"
            set_tip(entry, tip)
            entry.setData(Qt.ItemDataRole.UserRole, image)
            self.list.addItem(entry)
        if not self.list.count():
            entry = QListWidgetItem("They agree on all of it.")
            entry.setFlags(Qt.ItemFlag.NoItemFlags)
            self.list.addItem(entry)
        else:
            self.list.setCurrentRow(0)
        self.list.setFocus()
        fill_classes(self.classes, found, compared.names)
        self.rows_are.setText(f"Of each class of {one} (rows), what {other} says of it, in %")
        fill_confusion(self.confusion, found, compared.names)

    def _chosen(self, entry: QListWidgetItem) -> None:
        image = entry.data(Qt.ItemDataRole.UserRole)
        if self.compared is not None and isinstance(image, ComparedImage):
            name = self.compared.item_here(image)
            self.layers.show(self.compared, image)
            self.opened.emit(name)


def _file(title: str) -> str:
    return title.rpartition("/")[2]
