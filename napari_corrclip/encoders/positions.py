"""Positional embeddings at another size than the trained one, by DINO's own rule."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F


def resample_positions(positions: Tensor, native: tuple[int, int], size: tuple[int, int]) -> Tensor:
    """Resample the patches' positional embeddings to another grid.

    Bicubic, no antialias, with the scale factor (n + 0.1) / n_native handed through as it is. Both
    libraries have rules of their own, which move the features.

    Args:
        positions: (n_rows * n_columns, C) of the native grid, class token left out.
        native: rows and columns of the native grid.
        size: rows and columns wanted.

    Returns:
        (rows * columns, C) in the dtype given; at the native size the input itself.
    """
    if tuple(native) == tuple(size):
        return positions
    grid = positions.float().reshape(1, *native, -1).permute(0, 3, 1, 2)
    factors = [(new + 0.1) / old for new, old in zip(size, native, strict=True)]
    resampled = F.interpolate(grid, scale_factor=factors, mode="bicubic", align_corners=False)
    return resampled.permute(0, 2, 3, 1).flatten(0, 2).to(positions.dtype)
