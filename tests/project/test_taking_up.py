"""Results of ``segment`` that become a project without a run, or a sentence on what does not go together."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest

import napari_corrclip as nc
from napari_corrclip.annotation.files.folder import digest
from napari_corrclip.cli import app
from napari_corrclip.demo.scenes import generate_scene
from napari_corrclip.images import ImageOptions, read_pixels
from napari_corrclip.project.project import Project
from napari_corrclip.project.records import ItemState
from napari_corrclip.results.large import LargeSegmentation
from napari_corrclip.results.segmentation import Segmentation

WORDS = "red, blue, background: wood"
OPTIONS = ("--regions", "superpixels", "--region-option", "n_segments=20")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two images, one of 16 bits, and the results that the command wrote of them."""
    folder = tmp_path_factory.mktemp("made")
    (folder / "images").mkdir()
    iio.imwrite(folder / "images" / "a.png", generate_scene(1).image[:60, :70])
    deep = generate_scene(2).image[:60, :70, 0].astype(np.uint16) * 200
    iio.imwrite(folder / "images" / "b.png", deep)
    images = sorted(map(str, (folder / "images").iterdir()))
    args = ["segment", *images, "-o", str(folder / "results"), "-c", WORDS, *OPTIONS]
    assert app.run([*args, "--limits", "1000", "30000"]) == 0
    return folder


@pytest.fixture
def work(made: Path, tmp_path: Path) -> Path:
    """The same, moved: results find their images by where these lie as seen from them."""
    folder = Path(shutil.copytree(made, tmp_path / "work"))
    for name in "ab":
        note(folder, name, image=f"/photographs/{name}.png")
    return folder


def note(work: Path, name: str, **values: object) -> None:
    """Let a result tell something else."""
    path = work / "results" / name / "provenance.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def test_results_become_items_without_a_run(work: Path, tmp_path: Path) -> None:
    with Project.from_results(tmp_path / "set", work / "results", progress=False) as project:
        assert [item.path for item in project] == ["../work/images/a.png", "../work/images/b.png"]
        assert project.status().lines() == ["2 pre-labelled"]
        assert project.status().stale == {}
        assert project.vocabulary.names == ("red", "blue", "background")
        assert project.recipe.region_options is not None
        for item in project:
            found, former = (
                project.result(item),
                Segmentation.load(work / "results" / item.path[-5]),
            )
            np.testing.assert_array_equal(found.labels, former.labels)
            assert item.regions == len(former.table)
        with project.session("../work/images/b.png") as session:
            session.accept_above(0.0)
            # As it was seen by the networks, by limits that somebody chose.
            seen = read_pixels(work / "images" / "b.png", ImageOptions((1000, 30000))).rgb
            assert session.image_digest == digest(seen)
        assert project.run(progress=False).done == ()
        with project.session("../work/images/b.png") as session:
            assert session.can_undo
        project.close()
        with Project.repair(project.folder) as anew:
            assert anew.status().states == {ItemState.PRELABELLED: 1, ItemState.IN_REVIEW: 1}


def test_features_of_what_was_taken_up_are_those_of_the_image_as_it_was_seen(
    work: Path, tmp_path: Path
) -> None:
    with Project.from_results(tmp_path / "set", work / "results", progress=False) as project:
        before = [project.result(item).labels for item in project]
        assert len(project.run(features=10**9, progress=False).done) == 2
        for item, labels in zip(project, before, strict=True):
            found = project.result(item)
            np.testing.assert_array_equal(found.labels, labels)
            assert project.features(item).shape == labels.shape
        assert [(each.low, each.high) for each in found.provenance.stretch if each] == [
            (1000, 30000)
        ]


def test_what_was_bent_in_a_window_is_not_run_again_for_its_features(
    work: Path, tmp_path: Path
) -> None:
    note(work, "b", stretch=[{"low": 1000, "high": 30000, "gamma": 0.5}])
    with Project.from_results(tmp_path / "set", work / "results", progress=False) as project:
        first, _ = project
        assert project.run(features=10**9, progress=False).done == (first.name,)


