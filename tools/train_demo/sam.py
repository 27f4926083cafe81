"""Training of the demo's SAM.

Three things make so small a SAM learn in an hour: the decoder starts as a look-up (token-to-image
attention compares positions, and values pass through unchanged), the encoder is warmed up by an
affinity loss (a pixel's upscaled embedding tells the other pixels of its region), and five of six
prompts lie on objects.
"""

from __future__ import annotations

import json
import math
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from segment_anything.modeling import Sam
from torch import Tensor, nn

from napari_corrclip.demo import networks
from tools.train_demo.pool import MAX_REGIONS, Pool

LOW = 64  # side of the low-resolution masks


def initialise(sam: Sam, sharpness: float = 1.6) -> None:
    """Start the decoder as a look-up by position."""
    decoder = sam.mask_decoder
    tables = [sam.prompt_encoder.not_a_point_embed, decoder.iou_token, decoder.mask_tokens]
    for table in [*tables, *sam.prompt_encoder.point_embeddings]:
        nn.init.normal_(table.weight, std=0.1)
    transformer = decoder.transformer
    crosses = [layer.cross_attn_token_to_image for layer in transformer.layers]
    for attention in [*crosses, transformer.final_attn_token_to_image]:
        base = torch.empty(attention.internal_dim, attention.embedding_dim)
        nn.init.orthogonal_(base)
        with torch.no_grad():
            attention.q_proj.weight.copy_(sharpness * base)
            attention.k_proj.weight.copy_(sharpness * base)
            attention.v_proj.weight.copy_(base)
            attention.out_proj.weight.copy_(base.T)
            for linear in (
                attention.q_proj,
                attention.k_proj,
                attention.v_proj,
                attention.out_proj,
            ):
                linear.bias.zero_()
    first = transformer.layers[0].self_attn
    with torch.no_grad():
        first.v_proj.weight.copy_(torch.eye(first.embedding_dim))
        first.out_proj.weight.copy_(torch.eye(first.embedding_dim))


def batch_masks(sam: Sam, embedding: Tensor, points: Tensor) -> tuple[Tensor, Tensor]:
    """Decode one click a prompt for several images at once.

    Args:
        embedding: (n, C, 16, 16).
        points: (n, P, 2) float (x, y) in 256-pixel coordinates.

    Returns:
        masks (n * P, 4, 64, 64) logits and predicted IoU (n * P, 4).
    """
    count, prompts = points.shape[:2]
    sparse, dense = sam.prompt_encoder(
        points=(points.reshape(-1, 1, 2), torch.ones(count * prompts, 1, dtype=torch.long)),
        boxes=None,
        masks=None,
    )
    decoder = sam.mask_decoder
    output = torch.cat([decoder.iou_token.weight, decoder.mask_tokens.weight])
    tokens = torch.cat([output.expand(len(sparse), -1, -1), sparse], 1)
    source = embedding.repeat_interleave(prompts, 0) + dense
    position = sam.prompt_encoder.get_dense_pe().expand(len(tokens), -1, -1, -1)
    hidden, source_out = decoder.transformer(source, position, tokens)
    grid = source_out.transpose(1, 2).view_as(source)
    upscaled = decoder.output_upscaling(grid)
    weights = torch.stack(
        [mlp(hidden[:, 1 + i]) for i, mlp in enumerate(decoder.output_hypernetworks_mlps)], 1
    )
    masks = (weights @ upscaled.flatten(2)).unflatten(2, (LOW, LOW))
    return masks, decoder.iou_prediction_head(hidden[:, 0])


def mask_loss(masks: Tensor, target: Tensor) -> Tensor:
    """Balanced cross-entropy plus dice, (m, k), of logits (m, k, 64, 64) against (m, 64, 64)."""
    target = target[:, None].expand_as(masks)
    share = target.mean((2, 3), keepdim=True).clamp(0.02, 0.98)
    weight = 0.5 * target / share + 0.5 * (1 - target) / (1 - share)
    weight = 0.5 + 0.5 * weight
    entropy = (weight * F.binary_cross_entropy_with_logits(masks, target, reduction="none")).mean(
        (2, 3)
    )
    p = masks.sigmoid()
    dice = 1 - (2 * (p * target).sum((2, 3)) + 1) / ((p + target).sum((2, 3)) + 1)
    return entropy + dice


