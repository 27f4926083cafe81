"""Scope reconstruction against eq. 7 and 8 written down plainly, and the base's attention."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from napari_corrclip.method import baseline, scope
from tests import reference

RULES: tuple[scope.UnsegmentedRule, ...] = ("cross", "closed")
seeds = st.integers(0, 2**32 - 1)


def _case(seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 12))
    return torch.tensor(rng.integers(0, 4, size=n)), torch.tensor(
        rng.uniform(-1, 1, size=(n, n)), dtype=torch.float32
    )


@given(seeds, st.sampled_from(RULES), st.sampled_from([0.05, 0.25, 1.0]))
def test_scope_and_attention_equal_the_plain_transcription(
    seed: int, rule: scope.UnsegmentedRule, tau: float
) -> None:
    regions, sim = _case(seed)
    within = scope.scope(regions[None], sim[None], rule)
    plain = reference.scope(regions.tolist(), sim, rule)
    assert within[0].tolist() == plain
    attn = scope.attention(sim[None], within, tau)
    torch.testing.assert_close(attn[0], reference.attention(sim, plain, tau))


@given(seeds, st.sampled_from(RULES))
def test_attention_is_finite_and_adds_up_to_one(seed: int, rule: scope.UnsegmentedRule) -> None:
    regions, sim = _case(seed)
    attn = scope.attention(sim[None], scope.scope(regions[None], sim[None], rule), 0.25)
    torch.testing.assert_close(attn.sum(dim=-1), torch.ones(1, len(regions)))


@given(seeds)
def test_an_image_segmented_everywhere_has_no_unsegmented_part(seed: int) -> None:
    regions, sim = _case(seed)
    regions = regions + 1
    same = regions[:, None] == regions[None]
    for rule in RULES:
        assert torch.equal(scope.scope(regions[None], sim[None], rule)[0], same)


@pytest.mark.parametrize("rule", RULES)
def test_no_region_and_constant_similarity_stay_finite(rule: scope.UnsegmentedRule) -> None:
    regions = torch.zeros(1, 6, dtype=torch.long)
    for value in (0.0, 1.0, 0.3):
        sim = torch.full((1, 6, 6), value)
        assert scope.attention(sim, scope.scope(regions, sim, rule), 0.25).isfinite().all()


def test_windows_of_a_batch_have_means_of_their_own() -> None:
    regions, sim = torch.zeros(2, 5, dtype=torch.long), torch.rand(2, 5, 5)
    sim[1] += 5
    together = scope.scope(regions, sim)
    for i in range(2):
        assert torch.equal(together[i], scope.scope(regions[i : i + 1], sim[i : i + 1])[0])


def test_base_attention_weighs_by_queries_alone_in_every_head() -> None:
    queries, values = torch.randn(1, 3, 4), torch.randn(1, 3, 4)
    ours = baseline.base_attention(queries, values, heads=2)
    for head in (slice(0, 2), slice(2, 4)):
        q, v = queries[0, :, head], values[0, :, head]
        torch.testing.assert_close(ours[0, :, head], torch.softmax(q @ q.T / 2**0.5, dim=-1) @ v)
