"""Labels of an export, taken into a project's items: nothing of a person's is overwritten unasked."""

from __future__ import annotations

import contextlib
import os
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_corrclip.annotation.files.log import has_session, is_open, put_aside
from napari_corrclip.annotation.journal import IN_MEMORY
from napari_corrclip.engine.recipe import GIVEN, Recipe
from napari_corrclip.errors import InputError, NotWrittenError
from napari_corrclip.images.stacks import read_plane
from napari_corrclip.progress import Progress, Steps
from napari_corrclip.project.content import Content, Runs, take_content
from napari_corrclip.project.export.exporting import alike, names_with_folders
from napari_corrclip.project.export.format import Entry
from napari_corrclip.project.export.image import LabelledImage
from napari_corrclip.project.export.importing import As, Opened
from napari_corrclip.project.export.pictures import size_of
from napari_corrclip.project.export.taken import result_of, take_into
from napari_corrclip.project.folder import (
    RESULT,
    SESSION,
    Outcome,
    content_of,
    content_of_plane,
    file_now,
    image_in,
    is_corrected,
    is_large,
    item_folder,
    now,
)
from napari_corrclip.project.index import Index
from napari_corrclip.project.intake import write_choices
from napari_corrclip.project.one_runner import only_runner
from napari_corrclip.project.own_classes import bring_classes
from napari_corrclip.project.records import BY_HAND, ItemRecord, ItemState, plane_text
from napari_corrclip.project.reviewing import mark, reviewed
from napari_corrclip.project.words import Names, current
from napari_corrclip.vocabulary import MAX_VALUE, Vocabulary, grammar
from napari_corrclip.vocabulary.classes import color_is_given
from napari_corrclip.wording.amounts import count


@dataclass(frozen=True, slots=True)
class Imported:
    """The outcome of an import.

    Attributes:
        done: titles of the items that have labels of it now.
        conflicts: why others have not, a sentence each.
        classes: names of classes that the set got.
        notes: what was read in a way that one may not think, or passed over, a sentence each.
    """

    done: tuple[str, ...] = ()
    conflicts: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def import_steps(
    index: Index, opened: Opened, *, as_: As = "decisions", by: str = "", replacing: bool = False
) -> Steps[Imported]:
    """Take an export's labels; see :meth:`~napari_corrclip.project.project.Project.import_labels`."""
    with only_runner(index.folder):
        words, table, added = classes_with(index, opened.vocabulary)
        finer = _finer_here(index, opened)
        matches, conflicts = _matches(index, opened)
        opened.reader.sizes = partial(_size_here, index, dict(matches))
        done: list[str] = []
        for number, (entry, record) in enumerate(matches):
            yield Progress("import", number, len(matches))
            try:
                record = index.item(record.name)
                image = in_values(opened.image(entry, as_), table)
                if finer and image.verified:
                    image = replace(image, changed=True)
                if not opened.knows(entry) and _is_empty(image):
                    raise InputError("It has no labels there, and stays as it is.")
                _check(index, record, image, replacing=replacing)
                if words is not None:  # the first image that is taken brings its classes
                    with index.transaction():
                        index.choose(words, index.recipe)
                    write_choices(index)
                    words = None
                _take(index, record, image, opened, by)
            except (
                NotWrittenError
            ) as error:  # no other image would fare better, and no memory is kept
                raise NotWrittenError(str(error).removesuffix(IN_MEMORY)) from None
            except InputError as error:
                conflicts.append(f"{record.title}: {error}")
                continue
            done.append(record.title)
        yield Progress("import", len(matches), len(matches))
        notes = (*opened.reader.notes, *(_told_of_finer(finer) if done else ()))
        return Imported(tuple(done), tuple(conflicts), added if words is None else (), notes)


