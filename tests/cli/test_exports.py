"""``export`` and ``import`` as a person types them."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest

import napari_corrclip as nc
from napari_corrclip.cli import app
from napari_corrclip.demo.scenes import generate_scene
from napari_corrclip.project.export.formats import FORMATS
from napari_corrclip.project.export.importing import Opened
from napari_corrclip.project.project import Project
from napari_corrclip.project.records import ItemState
from tests.prepared import prepared

OPTIONS = ("--regions", "superpixels", "--region-option", "n_segments=20", "-c", "red, blue, wood")


@pytest.fixture
def images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "images"
    folder.mkdir()
    for number in range(3):
        iio.imwrite(folder / f"{number}.png", generate_scene(number).image[:64, :72])
    return folder


def run(images: Path) -> Path:
    made = images.with_name("set.corrclip-project")
    assert app.run(["project", "create", str(images.with_name("set")), str(images), *OPTIONS]) == 0
    assert app.run(["project", "run", str(made)]) == 0
    return made


@pytest.fixture
def labelled(images: Path) -> Path:
    return Path(prepared(images, "", run).name)


def test_the_whole_way_there_and_back(labelled: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with Project.open(labelled) as project:
        for item in project.items()[:2]:
            with project.session(item, by="Ann") as session:
                session.accept_above(0.0)
            project.mark(item, "verified", by="Ann")
    capsys.readouterr()
    export = ["project", "export", str(labelled), "--format", "indexed"]
    assert app.run([*export, "-o", "out", "--only", "verified", "--split", "50/50"]) == 0
    assert capsys.readouterr().out.endswith("out: 2 images as indexed (1 train, 1 val)\n")
    assert Path("out/ImageSets/Segmentation/train.txt").read_text().count("\n") == 1
    assert app.run([*export, "-o", "out"]) == 2
    assert "has an export already (indexed, 2 images)" in capsys.readouterr().err
    numbers = ["--values-from", "0", "--unlabelled", "255"]
    assert app.run([*export, "-o", "out", "--replace", *numbers]) == 0
    assert set(np.unique(iio.imread("out/SegmentationClass/0.png", mode="P"))) <= {0, 1, 2, 255}
    assert [row.split(",")[:2] for row in Path("out/classes.csv").read_text().split()][1:] == [
        ["255", "unlabelled"],
        ["0", "red"],
        ["1", "blue"],
        ["2", "wood"],
    ]
    # A new project, of the pictures in the export.
    assert app.run([*export, "-o", "out", "--replace"]) == 0
    capsys.readouterr()
    assert app.run(["project", "import", "again", "out"]) == 0
    out = capsys.readouterr().out
    assert "again.corrclip-project: 3 images" in out
    assert "3 images imported, 0 not" in out
    assert app.run(["project", "status", "again.corrclip-project"]) == 0
    out = capsys.readouterr().out
    assert "2 verified" in out
    assert "1 pre-labelled" in out
    assert app.run(["project", "import", "again", "out"]) == 2
    out = capsys.readouterr()
    assert "0 images imported, 3 not" in out.out
    assert "It is verified, and stays as it is" in out.err
    assert app.run(["project", "import", "again", "out", "--replace"]) == 0


@pytest.mark.parametrize("at", [0.35, 0.5, 0.65, 0.8, 0.95])
def test_a_disk_that_is_full_ends_an_import_and_keeps_what_was_taken(
    at: float,
    labelled: Path,
    images: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The disk takes so many parts of what an import flushes to it, and no more."""
    with Project.open(labelled) as project:
        for item in project.items():
            with project.session(item) as session:
                session.assign(session.ids.tolist()[:5], "wood")
                session.accept_above(0.0)
    assert app.run(["project", "export", str(labelled), "--format", "indexed", "-o", "out"]) == 0
    for name in ("whole", "full"):
        assert app.run(["project", "create", name, str(images), *OPTIONS]) == 0
    flushed, most, fsync = 0, -1, os.fsync

    def flush(file: int) -> None:
        nonlocal flushed
        flushed += 1
        if flushed > most >= 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        fsync(file)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", flush)
        assert app.run(["project", "import", "whole", "out"]) == 0
        flushed, most = 0, int(at * flushed)
        assert most > 2
        capsys.readouterr()
        assert app.run(["project", "import", "full", "out"]) == 2
        said = capsys.readouterr().err
    assert said.splitlines()[-1].startswith("Error: ")
    assert said.count("Error: ") == 1
    assert "Traceback" not in said
    assert "No space left on device" in said
    assert said.endswith("and that has space left.\n")
    whole = shown(Path("whole.corrclip-project"))
    before = shown(Path("full.corrclip-project"))
    assert {name: whole[name] for name in before} == before
    assert before
    assert len(before) < len(whole) == 3 or at > 0.9  # what was flushed last may be there
    # There is room again: the others come, and what is there stays.
    assert app.run(["project", "import", "full", "out"]) in (0, 2)
    assert shown(Path("full.corrclip-project")) == whole


