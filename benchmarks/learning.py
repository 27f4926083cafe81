"""A lesson: what learning, predicting and building it anew cost, by the processor's time.

    OMP_NUM_THREADS=1 python benchmarks/learning.py --json learning.json

The processor's time depends on what else it does: beside it stands how fast matrices were multiplied
meanwhile. The costs do not depend on what the numbers are, so that regions are random. Learning and
predicting are timed together at a refresh, and apart: a refresh with a single region left to predict is
learning alone. Rows are as long as those of the presets, of 128 numbers from each tower.
"""

from __future__ import annotations

import argparse
import datetime
import json
import platform
import statistics
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np

from napari_corrclip.learning import Lesson, OpenImage, Sitting
from napari_corrclip.learning.files import pack_sitting, unpack_sitting
from napari_corrclip.results.vectors import RegionVectors, scaled

LEARN, PREDICT, REBUILD = 0.02, 0.05, 0.2
"""Targets, in seconds."""


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description="A lesson: its costs.")
    parser.add_argument("--classes", type=int, nargs="+", default=[11, 41, 150])
    parser.add_argument("--regions", type=int, default=2000)
    parser.add_argument(
        "--verdicts", type=int, nargs="+", default=[50, 500], help="in the open image"
    )
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--looks", type=int, default=40, help="a finished image")
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    document: dict[str, Any] = {
        "date": datetime.date.today().isoformat(),
        "machine": platform.machine(),
        "numpy": np.__version__,
        "rows": [],
    }
    for classes in options.classes:
        lesson, sittings = finished(classes, options.rows, options.looks)
        for verdicts in options.verdicts:
            row = measure(
                lesson.replayed(sittings[:50]), options.regions, verdicts, options.repeats
            )
            document["rows"].append({"classes": classes, "verdicts": verdicts} | row)
            print(
                f"{classes} classes, {verdicts} verdicts in the image: learn {1e3 * row['learn']:.1f} ms, "
                f"predict {options.regions} regions {1e3 * row['predict']:.1f} ms, "
                f"open {1e3 * row['open']:.1f} ms, leave {1e3 * row['leave']:.1f} ms",
                flush=True,
            )
        row = rebuilding(lesson, sittings)
        document["rows"].append({"classes": classes} | row)
        print(
            f"{classes} classes, {row['looks']} verdicts of {len(sittings)} images: build "
            f"{1e3 * row['rebuild']:.0f} ms at {row['gflops']:.0f} GFLOP/s, "
            f"one image more {1e3 * row['finish']:.1f} ms, "
            f"read {1e3 * row['read']:.0f} ms; "
            f"state {row['state_bytes'] / 1e6:.1f} MB, a sitting {row['sitting_bytes'] / 1e3:.0f} KB",
            flush=True,
        )
    if options.json:
        options.json.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


def vectors_of(seed: int, regions: int, classes: int) -> RegionVectors:
    """Random vectors, as long as those of the presets."""
    rng = np.random.default_rng(seed)
    chances = rng.dirichlet(np.full(classes, 0.3), regions).astype(np.float32)
    return RegionVectors(
        ids=np.arange(1, regions + 1, dtype=np.int32),
        clip=(rng.normal(size=(regions, 128)) / np.sqrt(128)).astype(np.float16),
        similarity=(rng.normal(size=(regions, 128)) / np.sqrt(128)).astype(np.float16),
        colours=rng.uniform(0, 50, (regions, 8)).astype(np.float32),
        places=rng.uniform(size=(regions, 2)).astype(np.float32),
        probabilities=scaled(chances),
        classes=tuple(range(1, classes + 1)),
        clip_network="random",
        similarity_network="random",
    )


def opened(lesson: Lesson, seed: int, regions: int) -> OpenImage:
    """An image of random regions."""
    vectors = vectors_of(seed, regions, len(lesson.classes))
    own = vectors.probabilities.astype(np.float32)
    return lesson.open(str(seed), vectors, own, own.argmax(axis=1) + 1)


def looked_at(image: OpenImage, count: int) -> list[int]:
    """Verdicts on the first regions, in the classes' order."""
    regions = list(range(1, count + 1))
    for region in regions:
        image.look(region, image.classes[region % len(image.classes)], "assigned")
    return regions


def finished(classes: int, rows: int, looks: int) -> tuple[Lesson, list[Sitting]]:
    """A lesson that has begun, and sittings with so many verdicts in all."""
    lesson = Lesson.new(range(1, classes + 1)).begun(vectors_of(0, 350, classes))
    image = opened(lesson, 1, 350)
    sitting = image.leave(looked_at(image, looks))
    return lesson, [replace(sitting, number=number) for number in range(1, rows // looks + 1)]


def timed(work: Callable[[], object], repeats: int) -> float:
    """Median seconds of the processor."""
    seconds = []
    for _ in range(repeats):
        begun = process_time()
        work()
        seconds.append(process_time() - begun)
    return statistics.median(seconds)


def gflops() -> float:
    """Thousand millions of operations a second of the processor, in a product of matrices of 600 x 600."""
    matrix = np.random.default_rng(0).normal(size=(600, 600))
    return float(2 * 600**3 / timed(lambda: matrix @ matrix, 9) / 1e9)


def measure(lesson: Lesson, regions: int, verdicts: int, repeats: int) -> dict[str, Any]:
    """Seconds of what a person waits for in an open image."""
    image = opened(lesson, 2, regions + verdicts)
    decided = looked_at(image, verdicts)
    everything = list(range(1, verdicts + regions))
    image.refresh(decided)
    learn = timed(lambda: image.refresh(everything), repeats)
    both = timed(lambda: image.refresh(decided), repeats)
    vectors = image.vectors
    own = vectors.probabilities.astype(np.float32)
    elected = own.argmax(axis=1) + 1
    return {
        "learn": learn,
        "predict": both - learn,
        "open": timed(lambda: lesson.open("", vectors, own, elected), repeats),
        "leave": timed(lambda: image.leave(decided), repeats),
        "met": learn <= LEARN and both - learn <= PREDICT,
    }


def rebuilding(lesson: Lesson, sittings: list[Sitting]) -> dict[str, Any]:
    """Seconds of a lesson built anew, of one image more, and of reading all from bytes."""
    built = lesson.replayed(sittings)
    assert built.state is not None
    more = replace(sittings[0], number=len(sittings) + 1)
    data = [pack_sitting(sitting) for sitting in sittings]
    fast = gflops()
    rebuild = timed(lambda: lesson.replayed(sittings), 5)
    return {
        "looks": built.verdicts,
        "rebuild": rebuild,
        "gflops": (fast + gflops()) / 2,
        "finish": timed(lambda: built.finish(more), 9),
        "read": timed(lambda: [unpack_sitting(each) for each in data], 1),
        "state_bytes": built.state.nbytes,
        "sitting_bytes": len(data[0]),
        "met": rebuild <= REBUILD,
    }


if __name__ == "__main__":
    main()
