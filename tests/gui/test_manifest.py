"""The manifest's contributions and the console, in a real viewer."""

from __future__ import annotations

import re
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import napari
import npe2
import numpy as np
import pytest
from napari._qt.qt_main_window import _QtMainWindow
from napari.layers import Image, Labels
from napari.utils.colormaps import DirectLabelColormap
from pytestqt.qtbot import QtBot

import napari_corrclip as nc
from napari_corrclip.annotation.session import SESSION
from napari_corrclip.demo.scenes import generate_scene
from napari_corrclip.errors import InputError
from napari_corrclip.plugin import reader as _reader
from napari_corrclip.plugin import samples as _sample
from napari_corrclip.plugin import writer as _writer
from tests.annotation.images import small_result
from tests.gui.person import MINUTE

ROOT = Path(__file__).parents[2]
MANIFEST = Path(nc.__file__).with_name("napari.yaml")
WORDS = "purple circle, white cross, wood, water"
Make = Callable[..., napari.Viewer]


@pytest.fixture
def viewer(make_napari_viewer: Make) -> napari.Viewer:
    return make_napari_viewer()


def test_npe2_finds_nothing_to_complain_about() -> None:
    npe2.PluginManifest.from_file(MANIFEST).validate_imports()


def test_the_dock_stands_in_the_menus_of_layers() -> None:
    menus = npe2.PluginManifest.from_file(MANIFEST).contributions.menus
    for menu in ("napari/layers/segment", "napari/layers/annotate"):
        assert [item.command for item in menus[menu]] == ["napari-corrclip.dock"]


