"""`lite-mobile` beside `vit-b-16`: all of `encode` on a megapixel, stage by stage, and what bounds it.

    python benchmarks/mobile.py --threads 2 --points 8 32 --json mobile.json

Both presets in their real shapes with random weights, about a hundred masks left of each grid's points (all
of an 8 x 8 grid), taking turns in one process. A stage has its seconds, those of the processor (which other
work on the machine hardly touches), its products and convolutions in GFLOP, and what share of this machine's
best product of matrices it reaches: far below, memory bounds it, or calls do.
"""

from __future__ import annotations

import argparse
import datetime
import json
import platform
import sys
from collections import defaultdict
from collections.abc import Callable, Generator
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry, sdpa_flop_count

sys.path.insert(0, str(Path(__file__).parent))
from speed import build, picture

from napari_corrclip.devices import describe_device
from napari_corrclip.engine.segmenter import Segmenter
from napari_corrclip.progress import finish
from napari_corrclip.regions.sam import SamRegions

PRESETS = ("vit-b-16", "lite-mobile")
KEPT = 100
STAGES = (
    "SAM: encoder",
    "SAM: points and masks",
    "DINO",
    "CLIP",
    "similarities and branches",
    "the rest",
)


class Stages:
    """The stages of one run: seconds, seconds of the processor, products."""

    def __init__(self, *, counting: bool = False) -> None:
        self.counting = counting
        self.seconds: dict[str, float] = defaultdict(float)
        self.cpu: dict[str, float] = defaultdict(float)
        self.flops: dict[str, float] = defaultdict(float)

    def call(self, name: str, work: Callable[[], Any]) -> Any:
        """Call ``work`` as a part of the stage ``name``."""
        counter = Products()
        began, began_cpu = perf_counter(), process_time()
        try:
            if not self.counting:
                return work()
            with counter:
                return work()
        finally:
            self.seconds[name] += perf_counter() - began
            self.cpu[name] += process_time() - began_cpu
            self.flops[name] += counter.flops

    def steps(self, name: str, work: Generator[Any, None, Any]) -> Generator[Any, None, Any]:
        """Drive ``work`` as a part of the stage ``name``."""
        while True:
            try:
                event = self.call(name, lambda: next(work))
            except StopIteration as stop:
                return stop.value
            yield event


class Products(TorchDispatchMode):
    """A count of the operations of products, convolutions and attention while it is entered."""

    def __init__(self) -> None:
        super().__init__()
        self.flops = 0.0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        if func._overloadpacket is torch.ops.aten._scaled_dot_product_flash_attention_for_cpu:
            self.flops += sdpa_flop_count(*(tuple(x.shape) for x in args[:3]))
        elif count := flop_registry.get(func._overloadpacket):
            self.flops += count(*args, **(kwargs or {}), out_val=result)
        return result


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description="lite-mobile beside vit-b-16, stage by stage.")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--presets", nargs="+", default=list(PRESETS))
    parser.add_argument("--points", type=int, nargs="+", default=[8, 32])
    parser.add_argument(
        "--beside", type=int, help="also the first preset with a grid of so many points, once"
    )
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--image", type=int, nargs=2, default=[800, 1280], help="rows, columns")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    document: dict[str, Any] = {
        "date": datetime.date.today().isoformat(),
        "device": describe_device(torch.device("cpu")),
        "machine": platform.machine(),
        "capability": torch.backends.cpu.get_cpu_capability(),
        "torch": torch.__version__,
        "peak_gflop_s": round(peak(), 1),
    }
    print(", ".join(f"{key} {value}" for key, value in document.items()), flush=True)
    image = picture(tuple(options.image))
    segmenters = {name: build(name, torch.device("cpu"), torch.float32) for name in options.presets}
    rows: list[dict[str, Any]] = []
    best: dict[tuple[str, int], Stages] = {}
    for points in options.points:
        sources = {name: source(of, points, image) for name, of in segmenters.items()}
        for name, segmenter in segmenters.items():
            segmenter.regions = sources[name]
            run(segmenter, image, counted := Stages(counting=True))  # warms up, too
            best[name, points] = counted
        for _ in range(options.repeats):
            for name, segmenter in segmenters.items():
                segmenter.regions = sources[name]
                keep_best(best, (name, points), run(segmenter, image, Stages()))
        for name in segmenters:
            rows += told(name, points, best[name, points], document["peak_gflop_s"])
    if options.beside:
        segmenter = segmenters.get(PRESETS[0]) or build(
            PRESETS[0], torch.device("cpu"), torch.float32
        )
        segmenter.regions = source(segmenter, options.beside, image)
        key = PRESETS[0], options.beside
        best[key] = run(segmenter, image, Stages())
        rows += told(*key, best[key], document["peak_gflop_s"])
    document["rows"] = rows
    for (name, points), found in best.items():
        for (other, theirs), reference in best.items():
            if name != PRESETS[0] and other == PRESETS[0] and points <= theirs:
                wall = sum(found.seconds.values()) / sum(reference.seconds.values())
                cpu = sum(found.cpu.values()) / sum(reference.cpu.values())
                print(
                    f"{name} {points} x {points} / {other} {theirs} x {theirs}: time {wall:.2f}, "
                    f"of the processor {cpu:.2f}"
                )
    if options.json:
        options.json.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


