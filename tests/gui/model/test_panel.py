"""The model's panel by mouse and keys: weights, layers as regions, windows, devices, parameters, memory."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pytest
import torch
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QCheckBox, QLineEdit

from napari_corrclip.demo.scenes import generate_scene
from napari_corrclip.engine.windows import plan
from napari_corrclip.errors import InputError
from napari_corrclip.gui.model.advanced import SYMBOLS
from napari_corrclip.gui.model.weights_question import WeightsDialog
from napari_corrclip.gui.work.estimates import Estimates
from napari_corrclip.gui.work.said import Kind
from napari_corrclip.settings import DETAILS, Settings, at_detail
from napari_corrclip.weights.catalogue import get_preset
from napari_corrclip.weights.presets import NetworkSpec
from tests.gui.person import MINUTE, Person, answer, open_scene
from tests.weights.serving import Server, serving

FILE = b"no checkpoint" * 400_000  # 5.2 MB, in several chunks


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Server]:
    """A preset "tiny" whose CLIP has to be fetched from a server on this machine."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setenv("NAPARI_CORRCLIP_CACHE", str(tmp_path / "cache"))
    with serving() as state:
        clip = NetworkSpec(
            library="open_clip",
            architecture="ViT-B-16-quickgelu",
            pretrained="tiny",
            source=f"{state.url}/tiny.pt",
            filename="tiny.pt",
            licence="CC-BY-NC-4.0",
            size=len(FILE),
        )
        state.files["/tiny.pt"] = FILE
        tiny = replace(get_preset("demo"), name="tiny", clip=clip)
        # The package has a function of the module's name.
        presets = sys.modules[NetworkSpec.__module__]
        known = MappingProxyType({**vars(presets)["_PRESETS"], "tiny": lambda: tiny})
        monkeypatch.setattr(presets, "_PRESETS", known)
        yield state


def use_tiny(person: Person) -> None:
    open_scene(person)
    person.type("red, green")
    person.dock.model.preset.addItem("tiny")
    person.dock.model.preset.setCurrentText("tiny")


def test_weights_are_asked_about_once_with_size_and_licence_in_words(
    person: Person, server: Server, tmp_path: Path
) -> None:
    use_tiny(person)
    server.pause = 0.02
    texts: list[str] = []

    def agree(dialog: WeightsDialog) -> None:
        texts.append(dialog.label.text())
        person.press(dialog.download_button)

    answer(WeightsDialog, agree)
    person.press(person.dock.bar.run_button)
    assert len(texts) == 1
    for said in ("ViT-B-16-quickgelu/tiny", "5.2 MB", "CC-BY-NC-4.0", "Not for commercial use"):
        assert said in texts[0]
    assert str(tmp_path / "cache") in texts[0]
    bar = person.dock.bar
    person.qtbot.waitUntil(lambda: "of 5 MB" in bar.text(), timeout=MINUTE)
    assert bar.text().startswith("Download tiny.pt (CC-BY-NC-4.0)")
    person.press(person.dock.bar.cancel_button)
    person.wait()
    assert "Cancelled" in person.dock.status.text()
    file = next((tmp_path / "cache").rglob("tiny.pt.part")).with_suffix("")
    part = file.with_name("tiny.pt.part")
    kept = part.stat().st_size
    assert 0 < kept < len(FILE)

    # Agreed once: the second try asks nothing and goes on where it was cancelled.
    server.pause = 0.0
    person.press(person.dock.bar.run_button)
    person.wait()
    assert file.read_bytes() == FILE
    assert server.requests[-1] == f"GET /tiny.pt bytes={kept}-"
    assert "cannot be read as tensors" in person.dock.status.text()
    assert person.names() == ["scene"]


