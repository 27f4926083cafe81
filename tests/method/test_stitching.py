"""Stitched attention: against its equation in plain loops, and where it is what one window does."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from napari_corrclip.method import merging, scope, stitching
from napari_corrclip.method.similarity import unit_cells
from tests import reference

RULES: list[scope.UnsegmentedRule] = ["cross", "closed"]
seeds = st.integers(0, 10_000)
Cells = tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]


def _cells(seed: int, windows: int, most: int = 9) -> Cells:
    """Left and right cells, merged regions of all windows without gaps, weights, values."""
    rng = np.random.default_rng(seed)
    n, z = int(rng.integers(1, most)), int(rng.integers(0, 5))
    left, right = (
        unit_cells(torch.tensor(rng.normal(size=(windows, n, 5)), dtype=torch.float32))
        for _ in range(2)
    )
    regions, _ = merging.number_regions(torch.tensor(rng.integers(0, z + 1, size=(windows, n))))
    weights = 1 / torch.tensor(rng.integers(1, 10, size=(windows, n)), dtype=torch.float32)
    values = torch.tensor(rng.normal(size=(windows, n, 3)), dtype=torch.float32)
    return left, right, regions, weights, values


def _all(cells: Cells, rule: scope.UnsegmentedRule, tau: float = 0.25) -> torch.Tensor:
    """What all windows come to, each attending on its own."""
    left, right, regions, weights, values = cells
    stitched = stitching.stitch(left, right, regions, weights)
    return torch.cat(
        [
            stitching.attend_across(stitched, left[[w]], regions[[w]], w, rule, tau)(values)
            for w in range(len(left))
        ]
    )


def _plain(cells: Cells, rule: scope.UnsegmentedRule, tau: float) -> torch.Tensor:
    """The equation, cell by cell."""
    left, right, regions, weights, values = (part.flatten(0, 1) for part in cells)
    sims = [[float(a @ b) for b in right] for a in left]
    total = float(weights.sum())
    mean = sum(
        float(weights[i] * weights[j]) * sims[i][j]
        for i in range(len(left))
        for j in range(len(left))
    ) / (total * total)
    out = torch.zeros_like(values)
    for i in range(len(left)):
        shares = []
        for j in range(len(left)):
            a, b = int(regions[i]), int(regions[j])
            open_ = (a == 0 or b == 0) if rule == "cross" else (a == 0 and b == 0)
            seen = i == j or (a == b and a != 0) or (open_ and sims[i][j] > mean)
            shares.append(float(weights[j]) * math.exp(sims[i][j] / tau) if seen else 0.0)
        for j, share in enumerate(shares):
            out[i] += share / sum(shares) * values[j]
    return out.view(cells[4].shape)


@hypothesis_settings(max_examples=25)
@given(seeds, st.integers(1, 3), st.sampled_from(RULES), st.sampled_from([0.05, 0.25, 1.0]))
def test_cells_of_all_windows_are_in_one_softmax(
    seed: int, windows: int, rule: scope.UnsegmentedRule, tau: float
) -> None:
    cells = _cells(seed, windows)
    torch.testing.assert_close(_all(cells, rule, tau), _plain(cells, rule, tau), rtol=0, atol=1e-5)


@hypothesis_settings(max_examples=25)
@given(seeds, st.sampled_from(RULES))
def test_of_a_single_window_it_is_the_attention_of_the_window(
    seed: int, rule: scope.UnsegmentedRule
) -> None:
    left, right, regions, weights, values = _cells(seed, 1, 30)
    alone = scope.attend_within(left, right, regions, rule, 0.25)(values)
    stitched = _all((left, right, regions, torch.ones_like(weights), values), rule)
    torch.testing.assert_close(stitched, alone, rtol=0, atol=1e-5)


@hypothesis_settings(max_examples=25)
@given(seeds, st.permutations(range(3)), st.sampled_from(RULES))
def test_the_order_of_windows_changes_nothing(
    seed: int, order: list[int], rule: scope.UnsegmentedRule
) -> None:
    cells = _cells(seed, 3)
    left, right, regions, weights, values = (part[order] for part in cells)
    other = _all((left, right, regions, weights, values), rule)
    torch.testing.assert_close(other, _all(cells, rule)[order], rtol=0, atol=1e-5)


@pytest.mark.parametrize("rule", RULES)
def test_windows_of_a_batch_attend_as_each_alone(rule: scope.UnsegmentedRule) -> None:
    cells = _cells(5, 3)
    left, right, regions, weights, values = cells
    stitched = stitching.stitch(left, right, regions, weights)
    two = stitching.attend_across(stitched, left[1:], regions[1:], 1, rule, 0.25)(values)
    torch.testing.assert_close(two, _all(cells, rule)[1:])


@pytest.mark.parametrize("rule", RULES)
def test_blocks_of_rows_change_nothing(
    rule: scope.UnsegmentedRule, monkeypatch: pytest.MonkeyPatch
) -> None:
    cells = _cells(11, 3, 40)
    whole = _all(cells, rule)
    monkeypatch.setattr(stitching, "_PAIRS_AT_ONCE", 7)  # less than a row
    torch.testing.assert_close(_all(cells, rule), whole)


def test_a_place_that_two_windows_show_counts_once() -> None:
    """Twins of half the weight are what a single cell of the whole weight is."""
    left, right, regions, weights, values = _cells(3, 1, 30)
    twins = [torch.cat([part, part]) for part in (left, right, regions, weights / 2, values)]
    left2, right2, regions2, weights2, values2 = twins
    # Each region is one and the same, and nothing is unsegmented, where a cell is itself and no twin.
    once = _all((left, right, regions + 1, weights, values), "cross")
    twice = _all((left2, right2, regions2 + 1, weights2, values2), "cross")
    torch.testing.assert_close(twice, torch.cat([once, once]), rtol=0, atol=1e-5)


def test_padding_counts_as_if_there_were_one_window() -> None:
    covers = torch.tensor([[[1, 2, 9]], [[3, 1, 1]]])
    padding = torch.tensor([[[True, False, False]], [[False, False, True]]])
    weights = stitching.occurrence_weights(covers, padding)
    torch.testing.assert_close(weights, torch.tensor([[[0.5, 0.5, 1 / 9]], [[1 / 3, 1, 0.5]]]))


@hypothesis_settings(max_examples=25)
@given(seeds)
def test_merging_across_a_single_window_is_merging(seed: int) -> None:
    rng = np.random.default_rng(seed)
    features = unit_cells(torch.tensor(rng.normal(size=(1, 6, 7, 4)), dtype=torch.float32))
    regions = torch.tensor(rng.integers(0, 6, size=(1, 6, 7)))
    eps = float(rng.uniform(0, 1))
    merged = stitching.merge_across(features, regions, torch.ones(1, 6, 7), eps)
    assert torch.equal(merged[0], merging.merge(features[0], regions[0], eps))


@hypothesis_settings(max_examples=25)
@given(seeds)
def test_merging_across_windows_is_by_weighted_means(seed: int) -> None:
    """As merging one long window in which a cell occurs as often as its weight says."""
    rng = np.random.default_rng(seed)
    features = unit_cells(torch.tensor(rng.normal(size=(2, 3, 4, 4)), dtype=torch.float32))
    regions = torch.tensor(rng.integers(0, 5, size=(2, 3, 4)))
    times = torch.tensor(rng.integers(1, 4, size=(2, 3, 4)))
    eps = float(rng.uniform(0, 1))
    merged = stitching.merge_across(features, regions, times.float(), eps).flatten()
    often = times.flatten()
    long = features.flatten(0, 2).repeat_interleave(often, dim=0)
    plain = reference.merged(long, regions.flatten().repeat_interleave(often).tolist(), eps)
    first = (often.cumsum(0) - often).tolist()
    pairs = {(int(a), plain[at]) for a, at in zip(merged, first, strict=True)}
    # The same partition, whatever its numbers; 0 stays 0.
    assert len(pairs) == len({a for a, _ in pairs}) == len({b for _, b in pairs})
    assert all((a == 0) == (b == 0) for a, b in pairs)
