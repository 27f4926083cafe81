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


def cosines(left: Tensor, right: Tensor) -> Tensor:
    """S: cosines between all cells of a window (eq. 10).

    Args:
        left: (B, N, d) of unit length.
        right: the same shape; the same features, but for a similarity of two different ones.

    Returns:
        (B, N, N) float32.
    """
    return left @ right.transpose(1, 2)


def mean_cosine(left: Tensor, right: Tensor) -> Tensor:
    """mean(S) of each window without S: the product of the two mean cells.

    Args:
        left: (B, N, d) as in :func:`cosines`.
        right: likewise.

    Returns:
        (B,) float32.
    """
    # In double, where the device has it: what follows is a hard cut.
    exact = torch.float32 if left.device.type == "mps" else torch.float64
    mean = left.mean(dim=1, dtype=exact) * right.mean(dim=1, dtype=exact)
    return mean.sum(dim=1).float()


def uniform(batch: int, cells: int, *, device: torch.device | None = None) -> Tensor:
    """Cells (B, N, 1) whose S is 0 everywhere: the softmax is then even over the scope."""
    return torch.zeros(batch, cells, 1, dtype=torch.float32, device=device)


def on_feature_grid(cells: Tensor, size: tuple[int, int]) -> Tensor:
    """Bring CLIP's queries or keys to the feature grid, to be compared there.

    Args:
        cells: (B, h', w', d) on CLIP's grid, all heads side by side.
        size: the feature grid.

    Returns:
        (B, h, w, d) float32: normalised, bilinear, normalised again.
    """
    return unit_cells(bilinear_cells(unit_cells(cells), size))
