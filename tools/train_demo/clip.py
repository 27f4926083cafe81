"""Training of the demo's CLIP.

Stage 1, crops: 48-pixel sub-windows of the position grid around one region, pooled by the CLS token.
Stage 2, scenes: the features CorrCLIP takes from the tower (main, spatial and semantic branch),
pooled over the true regions, against the regions' captions.
In both, every caption that is true of a region counts, level by level; half of the objects have a
colour without a name, so shape is learned apart from colour.
"""

from __future__ import annotations

import json
import math
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from napari_corrclip.demo import networks, world
from tools.train_demo.captions import CaptionBank, make_bank, targets, undecided
from tools.train_demo.pool import MAX_REGIONS, Pool

MEAN = torch.tensor([0.48145466, 0.4578275, 0.40821073]).view(3, 1, 1)
STD = torch.tensor([0.26862954, 0.26130258, 0.27577711]).view(3, 1, 1)
CROP = 6  # patches a side
GRID = 16  # CLIP cells a side
FINE = 32  # feature-grid cells a side


def normalise(images: NDArray[np.uint8]) -> Tensor:
    """(n, 256, 256, 3) uint8 -> (n, 3, 128, 128) float32, CLIP-normalised."""
    pixels = torch.tensor(images).permute(0, 3, 1, 2).float() / 255
    return (F.avg_pool2d(pixels, 2) - MEAN) / STD


@dataclass(frozen=True)
class Batch:
    """Scenes of one step: ``pixels`` (n, 3, 128, 128), ``fine`` (n, 32, 32) region rows + 1,
    ``attributes`` (n, MAX_REGIONS, 4).
    """

    pixels: Tensor
    fine: Tensor
    attributes: NDArray[np.int8]


def draw_batch(pool: Pool, rng: np.random.Generator, size: int) -> Batch:
    index = np.sort(rng.integers(len(pool), size=size))
    images, regions = pool.images[index], pool.regions[index]
    flips = rng.random(2)
    if flips[0] < 0.5:
        images, regions = images[:, :, ::-1], regions[:, :, ::-1]
    gain = torch.from_numpy(rng.uniform(0.9, 1.1, (size, 1, 1, 1)).astype(np.float32))
    pixels = normalise(np.ascontiguousarray(images))
    pixels = ((pixels * STD + MEAN) * gain - MEAN) / STD
    # Regions reach the feature grid by nearest: index floor(i * 256 / 32).
    fine = torch.from_numpy(np.ascontiguousarray(regions[:, ::8, ::8])).long()
    return Batch(pixels, fine, pool.attributes[index])


