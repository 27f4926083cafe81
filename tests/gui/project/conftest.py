"""Somebody before napari's window with the dock in it, and a folder of scenes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import imageio.v3 as iio
import napari
import pytest
from pytestqt.qtbot import QtBot

from napari_corrclip.demo.scenes import generate_scene
from napari_corrclip.gui.dock import CorrClipDock
from tests.gui.person import Person, delete_now, threads_end
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
    # By napari's menu, which shows plugins no more than they may see.
    _, dock = viewer.window.add_plugin_dock_widget("napari-corrclip", "CorrCLIP")
    assert isinstance(dock, CorrClipDock)
    settle(viewer)
    yield Person(viewer, dock, qtbot)
    dock.cleanup()
    dock.deleteLater()
    delete_now()
    threads_end(qtbot)


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """Four scenes of two sizes."""
    folder = tmp_path / "scenes"
    folder.mkdir()
    for number in range(4):
        iio.imwrite(
            folder / f"scene {number}.png", generate_scene(number).image[: 96 + 8 * number, :128]
        )
    return folder
