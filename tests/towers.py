"""Small random networks of the libraries' own classes, and the golden cases' ones."""

from __future__ import annotations

from functools import partial
from typing import Any

import open_clip
import torch
from open_clip.transformer import QuickGELU, VisionTransformer
from timm.models.vision_transformer import VisionTransformer as TimmVisionTransformer
from torch import nn

from napari_corrclip.encoders.clip_image import ClipImageEncoder
from napari_corrclip.encoders.dino import TimmSimilarityEncoder


def clip_tower(
    *,
    image_size: int = 64,
    patch_size: int = 16,
    width: int = 32,
    layers: int = 6,
    heads: int = 2,
    output_dim: int = 16,
    quick_gelu: bool = False,
    **others: Any,
) -> Any:
    return VisionTransformer(
        image_size=image_size,
        patch_size=patch_size,
        width=width,
        layers=layers,
        heads=heads,
        mlp_ratio=4.0,
        output_dim=output_dim,
        act_layer=QuickGELU if quick_gelu else nn.GELU,
        **others,
    )


def dino_tower(
    *,
    image_size: int = 64,
    patch_size: int = 8,
    width: int = 24,
    layers: int = 2,
    heads: int = 2,
    **others: Any,
) -> Any:
    return TimmVisionTransformer(
        img_size=image_size,
        patch_size=patch_size,
        embed_dim=width,
        depth=layers,
        num_heads=heads,
        num_classes=0,
        norm_layer=partial(nn.LayerNorm, eps=1e-6),
        **others,
    )


def random_towers(seed: int = 0, **clip: Any) -> tuple[ClipImageEncoder, TimmSimilarityEncoder]:
    """An image and a similarity tower whose cells differ: weights far from their initial values."""
    torch.manual_seed(seed)
    visual, dino = clip_tower(**clip), dino_tower()
    with torch.no_grad():
        for tower in (visual, dino):
            for parameter in tower.parameters():
                parameter.add_(torch.randn_like(parameter) * 0.1)
    return ClipImageEncoder(visual, name="clip"), TimmSimilarityEncoder(dino, name="dino")


def small_clip(seed: int = 0, **text: Any) -> Any:
    """A whole open_clip model with the stock vocabulary."""
    torch.manual_seed(seed)
    model = open_clip.CLIP(
        embed_dim=16,
        vision_cfg={
            "image_size": 32,
            "patch_size": 16,
            "width": 32,
            "layers": 5,
            "head_width": 16,
        },
        text_cfg={
            "context_length": 77,
            "vocab_size": 49408,
            "width": 32,
            "heads": 2,
            "layers": 3,
            **text,
        },
    ).eval()
    with torch.no_grad():
        for parameter in model.transformer.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.1)
    return model
