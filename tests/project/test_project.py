"""Projects: pre-labelled, killed, gone on with, corrected; nothing that a person decided is lost."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest

import napari_corrclip as nc
from napari_corrclip.demo.scenes import generate_scene
from napari_corrclip.engine.segmenter import Segmenter
from napari_corrclip.progress import finish
from napari_corrclip.project import database as indexes
from napari_corrclip.project.folder import PROJECT, RESULT, SESSION
from napari_corrclip.project.project import Project
from napari_corrclip.project.records import ItemState
from napari_corrclip.project.run import Done
from napari_corrclip.project.vectors import VECTORS
from napari_corrclip.vocabulary import Vocabulary

RECIPE = nc.Recipe(regions="superpixels", region_options={"n_segments": 40})
WORDS = "red, blue, background: wood, stone"


@pytest.fixture(scope="module")
def segmenter() -> Segmenter:
    return Segmenter.from_recipe(RECIPE)


@pytest.fixture(scope="module")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four images in two folders, two of one name, and one that is none."""
    folder = tmp_path_factory.mktemp("photographs")
    for name, number in (("a/one", 1), ("a/two", 2), ("b/one", 3), ("b/three", 4)):
        path = folder / f"{name}.png"
        path.parent.mkdir(exist_ok=True)
        iio.imwrite(path, generate_scene(number).image[: 96 + number, :120])
    (folder / "b" / "broken.png").write_bytes(b"\x89PNG and no more")
    return folder


@pytest.fixture
def images(photographs: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(photographs, tmp_path / "photographs"))


@pytest.fixture
def project(images: Path, tmp_path: Path) -> Iterator[Project]:
    with Project.create(tmp_path / "set", WORDS, images, recipe=RECIPE) as made:
        yield made


def correct(project: Project, name: str, by: str = "Ann") -> np.ndarray:
    """Assign two regions of an item, and return the labels after it."""
    with project.session(name, by=by) as session:
        session.assign(session.ids[:2].tolist(), "red")
        return session.labels.copy()


def test_a_project_is_made_run_reviewed_and_verified(
    project: Project, images: Path, segmenter: Segmenter
) -> None:
    assert project.folder.name == "set.corrclip-project"
    assert [item.path for item in project] == [
        f"../photographs/{name}.png" for name in ("a/one", "a/two", "b/broken", "b/one", "b/three")
    ]
    assert len({item.name for item in project}) == 5  # two images are called one
    assert project.status().lines() == ["5 new"]

    report = project.run(segmenter=segmenter, progress=False)
    assert len(report.done) == 4
    ((failed, reason),) = report.failed
    assert "broken.png" in reason
    assert project.item(failed).reason == reason
    assert project.status().lines() == ["4 pre-labelled", "1 failed"]

    first = project.item("../photographs/a/one.png")
    result = project.result(first)
    assert result.shape == (97, 120)
    plain = nc.segment(images / "a" / "one.png", WORDS, recipe=RECIPE)
    np.testing.assert_array_equal(result.labels, plain.labels)
    assert first.regions == first.undecided == len(result.table)
    assert first.least == pytest.approx(result.table["p"].min())

    labels = correct(project, first.name)
    after = project.item(first)
    assert (after.state, after.by, after.undecided) == (
        ItemState.IN_REVIEW, "Ann", len(result.table) - 2,
    )  # fmt: skip
    project.mark(first, "verified", by="Bob")
    assert project.item(first).by == "Bob"
    assert project.status().lines() == ["3 pre-labelled", "1 verified", "1 failed"]
    with project.session(first) as session:
        np.testing.assert_array_equal(session.labels, labels)
    assert project.item(first).state is ItemState.VERIFIED  # it was looked at alone
    assert [item.name for item in project.items("verified")] == [first.name]


def test_what_is_done_stays_done_and_what_comes_later_is_found(
    project: Project, images: Path, segmenter: Segmenter
) -> None:
    project.run(segmenter=segmenter, progress=False)
    times = {item.name: item.at for item in project.items("pre-labelled")}
    shutil.copy(images / "a" / "one.png", images / "a" / "later.png")
    (images / "b" / "broken.png").unlink()
    shutil.copy(images / "a" / "two.png", images / "b" / "broken.png")
    report = project.run(segmenter=segmenter, progress=False)
    assert sorted(project.item(name).path.rpartition("/")[2] for name in report.done) == [
        "broken.png", "later.png",
    ]  # fmt: skip
    assert {name: project.item(name).at for name in times} == times
    assert project.status().lines() == ["6 pre-labelled"]


