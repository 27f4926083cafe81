"""A set that is exported and taken back: decisions, who and when, and what was changed elsewhere."""

from __future__ import annotations

import errno
import json
import os
import shutil
import sys
import unicodedata
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest
from PIL import Image

import napari_corrclip as nc
from napari_corrclip.annotation import Source
from napari_corrclip.demo.scenes import generate_scene
from napari_corrclip.engine.segmenter import Segmenter
from napari_corrclip.progress import finish
from napari_corrclip.project.export.exporting import ExportOptions
from napari_corrclip.project.export.formats import WRITTEN
from napari_corrclip.project.export.importing import Opened
from napari_corrclip.project.importing import recipe_in
from napari_corrclip.project.project import Project
from napari_corrclip.project.records import ItemState
from tests.prepared import prepared

RECIPE = nc.Recipe(regions="superpixels", region_options={"n_segments": 20})
WORDS = "red, blue, background: wood"


@pytest.fixture(scope="module")
def segmenter() -> Segmenter:
    return Segmenter.from_recipe(RECIPE)


@pytest.fixture
def images(tmp_path: Path) -> Path:
    folder = tmp_path / "images"
    for site in ("north", "south"):  # one of a name in each
        (folder / site).mkdir(parents=True)
    for number in range(3):
        place = folder / ("north" if number < 2 else "south") / f"{number % 2}.png"
        iio.imwrite(place, generate_scene(number).image[: 64 + number, :72])
    return folder


def corrected(images: Path) -> Path:
    """Make a set of three images: one verified, one in review with all kinds of edits, one untouched."""
    with Project.create(images.with_name("set"), WORDS, images, recipe=RECIPE) as made:
        made.run(progress=False)
        first, second, _ = made.items(order="path")
        with made.session(first, by="Ann") as session:
            session.accept_above(0.0)
        made.mark(first, "verified", by="Ann")
        with made.session(second, by="Bea") as session:
            one, two, three, four, five, *_ = session.ids.tolist()
            session.assign([one], "red")
            session.ignore([two])
            session.accept([three])
            half = (session.regions == five) & (np.arange(session.shape[1]) % 2 == 0)
            session.split_mask(five, half)
            session.merge([three, int(session.ids[-1])])
            rows, columns = np.nonzero(session.regions == four)
            mask = np.zeros(session.shape, np.bool_)
            mask[rows[::2], columns[::2]] = True
            session.paint(mask, "blue")
        return made.folder


@pytest.fixture
def project(images: Path) -> Iterator[Project]:
    """See :func:`corrected`."""
    with Project.open(prepared(images, "", corrected)) as made:
        yield made


def shown(project: Project, name: str) -> dict[str, object]:
    """Return all that a set says of an item's labels."""
    with project.session(name) as session:
        labels, regions, table = session.labels.copy(), session.regions.copy(), session.table
    said = project._index.rows(
        "SELECT id, state, by FROM regions WHERE item = ? AND state != ''",
        (project.item(name).id,),
    )
    return {
        "labels": labels.tolist(),
        "regions": regions.tolist(),
        "states": dict(zip(table["id"].tolist(), table["state"].tolist(), strict=True)),
        "values": dict(zip(table["id"].tolist(), table["label"].tolist(), strict=True)),
        "who": sorted(said),
        "state": project.item(name).state,
    }


EXACT = [name for name, format_ in WRITTEN.items() if format_.exact]


@pytest.mark.parametrize("format_", EXACT)
def test_a_set_comes_back_into_a_new_one_as_it_was(
    format_: str, project: Project, images: Path, tmp_path: Path
) -> None:
    done = project.export(tmp_path / "out", format_, progress=False)
    assert done.images == 3
    opened = Opened.of(done.folder)
    assert opened.vocabulary == project.vocabulary
    with Project.create(tmp_path / "again", opened.vocabulary, images, recipe=RECIPE) as other:
        report = other.import_labels(done.folder, progress=False)
        assert report.conflicts == ()
        assert len(report.done) == 3
        for item in project.items(order="path"):
            assert shown(other, item.path) == shown(project, item.path)
    with Project.open(tmp_path / "again.corrclip-project") as other:
        states = [item.state for item in other.items(order="path")]
        # What nobody had decided is a proposal there, too.
        assert states == [ItemState.VERIFIED, ItemState.IN_REVIEW, ItemState.PRELABELLED]
        third = other.items(order="path")[2]
        made, before = other.result(third).provenance, project.result(third.path).provenance
        assert (made.recipe, made.networks) == (before.recipe, before.networks)
        # What asks the networks can: they see the image as the run did, in its regions.
        with other.session(third) as session:
            encoded = other.encode(third, session, progress=False)
            assert encoded.features.regions.shape == session.shape
    Project.repair(tmp_path / "again.corrclip-project").close()
    with Project.open(tmp_path / "again.corrclip-project") as other:
        assert [item.state for item in other.items(order="path")] == states


