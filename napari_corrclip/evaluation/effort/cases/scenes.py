"""Cases from the demo's world: test scenes, the demo preset, regions by SAM and by superpixels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from napari_corrclip.demo.scenes import TEST_SEED, Scene, generate_scene
from napari_corrclip.demo.world import COLORS, GROUNDS
from napari_corrclip.engine.recipe import Recipe
from napari_corrclip.engine.segmenter import Segmenter
from napari_corrclip.errors import InputError
from napari_corrclip.evaluation.effort.cases.case import Case, CaseSet, mean_accuracy
from napari_corrclip.evaluation.effort.cases.held_accuracy import hold
from napari_corrclip.progress import Progress, Steps, finish
from napari_corrclip.regions.given import GivenRegions
from napari_corrclip.results.segmentation import Segmentation
from napari_corrclip.vocabulary import Vocabulary

SOURCES = ("sam", "superpixels")
WORDS = (*COLORS, *GROUNDS)
"""The vocabulary: an object is its colour, what is under it its ground."""

MAX_NOISE = 100.0


def scene_sets(
    count: int = 50,
    *,
    sources: Sequence[str] = SOURCES,
    recipe: Recipe | None = None,
    first_seed: int = TEST_SEED,
) -> Steps[list[CaseSet]]:
    """Pre-label test scenes; yields after every scene.

    Two sets for each source of regions: the pre-labels as they are, and held at 80 % of the pixels
    by noise. For the latter the networks see the scene under Gaussian noise of one width, drawn from
    the scene's seed, which is chosen so that they are right on 80 ± 1 % of all pixels. They err as
    they do on a bad photograph, and their uncertainty is their own; no truth of a pixel goes into
    its label. Regions are those of the clean scene, so that the noise changes the labels alone.

    Args:
        count: how many scenes, from ``first_seed`` on.
        sources: of ``sam`` and ``superpixels``.
        recipe: the run, whose regions are those of each source in turn; ``None``: the preset as it is.
        first_seed: of the first scene; the default begins the test split.

    Raises:
        InputError: no scenes, or a device that is not there.
    """
    if count < 1:
        raise InputError(f"{count} images cannot be corrected; ask for at least one.")
    scenes = [generate_scene(seed) for seed in range(first_seed, first_seed + count)]
    words = Vocabulary.from_names(WORDS)
    sets = []
    for source in sources:
        segmenter = Segmenter.from_recipe(
            replace(recipe or Recipe("demo"), regions=source, region_options=None)
        )
        regions = []
        for done, scene in enumerate(scenes):
            yield Progress(f"regions by {source}", done, count)
            regions.append(finish(segmenter.regions.segment(scene.image)))
        maker = _Maker(segmenter, scenes, regions, words)
        natural, _ = yield from maker.label(0.0)
        held = yield from hold(maker.label, 0.0, MAX_NOISE, rising=False)
        sets += [
            CaseSet(
                f"demo-{source}",
                f"demo, {source}",
                maker.cases(natural),
                "the demo preset's labels as they are",
                held=False,
            ),
            CaseSet(
                f"demo-{source}-held",
                f"demo, {source}, held",
                maker.cases(held.made),
                "the demo preset's labels of the scene under Gaussian noise of "
                f"σ = {held.knob:.1f} grey levels",
                held=held.reached,
            ),
        ]
    return sets


class _Maker:
    """A maker of pre-labels of the scenes under a noise, with the regions as they are."""

    def __init__(
        self,
        segmenter: Segmenter,
        scenes: Sequence[Scene],
        regions: Sequence[NDArray[np.int32]],
        words: Vocabulary,
    ) -> None:
        self.segmenter = segmenter
        self.scenes = scenes
        self.regions = regions
        self.words = words
        values = np.array([0, *words.values], np.uint16)
        self.truths = [values[scene.truth(words.names)] for scene in scenes]

    def label(self, sigma: float) -> Steps[tuple[list[Segmentation], float]]:
        """Return the scenes' results under noise of ``sigma`` grey levels, and their accuracy."""
        results = []
        for done, (scene, regions) in enumerate(zip(self.scenes, self.regions, strict=True)):
            yield Progress(f"labels, σ = {sigma:.1f}", done, len(self.scenes))
            seen = noisy(scene.image, sigma, scene.seed)
            steps = self.segmenter.segment_steps(seen, self.words, GivenRegions(regions))
            results.append(finish(steps))
        pairs = zip(self.truths, results, strict=True)
        return results, mean_accuracy([(truth, result.labels) for truth, result in pairs])

    def cases(self, results: Sequence[Segmentation]) -> tuple[Case, ...]:
        """Put scenes, truths and results together."""
        parts = zip(self.scenes, self.truths, results, strict=True)
        return tuple(
            Case(f"scene-{scene.seed}", scene.image, truth, result)
            for scene, truth, result in parts
        )


def noisy(image: NDArray[np.uint8], sigma: float, seed: int) -> NDArray[np.uint8]:
    """Return ``image`` under Gaussian noise of ``sigma`` grey levels, always alike for a seed."""
    if not math.isfinite(sigma) or sigma < 0:
        raise ValueError(f"sigma is {sigma}")
    noise = np.random.default_rng(seed).standard_normal(image.shape)
    return np.clip(np.rint(image + sigma * noise), 0, 255).astype(np.uint8)
