"""The method's equations, written down plainly and slowly, to hold the package's code against.

Python loops over cells, pixels and regions; no batching, no vectorised trick. The image tower runs
the way the paper tells it: mask class tokens in front of the sequence and an additive mask through
the stock blocks.
"""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F


def resized_index(i: int, new: int, old: int) -> int:
    return (i * old) // new


def nearest(values: Any, size: tuple[int, int]) -> list[list[int]]:
    old_rows, old_columns = len(values), len(values[0])
    return [
        [
            int(values[resized_index(i, size[0], old_rows)][resized_index(j, size[1], old_columns)])
            for j in range(size[1])
        ]
        for i in range(size[0])
    ]


def window_starts(side: int, window: int, stride: int) -> list[int]:
    if side <= window:
        return [0]
    starts, position = [], 0
    while position + window < side:
        starts.append(position)
        position += stride
    starts.append(side - window)
    return starts


def unit(vector: Tensor) -> Tensor:
    length = math.sqrt(sum(float(x) ** 2 for x in vector))
    return vector / max(length, 1e-12)


def merged(features: Tensor, regions: list[int], eps: float) -> list[int]:
    """Merged region of each cell: connected components of distance <= eps; numbers mean nothing."""
    ids = sorted(set(regions) - {0})
    means = []
    for region in ids:
        cells = [features[i] for i in range(len(regions)) if regions[i] == region]
        means.append(unit(torch.stack(cells).mean(dim=0)))
    sims = [[float(a @ b) for b in means] for a in means]
    cluster = list(range(len(ids)))
    if len(ids) >= 2:
        top = max(max(row) for row in sims)
        for i in range(len(ids)):
            for j in range(len(ids)):
                if top - sims[i][j] <= eps:
                    old, new = cluster[i], cluster[j]
                    cluster = [new if c == old else c for c in cluster]
    number = {region: 1 + cluster[k] for k, region in enumerate(ids)}
    number[0] = 0
    return [number[r] for r in regions]


def scope(regions: list[int], sim: Tensor, rule: str) -> list[list[bool]]:
    n = len(regions)
    mean = float(sim.mean())
    rows = []
    for i in range(n):
        row = []
        for j in range(n):
            if i == j or (regions[i] != 0 and regions[i] == regions[j]):
                row.append(True)
            elif rule == "cross":
                row.append((regions[i] == 0 or regions[j] == 0) and float(sim[i, j]) > mean)
            else:
                row.append(regions[i] == 0 and regions[j] == 0 and float(sim[i, j]) > mean)
        rows.append(row)
    return rows


def attention(sim: Tensor, allowed: list[list[bool]], tau: float) -> Tensor:
    n = len(allowed)
    result = torch.zeros(n, n)
    for i in range(n):
        weights = [math.exp(float(sim[i, j]) / tau) if allowed[i][j] else 0.0 for j in range(n)]
        for j in range(n):
            result[i, j] = weights[j] / sum(weights)
    return result


def to_grid(cells: Tensor, grid: tuple[int, int], size: tuple[int, int]) -> Tensor:
    maps = cells.T.reshape(1, -1, *grid)
    maps = F.interpolate(maps, size=size, mode="bilinear", align_corners=False)
    return maps[0].flatten(1).T


def positions(embedding: Tensor, native: tuple[int, int], size: tuple[int, int]) -> Tensor:
    if native == size:
        return embedding
    maps = embedding.T.reshape(1, -1, *native)
    factor = ((size[0] + 0.1) / native[0], (size[1] + 0.1) / native[1])
    maps = F.interpolate(maps, scale_factor=factor, mode="bicubic", align_corners=False)
    return maps[0].flatten(1).T


def embed(visual: Any, pixels: Tensor) -> tuple[Tensor, tuple[int, int]]:
    patches = visual.conv1(pixels[None])[0]
    grid = (patches.shape[1], patches.shape[2])
    table = visual.positional_embedding
    cells = patches.flatten(1).T + positions(table[1:], visual.grid_size, grid)
    cls = (visual.class_embedding + table[0])[None]
    return visual.ln_pre(torch.cat([cls, cells])), grid


