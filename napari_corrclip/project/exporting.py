"""The export of a project's items in the formats of others."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from napari_corrclip.annotation import Session, restore
from napari_corrclip.annotation.files.log import has_session
from napari_corrclip.errors import InputError
from napari_corrclip.progress import Steps
from napari_corrclip.project.export.exporting import Exported, ExportOptions, Source, export_steps
from napari_corrclip.project.export.formats import WRITTEN, format_called
from napari_corrclip.project.export.image import LabelledImage, RegionNote
from napari_corrclip.project.folder import SESSION, image_in, item_folder, read_result
from napari_corrclip.project.index import Index
from napari_corrclip.project.records import ItemRecord, ItemState
from napari_corrclip.project.reviewing import check_unchanged
from napari_corrclip.project.words import Names
from napari_corrclip.vocabulary import MAX_VALUE, Vocabulary, grammar

LABELLED = (ItemState.PRELABELLED, ItemState.IN_REVIEW, ItemState.VERIFIED)
"""The states of items that have labels to be handed on."""


def project_steps(
    index: Index,
    folder: str | os.PathLike[str],
    format_: str,
    *,
    only: Iterable[ItemState] = (),
    options: ExportOptions | None = None,
) -> Steps[Exported]:
    """Export items; see :meth:`~napari_corrclip.project.project.Project.export`."""
    chosen = tuple(only) or LABELLED
    strange = [state for state in chosen if state not in LABELLED]
    if strange:
        raise InputError(
            f"Images that are {strange[0]} have no labels to be handed on; choose of "
            f"{', '.join(LABELLED)}."
        )
    vocabulary, names = index.vocabulary, Names(index)
    sources = [
        Source(record.path, record.title, partial(read_item, index, record, vocabulary, names))
        for record in index.items(chosen)
        if record.regions is not None
    ]
    if not sources:
        raise InputError(
            f"No image of the project is {' or '.join(chosen)}; label some first, or choose others."
        )
    return export_steps(
        sources,
        folder,
        format_called(format_, WRITTEN),
        vocabulary,
        options,
        standing=images_of(index),
    )


def item_steps(
    index: Index,
    item: str,
    session: Session,
    folder: str | os.PathLike[str],
    format_: str,
    options: ExportOptions | None = None,
) -> Steps[Exported]:
    """Export an item as its open session shows it.

    Args:
        index: of the project.
        item: its name.
        session: of the item; is read while the steps run.
        folder: is made.
        format_: name of the format.
        options: what a person says.

    Raises:
        InputError: there is no such item, or as of an export.
    """
    record, vocabulary, names = index.item(item), index.vocabulary, Names(index)
    read = partial(read_item, index, record, vocabulary, names, session)
    return export_steps(
        [Source(record.path, record.title, read)],
        folder,
        format_called(format_),
        vocabulary,
        options,
        standing=images_of(index),
    )


def images_of(index: Index) -> Iterator[Path]:
    """Yield where the images of all items lie; need not be there."""
    for path in sorted({path for path, _ in index.names()}):
        yield image_in(index.folder, path)


def read_item(
    index: Index,
    record: ItemRecord,
    vocabulary: Vocabulary,
    names: Names,
    session: Session | None = None,
) -> LabelledImage:
    """Return the labels of an item, in the classes of the set; nothing is written.

    Args:
        index: of the project.
        record: of the item.
        vocabulary: of the set.
        names: that its values ever had.
        session: of the item, where it is open; ``None``: it is read.

    Raises:
        InputError: there are none, they are damaged or of a class that the set has not, or the image was
            changed.
    """
    folder, file = item_folder(index.folder, record.name), image_in(index.folder, record.path)
    if file.exists():  # else labels may go out alone
        check_unchanged(record, file)
    more = {
        "file": file,
        "path": record.path,
        "plane": record.plane,
        "verified": record.state is ItemState.VERIFIED,
    }
    if session is None and has_session(folder / SESSION):
        session = restore(folder / SESSION)
    if session is not None:
        query = "SELECT id, by, at FROM regions WHERE item = ? AND state != ''"
        who = {region: (by, at or 0.0) for region, by, at in index.rows(query, (record.id,))}
        image = LabelledImage.of_session(session, record.name, who, **more)
        return _in_words(image, session.vocabulary, vocabulary, names)
    result = read_result(folder)
    image = LabelledImage.of_result(result, record.name, **more)
    return _in_words(image, result.vocabulary, vocabulary, names)


def _in_words(
    image: LabelledImage, theirs: Vocabulary, ours: Vocabulary, names: Names
) -> LabelledImage:
    """Return an image in the classes of the set.

    A value is one class in the set, so that values stay; a session whose classes are none of the set's goes
    by their names.

    Raises:
        InputError: it has labels of a class that the set has not.
    """
    if set(theirs.values) <= set(ours.values) and names.are_of(theirs):
        return image
    survivors = names.survivors
    by_name = {grammar.key(class_.name): class_.value for class_ in ours}
    same = names.are_of(theirs)
    table = np.zeros(MAX_VALUE + 1, np.uint16)
    for class_ in theirs:
        value = (
            survivors.get(class_.value, class_.value)
            if same
            else by_name.get(grammar.key(class_.name), 0)
        )
        table[class_.value] = value if value in ours.values else 0
    labels = np.asarray(image.labels)
    gone = [
        class_.name
        for class_ in theirs
        if not table[class_.value] and (labels == class_.value).any()
    ]
    if gone:
        way = "label it anew (project run --stale, or relabel)"
        if any(note.state and note.value and not table[note.value] for note in image.notes):
            way = "give those regions another one"
        raise InputError(
            f"It has labels of {', '.join(map(repr, gone))}, which is no class of the set; add it again, or "
            f"{way}."
        )
    notes = tuple(
        _now(note, int(table[note.value]), int(table[note.predicted])) for note in image.notes
    )
    return replace(image, labels=table[labels], notes=notes)


def _now(note: RegionNote, value: int, predicted: int) -> RegionNote:
    """Return a note of what its classes are now; what was decided keeps which class was given."""
    given = (note.given or note.value) if note.state and note.value else 0
    return replace(note, value=value, predicted=predicted, given=0 if given == value else given)
