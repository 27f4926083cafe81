"""The fast half of a run alone: other words, or another reading of them, by features that were kept."""

from __future__ import annotations

import time
from collections.abc import Generator
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from napari_corrclip._torch_import import prepare_imports
from napari_corrclip.engine.recipe import Recipe
from napari_corrclip.errors import CorrClipError, InputError, WeightsError
from napari_corrclip.progress import Progress, Steps
from napari_corrclip.project.choosing import fresh_runs, is_import, recipe_of
from napari_corrclip.project.features import read_features, size_of_features
from napari_corrclip.project.folder import RESULT, Outcome, image_in, item_folder, now
from napari_corrclip.project.index import Index
from napari_corrclip.project.learning import ProjectLesson
from napari_corrclip.project.ledger import Indexed
from napari_corrclip.project.one_runner import only_runner
from napari_corrclip.project.prelabelling import noted
from napari_corrclip.project.proposals import NotSavedError, Proposals
from napari_corrclip.project.reclassifying import reclassify_steps
from napari_corrclip.project.records import ItemRecord, ItemState
from napari_corrclip.project.reviewing import catch_up, check_unchanged
from napari_corrclip.project.run import Event, Item, Report, run_steps
from napari_corrclip.project.running import loading
from napari_corrclip.project.task import Proposal, Task
from napari_corrclip.project.vectors import read_vectors
from napari_corrclip.results.folder import read_provenance
from napari_corrclip.results.provenance import Provenance
from napari_corrclip.results.segmentation import Segmentation
from napari_corrclip.results.vectors import RegionVectors, scaled

if TYPE_CHECKING:
    from napari_corrclip.engine.segmenter import Segmenter
    from napari_corrclip.vocabulary import Vocabulary


@dataclass(frozen=True, slots=True)
class Relabelled:
    """The items that other words concern: pre-labelled by former ones, and decided by nobody.

    Attributes:
        ready: have features by today's settings, so that no image tower has to run.
        others: have none, and need a run.
    """

    ready: tuple[ItemRecord, ...]
    others: tuple[ItemRecord, ...]


def items_to_relabel(index: Index) -> Relabelled:
    """Return the items; see :meth:`~napari_corrclip.project.project.Project.items_to_relabel`."""
    fresh, encoding = set(fresh_runs(index)), index.recipe.features_key()
    # Of large images no features are kept.
    recipes = {run.id: recipe_of(run) for run in index.runs() if not is_import(run)}
    same = {
        run for run, how in recipes.items() if how is not None and how.features_key() == encoding
    }
    ready, others = list[ItemRecord](), list[ItemRecord]()
    for record in index.items([ItemState.PRELABELLED]):
        if record.run in fresh:
            continue
        kept = size_of_features(item_folder(index.folder, record.name)) > 0
        (ready if kept and record.run in same else others).append(record)
    return Relabelled(tuple(ready), tuple(others))


def relabel_steps(
    index: Index,
    lesson: ProjectLesson,
    segmenter: Segmenter | None = None,
    *,
    strict: bool = False,
) -> Generator[Event[str, Proposal], None, Report[str]]:
    """Label by today's words; see :meth:`~napari_corrclip.project.project.Project.relabel`."""
    recipe, vocabulary = index.recipe, index.vocabulary
    with only_runner(index.folder):
        catch_up(index)
        with index.transaction():
            index.free_running()
        tasks = {
            record.name: Task(
                record,
                image_in(index.folder, record.path),
                item_folder(index.folder, record.name),
            )
            for record in items_to_relabel(index).ready
        }
        if not tasks and not lesson.lacks(vocabulary, recipe):
            return Report()
        prepare_imports()
        if segmenter is None:
            segmenter = yield from loading(recipe)()
        segmenter.check_prompts(vocabulary)
        ledger = _Kept(index, vocabulary, recipe)
        items = [
            Item(
                name,
                partial(_relabel_steps, segmenter, task, recipe, vocabulary),
                f"{task.record.title} ({number} of {len(tasks)})",
            )
            for number, (name, task) in enumerate(tasks.items(), 1)
        ]

        def ends(error: Exception) -> bool:
            ours = isinstance(error, CorrClipError)
            return strict or not ours or isinstance(error, WeightsError | NotSavedError)

        store = Proposals(tasks, ledger)
        steps = run_steps(items, store, ends=ends, behind=store.write)
        report = yield from noted(steps, tasks, ledger)
        yield from reclassify_steps(index.folder, lesson, segmenter, vocabulary, recipe)
        return report


class _Kept(Indexed):
    """The ledger of items that have a result, which stays where there is no other one."""

    def begin(self, task: Task) -> None:
        """Do nothing: it takes a moment."""

    def fail(self, task: Task, reason: str) -> None:
        """Count it alone; its former labels are right for the former words."""
        with self._index.transaction():
            self._index.note_failure(self._run)


def _relabel_steps(
    segmenter: Segmenter, task: Task, recipe: Recipe, vocabulary: Vocabulary
) -> Steps[Proposal]:
    """Label one item by its features.

    Raises:
        InputError: these are damaged, or the image is another one by now; one that is gone is not needed.
    """
    begun = time.perf_counter()
    yield Progress("read", 0, 1)
    if task.image.exists():
        check_unchanged(task.record, task.image)
    former = Provenance.from_document(read_provenance(task.folder / RESULT) or {})
    features = read_features(task.folder)
    result = yield from segmenter.classify_steps(features, vocabulary)
    provenance = replace(
        result.provenance,
        image=former.image,
        image_digest=former.image_digest,
        image_position=former.image_position,
        stretch=former.stretch,
    )
    result = replace(result, provenance=provenance)
    outcome = replace(
        Outcome.read(task.folder),
        state=ItemState.PRELABELLED,
        reason="",
        by="",
        at=now(),
        recipe=recipe.key(),
        vocabulary=vocabulary.fingerprint,
        seconds=time.perf_counter() - begun,
    )
    return Proposal(result, outcome, _vectors(task, result), encoded_anew=False)


def _vectors(task: Task, result: Segmentation) -> RegionVectors | None:
    """Return the vectors of the same regions with their new probabilities; ``None``: there were none."""
    try:
        vectors = read_vectors(task.folder)
    except InputError:
        return None
    probabilities = scaled(result.region_probabilities)
    return replace(vectors, probabilities=probabilities, classes=tuple(result.vocabulary.values))
