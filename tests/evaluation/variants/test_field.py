"""The study of the field's variants: its rules, and its parts on a few scenes."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from napari_corrclip.demo.scenes import VALIDATION_SEED, generate_scene
from napari_corrclip.engine.segmenter import Segmenter
from napari_corrclip.evaluation.variants import field
from napari_corrclip.progress import finish


@hypothesis_settings(max_examples=25)
@given(st.integers(0, 10_000), st.floats(0, 1))
def test_a_pixel_whose_winner_is_hardly_ahead_is_background(seed: int, margin: float) -> None:
    rng = np.random.default_rng(seed)
    probabilities = rng.random((int(rng.integers(1, 5)), 3, 4)).astype(np.float32)
    labels = probabilities.argmax(axis=0)
    above = field.margins(torch.from_numpy(probabilities))
    found = field.apply_level(torch.from_numpy(labels), above, margin, 9)
    for at in np.ndindex(3, 4):
        own = sorted(probabilities[(slice(None), *at)].tolist(), reverse=True)
        ahead = own[0] - (own[1] if len(own) > 1 else 0.0)
        assert found[at] == (9 if np.float32(ahead) < margin else labels[at])


def test_pairs_that_were_seen_and_held_out_are_all_pairs() -> None:
    assert sorted(sum(field.GROUPS.values(), ())) == list(range(36))


def _counts(hits: list[int], truth: list[int], predicted: list[int]) -> np.ndarray:
    counts = np.zeros((3, 36), np.int64)
    counts[0, :2], counts[1, :2], counts[2, :2] = hits, truth, predicted
    return counts


def test_better_on_every_image_wins_and_the_same_does_not() -> None:
    seen, held_out = field.GROUPS["seen"][0], field.GROUPS["held out"][0]
    before = np.zeros((20, 3, 36), np.int64)
    for own in (seen, held_out):
        before[:, 0, own], before[:, 1, own], before[:, 2, own] = 40, 60, 60
    after = before.copy()
    after[:, 0] += before[:, 0] // 8
    assert field.judged("x", "1", after, before).wins
    assert not field.judged("x", "1", before, before).wins
    half = before.copy()
    half[:, 0, seen] += 5  # of one group alone
    judgement = field.judged("x", "1", half, before)
    assert judgement.difference["seen"].above_zero
    assert not judgement.wins
    assert "| no |" in field.table([judgement])
    assert field.best({"a": before, "b": after, "c": after}) == "b"


def test_a_square_of_scenes_has_their_truth_and_their_regions_apart() -> None:
    segmenter = Segmenter.from_preset("demo", device="cpu", regions="superpixels")
    picture = next(field.pictures(segmenter, 1, VALIDATION_SEED, 2))
    assert picture.image.shape == (512, 512, 3)
    scenes = [generate_scene(VALIDATION_SEED + i) for i in range(4)]
    np.testing.assert_array_equal(picture.image[256:, :256], scenes[2].image)
    truth = scenes[3].truth([*field.PAIRS, *field.GROUNDS])
    np.testing.assert_array_equal(picture.truth[256:, 256:], truth)
    quarters = [
        set(np.unique(picture.regions[row : row + 256, column : column + 256]).tolist()) - {0}
        for row in (0, 256)
        for column in (0, 256)
    ]
    assert sum(map(len, quarters)) == len(set.union(*quarters))


@pytest.mark.parametrize("study", ["templates", "margin"])
def test_a_study_judges_a_few_scenes(study: str) -> None:
    """Two images of each kind: the numbers mean nothing, but all that is measured is there."""
    steps = field.template_steps(2, 1, 1) if study == "templates" else field.margin_steps(2, 1)
    judgement = finish(steps)
    assert judgement.before.keys() == field.GROUPS.keys()
    for group in field.GROUPS:
        assert judgement.before[group].images == 2
        assert 0.1 < judgement.before[group].value <= 1
        change = judgement.difference[group]
        assert change.low <= change.value + 1e-9
        assert change.value <= change.high + 1e-9
