"""The run over a project's items: the networks propose, what a person decided stays."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from napari_corrclip.annotation.files.log import has_session, is_open, put_aside
from napari_corrclip.engine.recipe import Recipe
from napari_corrclip.errors import CorrClipError, InputError, NotWrittenError, WeightsError
from napari_corrclip.images import ImageOptions
from napari_corrclip.images.origin import Origin
from napari_corrclip.images.planes import opened
from napari_corrclip.images.stack import Stack
from napari_corrclip.progress import Progress, Steps
from napari_corrclip.project.features import Room, bytes_on_disk
from napari_corrclip.project.folder import (
    RESULT,
    SESSION,
    Outcome,
    is_corrected,
    now,
)
from napari_corrclip.project.index import Index
from napari_corrclip.project.reading import ReadAhead, ReadImage, look_at_image, read_image
from napari_corrclip.project.records import BY_HAND, ItemRecord, ItemState
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
from napari_corrclip.project.staging import NEXT, drop, place, stage
from napari_corrclip.project.vectors import read_vectors
from napari_corrclip.results.large import LargeSegmentation
from napari_corrclip.results.segmentation import Segmentation
from napari_corrclip.results.vectors import RegionVectors
from napari_corrclip.vocabulary import Vocabulary

# The engine is imported by a run alone: a window that lists a project does without torch.
if TYPE_CHECKING:
    from napari_corrclip.engine.encoded_image import EncodedImage
    from napari_corrclip.engine.features import Features
    from napari_corrclip.engine.segmenter import Segmenter


class NotSavedError(InputError):
    """The error of a result that could not be saved: no other one would fare better."""


@dataclass(frozen=True, eq=False, slots=True)
class Proposal:
    """The outcome of an item's run.

    Attributes:
        result: what the networks propose; of a large image, with its maps on the disk.
        outcome: what is written beside it.
        vectors: of its regions; ``None``: of a large image, where the run is to keep none, or where they
            are to be made of ``encoded``.
        features: of its image, likewise.
        encoded: its image, where that was encoded in this process; let go of when the result is written.
        encoded_anew: whether its image was encoded for it, so that features of an earlier time go.
    """

    result: Segmentation | LargeSegmentation
    outcome: Outcome
    vectors: RegionVectors | None = None
    features: Features | None = None
    encoded: EncodedImage | None = None
    encoded_anew: bool = True


@dataclass(frozen=True, slots=True)
class Extras:
    """The choice of what a run keeps beside results.

    Attributes:
        vectors: those of the regions.
        features: how many bytes those of the images may take; 0: none are kept.
    """

    vectors: bool = True
    features: int = 0

    @property
    def similarity_means(self) -> bool:
        """Whether an image is to be encoded with what the similarity tower says of each region."""
        return self.vectors or self.features > 0


USUAL = Extras()
"""What a run keeps where nobody says another thing."""


@dataclass(frozen=True, eq=False, slots=True)
class Task:
    """An item whose turn comes.

    Attributes:
        record: the item.
        image: its file.
        folder: of the item.
        stack: the planes of its stack; ``None``: it is one image.
        again: whether it has the result that is made, so that it stays as it is where none is.
        options: how its image becomes 8 bits; ``None``: as usual.
    """

    record: ItemRecord
    image: Path
    folder: Path
    stack: Stack | None = None
    again: bool = False
    options: ImageOptions | None = None


class Ledger(Protocol):
    """A ledger of a run's items: it takes note of what becomes of each."""

    def is_decided(self, task: Task) -> bool:
        """Whether a person has begun to correct an item, so that it is left as it is."""
        ...

    def begin(self, task: Task) -> None:
        """Take note that it is an item's turn."""
        ...

    def take(self, task: Task, proposal: Proposal) -> bool:
        """Let what is staged in its item's folder take its place; return false if a person was faster."""
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
        """Whether a person has said something about an item, also since the run began, or looks at it now."""
        return self._state(task) in BY_HAND or _is_taken(task.folder)

    def _state(self, task: Task) -> ItemState:
        """Return an item's state as it is now, by its folder; before anything is there, as it was."""
        try:
            return Outcome.read(task.folder).state
        except InputError:  # there is none, or it is damaged
            return task.record.state

    def begin(self, task: Task) -> None:
        """Do nothing."""

    def take(self, task: Task, proposal: Proposal) -> bool:
        """Let an item's result, and what became of it, take their places in its folder."""
        if self.is_decided(task):
            return False
        if has_session(task.folder / SESSION):  # somebody looked, and left all as it was
            try:
                put_aside(task.folder / SESSION)
            except InputError:
                if is_open(task.folder / SESSION):
                    return False  # since a moment
                raise
        place(task.folder, encoded=proposal.encoded_anew)
        return True

    def fail(self, task: Task, reason: str) -> None:
        """Write why an item has no result into its folder, unless a person has said something about it."""
        if self.is_decided(task) or task.again:
            return
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
        self._begun: dict[str, ItemRecord] = {}
        """Items as they were, of which nothing has become yet."""
        with index.transaction():
            self._run = index.begin_run(vocabulary, recipe)

    def _state(self, task: Task) -> ItemState:
        return self._index.item(task.record.name).state

    def begin(self, task: Task) -> None:
        """Say that an item is running."""
        with self._index.transaction():
            if not self.is_decided(task):
                self._begun[task.record.name] = task.record
                self._index.mark(task.record.id, ItemState.RUNNING)

    def take(self, task: Task, proposal: Proposal) -> bool:
        """Write both in one transaction, before and after which reviewers look whether there was one."""
        index, item, outcome = self._index, task.record.id, proposal.outcome
        with index.transaction():
            if not super().take(task, proposal):
                return False
            index.take_regions(item, proposal.result.table, self._run)
            index.note_file(item, outcome.size, outcome.mtime, outcome.digest)
            index.mark(item, outcome.state, at=outcome.at)
            index.give_result(item, self._run, outcome.seconds)
        self._begun.pop(task.record.name, None)
        return True

    def fail(self, task: Task, reason: str) -> None:
        """Write the reason into both."""
        with self._index.transaction():
            if self.is_decided(task):
                return
            if task.again:
                self._index.restore(task.record)
            else:
                super().fail(task, reason)
                self._index.mark(task.record.id, ItemState.FAILED, reason=reason)
            self._index.note_failure(self._run)
        self._begun.pop(task.record.name, None)

    def end(self, *, whole: bool) -> None:
        """Bring what has not become anything back into the state that it had, and end the run's record."""
        with self._index.transaction():
            for name, former in self._begun.items():
                if self._index.item(name).state is ItemState.RUNNING:
                    self._index.restore(former)
            if whole:
                self._index.end_run(self._run)


