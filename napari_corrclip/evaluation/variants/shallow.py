"""Shallow layers of the spatial branch, chosen by how alike their cells are to the main branch's.

The method takes the plain mean of n middle blocks (eq. 11). Here block b of a pool has the weight
a_b = softmax over b of (mean over cells cos(x_b, x_main)) / T, of each window by itself; x_main is the output
of the last block but one. T = ∞ with the published pool is the published method.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from napari_corrclip.encoders.protocols import Blocks, LastBlock
from napari_corrclip.evaluation.ablation.shared import SharedClip, digest
from napari_corrclip.method.refinement import spatial_blocks
from napari_corrclip.method.similarity import unit_cells


def block_weights(outputs: Tensor, main: Tensor, temperature: float) -> Tensor:
    """Return (B, b) weights of blocks, which add up to 1.

    Args:
        outputs: (b, B, T, C) of the pool's blocks, class token first.
        main: (B, T, C) of the last block but one.
        temperature: T > 0; infinity gives equal weights.
    """
    alike = (unit_cells(outputs[:, :, 1:]) * unit_cells(main[:, 1:])).sum(-1).mean(-1)
    weights: Tensor = (alike / temperature).softmax(dim=0).T
    return weights


def weighted_outputs(outputs: Tensor, weights: Tensor) -> Tensor:
    """Return (B, T, C), the sum of outputs (b, B, T, C) by weights (B, b)."""
    total: Tensor = (outputs.float() * weights.T[:, :, None, None]).sum(0)
    return total


class ChosenShallow(SharedClip):
    """An image tower whose spatial branch weighs its blocks.

    Args:
        shared: that runs; its network is an open_clip tower of ours.
        temperature: T.
        pool: how many blocks before the last but one are in the pool; ``None``: the published ones.
    """

    def __init__(self, shared: SharedClip, temperature: float, pool: int | None = None) -> None:
        super().__init__(shared.tower, shared.memory)
        self.shared = shared
        self.temperature = temperature
        layers = self.blocks
        self.pool = (
            spatial_blocks(layers) if pool is None else range(max(0, layers - 2 - pool), layers - 2)
        )

    def last_block(
        self, pixels: Tensor, *, regions: Tensor | None = None, spatial: bool = True
    ) -> Blocks[LastBlock]:
        """Run the tower, with spatial values by the weights."""
        last, outputs = yield from self.memory.once(
            ("outputs", digest(pixels), digest(regions)), lambda: self._recorded(pixels, regions)
        )
        if not spatial:
            return LastBlock(
                last.queries,
                last.keys,
                last.values,
                None,
                last.mask_tokens,
                last.regions,
                last.grid,
            )
        with torch.no_grad():
            chosen = outputs[list(self.pool)]
            weights = block_weights(chosen, outputs[-1], self.temperature)
            values = self._values(weighted_outputs(chosen, weights))
        return LastBlock(
            last.queries, last.keys, last.values, values, last.mask_tokens, last.regions, last.grid
        )

    def _recorded(self, pixels: Tensor, regions: Tensor | None) -> Blocks[tuple[LastBlock, Tensor]]:
        """The last block, and (L - 1, B, T, C) the outputs of all blocks before it."""
        resblocks: Any = self.tower.visual.transformer.resblocks  # type: ignore[attr-defined]
        seen: list[Tensor] = []

        def keep(_: object, arguments: tuple[Tensor, ...]) -> None:
            seen.append(arguments[0])

        # A block begins with its first norm, whose argument is the output of the block before.
        hooks = [block.ln_1.register_forward_pre_hook(keep) for block in resblocks[1:]]
        try:
            last = yield from self.tower.last_block(pixels, regions=regions)
        finally:
            for hook in hooks:
                hook.remove()
        # The last one's norm is asked again for the spatial branch, with another argument.
        length = last.queries.shape[1]
        return last, torch.stack([tokens[:, :length] for tokens in seen[: len(resblocks) - 1]])

    def _values(self, tokens: Tensor) -> Tensor:
        block: Any = self.tower.visual.transformer.resblocks[-1]  # type: ignore[attr-defined]
        width = tokens.shape[-1]
        normed = block.ln_1(tokens.to(self.dtype))
        weight, bias = block.attn.in_proj_weight, block.attn.in_proj_bias
        return F.linear(normed, weight[2 * width :], bias[2 * width :])
