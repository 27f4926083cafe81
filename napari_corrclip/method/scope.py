"""Scope reconstruction: every cell attends to the cells of its merged region (eq. 7, 8)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor

from .similarity import cosines, mean_cosine

UnsegmentedRule = Literal["cross", "closed"]

Attend = Callable[[Tensor], Tensor]
"""Attn . v: takes the cells' values (B, N, C) and returns (B, N, C) in their dtype."""

# What the blocks cost beside the pairs they look at, in pairs (measured on a CPU): sorting a cell, and a
# block of its own, which is two where there is an unsegmented part.
_PAIRS_PER_CELL = 116
_PAIRS_PER_BLOCK = 4000


def attend_within(
    left: Tensor, right: Tensor, regions: Tensor, rule: UnsegmentedRule, tau: float
) -> Attend:
    """Attn of eq. 8, without an N x N matrix where that is cheaper.

    Sorted by region, E is block-diagonal but for the rows and columns of unsegmented cells, and mean(S)
    is a product of two mean vectors. On a CPU each window goes by its blocks unless its unsegmented part
    is too large or its regions too many. On an accelerator the matrix is the faster one: a block is as
    many launches as a batch.

    Args:
        left: (B, N, d) float32 of unit length (or zero); S is its product with ``right``.
        right: likewise.
        regions: (B, N) merged regions, 0 = unsegmented.
        rule: see :func:`scope`.
        tau: temperature, > 0.
    """
    if left.device.type != "cpu":
        return _by_matrix(left, right, regions, rule, tau)
    windows = [
        (_by_blocks if _blocks_are_cheaper(r, rule) else _by_matrix)(
            a[None], b[None], r[None], rule, tau
        )
        for a, b, r in zip(left, right, regions, strict=True)
    ]
    return lambda values: torch.cat(
        [attend(v[None]) for attend, v in zip(windows, values, strict=True)]
    )


def _blocks_are_cheaper(regions: Tensor, rule: UnsegmentedRule) -> bool:
    counts = torch.bincount(regions)
    cells, unsegmented = len(regions), int(counts[0])
    pairs = int(counts.square().sum())
    if rule == "cross":
        pairs += 2 * unsegmented * (cells - unsegmented)
    blocks = int(counts.count_nonzero()) * (2 if unsegmented else 1)
    return pairs + _PAIRS_PER_CELL * cells + _PAIRS_PER_BLOCK * blocks < cells**2


def _by_matrix(
    left: Tensor, right: Tensor, regions: Tensor, rule: UnsegmentedRule, tau: float
) -> Attend:
    similarity = cosines(left, right)
    within = scope(regions, similarity, mean_cosine(left, right), rule)
    weights = attention(similarity, within, tau)
    return lambda values: weights.to(values.dtype) @ values


def _by_blocks(
    left: Tensor, right: Tensor, regions: Tensor, rule: UnsegmentedRule, tau: float
) -> Attend:
    """The same of one window; the unsegmented cells come first, then the regions one by one."""
    mean = mean_cosine(left, right)
    order = regions[0].argsort(stable=True)
    left, right = left[0, order], right[0, order]
    first, *counts = torch.bincount(regions[0]).tolist()
    unsegmented = slice(0, first)
    # For the rows of each block the columns that they see, in slices, with their weights.
    blocks: list[list[tuple[slice, Tensor]]] = []
    outside: Tensor | None = None
    if first:
        seen = slice(0, len(right) if rule == "cross" else first)
        similarity = left[unsegmented] @ right[seen].T
        alike = similarity > mean
        alike.diagonal().fill_(True)
        blocks.append([(seen, attention(similarity, alike, tau))])
        if rule == "cross":
            similarity = left[first:] @ right[unsegmented].T
            outside = similarity.masked_fill(similarity <= mean, float("-inf"))
    start = first
    for count in counts:
        own = slice(start, start + count)
        similarity = left[own] @ right[own].T
        if outside is None:
            blocks.append([(own, (similarity / tau).softmax(dim=-1))])
        else:
            similarity = torch.cat([outside[start - first :][:count], similarity], dim=1)
            weights = (similarity / tau).softmax(dim=-1)
            blocks.append([(unsegmented, weights[:, :first]), (own, weights[:, first:])])
        start += count
    place = order.argsort()

    def attend(values: Tensor) -> Tensor:
        cells = values[0, order]
        rows = []
        for block in blocks:
            parts = [weights.to(cells.dtype) @ cells[seen] for seen, weights in block]
            rows.append(parts[0] if len(parts) == 1 else parts[0] + parts[1])
        return torch.cat(rows)[place][None]

    return attend


def scope(
    regions: Tensor, similarity: Tensor, mean: Tensor, rule: UnsegmentedRule = "cross"
) -> Tensor:
    """E: which cells attend to which (eq. 7).

    Args:
        regions: (B, N) merged regions, 0 = unsegmented. The unsegmented part is no region: its
            cells connect by ``rule`` alone.
        similarity: (B, N, N) S.
        mean: (B,) mean(S) of each window.
        rule: ``cross`` connects an unsegmented cell with any cell that is more alike than the
            window's mean S (what the published numbers use); ``closed`` only with other unsegmented
            cells (eq. 7 as printed).

    Returns:
        (B, N, N) bool; the diagonal is always true, so no row is empty.
    """
    unsegmented = regions == 0
    rows, columns = unsegmented[:, :, None], unsegmented[:, None, :]
    same = (regions[:, :, None] == regions[:, None, :]) & ~rows
    alike = similarity > mean[:, None, None]
    open_ = rows | columns if rule == "cross" else rows & columns
    itself = torch.eye(regions.shape[1], dtype=torch.bool, device=regions.device)
    return same | (open_ & alike) | itself


def attention(similarity: Tensor, scope: Tensor, tau: float) -> Tensor:
    """Attn: the softmax of S / tau over each cell's scope (eq. 8).

    Args:
        similarity: (B, N, N) S.
        scope: (B, N, N) bool E.
        tau: temperature, > 0.

    Returns:
        (B, N, N) float32; rows add up to 1.
    """
    return (similarity.float() / tau).masked_fill(~scope, float("-inf")).softmax(dim=-1)
