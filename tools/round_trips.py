"""A set of photographs that goes out in each format and comes back, compared with what it was.

    python -m tools.round_trips FOLDER -c "road, house, tree, background: sky" --images 12

A project is made of the first images of the folder, pre-labelled by the demo with superpixels, and corrected
by a seeded hand: regions assigned, accepted, ignored, painted, split and merged; half of the images verified.
Each format is read into a new project. Printed is, of each, how many images have the labels, regions, decisions
and states that they had.
"""

from __future__ import annotations

import argparse
import random
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import numpy as np

from napari_corrclip.annotation import Session
from napari_corrclip.engine.recipe import Recipe
from napari_corrclip.errors import InputError
from napari_corrclip.project.export.formats import WRITTEN
from napari_corrclip.project.export.importing import Opened
from napari_corrclip.project.importing import recipe_in
from napari_corrclip.project.project import Project
from napari_corrclip.project.records import ItemRecord


@dataclass(frozen=True)
class Seen:
    """What is seen of an image: its labels, regions, decisions and state."""

    labels: bytes
    regions: bytes
    decisions: tuple[tuple[int, str, int], ...]
    state: str

    @classmethod
    def of(cls, project: Project, item: ItemRecord) -> Seen:
        """Return that of an item."""
        with project.session(item) as session:
            table = session.table
            rows = zip(table["id"], table["state"], table["label"], strict=True)
            decisions = tuple(
                (int(region), str(state), int(value)) for region, state, value in rows if state
            )
            maps = np.ascontiguousarray(session.labels), np.ascontiguousarray(session.regions)
            return cls(*(each.tobytes() for each in maps), decisions, str(item.state))


def correct(session: Session, dice: random.Random) -> None:
    """Make edits of all kinds."""
    names = session.vocabulary.names
    for _ in range(12):
        regions = dice.sample(session.ids.tolist(), 4)
        for edit in (
            lambda: session.assign(regions[:2], dice.choice(names)),  # noqa: B023 - made at once
            lambda: session.ignore(regions[2:3]),  # noqa: B023
            lambda: session.accept(regions[3:]),  # noqa: B023
        ):
            edit()
    region = dice.choice(session.ids.tolist())
    inside = session.regions == region
    session.split_mask(region, inside & (np.arange(session.shape[1]) % 3 == 0))
    stroke = np.zeros(session.shape, np.bool_)
    stroke[session.shape[0] // 2 : session.shape[0] // 2 + 5] = True
    session.paint(stroke, dice.choice(names))
    session.merge(dice.sample(session.ids.tolist(), 2))


def main() -> None:
    """Go there and back."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--classes", "-c", default="road, house, tree, background: sky")
    parser.add_argument("--images", type=int, default=12)
    options = parser.parse_args()
    paths = sorted(path for path in options.folder.iterdir() if path.is_file())[: options.images]
    if not paths:
        raise InputError(f"{str(options.folder)!r} has no images; give a folder of photographs.")
    dice = random.Random(0)
    with tempfile.TemporaryDirectory() as place:
        work = Path(place)
        recipe = Recipe(regions="superpixels")
        with Project.create(work / "set", options.classes, paths, recipe=recipe) as project:
            project.run(progress=False)
            for number, item in enumerate(project.items()):
                if number % 3 == 2:
                    continue  # as it was proposed
                with project.session(item, by="Ann") as session:
                    correct(session, dice)
                if number % 2:
                    project.mark(item, "verified", by="Ann")
            before = {item.title: Seen.of(project, item) for item in project.items()}
            for name in WRITTEN:
                began = perf_counter()
                out = project.export(work / name, name, progress=False).folder
                written = perf_counter() - began
                opened = Opened.of(out)
                with Project.create(
                    work / f"{name} again", opened.vocabulary, paths, recipe=recipe_in(opened)
                ) as other:
                    began = perf_counter()
                    report = other.import_labels(out, progress=False)
                    read = perf_counter() - began
                    after = {item.title: Seen.of(other, item) for item in other.items()}
                size = sum(path.stat().st_size for path in out.rglob("*") if path.is_file())
                same = {
                    what: sum(
                        getattr(after[title], what) == getattr(seen, what)
                        for title, seen in before.items()
                    )
                    for what in ("labels", "regions", "decisions", "state")
                }
                told = ", ".join(f"{what} {number}" for what, number in same.items())
                print(
                    f"{name:14} {len(before)} images out in {written:.1f} s ({size / 1e6:.1f} MB), "
                    f"{len(report.done)} back in {read:.1f} s; the same: {told}",
                    *report.conflicts,
                    sep="\n  ",
                    flush=True,
                )
                shutil.rmtree(out)


if __name__ == "__main__":
    main()
