"""Map correction against eq. 12 written down plainly, and what must hold of it."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from napari_corrclip.method import correction
from tests import reference

seeds = st.integers(0, 2**32 - 1)
K = 4


def _case(seed: int, lowest: int = -1) -> tuple[torch.Tensor, torch.Tensor]:
    rng = np.random.default_rng(seed)
    shape = (int(rng.integers(1, 7)), int(rng.integers(1, 7)))
    labels = torch.tensor(rng.integers(lowest, K, size=shape))
    return labels, torch.tensor(rng.integers(0, 5, size=shape, dtype=np.int32))


@given(seeds)
def test_correction_equals_the_plain_transcription(seed: int) -> None:
    labels, regions = _case(seed)
    ours = correction.correct(labels, regions, K)
    assert ours.tolist() == reference.corrected(labels.tolist(), regions.tolist())


@given(seeds)
def test_correction_is_idempotent(seed: int) -> None:
    labels, regions = _case(seed)
    once = correction.correct(labels, regions, K)
    assert torch.equal(correction.correct(once, regions, K), once)


@given(seeds)
def test_unsegmented_pixels_are_left_alone(seed: int) -> None:
    labels, regions = _case(seed)
    ours = correction.correct(labels, regions, K)
    assert torch.equal(ours[regions == 0], labels[regions == 0])
    assert torch.equal(correction.correct(labels, torch.zeros_like(regions), K), labels)


@given(seeds)
def test_an_image_segmented_everywhere_loses_no_region(seed: int) -> None:
    labels, regions = _case(seed)
    regions = regions + 1
    ours = correction.correct(labels, regions, K)
    for region in regions.unique():
        assert len(ours[regions == region].unique()) == 1


@given(seeds, st.permutations(range(1, 5)))
def test_relabelling_regions_changes_nothing(seed: int, names: list[int]) -> None:
    labels, regions = _case(seed)
    table = torch.tensor([0, *(400_000_000 * n for n in names)])
    other = correction.correct(labels, table[regions.long()], K)
    assert torch.equal(other, correction.correct(labels, regions, K))


@given(seeds)
def test_votes_count_every_segmented_pixel_once(seed: int) -> None:
    labels, regions = _case(seed)
    votes = correction.count_votes(labels, regions, K)
    assert votes.ids.tolist() == sorted(set(regions.flatten().tolist()) - {0})
    assert votes.counts.shape == (len(votes.ids), K + 1)
    for region, row in zip(votes.ids, votes.counts, strict=True):
        own = labels[regions == region]
        assert row.tolist() == [int((own == k).sum()) for k in range(-1, K)]
    shares = votes.counts.amax(dim=1).float() / votes.counts.sum(dim=1)
    torch.testing.assert_close(votes.shares, shares)


def test_ties_go_to_the_lowest_class() -> None:
    labels, regions = torch.tensor([[3, 1, 3, 1]]), torch.ones(1, 4, dtype=torch.int32)
    assert correction.correct(labels, regions, K).tolist() == [[1, 1, 1, 1]]


def test_the_labels_keep_their_type() -> None:
    labels = torch.tensor([[1, 2]], dtype=torch.int16)
    assert correction.correct(labels, torch.ones(1, 2, dtype=torch.int32), K).dtype == torch.int16