def test_what_is_decided_here_stays_and_is_told(project: Project, tmp_path: Path) -> None:
    out = project.export(tmp_path / "out", "indexed", progress=False).folder
    second = project.items(order="path")[1]
    before = {item.path: shown(project, item.path) for item in project.items()}
    report = project.import_labels(out, progress=False)
    assert report.done == ()
    assert len(report.conflicts) == 3
    assert "It is verified, and stays as it is" in report.conflicts[0]
    assert "--replace" in report.conflicts[2]
    assert {item.path: shown(project, item.path) for item in project.items()} == before
    with project.session(second, by="Ann") as session:
        session.ignore(session.ids.tolist())
    report = project.import_labels(out, by="Ann", replace=True, progress=False)
    assert len(report.done) == 3
    after = shown(project, second.path)
    assert {**after, "who": 0} == {**before[second.path], "who": 0}
    with project.session(second) as session:  # the step can be undone
        session.undo()
        assert {row.verdict and row.verdict.kind for row in session.rows()} == {"ignored"}


def test_a_class_of_another_name_by_now_comes_back_with_its_value(
    project: Project, tmp_path: Path
) -> None:
    """The sessions have not heard of the name, nor of a class that is new since."""
    words = project.vocabulary
    named = words.rename(words.names[0], "azure").add("later")
    project.change_classes(words, named)
    before = {item.path: shown(project, item.path)["labels"] for item in project.items()}
    out = project.export(tmp_path / "out", "indexed", progress=False).folder
    report = project.import_labels(out, by="Ann", replace=True, progress=False)
    assert report.conflicts == ()
    assert {item.path: shown(project, item.path)["labels"] for item in project.items()} == before
    for item in project:
        with project.session(item) as session:
            values = {class_.name: class_.value for class_ in session.vocabulary}
            assert values == {class_.name: class_.value for class_ in project.vocabulary}


def test_what_was_changed_elsewhere_wins_and_the_rest_keeps_its_decisions(
    project: Project, tmp_path: Path
) -> None:
    out = project.export(tmp_path / "out", "indexed", progress=False).folder
    second = project.items(order="path")[1]
    with project.session(second) as session:
        regions, ids = session.regions.copy(), session.ids.tolist()
        before = {row.id: row.verdict for row in session.rows()}
        blue = session.vocabulary.classes[1].value
        region = next(row.id for row in session.rows() if row.value not in (0, blue))
    name = next(
        entry.name for entry in Opened.of(out).entries if second.path in entry_path(out, entry.name)
    )
    path = out / "SegmentationClass" / f"{name}.png"
    with Image.open(path) as picture:
        palette, pixels = picture.getpalette(), np.array(picture)
    pixels[regions == region] = blue
    changed = Image.fromarray(pixels)
    changed.putpalette(palette)
    changed.save(path)
    report = project.import_labels(out, by="Cy", replace=True, progress=False)
    assert second.path in report.done
    with project.session(second) as session:
        assert (session.labels[regions == region] == blue).all()
        after = {row.id: row.verdict for row in session.rows()}
    assert sorted(after) == ids
    assert after[region] is not None
    assert (after[region].kind, after[region].value) == ("assigned", blue)
    assert {key: verdict for key, verdict in after.items() if key != region} == {
        key: verdict for key, verdict in before.items() if key != region
    }


def entry_path(out: Path, name: str) -> str:
    """Return the path of an image in an export."""
    opened = Opened.of(out)
    return opened.path_of(next(entry for entry in opened.entries if entry.name == name))


@pytest.mark.parametrize("kind", ["decisions", "predictions"])
def test_without_a_manifest_labels_are_what_is_chosen(
    kind: str, project: Project, images: Path, tmp_path: Path
) -> None:
    out = project.export(tmp_path / "out", "indexed", progress=False).folder
    shutil.rmtree(out / "napari-corrclip")
    with Project.create(tmp_path / "again", "moss, red", images / "north", recipe=RECIPE) as other:
        report = other.import_labels(out, kind=kind, by="Ann", progress=False)
        assert set(report.classes) == {"blue", "background"}
        assert other.vocabulary.names == ("moss", "red", "blue", "background")
        # The names of files: "0" is in both folders of the set, and in one here.
        assert len(report.done) == 2
        first, item = other.items(order="path")
        expected = ItemState.IN_REVIEW if kind == "decisions" else ItemState.PRELABELLED
        assert first.state is expected
        assert (
            item.state is ItemState.IN_REVIEW
        )  # what is ignored is a person's word in either case
        assert (item.undecided or 0) > 0 or kind == "decisions"
        labels = {name: np.zeros(0) for name in ("here", "there")}
        with other.session(item) as session, project.session(item.path) as theirs:
            labels = {"here": session.labels.copy(), "there": theirs.labels.copy()}
            ignored = [
                row.id for row in session.rows() if row.verdict and row.verdict.kind == "ignored"
            ]
        names = {"here": other.vocabulary, "there": project.vocabulary}
        as_names = {
            side: np.vectorize({0: "", **{c.value: c.name for c in names[side]}}.get)(labels[side])
            for side in labels
        }
        np.testing.assert_array_equal(as_names["here"], as_names["there"])
        assert ignored


