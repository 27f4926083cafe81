"""A napari of its own whose viewer is closed while the demo runs.

python -m tests.gui.closing_process STAGE (viewer | window)
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable

import napari
from napari.utils import progress
from qtpy.QtCore import QThreadPool
from qtpy.QtWidgets import QApplication

from napari_corrclip.gui.dock import CorrClipDock
from napari_corrclip.gui.work.job import Job
from napari_corrclip.progress import Progress

reached, go = threading.Event(), threading.Event()


def hold_at(stage: str) -> None:
    """Have a job's thread wait at the first event of a stage, until ``go``."""
    real = Job._run

    def held(job: Job[object]) -> object:
        steps = real(job)
        try:
            event = next(steps)
            while True:
                if isinstance(event, Progress) and event.stage == stage:
                    reached.set()
                    assert go.wait(120)
                yield event
                event = next(steps)
        except StopIteration as stop:
            return stop.value

    Job._run = held  # type: ignore[assignment, method-assign]


def wait(until: Callable[[], bool]) -> None:
    end = time.time() + 120
    while not until() and time.time() < end:
        QApplication.processEvents()
        time.sleep(0.005)
    assert until()


def main(stage: str, what: str) -> None:
    hold_at(stage)
    viewer = napari.Viewer(show=True)
    QApplication.processEvents()
    # Torch comes with the run, beside a canvas that is drawn already.
    assert "torch" not in sys.modules
    dock = CorrClipDock(viewer)
    viewer.window.add_dock_widget(dock, name="CorrCLIP")
    dock.bar.demo_button.click()
    wait(reached.is_set)
    gone: list[bool] = []
    dock.destroyed.connect(lambda: gone.append(True))
    if what == "viewer":
        viewer.close()
    else:  # the window's own X
        dock.window().close()
    wait(lambda: bool(gone))
    before = [layer.name for layer in viewer.layers]  # what was on its way came while it closed
    go.set()
    wait(lambda: not Job._kept and QThreadPool.globalInstance().activeThreadCount() == 0)
    assert [layer.name for layer in viewer.layers] == before
    assert not dock.controller.running
    assert dock.workspace.session is None
    assert not progress._all_instances
    viewer.layers.clear()  # nobody listens
    print("closed well", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
