"""The review of a project's items: sessions, and the states that people bring items into."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_corrclip.annotation import Session, Source, restore
from napari_corrclip.annotation.files.log import has_session
from napari_corrclip.annotation.journal import Journal
from napari_corrclip.errors import InputError
from napari_corrclip.images import ImageOptions
from napari_corrclip.images.stack import Where
from napari_corrclip.images.stacks import read_plane
from napari_corrclip.project.folder import (
    ITEM,
    RESULT,
    SESSION,
    Outcome,
    file_now,
    image_in,
    is_corrected,
    is_large,
    item_folder,
    now,
)
from napari_corrclip.project.index import Index
from napari_corrclip.project.reading import is_as_it_was
from napari_corrclip.project.records import DECIDED, ItemRecord, ItemState, plane_text
from napari_corrclip.project.vectors import keep_means
from napari_corrclip.results.folder import read_provenance
from napari_corrclip.results.provenance import Provenance
from napari_corrclip.results.segmentation import Segmentation


@contextlib.contextmanager
def reviewed(index: Index, record: ItemRecord, by: str) -> Iterator[Session]:
    """Give the session of an item; see :meth:`~napari_corrclip.project.project.Project.session`."""
    folder, image = item_folder(index.folder, record.name), image_in(index.folder, record.path)
    rgb = None if is_large(folder) else read_plane(image, record.plane, as_it_was_read(folder)).rgb
    check_unchanged(record, image)
    session = read_session(folder, rgb, Source.of(image, slice=record.plane))
    with Journal(session, folder / SESSION):
        # Now, since the process may be killed in between.
        _bring(index, record, ItemState.IN_REVIEW, by)
        before = session.timeline.revision
        try:
            yield session
        finally:
            if session.timeline.revision != before:
                take(index, record, session, by)
                keep_means(folder, session)
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
        InputError: it has neither, what it has is damaged, or of a large image; or ``source`` is another
            plane of the stack.
    """
    if is_large(folder):
        raise InputError(
            f"The item {folder.name!r} was run as a large image, whose maps stay on the disk, and a session "
            "keeps its maps in memory; look at it by Project.result and mark it, or take parts of it."
        )
    plane = plane_in(folder)
    if source is not None and plane and source.slice != plane:
        raise InputError(
            f"The plane {list(source.slice)} of {source.path!r} is shown, and the item is the plane "
            f"{list(plane)}; move the slider there."
        )
    if not has_session(folder / SESSION):
        return Session(Segmentation.load(folder / RESULT), rgb, source=source)
    session = restore(folder / SESSION, rgb)
    if source is not None:
        session.source = source  # its folder says whose it is
    return session


def plane_in(folder: Path) -> Where:
    """Return which plane of a stack an item is, by its folder; () of an image, and before its first run."""
    with contextlib.suppress(InputError):
        return Outcome.read(folder).plane
    return ()


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
        raise InputError(f"{record.title!r} has no result, so it cannot be {state}; run it first.")
    if state in (ItemState.RUNNING, ItemState.FAILED):
        raise InputError(f"Nobody but a run says that an item is {state}.")
    if state is ItemState.NEW and is_corrected(item_folder(index.folder, record.name)):
        raise InputError(f"{record.title!r} was corrected, so it is not new any more.")
    _bring(index, record, state, by)
    write_outcome(index, record.name)


def write_outcome(index: Index, name: str) -> None:
    """Write what became of an item into its folder, as the index has it.

    Raises:
        InputError: it cannot be written.
    """
    record, folder = index.item(name), item_folder(index.folder, name)
    former = Outcome.read(folder) if (folder / ITEM).exists() else Outcome(record.path)
    stack = next((stack.planes for stack in index.stacks() if stack.id == record.stack), None)
    replace(
        former,
        path=record.path,
        size=record.size,
        mtime=record.mtime,
        digest=record.digest,
        state=record.state,
        reason=record.reason,
        by=record.by,
        at=record.at or now(),
        plane=record.plane,
        stack=former.stack or stack,
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


def as_it_was_read(folder: Path) -> ImageOptions | None:
    """Return the limits by which an item's image became 8 bits when it was run; those of others may be given.

    Results that were taken up may come from limits or percentiles that somebody chose.
    """
    document = read_provenance(folder / RESULT)
    stretch = () if document is None else Provenance.from_document(document).stretch
    if len(stretch) != 1 or stretch[0] is None:
        return None
    return ImageOptions((stretch[0].low, stretch[0].high))


def check_unchanged(record: ItemRecord, image: Path) -> None:
    """Refuse an image that is another one than that which was run.

    Raises:
        InputError: it is, or it is gone.
    """
    if not record.digest:
        return
    try:
        now = file_now(image)
    except OSError:
        raise InputError(
            f"The image {str(image)!r} is gone; put it back, or say where it is now: napari-corrclip project "
            "relink."
        ) from None
    if now == (record.size, record.mtime) or is_as_it_was(image, record.plane, record.digest):
        return
    raise InputError(
        f"The image {str(image)!r}{plane_text(record.plane)} was changed after it was run; put the "
        "former one back, or say that the item is new and run it again."
    )
