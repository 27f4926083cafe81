"""What a graphics card makes of encoding and classifying, and how far that is from the card's limit.

    python benchmarks/accelerator.py --json accelerator.json

At one megapixel, with the networks of ``vit-b-16`` in their real shapes and random weights, so that
nothing is downloaded. Random SAM knows no good masks, so that thresholds are chosen by number: either
every mask of the grid stays and is painted, the dearest case there is, or about a hundred.

Tables: targets (median of the repeats after a warm-up); stages, each with its arithmetic, the bytes
that its operations read and write, its launches, and the floor that the card's own measured limits set;
and the share of the demo's pixels that half precision leaves as they are.
"""

from __future__ import annotations

import argparse
import datetime
import functools
import gc
import inspect
import json
import os
import platform
import statistics
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from speed import WORDS, build, compare_dtypes, picture
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from napari_corrclip.devices import choose_device, choose_dtype, describe_device
from napari_corrclip.engine.segmenter import Segmenter
from napari_corrclip.progress import finish
from napari_corrclip.regions.sam import SamRegions
from napari_corrclip.results.segmentation import package_versions

PHOTO = (800, 1280)


@dataclass(frozen=True)
class Case:
    """One measurement: a SAM, its grid, how many of its masks stay, and the target in seconds."""

    sam: str
    points: int
    kept: int | None
    target: float


CASES = (
    Case("vit_b", 8, None, 0.25),
    Case("vit_b", 32, None, 1.0),
    Case("vit_b", 32, 100, 1.0),
    Case("vit_h", 32, None, 2.0),
    Case("vit_h", 32, 100, 2.0),
)


@dataclass
class Stage:
    """What one stage cost in one run."""

    seconds: float = 0.0
    calls: int = 0
    flops: float = 0.0
    bytes: float = 0.0
    launches: int = 0


class Counts(TorchDispatchMode):
    """Counts operations, their arithmetic and the bytes they read and write; views move nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.flops = 0.0
        self.bytes = 0.0
        self.launches = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        count = flop_registry.get(func._overloadpacket)
        if count:
            self.flops += count(*args, **(kwargs or {}), out_val=result)
        read = _tensors((args, kwargs or {}))
        written = _tensors(result)
        if written and not func._schema.is_mutable:
            places = {x.untyped_storage().data_ptr() for x in read if x.numel()}
            if all(x.untyped_storage().data_ptr() in places for x in written if x.numel()):
                return result
        self.bytes += sum(x.numel() * x.element_size() for x in (*read, *written))
        self.launches += 1
        return result


def main() -> None:
    """Parse the arguments, measure, print."""
    parser = argparse.ArgumentParser(description="Encoding and classifying on an accelerator.")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--dtypes", nargs="+", default=["float32", "bfloat16"])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--cases", nargs="+", type=int, default=list(range(len(CASES))))
    parser.add_argument("--scenes", type=int, default=20, help="of the demo, for half precision")
    parser.add_argument("--no-stages", action="store_true")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    device = choose_device(options.device)
    document: dict[str, Any] = {
        "date": datetime.date.today().isoformat(),
        "device": describe_device(device),
        "processors": os.cpu_count(),
        "machine": platform.machine(),
        "cuda": torch.version.cuda,
        "versions": package_versions(),
        "image": PHOTO,
    }
    print(json.dumps(document), flush=True)
    document["limits"] = limits = measure_limits(device)
    print(", ".join(f"{key} {value:.3g}" for key, value in limits.items()), flush=True)
    document["targets"], document["stages"] = [], []
    image = picture(PHOTO)
    for dtype in options.dtypes:
        for index in options.cases:
            case = CASES[index]
            segmenter = assemble(case, device, dtype, image)
            document["targets"].append(
                row := measure(segmenter, case, dtype, image, options.repeats)
            )
            print(", ".join(f"{key} {_short(value)}" for key, value in row.items()), flush=True)
            if not options.no_stages:
                stages = measure_stages(segmenter, image, options.repeats)
                name = {"case": asdict(case), "dtype": dtype}
                document["stages"].append({**name, "stages": table(stages, limits)})
                print_stages(document["stages"][-1]["stages"])
            del segmenter
            gc.collect()
            if device.type == "cuda":
                torch.cuda.empty_cache()
            save(document, options.json)
    if options.scenes:
        document["equal_pixels"] = compare_dtypes(device, options.scenes)
    save(document, options.json)


def save(document: dict[str, Any], path: Path | None) -> None:
    """Write what is known so far."""
    if path:
        path.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


def assemble(case: Case, device: torch.device, dtype: str, image: NDArray[np.uint8]) -> Segmenter:
    """``vit-b-16`` with the case's SAM and with thresholds that leave as many masks as it says."""
    from segment_anything import sam_model_registry

    segmenter = build("vit-b-16", device, choose_dtype(dtype))
    torch.manual_seed(0)
    with device:
        sam = sam_model_registry[case.sam]().eval()
    everything = {"points_per_side": case.points, "stability_threshold": 0.0, "nms_threshold": 1.0}
    kind = None if dtype == "float32" else dtype
    source = SamRegions(sam, iou_threshold=0.0, device=device, dtype=kind, **everything)
    if case.kept is not None:
        scores = predicted(source, image)
        # Random scores may lie anywhere; moved so that the threshold is one that SamRegions takes.
        quantile = float(np.sort(scores)[-case.kept - 1])
        with torch.no_grad():
            sam.mask_decoder.iou_prediction_head.layers[-1].bias += 0.5 - quantile
        source = SamRegions(sam, iou_threshold=0.5, device=device, dtype=kind, **everything)
    segmenter.regions = source
    return segmenter


