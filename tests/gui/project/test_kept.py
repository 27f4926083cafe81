"""Decisions in a project's window: kept in their items, whatever runs, fails or is killed beside it."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import imageio.v3 as iio
import numpy as np
import pytest
from qtpy.QtCore import Qt

import napari_corrclip as nc
from napari_corrclip.annotation import Source, journal
from napari_corrclip.annotation.files import log
from napari_corrclip.demo.scenes import generate_scene
from napari_corrclip.gui.pages import Page
from napari_corrclip.gui.work.said import Kind
from napari_corrclip.project.project import Project
from napari_corrclip.project.records import ItemRecord
from napari_corrclip.project.reviewing import read_session
from tests.gui.hand import choose as pick
from tests.gui.hand import click_at, turn_to
from tests.gui.person import MINUTE, Person
from tests.gui.project.opened import key, name_shown, prelabelled, shown, states
from tests.gui.project.reviewer import SCENE, click_on, go_to, left, run, verify

pytestmark = pytest.mark.canvas

HEARD = 2.0
"""Seconds after which the index has an edit, as the documentation promises."""
SLOW = 1.0
"""Seconds more, of a machine that has much else to do."""
FEWER = nc.Recipe(regions="superpixels", region_options={"n_segments": 12})


def test_an_image_that_a_run_has_found_is_kept_in_its_item(
    person: Person, images: Path, tmp_path: Path
) -> None:
    dock, qtbot = person.dock, person.qtbot
    dock.open_project(str(prelabelled(images)))
    project = shown(person)
    iio.imwrite(images / "scene 9.png", generate_scene(9).image[:96, :96])
    project.choose("red, green, blue, wood")  # so that there is something to run
    turn_to(person, Page.IMAGES)
    dock.projects.panel.refresh()
    run(person)
    record = project.item(SCENE.format(9))
    dock.projects.panel.show_item(record)
    qtbot.waitUntil(lambda: name_shown(person) == "scene 9", timeout=MINUTE)
    shown(person)
    dock.session.assign(dock.session.ids.tolist(), "green")
    labels = dock.session.labels.copy()
    verify(person)
    record = project.item(record)
    assert (record.state, record.undecided) == ("verified", 0)
    np.testing.assert_array_equal(read_session(project.folder_of(record)).labels, labels)
    assert not [path for path in (tmp_path / "sessions").rglob("*") if path.is_dir()]


def test_nothing_is_verified_while_something_else_is_open(person: Person, images: Path) -> None:
    dock, viewer = person.dock, person.viewer
    dock.open_project(str(prelabelled(images)))
    project = shown(person)
    dock.image.layer = viewer.add_image(generate_scene(8).image[:80, :80], name="another", rgb=True)
    turn_to(person, Page.SET_UP)
    click_at(person, dock.bar.run_button)
    person.qtbot.waitUntil(lambda: name_shown(person) == "another", timeout=MINUTE)
    person.wait()
    verify(person)
    assert states(project) == ["pre-labelled"] * 4
    assert "is not what is corrected now; click on it in the list" in dock.status.text()
    click_at(person, dock.projects.way.skip_button)
    assert states(project) == ["pre-labelled"] * 4
    click_on(person, 0)
    person.qtbot.waitUntil(lambda: name_shown(person) == "scene 0", timeout=MINUTE)
    shown(person)
    verify(person)
    assert states(project) == ["verified", *["pre-labelled"] * 3]


def run_on_the_view(person: Person) -> None:
    """Segment what is seen of the image, and nothing else."""
    getattr(person.viewer, "scene", person.viewer).camera.zoom *= 3
    turn_to(person, Page.SET_UP)
    if not person.dock.image.area.isVisible():
        click_at(person, person.dock.image.fold.head)
    pick(person.dock.image.area, "current view")
    person.press(person.dock.bar.run_button)
    person.wait()
    picture = person.dock.workspace.picture
    assert picture is not None
    assert picture.box is not None


def test_an_image_is_not_verified_by_a_part_of_it_but_where_it_is_large(
    person: Person, images: Path
) -> None:
    dock = person.dock
    dock.open_project(str(prelabelled(images)))
    project = shown(person)
    run_on_the_view(person)
    verify(person)
    assert states(project) == ["pre-labelled"] * 4
    assert "is not what is corrected now" in dock.status.text()
    click_on(person, 0)
    person.qtbot.waitUntil(lambda: dock.projects.review.has_session, timeout=MINUTE)
    shown(person)
    verify(person)
    assert states(project)[0] == "verified"
    dock.projects.review.close()
    large = nc.Recipe(regions="superpixels", region_options={"n_segments": 40}, scale=1)
    with Project.create(images.with_name("large"), "red, green", images, recipe=large) as made:
        made.run(progress=False)
    dock.open_project(str(made.folder))
    project = shown(person)
    person.qtbot.waitUntil(lambda: "large image" in dock.status.text(), timeout=MINUTE)
    run_on_the_view(person)
    verify(person)
    assert states(project)[0] == "verified"


def test_what_the_disk_does_not_take_stays_with_its_image_when_another_project_is_opened(
    person: Person, images: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dock = person.dock
    dock.open_project(str(prelabelled(images)))
    shown(person)
    session = dock.session

    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(journal, "write_all", full)
        session.assign(session.ids.tolist(), "green")
        dock.projects.review.close()
    layer = person.viewer.layers["scene 0"]
    folder = images.with_name("others")
    folder.mkdir()
    iio.imwrite(folder / "other.png", generate_scene(7).image[:96, :128])
    with Project.create(images.with_name("other"), "red", folder, recipe=FEWER) as made:
        made.run(progress=False)
    dock.open_project(str(made.folder))
    shown(person)
    assert name_shown(person) == "other"
    assert [kept.session for kept in dock.workspace.kept_with(layer)] == [session]
    np.testing.assert_array_equal(layer.data, iio.imread(images / "scene 0.png"))
    assert not dock.workspace.kept_with(person.viewer.layers["other"])


def test_what_the_disk_does_not_take_is_not_in_the_index(
    person: Person, images: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dock, qtbot = person.dock, person.qtbot
    dock.open_project(str(prelabelled(images)))
    project = shown(person)
    dock.session.assign(1, "green")
    qtbot.waitUntil(lambda: left(project, 0) == 1, timeout=MINUTE)

    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(journal, "write_all", full)
        patch.setattr(log, "write_all", full)
        patch.setattr(journal, "save_parts", full)
        dock.session.assign(dock.session.ids.tolist(), "green")
        qtbot.waitUntil(
            lambda: "The list does not count what you did last" in dock.status.text(),
            timeout=MINUTE,
        )
        assert dock.status.said.kind is Kind.WARNING
        verify(person)
        assert "'scene 0.png' is not verified, for what you did" in dock.status.text()
        assert states(project)[0] == "in review"
        key(person, Qt.Key.Key_PageDown)
        shown(person)
        assert name_shown(person) == "scene 0"  # where all of it is
        assert "'scene 0.png' stays open, for" in dock.status.text()
        assert left(project, 0) == 1
        assert len(read_session(project.folder_of(SCENE.format(0))).history.done) == 1
    # Room was made: it is written before one goes on.
    go_to(person, 1)
    assert left(project, 0) == project.item(SCENE.format(0)).regions
    go_to(person, 0, Qt.Key.Key_PageUp)
    assert (dock.session.labels == 2).all()
    verify(person)
    assert states(project)[0] == "verified"


def test_an_image_that_somebody_else_has_open_is_told_and_left_again(
    person: Person, images: Path
) -> None:
    dock, folder = person.dock, prelabelled(images)
    dock.open_project(str(folder))
    project = shown(person)
    with Project.open(folder) as other, other.session(SCENE.format(1)) as session:
        session.assign(1, "green")
        go_to(person, 1)
        assert "is open already, in this program or another" in dock.status.text()
        assert dock.session.history.done
        go_to(person, 2)
        go_to(person, 1, Qt.Key.Key_PageUp)
        dock.session.assign(2, "red")  # that is on no disk
        key(person, Qt.Key.Key_PageDown)
        shown(person)
        assert name_shown(person) == "scene 1"
        assert "is open already" in dock.status.text()
    go_to(person, 2)
    assert left(project, 1) == 2


def rerun(folder: Path, recipe: nc.Recipe = FEWER) -> None:
    """Have another process, by what it does to the files, run all anew with fewer regions."""
    with Project.open(folder) as other:
        other.choose(recipe=recipe)
        assert other.run(stale=True, progress=False).done


def test_an_image_that_was_run_elsewhere_is_opened_as_it_is_now(
    person: Person, images: Path
) -> None:
    dock, qtbot = person.dock, person.qtbot
    dock.open_project(str(prelabelled(images)))
    project = shown(person)
    qtbot.waitUntil(lambda: dock.projects.review._ahead is not None, timeout=MINUTE)
    rerun(project.folder)  # but for what is looked at
    go_to(person, 1)
    check_is_of_result(person, project, 1)
    # From the list, whose row was read before, too.
    qtbot.waitUntil(lambda: dock.projects.review._ahead is not None, timeout=MINUTE)
    rerun(project.folder, nc.Recipe(regions="superpixels", region_options={"n_segments": 7}))
    click_on(person, 2)
    qtbot.waitUntil(lambda: name_shown(person) == "scene 2", timeout=MINUTE)
    shown(person)
    check_is_of_result(person, project, 2)


def test_an_image_that_is_run_elsewhere_while_it_is_opened_is_read_again(
    person: Person, images: Path
) -> None:
    dock, qtbot = person.dock, person.qtbot
    dock.open_project(str(prelabelled(images)))
    project = shown(person)
    again = [nc.Recipe(regions="superpixels", region_options={"n_segments": n}) for n in (12, 7)]

    # As late as can be: all was read, and its session is about to be opened.
    def between(_: ItemRecord) -> None:
        if again:
            rerun(project.folder, again.pop(0))

    dock.projects.review.shown.connect(between)
    go_to(person, 1)
    qtbot.waitUntil(lambda: not again and name_shown(person) == "scene 1", timeout=MINUTE)
    check_is_of_result(person, project, 1)


def test_a_part_of_a_run_that_is_not_collected_yet_is_opened_as_it_is_now(
    person: Person, images: Path
) -> None:
    dock, qtbot = person.dock, person.qtbot
    dock.open_project(str(prelabelled(images)))
    project = shown(person)
    qtbot.waitUntil(lambda: dock.projects.review._ahead is not None, timeout=MINUTE)
    with Project.open(project.folder) as other:
        other.choose(recipe=FEWER)
        assert other.run(stale=True, part=(1, 1), progress=False).done
    go_to(person, 1)
    result = project.result(SCENE.format(1))
    assert dock.session.ids.tolist() == result.table["id"].tolist()


def check_is_of_result(person: Person, project: Project, number: int) -> None:
    """Check that session, result and index have the same regions, also after an edit."""
    person.qtbot.waitUntil(lambda: name_shown(person) == f"scene {number}", timeout=MINUTE)
    shown(person)
    session, record = person.dock.session, project.item(SCENE.format(number))
    result = project.result(record)
    assert session.ids.tolist() == result.table["id"].tolist()
    session.assign(int(session.ids[0]), "green")
    person.qtbot.waitUntil(lambda: left(project, number) == 1, timeout=MINUTE)
    assert project.item(record).regions == len(result.table)
    assert project.item(record).run == project.runs[-1].id


def test_the_index_hears_of_edits_while_they_go_on(person: Person, images: Path) -> None:
    dock, qtbot = person.dock, person.qtbot
    dock.open_project(str(prelabelled(images)))
    project = shown(person)
    begun = time.monotonic()
    made: list[float] = []
    for region in dock.session.ids[:12].tolist():
        dock.session.assign(region, "green")
        made.append(time.monotonic())
        end = time.monotonic() + 0.4
        while time.monotonic() < end:
            qtbot.wait(20)
            now = time.monotonic()
            late = [one for one in made[left(project, 0) :] if now - one > HEARD + SLOW]
            assert late == [], [one - begun for one in late]
    assert time.monotonic() - begun > HEARD + SLOW


def test_the_picture_of_a_verified_image_is_drawn_once(person: Person, images: Path) -> None:
    dock = person.dock
    dock.open_project(str(prelabelled(images)))
    project = shown(person)
    dock.session.assign(dock.session.ids.tolist(), "green")
    kept = project.folder_of(SCENE.format(0)) / "thumbnail.png"
    late: list[float] = []

    # Before the list could have another one made in its thread.
    def compare() -> None:
        late.append(project.item(SCENE.format(0)).at - kept.stat().st_mtime)

    dock.projects.review.changed.connect(compare)
    verify(person)
    assert states(project)[0] == "verified"
    assert late[-1] <= 0


KILLED = """
import os, signal, sys
import napari
from qtpy.QtCore import QTimer