def test_weights_that_are_refused_or_missing_offline_are_not_fetched(
    person: Person, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_tiny(person)
    for _ in range(2):  # a no is no yes for ever, and is asked again
        answer(WeightsDialog, lambda dialog: person.press(dialog.refuse_button))
        person.press(person.dock.bar.run_button)
        assert "Nothing was downloaded" in person.dock.status.text()
    assert not person.dock.controller.running

    monkeypatch.setenv("NAPARI_CORRCLIP_OFFLINE", "1")
    person.press(person.dock.bar.run_button)
    person.wait()
    said = person.dock.status.text()
    assert "tiny.pt" in said
    assert "offline mode opens no connection" in said
    answer(WeightsDialog, lambda dialog: person.press(dialog.download_button))
    person.press(person.dock.model.files.download_button)
    person.wait()
    assert "offline mode opens no connection" in person.dock.status.text()
    assert server.requests == []


def test_a_labels_layer_gives_the_regions(person: Person) -> None:
    open_scene(person)
    person.type("red, green")
    person.viewer.add_labels(np.ones((5, 7), np.int32), name="small")
    person.dock.reset_choices()
    person.dock.model.regions.setCurrentText("layer: small")
    person.press(person.dock.bar.run_button)
    assert "The layer 'small' has shape (5, 7)" in person.dock.status.text()
    assert not person.dock.controller.running

    side = generate_scene(7).image.shape[0]
    mine = np.zeros(generate_scene(7).image.shape[:2], np.int32)
    mine[: side // 2] = 5
    mine[side // 2 :, :10] = 9
    regions = person.dock.model.regions
    layer = person.viewer.add_labels(mine.copy(), name="cells")
    person.dock.reset_choices()
    assert regions.findText("layer: cells") >= 0
    regions.setCurrentText("layer: cells")
    layer.name = "parcels"
    person.dock.reset_choices()
    assert regions.currentText() == "layer: parcels"
    person.press(person.dock.bar.run_button)
    layer.data[:] = 1  # painted while the run goes on
    person.wait()
    session = person.dock.workspace.session
    assert session is not None
    np.testing.assert_array_equal(session.regions, mine)
    person.viewer.layers.remove(layer)
    person.dock.reset_choices()
    assert regions.findText("layer: parcels") < 0
    assert regions.currentText() == "SAM fast (8 × 8)"


def test_windows_are_counted_and_parameters_are_those_of_the_result(
    person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    fresh = Estimates()  # other tests have run before
    monkeypatch.setattr("napari_corrclip.gui.model.panel.ESTIMATES", fresh)
    monkeypatch.setattr("napari_corrclip.gui.work.controller.ESTIMATES", fresh)
    model = person.dock.model
    assert model.windows.text() == ""
    open_scene(person)
    shape = generate_scene(7).image.shape[:2]
    settings = get_preset("demo").settings
    for number, detail in enumerate(DETAILS):
        model.detail.setCurrentIndex(number)
        layout = plan(shape, at_detail(settings, detail), (16, 8))
        rows, columns = (len({box[axis] for box in layout.boxes}) for axis in (0, 1))
        text = "1 window" if rows * columns == 1 else f"{rows} × {columns} windows"
        assert model.windows.text() == text
    model.detail.setCurrentIndex(0)
    assert model.detail.currentText() == f"standard ({settings.short_side})"
    person.type("red, green")
    person.press(person.dock.bar.run_button)
    person.wait()
    assert ", about " in model.windows.text()

    tau = model.advanced.fields["tau"]
    assert isinstance(tau, QLineEdit)
    tau.setText("0.7")
    tau.editingFinished.emit()
    towers = person.dock.controller.networks.loaded
    person.run()
    again = person.dock.controller.networks.loaded
    assert towers is not None
    assert again is not None
    assert again[1].settings.tau == 0.7
    assert again[1].clip is towers[1].clip  # the networks were not loaded again


def test_devices_are_looked_for_when_the_list_is_opened(person: Person) -> None:
    box = person.dock.model.device
    assert [box.itemText(number) for number in range(box.count())] == ["auto", "cpu"]
    box.showPopup()
    person.qtbot.waitUntil(lambda: box.listed, timeout=MINUTE)
    box.hidePopup()
    texts = [box.itemText(number) for number in range(box.count())]
    assert texts[0].startswith("auto (")
    assert "GB)" in texts[-1]
    assert box.device == "auto"
    box.setCurrentIndex(box.count() - 1)
    assert person.dock.model.choice.recipe.device == "cpu"


def test_every_parameter_has_its_symbol_and_default() -> None:
    assert SYMBOLS.keys() == Settings.model_fields.keys()


def test_parameters_are_checked_marked_and_reset(person: Person) -> None:
    advanced = person.dock.model.advanced
    assert not advanced.isVisible()
    assert person.dock.model.choice.recipe.settings == get_preset("demo").settings
    tau = advanced.fields["tau"]
    assert isinstance(tau, QLineEdit)
    assert "τ" in tau.toolTip()
    assert "Default: " in tau.toolTip()

    def write(text: str) -> None:
        tau.selectAll()
        person.qtbot.keyClicks(tau, text)
        person.qtbot.keyClick(tau, Qt.Key.Key_Return)

    write("0.5")
    assert advanced.settings.tau == 0.5
    assert advanced.labels["tau"].font().bold()
    assert person.dock.model.advanced_button.text() == "Advanced (1 changed)…"
    write("-1")
    assert person.dock.status.text() == (
        "The setting 'tau' is -1.0 and must be a number > 0 and <= 100."
    )
    assert tau.text() == "0.5"
    write("much")
    assert "The setting 'tau' is 'much'" in person.dock.status.text()
    assert person.dock.status.said.kind is Kind.WARNING
    write("0.6")
    assert "'tau'" not in person.dock.status.text()  # what was refused is over
    write("0.5")
    merging = advanced.fields["merging"]
    assert isinstance(merging, QCheckBox)
    merging.click()
    # The names are those that are read beside the fields.
    person.dock.model.regions.setCurrentText("superpixels")
    number, compactness = (advanced.regions.lines[name] for name in ("n_segments", "compactness"))
    for line, typed, said in (
        (number, "0", "'number' is 0; give a whole number from 1 to 1000000."),
        (compactness, "1e20", "'compactness' is 1e+20; give a number above 0, up to 1,000,000."),
    ):
        line.selectAll()
        person.qtbot.keyClicks(line, typed)
        person.qtbot.keyClick(line, Qt.Key.Key_Return)
        assert person.dock.status.text() == said
    compactness.selectAll()
    person.qtbot.keyClicks(compactness, "10")
    person.qtbot.keyClick(compactness, Qt.Key.Key_Return)
    assert "compactness" not in person.dock.status.text()
    settings = person.dock.model.choice.recipe.settings
    assert settings is not None
    assert (settings.tau, settings.merging) == (0.5, not advanced.defaults.merging)
    person.press(advanced.reset_button)
    assert person.dock.model.choice.recipe.settings == get_preset("demo").settings
    assert not advanced.labels["tau"].font().bold()

    # What is changed stays with another preset.
    stride = advanced.fields["stride"]
    assert isinstance(stride, QLineEdit)
    stride.setText("50")
    stride.editingFinished.emit()
    person.dock.model.preset.setCurrentText("vit-b-16")
    assert advanced.settings == get_preset("vit-b-16").settings.replace(stride=50)


def test_out_of_memory_says_what_to_lower_and_lets_go(
    person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    from napari_corrclip.encoders.dino import TimmSimilarityEncoder

    open_scene(person)
    person.type("red, green")
    session = person.run()
    person.dock.model.regions.setCurrentText("SAM normal (16 × 16)")
    person.dock.model.detail.setCurrentIndex(1)

    def full(*_: object, **__: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20 GiB")

    with monkeypatch.context() as broken:
        broken.setattr(TimmSimilarityEncoder, "features", full)
        person.press(person.dock.bar.run_button)
        person.wait()
    said = person.dock.status.text()
    assert "not enough memory" in said
    detail = "the detail (fine)"
    for value in (detail, "the points (SAM normal (16 × 16))", "the CPU"):
        assert value in said
    assert person.dock.controller.networks.loaded is None
    assert person.dock.session is session
    person.agree()
    person.dock.model.regions.setCurrentText("superpixels")
    person.dock.model.detail.setCurrentIndex(0)
    assert person.run() is session
    assert "regions in" in person.dock.status.text()


def test_layers_of_a_crop_are_cut_alike(person: Person) -> None:
    from napari_corrclip.gui.image.picture import picture_of
    from napari_corrclip.gui.model.panel import _regions_of

    open_scene(person)
    image = person.dock.image.layer
    assert image is not None
    mine = np.arange(np.prod(image.data.shape[:2])).reshape(image.data.shape[:2])
    layer = person.viewer.add_labels(mine.astype(np.int32), name="mine")
    picture = picture_of(image, box=(3, 4, 20, 30))
    np.testing.assert_array_equal(_regions_of(layer, picture)(), mine[3:20, 4:30])
    small = person.viewer.add_labels(mine[:17, :26].astype(np.int32), name="part")
    np.testing.assert_array_equal(_regions_of(small, picture)(), mine[:17, :26])
    with pytest.raises(InputError, match="choose a Labels layer of the image's height and width"):
        _regions_of(person.viewer.add_labels(mine[:4].astype(np.int32)), picture)


# -- the files, without a run


def test_files_are_listed_fetched_and_checked_without_a_run(
    person: Person, server: Server, tmp_path: Path
) -> None:
    files = person.dock.model.files
    assert files.label.text() == "This preset needs no download."
    assert not files.download_button.isEnabled()
    assert not files.verify_button.isEnabled()
    person.dock.model.preset.addItem("tiny")
    person.dock.model.preset.setCurrentText("tiny")
    said = "5.2&nbsp;MB, CC-BY-NC-4.0: <b>{}</b>"
    assert said.format("missing") in files.label.text()
    person.press(files.verify_button)
    person.wait()
    assert "tiny.pt is missing; get" in person.dock.status.text()

    answer(WeightsDialog, lambda dialog: person.press(dialog.refuse_button))
    person.press(files.download_button)
    assert person.dock.status.text() == "Nothing was downloaded."
    assert not server.requests
    server.pause = 0.02
    answer(WeightsDialog, lambda dialog: person.press(dialog.download_button))
    person.press(files.download_button)
    bar = person.dock.bar
    person.qtbot.waitUntil(lambda: "of 5 MB" in bar.text(), timeout=MINUTE)
    person.press(files.verify_button)
    assert person.dock.status.text() == "Something is at work; wait for it or cancel it first."
    person.press(person.dock.bar.cancel_button)
    person.wait()
    assert "Cancelled" in person.dock.status.text()
    assert said.format("missing") in files.label.text()
    server.pause = 0.0
    person.press(files.download_button)
    person.wait()
    assert person.dock.status.text() == "1 file downloaded; all of them are here."
    assert said.format("here") in files.label.text()
    assert not files.download_button.isEnabled()

    person.press(files.verify_button)
    person.wait()
    assert person.dock.status.text() == "1 file is as published."
    assert said.format("intact") in files.label.text()
    (path,) = (tmp_path / "cache").rglob("tiny.pt")
    path.write_bytes(FILE[:-1] + b"X")
    files.refresh()
    assert said.format("here") in files.label.text()  # another file than the one that was checked
    person.press(files.verify_button)
    person.wait()
    assert "is not the published file" in person.dock.status.text()
    assert said.format("damaged") in files.label.text()
