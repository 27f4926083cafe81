"""Runs that are stopped at each stage or broken; docks and viewers beside each other."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import napari
import pytest
from napari.utils import progress
from pytestqt.qtbot import QtBot
from qtpy.QtCore import QThreadPool

from napari_corrclip.encoders.dino import TimmSimilarityEncoder
from napari_corrclip.gui.dock import CorrClipDock
from napari_corrclip.gui.work.job import Job
from napari_corrclip.progress import Progress
from tests.forms import short
from tests.gui.test_dock import MINUTE, Person, open_scene, person

__all__ = ["person"]

STAGES = ("load the networks", "regions", "windows", "text")
"""Of a run: load, regions, encode, classify."""


class Barrier:
    """Holds a run at the first event of a stage, until it is let go."""

    def __init__(self, stage: str) -> None:
        self.stage = stage
        self.reached = threading.Event()
        self.go = threading.Event()

    def install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Have every job's thread wait between the stage's event and the next one."""
        real = Job._run

        def held(job: Job[object]) -> object:
            steps = real(job)
            try:
                event = next(steps)
                while True:
                    if isinstance(event, Progress) and event.stage == self.stage:
                        self.reached.set()
                        assert self.go.wait(60)
                    yield event
                    event = next(steps)
            except StopIteration as stop:
                return stop.value

        monkeypatch.setattr(Job, "_run", held)


@pytest.fixture(params=short("load the networks", "windows", rest=("regions", "text")))
def barrier(
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Barrier]:
    # Words that are cached would need no stage of their own.
    monkeypatch.setenv("NAPARI_CORRCLIP_CACHE", str(tmp_path_factory.mktemp("cache")))
    held = Barrier(request.param)
    held.install(monkeypatch)
    yield held
    held.go.set()


def begin(person: Person, barrier: Barrier) -> None:
    open_scene(person)
    person.type("red, green")
    person.press(person.dock.bar.run_button)
    person.qtbot.waitUntil(barrier.reached.is_set, timeout=MINUTE)


def threads_end(qtbot: QtBot) -> None:
    """Wait until no job is in a thread and none waits."""
    qtbot.waitUntil(
        lambda: not Job._running and QThreadPool.globalInstance().activeThreadCount() == 0,
        timeout=MINUTE,
    )
    qtbot.wait(50)  # what is late would come now


def bars() -> list[str]:
    return [str(one.desc) for one in progress._all_instances]


def test_cancelling_at_each_stage_leaves_nothing(person: Person, barrier: Barrier) -> None:
    begin(person, barrier)
    person.press(person.dock.bar.run_button)
    assert "Stopping" in person.dock.status.text()
    barrier.go.set()
    person.wait()
    threads_end(person.qtbot)
    assert person.dock.status.text() == "Cancelled; nothing was changed."
    assert person.dock.controller.session is None
    assert person.names() == ["scene"]
    assert bars() == []


def test_a_network_that_raises_is_a_sentence_and_the_next_run_works(
    person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_scene(person)
    person.type("red, green")

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    with monkeypatch.context() as patched:
        patched.setattr(TimmSimilarityEncoder, "features", broken)
        person.press(person.dock.bar.run_button)
        person.wait()
    said = person.dock.status.text()
    assert said.startswith("The run failed (RuntimeError: mat1 and mat2")
    assert "labels" not in person.names()
    assert bars() == []
    person.press(person.dock.bar.run_button)
    person.wait()
    person.agree()


def test_the_bar_tells_the_stage_and_the_time_and_napari_s_activity_too(
    person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = Barrier("windows")
    held.install(monkeypatch)
    begin(person, held)
    bar = person.dock.bar
    person.qtbot.waitUntil(lambda: bar.activity.desc.startswith("regions"), timeout=MINUTE)
    assert " s" in bar.bar.format().partition("·")[2]
    held.go.set()
    person.wait()
    assert bar.activity is None
    assert bars() == []


def test_two_docks_in_one_viewer(person: Person) -> None:
    other = CorrClipDock(person.viewer)
    person.viewer.window.add_dock_widget(other, name="Another")
    second = Person(person.viewer, other, person.qtbot)
    open_scene(person)
    for one, words in ((person, "red, green"), (second, "blue, yellow")):
        one.dock.reset_choices()
        one.dock.image.layer = person.viewer.layers["scene"]
        one.dock.model.regions.setCurrentText("superpixels")
        one.type(words)
    person.press(person.dock.bar.run_button)
    second.press(other.bar.run_button)
    person.wait()
    second.wait()
    for one in (person, second):
        one.agree()
    first, last = person.dock.controller.session, other.controller.session
    assert first is not None
    assert last is not None
    before = first.labels.copy()
    last.assign(last.ids[:1], "blue")
    assert (first.labels == before).all()
    second.agree()
    other.cleanup()
    person.agree()
    person.viewer.window.remove_dock_widget(other)
    other.deleteLater()


def test_two_viewers_each_with_a_dock(
    person: Person, make_napari_viewer: Callable[..., napari.Viewer]
) -> None:
    viewer = make_napari_viewer()
    dock = CorrClipDock(viewer)
    viewer.window.add_dock_widget(dock, name="CorrCLIP")
    second = Person(viewer, dock, person.qtbot)
    for one in (person, second):
        open_scene(one)
        one.type("red, green")
        one.press(one.dock.bar.run_button)
    for one in (person, second):
        one.wait()
        one.agree()
        assert one.names() == ["scene", "labels", "regions"]
    dock.cleanup()
