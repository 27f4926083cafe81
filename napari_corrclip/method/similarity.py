"""Value reconstruction: how alike two cells are (eq. 9, 10), and the alternatives of table 5."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from .grids import bilinear_cells


def unit_cells(cells: Tensor) -> Tensor:
    """L2-normalise cells (..., d) in float32, whatever dtype the tower ran in."""
    return F.normalize(cells.float(), dim=-1)


def similarity_features(queries: Tensor, keys: Tensor) -> Tensor:
    """F_S: the similarity tower's queries plus keys, normalised per cell (eq. 9).

    Args:
        queries: (..., d) of the tower's last block, all heads side by side, class token dropped.
        keys: likewise.

    Returns:
        (..., d) float32, unit length.
    """
    # Before the sum, because the cuts that follow are hard and a sum in bfloat16 has 8 bits.
    return unit_cells(queries.float() + keys.float())


def cosines(left: Tensor, right: Tensor | None = None) -> Tensor:
    """S: cosines between all cells of a window (eq. 10).

    Args:
        left: (B, h, w, d) of unit length.
        right: the same shape, for a similarity of two different features; ``None`` means ``left``.

    Returns:
        (B, N, N) float32.
    """
    a = left.flatten(1, 2)
    b = a if right is None else right.flatten(1, 2)
    return a @ b.transpose(1, 2)


def uniform(batch: int, cells: int, *, device: torch.device | None = None) -> Tensor:
    """S = 0 everywhere, (B, N, N) float32: the softmax is then even over the scope."""
    return torch.zeros(batch, cells, cells, device=device)


def on_feature_grid(cells: Tensor, size: tuple[int, int]) -> Tensor:
    """Bring CLIP's queries or keys to the feature grid, to be compared there.

    Args:
        cells: (B, h', w', d) on CLIP's grid, all heads side by side.
        size: the feature grid.

    Returns:
        (B, h, w, d) float32: normalised, bilinear, normalised again.
    """
    return unit_cells(bilinear_cells(unit_cells(cells), size))