@pytest.mark.skipif(sys.platform != "linux", reason="others have no name that is no text")
def test_names_come_back_from_whatever_disk(tmp_path: Path, segmenter: Segmenter) -> None:
    """Of one file the name is no text; of the other it is as macOS writes it, in the new set as others do."""
    here, there = tmp_path / "here", tmp_path / "there"
    for folder, form in ((here, "NFD"), (there, "NFC")):
        folder.mkdir()
        for number, name in enumerate((unicodedata.normalize(form, "Käfer.png"), "caf\udce9.png")):
            iio.imwrite(folder / name, generate_scene(number).image[:64, :72])
    with Project.create(tmp_path / "set", WORDS, here, recipe=RECIPE) as made:
        made.run(segmenter=segmenter, progress=False)
        out = made.export(tmp_path / "out", "indexed", progress=False).folder
        labels = [made.result(item).labels for item in made.items(order="path")]
    assert (out / "SegmentationClass" / "Käfer.png").exists()
    with Project.create(tmp_path / "again", WORDS, there, recipe=RECIPE) as other:
        report = other.import_labels(out, manifest=False, progress=False)
        assert report.conflicts == ()
        for item, before in zip(other.items(order="path"), labels, strict=True):
            with other.session(item) as session:
                np.testing.assert_array_equal(session.labels, before)


def test_only_some_states_and_a_split(project: Project, tmp_path: Path) -> None:
    done = project.export(tmp_path / "verified", "indexed", only="verified", progress=False)
    assert done.images == 1
    options = ExportOptions(split=(67, 33), seed=1)
    done = project.export(tmp_path / "split", "indexed", options=options, progress=False)
    opened = Opened.of(done.folder)
    assert sorted(entry.subset for entry in opened.entries) == ["train", "train", "val"]
    assert (done.folder / "ImageSets/Segmentation/val.txt").read_text().count("\n") == 1
    with pytest.raises(nc.InputError, match="new"):
        project.export(tmp_path / "x", "indexed", only="new", progress=False)
    with (
        Project.create(tmp_path / "empty", WORDS, (), recipe=RECIPE) as empty,
        pytest.raises(nc.InputError, match="No image of the project is pre-labelled or in review"),
    ):
        empty.export(tmp_path / "x", "indexed", progress=False)
    assert not (tmp_path / "x").exists()


def test_nothing_is_written_over_unasked(project: Project, tmp_path: Path) -> None:
    out = tmp_path / "out"
    project.export(out, "indexed", progress=False)
    (out / "notes.txt").write_text("mine")
    with pytest.raises(nc.InputError, match="has an export already"):
        project.export(out, "indexed", progress=False)
    project.export(out, "indexed", options=ExportOptions(replace=True), progress=False)
    assert (out / "notes.txt").read_text() == "mine"
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "a").write_text("mine")
    with pytest.raises(nc.InputError, match="not empty"):
        project.export(
            tmp_path / "full", "indexed", options=ExportOptions(replace=True), progress=False
        )


def test_a_photograph_stored_turned_has_masks_as_it_is_seen(
    tmp_path: Path, segmenter: Segmenter
) -> None:
    scene = Image.fromarray(generate_scene(5).image[:64, :96])
    exif = Image.Exif()
    exif[0x0112] = 6
    (tmp_path / "images").mkdir()
    scene.save(tmp_path / "images" / "turned.jpg", exif=exif, quality=95)
    with Project.create(tmp_path / "set", WORDS, tmp_path / "images", recipe=RECIPE) as project:
        project.run(segmenter=segmenter, progress=False)
        done = project.export(tmp_path / "out", "indexed", progress=False)
        assert done.turned == 0
        with Image.open(done.folder / "JPEGImages" / "turned.png") as picture:
            assert picture.size == (64, 96)  # width and height as it is seen
            assert not picture.getexif()
        with Image.open(done.folder / "SegmentationClass" / "turned.png") as picture:
            assert picture.size == (64, 96)
        linked = project.export(
            tmp_path / "bare", "indexed", options=ExportOptions(pictures="none"), progress=False
        )
        assert linked.turned == 1