viewer = napari.Viewer()
_, dock = viewer.window.add_plugin_dock_widget("napari-corrclip", "CorrCLIP")
dock.open_project(sys.argv[1])

def correct():
    session = dock.workspace.session
    if session is None:
        return
    session.assign(session.ids[:3].tolist(), "green")
    QTimer.singleShot(int(sys.argv[2]), lambda: os.kill(os.getpid(), signal.SIGKILL))
    clock.stop()

clock = QTimer()
clock.timeout.connect(correct)
clock.start(50)
napari.run()
"""


@pytest.mark.process
def test_what_a_window_did_that_was_killed_is_in_review(
    person: Person, images: Path, tmp_path: Path
) -> None:
    folder = prelabelled(images)
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, str(folder), "50"],
        env={**os.environ, "NAPARI_CONFIG": str(tmp_path / "settings.yaml")},
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL
    first = SCENE.format(0)
    with Project.open(folder) as project:
        project.choose(recipe=FEWER)
        report = project.run(stale=True, progress=False)
        assert len(report.done) == 3
        labels = read_session(project.folder_of(first)).labels
        assert str(project.item(first).state) == "in review"
    person.dock.open_project(str(folder))
    project = shown(person)
    np.testing.assert_array_equal(person.dock.session.labels, labels)
    person.qtbot.waitUntil(lambda: left(project, 0) == 3, timeout=MINUTE)


def decide_behind_the_index(project: Project, number: int) -> None:
    """Leave what a process leaves that is killed between its journal and the index."""
    folder, image = (of(SCENE.format(number)) for of in (project.folder_of, project.path_of))
    session = read_session(folder, iio.imread(image), Source.of(image))
    with journal.Journal(session, folder / "session"):
        session.assign(session.ids[:4].tolist(), "green")


def test_what_the_index_did_not_hear_of_it_hears_when_the_image_is_opened(
    person: Person, images: Path
) -> None:
    folder = prelabelled(images)
    with Project.open(folder) as project:
        for number in (0, 1):
            decide_behind_the_index(project, number)
        project.mark(SCENE.format(1), "verified", by="Ann")
        assert left(project, 1) == 0
    person.dock.open_project(str(folder))
    project = shown(person)
    person.qtbot.waitUntil(lambda: left(project, 0) == 4, timeout=MINUTE)
    assert states(project)[0] == "in review"
    go_to(person, 1)
    person.qtbot.waitUntil(lambda: left(project, 1) == 4, timeout=MINUTE)


def test_a_look_after_the_words_were_changed_decides_nothing(person: Person, images: Path) -> None:
    folder = prelabelled(images)
    with Project.open(folder) as project, project.session(SCENE.format(1)) as session:
        session.assign(1, "green")
    with Project.open(folder) as project:
        project.mark(SCENE.format(1), "verified", by="Ann")
        project.choose("red, green, blue, wood")
    person.dock.open_project(str(folder))
    project = shown(person)
    go_to(person, 1)
    go_to(person, 2)
    expected = ["pre-labelled", "verified", "pre-labelled", "pre-labelled"]
    assert states(project) == expected
    person.dock.projects.review.close()
    with Project.open(folder) as project:
        assert project.catch_up() == 0
        project.run(stale=True, progress=False)
        assert states(project) == expected
