"""The run over a project's items: the networks propose, what a person decided stays."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from napari_corrclip.annotation.files.log import has_session, is_open, put_aside
from napari_corrclip.engine.recipe import Recipe
from napari_corrclip.errors import CorrClipError, InputError, WeightsError
from napari_corrclip.images.origin import Origin
from napari_corrclip.images.planes import opened
from napari_corrclip.images.stack import Stack
from napari_corrclip.progress import Progress, Steps
from napari_corrclip.project.folder import (
    RESULT,
    SESSION,
    Outcome,
    is_corrected,
    now,
)
from napari_corrclip.project.index import Index
from napari_corrclip.project.reading import ReadImage, look_at_image, read_image
from napari_corrclip.project.records import DECIDED, ItemRecord, ItemState
from napari_corrclip.project.run import (
    Event,
    Failed,
    Item,
    KeptMeanwhileError,
    Made,
    Report,
    gather_steps,
    run_steps,
)
from napari_corrclip.project.vectors import save_with_vectors
from napari_corrclip.results.large import LargeSegmentation
from napari_corrclip.results.segmentation import Segmentation
from napari_corrclip.results.vectors import RegionVectors
from napari_corrclip.results.zarr_maps import move_result
from napari_corrclip.storage.disk import remove
from napari_corrclip.vocabulary import Vocabulary

# The engine is imported by a run alone: a window that lists a project does without torch.
if TYPE_CHECKING:
    from napari_corrclip.engine.segmenter import Segmenter

_NEXT = "result.next"
"""Where a large image's result is made, until it is known that nobody was faster."""


class NotSavedError(InputError):
    """The error of a result that could not be saved: no other one would fare better."""


@dataclass(frozen=True, eq=False, slots=True)
class Proposal:
    """The outcome of an item's run.

    Attributes:
        result: what the networks propose; of a large image, with its maps on the disk.
        outcome: what is written beside it.
        vectors: of its regions; ``None``: of a large image, or where the run is to keep none.
    """

    result: Segmentation | LargeSegmentation
    outcome: Outcome
    vectors: RegionVectors | None = None


@dataclass(frozen=True, eq=False, slots=True)
class Task:
    """An item whose turn comes.

    Attributes:
        record: the item.
        image: its file.
        folder: of the item.
        stack: the planes of its stack; ``None``: it is one image.
    """

    record: ItemRecord
    image: Path
    folder: Path
    stack: Stack | None = None


class Ledger(Protocol):
    """A ledger of a run's items: it takes note of what becomes of each."""

    def is_decided(self, task: Task) -> bool:
        """Whether a person has begun to correct an item, so that it is left as it is."""
        ...

    def begin(self, task: Task) -> None:
        """Take note that it is an item's turn."""
        ...

    def take(self, task: Task, proposal: Proposal) -> bool:
        """Take note of a result that lies in its item's folder; return false if a person was faster."""
        ...

    def fail(self, task: Task, reason: str) -> None:
        """Take note that an item has no result."""
        ...

    def end(self, *, whole: bool) -> None:
        """Take note that the run is over; ``whole``: it has come to its end."""
        ...


class Folders:
    """The ledger of a run that writes into the items' folders alone, for others to collect.

    Any number of them, on any machines, share no write as long as no item is of two.
    """

    def is_decided(self, task: Task) -> bool:
        """Whether a person has begun to correct an item, or looks at it now."""
        return task.record.state in DECIDED or _is_taken(task.folder)

    def begin(self, task: Task) -> None:
        """Do nothing."""

    def take(self, task: Task, proposal: Proposal) -> bool:
        """Write what became of an item into its folder."""
        if self.is_decided(task):
            return False
        if has_session(task.folder / SESSION):  # somebody looked, and left all as it was
            put_aside(task.folder / SESSION)
        proposal.outcome.write(task.folder)
        return True

    def fail(self, task: Task, reason: str) -> None:
        """Write why an item has no result into its folder."""
        record = task.record
        Outcome(
            record.path, record.size, record.mtime, state=ItemState.FAILED, reason=reason, at=now(),
            plane=record.plane, stack=task.stack,
        ).write_new(task.folder)  # fmt: skip

    def end(self, *, whole: bool) -> None:
        """Do nothing."""


