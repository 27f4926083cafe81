"""What a project's window asks of a run, and of the disk."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import imageio.v3 as iio
import pytest

import napari_corrclip as nc
from napari_corrclip.demo.scenes import generate_scene
from napari_corrclip.gui.pages import Page
from napari_corrclip.project.project import Project
from tests.gui.hand import choose as pick
from tests.gui.hand import turn_to
from tests.gui.person import MINUTE, Person
from tests.gui.project.opened import prelabelled, shown
from tests.gui.project.reviewer import left, run

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
