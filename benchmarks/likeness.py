"""More like this: what a search over the regions of a whole project costs, first and after.

    OMP_NUM_THREADS=1 python benchmarks/likeness.py --json likeness.json

A project of 500 images that are nowhere, each with 200 regions of random vectors as long as those of the
presets, 128 numbers from each tower. *first*: all files are read. *search*: each file is looked at, the
matrix multiplied, the likest looked up in the index; *product*: of matrix and vector alone. *new*: a search
after one image was run again. *rare*: only undecided regions of a class that few have.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import tempfile
from collections.abc import Callable
from datetime import date
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import numpy as np
import pandas as pd

import napari_corrclip as nc
from napari_corrclip.project.folder import item_folder
from napari_corrclip.project.index import Found
from napari_corrclip.project.project import Project
from napari_corrclip.project.records import ItemState
from napari_corrclip.project.vectors import VECTORS, write_vectors
from napari_corrclip.results.vectors import RegionVectors, scaled

WORDS = "red, green, blue, wood"
LENGTH, GROUPS = 128, 50
TARGET = 0.05
"""Seconds of a search among 100,000 regions."""


def made(work: Path, images: int, regions: int) -> Path:
    """Make a project of so many images, each with so many regions."""
    dice = np.random.default_rng(1)
    kinds = dice.normal(size=(GROUPS, 2 * LENGTH))  # things that are alike
    with Project.create(work / "set", WORDS, recipe=nc.Recipe()) as project:
        index, names = project._index, [f"item-{number}" for number in range(images)]
        with index.transaction():
            index.add([Found(name, f"../images/{name}.jpg", 1, 1) for name in names])
            run = index.begin_run(project.vocabulary, nc.Recipe())
        for name in names:
            write(item_folder(project.folder, name), dice, kinds, regions)
            with index.transaction():
                number = index.item(name).id
                index.take_regions(number, table(dice, regions), run)
                index.mark(number, ItemState.PRELABELLED)
        return project.folder


def write(folder: Path, dice: np.random.Generator, kinds: np.ndarray, regions: int) -> None:
    """Write what is read of a result, and its vectors."""
    (folder / "result").mkdir(parents=True, exist_ok=True)
    chances = dice.dirichlet(np.ones(4), regions).astype(np.float32)
    np.savez(folder / "result" / "arrays.npz", region_probabilities=chances)
    mixed = (
        3 + kinds[dice.integers(len(kinds), size=regions)] + dice.normal(size=(regions, 2 * LENGTH))
    )
    clip, similarity = (
        (part / np.linalg.norm(part, axis=1, keepdims=True)).astype(np.float16)
        for part in np.split(mixed, 2, axis=1)
    )
    vectors = RegionVectors(
        ids=np.arange(1, regions + 1, dtype=np.int32),
        clip=clip,
        similarity=similarity,
        colours=dice.uniform(0, 50, (regions, 8)).astype(np.float32),
        places=dice.uniform(size=(regions, 2)).astype(np.float32),
        probabilities=scaled(chances),
        classes=(1, 2, 3, 4),
        clip_network="random",
        similarity_network="random",
    )
    write_vectors(folder / VECTORS, vectors)


def table(dice: np.random.Generator, regions: int) -> pd.DataFrame:
    """Return a table of regions; a thousandth of them are of the last class and undecided."""
    ids, p = np.arange(1, regions + 1), dice.random(regions)
    values = np.where(dice.random(regions) < 0.001, 4, ids % 3 + 1)
    columns = dict.fromkeys(("min_row", "min_col", "max_row", "max_col"), ids)
    return pd.DataFrame(
        {"id": ids, "value": values, "p": p, "margin": p / 2, "area": ids * 10, **columns}
    )


def timed(call: Callable[[], object], turns: int) -> tuple[float, float]:
    """Return the medians of a call's seconds, on the wall and of the processor."""
    wall, processor = [], []
    for _ in range(turns):
        began, worked = perf_counter(), process_time()
        call()
        wall.append(perf_counter() - began)
        processor.append(process_time() - worked)
    return statistics.median(wall), statistics.median(processor)


def measure(folder: Path, turns: int) -> dict[str, Any]:
    """Measure the searches."""
    dice = np.random.default_rng(2)
    with Project.open(folder) as project:
        items = project.items()
        regions = items[0].regions or 0

        def search(**wanted: Any) -> None:
            item = items[int(dice.integers(len(items)))]
            region = int(dice.integers(1, regions + 1))
            found = project.like(item, region, progress=False, **wanted)
            if len(found.regions) != 20:
                raise RuntimeError(f"{len(found.regions)} regions were found.")

        seconds = {"first": timed(search, 1)}
        seconds["search"] = timed(search, turns)
        seconds["elsewhere"] = timed(lambda: search(elsewhere=True), turns)
        seconds["rare"] = timed(lambda: search(undecided=True, of="wood"), turns)

        def new() -> None:
            kinds = dice.normal(size=(GROUPS, 2 * LENGTH))
            write(project.folder_of(items[0]), dice, kinds, regions)
            search()

        seconds["new"] = timed(new, 3)
        (rows,) = project._bank._rows.values()
        seconds["product"] = timed(lambda: rows.x @ rows.x[0], turns)
        return {
            "images": len(items),
            "regions": len(rows),
            "mib": rows.x.nbytes / 2**20,
            "wall_s": {name: both[0] for name, both in seconds.items()},
            "processor_s": {name: both[1] for name, both in seconds.items()},
            "met": seconds["search"][0] <= TARGET,
        }


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--images", type=int, default=500)
    parser.add_argument("--regions", type=int, default=200, help="an image")
    parser.add_argument("--turns", type=int, default=21)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as work:
        found = measure(made(Path(work), options.images, options.regions), options.turns)
    found |= {
        "date": date.today().isoformat(),
        "machine": platform.machine(),
        "numpy": np.__version__,
    }
    for name, seconds in found["wall_s"].items():
        cpu = found["processor_s"][name]
        print(f"{name}: {1e3 * seconds:.1f} ms, {1e3 * cpu:.1f} ms of the processor")
    print(f"{found['regions']:,} regions of {found['images']:,} images, {found['mib']:.0f} MiB")
    if options.json:
        options.json.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