def source(segmenter: Segmenter, points: int, image: Any) -> SamRegions:
    """Regions of a grid of points, the scores moved so that about :data:`KEPT` masks are left."""
    found: Any = segmenter.regions
    sam = found.sam
    head = sam.mask_decoder.iou_prediction_head
    scores: list[torch.Tensor] = []
    hook = head.register_forward_hook(lambda _, __, of: scores.append(of[:, 0].flatten()))
    finish(SamRegions(sam, points_per_side=points, iou_threshold=1.0).segment(image))
    hook.remove()
    ordered = torch.cat(scores).sort(descending=True).values
    with torch.no_grad():
        head.layers[-1].bias += 0.5 - float(ordered[min(KEPT, len(ordered) - 1)]) + 1e-6
    return SamRegions(
        sam, points_per_side=points, iou_threshold=0.5, stability_threshold=0.0, nms_threshold=1.0
    )


def run(segmenter: Segmenter, image: Any, stages: Stages) -> Stages:
    """Encode ``image`` and measure its stages."""
    parts: Any = (segmenter.regions, segmenter.similarity, segmenter.clip)
    regions, similarity, clip = parts
    names = {"_run_encoder": STAGES[0], "_divide": STAGES[1]}
    for method, stage in names.items():
        _wrap(regions, method, stages.steps, stage)
    _wrap(similarity, "features", stages.steps, STAGES[2])
    _wrap(clip, "last_block", stages.steps, STAGES[3])
    clip_features = clip.cell_features
    clip.cell_features = lambda *a, **k: stages.call(STAGES[4], lambda: clip_features(*a, **k))
    began, began_cpu = perf_counter(), process_time()
    segmenter.encode(image, progress=False)
    stages.seconds[STAGES[5]] = perf_counter() - began - sum(stages.seconds.values())
    stages.cpu[STAGES[5]] = process_time() - began_cpu - sum(stages.cpu.values())
    for part, method in (
        *((regions, method) for method in names),
        (similarity, "features"),
        (clip, "last_block"),
        (clip, "cell_features"),
    ):
        delattr(part, method)  # its class's own again
    return stages


def _wrap(part: Any, method: str, steps: Callable[..., Any], stage: str) -> None:
    plain = getattr(part, method)
    setattr(part, method, lambda *a, **k: steps(stage, plain(*a, **k)))


def keep_best(best: dict[tuple[str, int], Stages], key: tuple[str, int], found: Stages) -> None:
    """Keep of each stage its least seconds; the products are those that were counted."""
    known = best[key]
    for mine, theirs in ((known.seconds, found.seconds), (known.cpu, found.cpu)):
        for stage in STAGES:
            # What was counted was slowed by it.
            mine[stage] = theirs[stage] if known.counting else min(mine[stage], theirs[stage])
    known.counting = False


def told(name: str, points: int, stages: Stages, best: float) -> list[dict[str, Any]]:
    """Print a table of the stages; return its rows."""
    print(f"\n{name}, {points} x {points} points")
    print(f"{'stage':<28} {'s':>7} {'CPU s':>7} {'GFLOP':>8} {'GFLOP/s':>9} {'of peak':>8}")
    rows = []
    whole = {
        "all": tuple(sum(of.values()) for of in (stages.seconds, stages.cpu, stages.flops)),
    }
    each = {
        stage: (stages.seconds[stage], stages.cpu[stage], stages.flops[stage]) for stage in STAGES
    }
    for stage, (seconds, cpu, flops) in (each | whole).items():
        rate = flops / 1e9 / cpu
        print(
            f"{stage:<28} {seconds:>7.2f} {cpu:>7.2f} {flops / 1e9:>8.0f} {rate:>9.1f} {rate / best:>8.2f}",
            flush=True,
        )
        rows.append(
            {
                "preset": name, "points": points, "stage": stage, "s": round(seconds, 3),
                "cpu_s": round(cpu, 3), "gflop": round(flops / 1e9, 1),
            }
        )  # fmt: skip
    return rows


def peak() -> float:
    """GFLOP a second of the processor that a product of 2048 x 2048 reaches at best, for one thread."""
    left, right = torch.randn(2, 2048, 2048)
    seconds = []
    for _ in range(8):
        began = process_time()
        left @ right
        seconds.append(process_time() - began)
    return 2 * 2048**3 / 1e9 / min(seconds)


if __name__ == "__main__":
    main()
