"""SAM's everything mode beside segment-anything's generator: seconds and peak memory.

    python benchmarks/everything.py --points 16 --json everything.json

ViT-B in its real shapes with random weights, an image of 1024 x 1024, three masks a point, overlap
removal off, and the threshold of predicted IoU where it leaves about a hundred masks. Each side runs in
a process of its own, because peak memory is a process's.
"""

from __future__ import annotations

import argparse
import datetime
import json
import platform
import resource
import subprocess
import sys
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import torch
from segment_anything import SamAutomaticMaskGenerator, sam_model_registry
from segment_anything.modeling import Sam
from speed import picture

from napari_corrclip.devices import describe_device
from napari_corrclip.progress import finish
from napari_corrclip.regions.sam import SamRegions

KEPT = 100
SIDES = ("ours", "reference")


def main() -> None:
    """Run both sides, print the table."""
    parser = argparse.ArgumentParser(description="SAM's everything mode, ours and the reference.")
    parser.add_argument("--points", type=int, nargs="+", default=[16])
    parser.add_argument("--image", type=int, default=1024, help="side in pixels")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--side", choices=SIDES, help="measure only this, in this process")
    parser.add_argument("--shift", type=float, default=0.0, help="of the scores, with --side")
    options = parser.parse_args()
    if options.side:
        print(json.dumps(measure(options.side, options.points[0], options.image, options.shift)))
        return
    document: dict[str, Any] = {
        "date": datetime.date.today().isoformat(),
        "device": describe_device(torch.device("cpu")),
        "machine": platform.machine(),
        "torch": torch.__version__,
        "rows": [],
    }
    print(", ".join(f"{key} {value}" for key, value in document.items() if key != "rows"))
    print(
        f"{'grid':<8} {'side':<10} {'masks':>6} {'encoder s':>10} {'masks s':>9} {'CPU s':>8} {'GiB':>6}"
    )
    for points in options.points:
        found = {}
        shift = find_shift(points, options.image)
        for side in SIDES:
            command = [sys.executable, __file__, "--side", side, "--points", str(points)]
            command += ["--image", str(options.image), "--shift", str(shift)]
            told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
            found[side] = row = json.loads(told.splitlines()[-1])
            document["rows"].append({"points": points, "side": side, **row})
            print(
                f"{points}x{points:<5} {side:<10} {row['masks']:>6} {row['encoder']:>10.1f} "
                f"{row['finding']:>9.1f} {row['cpu']:>8.1f} {row['peak_gib']:>6.2f}",
                flush=True,
            )
        ours, reference = (found[side] for side in SIDES)
        ratio = (ours["encoder"] + ours["finding"]) / (reference["encoder"] + reference["finding"])
        memory = ours["peak_gib"] / reference["peak_gib"]
        cpu = ours["cpu"] / reference["cpu"]
        print(
            f"{points}x{points:<5} ratio: time {ratio:.2f}, CPU time {cpu:.2f}, "
            f"peak memory {memory:.2f}"
        )
    if options.json:
        options.json.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


def measure(side: str, points: int, size: int, shift: float) -> dict[str, float]:
    """Seconds of the encoder and of finding masks, and the process's peak memory."""
    sam = network(shift)
    image = picture((size, size))
    threshold = 0.5
    started = process_time()
    if side == "ours":
        source = SamRegions(
            sam,
            points_per_side=points,
            masks_per_point=3,
            iou_threshold=threshold,
            stability_threshold=0.0,
            nms_threshold=1.0,
        )
        began = perf_counter()
        embedding = finish(source.encode(image))
        encoded = perf_counter()
        # Both sides to binary masks; what is painted of them is no part of the reference.
        masks = len(finish(source.masks(embedding)))
        ended = perf_counter()
    else:
        generator = SamAutomaticMaskGenerator(
            sam,
            points_per_side=points,
            pred_iou_thresh=threshold,
            stability_score_thresh=0.0,
            box_nms_thresh=1.0,
        )
        seconds = []
        encode = generator.predictor.set_image

        def timed(pixels: Any) -> None:
            before = perf_counter()
            encode(pixels)
            seconds.append(perf_counter() - before)

        generator.predictor.set_image = timed
        began = perf_counter()
        masks = len(generator.generate(image))
        ended = perf_counter()
        encoded = began + seconds[0]
    return {
        "masks": masks,
        # Of the whole process; says more than wall time where other work shares the cores.
        "cpu": process_time() - started,
        "encoder": encoded - began,
        "finding": ended - encoded,
        "peak_gib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20,
    }


def network(shift: float) -> Sam:
    """ViT-B with random weights, the same in every process, its scores moved by ``shift``."""
    torch.manual_seed(0)
    sam = sam_model_registry["vit_b"]().eval()
    with torch.no_grad():
        sam.mask_decoder.iou_prediction_head.layers[-1].bias += shift
    return sam


def find_shift(points: int, size: int) -> float:
    """By how much scores have to be moved so that :data:`KEPT` of the grid's are above 0.5."""
    sam = network(0.0)
    scores: list[torch.Tensor] = []
    sam.mask_decoder.iou_prediction_head.register_forward_hook(
        lambda _, __, found: scores.append(found[:, 1:].flatten())
    )
    # A threshold that none reaches, so that scores are all there is to compute.
    source = SamRegions(sam, points_per_side=points, masks_per_point=3, iou_threshold=1.0)
    finish(source.segment(picture((size, size))))
    return 0.5 - float(torch.cat(scores).sort(descending=True).values[KEPT])


if __name__ == "__main__":
    main()
