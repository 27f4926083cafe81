"""Stitched attention: cells attend to the cells of all windows of their image, in one softmax.

The idea is OV-Stitcher's (Moon, Oh, Ro, CVPR 2026 Findings, arXiv:2604.08110): what was computed window by
window is stitched together inside the last block, whose attention then sees the whole image. What is here
is that idea in CorrCLIP's own attention, from the words of the paper's abstract; no code of theirs was
there to be read.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from .merging import cluster, number_regions
from .scope import Attend, UnsegmentedRule

# Of a block of rows x columns that is in memory at once, 32 MB.
_PAIRS_AT_ONCE = 1 << 23


@dataclass(frozen=True, eq=False)
class StitchedCells:
    """The M = W * N cells of all windows of an image, sorted by region, that a window's cells attend to.

    Attributes:
        right: (M, d) float32 of unit length (or zero), as in :func:`~.scope.attend_within`.
        weights: (M,) float32 > 0, how much each counts in a softmax.
        order: (M,) int64, which of all cells, window by window, each is.
        starts: where the cells of region r begin; those of the last one end at its last entry.
        mean: mean(S) over all pairs of cells, each by its weight.
    """

    right: Tensor
    weights: Tensor
    order: Tensor
    starts: tuple[int, ...]
    mean: Tensor

    def of(self, region: int) -> slice:
        """Where the cells of a region are."""
        return slice(self.starts[region], self.starts[region + 1])


def occurrence_weights(covers: Tensor, padding: Tensor) -> Tensor:
    """w: the reciprocal of how often a place occurs, so that windows that overlap do not count twice.

    Windows in steps of a third of their side show a place in the middle of an image nine times, and one at
    its corner once. What is padded is no place of the image; it is taken to be the same in each window.

    Args:
        covers: (W, h, w) number of windows that show each cell's place, at least 1.
        padding: (W, h, w) bool, which cells are padding.

    Returns:
        (W, h, w) float32; 1 everywhere where there is a single window.
    """
    times = covers.masked_fill(padding, len(covers))
    return 1 / times.float()


def merge_across(features: Tensor, regions: Tensor, weights: Tensor, eps: float) -> Tensor:
    """Merge the regions of all windows at once (eq. 5, 6), so that a region is one in all of them.

    A region's feature is the mean over its cells in all windows, each by its weight; the rest is
    :func:`~.merging.merge`, which it equals where there is a single window.

    Args:
        features: (W, h, w, d) F_S.
        regions: (W, h, w) raw region ids on the feature grids, 0 = unsegmented.
        weights: (W, h, w) of :func:`occurrence_weights`.
        eps: see :func:`~.merging.cluster`.

    Returns:
        (W, h, w) int64 merged regions 1..z without gaps, 0 = unsegmented.
    """
    numbered, ids = number_regions(regions)
    if len(ids) < 2:
        return numbered
    numbers = torch.arange(1, len(ids) + 1, device=regions.device)[:, None]
    sums = features.new_zeros(len(ids), features.shape[-1])
    for window, cells, weight in zip(
        numbered.flatten(1), features.flatten(1, 2), weights.flatten(1), strict=True
    ):
        # A product for each window: no matrix of all cells, and the same in every run on a GPU.
        sums += ((window == numbers) * weight) @ cells
    return F.pad(cluster(F.normalize(sums, dim=-1), eps) + 1, (1, 0))[numbered]


def stitch(left: Tensor, right: Tensor, regions: Tensor, weights: Tensor) -> StitchedCells:
    """Lay the cells of all windows out for :func:`attend_across`.

    Args:
        left: (W, N, d) float32 of unit length (or zero).
        right: likewise; S is the product of the two.
        regions: (W, N) merged regions of :func:`merge_across`, 0 = unsegmented.
        weights: (W, N) of :func:`occurrence_weights`.
    """
    flat = regions.flatten()
    order = flat.argsort(stable=True)
    counts = torch.bincount(flat)
    starts = (0, *counts.cumsum(0).tolist())
    # In double, where the device has it: what follows is a hard cut.
    exact = torch.float32 if left.device.type == "mps" else torch.float64
    zero = left.new_zeros(left.shape[-1], dtype=exact)
    shares = weights.to(exact) / weights.sum(dtype=exact)
    means = [
        sum((share @ window.to(exact) for share, window in zip(shares, cells, strict=True)), zero)
        for cells in (left, right)
    ]
    return StitchedCells(
        right=right.flatten(0, 1)[order],
        weights=weights.flatten()[order],
        order=order,
        starts=starts,
        mean=(means[0] * means[1]).sum().float(),
    )


def attend_across(
    stitched: StitchedCells,
    left: Tensor,
    regions: Tensor,
    first: int,
    rule: UnsegmentedRule,
    tau: float,
) -> Attend:
    """Attn of eq. 8 between some windows' cells and those of all windows.

    ``Attn_ij = w_j exp(S_ij / tau) / sum over { k : E_ik = 1 } of w_k exp(S_ik / tau)``, E as in
    :func:`~.scope.scope` with mean(S) over all windows. A region's rows and columns are computed together and
    in blocks, so that memory does not grow with the image.

    Args:
        stitched: all cells.
        left: (B, N, d) of the windows that attend.
        regions: (B, N) their merged regions.
        first: number of the first of these windows among all; they follow one another.
        rule: see :func:`~.scope.scope`.
        tau: temperature, > 0.

    Returns:
        what takes the values (W, N, C) of **all** windows to (B, N, C) of those that attend.
    """
    rows, cells = left.flatten(0, 1), regions.flatten()
    windows, count = left.shape[:2]
    begin = first * count

    def attend(values: Tensor) -> Tensor:
        seen = values.flatten(0, 1)
        out = seen.new_empty(len(rows), seen.shape[-1])
        for region in cells.unique().tolist():
            own = (cells == region).nonzero().flatten()
            columns = _columns(stitched, region, rule)
            right, weights, order = (
                torch.cat([part[where] for where in columns])
                for part in (stitched.right, stitched.weights, stitched.order)
            )
            offset = weights.log()
            # Of a region's own cells each is seen; of others those that are alike.
            free = 0 if region == 0 else stitched.of(region).stop - stitched.of(region).start
            shown = seen[order]
            for some in _blocks(own, len(order)):
                similarity = rows[some] @ right.T
                logits = similarity / tau + offset
                if free < len(order):
                    alike = similarity[:, free:] > stitched.mean
                    alike |= order[free:] == (begin + some)[:, None]
                    logits[:, free:].masked_fill_(~alike, float("-inf"))
                out[some] = logits.softmax(dim=-1).to(shown.dtype) @ shown
        return out.view(windows, count, -1)

    return attend


def _columns(stitched: StitchedCells, region: int, rule: UnsegmentedRule) -> Sequence[slice]:
    """Which cells those of a region may attend to, the region's own first."""
    if region:
        return [stitched.of(region), stitched.of(0)] if rule == "cross" else [stitched.of(region)]
    return [slice(0, len(stitched.order))] if rule == "cross" else [stitched.of(0)]


def _blocks(rows: Tensor, columns: int) -> Iterator[Tensor]:
    yield from rows.split(max(1, _PAIRS_AT_ONCE // columns))
