"""Similarities of several towers or scales in one: S = Σ wᵢ · Sᵢ, with Σ wᵢ = 1.

A sum of cosines with weights that are not negative is itself a product of cells: those of all towers side
by side, each times the square root of its weight. So nothing after it has to change.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from napari_corrclip.encoders.protocols import Blocks, SimilarityFeatures
from napari_corrclip.evaluation.ablation.shared import SharedSimilarity, digest
from napari_corrclip.method.grids import bilinear
from napari_corrclip.method.similarity import on_feature_grid


def fused(cells: Sequence[Tensor], weights: Sequence[float]) -> Tensor:
    """Return cells whose products are the weighted sum of the products of all.

    Args:
        cells: (B, N, dᵢ) each, of unit length.
        weights: at least 0, together 1.

    Returns:
        (B, N, Σ dᵢ), of unit length; of a tower of weight 0 nothing is kept.
    """
    if min(weights) < 0 or abs(sum(weights) - 1) > 1e-6:
        raise ValueError(f"weights {list(weights)} are not of a mean")
    kept = [(part, weight) for part, weight in zip(cells, weights, strict=True) if weight > 0]
    if len(kept) == 1:
        return kept[0][0]
    return torch.cat([part * weight**0.5 for part, weight in kept], dim=-1)


class ScaledSimilarity(SharedSimilarity):
    """A similarity tower whose ``output`` is what it says of the same windows at another scale.

    What it says at the scale itself stays where it is: regions are merged by that.

    Args:
        shared: that runs.
        factor: of the sides of the windows; rounded to whole patches.
    """

    def __init__(self, shared: SharedSimilarity, factor: float) -> None:
        super().__init__(shared.tower, shared.memory)
        self.shared, self.factor = shared, factor

    def features(self, pixels: Tensor, *, output: bool = False) -> Blocks[SimilarityFeatures]:
        """Encode windows at both scales; ``output`` is there whether asked for or not."""
        here = yield from self.shared.features(pixels)
        key = ("scaled", str(self.factor), digest(pixels))
        there = yield from self.memory.once(key, lambda: self._scaled(pixels))
        height, width = here.query_key.shape[1:3]
        return SimilarityFeatures(here.query_key, on_feature_grid(there, (height, width)))

    def _scaled(self, pixels: Tensor) -> Blocks[Tensor]:
        size = scaled_size((pixels.shape[-2], pixels.shape[-1]), self.factor, self.patch_size)
        found = yield from self.tower.features(bilinear(pixels, size))
        return found.query_key


def scaled_size(size: tuple[int, int], factor: float, patch: int) -> tuple[int, int]:
    """Return a size times a factor, in whole patches, at least one."""
    rows, columns = (max(1, round(side * factor / patch)) * patch for side in size)
    return rows, columns
