"""Presets that a person saved, in the dock."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from qtpy.QtCore import QPointF, Qt
from qtpy.QtGui import QEnterEvent
from qtpy.QtWidgets import QApplication

from napari_corrclip.weights.catalogue import get_preset, preset_names
from napari_corrclip.weights.presets import NetworkSpec
from napari_corrclip.weights.saved import save_preset
from tests.gui.person import Person, open_scene


@pytest.fixture(autouse=True)
def _saved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NAPARI_CORRCLIP_PRESETS", str(tmp_path / "presets"))
    demo = get_preset("demo")
    settings = demo.settings.replace(tau=0.5)
    save_preset(
        replace(demo, name="mine", title="Mine", description="For cells.", settings=settings)
    )
    gone = NetworkSpec.local("timm", "vit_tiny_patch16_224", tmp_path / "gone.pth")
    save_preset(replace(demo, name="gone", similarity=gone))
    (tmp_path / "presets" / "broken.json").write_text("{")


def test_presets_of_ones_own_are_offered_and_run(person: Person) -> None:
    box = person.dock.model.preset
    offered = [box.itemText(row) for row in range(box.count())]
    assert offered == [name for name in preset_names() if name != "broken"]
    row = box.findText("mine")
    assert box.itemData(row, Qt.ItemDataRole.ToolTipRole) == "Mine. For cells."
    open_scene(person)
    person.type("red, green")
    box.setCurrentText("mine")
    assert person.dock.model.choice.recipe.settings.tau == 0.5
    person.press(person.dock.bar.run_button)
    person.wait()
    session = person.dock.workspace.session
    assert session is not None
    engine: Any = session.engine
    assert engine.segmenter.preset == "mine"
    assert engine.segmenter.settings.tau == 0.5
    assert len(session.rows()) > 0


def test_a_local_file_that_is_gone_is_told_in_the_status_line(
    person: Person, tmp_path: Path
) -> None:
    open_scene(person)
    person.type("red, green")
    person.dock.model.preset.setCurrentText("gone")
    person.press(person.dock.bar.run_button)
    person.wait()
    said = person.dock.status.text()
    assert f"The weights file {tmp_path / 'gone.pth'} for timm's vit_tiny_patch16_224" in said
    assert person.names() == ["scene"]


def test_a_preset_whose_file_is_removed_meanwhile_is_told_in_the_status_line(
    person: Person, tmp_path: Path
) -> None:
    open_scene(person)
    person.type("red, green")
    model = person.dock.model
    model.preset.setCurrentText("mine")
    (tmp_path / "presets" / "mine.json").unlink()
    person.press(person.dock.bar.run_button)
    person.wait()
    assert "There is no preset 'mine'; choose one of demo," in person.dock.status.text()
    model.preset.setCurrentText("demo")
    person.press(person.dock.bar.run_button)
    person.wait()
    assert person.dock.workspace.session is not None


def test_a_preset_that_is_saved_while_the_dock_is_open_is_offered(
    person: Person, tmp_path: Path
) -> None:
    box = person.dock.model.preset
    box.setCurrentText("lite")
    count = box.count()
    save_preset(replace(get_preset("demo"), name="late", title="Late", description=""))
    (tmp_path / "presets" / "broken too.json").write_text("{")
    middle = QPointF(5, 5)
    QApplication.sendEvent(person.dock.model, QEnterEvent(middle, middle, middle))
    assert box.count() == count + 1
    assert box.itemText(count) == "late"
    assert box.currentText() == "lite"
    box.setCurrentText("late")
    assert person.dock.model.choice.recipe.name == "late"