def test_a_class_that_is_gone_is_told_and_no_label_goes_in_silence(
    project: Project, tmp_path: Path
) -> None:
    second, third = project.items(order="path")[1:]
    words = project.vocabulary
    with project.session(second) as session:
        session.set_vocabulary(words.add("moss"))
        session.assign(session.ids.tolist()[:1], "moss")
    assert "moss" in project.vocabulary.names
    project.choose(replace(words, next_value=9))
    done = project.export(tmp_path / "out", "indexed", progress=False)
    assert done.images == 2
    (left,) = done.left_out
    assert left.startswith(f"{second.title}: It has labels of 'moss', which is no class of the set")
    assert "give those regions another one" in left
    # Of what was proposed, too.
    values = set(np.unique(project.result(third).labels).tolist()) - {0}
    project.choose(
        replace(
            words, classes=tuple(c for c in words if c.value not in values) or words.classes[:1]
        )
    )
    with pytest.raises(
        nc.InputError, match=r"No image could be exported; .*run --stale, or relabel"
    ):
        project.export(tmp_path / "none", "indexed", only="pre-labelled", progress=False)
    assert not (tmp_path / "none").exists()


def test_an_image_that_is_gone_or_was_changed_is_left_out_and_told(
    project: Project, tmp_path: Path
) -> None:
    first, second = project.items(order="path")[:2]
    iio.imwrite(project.path_of(first), np.zeros((30, 30, 3), np.uint8))
    project.path_of(second).unlink()
    done = project.export(tmp_path / "out", "coco", progress=False)
    assert done.images == 1
    assert [line.partition(": ")[0] for line in done.left_out] == [first.title, second.title]
    assert "was changed after it was run" in done.left_out[0]
    assert "is gone; put it back, or tell where it is (project relink)" in done.left_out[1]
    # Labels go out without their image, where that is not asked for.
    bare = nc.ExportOptions(pictures="none")
    done = project.export(tmp_path / "bare", "coco", options=bare, progress=False)
    assert [line.partition(": ")[0] for line in done.left_out] == [first.title]


def test_what_was_exported_is_no_photograph(
    project: Project, images: Path, tmp_path: Path, segmenter: Segmenter
) -> None:
    project.export(images / "out", "indexed", progress=False)
    iio.imwrite(images / "0.labels.png", np.zeros((9, 9), np.uint8))
    assert project.look_again() == 0
    with Project.create(
        tmp_path / "by pattern", WORDS, f"{images}/**/*.png", recipe=RECIPE
    ) as other:
        assert len(other) == 3
    with Project.create(
        tmp_path / "named", WORDS, images / "out/JPEGImages", recipe=RECIPE
    ) as other:
        assert len(other) == 3


def test_images_of_an_export_make_a_project_whatever_their_folders_are_called(
    images: Path, tmp_path: Path, segmenter: Segmenter
) -> None:
    place = images / "out" / "SegmentationClass"
    place.mkdir(parents=True)
    (images / "south" / "0.png").rename(place / "0.jpg.png")
    (images / "north" / "0.png").rename(place / "0.png")
    Image.fromarray(generate_scene(7).image[:64, :64]).save(images / "0.jpg")
    with Project.create(tmp_path / "set", WORDS, images, recipe=RECIPE) as project:
        project.run(segmenter=segmenter, progress=False)
        out = project.export(tmp_path / "voc", "indexed", progress=False).folder
        titles = [item.title for item in project.items()]
    opened = Opened.of(out)
    pictures = [entry.picture for entry in opened.entries if entry.picture is not None]
    with Project.create(
        tmp_path / "again", opened.vocabulary, pictures, recipe=recipe_in(opened)
    ) as other:
        assert other.recipe == RECIPE
        report = other.import_labels(out, progress=False)
        assert report.conflicts == ()
        assert len(report.done) == len(titles) == 4
        assert other.status().stale == {}


def test_whatever_has_labels_is_exported_by_one_function(project: Project, tmp_path: Path) -> None:
    first = project.items(order="path")[0]
    assert nc.export(project, tmp_path / "a", "coco", progress=False).images == 3
    assert nc.export(project.folder, tmp_path / "b", "yolo", only="verified").images == 1
    with project.session(first) as session:
        numbers = nc.ExportOptions(first=0, unlabelled=255)
        nc.export(session, tmp_path / "c", "indexed", options=numbers)
        labels = session.labels.copy()
    (entry,) = Opened.of(tmp_path / "c").entries
    np.testing.assert_array_equal(Opened.of(tmp_path / "c").image(entry).labels, labels)
    assert entry.picture is not None
    result = project.folder_of(first) / "result"
    assert nc.export(project.result(first), tmp_path / "d", "indexed").images == 1
    assert nc.export([result], tmp_path / "e", "indexed").images == 1
    with pytest.raises(nc.InputError, match="chooses items of a project"):
        nc.export(result, tmp_path / "f", "indexed", only="verified")


