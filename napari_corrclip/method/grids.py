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


def source_rows(rows: range, old: int, new: int) -> range:
    """The rows of a map of ``old`` rows that its bilinear resampling to ``new`` has in ``rows``."""
    above, below, _ = _between(rows, old, new)
    return range(int(above[0]), int(below[-1]) + 1)


def bilinear_rows(maps: Tensor, rows: range, old: int, new: int, first: int = 0) -> Tensor:
    """Some rows of :func:`bilinear` along the rows alone, from no more than these need.

    Args:
        maps: (..., h, W) consecutive rows of the maps, those of :func:`source_rows` at least.
        rows: the consecutive rows wanted of the result.
        old: rows of the whole maps.
        new: rows of the whole result.
        first: which row of the whole ``maps`` begins with.

    Returns:
        (..., len(rows), W) float32.
    """
    if old == new:
        return maps[..., rows.start - first : rows.stop - first, :]
    above, below, weight = _between(rows, old, new)
    above, below = ((side - first).to(maps.device) for side in (above, below))
    upper, lower = maps.index_select(-2, above), maps.index_select(-2, below)
    return torch.lerp(upper, lower, weight[:, None].to(maps.device))


def _between(rows: range, old: int, new: int) -> tuple[Tensor, Tensor, Tensor]:
    """For each row the one above its centre, the one below, and how near to the latter it is."""
    if old == new:
        same = torch.arange(rows.start, rows.stop)
        return same, same, torch.zeros(len(rows), dtype=torch.float32)
    centres = torch.arange(rows.start, rows.stop, dtype=torch.float32)
    source = ((centres + 0.5) * (old / new) - 0.5).clamp(min=0)
    above = source.long().clamp(max=old - 1)
    return above, (above + 1).clamp(max=old - 1), source - above


def unfold(cells: Tensor, size: tuple[int, int]) -> Tensor:
    """Lay cells (B, h * w, C) out on their grid (B, h, w, C)."""
    return cells.reshape(len(cells), *size, cells.shape[-1])


def bilinear_cells(cells: Tensor, size: tuple[int, int]) -> Tensor:
    """Resample cells (B, h, w, C), channels last, bilinearly to another grid."""
    return bilinear(cells.permute(0, 3, 1, 2), size).permute(0, 2, 3, 1)
