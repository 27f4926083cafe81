"""``napari-corrclip project classes``: what is printed, and what it changes."""

from __future__ import annotations

from pathlib import Path

import imageio.v3 as iio
import pytest

import napari_corrclip as nc
from napari_corrclip.cli import main
from napari_corrclip.demo.scenes import generate_scene
from napari_corrclip.project.project import Project

RECIPE = nc.Recipe(regions="superpixels", region_options={"n_segments": 9})


@pytest.fixture
def folder(tmp_path: Path) -> str:
    """A project of one image, run."""
    iio.imwrite(tmp_path / "a.png", generate_scene(0).image[:64, :64])
    with Project.create(
        tmp_path / "set", "red, green, blue", tmp_path / "a.png", recipe=RECIPE
    ) as made:
        made.run(progress=False)
        item = next(iter(made))
        with made.session(item) as session:
            session.assign(session.ids[:2].tolist(), "red")
            session.assign(session.ids[2:4].tolist(), "blue")
        return str(made.folder)


def classes(folder: str, *options: str) -> int:
    return main(["project", "classes", folder, *options])


def test_classes_are_listed_renamed_merged_and_parted(
    folder: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert classes(folder) == 0
    before = capsys.readouterr().out
    assert before.splitlines()[0].split()[:2] == ["1", "red"]
    assert "on 1 image, 2 decided" in before
    assert classes(folder, "--merge", "red", "blue", "--by", "Ann") == 0
    told = capsys.readouterr().out
    assert "red " not in told
    assert told.splitlines()[-1].endswith("on 1 image, 4 decided; with 'red'")
    assert classes(folder, "--part", "red") == 0
    assert capsys.readouterr().out == before
    assert classes(folder, "--rename", "red", "crimson") == 0
    assert "crimson" in capsys.readouterr().out
    with Project.open(folder) as project:
        assert project.vocabulary.values[project.vocabulary.index("crimson")] == 1


def test_a_class_is_removed_and_brought_back(
    folder: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert classes(folder) == 0
    before = capsys.readouterr().out
    assert classes(folder, "--remove", "red", "--undecide") == 0
    first, *told, last = capsys.readouterr().out.splitlines()
    assert first == "2 regions on 1 image undecided; --bring-back 'red' has them again"
    assert last == "removed, and there again by --bring-back: 'red'"
    assert not any("red" in line for line in told)
    assert ", 2 decided" in told[-1]
    assert classes(folder, "--bring-back", "RED", "--by", "Ann") == 0
    assert capsys.readouterr().out == before
    assert classes(folder, "--remove", "red", "--to", "blue") == 0
    assert capsys.readouterr().out.splitlines()[-1].endswith(", 4 decided; with 'red'")
    assert classes(folder, "--part", "red") == 0
    assert capsys.readouterr().out == before
    # One of which nothing was decided goes without a question.
    assert classes(folder, "--remove", "green") == 0
    assert "green" not in capsys.readouterr().out.partition("removed, and")[0]
    assert classes(folder, "--bring-back", "green") == 0
    assert capsys.readouterr().out == before


def test_a_class_is_put_below_another_one(folder: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert classes(folder, "--below", "red", "blue") == 0
    names = [line[7:].partition("  ")[0].strip() for line in capsys.readouterr().out.splitlines()]
    assert names == ["blue > red", "green", "blue"]
    assert classes(folder, "--below", "red", "") == 0
    with Project.open(folder) as project:
        assert project.vocabulary.path("red") == ("red",)
        assert project.decided_as("red").regions == 2


def test_prompts_may_stay_as_they_are(folder: str) -> None:
    assert classes(folder, "--merge", "red", "blue", "--keep-prompts") == 0
    with Project.open(folder) as project:
        assert [class_.prompts for class_ in project.vocabulary] == [("green",), ("blue",)]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--merge", "red", "whale"), "There is no class 'whale'"),
        (("--part", "red"), "No class 'red' became another one; nothing was merged"),
        (("--rename", "red", "Blue"), "There is a class 'Blue' already; give 'red' another name"),
        (("--rename", "red", "a", "--part", "b"), "--rename and --part are two changes"),
        (("--keep-prompts",), "--keep-prompts goes with --merge"),
        (("--to", "blue"), "--to goes with --remove"),
        (("--undecide",), "--undecide goes with --remove"),
        (("--remove", "red", "--to", "blue", "--undecide"), "give one of them"),
        (("--remove", "red", "--part", "red"), "--part and --remove are two changes"),
        (("--remove", "whale"), "There is no class 'whale'"),
        (("--remove", "red", "--to", "whale"), "There is no class 'whale'"),
        (
            ("--remove", "red"),
            "2 regions on 1 image were decided as 'red'; say what becomes of that: --to CLASS gives it to "
            "another class, --undecide takes it back.",
        ),
        (("--bring-back", "red"), "No class 'red' was removed"),
        (
            ("--below", "red", "whale"),
            "There is no class 'whale'; the classes are red, green, blue.\n",
        ),
        (("--below", "red", "red"), "red"),
        (("--by", "Ann"), "--by goes with a change; leave it out."),
    ],
)
def test_what_cannot_be_is_a_sentence(
    folder: str, options: tuple[str, ...], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert classes(folder, *options) == 2
    assert sentence in capsys.readouterr().err


def test_one_that_became_another_is_parted_and_not_brought_back(
    folder: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert classes(folder, "--merge", "red", "blue") == 0
    assert classes(folder, "--bring-back", "Red") == 2
    assert "'Red' was not removed, but became another class; --part has it again." in (
        capsys.readouterr().err
    )
