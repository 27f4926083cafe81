"""The small pictures of a project's items, made in a thread when they are first looked at."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Generator, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from qtpy.QtGui import QImage, QPixmap

from napari_corrclip.errors import InputError
from napari_corrclip.gui.work.jobs import Jobs
from napari_corrclip.project.folder import image_in, item_folder
from napari_corrclip.project.project import Project
from napari_corrclip.project.records import ItemRecord
from napari_corrclip.project.thumbnails import thumbnail

HELD, WAITING = 512, 48
"""So many pictures are held, and so many wanted ones wait; of a list that is scrolled, the last."""

_Made = tuple[ItemRecord, NDArray[np.uint8] | None]


class Thumbnails:
    """The small pictures of one project.

    Args:
        made: called when there is a picture more.
    """

    def __init__(self, made: Callable[[], object]) -> None:
        self._made = made
        self._jobs = Jobs()
        self._project: Project | None = None
        self._held: OrderedDict[tuple[str, float], QPixmap | None] = OrderedDict()
        self._wanted: OrderedDict[str, ItemRecord] = OrderedDict()

    def show(self, project: Project | None) -> None:
        """Have the pictures of another project."""
        self._jobs.drop()
        self._project = project
        self._held.clear()
        self._wanted.clear()

    def close(self) -> None:
        """Make none any more."""
        self.show(None)

    def picture(self, record: ItemRecord) -> QPixmap | None:
        """Return the small picture of an item; ``None``: it is not there yet, or cannot be made."""
        key = record.name, record.at
        if key in self._held:
            self._held.move_to_end(key)
            return self._held[key]
        if self._project is not None:
            self._wanted.pop(record.name, None)
            self._wanted[record.name] = record
            while len(self._wanted) > WAITING:
                self._wanted.popitem(last=False)
            if not self._jobs.running:
                self._begin(self._project)
        return None

    def _begin(self, project: Project) -> None:
        self._jobs.start(
            self._steps(project.folder, keep=not project.read_only),
            done=lambda _: self._ended(),
            failed=lambda _: self._ended(),
            progressed=self._take,
        )

    def _steps(self, folder: Path, *, keep: bool) -> Generator[_Made, None, None]:
        """Make what is wanted, the last first; in the thread, which takes one at a time."""
        for record in self._next():
            try:
                image, place = image_in(folder, record.path), item_folder(folder, record.name)
                made = thumbnail(record, image, place, keep=keep)
            except InputError:  # it is told when it is opened
                yield record, None
            else:
                yield record, made

    def _next(self) -> Iterator[ItemRecord]:
        while self._wanted:
            try:
                yield self._wanted.popitem()[1]
            except KeyError:  # the other thread was faster
                return

    def _take(self, event: _Made) -> None:
        record, made = event
        self._held[record.name, record.at] = None if made is None else pixmap_of(made)
        while len(self._held) > HELD:
            self._held.popitem(last=False)
        self._made()

    def _ended(self) -> None:
        if self._wanted and self._project is not None:
            self._begin(self._project)


def pixmap_of(rgb: NDArray[np.uint8]) -> QPixmap:
    """Return (h, w, 3) pixels as Qt draws them."""
    height, width = rgb.shape[:2]
    data = np.ascontiguousarray(rgb).tobytes()
    image = QImage(data, width, height, 3 * width, QImage.Format.Format_RGB888)
    return QPixmap.fromImage(image)  # which copies them
