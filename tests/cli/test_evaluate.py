"""``napari-corrclip evaluate`` on tiny data sets in the real layouts, by the demo's networks."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from napari_corrclip.cli import main
from napari_corrclip.demo.scenes import TEST_SEED, Scene, generate_scene
from napari_corrclip.demo.world import COLORS, GROUNDS
from napari_corrclip.engine.recipe import Recipe
from napari_corrclip.evaluation.benchmarking import report
from napari_corrclip.evaluation.benchmarking.evaluating import PROJECT, Evaluation
from napari_corrclip.evaluation.benchmarking.scores import Scores
from napari_corrclip.evaluation.datasets.benchmarks import LAYOUTS
from napari_corrclip.evaluation.datasets.opening import open_dataset
from napari_corrclip.project.project import Project
from napari_corrclip.project.records import ItemState
from napari_corrclip.settings import Settings
from tests.evaluation.datasets.layouts import KEYS, KIND, write_dataset

NAMES = (*COLORS, *GROUNDS)


@pytest.fixture(scope="module")
def scenes() -> list[Scene]:
    return [generate_scene(TEST_SEED + number) for number in range(3)]


@pytest.fixture
def world(tmp_path: Path, scenes: list[Scene]) -> Path:
    """A folder of scenes of the demo's world, the truth from 1 on."""
    root = tmp_path / "world"
    for part in ("images", "labels"):
        (root / part).mkdir(parents=True)
    for number, scene in enumerate(scenes):
        Image.fromarray(scene.image).save(root / "images" / f"{number}.png")
        truth = scene.truth(NAMES).astype(np.uint8)
        Image.fromarray(truth).save(root / "labels" / f"{number}.png")
    (root / "classes.txt").write_text("\n".join(NAMES) + "\n")
    return root


def evaluate(root: Path, out: Path, *options: str, name: str = "folder") -> int:
    first = ("--first", "1", "--ignore", "0") if name == "folder" else ()
    fast = ("--regions", "superpixels")
    return main(["evaluate", name, "--root", str(root), "-o", str(out), *first, *fast, *options])


def record(out: Path) -> dict[str, object]:
    found: dict[str, object] = json.loads((out / "evaluation.json").read_text())
    return found


def percent(out: Path) -> dict[str, float]:
    figures = record(out)["figures"]
    assert isinstance(figures, list)
    return {figure["name"]: figure["percent"] for figure in figures}


def test_a_folder_is_run_scored_and_reported(
    world: Path, tmp_path: Path, scenes: list[Scene], capsys: pytest.CaptureFixture[str]
) -> None:
    """Figures are those of the results, counted here anew; the same command then runs nothing."""
    out = tmp_path / "out"
    assert evaluate(world, out, "--oracle", "--no-plots") == 0
    told = capsys.readouterr()
    assert "3 images run, 0 failed" in told.out
    with Project.open(out / PROJECT) as project:
        labels = [project.result(item).labels for item in project.items()]
    truths = [scene.truth(NAMES) for scene in scenes]
    truth, shown = (np.concatenate([np.ravel(m) for m in each]) for each in (truths, labels))
    iou = [
        ((truth == n) & (shown == n)).sum() / ((truth == n) | (shown == n)).sum()
        for n in range(1, len(NAMES) + 1)
        if ((truth == n) | (shown == n)).any()
    ]
    assert percent(out)["mIoU"] == pytest.approx(100 * np.mean(iou))
    assert percent(out)["pixel accuracy"] == pytest.approx(100 * (truth == shown).mean())
    assert 60 < percent(out)["mIoU"] < 100
    text = (out / "evaluation.md").read_text()
    assert f"| mIoU | {100 * np.mean(iou):.1f} |  |  |" in text
    assert all(f"| {name} |" in text for name in NAMES)
    worst = sorted(out.glob("evaluation-worst-*.png"))
    assert len(worst) == 3
    with Image.open(worst[0]) as picture:
        assert picture.width > 3 * 512
    lowest = record(out)["worst"]
    assert isinstance(lowest, list)
    assert f"| {lowest[0]['name']} | {100 * lowest[0]['miou']:.1f} | " in text
    assert f"![{lowest[0]['name']}](evaluation-worst-1.png)" in text
    assert " s an image on cpu (" in text
    assert "every 64 pixels, in float32.\n" in text  # and nothing of a background that there is not
    before = (out / "evaluation.json").read_bytes()
    assert evaluate(world, out, "--oracle", "--no-plots") == 0
    assert "0 images run" in capsys.readouterr().out
    assert json.loads(before)["confusion"] == record(out)["confusion"]
    # Another preset's figures are not mixed with these.
    assert evaluate(world, out, "--oracle", "--detail", "fine", "--no-plots") == 2
    assert "has an evaluation of other classes, networks or settings" in capsys.readouterr().err


