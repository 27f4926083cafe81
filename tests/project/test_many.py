"""A set of scenes, end to end: labelled by processes that are killed, relabelled, corrected, verified."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest
import tifffile
from PIL import Image

import napari_corrclip as nc
from napari_corrclip.demo.scenes import generate_scene
from napari_corrclip.engine.segmenter import Segmenter
from napari_corrclip.project.features import FEATURES
from napari_corrclip.project.project import Project
from napari_corrclip.project.records import ItemState
from tests.forms import short

RECIPE = nc.Recipe(regions="superpixels", region_options={"n_segments": 30})
WORDS, MORE = "red, blue, background: wood", "red, blue, green, background: wood"
BROKEN = 3
SHAPES = ((64, 96), (96, 64), (80, 80), (72, 128))


def scenes(folder: Path, number: int) -> list[Path]:
    """Write so many scenes, of several sizes and formats, three of them broken."""
    folder.mkdir()
    written = []
    for seed in range(number - BROKEN):
        height, width = SHAPES[seed % len(SHAPES)]
        image = generate_scene(seed).image[:height, :width]
        path = folder / f"{seed:03d}"
        kind = seed % 5
        if kind == 0:
            iio.imwrite(path := path.with_suffix(".png"), image)
        elif kind == 1:
            Image.fromarray(image).save(path := path.with_suffix(".jpg"), quality=92)
        elif kind == 2:
            tifffile.imwrite(path := path.with_suffix(".tif"), image, photometric="rgb")
        elif kind == 3:
            gray = image.mean(axis=-1)
            tifffile.imwrite(path := path.with_suffix(".tif"), (gray * 250).astype(np.uint16))
        else:
            np.save(path := path.with_suffix(".npy"), image)
        written.append(path)
    for name, data in (
        ("cut.png", b"\x89PNG\r\n\x1a\n"),
        ("empty.jpg", b""),
        ("text.tif", b"II, no more"),
    ):
        (folder / name).write_bytes(data)
    return written


def begin_and_kill(project: Path, command: list[str], after: int) -> None:
    """Begin a run in a process of its own, and kill it when so many items more have another result."""
    begun = time.time_ns()

    def done() -> int:
        items = project.glob("items/*/item.json")
        return sum(item.stat().st_mtime_ns >= begun for item in items)

    process = subprocess.Popen(
        [sys.executable, "-m", "napari_corrclip", "project", *command, str(project)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        while done() < after:
            assert process.poll() is None, "the run was over before it was to be killed"
            time.sleep(0.005)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == -signal.SIGKILL


@pytest.mark.process
@pytest.mark.skipif(os.name == "nt", reason="needs kill -9")
@pytest.mark.parametrize("number", short(60, rest=[200]))
def test_many_scenes_are_killed_gone_on_with_relabelled_corrected_and_verified(
    tmp_path: Path, number: int
) -> None:
    dice = random.Random(20261129)
    images = scenes(tmp_path / "scenes", number)
    with Project.create(tmp_path / "set", WORDS, tmp_path / "scenes", recipe=RECIPE) as project:
        folder = project.folder
        assert len(project) == number
    for _ in range(3):
        begin_and_kill(folder, ["run", "--keep", "features"], after=dice.randint(1, number // 5))
    with Project.open(folder) as project:
        done = len(project.items(ItemState.PRELABELLED))
        assert 3 <= done < number - BROKEN
        was = {item.name: (item.at, item.run) for item in project.items(ItemState.PRELABELLED)}
        segmenter = Segmenter.from_recipe(RECIPE)
        report = project.run(segmenter=segmenter, features=10**9, progress=False)
        # One may have had its result when its run was killed, and the index had not heard of it.
        assert number - BROKEN - done - len(report.done) in (0, 1)
        assert len(report.failed) == BROKEN
        # What was done was not done again.
        assert all(
            (project.item(name).at, project.item(name).run) == then for name, then in was.items()
        )
        # Each result is that of the image by itself, whichever process made it.
        for path in dice.sample(images, 6):
            item = project.item(os.path.relpath(path, folder).replace(os.sep, "/"))
            alone = segmenter.segment(read(path), WORDS)
            np.testing.assert_array_equal(project.result(item).labels, alone.labels)

        # A person corrects some, and another word comes: the others are labelled anew, theirs stay.
        decided = {}
        for item in dice.sample(project.items(ItemState.PRELABELLED), number // 10):
            with project.session(item, by="Ann") as session:
                for region in session.ids[:: dice.randint(2, 5)].tolist():
                    session.assign(region, dice.choice(("red", "blue")))
                decided[item.name] = session.labels.copy()
        project.choose(MORE)
        stale = project.status().stale
        assert stale[ItemState.PRELABELLED] == number - BROKEN - len(decided)
        # Some have no features, and are run again; the others are labelled by theirs, in spite of a kill.
        without = dice.sample(project.items(ItemState.PRELABELLED), 5)
        for item in without:
            (project.folder_of(item) / FEATURES).unlink()
        begin_and_kill(folder, ["relabel"], after=dice.randint(1, number // 3))
        left = project.items_to_relabel()
        assert 0 < len(left.ready) < number - BROKEN - len(decided) - len(without)
        assert {item.name for item in left.others} == {item.name for item in without}
        report = project.relabel(segmenter=segmenter, progress=False)
        assert sorted(report.done) == sorted(item.name for item in left.ready)
        report = project.run(segmenter=segmenter, stale=True, progress=False)
        assert len(report.done) == len(without)
        assert project.status().stale == {ItemState.IN_REVIEW: len(decided)}
        for item in project.items(ItemState.PRELABELLED):
            assert project.result(item).vocabulary == project.vocabulary
        for path in dice.sample(images, 6):
            item = project.item(os.path.relpath(path, folder).replace(os.sep, "/"))
            if item.name not in decided:
                alone = segmenter.segment(read(path), project.vocabulary)
                np.testing.assert_array_equal(project.result(item).labels, alone.labels)
        for item in project.items(ItemState.PRELABELLED, ItemState.IN_REVIEW):
            project.mark(item, ItemState.VERIFIED, by="Ann")
        for name, labels in decided.items():
            with project.session(name) as session:
                np.testing.assert_array_equal(session.labels, labels)
    with Project.repair(folder) as again:  # by the items' own files
        assert again.count() == {
            ItemState.VERIFIED: number - BROKEN,
            ItemState.FAILED: BROKEN,
        }


def read(path: Path) -> object:
    """Return an image as :meth:`Segmenter.segment` takes it."""
    return np.load(path) if path.suffix == ".npy" else path
