"""The evaluation: its shape, its honesty about the base, and that the truth itself scores 1."""

from __future__ import annotations

import json

import numpy as np
import pytest

from napari_corrclip.demo.scenes import VALIDATION_SEED, generate_scene
from napari_corrclip.demo.world import COLORS, GROUNDS
from napari_corrclip.engine.recipe import Recipe
from napari_corrclip.errors import InputError
from napari_corrclip.evaluation.demo_world import GROUPS, evaluate_steps, iou
from napari_corrclip.evaluation.metrics import Confusion
from napari_corrclip.progress import finish
from napari_corrclip.settings import STAGES


def test_every_group_and_stage_is_measured_and_written() -> None:
    found = finish(evaluate_steps(2, recipe=Recipe(regions="superpixels")))
    document = json.loads(found.to_json())
    for group in GROUPS:
        assert list(document[group]) == list(STAGES)
        for stage in STAGES:
            assert set(document[group][stage]) == {"object_miou", "miou"}
            assert 0 <= document[group][stage]["miou"] <= 1
    assert document["click_iou"] is None
    assert document["scenes"] == 2
    assert set(document["seconds_per_scene"]) == {"regions", "encode", "classify"}
    for stage in STAGES:
        assert stage in found.table()


def test_with_sam_clicks_are_measured_and_one_stage_can_be_asked_for() -> None:
    found = finish(evaluate_steps(1, stages=("full",)))
    assert 0 < found.click_iou <= 1
    assert list(found.scores["seen"]) == ["full"]
    assert "click" in found.table()


def test_the_shipped_networks_know_their_world() -> None:
    """Validation scenes; the floors lie well below the model card's figures for 100 test scenes."""
    found = finish(evaluate_steps(10, first_seed=VALIDATION_SEED, stages=("base", "full")))
    floors = {"colours": 0.70, "seen": 0.45, "held_out": 0.45}
    for group, floor in floors.items():
        scores = found.scores[group]
        assert scores["full"].object_miou > floor, group
        assert scores["full"].object_miou > scores["base"].object_miou + 0.1, group
    assert found.click_iou > 0.65


def test_no_scenes_are_refused() -> None:
    with pytest.raises(InputError, match="0 scenes cannot be evaluated"):
        finish(evaluate_steps(0))


def test_the_truth_scores_one_and_anything_else_less() -> None:
    names = [*COLORS, *GROUNDS]
    perfect, wrong = Confusion(len(names)), Confusion(len(names))
    for seed in range(3):
        truth = generate_scene(seed).truth(names)
        perfect.add(truth, truth)
        shifted = np.roll(truth, 20, axis=0)
        wrong.add(truth, shifted)
    assert perfect.mean_iou() == 1.0
    assert perfect.accuracy == 1.0
    assert wrong.mean_iou() < 0.8


def test_iou_by_hand() -> None:
    confusion = Confusion(3)
    confusion.add(np.array([[1, 1, 2, 0]]), np.array([[1, 2, 2, 3]]))
    # Class 3 was predicted only where there is no truth, which counts for nothing.
    np.testing.assert_allclose(confusion.iou, [1 / 2, 1 / 2, np.nan])
    assert confusion.mean_iou() == 0.5
    assert np.isnan(confusion.mean_iou([2]))
    assert confusion.accuracy == pytest.approx(2 / 3)
    first, second = np.array([True, True, False]), np.array([False, True, True])
    assert iou(first, second) == pytest.approx(1 / 3)