def test_what_was_painted_and_what_is_verified_come_back_without_a_verdict(
    images: Path, tmp_path: Path, segmenter: Segmenter
) -> None:
    with Project.create(tmp_path / "set", WORDS, images, recipe=RECIPE) as project:
        project.run(segmenter=segmenter, progress=False)
        painted, verified, _ = project.items(order="path")
        with project.session(painted, by="Ann") as session:
            mask = np.zeros(session.shape, np.bool_)
            mask[3:6, 4:9] = True
            other = next(v for v in session.vocabulary.values if v not in session.labels[mask])
            session.paint(mask, session.vocabulary.by_value(other).name)
            labels = session.labels.copy()
        project.mark(painted, "verified", by="Ann")
        project.mark(verified, "verified", by="Ann")
        outs = [
            project.export(tmp_path / name, name, progress=False).folder
            for name in ("indexed", "coco")
        ]
    for out in outs:
        with Project.create(
            tmp_path / f"{out.name} again", Opened.of(out).vocabulary, images, recipe=RECIPE
        ) as other_project:
            other_project.import_labels(out, progress=False)
            states = [item.state for item in other_project.items(order="path")]
            assert states == [ItemState.VERIFIED, ItemState.VERIFIED, ItemState.PRELABELLED]
            with other_project.session(other_project.items(order="path")[0]) as session:
                np.testing.assert_array_equal(session.labels, labels)
                assert (session.pins[mask] == other).all()
                assert (session.pins[~mask] == -1).all()


def test_an_image_that_is_not_here_takes_no_other_one_s_place(
    project: Project, images: Path, tmp_path: Path
) -> None:
    """Two have one name, and only the second one is in the other project."""
    out = project.export(tmp_path / "out", "coco", progress=False).folder
    (tmp_path / "elsewhere").mkdir()
    shutil.move(images / "south", tmp_path / "elsewhere" / "south")
    third = project.items(order="path")[2]
    theirs = project.result(third).labels
    with Project.create(
        tmp_path / "again", project.vocabulary, tmp_path / "elsewhere", recipe=RECIPE
    ) as other:
        report = other.import_labels(out, progress=False)
        assert len(report.done) == 1
        assert len(report.conflicts) == 2
        (item,) = other.items()
        np.testing.assert_array_equal(other.result(item).labels, theirs)


def test_proposals_of_an_import_hide_no_run_of_one_s_own(
    project: Project, images: Path, tmp_path: Path, segmenter: Segmenter
) -> None:
    second = project.items(order="path")[1]
    with project.session(second) as session:
        regions = session.regions.copy()
        decided = {row.id for row in session.rows() if row.verdict is not None}
    out = project.export(tmp_path / "out", "coco", only="in review", progress=False).folder
    with Project.create(
        tmp_path / "again", "red, moss, background: sky", images, recipe=RECIPE
    ) as other:
        other.run(segmenter=segmenter, progress=False)
        mine = other.items(order="path")[1]
        before = other.result(mine).pixel_labels.copy()
        assert other.import_labels(out, progress=False).done == (mine.title,)
        with other.session(mine) as session:
            left = ~np.isin(regions, sorted(decided)) & (session.pins == -1)
            assert left.any()
            # Undecided regions elect their class of this run's pixels.
            np.testing.assert_array_equal(session.prediction[left], before[left])
            shown = {row.id for row in session.rows() if row.verdict is not None}
            assert shown == decided


def test_an_import_that_takes_nothing_changes_nothing(project: Project, tmp_path: Path) -> None:
    out = project.export(tmp_path / "out", "coco", progress=False).folder
    (tmp_path / "one").mkdir()
    Image.fromarray(np.zeros((20, 20, 3), np.uint8)).save(tmp_path / "one" / "x.png")
    with Project.create(tmp_path / "again", "moss", tmp_path / "one", recipe=RECIPE) as other:
        report = other.import_labels(out, progress=False)
        assert (report.done, report.classes) == ((), ())
        assert other.vocabulary.names == ("moss",)


def test_a_class_that_the_set_had_once_gets_its_value_back(
    images: Path, tmp_path: Path, project: Project
) -> None:
    out = project.export(tmp_path / "out", "coco", progress=False).folder
    with Project.create(tmp_path / "again", "blue, red, moss", images, recipe=RECIPE) as other:
        was = dict(zip(other.vocabulary.names, other.vocabulary.values, strict=True))
        other.choose("moss")
        other.import_labels(out, progress=False)
        now = dict(zip(other.vocabulary.names, other.vocabulary.values, strict=True))
        assert {name: now[name] for name in was} == was


