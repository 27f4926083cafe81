"""The rows of a lesson by other words: what the networks say of former verdicts' regions today.

A verdict teaches what was missing from the networks' probabilities. When a class comes, or is found by other
prompts, they say something else of the regions of former verdicts, too: by the mean of CLIP's cells over each
of them, which is kept of decided regions (:class:`~napari_corrclip.results.vectors.RegionMeans`). Where there
is none, a new class has a probability of 0.

Source: docs/learning.md, *Other words*.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_corrclip.annotation.files.folder import digest
from napari_corrclip.engine.recipe import Recipe
from napari_corrclip.errors import InputError
from napari_corrclip.learning import LessonStore, Sitting
from napari_corrclip.learning.features import probabilities_of
from napari_corrclip.maps.regions import number_regions
from napari_corrclip.progress import Progress, Steps
from napari_corrclip.project.folder import RESULT, item_folder
from napari_corrclip.project.learning import ProjectLesson, asked_by
from napari_corrclip.project.vectors import read_means
from napari_corrclip.results.segmentation import Segmentation
from napari_corrclip.results.vectors import RegionMeans, scaled

if TYPE_CHECKING:
    from torch import Tensor

    from napari_corrclip.engine.segmenter import Segmenter
    from napari_corrclip.vocabulary import Vocabulary


@dataclass(frozen=True, eq=False, slots=True)
class _Said:
    """The networks' word on the regions of an item of which means are kept.

    Attributes:
        run: digest of the run that the regions are of.
        ids: (n,) ascending.
        probabilities: (n, K) of the vocabulary's classes.
    """

    run: str
    ids: NDArray[np.int32]
    probabilities: NDArray[np.float32]


def reclassify_steps(
    folder: Path,
    lesson: ProjectLesson,
    segmenter: Segmenter,
    words: Vocabulary,
    recipe: Recipe,
) -> Steps[int]:
    """Bring the rows of a project's lessons to other words, where they were not read by these.

    Args:
        folder: of the project.
        lesson: its lessons; those of another CLIP than the segmenter's stay as they are.
        segmenter: has the text tower.
        words: the classes from now on.
        recipe: of the segmenter's networks.

    Returns:
        Of how many regions the networks say something else by now.

    Raises:
        InputError: a file of the lesson is damaged, or cannot be written.
    """
    by = asked_by(words, recipe)
    stores = list[LessonStore]()
    for store in lesson.stores():
        if store.was_asked(by):
            continue
        if store.clip_network == segmenter.clip.fingerprint:
            stores.append(store)
        else:  # of which these networks know nothing
            store.revise(None, by)
    if not stores or not words.queries:
        return 0
    templates = words.templates or segmenter.templates
    text = yield from segmenter.text_cache.features(segmenter.clip, words.queries, templates)
    changed = 0
    for store in stores:
        names = sorted({sitting.image for sitting in store.sittings()})
        said: dict[str, _Said | None] = {}
        for done, name in enumerate(names):
            yield Progress("what was learnt, by the new words", done, len(names))
            said[name] = _said(item_folder(folder, name), text, words, segmenter)

        def revised(sitting: Sitting, said: dict[str, _Said | None] = said) -> Sitting:
            nonlocal changed
            known = said.get(sitting.image)
            if known is not None and known.run != sitting.run:
                known = None
            found, count = _anew(sitting, known, words.values)
            changed += count
            return found

        store.revise(revised, by)
    return changed


def _said(folder: Path, text: Tensor, words: Vocabulary, segmenter: Segmenter) -> _Said | None:
    """Return what the networks say of an item's decided regions; ``None``: no means of them are kept."""
    from napari_corrclip.engine.vectors import probabilities_of_means

    try:
        means, result = read_means(folder), Segmentation.load(folder / RESULT)
    except InputError:
        return None
    if means.clip_network != segmenter.clip.fingerprint:
        return None
    kept = _as_in_run(means, result)
    probabilities = probabilities_of_means(means, text, words, segmenter.settings.logit_scale)
    return _Said(digest(number_regions(result.regions)[0]), means.ids[kept], probabilities[kept])


def _as_in_run(means: RegionMeans, result: Segmentation) -> NDArray[np.bool_]:
    """Return (n,) which of the regions have as many pixels as in the run; others were edited since."""
    numbers, ids = number_regions(result.regions)
    if not len(ids):
        return np.zeros(len(means), np.bool_)
    areas = np.bincount(numbers.ravel(), minlength=len(ids) + 1)[1:]
    at = np.minimum(np.searchsorted(ids, means.ids), len(ids) - 1)
    same: NDArray[np.bool_] = (ids[at] == means.ids) & (areas[at] == means.areas)
    return same


def _anew(sitting: Sitting, said: _Said | None, values: tuple[int, ...]) -> tuple[Sitting, int]:
    """Return a sitting by other words, and how many of its verdicts are on regions that are said anew.

    Classes that went keep their columns, so that the verdicts on them are there when they come back.
    """
    classes = (*sitting.classes, *(value for value in values if value not in sitting.classes))
    looks, undecided = sitting.looks, sitting.undecided
    own = _wider(looks.probabilities, len(classes))
    elected = looks.elected.copy()
    known = np.zeros(0, np.int64)
    if said is not None:
        at = np.searchsorted(said.ids, looks.ids)
        known = np.flatnonzero(np.append(said.ids, -1)[at] == looks.ids)
        columns = [classes.index(value) for value in values]
        own[known] = 0
        own[np.ix_(known, columns)] = said.probabilities[at[known]]
        best = np.asarray(values, np.int32)[said.probabilities[at[known]].argmax(axis=1)]
        # Among the former classes the region's own vote stands, which knows each pixel.
        elected[known] = np.where(np.isin(best, sitting.classes), elected[known], best)
    if not len(known) and classes == sitting.classes:
        return sitting, 0
    return replace(
        sitting,
        classes=classes,
        looks=replace(looks, probabilities=scaled(own), elected=elected),
        undecided=replace(
            undecided, probabilities=scaled(_wider(undecided.probabilities, len(classes)))
        ),
    ), len(known)


def _wider(probabilities: NDArray[np.floating], classes: int) -> NDArray[np.float32]:
    """Return (n, K) float32 with columns of zeros for the classes that are new."""
    exact = probabilities_of(probabilities)
    return np.pad(exact, ((0, 0), (0, classes - exact.shape[1]))).astype(np.float32)