def test_a_run_that_is_closed_goes_on(project: Project, segmenter: Segmenter) -> None:
    steps = project.run_steps(segmenter=segmenter)
    for event in steps:
        if isinstance(event, Done):
            break
    steps.close()
    assert project.status().lines() == ["4 new", "1 pre-labelled"]
    assert len(project.run(segmenter=segmenter, progress=False).done) == 3


def test_other_words_make_results_stale_and_no_run_writes_over_a_decision(
    project: Project, segmenter: Segmenter
) -> None:
    project.run(segmenter=segmenter, progress=False)
    first, second = project.items("pre-labelled")[:2]
    labels = correct(project, first.name)
    with project.session(second):  # looks, and decides nothing
        pass
    project.choose(project.vocabulary.recolor("red", "#123456"))
    assert project.status().stale == {}  # it finds the same
    project.choose("red, green, background: wood, stone")
    assert project.status().lines() == [
        "3 pre-labelled, 3 of them by older settings",
        "1 in review, 1 of them by older settings",
        "1 failed",
    ]
    report = project.run(segmenter=segmenter, stale=True, progress=False)
    assert len(report.done) == 3
    assert first.name not in report.done
    assert project.status().stale == {ItemState.IN_REVIEW: 1}
    assert project.result(second).vocabulary.names[1] == "green"
    with project.session(second) as session:
        assert session.vocabulary.names[1] == "green"
    with project.session(first) as session:
        np.testing.assert_array_equal(session.labels, labels)


def test_a_person_who_begins_while_an_item_is_run_is_not_written_over(
    project: Project, segmenter: Segmenter
) -> None:
    project.run(segmenter=segmenter, progress=False)
    project.choose("red, green, background: wood, stone")
    first = project.items("pre-labelled")[0]
    steps = project.run_steps(segmenter=segmenter, stale=True)
    for _ in steps:
        if project.item(first).state is ItemState.RUNNING:
            break
    with Project.open(project.folder) as beside:
        labels = correct(beside, first.name)
    report = finish(steps)
    assert report.skipped == (first.name,)
    assert first.name not in report.done
    assert project.item(first).state is ItemState.IN_REVIEW
    with project.session(first) as session:
        np.testing.assert_array_equal(session.labels, labels)


def test_one_run_at_a_time(project: Project, segmenter: Segmenter) -> None:
    steps = project.run_steps(segmenter=segmenter)
    next(steps)
    with (
        Project.open(project.folder) as beside,
        pytest.raises(nc.InputError, match="Another run is at work"),
    ):
        beside.run(segmenter=segmenter, progress=False)
    steps.close()


def test_it_can_be_moved_with_its_images_copied_and_opened_read_only(
    project: Project, tmp_path: Path, segmenter: Segmenter
) -> None:
    project.run(segmenter=segmenter, progress=False)
    first = project.items("pre-labelled")[0]
    labels = correct(project, first.name)
    project.close()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    for name in ("set.corrclip-project", "photographs"):
        (tmp_path / name).rename(elsewhere / name)
    with Project.open(elsewhere / "set.corrclip-project") as moved:
        assert moved.status().missing == 0
        with moved.session(first) as session:
            np.testing.assert_array_equal(session.labels, labels)
        assert moved.result(first).labels.shape == labels.shape
    with Project.open(elsewhere / "set.corrclip-project", read_only=True) as shown:
        assert len(shown.items("in review")) == 1
        with pytest.raises(nc.InputError, match="read-only"):
            shown.mark(first, "verified")


def test_images_that_moved_are_told_and_relinked(
    project: Project, images: Path, tmp_path: Path, segmenter: Segmenter
) -> None:
    project.run(segmenter=segmenter, progress=False)
    first = project.items("pre-labelled")[0]
    images.rename(tmp_path / "moved")
    told = project.status().lines()[-1]
    assert told.startswith("5 images not found, such as ")
    assert str(project.path_of(project.items()[0])) in told
    with pytest.raises(nc.InputError, match="No image of the project is looked for in"):
        project.relink(tmp_path / "nowhere", tmp_path / "moved")
    with pytest.raises(nc.InputError, match=r"5 of 5 images are not in .*copy them there first"):
        project.relink(images, tmp_path)
    assert project.relink(images, tmp_path / "moved") == 5
    assert project.status().missing == 0
    correct(project, first.name)
    shutil.copy(tmp_path / "moved" / "a" / "one.png", tmp_path / "moved" / "later.png")
    assert project.look_again() == 1
    # Another image where the former one lay is another item.
    images.mkdir()
    (images / "a").mkdir()
    iio.imwrite(images / "a" / "one.png", generate_scene(9).image)
    assert project.add(images) == 1
    assert len({item.name for item in project}) == 7


