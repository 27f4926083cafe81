"""The contact sheet: what its first page, a later one and its crops cost, with 100,000 regions.

    OMP_NUM_THREADS=1 xvfb-run -a -s "-screen 0 1400x900x24" python benchmarks/sheet.py --json sheet.json

A project of 500 images with 200 regions each, of random vectors as long as those of the presets (as
benchmarks/likeness.py makes it); the images' files are there and empty, since no order reads one. *page*:
from nothing to the regions of the first page, in each order, and of one class in four; *next*: the regions of
a page in the middle. *vectors*: the first order by looks, which reads all files of vectors. *made*: the small
pictures of a page of 24 regions from 24 photographs of 1024 x 768, none of which was read before; *kept*: the
same ones from the project's cache; and how many bytes each takes there. *window*: the sheet in napari's
window, whose images have 256 x 256 pixels: until the first page stands there, until all its pictures do, how
long a turn of the page takes at most, and how long the window is deaf at most while one turns 40 pages and
pictures are made behind.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import tempfile
from collections.abc import Callable
from datetime import date
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import tifffile

sys.path.insert(0, str(Path(__file__).parent))
from likeness import made, timed
from PIL import Image

import napari_corrclip as nc
from napari_corrclip.demo.scenes import generate_scene
from napari_corrclip.project.project import Project
from napari_corrclip.project.sheet.crops import Crop
from napari_corrclip.project.sheet.listing import Sheet, SheetFilter, SheetOrder

TARGET = 0.5
"""Seconds until the first page is known."""


def listed(folder: Path, turns: int) -> dict[str, Any]:
    """Measure the lists."""
    with Project.open(folder) as project:
        for item in project:
            path = project.path_of(item)
            path.parent.mkdir(exist_ok=True)
            path.touch()
        sheets: list[Sheet] = []

        def page(wanted: SheetFilter) -> None:
            sheet = project.sheet(wanted, progress=False)
            found = project.read_regions(sheet.page(0))
            if len(found) != min(24, len(sheet)):
                raise RuntimeError(f"{len(found)} regions are on the first page.")
            sheets.append(sheet)

        orders = {
            "p": SheetFilter(),
            "margin": SheetFilter(order=SheetOrder.MARGIN),
            "class": SheetFilter(value=1),
            "alike": SheetFilter(order=SheetOrder.ALIKE),
            "alike, class": SheetFilter(order=SheetOrder.ALIKE, value=1),
        }
        seconds = {"vectors": timed(lambda: page(orders["alike"]), 1)}
        places = sheets[0].page(7)
        orders["like"] = SheetFilter(order=SheetOrder.LIKE, like=tuple(places[:3]))
        for name, wanted in orders.items():
            seconds[f"page, {name}"] = timed(lambda wanted=wanted: page(wanted), turns)
        middle = sheets[0].pages // 2
        seconds["next"] = timed(lambda: project.read_regions(sheets[0].page(middle)), turns)
        return {
            "images": len(project),
            "regions": len(sheets[0]),
            "wall_s": {name: both[0] for name, both in seconds.items()},
            "processor_s": {name: both[1] for name, both in seconds.items()},
        }


def pictured(work: Path, turns: int) -> dict[str, Any]:
    """Measure the small pictures."""
    place = work / "photographs"
    place.mkdir()
    for number in range(24):
        tiled = np.tile(generate_scene(number).image, (3, 4, 1))
        Image.fromarray(tiled).save(place / f"{number}.jpg", quality=90)
    recipe = nc.Recipe(regions="superpixels", region_options={"n_segments": 200})
    with Project.create(work / "pictures", "red, green, blue", place, recipe=recipe) as project:
        project.run(progress=False)
        sheet = project.sheet(SheetFilter(undecided=False), progress=False)
        first = dict(sheet.between(0, len(sheet)))  # of each image one
        page = project.read_regions(first.items())

        def make() -> None:
            made = [each for each in project.crop_steps(page) if isinstance(each, Crop)]
            if len(made) != 24 or any(each.pixels is None for each in made):
                raise RuntimeError(f"{len(made)} pictures were made.")

        def make_anew() -> None:
            project.crops.clear()
            make()

        found = {"made": timed(make_anew, turns)}
        bytes_each = project.crops.size / 24
        found["kept"] = timed(make, turns)
        return {
            "wall_s": {name: both[0] for name, both in found.items()},
            "processor_s": {name: both[1] for name, both in found.items()},
            "bytes_a_picture": round(bytes_each),
        }


def windowed(folder: Path) -> dict[str, float]:
    """Measure the window."""
    import napari
    from qtpy.QtCore import QElapsedTimer, QTimer
    from qtpy.QtWidgets import QApplication

    from napari_corrclip.gui.dock import CorrClipDock

    drawn(folder)
    viewer = napari.Viewer(show=True)
    dock = CorrClipDock(viewer)
    viewer.window.add_dock_widget(dock)

    def wait(until: Callable[[], bool]) -> float:
        began = perf_counter()
        while not until():
            QApplication.processEvents()
            if perf_counter() - began > 120:
                raise RuntimeError("The window does not come to it.")
        return perf_counter() - began

    dock.projects.opened(Project.open(folder), run=False)
    wait(lambda: not dock.projects.review.is_opening)
    sheet = dock.sheet
    first = perf_counter()
    dock.projects.panel.sheet_button.click()
    wait(lambda: sheet.sheet is not None)
    found = {"window, first page": perf_counter() - first}
    wait(lambda: not sheet._soon.isActive() and not sheet._pictures.running)
    found["window, its pictures"] = perf_counter() - first
    lags, clock = [0], QElapsedTimer()

    def beat() -> None:
        lags.append(clock.restart())

    heart = QTimer()
    heart.timeout.connect(beat)
    clock.start()
    heart.start(5)
    turns = []
    for turn in range(40):
        began = perf_counter()
        sheet.bar.setValue(7 * turn + 1)
        turns.append(perf_counter() - began)
        for _ in range(10):
            QApplication.processEvents()
    wait(lambda: not sheet._soon.isActive() and not sheet._pictures.running)
    heart.stop()
    found["window, a turn at most"] = max(turns)
    found["window, deaf at most"] = max(lags) / 1000
    dock.cleanup()
    viewer.close()
    return found


def drawn(folder: Path) -> None:
    """Give the images of a project pixels, and its regions places: all the same grid of 20 x 10."""
    grid = np.repeat(np.repeat(np.arange(1, 201).reshape(10, 20), 25, axis=0), 12, axis=1)
    regions = np.zeros((256, 256), np.uint16)
    regions[: grid.shape[0], : grid.shape[1]] = grid
    with Project.open(folder) as project:
        for number, item in enumerate(project):
            Image.fromarray(generate_scene(number % 7).image).save(project.path_of(item))
            tifffile.imwrite(project.folder_of(item) / "result" / "regions.tif", regions)
        with project._index.transaction():
            project._index._connection.execute(
                "UPDATE regions SET top = (id - 1) / 20 * 25, bottom = (id - 1) / 20 * 25 + 25,"
                ' "left" = (id - 1) % 20 * 12, "right" = (id - 1) % 20 * 12 + 12'
            )


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--images", type=int, default=500)
    parser.add_argument("--regions", type=int, default=200, help="an image")
    parser.add_argument("--turns", type=int, default=7)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as work:
        folder = made(Path(work), options.images, options.regions)
        found = listed(folder, options.turns)
        found["wall_s"] |= windowed(folder)
        pictures = pictured(Path(work), options.turns)
    for seconds in ("wall_s", "processor_s"):
        found[seconds] |= pictures.pop(seconds)
    found |= pictures
    pages = [seconds for name, seconds in found["wall_s"].items() if name.startswith("page")]
    found |= {
        "met": max(pages) <= TARGET,
        "date": date.today().isoformat(),
        "machine": platform.machine(),
        "numpy": np.__version__,
    }
    for name, seconds in found["wall_s"].items():
        cpu = found["processor_s"].get(name)
        worked = "" if cpu is None else f", {1e3 * cpu:.0f} ms of the processor"
        print(f"{name}: {1e3 * seconds:.0f} ms{worked}")
    print(f"{found['regions']:,} regions of {found['images']:,} images; met: {found['met']}")
    print(f"{found['bytes_a_picture']:,} bytes a picture")
    if options.json:
        options.json.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
