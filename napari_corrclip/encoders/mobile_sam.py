"""MobileSAM: timm's TinyViT in the place of segment-anything's image encoder, and its published weights.

MobileSAM (Zhang et al., "Faster Segment Anything", 2023) keeps SAM's prompt encoder and mask decoder and
distils the image encoder into a TinyViT (Wu et al., ECCV 2022) of 6 million parameters. timm has that network
for classifying; three things make an image encoder of it: no classifier, a last merging that does not halve
the grid, so that 1024 pixels become 64 x 64 cells as in SAM, and SAM's neck.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import timm
import torch
from segment_anything.modeling import MaskDecoder, PromptEncoder, Sam, TwoWayTransformer
from segment_anything.modeling.common import LayerNorm2d
from torch import Tensor, nn
from torch.nn import functional as F

from .activation import activated

TRUNK = "tiny_vit_5m_224"
_SIDE, _STRIDE, _CHANNELS = 1024, 16, 256


class TinyEncoder(nn.Module):
    """A TinyViT with the neck of SAM's image encoder, run piece by piece.

    Args:
        trunk: a timm ``TinyVit``; its stages are taken over, its classifier is left behind.
        img_size: side of the square frame in pixels, a multiple of 16.
        channels: of the features.

    Attributes:
        img_size: as segment-anything's encoders call it.
        patch_embed: two convolutions of stride 2.
        stages: one of convolutions, three of windowed attention.
        neck: to ``channels``, as in segment-anything.
    """

    def __init__(self, trunk: Any, *, img_size: int = _SIDE, channels: int = _CHANNELS) -> None:
        super().__init__()
        self.img_size = img_size
        self.patch_embed = trunk.patch_embed
        self.stages: Any = trunk.stages
        self.stages[-1].downsample.conv2.conv.stride = (1, 1)
        self.neck = nn.Sequential(
            nn.Conv2d(trunk.num_features, channels, kernel_size=1, bias=False),
            LayerNorm2d(channels),
            nn.Conv2d(channels, channels, kernel_size=3, padding=1, bias=False),
            LayerNorm2d(channels),
        )

    def steps(self) -> list[Callable[[Tensor], Tensor]]:
        """Return its pieces, of which each takes what the one before returned.

        The first takes (B, 3, S, S) pixels, normalised and padded, the last gives (B, C, S / 16, S / 16);
        between them are grids of cells (B, h, w, c).
        """
        convolutions, *attending = self.stages
        steps: list[Callable[[Tensor], Tensor]] = [partial(_embed, self.patch_embed)]
        steps += [partial(_run_mbconv, block) for block in convolutions.blocks]
        for stage in attending:
            steps.append(partial(_merge, stage.downsample))
            steps += [partial(_run_block, block) for block in stage.blocks]
        return [*steps, self._finish]

    def forward(self, pixels: Tensor) -> Tensor:
        """Encode (B, 3, S, S) pixels, normalised and padded, as (B, C, S / 16, S / 16)."""
        cells = pixels
        for step in self.steps():
            cells = step(cells)
        return cells

    def _finish(self, cells: Tensor) -> Tensor:
        features: Tensor = self.neck(cells.permute(0, 3, 1, 2))
        return features


def _embed(embedding: Any, pixels: Tensor) -> Tensor:
    first, second = embedding.conv1, embedding.conv2
    # The order in which all that follows has its cells; a copy now spares one in every convolution.
    pixels = pixels.to(first.conv.weight.dtype, memory_format=torch.channels_last)
    return _convolve(second, activated(embedding.act, _convolve(first, pixels))).permute(0, 2, 3, 1)


def _run_mbconv(block: Any, cells: Tensor) -> Tensor:
    """An inverted bottleneck over cells (B, h, w, c): wider, each channel by itself, back, and the rest."""
    wide = activated(block.act1, _mix(block.conv1, cells))
    wide = _convolve(block.conv2, wide.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
    wide = activated(block.act2, wide)
    return activated(block.act3, _mix(block.conv3, wide) + cells)


def _merge(merging: Any, cells: Tensor) -> Tensor:
    """Other channels, and where the convolution has a stride a coarser grid."""
    wide = activated(merging.act1, _mix(merging.conv1, cells))
    seen = _convolve(merging.conv2, wide.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
    return _mix(merging.conv3, activated(merging.act2, seen))


def _run_block(block: Any, cells: Tensor) -> Tensor:
    """Attention in windows of cells (B, h, w, c), a convolution of each channel, an MLP."""
    batch, height, width, channels = cells.shape
    side = block.window_size
    # Zeros before the norm, which windows at the border attend to as well: so it was trained.
    padded = F.pad(cells, (0, 0, 0, -width % side, 0, -height % side))
    rows, columns = padded.shape[1] // side, padded.shape[2] // side
    windows = padded.view(batch, rows, side, columns, side, channels).transpose(2, 3)
    attended = _attend(block.attn, windows.reshape(-1, side * side, channels))
    whole = attended.view(batch, rows, columns, side, side, channels).transpose(2, 3)
    whole = whole.reshape(batch, rows * side, columns * side, channels)[:, :height, :width]
    cells = (cells + whole).permute(0, 3, 1, 2)
    cells = _convolve(block.local_conv, cells).permute(0, 2, 3, 1)
    mlp = block.mlp
    rest: Tensor = cells + mlp.fc2(activated(mlp.act, mlp.fc1(mlp.norm(cells))))
    return rest


def _attend(attention: Any, windows: Tensor) -> Tensor:
    """Multi-head attention in windows (n, t, c), with a bias for each distance along both axes."""
    normed = attention.norm(windows)
    of_heads = attention.qkv(normed).unflatten(2, (attention.num_heads, -1)).transpose(1, 2)
    sizes = (attention.key_dim, attention.key_dim, attention.val_dim)
    queries, keys, values = of_heads.split(sizes, dim=3)
    # With an axis for the windows; without it torch does not take its fused way.
    bias = attention.get_attention_biases(windows.device)[None]
    seen = F.scaled_dot_product_attention(queries, keys, values, attn_mask=bias)
    merged: Tensor = attention.proj(seen.transpose(1, 2).flatten(2))
    return merged


def _convolve(layer: Any, image: Tensor) -> Tensor:
    """A convolution and its batch norm as one, over (B, c, h, w) with the channels last in memory."""
    convolution = layer.conv
    weight, bias = _folded(layer)
    return F.conv2d(
        image, weight, bias, convolution.stride, convolution.padding, groups=convolution.groups
    )


def _mix(layer: Any, cells: Tensor) -> Tensor:
    """A convolution of single cells (B, h, w, c) and its batch norm: a product."""
    weight, bias = _folded(layer)
    return F.linear(cells, weight.flatten(1), bias)


def _folded(layer: Any) -> tuple[Tensor, Tensor]:
    """The weight and the bias of a convolution that has its batch norm in it, folded in float32 or finer."""
    norm, weight = layer.bn, layer.conv.weight
    fine = torch.promote_types(weight.dtype, torch.float32)
    scale = norm.weight.to(fine) * (norm.running_var.to(fine) + norm.eps).rsqrt()
    bias = norm.bias.to(fine) - norm.running_mean.to(fine) * scale
    folded = weight.to(fine) * scale[:, None, None, None]
    return folded.to(weight.dtype), bias.to(weight.dtype)


def build_mobile_sam() -> Sam:
    """Return an untrained MobileSAM: a SAM of 1024 pixels whose image encoder is a :class:`TinyEncoder`."""
    cells = _SIDE // _STRIDE
    trunk = timm.create_model(TRUNK, pretrained=False, num_classes=0)
    return Sam(
        image_encoder=TinyEncoder(trunk),
        prompt_encoder=PromptEncoder(
            embed_dim=_CHANNELS,
            image_embedding_size=(cells, cells),
            input_image_size=(_SIDE, _SIDE),
            mask_in_chans=16,
        ),
        mask_decoder=MaskDecoder(
            num_multimask_outputs=3,
            transformer=TwoWayTransformer(
                depth=2, embedding_dim=_CHANNELS, mlp_dim=2048, num_heads=8
            ),
            transformer_dim=_CHANNELS,
            iou_head_depth=3,
            iou_head_hidden_dim=256,
        ),
    )


def published_name(name: str) -> str:
    """Return what the published checkpoint calls the tensor ``name`` of :func:`build_mobile_sam`.

    Its authors number the convolutions of the patches 0 and 2, for the activation between them is 1, and file
    the layer that leads from one stage to the next under the first of both; timm files it under the second.
    """
    if not name.startswith("image_encoder."):
        return name
    name = re.sub(r"\.conv\.", ".c.", name)
    name = re.sub(
        r"patch_embed\.conv([12])\.", lambda m: f"patch_embed.seq.{2 * int(m[1]) - 2}.", name
    )
    name = re.sub(r"stages\.(\d)\.downsample", lambda m: f"layers.{int(m[1]) - 1}.downsample", name)
    return name.replace("stages.", "layers.")


def without_classifier(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return a published checkpoint without the classifier that its TinyViT was first trained with."""
    unused = ("image_encoder.head.", "image_encoder.norm_head.")
    return {name: tensor for name, tensor in state.items() if not name.startswith(unused)}