def test_one_image_that_is_nowhere_holds_no_other_up(
    project: Project, images: Path, tmp_path: Path
) -> None:
    (images / "a" / "two.png").unlink()
    images.rename(tmp_path / "moved")
    assert project.relink(images, tmp_path / "moved") == 5
    status = project.status()
    assert status.missing == 1
    assert status.gone == str(tmp_path / "moved" / "a" / "two.png")
    with pytest.raises(nc.InputError, match="5 of 5 images are not in"):
        project.relink(tmp_path / "moved", tmp_path / "nowhere")


def test_an_image_that_is_another_one_now_is_not_mixed_with_what_was_decided(
    project: Project, images: Path, segmenter: Segmenter
) -> None:
    project.run(segmenter=segmenter, progress=False)
    item = project.item("../photographs/a/one.png")
    path = images / "a" / "one.png"
    content = path.read_bytes()
    os.utime(path, (1, 1))  # its time alone
    correct(project, item.name)
    iio.imwrite(path, generate_scene(9).image[:97, :120])
    with pytest.raises(nc.InputError, match="was changed after it was run"), project.session(item):
        pass
    path.write_bytes(content)
    with project.session(item) as session:
        assert session.can_undo


def test_the_index_is_made_anew_from_the_items(project: Project, segmenter: Segmenter) -> None:
    project.run(segmenter=segmenter, progress=False)
    first, second = project.items("pre-labelled")[:2]
    correct(project, first.name)
    project.mark(second, "verified", by="Bob")
    project.choose("red, green, background: wood, stone")
    before = {item.name: item for item in project}
    project.close()
    path = project.folder / indexes.NAME
    path.write_bytes(b"SQLite format 3\0" + bytes(range(256)) * 16)
    with pytest.raises(nc.InputError, match=r"damaged .*project repair"):
        Project.open(project.folder)
    with Project.repair(project.folder) as anew:
        for item in anew:
            then = before[item.name]
            kept = ("path", "by", "regions", "undecided", "least", "digest")
            assert [getattr(item, name) for name in kept] == [getattr(then, name) for name in kept]
            assert (item.state, item.reason) == (then.state, then.reason)
        assert anew.vocabulary.names[1] == "green"
        assert sum(anew.status().stale.values()) == 4
    assert path.with_name(f"{indexes.NAME}.former").exists()


REFUSED = """
CREATE TABLE later (x INTEGER REFERENCES project (one) DEFERRABLE INITIALLY DEFERRED);
CREATE TRIGGER refuse_choice AFTER UPDATE ON project BEGIN INSERT INTO later VALUES (99); END;
CREATE TRIGGER refuse_place AFTER INSERT ON places BEGIN INSERT INTO later VALUES (99); END;
"""
"""Lets every change pass, and its COMMIT fail."""


def test_what_the_index_refuses_is_in_no_file(
    project: Project, images: Path, tmp_path: Path
) -> None:
    """Else a repair would bring it back."""
    with contextlib.closing(sqlite3.connect(project.folder / indexes.NAME)) as connection:
        connection.executescript(REFUSED)
    content = (project.folder / PROJECT).read_bytes()
    shutil.copytree(images, tmp_path / "more")
    for change in (
        lambda: project.choose("red, green"),
        lambda: project.add(tmp_path / "more"),
        lambda: project.relink(images, tmp_path / "more"),
    ):
        with pytest.raises(nc.InputError, match="FOREIGN KEY constraint failed"):
            change()
        assert (project.folder / PROJECT).read_bytes() == content
        assert project.vocabulary == Vocabulary.coerce(WORDS)
        assert len(project) == 5
    project.mark(project.items()[0], "skipped")  # the next change is one of its own


@pytest.mark.parametrize("left", ["former", "damaged"])
def test_a_file_that_is_behind_the_index_catches_up(
    project: Project, images: Path, tmp_path: Path, left: str
) -> None:
    """A process was killed after its COMMIT, before it wrote."""
    path = project.folder / PROJECT
    content = path.read_bytes()
    project.choose("red, green")
    shutil.copytree(images, tmp_path / "more")
    project.add(tmp_path / "more")
    path.write_bytes(content if left == "former" else content[:99])
    project.close()
    with Project.open(project.folder, read_only=True):
        pass
    assert path.read_bytes() != content or left == "former"
    with Project.open(project.folder) as opened:
        assert opened.vocabulary.names == ("red", "green")
    with Project.repair(project.folder) as anew:
        assert anew.vocabulary.names == ("red", "green")
        assert len(anew) == 10