SAMPLES = npe2.PluginManifest.from_file(MANIFEST).contributions.sample_data


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda one: one.key)
def test_every_sample_opens_without_a_network(sample: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("a sample opens a connection")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    command = npe2.PluginManifest.from_file(MANIFEST).contributions.commands
    (name,) = (one.python_name for one in command if one.id == sample.command)
    layers = getattr(_sample, name.partition(":")[2])()
    image = Image(layers[0][0], **layers[0][1])
    assert image.rgb is (layers[0][0].ndim == 3)
    assert image.data.dtype == np.uint8


def test_a_layer_is_segmented_where_it_lies(viewer: napari.Viewer) -> None:
    scene = generate_scene(7).image[:96, :128]
    layer = viewer.add_image(scene, scale=(0.5, 2), translate=(3, 4), units=("um", "um"))
    made = nc.segment_layer(layer, WORDS, regions="superpixels").add_to(viewer)
    expected = nc.segment(scene, WORDS, regions="superpixels")
    np.testing.assert_array_equal(made.labels.data, expected.labels)
    np.testing.assert_array_equal(made.regions.data, expected.regions)
    for one in (made.labels, made.regions):
        assert one in viewer.layers
        np.testing.assert_array_equal(one.scale, layer.scale)
        np.testing.assert_array_equal(one.translate, layer.translate)
        assert one.units == layer.units
    assert made.regions.contour == 1


def test_a_plane_is_segmented_by_its_index() -> None:
    stack = np.stack([generate_scene(seed).image[:96, :128, 1] for seed in (0, 7)])
    layer = Image(stack, name="stack", contrast_limits=(0, 255), scale=(9, 2, 2))
    made = nc.segment_layer(layer, WORDS, regions="superpixels", where=(1,))
    expected = nc.segment(stack[1], WORDS, regions="superpixels")
    np.testing.assert_array_equal(made.labels.data, expected.labels)
    assert tuple(made.labels.scale) == (2, 2)
    for where in (None, (2,), (-1,), (0, 0)):
        with pytest.raises(InputError, match=r"The plane .* is none of the layer 'stack'"):
            nc.segment_layer(layer, WORDS, where=where)
    with pytest.raises(InputError, match="is no image layer"):
        nc.segment_layer(Labels(stack), WORDS)  # type: ignore[arg-type]


def test_the_dock_is_opened_once(viewer: napari.Viewer) -> None:
    widget = nc.open_widget(viewer)
    assert nc.open_widget(viewer) is widget
    assert nc.open_widget() is widget
    with pytest.raises(InputError, match="There is no session yet; press Run"):
        _ = widget.session
    widget.cleanup()


def test_without_a_viewer_the_dock_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    # Another test's window may still be napari's current one.
    monkeypatch.setattr(_QtMainWindow, "_instances", [])
    with pytest.raises(InputError, match="There is no viewer"):
        nc.open_widget()


def test_the_examples_of_the_docs_run(
    viewer: napari.Viewer,
    qtbot: QtBot,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    text = (ROOT / "docs" / "how-to" / "scripting.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert len(blocks) > 5
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {"viewer": viewer}
    for block in blocks:
        exec(block, names)
        if "try_demo" in block:
            dock = names["widget"]
            qtbot.waitUntil(lambda dock=dock: not dock.controller.running, timeout=MINUTE)
    session = names["session"]
    printed = capsys.readouterr().out
    assert re.search(r"generate_scene\(7\)\.image,.*\n\nsession\.assign\(\[", printed, re.DOTALL)
    np.testing.assert_array_equal(names["again"].labels, session.labels)
    np.testing.assert_array_equal(viewer.layers[-2].data, session.labels)
    assert (tmp_path / "labels.classes.csv").is_file()
    shown = names["widget"].layers.labels
    viewer.layers.selection = {shown}
    (written,) = viewer.layers.save(str(tmp_path / "own.corrclip"), selected=True)
    saved = nc.Session.load(written, session.image)
    np.testing.assert_array_equal(saved.labels, session.labels)
    assert len(saved.history.undone) == len(session.history.undone) == 1
    names["widget"].cleanup()
    assert SESSION not in shown.metadata


@pytest.mark.parametrize("ending", [".png", ".tif"])
def test_a_class_map_comes_back_with_its_classes(tmp_path: Path, ending: str) -> None:
    result, _ = small_result((40, 50))
    (data, options, _), *_ = result.to_layers()
    layer = Labels(data, **options)
    data, about, _ = layer.as_layer_data_tuple()
    path = tmp_path / f"map{ending}"
    written = _writer.write_classes(str(path), data, about)
    assert written == [str(path), str(tmp_path / "map.classes.csv")]
    reader = _reader.get_reader(written[1])
    assert reader is not None
    ((back, shown, kind),) = reader(written[1])
    assert kind == "labels"
    np.testing.assert_array_equal(back, data)
    assert shown["features"].equals(layer.features[["index", "class"]])
    again = Labels(back, **shown)
    np.testing.assert_allclose(again.colormap.map(data), layer.colormap.map(data), atol=1 / 255)


def test_any_labels_are_written_in_their_colours(tmp_path: Path) -> None:
    from PIL import Image as Picture

    data = np.array([[0, 1], [5, 255]])
    colors = {None: "black", 1: "red", 5: "lime", 255: "blue"}
    layer = Labels(data, colormap=DirectLabelColormap(color_dict=colors))
    path = tmp_path / "cells.png"
    assert _writer.write_classes(str(path), *layer.as_layer_data_tuple()[:2]) == [str(path)]
    with Picture.open(path) as picture:
        np.testing.assert_array_equal(np.asarray(picture), data)
        seen = np.asarray(picture.convert("RGB"))
    np.testing.assert_array_equal(seen[0, 1], (255, 0, 0))
    np.testing.assert_array_equal(seen[1], [(0, 255, 0), (0, 0, 255)])


def test_what_cannot_be_written_is_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "cells.png"
    many = Labels(np.array([[0, 256]])).as_layer_data_tuple()
    with pytest.raises(InputError, match="256 does not fit an indexed PNG"):
        _writer.write_classes(str(path), *many[:2])
    deep = Labels(np.zeros((2, 2, 2), int), name="deep").as_layer_data_tuple()
    with pytest.raises(InputError, match="save one plane at a time"):
        _writer.write_classes(str(path), *deep[:2])
    with pytest.raises(InputError, match="'deep' show no open session; select"):
        _writer.write_session(str(tmp_path / "x.corrclip"), [deep])
    assert list(tmp_path.iterdir()) == []


def test_files_of_others_are_left_to_others(tmp_path: Path) -> None:
    other = tmp_path / "provenance.json"
    other.write_text('{"format": "something else"}')
    assert _reader.get_reader(str(other)) is None
    assert _reader.get_reader(str(tmp_path)) is None
    assert _reader.get_reader([str(other)]) is None
    alone = tmp_path / "map.classes.csv"
    alone.write_text("name\ncat\n")
    reader = _reader.get_reader(str(alone))
    assert reader is not None
    with pytest.raises(InputError, match=r"no class map map\.png or map\.tif"):
        reader(str(alone))
    broken = tmp_path / "session.safetensors"
    broken.write_bytes(b"nothing")
    (tmp_path / "history.bin").write_bytes(b"")
    reader = _reader.get_reader(str(broken))
    assert reader is not None
    with pytest.raises(InputError, match="is damaged"):
        reader(str(broken))


def test_a_result_is_read_by_napari(viewer: napari.Viewer, tmp_path: Path) -> None:
    result, _ = small_result((40, 50))
    result.save(tmp_path / "out")
    opened = viewer.open(tmp_path / "out" / "provenance.json", plugin="napari-corrclip")
    assert [layer.name for layer in opened] == ["labels", "regions"]
    np.testing.assert_array_equal(opened[0].data, result.labels)
    np.testing.assert_array_equal(opened[1].data, result.regions)