def test_plots_are_drawn(world: Path, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    out = tmp_path / "out"
    assert evaluate(world, out, "--images", "1") == 0
    for name in ("evaluation-classes.png", "evaluation-confusion.png"):
        with Image.open(out / name) as picture:
            assert len(picture.getcolors(1 << 20) or ()) > 20


def test_more_images_are_added_to_some(
    world: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert evaluate(world, out, "--images", "1", "--no-plots") == 0
    assert record(out)["images"] == 1
    told = capsys.readouterr().err
    assert "world: 1 image with truth, of 3 that are here" in told
    only = "Only 1 of 3 images is scored, so that figures are not comparable."
    assert f"Note: {only}" in told
    assert only in (out / "evaluation.md").read_text()
    assert evaluate(world, out, "--images", "2", "--no-plots") == 0
    assert "1 image run" in capsys.readouterr().out
    assert record(out)["images"] == 2
    assert evaluate(world, out, "--images", "4", "--no-plots") == 2
    assert "has 3 images here and 4 were asked for" in capsys.readouterr().err
    assert evaluate(world, out, "--images", "0", "--no-plots") == 2
    assert "0 images cannot be measured" in capsys.readouterr().err


def test_parts_are_run_and_scored_together(
    world: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, whole = tmp_path / "out", tmp_path / "whole"
    assert evaluate(world, out, "--part", "1/2") == 2
    assert "do so first by --prepare" in capsys.readouterr().err
    assert evaluate(world, out, "--prepare", "--images", "2") == 0
    assert evaluate(world, out, "--part", "1/2") == 2
    assert "was prepared without 1 image of these, such as" in capsys.readouterr().err
    assert evaluate(world, out, "--prepare") == 0
    for part in ("1/2", "2/2"):
        assert evaluate(world, out, "--part", part) == 0
        assert not (out / "evaluation.json").exists()
    capsys.readouterr()
    assert evaluate(world, out, "--no-plots") == 0
    assert "0 images run" in capsys.readouterr().out
    assert evaluate(world, whole, "--no-plots") == 0
    assert record(out)["confusion"] == record(whole)["confusion"]


def test_a_broken_image_is_told_before_anything_is_run(
    world: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    (world / "images" / "1.png").write_bytes(b"\x89PNG\r\n\x1a\nbroken")
    assert evaluate(world, out, "--no-plots") == 2
    assert "1.png" in capsys.readouterr().err
    assert not (out / PROJECT).exists()


def test_an_image_that_changed_is_run_again(
    world: Path, tmp_path: Path, scenes: list[Scene], capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing is scored by the result of another picture; one that a person began to correct is refused."""
    out = tmp_path / "out"
    assert evaluate(world, out, "--images", "2", "--no-plots") == 0
    before = percent(out)["mIoU"]
    changed = world / "images" / "1.png"
    for part, pixels in (("images", scenes[2].image), ("labels", scenes[2].truth(NAMES))):
        Image.fromarray(pixels.astype(np.uint8)).save(world / part / "1.png")
    capsys.readouterr()
    assert evaluate(world, out, "--images", "2", "--no-plots") == 0
    assert "1 image run" in capsys.readouterr().out
    assert percent(out)["mIoU"] != before
    assert percent(out)["pixel accuracy"] > 75
    with Project.open(out / PROJECT) as project:
        item = project.items_named(changed)[0]
        with project.session(item) as session:
            session.assign([int(session.ids[0])], 1)
    Image.fromarray(scenes[1].image).save(changed)
    assert evaluate(world, out, "--images", "2", "--no-plots") == 2
    assert "1 image changed since being run" in capsys.readouterr().err


def test_an_image_that_was_passed_over_is_told_and_left_out(
    world: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert evaluate(world, out, "--prepare", "--images", "2") == 0
    with Project.open(out / PROJECT) as project:
        project.mark(project.items()[0], "skipped")
    assert evaluate(world, out, "--images", "2", "--no-plots") == 0
    assert "1 image without a result, such as 0: it was not run" in capsys.readouterr().err
    assert record(out)["images"] == 1
    assert record(out)["failed"] == {"0": "it was not run"}


def test_where_nothing_is_counted_there_are_no_figures(
    world: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for path in (world / "labels").iterdir():
        Image.fromarray(np.zeros((256, 256), np.uint8)).save(path)
    assert evaluate(world, tmp_path / "out", "--images", "1") == 2
    assert "No pixel of the truth of 1 image is counted" in capsys.readouterr().err


def test_what_lies_under_a_root_is_told(
    world: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert evaluate(world, tmp_path / "out", "--check") == 0
    told = capsys.readouterr().out
    assert "world: 3 images with truth" in told
    assert "Pixels: 256 × 256" in told
    assert not (tmp_path / "out").exists()
    Image.fromarray(np.zeros((256, 200), np.uint8)).save(world / "labels" / "2.png")
    assert evaluate(world, tmp_path / "out", "--check") == 2
    told = capsys.readouterr()
    assert "256 × 256 pixels and its truth" in told.out
    assert "Broken: " in told.out
    assert "1 of 3 images of world cannot be used, as said above" in told.err
    # All of them at once, and nothing is run that would have to be thrown away.
    (world / "images" / "0.png").write_bytes(b"no image")
    assert evaluate(world, tmp_path / "out", "--check") == 2
    told = capsys.readouterr()
    assert told.out.count("Broken: ") == 2
    assert "2 of 3 images of world cannot be used, as said above" in told.err
    assert evaluate(world, tmp_path / "out") == 2
    assert "2 of 3 images of world cannot be used, the first: " in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
    (world / "labels" / "2.png").unlink()
    assert evaluate(world, tmp_path / "out") == 2
    assert "has no counterpart in" in capsys.readouterr().err
    assert evaluate(world, tmp_path / "out", name="voc23") == 2
    assert "'voc23' is no data set; did you mean 'voc21'" in capsys.readouterr().err


def test_the_images_that_are_asked_for_alone_are_run(
    world: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert evaluate(world, out, "--prepare") == 0
    assert evaluate(world, out, "--images", "1", "--no-plots") == 0
    with Project.open(out / PROJECT) as project:
        assert len(project.items(ItemState.PRELABELLED)) == 1
        assert len(project.items(ItemState.NEW)) == 2
    assert "(1 of 1)" in capsys.readouterr().err


def test_another_data_set_does_not_come_into_an_evaluation(
    world: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert evaluate(world, out, "--images", "1", "--no-plots") == 0
    capsys.readouterr()
    moved = world.rename(tmp_path / "moved")
    assert evaluate(moved, out, "--no-plots") == 2
    said = capsys.readouterr().err
    assert "an evaluation of 1 image that this data set does not have" in said
    way = said.partition("napari-corrclip ")[2].split()
    assert way[:2] == ["project", "relink"]
    assert main([*way[:3], str(world), str(moved)]) == 0
    assert evaluate(moved, out, "--no-plots") == 0
    with Project.open(out / PROJECT) as project:
        assert len(project.items(ItemState.PRELABELLED)) == 3


def test_the_demos_networks_say_that_they_know_no_photographs(
    world: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (world / "images" / "Thumbs.db").write_bytes(b"of Windows")
    assert evaluate(world, tmp_path / "out", "--images", "1", "--no-plots") == 0
    assert "coloured shapes alone" not in capsys.readouterr().err
    names = [*NAMES[:-1], "pizza"]
    (world / "classes.txt").write_text("\n".join(names) + "\n")
    assert evaluate(world, tmp_path / "food", "--images", "1", "--no-plots") == 0
    assert "coloured shapes alone" in capsys.readouterr().err


def square(value: int, shape: tuple[int, int] = (48, 64)) -> NDArray[np.uint8]:
    return np.full(shape, value, np.uint8)


#: One of each way to find images; the loaders of all are tested with the data sets.
SHORT = ("voc21", "ade20k", "cityscapes")


@pytest.mark.parametrize(
    "name",
    [name if name in SHORT else pytest.param(name, marks=pytest.mark.long) for name in LAYOUTS],
)
def test_every_benchmark_goes_the_whole_way(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """In its layout, by its protocol; figures mean nothing here."""
    images = [scene_noise(0), scene_noise(1)]
    write_dataset(tmp_path / "set", name, images, [square(1), square(2)])
    out = tmp_path / "out"
    # At the demo's own inference size: the protocol's is that of networks of 336 pixels.
    small = tmp_path / "small.yaml"
    small.write_text("short_side: 48\nwindow: 48\nstride: 24\n")
    options = ("--settings", str(small), "--no-plots")
    assert evaluate(tmp_path / "set", out, *options, name=name) == 0
    found = record(out)
    assert found["images"] == 2
    assert found["images_of_the_benchmark"] == LAYOUTS[name].images
    counts = np.array(found["confusion"])
    expected = (
        {2, 3}
        if name in ("voc21", "context60", "coco_stuff", "coco_object", "cityscapes")
        else {1, 2}
    )
    assert set(np.flatnonzero(counts.sum(axis=1)).tolist()) == expected
    assert counts.sum() == 2 * 48 * 64
    told = capsys.readouterr().err
    assert "not comparable" in told
    assert f"short_side 48 and not {LAYOUTS[name].short_side}" in told
    with Project.open(out / PROJECT) as project:
        assert len(project) == 2
        assert {project.path_of(item).name for item in project.items()} == {
            Path(LAYOUTS[name].picture.format(key=Path(key).name, folder="x")).name
            for key in KEYS[KIND[name]]
        }


def test_published_figures_are_those_of_the_paper() -> None:
    """Their means are the paper's, by preset."""
    means = {
        preset: np.mean([layout.published[preset] for layout in LAYOUTS.values()])
        for preset in ("vit-b-16", "vit-b-16-metaclip", "vit-l-14-metaclip")
    }
    assert means == pytest.approx(
        {"vit-b-16": 48.7, "vit-b-16-metaclip": 51.0, "vit-l-14-metaclip": 53.6}, abs=0.06
    )


@pytest.mark.parametrize("preset", ["vit-b-16", "lite"])
def test_published_figures_stand_beside_ours(preset: str, tmp_path: Path) -> None:
    """Of a preset that the paper has, with the difference and under what they were measured."""
    write_dataset(tmp_path, "voc20", [scene_noise(0), scene_noise(1)], [square(1), square(2)])
    dataset = open_dataset("voc20", tmp_path)
    scores = Scores(20)
    scores.add(
        "a", square(1).astype(int), np.where(np.arange(64) < 48, 1, 2) * square(1), square(1)
    )
    own = dataset.settings(Settings(tau=0.5))
    recipe = Recipe(preset, settings=own, dtype="bfloat16", detail="native")
    evaluation = Evaluation(dataset, recipe, scores, {"sam": scores.ceiling}, (), 1.0, ("cpu",))
    page = report.markdown(evaluation, "the command", "2026-11-29", {"python": "3"}, [], {})
    document = json.loads(report.to_json(evaluation, "the command", "2026-11-29", {}))
    lines = "\n".join(report.console_lines(evaluation))
    assert "2026-11-29: `the command`" in page
    assert "tau 0.5 and not 0.25" in page
    assert "dtype bfloat16 and not float32" in page
    assert "Short side own, windows of 336 every 112 pixels, in bfloat16.\n" in page
    if preset == "lite":
        assert "| mIoU | 37.5 |  |  |" in page
        assert document["figures"][0]["published"] is None
        assert "published" not in lines
        return
    assert "| mIoU | 37.5 | 88.7 | -51.2 |" in page
    assert "regions of SAM 2 by 32 × 32 points, larger masks on top" in page
    assert "this run's regions are by 8 × 8 points, small-on-top" in page
    assert document["figures"][0]["difference"] == pytest.approx(-51.2)
    assert "published 88.7, -51.2" in lines


def test_a_folder_called_as_a_benchmark_is_none(world: Path, tmp_path: Path) -> None:
    root = world.rename(tmp_path / "cityscapes")
    dataset = open_dataset("folder", root, first=1)
    assert dataset.title == "cityscapes"
    assert not dataset.published


def scene_noise(seed: int) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (48, 64, 3), np.uint8)
