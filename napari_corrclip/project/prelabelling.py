"""The run over a project's items: the networks propose, what a person decided stays."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from napari_corrclip.engine.recipe import Recipe
from napari_corrclip.errors import CorrClipError, InputError, NotWrittenError, WeightsError
from napari_corrclip.images.origin import Origin
from napari_corrclip.images.planes import opened
from napari_corrclip.progress import Progress, Steps
from napari_corrclip.project.folder import RESULT
from napari_corrclip.project.ledger import Ledger
from napari_corrclip.project.proposals import USUAL, Extras, NotSavedError, Proposals
from napari_corrclip.project.reading import ReadAhead, ReadImage, look_at_image, read_image
from napari_corrclip.project.run import (
    Event,
    Failed,
    Item,
    Made,
    Report,
    gather_steps,
    run_steps,
)
from napari_corrclip.project.staging import NEXT
from napari_corrclip.project.task import Proposal, Task, propose
from napari_corrclip.results.large import LargeSegmentation
from napari_corrclip.results.segmentation import Segmentation
from napari_corrclip.vocabulary import Vocabulary

# The engine is imported by a run alone: a window that lists a project does without torch.
if TYPE_CHECKING:
    from napari_corrclip.engine.segmenter import Segmenter


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
    extras: Extras = USUAL,
    folders: Iterable[Path] = (),
) -> Generator[Event[str, Proposal], None, Report[str]]:
    """Run the networks over items, and keep each result as soon as it is there.

    While one image is run, the next one is read and the result of the one before is written. An item that a
    person has begun to correct is left as it is. One that fails is told with its reason, and the next one is
    taken.

    Args:
        tasks: in their order.
        ledger: takes note of what becomes of them.
        recipe: of the run.
        vocabulary: the classes.
        networks: returns the generator that loads the networks; called when the first image has been read.
        elsewhere: makes the proposals, with networks of its own; they are kept here all the same. ``None``:
            they are made here.
        strict: end with the first image that fails.
        extras: what else is kept.
        folders: of all items whose features count for their limit.

    Raises:
        InputError: a result cannot be saved; or, if ``strict``, an image fails.
        WeightsError: the networks cannot be loaded.
    """
    by_name = {task.record.name: task for task in tasks}
    loaded: list[Segmenter] = []

    def read(task: Task) -> ReadImage:
        if recipe.scale is None:
            return read_image(task.image, task.record.plane, task.options)
        found = look_at_image(task.image)
        _check_large(task, recipe.scale)
        return found

    ahead = ReadAhead([partial(read, task) for task in tasks])

    def work(number: int, task: Task) -> Steps[Proposal]:
        ledger.begin(task)
        begun = time.perf_counter()
        yield Progress("read", 0, 1)
        read = ahead.get(number)
        if not loaded:
            segmenter = yield from networks()
            segmenter.check_prompts(vocabulary)
            loaded.append(segmenter)
        result: Segmentation | LargeSegmentation
        encoded = None
        if read.pixels is None:
            result = yield from _large_steps(loaded[0], task, recipe, vocabulary)
        else:
            from napari_corrclip.engine.encoded_image import run_steps as label_steps

            result, encoded = yield from label_steps(
                loaded[0], read.pixels, vocabulary, similarity_means=extras.similarity_means
            )
            if extras.vectors:
                encoded.cells()  # here: torch in two threads at once slows both, by a multiple of this
        seconds = time.perf_counter() - begun
        proposal = propose(task, read, result, recipe, vocabulary, seconds)
        return replace(proposal, encoded=encoded)

    def ends(error: Exception) -> bool:
        ours = isinstance(error, CorrClipError)
        return (
            strict or not ours or isinstance(error, WeightsError | NotSavedError | NotWrittenError)
        )

    store = Proposals(by_name, ledger, extras, folders)
    if elsewhere is None:
        items = [
            Item(
                task.record.name,
                partial(work, number, task),
                f"{task.record.title} ({number + 1} of {len(tasks)})",
            )
            for number, task in enumerate(tasks)
        ]
        steps = run_steps(items, store, ends=ends, behind=store.write)
    else:
        there = elsewhere

        def begun(names: Iterator[str]) -> Iterator[Task]:
            for name in names:
                ledger.begin(by_name[name])
                yield by_name[name]

        steps = gather_steps(
            list(by_name),
            lambda names: there(begun(names)),
            store,
            ends=ends,
            behind=store.write,
        )
    with ahead:
        return (yield from noted(steps, by_name, ledger))


def noted(
    steps: Generator[Event[str, Proposal], None, Report[str]],
    tasks: Mapping[str, Task],
    ledger: Ledger,
) -> Generator[Event[str, Proposal], None, Report[str]]:
    """Yield the events of a run; its ledger takes note of what fails, and of the end.

    Args:
        steps: of the runner.
        tasks: by the names of their items.
        ledger: of the run.
    """
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
                ledger.fail(tasks[event.key], str(event.error))
            yield event
    finally:
        steps.close()
        # On a disk that takes no more the index cannot either, and it is told why the run has ended.
        with contextlib.suppress(InputError):
            ledger.end(whole=whole)


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
                task.folder / NEXT,
                scale=recipe.scale,
                tile=recipe.tile,
                overlap=recipe.overlap,
                origin=Origin.of(task.image, task.folder / RESULT),
            )
        )
