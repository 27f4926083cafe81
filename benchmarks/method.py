"""What the method itself costs, beside a reference in the same run.

    python benchmarks/method.py --threads 2 --json method.json

* one window of 336 x 336 through ViT-B/16 with 60 regions, given DINO's features, beside the bare pass of
  the same tower;
* votes and map correction at full resolution, beside a loop over the regions.

Ours and the reference take turns; the figures are the fastest of each, since whatever else a machine does
only ever adds. With one thread they are seconds of the processor, which other work hardly touches.
"""

from __future__ import annotations

import argparse
import datetime
import json
import platform
from collections.abc import Callable
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import open_clip
import torch
from torch import Tensor

from napari_corrclip import pipeline
from napari_corrclip.devices import describe_device
from napari_corrclip.encoders.clip_image import ClipImageEncoder
from napari_corrclip.encoders.protocols import SimilarityFeatures, run
from napari_corrclip.method import correction
from napari_corrclip.method.similarity import unit_cells
from napari_corrclip.weights.presets import get_preset

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
        for title, ours, reference in (
            window_case(60),
            votes_case(2, 300, 21),
            votes_case(4, 10_000, 21, reference=False),
        ):
            rows.append(row := compare(title, ours, reference, options.repeats))
            print(", ".join(f"{key} {value}" for key, value in row.items()), flush=True)
    if options.json:
        options.json.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


Case = tuple[str, Callable[[], Any], Callable[[], Any] | None]


def compare(
    title: str, ours: Callable[[], Any], reference: Callable[[], Any] | None, repeats: int
) -> dict[str, Any]:
    """Seconds of both, taking turns, and their ratio."""
    times: dict[str, list[float]] = {"ours_s": [], "reference_s": []}
    clock = process_time if torch.get_num_threads() == 1 else perf_counter
    for _ in range(repeats + 1):
        for name, call in (("ours_s", ours), ("reference_s", reference)):
            if call is not None:
                began = clock()
                call()
                times[name].append(clock() - began)
    best = {name: round(min(values[1:]), 4) for name, values in times.items() if values}
    if reference is not None:
        best["ratio"] = round(best["ours_s"] / best["reference_s"], 3)
    return {"case": title, **best}


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
        return run(pipeline.encode_windows(pixels, region_map, clip, tower, settings))

    def bare() -> Tensor:
        tokens, _ = clip._embed(pixels)
        return model.visual.transformer(tokens)

    return f"window {WINDOW}, ViT-B/16, {regions} regions / bare pass", ours, bare


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


def votes_case(megapixels: int, regions: int, classes: int, reference: bool = True) -> Case:
    """Map correction of labels over square regions; and the loop over the regions."""
    side = round((megapixels * 1e6) ** 0.5)
    across = round(regions**0.5 + 0.5)
    strips = torch.arange(side) * across // side
    region_map = (strips[:, None] * across + strips) % regions + 1
    labels = torch.randint(0, classes, (side, side))

    def loop() -> Tensor:
        found = labels.clone()
        for index in range(1, regions + 1):
            inside = region_map == index
            found[inside] = labels[inside].bincount(minlength=classes).argmax()
        return found

    title = f"votes, {megapixels} MP, {regions} regions, {classes} classes"
    return (
        title,
        lambda: correction.correct(labels, region_map, classes),
        loop if reference else None,
    )


if __name__ == "__main__":
    main()
