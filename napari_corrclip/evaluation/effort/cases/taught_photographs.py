"""The sets of photographs corrected image after image: a forest's labels, and vectors for a lesson."""

from __future__ import annotations

import math
import zlib
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from napari_corrclip.engine.encoded_image import run_steps
from napari_corrclip.engine.recipe import Recipe
from napari_corrclip.engine.segmenter import Segmenter
from napari_corrclip.engine.vectors import region_vectors
from napari_corrclip.errors import InputError
from napari_corrclip.evaluation.effort.cases import forest, patch_filters
from napari_corrclip.evaluation.effort.cases.case import Case, CaseSet, mean_accuracy
from napari_corrclip.evaluation.effort.cases.cast import ON_PHOTOGRAPHS
from napari_corrclip.evaluation.effort.cases.folder import Photograph, Photographs
from napari_corrclip.evaluation.effort.cases.held_accuracy import hold
from napari_corrclip.evaluation.effort.cases.photographs import LEAST, MOST, split
from napari_corrclip.maps import looks
from napari_corrclip.maps.projection import project
from napari_corrclip.maps.regions import number_regions
from napari_corrclip.progress import Progress, Steps, finish
from napari_corrclip.regions.given import GivenRegions
from napari_corrclip.regions.superpixels import SuperpixelRegions
from napari_corrclip.results.segmentation import Segmentation, segmentation_from_probabilities
from napari_corrclip.results.vectors import RegionVectors, scaled
from napari_corrclip.vocabulary import Vocabulary

if TYPE_CHECKING:
    from sklearn.ensemble import RandomForestClassifier

GRID = 350
SETS: Final = ("held", "few", "cast")
FEW = 150
"""Pixels that the weaker forest is trained on."""


def taught_photograph_sets(
    photographs: Photographs,
    count: int | None = None,
    *,
    half: str = "test",
    names: Collection[str] = SETS,
    grid: int = GRID,
    seed: int = 0,
    recipe: Recipe | None = None,
) -> Steps[list[CaseSet]]:
    """Label every other photograph by forests trained on the others; yields after every photograph.

    Args:
        photographs: at least two.
        count: how many to correct; ``None``: all of the half.
        half: ``test``: those that the study of single images corrects; ``tune``: the others.
        names: which of :data:`SETS`.
        grid: about how many superpixels an image.
        seed: of the sample and the forest.
        recipe: the run whose similarity tower sees the photographs; ``None``: the demo preset's.

    Raises:
        InputError: there are too few photographs, or none to train with has any truth.
    """
    to_train, to_use = split(photographs.images)
    if half == "tune":
        to_train, to_use = to_use, to_train
    to_use = to_use[:count]
    if not to_train or not to_use:
        raise InputError(
            f"The folder has {len(photographs.images)} image; give at least two, one to train the "
            "pre-labels with and one to correct."
        )
    if not any(photograph.truth.any() for photograph in to_train):
        raise InputError("No image to train with has any truth; ignore fewer values.")
    known = []
    for done, photograph in enumerate(to_train):
        yield Progress("features", done, len(to_train))
        known.append(forest.pixel_features(photograph.image))
    truths = [photograph.truth for photograph in to_train]
    sample = forest.draw_sample(known, truths, MOST, seed=seed)
    segmenter = Segmenter.from_recipe(recipe or Recipe("demo", regions="superpixels"))
    maker = _Maker(segmenter, to_use, photographs.classes, grid)
    plain = yield from maker.seen_steps("as they are", [photograph.image for photograph in to_use])
    made = dict[str, tuple[list[Case], str]]()
    held, reached = None, False
    if {"held", "cast"} & set(names):

        def trained(knob: float) -> Steps[tuple[RandomForestClassifier, float]]:
            yield Progress("a forest", 0, 1)
            found = forest.train(sample, round(math.exp(knob)), seed=seed)
            results = yield from maker.labels_steps(found, plain)
            return found, maker.accuracy(results)

        most = min(MOST, len(sample.classes))
        trial = yield from hold(trained, math.log(min(LEAST, most)), math.log(most), rising=True)
        held, reached = trial.made, trial.reached
        pixels = f"{round(math.exp(trial.knob))} pixels of {len(to_train)} other photographs"
        if "held" in names:
            cases = yield from maker.cases_steps(held, plain)
            made["held"] = cases, f"a random forest trained on {pixels}"
        if "cast" in names:
            warm = [
                ON_PHOTOGRAPHS.tinted(part.image, zlib.crc32(part.name.encode())) for part in to_use
            ]
            seen = yield from maker.seen_steps("under a cast", warm)
            cases = yield from maker.cases_steps(held, seen)
            made["cast"] = cases, f"the same forest under a colour cast, {ON_PHOTOGRAPHS}"
    if "few" in names:
        few = forest.train(sample, FEW, seed=seed)
        cases = yield from maker.cases_steps(few, plain)
        made["few"] = cases, f"a random forest trained on {FEW} pixels"
    return [
        CaseSet(
            f"{photographs.name}-{name}",
            f"{photographs.name}, {name}",
            tuple(made[name][0]),
            made[name][1],
            held=reached and name == "held",
        )
        for name in SETS
        if name in names
    ]


