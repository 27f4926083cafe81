"""timm's Vision Transformers as similarity towers: DINO v1 and v2, with registers or without, and C-RADIO."""

from __future__ import annotations

from typing import Any

import torch
from timm.layers.mlp import Mlp
from timm.layers.patch_embed import PatchEmbed
from timm.models import vision_transformer as vit
from timm.models.vision_transformer import Block, VisionTransformer
from torch import Tensor, nn

from napari_corrclip.errors import InputError
from napari_corrclip.method import similarity as steps
from napari_corrclip.method.grids import unfold

from .activation import activated
from .fingerprint import fingerprint
from .positions import resample_positions
from .protocols import Blocks, SimilarityFeatures
from .radio import IMAGENET_MEAN, IMAGENET_STD, Resample

# Where timm defines it has moved between versions; the tower's own module always names it.
_ATTENTION: type[nn.Module] = vit.__dict__["Attention"]

_SERVED = (
    "a plain timm VisionTransformer, such as vit_small_patch8_224.dino, vit_base_patch8_224.dino, "
    "vit_base_patch16_224.dino, vit_base_patch14_dinov2.lvd142m, "
    "vit_base_patch14_reg4_dinov2.lvd142m or vit_base_patch16_radio_v3.c_radio"
)


class TimmSimilarityEncoder:
    """A timm ``VisionTransformer`` that says which cells belong together.

    Args:
        model: the finished network, with its weights as they were trained, float32 as a rule. It
            is moved to ``device`` and ``dtype`` in place.
        name: what to call it.
        device: where it runs.
        dtype: what it computes in; its features are float32 all the same.
        mean: of the pixels it was trained with.
        std: likewise.
        positions: its rule for positions at another size than its own; DINO's by default.

    Attributes:
        fingerprint: hash of the network as it was handed over, its weights and normalisation.

    Raises:
        InputError: where the network is of a kind that cannot be served.
    """

    def __init__(
        self,
        model: nn.Module,
        *,
        name: str,
        device: str | torch.device = "cpu",
        dtype: torch.dtype = torch.float32,
        mean: tuple[float, float, float] = IMAGENET_MEAN,
        std: tuple[float, float, float] = IMAGENET_STD,
        positions: Resample = resample_positions,
    ) -> None:
        reason = _why_refused(model)
        if reason:
            raise InputError(
                f"The similarity tower {name!r} {reason}, which cannot be served; use {_SERVED}."
            )
        self.name = name
        self.device = torch.device(device)
        self.dtype = dtype
        self.mean = mean
        self.std = std
        self._positions = positions
        self.fingerprint = fingerprint(model, mean, std)  # before the cast, as CLIP's
        self.model: Any = model.eval().to(device=device, dtype=dtype)

    @property
    def patch_size(self) -> int:
        """Side of a patch in pixels."""
        return int(self.model.patch_embed.patch_size[0])

    @property
    def blocks(self) -> int:
        """Number of transformer blocks."""
        return len(self.model.blocks)

    def features(self, pixels: Tensor, *, output: bool = False) -> Blocks[SimilarityFeatures]:
        """Encode windows; yields after every block.

        Args:
            pixels: (B, 3, H, W) normalised by the tower's own mean and std; pixels that fill no
                patch at the right and bottom are unused.
            output: also return the output tokens (``dino-xx``).
        """
        model = self.model
        tokens, grid = self._embed(pixels.to(device=self.device, dtype=self.dtype))
        for block in model.blocks[:-1]:
            tokens = _run_block(block, tokens)
            yield
        last = model.blocks[-1]
        queries, keys, _ = last.attn.qkv(last.norm1(tokens)).chunk(3, dim=-1)
        query_key = steps.similarity_features(*(self._cells(x, grid) for x in (queries, keys)))
        outputs = None
        if output:
            # Of norm and fc_norm, timm leaves one an identity.
            normed = model.fc_norm(model.norm(last(tokens)))
            outputs = steps.unit_cells(self._cells(normed, grid))
        yield
        return SimilarityFeatures(query_key=query_key, output=outputs)

    def _embed(self, pixels: Tensor) -> tuple[Tensor, tuple[int, int]]:
        """Class and register tokens, then patches (B, P + h * w, d) with positions; and (h, w)."""
        model = self.model
        # PatchEmbed's own forward refuses sizes it was not built for; its convolution does not.
        patches = model.patch_embed.proj(pixels)
        grid = (int(patches.shape[-2]), int(patches.shape[-1]))
        tokens = model.patch_embed.norm(patches.flatten(2).transpose(1, 2))
        prefixes = [x for x in (model.cls_token, model.reg_token) if x is not None]
        positions = model.pos_embed[0]
        embedded_prefixes = 0 if model.no_embed_class else model.num_prefix_tokens
        tokens = tokens + self._positions(
            positions[embedded_prefixes:], model.patch_embed.grid_size, grid
        )
        if prefixes:
            prefix = torch.cat(prefixes, dim=1)
            if embedded_prefixes:
                prefix = prefix + positions[:embedded_prefixes]
            tokens = torch.cat([prefix.expand(len(tokens), -1, -1), tokens], dim=1)
        return model.norm_pre(tokens), grid

    def _cells(self, tokens: Tensor, grid: tuple[int, int]) -> Tensor:
        return unfold(tokens[:, self.model.num_prefix_tokens :], grid)


def _run_block(block: Any, tokens: Tensor) -> Tensor:
    """One block over tokens (B, T, d) as by its own forward, without memory for a second wide tensor."""
    tokens = tokens + block.ls1(block.attn(block.norm1(tokens)))
    normed, mlp = block.norm2(tokens), block.mlp
    if type(mlp) is Mlp:
        widened = mlp.norm(activated(mlp.act, mlp.fc1(normed)))
        rest = mlp.fc2(widened)
    else:
        rest = mlp(normed)
    result: Tensor = tokens + block.ls2(rest)
    return result


def _why_refused(model: Any) -> str:
    """Why a tower cannot be served, as the middle of a sentence; empty where it can."""
    # Exactly this class: its subclasses (distilled, relative positions, ...) embed otherwise.
    if type(model) is not VisionTransformer:
        return f"is a {type(model).__name__}"
    if type(model.patch_embed) is not PatchEmbed:
        return f"embeds its patches by {type(model.patch_embed).__name__}"
    if model.patch_embed.patch_size[0] != model.patch_embed.patch_size[1]:
        return f"has patches that are not square ({model.patch_embed.patch_size})"
    if model.in_chans != 3:
        return f"takes {model.in_chans} channels instead of 3"
    if model.pos_embed is None:
        return "has no absolute positional embedding"
    for block in model.blocks:
        if type(block) is not Block:
            return f"has blocks of the kind {type(block).__name__}"
        if type(block.attn) is not _ATTENTION:
            return f"has attention of the kind {type(block.attn).__name__}"
        if not isinstance(getattr(block.attn, "qkv", None), nn.Linear):
            return "has no joint query-key-value projection"
        if not isinstance(block.attn.q_norm, nn.Identity):
            return "normalises its queries and keys"
    return ""
