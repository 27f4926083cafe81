"""Feature refinement: main, spatial and semantic branch (eq. 11)."""

from __future__ import annotations

import torch
from torch import Tensor

from .grids import bilinear_cells, nearest, unfold
from .scope import Attend


def spatial_blocks(layers: int) -> range:
    """The blocks whose outputs the spatial branch averages, 0-based.

    They are the n blocks L-2-n ... L-3; n = 5 of 12 layers, 12 of 24, else L - 4.

    Args:
        layers: number of blocks L, at least 5.
    """
    if layers < 5:
        raise ValueError(f"the spatial branch needs at least 5 blocks, not {layers}")
    count = {12: 5, 24: 12}.get(layers, layers - 4)
    return range(layers - 2 - count, layers - 2)


def attend(attention: Attend, values: Tensor, size: tuple[int, int]) -> Tensor:
    """Attn . v with one head, on the feature grid.

    Args:
        attention: Attn between the cells of the feature grid.
        values: (B, h', w', C) on the image tower's grid.
        size: the feature grid, N = h * w.

    Returns:
        (B, h, w, C) in the values' dtype, before the output projection.
    """
    cells = bilinear_cells(values, size).flatten(1, 2)
    return unfold(attention(cells), size)


def mask_token_scope(regions: Tensor, count: int) -> Tensor:
    """What each mask class token attends to: the class token and the patches of its own region.

    Args:
        regions: (B, h', w') merged regions on the image tower's grid, 0 = unsegmented.
        count: number of mask tokens; token r is that of region r, token 0 that of the unsegmented
            part. A token whose region does not occur sees the class token alone; no cell asks for
            it.

    Returns:
        (B, count, 1 + h' * w') bool.
    """
    ids = torch.arange(count, device=regions.device)
    own = regions.flatten(1)[:, None, :] == ids[:, None]
    return torch.cat([torch.ones_like(own[..., :1]), own], dim=-1)


def gather_mask_tokens(tokens: Tensor, regions: Tensor, size: tuple[int, int]) -> Tensor:
    """The semantic branch: each cell gets the output of the mask token of its region.

    Args:
        tokens: (B, M, C), token r that of region r.
        regions: (B, h', w') merged regions on the image tower's grid. They are taken back to the
            feature grid by nearest, so that only regions that occur there are asked for.
        size: the feature grid.

    Returns:
        (B, h, w, C).
    """
    cells = nearest(regions, size).flatten(1)
    batch = torch.arange(len(tokens), device=tokens.device)[:, None]
    return unfold(tokens[batch, cells], size)


def combine(
    main: Tensor, spatial: Tensor | None, semantic: Tensor | None, alpha: float, beta: float
) -> Tensor:
    """F = main + alpha * spatial + beta * semantic (eq. 11).

    Each branch comes here after ln_post of its own; the projection follows.

    Args:
        main: (B, h, w, C).
        spatial: the same shape, or ``None`` where the branch is off.
        semantic: likewise.
        alpha: weight of the spatial branch.
        beta: weight of the semantic branch.
    """
    combined = main
    if spatial is not None:
        combined = combined + alpha * spatial
    if semantic is not None:
        combined = combined + beta * semantic
    return combined
