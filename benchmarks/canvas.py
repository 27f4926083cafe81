"""How fast the canvas is with outlines over it, beside the same canvas without them.

    xvfb-run -a -s "-screen 0 1400x900x24" python benchmarks/canvas.py --json canvas.json

An image of 36 megapixels with 10,000 regions seen whole: some decided, some ignored, 1,600 selected. The
camera is moved by script, and what is counted are frames that were drawn: a second, and the processor's time
of each (all threads; of software GL most of it is drawing the window). Then: one picture painted; from the
camera's last movement until it is sharp on the screen; and selecting 1,600 regions until they are seen.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
from collections.abc import Callable
from datetime import date
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import napari
import numpy as np
from qtpy.QtWidgets import QApplication

from napari_corrclip.annotation import Session
from napari_corrclip.gui.canvas.cover import Cover, camera_of
from napari_corrclip.gui.layers.session_layers import SessionLayers
from napari_corrclip.results.segmentation import Segmentation, segmentation_from_probabilities
from napari_corrclip.vocabulary import Vocabulary

PATIENCE = 5.0
"""Seconds in which a frame must come."""


def squares(side: int, count: int) -> Segmentation:
    """About ``count`` regions with wavy borders in a grid, and smooth classes."""
    each = round(count**0.5)
    rows, columns = np.arange(side)[:, None], np.arange(side)
    wave = side / each / 6
    down = (rows + wave * np.sin(columns / side * 6.3 * each / 3)) * each / side
    right = (columns + wave * np.cos(rows / side * 6.3 * each / 3)) * each / side
    numbers = np.clip(down, 0, each - 1).astype(np.int32) * each
    numbers += np.clip(right, 0, each - 1).astype(np.int32)
    words = Vocabulary.from_names(["left", "right"])
    share = np.broadcast_to(np.linspace(0, 1, side, dtype=np.float32), (side, side))
    return segmentation_from_probabilities(np.stack([1 - share, share]), numbers + 1, words)


class Canvas:
    """A viewer with outlines, and how often it was drawn."""

    def __init__(self, viewer: napari.Viewer, layers: SessionLayers) -> None:
        self.layers = layers
        self.camera = camera_of(viewer)
        native = viewer.window._qt_viewer.canvas.native
        (self.cover,) = native.findChildren(Cover)
        self.frames = 0
        viewer.window._qt_viewer.canvas._scene_canvas.events.draw.connect(self._drawn)
        self.zoom, self.centre = self.camera.zoom, self.camera.center

    def _drawn(self, _event: object) -> None:
        self.frames += 1

    def pan(self, step: int) -> None:
        """Move by a part of a circle."""
        angle = (step + 1) / 10
        reach = 300 / self.camera.zoom
        row, column = self.centre[-2:]
        self.camera.center = (0.0, row + np.sin(angle) * reach, column + np.cos(angle) * reach)

    def zoom_to(self, step: int) -> None:
        """Zoom in and out."""
        self.camera.zoom = self.zoom * float(np.exp(1.2 * np.sin((step + 1) / 20)))

    def rest(self) -> None:
        """Go back, and let everything be drawn."""
        self.camera.center, self.camera.zoom = self.centre, self.zoom
        until = perf_counter() + 0.5
        while perf_counter() < until:
            QApplication.processEvents()

    def driven(self, move: Callable[[int], None], frames: int) -> dict[str, float]:
        """Frames a second, and milliseconds of the processor for each."""
        first, began, spent = self.frames, perf_counter(), process_time()
        for step in range(frames):
            before, since = self.frames, perf_counter()
            move(step)
            while self.frames == before and perf_counter() - since < PATIENCE:
                QApplication.processEvents()
        drawn = self.frames - first
        return {
            "frames_per_s": drawn / (perf_counter() - began),
            "cpu_ms": 1000 * (process_time() - spent) / drawn,
        }

    def until_sharp(self) -> float:
        """Milliseconds from a movement until the picture of where it led is on the screen."""
        self.rest()
        former, began = self.cover.picture, perf_counter()
        self.camera.center = (0.0, self.centre[-2] + 40, self.centre[-1] + 25)
        while self.cover.picture is former:
            QApplication.processEvents()
        return 1000 * (perf_counter() - began)

    def until_selected(self, regions: list[int]) -> float:
        """Milliseconds until a selection is on the screen."""
        self.layers.outlines.select(())
        self.rest()
        former, began = self.cover.picture, perf_counter()
        self.layers.outlines.select(regions)
        while self.cover.picture is former:
            QApplication.processEvents()
        return 1000 * (perf_counter() - began)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--side", type=int, default=6000)
    parser.add_argument("--regions", type=int, default=10_000)
    parser.add_argument("--frames", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    session = Session(squares(options.side, options.regions))
    ids = session.ids.tolist()
    session.assign(ids[-4000:], "left")
    session.ignore(ids[:600])
    viewer = napari.Viewer(show=True)
    viewer.window.resize(1400, 900)
    viewer.add_image(
        np.random.default_rng(0).integers(0, 255, (*session.shape, 3), np.uint8), rgb=True
    )
    layers = SessionLayers(viewer, session)
    viewer.reset_view()
    for _ in range(200):
        QApplication.processEvents()
    canvas = Canvas(viewer, layers)
    size = canvas.cover.size()
    print(f"{platform.machine()}, napari {napari.__version__}, {size.width()} x {size.height()}")
    chosen = ids[4000:5600]
    rows: list[dict[str, Any]] = []
    for _ in range(options.rounds):
        for outlined in (False, True):
            canvas.cover.setVisible(outlined)
            layers.outlines.select(chosen)
            for title, move in (("pan", canvas.pan), ("zoom", canvas.zoom_to)):
                canvas.rest()
                row = {"move": title, "outlines": outlined, **canvas.driven(move, options.frames)}
                rows.append(row)
                print("  ".join(f"{key} {value}" for key, value in row.items()))
    view = canvas.cover.view()
    assert view is not None
    painted = []
    for _ in range(9):
        began = perf_counter()
        layers.outlines.painted(view)
        painted.append(1000 * (perf_counter() - began))
    once = {
        "painted_ms": statistics.median(painted),
        "sharp_ms": statistics.median(canvas.until_sharp() for _ in range(9)),
        "selected_ms": statistics.median(canvas.until_selected(chosen) for _ in range(9)),
    }
    print("  ".join(f"{key} {value:.1f}" for key, value in once.items()))
    if options.json is not None:
        document = {"date": str(date.today()), "frames": rows, **once}
        options.json.write_text(json.dumps(document, indent=2) + "\n")
    layers.close()
    viewer.close()


if __name__ == "__main__":
    main()
