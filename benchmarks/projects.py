"""What a project costs beside the networks, what workers gain, and how its list behaves with 50,000 images.

    xvfb-run -a -s "-screen 0 1400x900x24" python benchmarks/projects.py --json projects.json

*runner*: the same images by the same loaded networks, one after another and as a project, in turns in one
process, with as many threads as there are cores and with one; by the demo's networks, which are a hundredth
of real ones, and by ``vit-b-16`` in its shapes with random weights and superpixels. The rest is reading,
region vectors, writing and the index. *workers*: the same images by one worker of one thread, and by two; the
rate between the first result and the last, since starting is no matter of images. *memory*: the most that the
process held after 50 and after 300 images. *list*: an index of 50,000 images with 20 regions each: opened,
listed in every order, filtered, sought, and shown, from nothing to its first picture.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import platform
import resource
import shutil
import statistics
import sys
import tempfile
from collections.abc import Callable
from datetime import date
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import pandas as pd
import torch
from PIL import Image

sys.path.insert(0, str(Path(__file__).parent))
from speed import build, picture

import napari_corrclip as nc
from napari_corrclip.demo.scenes import generate_scene
from napari_corrclip.engine.segmenter import Segmenter
from napari_corrclip.project.index import Found
from napari_corrclip.project.listing import ItemOrder
from napari_corrclip.project.project import Project
from napari_corrclip.project.run import Done
from napari_corrclip.regions.superpixels import SuperpixelRegions

WORDS = "red, green, blue, background: wood"
RECIPE = nc.Recipe()  # the demo's networks, with SAM


def scenes(folder: Path, number: int) -> None:
    """Write so many scenes of 256 x 256."""
    folder.mkdir()
    for seed in range(number):
        Image.fromarray(generate_scene(seed).image).save(folder / f"{seed:05d}.png")


def runner(
    work: Path, name: str, images: list[Path], recipe: nc.Recipe, segmenter: Segmenter, turns: int
) -> dict[str, Any]:
    """Measure a line of the first table."""
    segmenter.segment(images[0], WORDS)  # kernels and text features are there
    plain, whole = [], []
    for turn in range(turns):
        loaded = [np.asarray(Image.open(path)) for path in images]
        began = perf_counter()
        for image in loaded:
            segmenter.segment(image, WORDS)
        plain.append(perf_counter() - began)
        folder = work / f"{name} {turn}"
        with Project.create(folder, WORDS, images, recipe=recipe) as project:
            began = perf_counter()
            report = project.run(segmenter=segmenter, progress=False)
            whole.append(perf_counter() - began)
            if len(report.done) != len(images):
                raise RuntimeError(f"{len(report.done)} of {len(images)} images were done.")
    ratios = [two / one for one, two in zip(plain, whole, strict=True)]
    return {
        "images": len(images),
        "threads": torch.get_num_threads(),
        "networks_s": statistics.median(plain) / len(images),
        "project_s": statistics.median(whole) / len(images),
        "overhead": statistics.median(ratios) - 1,
        "overheads": [round(ratio - 1, 3) for ratio in sorted(ratios)],
    }


def runners(work: Path, number: int, turns: int) -> dict[str, Any]:
    """Measure the first table."""
    demo = sorted((work / "scenes").iterdir())[:number]
    (work / "photographs").mkdir()
    for seed in range(6):
        path = work / "photographs" / f"{seed}.png"
        Image.fromarray(np.roll(picture((480, 640)), 40 * seed, axis=1)).save(path)
    photographs = sorted((work / "photographs").iterdir())
    superpixels = nc.Recipe("vit-b-16", regions="superpixels")
    large = build("vit-b-16", torch.device("cpu"), torch.float32)
    large.regions = SuperpixelRegions()
    small = Segmenter.from_recipe(RECIPE)
    found, all_of_them = {}, torch.get_num_threads()
    for threads in dict.fromkeys((all_of_them, 1)):
        torch.set_num_threads(threads)
        found[f"demo, threads {threads}"] = runner(
            work, f"demo {threads}", demo, RECIPE, small, turns
        )
    torch.set_num_threads(all_of_them)
    found["vit-b-16"] = runner(work, "vit-b-16", photographs, superpixels, large, min(turns, 3))
    return found


def workers(work: Path, number: int, turns: int) -> dict[str, Any]:
    """Measure the second."""
    from distributed import LocalCluster

    images = sorted((work / "scenes").iterdir())[:number]
    rates: dict[int, list[float]] = {1: [], 2: []}
    with contextlib.ExitStack() as held:
        addresses = {
            count: held.enter_context(
                LocalCluster(
                    n_workers=count,
                    threads_per_worker=1,
                    host="127.0.0.1",
                    dashboard_address="127.0.0.1:0",
                    memory_limit=0,
                )
            ).scheduler_address
            for count in rates
        }
        for turn in range(turns + 1):
            for count, address in addresses.items():
                folder = work / f"workers {count} {turn}"
                with Project.create(folder, WORDS, images, recipe=RECIPE) as project:
                    times = [
                        perf_counter()
                        for event in project.run_steps(scheduler=address)
                        if isinstance(event, Done)
                    ]
                if turn:  # networks are loaded in the first one
                    rates[count].append((len(times) - 1) / (times[-1] - times[0]))
    gains = [two / one for one, two in zip(rates[1], rates[2], strict=True)]
    return {
        "images": number,
        "one_a_second": statistics.median(rates[1]),
        "two_a_second": statistics.median(rates[2]),
        "gain": statistics.median(gains),
        "gains": [round(gain, 2) for gain in sorted(gains)],
    }


def memory(work: Path, number: int, early: int) -> dict[str, Any]:
    """Measure the third."""
    scenes(work / "many", number)
    recipe = nc.Recipe(regions="superpixels")
    segmenter = Segmenter.from_recipe(recipe)
    held: dict[int, float] = {}
    with Project.create(work / "many set", WORDS, work / "many", recipe=recipe) as project:
        done = 0
        for event in project.run_steps(segmenter=segmenter):
            done += type(event).__name__ == "Done"
            if done in (early, number) and done not in held:
                held[done] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    return {f"peak_gib_{images}": gib for images, gib in held.items()}


def made(work: Path, number: int, regions: int) -> Path:
    """Make an index of so many images that are nowhere, each with so many regions."""
    with Project.create(work / "large", WORDS, work / "scenes", recipe=RECIPE) as project:
        folder, index = project.folder, project._index
        dice = np.random.default_rng(1)
        with index.transaction():
            index.add([Found(f"item-{n}", f"../images/{n:06d}.jpg", 1, 1) for n in range(number)])
            run = index.begin_run(project.vocabulary, RECIPE)
        numbers = project.list_items()
        for first in range(0, len(numbers), 1000):
            with index.transaction():
                for item in numbers[first : first + 1000]:
                    p = dice.random(regions)
                    index.take_regions(item, table(p), run)
    return folder


def table(p: np.ndarray) -> pd.DataFrame:
    """Return a table of regions with these probabilities."""
    ids = np.arange(1, len(p) + 1)
    columns = dict.fromkeys(("min_row", "min_col", "max_row", "max_col"), ids)
    return pd.DataFrame(
        {"id": ids, "value": ids % 4 + 1, "p": p, "margin": p / 2, "area": ids * 10, **columns}
    )


def timed(call: Callable[[], object], turns: int = 5) -> float:
    """Return the median of a call's seconds."""
    seconds = []
    for _ in range(turns):
        began = perf_counter()
        call()
        seconds.append(perf_counter() - began)
    return statistics.median(seconds)


