"""Scope reconstruction against eq. 7 and 8 written down plainly, and the base's attention."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from napari_corrclip.method import baseline, merging, scope
from napari_corrclip.method.similarity import unit_cells
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
    within = scope.scope(regions[None], sim[None], sim.mean()[None], rule)
    plain = reference.scope(regions.tolist(), sim, rule)
    assert within[0].tolist() == plain
    attn = scope.attention(sim[None], within, tau)
    torch.testing.assert_close(attn[0], reference.attention(sim, plain, tau))


@given(seeds, st.sampled_from(RULES))
def test_attention_is_finite_and_adds_up_to_one(seed: int, rule: scope.UnsegmentedRule) -> None:
    regions, sim = _case(seed)
    attn = scope.attention(
        sim[None], scope.scope(regions[None], sim[None], sim.mean()[None], rule), 0.25
    )
    torch.testing.assert_close(attn.sum(dim=-1), torch.ones(1, len(regions)))


@given(seeds)
def test_an_image_segmented_everywhere_has_no_unsegmented_part(seed: int) -> None:
    regions, sim = _case(seed)
    regions = regions + 1
    same = regions[:, None] == regions[None]
    for rule in RULES:
        assert torch.equal(scope.scope(regions[None], sim[None], sim.mean()[None], rule)[0], same)


@pytest.mark.parametrize("rule", RULES)
def test_no_region_and_constant_similarity_stay_finite(rule: scope.UnsegmentedRule) -> None:
    regions = torch.zeros(1, 6, dtype=torch.long)
    for value in (0.0, 1.0, 0.3):
        sim = torch.full((1, 6, 6), value)
        within = scope.scope(regions, sim, torch.tensor([value]), rule)
        assert scope.attention(sim, within, 0.25).isfinite().all()


def test_windows_of_a_batch_have_means_of_their_own() -> None:
    regions, sim = torch.zeros(2, 5, dtype=torch.long), torch.rand(2, 5, 5)
    sim[1] += 5
    mean = sim.mean(dim=(1, 2))
    together = scope.scope(regions, sim, mean)
    for i in range(2):
        one = slice(i, i + 1)
        assert torch.equal(together[i], scope.scope(regions[one], sim[one], mean[one])[0])


def _cells(seed: int, most: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Left and right cells, regions 0..z without gaps, values; two windows."""
    rng = np.random.default_rng(seed)
    n, z = int(rng.integers(1, most)), int(rng.integers(0, 8))
    left, right = (
        unit_cells(torch.tensor(rng.normal(size=(2, n, 5)), dtype=torch.float32)) for _ in range(2)
    )
    regions = torch.stack(
        [merging.number_regions(torch.tensor(rng.integers(0, z + 1, size=n)))[0] for _ in range(2)]
    )
    if rng.random() < 0.3:
        regions, _ = merging.number_regions(regions + 1)  # nothing is unsegmented
    return left, right, regions, torch.tensor(rng.normal(size=(2, n, 3)), dtype=torch.float32)


@given(seeds, st.sampled_from(RULES), st.sampled_from([0.05, 0.25, 1.0]), st.booleans())
def test_blocks_and_matrix_equal_the_plain_transcription(
    seed: int, rule: scope.UnsegmentedRule, tau: float, same: bool
) -> None:
    left, right, regions, values = _cells(seed, 12)
    if same:
        right = left
    matrix = scope._by_matrix(left, right, regions, rule, tau)(values)
    for i in range(2):
        one = slice(i, i + 1)
        blocks = scope._by_blocks(left[one], right[one], regions[one], rule, tau)(values[one])
        sim = left[i] @ right[i].T
        plain = reference.attention(sim, reference.scope(regions[i].tolist(), sim, rule), tau)
        for ours in (blocks[0], matrix[i]):
            torch.testing.assert_close(ours, plain @ values[i], rtol=0, atol=1e-5)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("unsegmented", [0.0, 0.1, 0.5, 1.0])
def test_a_window_of_many_cells_is_the_same_by_blocks(
    rule: scope.UnsegmentedRule, unsegmented: float
) -> None:
    generator = torch.Generator().manual_seed(1)
    cells = unit_cells(torch.randn(1, 900, 64, generator=generator))
    regions = torch.randint(1, 21, (1, 900), generator=generator)
    regions[torch.rand(1, 900, generator=generator) < unsegmented] = 0
    regions, _ = merging.number_regions(regions)
    values = torch.randn(1, 900, 16, generator=generator)
    blocks, matrix = (
        form(cells, cells, regions, rule, 0.25)(values)
        for form in (scope._by_blocks, scope._by_matrix)
    )
    torch.testing.assert_close(blocks, matrix, rtol=0, atol=1e-5)


def test_the_cheaper_form_is_taken_window_by_window(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many cells in some regions go by blocks; few cells, or all of them unsegmented, do not."""
    taken = []
    for name in ("_by_blocks", "_by_matrix"):
        form = getattr(scope, name)
        monkeypatch.setattr(scope, name, lambda *args, n=name, f=form: taken.append(n) or f(*args))
    cells = unit_cells(torch.randn(2, 900, 8))
    divided = torch.arange(900) % 10 + 1
    regions = torch.stack([divided, torch.zeros(900, dtype=torch.long)])
    attend = scope.attend_within(cells, cells, regions, "cross", 0.25)
    assert taken == ["_by_blocks", "_by_matrix"]
    values = torch.randn(2, 900, 4)
    matrix = scope._by_matrix(cells, cells, regions, "cross", 0.25)
    torch.testing.assert_close(attend(values), matrix(values), rtol=0, atol=1e-5)
    taken.clear()
    scope.attend_within(cells[:, :20], cells[:, :20], regions[:, :20], "closed", 0.25)
    assert taken == ["_by_matrix", "_by_matrix"]


def test_gradients_flow_through_the_blocks() -> None:
    cells = unit_cells(torch.randn(1, 40, 8)).requires_grad_()
    values = torch.randn(1, 40, 4, requires_grad=True)
    regions = (torch.arange(40) % 4)[None]
    wanted = []
    for form in (scope._by_blocks, scope._by_matrix):
        attended = form(cells, cells, regions, "cross", 0.25)(values).square().sum()
        wanted.append(torch.autograd.grad(attended, [cells, values]))
    for blocks, matrix in zip(*wanted, strict=True):
        torch.testing.assert_close(blocks, matrix, rtol=1e-4, atol=1e-5)


def test_base_attention_weighs_by_queries_alone_in_every_head() -> None:
    queries, values = torch.randn(1, 3, 4), torch.randn(1, 3, 4)
    ours = baseline.base_attention(queries, values, heads=2)
    for head in (slice(0, 2), slice(2, 4)):
        q, v = queries[0, :, head], values[0, :, head]
        torch.testing.assert_close(ours[0, :, head], torch.softmax(q @ q.T / 2**0.5, dim=-1) @ v)
