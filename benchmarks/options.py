"""What might make encoding faster, each with its gain and the share of labels that it changes.

    python benchmarks/options.py --threads 1 --json options.json

* ``windows="shared"``: DINO sees the whole image once;
* ``dtype="bfloat16"``: of CLIP and DINO, where the CPU has it;
* channels-last: the order in which the towers' convolutions have their weights and pixels.

The gain is that of encoding one photo (1 megapixel, regions given) by ``vit-b-16`` in its shapes with random
weights, standard detail and the finer one, each beside the plain way in the same run. Labels are compared on
the demo's test scenes, fine detail, so that windows overlap, within the same regions of SAM's.
"""

from __future__ import annotations

import argparse
import datetime
import json
import platform
import statistics
import sys
from collections.abc import Callable
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).parent))
from speed import build, picture

from napari_corrclip.demo.scenes import TEST_SEED, generate_scene
from napari_corrclip.demo.world import COLORS, GROUNDS
from napari_corrclip.devices import describe_device
from napari_corrclip.engine.segmenter import Segmenter
from napari_corrclip.regions.given import GivenRegions
from napari_corrclip.regions.superpixels import SuperpixelRegions
from napari_corrclip.settings import at_detail
from napari_corrclip.vocabulary import Vocabulary

OPTIONS = ("windows shared", "bfloat16", "channels-last")


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description="Options of encoding: gain and changed labels.")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--scenes", type=int, default=20)
    parser.add_argument("--details", nargs="+", default=["standard", "fine"])
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    document: dict[str, Any] = {
        "date": datetime.date.today().isoformat(),
        "device": describe_device(torch.device("cpu")),
        "machine": platform.machine(),
        "capability": torch.backends.cpu.get_cpu_capability(),
        "bfloat16": torch.ops.mkldnn._is_mkldnn_bf16_supported(),
        "torch": torch.__version__,
    }
    print(", ".join(f"{key} {value}" for key, value in document.items()), flush=True)
    document["rows"] = rows = [{"option": name} | changed(name, options) for name in OPTIONS]
    for detail in options.details:
        for row, times in zip(rows, gains(detail, options.repeats), strict=True):
            row |= times
    for row in rows:
        print(", ".join(f"{key} {value}" for key, value in row.items()), flush=True)
    if options.json:
        options.json.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


def with_option(name: str, segmenter: Segmenter) -> Segmenter:
    """``segmenter`` itself, changed."""
    if name == "windows shared":
        segmenter.settings = segmenter.settings.replace(windows="shared")
    elif name == "channels-last":
        clip: Any = segmenter.clip
        tower: Any = segmenter.similarity
        clip.visual.to(memory_format=torch.channels_last)
        tower.model.to(memory_format=torch.channels_last)
    return segmenter


def gains(detail: Any, repeats: int) -> list[dict[str, float]]:
    """For each option its seconds on one photo and the plain way's over them; taking turns."""
    image = picture((800, 1280))
    plain = build("vit-b-16", torch.device("cpu"), torch.float32)
    regions = plain.encode(image[:64, :64], regions=SuperpixelRegions(), progress=False)  # warm up
    regions = GivenRegions(_regions(image))
    ways: dict[str, Callable[[], Any]] = {}
    for name in ("plain", *OPTIONS):
        dtype = torch.bfloat16 if name == "bfloat16" else torch.float32
        segmenter = with_option(name, build("vit-b-16", torch.device("cpu"), dtype))
        segmenter.settings = at_detail(segmenter.settings, detail)
        ways[name] = lambda s=segmenter: s.encode(image, regions=regions, progress=False)
    clock = process_time if torch.get_num_threads() == 1 else perf_counter
    times: dict[str, list[float]] = {}
    for _ in range(repeats):
        for name, way in ways.items():
            began = clock()
            way()
            times.setdefault(name, []).append(clock() - began)
    best = {name: min(values) for name, values in times.items()}
    return [
        {
            f"{detail}_s": round(best[name], 2),
            f"{detail}_plain_s": round(best["plain"], 2),
            f"{detail}_gain": round(best["plain"] / best[name], 2),
        }
        for name in OPTIONS
    ]


def _regions(image: Any) -> Any:
    """Squares of 100 pixels."""
    rows, columns = (np.arange(side) // 100 for side in image.shape[:2])
    return (rows[:, None] * 100 + columns + 1).astype(np.int32)


def changed(name: str, options: argparse.Namespace) -> dict[str, float]:
    """Share of the demo's pixels whose label is another one than by the plain way, in percent."""
    words = Vocabulary.from_names([*COLORS, *GROUNDS])
    plain, other = (
        Segmenter.from_preset("demo", device="cpu", dtype=dtype, detail="fine")
        for dtype in ("float32", "bfloat16" if name == "bfloat16" else "float32")
    )
    other = with_option(name, other)
    shares: dict[str, list[float]] = {"labels": [], "pixel_labels": []}
    for index in range(options.scenes):
        image = generate_scene(TEST_SEED + index).image
        features = plain.encode(image, progress=False)
        same = other.encode(image, regions=GivenRegions(features.regions), progress=False)
        expected = plain.classify(features, words, progress=False)
        found = other.classify(same, words, progress=False)
        for what, values in shares.items():
            values.append(float((getattr(found, what) != getattr(expected, what)).mean()))
    return {
        f"changed_{what}_percent": round(100 * statistics.fmean(values), 3)
        for what, values in shares.items()
    } | {"worst_scene_percent": round(100 * max(shares["labels"]), 2)}


if __name__ == "__main__":
    main()