class Indexed(Folders):
    """The ledger of a run that is a project's own: folders, and then the index.

    Args:
        index: of the project.
        vocabulary: of the run.
        recipe: of the run.
    """

    def __init__(self, index: Index, vocabulary: Vocabulary, recipe: Recipe) -> None:
        self._index = index
        with index.transaction():
            self._run = index.begin_run(vocabulary, recipe)

    def is_decided(self, task: Task) -> bool:
        """Whether a person has begun to correct an item, also since the run began."""
        return self._index.item(task.record.name).state in DECIDED or _is_taken(task.folder)

    def begin(self, task: Task) -> None:
        """Say that an item is running."""
        with self._index.transaction():
            if not self.is_decided(task):
                self._index.mark(task.record.id, ItemState.RUNNING)

    def take(self, task: Task, proposal: Proposal) -> bool:
        """Write both in one transaction, in which no reviewer can begin."""
        index, item, outcome = self._index, task.record.id, proposal.outcome
        with index.transaction():
            if not super().take(task, proposal):
                return False
            index.take_regions(item, proposal.result.table, self._run)
            index.note_file(item, outcome.size, outcome.mtime, outcome.digest)
            index.mark(item, outcome.state, at=outcome.at)
            index.give_result(item, self._run, outcome.seconds)
        return True

    def fail(self, task: Task, reason: str) -> None:
        """Write the reason into both."""
        super().fail(task, reason)
        with self._index.transaction():
            self._index.mark(task.record.id, ItemState.FAILED, reason=reason)
            self._index.note_failure(self._run)

    def end(self, *, whole: bool) -> None:
        """Take back what is said to be running, and end the record of the run."""
        with self._index.transaction():
            self._index.free_running()
            if whole:
                self._index.end_run(self._run)


class _Proposals:
    """The runner's store of results: each in its item's folder, and noted by the ledger."""

    def __init__(self, tasks: Mapping[str, Task], ledger: Ledger) -> None:
        self._tasks, self._ledger = tasks, ledger

    def has(self, key: str) -> bool:
        return self._ledger.is_decided(self._tasks[key])

    def save(self, key: str, result: Proposal) -> None:
        task = self._tasks[key]
        try:
            kept = not self._ledger.is_decided(task)  # while it ran
            if kept:
                if isinstance(result.result, Segmentation):
                    save_with_vectors(task.folder, result.result, result.vectors)
                else:
                    move_result(task.folder / _NEXT, task.folder / RESULT)
                kept = self._ledger.take(task, result)
            else:
                remove(task.folder / _NEXT)
        except CorrClipError as error:
            raise NotSavedError(str(error)) from None
        if not kept:
            raise KeptMeanwhileError(
                f"{task.record.title!r} was corrected while it was run, and is left as it is."
            )


Elsewhere = Callable[[Iterator[Task]], Generator[Progress | Made[str, Proposal], None, None]]
"""Work that is done elsewhere: tasks are taken as there is room for them, and come back in any order."""