def attend(block: Any, queries: Tensor, keys: Tensor, mask: Tensor | None) -> Tensor:
    """Multi-head attention of one residual block over tokens already through ln_1."""
    attn = block.attn
    heads, width = attn.num_heads, queries.shape[-1]
    wq, wk, wv = attn.in_proj_weight.chunk(3)
    bq, bk, bv = attn.in_proj_bias.chunk(3)

    def split(x: Tensor) -> Tensor:
        return x.view(x.shape[0], x.shape[1], heads, width // heads).transpose(1, 2)

    q, k, v = (
        split(F.linear(x, w, b)) for x, w, b in ((queries, wq, bq), (keys, wk, bk), (keys, wv, bv))
    )
    out = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
    projected: Tensor = attn.out_proj(out.transpose(1, 2).flatten(2))
    return projected


def embed(tower: Any, pixels: Tensor, rows: Tensor | None = None) -> Tensor:
    """Patches with positions (of grid cells ``rows`` (n, cells) when cropped), CLS in front, ln_pre."""
    patches = tower.conv1(pixels).flatten(2).transpose(1, 2)
    position = tower.positional_embedding
    patches = patches + (position[1:] if rows is None else position[1:][rows])
    cls = (tower.class_embedding + position[0]).expand(len(pixels), 1, -1)
    tokens: Tensor = tower.ln_pre(torch.cat([cls, patches], 1))
    return tokens


def run_crops(tower: Any, pixels: Tensor, rows: Tensor) -> Tensor:
    """CLS features (n, D) of crops."""
    x = embed(tower, pixels, rows)
    for block in tower.transformer.resblocks:
        y = block.ln_1(x)
        x = x + attend(block, y, y, None)
        x = x + block.mlp(block.ln_2(x))
    return F.normalize(tower.ln_post(x[:, 0]) @ tower.proj, dim=-1)


def run_scenes(tower: Any, batch: Batch, drop: float) -> dict[str, Tensor]:
    """Features pooled over each region (n, MAX_REGIONS, D): combined, main and mask token."""
    blocks = tower.transformer.resblocks
    fine = F.one_hot(batch.fine, MAX_REGIONS + 1)[..., 1:].movedim(-1, 1).float()  # n R 32 32
    if drop:  # parts of regions, as superpixels and poor masks are
        fine = fine * (torch.rand(*fine.shape[:2], 4, 4) > drop).float().repeat_interleave(
            8, 2
        ).repeat_interleave(8, 3)
    coarse = fine[:, :, ::2, ::2].flatten(2) > 0  # nearest from the feature grid
    weight = fine.flatten(2) / fine.flatten(2).sum(-1, keepdim=True).clamp(min=1)
    x = embed(tower, batch.pixels)
    tokens = x[:, :1].expand(-1, MAX_REGIONS, -1)
    ones = torch.ones(*coarse.shape[:2], 1, dtype=torch.bool)
    mask = torch.cat([ones, coarse], -1)[:, None]
    outputs = []
    for block in blocks:
        y, m = block.ln_1(x), block.ln_1(tokens)
        tokens = tokens + attend(block, m, y, mask)
        tokens = tokens + block.mlp(block.ln_2(tokens))
        if block is not blocks[-1]:
            x = x + attend(block, y, y, None)
            x = x + block.mlp(block.ln_2(x))
            outputs.append(x)
    count = len(blocks)
    spatial = torch.stack(outputs[count - 2 - (count - 4) : count - 2]).mean(0)
    last = blocks[-1]
    width = x.shape[-1]
    wv, bv = last.attn.in_proj_weight[-width:], last.attn.in_proj_bias[-width:]

    def pooled(h: Tensor) -> Tensor:
        value = F.linear(last.ln_1(h[:, 1:]), wv, bv).transpose(1, 2).unflatten(2, (GRID, GRID))
        value = F.interpolate(value, size=(FINE, FINE), mode="bilinear").flatten(2)
        normed: Tensor = tower.ln_post(last.attn.out_proj(weight @ value.transpose(1, 2)))
        return normed

    main, semantic = pooled(outputs[-1]), tower.ln_post(tokens)
    total = main + pooled(spatial) + 0.5 * semantic
    return {
        name: F.normalize(f @ tower.proj, dim=-1)
        for name, f in (("all", total), ("main", main), ("mask", semantic))
    }


class Texts:
    """Token ids of every caption in every template, cut after the longest end token."""

    def __init__(self, captions: tuple[str, ...]) -> None:
        tokenizer = networks.load_tokenizer()
        ids = [tokenizer([t.format(c) for t in world.TEMPLATES]) for c in captions]
        self.ids = torch.stack(ids)  # captions, templates, 77
        self.ids = self.ids[..., : int((self.ids != 0).sum(-1).max())]

    def encode(self, clip: Any, ids: Tensor) -> Tensor:
        length = ids.shape[1]
        x = clip.token_embedding(ids) + clip.positional_embedding[:length]
        mask = clip.attn_mask[:length, :length]
        for block in clip.transformer.resblocks:
            y = block.ln_1(x)
            x = x + attend(block, y, y, mask)
            x = x + block.mlp(block.ln_2(x))
        x = clip.ln_final(x)[torch.arange(len(ids)), ids.argmax(-1)]
        return F.normalize(x @ clip.text_projection, dim=-1)

    def sample(self, clip: Any) -> Tensor:
        """(captions, D): each caption in one random template."""
        count, templates = self.ids.shape[:2]
        return self.encode(clip, self.ids[torch.arange(count), torch.randint(templates, (count,))])

    def average(self, clip: Any) -> Tensor:
        count, templates, length = self.ids.shape
        each = self.encode(clip, self.ids.reshape(-1, length)).reshape(count, templates, -1)
        return F.normalize(each.mean(1), dim=-1)


def caption_loss(
    features: Tensor, text: Tensor, bank: CaptionBank, attributes: NDArray[np.int8], scale: Tensor
) -> Tensor:
    """Weighted mean over levels of the cross-entropy of regions (n, D) against the level's captions."""
    losses, weights = [], []
    for level in bank.levels:
        target = targets(level, attributes)
        here = target >= 0
        if here.any():
            logits = scale * features[here] @ text[level.rows].T
            logits = logits.masked_fill(undecided(level, attributes[here.numpy()]), -1e4)
            losses.append(F.cross_entropy(logits, target[here]))
            # Shape is what is hard, so the levels without it count less.
            weights.append(1.0 if level.uses[1] else 0.3)
    weight = torch.tensor(weights)
    return (torch.stack(losses) * weight).sum() / weight.sum()


def draw_crops(
    pool: Pool, rng: np.random.Generator, size: int
) -> tuple[Tensor, Tensor, NDArray[np.int8]]:
    """``size`` crops of CROP x CROP patches around one region each, with the grid rows they cover."""
    batch = draw_batch(pool, rng, max(8, size // 6))
    chosen, rows, attributes = [], [], []
    for i in range(len(batch.pixels)):
        for k in range(MAX_REGIONS):
            if (batch.attributes[i, k] < 0).all():
                continue
            where = np.argwhere(batch.fine[i].numpy() == k + 1)
            if len(where) < 4:
                continue
            ground = batch.attributes[i, k, 3] >= 0
            centre = (
                where[rng.integers(len(where))] if ground else (where.min(0) + where.max(0)) / 2
            )
            top, left = (
                int(np.clip(round(c / 2 - CROP / 2 + rng.uniform(-0.7, 0.7)), 0, GRID - CROP))
                for c in centre
            )
            chosen.append(
                batch.pixels[i, :, top * 8 : (top + CROP) * 8, left * 8 : (left + CROP) * 8]
            )
            cell = torch.arange(CROP)
            rows.append(((top + cell)[:, None] * GRID + left + cell).flatten())
            attributes.append(batch.attributes[i, k])
    pick = rng.permutation(len(chosen))[:size]
    return (
        torch.stack([chosen[i] for i in pick]),
        torch.stack([rows[i] for i in pick]),
        np.stack([attributes[i] for i in pick]),
    )


def crop_loss(
    clip: Any, text: Tensor, bank: CaptionBank, scale: Tensor, pool: Pool, rng: np.random.Generator
) -> Tensor:
    """Loss of stage 1: CLS features of 192 crops against their captions."""
    pixels, rows, attributes = draw_crops(pool, rng, 192)
    return caption_loss(run_crops(clip.visual, pixels, rows), text, bank, attributes, scale)


def scene_loss(
    clip: Any,
    text: Tensor,
    bank: CaptionBank,
    scale: Tensor,
    scenes: Batch,
    rng: np.random.Generator,
) -> Tensor:
    """Loss of stage 2: the combined features of every region, and those of two branches alone."""
    attributes = scenes.attributes.reshape(-1, 4)
    present = (attributes >= 0).any(1)
    features = run_scenes(clip.visual, scenes, drop=float(rng.choice([0.0, 0.3])))

    def of(branch: str) -> Tensor:
        chosen = features[branch].flatten(0, 1)[torch.from_numpy(present)]
        return caption_loss(chosen, text, bank, attributes[present], scale)

    return 0.5 * of("all") + 0.25 * of("main") + 0.25 * of("mask")


@torch.no_grad()
def validate_crops(clip: Any, pool: Pool) -> dict[str, float]:
    """36-way colour x shape top-1 of CLS features of crops, on seen and held-out combinations."""
    clip.eval()
    text = Texts(tuple(f"{c} {s}" for c, s in world.COMBINATIONS)).average(clip)
    pixels, rows, attributes = draw_crops(pool, np.random.default_rng(11), 600)
    found = (run_crops(clip.visual, pixels, rows) @ text.T).argmax(1).numpy()
    hits: dict[str, list[float]] = {}
    for index, (c, s, *_) in zip(found, attributes.tolist(), strict=True):
        if c >= 0:
            pair = c * len(world.SHAPES) + s
            kind = "held_out" if world.COMBINATIONS[pair] in world.HELD_OUT else "seen"
            hits.setdefault(f"{kind}/crop", []).append(index == pair)
    clip.train()
    return {name: round(float(np.mean(values)), 3) for name, values in sorted(hits.items())}


@torch.no_grad()
def validate(clip: Any, pool: Pool) -> dict[str, float]:
    """36-way colour x shape top-1 over the true regions, on seen and held-out combinations."""
    clip.eval()
    names = tuple(f"{c} {s}" for c, s in world.COMBINATIONS)
    text = Texts(names).average(clip)
    colours = Texts(world.COLORS).average(clip)
    hits: dict[str, list[float]] = {}
    for start in range(0, min(len(pool), 160), 32):
        index = slice(start, start + 32)
        regions = torch.from_numpy(pool.regions[index][:, ::8, ::8].copy()).long()
        batch = Batch(normalise(pool.images[index]), regions, pool.attributes[index])
        for branch, features in run_scenes(clip.visual, batch, 0.0).items():
            for i, k in zip(*np.nonzero(batch.attributes[..., 0] >= 0), strict=True):
                c, s = (int(v) for v in batch.attributes[i, k, :2])
                kind = "held_out" if world.COMBINATIONS[c * 6 + s] in world.HELD_OUT else "seen"
                hit = int((features[i, k] @ text.T).argmax()) == c * len(world.SHAPES) + s
                hits.setdefault(f"{kind}/{branch}", []).append(hit)
                if branch == "all":
                    hits.setdefault("color", []).append(
                        int((features[i, k] @ colours.T).argmax()) == c
                    )
    clip.train()
    return {name: round(float(np.mean(values)), 3) for name, values in sorted(hits.items())}


def train(
    pool: Pool,
    validation: Pool,
    out: Path,
    *,
    crop_steps: int,
    scene_steps: int,
    minutes: float,
    seed: int = 0,
    batch: int = 20,
    additive: float = 1.0,
) -> None:
    """Train and write ``clip.pt`` (float32) and ``clip.json`` (the log) to ``out``.

    ``minutes`` bounds the wall time of stage 2: its cosine follows time, not steps, so that a slower
    machine ends with a finished schedule.
    """
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    out.mkdir(parents=True, exist_ok=True)
    clip = networks.build_clip().train()
    nn.init.normal_(clip.token_embedding.weight, std=0.1)
    bank = make_bank()
    texts = Texts(bank.captions)
    decay = [p for p in clip.parameters() if p.ndim > 1]
    rest = [p for p in clip.parameters() if p.ndim <= 1]
    optimizer = torch.optim.AdamW(
        [{"params": decay, "weight_decay": 0.05}, {"params": rest, "weight_decay": 0.0}],
        lr=1.5e-3,
        betas=(0.9, 0.98),
    )
    log: list[dict[str, float]] = []
    began = time.monotonic()
    stage_began = began
    running: list[float] = []
    for step in range(crop_steps + scene_steps):
        crops = step < crop_steps
        if step == crop_steps:
            stage_began = time.monotonic()
        share = 0.0 if crops else (time.monotonic() - stage_began) / 60 / minutes
        if share >= 1:
            break
        into_stage = step if crops else step - crop_steps
        lr = 0.75e-3 * (1 + math.cos(math.pi * share)) * min(1.0, (into_stage + 1) / 60)
        for group in optimizer.param_groups:
            group["lr"] = max(lr, 1e-5)
        text = texts.sample(clip)
        scale = clip.logit_scale.exp().clamp(max=40)
        if crops:
            loss = crop_loss(clip, text, bank, scale, pool, rng)
        else:
            loss = scene_loss(clip, text, bank, scale, draw_batch(pool, rng, batch), rng)
        # A pair's text lies where its two words lie together, so that new pairs have a place.
        pair, first, second = (text[bank.triples[:, i]] for i in range(3))
        total = loss + additive * (1 - (pair * F.normalize(first + second, dim=-1)).sum(-1)).mean()
        optimizer.zero_grad()
        total.backward()
        nn.utils.clip_grad_norm_(clip.parameters(), 1.0)
        optimizer.step()
        running.append(loss.item())
        if (step + 1) % 100 == 0:
            row: dict[str, float] = {
                "step": step + 1,
                "minutes": round((time.monotonic() - began) / 60, 1),
                "loss": round(float(np.mean(running)), 4),
                "scale": round(scale.item(), 1),
            }
            running.clear()
            if (step + 1) % 300 == 0:
                row |= validate_crops(clip, validation) if crops else validate(clip, validation)
                torch.save(clip.state_dict(), out / "clip.pt")
            log.append(row)
            print(json.dumps(row), flush=True)
    log.append(
        {"step": step + 1, "minutes": round((time.monotonic() - began) / 60, 1)}
        | validate(clip, validation)
    )
    print(json.dumps(log[-1]), flush=True)
    torch.save(clip.state_dict(), out / "clip.pt")
    (out / "clip.json").write_text(json.dumps(log, indent=1))
