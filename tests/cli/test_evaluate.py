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
from napari_corrclip.evaluation.benchmarking.evaluating import PROJECT
from napari_corrclip.evaluation.datasets.benchmarks import LAYOUTS
from napari_corrclip.project.project import Project
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
    before = (out / "evaluation.json").read_bytes()
    assert evaluate(world, out, "--oracle", "--no-plots") == 0
    assert "0 images run" in capsys.readouterr().out
    assert json.loads(before)["confusion"] == record(out)["confusion"]
    # Another preset's figures are not mixed with these.
    assert evaluate(world, out, "--detail", "fine", "--no-plots") == 2
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
    capsys.readouterr()
    assert evaluate(world, out, "--images", "2", "--no-plots") == 0
    assert "1 image run" in capsys.readouterr().out
    assert record(out)["images"] == 2
    assert evaluate(world, out, "--images", "0", "--no-plots") == 2
    assert "0 images cannot be evaluated" in capsys.readouterr().err


def test_parts_are_run_and_scored_together(
    world: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, whole = tmp_path / "out", tmp_path / "whole"
    assert evaluate(world, out, "--part", "1/2") == 2
    assert "do so first by --prepare" in capsys.readouterr().err
    assert evaluate(world, out, "--prepare") == 0
    for part in ("1/2", "2/2"):
        assert evaluate(world, out, "--part", part) == 0
        assert not (out / "evaluation.json").exists()
    capsys.readouterr()
    assert evaluate(world, out, "--no-plots") == 0
    assert "0 images run" in capsys.readouterr().out
    assert evaluate(world, whole, "--no-plots") == 0
    assert record(out)["confusion"] == record(whole)["confusion"]


def test_a_broken_image_is_told_and_left_out(
    world: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One that breaks after it was looked at: its file is there, and holds no picture."""
    out = tmp_path / "out"
    assert evaluate(world, out, "--prepare") == 0
    (world / "images" / "1.png").write_bytes(b"\x89PNG\r\n\x1a\nbroken")
    assert evaluate(world, out, "--part", "1/1") == 2
    assert evaluate(world, out, "--no-plots") == 2
    assert "1.png" in capsys.readouterr().err


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
    assert "256 × 256 pixels and its truth" in capsys.readouterr().err
    (world / "labels" / "2.png").unlink()
    assert evaluate(world, tmp_path / "out") == 2
    assert "has no counterpart in" in capsys.readouterr().err
    assert evaluate(world, tmp_path / "out", name="voc23") == 2
    assert "'voc23' is no data set; did you mean 'voc21'" in capsys.readouterr().err


def square(value: int, shape: tuple[int, int] = (48, 64)) -> NDArray[np.uint8]:
    return np.full(shape, value, np.uint8)


@pytest.mark.parametrize("name", LAYOUTS)
def test_every_benchmark_goes_the_whole_way(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """In its layout, by its protocol, with the published figure beside ours; figures mean nothing here."""
    random = np.random.default_rng(0)
    images = [random.integers(0, 256, (48, 64, 3), np.uint8) for _ in range(2)]
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


def test_published_figures_stand_beside_ours(tmp_path: Path) -> None:
    """Of the paper's table, by preset; of a preset that the paper does not have there is none."""
    published = {name: dict(layout.published) for name, layout in LAYOUTS.items()}
    means = {
        preset: np.mean([figures[preset] for figures in published.values()])
        for preset in ("vit-b-16", "vit-b-16-metaclip", "vit-l-14-metaclip")
    }
    assert means == pytest.approx(
        {"vit-b-16": 48.7, "vit-b-16-metaclip": 51.0, "vit-l-14-metaclip": 53.6}, abs=0.06
    )