def test_one_bad_picture_is_left_out(project: Project, images: Path, tmp_path: Path) -> None:
    first = project.items(order="path")[0]
    session = nc.Session(project.result(first))
    session.source = Source.of(project.path_of(first))
    other = tmp_path / "other.png"
    Image.fromarray(np.zeros((9, 9, 3), np.uint8)).save(other)
    session.save(tmp_path / "good")
    session.source = Source.of(other)
    session.save(tmp_path / "bad")
    done = nc.export([tmp_path / "good", tmp_path / "bad"], tmp_path / "out", "indexed")
    assert done.images == 1
    assert "has (9, 9) pixels, and its labels" in done.left_out[0]


def test_an_export_is_replaced_and_nothing_else(project: Project, tmp_path: Path) -> None:
    out = tmp_path / "out"
    again = nc.ExportOptions(replace=True)
    project.export(out, "coco", progress=False)
    (out / "annotations" / "mine.json").write_text("{}")
    with pytest.raises(nc.InputError, match=r"mine\.json' is no file of the export"):
        project.export(out, "coco", options=again, progress=False)
    (out / "annotations" / "mine.json").unlink()
    project.export(out, "coco", options=again, progress=False)
    # A manifest of a stranger names files that are none of the export's.
    manifest = out / "napari-corrclip" / "manifest.json"
    text = manifest.read_text()
    (tmp_path / "precious.txt").write_text("mine")
    for name in ("../precious.txt", str(tmp_path / "precious.txt"), "a/../../precious.txt", ".git"):
        document = json.loads(text)
        document["files"].append(name)
        manifest.write_text(json.dumps(document))
        with pytest.raises(nc.InputError, match="is damaged"):
            project.export(out, "coco", options=again, progress=False)
        assert (tmp_path / "precious.txt").read_text() == "mine"


