"""Somebody before the contact sheet of a project of three scenes."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import imageio.v3 as iio
import napari
import pytest
from pytestqt.qtbot import QtBot

from napari_corrclip.demo.scenes import generate_scene
from napari_corrclip.gui.dock import CorrClipDock
from tests.gui.person import Person, delete_now, threads_end
from tests.gui.project.opened import prelabelled
from tests.gui.window import settle


@pytest.fixture
def person(
    make_napari_viewer: Callable[..., napari.Viewer],
    qtbot: QtBot,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> Iterator[Person]:
    monkeypatch.setenv("NAPARI_CORRCLIP_SESSIONS", str(tmp_path / "sessions"))
    viewer = make_napari_viewer(show=True)
    viewer.window.resize(1024, 700)
    _, dock = viewer.window.add_plugin_dock_widget("napari-corrclip", "CorrCLIP")
    assert isinstance(dock, CorrClipDock)
    settle(viewer)
    yield Person(viewer, dock, qtbot)
    if not dock._deleted:
        dock.cleanup()
        dock.deleteLater()
        delete_now()
    threads_end(qtbot)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    images = tmp_path_factory.mktemp("sheet") / "scenes"
    images.mkdir()
    for number, seed in enumerate((3, 4, 5)):
        iio.imwrite(images / f"scene {number}.png", generate_scene(seed).image)
    return prelabelled(images)


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    shutil.copytree(made.parent, tmp_path, dirs_exist_ok=True)
    return tmp_path / made.name
