"""The evaluation of a data set: a project of its images, run by the one runner, and scored."""

from __future__ import annotations

import shlex
from collections.abc import Generator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from napari_corrclip.engine.parts import load_regions
from napari_corrclip.engine.recipe import Recipe
from napari_corrclip.errors import InputError
from napari_corrclip.evaluation.benchmarking.scores import Ceiling, Scores
from napari_corrclip.evaluation.benchmarking.survey import nothing_counted
from napari_corrclip.evaluation.datasets.dataset import Dataset
from napari_corrclip.images.origin import place_of
from napari_corrclip.progress import Progress, Steps, finish
from napari_corrclip.project.folder import is_project
from napari_corrclip.project.project import Project
from napari_corrclip.project.records import LABELLED, ItemRecord
from napari_corrclip.project.run import Event, Report
from napari_corrclip.project.task import Proposal
from napari_corrclip.regions.options import REGION_KINDS
from napari_corrclip.regions.protocol import partition
from napari_corrclip.results.large import LargeSegmentation
from napari_corrclip.results.segmentation import class_indices
from napari_corrclip.wording.amounts import count

PROJECT: Final = "results.corrclip-project"


@dataclass(frozen=True, eq=False)
class Evaluation:
    """The outcome of an evaluation.

    Attributes:
        dataset: that was measured.
        recipe: of the run.
        scores: of the images that have a result.
        ceilings: what regions can reach, by the name of their source; first those of the run.
        failed: images without a result, each with the reason.
        seconds: mean time of an image.
        devices: that computed.
    """

    dataset: Dataset
    recipe: Recipe
    scores: Scores
    ceilings: Mapping[str, Ceiling]
    failed: tuple[tuple[str, str], ...]
    seconds: float
    devices: tuple[str, ...]


def is_begun(folder: Path) -> bool:
    """Whether there is an evaluation in a folder."""
    return is_project(folder / PROJECT)


def open_project(
    folder: Path, dataset: Dataset, recipe: Recipe, *, every: Dataset, adding: bool = True
) -> Project:
    """Open the project of an evaluation, made if there is none yet; images that it lacks are added.

    Args:
        folder: of the evaluation.
        dataset: whose images they are.
        recipe: of the run, as the data set sets it.
        every: the data set with all its images, of which it may have others from an earlier run.
        adding: whether it may be written; else it must have all images.

    Raises:
        InputError: the folder has an evaluation of other classes, networks or settings, or of images that are
            none of the data set, or lacks images that are not to be added.
    """
    place = folder / PROJECT
    files = [each.image for each in dataset.images]
    if not is_project(place):
        return Project.create(place, dataset.vocabulary, files, recipe=recipe)
    project = Project.open(place)
    try:
        if project.vocabulary != dataset.vocabulary or project.recipe.key() != recipe.key():
            raise InputError(
                f"{str(folder)!r} has an evaluation of other classes, networks or settings; give another "
                "-o, or the options that it was begun with."
            )
        known = items_of(project)
        own = {place_of(each.image) for each in every.images}
        strange = sorted(place for place in known if place not in own)
        if strange:
            raise InputError(
                f"{str(folder)!r} has an evaluation of {count(len(strange), 'image')} that this data set "
                f"does not have, such as {str(strange[0])!r}; give another -o, or, where the data set was "
                f"moved: napari-corrclip project relink {shlex.quote(str(place))} OLD NEW."
            )
        missing = [file for file in files if place_of(file) not in known]
        if missing and not adding:
            raise InputError(
                f"{str(folder)!r} was prepared without {count(len(missing), 'image')} of these, such as "
                f"{str(missing[0])!r}, and parts add none; give the same --images, or --prepare again."
            )
        if missing:
            project.add(*missing)
    except BaseException:
        project.close()
        raise
    return project


def items_of(project: Project) -> dict[Path, ItemRecord]:
    """Return the items of a project by the place of their image."""
    return {place_of(project.path_of(item)): item for item in project.items()}


def names_in(project: Project, dataset: Dataset) -> frozenset[str]:
    """Return the names of the items of a data set's images, as far as they are there."""
    items = items_of(project)
    places = (place_of(each.image) for each in dataset.images)
    return frozenset(items[place].name for place in places if place in items)


