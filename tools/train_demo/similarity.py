"""Training of the demo's similarity tower.

A contrastive loss over cells (after DetCon): cells of one region attract, cells of regions that look
different repel, cells of regions with the same look are left alone. It acts on q + k of the last
block, the very features whose cosines CorrCLIP uses.
"""

from __future__ import annotations

import json
import math
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from napari_corrclip.demo import networks
from tools.train_demo.pool import Pool

MEAN = torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1)
STD = torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1)
GRID = 32


def cell_features(tower: Any, pixels: Tensor, rows: Tensor) -> Tensor:
    """Q + k of the last block, normalised, (n, cells, d); ``rows`` (n, cells) are the grid rows of
    the patches of ``pixels`` (n, 3, s, s).
    """
    patches = tower.patch_embed.proj(pixels).flatten(2).transpose(1, 2)
    x = patches + tower.pos_embed[0, 1:][rows]
    cls = (tower.cls_token[0] + tower.pos_embed[0, :1]).expand(len(x), -1, -1)
    x = torch.cat([cls, x], 1)
    for block in tower.blocks[:-1]:
        x = block(x)
    last = tower.blocks[-1]
    q, k, _ = last.attn.qkv(last.norm1(x)[:, 1:]).chunk(3, -1)
    return F.normalize(q + k, dim=-1)


def windows(
    pool: Pool, index: NDArray[np.int64], corner: tuple[int, int], cells: int
) -> tuple[Tensor, Tensor, Tensor, NDArray[np.int8]]:
    """Windows of ``cells`` x ``cells`` patches at ``corner`` of the grid of scenes ``index``."""
    pixels = torch.tensor(pool.images[index]).permute(0, 3, 1, 2).float() / 255
    pixels = (F.avg_pool2d(pixels, 2) - MEAN) / STD
    top, left = corner
    part = pixels[:, :, top * 4 : (top + cells) * 4, left * 4 : (left + cells) * 4]
    ids = torch.tensor(pool.regions[index][:, 4::8, 4::8]).long()
    cell = torch.arange(cells)
    rows = ((top + cell)[:, None] * GRID + left + cell).flatten().expand(len(index), -1)
    ids = ids[:, top : top + cells, left : left + cells].flatten(1)
    return part, rows, ids, pool.attributes[index]


def contrast(
    features: Tensor, ids: Tensor, attributes: NDArray[np.int8], per_scene: int = 32
) -> Tensor:
    """InfoNCE at temperature 0.1 over ``per_scene`` cells of each scene, drawn evenly over regions."""
    chosen, region, look = [], [], []
    for i in range(len(features)):
        inverse = torch.unique(ids[i], return_inverse=True)[1]
        weight = 1.0 / torch.bincount(inverse).float()[inverse]
        at = torch.multinomial(weight, per_scene)
        chosen.append(features[i, at])
        rows = ids[i, at]
        region.append(rows + 100 * i)
        a = torch.from_numpy(attributes[i]).long()[rows - 1]
        # What makes two regions look the same: colour and texture, or the ground. Colours without a
        # name differ among themselves, so they look like their own region alone.
        own = torch.where((a[:, 0] < 0) & (a[:, 3] < 0), 1000 + rows + 100 * i, 0)
        look.append(own + (a[:, 0] + 1) * 40 + (a[:, 2] + 1) * 8 + (a[:, 3] + 1))
    f, r, k = torch.cat(chosen), torch.cat(region), torch.cat(look)
    itself = torch.eye(len(f), dtype=torch.bool)
    positive = (r[:, None] == r) & ~itself
    ignored = itself | ((k[:, None] == k) & ~positive)
    logits = (f @ f.T / 0.1).masked_fill(ignored, -1e4)
    log_p = logits.log_softmax(1)
    has = positive.any(1)
    return -((log_p * positive).sum(1)[has] / positive.sum(1)[has]).mean()


@torch.no_grad()
def validate(tower: nn.Module, pool: Pool) -> dict[str, float]:
    """AUC of telling cell pairs of one region from pairs of two, and the mean cosines of both."""
    tower.eval()
    same: list[NDArray[np.float32]] = []
    other: list[NDArray[np.float32]] = []
    for start in range(0, 40, 8):
        pixels, rows, ids, _ = windows(pool, np.arange(start, start + 8), (0, 0), GRID)
        features = cell_features(tower, pixels, rows)
        for f, i in zip(features, ids, strict=True):
            at = torch.randperm(len(f))[:200]
            cosine, equal = f[at] @ f[at].T, i[at][:, None] == i[at]
            off = ~torch.eye(200, dtype=torch.bool)
            same.append(cosine[equal & off].numpy())
            other.append(cosine[~equal].numpy())
    a, b = np.concatenate(same), np.concatenate(other)
    order = np.concatenate([a, b]).argsort().argsort()
    auc = (order[: len(a)].sum() - len(a) * (len(a) - 1) / 2) / (len(a) * len(b))
    tower.train()
    return {
        "auc": round(float(auc), 4),
        "cosine_same": round(float(a.mean()), 3),
        "cosine_other": round(float(b.mean()), 3),
    }


def train(pool: Pool, validation: Pool, out: Path, *, minutes: float, seed: int = 2) -> None:
    """Train for ``minutes``: windows of 16 x 16 cells first, the whole grid in the last quarter.
    Writes ``similarity.pt`` (float32) and ``similarity.json``.
    """
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    out.mkdir(parents=True, exist_ok=True)
    tower = networks.build_similarity().train()
    optimizer = torch.optim.AdamW(tower.parameters(), weight_decay=0.02, betas=(0.9, 0.98))
    log: list[dict[str, float]] = []
    running: list[float] = []
    began = time.monotonic()
    step = 0
    while (share := (time.monotonic() - began) / 60 / minutes) < 1:
        for group in optimizer.param_groups:
            group["lr"] = max(
                1e-5, 1.2e-3 * 0.5 * (1 + math.cos(math.pi * share)) * min(1.0, (step + 1) / 50)
            )
        cells = 16 if share < 0.75 else GRID
        corner = tuple(int(v) for v in rng.integers(0, GRID - cells + 1, 2))
        index = np.sort(rng.integers(len(pool), size=16 if cells == 16 else 6))
        pixels, rows, ids, attributes = windows(pool, index, (corner[0], corner[1]), cells)
        loss = contrast(cell_features(tower, pixels, rows), ids, attributes)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(tower.parameters(), 1.0)
        optimizer.step()
        running.append(loss.item())
        step += 1
        if step % 100 == 0:
            row: dict[str, float] = {
                "step": step,
                "minutes": round((time.monotonic() - began) / 60, 1),
                "loss": round(float(np.mean(running)), 4),
            } | validate(tower, validation)
            running.clear()
            log.append(row)
            print(json.dumps(row), flush=True)
    log.append({"step": step, "minutes": round(minutes, 1)} | validate(tower, validation))
    print(json.dumps(log[-1]), flush=True)
    torch.save(tower.state_dict(), out / "similarity.pt")
    (out / "similarity.json").write_text(json.dumps(log, indent=1))
