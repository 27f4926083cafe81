"""``napari-corrclip project`` as a person types it: made, run, told of, relinked, repaired."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest

from napari_corrclip.cli import app
from napari_corrclip.demo.scenes import generate_scene
from napari_corrclip.project.database import NAME
from napari_corrclip.project.project import Project

CREATE = ("--regions", "superpixels", "--region-option", "n_segments=40", "-c", "red, blue, wood")


@pytest.fixture
def images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "images"
    folder.mkdir()
    for number in range(2):
        iio.imwrite(folder / f"{number}.png", generate_scene(number).image[:100, :100])
    return folder


def test_the_whole_way(images: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert app.run(["project", "create", "set", "images", *CREATE]) == 0
    assert "set.corrclip-project: 2 images, 3 classes" in capsys.readouterr().out
    assert app.run(["project", "run", "set.corrclip-project"]) == 0
    out = capsys.readouterr()
    assert "2 images pre-labelled, 0 failed" in out.out
    assert "images/1.png: " in out.err
    assert "(2 of 2 · " in out.err
    (images / "bad.png").write_bytes(b"no")
    assert app.run(["project", "run", "set.corrclip-project"]) == 2
    out = capsys.readouterr()
    assert "0 images pre-labelled, 1 failed" in out.out
    assert out.err.count("bad.png") == 1
    assert app.run(["project", "status", f"set.corrclip-project/{NAME}"]) == 0
    out = capsys.readouterr()
    assert "2 pre-labelled\n1 failed\n" in out.out
    assert "  ../images/bad.png: " in out.out

    images.rename(tmp_path / "photographs")
    assert app.run(["project", "status", "set.corrclip-project"]) == 0
    assert "3 images not found, such as '" in capsys.readouterr().out
    assert app.run(["project", "relink", "set.corrclip-project", "images", "photographs"]) == 0
    assert "3 images relinked" in capsys.readouterr().out
    Path("set.corrclip-project", NAME).unlink()
    assert app.run(["project", "status", "set.corrclip-project"]) == 2
    assert "is missing; repair the project" in capsys.readouterr().err
    assert app.run(["project", "repair", "set.corrclip-project"]) == 0
    assert "2 pre-labelled" in capsys.readouterr().out
    with Project.open("set.corrclip-project") as project:
        project.choose("red, green, wood")
    assert app.run(["project", "run", "set.corrclip-project", "--stale", "--strict"]) == 2
    assert "is no image that can be read" in capsys.readouterr().err


def test_copies_and_large_images_by_the_command_line(
    images: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    np.save(images / "stack.npy", np.stack([generate_scene(2).image[:100, :100]] * 2))
    more = ("--copy", "--scale", "0.5", "--tile", "128", "--overlap", "32")
    assert app.run(["project", "create", "set", "images", *CREATE, *more]) == 0
    out = capsys.readouterr()
    size = sum(path.stat().st_size for path in images.iterdir()) / 1e6
    assert f"Copying 3 images, {size:.1f} MB\n" in out.err
    assert "set.corrclip-project: 4 images, 2 of them planes of 1 stack, 3 classes" in out.out
    shutil.rmtree(images)
    Path("set.corrclip-project").rename("moved.corrclip-project")
    assert app.run(["project", "run", "moved.corrclip-project"]) == 0
    out = capsys.readouterr()
    assert "4 images pre-labelled, 0 failed" in out.out
    assert "stack.npy[1]: " in out.err
    assert app.run(["project", "status", "moved.corrclip-project"]) == 0
    assert "regions superpixels, scale 0.5\n4 pre-labelled\n" in capsys.readouterr().out


@pytest.mark.skipif(sys.platform == "win32", reason="links need a right there")
def test_what_was_passed_over_is_told_by_the_command_that_makes_a_project(
    images: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (images / "gone.png").symlink_to(images / "nowhere.png")
    assert app.run(["project", "create", "set", "images", *CREATE, "--copy"]) == 0
    out = capsys.readouterr()
    assert "Copying 2 images, " in out.err
    assert "set.corrclip-project: 2 images, 3 classes\nThere is no image '" in out.out
    assert out.out.endswith("gone.png' to be copied; check the path.\n")


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        (("--preset", "gone"), "gone"),
        (("--regions", "map.png"), "a project finds its regions itself"),
        (("--region-option", "n_segments"), "is no NAME=VALUE"),
        (("--region-option", "colour=3"), "colour"),
        (("--device", "gpu"), "gpu"),
        (("--dtype", "int8"), "int8"),
        (("--detail", "coarse"), "coarse"),
        (("--tile", "256"), "--tile goes with --scale"),
        (("--scale", "0.5", "--detail", "fine"), "--detail fine does not go with --scale"),
        (("--scale", "0"), "0"),
        (("-c", "cat,,dog"), "empty class name"),
    ],
)
def test_what_cannot_be_used_is_said_and_nothing_is_made(
    images: Path, capsys: pytest.CaptureFixture[str], more: tuple[str, ...], sentence: str
) -> None:
    args = ["project", "create", "set", str(images), "-c", "cat", "--regions", "superpixels", *more]
    assert app.run(args) == 2
    said = capsys.readouterr().err
    assert sentence in said
    assert said.count("\n") == 1
    assert not Path("set.corrclip-project").exists()


def test_parts_and_what_they_made_by_the_command_line(
    images: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert app.run(["project", "create", "set", str(images), *CREATE]) == 0
    for part in ("1/2", "2/2"):
        assert app.run(["project", "run", "set.corrclip-project", "--part", part]) == 0
        assert "project run set.corrclip-project --collect" in capsys.readouterr().out
    assert app.run(["project", "run", "set.corrclip-project", "--collect"]) == 0
    assert "2 images collected\n2 pre-labelled\n" in capsys.readouterr().out
    for wrong in (
        ["--part", "3"],
        ["--part", "3/2"],
        ["--collect", "--part", "1/2"],
        ["--collect", "--stale"],
    ):
        assert app.run(["project", "run", "set.corrclip-project", *wrong]) == 2
        assert capsys.readouterr().err.count("\n") == 1


def test_what_is_no_project_is_not_opened(images: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert app.run(["project", "open", "images"]) == 2
    assert "'images' is no project" in capsys.readouterr().err


def test_features_are_kept_and_other_words_found_by_the_command_line(
    images: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert app.run(["project", "create", "set", str(images), *CREATE]) == 0
    place = "set.corrclip-project"
    run = ["project", "run", place, "--keep", "features"]
    assert app.run([*run, "--limit", "500kB"]) == 0
    out = capsys.readouterr()
    assert "Features of the images take about 0.9 MB, and the limit is 0.5 MB: about 57%" in out.err
    assert app.run(["project", "relabel", place]) == 0
    assert "0 images relabelled, 0 failed" in capsys.readouterr().out
    assert app.run(["project", "relabel", place, "-c", "red, green, wood"]) == 0
    out = capsys.readouterr()
    assert "1 image pre-labelled by other classes or settings has no features" in out.err
    assert f"project run {place} --stale --keep features" in out.err
    assert "1 image relabelled, 0 failed" in out.out
    assert "2 pre-labelled, 1 of them by older settings" in out.out
    assert app.run([*run, "--stale"]) == 0
    assert "take about 0.4 MB (the limit is 20.0 GB)" in capsys.readouterr().err
    shutil.rmtree(images)
    assert app.run(["project", "relabel", place, "-c", "green, blue, wood, stone"]) == 0
    out = capsys.readouterr()
    assert "2 images relabelled, 0 failed" in out.out
    assert "images/1.png: " in out.err
    assert "2 pre-labelled\n" in out.out
    with Project.open(place) as project:
        # Classes of the same name keep their values; "blue" was gone meanwhile, and is another one.
        assert [class_.value for class_ in project.vocabulary.classes] == [4, 5, 3, 6]


def test_what_is_run_again_for_its_features_is_told_with_their_size(
    images: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = ["project", "run", "set.corrclip-project"]
    assert app.run(["project", "create", "set", str(images), *CREATE]) == 0
    assert app.run(run) == 0
    capsys.readouterr()
    assert app.run([*run, "--keep", "features"]) == 0
    out = capsys.readouterr()
    assert (
        "Features of the images take about 0.9 MB (the limit is 20.0 GB); 2 images pre-labelled without "
        "them are run again\n"
    ) in out.err
    assert "(2 of 2 · " in out.err
    assert "2 images pre-labelled, 0 failed" in out.out
    assert app.run([*run, "--keep", "features"]) == 0
    out = capsys.readouterr()
    assert "Features" not in out.err
    assert "0 images pre-labelled" in out.out


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        (("--limit", "1GB"), "add --keep features"),
        (("--keep", "results"), "the features are what can be kept"),
        (("--keep", "features", "--limit", "much"), "give a size, such as 500MB or 20GB"),
        (("--keep", "features", "--limit", "0GB"), "give a size, such as 500MB or 20GB"),
        (("--collect", "--keep", "features"), "--collect runs nothing"),
    ],
)
def test_what_cannot_be_kept_is_said(
    images: Path, capsys: pytest.CaptureFixture[str], more: tuple[str, ...], sentence: str
) -> None:
    assert app.run(["project", "create", "set", str(images), *CREATE]) == 0
    capsys.readouterr()
    assert app.run(["project", "run", "set.corrclip-project", *more]) == 2
    said = capsys.readouterr().err
    assert sentence in said
    assert said.count("\n") == 1
    assert app.run(["project", "relabel", "set.corrclip-project", "-c", "cat,,dog"]) == 2
    assert "empty class name" in capsys.readouterr().err
