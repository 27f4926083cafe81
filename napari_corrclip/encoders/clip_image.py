"""open_clip's Vision Transformers as image towers of the method."""

from __future__ import annotations

from typing import Any

import torch
from open_clip.transformer import LayerNormFp32, ResidualAttentionBlock, VisionTransformer
from torch import Tensor, nn
from torch.nn import functional as F

from napari_corrclip.errors import InputError
from napari_corrclip.method import baseline, refinement
from napari_corrclip.method.grids import nearest, unfold
from napari_corrclip.method.scope import Attend

from .fingerprint import fingerprint
from .positions import resample_positions
from .protocols import Blocks, LastBlock

CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
CLIP_STD = (0.26862954, 0.26130258, 0.27577711)

SERVED = (
    "a ViT of the CLIP family from open_clip, such as ViT-B-32, ViT-B-16, ViT-L-14, ViT-L-14-336, "
    "ViT-H-14 or their -quickgelu variants"
)


class ClipImageEncoder:
    """An open_clip ``VisionTransformer`` that gives features for cells instead of images.

    Args:
        visual: the finished image tower, with its weights as they were trained, float32 as a rule.
            It is moved to ``device`` and ``dtype`` in place.
        name: what to call it.
        device: where it runs.
        dtype: what it computes in; its features are float32 all the same.
        mean: of the pixels it was trained with; ``None`` = what open_clip noted in the tower, else
            CLIP's own.
        std: likewise.

    Attributes:
        fingerprint: hash of the tower as it was handed over, its weights and normalisation; of
            weights that were rounded to a lower precision before, it is another one.

    Raises:
        InputError: where the tower is of a kind that cannot be served.
    """

    fingerprint: str

    def __init__(
        self,
        visual: nn.Module,
        *,
        name: str,
        device: str | torch.device = "cpu",
        dtype: torch.dtype = torch.float32,
        mean: tuple[float, float, float] | None = None,
        std: tuple[float, float, float] | None = None,
    ) -> None:
        reason = _why_refused(visual)
        if reason:
            raise InputError(
                f"The image tower of {name!r} {reason}, which cannot be served; use {SERVED}."
            )
        self.name = name
        self.device = torch.device(device)
        self.dtype = dtype
        self.mean = _triple(mean or getattr(visual, "image_mean", None) or CLIP_MEAN)
        self.std = _triple(std or getattr(visual, "image_std", None) or CLIP_STD)
        # Before the cast: what was computed in another dtype is still of the same network.
        self.fingerprint = fingerprint(visual, self.mean, self.std)
        self.visual: Any = cast_tower(visual, device, dtype)

    @property
    def patch_size(self) -> int:
        """Side of a patch in pixels."""
        return int(self.visual.patch_size[0])

    @property
    def blocks(self) -> int:
        """Number of transformer blocks."""
        return len(self.visual.transformer.resblocks)

    @property
    def embed_dim(self) -> int:
        """Length D of the features shared with text."""
        return int(self.visual.proj.shape[1])

    def last_block(
        self, pixels: Tensor, *, regions: Tensor | None = None, spatial: bool = True
    ) -> Blocks[LastBlock]:
        """Run the tower up to what its last block sees; yields after every block.

        The mask class tokens run as further rows of the same tokens, but nothing attends to them,
        so that windows with different numbers of regions share a batch.

        Args:
            pixels: (B, 3, H, W) normalised by the tower's own mean and std; pixels that fill no
                patch at the right and bottom are unused.
            regions: (B, h, w) merged regions 0..z on the feature grid, to have mask class tokens;
                ``None`` = no semantic branch.
            spatial: whether to keep the middle blocks for the spatial branch.
        """
        tokens, grid = self._embed(pixels.to(device=self.device, dtype=self.dtype))
        length = tokens.shape[1]
        mask = None
        if regions is not None:
            regions = nearest(regions.to(self.device), grid)
            count = int(regions.max()) + 1
            mask = refinement.mask_token_scope(regions, count)[:, None]
            tokens = torch.cat([tokens, tokens[:, :1].expand(-1, count, -1)], dim=1)

        resblocks = self.visual.transformer.resblocks
        averaged = refinement.spatial_blocks(len(resblocks)) if spatial else range(0)
        middle: Tensor | None = None
        for index, block in enumerate(resblocks[:-1]):
            tokens = _block(block, tokens, length, mask)
            if index in averaged:
                patches = tokens[:, :length].float() / len(averaged)
                middle = patches if middle is None else middle + patches
            yield

        last = resblocks[-1]
        queries, keys, values = _project(last, tokens)
        spatial_values = None
        if middle is not None:
            spatial_values = _project(last, middle.to(self.dtype))[2]
        mask_tokens = None
        if mask is not None:
            seen = _attend(
                queries[:, length:], keys[:, :length], values[:, :length], _heads(last), mask
            )
            mask_tokens = _rest_of_block(last, tokens[:, length:], seen)
        yield
        return LastBlock(
            queries=queries[:, :length],
            keys=keys[:, :length],
            values=values[:, :length],
            spatial_values=spatial_values,
            mask_tokens=mask_tokens,
            regions=regions,
            grid=grid,
        )

    def cell_features(
        self,
        last: LastBlock,
        attention: Attend | None,
        size: tuple[int, int],
        *,
        alpha: float,
        beta: float,
    ) -> Tensor:
        """Combine the branches and project them to the space shared with text (eq. 11).

        Args:
            last: what :meth:`last_block` returned.
            attention: Attn between the cells of ``size``; ``None`` = the base's q.q attention
                (eq. 1-4), whose cells are those of the tower's own grid.
            size: the grid of the cells wanted; with ``attention=None`` the tower's own.
            alpha: weight of the spatial branch, where it ran.
            beta: weight of the semantic branch, where it ran.

        Returns:
            F (B, h, w, D) float32, not normalised.
        """
        visual = self.visual
        block = visual.transformer.resblocks[-1]

        def branch(values: Tensor) -> Tensor:
            if attention is None:
                tokens = baseline.base_attention(last.queries, values, _heads(block))
                cells = unfold(tokens[:, 1:], last.grid)
            else:
                cells = refinement.attend(attention, unfold(values[:, 1:], last.grid), size)
            normed: Tensor = visual.ln_post(block.ls_1(block.attn.out_proj(cells)))
            return normed.float()

        main = branch(last.values)
        spatial = None if last.spatial_values is None else branch(last.spatial_values)
        semantic = None
        if last.mask_tokens is not None and last.regions is not None:
            tokens = visual.ln_post(last.mask_tokens).float()
            semantic = refinement.gather_mask_tokens(tokens, last.regions, size)
        projection: Tensor = visual.proj.float()
        return refinement.combine(main, spatial, semantic, alpha, beta) @ projection

    def _embed(self, pixels: Tensor) -> tuple[Tensor, tuple[int, int]]:
        """Class token and patches after ln_pre (B, 1 + h' * w', C), and (h', w')."""
        visual = self.visual
        patches = visual.conv1(pixels)
        grid = (int(patches.shape[-2]), int(patches.shape[-1]))
        positions = visual.positional_embedding
        tokens = patches.flatten(2).transpose(1, 2) + resample_positions(
            positions[1:], visual.grid_size, grid
        )
        first = (visual.class_embedding + positions[0]).expand(len(tokens), 1, -1)
        return visual.ln_pre(torch.cat([first, tokens], dim=1)), grid


