"""The run of a project: which items it takes, alone or as a part of several, and that it is the only one."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Generator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from napari_corrclip._torch_import import prepare_imports
from napari_corrclip.engine.recipe import Recipe
from napari_corrclip.errors import InputError
from napari_corrclip.images.planes import opened
from napari_corrclip.progress import Steps
from napari_corrclip.project.cluster import Cluster
from napari_corrclip.project.features import bytes_of_features
from napari_corrclip.project.folder import Outcome, image_in, item_folder
from napari_corrclip.project.index import Index
from napari_corrclip.project.intake import look_again, was_changed
from napari_corrclip.project.prelabelling import (
    USUAL,
    Extras,
    Folders,
    Indexed,
    Ledger,
    Proposal,
    Task,
    prelabel_steps,
)
from napari_corrclip.project.records import ItemRecord, ItemState, RunRecord
from napari_corrclip.project.reviewing import catch_up
from napari_corrclip.project.run import Event, Report
from napari_corrclip.project.vectors import bytes_of_vectors
from napari_corrclip.storage.disk import cannot_write
from napari_corrclip.storage.locks import take
from napari_corrclip.storage.text_files import load_json
from napari_corrclip.vocabulary import Vocabulary

if TYPE_CHECKING:
    from napari_corrclip.engine.segmenter import Segmenter

_RUNNER = ".runner.lock"
_TO_RUN = (ItemState.NEW, ItemState.RUNNING, ItemState.FAILED)


def project_steps(
    index: Index,
    segmenter: Segmenter | None = None,
    *,
    stale: bool = False,
    strict: bool = False,
    part: tuple[int, int] | None = None,
    workers: int | None = None,
    scheduler: str | None = None,
    extras: Extras = USUAL,
) -> Generator[Event[str, Proposal], None, Report[str]]:
    """Run a project; see :meth:`~napari_corrclip.project.project.Project.run`."""
    if type(extras.features) is not int or extras.features < 0:
        raise InputError(
            f"Features may take {extras.features!r} bytes; give a whole number, 0 to keep none."
        )
    prepare_imports()  # a project may have been opened by a window that draws, without torch
    recipe, vocabulary = index.recipe, index.vocabulary
    cluster = None
    if workers is not None or scheduler is not None:
        if segmenter is not None:
            raise InputError(
                "Workers load networks of their own; leave the segmenter out, or the workers."
            )
        cluster = Cluster(workers, scheduler)
        cluster.check(recipe)
    with contextlib.ExitStack() as held:
        ledger: Ledger = Folders()
        if part is None:
            held.enter_context(only_runner(index.folder))
            look_again(index)
            catch_up(index)
            with index.transaction():
                index.free_running()
        else:
            _check_part(part)
            if is_running(index.folder):  # it writes into the same folders
                raise _is_at_work(index.folder)
            extras = replace(extras, features=extras.features // part[1])
        chosen = items_to_run(index, stale=stale, part=part)
        stacks = {stack.id: stack.planes for stack in index.stacks()}
        if part is None:
            ledger = Indexed(index, vocabulary, recipe)
        tasks = [
            Task(
                record,
                image_in(index.folder, record.path),
                item_folder(index.folder, record.name),
                None if record.stack is None else stacks[record.stack],
            )
            for record in chosen
        ]
        return (
            yield from prelabel_steps(
                tasks,
                ledger,
                recipe=recipe,
                vocabulary=vocabulary,
                networks=_given(segmenter) if segmenter is not None else loading(recipe),
                elsewhere=None
                if cluster is None
                else cluster.elsewhere(recipe, vocabulary, len(tasks), extras),
                strict=strict,
                extras=extras,
                folders=(
                    item_folder(index.folder, record.name)
                    for record in index.items()
                    if part is None or _is_in(record, part)
                ),
            )
        )


def items_to_run(
    index: Index, *, stale: bool = False, part: tuple[int, int] | None = None
) -> list[ItemRecord]:
    """Return the items that a run would take; see :meth:`~napari_corrclip.project.project.Project.run`."""
    chosen = index.items(_TO_RUN)
    if stale:
        fresh = set(fresh_runs(index))
        chosen += [
            record
            for record in index.items([ItemState.PRELABELLED])
            if record.run not in fresh or was_changed(record, image_in(index.folder, record.path))
        ]
    if part is None:
        return chosen
    _check_part(part)
    chosen = [record for record in chosen if _is_in(record, part)]
    return [record for record in chosen if not _is_done(index, record)]


def size_of_features(
    index: Index, *, stale: bool = False, part: tuple[int, int] | None = None
) -> int:
    """Return about how many bytes; see :meth:`~napari_corrclip.project.project.Project.size_of_features`."""
    chosen = items_to_run(index, stale=stale, part=part)
    sizes = []
    for record in chosen[:: max(1, len(chosen) // _LOOKED_AT)]:
        with (
            contextlib.suppress(InputError),  # the run tells it
            opened(image_in(index.folder, record.path), "image", where=record.plane) as plane,
        ):
            sizes.append(bytes_of_features(index.recipe, plane.size))
    return round(len(chosen) * sum(sizes) / len(sizes)) if sizes else 0


_LOOKED_AT = 20
"""Images whose size is looked at, to tell that of features; evenly spread over all."""


def size_of_vectors(
    index: Index, *, stale: bool = False, part: tuple[int, int] | None = None
) -> int:
    """Return about how many bytes; see :meth:`~napari_corrclip.project.project.Project.size_of_vectors`."""
    chosen = items_to_run(index, stale=stale, part=part)
    known = [record.regions for record in index.items() if record.regions is not None]
    mean = sum(known) / len(known) if known else None
    return bytes_of_vectors(index.recipe, len(index.vocabulary), len(chosen), mean)


def fresh_runs(index: Index) -> list[int]:
    """Return the runs whose results today's vocabulary and recipe would give again."""
    words, key = index.vocabulary, index.recipe.key()
    return [
        run.id for run in index.runs() if _key(run) == key and _words(run).finds_the_same(words)
    ]


