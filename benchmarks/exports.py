"""What an export costs: seconds for many images of one megapixel in each format, beside the PNG alone.

    python benchmarks/exports.py --images 1000 --json exports.json

The images are partitions of 1024 x 1024 pixels in about 300 regions of 20 classes, in memory; their pictures
are left where they are. The reference writes each label map as an indexed PNG, and nothing else. Formats and
reference are run in turns of some images, so that both meet the same machine.
"""

from __future__ import annotations

import argparse
import json
import platform
import shutil
import tempfile
from datetime import date
from pathlib import Path
from time import perf_counter

import numpy as np
from scipy import ndimage

from napari_corrclip.progress import finish
from napari_corrclip.project.export.exporting import ExportOptions, Source, export_steps
from napari_corrclip.project.export.formats import WRITTEN
from napari_corrclip.project.export.image import LabelledImage, RegionNote
from napari_corrclip.results.label_files import write_label_png
from napari_corrclip.vocabulary import Vocabulary

SIDE, REGIONS, CLASSES = 1024, 300, 20


def partition(seed: int) -> LabelledImage:
    """Return an image in regions with borders as rough as those of superpixels."""
    random = np.random.default_rng(seed)
    seeds = np.zeros((SIDE, SIDE), np.int32)
    places = random.integers(0, SIDE, (REGIONS, 2))
    seeds[places[:, 0], places[:, 1]] = np.arange(1, REGIONS + 1)
    rough = ndimage.gaussian_filter(random.normal(size=(2, SIDE, SIDE)), (0, 3, 3)) * 60
    grid = np.clip(np.indices((SIDE, SIDE)) + rough, 0, SIDE - 1).astype(np.int64)
    nearest = ndimage.distance_transform_edt(
        seeds == 0, return_distances=False, return_indices=True
    )
    regions = seeds[tuple(nearest)][tuple(grid)]
    values = np.concatenate([[0], random.integers(1, CLASSES + 1, REGIONS)]).astype(np.uint16)
    notes = tuple(
        RegionNote(region, int(values[region]), int(values[region]), p=0.5, margin=0.25)
        for region in np.unique(regions).tolist()
    )
    return LabelledImage("", values[regions], regions, notes, path=f"{seed}.png")


def main() -> None:
    """Measure all of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=1000)
    parser.add_argument("--turns", type=int, default=4)
    parser.add_argument("--different", type=int, default=10)
    parser.add_argument("--formats", nargs="+", default=list(WRITTEN))
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    vocabulary = Vocabulary.from_names([f"class {number}" for number in range(CLASSES)])
    images = [partition(seed) for seed in range(options.different)]
    each = options.images // options.turns
    seconds = dict.fromkeys(["png", *options.formats], 0.0)
    sizes = dict.fromkeys(seconds, 0)
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(options.turns):
            for name in seconds:
                place = Path(folder, name)
                began = perf_counter()
                if name == "png":
                    place.mkdir()
                    for number in range(each):
                        labels = images[number % len(images)].labels
                        write_label_png(place / f"{number}.png", labels, vocabulary)
                else:
                    sources = [
                        Source(
                            f"{number}.png",
                            f"{number}.png",
                            lambda at=number: images[at % len(images)],
                        )
                        for number in range(each)
                    ]
                    steps = export_steps(
                        sources, place, WRITTEN[name], vocabulary, ExportOptions(pictures="none")
                    )
                    finish(steps)
                seconds[name] += perf_counter() - began
                files = [path for path in place.rglob("*") if path.is_file()]
                sizes[name] = sum(path.stat().st_size for path in files) // each
                shutil.rmtree(place)
    whole = each * options.turns
    report = {
        "date": date.today().isoformat(),
        "machine": platform.machine(),
        "images": whole,
        "formats": {
            name: {
                "seconds_per_1000": round(1000 * found / whole, 1),
                "times_png": round(found / seconds["png"], 2),
                "kib_an_image": round(sizes[name] / 1024, 1),
            }
            for name, found in seconds.items()
        },
    }
    text = json.dumps(report, indent=1)
    print(text)
    if options.json is not None:
        options.json.write_text(text + "\n")


if __name__ == "__main__":
    main()
