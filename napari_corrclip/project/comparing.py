"""The comparison of images' files with those that were run: by size and time, else by content.

Content costs time, so that the new size and time of a file that is the same one are noted in the index.
"""

from __future__ import annotations

import contextlib
import math
import os
from dataclasses import dataclass, replace
from pathlib import Path

from napari_corrclip.errors import InputError
from napari_corrclip.project.folder import (
    ITEMS,
    SESSION,
    UnreadableError,
    file_now,
    image_in,
    is_corrected,
    item_folder,
)
from napari_corrclip.project.index import Index, NotedFile
from napari_corrclip.project.reading import is_as_it_was
from napari_corrclip.project.records import BY_HAND, ItemRecord

READ = 64 << 20
"""Bytes of files that are read to tell whether they were changed, at most: a tenth of a second."""


class Comparison:
    """A comparison of items' files, and the times of those that were found to be the same.

    Args:
        index: of the project.
        limit: so many bytes are read, at most.
        looked: whether it was just looked whether the files are stacks, and which planes they have: else
            the time of a stack is not noted, so that its new planes are still looked for.
    """

    def __init__(self, index: Index, limit: float = math.inf, *, looked: bool = False) -> None:
        self._index, self._left, self._looked = index, limit, looked
        self._same: list[NotedFile] = []

    def is_another(
        self, item: ItemRecord | NotedFile, image: Path, now: tuple[int, int], planes: int = 1
    ) -> bool | None:
        """Whether a file is another one than that which was run; ``None``: nobody has read it, or can.

        Args:
            item: as its file was when it was run.
            image: the file.
            now: its size and time now.
            planes: how many items share the file.
        """
        if (item.size, item.mtime) == now:
            return False
        if not item.digest:
            if self._looked:
                self._note(item, now)
            return False
        if (
            not item.plane and item.size and item.size != now[0]
        ):  # none was kept of zarr folders once
            return True
        cost = now[0] // planes
        if cost > self._left:
            return None
        self._left -= cost
        try:
            if not is_as_it_was(image, item.plane, item.digest):
                return True
        except UnreadableError:
            return None
        except InputError:  # of a stack there is no such plane any more
            return True
        self._note(item, now)
        return False

    def _note(self, item: ItemRecord | NotedFile, now: tuple[int, int]) -> None:
        if self._looked or not item.plane:
            self._same.append(NotedFile(item.id, item.plane, *now, item.digest))

    def was_changed(self, record: ItemRecord, image: Path) -> bool:
        """Whether an item's image is there and another one than that which was run."""
        try:
            now = file_now(image)
        except (OSError, ValueError):
            return False  # it is gone, which is told
        return bool(self.is_another(record, image, now))

    def keep(self) -> None:
        """Note the times of those that are the same; where the index cannot be written it is done again."""
        same, self._same = self._same, []
        if same and not self._index.read_only:
            with contextlib.suppress(InputError), self._index.transaction():
                self._index.note_times(same)


@dataclass(frozen=True, slots=True)
class Files:
    """The files of a project's images, as they are beside what was run.

    Attributes:
        missing: images that are not where they were.
        changed: that are other ones than those that were run.
        kept: of these, how many have a state that a person gave them, so that no run makes them anew.
        touched: that were written since, and have not been read now to tell whether they are other ones.
        dead: links that lead nowhere.
        gone: where the first that is missing was looked for.
        other: where the first that was changed and is not kept lies.
        kept_other: where the first that is kept lies.
        way: what a person has to do to have that one run again.
        link: where the first dead link lies.
    """

    missing: int = 0
    changed: int = 0
    kept: int = 0
    touched: int = 0
    dead: int = 0
    gone: str = ""
    other: str = ""
    kept_other: str = ""
    way: str = ""
    link: str = ""


def look_at_files(index: Index, *, limit: int = READ) -> Files:
    """Return how many images are gone, and how many were changed since they were run.

    Args:
        index: of the project.
        limit: so many bytes are read, at most, of files whose size or time is another one.
    """
    missing = touched = dead = 0
    gone = link = ""
    changed: list[int] = []
    comparison = Comparison(index, limit)
    for path, items in index.noted_files().items():
        image = image_in(index.folder, path)
        try:
            now = file_now(image)
        except (OSError, ValueError):
            if leads_nowhere(image):
                dead += len(items)
                link = link or str(image)
            else:
                missing += len(items)
                gone = gone or str(image)
            continue
        for item in items:
            another = comparison.is_another(item, image, now, len(items))
            if another is None:
                touched += 1
            elif another:
                changed.append(item.id)
    comparison.keep()
    records = index.items_of(changed)
    kept = [record for record in records if record.state in BY_HAND]
    others = [record for record in records if record.state not in BY_HAND]
    found = Files(missing, len(records), touched=touched, dead=dead, gone=gone, link=link)
    if others:
        found = replace(found, other=str(image_in(index.folder, others[0].path)))
    if kept:
        first = kept[0]
        found = replace(
            found,
            kept=len(kept),
            kept_other=str(image_in(index.folder, first.path)),
            way=way_anew(first, corrected=is_corrected(item_folder(index.folder, first.name))),
        )
    return found


def leads_nowhere(image: Path) -> bool:
    """Whether an image is a link to what is not there."""
    return os.path.islink(image) and not os.path.exists(image)  # noqa: PTH110, PTH114 - raise nothing


def way_anew(record: ItemRecord, *, corrected: bool) -> str:
    """Return what a person has to do to have an item run again whose image was changed.

    Args:
        record: the item.
        corrected: whether its session has what somebody decided.
    """
    if record.state not in BY_HAND:
        return "run it again (project run --stale)"
    anew = "mark it new (project mark) and run it again"
    if corrected:
        decided = f"{ITEMS}/{record.name}/{SESSION}"
        return f"move {decided!r} of the project away, which has what was decided, {anew}"
    return anew
