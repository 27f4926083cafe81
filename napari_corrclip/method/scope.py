"""Scope reconstruction: every cell attends to the cells of its merged region (eq. 7, 8)."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

UnsegmentedRule = Literal["cross", "closed"]


def scope(regions: Tensor, similarity: Tensor, rule: UnsegmentedRule = "cross") -> Tensor:
    """E: which cells attend to which (eq. 7).

    Args:
        regions: (B, N) merged regions, 0 = unsegmented. The unsegmented part is no region: its
            cells connect by ``rule`` alone.
        similarity: (B, N, N) S.
        rule: ``cross`` connects an unsegmented cell with any cell that is more alike than the
            window's mean S (what the published numbers use); ``closed`` only with other unsegmented
            cells (eq. 7 as printed).

    Returns:
        (B, N, N) bool; the diagonal is always true, so no row is empty.
    """
    unsegmented = regions == 0
    rows, columns = unsegmented[:, :, None], unsegmented[:, None, :]
    same = (regions[:, :, None] == regions[:, None, :]) & ~rows
    alike = similarity > similarity.mean(dim=(1, 2), keepdim=True)
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
