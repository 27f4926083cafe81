"""The review of a project's items: sessions, and the states that people bring items into."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_corrclip.annotation import Session, Source, restore
from napari_corrclip.annotation.files.log import has_session
from napari_corrclip.annotation.journal import Journal
from napari_corrclip.errors import InputError
from napari_corrclip.images.pixels import read_pixels
from napari_corrclip.project.folder import (
    ITEM,
    RESULT,
    SESSION,
    Outcome,
    digest,
    file_now,
    image_in,
    is_corrected,
    item_folder,
    now,
)
from napari_corrclip.project.index import Index
from napari_corrclip.project.records import DECIDED, ItemRecord, ItemState
from napari_corrclip.results.segmentation import Segmentation


@contextlib.contextmanager
def reviewed(index: Index, record: ItemRecord, by: str) -> Iterator[Session]:
    """Give the session of an item; see :meth:`~napari_corrclip.project.project.Project.session`."""
    folder, image = item_folder(index.folder, record.name), image_in(index.folder, record.path)
    rgb = read_pixels(image).rgb
    check_unchanged(record, image)
    session = read_session(folder, rgb, Source.of(image))
    with Journal(session, folder / SESSION):
        # Now, since the process may be killed in between.
        _bring(index, record, ItemState.IN_REVIEW, by)
        before = session.timeline.revision
        try:
            yield session
        finally:
            if session.timeline.revision != before:
                take(index, record, session, by)
            else:
                _bring(index, record, record.state, record.by)


def read_session(
    folder: Path, rgb: NDArray[np.uint8] | None = None, source: Source | None = None
) -> Session:
    """Return the session of an item's folder, or one of what the networks proposed.

    Args:
        folder: of the item.
        rgb: (H, W, 3), its image; ``None``: without it.
        source: the image, wherever it lies now; ``None``: where it lay then.

    Raises:
        InputError: it has neither, or what it has is damaged.
    """
    if not has_session(folder / SESSION):
        return Session(Segmentation.load(folder / RESULT), rgb, source=source)
    session = restore(folder / SESSION, rgb)
    if source is not None:
        session.source = source  # its folder says whose it is
    return session


def take(
    index: Index, record: ItemRecord, session: Session, by: str, *, decided: bool = True
) -> None:
    """Take note of a session; see :meth:`~napari_corrclip.project.project.Project.take`."""
    with index.transaction():
        index.take_regions(record.id, session.table, None, by=by)
        if decided:
            index.mark(record.id, ItemState.IN_REVIEW, by=by)
    write_outcome(index, record.name)


def mark(index: Index, record: ItemRecord, state: ItemState, by: str) -> None:
    """Bring an item into a state; see :meth:`~napari_corrclip.project.project.Project.mark`."""
    if state in (*DECIDED, ItemState.PRELABELLED) and record.regions is None:
        raise InputError(f"{record.path!r} has no result, so it cannot be {state}; run it first.")
    if state in (ItemState.RUNNING, ItemState.FAILED):
        raise InputError(f"Nobody but a run says that an item is {state}.")
    if state is ItemState.NEW and is_corrected(item_folder(index.folder, record.name)):
        raise InputError(f"{record.path!r} was corrected, so it is not new any more.")
    _bring(index, record, state, by)
    write_outcome(index, record.name)


def write_outcome(index: Index, name: str) -> None:
    """Write what became of an item into its folder, as the index has it.

    Raises:
        InputError: it cannot be written.
    """
    record, folder = index.item(name), item_folder(index.folder, name)
    former = Outcome.read(folder) if (folder / ITEM).exists() else Outcome(record.path)
    Outcome(
        record.path,
        record.size,
        record.mtime,
        record.digest,
        record.state,
        record.reason,
        record.by,
        record.at or now(),
        former.recipe,
        former.vocabulary,
        former.seconds,
    ).write_new(folder)


def state_of(state: ItemState | str) -> ItemState:
    """Return a state by its name.

    Raises:
        InputError: there is none.
    """
    try:
        return ItemState(state)
    except ValueError:
        raise InputError(
            f"There is no state {state!r}; choose one of {', '.join(ItemState)}."
        ) from None


def _bring(index: Index, record: ItemRecord, state: ItemState, by: str) -> None:
    with index.transaction():
        index.mark(record.id, state, by=by)


def check_unchanged(record: ItemRecord, image: Path) -> None:
    """Refuse an image that is another one than that which was run.

    Raises:
        InputError: it is.
    """
    if not record.digest or file_now(image) == (record.size, record.mtime):
        return
    if digest(image) != record.digest:
        raise InputError(
            f"The image {str(image)!r} was changed after it was run; put the former one back, or say "
            "that the item is new and run it again."
        )
