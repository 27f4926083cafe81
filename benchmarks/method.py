"""What the method itself costs, beside a reference in the same run.

    python benchmarks/method.py --threads 2 --json method.json

* one window of 336 x 336 through ViT-B/16 with 60 regions, given DINO's features, beside the bare pass of
  the same tower;
* votes and map correction at full resolution, beside a loop over the regions;
* classifying one megapixel by 20 known words, beside whole arrays of words x pixels and that loop.

The floor is what cannot be saved, measured too: the bare pass over the mask tokens as well; copying labels
and regions once; the softmax alone, over pieces that stay in a CPU's cache.

Ours and the reference take turns; the figures are the fastest of each, since whatever else a machine does
only ever adds. With one thread they are seconds of the processor, which other work hardly touches.
"""

from __future__ import annotations

import argparse
import datetime
import json
import platform
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import open_clip
import torch
from torch import Tensor

sys.path.insert(0, str(Path(__file__).parent))
from speed import WORDS, build, picture

from napari_corrclip.devices import describe_device
from napari_corrclip.encoders.clip_image import ClipImageEncoder
from napari_corrclip.encoders.protocols import SimilarityFeatures
from napari_corrclip.engine import classifying, encoding
from napari_corrclip.method import correction
from napari_corrclip.method.grids import bilinear
from napari_corrclip.method.similarity import unit_cells
from napari_corrclip.progress import finish
from napari_corrclip.regions.superpixels import SuperpixelRegions
from napari_corrclip.weights.catalogue import get_preset

WINDOW, CELLS = 336, 42


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description="The method's own cost.")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    document: dict[str, Any] = {
        "date": datetime.date.today().isoformat(),
        "device": describe_device(torch.device("cpu")),
        "machine": platform.machine(),
        "torch": torch.__version__,
    }
    print(", ".join(f"{key} {value}" for key, value in document.items()))
    document["rows"] = rows = []
    with torch.no_grad():
        for case in (
            window_case(60),
            votes_case(2, 300, 21, 0.2),
            votes_case(4, 10_000, 21, 1.0, reference=False),
            classify_case(),
        ):
            rows.append(row := compare(case, options.repeats))
            print(", ".join(f"{key} {value}" for key, value in row.items()), flush=True)
    if options.json:
        options.json.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


@dataclass(frozen=True)
class Case:
    """What is measured; ``target_s`` are seconds and ``target`` a ratio to the reference."""

    title: str
    ours: Callable[[], Any]
    reference: Callable[[], Any] | None
    floor: Callable[[], Any]
    target: float | None = None
    target_s: float | None = None


def compare(case: Case, repeats: int) -> dict[str, Any]:
    """Seconds of each, taking turns, and the ratio to the reference."""
    ways = {"ours_s": case.ours, "reference_s": case.reference, "floor_s": case.floor}
    times: dict[str, list[float]] = {name: [] for name in ways}
    clock = process_time if torch.get_num_threads() == 1 else perf_counter
    for _ in range(repeats + 1):
        for name, call in ways.items():
            if call is not None:
                began = clock()
                call()
                times[name].append(clock() - began)
    best: dict[str, Any] = {
        name: round(min(values[1:]), 4) for name, values in times.items() if values
    }
    if case.reference is not None:
        best["ratio"] = round(best["ours_s"] / best["reference_s"], 3)
    if case.target is not None:
        best["target"] = case.target
    if case.target_s is not None:
        best["target_s"] = case.target_s
    return {"case": case.title, **best}


def window_case(regions: int) -> Case:
    """CLIP's window with everything the method adds, DINO's features given; and the bare pass."""
    preset = get_preset("vit-b-16")
    torch.manual_seed(0)
    model = open_clip.CLIP(**open_clip.get_model_config(preset.clip.architecture)).eval()
    clip = ClipImageEncoder(model.visual, name="clip")
    pixels = torch.randn(1, 3, WINDOW, WINDOW)
    side = round(regions**0.5 + 0.5)
    strips = torch.arange(WINDOW) * side // WINDOW
    region_map = ((strips[:, None] * side + strips) % regions + 1)[None]
    cells = unit_cells(torch.randn(1, CELLS, CELLS, 768))
    tower = _Given(SimilarityFeatures(query_key=cells, output=None))
    settings = preset.settings

    def ours() -> Tensor:
        return finish(encoding.encode_windows(pixels, region_map, clip, tower, settings))

    def bare() -> Tensor:
        tokens, _ = clip._embed(pixels)
        return model.visual.transformer(tokens)

    def with_mask_tokens() -> Tensor:
        tokens, _ = clip._embed(pixels)
        more = tokens[:, :1].expand(-1, regions + 1, -1)
        return model.visual.transformer(torch.cat([tokens, more], dim=1))

    title = f"window {WINDOW}, ViT-B/16, {regions} regions, DINO given"
    return Case(title, ours, bare, with_mask_tokens, target=1.3)


class _Given:
    """A similarity tower whose features are there already."""

    patch_size = 8
    mean = (0.485, 0.456, 0.406)
    std = (0.229, 0.224, 0.225)
    device = torch.device("cpu")

    def __init__(self, features: SimilarityFeatures) -> None:
        self._features = features

    def features(self, pixels: Tensor, *, output: bool = False) -> Any:
        yield
        return self._features


def votes_case(
    megapixels: int, regions: int, classes: int, target_s: float, reference: bool = True
) -> Case:
    """Map correction of labels over square regions; and the loop over the regions."""
    side = round((megapixels * 1e6) ** 0.5)
    across = round(regions**0.5 + 0.5)
    strips = torch.arange(side) * across // side
    region_map = (strips[:, None] * across + strips) % regions + 1
    labels = torch.randint(0, classes, (side, side))

    return Case(
        f"votes, {megapixels} MP, {regions} regions, {classes} classes",
        lambda: correction.correct(labels, region_map, classes),
        (lambda: vote_one_by_one(labels, region_map, classes)) if reference else None,
        lambda: (labels.clone(), region_map.clone()),
        target_s=target_s,
    )


def vote_one_by_one(labels: Tensor, regions: Tensor, classes: int) -> Tensor:
    """Eq. 12 as it is written: a mask for every region."""
    found = labels.clone()
    for index in regions.unique().tolist():
        if index:
            inside = regions == index
            found[inside] = labels[inside].bincount(minlength=classes).argmax()
    return found


def classify_case() -> Case:
    """One photo and 20 words by the demo's networks; everything up to the result with its table."""
    segmenter = build("demo", torch.device("cpu"), torch.float32)
    segmenter.regions = SuperpixelRegions()
    features = segmenter.encode(picture((800, 1280)), progress=False)
    segmenter.classify(features, WORDS, progress=False)
    regions = torch.from_numpy(features.regions.copy()).long()
    text = torch.randn(20, segmenter.clip.embed_dim)
    stripe = torch.randn(20, 1 << 14)

    def whole_arrays() -> Tensor:
        logits = bilinear(classifying.blended_logits(features.windows, text)[None], regions.shape)[
            0
        ]
        return vote_one_by_one((40 * logits).softmax(dim=0).argmax(dim=0), regions, 20)

    def softmax() -> None:
        for _ in range(regions.numel() // stripe.shape[1]):
            (40 * stripe).softmax(dim=0)

    return Case(
        "classify, 1 MP, 20 known words",
        lambda: segmenter.classify(features, WORDS, progress=False),
        whole_arrays,
        softmax,
        target_s=0.3,
    )


if __name__ == "__main__":
    main()