class _Seen:
    """A photograph as the forest sees it: features of its pixels, and vectors of its regions."""

    def __init__(self, pixels: NDArray[np.float32], vectors: RegionVectors) -> None:
        self.pixels = pixels
        self.vectors = vectors


class _Maker:
    """A maker of cases of some photographs, with the superpixels that they have as they are."""

    def __init__(
        self, segmenter: Segmenter, photographs: Sequence[Photograph], words: Vocabulary, grid: int
    ) -> None:
        self.segmenter = segmenter
        self.photographs = photographs
        self.words = words
        source = SuperpixelRegions(grid)
        self.regions = [finish(source.segment(photograph.image)) for photograph in photographs]
        values = np.array([0, *words.values], np.uint16)
        self.truths = [values[photograph.truth] for photograph in photographs]

    def seen_steps(self, stage: str, images: Sequence[NDArray[np.uint8]]) -> Steps[list[_Seen]]:
        """Look at every photograph, or at what it was made into."""
        found = []
        for done, (image, regions) in enumerate(zip(images, self.regions, strict=True)):
            yield Progress(f"photographs {stage}", done, len(images))
            vectors = self._vectors(image, regions)
            found.append(_Seen(forest.pixel_features(image), vectors))
        return found

    def _vectors(self, image: NDArray[np.uint8], regions: NDArray[np.int32]) -> RegionVectors:
        """Return vectors: random patch filters for CLIP, the similarity tower's, colours and places."""
        # What the demo's networks call the regions is of no interest, only how they look.
        steps = run_steps(
            self.segmenter, image, Vocabulary.from_names(["thing"]), GivenRegions(regions),
            similarity_means=True,
        )  # fmt: skip
        result, encoded = finish(steps)
        numbers, ids = number_regions(result.regions)
        means = looks.cell_means(numbers, len(ids), patch_filters.cells(image))
        return replace(
            region_vectors(encoded, result),
            clip=project(means).astype(np.float16),
            clip_network="random patch filters",
        )

    def labels_steps(
        self, trained: RandomForestClassifier, seen: Sequence[_Seen]
    ) -> Steps[list[Segmentation]]:
        """Label every photograph by a forest."""
        results = []
        for done, (part, regions) in enumerate(zip(seen, self.regions, strict=True)):
            yield Progress("labels", done, len(seen))
            shape = regions.shape[0], regions.shape[1]
            likely = forest.probabilities(trained, part.pixels, len(self.words), shape)
            results.append(segmentation_from_probabilities(likely, regions, self.words))
        return results

    def accuracy(self, results: Sequence[Segmentation]) -> float:
        """Return the share of right pixels."""
        labels = [result.labels for result in results]
        return mean_accuracy(list(zip(self.truths, labels, strict=True)))

    def cases_steps(
        self, trained: RandomForestClassifier, seen: Sequence[_Seen]
    ) -> Steps[list[Case]]:
        """Label every photograph by a forest, and put all together."""
        results = yield from self.labels_steps(trained, seen)
        cases = []
        for photograph, truth, result, part in zip(
            self.photographs, self.truths, results, seen, strict=True
        ):
            vectors = replace(
                part.vectors,
                probabilities=scaled(result.region_probabilities),
                classes=tuple(self.words.values),
            )
            cases.append(Case(photograph.name, photograph.image, truth, result, vectors))
        return cases
