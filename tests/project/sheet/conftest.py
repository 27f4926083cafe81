"""Projects whose regions are looked at on a sheet."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import imageio.v3 as iio
import pytest

from napari_corrclip.demo.scenes import generate_scene
from napari_corrclip.engine.segmenter import Segmenter
from napari_corrclip.project.project import Project
from tests.project.small import RECIPE

WORDS = "red, blue, green, yellow, wood, grass, sand, stone"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project of four scenes that was run; the last two are of one scene."""
    place = tmp_path_factory.mktemp("sheet")
    (place / "images").mkdir()
    for number, seed in enumerate((0, 1, 2, 2)):
        iio.imwrite(place / "images" / f"{number}.png", generate_scene(seed).image[:128, :140])
    with Project.create(place / "set", WORDS, place / "images", recipe=RECIPE) as made:
        made.run(segmenter=Segmenter.from_recipe(RECIPE), progress=False)
        return made.folder


@pytest.fixture
def project(run: Path, tmp_path: Path) -> Iterator[Project]:
    shutil.copytree(run.parent, tmp_path, dirs_exist_ok=True)
    with Project.open(tmp_path / run.name) as opened:
        yield opened
