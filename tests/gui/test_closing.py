"""Closing the dock or the viewer at each stage of a run harms nothing; another tab closes nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from qtpy.QtWidgets import QApplication, QDockWidget, QLabel

from tests.forms import short
from tests.gui.gates import STAGES, Gate
from tests.gui.person import MINUTE, Person, bars, delete_now, threads_end

at_every_stage = pytest.mark.parametrize(
    "barrier",
    short("windows", rest=(stage for stage in STAGES if stage != "windows")),
    indirect=True,
)


@pytest.fixture
def person(on_screen: Person) -> Person:
    return on_screen


def begin_demo(person: Person, barrier: Gate) -> QDockWidget:
    person.press(person.dock.bar.demo_button)
    person.qtbot.waitUntil(barrier.reached, timeout=MINUTE)
    place = person.dock.parent()
    assert isinstance(place, QDockWidget)
    return place


def cover(person: Person, place: QDockWidget) -> None:
    """Bring another tab before the dock."""
    other = person.viewer.window.add_dock_widget(QLabel("another"), name="another")
    place.window().tabifyDockWidget(place, other)
    other.show()
    other.raise_()
    person.qtbot.waitUntil(lambda: person.dock.visibleRegion().isEmpty(), timeout=MINUTE)


@pytest.mark.parametrize(
    ("stage", "what"),
    short(
        ("windows", "window"),
        rest=((stage, "viewer") for stage in STAGES),
    ),
)
def test_closing_the_viewer(stage: str, what: str, tmp_path: Path) -> None:
    """In a process of its own: what could go wrong kills it."""
    ran = subprocess.run(
        [sys.executable, "-m", "tests.gui.closing_process", stage, what],
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
        env={**os.environ, "NAPARI_CORRCLIP_CACHE": str(tmp_path)},
    )
    assert (ran.returncode, ran.stdout) == (0, "closed well\n"), ran.stderr
    assert "Error" not in ran.stderr
    assert "Traceback" not in ran.stderr


LEAVE = """
import sys, time
import napari
import napari_corrclip as nc
from qtpy.QtWidgets import QApplication

viewer = napari.Viewer(show=True)
dock = nc.open_widget(viewer)
dock.try_demo()
end = time.time() + 300
while time.time() < end and (dock.controller.running or dock.workspace.session is None):
    QApplication.processEvents()
    time.sleep(0.01)
if dock.controller.running:
    print("the run did not end in time", flush=True)
dock.correct.button.click()
dock.regions.show_table()
QApplication.processEvents()
print("left", flush=True)
sys.exit(0)
"""


# In long alone: 2 of 7 such ends were a segmentation fault inside PyQt 6.11. When Python ends, QtCore's
# cleanup_on_exit walks through the wrappers of all QObjects and deletes those that Python owns (by
# sip_api_visit_wrappers); what goes with one of them may be the one that it comes to next. In the core is
# no frame of ours or of a thread. napari with an image and two label layers ended well 8 of 8 times, and
# with torch beside it 8 of 8.
@pytest.mark.long
def test_python_may_end_with_the_window_open(tmp_path: Path) -> None:
    """Qt deletes what it likes first; nothing of ours may ask for what is gone."""
    ran = subprocess.run(
        [sys.executable, "-c", LEAVE],
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
        env={**os.environ, "NAPARI_CORRCLIP_CACHE": str(tmp_path)},
    )
    assert (ran.returncode, ran.stdout) == (0, "left\n"), ran.stderr
    assert "Traceback" not in ran.stderr


@pytest.mark.parametrize(
    ("barrier", "behind"),
    short(
        ("load the networks", False),
        ("windows", True),
        rest=((stage, stage == "load the networks") for stage in STAGES if stage != "windows"),
    ),
    indirect=["barrier"],
)
def test_closing_the_dock(person: Person, barrier: Gate, behind: bool) -> None:
    place = begin_demo(person, barrier)
    if behind:
        cover(person, place)
    person.viewer.window.remove_dock_widget(place)
    person.qtbot.waitUntil(lambda: not person.dock.controller.running, timeout=MINUTE)
    barrier.open()
    threads_end(person.qtbot)
    assert person.names() == ["demo scene"]
    assert person.dock.workspace.session is None
    assert bars() == []


@at_every_stage
def test_a_dock_that_is_deleted_hears_nothing_more(person: Person, barrier: Gate) -> None:
    place = begin_demo(person, barrier)
    dock = person.dock
    place.setWidget(QLabel("another"))
    dock.setParent(None)
    dock.deleteLater()
    delete_now()
    assert not dock.controller.running
    before = person.names()
    barrier.open()
    threads_end(person.qtbot)
    assert person.names() == before
    assert bars() == []
    person.viewer.layers.clear()


@at_every_stage
def test_another_tab_before_the_dock_closes_nothing(person: Person, barrier: Gate) -> None:
    place = begin_demo(person, barrier)
    cover(person, place)
    QApplication.processEvents()
    assert person.dock.controller.running
    barrier.open()
    person.wait()
    assert person.names() == ["demo scene", "labels", "regions"]
    person.agree()
    place.raise_()
    person.qtbot.waitUntil(lambda: not person.dock.visibleRegion().isEmpty(), timeout=MINUTE)
    session = person.dock.workspace.session
    assert session is not None
    session.assign(session.ids[:1], session.vocabulary.names[0])
    person.agree()