def cast_tower(tower: nn.Module, device: str | torch.device, dtype: torch.dtype) -> nn.Module:
    """Move a tower in place, but leave the norms float32 that compute in float32 anyway."""
    tower = tower.eval().to(device=device, dtype=dtype)
    for module in tower.modules():
        if isinstance(module, LayerNormFp32):
            module.float()
    return tower


def _block(block: Any, tokens: Tensor, length: int, mask: Tensor | None) -> Tensor:
    """One residual block over ``length`` tokens and, behind them, the mask class tokens."""
    queries, keys, values = _project(block, tokens)
    keys, values = keys[:, :length], values[:, :length]
    heads = _heads(block)
    attended = _attend(queries[:, :length], keys, values, heads, None)
    if mask is not None:
        masked = _attend(queries[:, length:], keys, values, heads, mask)
        attended = torch.cat([attended, masked], dim=1)
    return _rest_of_block(block, tokens, attended)


def _project(block: Any, tokens: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Queries, keys and values of a block, all heads side by side."""
    attn = block.attn
    projected = F.linear(block.ln_1(tokens), attn.in_proj_weight, attn.in_proj_bias)
    queries, keys, values = projected.chunk(3, dim=-1)
    return queries, keys, values


def _attend(q: Tensor, k: Tensor, v: Tensor, heads: int, mask: Tensor | None) -> Tensor:
    """Multi-head attention of (B, T, C); ``mask`` (B, 1, T, T') is true where it may look."""
    q, k, v = (x.reshape(*x.shape[:2], heads, -1).transpose(1, 2) for x in (q, k, v))
    return F.scaled_dot_product_attention(q, k, v, attn_mask=mask).transpose(1, 2).flatten(2)


def _rest_of_block(block: Any, tokens: Tensor, attended: Tensor) -> Tensor:
    tokens = tokens + block.ls_1(block.attn.out_proj(attended))
    rest: Tensor = tokens + block.ls_2(block.mlp(block.ln_2(tokens)))
    return rest


def _heads(block: Any) -> int:
    return int(block.attn.num_heads)


def _triple(values: Any) -> tuple[float, float, float]:
    red, green, blue = (float(x) for x in values)
    return red, green, blue


def _why_refused(visual: Any) -> str:
    """Why a tower cannot be served, as the middle of a sentence; empty where it can."""
    if type(visual) is not VisionTransformer:
        return f"is a {type(visual).__name__}"
    if visual.attn_pool is not None:
        return "ends in an attentional pooler"
    if visual.pool_type != "tok":
        return f"pools by {visual.pool_type!r} instead of a class token"
    if visual.proj is None:
        return "has no projection to the space shared with text"
    if visual.patch_size[0] != visual.patch_size[1]:
        return f"has patches that are not square ({visual.patch_size})"
    resblocks = visual.transformer.resblocks
    if len(resblocks) < 5:
        return f"has {len(resblocks)} blocks, fewer than the 5 that the branches need"
    for block in resblocks:
        if type(block) is not ResidualAttentionBlock or hasattr(block, "ln_1_kv"):
            return f"has blocks of the kind {type(block).__name__}"
        if block.attn.in_proj_weight is None:
            return "has no joint query-key-value projection"
    return ""
