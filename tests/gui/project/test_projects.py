"""What a project's window asks of a run, and of the disk."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from shutil import copytree
from typing import Any

import imageio.v3 as iio
import pytest
from qtpy.QtCore import Qt

import napari_corrclip as nc
from napari_corrclip.demo.scenes import generate_scene
from napari_corrclip.gui.pages import Page
from napari_corrclip.gui.work.said import Kind
from napari_corrclip.project.project import Project
from tests.gui.hand import choose as pick
from tests.gui.hand import turn_to
from tests.gui.person import MINUTE, Person
from tests.gui.project.opened import key, name_shown, prelabelled, shown
from tests.gui.project.reviewer import left, run
from tests.users import another_user, open_folder

pytestmark = pytest.mark.canvas


def test_a_run_keeps_what_the_dock_cannot_say(person: Person, images: Path) -> None:
    dock = person.dock
    recipe = nc.Recipe(
        regions="superpixels", region_options={"n_segments": 40}, scale=0.8, tile=128, overlap=32
    )
    dock.open_project(str(prelabelled(images, recipe)))
    project = shown(person)
    iio.imwrite(images / "scene 9.png", generate_scene(9).image[:96, :96])
    project.look_again()
    dock.projects.panel.refresh()
    run(person)
    assert "1 image labelled." in dock.status.text()
    assert project.recipe == recipe
    assert project.status().stale == {}
    # What a person changes is changed, and nothing else.
    turn_to(person, Page.SET_UP)
    pick(dock.model.regions, "SAM fast (8 × 8)")
    iio.imwrite(images / "scene 8.png", generate_scene(9).image[:96, :96])
    project.look_again()
    dock.projects.panel.refresh()
    run(person)
    assert (project.recipe.regions, project.recipe.scale) == ("sam", 0.8)
    assert (project.recipe.tile, project.recipe.overlap) == (128, 32)
    assert sum(project.status().stale.values()) == 5


@pytest.mark.skipif(os.name != "posix", reason="folders there have no such permissions")
def test_a_project_into_which_nobody_may_write_is_looked_at(
    person: Person, images: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dock = person.dock
    with open_folder() as base:
        copytree(images, base / "scenes")
        folder = prelabelled(base / "scenes")
        closed = (folder, *folder.rglob("*"))
        for path in closed:
            path.chmod(0o555 if path.is_dir() else 0o444)
        before = {path: path.lstat().st_mtime_ns for path in closed}
        for kind in ("CACHE", "SESSIONS"):  # that user's own
            (base / kind).mkdir()
            (base / kind).chmod(0o777)
            monkeypatch.setenv(f"NAPARI_CORRCLIP_{kind}", str(base / kind))
        with another_user():
            dock.open_project(str(folder))
            project = shown(person)
            assert project.read_only
            assert dock.status.text().startswith(
                "Opened 'set': 4 images. It can only be looked at, for nobody may write there. "
            )
            assert dock.status.text().endswith("regions left.")  # and no key is promised
            assert dock.status.said.kind is Kind.WARNING
            assert not dock.projects.way.verify_button.isEnabled()
            assert not dock.projects.panel.run_button.isEnabled()
            key(person, Qt.Key.Key_PageDown)
            person.qtbot.waitUntil(lambda: name_shown(person) == "scene 1", timeout=MINUTE)
            shown(person)
            dock.projects.close()
        assert {path: path.lstat().st_mtime_ns for path in (folder, *folder.rglob("*"))} == before
        for path in closed:
            path.chmod(0o755 if path.is_dir() else 0o644)


def test_a_run_takes_what_a_person_changed_in_the_dock(person: Person, images: Path) -> None:
    dock = person.dock
    dock.open_project(str(prelabelled(images)))
    project = shown(person)
    with Project.open(project.folder) as other:  # while the window is open
        other.choose(recipe=nc.Recipe(regions="superpixels", dtype="bfloat16"))
    (images / "scene 3.png").rename(images / "scene 8.png")
    project.look_again()
    dock.projects.panel.refresh()
    turn_to(person, Page.SET_UP)
    pick(dock.model.detail, dock.model.detail.itemText(1))
    run(person)
    made = project.recipe
    assert (made.detail, made.dtype) == (dock.model.choice.recipe.detail, "bfloat16")
    assert made.detail != "standard"


class Looks:
    """The looks of the window's thread at a folder: what it listed, and the files that it asked about."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self.names: set[str] = set()
        self._gui = threading.get_ident()
        patch.setattr(os, "stat", self._watched(os.stat, lambda path: path.parent == folder))
        patch.setattr(os, "scandir", self._watched(os.scandir, lambda path: path == folder))

    def _watched(
        self, real: Callable[..., Any], counts: Callable[[Path], bool]
    ) -> Callable[..., Any]:
        def watched(path: Any = ".", *args: Any, **keywords: Any) -> Any:
            if threading.get_ident() == self._gui and not isinstance(path, int):
                place = Path(os.path.normpath(os.fsdecode(path)))
                if counts(place):
                    self.names.add(place.name)
            return real(path, *args, **keywords)

        return watched


