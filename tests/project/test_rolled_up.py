"""Classes that are kinds of others, in a set: labelled by species, counted and handed on by genus."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import napari_corrclip as nc
from napari_corrclip.annotation.review.queue import Queue
from napari_corrclip.cli import app
from napari_corrclip.engine.segmenter import Segmenter
from napari_corrclip.errors import InputError
from napari_corrclip.project.export.importing import Opened
from napari_corrclip.project.project import Project
from napari_corrclip.project.records import ItemState
from tests.project.small import write_scenes

RECIPE = nc.Recipe(regions="superpixels", region_options={"n_segments": 9})
WORDS = "colour > red, colour > blue, wood\nbackground: grass"
"""'colour' has no prompts: nothing is it unless a person says so."""


@pytest.fixture(scope="module")
def segmenter() -> Segmenter:
    return Segmenter.from_recipe(RECIPE)


@pytest.fixture
def project(tmp_path: Path, segmenter: Segmenter) -> Iterator[Project]:
    """A set of two images; of the first a person said one to be a colour, one red and one blue."""
    images = tmp_path / "images"
    images.mkdir()
    write_scenes(images, 2, 64, 64)
    with Project.create(tmp_path / "set", WORDS, images, recipe=RECIPE) as made:
        made.run(segmenter=segmenter, progress=False)
        first, _ = made.items()
        with made.session(first, by="Ann") as session:
            for region, name in zip(session.ids.tolist(), ("colour", "red", "blue"), strict=False):
                session.assign([region], name)
        made.mark(first, "verified", by="Ann")
        yield made


def rolled(labels: np.ndarray) -> np.ndarray:
    """Return labels in which red (2) and blue (3) are colours (1)."""
    return np.where((labels == 2) | (labels == 3), 1, labels).astype(np.uint16)


def test_a_region_is_decided_at_a_parent_which_no_words_look_for(project: Project) -> None:
    first, _ = project.items()
    assert project.vocabulary.path("red") == ("colour", "red")
    with project.session(first) as session:
        row = session.region(session.ids.tolist()[0])
        assert session.vocabulary.by_value(row.value).name == "colour"
        assert row.verdict is not None
        assert row.verdict.value == 1
        assert 1 not in {other.predicted for other in session.rows()}  # no network says so
        session.undo()
        session.redo()
        session.assign([row.id], "red")
        assert session.region(row.id).value == 2
        session.undo()
        assert session.region(row.id).value == 1
        queue = Queue(session)  # where what is decided at a parent waits no more
        assert row.id not in {queue.next() for _ in session.ids}


def test_figures_are_counted_rolled_up(project: Project) -> None:
    plain = {each.name: each for each in project.figures().classes}
    found = project.figures(roll_up="root")
    counted = {each.name: each for each in found.classes}
    assert [*counted] == ["colour", "wood", "background"]
    species = [plain[name] for name in ("colour", "red", "blue")]
    assert counted["colour"].regions == sum(each.regions for each in species) > 2
    assert counted["colour"].area == sum(each.area for each in species)
    assert counted["colour"].decided == 3
    assert max(each.images for each in species) <= counted["colour"].images <= 2
    assert counted["wood"] == plain["wood"]
    assert project.figures(roll_up=["red"]) == project.figures()
    with pytest.raises(InputError, match="There is no class 'tiger'"):
        project.figures(roll_up="tiger")


def test_many_classes_are_counted_rolled_up(project: Project) -> None:
    words = project.vocabulary
    shades = "".join(f"colour > shade {number}\n" for number in range(3000))
    project.change_classes(words, words.edit(words.to_text() + shades))
    assert project.figures(roll_up="root").classes[0].decided == 3


@pytest.mark.parametrize("format_", ["indexed", "coco", "ome-zarr", "huggingface", "cvat"])
def test_labels_are_handed_on_by_genus(project: Project, format_: str, tmp_path: Path) -> None:
    options = nc.ExportOptions(roll_up="root", pictures="none")
    project.export(tmp_path / "out", format_, options=options, progress=False)
    opened = Opened.of(tmp_path / "out")
    assert opened.vocabulary.names == ("colour", "wood", "background")
    assert opened.reader.vocabulary.names == opened.vocabulary.names
    manifest = json.loads((tmp_path / "out" / "napari-corrclip" / "manifest.json").read_text())
    assert manifest["format"] == "napari-corrclip export 2"
    assert manifest["rolled_up"] == [
        {"value": 2, "name": "red", "as": 1},
        {"value": 3, "name": "blue", "as": 1},
    ]
    for entry, item in zip(opened.entries, project.items(), strict=True):
        image = opened.image(entry)
        with project.session(item) as session:
            np.testing.assert_array_equal(image.labels, rolled(session.labels))
            assert {note.id: note.value for note in image.notes} == {
                row.id: 1 if row.value in (2, 3) else row.value for row in session.rows()
            }
            assert [note.state for note in image.notes] == [
                "" if row.verdict is None else row.verdict.kind for row in session.rows()
            ]
        assert all(note.predicted not in (2, 3) for note in image.notes)


def test_an_export_without_rolling_up_is_as_ever(project: Project, tmp_path: Path) -> None:
    project.export(tmp_path / "out", "coco", progress=False)
    manifest = json.loads((tmp_path / "out" / "napari-corrclip" / "manifest.json").read_text())
    assert manifest["format"] == "napari-corrclip export 1"
    assert "rolled_up" not in manifest
    (path,) = (tmp_path / "out").rglob("instances*.json")
    told = json.loads(path.read_text())
    assert [(each["name"], each["supercategory"]) for each in told["categories"]] == [
        ("colour", ""),
        ("red", "colour"),
        ("blue", "colour"),
        ("wood", ""),
        ("background", "background"),
    ]


def test_what_comes_back_by_genus_is_verified_by_nobody(project: Project, tmp_path: Path) -> None:
    options = nc.ExportOptions(roll_up="colour")
    project.export(tmp_path / "out", "indexed", options=options, progress=False)
    first, _ = project.items()
    kept = project.import_labels(tmp_path / "out", progress=False)
    assert first.title in kept.conflicts[0]  # it is verified, and stays
    done = project.import_labels(tmp_path / "out", by="Bea", replace=True, progress=False)
    assert done.conflicts == ()
    assert done.classes == ()
    (note,) = (note for note in done.notes if "rolled up" in note)
    assert note.startswith("The export was rolled up: 'red' is 'colour' there, and 1 other class")
    assert project.item(first.name).state is ItemState.IN_REVIEW
    with project.session(first) as session:
        assert not {2, 3} & {row.verdict.value for row in session.rows() if row.verdict}
        session.undo()
        assert {1, 2, 3} <= {row.verdict.value for row in session.rows() if row.verdict}


def test_a_set_that_has_no_species_takes_them_as_verified(
    project: Project, tmp_path: Path, segmenter: Segmenter
) -> None:
    options = nc.ExportOptions(roll_up="root")
    project.export(tmp_path / "out", "coco", options=options, progress=False)
    images = project.folder.parent / "images"
    with Project.create(tmp_path / "other", "colour, wood", images, recipe=RECIPE) as other:
        other.run(segmenter=segmenter, progress=False)
        done = other.import_labels(tmp_path / "out", replace=True, progress=False)
        assert done.classes == ("background",)
        assert done.notes == ()
        assert other.items()[0].state is ItemState.VERIFIED


def test_an_export_brings_the_tree_to_another_set(project: Project, tmp_path: Path) -> None:
    project.export(tmp_path / "out", "coco", progress=False)
    images = project.folder.parent / "images"
    with Project.create(tmp_path / "other", "wood, red", images, recipe=RECIPE) as other:
        other.import_labels(tmp_path / "out", replace=True, progress=False)
        assert other.vocabulary.path("blue") == ("colour", "blue")
        assert other.vocabulary.path("red") == ("red",)  # where somebody has put it


def test_the_command_line_rolls_up(
    project: Project, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place, out = str(project.folder), tmp_path / "out"
    command = ["project", "export", place, "-f", "indexed", "-o", str(out), "--roll-up"]
    assert app.run([*command, "red, tiger"]) == 2
    assert "There is no class 'tiger'" in capsys.readouterr().err
    assert not out.exists()
    assert app.run([*command, "root"]) == 0
    names = [row.split(",")[1] for row in (out / "classes.csv").read_text().split()[1:]]
    assert names == ["unlabelled", "colour", "wood", "background", "ignored"]


def test_a_session_of_no_project_is_handed_on_by_genus(project: Project, tmp_path: Path) -> None:
    first, _ = project.items()
    with project.session(first) as session:
        session.save(tmp_path / "session")
        expected = rolled(session.labels)
    place = str(tmp_path / "session")
    command = ["export", place, "-f", "indexed", "-o", str(tmp_path / "out"), "--roll-up", "root"]
    assert app.run([*command, "--pictures", "none"]) == 0
    opened = Opened.of(tmp_path / "out")
    np.testing.assert_array_equal(opened.image(opened.entries[0]).labels, expected)


# -- the tree of a set


def test_the_classes_of_a_set_are_one_tree_whoever_changes_them(project: Project) -> None:
    first, second = project.items()
    before = project.vocabulary
    with project.session(second) as session:  # which lags behind
        lagging = session.vocabulary
    # One image puts red below wood, another one takes wood away, where nobody decided it.
    project.change_classes(before, before.with_parent("red", "wood"), first)
    assert project.vocabulary.path("red") == ("wood", "red")
    project.change_classes(lagging, lagging.with_parent("wood", "red"), second)
    words = project.vocabulary
    assert {words.path("red"), words.path("wood")} in (
        {("red",), ("red", "wood")},
        {("wood", "red"), ("wood",)},
    )
    project.change_classes(words, words.remove("wood"), first)
    assert project.vocabulary.path("red") in (("red",), ("colour", "red"))


def test_a_set_keeps_what_is_decided_below_what_is_left(project: Project) -> None:
    (_, second) = project.items()
    words = project.vocabulary
    kept = project.change_classes(words, words.remove("colour"), second)
    assert kept == ["colour"]  # it is decided on the first image
    assert project.vocabulary.names == words.names  # where it was, and so is what is below it
    assert project.vocabulary.path("red") == ("colour", "red")