def prelabel_steps(
    tasks: Sequence[Task],
    ledger: Ledger,
    *,
    recipe: Recipe,
    vocabulary: Vocabulary,
    networks: Callable[[], Steps[Segmenter]],
    elsewhere: Elsewhere | None = None,
    strict: bool = False,
    vectors: bool = True,
) -> Generator[Event[str, Proposal], None, Report[str]]:
    """Run the networks over items, and keep each result as soon as it is there.

    An item that a person has begun to correct is left as it is. One that fails is told with its reason, and
    the next one is taken.

    Args:
        tasks: in their order.
        ledger: takes note of what becomes of them.
        recipe: of the run.
        vocabulary: the classes.
        networks: returns the generator that loads the networks; called when the first image has been read.
        elsewhere: makes the proposals, with networks of its own; they are kept here all the same. ``None``:
            they are made here.
        strict: end with the first image that fails.
        vectors: keep those of the regions, too.

    Raises:
        InputError: a result cannot be saved; or, if ``strict``, an image fails.
        WeightsError: the networks cannot be loaded.
    """
    by_name = {task.record.name: task for task in tasks}
    loaded: list[Segmenter] = []

    def work(task: Task) -> Steps[Proposal]:
        ledger.begin(task)
        begun = time.perf_counter()
        yield Progress("read", 0, 1)
        if recipe.scale is None:
            read = read_image(task.image, task.record.plane)
        else:
            read = look_at_image(task.image)
            _check_large(task, recipe.scale)
        if not loaded:
            segmenter = yield from networks()
            segmenter.check_prompts(vocabulary)
            loaded.append(segmenter)
        result: Segmentation | LargeSegmentation
        looks: RegionVectors | None = None
        if read.pixels is None:
            result = yield from _large_steps(loaded[0], task, recipe, vocabulary)
        elif vectors:
            from napari_corrclip.engine.vectors import segment_steps

            result, looks = yield from segment_steps(loaded[0], read.pixels, vocabulary)
        else:
            result = yield from loaded[0].segment_steps(read.pixels, vocabulary)
        seconds = time.perf_counter() - begun
        return propose(task, read, result, recipe, vocabulary, seconds, looks)

    def ends(error: Exception) -> bool:
        ours = isinstance(error, CorrClipError)
        return strict or not ours or isinstance(error, WeightsError | NotSavedError)

    store = _Proposals(by_name, ledger)
    if elsewhere is None:
        items = [
            Item(
                task.record.name,
                partial(work, task),
                f"{task.record.title} ({number} of {len(tasks)})",
            )
            for number, task in enumerate(tasks, 1)
        ]
        steps = run_steps(items, store, ends=ends)
    else:
        there = elsewhere

        def begun(names: Iterator[str]) -> Iterator[Task]:
            for name in names:
                ledger.begin(by_name[name])
                yield by_name[name]

        steps = gather_steps(list(by_name), lambda names: there(begun(names)), store, ends=ends)
    whole = False
    try:
        while True:
            try:
                event = next(steps)
            except StopIteration as stop:
                report: Report[str] = stop.value
                whole = True
                return report
            if isinstance(event, Failed):
                ledger.fail(by_name[event.key], str(event.error))
            yield event
    finally:
        steps.close()
        ledger.end(whole=whole)


def propose(
    task: Task,
    read: ReadImage,
    result: Segmentation | LargeSegmentation,
    recipe: Recipe,
    vocabulary: Vocabulary,
    seconds: float,
    vectors: RegionVectors | None = None,
) -> Proposal:
    """Return what is kept of an item's result, wherever that was made.

    Args:
        task: the item.
        read: its image as it was read.
        result: of the networks; of a large image with its origin.
        recipe: of the run.
        vocabulary: of the run.
        seconds: that it took.
        vectors: of its regions, if they are kept.
    """
    if isinstance(result, Segmentation):
        origin = Origin.of(task.image, task.folder / RESULT)
        provenance = replace(
            result.provenance,
            image=origin.image,
            image_digest=origin.digest,
            image_position=origin.position,
        )
        result = replace(result, provenance=provenance)
    outcome = Outcome(
        task.record.path,
        read.size,
        read.mtime,
        read.digest,
        ItemState.PRELABELLED,
        at=now(),
        recipe=recipe.key(),
        vocabulary=vocabulary.fingerprint,
        seconds=seconds,
        plane=task.record.plane,
        stack=task.stack,
    )
    return Proposal(result, outcome, vectors)


def _is_taken(folder: Path) -> bool:
    """Whether somebody has decided something about an item, or has its session open."""
    return is_corrected(folder) or is_open(folder / SESSION)


def _check_large(task: Task, scale: float) -> None:
    """Refuse an image that cannot be run at a scale, before networks are loaded."""
    from napari_corrclip.engine.large.reading import LazyImage
    from napari_corrclip.engine.large.windows import check_size

    with opened(task.image, "image", where=task.record.plane) as plane:
        check_size(scale, LazyImage(plane).size)


def _large_steps(
    segmenter: Segmenter, task: Task, recipe: Recipe, vocabulary: Vocabulary
) -> Steps[LargeSegmentation]:
    from napari_corrclip.engine.large.run import large_steps

    with opened(task.image, "image", where=task.record.plane) as plane:
        return (
            yield from large_steps(
                segmenter,
                plane,
                vocabulary,
                task.folder / _NEXT,
                scale=recipe.scale,
                tile=recipe.tile,
                overlap=recipe.overlap,
                origin=Origin.of(task.image, task.folder / RESULT),
            )
        )
