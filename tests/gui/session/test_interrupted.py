"""Faults around the dock: a process killed in the middle of correcting, a disk that takes nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest

from napari_corrclip.annotation import Session, SessionStore, Source
from tests.annotation.images import small_result
from tests.annotation.random_edits import digest
from tests.conftest import ROOT
from tests.gui.correcting_process import maps
from tests.gui.person import Person

RESULT, IMAGE = small_result((96, 128), words="red, green, blue, wood, stone")


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NAPARI_CORRCLIP_SESSIONS", str(tmp_path / "sessions"))
    path = tmp_path / "scene.png"
    iio.imwrite(path, IMAGE)
    return path


def opened(person: Person, path: Path) -> None:
    (layer,) = person.viewer.open(str(path), plugin="napari")
    person.dock.reset_choices()
    person.dock.image.layer = layer
    person.dock.model.regions.setCurrentText("superpixels")


@pytest.mark.canvas
def test_a_napari_killed_in_the_middle_of_correcting_is_restored(
    person: Person, scene: Path
) -> None:
    session = Session(RESULT, IMAGE)
    session.source = Source.of(scene)
    with SessionStore().journal(session):
        session.assign([1], "blue")
    log = scene.with_name("log")
    with open(log, "w") as errors:
        child = subprocess.Popen(
            [sys.executable, "-m", "tests.gui.correcting_process", str(scene)],
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            cwd=ROOT,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
        )
        assert child.stdout is not None
        first = child.stdout.readline()
        said = [child.stdout.readline() for _ in range(12)] if first else []
        child.send_signal(signal.SIGKILL)
        said += child.stdout.read().splitlines(keepends=True)
        child.stdout.close()
        assert child.wait() == -signal.SIGKILL, log.read_text()
    assert first == "ready\n", log.read_text()
    state, seen = next(line for line in reversed(said) if line.endswith("\n")).split()
    assert len(set(said)) > 9  # the keys did something

    opened(person, scene)
    assert not person.dock.restore_bar.isHidden()
    person.press(person.dock.restore_bar.restore_button)
    person.wait()
    session = person.dock.session
    person.agree()
    if digest(session) != state:
        # It was killed after an edit was on the disk and before it could say so.
        ahead = maps(session)
        session.undo()
        if maps(session) != seen:
            session.redo()
            assert maps(session) == ahead
            session.redo()
        assert maps(session) == seen
    person.agree()


@pytest.mark.skipif(sys.platform != "linux", reason="/dev/full is Linux's")
def test_a_disk_that_fills_up_is_said_and_nothing_is_lost(person: Person, scene: Path) -> None:
    opened(person, scene)
    person.type("red, green, blue")
    person.press(person.dock.bar.run_button)
    person.wait()
    session, journal = person.dock.workspace.session, person.dock.workspace.journal
    assert session is not None
    assert journal is not None
    session.assign(session.ids[:3], "blue")
    # The journal's file takes nothing more from here on.
    full = os.open("/dev/full", os.O_WRONLY)
    assert journal._file is not None
    os.dup2(full, journal._file)
    os.close(full)
    before = session.labels.copy()
    session.assign(session.ids[3:9], "green")
    assert "No space left" in person.dock.status.text()
    assert session.can_undo
    person.agree()
    person.press(person.dock.correct.undo_button)
    np.testing.assert_array_equal(session.labels, before)
    person.agree()