def run_steps(
    project: Project,
    dataset: Dataset,
    *,
    part: tuple[int, int] | None = None,
    workers: int | None = None,
    scheduler: str | None = None,
) -> Generator[Event[str, Proposal], None, Report[str]]:
    """Run those images of a data set that have no result yet, or are another one than their result is of.

    What parts have made is taken in first.

    Args:
        project: of the evaluation.
        dataset: whose images alone are run.
        part: ``(i, n)``: of n parts the i-th alone; see :meth:`Project.run`.
        workers: processes on this machine.
        scheduler: address of a Dask scheduler.

    Raises:
        InputError: as of :meth:`Project.run`.
        WeightsError: the networks cannot be loaded.
    """
    if part is None:
        yield from project.collect_steps()
    return (
        yield from project.run_steps(
            stale=part is None,
            part=part,
            workers=workers,
            scheduler=scheduler,
            vectors=False,
            only=names_in(project, dataset),
        )
    )


def score_steps(project: Project, dataset: Dataset, *, oracle: bool = False) -> Steps[Evaluation]:
    """Score the results of a project by the truth.

    Args:
        project: that was run.
        dataset: the images that count, with their truth.
        oracle: also tell what the other source's regions could reach, beside those of the run.

    Raises:
        InputError: a truth has another size than its result or a value of no class; no image has a result, or
            nothing of the truth is counted; an image is another one than its result is of.
        WeightsError: the other source's network cannot be loaded.
    """
    _check_unchanged(project)
    classes = len(dataset.vocabulary)
    scores = Scores(classes)
    ceilings = {project.recipe.regions: scores.ceiling}
    other, source = Ceiling(classes), None
    if oracle:
        kind = next(kind for kind in REGION_KINDS if kind != project.recipe.regions)
        source = load_regions(replace(project.recipe, regions=kind, region_options=None))
        ceilings[kind] = other
    items = items_of(project)
    failed, seconds, devices = [], [], dict[str, None]()
    for done, each in enumerate(dataset.images):
        yield Progress("score", done, len(dataset.images))
        item = items.get(place_of(each.image))
        # What the networks said is scored, whatever a person has made of it.
        if item is None or item.run is None or item.state not in LABELLED:
            reason = item.reason if item is not None and item.reason else "it was not run"
            failed.append((each.name, reason))
            continue
        result = project.result(item)
        if isinstance(result, LargeSegmentation):
            labels, regions = (np.asarray(maps[:, :]) for maps in (result.labels, result.regions))
        else:
            labels, regions = result.labels, result.regions
        truth = dataset.read_truth(each, labels.shape)
        prediction = numbers_of(labels, dataset)
        scores.add(each.name, truth, prediction, regions)
        seconds.append(sum(result.provenance.seconds.values()))
        devices[result.provenance.device or project.recipe.device] = None
        if source is not None:
            rgb, _ = dataset.read(each)
            other.add(truth, prediction, finish(partition(source, rgb)).regions)
    yield Progress("score", len(dataset.images), len(dataset.images))
    if not scores.images:
        raise InputError(
            f"No image of {dataset.title} has a result ({failed[0][0]}: {failed[0][1]}); nothing can be "
            "scored."
        )
    if not scores.confusion.counts[1:].any():
        raise nothing_counted(len(scores.images))
    mean = float(np.mean(seconds))
    return Evaluation(
        dataset, project.recipe, scores, ceilings, tuple(failed), mean, tuple(devices)
    )


def _check_unchanged(project: Project) -> None:
    """Raise InputError where an image is another one than its result is of.

    A run makes such a result anew, but for an image that somebody has begun to correct.
    """
    status = project.status()
    if status.changed:
        raise InputError(
            f"{count(status.changed, 'image')} changed since being run, such as "
            f"{status.other or status.kept_other!r}; put it back, or give another -o."
        )


def numbers_of(labels: NDArray[np.integer], dataset: Dataset) -> NDArray[np.int64]:
    """Return (H, W) class numbers from 1 of label values, 0 = unlabelled."""
    return class_indices(labels.astype(np.uint16, copy=False), dataset.vocabulary) + 1
