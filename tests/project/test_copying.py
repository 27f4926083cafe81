"""Images that are copied into a project: all or none, names kept, and the folder moves alone."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import sys
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest
import zarr

import napari_corrclip as nc
from napari_corrclip.demo.scenes import generate_scene
from napari_corrclip.engine.segmenter import Segmenter
from napari_corrclip.images.origin import digest_of
from napari_corrclip.project import copying, database
from napari_corrclip.project.project import Project
from tests.full_disk import files_of_at_most
from tests.project.small import RECIPE
from tests.users import another_user, open_folder

WORDS = "red, background: wood"


@pytest.fixture
def images(tmp_path: Path) -> Path:
    folder = tmp_path / "images"
    for number, name in enumerate(("a/one.png", "b/one.png", "b/two.png")):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        iio.imwrite(folder / name, generate_scene(number).image[:60, :70])
    zarr.save_array(folder / "c.zarr", generate_scene(5).image[:60, :70])
    return folder


def paths(project: Project) -> list[str]:
    return [item.path for item in project.items(order="path")]


def hidden(project: Project) -> list[str]:
    return [path.name for path in project.folder.iterdir() if path.name.startswith(".")]


def test_a_project_with_copies_moves_alone(images: Path, tmp_path: Path) -> None:
    assert Project.size_of(images)[0] == 4
    size = sum(path.stat().st_size for path in images.rglob("*") if path.is_file())
    assert Project.size_of([images]) == (4, size)
    with Project.create(tmp_path / "set", WORDS, images, recipe=RECIPE, copy=True) as project:
        assert paths(project) == [
            "images/images/a/one.png", "images/images/b/one.png", "images/images/b/two.png",
            "images/images/c.zarr",
        ]  # fmt: skip
        assert hidden(project) == []
        project.run(segmenter=Segmenter.from_recipe(RECIPE), progress=False)
        before = project.result("images/images/b/two.png").labels
    shutil.rmtree(images)
    moved = tmp_path / "elsewhere" / "set.corrclip-project"
    shutil.move(tmp_path / "set.corrclip-project", moved)
    with Project.open(moved) as project:
        assert project.status().lines() == ["4 pre-labelled"]
        with project.session("images/images/b/two.png") as session:
            np.testing.assert_array_equal(session.labels, before)
        # What is put there is found.
        shutil.copy(moved / "images/images/b/two.png", moved / "images" / "later.png")
        assert project.look_again() == 1


def test_names_are_kept_without_a_clash_and_nothing_is_copied_twice(
    images: Path, tmp_path: Path
) -> None:
    first, second = images / "a" / "one.png", images / "b" / "one.png"
    with Project.create(
        tmp_path / "set", WORDS, [first, second], recipe=RECIPE, copy=True
    ) as project:
        assert paths(project) == ["images/2/one.png", "images/one.png"]
        assert project.path_of("images/2/one.png").read_bytes() == second.read_bytes()
        assert project.add(first, second, copy=True) == 0
        assert project.add(images, copy=True) == 4
        assert project.add(images, copy=True) == 0
        added = [f"images/3/images/{name}" for name in ("a/one.png", "b/one.png", "b/two.png")]
        assert paths(project)[1:-1] == [*added, "images/3/images/c.zarr"]
        assert project.add(images / "b" / "two.png") == 1  # linked
        assert "../images/b/two.png" in paths(project)


def test_a_list_with_an_image_that_is_not_there_copies_nothing(
    images: Path, tmp_path: Path
) -> None:
    (tmp_path / "list.txt").write_text("images/a/one.png\nimages/gone.png\n")
    with pytest.raises(nc.InputError, match=r"no image .*gone.png' to be copied"):
        Project.create(tmp_path / "set", WORDS, tmp_path / "list.txt", recipe=RECIPE, copy=True)
    assert not (tmp_path / "set.corrclip-project").exists()


@pytest.mark.skipif(sys.platform != "linux", reason="others allow no such names")
@pytest.mark.parametrize("pattern", ["", "**/*.*"])
def test_what_lies_in_a_folder_and_cannot_be_copied_is_told_and_the_rest_is_taken(
    images: Path, tmp_path: Path, pattern: str
) -> None:
    link = images / "b" / "gone.png"
    link.symlink_to(tmp_path / "nowhere.png")
    (images / "c.zarr" / "gone").symlink_to(tmp_path / "nowhere")
    odd = Path(os.fsdecode(os.fsencode(images) + b"/\xff.png"))
    shutil.copy(images / "a" / "one.png", odd)
    place = images / pattern
    number, size = Project.size_of(place)
    assert number == 4
    with Project.create(tmp_path / "set", WORDS, place, recipe=RECIPE, copy=True) as project:
        assert len(project) == 4
        copied = [path for path in (project.folder / "images").rglob("*") if path.is_file()]
        assert sum(path.stat().st_size for path in copied) == size
        told = sorted(project.passed_over)
        assert len(told) == 2
        assert "is no valid text; rename it" in told[0]
        assert told[1] == f"There is no image {str(link)!r} to be copied; check the path."
        assert project.add(place, copy=True) == 0
        assert sorted(project.passed_over) == told
        for named, sentence in ((link, "There is no image"), (odd, "is no valid text; rename it")):
            with pytest.raises(nc.InputError, match=sentence):
                project.add(named, copy=True)
    shutil.rmtree(images / "a")
    shutil.rmtree(images / "c.zarr")
    for name in ("one.png", "two.png"):
        (images / "b" / name).unlink()
    with pytest.raises(nc.InputError, match=r"There is no image|is no valid text"):
        Project.create(tmp_path / "none", WORDS, place, recipe=RECIPE, copy=True)
    assert not (tmp_path / "none.corrclip-project").exists()


def test_a_file_that_nobody_may_read_keeps_no_other_one_from_being_copied(tmp_path: Path) -> None:
    with open_folder() as base:
        (base / "images").mkdir()
        for name in ("a.png", "locked.png"):
            iio.imwrite(base / "images" / name, generate_scene(1).image[:60, :70])
        (base / "images" / "locked.png").chmod(0)
        base.chmod(0o777)
        with another_user():
            with Project.create(
                base / "set", WORDS, base / "images", recipe=RECIPE, copy=True
            ) as project:
                assert paths(project) == ["images/images/a.png"]
                (told,) = project.passed_over
            assert "locked.png' cannot be read; look at its permissions" in told
            with pytest.raises(nc.InputError, match=r"locked.png' cannot be read"):
                Project.size_of(base / "images" / "locked.png")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows knows no such limit")
def test_a_disk_that_is_full_keeps_none_of_them(images: Path, tmp_path: Path) -> None:
    # As a BMP it is larger than the disk takes.
    iio.imwrite(images / "b" / "three.bmp", generate_scene(1).image[:200, :200])
    with Project.create(tmp_path / "set", WORDS, recipe=RECIPE) as project:
        with (
            files_of_at_most(50_000),
            pytest.raises(nc.InputError, match="images' cannot be written"),
        ):
            project.add(images, copy=True)
        assert not (project.folder / "images").exists()
        assert hidden(project) == []
        assert len(project) == 0
        assert project.add(images, copy=True) == 5


def test_copies_that_the_index_refuses_are_removed(images: Path, tmp_path: Path) -> None:
    with Project.create(tmp_path / "set", WORDS, recipe=RECIPE) as project:
        with contextlib.closing(sqlite3.connect(project.folder / database.NAME)) as connection:
            connection.execute(
                "CREATE TRIGGER refuse BEFORE INSERT ON items BEGIN SELECT RAISE(ABORT, 'no'); END"
            )
        with pytest.raises(nc.InputError):
            project.add(images, copy=True)
        assert not (project.folder / "images").exists()


@pytest.mark.parametrize("same", [False, True])
def test_names_are_chosen_once_an_image(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, same: bool
) -> None:
    """Of 50,000 that is minutes otherwise; each try makes a path."""
    number, made = 300, 0
    for at in range(number):
        path = tmp_path / "images" / (f"{at}/a.png" if same else f"{at}.png")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()

    def counting(*parts: object) -> Path:
        nonlocal made
        made += 1
        return Path(*map(str, parts))

    monkeypatch.setattr(copying, "Path", counting)
    found = copying.copies_of(sorted((tmp_path / "images").rglob("*.png")))
    assert len({str(path) for _, path in found.images}) == number
    assert made < 5 * number


def test_another_large_image_of_one_name_is_copied_too(tmp_path: Path) -> None:
    """Its samples may be the same ones."""
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        content = bytearray(6 << 20)
        content[80_000] = ord(name)
        (tmp_path / name / "x.npy").write_bytes(content)
    first, second = (tmp_path / name / "x.npy" for name in ("a", "b"))
    assert digest_of(first) == digest_of(second)
    with Project.create(tmp_path / "set", WORDS, first, recipe=RECIPE, copy=True) as project:
        assert project.add(second, copy=True) == 1
        assert project.add(first, second, copy=True) == 0