def test_images_may_be_copied_too(work: Path, tmp_path: Path) -> None:
    with Project.from_results(tmp_path / "set", work / "results", copy=True) as project:
        shutil.rmtree(work)
        assert project.status().lines() == ["2 pre-labelled"]
        with project.session("images/a.png") as session:
            assert session.labels.shape == (60, 70)


def test_large_results_are_taken_up(work: Path, tmp_path: Path) -> None:
    recipe = nc.Recipe(regions="superpixels", region_options={"n_segments": 20}, scale=0.5)
    nc.segment_large(work / "images" / "a.png", WORDS, work / "large" / "a", recipe=recipe)
    with Project.from_results(tmp_path / "set", work / "large") as project:
        assert project.recipe.scale == 0.5
        assert isinstance(project.result(project.items()[0]), LargeSegmentation)
        assert project.status().stale == {}


def other_words(work: Path) -> None:
    result = Segmentation.load(work / "results" / "a")
    nc.Vocabulary.coerce("cat, dog, tree").save(work / "results" / "a" / "vocabulary.yaml")
    assert result.vocabulary.names[0] == "red"


def no_image(work: Path) -> None:
    (work / "images" / "a.png").unlink()


def other_image(work: Path) -> None:
    shutil.copy(work / "images" / "b.png", work / "images" / "a.png")


def no_recipe(work: Path) -> None:
    note(work, "b", recipe=None)


def given_regions(work: Path) -> None:
    note(work, "b", recipe=json.loads(nc.Recipe(regions="given").to_json()))
    shutil.rmtree(work / "results" / "a")


def twice(work: Path) -> None:
    shutil.copytree(work / "results" / "a", work / "results" / "c")


def none(work: Path) -> None:
    shutil.rmtree(work / "results")


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (other_words, r"has other classes than .*red, blue, background and cat, dog, tree\)"),
        (no_image, r"The images of 1 result are gone or were changed, such as .*a.png"),
        (other_image, r"The images of 1 result are gone or were changed"),
        (no_recipe, r"results/b' tells no recipe"),
        (given_regions, "runs no regions that come with each image"),
        (twice, r"results/a' and .*results/c' are both of .*a.png"),
        (none, "has no results of napari-corrclip segment"),
    ],
)
def test_what_does_not_go_together_is_told_and_nothing_is_made(
    work: Path, tmp_path: Path, spoil: object, sentence: str
) -> None:
    assert callable(spoil)
    spoil(work)
    with pytest.raises(nc.InputError, match=sentence):
        Project.from_results(tmp_path / "set", work / "results")
    assert not (tmp_path / "set.corrclip-project").exists()


def test_a_damaged_result_fails_and_is_run_again(work: Path, tmp_path: Path) -> None:
    (work / "results" / "a" / "labels.png").write_bytes(b"no")
    with Project.from_results(tmp_path / "set", work / "results") as project:
        assert project.status().lines() == ["1 pre-labelled", "1 failed"]
        assert "labels.png" in project.items("failed")[0].reason
        assert len(project.run(progress=False).done) == 1
        assert project.status().lines() == ["2 pre-labelled"]


def test_by_the_command_line(
    work: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(work)
    assert (
        app.run(["project", "create", "set", "--from", "results", "-c", "red", "--scale", "1"]) == 2
    )
    assert "leave --classes, --scale out" in capsys.readouterr().err
    assert app.run(["project", "create", "set", "images", "--from", "results"]) == 2
    assert "leave IMAGES out" in capsys.readouterr().err
    assert app.run(["project", "create", "set", "images"]) == 2
    assert "needs classes" in capsys.readouterr().err
    assert app.run(["project", "create", "set", "-c", "red"]) == 2
    assert "needs images" in capsys.readouterr().err
    assert not Path("set.corrclip-project").exists()
    assert app.run(["project", "create", "set", "--from", "results", "--copy"]) == 0
    out = capsys.readouterr()
    assert "Copying 2 images, " in out.err
    assert out.out.endswith("set.corrclip-project: 2 images\n2 pre-labelled\n")
