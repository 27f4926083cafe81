"""The reading of a project's items in a thread: an image, and the session of it with the set's classes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from napari_corrclip.annotation import Session, Source
from napari_corrclip.errors import InputError
from napari_corrclip.gui.image.picture import Picture
from napari_corrclip.gui.work.restoring import (
    OfOther,
    Unproven,
    find_steps,
    open_steps,
)
from napari_corrclip.images import Pixels
from napari_corrclip.images.stacks import read_plane
from napari_corrclip.progress import Progress, Steps
from napari_corrclip.project.folder import RESULT, is_large
from napari_corrclip.project.own_classes import bring_classes
from napari_corrclip.project.records import ItemRecord
from napari_corrclip.project.reviewing import as_it_was_read, check_unchanged, read_session
from napari_corrclip.project.sessions import ItemSessions
from napari_corrclip.project.words import Names
from napari_corrclip.vocabulary import Vocabulary


class ReadSession(NamedTuple):
    """A session that was read, with the set's classes.

    Attributes:
        session: of the item.
        moved: label values that are others by these, or again, of which the index is still to be told.
    """

    session: Session
    moved: Mapping[int, int]


@dataclass(frozen=True, eq=False)
class Ready:
    """An item that was read.

    Attributes:
        record: of the item.
        path: of its image.
        vocabulary: of the set then.
        pixels: of the image; ``None``: it is a large one, and napari is to show it.
        result: what tells the item's result from another one, before it was read.
        read: the session of the item; ``None``: it has none.
    """

    record: ItemRecord
    path: Path
    vocabulary: Vocabulary
    result: tuple[int, int] | None
    pixels: Pixels | None = None
    read: ReadSession | None = None

    @property
    def shown(self) -> NDArray[np.uint8]:
        """What the viewer shows: (H, W, 3), or (H, W) of grayscale that was of more than 8 bits."""
        assert self.pixels is not None  # else napari reads it
        rgb = self.pixels.rgb
        gray = self.pixels.limits is not None and (rgb == rgb[..., :1]).all()
        return rgb[..., 0].copy() if gray else rgb

    def is_of(self, record: ItemRecord, vocabulary: Vocabulary, folder: Path) -> bool:
        """Whether it is of an item as that is now, in its folder too."""
        return (self.record, self.vocabulary, self.result) == (
            record, vocabulary, result_in(folder),
        )  # fmt: skip


def result_in(folder: Path) -> tuple[int, int] | None:
    """Return what tells the result in an item's folder from any other; ``None``: there is none.

    The index alone does not: the parts of a run write into the folders.
    """
    try:
        found = (folder / RESULT).stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns


def ready_steps(
    record: ItemRecord,
    image: Path,
    folder: Path,
    store: ItemSessions,
    words: Vocabulary,
    names: Names,
) -> Steps[Ready]:
    """Read an item's image and its session in a thread.

    Raises:
        InputError: one of them cannot be read, or they do not belong together.
    """
    yield Progress("read the image", 0, 3)
    result = result_in(folder)
    if is_large(folder):
        return Ready(record, image, words, result)
    pixels = read_plane(image, record.plane, as_it_was_read(folder))
    source = Source.of(image, slice=record.plane)
    if record.regions is None and source not in store:
        return Ready(record, image, words, result, pixels)
    picture = Picture(image.stem, pixels.rgb.shape[:2], lambda _: (pixels, ()), source=source)
    read = yield from session_steps(record, picture, folder, store, words, names)
    return Ready(record, image, words, result, pixels, read)


def session_steps(
    record: ItemRecord,
    picture: Picture,
    folder: Path,
    store: ItemSessions,
    words: Vocabulary,
    names: Names,
) -> Steps[ReadSession]:
    """Read an item's session in a thread, with the classes that came to the set since.

    Raises:
        InputError: it is of another image, or damaged.
    """
    source = picture.source
    assert source is not None  # of a file
    check_unchanged(record, Path(source.path))
    found = yield from find_steps(picture, source, store, picture.stack, asked=False)
    if isinstance(found, Unproven):
        raise InputError(found.sentence)
    if isinstance(found, OfOther):
        raise InputError(
            f"The image {source.path!r} has other pixels now than those that were corrected; the corrections "
            f"lie in {str(found.folder)!r}."
        )
    if found is None:

        def read(rgb: NDArray[np.uint8] | None, source: Source | None) -> Session:
            return read_session(folder, rgb, source)

        found = yield from open_steps(picture, read)
    yield Progress("count the regions", 2, 3)
    moved = bring_classes(found, words, names)
    found.state.adjacency  # noqa: B018  # which the first key would have to wait for
    return ReadSession(found, moved)