def test_the_window_does_not_wait_for_a_look_at_all_images(
    person: Person, images: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dock, qtbot = person.dock, person.qtbot
    folder = prelabelled(images)
    looks = Looks(images, monkeypatch)
    iio.imwrite(images / "scene 4.png", generate_scene(9).image[:96, :96])
    dock.open_project(str(folder))
    project = shown(person)
    panel = dock.projects.panel
    # What has come is listed all the same, and said.
    qtbot.waitUntil(lambda: panel.model.rowCount() == 5, timeout=MINUTE)
    assert "1 new image" in dock.status.text()
    run(person)
    assert len(project.items("pre-labelled")) == 5
    for region in dock.session.ids[:3].tolist():
        dock.session.assign(region, "green")
        qtbot.waitUntil(lambda n=region: left(project, 0) >= n, timeout=MINUTE)  # type: ignore[misc]
        qtbot.wait(500)  # until the list has it
    project.choose("red, green, blue, wood")
    panel.refresh()
    assert panel.run_button.text() == "Run 4 images again (other words or settings)"
    assert looks.names == {"scene 0.png"}  # which is looked at


def add_nameless(images: Path, number: int) -> None:
    """Put an image into a folder whose name is no text."""
    name = os.fsencode(images) + b"/\xff%d.png" % number
    Path(os.fsdecode(name)).write_bytes((images / "scene 0.png").read_bytes())


@pytest.mark.skipif(sys.platform != "linux", reason="names are text there")
def test_what_cannot_be_used_in_the_folders_is_told_once(person: Person, images: Path) -> None:
    dock = person.dock
    folder = prelabelled(images)
    for number in range(3):
        add_nameless(images, number)
    dock.open_project(str(folder))
    shown(person)
    person.qtbot.waitUntil(lambda: "Passed over: " in dock.status.text(), timeout=MINUTE)
    said = dock.status.said
    assert said.kind is Kind.WARNING
    assert (
        "0.png' is no valid text; rename it. 2 more: napari-corrclip project status." in said.text
    )
    # A run tells what has come since, and no more.
    add_nameless(images, 3)
    iio.imwrite(images / "scene 9.png", generate_scene(9).image[:96, :96])
    shown(person).look_again()
    dock.projects.panel.refresh()
    run(person)
    text = dock.status.text()
    assert text.startswith("1 image labelled. Passed over: The name of ")
    assert text.endswith("3.png' is no valid text; rename it.")
    assert dock.status.said.kind is Kind.WARNING
    iio.imwrite(images / "scene 8.png", generate_scene(8).image[:96, :96])
    shown(person).look_again()
    dock.projects.panel.refresh()
    run(person)
    assert dock.status.text() == "1 image labelled."