def lists(folder: Path) -> dict[str, Any]:
    """Measure the fourth."""
    from qtpy.QtWidgets import QApplication

    from napari_corrclip.gui.project.model import ItemsModel
    from napari_corrclip.gui.project.view import ItemsView

    application = QApplication.instance() or QApplication([])
    assert application is not None
    found: dict[str, Any] = {"open_s": timed(lambda: Project.open(folder).close())}
    with Project.open(folder) as project:
        found["images"] = len(project)
        found["orders_s"] = {
            str(order): timed(lambda o=order: project.list_items(order=o, value=2))
            for order in ItemOrder
        }
        found["filter_s"] = timed(lambda: project.list_items("new"))
        found["search_s"] = timed(lambda: project.list_items(search="0499"))
        found["count_s"] = timed(project.count)

        def show() -> None:
            model = ItemsModel()
            view = ItemsView(model, lambda _: None)
            view.resize(320, 500)
            model.show(project)
            view.show()
            if view.grab().isNull():
                raise RuntimeError("Nothing was drawn.")
            view.close()

        show()
        found["first_paint_s"] = timed(show)
    return found


def main() -> None:
    """Measure all, and print it."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--images", type=int, default=40)
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--many", type=int, default=300)
    parser.add_argument("--listed", type=int, default=50_000)
    parser.add_argument("--regions", type=int, default=20)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    work = Path(tempfile.mkdtemp())
    scenes(work / "scenes", options.images)
    try:
        document = {
            "date": date.today().isoformat(),
            "machine": platform.machine(),
            "threads": torch.get_num_threads(),
            # First, since the most that a process ever held is measured.
            "memory": memory(work, options.many, min(50, options.many)),
            "runner": runners(work, options.images, options.turns),
            "workers": workers(work, options.images, options.turns),
            "list": lists(made(work, options.listed, options.regions)),
        }
    finally:
        shutil.rmtree(work, ignore_errors=True)
    print(json.dumps(document, indent=1))
    if options.json:
        options.json.write_text(json.dumps(document, indent=1))


if __name__ == "__main__":
    main()
