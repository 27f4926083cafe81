"""*File > Open* of a saved session or a result of the command line: with its image, to be corrected."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import imageio.v3 as iio
import napari
import numpy as np
import pytest
from pytestqt.qtbot import QtBot
from qtpy.QtWidgets import QMessageBox

import napari_corrclip as nc
from napari_corrclip.annotation import Session, Source
from napari_corrclip.cli.app import run as command
from napari_corrclip.demo.scenes import generate_scene
from napari_corrclip.gui.dock import CorrClipDock
from napari_corrclip.gui.pages import Page
from tests.gui.person import MINUTE, answer, click_in, threads_end

SCENE = generate_scene(7).image[:96, :128]


@pytest.fixture
def viewer(
    make_napari_viewer: Callable[..., napari.Viewer],
    qtbot: QtBot,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[napari.Viewer]:
    monkeypatch.setenv("NAPARI_CORRCLIP_SESSIONS", str(tmp_path / "sessions"))
    iio.imwrite(tmp_path / "scene.png", SCENE)
    viewer = make_napari_viewer()
    yield viewer
    for dock in docks(viewer):
        dock.cleanup()
        dock.quitting.stop()
    threads_end(qtbot)


def docks(viewer: napari.Viewer) -> list[CorrClipDock]:
    return [one for one in viewer.window.dock_widgets.values() if isinstance(one, CorrClipDock)]


def opened(viewer: napari.Viewer, qtbot: QtBot, path: Path) -> CorrClipDock:
    """Open a file as by the menu, and wait until something is corrected."""
    viewer.window._qt_viewer._qt_open([str(path)], stack=False)
    qtbot.waitUntil(lambda: bool(docks(viewer)), timeout=MINUTE)
    (dock,) = docks(viewer)
    qtbot.waitUntil(lambda: not dock.controller.running, timeout=MINUTE)
    return dock


def a_session(tmp_path: Path) -> Session:
    session = nc.annotate(SCENE, "red, green", regions="superpixels", progress=False)
    session.source = Source.of(tmp_path / "scene.png")
    session.assign(session.ids[:3].tolist(), "red")
    session.save(tmp_path / "scene.corrclip")
    return session


def test_a_saved_session_opens_with_its_image_to_be_corrected(
    viewer: napari.Viewer, qtbot: QtBot, tmp_path: Path
) -> None:
    session = a_session(tmp_path)
    dock = opened(viewer, qtbot, tmp_path / "scene.corrclip" / "session.safetensors")
    assert [layer.name for layer in viewer.layers] == ["scene", "labels", "regions"]
    np.testing.assert_array_equal(dock.session.labels, session.labels)
    assert dock.session.source == session.source
    assert dock.pages.page is Page.CORRECT
    assert len(dock.session.history.done) == 1
    dock.session.undo()
    np.testing.assert_array_equal(viewer.layers["labels"].data, dock.session.labels)

    # Once more: the image is not opened twice, and what is corrected is asked about.
    dock.session.assign(dock.session.ids[:9].tolist(), "green")
    former = dock.session
    clock = answer(QMessageBox, lambda box: click_in(box, "Cancel"))
    viewer.window._qt_viewer._qt_open(
        [str(tmp_path / "scene.corrclip" / "session.safetensors")], stack=False
    )
    told = "Nothing was opened; what is corrected is as it was."
    qtbot.waitUntil(lambda: dock.status.text() == told, timeout=MINUTE)
    clock.stop()
    assert dock.session is former
    assert [layer.name for layer in viewer.layers] == ["scene", "labels", "regions"]


def test_a_result_of_the_command_line_opens_with_its_image_to_be_corrected(
    viewer: napari.Viewer, qtbot: QtBot, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    image = str(tmp_path / "scene.png")
    said = ["segment", image, "--classes", "red, green", "--regions", "superpixels", "-o", str(out)]
    assert command(said) == 0
    (found,) = out.rglob("provenance.json")
    other = viewer.add_image(SCENE[::-1], rgb=True, name="another")
    dock = opened(viewer, qtbot, found)
    assert [layer.name for layer in viewer.layers] == ["another", "scene", "labels", "regions"]
    assert other in viewer.layers
    result = nc.Segmentation.load(found.parent)
    np.testing.assert_array_equal(dock.session.labels, result.labels)
    assert dock.session.source == Source.of(tmp_path / "scene.png")
    assert dock.pages.page is Page.CORRECT
    dock.session.assign(dock.session.ids[:2].tolist(), "green")
    np.testing.assert_array_equal(viewer.layers["labels"].data, dock.session.labels)


def test_without_its_image_it_is_shown_and_said(viewer: napari.Viewer, tmp_path: Path) -> None:
    session = a_session(tmp_path)
    (tmp_path / "scene.png").unlink()
    notes: list[str] = []
    napari.utils.notifications.notification_manager.notification_ready.connect(
        lambda note: notes.append(note.message)
    )
    layers = viewer.open(
        tmp_path / "scene.corrclip" / "session.safetensors", plugin="napari-corrclip"
    )
    assert [layer.name for layer in layers] == ["labels", "regions"]
    np.testing.assert_array_equal(layers[0].data, session.labels)
    assert ["came as mere layers, for its image is not where it was" in note for note in notes] == [
        True
    ]
    assert docks(viewer) == []


def test_a_plane_of_an_open_stack_is_shown_there(
    viewer: napari.Viewer, qtbot: QtBot, tmp_path: Path
) -> None:
    session = a_session(tmp_path)
    folder = tmp_path / "photographs"
    folder.mkdir()
    iio.imwrite(folder / "a.png", SCENE[::-1])
    iio.imwrite(folder / "b.png", SCENE)
    session.source = Source.of(folder / "b.png")
    session.save(tmp_path / "b.corrclip")
    (stack,) = viewer.open(str(folder), plugin="napari")
    stack.scale, stack.translate = (3, 1, 1), (5, 0, 0)
    viewer.dims.set_point(0, 5)
    dock = opened(viewer, qtbot, tmp_path / "b.corrclip" / "session.safetensors")
    qtbot.waitUntil(lambda: dock.workspace.session is not None, timeout=MINUTE)
    assert [layer.name for layer in viewer.layers] == ["photographs", "labels", "regions"]
    assert dock.workspace.picture is not None
    assert dock.workspace.picture.where == (1,)
    assert viewer.dims.point[0] == 8
    np.testing.assert_array_equal(dock.session.labels, session.labels)


def test_a_session_of_channels_is_shown_and_said(viewer: napari.Viewer, tmp_path: Path) -> None:
    session = a_session(tmp_path)
    session.source = Source.of(tmp_path / "scene.png", channels=("DAPI", "GFP"))
    session.save(tmp_path / "channels.corrclip")
    notes: list[str] = []
    napari.utils.notifications.notification_manager.notification_ready.connect(
        lambda note: notes.append(note.message)
    )
    file = tmp_path / "channels.corrclip" / "session.safetensors"
    layers = viewer.open(file, plugin="napari-corrclip")
    assert [layer.name for layer in layers] == ["labels", "regions"]
    assert ["for it is of the channels DAPI, GFP; to go on" in note for note in notes] == [True]
    assert docks(viewer) == []
