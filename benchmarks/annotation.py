"""How long edits of a large session take, beside counting and drawing everything anew.

    python benchmarks/annotation.py                       # 4 megapixels, 2,000 regions, 20 classes
    python benchmarks/annotation.py --json annotation.json

Each edit is made on 200 random regions (the figures are the median and the 95th percentile) and five
times on the largest one, whose box is the whole image, and undone again, which is timed as well. The
reference is what an edit would cost without local updates: everything counted and drawn anew.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from time import perf_counter

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, spatial

from napari_corrclip.annotation import Journal, Queue, Session, restore
from napari_corrclip.annotation.state import State
from napari_corrclip.results.segmentation import Segmentation, segmentation_from_probabilities
from napari_corrclip.vocabulary import Vocabulary


@dataclass(frozen=True)
class Row:
    """Milliseconds of one edit: over random regions, of the largest one, and of undoing it."""

    edit: str
    median: float
    p95: float
    largest: float
    undo: float


def synthetic(side: int, count: int, classes: int, seed: int) -> Segmentation:
    """A map of ``count`` regions of very different sizes with ragged borders, and smooth classes.

    The largest is what lies between the others, a fifth of the image and all over it.
    """
    random = np.random.default_rng(seed)
    # Centres crowd in one corner, so that the largest region is some hundred times the median one.
    centres = side * random.random((count - 1, 2)) ** 1.5
    rows, columns = np.mgrid[0:side, 0:side].astype(np.float32)
    ragged = [ndimage.gaussian_filter(random.normal(size=(side, side)), 2) * 12 for _ in range(2)]
    points = np.stack([rows + ragged[0], columns + ragged[1]], axis=-1).reshape(-1, 2)
    regions = spatial.cKDTree(centres).query(points, workers=-1)[1].reshape(side, side) + 1
    between = ndimage.gaussian_filter(random.normal(size=(side, side)), 12)
    regions[between > np.quantile(between, 0.8)] = count
    coarse = random.random((classes, 24, 24)) ** 4
    probabilities = np.stack(
        [ndimage.zoom(plane, side / 24, order=1).astype(np.float32) for plane in coarse]
    )
    probabilities = np.clip(probabilities, 1e-3, 1)
    probabilities /= probabilities.sum(axis=0)
    vocabulary = Vocabulary.from_names([f"class {number}" for number in range(classes)])
    return segmentation_from_probabilities(probabilities, regions.astype(np.int32), vocabulary)


def milliseconds(work: Callable[[], object]) -> float:
    """Wall time of ``work``."""
    began = perf_counter()
    work()
    return 1000 * (perf_counter() - began)


def typical(work: Callable[[], object]) -> float:
    """The median of five times."""
    return statistics.median(milliseconds(work) for _ in range(5))


def disc(session: Session, region: int, radius: int = 20) -> NDArray[np.bool_]:
    """A brush stroke around a pixel of ``region``."""
    row = session.region(region)
    inside = np.argwhere(
        session.regions[row.box[0] : row.box[2], row.box[1] : row.box[3]] == region
    )
    centre = inside[len(inside) // 2] + row.box[:2]
    rows, columns = np.ogrid[: session.shape[0], : session.shape[1]]
    return (rows - centre[0]) ** 2 + (columns - centre[1]) ** 2 <= radius**2


def edits(session: Session) -> Iterator[tuple[str, Callable[[int], Callable[[], object] | None]]]:
    """Each edit: from a region to the work that is timed, or ``None`` where it cannot be done."""
    names = session.vocabulary.names

    def other(region: int) -> str:
        return next(name for name in names if name != _class_of(session, region))

    def merge(region: int) -> Callable[[], object] | None:
        near = sorted(session.neighbours(region))
        return (lambda: session.merge([region, near[0]])) if near else None

    def cut(region: int) -> Callable[[], object] | None:
        row = session.region(region)
        mask = np.zeros(session.shape, bool)
        mask[: (row.box[0] + row.box[2]) // 2] = True
        kept = np.bincount(mask[session.regions == region].astype(int), minlength=2)
        return (lambda: session.split_mask(region, mask)) if kept.all() else None

    def strokes(region: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        rows, columns = np.nonzero(disc(session, region))
        return rows, columns

    def paint(region: int) -> Callable[[], object]:
        pixels = strokes(region)
        return lambda: session.paint(pixels, other(region))

    def extend(region: int) -> Callable[[], object]:
        pixels = strokes(region)
        return lambda: session.paint_regions(pixels, region)

    yield "assign", lambda region: lambda: session.assign(region, other(region))
    yield "accept", lambda region: lambda: session.accept(region)
    yield "revote by mean", lambda region: lambda: session.revote([region], "mean")
    yield "merge with a neighbour", merge
    yield "split by a mask", cut
    yield "spread", lambda region: lambda: session.spread(region, other(region))
    yield "paint labels, a disc of 20", paint
    yield "paint regions, a disc of 20", extend


def _class_of(session: Session, region: int) -> str:
    value = session.region(region).value
    return session.vocabulary.by_value(value).name if value else ""


def measure(session: Session, regions: list[int], largest: int) -> Iterator[Row]:
    """Time every edit and its undo."""
    session.neighbours(largest)  # counts the borders once, as the first spread of a person would
    for name, prepare in edits(session):
        times, undos = [], []
        for region in regions:
            work = prepare(region)
            if work is None:
                continue
            steps = len(session.history.done)
            times.append(milliseconds(work))
            if len(session.history.done) > steps:
                undos.append(milliseconds(session.undo))
        most = []
        for _ in range(5):
            work = prepare(largest)
            assert work is not None
            steps = len(session.history.done)
            most.append(milliseconds(work))
            if len(session.history.done) > steps:
                session.undo()
        yield Row(
            name,
            statistics.median(times),
            float(np.percentile(times, 95)),
            statistics.median(most),
            statistics.median(undos) if undos else 0.0,
        )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--side", type=int, default=2048)
    parser.add_argument("--regions", type=int, default=2000)
    parser.add_argument("--classes", type=int, default=20)
    parser.add_argument("--repeats", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()

    result = synthetic(options.side, options.regions, options.classes, options.seed)
    opened = milliseconds(lambda: Session(result))
    session = Session(result)
    areas = {row.id: row.area for row in session.rows()}
    largest = max(areas, key=areas.__getitem__)
    random = np.random.default_rng(options.seed)
    chosen = random.choice(session.ids, options.repeats, replace=False).tolist()
    print(
        f"{options.side} x {options.side} pixels, {len(areas)} regions (median "
        f"{statistics.median(areas.values()):.0f} pixels, largest {areas[largest]:,}), "
        f"{options.classes} classes; {platform.processor() or platform.machine()}, "
        f"{platform.python_version()}, {date.today()}"
    )
    state = session.state
    whole = milliseconds(
        lambda: State(
            state.regions.copy(), state.evidence, state.vocabulary, pins=state.pins.copy()
        )
    )
    print(f"everything anew (the reference): {whole:.0f} ms; opening a result: {opened:.0f} ms\n")
    print(f"{'edit':<30} {'median':>8} {'p95':>8} {'largest':>8} {'undo':>8}   reference / median")
    rows = []
    for row in measure(session, chosen, largest):
        rows.append(row)
        print(
            f"{row.edit:<30} {row.median:>8.2f} {row.p95:>8.2f} {row.largest:>8.2f} {row.undo:>8.2f}"
            f"   {whole / row.median:>8.0f}"
        )

    thousand = Session(result)
    for number in range(1000):
        region = int(random.choice(thousand.ids))
        near = sorted(thousand.neighbours(region))
        kind = number % 4
        if kind == 0:
            thousand.assign(region, "class 1")
        elif kind == 1 and near:
            thousand.merge([region, near[0]])
        elif kind == 2:
            thousand.paint(np.nonzero(disc(thousand, region)), "class 2")
        else:
            thousand.paint_regions(np.nonzero(disc(thousand, region)), None)
    held = thousand.history.nbytes / 1e6
    print(f"\nhistory of {len(thousand.history.done)} mixed edits: {held:.1f} MB")
    queue = typical(lambda: Queue(thousand, "adaptive"))
    table = typical(lambda: thousand.table)
    with tempfile.TemporaryDirectory() as folder:
        save = typical(lambda: thousand.save(f"{folder}/saved"))
        load = typical(lambda: Session.load(f"{folder}/saved"))
        with Journal(thousand, f"{folder}/journal"):
            appended = statistics.median(
                milliseconds(lambda region=region: thousand.assign(region, "class 3"))
                for region in thousand.ids[:100].tolist()
            )
        restored = typical(lambda: restore(f"{folder}/journal"))
    print(
        f"queue refreshed {queue:.0f} ms, table {table:.0f} ms, save {save:.0f} ms, load {load:.0f} ms, "
        f"an edit with its journal {appended:.1f} ms, restore {restored:.0f} ms"
    )
    if options.json is not None:
        others = {
            "reference": whole, "open": opened, "history_mb": held, "queue": queue, "table": table,
            "save": save, "load": load, "journalled": appended, "restore": restored,
        }  # fmt: skip
        document = {"date": str(date.today()), "edits": [asdict(row) for row in rows], **others}
        options.json.write_text(json.dumps(document, indent=2) + "\n")


if __name__ == "__main__":
    main()
