"""Mask merging against eq. 5 and 6 written down plainly."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from napari_corrclip.method import merging
from napari_corrclip.method.grids import bilinear, nearest
from tests import reference

seeds = st.integers(0, 2**32 - 1)


def _window(seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    rng = np.random.default_rng(seed)
    shape = (int(rng.integers(1, 7)), int(rng.integers(1, 7)))
    # Few directions with little noise, so that eps has something to decide.
    directions = rng.normal(size=(3, 4))
    cells = directions[rng.integers(0, 3, size=shape)] + rng.normal(size=(*shape, 4)) * 0.3
    regions = rng.integers(0, 6, size=shape) * 7
    features = torch.nn.functional.normalize(torch.tensor(cells, dtype=torch.float32), dim=-1)
    return features, torch.tensor(regions)


def _partition(labels: list[int]) -> set[frozenset[int]]:
    """Which cells are together, whatever the numbers; the unsegmented part is a set of its own."""
    sets = {r: frozenset(i for i, x in enumerate(labels) if x == r) for r in set(labels)}
    return {frozenset((*cells, -1)) if r == 0 else cells for r, cells in sets.items()}


@given(seeds, st.sampled_from([0.01, 0.05, 0.2, 0.5, 2.0]))
def test_merging_equals_the_plain_transcription(seed: int, eps: float) -> None:
    features, regions = _window(seed)
    ours = merging.merge(features, regions, eps)
    plain = reference.merged(features.flatten(0, 1), regions.flatten().tolist(), eps)
    assert _partition(ours.flatten().tolist()) == _partition(plain)


@given(seeds)
def test_merged_regions_are_numbered_without_gaps(seed: int) -> None:
    features, regions = _window(seed)
    merged = merging.merge(features, regions, 0.2)
    ids = set(merged.flatten().tolist()) - {0}
    assert ids == set(range(1, len(ids) + 1))
    assert torch.equal(merged == 0, regions == 0)


@given(seeds, st.permutations(range(1, 6)))
def test_relabelling_regions_changes_nothing(seed: int, names: list[int]) -> None:
    features, regions = _window(seed)
    table = torch.tensor([0, *(1000 * n + 17 for n in names)])
    other = merging.merge(features, table[regions // 7], 0.2)
    ours = merging.merge(features, regions, 0.2)
    assert _partition(ours.flatten().tolist()) == _partition(other.flatten().tolist())


@given(st.lists(st.integers(0, 2**31), min_size=1, max_size=30))
def test_regions_are_numbered_in_order_of_their_ids(ids: list[int]) -> None:
    numbered, present = merging.number_regions(torch.tensor(ids))
    expected = sorted(set(ids) - {0})
    assert present.tolist() == expected
    assert numbered.tolist() == [0 if i == 0 else 1 + expected.index(i) for i in ids]


def test_fewer_than_two_regions_are_not_merged() -> None:
    features = torch.randn(3, 3, 4)
    assert merging.merge(features, torch.zeros(3, 3, dtype=torch.long), 0.2).eq(0).all()
    assert merging.merge(features, torch.full((3, 3), 9), 0.2).eq(1).all()


def test_constant_and_zero_features_stay_finite() -> None:
    regions = torch.tensor([[0, 1], [2, 3]])
    for features in (torch.zeros(2, 2, 4), torch.full((2, 2, 4), 0.5)):
        merged = merging.merge(features, regions, 0.2)
        assert merged.tolist() == [[0, 1], [1, 1]]


def test_the_largest_similarity_is_distance_zero() -> None:
    # Zero vectors are 0 apart from each other by the matrix's maximum, not 1 by that of the cosine.
    assert merging.cluster(torch.zeros(3, 4), 0.0).tolist() == [0, 0, 0]


@given(seeds)
def test_with_eps_zero_every_region_is_still_in_a_cluster(seed: int) -> None:
    features = torch.randn(9, 5, generator=torch.Generator().manual_seed(seed))
    features = torch.nn.functional.normalize(features, dim=-1)
    assert sorted(merging.cluster(features, 0.0).tolist()) == list(range(9))


@given(st.integers(1, 60), st.integers(1, 60))
def test_nearest_takes_the_floor_of_the_exact_scale(old: int, new: int) -> None:
    ours = nearest(torch.arange(old)[None], (1, new))[0].tolist()
    assert ours == [reference.resized_index(i, new, old) for i in range(new)]


def test_bilinear_takes_any_leading_dimensions() -> None:
    maps = torch.randn(3, 4, 5)
    torch.testing.assert_close(bilinear(maps, (7, 9)), bilinear(maps[None], (7, 9))[0])
    assert bilinear(maps, (4, 5)) is maps
