"""A stack before a person: four small scenes, the slider between them, and a file of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_corrclip.demo.scenes import generate_scene
from tests.gui.person import MINUTE, Person

PLANES = 4


def planes(count: int = PLANES) -> np.ndarray:
    return np.stack([generate_scene(seed).image[:96, :128] for seed in range(count)])


def ready(person: Person) -> None:
    person.dock.reset_choices()
    person.dock.model.regions.setCurrentText("superpixels")
    person.dock.words.line.setText("red, green, blue")
    to(person, 0)


def to(person: Person, plane: int) -> None:
    """Move the slider, and wait until what there is of the plane is shown."""
    layer = person.dock.image.layer
    assert layer is not None
    person.viewer.dims.set_point(0, layer.data_to_world((plane, 0, 0))[0])
    slider = person.dock.display.slider
    person.qtbot.waitUntil(lambda: slider.settled, timeout=MINUTE)


def saved(path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NAPARI_CORRCLIP_SESSIONS", str(path / "sessions"))
    file = path / "stack.tif"
    tifffile.imwrite(file, planes().mean(axis=-1).astype(np.uint8), photometric="minisblack")
    return file


def opened(person: Person, file: Path) -> None:
    (layer,) = person.viewer.open(str(file), plugin="napari")
    person.dock.reset_choices()
    person.dock.image.layer = layer
    ready(person)
