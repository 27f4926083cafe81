"""Images that are other ones than those that were run: told, and never mixed with what was decided."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import imageio.v3 as iio
import numpy as np
import pytest
import zarr

import napari_corrclip as nc
from napari_corrclip.demo.scenes import generate_scene
from napari_corrclip.engine.segmenter import Segmenter
from napari_corrclip.images.origin import digest_of
from napari_corrclip.images.stack import Stack, Where
from napari_corrclip.project import comparing, intake, reviewing
from napari_corrclip.project.folder import content_of, file_now, has_content
from napari_corrclip.project.project import Project
from napari_corrclip.project.records import ItemState
from tests.project.small import RECIPE, WORDS

LARGE = nc.Recipe(regions="superpixels", region_options={"n_segments": 5}, scale=0.05)
CHANGED = "{} changed since they were run, such as {!r}; run --stale makes them anew"


@pytest.fixture
def images(tmp_path: Path) -> Path:
    (tmp_path / "images").mkdir()
    return tmp_path / "images"


def scene(number: int) -> np.ndarray:
    return generate_scene(number).image[:80, :90]


def write_zarr(path: Path, image: np.ndarray) -> None:
    array = zarr.create_array(str(path), shape=image.shape, chunks=(40, 45, 3), dtype="uint8")
    array[:] = image


def test_other_pixels_in_a_zarr_array_that_is_there_are_told(
    images: Path, tmp_path: Path, segmenter: Segmenter
) -> None:
    path = images / "a.zarr"
    write_zarr(path, scene(1))
    before = file_now(path)
    with Project.create(tmp_path / "set", WORDS, images, recipe=RECIPE) as project:
        project.run(segmenter=segmenter, progress=False)
        (item,) = project
        with project.session(item):
            pass
        # One chunk in the middle: neither the folder's own time nor its first and last entries change.
        array = zarr.open_array(str(path), mode="r+")
        array[40:, :45] = scene(7)[40:, :45]
        assert file_now(path) != before
        with (
            pytest.raises(nc.InputError, match="was changed after it was run"),
            project.session(item),
        ):
            pass
        assert project.status().lines() == [
            "1 pre-labelled", CHANGED.format("1 image", str(path)),
        ]  # fmt: skip
        array[:] = scene(1)
        (path / ".DS_Store").write_bytes(b"where the window of the folder stood")
        assert project.status().changed == 0
        with project.session(item):
            pass


def test_a_zarr_folder_that_was_copied_is_the_same_one(images: Path) -> None:
    write_zarr(images / "a.zarr", scene(1))
    copy = Path(shutil.copytree(images / "a.zarr", images / "b.zarr", copy_function=shutil.copy))
    assert file_now(copy)[0] == file_now(images / "a.zarr")[0]
    assert content_of(copy) == content_of(images / "a.zarr") != ""
    chunk = next(path for path in sorted(copy.rglob("*")) if path.name == "1")
    chunk.rename(chunk.with_name("7"))
    assert content_of(copy) != content_of(images / "a.zarr")


def test_a_large_file_is_known_by_every_byte(images: Path, tmp_path: Path) -> None:
    image = np.zeros((1500, 1500, 3), np.uint8)
    image[:] = generate_scene(1).image[:1, :1]
    image[::7] = 90
    np.save(images / "a.npy", image)
    with Project.create(tmp_path / "set", WORDS, images, recipe=LARGE) as project:
        project.run(progress=False)
        (item,) = project
        before = digest_of(images / "a.npy")
        np.lib.format.open_memmap(images / "a.npy", mode="r+")[700, 700] += 1
        assert digest_of(images / "a.npy") == before  # its samples are the same
        assert project.status().changed == 1
        with (
            pytest.raises(nc.InputError, match="was changed after it was run"),
            project.session(item),
        ):
            pass
        (images / "a.npy").unlink()
        with (
            pytest.raises(nc.InputError, match=r"a.npy' is gone; put it back"),
            project.session(item),
        ):
            pass


def test_what_an_earlier_version_knew_by_samples_is_known_still(
    images: Path, tmp_path: Path, segmenter: Segmenter
) -> None:
    write_zarr(images / "a.zarr", scene(1))
    iio.imwrite(images / "b.png", scene(2))
    with Project.create(tmp_path / "set", WORDS, images, recipe=RECIPE) as project:
        project.run(segmenter=segmenter, progress=False)
        for item in project:
            path = project.path_of(item)
            former = 0 if path.is_dir() else path.stat().st_size
            with project._index.transaction():
                project._index.note_file(item.id, former, 1, digest_of(path))
        assert project.status().changed == 0
        for item in project:
            with project.session(item):
                pass
        iio.imwrite(images / "b.png", scene(3))
        assert project.status().changed == 1


def test_status_tells_what_was_changed_and_reads_so_much_and_no_more(
    images: Path, tmp_path: Path, segmenter: Segmenter, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(4):
        iio.imwrite(images / f"{number}.bmp", scene(number))
    with Project.create(tmp_path / "set", WORDS, images, recipe=RECIPE) as project:
        assert project.status().changed == 0
        project.run(segmenter=segmenter, progress=False)
        os.utime(images / "0.bmp", (1, 1))  # its time alone
        iio.imwrite(images / "1.bmp", scene(9))  # of the same size
        iio.imwrite(images / "2.bmp", scene(9)[:40])
        assert project.status().lines() == [
            "4 pre-labelled", CHANGED.format("2 images", str(images / "1.bmp")),
        ]  # fmt: skip
        size = (images / "0.bmp").stat().st_size
        for limit, changed, touched in ((0, 1, 2), (size, 1, 1), (2 * size, 2, 0)):
            os.utime(images / "0.bmp", (2, 2 + limit))
            found = comparing.look_at_files(project._index, limit=limit)
            assert (found.changed, found.touched) == (changed, touched)
        os.utime(images / "0.bmp", (3, 3))
        monkeypatch.setattr(comparing.look_at_files, "__kwdefaults__", {"limit": 0})
        assert (
            "2 images written since they were run, perhaps with the same content; opening one tells"
            in (project.status().lines())
        )


def test_status_tells_the_way_out_that_there_is(
    images: Path, tmp_path: Path, segmenter: Segmenter
) -> None:
    for number in range(4):
        iio.imwrite(images / f"{number}.png", scene(number))
    with Project.create(tmp_path / "set", WORDS, images, recipe=RECIPE) as project:
        project.run(segmenter=segmenter, progress=False)
        corrected, verified, skipped, left = project
        with project.session(corrected) as session:
            session.assign(session.ids[:1].tolist(), "red")
        project.mark(verified, ItemState.VERIFIED)
        project.mark(skipped, ItemState.SKIPPED)
        told = (
            "changed since they were run and then decided by somebody, such as {!r}; put the former one "
            "back, or {}mark it new (project mark) and run it again"
        )
        session_of = f"items/{corrected.name}/session"
        move = f"move {session_of!r} of the project away, which has what was decided, "
        iio.imwrite(images / "1.png", scene(9))
        lines = project.status().lines()
        assert lines[-1] == f"1 image {told.format(str(images / '1.png'), '')}"
        assert not any("--stale" in line for line in lines)
        for number in range(4):
            iio.imwrite(images / f"{number}.png", scene(9 - number))
        assert project.status().lines()[-2:] == [
            CHANGED.format("1 image", str(images / "3.png")),
            f"3 images {told.format(str(images / '0.png'), move)}",
        ]
        for item in (skipped, verified):  # as they are told
            project.mark(item, ItemState.NEW)
        shutil.move(project.folder / session_of, tmp_path / "aside")
        project.mark(corrected, ItemState.NEW)
        assert len(project.run(segmenter=segmenter, stale=True, progress=False).done) == 4
        assert project.status().lines() == ["4 pre-labelled"]
        assert left.name in {item.name for item in project}


def test_planes_are_changed_by_their_own_pixels_alone(
    images: Path, tmp_path: Path, segmenter: Segmenter
) -> None:
    planes = np.stack([scene(1), scene(2)])
    np.save(images / "a.npy", planes)
    with Project.create(tmp_path / "set", WORDS, images, recipe=RECIPE) as project:
        project.run(segmenter=segmenter, progress=False)
        np.save(images / "a.npy", np.stack([scene(1), scene(2), scene(3)]))
        assert project.status().changed == 0
        np.save(images / "a.npy", np.stack([scene(1), scene(5), scene(3)]))
        assert project.status().changed == 1
        np.save(images / "a.npy", scene(1)[None])
        assert project.status().changed == 1  # there is no such plane any more


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="Windows has no such pipes")
def test_what_cannot_be_read_has_no_checksum(images: Path) -> None:
    os.mkfifo(images / "pipe.png")
    for name in ("pipe.png", "gone.png"):
        assert content_of(images / name) == ""
        assert not has_content(images / name, "0" * 64)


@pytest.mark.parametrize("part", [None, (1, 1)])
def test_a_run_of_what_is_stale_takes_images_that_were_changed(
    images: Path, tmp_path: Path, segmenter: Segmenter, part: tuple[int, int] | None
) -> None:
    for number in range(4):
        iio.imwrite(images / f"{number}.bmp", scene(number))
    np.save(images / "planes.npy", np.stack([scene(5), scene(6)]))
    with Project.create(tmp_path / "set", WORDS, images, recipe=RECIPE) as project:
        project.run(segmenter=segmenter, progress=False)
        touched, changed, decided, gone, first, second = project
        with project.session(decided, by="Ann") as session:
            session.assign(session.ids[:1].tolist(), "red")
        os.utime(project.path_of(touched), (1, 1))
        for item in (changed, decided):
            iio.imwrite(project.path_of(item), scene(9))
        project.path_of(gone).unlink()
        np.save(project.path_of(first), np.stack([scene(5), scene(7)]))
        assert project.items_to_run() == []
        wanted = (changed.name, second.name)
        assert tuple(item.name for item in project.items_to_run(stale=True)) == wanted
        report = project.run(segmenter=segmenter, stale=True, part=part, progress=False)
        assert report.done == wanted
        if part is not None:
            assert (
                project.run(segmenter=segmenter, stale=True, part=part, progress=False).done == ()
            )
            project.collect(progress=False)
        for item, number in ((changed, 9), (second, 7)):
            alone = segmenter.segment(scene(number), WORDS)
            np.testing.assert_array_equal(project.result(item).labels, alone.labels)
            with project.session(item):
                pass
        assert project.status().changed == 1  # what Ann decided is of the former one


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Which images' contents were read since, by the names of their files."""
    found: list[str] = []
    for module in (comparing, reviewing):
        real = module.is_as_it_was

        def counting(image: Path, plane: Where, digest: str, real: Any = real) -> bool:
            found.append(image.name)
            return bool(real(image, plane, digest))

        monkeypatch.setattr(module, "is_as_it_was", counting)
    return found


