"""Cases from a folder of photographs: a random forest's labels, superpixels of several sizes."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from napari_corrclip.errors import InputError
from napari_corrclip.evaluation.effort.cases import forest
from napari_corrclip.evaluation.effort.cases.case import Case, CaseSet, mean_accuracy
from napari_corrclip.evaluation.effort.cases.folder import Photograph, Photographs
from napari_corrclip.evaluation.effort.cases.held_accuracy import hold
from napari_corrclip.progress import Progress, Steps, finish
from napari_corrclip.regions.superpixels import SuperpixelRegions
from napari_corrclip.results.segmentation import Segmentation, segmentation_from_probabilities
from napari_corrclip.vocabulary import Vocabulary

GRIDS = (70, 350, 1600)
"""About how many superpixels."""

LEAST, MOST = 50, 200_000
"""Training sizes in pixels, between which the one is looked for."""


def split(images: Sequence[Photograph]) -> tuple[list[Photograph], list[Photograph]]:
    """Return those to train with and those to use: every other one, so that both are alike."""
    return list(images[::2]), list(images[1::2])


def photograph_sets(
    photographs: Photographs,
    count: int | None = None,
    *,
    grids: Sequence[int] = GRIDS,
    seed: int = 0,
) -> Steps[list[CaseSet]]:
    """Pre-label every other photograph by a forest trained on the others.

    For each grid of superpixels the training size is chosen so that the labels, after the regions'
    vote, are right on 80 ± 1 % of the pixels of the photographs they are used on.

    Args:
        photographs: at least two.
        count: how many of those to use; ``None``: all.
        grids: about how many superpixels an image.
        seed: of the sample and the forest.

    Raises:
        InputError: too few photographs, or none of those to train with has any truth.
    """
    if count is not None and count < 1:
        raise InputError(f"{count} images cannot be corrected; ask for at least one.")
    to_train, to_use = split(photographs.images)
    if not to_use:
        raise InputError(
            f"The folder has {len(photographs.images)} image; give at least two, one to train the "
            "pre-labels with and one to correct."
        )
    to_use = to_use[:count]
    if not any(photograph.truth.any() for photograph in to_train):
        raise InputError("No image to train with has any truth; ignore fewer values.")
    features = []
    for done, photograph in enumerate([*to_train, *to_use]):
        yield Progress("features", done, len(to_train) + len(to_use))
        features.append(forest.pixel_features(photograph.image))
    known, used = features[: len(to_train)], features[len(to_train) :]
    sample = forest.draw_sample(
        known, [photograph.truth for photograph in to_train], MOST, seed=seed
    )
    sets = []
    for grid in grids:
        regions = []
        for done, photograph in enumerate(to_use):
            yield Progress(f"{grid} superpixels", done, len(to_use))
            regions.append(finish(SuperpixelRegions(grid).segment(photograph.image)))
        maker = _Maker(sample, used, to_use, regions, photographs.classes, seed)
        most = min(MOST, len(sample.classes))
        held = yield from hold(maker.label, math.log(min(LEAST, most)), math.log(most), rising=True)
        mean = np.mean([found.max() for found in regions])
        sets.append(
            CaseSet(
                f"{photographs.name}-{grid}",
                f"{photographs.name}, {mean:.0f} superpixels",
                maker.cases(held.made),
                f"a random forest trained on {round(math.exp(held.knob))} pixels of "
                f"{len(to_train)} other photographs",
                held=held.reached,
            )
        )
    return sets


class _Maker:
    """A maker of pre-labels by a forest of some training size, with the regions as they are."""

    def __init__(
        self,
        sample: forest.Sample,
        features: Sequence[NDArray[np.float32]],
        photographs: Sequence[Photograph],
        regions: Sequence[NDArray[np.int32]],
        words: Vocabulary,
        seed: int,
    ) -> None:
        self.sample = sample
        self.features = features
        self.photographs = photographs
        self.regions = regions
        self.words = words
        self.seed = seed
        values = np.array([0, *words.values], np.uint16)
        self.truths = [values[photograph.truth] for photograph in photographs]

    def label(self, knob: float) -> Steps[tuple[list[Segmentation], float]]:
        """Return the results after training on ``exp(knob)`` pixels, and their accuracy."""
        size = round(math.exp(knob))
        yield Progress(f"a forest of {size} pixels", 0, 1)
        trained = forest.train(self.sample, size, seed=self.seed)
        results = []
        parts = zip(self.features, self.photographs, self.regions, strict=True)
        for done, (found, part, regions) in enumerate(parts):
            yield Progress(f"labels after {size} pixels", done, len(self.photographs))
            likely = forest.probabilities(trained, found, len(self.words), part.truth.shape)
            results.append(segmentation_from_probabilities(likely, regions, self.words))
        pairs = zip(self.truths, results, strict=True)
        return results, mean_accuracy([(truth, result.labels) for truth, result in pairs])

    def cases(self, results: Sequence[Segmentation]) -> tuple[Case, ...]:
        """Put photographs, truths and results together."""
        parts = zip(self.photographs, self.truths, results, strict=True)
        return tuple(Case(part.name, part.image, truth, result) for part, truth, result in parts)
