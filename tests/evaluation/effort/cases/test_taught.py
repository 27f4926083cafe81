"""The sets that are corrected image after image: their casts, filters, truth and vectors."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from napari_corrclip.demo.scenes import generate_scene
from napari_corrclip.errors import InputError
from napari_corrclip.evaluation.effort.cases import patch_filters
from napari_corrclip.evaluation.effort.cases.cast import ON_SCENES, Cast
from napari_corrclip.evaluation.effort.cases.folder import read_folder
from napari_corrclip.evaluation.effort.cases.scenes import WORDS
from napari_corrclip.evaluation.effort.cases.taught_photographs import taught_photograph_sets
from napari_corrclip.evaluation.effort.cases.taught_scenes import (
    NEW_CLASS,
    NEW_TEXTURE,
    STRANGE,
    true_classes,
)
from napari_corrclip.progress import finish
from tests.evaluation.effort.photographs import write
from tests.evaluation.effort.taught import scenes


def test_a_cast_is_warm_and_the_images_own() -> None:
    image = np.full((2, 3, 3), 100, np.uint8)
    seen = ON_SCENES.tinted(image, 5)
    assert np.array_equal(seen, ON_SCENES.tinted(image, 5))
    assert not np.array_equal(seen, ON_SCENES.tinted(image, 6))
    mean = np.mean([ON_SCENES.gains(seed) for seed in range(200)], axis=0)
    assert mean == pytest.approx([1.33, 1, 0.67], abs=0.02)
    assert np.array_equal(Cast(0, 0).tinted(image, 1), image)
    assert Cast(1, 0).tinted(np.full((1, 1, 3), 200, np.uint8), 1).tolist() == [[[255, 200, 0]]]


def test_patch_filters_cover_the_image_and_tell_textures_apart() -> None:
    rng = np.random.default_rng(0)
    image = np.full((48, 62, 3), 128, np.uint8)
    image[:, 31:] = rng.integers(0, 255, (48, 31, 1))
    found = patch_filters.cells(image)
    assert found.shape == (12, 16, 256)
    assert found.min() >= 0
    assert np.array_equal(found, patch_filters.cells(image))
    unit = found / np.linalg.norm(found, axis=2, keepdims=True)
    smooth, rough = unit[4:8, 2:5].mean((0, 1)), unit[4:8, 11:14].mean((0, 1))
    assert np.linalg.norm(smooth - rough) > 0.3


def test_the_truth_of_strange_words_and_of_a_new_class() -> None:
    scene = generate_scene(2_000_100)
    truth = scene.truth(WORDS)
    strange = [STRANGE.get(word, word) for word in WORDS]
    assert np.array_equal(true_classes(scene, strange), truth)
    more = true_classes(scene, [*WORDS, NEW_CLASS])
    of_texture = np.isin(
        scene.instances, [item.instance for item in scene.objects if item.texture == NEW_TEXTURE]
    )
    assert np.array_equal(more == len(WORDS) + 1, of_texture)
    assert np.array_equal(more[~of_texture], truth[~of_texture])


def test_scenes_have_vectors_of_what_the_networks_said() -> None:
    found = scenes()
    assert found.name == "demo-superpixels-words"
    for case in found.cases:
        assert case.vectors is not None
        assert case.vectors.ids.tolist() == case.result.table["id"].tolist()
        assert case.vectors.similarity is not None
        assert case.vectors.classes == case.result.vocabulary.values


def test_photographs_have_vectors_of_random_filters(tmp_path: Path) -> None:
    photographs = read_folder(write(tmp_path / "two", 4), ignore=[9])
    held, few, cast = finish(taught_photograph_sets(photographs, grid=9))
    assert [found.name for found in (held, few, cast)] == ["two-held", "two-few", "two-cast"]
    assert [case.name for case in held.cases] == ["1", "3"]
    for case, other in zip(held.cases, cast.cases, strict=True):
        assert case.vectors is not None
        assert other.vectors is not None
        assert case.vectors.clip_network == "random patch filters"
        assert np.array_equal(case.result.regions, other.result.regions)
        assert not np.array_equal(case.vectors.colours, other.vectors.colours)
        assert np.array_equal(case.image, other.image)
    steps = taught_photograph_sets(photographs, 1, half="tune", names=("few",), grid=9)
    (other_half,) = finish(steps)
    assert [case.name for case in other_half.cases] == ["0"]
    with pytest.raises(InputError, match="give at least two"):
        finish(taught_photograph_sets(read_folder(write(tmp_path / "one", 1), ignore=[9])))
