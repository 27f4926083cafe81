"""``napari-corrclip evaluate`` with care: no report is lost unawares, no data set misread."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from napari_corrclip.cli import main
from napari_corrclip.cli import projects as projects_command
from napari_corrclip.demo.scenes import TEST_SEED, generate_scene
from napari_corrclip.demo.world import COLORS, GROUNDS
from napari_corrclip.evaluation.benchmarking.evaluating import PROJECT
from napari_corrclip.project.project import Project
from napari_corrclip.project.records import ItemState

Streams = pytest.CaptureFixture[str]
NAMES = (*COLORS, *GROUNDS)


@pytest.fixture
def world(tmp_path: Path) -> Path:
    """A folder of two pieces of scenes of the demo's world, the truth from 1 on."""
    root = tmp_path / "world"
    for part in ("images", "labels"):
        (root / part).mkdir(parents=True)
    for number in range(2):
        scene = generate_scene(TEST_SEED + number)
        Image.fromarray(scene.image[:96, :128]).save(root / "images" / f"{number}.png")
        truth = scene.truth(NAMES)[:96, :128].astype(np.uint8)
        Image.fromarray(truth).save(root / "labels" / f"{number}.png")
    (root / "classes.txt").write_text("\n".join(NAMES) + "\n")
    return root


def evaluate(root: Path, out: Path, *options: str) -> int:
    usual = ("--regions", "superpixels", "--no-plots", "--first", "1")
    return main(["evaluate", "folder", "--root", str(root), "-o", str(out), *usual, *options])


def test_a_report_of_more_images_or_other_values_is_kept(
    world: Path, tmp_path: Path, capsys: Streams
) -> None:
    out = tmp_path / "out"
    assert evaluate(world, out, "--images", "1") == 0
    assert evaluate(world, out) == 0  # of more images
    before = (out / "evaluation.json").read_bytes()
    for options, told in (
        (["--images", "1"], "it is of 2 images and not of 1"),
        (["--ignore", "3"], "it leaves out no value and not the value 3"),
        (
            ["--images", "1", "--ignore", "3", "--ignore", "5"],
            "(it is of 2 images and not of 1; it leaves out no value and not the values 3, 5)",
        ),
    ):
        capsys.readouterr()
        assert evaluate(world, out, *options) == 2
        error = capsys.readouterr().err
        assert told in error.splitlines()[-1]
        assert "another -o, or --replace" in error
        assert (out / "evaluation.json").read_bytes() == before
    assert evaluate(world, out, "--images", "1", "--ignore", "3", "--replace") == 0
    found = json.loads((out / "evaluation.json").read_text())
    assert found["counted"] == {"images": 1, "first_value": 1, "ignored_values": [3]}
    with Project.open(out / PROJECT) as project:  # results stay
        assert len(project.items(ItemState.PRELABELLED)) == 2


def test_a_report_that_tells_less_does_not_replace_one_that_tells_more(
    world: Path, tmp_path: Path, capsys: Streams
) -> None:
    out = tmp_path / "out"
    assert evaluate(world, out, "--images", "1", "--oracle") == 0
    assert evaluate(world, out, "--images", "1") == 2
    assert (
        "it tells what sam could reach, which is asked for by --oracle" in capsys.readouterr().err
    )
    found = json.loads((out / "evaluation.json").read_text())
    assert list(found["ceilings"]) == ["superpixels", "sam"]
    (out / "evaluation.json").write_text("[]")
    assert evaluate(world, out, "--images", "1") == 2
    assert "it is none of this version" in capsys.readouterr().err
    assert (out / "evaluation.json").read_text() == "[]"
    # A report of before, which does not say what it leaves out, is taken by its number of images.
    del found["counted"], found["ceilings"]["sam"]
    (out / "evaluation.json").write_text(json.dumps(found | {"images": 2}))
    assert evaluate(world, out, "--images", "1") == 2
    assert "it is of 2 images and not of 1" in capsys.readouterr().err