def _size_here(
    index: Index, items: Mapping[Entry, ItemRecord], entry: Entry
) -> tuple[int, int] | None:
    """Return the rows and columns of an export's image as the project has it; ``None``: it has none."""
    record = items.get(entry)
    if record is None or record.plane:
        return None
    file = image_in(index.folder, record.path)
    return size_of(file) if file.is_file() else None


def _finer_here(index: Index, opened: Opened) -> Mapping[str, str]:
    """Return the set's classes that an export was rolled up from, and what each went out as, by name.

    Of its labels nobody has said which of those they are, so that none of its images is verified by it.
    """
    rolled = {} if opened.manifest is None else opened.manifest.rolled_up
    theirs = {grammar.key(name): other for name, other in rolled.items()}
    return {
        class_.name: theirs[key]
        for class_ in current(index)
        if (key := grammar.key(class_.name)) in theirs
    }


def _told_of_finer(finer: Mapping[str, str]) -> Iterator[str]:
    """Yield what is told of an export in which classes of the set went out as others."""
    if finer:
        name, other = next(iter(finer.items()))
        more = f", and {count(len(finer) - 1, 'other class', 'other classes')} likewise" * (
            len(finer) > 1
        )
        yield (
            f"The export was rolled up: {name!r} is {other!r} there{more}; what was verified then is in "
            "review here, until somebody verifies it with the classes of this project."
        )


def classes_with(
    index: Index, theirs: Vocabulary
) -> tuple[Vocabulary | None, NDArray[np.uint16], tuple[str, ...]]:
    """Return a set's classes with those of others, by name.

    Args:
        index: of the set.
        theirs: the others.

    Returns:
        The classes, or ``None`` where the set has them all; (65536,) the set's value of each of theirs, 0 of
        what is none; the names of the new ones.
    """
    ours = words = current(index)
    known = {grammar.key(class_.name) for class_ in ours}
    new = [class_ for class_ in theirs if grammar.key(class_.name) not in known]
    for class_ in new:
        words = words.add(
            class_.name,
            prompts=class_.prompts,
            color=class_.color if color_is_given(class_) else None,
            threshold=class_.threshold,
            background=class_.background and words.background is None,
        )
    for class_ in new:
        if class_.parent is not None:
            words = words.with_parent(class_.name, theirs.by_value(class_.parent).name)
    if new:  # one that the set had once gets its value back
        words = words.beside(ours, Names(index).values)
    values = {grammar.key(class_.name): class_.value for class_ in words}
    table = np.zeros(MAX_VALUE + 1, np.uint16)
    for class_ in theirs:
        table[class_.value] = values[grammar.key(class_.name)]
    return words if new else None, table, tuple(class_.name for class_ in new)


def _matches(index: Index, opened: Opened) -> tuple[list[tuple[Entry, ItemRecord]], list[str]]:
    """Return which item each image of an export is, and what is none.

    What an image is known by goes from the surest to the least sure, for all images at once: else one that is
    not here would take the place of one that has its name.
    """
    records = index.items()
    by_key: list[dict[str, list[ItemRecord]]] = [defaultdict(list) for _ in range(_RANKS)]
    for record in records:
        names = [alike(name) for name in names_with_folders(record.title)]
        file = str(image_in(index.folder, record.path))
        for rank, keys in enumerate(_keys(record.path, record.plane, names, file)):
            for key in keys:
                by_key[rank][key].append(record)
    titles = {
        entry.name: f"{opened.path_of(entry)}{plane_text(opened.plane_of(entry))}"
        for entry in opened.entries
    }
    keys_of = {
        entry.name: list(
            _keys(
                opened.path_of(entry),
                opened.plane_of(entry),
                [alike(entry.name)],
                "" if entry.picture is None else os.path.normpath(entry.picture),
            )
        )
        for entry in opened.entries
    }
    found: dict[str, ItemRecord] = {}
    taken: set[int] = set()
    for rank in range(_RANKS):
        wanted: dict[int, list[tuple[Entry, ItemRecord]]] = defaultdict(list)
        for entry in opened.entries:
            if entry.name in found:
                continue
            free = {
                record.id: record
                for key in keys_of[entry.name][rank]
                for record in by_key[rank].get(key, ())
                if record.id not in taken
            }
            if len(free) == 1:
                ((number, record),) = free.items()
                wanted[number].append((entry, record))
        for number, pairs in wanted.items():
            if len(pairs) == 1:
                found[pairs[0][0].name] = pairs[0][1]
                taken.add(number)
    conflicts = [
        f"{titles[entry.name]}: {_why_not(keys_of[entry.name], by_key, taken)}"
        for entry in opened.entries
        if entry.name not in found
    ]
    return [
        (entry, found[entry.name]) for entry in opened.entries if entry.name in found
    ], conflicts