def test_of_two_who_export_into_one_folder_the_first_one_stays(
    project: Project, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    steps = project.export_steps(out, "coco")
    next(steps)
    project.export(out, "indexed", progress=False)
    before = sorted(path.name for path in out.iterdir())
    with pytest.raises(nc.InputError, match="has an export already"):
        finish(steps)
    assert sorted(path.name for path in out.iterdir()) == before


@pytest.fixture
def elsewhere(images: Path, tmp_path: Path) -> Iterator[Project]:
    """Return a set of the same images and classes, run by other words and in other regions."""
    recipe = nc.Recipe(regions="superpixels", region_options={"n_segments": 60})
    words = "red: moss\nblue: brick\nbackground: sand"
    with Project.create(tmp_path / "elsewhere", words, images, recipe=recipe) as made:
        made.run(progress=False)
        yield made


@pytest.mark.parametrize(
    ("format_", "replacing", "decided"),
    [("coco", False, True), ("yolo", True, True), ("coco", False, False), ("indexed", True, False)],
)
def test_what_is_verified_after_an_import_is_what_was_verified(
    format_: str,
    replacing: bool,
    decided: bool,
    images: Path,
    tmp_path: Path,
    elsewhere: Project,
    segmenter: Segmenter,
) -> None:
    """Whatever another run proposes for what nobody had decided on its own."""
    with Project.create(tmp_path / "set", WORDS, images, recipe=RECIPE) as project:
        project.run(segmenter=segmenter, progress=False)
        first, second, _ = project.items(order="path")
        for item in (first, second):
            if decided:
                with project.session(item, by="Ann") as session:
                    session.assign(session.ids.tolist()[:1], "red")
        project.mark(first, "verified", by="Ann")
        out = project.export(tmp_path / "out", format_, progress=False).folder
        before = [shown(project, item.path) for item in project.items(order="path")]
    here = elsewhere.items(order="path")
    mine = shown(elsewhere, here[0].path)
    assert not np.array_equal(mine["labels"], before[0]["labels"])
    report = elsewhere.import_labels(out, by="Bea", replace=replacing, progress=False)
    assert here[0].title in report.done
    after = shown(elsewhere, here[0].path)
    assert after["state"] is ItemState.VERIFIED
    for name in ("labels", "regions"):
        np.testing.assert_array_equal(after[name], before[0][name])
    # What the table says of regions are these classes, too, since figures come of them.
    assert after["values"] == before[0]["values"]
    if decided:
        assert here[1].title in report.done
        assert elsewhere.item(here[1].path).state is ItemState.IN_REVIEW
    else:
        assert (here[1].title in report.done) == replacing
    with elsewhere.session(here[0].path) as session:  # it is a step that can be undone
        session.undo()
        np.testing.assert_array_equal(session.labels, mine["labels"])


@pytest.mark.parametrize("where", ["region", "outside"])
def test_what_was_changed_since_it_was_verified_is_in_review(
    where: str, images: Path, tmp_path: Path, elsewhere: Project, segmenter: Segmenter
) -> None:
    """Nobody has verified the labels as they are now; what they are is shown all the same."""
    with Project.create(tmp_path / "set", WORDS, images, recipe=RECIPE) as project:
        project.run(segmenter=segmenter, progress=False)
        first, second, _ = project.items(order="path")
        free = np.zeros((64, 72), np.bool_)
        free[:9, :9] = True
        with project.session(first) as session:
            if where == "outside":
                session.paint_regions(free, 0)
            labels = session.labels.copy()
        for item in (first, second):
            project.mark(item, "verified", by="Ann")
        out = project.export(tmp_path / "out", "indexed", progress=False).folder
    name = next(e.name for e in Opened.of(out).entries if first.path in entry_path(out, e.name))
    path = out / "SegmentationClass" / f"{name}.png"
    with Image.open(path) as picture:
        palette, pixels = picture.getpalette(), np.array(picture)
    pixels[free] = pixels[free] % 2 + 1
    changed = Image.fromarray(pixels)
    changed.putpalette(palette)
    changed.save(path)
    labels[free] = pixels[free]
    with Project.create(tmp_path / "new", WORDS, images, recipe=RECIPE) as bare:
        for other in (bare, elsewhere):
            other.import_labels(out, progress=False)
            one, two, *_ = other.items(order="path")
            assert (one.state, two.state) == (ItemState.IN_REVIEW, ItemState.VERIFIED)
            with other.session(one) as session:
                np.testing.assert_array_equal(session.labels, labels)


def test_an_image_that_nobody_has_labelled_yet_stays_new_and_is_told(
    project: Project, images: Path, tmp_path: Path
) -> None:
    out = project.export(tmp_path / "out", "coco", progress=False).folder
    document = json.loads((out / "annotations/instances_default.json").read_text())
    third = document["images"][2]
    document["annotations"] = [a for a in document["annotations"] if a["image_id"] != third["id"]]
    (out / "annotations/instances_default.json").write_text(json.dumps(document))
    with Project.create(tmp_path / "again", project.vocabulary, images, recipe=RECIPE) as other:
        report = other.import_labels(out, manifest=False, progress=False)
        assert len(report.done) == 2
        assert [line.partition(": ")[2] for line in report.conflicts] == [
            "It has no labels there, and stays as it is."
        ]
        assert [item.state for item in other.items(order="path")].count(ItemState.NEW) == 1
        assert len(other.items_to_run()) == 1
        # The manifest knows that there were labels, and that somebody took them all away.
        report = other.import_labels(out, replace=True, progress=False)
        assert len(report.done) == 3


def test_imported_predictions_are_by_no_older_settings(
    project: Project, images: Path, tmp_path: Path, segmenter: Segmenter
) -> None:
    """A run over what is stale, or lacks features, would put other labels in their place."""
    out = project.export(tmp_path / "out", "indexed", only="verified", progress=False).folder
    with Project.create(tmp_path / "again", WORDS, images / "north", recipe=RECIPE) as other:
        other.run(segmenter=segmenter, progress=False)
        other.choose("red\nblue\nbackground: stone")
        report = other.import_labels(
            out, kind="predictions", manifest=False, replace=True, progress=False
        )
        (title,) = report.done
        states = {item.title: item.state for item in other.items()}
        assert states[title] is ItemState.PRELABELLED
        assert other.status().stale == {ItemState.PRELABELLED: 1}
        for features in (0, 1 << 30):
            chosen = other.items_to_run(stale=True, features=features)
            assert title not in [item.title for item in chosen]
        found = other.items_to_relabel()
        assert title not in [item.title for item in (*found.ready, *found.others)]


def test_an_image_that_nobody_may_read_was_not_changed(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To move its decisions away, as is told of a changed one, would cost them for a permission."""
    first = project.items(order="path")[0]
    place = project.path_of(first)
    os.utime(place, ns=(1, 1))
    really = os.open

    def locked(path: object, *given: object, **named: object) -> int:
        if os.fspath(path) == str(place):  # type: ignore[call-overload]
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        return really(path, *given, **named)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(os, "open", locked)
        done = project.export(tmp_path / "out", "coco", progress=False)
        assert project.status().changed == 0
    assert done.left_out == (
        f"{first.title}: The image {str(place)!r} cannot be read (Permission denied); look at its "
        "permissions.",
    )
    place.unlink()
    place.mkdir()  # another one, which can be read
    assert "was changed" in project.export(tmp_path / "b", "coco", progress=False).left_out[0]


def test_subsets_are_counted_and_empty_ones_told(project: Project, tmp_path: Path) -> None:
    options = ExportOptions(split=(90, 5, 5))
    done = project.export(tmp_path / "out", "yolo", options=options, progress=False)
    assert done.subsets == {"train": 3, "val": 0, "test": 0}
    assert done.dealt == " (3 train, 0 val, 0 test)"
    assert done.notes[0].startswith("No image is in val and test: of so few files")
    options = ExportOptions(split=(50, 0, 50))
    done = project.export(tmp_path / "wanted", "yolo", options=options, progress=False)
    assert not any(note.startswith("No image is in") for note in done.notes)


@pytest.mark.parametrize(
    "split", ["80/10/10", (1e308, 1e308, 1), (float("nan"), 1), ("a", "b"), 5, (1,), None, (-1, 2)]
)
def test_parts_that_are_none_are_told(split: object, project: Project, tmp_path: Path) -> None:
    options = ExportOptions(split=split)  # type: ignore[arg-type]
    with pytest.raises(nc.InputError, match=r"The split is .*; give two or three parts"):
        project.export(tmp_path / "out", "coco", options=options, progress=False)
    assert not (tmp_path / "out").exists()


def test_all_that_failed_is_told_by_some(project: Project, tmp_path: Path) -> None:
    for item in project.items():
        project.path_of(item).unlink()
    with pytest.raises(
        nc.InputError, match=r"No image could be exported; .*0\.png.*1\.png.*0\.png"
    ):
        project.export(tmp_path / "out", "coco", progress=False)


def test_what_was_read_otherwise_is_told_and_sizes_are_those_of_the_project(
    project: Project, tmp_path: Path
) -> None:
    """QuPath's files say no size of an image, and have lines beside areas."""
    item = next(item for item in project if item.path.endswith("1.png"))
    height, width = project.result(item).shape
    corners = [[0, 0], [width, 0], [width, height // 2], [0, height // 2], [0, 0]]
    features = [
        {
            "type": "Feature",
            "geometry": {"type": kind, "coordinates": coordinates},
            "properties": {"classification": {"name": "lawn"}},
        }
        for kind, coordinates in (("Polygon", [corners]), ("LineString", corners[:2]))
    ]
    folder = tmp_path / "qupath"
    folder.mkdir()
    document = {"type": "FeatureCollection", "features": features}
    name = f"{Path(item.path).stem}.geojson"
    (folder / name).write_text(json.dumps(document), encoding="utf-8")
    done = project.import_labels(folder, replace=True)
    assert done.done == (item.title,)
    assert any("LineString" in note for note in done.notes)
    with project.session(item) as session:
        value = next(c.value for c in session.vocabulary if c.name == "lawn")
        assert (session.labels[: height // 2] == value).all()
        assert not (session.labels[height // 2 :] == value).any()


@pytest.mark.parametrize("pictures", ["copy", "link", "none"])
def test_images_that_a_set_stands_on_are_not_replaced(
    pictures: str, project: Project, tmp_path: Path, segmenter: Segmenter
) -> None:
    """Not even those that do not go out: they may be the only copies."""
    out = project.export(tmp_path / "out", "indexed", progress=False).folder
    images = sorted((out / "JPEGImages").iterdir())
    options = ExportOptions(replace=True, pictures=pictures)  # type: ignore[arg-type]
    apart = Path(shutil.copy(images[0], tmp_path / "apart.png"))
    for labelled in (images[0], apart):
        name = labelled.stem
        with Project.create(tmp_path / name, WORDS, [labelled], recipe=RECIPE) as other:
            other.run(segmenter=segmenter, progress=False)
            other.add(*images)
            with pytest.raises(nc.InputError, match="lies in the export that is to be replaced"):
                other.export(out, "indexed", options=options, progress=False)
    assert all(path.is_file() for path in images)


def test_the_file_that_a_part_is_of_is_not_replaced(project: Project, tmp_path: Path) -> None:
    """Its picture goes out as the networks saw it, and the rest of the file is nowhere else."""
    out = project.export(tmp_path / "out", "indexed", progress=False).folder
    file = sorted((out / "JPEGImages").iterdir())[0]
    session = nc.Session(project.result(project.items(order="path")[0]))
    session.source = Source.of(file, crop=(0, 0, *session.shape))
    with pytest.raises(nc.InputError, match="lies in the export that is to be replaced"):
        nc.export(session, out, "coco", options=ExportOptions(replace=True, pictures="none"))
    assert file.is_file()
