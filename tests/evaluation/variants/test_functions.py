"""The variants' functions, against loops by hand; at its neutral knob each is the published method."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from segment_anything.utils.amg import build_point_grid
from torch import Tensor

from napari_corrclip.evaluation.variants.channels import channel_weights, weighted
from napari_corrclip.evaluation.variants.fusion import fused, scaled_size
from napari_corrclip.evaluation.variants.open_regions import small_margins
from napari_corrclip.evaluation.variants.points import open_points
from napari_corrclip.evaluation.variants.rounds import merge_in_rounds, schedule
from napari_corrclip.evaluation.variants.shallow import block_weights, weighted_outputs
from napari_corrclip.evaluation.variants.temperature import by_entropy, by_spread, spread
from napari_corrclip.method.merging import merge
from napari_corrclip.method.scope import UnsegmentedRule, attend_within, scope
from napari_corrclip.method.similarity import cosines, mean_cosine, unit_cells

RULES: tuple[UnsegmentedRule, ...] = ("cross", "closed")


def cells(seed: int, *shape: int) -> Tensor:
    return unit_cells(torch.randn(*shape, generator=torch.Generator().manual_seed(seed)))


@pytest.fixture
def regions() -> Tensor:
    return torch.randint(0, 4, (2, 12), generator=torch.Generator().manual_seed(5))


@pytest.mark.parametrize("rule", RULES)
def test_no_power_of_a_temperature_is_the_method(regions: Tensor, rule: UnsegmentedRule) -> None:
    left, values = cells(1, 2, 12, 6), torch.randn(2, 12, 3)
    published = attend_within(left, left, regions, rule, 0.25)(values)
    for each_cell in (False, True):
        same = by_spread(
            left, left, regions, rule, 0.25, power=0, reference=0.1, each_cell=each_cell
        )
        torch.testing.assert_close(same(values), published, atol=1e-6, rtol=0)
    same = by_entropy(left, left, regions, rule, 0.25, power=0)
    torch.testing.assert_close(same(values), published, atol=1e-6, rtol=0)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("each_cell", [False, True])
def test_a_temperature_by_spread_is_that_of_a_loop(
    regions: Tensor, rule: UnsegmentedRule, each_cell: bool
) -> None:
    left, right, values = cells(1, 2, 12, 6), cells(2, 2, 12, 6), torch.randn(2, 12, 3)
    attend = by_spread(
        left, right, regions, rule, 0.3, power=0.5, reference=0.2, each_cell=each_cell
    )
    found = attend(values)
    similarity = cosines(left, right)
    within = scope(regions, similarity, mean_cosine(left, right), rule)
    for window in range(2):
        pairs = similarity[window][within[window]]
        for cell in range(12):
            seen = within[window, cell]
            own = similarity[window, cell][seen]
            deviation = float((own if each_cell else pairs).double().std(correction=0))
            tau = 0.3 * max(deviation / 0.2, 1e-3) ** 0.5
            weights = (own / tau).softmax(dim=0)
            expected = (weights[:, None] * values[window][seen]).sum(0)
            torch.testing.assert_close(found[window, cell], expected, atol=2e-5, rtol=0)


def test_the_spread_of_equal_cells_is_none() -> None:
    same = torch.ones(1, 4, 4)
    of_window, of_cell = spread(same, torch.ones(1, 4, 4, dtype=torch.bool))
    assert of_window.shape == (1, 1, 1)
    assert of_cell.shape == (1, 4, 1)
    assert float(of_cell.max()) == float(of_window) == 0


def test_a_temperature_by_entropy_is_that_of_a_loop(regions: Tensor) -> None:
    left, values = 3 * cells(1, 2, 12, 6), torch.randn(2, 12, 3)
    found = by_entropy(left, left, regions, "closed", 0.25, power=2)(values)
    similarity = cosines(left, left)
    within = scope(regions, similarity, mean_cosine(left, left), "closed")
    for window in range(2):
        for cell in range(12):
            seen = within[window, cell]
            own = similarity[window, cell][seen]
            first = (own / 0.25).softmax(dim=0).double()
            share = 1.0
            if len(own) > 1:
                entropy = -sum(p * math.log(p) for p in first.tolist() if p > 0)
                share = max(entropy / math.log(len(own)), 1e-3)
            weights = (own / (0.25 * share**2)).softmax(dim=0)
            expected = (weights[:, None] * values[window][seen]).sum(0)
            torch.testing.assert_close(found[window, cell], expected, atol=2e-5, rtol=0)


def test_fused_cells_have_the_weighted_sum_of_cosines() -> None:
    one, other = cells(1, 2, 9, 5), cells(2, 2, 9, 7)
    both = fused([one, other], [0.3, 0.7])
    expected = 0.3 * cosines(one, one) + 0.7 * cosines(other, other)
    torch.testing.assert_close(cosines(both, both), expected, atol=1e-6, rtol=0)
    assert fused([one, other], [1.0, 0.0]) is one
    for weights in ([0.5, 0.6], [1.5, -0.5]):
        with pytest.raises(ValueError, match="not of a mean"):
            fused([one, other], weights)


def test_a_scaled_size_is_of_whole_patches() -> None:
    assert scaled_size((128, 128), 1.0, 4) == (128, 128)
    assert scaled_size((128, 100), 0.5, 8) == (64, 48)
    assert scaled_size((16, 16), 0.1, 8) == (8, 8)


def test_rounds_merge_by_features_of_what_was_merged() -> None:
    generator = torch.Generator().manual_seed(3)
    features = cells(4, 6, 8, 5)
    regions = torch.randint(0, 9, (6, 8), generator=generator)
    assert torch.equal(merge_in_rounds(features, regions, [0.5]), merge(features, regions, 0.5))
    # By hand: the means of clusters over all their cells, pairs within eps joined.
    found = merge_in_rounds(features, regions, [0.4, 0.8])
    groups: list[set[int]] = [{int(number)} for number in regions.unique() if number > 0]
    for eps in (0.4, 0.8):
        masks = [torch.isin(regions, torch.tensor(sorted(group))) for group in groups]
        means = torch.stack([unit_cells(features[mask].mean(0)) for mask in masks])
        alike = means @ means.T
        joined = alike.max() - alike <= eps
        rest, groups = groups, []
        taken: set[int] = set()
        for index in range(len(rest)):
            if index in taken:
                continue
            reach, todo = {index}, [index]
            while todo:
                for other in np.flatnonzero(joined[todo.pop()].numpy()).tolist():
                    if other not in reach:
                        reach.add(other)
                        todo.append(other)
            taken |= reach
            groups.append(set().union(*(rest[member] for member in reach)))
    assert len(groups) < len(regions.unique()) - 1
    by_hand = torch.zeros_like(regions)
    for number, group in enumerate(groups, 1):
        by_hand[torch.isin(regions, torch.tensor(sorted(group)))] = number
    pairs = set(zip(found.flatten().tolist(), by_hand.flatten().tolist(), strict=True))
    assert len(pairs) == len({a for a, _ in pairs}) == len({b for _, b in pairs})
    assert schedule(0.2, 0.25, 2, 3) == (0.05, 0.1, 0.2)
    assert schedule(0.2, 1, 0.5, 1) == (0.2,)


def test_channels_count_by_the_spread_of_the_texts() -> None:
    features, text = cells(1, 3, 4, 6), cells(2, 5, 6)
    same, same_text = weighted(features, text, 0)
    assert same is features
    assert same_text is text
    found, found_text = weighted(features, text, 0.5)
    variance = np.var(text.numpy(), axis=0)
    weights = (variance / variance.mean()) ** 0.5
    np.testing.assert_allclose(channel_weights(text, 0.5), weights, rtol=1e-5)
    for x in features.reshape(-1, 6):
        for t in text:
            dot = (weights * x.numpy() * t.numpy()).sum()
            norms = [math.sqrt(float((weights * v.numpy() ** 2).sum())) for v in (x, t)]
            expected = dot / (norms[0] * norms[1])
            row = int((features.reshape(-1, 6) == x).all(1).nonzero()[0])
            column = int((text == t).all(1).nonzero()[0])
            assert float(found.reshape(-1, 6)[row] @ found_text[column]) == pytest.approx(
                expected, abs=1e-5
            )
    # A single query has no spread, and no channel counts more.
    assert torch.equal(channel_weights(text[:1], 1.0), torch.ones(6))


def test_blocks_count_by_their_likeness_to_the_main_branch() -> None:
    outputs, main = torch.randn(3, 2, 5, 4), torch.randn(2, 5, 4)
    equal = block_weights(outputs, main, math.inf)
    torch.testing.assert_close(equal, torch.full((2, 3), 1 / 3))
    torch.testing.assert_close(weighted_outputs(outputs, equal), outputs.mean(0))
    found = block_weights(outputs, main, 0.5)
    for window in range(2):
        alike = [
            np.mean(
                [
                    float(torch.cosine_similarity(outputs[b, window, t], main[window, t], dim=0))
                    for t in range(1, 5)  # the class token is left out
                ]
            )
            for b in range(3)
        ]
        expected = np.exp(np.array(alike) / 0.5)
        np.testing.assert_allclose(found[window], expected / expected.sum(), rtol=1e-4)
    mixed = weighted_outputs(outputs, found)
    by_hand = sum(found[1, b] * outputs[b, 1] for b in range(3))
    torch.testing.assert_close(mixed[1], by_hand)


def test_only_points_where_something_is_open_are_asked() -> None:
    open_ = np.zeros((10, 20), bool)
    open_[:5, 10:] = True
    points = open_points(build_point_grid(4), open_)
    assert [(x, y) for x, y in points] == [(x, y) for y in (0.125, 0.375) for x in (0.625, 0.875)]
    assert len(open_points(np.array([[1.0, 1.0]]), np.ones((3, 3), bool))) == 1
    assert len(open_points(build_point_grid(3), np.zeros((3, 3), bool))) == 0


def test_margins_are_between_the_two_best_classes() -> None:
    numbers = np.array([[0, 1], [2, 3]])
    probabilities = np.array([[0.5, 0.4, 0.1], [0.1, 0.1, 0.8], [0.3, 0.3, 0.4]])
    np.testing.assert_array_equal(
        small_margins(numbers, probabilities, 0.15), [[True, True], [False, True]]
    )
    np.testing.assert_array_equal(
        small_margins(numbers, probabilities, 0.0), [[True, False], [False, False]]
    )
