"""The way from items' folders into an index: of what parts of a run left, and of an index made anew."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

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

if TYPE_CHECKING:
    import pandas as pd

    from napari_corrclip.results.large import LargeSegmentation
    from napari_corrclip.results.segmentation import Segmentation


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
            try:
                content = _read(folder, outcome)
            except InputError as error:
                # It is run again; what was decided stays, and a run leaves it as it is.
                content = _Content(replace(outcome, state=ItemState.FAILED, reason=str(error)))
            _take(index, folder, content, runs)
            taken += 1
        with index.transaction():
            for run in runs.values():
                index.end_run(run)
    return taken


@dataclass(frozen=True, eq=False, slots=True)
class _Content:
    """The content of an item's folder: what became of it, its result and its corrected regions, if any."""

    outcome: Outcome
    result: Segmentation | LargeSegmentation | None = None
    corrected: pd.DataFrame | None = None


def _read(folder: Path, outcome: Outcome) -> _Content:
    """Return what lies in an item's folder.

    Raises:
        InputError: its result or its session is damaged.
    """
    result = read_result(folder) if (folder / RESULT).exists() else None
    corrected = restore(folder / SESSION).table if is_corrected(folder) else None
    if corrected is not None and outcome.state not in (*DECIDED, ItemState.SKIPPED):
        # The process was killed before the session's end, which writes the state.
        outcome = replace(outcome, state=ItemState.IN_REVIEW, reason="")
    return _Content(outcome, result, corrected)


def _take(index: Index, folder: Path, content: _Content, runs: dict[tuple[str, str], int]) -> None:
    """Take what lies in an item's folder into the index.

    Args:
        index: of the project.
        folder: of the item.
        content: what lies there.
        runs: numbers of the runs that are known, by recipe and vocabulary; new ones are added.
    """
    outcome, result = content.outcome, content.result
    with index.transaction():
        found = Found(
            folder.name, outcome.path, outcome.size, outcome.mtime, outcome.plane, outcome.stack
        )
        index.add([found])
        item = index.item(folder.name).id
        if result is not None:
            how = result.provenance.recipe, result.vocabulary.fingerprint
            if how not in runs:
                runs[how] = index.begin_run(result.vocabulary, Recipe.from_json(how[0]))
            index.take_regions(item, result.table, runs[how])
            index.give_result(item, runs[how], outcome.seconds)
        if content.corrected is not None:
            index.take_regions(item, content.corrected, None, by=outcome.by)
        index.note_file(item, outcome.size, outcome.mtime, outcome.digest)
        index.mark(item, outcome.state, reason=outcome.reason, by=outcome.by, at=outcome.at)