@pytest.fixture
def headers(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Which images it was looked at whether they are stacks since."""
    found: list[str] = []
    real = intake.read_stack

    def counting(image: Path) -> Stack | None:
        found.append(image.name)
        return real(image)

    monkeypatch.setattr(intake, "read_stack", counting)
    return found


def touch(images: Path) -> None:
    """Copy all images to where they are, with new times."""
    for image in sorted(images.iterdir()):
        os.utime(image, ns=(image.stat().st_mtime_ns + 10**9,) * 2)


@pytest.mark.parametrize("way", ["status", "look_again", "stale", "features", "session"])
def test_an_image_of_another_time_that_is_the_same_is_read_once(
    images: Path, tmp_path: Path, segmenter: Segmenter, reads: list[str], way: str
) -> None:
    iio.imwrite(images / "a.png", scene(1))
    with Project.create(tmp_path / "set", WORDS, images, recipe=RECIPE) as project:
        project.run(segmenter=segmenter, progress=False)

        def look(project: Project) -> None:
            if way == "status":
                assert project.status().changed == 0
            elif way == "look_again":
                assert project.look_again() == 0
            elif way == "session":
                with project.session("../images/a.png"):
                    pass
            else:
                options = {"stale": way == "stale", "features": 10**9 * (way == "features")}
                assert len(project.items_to_run(**options)) == (way == "features")

        for _ in range(2):
            touch(images)
            reads.clear()
            look(project)
            look(project)
            assert reads == ["a.png"]
            assert project.item("../images/a.png").state is ItemState.PRELABELLED
        # Where nothing may be noted it is read each time, and right all the same.
        touch(images)
        if way in ("status", "stale"):
            with Project.open(project.folder, read_only=True) as shown:
                reads.clear()
                look(shown)
                look(shown)
                assert reads == ["a.png", "a.png"]
        # What is another one is told, as often as somebody asks.
        iio.imwrite(images / "a.png", scene(2))
        for _ in range(2):
            project.look_again()
            assert project.status().changed == 1
            assert len(project.items_to_run(stale=True)) == 1


def test_new_planes_of_a_stack_are_found_after_its_time_was_noted(
    images: Path, tmp_path: Path, segmenter: Segmenter, reads: list[str], headers: list[str]
) -> None:
    np.save(images / "a.npy", np.stack([scene(1), scene(2)]))
    with Project.create(tmp_path / "set", WORDS, images, recipe=RECIPE) as project:
        project.run(segmenter=segmenter, progress=False)
        np.save(images / "a.npy", np.stack([scene(1), scene(2), scene(3)]))
        assert project.status().changed == 0
        with project.session("../images/a.npy[0]"):
            pass
        assert project.items_to_run(stale=True) == []
        assert project.look_again() == 1
        for look in (project.look_again, project.status, project.look_again):
            reads.clear()
            headers.clear()
            look()
            assert (reads, headers) == ([], [])
        np.save(images / "a.npy", np.stack([scene(1), scene(9), scene(3)]))
        project.look_again()
        assert [project.status().changed for _ in range(2)] == [1, 1]


def test_images_that_were_never_run_are_looked_at_once_for_a_new_time(
    images: Path, tmp_path: Path, headers: list[str]
) -> None:
    iio.imwrite(images / "a.png", scene(1))
    with Project.create(tmp_path / "set", WORDS, images, recipe=RECIPE) as project:
        touch(images)
        headers.clear()
        assert (project.look_again(), project.look_again()) == (0, 0)
        assert headers == ["a.png"]
        # One that becomes a stack is one.
        (images / "a.png").unlink()
        np.save(images / "a.npy", np.stack([scene(1), scene(2)]))
        (images / "a.npy").rename(images / "a.png")
        assert project.look_again() == 2
