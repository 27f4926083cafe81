"""What a project costs beside the networks, and how its list behaves with 50,000 images.

    xvfb-run -a -s "-screen 0 1400x900x24" python benchmarks/projects.py --json projects.json

*runner*: the same scenes by the same loaded networks, one after another and as a project, in turns in one
process; the rest is reading, writing and the index. *memory*: what the process holds after 50 and after 300
images. *list*: an index of 50,000 images with 20 regions each: opened, listed in every order, filtered,
sought, and shown, from nothing to its first picture.
"""

from __future__ import annotations

import argparse
import json
import platform
import resource
import shutil
import statistics
import tempfile
from collections.abc import Callable
from datetime import date
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

import napari_corrclip as nc
from napari_corrclip.demo.scenes import generate_scene
from napari_corrclip.engine.segmenter import Segmenter
from napari_corrclip.project.index import Found
from napari_corrclip.project.listing import ItemOrder
from napari_corrclip.project.project import Project

WORDS = "red, green, blue, background: wood"
RECIPE = nc.Recipe()  # the demo's networks, with SAM


def scenes(folder: Path, number: int) -> None:
    """Write so many scenes of 256 x 256."""
    folder.mkdir()
    for seed in range(number):
        Image.fromarray(generate_scene(seed).image).save(folder / f"{seed:05d}.png")


def runner(work: Path, number: int, turns: int) -> dict[str, Any]:
    """Measure the first table."""
    scenes(work / "scenes", number)
    images = sorted((work / "scenes").iterdir())
    segmenter = Segmenter.from_recipe(RECIPE)
    segmenter.segment(images[0], WORDS)  # kernels and text features are there
    plain, whole = [], []
    for turn in range(turns):
        loaded = [np.asarray(Image.open(path)) for path in images]
        began = perf_counter()
        for image in loaded:
            segmenter.segment(image, WORDS)
        plain.append(perf_counter() - began)
        folder = work / f"set {turn}"
        with Project.create(folder, WORDS, work / "scenes", recipe=RECIPE) as project:
            began = perf_counter()
            report = project.run(segmenter=segmenter, progress=False)
            whole.append(perf_counter() - began)
            if len(report.done) != number:
                raise RuntimeError(f"{len(report.done)} of {number} images were done.")
    return {
        "images": number,
        "networks_s": statistics.median(plain) / number,
        "project_s": statistics.median(whole) / number,
        "overhead": statistics.median(whole) / statistics.median(plain) - 1,
    }


def memory(work: Path, number: int, early: int) -> dict[str, Any]:
    """Measure the second."""
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
    """Measure the third."""
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
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--many", type=int, default=300)
    parser.add_argument("--listed", type=int, default=50_000)
    parser.add_argument("--regions", type=int, default=20)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    work = Path(tempfile.mkdtemp())
    try:
        document = {
            "date": date.today().isoformat(),
            "machine": platform.machine(),
            "runner": runner(work, options.images, options.turns),
            "memory": memory(work, options.many, min(50, options.many)),
            "list": lists(made(work, options.listed, options.regions)),
        }
    finally:
        shutil.rmtree(work, ignore_errors=True)
    print(json.dumps(document, indent=1))
    if options.json:
        options.json.write_text(json.dumps(document, indent=1))


if __name__ == "__main__":
    main()
