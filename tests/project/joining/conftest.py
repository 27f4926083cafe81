"""A set of three scenes that was run once, of which each test gets a copy."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from napari_corrclip.engine.segmenter import Segmenter
from tests.project.joining.annotators import copied, run_set
from tests.project.small import RECIPE


@pytest.fixture(scope="package")
def networks() -> Segmenter:
    return Segmenter.from_recipe(RECIPE)


@pytest.fixture(scope="package")
def run(tmp_path_factory: pytest.TempPathFactory, networks: Segmenter) -> Path:
    return run_set(tmp_path_factory.mktemp("run"), networks)


@pytest.fixture
def two(run: Path, tmp_path: Path) -> tuple[Path, Path]:
    """The folders of two copies of the set, beside its images."""
    shutil.copytree(run.parent, tmp_path, dirs_exist_ok=True)
    folder = tmp_path / run.name
    return folder, copied(folder, "b")
