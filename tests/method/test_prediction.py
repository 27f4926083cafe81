"""Prediction against the plain transcription, permutations of the classes, stripes."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from torch import Tensor

from napari_corrclip.method import prediction
from tests import reference

seeds = st.integers(0, 2**32 - 1)


def _case(seed: int) -> tuple[Tensor, list[int]]:
    rng = np.random.default_rng(seed)
    queries = int(rng.integers(1, 7))
    classes = int(rng.integers(1, queries + 1))
    owner = [*range(classes), *rng.integers(0, classes, size=queries - classes).tolist()]
    rng.shuffle(owner)
    size = (queries, int(rng.integers(1, 5)), int(rng.integers(1, 5)))
    return torch.tensor(rng.uniform(-0.2, 0.4, size=size), dtype=torch.float32), owner


def _labels(logits: Tensor, owner: list[int], threshold: float) -> tuple[Tensor, Tensor]:
    classes = max(owner) + 1
    p = prediction.query_probabilities(logits, 40.0)
    p = prediction.class_probabilities(p, torch.tensor(owner), classes)
    labels, confidence = prediction.winners(p)
    thresholds = torch.full((classes,), threshold)
    return prediction.apply_background(labels, confidence, thresholds, 0), p


@given(seeds, st.sampled_from([0.0, 0.4, 0.9]))
def test_classes_equal_the_plain_transcription(seed: int, threshold: float) -> None:
    logits, owner = _case(seed)
    ours, _ = _labels(logits, owner, threshold)
    assert ours.tolist() == reference.classes(logits.tolist(), owner, 40.0, threshold)


@given(seeds, st.randoms())
def test_permuting_the_classes_permutes_the_labels(seed: int, random: object) -> None:
    logits, owner = _case(seed)
    labels, p = _labels(logits, owner, 0.0)
    top = p.sort(dim=0, descending=True).values
    assume(len(top) < 2 or bool((top[0] - top[1]).min() > 1e-6))
    order = np.random.default_rng(seed).permutation(max(owner) + 1)
    permuted, _ = _labels(logits, [int(order[k]) for k in owner], 0.0)
    assert torch.equal(permuted, torch.tensor(order)[labels])


def test_equal_classes_go_to_the_lowest_index() -> None:
    labels, confidence = prediction.winners(torch.tensor([[0.2], [0.4], [0.4]]))
    assert labels.tolist() == [1]
    assert confidence.tolist() == torch.tensor([0.4]).tolist()


def test_a_class_has_a_threshold_of_its_own_and_may_fall_to_nothing() -> None:
    labels, confidence = torch.tensor([0, 1, 2]), torch.tensor([0.5, 0.5, 0.5])
    thresholds = torch.tensor([0.6, 0.5, 0.4])
    assert prediction.apply_background(labels, confidence, thresholds, -1).tolist() == [-1, 1, 2]
    assert prediction.apply_background(labels, confidence, thresholds, 2).tolist() == [2, 1, 2]


def test_a_class_without_query_has_probability_zero() -> None:
    p = prediction.class_probabilities(torch.rand(2, 3), torch.tensor([2, 0]), 4)
    assert p.shape == (4, 3)
    assert not p[1].any()
    assert not p[3].any()


def test_logits_are_cosines_of_every_window() -> None:
    features = torch.nn.functional.normalize(torch.randn(2, 3, 4, 5), dim=-1)
    text = torch.nn.functional.normalize(torch.randn(6, 5), dim=-1)
    logits = prediction.cosine_logits(features, text)
    assert logits.shape == (2, 6, 3, 4)
    torch.testing.assert_close(logits[1, 5, 2, 3], features[1, 2, 3] @ text[5])


@given(
    st.integers(1, 9), st.integers(1, 9), st.integers(1, 40), st.integers(1, 40), st.integers(1, 9)
)
def test_stripes_are_rows_of_the_whole(h: int, w: int, rows: int, columns: int, step: int) -> None:
    logits = torch.rand(2, h, w, generator=torch.Generator().manual_seed(0))
    whole = prediction.upsample(logits, (rows, columns))
    stripes = [
        prediction.upsample(logits, (rows, columns), range(top, min(top + step, rows)))
        for top in range(0, rows, step)
    ]
    torch.testing.assert_close(torch.cat(stripes, dim=1), whole, rtol=0, atol=1e-5)