def predicted(source: SamRegions, image: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The predicted IoU of every mask of the grid, read at the head that predicts it."""
    found = []
    head = source.sam.mask_decoder.iou_prediction_head
    hook = head.register_forward_hook(lambda _, __, out: found.append(out[:, 0].cpu().numpy()))
    finish(source.segment(image))
    hook.remove()
    return np.concatenate(found)


def measure(
    segmenter: Segmenter, case: Case, dtype: str, image: NDArray[np.uint8], repeats: int
) -> dict[str, Any]:
    """Medians of encoding and classifying, after a warm-up, and the peak of memory."""
    cuda = segmenter.clip.device.type == "cuda"
    for _ in range(2 if cuda else 1):
        features = segmenter.encode(image, progress=False)
        segmenter.classify(features, WORDS, progress=False)
    if cuda:
        torch.cuda.synchronize()
        torch.cuda.reset_peak_memory_stats()
    times: dict[str, list[float]] = defaultdict(list)
    for _ in range(repeats):
        began = perf_counter()
        features = segmenter.encode(image, progress=False)
        if cuda:
            torch.cuda.synchronize()
        times["encode"].append(perf_counter() - began)
        times["regions"].append(features.seconds["regions"])
        began = perf_counter()
        segmenter.classify(features, WORDS, progress=False)
        if cuda:
            torch.cuda.synchronize()
        times["classify"].append(perf_counter() - began)
    return {
        "sam": case.sam,
        "points": case.points,
        "kept": "all" if case.kept is None else case.kept,
        "dtype": dtype,
        "regions": int(features.regions.max()),
        "target_s": case.target,
        **{f"{key}_s": statistics.median(values) for key, values in times.items()},
        "slowest_encode_s": max(times["encode"]),
        "peak_gib": torch.cuda.max_memory_allocated() / 2**30 if cuda else None,
        "reserved_gib": torch.cuda.max_memory_reserved() / 2**30 if cuda else None,
    }


def stage_owners() -> list[tuple[Any, str, str]]:
    """Where each stage's work is done: owner, its function's name, title."""
    from segment_anything.utils.transforms import ResizeLongestSide

    from napari_corrclip.encoders.clip_image import ClipImageEncoder
    from napari_corrclip.encoders.dino import TimmSimilarityEncoder
    from napari_corrclip.engine import classifying, encoding, segmenter, windows
    from napari_corrclip.method import scope
    from napari_corrclip.regions.sam import encoder
    from napari_corrclip.regions.sam.decoder import PointDecoder
    from napari_corrclip.regions.sam.masks import Upsampler

    return [
        (ResizeLongestSide, "apply_image", "SAM: resize (CPU)"),
        (encoder, "embed", "SAM: patches"),
        (encoder, "run_block", "SAM: encoder"),
        (PointDecoder, "decode", "SAM: decoder"),
        (PointDecoder, "logits", "SAM: mask logits"),
        (Upsampler, "measure", "SAM: measure masks"),
        (Upsampler, "paint", "SAM: paint"),
        (windows, "prepare_image", "windows: resize (CPU)"),
        (TimmSimilarityEncoder, "features", "DINO"),
        (encoding, "merged_regions", "merging"),
        (ClipImageEncoder, "last_block", "CLIP"),
        (scope, "attend_within", "similarities, scope, attention"),
        (ClipImageEncoder, "cell_features", "branches"),
        (classifying.Logits, "rows", "classify: logits"),
        (classifying, "classify_pixels", "classify: pixels, votes"),
        (classifying, "pixel_values", "classify: values to the host"),
        (segmenter, "build_segmentation", "classify: result (CPU)"),
        (segmenter, "segmentation_from_values", "classify: table (CPU)"),
    ]


@contextmanager
def metered(stages: dict[str, Stage], counting: bool) -> Iterator[None]:
    """Meanwhile every stage's function is timed, or counted, into ``stages``."""
    counts = Counts()

    def state() -> tuple[float, float, float, int]:
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        return perf_counter(), counts.flops, counts.bytes, counts.launches

    def charge(title: str, call: Callable[[], Any]) -> Any:
        before = state()
        try:
            return call()
        finally:
            after = state()
            stage = stages.setdefault(title, Stage())
            stage.seconds += after[0] - before[0]
            stage.flops += after[1] - before[1]
            stage.bytes += after[2] - before[2]
            stage.launches += after[3] - before[3]
            stage.calls += 1

    def wrapped(function: Callable[..., Any], title: str) -> Callable[..., Any]:
        @functools.wraps(function)
        def plain(*args: Any, **options: Any) -> Any:
            return charge(title, lambda: function(*args, **options))

        @functools.wraps(function)
        def generator(*args: Any, **options: Any) -> Iterator[Any]:
            steps = function(*args, **options)
            try:
                while True:
                    yield charge(title, lambda: next(steps))
            except StopIteration as stopped:
                return stopped.value

        return generator if inspect.isgeneratorfunction(function) else plain

    originals = [(owner, name, getattr(owner, name)) for owner, name, _ in stage_owners()]
    for owner, name, title in stage_owners():
        setattr(owner, name, wrapped(getattr(owner, name), title))
    try:
        with counts if counting else nullcontext():
            yield
    finally:
        for owner, name, original in originals:
            setattr(owner, name, original)


def measure_stages(
    segmenter: Segmenter, image: NDArray[np.uint8], repeats: int
) -> dict[str, Stage]:
    """Medians of the stages' seconds over the repeats; arithmetic and traffic of one more run."""

    def run(counting: bool) -> dict[str, Stage]:
        stages: dict[str, Stage] = {}
        with metered(stages, counting):
            segmenter.classify(segmenter.encode(image, progress=False), WORDS, progress=False)
        return stages

    counted = run(counting=True)
    timed = [run(counting=False) for _ in range(repeats)]
    for title, stage in counted.items():
        stage.seconds = statistics.median(stages[title].seconds for stages in timed)
    return counted


def measure_limits(device: torch.device) -> dict[str, float]:
    """The card's own limits: bytes a second of a copy, and FLOP a second of products."""
    limits = {"copy_gb_s": 0.0}
    words = 1 << (29 if device.type == "cuda" else 25)
    source = torch.randn(words, device=device)
    seconds = _median(lambda: source.clone(), device)
    limits["copy_gb_s"] = 2 * source.nbytes / 1e9 / seconds
    source = source[:0].clone()
    side = 8192 if device.type == "cuda" else 1024
    for name, dtype in (("float32", torch.float32), ("bfloat16", torch.bfloat16)):
        a, b = (torch.randn(side, side, device=device, dtype=dtype) for _ in range(2))
        seconds = _median(lambda a=a, b=b: a @ b, device)
        limits[f"{name}_tflop_s"] = 2 * side**3 / 1e12 / seconds
    return limits


def _median(call: Callable[[], Any], device: torch.device, repeats: int = 7) -> float:
    times = []
    for _ in range(repeats + 2):
        if device.type == "cuda":
            torch.cuda.synchronize()
        began = perf_counter()
        call()
        if device.type == "cuda":
            torch.cuda.synchronize()
        times.append(perf_counter() - began)
    return statistics.median(times[2:])


def table(stages: dict[str, Stage], limits: dict[str, float]) -> list[dict[str, Any]]:
    """Each stage with the floor of its arithmetic (float32 units) and of its traffic."""
    rows = []
    for title, stage in stages.items():
        arithmetic = stage.flops / (limits["float32_tflop_s"] * 1e12)
        traffic = stage.bytes / (limits["copy_gb_s"] * 1e9)
        rows.append(
            {
                "stage": title,
                "ms": stage.seconds * 1e3,
                "gflop": stage.flops / 1e9,
                "gb": stage.bytes / 1e9,
                "launches": stage.launches,
                "arithmetic_ms": arithmetic * 1e3,
                "traffic_ms": traffic * 1e3,
                "floor_share": max(arithmetic, traffic) / stage.seconds if stage.seconds else 0.0,
            }
        )
    return rows


def print_stages(rows: list[dict[str, Any]]) -> None:
    """Print a table of :func:`table`'s rows."""
    print(
        f"{'stage':<26} {'ms':>8} {'GFLOP':>9} {'GB':>8} {'launches':>8} "
        f"{'arithm. ms':>10} {'traffic ms':>10} {'floor/ms':>8}"
    )
    for row in rows:
        print(
            f"{row['stage']:<26} {row['ms']:>8.2f} {row['gflop']:>9.1f} {row['gb']:>8.2f} "
            f"{row['launches']:>8} {row['arithmetic_ms']:>10.2f} {row['traffic_ms']:>10.2f} "
            f"{row['floor_share']:>8.2f}",
            flush=True,
        )


def _tensors(values: Any) -> list[torch.Tensor]:
    if isinstance(values, torch.Tensor):
        return [values]
    if isinstance(values, dict):
        values = list(values.values())
    if isinstance(values, list | tuple):
        return [tensor for value in values for tensor in _tensors(value)]
    return []


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


if __name__ == "__main__":
    main()
