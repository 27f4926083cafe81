"""Cases of the demo's world: real pre-labels, weakened by noise alone."""

from __future__ import annotations

import numpy as np
import pytest

from napari_corrclip.demo.scenes import VALIDATION_SEED, generate_scene
from napari_corrclip.engine.recipe import Recipe
from napari_corrclip.engine.segmenter import Segmenter
from napari_corrclip.errors import InputError
from napari_corrclip.evaluation.effort.cases.case import CaseSet
from napari_corrclip.evaluation.effort.cases.scenes import WORDS, noisy, scene_sets
from napari_corrclip.progress import finish
from napari_corrclip.regions.given import GivenRegions
from napari_corrclip.vocabulary import Vocabulary


@pytest.fixture(scope="module")
def sets() -> list[CaseSet]:
    steps = scene_sets(
        3, sources=("superpixels",), recipe=Recipe(device="cpu"), first_seed=VALIDATION_SEED
    )
    return finish(steps)


def test_natural_and_held(sets: list[CaseSet]) -> None:
    natural, held = sets
    assert [natural.name, held.name] == ["demo-superpixels", "demo-superpixels-held"]
    assert natural.accuracy > 0.9
    assert not natural.held
    assert held.accuracy < natural.accuracy
    assert held.held == (abs(held.accuracy - 0.8) <= 0.01)
    for one, other in zip(natural.cases, held.cases, strict=True):
        np.testing.assert_array_equal(one.result.regions, other.result.regions)
        np.testing.assert_array_equal(one.truth, other.truth)
        np.testing.assert_array_equal(one.image, other.image)


def test_held_labels_are_the_networks_own(sets: list[CaseSet]) -> None:
    """What the networks say of the noisy scene, whoever asks; no pixel's truth goes in."""
    held = sets[1]
    sigma = float(held.how.split("σ = ")[1].split()[0])
    case = held.cases[0]
    scene = generate_scene(VALIDATION_SEED)
    segmenter = Segmenter.from_preset(
        "demo", device="cpu", regions=GivenRegions(case.result.regions)
    )
    # The knob is told to a tenth of a grey level, so a few pixels may differ.
    again = segmenter.segment(noisy(scene.image, sigma, scene.seed), Vocabulary.from_names(WORDS))
    assert (again.labels == case.result.labels).mean() > 0.97


def test_truth_is_in_label_values(sets: list[CaseSet]) -> None:
    case = sets[0].cases[0]
    scene = generate_scene(VALIDATION_SEED)
    words = case.result.vocabulary
    ground = words.by_value(int(case.truth[scene.instances == 0][0])).name
    assert ground in WORDS[6:]
    thing = scene.objects[0]
    value = case.truth[scene.instances == thing.instance][0]
    assert words.by_value(int(value)).name == thing.color


def test_noise_is_seeded_and_as_wide_as_it_says() -> None:
    image = np.full((64, 64, 3), 128, np.uint8)
    np.testing.assert_array_equal(noisy(image, 0, 1), image)
    np.testing.assert_array_equal(noisy(image, 20, 1), noisy(image, 20, 1))
    assert (noisy(image, 20, 1) != noisy(image, 20, 2)).any()
    assert noisy(image, 20, 1).std() == pytest.approx(20, rel=0.05)


def test_no_scenes_are_refused() -> None:
    with pytest.raises(InputError, match="0 images cannot be corrected"):
        finish(scene_sets(0))