@pytest.mark.skipif(sys.platform == "win32", reason="Windows knows no such limit")
def test_a_project_that_cannot_be_made_leaves_nothing(images: Path, tmp_path: Path) -> None:
    from tests.full_disk import files_of_at_most

    with files_of_at_most(20_000), pytest.raises(nc.InputError):
        Project.create(tmp_path / "set", WORDS, images, recipe=RECIPE)
    assert not (tmp_path / "set.corrclip-project").exists()
    with Project.create(tmp_path / "set", WORDS, images, recipe=RECIPE) as made:
        assert len(made) == 5


def test_of_two_who_make_one_project_the_second_leaves_that_of_the_first(
    images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place, real = tmp_path / "set.corrclip-project", Path.iterdir
    first: list[Project] = []
    looked: list[Path] = []

    def iterdir(path: Path) -> Iterator[Path]:
        found = list(real(path))
        if path == place and not looked:  # between the second one's look and what it makes
            looked.append(path)
            first.append(Project.create(place, WORDS, images, recipe=RECIPE))
        return iter(found)

    monkeypatch.setattr(Path, "iterdir", iterdir)
    with pytest.raises(nc.InputError, match="is there and not empty"):
        Project.create(place, WORDS, images, recipe=RECIPE)
    with first[0] as made:
        made.mark(made.items()[0], "skipped", by="Ann")
    with Project.open(place) as opened:
        assert len(opened) == 5
        assert len(opened.items("skipped")) == 1


def test_a_folder_moves_into_one_of_its_own(images: Path, tmp_path: Path) -> None:
    """Where one image lies now another one lay before."""
    (images / "sub").mkdir()
    shutil.copy(images / "a" / "one.png", images / "one.png")
    shutil.copy(images / "a" / "two.png", images / "sub" / "one.png")
    planes = np.stack([generate_scene(1).image[:60, :70], generate_scene(2).image[:60, :70]])
    np.save(images / "cells.npy", planes)
    np.save(images / "sub" / "cells.npy", planes[:, ::-1])
    with Project.create(
        tmp_path / "set", WORDS, [images, images / "sub"], recipe=RECIPE
    ) as project:
        before = {item.name: (item.path, item.plane) for item in project}
        images.rename(tmp_path / "away")
        images.mkdir()
        (tmp_path / "away").rename(images / "sub")
        assert project.relink(images, images / "sub") == len(before) == 11
        assert {item.name: (item.path, item.plane) for item in project} == {
            name: (path.replace("photographs/", "photographs/sub/"), plane)
            for name, (path, plane) in before.items()
        }
        assert [stack.path for stack in project.stacks] == [
            "../photographs/sub/cells.npy", "../photographs/sub/sub/cells.npy",
        ]  # fmt: skip
        assert project.status().missing == 0
        assert project.look_again() == 0
        assert project._index.places == ["../photographs/sub", "../photographs/sub/sub"]
    with Project.repair(project.folder) as anew:
        assert len(anew) == 11


def test_images_that_come_later_are_found_whatever_folders_are_called(
    images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    odd = tmp_path / "birds [2024]"
    odd.mkdir()
    images.rename(odd / "photographs")
    monkeypatch.chdir(odd)
    for place in (odd / "set", tmp_path / "elsewhere"):
        with Project.create(place, WORDS, "photographs/a/*.png", recipe=RECIPE) as project:
            assert len(project) == 2
            shutil.copy(
                odd / "photographs" / "b" / "one.png", odd / "photographs" / "a" / "later.png"
            )
            assert project.look_again() == 1
            (odd / "photographs" / "a" / "later.png").unlink()
    moved = tmp_path / "birds [2025]"
    monkeypatch.chdir(tmp_path)
    odd.rename(moved)
    shutil.copy(moved / "photographs" / "b" / "one.png", moved / "photographs" / "a" / "more.png")
    with Project.open(moved / "set.corrclip-project") as project:  # moved together
        assert project.look_again() == 1
    with Project.open(tmp_path / "elsewhere.corrclip-project") as project:
        (moved / "photographs" / "a" / "later.png").touch()
        assert project.relink(odd, moved) == 3
        assert project.look_again() == 1


@pytest.mark.skipif(sys.platform != "linux", reason="others allow no such names")
def test_what_cannot_be_used_in_a_place_is_told_and_the_rest_is_found(
    images: Path, tmp_path: Path
) -> None:
    from tests.users import another_user, open_folder

    with open_folder() as base:
        shutil.copytree(images, base / "images")
        (base / "images").chmod(0o755)
        (base / "list.csv").write_text("image\nimages/a/one.png\n")
        base.chmod(0o777)
        places = [base / "images", base / "list.csv"]
        with another_user():
            project = Project.create(base / "set", WORDS, places, recipe=RECIPE)
        with project:
            (base / "list.csv").write_text(f"image\n{'x' * 140_000}\n")
            shutil.copy(images / "a" / "one.png", base / "images" / "later.png")
            name = os.fsencode(base / "images") + b"/\xff.png"
            Path(os.fsdecode(name)).write_bytes((images / "a" / "one.png").read_bytes())
            (base / "images" / "locked").mkdir(mode=0)
            with another_user():
                assert project.look_again() == 1
            told = project.passed_over
            assert len(told) == 3
            assert any("no valid text; rename it" in each for each in told)
            assert any("locked' cannot be read (Permission denied)" in each for each in told)
            assert any("list.csv' cannot be read as a table" in each for each in told)
            assert project.status().lines()[1:] == list(told)
            with another_user(), Project.open(project.folder, read_only=True) as read:
                assert read.status().lines()[1:] == list(told)  # by whoever asks alone
                assert len(read) == len(project)
            # Whoever names such a place is told at once.
            with another_user(), pytest.raises(nc.InputError, match="locked' cannot be read"):
                project.add(base / "images" / "locked")
            with pytest.raises(nc.InputError, match="no valid text"):
                project.add(os.fsdecode(name))


@pytest.mark.skipif(sys.platform != "linux", reason="others allow no such names")
@pytest.mark.parametrize("pattern", ["", "*.png"])
def test_what_cannot_be_used_in_a_folder_or_pattern_keeps_no_other_image_out(
    images: Path, tmp_path: Path, pattern: str
) -> None:
    folder = tmp_path / "odd"
    folder.mkdir()
    name = Path(os.fsdecode(os.fsencode(folder) + b"/\xff.png"))
    for path in (name, folder / "fine.png"):
        shutil.copy(images / "a" / "one.png", path)
    place = folder / pattern
    with Project.create(tmp_path / "set", WORDS, place, recipe=RECIPE) as project:
        assert [item.path for item in project] == ["../odd/fine.png"]
        (told,) = project.passed_over
        assert told == f"The name of '{folder}/\\xff.png' is no valid text; rename it."
        shutil.copy(images / "a" / "one.png", folder / "later.png")
        assert project.add(place) == 1
        assert project.look_again() == 0
        assert project.passed_over == (told,)
    for named in (name, [folder / "fine.png", name]):
        with pytest.raises(nc.InputError, match="is no valid text; rename it"):
            Project.create(tmp_path / "none", WORDS, named, recipe=RECIPE)
    for path in folder.glob("*r.png"):
        path.unlink()
    (folder / "fine.png").unlink()
    with pytest.raises(nc.InputError, match="is no valid text; rename it"):
        Project.create(tmp_path / "none", WORDS, place, recipe=RECIPE)
    assert not (tmp_path / "none.corrclip-project").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")
def test_a_link_that_leads_nowhere_is_no_image(images: Path, tmp_path: Path) -> None:
    folder, link = tmp_path / "linked", tmp_path / "linked" / "gone.png"
    folder.mkdir()
    shutil.copy(images / "a" / "one.png", folder / "fine.png")
    (tmp_path / "list.txt").write_text("linked/fine.png\nlinked/gone.png\n")
    link.symlink_to(tmp_path / "nowhere.png")
    bring = "bring back what is linked, or leave it out."
    sentence = f"The image {str(link)!r} is a link that leads nowhere; {bring}"
    for named in (link, [folder, link], tmp_path / "list.txt"):
        with pytest.raises(nc.InputError) as error:
            Project.create(tmp_path / "none", WORDS, named, recipe=RECIPE)
        assert str(error.value) == sentence
    for number, place in enumerate((folder, folder / "*.png")):
        with Project.create(tmp_path / str(number), WORDS, place, recipe=RECIPE) as project:
            assert [item.path for item in project] == ["../linked/fine.png"]
            assert project.passed_over == (sentence,)
        with Project.open(project.folder) as project:
            assert project.status().lines() == ["1 new", sentence]
            assert project.add(place) == project.look_again() == 0
            assert project.passed_over == (sentence,)
            # What is an item already is none that is passed over; nobody has moved it.
            (folder / "fine.png").rename(tmp_path / "aside.png")
            (folder / "fine.png").symlink_to(tmp_path / "elsewhere.png")
            assert project.look_again() == 0
            assert project.status().lines() == [
                "1 new",
                f"1 image is a link and leads nowhere, such as {str(folder / 'fine.png')!r}; bring back what "
                "is linked",
                sentence,
            ]
            (folder / "fine.png").unlink()
            (tmp_path / "aside.png").rename(folder / "fine.png")
    (folder / "fine.png").unlink()
    with pytest.raises(nc.InputError, match="leads nowhere"):
        Project.create(tmp_path / "none", WORDS, folder, recipe=RECIPE)
    assert not (tmp_path / "none.corrclip-project").exists()


def test_what_is_marked_new_is_of_no_settings(project: Project, segmenter: Segmenter) -> None:
    project.run(segmenter=segmenter, progress=False)
    project.choose("red, moss")
    first, *others = project.items(ItemState.PRELABELLED)
    project.mark(first, ItemState.NEW)
    number = len(others)
    assert project.status().lines()[:2] == [
        "1 new",
        f"{number} pre-labelled, {number} of them by older settings",
    ]


@pytest.mark.skipif(sys.platform != "linux", reason="others allow no such names")
def test_a_folder_or_a_list_whose_name_is_no_text_is_said(images: Path, tmp_path: Path) -> None:
    odd = os.fsdecode(os.fsencode(tmp_path) + b"/\xff")
    shutil.copytree(images, odd)
    Path(odd + ".txt").write_text("images/a/one.png\n")
    for place in (odd, odd + ".txt"):
        with pytest.raises(nc.InputError, match="is no valid text; rename it"):
            Project.create(tmp_path / "set", WORDS, place, recipe=RECIPE)


def test_a_relink_that_was_cut_short_can_be_said_again(
    project: Project, images: Path, tmp_path: Path, segmenter: Segmenter
) -> None:
    project.run(segmenter=segmenter, progress=False)
    (project.folder_of(project.items()[0]) / "item.json").write_text("{")
    with contextlib.closing(sqlite3.connect(project.folder / indexes.NAME)) as connection:
        connection.executescript(REFUSED)
    images.rename(tmp_path / "moved")
    with pytest.raises(nc.InputError, match="FOREIGN KEY"):
        project.relink(images, tmp_path / "moved")
    with contextlib.closing(sqlite3.connect(project.folder / indexes.NAME)) as connection:
        connection.executescript("DROP TRIGGER refuse_place; DROP TRIGGER refuse_choice")
    assert project.relink(images, tmp_path / "moved") == 5
    project.close()
    with Project.repair(project.folder) as anew:
        assert anew.status().missing == 0
        assert len(anew) == 5


def test_a_newer_schema_is_refused_with_what_to_install(project: Project) -> None:
    project.close()
    with contextlib.closing(sqlite3.connect(project.folder / indexes.NAME)) as connection:
        connection.execute("PRAGMA user_version = 99")
    with pytest.raises(nc.InputError, match=r"version 99.*pip install -U napari-corrclip"):
        Project.open(project.folder)


def test_two_who_review_at_once_lose_nothing(project: Project, segmenter: Segmenter) -> None:
    project.run(segmenter=segmenter, progress=False)
    names = [item.name for item in project.items("pre-labelled")]
    problems: list[BaseException] = []

    def review(mine: list[str], by: str) -> None:
        try:
            with Project.open(project.folder) as own:
                for _ in range(4):
                    for name in mine:
                        correct(own, name, by)
                        own.mark(name, "verified", by=by)
        except BaseException as error:
            problems.append(error)

    threads = [
        threading.Thread(target=review, args=(names[:2], "Ann")),
        threading.Thread(target=review, args=(names[2:], "Bob")),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []
    assert {item.name: item.by for item in project.items("verified")} == dict(
        zip(names, ["Ann", "Ann", "Bob", "Bob"], strict=True)
    )


@pytest.mark.skipif(sys.platform == "win32", reason="SQLite has this layer on Unix alone")
def test_where_the_disk_carries_no_log_one_process_writes(
    project: Project, segmenter: Segmenter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a real layer of SQLite that cannot share memory; the index comes from a disk that can."""
    project.run(segmenter=segmenter, progress=False)
    first = project.items("pre-labelled")[0]
    killed = project.folder.with_name("killed.corrclip-project")
    shutil.copytree(project.folder, killed)  # with the log that a killed process leaves
    assert (killed / f"{indexes.NAME}-wal").stat().st_size
    monkeypatch.setattr(indexes, "VFS", "unix-dotfile")
    with Project.open(killed) as own:
        correct(own, first.name)
        own.mark(first.name, "verified", by="Ann")
        with pytest.raises(nc.InputError, match="carries no write-ahead log"):
            Project.open(killed)
        with Project.open(killed, read_only=True) as shown:
            assert len(shown.items("verified")) == 1
    with Project.open(killed) as after:
        assert after.item(first.name).by == "Ann"


def test_an_index_that_is_closed_is_one_file(project: Project, segmenter: Segmenter) -> None:
    project.run(segmenter=segmenter, progress=False)
    project.close()
    assert sorted(path.name for path in project.folder.iterdir()) == [
        "items", "project.json", indexes.NAME,
    ]  # fmt: skip


def test_a_session_that_is_open_elsewhere_is_refused(
    project: Project, segmenter: Segmenter
) -> None:
    project.run(segmenter=segmenter, progress=False)
    first = project.items("pre-labelled")[0]
    with (
        project.session(first),
        pytest.raises(nc.InputError),
        Project.open(project.folder) as beside,
        beside.session(first),
    ):
        pass


def kill_when_it_says_so(script: str, project: Project, *more: str) -> None:
    """Run a script on a project in a process of its own, and kill that as soon as it prints "now"."""
    with subprocess.Popen(
        [sys.executable, "-c", script, str(project.folder), *more],
        stdout=subprocess.PIPE,
        text=True,
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "now\n"
        child.send_signal(signal.SIGKILL)


KILLED = """
import sys, time
from napari_corrclip.project.project import Project
from napari_corrclip.project.run import Done

with Project.open(sys.argv[1]) as project:
    done = 0
    for event in project.run_steps():
        if isinstance(event, Done):
            done += 1
        if done == int(sys.argv[2]):
            print("now", flush=True)
            if sys.argv[3] == "between":
                time.sleep(60)
"""


@pytest.mark.process
@pytest.mark.skipif(sys.platform == "win32", reason="there is no kill -9")
def test_a_run_that_is_killed_goes_on_and_its_lock_is_free(
    project: Project, segmenter: Segmenter
) -> None:
    script = textwrap.dedent(KILLED)
    for number, how in ((1, "between"), (1, "amid")):
        kill_when_it_says_so(script, project, str(number), how)
    done = {item.name: item.at for item in project.items("pre-labelled")}
    assert 2 <= len(done) <= 4
    assert ItemState.RUNNING not in project.status().states
    project.run(segmenter=segmenter, progress=False)
    assert project.status().lines() == ["4 pre-labelled", "1 failed"]
    assert {name: project.item(name).at for name in done} == done
    for item in project.items("pre-labelled"):
        assert project.result(item).labels.any()
        assert sorted(path.name for path in project.folder_of(item).iterdir()) == [
            "item.json",
            RESULT,
            VECTORS,
        ]
        assert len(project.vectors(item)) == item.regions


@pytest.mark.process
@pytest.mark.skipif(sys.platform == "win32", reason="there is no kill -9")
def test_corrections_survive_a_kill(project: Project, segmenter: Segmenter) -> None:
    project.run(segmenter=segmenter, progress=False)
    first = project.items("pre-labelled")[0]
    script = """
import sys, time
from napari_corrclip.project.project import Project
with Project.open(sys.argv[1]) as project, project.session(sys.argv[2], by="Ann") as session:
    session.assign(session.ids[:3].tolist(), "red")
    print("now", flush=True)
    time.sleep(60)
"""
    kill_when_it_says_so(script, project, first.name)
    assert project.item(first).state is ItemState.IN_REVIEW
    assert (project.folder_of(first) / SESSION).is_dir()
    with project.session(first) as session:
        assert session.decided_as("red")[0] == 3
    project.close()
    with Project.repair(project.folder) as anew:  # the session is all that tells of it
        assert anew.item(first.name).state is ItemState.IN_REVIEW


@pytest.mark.parametrize(
    ("folder", "sentence"),
    [
        ("", "no project; make one"),
        ("photographs", "no project; make one"),
        ("gone", "no project; make one"),
    ],
)
def test_what_is_no_project_is_said(images: Path, folder: str, sentence: str) -> None:
    with pytest.raises(nc.InputError, match=sentence):
        Project.open(images.parent / folder)


def test_nothing_is_made_where_something_cannot_be_used(images: Path, tmp_path: Path) -> None:
    for words, places, recipe, sentence in (
        ("cat", [images / "gone.png"], RECIPE, "There is no image, folder or list"),
        ("cat", [images / "*.gone"], RECIPE, "No image fits the pattern"),
        ("cat,,dog", [images], RECIPE, "empty class name"),
        ("cat", [images], nc.Recipe(regions="given"), "runs no regions that come with each image"),
    ):
        with pytest.raises(nc.InputError, match=sentence):
            Project.create(tmp_path / "set", words, places, recipe=recipe)
    assert not (tmp_path / "set.corrclip-project").exists()
    (tmp_path / "full.corrclip-project").mkdir()
    (tmp_path / "full.corrclip-project" / "mine.txt").touch()
    with pytest.raises(nc.InputError, match="there and not empty"):
        Project.create(tmp_path / "full", "cat", images)


def test_states_that_cannot_be(project: Project, segmenter: Segmenter) -> None:
    item = project.items()[0]
    for state, sentence in (
        ("done", "There is no state 'done'"),
        ("verified", "has no result, so it cannot be verified"),
        ("running", "Nobody but a run says"),
    ):
        with pytest.raises(nc.InputError, match=sentence):
            project.mark(item, state)
    with pytest.raises(nc.InputError, match="no item 'gone'"):
        project.item("gone")
    with pytest.raises(nc.InputError, match="cannot be sorted by 'colour'"):
        project.items(order="colour")
    project.run(segmenter=segmenter, progress=False)
    correct(project, item.name)
    with pytest.raises(nc.InputError, match="it is not new any more"):
        project.mark(item, "new")


def test_every_run_is_a_record(project: Project, segmenter: Segmenter) -> None:
    project.run(segmenter=segmenter, progress=False)
    (run,) = project.runs
    assert (run.done, run.failed) == (4, 1)
    assert run.ended is not None
    assert nc.Recipe.from_json(run.recipe) == RECIPE
    assert "red" in run.vocabulary
    assert "sha256" in run.networks
    words = Vocabulary.coerce(WORDS)
    assert project.vocabulary == words


PART = """
import sys
from napari_corrclip.project.project import Project
with Project.open(sys.argv[1], read_only=True) as project:
    report = project.run(part=(int(sys.argv[2]), 3), progress=False)
    print(*report.done)
"""


@pytest.mark.process
def test_parts_run_at_once_and_are_collected(
    project: Project, images: Path, tmp_path: Path, segmenter: Segmenter
) -> None:
    """Of three processes; byte-equal with a plain run."""
    children = [
        subprocess.Popen(
            [sys.executable, "-c", PART, str(project.folder), str(number)],
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in (1, 2, 3)
    ]
    done = [child.communicate()[0].split() for child in children]
    assert all(child.returncode == 0 for child in children)
    assert sorted(name for names in done for name in names) == sorted(
        item.name for item in project if "broken" not in item.path
    )
    assert project.status().lines() == ["5 new"]
    assert project.run(segmenter=segmenter, part=(1, 3), progress=False).done == ()  # they wait
    forgotten = tmp_path / "forgotten.corrclip-project"
    shutil.copytree(project.folder, forgotten)
    with Project.open(forgotten) as other:  # a run takes them in where nobody has
        assert other.run(segmenter=segmenter, progress=False).done == ()
        assert other.status().lines() == ["4 pre-labelled", "1 failed"]
        assert [(run.done, run.failed) for run in other.runs] == [(4, 0), (0, 1)]
        assert other.collect(progress=False) == 0
    assert project.collect(progress=False) == 5
    assert project.status().lines() == ["4 pre-labelled", "1 failed"]
    assert "no image that can be read" in project.items("failed")[0].reason
    assert project.collect(progress=False) == 0
    assert [(run.done, run.failed) for run in project.runs] == [(4, 0)]
    assert project.status().stale == {}

    with Project.create(tmp_path / "plain", WORDS, images, recipe=RECIPE) as plain:
        plain.run(segmenter=segmenter, progress=False)
        for item in plain.items("pre-labelled"):
            for name in ("labels.png", "regions.tif", "regions.csv", "arrays.npz"):
                files = [each.folder_of(item) / RESULT / name for each in (plain, project)]
                assert files[0].read_bytes() == files[1].read_bytes()


def test_what_a_person_decided_meanwhile_is_not_collected_over(
    project: Project, segmenter: Segmenter
) -> None:
    project.run(segmenter=segmenter, progress=False)
    first, second = project.items("pre-labelled")[:2]
    project.choose("red, green, background: wood, stone")
    for number in (1, 2):
        project.run(segmenter=segmenter, stale=True, part=(number, 2), progress=False)
    labels = correct(project, first.name)
    (project.folder_of(second) / "item.json").write_text("{}")
    assert project.collect(progress=False) == 3  # what failed was tried again
    assert project.item(first).state is ItemState.IN_REVIEW
    assert "is no item of this version" in project.item(second).reason
    with project.session(first) as session:
        np.testing.assert_array_equal(session.labels, labels)
    assert second.name in project.run(segmenter=segmenter, progress=False).done


@pytest.mark.parametrize("part", [(0, 3), (4, 3), (1, 0)])
def test_a_part_that_cannot_be(
    project: Project, segmenter: Segmenter, part: tuple[int, int]
) -> None:
    with pytest.raises(nc.InputError, match="There is no part"):
        project.run(segmenter=segmenter, part=part, progress=False)
