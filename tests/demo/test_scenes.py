"""The scenes: seeded, true to their own truth, and free of what is held out where they must be."""

from __future__ import annotations

import hashlib
from itertools import pairwise

import numpy as np
import pytest

from napari_corrclip.demo.scenes import (
    MIN_OBJECT,
    SIZE,
    TEST_SEED,
    TRAIN_SEED,
    VALIDATION_SEED,
    generate_scene,
)
from napari_corrclip.demo.world import (
    COLORS,
    COMBINATIONS,
    GROUNDS,
    HELD_OUT,
    KNOWN_WORDS,
    SEEN,
    SHAPES,
    TEMPLATES,
    unknown_words,
)


def test_the_same_seed_draws_the_same_scene() -> None:
    first, second = generate_scene(7), generate_scene(7)
    np.testing.assert_array_equal(first.image, second.image)
    np.testing.assert_array_equal(first.instances, second.instances)
    assert first.objects == second.objects
    other = generate_scene(8)
    assert hashlib.sha256(other.image).digest() != hashlib.sha256(first.image).digest()


@pytest.mark.parametrize("seed", range(6))
def test_image_and_truth_agree_in_shape_and_ids(seed: int) -> None:
    scene = generate_scene(seed)
    assert (scene.image.shape, scene.image.dtype) == ((SIZE, SIZE, 3), np.uint8)
    assert (scene.instances.shape, scene.instances.dtype) == ((SIZE, SIZE), np.int32)
    assert {o.instance for o in scene.objects} == set(np.unique(scene.instances)) - {0}
    assert scene.grounds.max() < len(GROUNDS)
    assert scene.regions.min() > 0
    for item in scene.objects:
        assert item.diameter >= MIN_OBJECT
        assert (item.color, item.shape) in COMBINATIONS


def test_objects_stay_mostly_visible() -> None:
    for seed in range(20):
        scene = generate_scene(seed)
        for item in scene.objects:
            # The thinnest shape, the star, covers about a quarter of its box.
            assert (scene.instances == item.instance).sum() > 0.15 * item.diameter**2


def test_training_scenes_hold_no_held_out_combination() -> None:
    drawn = [
        (item.color, item.shape)
        for seed in range(TRAIN_SEED, TRAIN_SEED + 120)
        for item in generate_scene(seed, combinations="seen", unnamed=0.5).objects
    ]
    assert not HELD_OUT & set(drawn)
    unnamed = [color for color, _ in drawn if not color]
    assert 0.4 < len(unnamed) / len(drawn) < 0.6


def test_a_fifth_of_the_combinations_is_held_out_and_none_of_the_words() -> None:
    assert len(HELD_OUT) >= 0.2 * len(COMBINATIONS)
    assert {color for color, _ in SEEN} == set(COLORS)
    assert {shape for _, shape in SEEN} == set(SHAPES)


def test_the_splits_are_disjoint() -> None:
    starts = sorted([TRAIN_SEED, VALIDATION_SEED, TEST_SEED])
    assert min(b - a for a, b in pairwise(starts)) >= 1_000_000


def test_truth_takes_pair_before_color_before_shape() -> None:
    scene = generate_scene(3)
    item = scene.objects[0]
    here = scene.instances == item.instance
    names = [item.shape, item.color, item.name, GROUNDS[int(scene.grounds[0, 0])]]
    assert (scene.truth(names)[here] == 3).all()
    assert (scene.truth(names[:2])[here] == 2).all()
    assert (scene.truth(names[:1])[here] == 1).all()
    assert (scene.truth(["zebra"]) == 0).all()
    ground = (scene.instances == 0) & (scene.grounds == scene.grounds[0, 0])
    assert (scene.truth(names)[ground] == 4).all()


def test_words_that_no_caption_held_are_named() -> None:
    assert unknown_words("a Red zebra, crossing the circle") == ("zebra", "crossing")
    assert unknown_words("striped purple ring") == ()
    assert unknown_words("🐈, red 🐈 (👩\u200d🚀)!") == ("🐈", "👩\u200d🚀")
    assert unknown_words("red-striped 'circle'") == ()
    assert unknown_words("猫 हिन्दी") == ("猫", "हिन्दी")
    for template in TEMPLATES:
        assert unknown_words(template.format("red")) == ()
    # A token of its own is not enough: these stood in no caption.
    assert unknown_words("this picture") == ("this", "picture")
    assert set(GROUNDS) <= KNOWN_WORDS