def _why_not(
    keys: Sequence[Sequence[str]], by_key: Sequence[Mapping[str, list[ItemRecord]]], taken: set[int]
) -> str:
    """Say why an image of an export is no item."""
    likely = {
        record.title: record.id
        for rank, names in enumerate(keys)
        for key in names
        for record in by_key[rank].get(key, ())
    }
    if not likely:
        return "no image of the project has this name; add it first."
    named = ", ".join(list(likely)[:3])
    if set(likely.values()) <= taken:
        return (
            f"the export has another image that fits {named} better, and its labels went there; if this one "
            "is a photograph of its own, add it to the project, else take it out of the export."
        )
    return f"several images have this name ({named}); export with their paths in a manifest."


_RANKS = 5
_OME = (".ome.zarr", ".ome.tif", ".ome.tiff")
"""Endings of two parts, which are no part of a name."""


def _keys(
    path: str, plane: Sequence[int], names: Sequence[str], file: str
) -> Iterable[Sequence[str]]:
    """Yield what an image is known by, the surest first: path, its very file, names in an export, file, stem.

    Args:
        path: of the image as the project, or the manifest, has it.
        plane: of a stack, which one.
        names: that its files may have got in an export.
        file: where the image lies here, in the export or in a folder of the project's; empty: nowhere.
    """
    name, where = path.rpartition("/")[2], plane_text(tuple(plane))
    stem = name.rpartition(".")[0] or name
    for ending in _OME:
        if name.lower().endswith(ending):
            stem = name[: -len(ending)] or name
    yield (f"{path}{where}",)
    yield (file,) if file else ()
    yield names
    yield (alike(f"{name}{where}"),)
    yield (alike(f"{stem}{where}"),)


def recipe_in(opened: Opened) -> Recipe | None:
    """Return the recipe by which an export's images were run, for a project of them; ``None``: unknown."""
    for run in () if opened.manifest is None else opened.manifest.runs:
        with contextlib.suppress(InputError):
            recipe = Recipe.from_json(run.recipe)
            if recipe.whole and recipe.regions != GIVEN:
                return recipe
    return None


def in_values(
    image: LabelledImage, table: NDArray[np.uint16], given: Mapping[int, int] | None = None
) -> LabelledImage:
    """Return an image in other label values.

    Args:
        image: with all its labels in memory.
        table: (65536,) the new value of each.
        given: likewise of classes that became others, where they are known here, too.
    """
    known = given or {}
    notes = tuple(
        replace(
            note,
            value=int(table[note.value]),
            predicted=int(table[note.predicted]),
            given=known.get(note.given, 0),
        )
        for note in image.notes
    )
    return replace(image, labels=table[np.asarray(image.labels)], notes=notes)


def _is_empty(image: LabelledImage) -> bool:
    """Whether nothing is said of an image, as of one that nobody has labelled yet."""
    return not (image.is_decided or image.labels.any() or image.regions.any())