def sample(
    pool: Pool, rng: np.random.Generator, size: int, prompts: int
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Images (n, 3, 256, 256), clicks (n, P, 2), soft targets (n * P, 64, 64), low regions (n, 64, 64)."""
    index = np.sort(rng.integers(len(pool), size=size))
    images, regions = pool.images[index], pool.regions[index]
    if rng.random() < 0.5:
        images, regions = images[:, :, ::-1], regions[:, :, ::-1]
    if rng.random() < 0.5:
        images, regions = images[:, ::-1], regions[:, ::-1]
    images, regions = np.ascontiguousarray(images), np.ascontiguousarray(regions)
    points = np.zeros((size, prompts, 2), np.float32)
    targets = np.zeros((size * prompts, LOW, LOW), np.float32)
    for i in range(size):
        objects = np.flatnonzero(pool.attributes[index[i], :, 1] >= 0) + 1
        grounds = np.flatnonzero(pool.attributes[index[i], :, 3] >= 0) + 1
        for j in range(prompts):
            ids = grounds if rng.random() < 1 / 6 and len(grounds) else objects
            here = regions[i] == rng.choice(ids)
            where = np.flatnonzero(here)
            if not len(where):
                continue
            y, x = divmod(int(rng.choice(where)), here.shape[1])
            points[i, j] = x, y
            targets[i * prompts + j] = here.reshape(LOW, 4, LOW, 4).mean((1, 3))
    low = torch.from_numpy(regions[:, 2::4, 2::4].copy()).long()
    pixels = torch.from_numpy(images).permute(0, 3, 1, 2).float()
    return pixels, torch.from_numpy(points), torch.from_numpy(targets), low


class Affinity(nn.Module):
    """A pixel's upscaled embedding as a linear classifier of the pixels of its region."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.query = nn.Linear(channels, channels)

    def forward(self, upscaled: Tensor, low: Tensor, seeds: int = 24) -> Tensor:
        count = len(low)
        at = torch.randint(LOW * LOW, (count, seeds))
        flat = upscaled.flatten(2)
        query = self.query(
            flat.gather(2, at[:, None].expand(-1, flat.shape[1], -1)).transpose(1, 2)
        )
        masks = (query @ flat).unflatten(2, (LOW, LOW)).flatten(0, 1)
        ids = low.flatten(1)
        same = (ids.gather(1, at)[:, :, None] == ids[:, None]).float()
        return mask_loss(masks[:, None], same.unflatten(2, (LOW, LOW)).flatten(0, 1)).mean()


@torch.no_grad()
def validate(sam: Sam, pool: Pool) -> dict[str, float]:
    """Mean IoU of the single mask of one random click a visible object, and of the best of three."""
    sam.eval()
    rng = np.random.default_rng(7)
    ious: list[float] = []
    best: list[float] = []
    error: list[float] = []
    for i in range(min(60, len(pool))):
        image = torch.tensor(pool.images[i]).permute(2, 0, 1).float()[None]
        embedding = sam.image_encoder(sam.preprocess(image))
        masks, points = [], []
        for k in np.flatnonzero(pool.attributes[i, :, 1] >= 0) + 1:
            here = pool.regions[i] == k
            y, x = divmod(int(rng.choice(np.flatnonzero(here))), 256)
            masks.append(here)
            points.append((x, y))
        logits, predicted = batch_masks(
            sam, embedding, torch.tensor(points, dtype=torch.float32)[None]
        )
        full = F.interpolate(logits, (256, 256), mode="bilinear", align_corners=False).numpy() > 0
        for j, here in enumerate(masks):
            each = [(m & here).sum() / max((m | here).sum(), 1) for m in full[j]]
            ious.append(float(each[0]))
            best.append(float(each[1 + int(predicted[j, 1:].argmax())]))
            error.append(abs(float(predicted[j, 0]) - float(each[0])))
    sam.train()
    return {
        "iou": round(float(np.mean(ious)), 4),
        "iou_chosen_of_3": round(float(np.mean(best)), 4),
        "iou_error": round(float(np.mean(error)), 4),
    }


def train(
    pool: Pool,
    validation: Pool,
    out: Path,
    *,
    minutes: float,
    warmup_steps: int = 250,
    seed: int = 1,
    batch: int = 12,
    prompts: int = 8,
) -> None:
    """Train for ``minutes`` of wall time and write ``sam.pt`` (float32) and ``sam.json`` to ``out``."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    out.mkdir(parents=True, exist_ok=True)
    sam = networks.build_sam().train()
    initialise(sam)
    affinity = Affinity(16)
    parameters = [*sam.parameters(), *affinity.parameters()]
    optimizer = torch.optim.AdamW(
        [
            {"params": [p for p in parameters if p.ndim > 1], "weight_decay": 0.02},
            {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
        ],
        betas=(0.9, 0.98),
    )
    log: list[dict[str, float]] = []
    began = time.monotonic()
    running: list[list[float]] = []
    step = 0
    while True:
        share = (time.monotonic() - began) / 60 / minutes
        if share >= 1:
            break
        for group in optimizer.param_groups:
            group["lr"] = max(
                1e-5, 8e-4 * 0.5 * (1 + math.cos(math.pi * share)) * min(1.0, (step + 1) / 80)
            )
        pixels, points, target, low = sample(pool, rng, batch, prompts)
        embedding = sam.image_encoder(sam.preprocess(pixels))
        near = affinity(sam.mask_decoder.output_upscaling(embedding), low)
        if step < warmup_steps:
            loss, single, quality = near, near, near
        else:
            masks, predicted = batch_masks(sam, embedding, points)
            each = mask_loss(masks, target)
            with torch.no_grad():
                hard, truth = masks > 0, target[:, None] > 0.5
                iou = (hard & truth).sum((2, 3)) / (hard | truth).sum((2, 3)).clamp(min=1)
            single, several = each[:, 0].mean(), each[:, 1:].min(1).values.mean()
            quality = F.mse_loss(predicted, iou)
            loss = single + 0.5 * several + quality + 0.3 * near
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        running.append([near.item(), single.item(), quality.item()])
        step += 1
        if step % 50 == 0:
            means = np.mean(running, 0)
            running.clear()
            row: dict[str, float] = {
                "step": step,
                "minutes": round((time.monotonic() - began) / 60, 1),
                "affinity": round(float(means[0]), 4),
                "mask": round(float(means[1]), 4),
                "quality": round(float(means[2]), 4),
            }
            if step % 250 == 0:
                row |= validate(sam, validation)
                torch.save(sam.state_dict(), out / "sam.pt")
            log.append(row)
            print(json.dumps(row), flush=True)
    log.append({"step": step, "minutes": round(minutes, 1)} | validate(sam, validation))
    print(json.dumps(log[-1]), flush=True)
    torch.save(sam.state_dict(), out / "sam.pt")
    (out / "sam.json").write_text(json.dumps(log, indent=1))


assert MAX_REGIONS < 255
