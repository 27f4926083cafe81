"""Feature refinement: which blocks, which tokens, which sum."""

from __future__ import annotations

import pytest
import torch

from napari_corrclip.method import refinement


@pytest.mark.parametrize(
    ("layers", "first", "count"),
    [(5, 2, 1), (6, 2, 2), (12, 5, 5), (24, 10, 12), (32, 2, 28), (48, 2, 44)],
)
def test_spatial_blocks_end_before_the_last_but_one(layers: int, first: int, count: int) -> None:
    assert refinement.spatial_blocks(layers) == range(first, first + count)
    assert first + count == layers - 2


def test_too_few_blocks_have_no_spatial_branch() -> None:
    with pytest.raises(ValueError, match="at least 5"):
        refinement.spatial_blocks(4)


def test_a_mask_token_sees_the_class_token_and_its_own_patches() -> None:
    regions = torch.tensor([[[0, 1], [1, 3]]])
    seen = refinement.mask_token_scope(regions, 4)[0]
    assert seen.int().tolist() == [
        [1, 1, 0, 0, 0],
        [1, 0, 1, 1, 0],
        [1, 0, 0, 0, 0],
        [1, 0, 0, 0, 1],
    ]


def test_cells_take_the_token_of_their_region() -> None:
    tokens = torch.arange(6.0).reshape(2, 3, 1)
    regions = torch.tensor([[[0, 2]], [[1, 1]]])
    cells = refinement.gather_mask_tokens(tokens, regions, (2, 4))
    assert cells[0, :, :, 0].tolist() == [[0, 0, 2, 2]] * 2
    assert cells[1, :, :, 0].tolist() == [[4, 4, 4, 4]] * 2


def test_attend_averages_values_on_the_feature_grid() -> None:
    values = torch.randn(1, 2, 2, 3)
    even = torch.full((1, 16, 16), 1 / 16)
    cells = refinement.attend(lambda cells: even @ cells, values, (4, 4))
    torch.testing.assert_close(cells, values.mean(dim=(1, 2), keepdim=True).expand(1, 4, 4, 3))


def test_branches_are_weighed_and_can_be_missing() -> None:
    main, spatial, semantic = (torch.full((1, 1, 1, 2), x) for x in (1.0, 10.0, 100.0))
    assert refinement.combine(main, spatial, semantic, 1.0, 0.5)[0, 0, 0].tolist() == [61, 61]
    assert refinement.combine(main, None, semantic, 1.0, 0.5)[0, 0, 0].tolist() == [51, 51]
    assert refinement.combine(main, None, None, 1.0, 0.5) is main
