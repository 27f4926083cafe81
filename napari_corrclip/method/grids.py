"""Resampling between pixel grids, feature grids and the image tower's grid."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def nearest(maps: Tensor, size: tuple[int, int]) -> Tensor:
    """Resample integer maps by nearest neighbour, source index ``floor(i * scale)``.

    The index is computed in integers: a float scale such as 24 / 42 can land just below a whole
    number and pick the neighbour.

    Args:
        maps: (..., H, W), any dtype.
        size: rows and columns of the result.

    Returns:
        (..., h, w) of the same dtype.
    """
    rows, columns = (
        torch.arange(new, device=maps.device) * old // new
        for new, old in zip(size, maps.shape[-2:], strict=True)
    )
    return maps[..., rows[:, None], columns]


def bilinear(maps: Tensor, size: tuple[int, int]) -> Tensor:
    """Resample maps (..., C, H, W) bilinearly to ``size``, half-pixel centres, no antialias."""
    if tuple(maps.shape[-2:]) == tuple(size):
        return maps
    flat = maps.reshape(-1, 1, *maps.shape[-2:]) if maps.ndim != 4 else maps
    resampled = F.interpolate(flat, size=size, mode="bilinear", align_corners=False)
    return resampled.reshape(*maps.shape[:-2], *size)


def unfold(cells: Tensor, size: tuple[int, int]) -> Tensor:
    """Lay cells (B, h * w, C) out on their grid (B, h, w, C)."""
    return cells.reshape(len(cells), *size, cells.shape[-1])


def bilinear_cells(cells: Tensor, size: tuple[int, int]) -> Tensor:
    """Resample cells (B, h, w, C), channels last, bilinearly to another grid."""
    return bilinear(cells.permute(0, 3, 1, 2), size).permute(0, 2, 3, 1)
