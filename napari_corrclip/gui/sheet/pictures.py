"""The small pictures of a sheet, made in a thread when they are first looked at, the next page's ahead."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Generator, Iterable
from pathlib import Path

from qtpy.QtGui import QPixmap

from napari_corrclip.gui.project.thumbnails import pixmap_of
from napari_corrclip.gui.work.jobs import Jobs
from napari_corrclip.project.crops import Framing
from napari_corrclip.project.project import Project
from napari_corrclip.project.sheet.cache import CropCache
from napari_corrclip.project.sheet.crops import Crop, crops_of
from napari_corrclip.project.sheet.regions import SheetRegion

HELD = 600
"""So many pictures are held, of 64 KB each."""

_Key = tuple[int, int, int, tuple[int, int, int, int]]


class Pictures:
    """The small pictures of one project's regions.

    Args:
        framing: how large they are.
        made: called when there are pictures more.
    """

    def __init__(self, framing: Framing, made: Callable[[], object]) -> None:
        self._framing, self._made = framing, made
        self._jobs = Jobs()
        self._project: Project | None = None
        self._held: OrderedDict[_Key, QPixmap | None] = OrderedDict()
        self._wanted: OrderedDict[_Key, SheetRegion] = OrderedDict()

    def show(self, project: Project | None) -> None:
        """Have the pictures of another project."""
        self._jobs.drop()
        self._project = project
        self._held.clear()
        self._wanted.clear()

    def picture(self, region: SheetRegion) -> QPixmap | None:
        """Return the picture of a region; ``None``: it is not there yet, or cannot be made."""
        key = _key(region)
        if key in self._held:
            self._held.move_to_end(key)
            return self._held[key]
        return None

    def want(self, regions: Iterable[SheetRegion]) -> None:
        """Have these made and nothing else, the first one first."""
        self._wanted = OrderedDict(
            (_key(region), region) for region in regions if _key(region) not in self._held
        )
        if self._wanted and self._project is not None and not self._jobs.running:
            self._begin(self._project)

    @property
    def running(self) -> bool:
        """Whether any is being made."""
        return self._jobs.running

    def _begin(self, project: Project) -> None:
        self._jobs.start(
            self._steps(project.folder, project.crops),
            done=lambda _: self._ended(),
            failed=lambda _: self._ended(),
            progressed=self._take,
        )

    def _steps(self, folder: Path, cache: CropCache) -> Generator[list[Crop], None, None]:
        """Make what is wanted, an image after another; in the thread."""
        while True:
            wanted = list(self._wanted.values())  # the other thread may want others meanwhile
            if not wanted:
                return
            item = wanted[0].item.id
            some = [region for region in wanted if region.item.id == item]
            made = crops_of(folder, some, cache, self._framing)
            for region in some:
                self._wanted.pop(_key(region), None)
            yield made

    def _take(self, made: list[Crop]) -> None:
        for crop in made:
            picture = None if crop.pixels is None else pixmap_of(crop.pixels)
            self._held[_key(crop.region)] = picture
        while len(self._held) > HELD:
            self._held.popitem(last=False)
        self._made()

    def _ended(self) -> None:
        if self._wanted and self._project is not None:
            self._begin(self._project)


def _key(region: SheetRegion) -> _Key:
    return region.item.id, region.region, region.area, region.box