def shown(folder: Path) -> dict[str, object]:
    """Return what a set shows of the images that somebody decided about."""
    found: dict[str, object] = {}
    with Project.open(folder) as project:
        for item in project.items():
            if item.state is ItemState.IN_REVIEW:
                with project.session(item) as session:
                    states = [row.verdict and row.verdict.kind for row in session.rows()]
                    found[item.path] = session.labels.tolist(), states
    return found


def test_results_and_sessions_of_no_project(
    images: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert app.run(["segment", *map(str, sorted(images.iterdir())), "-o", "results", *OPTIONS]) == 0
    capsys.readouterr()
    assert app.run(["export", "results", "--format", "indexed", "-o", "all"]) == 0
    assert capsys.readouterr().out.endswith("all: 3 images as indexed\n")
    assert sorted(path.name for path in Path("all/JPEGImages").iterdir()) == [
        "0.png",
        "1.png",
        "2.png",
    ]
    result = nc.Segmentation.load(next(path for path in Path("results").iterdir() if path.is_dir()))
    session = nc.Session(result)
    session.assign(session.ids.tolist()[:3], "wood")
    session.save("session")
    assert (
        app.run(["export", "session", "--format", "indexed", "-o", "one", "--pictures", "none"])
        == 0
    )
    opened = Opened.of("one")
    (entry,) = opened.entries
    np.testing.assert_array_equal(opened.image(entry).labels, session.labels)
    assert app.run(["export", "images", "--format", "indexed", "-o", "none"]) == 2
    assert "holds no result and no session" in capsys.readouterr().err


def test_what_a_format_does_not_have_as_it_was_is_told(
    images: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = [option.replace("=20", "=600") for option in OPTIONS]
    assert app.run(["segment", str(images / "0.png"), "-o", "results", *options]) == 0
    (folder,) = (path for path in Path("results").iterdir() if path.is_dir())
    result = nc.Segmentation.load(folder)
    assert len(result.table) > 255
    capsys.readouterr()
    assert app.run(["export", "results", "--format", "cvat", "-o", "out"]) == 0
    told = (
        "CVAT knows 255 masks an image: of '0.png' the smallest regions of each class are one mask"
    )
    assert told in capsys.readouterr().err
    done = nc.export(result, "again", "cvat", progress=False)
    assert [note[: len(told)] for note in done.notes] == [told]
    assert nc.export(result, "coco", "coco", progress=False).notes == ()


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--format", "voc"], "There is no format 'voc'"),
        (["--split", "80"], "give two or three parts"),
        (["--split", "a/b"], "The split is 'a/b'"),
        (["--masks", "all"], "--masks is 'all'"),
        (["--unlabelled", "1"], "1 is the number of 'red'"),
        (["--ignored", "70000"], "give one from 0 to 65535"),
        (["--values-from", "2"], "choose keep, 0 or 1"),
        (["--pictures", "move"], "--pictures is 'move'"),
        (["--roll-up", "red, tiger"], "There is no class 'tiger'"),
        (["--roll-up", ""], "No class is named that others are rolled up to"),
        (["--only", "done"], "There is no state 'done'"),
        (["--only", "failed"], "have no labels to be handed on"),
        (["--only", "verified"], "No image of the project is verified"),
    ],
)
def test_what_cannot_be_used_is_told_and_nothing_is_written(
    options: list[str], told: str, labelled: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    command = ["project", "export", str(labelled), "-o", "out", "--format", "indexed", *options]
    assert app.run(command) == 2
    assert told in capsys.readouterr().err
    assert not Path("out").exists()


def test_formats_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert app.run(["formats"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == list(FORMATS)


@pytest.mark.parametrize("format_", ["ome-zarr", "coco"])
def test_a_new_project_has_the_pictures_of_the_export(
    format_: str, labelled: Path, images: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Project.open(labelled) as project:
        project.mark(project.items()[0], "verified")
        there = [project.result(item).labels for item in project.items(order="path")]
    assert app.run(["project", "export", str(labelled), "-f", format_, "-o", "out"]) == 0
    capsys.readouterr()
    assert app.run(["project", "import", "again", "out"]) == 0
    out = capsys.readouterr().out
    assert "3 images imported, 0 not" in out
    with Project.open("again") as project:
        assert "out" in project.items()[0].path
        for item, labels in zip(project.items(order="path"), there, strict=True):
            np.testing.assert_array_equal(project.result(item).labels, labels)
            with project.session(item) as session:  # it is the same picture
                shown = iio.imread(images / f"{Path(item.path).name[0]}.png")
                np.testing.assert_array_equal(session.image, shown)
    # Once more, of a folder that the pictures were moved to.
    assert app.run(["project", "export", str(labelled), "-f", format_, "-o", "new"]) == 0
    moved = Path("new") if format_ == "ome-zarr" else Path("new/images")
    assert app.run(["project", "import", "moved", "out", "--images", str(moved / "0.*")]) == 2
    assert "1 image imported, 2 not" in capsys.readouterr().out


def test_no_project_is_made_where_no_label_comes(
    labelled: Path, images: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bare = ["-f", "ome-zarr", "-o", "bare", "--pictures", "none"]
    assert app.run(["project", "export", str(labelled), *bare]) == 0
    assert app.run(["project", "import", "again", "bare"]) == 2
    assert "say where the images are (--images)" in capsys.readouterr().err
    (images / "1.png").rename("other.png")
    assert app.run(["project", "import", "again", "bare", "--images", "other.png"]) == 2
    said = capsys.readouterr()
    assert "no image of the project has this name" in said.err
    assert "was not made" in said.err
    assert not Path("again.corrclip-project").exists()


def test_a_project_is_found_by_its_name_with_and_without_the_ending(
    labelled: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for place in ("set", "set.corrclip-project", "set.corrclip-project/project.sqlite"):
        assert app.run(["project", "status", place]) == 0
    assert app.run(["project", "export", "set", "-f", "coco", "-o", "out"]) == 0
    assert nc.export("set", "again", "coco", progress=False).images == 3
    with monkeypatch.context() as patch:
        patch.chdir(labelled)  # a folder is what it is from inside, too
        assert app.run(["project", "import", ".", "../out"]) == 2
        assert app.run(["project", "status", "."]) == 0
        assert app.run(["project", "status", "items/.."]) == 0
    capsys.readouterr()
    for place in ("/", ""):
        for command in (["import", place, "out"], ["create", place, "images", "-c", "red"]):
            assert app.run(["project", *command]) == 2
            said = capsys.readouterr().err
            assert "unforeseen" not in said
            assert "is no name of a project; give one" in said or "is empty" in said
    assert app.run(["project", "export", "set", "-f", "coco", "-o", ""]) == 2
    assert "is empty" in capsys.readouterr().err
    inner = Path("deep/inner")
    inner.mkdir(parents=True)
    monkeypatch.chdir(inner)
    assert app.run(["project", "import", "..", "../../out"]) == 0
    assert Path("../../deep.corrclip-project").is_dir()


@pytest.mark.parametrize(
    ("command", "told"),
    [
        (
            ["export", "set.corrclip-project", "-f", "coco", "-o", "x"],
            "napari-corrclip project export",
        ),
        (["project", "export", "set", "-f", "label-maps", "-o", "x"], "are read and never written"),
        (
            ["project", "import", "set", "out/classes.csv"],
            "is a file; give the folder of the export",
        ),
        (["project", "import", "set", "out.zip"], "unpack it"),
    ],
)
def test_what_is_meant_otherwise_is_told(
    command: list[str], told: str, labelled: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert app.run(["project", "export", "set", "-f", "indexed", "-o", "out"]) == 0
    Path("out.zip").write_bytes(b"PK")
    capsys.readouterr()
    assert app.run(command) == 2
    assert told in capsys.readouterr().err
    assert app.run(["project", "export", "set", "-f", "voc", "-o", "x"]) == 2
    assert "label-maps" not in capsys.readouterr().err
