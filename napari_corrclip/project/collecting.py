"""The way from items' folders into an index: of what parts of a run left, and of an index made anew."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from napari_corrclip.annotation import restore
from napari_corrclip.engine.recipe import Recipe
from napari_corrclip.errors import InputError
from napari_corrclip.progress import Progress, Steps
from napari_corrclip.project.database import NAME
from napari_corrclip.project.folder import (
    ITEM,
    ITEMS,
    RESULT,
    SESSION,
    Choices,
    Outcome,
    is_corrected,
    read_result,
)
from napari_corrclip.project.index import Found, Index
from napari_corrclip.project.records import DECIDED, ItemState
from napari_corrclip.project.running import only_runner


def index_anew(folder: Path) -> Index:
    """Return an index of what ``project.json`` says, without items; the former one stays beside it.

    Raises:
        InputError: it is no project, somebody has it open to run, or it cannot be written.
    """
    choices = Choices.read(folder)
    with only_runner(folder):
        for ending in ("", "-wal", "-shm"):
            former = folder / (NAME + ending)
            if former.exists():
                former.replace(folder / f"{NAME}{ending}.former")
        index = Index(folder / NAME, create=True)
        with index.transaction():
            index.choose(choices.vocabulary, choices.recipe)
            index.look_in(choices.places)
    return index


def collect_steps(index: Index) -> Steps[int]:
    """Take what lies in items' folders; see :meth:`~napari_corrclip.project.project.Project.collect`."""
    with only_runner(index.folder):
        runs: dict[tuple[str, str], int] = {}
        folders = sorted((index.folder / ITEMS).glob(f"*/{ITEM}"))
        known = {record.name: record for record in index.items()}
        taken = 0
        for number, path in enumerate(folders):
            yield Progress("collect", number, len(folders))
            folder = path.parent
            record = known.get(folder.name)
            try:
                outcome = Outcome.read(folder)
            except InputError as error:  # damaged: the image is run again, what was decided stays
                if record is not None and record.state not in DECIDED:
                    with index.transaction():
                        index.mark(record.id, ItemState.FAILED, reason=str(error))
                continue
            if record is not None and (record.at, record.state) == (outcome.at, outcome.state):
                continue
            if record is not None and record.state in DECIDED:
                continue  # since it was run
            _take(index, folder, outcome, runs)
            taken += 1
        with index.transaction():
            for run in runs.values():
                index.end_run(run)
    return taken


def _take(index: Index, folder: Path, outcome: Outcome, runs: dict[tuple[str, str], int]) -> None:
    """Take what lies in an item's folder into the index.

    Args:
        index: of the project.
        folder: of the item.
        outcome: that lies there.
        runs: numbers of the runs that are known, by recipe and vocabulary; new ones are added.
    """
    with index.transaction():
        found = Found(
            folder.name, outcome.path, outcome.size, outcome.mtime, outcome.plane, outcome.stack
        )
        index.add([found])
        item = index.item(folder.name).id
        if (folder / RESULT).exists():
            result = read_result(folder)
            how = result.provenance.recipe, result.vocabulary.fingerprint
            if how not in runs:
                runs[how] = index.begin_run(result.vocabulary, Recipe.from_json(how[0]))
            index.take_regions(item, result.table, runs[how])
            index.give_result(item, runs[how], outcome.seconds)
        if is_corrected(folder):
            table = restore(folder / SESSION).table
            index.take_regions(item, table, None, by=outcome.by)
            if outcome.state not in (*DECIDED, ItemState.SKIPPED):
                # The process was killed before the session's end, which writes the state.
                outcome = replace(outcome, state=ItemState.IN_REVIEW, reason="")
        index.note_file(item, outcome.size, outcome.mtime, outcome.digest)
        index.mark(item, outcome.state, reason=outcome.reason, by=outcome.by, at=outcome.at)
