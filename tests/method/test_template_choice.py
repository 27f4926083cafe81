"""Templates chosen by entropy: against the equations in plain loops."""

from __future__ import annotations

import math

import numpy as np
import torch
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from torch.nn import functional as F

from napari_corrclip.method import prediction, template_choice

seeds = st.integers(0, 10_000)


def _world(seed: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, int]:
    """Cells (P, D), text (M, Q, D), the class of each query, and the number of classes."""
    rng = np.random.default_rng(seed)
    cells, templates, classes = (int(rng.integers(1, most)) for most in (20, 5, 4))
    owner = [*range(classes), *rng.integers(0, classes, size=int(rng.integers(0, 3)))]
    cell, text = (
        F.normalize(torch.tensor(rng.normal(size=shape), dtype=torch.float32), dim=-1)
        for shape in ((cells, 6), (templates, len(owner), 6))
    )
    return cell, text, torch.tensor(sorted(owner)), classes


def _softmax(scores: list[float]) -> list[float]:
    powers = [math.exp(score) for score in scores]
    return [power / sum(powers) for power in powers]


@hypothesis_settings(max_examples=25)
@given(seeds)
def test_entropies_are_those_of_the_cells_that_a_template_gives_to_a_class(seed: int) -> None:
    cells, text, owner, classes = _world(seed)
    sums, counts = template_choice.entropy_sums(cells, text, 8.0, owner, classes)
    for m, queries in enumerate(text):
        plain, found = [0.0] * classes, [0] * classes
        for cell in cells:
            p = _softmax([8.0 * float(cell @ query) for query in queries])
            best = [max(p[q] for q in range(len(p)) if owner[q] == k) for k in range(classes)]
            winner = best.index(max(best))
            plain[winner] -= sum(x * math.log(x) for x in p)
            found[winner] += 1
        assert counts[m].tolist() == found
        np.testing.assert_allclose(sums[m].numpy(), plain, atol=1e-4)


@hypothesis_settings(max_examples=25)
@given(seeds, st.integers(1, 4))
def test_the_surest_templates_of_each_class_are_chosen(seed: int, per_class: int) -> None:
    rng = np.random.default_rng(seed)
    counts = torch.tensor(rng.integers(0, 4, size=(5, 3)))
    sums = torch.tensor(rng.integers(0, 3, size=(5, 3)), dtype=torch.float64) * (counts > 0)
    chosen = template_choice.choose(sums, counts, per_class)
    for k, own in enumerate(chosen):
        ranked = sorted((float(sums[m, k] / counts[m, k]), m) for m in range(5) if counts[m, k])
        assert list(own) == [m for _, m in ranked][:per_class]


def test_a_template_of_noise_is_not_chosen() -> None:
    """Its text says nothing of the classes, so that all that it gives is as even as can be."""
    generator = torch.Generator().manual_seed(0)
    classes = torch.eye(3, 8)
    cells = F.normalize(
        classes.repeat_interleave(40, 0) + 0.2 * torch.randn(120, 8, generator=generator), dim=-1
    )
    good = [F.normalize(classes + 0.1 * torch.randn(3, 8, generator=generator), dim=-1)] * 2
    noise = F.normalize(torch.randn(1, 8, generator=generator), dim=-1).expand(3, 8)
    text = torch.stack([good[0], noise + 0.01 * torch.randn(3, 8, generator=generator), good[1]])
    sums, counts = template_choice.entropy_sums(cells, text, 40.0, torch.arange(3), 3)
    assert counts[1].sum() == 120  # it gives cells to classes all the same
    assert template_choice.choose(sums, counts, 2) == [(0, 2)] * 3


@hypothesis_settings(max_examples=25)
@given(seeds)
def test_each_class_has_the_probability_that_its_own_expert_gives(seed: int) -> None:
    cells, text, owner, classes = _world(seed)
    rng = np.random.default_rng(seed)
    experts = torch.tensor(rng.integers(0, len(text), size=classes))
    logits = torch.stack([queries @ cells.T for queries in text])
    thresholds, background = torch.full((classes,), 0.4), 0
    probabilities, labels, sure = template_choice.classify(
        logits.flatten(0, 1), 8.0, owner, thresholds, background, experts
    )
    for i, cell in enumerate(cells):
        fused = []
        for k in range(classes):
            p = _softmax([8.0 * float(cell @ query) for query in text[experts[k]]])
            fused.append(max(p[q] for q in range(len(p)) if owner[q] == k))
        np.testing.assert_allclose(probabilities[:, i].numpy(), fused, atol=1e-5)
        assert abs(float(sure[i]) - max(fused)) < 1e-5
        if abs(max(fused) - 0.4) > 1e-4:
            first = int(probabilities[:, i].argmax())
            assert labels[i] == (first if max(fused) >= 0.4 else background)


def test_one_expert_for_all_is_what_the_method_does() -> None:
    cells, text, owner, classes = _world(7)
    logits = text[0] @ cells.T
    thresholds = torch.zeros(classes)
    plain = prediction.classify(logits, 40.0, owner, thresholds, -1)
    experts = torch.zeros(classes, dtype=torch.long)
    ours = template_choice.classify(logits, 40.0, owner, thresholds, -1, experts)
    for one, other in zip(ours, plain, strict=True):
        assert torch.equal(one, other)


def test_a_class_that_no_template_found_has_none() -> None:
    counts = torch.tensor([[3, 0], [2, 0]])
    sums = torch.tensor([[3.0, 0.0], [1.0, 0.0]], dtype=torch.float64)
    assert template_choice.choose(sums, counts, 4) == [(1, 0), ()]
