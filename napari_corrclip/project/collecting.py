"""The way from items' folders into an index: of what parts of a run left, and of an index made anew."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path

from napari_corrclip.errors import InputError
from napari_corrclip.progress import Progress, Steps, finish
from napari_corrclip.project.class_tree import ClassTree
from napari_corrclip.project.content import Content, Runs, take_content
from napari_corrclip.project.database import NAME, RefusedError, files_of, put_aside, settle
from napari_corrclip.project.folder import (
    ITEM,
    ITEMS,
    PROJECT,
    Choices,
    Outcome,
    item_folder,
    item_name,
)
from napari_corrclip.project.former import Former
from napari_corrclip.project.index import Index
from napari_corrclip.project.intake import choices_of, look_again, write_choices
from napari_corrclip.project.merged_classes import merged_class
from napari_corrclip.project.one_runner import only_runner
from napari_corrclip.project.records import BY_HAND, ItemRecord, ItemState, plane_text
from napari_corrclip.storage.disk import cannot_write, remove, sync_file, sync_folder
from napari_corrclip.storage.temporary import temporary
from napari_corrclip.storage.text_files import load_json, read_text


def index_anew(folder: Path) -> Index:
    """Return an index that is made of a project's other files; the former one stays beside it.

    It is made beside the former one, and takes its place when it is whole: whoever is killed, or fails,
    leaves all as it was. What the former one alone has is taken from it as far as it can be read.

    Raises:
        InputError: it is no project, somebody has it open, or it cannot be written.
    """
    choices, path = _choices(folder), folder / NAME
    with only_runner(folder):
        settle(path)
        try:
            with temporary(folder, path.suffix) as beside:
                try:
                    passed_over = _make(beside, path, choices)
                finally:  # a disk that is full
                    left = [each for each in files_of(beside)[1:] if each.exists()]
                    for each in left:
                        remove(each)
                if left:
                    raise InputError(
                        f"The index in {str(folder)!r} could not be written whole; make room, and repair it "
                        "again."
                    )
                sync_file(beside)
                put_aside(path)
                beside.replace(path)
                sync_folder(folder)
        except OSError as error:
            raise cannot_write(folder, error) from None
    index = Index(path)
    write_choices(index)
    index.passed_over = passed_over
    return index


def _choices(folder: Path) -> Choices:
    """Return what ``project.json`` says; where it is gone or no JSON, what a whole index knows of it.

    Raises:
        InputError: neither can be read.
    """
    try:
        load_json(read_text(folder / PROJECT, "project"), f"The project {str(folder / PROJECT)!r}")
    except InputError:
        with (
            contextlib.suppress(InputError),
            contextlib.closing(Index(folder / NAME, read_only=True)) as index,
        ):
            return choices_of(index)
        raise
    return Choices.read(folder)  # of another version it is refused


def _make(beside: Path, path: Path, choices: Choices) -> dict[str, tuple[str, ...]]:
    """Make an index beside a former one, and return what was passed over."""
    with contextlib.closing(Index(beside, create=True)) as index, Former(path) as former:
        with index.transaction():
            index.choose(choices.vocabulary, choices.recipe)
            index.look_in(choices.places)
            for merged in choices.merged:
                index.note_merge(merged_class(merged))
            known = ClassTree.of_rows(choices.tree, repr(PROJECT))
            # One that has no row begins with the classes that there are, and with merged ones.
            index.keep_tree(known.chosen(choices.vocabulary.parents) if choices.tree else known)
        finish(take_steps(index, former))
        look_again(index)
        return index.passed_over


def collect_steps(index: Index) -> Steps[int]:
    """Take what lies in items' folders; see :meth:`~napari_corrclip.project.project.Project.collect`."""
    with only_runner(index.folder):
        return (yield from take_steps(index))