class Proposals:
    """The runner's store of results: each in its item's folder, and noted by the ledger.

    Args:
        tasks: by the names of their items.
        ledger: takes note of what becomes of them.
        extras: what else is kept.
        folders: of all items whose features count for their limit.
    """

    def __init__(
        self,
        tasks: Mapping[str, Task],
        ledger: Ledger,
        extras: Extras = USUAL,
        folders: Iterable[Path] = (),
    ) -> None:
        self._tasks, self._ledger, self._extras = tasks, ledger, extras
        self._room = Room(extras.features, folders if extras.features else ())

    def has(self, key: str) -> bool:
        """Whether a person has said something about an item, which is left as it is then."""
        return self._ledger.is_decided(self._tasks[key])

    def write(self, key: str, proposal: Proposal) -> Proposal:
        """Write a proposal beside what its item has, while the next one is made; return what is told."""
        task, outcome, result = self._tasks[key], proposal.outcome, proposal.result
        folder = task.folder
        try:
            if isinstance(result, Segmentation):
                vectors, features = self._vectors(proposal), self._features(folder, proposal)
                if vectors is None and task.again:  # those that are there are of the same result
                    with contextlib.suppress(InputError):
                        vectors = read_vectors(folder)
                stage(folder, outcome, result, vectors, features)
            else:
                stage(folder, outcome, None)  # it was written as it was made
        except CorrClipError as error:
            raise NotSavedError(str(error)) from None
        return replace(proposal, vectors=None, features=None, encoded=None)

    def _vectors(self, proposal: Proposal) -> RegionVectors | None:
        if proposal.encoded is None or not self._extras.vectors:
            return proposal.vectors
        from napari_corrclip.engine.vectors import region_vectors

        assert isinstance(proposal.result, Segmentation)
        return region_vectors(proposal.encoded, proposal.result)

    def _features(self, folder: Path, proposal: Proposal) -> Features | None:
        features, encoded = proposal.features, proposal.encoded
        if encoded is not None and self._extras.features:
            features = encoded.features
        if features is None or not self._room.take(folder, bytes_on_disk(features)):
            return None
        return features

    def save(self, key: str, result: Proposal) -> None:
        """Let what was written take its place.

        Raises:
            KeptMeanwhileError: a person was faster.
            NotSavedError: the disk refuses.
        """
        task = self._tasks[key]
        try:
            kept = self._ledger.take(task, result)
        except CorrClipError as error:
            raise NotSavedError(str(error)) from None
        if not kept:
            drop(task.folder)
            raise KeptMeanwhileError(
                f"Somebody decided about {task.record.title!r} while it was run; it is left as it is."
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


def propose(
    task: Task,
    read: ReadImage,
    result: Segmentation | LargeSegmentation,
    recipe: Recipe,
    vocabulary: Vocabulary,
    seconds: float,
    vectors: RegionVectors | None = None,
    features: Features | None = None,
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
        features: of its image, if they are kept.
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
    return Proposal(result, outcome, vectors, features)


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
                task.folder / NEXT,
                scale=recipe.scale,
                tile=recipe.tile,
                overlap=recipe.overlap,
                origin=Origin.of(task.image, task.folder / RESULT),
            )
        )
