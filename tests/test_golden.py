"""What the published method computes, case by case.

The cases lie beside this file, or in the folder that ``CORRCLIP_GOLDEN_DIR`` names; its README
tells what they hold and how closely to agree.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from napari_corrclip.encoders.clip_image import ClipImageEncoder
from napari_corrclip.encoders.dino import TimmSimilarityEncoder
from napari_corrclip.engine import classifying, encoding, windows
from napari_corrclip.progress import finish
from napari_corrclip.settings import Settings
from tests.towers import clip_tower, dino_tower

FOLDER = Path(os.environ.get("CORRCLIP_GOLDEN_DIR") or Path(__file__).with_name("golden"))
CASES: dict[str, Any] = json.loads((FOLDER / "cases.json").read_text(encoding="utf-8"))


def _part(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}


def _agreement(ours: Tensor, theirs: Tensor) -> float:
    return float((ours == theirs).float().mean())


@pytest.mark.parametrize("name", CASES)
@torch.no_grad()
def test_golden(name: str) -> None:
    case, tensors = CASES[name], load_file(FOLDER / f"{name}.safetensors")
    visual, tower = clip_tower(**case["clip"]), dino_tower(**case["dino"])
    visual.load_state_dict(_part(tensors, "clip."))
    tower.load_state_dict(_part(tensors, "dino."))
    clip = ClipImageEncoder(visual, name="clip")
    dino = TimmSimilarityEncoder(tower, name="dino")
    settings = Settings(
        short_side=None,
        window=case["window"],
        stride=case["stride"],
        logit_scale=case["logit_scale"],
        tau=case["tau"],
        alpha=case["alpha"],
        beta=case["beta"],
        eps=case["dbscan_eps"],
        unsegmented="cross",
    )
    image, regions = tensors["image"].numpy(), tensors["regions"].numpy()
    text, query_class = tensors["query_features"], tensors["query_class"]

    layout = windows.plan(image.shape[:2], settings, (clip.patch_size, dino.patch_size))
    assert layout.size == image.shape[:2]
    pixels = windows.prepare_image(image, layout.size, clip.mean, clip.std)
    region_map = windows.prepare_regions(regions, layout.size)
    first = windows.cut(pixels, layout.boxes[:1], layout.padding)
    first_regions = windows.cut(
        region_map, layout.boxes[:1], layout.padding, int(region_map.max()) + 1
    )
    seen = finish(
        dino.features(windows.renormalise(first, clip.mean, clip.std, dino.mean, dino.std))
    ).query_key
    torch.testing.assert_close(
        seen[0].flatten(0, 1), tensors["expected.window0.dino_features"], rtol=0, atol=1e-4
    )
    cells = finish(encoding.encode_windows(first, first_regions, clip, dino, settings))
    torch.testing.assert_close(
        cells[0].flatten(0, 1), tensors["expected.window0.image_features"], rtol=0, atol=1e-4
    )

    closed = settings.replace(unsegmented="closed")
    features = finish(encoding.encode_image(image, regions, clip, dino, closed))
    torch.testing.assert_close(
        classifying.blended_logits(features, text),
        tensors["expected.logits_closed"].float(),
        rtol=0,
        atol=1e-3,
    )
    features = finish(encoding.encode_image(image, regions, clip, dino, settings))
    logits = classifying.blended_logits(features, text)
    torch.testing.assert_close(logits, tensors["expected.logits"].float(), rtol=0, atol=1e-3)

    classes = int(query_class.max()) + 1
    thresholds = torch.full((classes,), float(case["background_threshold"]))
    pixel_classes = classifying.classify_pixels(
        logits, regions, query_class, thresholds, 0, settings
    )
    before = tensors["expected.labels_before_correction"]
    assert _agreement(pixel_classes.pixel_labels, before) >= 0.999
    assert _agreement(pixel_classes.labels, tensors["expected.labels"]) >= 0.999
