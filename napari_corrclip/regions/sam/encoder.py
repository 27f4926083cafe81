"""SAM's image encoder, block by block, with fused attention.

segment-anything writes out every attention matrix: 4096 x 4096 for each head of a global block. Here
torch's fused attention runs over the same weights. The decomposed relative positions (section 4.3 of
MViTv2, as SAM uses them) go in as its bias, a few heads or rows at a time.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from napari_corrclip.encoders.activation import activated
from napari_corrclip.encoders.mobile_sam import TinyEncoder

# A bias of 64 x 64 cells has 2^24 elements a head. On a CPU that of a few rows of queries, or of a few heads
# of windows, stays in the cache and in memory that was used before, and costs half as much.
_BIAS_ELEMENTS = {"cpu": 1 << 21, "cuda": 1 << 28}


def steps(encoder: Any) -> list[Callable[[Tensor], Tensor]]:
    """Return an image encoder's pieces, of which each takes what the one before returned.

    The first takes (B, 3, S, S) pixels, normalised and padded to the encoder's side S; the last gives the
    features (B, C, h, w).

    Args:
        encoder: segment-anything's ``ImageEncoderViT``, or MobileSAM's.
    """
    if isinstance(encoder, TinyEncoder):
        return encoder.steps()
    blocks = [partial(run_block, block) for block in encoder.blocks]
    return [partial(embed, encoder), *blocks, partial(_finish, encoder)]


def embed(encoder: Any, pixels: Tensor) -> Tensor:
    """Patches with their positions (B, h, w, C), in the encoder's dtype.

    Args:
        encoder: segment-anything's ``ImageEncoderViT``.
        pixels: (B, 3, S, S) normalised and padded to the encoder's side S.
    """
    tokens: Tensor = encoder.patch_embed(pixels.to(encoder.patch_embed.proj.weight.dtype))
    return tokens if encoder.pos_embed is None else tokens + encoder.pos_embed


def _finish(encoder: Any, tokens: Tensor) -> Tensor:
    features: Tensor = encoder.neck(tokens.permute(0, 3, 1, 2))
    return features


def run_block(block: Any, tokens: Tensor) -> Tensor:
    """One block over tokens (B, h, w, C), in windows where the block has a window size."""
    normed = block.norm1(tokens)
    if block.window_size > 0:
        windows, grid = _cut(normed, block.window_size)
        attended = _join(attend(block.attn, windows), grid, tokens.shape[1:3])
    else:
        attended = attend(block.attn, normed)
    tokens = tokens + attended
    mlp = block.mlp
    rest: Tensor = tokens + mlp.lin2(activated(mlp.act, mlp.lin1(block.norm2(tokens))))
    return rest


def attend(attention: Any, tokens: Tensor) -> Tensor:
    """Multi-head attention over grids of tokens (B, h, w, C), all positions of a grid at once.

    The bias of query (y, x) and key (y', x') is q . R_h[y - y'] + q . R_w[x - x'].
    """
    batch, height, width, channels = tokens.shape
    heads = attention.num_heads
    projected = attention.qkv(tokens).reshape(batch, height * width, 3, heads, channels // heads)
    q, k, v = projected.permute(2, 0, 3, 1, 4)
    if not attention.use_rel_pos:
        attended = F.scaled_dot_product_attention(q, k, v)
    else:
        rows = _relative(attention.rel_pos_h, height)
        columns = _relative(attention.rel_pos_w, width)
        limit = _BIAS_ELEMENTS.get(tokens.device.type, _BIAS_ELEMENTS["cpu"])
        at_once = max(1, limit // (batch * (height * width) ** 2))
        parts = zip(*(x.split(at_once, dim=1) for x in (q, k, v)), strict=True)
        attended = torch.cat(
            [_attend_placed(q, k, v, rows, columns, limit) for q, k, v in parts], dim=1
        )
    merged: Tensor = attention.proj(attended.transpose(1, 2).reshape(tokens.shape))
    return merged


def _relative(table: Tensor, side: int) -> Tensor:
    """(side, side, d): of a query's and a key's place along one axis the row for their distance."""
    places = torch.arange(side, device=table.device)
    return table[places[:, None] - places[None, :] + side - 1]


def _attend_placed(
    queries: Tensor, keys: Tensor, values: Tensor, rows: Tensor, columns: Tensor, limit: int
) -> Tensor:
    """Attention of (B, heads, N, d) with relative positions, a few rows of queries at a time."""
    height, width = len(rows), len(columns)
    # They lie between each other and are read once for every few rows.
    queries, keys, values = (x.contiguous() for x in (queries, keys, values))
    grid = queries.unflatten(2, (height, width))
    by_row = torch.einsum("bnyxd,ykd->bnyxk", grid, rows)
    by_column = torch.einsum("bnyxd,xkd->bnyxk", grid, columns)
    at_once = max(1, limit // (grid.shape[:2].numel() * width * height * width))
    seen = []
    for first in range(0, height, at_once):
        some = slice(first, min(first + at_once, height))
        bias = by_row[:, :, some, :, :, None] + by_column[:, :, some, :, None, :]
        asked = grid[:, :, some].flatten(2, 3)
        bias = bias.flatten(4).flatten(2, 3)
        seen.append(F.scaled_dot_product_attention(asked, keys, values, attn_mask=bias))
    return seen[0] if len(seen) == 1 else torch.cat(seen, dim=2)


def _cut(tokens: Tensor, side: int) -> tuple[Tensor, tuple[int, int]]:
    """Cut (B, h, w, C) into (B * n, side, side, C), zeros at the end; and the windows an axis."""
    batch, height, width, channels = tokens.shape
    tokens = F.pad(tokens, (0, 0, 0, -width % side, 0, -height % side))
    rows, columns = tokens.shape[1] // side, tokens.shape[2] // side
    windows = tokens.view(batch, rows, side, columns, side, channels).transpose(2, 3)
    return windows.reshape(-1, side, side, channels), (rows, columns)


def _join(windows: Tensor, grid: tuple[int, int], size: tuple[int, ...]) -> Tensor:
    """What :func:`_cut` cut, without the zeros at the end."""
    rows, columns = grid
    side = windows.shape[1]
    whole = windows.view(-1, rows, columns, side, side, windows.shape[-1]).transpose(2, 3)
    tokens = whole.reshape(-1, rows * side, columns * side, windows.shape[-1])
    return tokens[:, : size[0], : size[1]]
