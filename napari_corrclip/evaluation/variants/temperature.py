"""A temperature that adapts: by the spread of similarities, or by the entropy of the attention.

The method has one τ for all images (eq. 8). Here a window, or every cell, has one of its own:

- spread: τ' = τ · (σ / σ₀)^p, where σ is the standard deviation of S over the pairs of the scope E, of the
  whole window or of the cell's row. Where what is compared hardly differs, the softmax becomes sharper.
- entropy: τ' = τ · (H / log n)^p, where H is the entropy of the cell's attention at τ over its n cells.
  Where attention is peaked already, it becomes sharper still.

p = 0 is the published method.
"""

from __future__ import annotations

import torch
from torch import Tensor

from napari_corrclip.method.scope import Attend, UnsegmentedRule, attention, scope
from napari_corrclip.method.similarity import cosines, mean_cosine

_LEAST = 1e-3
"""Of a factor of τ, so that a region of equal cells has a softmax."""


def scope_of(
    left: Tensor, right: Tensor, regions: Tensor, rule: UnsegmentedRule
) -> tuple[Tensor, Tensor]:
    """Return S and E, (B, N, N) each, of cells (B, N, d) in merged regions (B, N)."""
    similarity = cosines(left, right)
    return similarity, scope(regions, similarity, mean_cosine(left, right), rule)


def spread(similarity: Tensor, within: Tensor) -> tuple[Tensor, Tensor]:
    """Return the standard deviation of S over the scope.

    Args:
        similarity: (B, N, N) S.
        within: (B, N, N) bool E.

    Returns:
        (B, 1, 1) of each window, and (B, N, 1) of each cell's row.
    """
    weights = within.to(similarity.dtype)
    values = similarity * weights
    squares = similarity.square() * weights
    counts = weights.sum(-1, keepdim=True)
    sums, sums_of_squares = values.sum(-1, keepdim=True), squares.sum(-1, keepdim=True)

    def deviation(total: Tensor, of_squares: Tensor, count: Tensor) -> Tensor:
        return (of_squares / count - (total / count).square()).clamp(min=0).sqrt()

    of_window = deviation(*(x.sum(1, keepdim=True) for x in (sums, sums_of_squares, counts)))
    return of_window, deviation(sums, sums_of_squares, counts)


def by_spread(
    left: Tensor,
    right: Tensor,
    regions: Tensor,
    rule: UnsegmentedRule,
    tau: float,
    *,
    power: float,
    reference: float,
    each_cell: bool,
) -> Attend:
    """Attn with τ by the spread of S.

    Args:
        left: (B, N, d) of unit length, as of :func:`~napari_corrclip.method.scope.attend_within`.
        right: likewise.
        regions: (B, N) merged regions, 0 = unsegmented.
        rule: see :func:`~napari_corrclip.method.scope.scope`.
        tau: τ of a spread that is the reference.
        power: p.
        reference: σ₀ > 0.
        each_cell: whether every cell has its own τ, or the window one.
    """
    similarity, within = scope_of(left, right, regions, rule)
    of_window, of_cell = spread(similarity, within)
    deviation = of_cell if each_cell else of_window
    factor = (deviation / reference).clamp(min=_LEAST) ** power
    weights = attention(similarity / factor, within, tau)
    return lambda values: weights.to(values.dtype) @ values


def by_entropy(
    left: Tensor,
    right: Tensor,
    regions: Tensor,
    rule: UnsegmentedRule,
    tau: float,
    *,
    power: float,
) -> Attend:
    """Attn with τ of every cell by the entropy of its attention; arguments as of :func:`by_spread`."""
    similarity, within = scope_of(left, right, regions, rule)
    weights = attention(similarity, within, tau)
    entropy = torch.special.entr(weights).sum(-1, keepdim=True)
    most = within.sum(-1, keepdim=True).to(entropy.dtype).log()
    # Alone in its scope, a cell attends to itself at any temperature.
    share = torch.where(most > 0, entropy / most.clamp(min=_LEAST), torch.ones_like(most))
    factor = share.clamp(min=_LEAST) ** power
    weights = attention(similarity / factor, within, tau)
    return lambda values: weights.to(values.dtype) @ values
