"""The window "More like this": the regions of all images that look most like one, as small pictures."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from psygnal import Signal
from qtpy.QtCore import QSize, Qt
from qtpy.QtGui import QIcon, QPixmap
from qtpy.QtWidgets import (
    QCheckBox,
    QHBoxLayout,
    QListWidget,
    QListWidgetItem,
    QVBoxLayout,
    QWidget,
)

from napari_corrclip.errors import CorrClipError, InputError
from napari_corrclip.gui.project.model import file_name
from napari_corrclip.gui.project.thumbnails import pixmap_of
from napari_corrclip.gui.widgets import Label, OwnWindow, combo, set_tip
from napari_corrclip.gui.work.jobs import Jobs
from napari_corrclip.gui.work.said import Kind, Said, Tell
from napari_corrclip.progress import Progress
from napari_corrclip.project.crops import SIDE, crop
from napari_corrclip.project.likeness import LikeRegion, LikeRegions
from napari_corrclip.project.project import Project
from napari_corrclip.vocabulary import VocabularyClass
from napari_corrclip.wording.amounts import count

MOST = 60
"""Regions that are listed at most."""
ANY = "any class"
_CELL = QSize(SIDE + 40, SIDE + 52)
"""Logical pixels of a region in the list: its picture and two lines."""


@dataclass(frozen=True, slots=True)
class _Asked:
    """A search, as it was asked for.

    Attributes:
        folder: of the project.
        item: name of the item that has the region.
        title: what the image is called.
        region: its id.
    """

    folder: Path
    item: str
    title: str
    region: int


@dataclass(frozen=True, eq=False, slots=True)
class _Picture:
    """The picture of a region in the list.

    Attributes:
        row: of the region in what was found.
        pixels: (96, 96, 3) uint8.
    """

    row: int
    pixels: NDArray[np.uint8]


class LikeWindow:
    """The window, made when it is asked for; it looks in a thread.

    Args:
        parent: with which it goes.
        tell: is given a sentence.

    Attributes:
        text: what is listed.
        list: the regions, the likest first.
        undecided: whether only those are listed that nobody has decided about.
        elsewhere: whether only those of other images are.
        classes: the class that they are to show.
        found: what is listed; ``None``: nothing was found yet.

    Signals (psygnal):
        opened: the name of an item and the id of a region in it, which are to be seen.
    """

    opened = Signal(str, int)

    def __init__(self, parent: QWidget, tell: Tell) -> None:
        self._tell = tell
        self._jobs = Jobs()
        self._asked: _Asked | None = None
        self._listed: tuple[VocabularyClass, ...] = ()
        self.found: LikeRegions | None = None
        inside = QWidget()
        inside.setMinimumSize(5 * _CELL.width() + 40, 3 * _CELL.height())
        self.text = Label()
        self.text.setWordWrap(True)
        self.undecided = QCheckBox("Undecided only")
        set_tip(self.undecided, "Leave out regions that somebody has decided about")
        self.elsewhere = QCheckBox("Other images only")
        set_tip(self.elsewhere, "Leave out regions of the same image")
        self.classes = combo([ANY], "Only regions that show this class")
        self.classes.setAccessibleName("Class of the regions that are listed")
        self.classes.setSizeAdjustPolicy(self.classes.SizeAdjustPolicy.AdjustToContents)
        self.undecided.toggled.connect(lambda _: self._look())
        self.elsewhere.toggled.connect(lambda _: self._look())
        self.classes.textActivated.connect(lambda _: self._look())
        self.list = QListWidget()
        self.list.setAccessibleName("Regions that look alike")
        self.list.setAccessibleDescription(
            "Of the whole project, the likest first; a click opens the image"
        )
        self.list.setViewMode(QListWidget.ViewMode.IconMode)
        self.list.setMovement(QListWidget.Movement.Static)
        self.list.setResizeMode(QListWidget.ResizeMode.Adjust)
        self.list.setIconSize(QSize(SIDE, SIDE))
        self.list.setGridSize(_CELL)
        self.list.setUniformItemSizes(True)
        self.list.setWordWrap(False)
        self.list.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.list.itemClicked.connect(self._chosen)
        self.list.itemActivated.connect(self._chosen)  # by Enter
        row, column = QHBoxLayout(), QVBoxLayout(inside)
        for widget in (self.undecided, self.elsewhere, self.classes):
            row.addWidget(widget)
        row.addStretch(1)
        column.addWidget(self.text)
        column.addLayout(row)
        column.addWidget(self.list, 1)
        self.window = OwnWindow(inside, "CorrCLIP: more like this", parent)

    def open(self, project: Project, item: str, region: int) -> None:
        """Look for a region's like, and show the window.

        Args:
            project: of the images.
            item: name of the item that has the region.
            region: its id.
        """
        chosen = self.classes.currentText()
        self._listed = project.vocabulary.classes
        names = [ANY, *project.vocabulary.names]
        self.classes.clear()
        self.classes.addItems(names)
        self.classes.setCurrentText(chosen if chosen in names else ANY)
        title = file_name(project.item(item))
        self._asked = _Asked(project.folder, item, title, region)
        self.window.open()
        self._look()

    def close(self) -> None:
        """Look for nothing any more."""
        self.let_go()
        self.window.close()

    def let_go(self) -> None:
        """Stop, and touch no widget: they are being deleted."""
        self._jobs.drop()
        self._asked = None

    def _look(self) -> None:
        asked = self._asked
        if asked is None:
            return
        self.text.setText(f"Looking for what looks like region {asked.region} of {asked.title} …")
        at = self.classes.currentIndex()
        self._jobs.start(
            _steps(
                asked,
                undecided=self.undecided.isChecked(),
                elsewhere=self.elsewhere.isChecked(),
                of=None if at <= 0 else self._listed[at - 1],
            ),
            done=lambda _: None,
            failed=self._failed,
            progressed=lambda event: self._take(asked, event),
        )

    def _take(self, asked: _Asked, event: Progress | LikeRegions | _Picture) -> None:
        if isinstance(event, _Picture):
            entry = self.list.item(event.row)
            if entry is not None:
                entry.setIcon(QIcon(pixmap_of(event.pixels)))
        elif isinstance(event, LikeRegions):
            self._show(asked, event)
        elif event.total:
            self.text.setText(
                f"Reading the vectors of the regions: {event.done:,} of {count(event.total, 'image')}"
            )

    def _show(self, asked: _Asked, found: LikeRegions) -> None:
        self.found = found
        self.list.clear()
        empty = QPixmap(SIDE, SIDE)  # which keeps the place of a picture
        empty.fill(Qt.GlobalColor.transparent)
        for each in found.regions:
            file = file_name(each.item)
            entry = QListWidgetItem(QIcon(empty), f"{each.cosine:.2f}  {each.name}\n{file}")
            decided = f", {each.state}" if each.state else ""
            tip = (
                f"Open {file}, region {each.region}: {each.name}{decided}, {each.cosine:.3f} alike"
            )
            set_tip(entry, tip)
            entry.setSizeHint(_CELL)
            self.list.addItem(entry)
        left_out = ""
        if found.left_out:
            left_out = f" {count(len(found.left_out), 'image')} could not be compared."
        self.text.setText(
            f"{count(len(found.regions), 'region')} of {found.compared:,} that look most like region "
            f"{asked.region} of {asked.title}, with their likeness (1 is the same). A click opens the image."
            f"{left_out}"
        )
        set_tip(self.text, "\n".join(found.left_out[:10]))

    def _failed(self, error: Exception) -> None:
        self.found = None
        self.list.clear()
        said = (
            str(error)
            if isinstance(error, CorrClipError)
            else f"The search failed ({error}); please report it."
        )
        self.text.setText(said)
        self._tell(Said(said, Kind.WARNING))

    def _chosen(self, entry: QListWidgetItem) -> None:
        row = self.list.row(entry)
        if self.found is not None and 0 <= row < len(self.found.regions):
            chosen: LikeRegion = self.found.regions[row]
            self.opened.emit(chosen.item.name, chosen.region)


def _steps(
    asked: _Asked, *, undecided: bool, elsewhere: bool, of: VocabularyClass | None
) -> Generator[Progress | LikeRegions | _Picture, None, None]:
    """Look in a thread, which needs the index for itself, and then make the pictures."""
    with Project.open(asked.folder, read_only=True) as project:
        found = yield from project.like_steps(
            asked.item, asked.region, most=MOST, undecided=undecided, of=of, elsewhere=elsewhere
        )
    yield found
    for row, each in enumerate(found.regions):
        try:
            pixels = crop(asked.folder, each.item.name, each.region)
        except InputError:  # it is told when the image is opened
            continue
        yield _Picture(row, pixels)
