"""The sets of the demo's world that are corrected image after image, with vectors for a lesson."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from napari_corrclip.demo.scenes import TEST_SEED, VALIDATION_SEED, Scene, generate_scene
from napari_corrclip.engine.encoded_image import EncodedImage, run_steps
from napari_corrclip.engine.recipe import Recipe
from napari_corrclip.engine.segmenter import Segmenter
from napari_corrclip.engine.vectors import region_vectors
from napari_corrclip.evaluation.effort.cases.case import Case, CaseSet, mean_accuracy
from napari_corrclip.evaluation.effort.cases.cast import ON_SCENES
from napari_corrclip.evaluation.effort.cases.held_accuracy import hold
from napari_corrclip.evaluation.effort.cases.scenes import MAX_NOISE, WORDS, noisy
from napari_corrclip.progress import Progress, Steps, finish
from napari_corrclip.regions.given import GivenRegions
from napari_corrclip.results.segmentation import Segmentation
from napari_corrclip.vocabulary import Vocabulary

TUNE_SEED = VALIDATION_SEED + 100
FIRST_SEEDS: Final = {"tune": TUNE_SEED, "test": TEST_SEED}
"""First scene of each half."""
SCENES = 60
SETS: Final = ("plain", "noise", "cast", "words", "class", "examples")
STRANGE: Final = {"grass": "lawn", "sand": "beach", "stone": "pavement"}
"""Words in whose place others are asked for, which the demo's networks never read."""
NEW_CLASS: Final = "type B"
"""The name, of which the networks know nothing, of all objects of :data:`NEW_TEXTURE`."""
NEW_TEXTURE: Final = "striped"


@dataclass(frozen=True, eq=False)
class _Part:
    """One scene with its regions, as the networks have seen it."""

    scene: Scene
    regions: NDArray[np.int32]
    encoded: EncodedImage


def taught_scene_sets(
    source: str,
    *,
    count: int = SCENES,
    half: str = "test",
    names: Collection[str] = SETS,
    recipe: Recipe | None = None,
) -> Steps[list[CaseSet]]:
    """Pre-label scenes and make the vectors of their regions; yields after every scene.

    Args:
        source: of the regions, ``sam`` or ``superpixels``.
        count: how many scenes.
        half: ``tune`` or ``test``.
        names: which of :data:`SETS`.
        recipe: the run, with other regions; ``None``: the demo preset as it is.
    """
    first = FIRST_SEEDS[half]
    segmenter = Segmenter.from_recipe(
        replace(recipe or Recipe("demo"), regions=source, region_options=None)
    )
    words = Vocabulary.from_names(WORDS)
    strange = Vocabulary.from_names([STRANGE.get(word, word) for word in WORDS])
    more = Vocabulary.from_names([*WORDS, NEW_CLASS])
    wordless = words.add(NEW_CLASS, prompts=())
    parts, found = list[_Part](), dict[str, list[Case]]()
    for done, scene in enumerate(map(generate_scene, range(first, first + count))):
        yield Progress(f"scenes, {source}", done, count)
        result, encoded = finish(run_steps(segmenter, scene.image, words, similarity_means=True))
        part = _Part(scene, result.regions, encoded)
        parts.append(part)
        if "plain" in names:
            found.setdefault("plain", []).append(_case(part, encoded, result))
        if "words" in names:
            case = _case(part, encoded, encoded.classify(strange))
            found.setdefault("words", []).append(case)
        if "class" in names:
            case = _case(part, encoded, encoded.classify(more))
            found.setdefault("class", []).append(case)
        if "examples" in names:
            case = _case(part, encoded, encoded.classify(wordless))
            found.setdefault("examples", []).append(case)
    if "cast" in names:
        found["cast"] = []
        for done, part in enumerate(parts):
            yield Progress(f"colour cast, {source}", done, count)
            found["cast"].append(
                _seen(segmenter, part, ON_SCENES.tinted(part.scene.image, part.scene.seed))
            )
    how = {
        "plain": "the demo preset's labels as they are",
        "cast": f"the demo preset's labels under a colour cast, {ON_SCENES}",
        "words": "the demo preset's labels with three of its eleven words in its place unknown to it",
        "class": f"the demo preset's labels; all {NEW_TEXTURE} objects are a class of a name that it "
        "does not know",
        "examples": f"the same, and the class of {NEW_TEXTURE} objects has no words at all",
    }
    held = False
    if "noise" in names:

        def noise(sigma: float) -> Steps[tuple[list[Case], float]]:
            cases = []
            for done, part in enumerate(parts):
                yield Progress(f"noise of {sigma:.1f}, {source}", done, count)
                seen = noisy(part.scene.image, sigma, part.scene.seed)
                cases.append(_seen(segmenter, part, seen))
            return cases, mean_accuracy([(case.truth, case.result.labels) for case in cases])

        trial = yield from hold(noise, 0.0, MAX_NOISE, rising=False)
        found["noise"], held = trial.made, trial.reached
        how["noise"] = (
            f"the demo preset's labels under Gaussian noise of σ = {trial.knob:.1f} grey levels"
        )
    return [
        CaseSet(
            f"demo-{source}-{name}",
            f"demo, {source}, {name}",
            tuple(found[name]),
            how[name],
            held=held and name == "noise",
        )
        for name in SETS
        if name in names
    ]


def _seen(segmenter: Segmenter, part: _Part, seen: NDArray[np.uint8]) -> Case:
    """Return the case of a scene of which the networks saw something else, with the same regions."""
    words, regions = Vocabulary.from_names(WORDS), GivenRegions(part.regions)
    result, encoded = finish(run_steps(segmenter, seen, words, regions, similarity_means=True))
    return _case(part, encoded, result)


def _case(part: _Part, encoded: EncodedImage, result: Segmentation) -> Case:
    values = np.array([0, *result.vocabulary.values], np.uint16)
    truth = values[true_classes(part.scene, result.vocabulary.names)]
    return Case(
        f"scene-{part.scene.seed}",
        part.scene.image,
        truth,
        result,
        region_vectors(encoded, result),
    )


def true_classes(scene: Scene, names: Sequence[str]) -> NDArray[np.uint16]:
    """Return (H, W) class numbers from 1, 0 = none, whatever the classes are called.

    Args:
        scene: the scene.
        names: of the classes: those of the demo, strange words for them, :data:`NEW_CLASS`.
    """
    known = {strange: word for word, strange in STRANGE.items()}
    truth = scene.truth([known.get(name, name) for name in names])
    if NEW_CLASS in names:
        for item in scene.objects:
            if item.texture == NEW_TEXTURE:
                truth[scene.instances == item.instance] = 1 + list(names).index(NEW_CLASS)
    return truth
