"""The vectors of regions: what they cost over a run without, in the same process.

    python benchmarks/vectors.py --presets demo vit-b-16 --threads 2 --json vectors.json

One photo is segmented again and again, in turns with and without vectors, its regions given, by the demo and
by ``vit-b-16`` in its shapes with random weights. The demo's networks are so small that its ratio is the
worst that there is.
"""

from __future__ import annotations

import argparse
import datetime
import json
import platform
import statistics
import sys
from pathlib import Path
from time import process_time
from typing import Any

import torch

sys.path.insert(0, str(Path(__file__).parent))
from speed import WORDS, build, picture

from napari_corrclip.devices import choose_device, describe_device
from napari_corrclip.engine.encoded_image import run_steps
from napari_corrclip.engine.vectors import region_vectors
from napari_corrclip.progress import finish
from napari_corrclip.regions.given import GivenRegions
from napari_corrclip.regions.superpixels import SuperpixelRegions
from napari_corrclip.results.segmentation import Segmentation
from napari_corrclip.results.vectors import RegionVectors, bytes_a_region
from napari_corrclip.vocabulary import Vocabulary


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description="Vectors of regions: their cost.")
    parser.add_argument("--presets", nargs="+", default=["demo", "vit-b-16"])
    parser.add_argument("--shape", nargs=2, type=int, default=(800, 1200))
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    device = choose_device(options.device)
    document: dict[str, Any] = {
        "date": datetime.date.today().isoformat(),
        "device": describe_device(device),
        "machine": platform.machine(),
        "rows": [],
    }
    for name in options.presets:
        row = measure(name, device, tuple(options.shape), options.repeats)
        document["rows"].append(row)
        print(
            f"{name}: {row['regions']} regions, CPU without {row['without']:.2f} s, with "
            f"{row['with']:.2f} s, ratio {row['with'] / row['without']:.3f}; {row['bytes']} bytes a region, "
            f"at most {row['most']}",
            flush=True,
        )
    if options.json:
        options.json.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


def measure(
    name: str, device: torch.device, shape: tuple[int, int], repeats: int
) -> dict[str, Any]:
    """Median CPU seconds with and without, and the bytes of a region."""
    segmenter, image = build(name, device, torch.float32), picture(shape)
    segmenter.regions = GivenRegions(finish(SuperpixelRegions().segment(image)))
    words = Vocabulary.coerce(WORDS)

    def with_vectors() -> tuple[Segmentation, RegionVectors]:
        result, encoded = finish(run_steps(segmenter, image, words, similarity_means=True))
        return result, region_vectors(encoded, result)

    result, vectors = with_vectors()  # warm-up
    seconds: dict[str, list[float]] = {"without": [], "with": []}
    for _ in range(repeats):
        for kind, times in seconds.items():
            begun = process_time()
            if kind == "with":
                with_vectors()
            else:
                finish(segmenter.segment_steps(image, WORDS))
            times.append(process_time() - begun)
    return {
        "preset": name,
        "regions": len(result.table),
        "bytes": round(vectors.nbytes / len(vectors)),
        "most": bytes_a_region(len(WORDS)),
        **{kind: statistics.median(times) for kind, times in seconds.items()},
    }


if __name__ == "__main__":
    main()