def test_results_do_not_come_among_the_images(world: Path, tmp_path: Path, capsys: Streams) -> None:
    (tmp_path / "link").symlink_to(world / "labels")
    for out in (world / "images", world / "images" / "deep" / "out", tmp_path / "link"):
        assert evaluate(world, out) == 2
        assert "whose files are the data set's" in capsys.readouterr().err
    assert sorted(path.name for path in world.rglob("*") if path.is_dir()) == ["images", "labels"]
    assert evaluate(world, world / "out", "--prepare") == 0
    assert evaluate(world, world / "out", "--check") == 0


def test_the_class_of_a_line_has_the_value_of_the_line(
    world: Path, tmp_path: Path, capsys: Streams
) -> None:
    lines = [*NAMES]
    lines[1] = "yellow, light yellow"
    (world / "classes.txt").write_text("\n".join(lines))
    (tmp_path / "words.txt").write_text("\n".join(lines))
    for options in (
        [],
        ["--classes", str(tmp_path / "words.txt")],
        ["--classes", "\n".join(lines)],
    ):
        assert evaluate(world, tmp_path / "out", "--check", *options) == 2
        assert "Line 2 names 2 classes ('yellow', 'light yellow')" in capsys.readouterr().err
    lines[1] = "light > yellow"
    (world / "classes.txt").write_text("\n".join(lines))
    assert evaluate(world, tmp_path / "out", "--check") == 2
    assert "Line 2 puts a class below 'light', which has no line" in capsys.readouterr().err
    # Synonyms, a comma in quotes, prompts by commas and a class below one that has a line.
    lines[1:5] = ["yellow; light yellow", '"green, lime"', "blue: blue, azure", "red > purple"]
    (world / "classes.txt").write_text("\n".join(lines))
    assert evaluate(world, tmp_path / "out", "--check") == 0
    shown = capsys.readouterr().out
    assert "Values: 1 is red, 11 is wood" in shown
    assert evaluate(world, tmp_path / "out", "--check", "--classes", ", ".join(NAMES)) == 0


def test_everything_that_is_broken_or_missing_is_listed(
    world: Path, tmp_path: Path, capsys: Streams
) -> None:
    for number in range(2):
        (world / "images" / f"{number}.png").write_bytes(b"no image")
    assert evaluate(world, tmp_path / "out", "--check") == 2
    told = capsys.readouterr()
    assert told.out.count("Broken: ") == 2
    assert "2 of 2 images of world cannot be used, as said above" in told.err
    (world / "labels" / "1.png").rename(world / "labels" / "3.png")
    assert evaluate(world, tmp_path / "out", "--check") == 2
    told = capsys.readouterr()
    assert told.out.splitlines() == [
        f"Broken: {str(world / 'images' / '1.png')!r} has no counterpart in {str(world / 'labels')!r}",
        f"Broken: {str(world / 'labels' / '3.png')!r} has no counterpart in {str(world / 'images')!r}",
    ]
    assert "(1 other file has none)" in told.err


def test_a_truth_of_which_nothing_is_counted_is_no_data_set(
    world: Path, tmp_path: Path, capsys: Streams
) -> None:
    every = [part for value in range(12) for part in ("--ignore", str(value))]
    for options in (["--check"], []):
        assert evaluate(world, tmp_path / "out", *every, *options) == 2
        assert "No pixel of the truth of 2 images is counted" in capsys.readouterr().err
        assert not (tmp_path / "out").exists()  # told before anything is run


def test_who_interrupts_is_told_that_the_same_command_goes_on(
    world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Streams
) -> None:
    told, interrupted = projects_command.say, []

    def interrupting(line: str) -> None:
        told(line)
        if not interrupted:
            interrupted.append(line)
            raise KeyboardInterrupt

    monkeypatch.setattr(projects_command, "say", interrupting)
    assert evaluate(world, tmp_path / "out") == 130
    assert "what was done is kept, and the same command goes on" in capsys.readouterr().err
    assert evaluate(world, tmp_path / "out") == 0
    assert "1 image run" in capsys.readouterr().out
