"""The content of an item's folder, read and taken into an index."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from napari_corrclip.annotation import restore
from napari_corrclip.annotation.files.log import glance, has_session
from napari_corrclip.engine.recipe import Recipe
from napari_corrclip.errors import InputError
from napari_corrclip.project.database import RefusedError
from napari_corrclip.project.folder import RESULT, SESSION, Outcome, is_corrected, now, read_result
from napari_corrclip.project.former import Former
from napari_corrclip.project.index import Found, Index
from napari_corrclip.project.records import (
    DECIDED,
    ItemState,
    RunRecord,
    plane_text,
)
from napari_corrclip.results.large import LargeSegmentation
from napari_corrclip.results.segmentation import Segmentation
from napari_corrclip.storage.text_files import load_json
from napari_corrclip.vocabulary import Vocabulary

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False, slots=True)
class Content:
    """The content of an item's folder: what became of it, its result and its corrected regions, if any.

    Attributes:
        outcome: what became of it.
        result: that the networks gave.
        made: when, in seconds since 1970, as far as files tell.
        corrected: the regions of its session; ``None``: nobody has decided anything.
        decided: when something was decided last.
        taught: the regions as a lesson shows them, of whom nobody has decided anything; ``None``: it shows
            none.
    """

    outcome: Outcome
    result: Segmentation | LargeSegmentation | None = None
    made: float = 0.0
    corrected: pd.DataFrame | None = None
    decided: float = 0.0
    taught: pd.DataFrame | None = None

    @classmethod
    def read(cls, folder: Path, outcome: Outcome) -> Content:
        """Return what lies in an item's folder. Where it is damaged, the item has failed, and says why."""
        try:
            return cls._read(folder, outcome)
        except InputError as error:
            # It is run again; what was decided stays, and a run leaves it as it is.
            return cls(replace(outcome, state=ItemState.FAILED, reason=str(error)))

    @classmethod
    def _read(cls, folder: Path, outcome: Outcome) -> Content:
        if not is_corrected(folder):
            return cls(outcome, *_result(folder, outcome), taught=_taught(folder))
        corrected, last = restore(folder / SESSION).table, glance(folder / SESSION)
        if outcome.state not in (*DECIDED, ItemState.SKIPPED):
            # The process was killed before the session's end, which writes the state.
            outcome = replace(outcome, state=ItemState.IN_REVIEW, reason="")
        decided = last.changed if last is not None else outcome.at
        return cls(outcome, *_result(folder, outcome), corrected, decided)


def _taught(folder: Path) -> pd.DataFrame | None:
    if not has_session(folder / SESSION):
        return None
    session = restore(folder / SESSION)
    return None if session.state.evidence.taught is None else session.table


def _result(
    folder: Path, outcome: Outcome
) -> tuple[Segmentation | LargeSegmentation | None, float]:
    """Return the result in an item's folder, and when it was made.

    Raises:
        InputError: it is damaged.
    """
    if not (folder / RESULT).exists():
        return None, 0.0
    times = [outcome.at]  # of an item that was reviewed since, at the latest
    with contextlib.suppress(OSError):
        times.append((folder / RESULT / "provenance.json").stat().st_mtime)
    return read_result(folder), min((time for time in times if time > 0), default=now())


class Runs:
    """The runs whose results lie in items' folders: of each recipe and vocabulary there was one.

    Args:
        index: of the project.
    """

    def __init__(self, index: Index) -> None:
        self._index = index
        self._former: dict[int, tuple[str, str]] = {}
        self._new: dict[tuple[str, str], int] = {}

    def bring_back(self, runs: Iterable[RunRecord]) -> None:
        """Have runs of a former index, with their numbers; inside a transaction.

        Raises:
            InputError: one is damaged.
        """
        former = {}
        for run in runs:
            words = load_json(run.vocabulary, f"The classes of run {run.id}")
            vocabulary, recipe = Vocabulary.from_document(words), _recipe(run.recipe)
            self._index.bring_back_run(run, vocabulary, recipe)
            former[run.id] = _key(recipe), vocabulary.fingerprint
        self._former = former

    def give(self, item: int, content: Content, likely: int | None = None) -> int | None:
        """Take note of an item's result; return its run, if it has one. Inside a transaction.

        Args:
            item: whose it is.
            content: of its folder.
            likely: the run that a former index has said.
        """
        result, seconds = content.result, content.outcome.seconds
        if result is None:
            return None
        recipe = _recipe(result.provenance.recipe)
        how = _key(recipe), result.vocabulary.fingerprint
        if likely is not None and self._former.get(likely) == how:
            self._index.give_result(item, likely, seconds, count=False)
            return likely
        begun = content.made - seconds
        if how not in self._new:
            made_by = result.provenance.versions.get("napari-corrclip", "")
            self._new[how] = self._index.begin_run(
                result.vocabulary, recipe, at=begun, made_by=made_by
            )
        run = self._new[how]
        self._index.span_run(run, begun, content.made)
        self._index.give_result(item, run, seconds)
        return run


def _recipe(text: str) -> Recipe | str:
    """Return a recipe; one that a newer version wrote as it is, whose results count as stale."""
    try:
        return Recipe.from_json(text)
    except InputError:
        return text


def _key(recipe: Recipe | str) -> str:
    return recipe if isinstance(recipe, str) else recipe.key()


def take_content(
    index: Index, name: str, content: Content, runs: Runs, former: Former | None = None
) -> None:
    """Take what lies in an item's folder into an index; inside a transaction.

    Args:
        index: of the project.
        name: of the folder.
        content: what lies there.
        runs: that are known.
        former: an index that may know more of it; ``None``: there is none.

    Raises:
        RefusedError: its image is another item's, or it has what an index cannot have.
    """
    outcome = content.outcome
    record = index.item_called(name)
    if record is None:
        found = Found(name, outcome.path, outcome.size, outcome.mtime, outcome.plane, outcome.stack)
        index.add([found])
        record = index.item_called(name)
    if record is None:
        raise RefusedError(
            f"The folder {name!r} is of {outcome.path}{plane_text(outcome.plane)}, and another item is, "
            "too, so that it is left as it is; move it out of the project."
        )
    likely = None if former is None else former.run_of(name)
    run = runs.give(record.id, content, likely)
    if content.result is not None:
        shown = content.result.table if content.taught is None else content.taught
        index.take_regions(record.id, shown, run)
    if content.corrected is not None:
        # Neither the session nor the folder says who it was.
        index.take_regions(record.id, content.corrected, None, at=content.decided)
        if former is not None:
            index.tell_decisions(record.id, former.decisions(name))
    index.note_file(record.id, outcome.size, outcome.mtime, outcome.digest)
    index.mark(record.id, outcome.state, reason=outcome.reason, by=outcome.by, at=outcome.at)
