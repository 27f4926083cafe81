"""The run over a project's items: the networks propose, what a person decided stays."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from napari_corrclip.annotation.files.log import has_session, put_aside
from napari_corrclip.engine.recipe import Recipe
from napari_corrclip.engine.segmenter import Segmenter
from napari_corrclip.errors import CorrClipError, InputError, WeightsError
from napari_corrclip.images.origin import Origin
from napari_corrclip.images.pixels import read_pixels
from napari_corrclip.progress import Progress, Steps
from napari_corrclip.project.folder import (
    RESULT,
    SESSION,
    Outcome,
    digest,
    file_now,
    is_corrected,
    now,
)
from napari_corrclip.project.index import Index
from napari_corrclip.project.records import DECIDED, ItemRecord, ItemState
from napari_corrclip.project.run import Event, Failed, Item, Report, run_steps
from napari_corrclip.results.segmentation import Segmentation
from napari_corrclip.vocabulary import Vocabulary


class NotSavedError(InputError):
    """The error of a result that could not be saved: no other one would fare better."""


@dataclass(frozen=True, eq=False, slots=True)
class Proposal:
    """The outcome of an item's run.

    Attributes:
        result: what the networks propose.
        outcome: what is written beside it.
    """

    result: Segmentation
    outcome: Outcome


@dataclass(frozen=True, eq=False, slots=True)
class Task:
    """An item whose turn comes.

    Attributes:
        record: the item.
        image: its file.
        folder: of the item.
    """

    record: ItemRecord
    image: Path
    folder: Path


class Proposals:
    """The runner's store of a project's results: an item's folder, and then the index.

    Args:
        index: takes note of what is saved.
        tasks: by the names of their items.
        run: its number.
    """

    def __init__(self, index: Index, tasks: Mapping[str, Task], run: int) -> None:
        self._index, self._tasks, self._run = index, tasks, run

    def has(self, key: str) -> bool:
        """Whether a person has begun to correct an item since the run began."""
        return self._index.item(key).state in DECIDED or is_corrected(self._tasks[key].folder)

    def save(self, key: str, result: Proposal) -> None:
        """Write a result into its item's folder."""
        task, outcome, index = self._tasks[key], result.outcome, self._index
        try:
            if self.has(key):  # since it was begun
                return
            result.result.save(task.folder / RESULT)
            with index.transaction():
                if self.has(key):
                    return
                if has_session(task.folder / SESSION):  # somebody looked, and left all as it was
                    put_aside(task.folder / SESSION)
                outcome.write(task.folder)
                index.take_regions(task.record.id, result.result.table, self._run)
                index.note_file(task.record.id, outcome.size, outcome.mtime, outcome.digest)
                index.mark(task.record.id, outcome.state, at=outcome.at)
                index.give_result(task.record.id, self._run, outcome.seconds)
        except CorrClipError as error:
            raise NotSavedError(str(error)) from None


def prelabel_steps(
    index: Index,
    tasks: Sequence[Task],
    *,
    recipe: Recipe,
    vocabulary: Vocabulary,
    networks: Callable[[], Steps[Segmenter]],
    strict: bool = False,
) -> Generator[Event[str, Proposal], None, Report[str]]:
    """Run the networks over items, and keep each result as soon as it is there.

    An item that a person has begun to correct is left as it is. One that fails is told with its reason, and
    the next one is taken.

    Args:
        index: of the project.
        tasks: in their order.
        recipe: of the run.
        vocabulary: the classes.
        networks: returns the generator that loads the networks; called when the first image has been read.
        strict: end with the first image that fails.

    Raises:
        InputError: a result cannot be saved; or, if ``strict``, an image fails.
        WeightsError: the networks cannot be loaded.
    """
    by_name = {task.record.name: task for task in tasks}
    with index.transaction():
        run = index.begin_run(vocabulary, recipe)
    loaded: list[Segmenter] = []

    def work(task: Task) -> Steps[Proposal]:
        with index.transaction():
            index.mark(task.record.id, ItemState.RUNNING)
        begun = time.perf_counter()
        yield Progress("read", 0, 1)
        pixels = read_pixels(task.image)
        size, mtime = file_now(task.image)
        if not loaded:
            segmenter = yield from networks()
            segmenter.check_prompts(vocabulary)
            loaded.append(segmenter)
        result = yield from loaded[0].segment_steps(pixels, vocabulary)
        origin = Origin.of(task.image, task.folder / RESULT)
        provenance = replace(
            result.provenance,
            image=origin.image,
            image_digest=origin.digest,
            image_position=origin.position,
        )
        outcome = Outcome(
            task.record.path,
            size,
            mtime,
            digest(task.image),
            ItemState.PRELABELLED,
            at=now(),
            recipe=recipe.key(),
            vocabulary=vocabulary.fingerprint,
            seconds=time.perf_counter() - begun,
        )
        return Proposal(replace(result, provenance=provenance), outcome)

    def ends(error: Exception) -> bool:
        ours = isinstance(error, CorrClipError)
        return strict or not ours or isinstance(error, WeightsError | NotSavedError)

    items = [
        Item(
            task.record.name, partial(work, task), f"{task.record.path} ({number} of {len(tasks)})"
        )
        for number, task in enumerate(tasks, 1)
    ]
    steps = run_steps(items, Proposals(index, by_name, run), ends=ends)
    try:
        report = yield from _noting(steps, index, by_name, run)
    finally:
        with index.transaction():
            index.free_running()
    with index.transaction():
        index.end_run(run)
    return report


def _noting(
    steps: Generator[Event[str, Proposal], None, Report[str]],
    index: Index,
    tasks: Mapping[str, Task],
    run: int,
) -> Generator[Event[str, Proposal], None, Report[str]]:
    """Drive a run, and take note of what fails."""
    try:
        while True:
            try:
                event = next(steps)
            except StopIteration as stop:
                report: Report[str] = stop.value
                return report
            if isinstance(event, Failed):
                task, reason = tasks[event.key], str(event.error)
                Outcome(
                    task.record.path, task.record.size, task.record.mtime,
                    state=ItemState.FAILED, reason=reason, at=now(),
                ).write_new(task.folder)  # fmt: skip
                with index.transaction():
                    index.mark(task.record.id, ItemState.FAILED, reason=reason)
                    index.note_failure(run)
            yield event
    finally:
        steps.close()
