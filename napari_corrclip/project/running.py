"""The run of a project, alone or as a part of several."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Generator, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from napari_corrclip._torch_import import prepare_imports
from napari_corrclip.engine.recipe import Recipe
from napari_corrclip.errors import InputError
from napari_corrclip.progress import Steps
from napari_corrclip.project.choosing import check_part, choose, is_done, is_in
from napari_corrclip.project.cluster import Cluster
from napari_corrclip.project.collecting import take_steps
from napari_corrclip.project.folder import image_in, item_folder
from napari_corrclip.project.index import Index
from napari_corrclip.project.intake import look_again
from napari_corrclip.project.ledger import Folders, Indexed, Ledger
from napari_corrclip.project.one_runner import check_nobody_runs, only_runner
from napari_corrclip.project.prelabelling import prelabel_steps
from napari_corrclip.project.proposals import USUAL, Extras
from napari_corrclip.project.records import ItemRecord
from napari_corrclip.project.reviewing import as_it_was_read, can_be_read_again, catch_up
from napari_corrclip.project.run import Event, Report
from napari_corrclip.project.task import Proposal, Task

if TYPE_CHECKING:
    from napari_corrclip.engine.segmenter import Segmenter


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
    only: Collection[str] | None = None,
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
            check_part(part)
            check_nobody_runs(index.folder)  # it would write into the same folders
        chosen = choose(index, stale=stale, part=part, features=extras.features, only=only)
        if part is None:
            # What parts of a run have made, or one that was killed before the index knew, is not made again.
            made = [record.name for record in chosen.due if is_done(index, record)]
            if made and (yield from take_steps(index, only=made)):
                chosen = choose(index, stale=stale, features=extras.features, only=only)
            ledger = Indexed(index, vocabulary, recipe)
        else:
            extras = replace(extras, features=extras.features // part[1])
        tasks = [*_tasks(index, chosen.due), *_tasks(index, chosen.again, again=True)]
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
                    if part is None or is_in(record, part)
                ),
            )
        )


def _tasks(index: Index, records: Sequence[ItemRecord], *, again: bool = False) -> Iterator[Task]:
    """Yield the tasks of items; ``again``: of those that are to have the result that they have."""
    stacks = {stack.id: stack.planes for stack in index.stacks()}
    for record in records:
        folder = item_folder(index.folder, record.name)
        if again and not can_be_read_again(folder):
            continue
        yield Task(
            record,
            image_in(index.folder, record.path),
            folder,
            None if record.stack is None else stacks[record.stack],
            again=again,
            options=as_it_was_read(folder) if again else None,
        )


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
