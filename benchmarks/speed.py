"""How long encoding and classifying take, and what half precision changes.

    python benchmarks/speed.py                          # a table: demo and vit-b-16, on this machine
    python benchmarks/speed.py --device cuda --dtype float16 --json speed.json
    python benchmarks/speed.py --compare-dtypes         # float16, bfloat16 against float32

The demo runs with its own weights. ``vit-b-16`` is built in its real shapes with random weights, so
nothing is downloaded: time does not depend on what the weights know. Random SAM finds no masks worth
keeping, so its time is that of the networks, and the time of the windows is best read with superpixels.
Each figure is the median of the repeats after a warm-up.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter

import numpy as np
import torch
from numpy.typing import NDArray

from napari_corrclip.demo.scenes import TEST_SEED, generate_scene
from napari_corrclip.demo.world import COLORS, COMBINATIONS, GROUNDS
from napari_corrclip.devices import choose_device, choose_dtype, describe_device
from napari_corrclip.encoders.clip import OpenClipEncoder
from napari_corrclip.encoders.dino import TimmSimilarityEncoder
from napari_corrclip.engine.segmenter import Segmenter
from napari_corrclip.engine.text_cache import TextCache
from napari_corrclip.regions.given import GivenRegions
from napari_corrclip.regions.protocol import RegionSource
from napari_corrclip.regions.sam import SamRegions
from napari_corrclip.regions.superpixels import SuperpixelRegions
from napari_corrclip.settings import DETAILS, at_detail
from napari_corrclip.vocabulary import Vocabulary
from napari_corrclip.weights.catalogue import get_preset
from napari_corrclip.weights.presets import MOBILE

WORDS = Vocabulary.parse(
    "person, dog, cat, bird, horse, cow, sheep, car, bus, train, boat, bicycle, bottle, chair, "
    "table, plant, sofa, sky, grass, wall"
)
IMAGES = {"scene 0.07 MP": (256, 256), "photo 1.0 MP": (800, 1280)}


@dataclass(frozen=True)
class Row:
    """Seconds of one network combination on one image (medians).

    ``new_words`` classifies by a vocabulary that was never encoded, ``known_words`` once it was.
    """

    preset: str
    image: str
    regions: str
    windows: int
    found: int
    seconds_regions: float
    seconds_windows: float
    seconds_new_words: float
    seconds_known_words: float
    peak_gib: float | None


def main() -> None:
    """Parse the arguments, measure, print."""
    parser = argparse.ArgumentParser(description="Seconds of encoding and classifying.")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--dtype", default="float32")
    parser.add_argument("--presets", nargs="+", default=["demo", "vit-b-16"])
    parser.add_argument("--regions", nargs="+", default=["sam", "superpixels"])
    parser.add_argument("--images", nargs="+", default=list(IMAGES), choices=list(IMAGES))
    parser.add_argument("--detail", default="standard", choices=DETAILS)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, help="of torch on the CPU")
    parser.add_argument("--compare-dtypes", action="store_true")
    parser.add_argument("--scenes", type=int, default=20, help="for --compare-dtypes")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)
    device = choose_device(options.device)
    about = {
        "device": describe_device(device),
        "dtype": str(choose_dtype(options.dtype)).removeprefix("torch."),
        "threads": torch.get_num_threads(),
        "processor": platform.processor() or platform.machine(),
        "torch": torch.__version__,
        "detail": options.detail,
    }
    print(", ".join(f"{name} {value}" for name, value in about.items()), flush=True)
    document: dict[str, object] = {"about": about}
    if options.compare_dtypes:
        document["equal_pixels"] = compare_dtypes(device, options.scenes)
    else:
        rows = []
        print(HEADER)
        for row in measure(options, device):
            rows.append(asdict(row))
            print(line(row), flush=True)
        document["rows"] = rows
    if options.json:
        options.json.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


def measure(options: argparse.Namespace, device: torch.device) -> Iterator[Row]:
    """Yield a row for each preset, image and region source."""
    for name in options.presets:
        segmenter = build(name, device, choose_dtype(options.dtype))
        segmenter.settings = at_detail(segmenter.settings, options.detail)
        sources: dict[str, RegionSource] = {
            "sam": segmenter.regions,
            "superpixels": SuperpixelRegions(),
        }
        for title in options.images:
            image = picture(IMAGES[title])
            for kind in options.regions:
                segmenter.regions = sources[kind]
                yield time_one(segmenter, name, title, image, options.repeats)


def build(name: str, device: torch.device, dtype: torch.dtype) -> Segmenter:
    """The demo as it is; another preset in its shapes, with random weights."""
    if name == "demo":
        return Segmenter.from_preset(name, device=device, dtype=dtype)
    import open_clip
    import timm
    from open_clip.tokenizer import SimpleTokenizer
    from segment_anything import sam_model_registry

    from napari_corrclip.encoders.mobile_sam import build_mobile_sam

    preset = get_preset(name)
    torch.manual_seed(0)
    clip = open_clip.CLIP(**open_clip.get_model_config(preset.clip.architecture))
    dino = timm.create_model(preset.similarity.architecture, pretrained=False, num_classes=0)
    builders = sam_model_registry | {MOBILE: build_mobile_sam}
    sam = builders[preset.regions.architecture]()
    return Segmenter(
        OpenClipEncoder(
            clip.eval(), SimpleTokenizer(), name=preset.clip.title, device=device, dtype=dtype
        ),
        TimmSimilarityEncoder(
            dino.eval(), name=preset.similarity.title, device=device, dtype=dtype
        ),
        SamRegions(sam.eval(), points_per_side=8, device=device),
        preset.settings,
        templates=preset.templates,
        preset=name,
    )


def picture(shape: tuple[int, int]) -> NDArray[np.uint8]:
    """(rows, columns, 3) uint8 of that shape: demo scenes side by side."""
    rows, columns = (-(-side // 256) for side in shape)
    tiles = [
        np.concatenate([generate_scene(100 * r + c).image for c in range(columns)], axis=1)
        for r in range(rows)
    ]
    image: NDArray[np.uint8] = np.concatenate(tiles)[: shape[0], : shape[1]]
    return np.ascontiguousarray(image)


def time_one(
    segmenter: Segmenter, name: str, title: str, image: NDArray[np.uint8], repeats: int
) -> Row:
    """Warm up, then measure ``repeats`` times."""
    cuda = segmenter.clip.device.type == "cuda"
    features = segmenter.encode(image, progress=False)  # warm-up
    segmenter.classify(features, WORDS, progress=False)
    if cuda:
        torch.cuda.reset_peak_memory_stats()
    times: dict[str, list[float]] = {"regions": [], "windows": [], "new": [], "known": []}
    for _ in range(repeats):
        features = segmenter.encode(image, progress=False)
        times["regions"].append(features.seconds["regions"])
        times["windows"].append(features.seconds["encode"])
        segmenter.text_cache = TextCache(None)
        for key in ("new", "known"):
            began = perf_counter()
            segmenter.classify(features, WORDS, progress=False)
            times[key].append(perf_counter() - began)
    medians = {key: statistics.median(values) for key, values in times.items()}
    height, width = image.shape[:2]
    return Row(
        preset=name,
        image=title,
        regions=segmenter.regions.name,
        windows=len(segmenter.plan((height, width))),
        found=len(np.unique(features.regions[features.regions > 0])),
        seconds_regions=medians["regions"],
        seconds_windows=medians["windows"],
        seconds_new_words=medians["new"],
        seconds_known_words=medians["known"],
        peak_gib=torch.cuda.max_memory_allocated() / 2**30 if cuda else None,
    )


HEADER = (
    f"{'preset':<9} {'image':<14} {'regions':<12} {'windows':>7} {'found':>6}   "
    f"{'regions s':>9} {'windows s':>9} {'encode s':>9}   "
    f"{'classify s: new words':>21} {'known':>7}   peak GiB"
)


def line(row: Row) -> str:
    """``row`` as a line under :data:`HEADER`."""
    encode = row.seconds_regions + row.seconds_windows
    return (
        f"{row.preset:<9} {row.image:<14} {row.regions:<12} {row.windows:>7} {row.found:>6}   "
        f"{row.seconds_regions:>9.3f} {row.seconds_windows:>9.3f} {encode:>9.3f}   "
        f"{row.seconds_new_words:>21.3f} {row.seconds_known_words:>7.3f}   "
        + ("-" if row.peak_gib is None else f"{row.peak_gib:.2f}")
    )


def compare_dtypes(device: torch.device, scenes: int) -> dict[str, dict[str, float]]:
    """Share of the label pixels of the demo's test scenes that are as in float32.

    All types get the same regions. Two vocabularies: the colours, and all colour x shape pairs.
    """
    vocabularies = {
        "colours": Vocabulary.from_names([*COLORS, *GROUNDS]),
        "pairs": Vocabulary.from_names([*(f"{c} {s}" for c, s in COMBINATIONS), *GROUNDS]),
    }
    images = [generate_scene(TEST_SEED + index).image for index in range(scenes)]
    exact = Segmenter.from_preset("demo", device=device, dtype="float32")
    source = exact.regions
    given, expected = [], {}
    for index, image in enumerate(images):
        exact.regions = source
        features = exact.encode(image, progress=False)
        given.append(features.regions)
        for name, words in vocabularies.items():
            expected[index, name] = exact.classify(features, words, progress=False)
    shares: dict[str, dict[str, float]] = {}
    print(f"share of pixels as in float32, {scenes} test scenes of the demo")
    for dtype in ("float16", "bfloat16"):
        segmenter = Segmenter.from_preset("demo", device=device, dtype=dtype, regions="superpixels")
        found: dict[str, list[float]] = {}
        for index, image in enumerate(images):
            segmenter.regions = GivenRegions(given[index])
            features = segmenter.encode(image, progress=False)
            for name, words in vocabularies.items():
                result, other = (
                    segmenter.classify(features, words, progress=False),
                    expected[index, name],
                )
                for what in ("labels", "pixel_labels"):
                    equal = getattr(result, what) == getattr(other, what)
                    found.setdefault(f"{name} {what}", []).append(float(equal.mean()))
        shares[dtype] = {key: statistics.fmean(values) for key, values in found.items()}
        for key, values in found.items():
            print(
                f"{dtype:<9} {key:<21} mean {statistics.fmean(values):.5f}   "
                f"least of a scene {min(values):.5f}",
                flush=True,
            )
    return shares


if __name__ == "__main__":
    main()
