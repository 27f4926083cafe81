"""How alive the viewer stays, and how long an edit takes to be seen.

    xvfb-run -a -s "-screen 0 1400x900x24" python benchmarks/gui.py --json gui.json

On the machine's own screen or Xvfb: the same encoding in a worker and called directly (the
ratio of their times); the delay of a 10 ms timer on the GUI thread while the worker encodes; at 4 megapixels
and 2,000 regions, the time of an edit in the session, in the slots that copy it into the layers, and in
drawing, and what follows a brush stroke; and the regions table with 10,000 rows.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
from datetime import date
from pathlib import Path
from time import perf_counter
from typing import Any

import napari
import numpy as np
from annotation import synthetic
from qtpy.QtCore import QEventLoop, QTimer
from qtpy.QtWidgets import QApplication

from napari_corrclip.annotation import Session
from napari_corrclip.demo.scenes import generate_scene
from napari_corrclip.gui.layers import SessionLayers
from napari_corrclip.gui.worker import Job
from napari_corrclip.libraries import prepare_imports
from napari_corrclip.progress import finish

BEAT = 10


def in_worker(steps: Any) -> tuple[float, list[float]]:
    """Seconds of ``steps`` in a worker, and the beats that a 10 ms timer missed, in milliseconds."""
    ended: list[object] = []
    late: list[float] = []
    last = perf_counter()

    def beat() -> None:
        nonlocal last
        now = perf_counter()
        late.append(1000 * (now - last) - BEAT)
        last = now

    timer = QTimer()
    timer.setInterval(BEAT)
    timer.timeout.connect(beat)
    timer.start()
    began = last = perf_counter()
    loop = QEventLoop()  # waits as napari's own does; a busy one would take the worker's time

    def end(result: object) -> None:
        ended.append(result)
        loop.quit()

    Job(steps, done=end, failed=end).start()
    loop.exec()
    took = perf_counter() - began
    timer.stop()
    if isinstance(ended[0], Exception):
        raise ended[0]
    return took, late


def encoding(repeats: int) -> dict[str, float]:
    """Worker against direct call, and the heartbeat."""
    prepare_imports()
    from napari_corrclip.segmenter import Segmenter

    segmenter = Segmenter.from_preset("demo")
    image = np.tile(generate_scene(7).image, (2, 2, 1))
    finish(segmenter.encode_steps(image))  # warm
    direct, worker, late = [], [], []
    for _ in range(repeats):
        began = perf_counter()
        finish(segmenter.encode_steps(image))
        direct.append(perf_counter() - began)
        took, missed = in_worker(segmenter.encode_steps(image))
        worker.append(took)
        late += missed
    found = {
        "direct_s": statistics.median(direct),
        "worker_s": statistics.median(worker),
        "ratio": statistics.median(worker) / statistics.median(direct),
        "beat_p50_ms": float(np.percentile(late, 50)),
        "beat_p99_ms": float(np.percentile(late, 99)),
        "beat_max_ms": max(late),
    }
    print(
        f"encode: direct {found['direct_s']:.2f} s, in a worker {found['worker_s']:.2f} s, ratio "
        f"{found['ratio']:.2f}\nheartbeat of 10 ms, late by: p50 {found['beat_p50_ms']:.1f} ms, "
        f"p99 {found['beat_p99_ms']:.1f} ms, most {found['beat_max_ms']:.0f} ms"
    )
    return found


def edits(viewer: napari.Viewer, side: int, count: int, repeats: int) -> list[dict[str, Any]]:
    """Session, slots and drawing apart, over random regions and the largest."""
    result = synthetic(side, count, 20, 0)
    session = Session(result)
    layers = SessionLayers(viewer, session)
    viewer.reset_view()
    QApplication.processEvents()
    areas = {row.id: row.area for row in session.rows()}
    largest = max(areas, key=areas.__getitem__)
    chosen = np.random.default_rng(0).choice(session.ids, repeats, replace=False).tolist()
    alone = Session(result)  # nobody listens to it

    def other(region: int) -> str:
        value = session.region(region).value
        return next(one.name for one in session.vocabulary if one.value != value)

    def merge(on: Session, region: int) -> object:
        near = sorted(on.neighbours(region))
        return on.merge([region, near[0]]) if near else None

    rows = []
    for title, act in (
        ("assign", lambda on, region: on.assign(region, other(region))),
        ("merge with a neighbour", merge),
    ):
        times: dict[str, list[float]] = {"session": [], "slots": [], "drawing": []}
        for region in [*chosen, largest]:
            began = perf_counter()
            act(alone, region)
            middle = perf_counter()
            act(session, region)
            seen = perf_counter()
            viewer.window._qt_viewer.canvas.native.repaint()
            QApplication.processEvents()
            drawn = perf_counter()
            times["session"].append(1000 * (middle - began))
            times["slots"].append(1000 * max(0.0, (seen - middle) - (middle - began)))
            times["drawing"].append(1000 * (drawn - seen))
            for one in (alone, session):
                if one.can_undo:
                    one.undo()
            QApplication.processEvents()
        row: dict[str, Any] = {"edit": title}
        for part, taken in times.items():
            row[f"{part}_median_ms"] = statistics.median(taken[:-1])
            row[f"{part}_largest_ms"] = taken[-1]
        rows.append(row)
        print(
            f"{title:<24}"
            + "".join(
                f"  {part} {row[f'{part}_median_ms']:.1f} ms (largest {row[f'{part}_largest_ms']:.0f})"
                for part in times
            )
        )
    layers.close()
    return rows


def strokes(viewer: napari.Viewer, side: int, count: int, repeats: int) -> list[dict[str, Any]]:
    """What follows the release of a brush of 20 pixels that was drawn over 200, on either layer."""
    session = Session(synthetic(side, count, 20, 0))
    layers = SessionLayers(viewer, session)
    viewer.reset_view()
    QApplication.processEvents()
    rng = np.random.default_rng(0)
    rows = []
    for layer in layers.layers:
        layer.brush_size = 20
        taken = []
        for _ in range(repeats):
            top, left = rng.integers(30, side - 240, 2).tolist()
            value = session.region_at(top, left)
            if layer is layers.labels:
                shown = int(session.labels[top, left])
                value = next(one for one in session.vocabulary.values if one != shown)
            with layer.block_history():
                for step in range(0, 200, 10):
                    layer.paint((top + step, left + step), value, refresh=False)
                began = perf_counter()
            taken.append(1000 * (perf_counter() - began))
            QApplication.processEvents()
        rows.append({"layer": layer.name.split()[0], "median_ms": statistics.median(taken)})
        print(f"stroke on {rows[-1]['layer']}: {rows[-1]['median_ms']:.1f} ms from the release on")
    layers.close()
    return rows


def table(rows: int) -> dict[str, float]:
    """The regions table: built, sorted, filtered, and after an edit."""
    from napari_corrclip.gui.regions_model import RegionsModel, parse_filter
    from napari_corrclip.gui.regions_table import RegionsView

    session = Session(synthetic(1024, rows, 20, 0))
    spent: list[float] = []

    def timed(act: Any) -> float:
        began = perf_counter()
        act()
        QApplication.processEvents()
        return 1000 * (perf_counter() - began)

    began = perf_counter()
    model = RegionsModel(session)
    view = RegionsView()
    view.setModel(model)
    view.resize(360, 700)
    view.show()
    QApplication.processEvents()
    found = {"rows": len(model.ids), "build_ms": 1000 * (perf_counter() - began)}
    found["sort_ms"] = timed(lambda: model.sort(3))
    keep = parse_filter("area>20 conf<0.5", session.vocabulary, ())
    found["filter_ms"] = timed(lambda: model.filter(keep))
    found["all_ms"] = timed(lambda: model.filter(lambda _: True))
    original = model._changed
    session.changed.disconnect(original)

    def clocked(changed: Any) -> None:
        began = perf_counter()
        original(changed)
        spent.append(1000 * (perf_counter() - began))

    session.changed.connect(clocked)
    names = session.vocabulary.names
    for place, one in enumerate(session.ids.tolist()[:200]):
        session.assign(one, names[place % len(names)])
    found["edit_ms"] = statistics.median(spent)
    spent.clear()
    for one in session.ids.tolist()[:20]:
        if session.find(one) and (near := sorted(session.neighbours(one))):
            session.merge([one, near[0]])
    found["merge_ms"] = statistics.median(spent)
    print("table: " + ", ".join(f"{key} {value:,.1f}" for key, value in found.items()))
    view.close()
    return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--edits", type=int, default=200)
    parser.add_argument("--side", type=int, default=2048)
    parser.add_argument("--regions", type=int, default=2000)
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    viewer = napari.Viewer(show=True)
    QApplication.processEvents()
    print(f"{platform.machine()}, napari {napari.__version__}, {date.today()}")
    document = {
        "date": str(date.today()),
        "encode": encoding(options.repeats),
        "edits": edits(viewer, options.side, options.regions, options.edits),
        "strokes": strokes(viewer, options.side, options.regions, options.edits // 4),
        "table": table(options.rows),
    }
    if options.json is not None:
        options.json.write_text(json.dumps(document, indent=2) + "\n")
    viewer.close()


if __name__ == "__main__":
    main()
