"""Planes of stacks as items of a project: found, run, reviewed, moved, made anew."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest
import tifffile
import zarr

import napari_corrclip as nc
from napari_corrclip.annotation import Source
from napari_corrclip.demo.scenes import generate_scene
from napari_corrclip.engine.segmenter import Segmenter
from napari_corrclip.images.stack import Stack
from napari_corrclip.project import database
from napari_corrclip.project.project import Project
from napari_corrclip.project.records import ItemState
from napari_corrclip.project.reviewing import read_session
from napari_corrclip.project.thumbnails import thumbnail

RECIPE = nc.Recipe(regions="superpixels", region_options={"n_segments": 30})
WORDS = "red, blue, background: wood, stone"
PLANES = np.stack([generate_scene(number).image[:80, :90, 1] for number in range(4)])


@pytest.fixture(scope="module")
def segmenter() -> Segmenter:
    return Segmenter.from_recipe(RECIPE)


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """A photograph, a stack of two axes, an .npy of colours, an OME-Zarr, and a file that is none."""
    folder = tmp_path / "images"
    folder.mkdir()
    iio.imwrite(folder / "a.png", generate_scene(9).image[:80, :90])
    tifffile.imwrite(
        folder / "cells.tif", PLANES.reshape(2, 2, 80, 90), imagej=True,
        metadata={"axes": "TZYX", "spacing": 0.5, "unit": "um"},
    )  # fmt: skip
    np.save(folder / "colours.npy", np.repeat(PLANES[:2, :, :, None], 3, axis=-1))
    group = zarr.open_group(folder / "large.zarr", mode="w")
    group.create_array("0", data=PLANES[1:3])
    axes = [{"name": name} for name in "zyx"]
    group.attrs["ome"] = {"multiscales": [{"axes": axes, "datasets": [{"path": "0"}]}]}
    (folder / "z.tif").write_bytes(b"II*\0 and no more")
    return folder


@pytest.fixture
def project(images: Path, tmp_path: Path) -> Iterator[Project]:
    with Project.create(tmp_path / "set", WORDS, images, recipe=RECIPE) as made:
        yield made


TITLES = [
    "a.png", "cells.tif[0, 0]", "cells.tif[0, 1]", "cells.tif[1, 0]", "cells.tif[1, 1]", "colours.npy[0]",
    "colours.npy[1]", "large.zarr[0]", "large.zarr[1]", "z.tif",
]  # fmt: skip


def test_planes_are_items_of_one_stack_and_each_is_run_and_reviewed(
    project: Project, images: Path, segmenter: Segmenter
) -> None:
    assert [item.title for item in project] == [f"../images/{title}" for title in TITLES]
    assert [item.title for item in project.items(order="plane")] == [item.title for item in project]
    assert [(stack.path, stack.planes) for stack in project.stacks] == [
        ("../images/cells.tif", Stack(("t", "z"), (2, 2), (None, 0.5), ("", "um"))),
        ("../images/colours.npy", Stack(("axis 0",), (2,), (None,), ("",))),
        ("../images/large.zarr", Stack(("z",), (2,), (None,), ("",))),
    ]
    report = project.run(segmenter=segmenter, progress=False)
    assert len(report.done) == 9
    assert project.status().lines() == ["9 pre-labelled", "1 failed"]
    for title, plane in (("cells.tif[1, 0]", PLANES[2]), ("colours.npy[1]", PLANES[1]),
                         ("large.zarr[1]", PLANES[2])):  # fmt: skip
        plain = nc.segment(plane, WORDS, recipe=RECIPE)
        np.testing.assert_array_equal(project.result(f"../images/{title}").labels, plain.labels)

    item = project.item("../images/cells.tif[1,0]")
    assert project.path_of(item) == images / "cells.tif"
    assert item.stack == project.stacks[0].id
    with project.session(item, by="Ann") as session:
        assert session.source == Source.of(images / "cells.tif", slice=(1, 0))
        session.assign(session.ids[:2].tolist(), "red")
        labels = session.labels.copy()
    assert project.item(item).state is ItemState.IN_REVIEW
    assert project.item("../images/cells.tif[1, 1]").state is ItemState.PRELABELLED
    with project.session(item) as session:
        np.testing.assert_array_equal(session.labels, labels)

    with pytest.raises(nc.InputError, match=r"stack of 4 planes; name one, such as .*tif\[0, 0\]"):
        project.item("../images/cells.tif")
    with pytest.raises(nc.InputError, match="has no item"):
        project.item("../images/cells.tif[5]")


def test_the_index_is_made_anew_with_planes_also_where_their_file_is_gone(
    project: Project, images: Path, segmenter: Segmenter
) -> None:
    project.run(segmenter=segmenter, progress=False)
    first = project.item("../images/cells.tif[0, 1]")
    project.mark(first, "verified", by="Bob")
    kept = ("path", "plane", "name", "state", "by", "regions", "least", "digest")
    before = {item.title: [getattr(item, name) for name in kept] for item in project}
    stacks = [(stack.path, stack.planes) for stack in project.stacks]
    project.close()
    (project.folder / database.NAME).unlink()
    (images / "cells.tif").rename(images.parent / "away.tif")
    with Project.repair(project.folder) as anew:
        after = {item.title: [getattr(item, name) for name in kept] for item in anew}
        assert after == before
        assert [(stack.path, stack.planes) for stack in anew.stacks] == stacks
        assert anew.status().missing == 4
        assert anew.relink(images / "cells.tif", images.parent / "away.tif") == 4
        assert anew.stacks[0].path == "../away.tif"
        with anew.session("../away.tif[0, 1]") as session:
            assert session.source is not None
            assert session.source.slice == (0, 1)


def test_parts_of_a_run_take_planes(project: Project, segmenter: Segmenter) -> None:
    for number in (1, 2, 3):
        project.run(segmenter=segmenter, part=(number, 3), progress=False)
    assert project.collect(progress=False) == 10
    assert project.status().lines() == ["9 pre-labelled", "1 failed"]
    assert len(project.stacks) == 3


def test_a_stack_that_grew_keeps_what_was_decided_and_gets_more_planes(
    project: Project, images: Path, segmenter: Segmenter
) -> None:
    project.run(segmenter=segmenter, progress=False)
    first = project.item("../images/colours.npy[0]")
    with project.session(first) as session:
        session.assign(session.ids[:1].tolist(), "red")
    path = images / "colours.npy"
    np.save(path, np.repeat(PLANES[[0, 3, 2], :, :, None], 3, axis=-1))
    assert len(project.run(segmenter=segmenter, progress=False).done) == 1
    assert project.stacks[1].planes.shape == (3,)
    with project.session(first) as session:  # its own pixels are the same
        assert session.can_undo
    changed = project.session("../images/colours.npy[1]")
    with pytest.raises(nc.InputError, match=r"colours.npy'\[1\] was changed"), changed:
        pass
    np.save(path, np.repeat(PLANES[:1, :, :, None], 3, axis=-1)[0])
    with pytest.raises(nc.InputError, match="has no plane"), project.session(first):
        pass


def test_a_file_that_becomes_readable_may_be_a_stack(
    project: Project, images: Path, segmenter: Segmenter
) -> None:
    project.run(segmenter=segmenter, progress=False)
    item = project.item("../images/z.tif")
    assert item.state is ItemState.FAILED
    shutil.copy(images / "cells.tif", images / "z.tif")
    assert len(project.run(segmenter=segmenter, progress=False).done) == 4
    assert not project.folder_of("../images/z.tif[0, 0]").with_name(item.name).exists()
    assert project.status().lines() == ["13 pre-labelled"]


def test_relinking_onto_what_is_there_is_told(project: Project, images: Path) -> None:
    shutil.copy(images / "a.png", images / "b.png")
    project.look_again()
    with pytest.raises(nc.InputError, match=r"b.png' is an item of the project already"):
        project.relink(images / "a.png", images / "b.png")
    assert project.status().missing == 0


def test_a_window_finds_the_session_of_the_plane_that_it_shows(
    project: Project, images: Path, segmenter: Segmenter
) -> None:
    project.run(segmenter=segmenter, progress=False)
    item = project.item("../images/cells.tif[1, 0]")
    sessions, path = project.sessions(), images / "cells.tif"
    assert sessions.item_of(Source.of(path, slice=(1, 0))) == item.name
    assert sessions.item_of(Source.of(path)) is None
    assert sessions.item_of(Source.of(path, slice=(1, 9))) is None
    folder = project.folder_of(item)
    shown = Source.of(path, slice=(1, 0))
    assert read_session(folder, None, shown).source == shown
    with pytest.raises(nc.InputError, match=r"The plane \[0, 0\] of .* item is the plane \[1, 0\]"):
        read_session(folder, None, Source.of(path, slice=(0, 0)))

    small = thumbnail(item, path, folder)
    assert small.shape == (80, 90, 3)
    beside = project.item("../images/cells.tif[1, 1]")
    other = thumbnail(beside, path, project.folder_of(beside))
    assert (small != other).any()