def _check(index: Index, record: ItemRecord, image: LabelledImage, *, replacing: bool) -> None:
    """Refuse labels in whose place there is something that stays.

    Raises:
        InputError: there is.
    """
    if is_open(item_folder(index.folder, record.name) / SESSION):
        raise InputError("Somebody has it open; close it, and import once more.")
    if record.state in BY_HAND and not replacing:
        raise InputError(
            f"It is {record.state}, and stays as it is; import with --replace, which can be undone there."
        )
    if record.regions is not None and not _is_said(index, record, image):
        if record.state in BY_HAND:
            raise InputError(
                f"It is {record.state}, and proposals take the place of no decision; import as decisions."
            )
        if not replacing:
            raise InputError("It has labels of a run, which stay; import with --replace.")


def _take(index: Index, record: ItemRecord, image: LabelledImage, opened: Opened, by: str) -> None:
    """Take an image's labels into its item.

    Raises:
        InputError: the labels are none of the image.
    """
    folder, title = item_folder(index.folder, record.name), f"Import from {opened.format.title}"
    file = image_in(index.folder, record.path)
    bare = record.regions is None or not _is_said(index, record, image)
    if bare:
        _write_result(index, record, image, folder, file, title)
    record = index.item(record.name)
    if image.is_decided or not bare:
        _decide(index, record, image, title, by)
    if image.changed:
        mark(index, [record], ItemState.IN_REVIEW, by)
    elif image.verified:
        mark(index, [record], ItemState.VERIFIED, by)


def _is_said(index: Index, record: ItemRecord, image: LabelledImage) -> bool:
    """Whether labels are a person's word, in parts or as a whole, which lies over what is proposed here.

    A large image, of which a run is no session, has proposals that somebody has verified.
    """
    large = is_large(item_folder(index.folder, record.name))
    return image.is_decided or (image.verified and not large)


def _decide(index: Index, record: ItemRecord, image: LabelledImage, title: str, by: str) -> None:
    """Lay what a person has said over what an item has."""
    with reviewed(index, record, by) as session:
        bring_classes(session, index.vocabulary, Names(index))
        take_into(session, image, title)
    with index.transaction():
        index.tell_decisions(
            record.id,
            (
                (note.id, note.state, note.value, note.by or by, note.at)
                for note in image.notes
                if note.state and note.at
            ),
        )


def _write_result(
    index: Index, record: ItemRecord, image: LabelledImage, folder: Path, file: Path, title: str
) -> None:
    """Write a result of an image's labels into its item.

    Raises:
        InputError: the image is gone, or of another size.
    """
    if is_corrected(folder):
        raise InputError("It was corrected, and stays as it is; import as decisions.")
    size, mtime = file_now_of(file)
    pixels = read_plane(file, record.plane)
    if pixels.rgb.shape[:2] != image.shape:
        raise InputError(
            f"The labels have {image.shape} pixels and the image {pixels.rgb.shape[:2]}; give labels of its "
            "size, upright as the picture is seen."
        )
    result = result_of(image, index.vocabulary, title)
    if has_session(folder / SESSION):  # somebody looked, and left all as it was
        put_aside(folder / SESSION)
    result.save(folder / RESULT, image=pixels.rgb)
    stack = next((stack.planes for stack in index.stacks() if stack.id == record.stack), None)
    outcome = Outcome(
        record.path,
        size,
        mtime,
        content_of_plane(pixels) if record.plane else content_of(file),
        ItemState.PRELABELLED,
        at=now(),
        vocabulary=index.vocabulary.fingerprint,
        plane=record.plane,
        stack=stack,
    )
    outcome.write_new(folder)
    with index.transaction():
        take_content(index, record.name, Content.read(folder, outcome), Runs(index))


def file_now_of(file: Path) -> tuple[int, int]:
    """Return size and time of an image's file.

    Raises:
        InputError: it is gone.
    """
    with contextlib.suppress(OSError):
        return file_now(file)
    raise InputError(f"The image {str(file)!r} is gone; put it back, or relink.")