def refined_features(
    visual: Any,
    pixels: Tensor,
    regions: list[list[int]],
    attn: Tensor,
    alpha: float,
    beta: float,
) -> Tensor:
    """F (N, D) of one window (3, H, W), before normalising; ``regions`` on the feature grid."""
    size = (len(regions), len(regions[0]))
    tokens, grid = embed(visual, pixels)
    on_clip = [r for row in nearest(regions, grid) for r in row]
    present = sorted(set(on_clip))
    count, length = len(present), len(tokens)

    # Additive mask: mask tokens in front, then CLS, then patches.
    mask = torch.full((count + length, count + length), float("-inf"))
    mask[count:, count:] = 0
    for k, region in enumerate(present):
        mask[k, count] = 0
        for j, other in enumerate(on_clip):
            if other == region:
                mask[k, count + 1 + j] = 0
    resblocks = visual.transformer.resblocks
    heads = resblocks[0].attn.num_heads
    additive = mask[None].repeat(heads, 1, 1)

    x = torch.cat([tokens[:1]] * count + [tokens])[None]
    outputs = []
    for block in resblocks:
        x = block(x, attn_mask=additive)
        outputs.append(x[0])

    layers = len(resblocks)
    n = {12: 5, 24: 12}.get(layers, layers - 4)
    middle = torch.stack(outputs[layers - 2 - n : layers - 2]).mean(dim=0)
    last = resblocks[-1]
    width = tokens.shape[1]
    w_v, b_v = last.attn.in_proj_weight[-width:], last.attn.in_proj_bias[-width:]

    def branch(seen: Tensor) -> Tensor:
        values = last.ln_1(seen[count + 1 :]) @ w_v.T + b_v
        return visual.ln_post(last.attn.out_proj(attn @ to_grid(values, grid, size)))

    main, spatial = branch(outputs[layers - 2]), branch(middle)
    back = nearest([on_clip[i * grid[1] : (i + 1) * grid[1]] for i in range(grid[0])], size)
    semantic = torch.stack(
        [visual.ln_post(outputs[-1][present.index(r)]) for row in back for r in row]
    )
    return (main + alpha * spatial + beta * semantic) @ visual.proj


def base_features(visual: Any, pixels: Tensor) -> Tensor:
    """F (h' * w', D) of the base: q.q attention in the last block, nothing else of it."""
    tokens, _ = embed(visual, pixels)
    resblocks = visual.transformer.resblocks
    x = tokens[None]
    for block in resblocks[:-1]:
        x = block(x)
    last = resblocks[-1]
    width, heads = tokens.shape[1], last.attn.num_heads
    d = width // heads
    seen = last.ln_1(x[0])
    weight, bias = last.attn.in_proj_weight, last.attn.in_proj_bias
    queries = seen @ weight[:width].T + bias[:width]
    values = seen @ weight[2 * width :].T + bias[2 * width :]
    parts = []
    for head in range(heads):
        q = queries[:, head * d : (head + 1) * d]
        v = values[:, head * d : (head + 1) * d]
        parts.append(torch.softmax(q @ q.T / math.sqrt(d), dim=-1) @ v)
    return visual.ln_post(last.attn.out_proj(torch.cat(parts, dim=1)))[1:] @ visual.proj


def classes(logits: Any, query_class: list[int], scale: float, threshold: float) -> list[list[int]]:
    """Class of each pixel from logits [query][row][column]; below the threshold class 0."""
    count = max(query_class) + 1
    rows, columns = len(logits[0]), len(logits[0][0])
    result = []
    for i in range(rows):
        line = []
        for j in range(columns):
            powers = [math.exp(scale * float(query[i][j])) for query in logits]
            p = [x / sum(powers) for x in powers]
            best = [max(p[q] for q in range(len(p)) if query_class[q] == k) for k in range(count)]
            winner = best.index(max(best))
            line.append(winner if best[winner] >= threshold else 0)
        result.append(line)
    return result


def corrected(labels: Any, regions: Any) -> list[list[int]]:
    """Map correction of eq. 12, lowest class on a tie."""
    rows, columns = len(labels), len(labels[0])
    result = [[int(labels[i][j]) for j in range(columns)] for i in range(rows)]
    for region in {int(r) for line in regions for r in line} - {0}:
        own = [(i, j) for i in range(rows) for j in range(columns) if regions[i][j] == region]
        votes = Counter(int(labels[i][j]) for i, j in own)
        most = max(votes.values())
        winner = min(label for label, number in votes.items() if number == most)
        for i, j in own:
            result[i][j] = winner
    return result


def patchwork(rng: np.random.Generator, shape: tuple[int, int], ids: int) -> Any:
    """A random region map: blocks of ids 0..ids, so that regions have some size."""
    coarse = rng.integers(0, ids + 1, size=(max(1, shape[0] // 8), max(1, shape[1] // 8)))
    return np.array(nearest(coarse, shape), dtype=np.int32)