def take_steps(
    index: Index, former: Former | None = None, only: Collection[str] | None = None
) -> Steps[int]:
    """Take what lies in items' folders, and return of how many; for whoever is the only runner.

    What cannot be used is passed over, and told by the index.

    Args:
        index: of the project.
        former: that which this one is to take the place of; ``None``: none, and what a person has said in
            this one stays.
        only: names of the folders; ``None``: all.
    """
    told: list[str] = []
    runs = Runs(index) if former is None else _begun(index, former)
    known = {record.name: record for record in index.items()}
    names = _names(index.folder) if only is None else sorted(only)
    outcomes = yield from _outcomes(index, names, known, former, told)
    if former is None:
        outcomes = {
            name: outcome
            for name, outcome in outcomes.items()
            if _is_news(known.get(name), outcome)
        }
    taken = 0
    for number, (name, outcome) in enumerate(outcomes.items()):
        yield Progress("collect", number, len(outcomes))
        folder = item_folder(index.folder, name)
        ahead = None if former is None else former.ahead_of(name, outcome)
        content = Content.read(folder, outcome if ahead is None else ahead)
        try:
            with index.transaction():
                # Who has opened it since has taken it.
                if former is None and not _is_news(index.item_called(name), outcome):
                    continue
                take_content(index, name, content, runs, former)
        except RefusedError as error:
            told.append(str(error))
            continue
        if ahead is not None or not (folder / ITEM).exists():
            content.outcome.write_new(folder)
        taken += 1
    index.passed_over["items"] = tuple(dict.fromkeys(told))
    return taken


def _is_news(record: ItemRecord | None, outcome: Outcome) -> bool:
    """Whether a folder says what the index has not, of an item of which no person has said anything."""
    if record is None:
        return True
    return record.state not in BY_HAND and (record.at, record.state) != (outcome.at, outcome.state)


def _begun(index: Index, former: Former) -> Runs:
    """Have the runs and the images of a former index, and return these runs."""
    runs = Runs(index)
    try:
        with index.transaction():
            runs.bring_back(former.runs)
    except InputError:  # they are damaged, and are counted anew
        runs = Runs(index)
    with index.transaction():
        index.add(former.found())
    return runs


def _outcomes(
    index: Index,
    names: Sequence[str],
    known: Mapping[str, ItemRecord],
    former: Former | None,
    told: list[str],
) -> Steps[dict[str, Outcome]]:
    """Return what became of the items, by their folders' names; one folder an image.

    Args:
        index: of the project.
        names: of the folders.
        known: items that it has, by their names.
        former: as for :func:`take_steps`.
        told: gets a sentence on each folder that is passed over.
    """
    found: dict[str, Outcome] = {}
    for number, name in enumerate(names):
        yield Progress("look", number, len(names))
        try:
            name.encode()
            found[name] = Outcome.read(item_folder(index.folder, name))
        except UnicodeEncodeError:
            told.append(
                f"The folder {name!r} in {ITEMS!r} is no item's, whose names are text; move it away."
            )
        except InputError as error:
            mended = None if former is None else former.outcome_of(name)
            if mended is not None:
                mended.write(item_folder(index.folder, name))
                found[name] = mended
                continue
            record = known.get(name)
            if record is None or record.state in BY_HAND:
                told.append(str(error))
            else:  # it is run again
                with index.transaction():
                    index.mark(record.id, ItemState.FAILED, reason=str(error))
    if former is not None:  # killed before it was written into a folder
        for name in former.said():
            outcome = former.outcome_of(name)
            if name not in found and outcome is not None:
                found[name] = outcome
    owners = {(record.path, record.plane): name for name, record in known.items()}
    likely = () if former is None else former.items
    for name in sorted(found, key=lambda name: _rank(name, found[name], likely)):
        place = found[name].path, found[name].plane
        if name not in known and owners.setdefault(place, name) != name:
            told.append(
                f"The folder {name!r} in {ITEMS!r} is of {place[0]}{plane_text(place[1])}, as is "
                f"{owners[place]!r}, so it is left as it is; move it out of the project."
            )
            del found[name]
    return found


def _rank(name: str, outcome: Outcome, likely: Iterable[str]) -> tuple[bool, bool, int, str]:
    """Return by what a folder comes before others of the same image, as of copies of it."""
    shape = () if outcome.stack is None else outcome.stack.shape
    ours = item_name(outcome.path, outcome.plane, shape)
    return name not in likely, name != ours, len(name), name


def _names(folder: Path) -> list[str]:
    """Return the names of the items' folders that say what became of it, in their order."""
    with contextlib.suppress(OSError), os.scandir(folder / ITEMS) as entries:
        names = sorted(entry.name for entry in entries)
        return [name for name in names if (folder / ITEMS / name / ITEM).exists()]
    return []
