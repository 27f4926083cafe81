"""Networks, a folder of scenes, and a project of them, which modules of tests may have otherwise."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from napari_corrclip.engine.segmenter import Segmenter
from napari_corrclip.project.project import Project
from tests.project.small import RECIPE, WORDS, write_scenes


@pytest.fixture(scope="module")
def segmenter() -> Segmenter:
    return Segmenter.from_recipe(RECIPE)


@pytest.fixture
def images(tmp_path: Path) -> Path:
    folder = tmp_path / "images"
    folder.mkdir()
    write_scenes(folder, 3, 64, 72)
    return folder


@pytest.fixture
def project(images: Path, tmp_path: Path) -> Iterator[Project]:
    """A project that was not run yet."""
    with Project.create(tmp_path / "set", WORDS, images, recipe=RECIPE) as made:
        yield made
