"""Labels of an export, taken into a project's items: nothing of a person's is overwritten unasked."""

from __future__ import annotations

import contextlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_corrclip.annotation.files.log import has_session, is_open, put_aside
from napari_corrclip.engine.recipe import GIVEN, Recipe
from napari_corrclip.errors import InputError
from napari_corrclip.images.stacks import read_plane
from napari_corrclip.progress import Progress, Steps
from napari_corrclip.project.content import Content, Runs, take_content
from napari_corrclip.project.export.exporting import names_with_folders
from napari_corrclip.project.export.format import Entry
from napari_corrclip.project.export.image import LabelledImage
from napari_corrclip.project.export.importing import As, Opened
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
    item_folder,
    now,
)
from napari_corrclip.project.index import Index
from napari_corrclip.project.intake import write_choices
from napari_corrclip.project.records import BY_HAND, ItemRecord, ItemState, plane_text
from napari_corrclip.project.reviewing import mark, reviewed
from napari_corrclip.project.running import only_runner
from napari_corrclip.project.words import current
from napari_corrclip.vocabulary import MAX_VALUE, Vocabulary, grammar


@dataclass(frozen=True, slots=True)
class Imported:
    """The outcome of an import.

    Attributes:
        done: titles of the items that have labels of it now.
        conflicts: why others have not, a sentence each.
        classes: names of classes that the set got.
    """

    done: tuple[str, ...] = ()
    conflicts: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()


def import_steps(
    index: Index, opened: Opened, *, as_: As = "decisions", by: str = "", replacing: bool = False
) -> Steps[Imported]:
    """Take an export's labels; see :meth:`~napari_corrclip.project.project.Project.import_labels`."""
    with only_runner(index.folder):
        table, added = _classes(index, opened.vocabulary)
        matches, conflicts = _matches(index, opened)
        done = []
        for number, (entry, record) in enumerate(matches):
            yield Progress("import", number, len(matches))
            try:
                image = _in_set(opened.image(entry, as_), table)
                _take(index, index.item(record.name), image, opened, by, replacing=replacing)
            except InputError as error:
                conflicts.append(f"{record.title}: {error}")
                continue
            done.append(record.title)
        yield Progress("import", len(matches), len(matches))
        return Imported(tuple(done), tuple(conflicts), added)


def _classes(index: Index, theirs: Vocabulary) -> tuple[NDArray[np.uint16], tuple[str, ...]]:
    """Have the classes of an export in the set; return the set's value of each of theirs, and what is new."""
    ours = current(index)
    known = {grammar.key(class_.name): class_.value for class_ in ours}
    table = np.zeros(MAX_VALUE + 1, np.uint16)
    new = []
    for class_ in theirs:
        value = known.get(grammar.key(class_.name))
        if value is None:
            value = ours.next_value
            ours = ours.add(
                class_.name,
                prompts=class_.prompts,
                color=class_.color,
                threshold=class_.threshold,
                background=class_.background and ours.background is None,
            )
            new.append(class_.name)
        table[class_.value] = value
    if new:
        with index.transaction():
            index.choose(ours, index.recipe)
        write_choices(index)
    return table, tuple(new)


def _matches(index: Index, opened: Opened) -> tuple[list[tuple[Entry, ItemRecord]], list[str]]:
    """Return which item each image of an export is, by its path or else its name; and what is none."""
    by_key: dict[tuple[int, str], list[ItemRecord]] = defaultdict(list)
    for record in index.items():
        for rank, key in enumerate(_keys(record.path, record.plane)):
            by_key[rank, key].append(record)
        for name in names_with_folders(record.title):
            by_key[_BY_NAME, name.casefold()].append(record)
    found: list[tuple[Entry, ItemRecord]] = []
    conflicts = []
    taken: dict[int, str] = {}
    for entry in opened.entries:
        path, plane = opened.path_of(entry), opened.plane_of(entry)
        keys = [*enumerate(_keys(path, plane)), (_BY_NAME, entry.name.casefold())]
        here = [by_key[key] for key in keys if key in by_key]
        # What one image alone is known by comes before what several are.
        records = next((each for each in here if len(each) == 1), here[0] if here else [])
        title = f"{path}{plane_text(plane)}"
        if not records:
            conflicts.append(f"{title}: no image of the project has this name; add it first.")
        elif len(records) > 1:
            names = ", ".join(record.title for record in records[:3])
            conflicts.append(
                f"{title}: several images have this name ({names}); export with their paths in a manifest."
            )
        elif records[0].id in taken:
            conflicts.append(
                f"{title}: {taken[records[0].id]!r} is the same image; rename one in the export."
            )
        else:
            taken[records[0].id] = title
            found.append((entry, records[0]))
    return found, conflicts


_BY_NAME = -1
"""The rank of the names that an export gives to files."""


def _keys(path: str, plane: Sequence[int]) -> Iterable[str]:
    """Return what an image is known by, the surest first: path, name of the file, and that without ending."""
    name, where = path.rpartition("/")[2], plane_text(tuple(plane))
    stem = name.rpartition(".")[0] or name
    return f"{path}{where}", f"{name}{where}".casefold(), f"{stem}{where}".casefold()


def recipe_in(opened: Opened) -> Recipe | None:
    """Return the recipe by which an export's images were run, for a project of them; ``None``: unknown."""
    for run in () if opened.manifest is None else opened.manifest.runs:
        with contextlib.suppress(InputError):
            recipe = Recipe.from_json(run.recipe)
            if recipe.whole and recipe.regions != GIVEN:
                return recipe
    return None


def _in_set(image: LabelledImage, table: NDArray[np.uint16]) -> LabelledImage:
    """Return an image in the set's values."""
    notes = tuple(
        replace(note, value=int(table[note.value]), predicted=int(table[note.predicted]))
        for note in image.notes
    )
    return replace(image, labels=table[np.asarray(image.labels)], notes=notes)


def _take(
    index: Index,
    record: ItemRecord,
    image: LabelledImage,
    opened: Opened,
    by: str,
    *,
    replacing: bool,
) -> None:
    """Take an image's labels into its item.

    Raises:
        InputError: something is there that stays, or the labels are none of the image.
    """
    folder, title = item_folder(index.folder, record.name), f"Import from {opened.format.title}"
    decided = any(note.state for note in image.notes)
    if is_open(folder / SESSION):
        raise InputError("Somebody has it open; close it, and import once more.")
    if record.state in BY_HAND and not replacing:
        raise InputError(
            f"It is {record.state}, and stays as it is; import with --replace, which can be undone there."
        )
    if record.regions is not None and not decided:
        if record.state in BY_HAND:
            raise InputError(
                f"It is {record.state}, and proposals take the place of no decision; import as decisions."
            )
        if not replacing:
            raise InputError("It has labels of a run, which stay; import with --replace.")
    file = image_in(index.folder, record.path)
    if record.regions is None or not decided:
        _write_result(index, record, image, folder, file, title)
    if not decided:
        return
    record = index.item(record.name)
    with reviewed(index, record, by) as session:
        words = current(index)
        lacking = set(words.values) - set(session.vocabulary.values)
        if lacking:
            session.set_vocabulary(words)
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
    if image.verified:
        mark(index, [record], ItemState.VERIFIED, by)


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
