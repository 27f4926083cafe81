"""Large images as items of a project: run by the engine of large images, with their maps on the disk."""

from __future__ import annotations

from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest

import napari_corrclip as nc
from napari_corrclip.demo.scenes import generate_scene
from napari_corrclip.project import database
from napari_corrclip.project.project import Project
from napari_corrclip.project.records import ItemState
from napari_corrclip.project.thumbnails import thumbnail
from napari_corrclip.results.large import LargeSegmentation

RECIPE = nc.Recipe(
    regions="superpixels", region_options={"n_segments": 20}, scale=0.5, tile=128, overlap=32
)
WORDS = "red, blue, background: wood, stone"
IMAGE = generate_scene(3).image[:160, :150]


@pytest.fixture
def images(tmp_path: Path) -> Path:
    folder = tmp_path / "images"
    folder.mkdir()
    iio.imwrite(folder / "a.png", IMAGE)
    np.save(folder / "b.npy", np.stack([IMAGE, IMAGE[::-1]]))
    return folder


def test_large_images_and_planes_are_run_as_segment_does(images: Path, tmp_path: Path) -> None:
    with Project.create(tmp_path / "set", WORDS, images, recipe=RECIPE) as project:
        assert len(project.run(progress=False).done) == 3
        for title, image in (("a.png", IMAGE), ("b.npy[1]", IMAGE[::-1])):
            name = title.partition(".")[0]
            alone = nc.segment_large(image, WORDS, tmp_path / name, recipe=RECIPE)
            found = project.result(f"../images/{title}")
            assert isinstance(found, LargeSegmentation)
            np.testing.assert_array_equal(found.labels[:], alone.labels[:])
        item = project.item("../images/b.npy[0]")
        assert item.regions == len(project.result(item).table)
        assert sorted(path.name for path in project.folder_of(item).iterdir()) == [
            "item.json", "result",
        ]  # fmt: skip
        with pytest.raises(nc.InputError, match="run as a large image"), project.session(item):
            pass
        project.mark(item, "verified", by="Ann")

        # Again, with other words: one is verified while it is run.
        project.choose("red, green, background: wood, stone")
        assert project.status().stale == {ItemState.PRELABELLED: 2, ItemState.VERIFIED: 1}
        steps = project.run_steps(stale=True)
        busy = project.item("../images/a.png")
        for _ in steps:
            if project.item(busy).state is ItemState.RUNNING:
                break
        project.mark(busy, "verified", by="Bob")
        for _ in steps:
            pass
        assert project.result(busy).vocabulary.names[1] == "blue"
        assert project.result("../images/b.npy[1]").vocabulary.names[1] == "green"
        assert sorted(path.name for path in project.folder_of(busy).iterdir()) == [
            "item.json", "result",
        ]  # fmt: skip
        before = [(record.title, record.state, record.regions) for record in project]
    (project.folder / database.NAME).unlink()
    with Project.repair(project.folder) as anew:
        assert [(record.title, record.state, record.regions) for record in anew] == before


def test_a_scale_at_which_nothing_is_seen_is_told(images: Path, tmp_path: Path) -> None:
    recipe = nc.Recipe(regions="superpixels", scale=0.001)
    with Project.create(tmp_path / "set", WORDS, images, recipe=recipe) as project:
        report = project.run(progress=False)
        assert len(report.failed) == 3
        assert "scale" in project.items("failed")[0].reason


def test_a_large_item_has_no_small_picture(images: Path, tmp_path: Path) -> None:
    with Project.create(tmp_path / "set", WORDS, images / "a.png", recipe=RECIPE) as project:
        project.run(progress=False)
        (item,) = project
        with pytest.raises(nc.InputError, match="no small picture"):
            thumbnail(item, project.path_of(item), project.folder_of(item))
