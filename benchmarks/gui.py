"""How alive the viewer stays, and how long an edit takes to be seen.

    xvfb-run -a -s "-screen 0 1400x900x24" python benchmarks/gui.py --json gui.json

On the machine's own screen or Xvfb: the same encoding in a worker and called directly (the
ratio of their times); the delay of a 10 ms timer on the GUI thread while the worker encodes; at 4 megapixels
and 2,000 regions, the time of an edit in the session, in the slots that copy it into the layers, and in
drawing, what follows a brush stroke, and every other slot that could hold the viewer up, with the
heartbeat while drafts and snapshots are made beside it; and the regions table with 10,000 rows.
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
from time import perf_counter
from typing import Any

import napari
import numpy as np
from annotation import synthetic
from qtpy.QtCore import QEventLoop, QTimer
from qtpy.QtWidgets import QApplication
from scipy import ndimage

from napari_corrclip._torch_import import prepare_imports
from napari_corrclip.annotation import Changed, Draft, Journal, Session
from napari_corrclip.demo.scenes import generate_scene
from napari_corrclip.gui.correct import CorrectMode
from napari_corrclip.gui.layers.captions import region_features
from napari_corrclip.gui.layers.confidence import ConfidenceLayer
from napari_corrclip.gui.layers.session_layers import SessionLayers
from napari_corrclip.gui.work.job import Job
from napari_corrclip.images.boxes import window
from napari_corrclip.maps.values import count_values
from napari_corrclip.progress import Progress, Steps, finish
from napari_corrclip.results.segmentation import Segmentation, segmentation_from_probabilities
from napari_corrclip.vocabulary import Vocabulary

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
    from napari_corrclip.engine.segmenter import Segmenter

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


def slots(viewer: napari.Viewer, side: int, count: int, rows: int) -> list[dict[str, Any]]:
    """Milliseconds of what is done in the GUI thread when long work ends, and the beats while it runs."""
    result, again = (synthetic(side, count, 20, seed) for seed in (0, 1))
    image = np.random.default_rng(0).integers(0, 256, (side, side, 3), np.uint8)
    session = Session(result, image)
    session.state.adjacency  # noqa: B018  # as a run leaves it
    measured: list[dict[str, Any]] = []

    def note(slot: str, act: Callable[[], Any]) -> Any:
        began = perf_counter()
        found = act()
        measured.append({"slot": slot, "ms": 1000 * (perf_counter() - began)})
        print(f"{slot:<60}{measured[-1]['ms']:>8.1f} ms")
        return found

    def beside(what: str, edit: Callable[[Session], Any]) -> Draft[Any]:
        made: list[Draft[Any]] = []

        def steps() -> Steps[None]:
            yield Progress("draft", 0, 1)
            made.append(Draft.make(session, edit))

        took, late = in_worker(steps())
        worst = {"p99_ms": float(np.percentile(late, 99)), "most_ms": max(late)}
        measured.append({"slot": f"beside: {what}", "s": took, **worst})
        print(
            f"beside: {what}: {took:.2f} s; the heartbeat is late by p99 {worst['p99_ms']:.0f} ms, "
            f"most {worst['most_ms']:.0f} ms"
        )
        return made[0]

    with tempfile.TemporaryDirectory() as folder:
        layers = note("open: the two layers", lambda: SessionLayers(viewer, session))
        journal = note("open: the journal", lambda: Journal(session, folder, wait=False))
        note("(edit within a moment of opening waits for the disk)", journal._wait)
        QApplication.processEvents()
        largest = max(session.rows(), key=lambda row: row.area).id
        note("edit: session, journal and layers", lambda: session.assign(largest, "class 3"))
        note("journal: copy for a snapshot", lambda: journal._write_beside(first=False))
        journal._wait()
        words = session.vocabulary.add("one more")
        labelled = _with_class(result, words)
        draft = beside(
            "other words worked out",
            lambda copy: copy.set_vocabulary(words, result=labelled, classify=False),
        )
        note("other words taken: session, journal and layers", draft.take)
        note("  of it the labels drawn", QApplication.processEvents)
        session.undo()
        QApplication.processEvents()
        draft = beside("a run planned, counted and written", lambda copy: copy.rerun(again))
        note("a run taken: session, journal and layers", draft.take)
        note("  of it events until all is drawn", QApplication.processEvents)
        note("undo of the run", session.undo)
        QApplication.processEvents()
        confident = note("confidence: layer made", lambda: ConfidenceLayer(viewer, layers))
        whole = Changed(vocabulary=True)
        note("confidence: other words", lambda: confident._changed(whole))
        some = Changed(updated=(largest,))
        note("confidence: the largest region", lambda: confident._changed(some))
        confident.close()
        mode = CorrectMode(viewer, layers, lambda _: None)
        mode.start()
        row = session.region(largest)
        top, left = row.box[:2]
        inside = np.argwhere(session.regions[window(row.box)] == largest) + np.array((top, left))
        mode.select([largest])
        note("split: S", mode.splitting.begin)
        first, last = tuple(inside[0].tolist()), tuple(inside[-1].tolist())
        note("split: first click", lambda: mode.splitting.click(first, cut=False))
        note("split: second click", lambda: mode.splitting.click(last, cut=True))
        note("(until its preview is seen)", lambda: _until(lambda: not mode.splitting.busy))
        middle = tuple(inside[len(inside) // 2].tolist())
        note("split: another click", lambda: mode.splitting.click(middle, cut=True))
        note("(until its preview is seen)", lambda: _until(lambda: not mode.splitting.busy))
        note("split: Enter", mode.splitting.commit)
        mode.stop()
        note("shares of the classes", lambda: count_values(session.labels))
        journal.close()
        layers.close()
    many = Session(synthetic(1024, rows, 20, 0))
    listed = many.rows()
    note(f"{len(listed):,} regions described", lambda: region_features(listed, many.vocabulary))
    return measured


def _until(done: Callable[[], bool]) -> None:
    while not done():
        QApplication.processEvents()


def _with_class(result: Segmentation, words: Vocabulary) -> Segmentation:
    """The same image classified by other words, as a network would tell."""
    random = np.random.default_rng(2)
    coarse = random.random((len(words), 24, 24)) ** 4
    zoom = result.shape[0] / 24
    planes = np.stack([ndimage.zoom(one, zoom, order=1).astype(np.float32) for one in coarse])
    planes = np.clip(planes, 1e-3, 1)
    return segmentation_from_probabilities(
        planes / planes.sum(axis=0), np.array(result.regions), words
    )


def table(rows: int) -> dict[str, float]:
    """The regions table: built, sorted, filtered, and after an edit."""
    from napari_corrclip.annotation.review.filter import parse_filter
    from napari_corrclip.gui.regions.model import RegionsModel
    from napari_corrclip.gui.regions.table import RegionsView

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
    parser.add_argument("--only", choices=("encode", "edits", "strokes", "slots", "table"))
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    viewer = napari.Viewer(show=True)
    QApplication.processEvents()
    print(f"{platform.machine()}, napari {napari.__version__}, {date.today()}")
    side, count = options.side, options.regions
    parts: dict[str, Callable[[], Any]] = {
        "encode": lambda: encoding(options.repeats),
        "edits": lambda: edits(viewer, side, count, options.edits),
        "strokes": lambda: strokes(viewer, side, count, options.edits // 4),
        "slots": lambda: slots(viewer, side, count, options.rows),
        "table": lambda: table(options.rows),
    }
    document: dict[str, Any] = {"date": str(date.today())}
    for part, measure in parts.items():
        if options.only in (None, part):
            document[part] = measure()
    if options.json is not None:
        options.json.write_text(json.dumps(document, indent=2) + "\n")
    viewer.close()


if __name__ == "__main__":
    main()
