"""The window of what taught a region its class: the verdicts on the regions that look most like it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from psygnal import Signal
from qtpy.QtCore import QSize, Qt
from qtpy.QtGui import QIcon, QPixmap
from qtpy.QtWidgets import QHBoxLayout, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from napari_corrclip.annotation import Session
from napari_corrclip.annotation.learning import Learning
from napari_corrclip.errors import CorrClipError, InputError
from napari_corrclip.gui.project.lesson_words import name_of
from napari_corrclip.gui.project.thumbnails import pixmap_of
from napari_corrclip.gui.widgets import Label, OwnWindow, set_tip
from napari_corrclip.gui.work.jobs import Jobs
from napari_corrclip.gui.work.said import Kind, Said, Tell
from napari_corrclip.learning import Teacher
from napari_corrclip.progress import Progress, Steps
from napari_corrclip.project.crops import SIDE, crop, crop_of
from napari_corrclip.project.folder import Outcome, item_folder
from napari_corrclip.project.project import Project
from napari_corrclip.vocabulary import Vocabulary

MOST = 3
"""Verdicts that are shown."""
WIDTH = 360
"""Logical pixels of the window, at least."""


@dataclass(frozen=True, eq=False)
class Shown:
    """A verdict that taught, as it is shown.

    Attributes:
        teacher: the verdict.
        file: name of the image's file.
        picture: (96, 96, 3) of the region; ``None``: there is none.
    """

    teacher: Teacher
    file: str
    picture: NDArray[np.uint8] | None


class TeachersWindow:
    """The window, made when it is asked for.

    Args:
        parent: with which it goes.
        tell: is given a sentence.

    Attributes:
        rows: a button for each verdict, the likest first.

    Signals (psygnal):
        opened: the key of an image and the id of a region in it, which are to be seen.
    """

    opened = Signal(str, int)

    def __init__(self, parent: QWidget, tell: Tell) -> None:
        self._tell = tell
        self._jobs = Jobs()
        inside = QWidget()
        inside.setMinimumWidth(WIDTH)
        self.text = Label()
        self.text.setWordWrap(True)
        self.rows: list[QPushButton] = []
        self._shown: Sequence[Shown] = ()
        column = QVBoxLayout(inside)
        self.picture = Label()
        self.picture.setAccessibleName("The region")
        top = QHBoxLayout()
        top.addWidget(self.picture)
        top.addWidget(self.text, 1)
        column.addLayout(top)
        for number in range(MOST):
            row = QPushButton()
            row.setAutoDefault(False)
            row.setAccessibleName(f"Verdict {number + 1} that taught it")
            set_tip(row, "Open its image")
            row.setIconSize(QSize(SIDE, SIDE))
            row.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
            row.setStyleSheet("text-align: left; padding: 4px")
            row.setCursor(Qt.CursorShape.PointingHandCursor)
            row.clicked.connect(lambda _=False, number=number: self._chosen(number))
            self.rows.append(row)
            column.addWidget(row)
        column.addStretch(1)
        self.window = OwnWindow(inside, "CorrCLIP: what taught this?", parent)

    def open(self, project: Project, learning: Learning, session: Session, region: int) -> None:
        """Look for what taught a region its class; the window comes when that is found.

        Args:
            project: of the images.
            learning: of the session.
            session: has the region.
            region: its id.
        """
        picture = None
        if session.image is not None:
            picture = crop_of(session.image, session.regions == region)
        self._jobs.start(
            _steps(project, learning, region),
            done=lambda found: self._show(region, picture, found, session.vocabulary),
            failed=self._failed,
        )

    def close(self) -> None:
        """Look for nothing any more."""
        self.let_go()
        self.window.close()

    def let_go(self) -> None:
        """Stop, and touch no widget: they are being deleted."""
        self._jobs.drop()

    def _show(
        self,
        region: int,
        picture: NDArray[np.uint8] | None,
        found: Sequence[Shown],
        words: Vocabulary,
    ) -> None:
        if not found:
            self.window.close()
            self._tell(
                f"Nothing has taught region {region} yet: none was decided that it can be compared with."
            )
            return
        self._shown = found
        self.picture.setPixmap(QPixmap() if picture is None else pixmap_of(picture))
        self.text.setText(
            f"Of the regions that were decided in the set, these look most like region {region}. A click "
            "opens the image."
        )
        for number, row in enumerate(self.rows):
            row.setVisible(number < len(found))
            if number >= len(found):
                continue
            shown = found[number]
            row.setIcon(QIcon() if shown.picture is None else QIcon(pixmap_of(shown.picture)))
            name = name_of(shown.teacher.value, words).replace("&", "&&")
            file = shown.file.replace("&", "&&")
            row.setText(f"{name}\n{file}\nregion {shown.teacher.region}")
            row.setAccessibleName(f"{name}, region {shown.teacher.region} of {shown.file}")
            set_tip(row, f"Open {shown.file}")
        self.window.open()

    def _failed(self, error: Exception) -> None:
        if isinstance(error, CorrClipError):
            self._tell(error)
        else:
            text = f"What taught this cannot be found ({error}); please report it."
            self._tell(Said(text, Kind.WARNING))

    def _chosen(self, number: int) -> None:
        teacher = self._shown[number].teacher
        self.opened.emit(teacher.image, teacher.region)


def _steps(project: Project, learning: Learning, region: int) -> Steps[list[Shown]]:
    """Look in a thread for the verdicts, and make their pictures."""
    folder, lesson = project.folder, project.lesson
    yield Progress("look for what taught it", 0, 1)
    found = list[Shown]()
    for number, teacher in enumerate(lesson.what_taught(learning, region, MOST)):
        yield Progress("read regions", number, MOST)
        found.append(_shown(folder, teacher))
    return found


def _shown(folder: Path, teacher: Teacher) -> Shown:
    try:
        file = Path(Outcome.read(item_folder(folder, teacher.image)).path).name
        picture = crop(folder, teacher.image, teacher.region)
    except InputError:  # it is told when the image is opened
        return Shown(teacher, teacher.image, None)
    return Shown(teacher, file, picture)