def _key(run: RunRecord) -> str | None:
    """Return the key of a run's recipe; ``None``: a newer version wrote it, which nobody follows here."""
    try:
        return Recipe.from_json(run.recipe).key()
    except InputError:
        return None


@contextlib.contextmanager
def only_runner(folder: Path) -> Iterator[None]:
    """Be the one process that runs a project.

    Raises:
        InputError: another one does, or nobody may write there.
    """
    try:
        lock = take(folder / _RUNNER)
    except OSError as error:
        raise cannot_write(folder, error) from None
    if lock is None:
        raise _is_at_work(folder)
    try:
        yield
    finally:
        lock.release()


def _is_at_work(folder: Path) -> InputError:
    return InputError(f"Another run is at work on {str(folder)!r}; wait for it, or stop it.")


def is_running(folder: Path) -> bool:
    """Whether somebody runs a project now."""
    if not (folder / _RUNNER).exists():
        return False
    try:
        lock = take(folder / _RUNNER, create=False)
    except OSError:
        return False
    if lock is not None:
        lock.release()
    return lock is None


def _check_part(part: tuple[int, int]) -> None:
    """Refuse a part that there is not.

    Raises:
        InputError: there is no such part.
    """
    if not isinstance(part, tuple) or [type(each) for each in part] != [int, int]:
        raise InputError(
            f"The part is {part!r}; give two whole numbers, as (1, 3) for the first of three."
        )
    number, parts = part
    if not 1 <= number <= parts:
        raise InputError(f"There is no part {number}/{parts}; give 1/{max(parts, 1)} to the last.")


def _is_in(record: ItemRecord, part: tuple[int, int]) -> bool:
    """Whether an item is of a part, by its name alone."""
    number, parts = part
    return int(hashlib.sha256(record.name.encode()).hexdigest()[:12], 16) % parts == number - 1


def _is_done(index: Index, record: ItemRecord) -> bool:
    """Whether an item's folder has a result by today's settings, which is still to be collected."""
    try:
        outcome = Outcome.read(item_folder(index.folder, record.name))
    except InputError:  # there is none, or it is damaged
        return False
    today = index.recipe.key(), index.vocabulary.fingerprint
    if outcome.state is not ItemState.PRELABELLED or today != (outcome.recipe, outcome.vocabulary):
        return False
    made = replace(record, size=outcome.size, mtime=outcome.mtime, digest=outcome.digest)
    return not was_changed(made, image_in(index.folder, record.path))


def _words(run: RunRecord) -> Vocabulary:
    return Vocabulary.from_document(load_json(run.vocabulary, f"The classes of run {run.id}"))


def _given(segmenter: Segmenter) -> Callable[[], Steps[Segmenter]]:
    def steps() -> Steps[Segmenter]:
        yield from ()
        return segmenter

    return steps


def loading(recipe: Recipe) -> Callable[[], Steps[Segmenter]]:
    """Return what begins to load a recipe's networks."""

    def steps() -> Steps[Segmenter]:
        from napari_corrclip.engine.segmenter import Segmenter  # imports torch

        return (yield from Segmenter.load_steps(recipe))

    return steps
