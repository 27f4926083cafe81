"""Ctrl+S and napari's menu, with whatever filter its dialog has: never an empty file, never names lost."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import napari
import numpy as np
import pytest
import tifffile
from PIL import Image as Picture
from pytestqt.qtbot import QtBot
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QFileDialog

from napari_corrclip.annotation import Session
from napari_corrclip.gui.dock import CorrClipDock
from napari_corrclip.gui.image.picture import picture_of
from napari_corrclip.gui.layers.saving import Saving
from napari_corrclip.plugin import writer as _writer
from napari_corrclip.vocabulary import Vocabulary
from tests.annotation.images import small_result
from tests.gui.person import Person, delete_now, threads_end
from tests.gui.saved_layers import save_selected


@pytest.fixture
def corrected(
    make_napari_viewer: Callable[..., napari.Viewer], qtbot: QtBot
) -> Iterator[tuple[Person, Session]]:
    """Somebody with a session open."""
    result, image = small_result((40, 50))
    viewer = make_napari_viewer(show=True)
    layer = viewer.add_image(image, rgb=True, name="scene")
    dock = CorrClipDock(viewer)
    viewer.window.add_dock_widget(dock, name="CorrCLIP")
    session = Session(result, image)
    dock.display.open(session, picture_of(layer))
    yield Person(viewer, dock, qtbot), session
    dock.cleanup()
    threads_end(qtbot)


@pytest.fixture
def name(monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], list[str]]:
    """Type a name into napari's dialog as it comes up: with its first filter."""

    def answer(path: Path) -> list[str]:
        filters: list[str] = []

        def choose(*_: object, filter: str = "", **__: object) -> tuple[str, str]:  # noqa: A002
            filters.extend(filter.split(";;"))
            return str(path), filters[0]

        monkeypatch.setattr(QFileDialog, "getSaveFileName", choose)
        return filters

    return answer


def press_ctrl_s(person: Person) -> None:
    window = person.dock.window()
    assert window is not None
    window.activateWindow()
    QApplication.processEvents()
    QTest.keyClick(window, Qt.Key.Key_S, Qt.KeyboardModifier.ControlModifier)
    QApplication.processEvents()


def test_ctrl_s_as_png_writes_the_labels_with_their_classes(
    corrected: tuple[Person, Session], name: Callable[[Path], list[str]], tmp_path: Path
) -> None:
    person, session = corrected
    assert person.dock.layers is not None
    person.viewer.layers.selection = {person.dock.layers.labels}
    filters = name(tmp_path / "x.png")
    press_ctrl_s(person)
    assert "png" not in filters[0]  # napari's own, which would leave 0 bytes
    with Picture.open(tmp_path / "x.png") as written:
        assert written.mode == "P"
        np.testing.assert_array_equal(np.asarray(written), session.labels)
    found = Vocabulary.from_file(tmp_path / "x.classes.csv")
    assert found.names == session.vocabulary.names


def test_ctrl_s_as_tif_and_without_an_ending_keeps_the_classes(
    corrected: tuple[Person, Session], name: Callable[[Path], list[str]], tmp_path: Path
) -> None:
    person, session = corrected
    assert person.dock.layers is not None
    person.viewer.layers.selection = {person.dock.layers.labels}
    name(tmp_path / "x.tif")
    assert save_selected(person.viewer)[0] == []
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "x.tif"), session.labels)
    name(tmp_path / "labels")  # as napari's dialog proposes
    assert save_selected(person.viewer)[0] == []
    for written in ("x", "labels"):
        found = Vocabulary.from_file(tmp_path / f"{written}.classes.csv")
        assert found.names == session.vocabulary.names
    assert (tmp_path / "labels.png").stat().st_size > 0


def test_ctrl_s_of_any_labels_as_png_leaves_no_empty_file(
    corrected: tuple[Person, Session], name: Callable[[Path], list[str]], tmp_path: Path
) -> None:
    """What lies beside the session, such as regions of another program; and in spite of 300 of them."""
    person, _ = corrected
    viewer = person.viewer
    data = np.arange(200).reshape(10, 20)
    viewer.layers.selection = {viewer.add_labels(data, name="cells")}
    name(tmp_path / "cells.png")
    assert save_selected(viewer)[0] == []
    with Picture.open(tmp_path / "cells.png") as written:
        np.testing.assert_array_equal(np.asarray(written), data)
    viewer.layers.selection = {viewer.add_labels(data + 100, name="more")}
    name(tmp_path / "more.png")
    told, _ = save_selected(viewer)
    assert [sentence for sentence in told if "label 299 does not fit an indexed PNG" in sentence]
    assert not (tmp_path / "more.png").exists()
    # A stack is napari's own, as a TIFF.
    viewer.layers.selection = {viewer.add_labels(np.ones((6, 7, 8), int), name="stack")}
    name(tmp_path / "stack.tif")
    assert save_selected(viewer)[0] == []
    assert tifffile.imread(tmp_path / "stack.tif").shape == (6, 7, 8)


def test_all_layers_under_a_picture_s_name_make_no_folder_of_that_name(
    corrected: tuple[Person, Session], name: Callable[[Path], list[str]], tmp_path: Path
) -> None:
    person, session = corrected
    viewer = person.viewer
    viewer.add_shapes([np.array([[1, 1], [1, 9], [9, 9], [9, 1]])], name="area to segment")
    for layer in viewer.layers:
        viewer.layers.selection.add(layer)
    filters = name(tmp_path / "x.png")
    told, _ = save_selected(viewer)
    assert "corrclip" in filters[0]
    assert len(told) == 1
    assert "does not end in .corrclip, as a session has to" in told[0]
    assert list(tmp_path.iterdir()) == []
    name(tmp_path / "x")
    assert save_selected(viewer)[0] == []
    loaded = Session.load(tmp_path / "x.corrclip", session.image)
    np.testing.assert_array_equal(loaded.labels, session.labels)


def test_a_writer_that_somebody_names_is_theirs(
    corrected: tuple[Person, Session], tmp_path: Path
) -> None:
    person, _ = corrected
    viewer = person.viewer
    assert person.dock.layers is not None
    viewer.layers.selection = {person.dock.layers.labels}
    viewer.layers.save(str(tmp_path / "x.tif"), selected=True, plugin="napari")
    assert [path.name for path in tmp_path.iterdir()] == ["x.tif"]
    saving = viewer.layers.save
    other = CorrClipDock(viewer)
    assert isinstance(viewer.layers.save, Saving)
    assert viewer.layers.save == saving  # a second dock finds the first one's
    other.cleanup()
    other.deleteLater()
    delete_now()
    assert _writer.SUFFIX == ".corrclip"
