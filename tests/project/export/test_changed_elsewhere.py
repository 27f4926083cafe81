"""What other programs change in an export, beside a manifest that knows what was written."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
import zarr
from PIL import Image

from napari_corrclip.annotation import Session
from napari_corrclip.errors import InputError
from napari_corrclip.project.export.cvat import ARCHIVE
from napari_corrclip.project.export.exporting import ExportOptions
from napari_corrclip.project.export.formats import FORMATS, WRITTEN
from napari_corrclip.project.export.image import LabelledImage, RegionNote
from napari_corrclip.project.export.importing import Opened
from napari_corrclip.project.export.taken import result_of, take_into, verdicts_of
from napari_corrclip.vocabulary import Vocabulary
from tests.project.export.exported import image, read, same_notes, write

BARE = ExportOptions(pictures="none")
THREE = Vocabulary.from_names(["zebra", "ant", "bee"])

New = Mapping[int, int]
Names = Callable[[str], str]
"""Gives a class another name."""


def same(name: str) -> str:
    return name


def changed_json(path: Path, change: Callable[[Any], object]) -> None:
    """Change a document."""
    document = json.loads(path.read_text(encoding="utf-8"))
    change(document)
    path.write_text(json.dumps(document), encoding="utf-8")


def changed_map(path: Path, new: New) -> None:
    """Give the pixels of an indexed PNG other numbers."""
    with Image.open(path) as opened:
        palette, numbers = opened.getpalette(), np.array(opened)
    table = np.arange(256, dtype=np.uint8)
    for number, other in new.items():
        table[number] = other
    picture = Image.fromarray(table[numbers])
    picture.putpalette(palette or [])
    picture.save(path)


def coco(folder: Path, new: New, names: Names) -> None:
    def change(document: dict[str, Any]) -> None:
        for each in document["categories"]:
            each |= {"id": new.get(each["id"], each["id"]), "name": names(each["name"])}
        document["categories"].sort(key=lambda each: each["id"])
        for each in document["annotations"]:
            for told in each.get("segments_info", [each]):
                told["category_id"] = new.get(told["category_id"], told["category_id"])

    for path in (folder / "annotations").glob("*.json"):
        changed_json(path, change)


def yolo(folder: Path, new: New, names: Names) -> None:
    path = folder / "data.yaml"
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    found = {new.get(number, number): names(name) for number, name in document["names"].items()}
    document["names"] = dict(sorted(found.items()))
    path.write_text(yaml.safe_dump(document), encoding="utf-8")

    def renumbered(found: re.Match[str]) -> str:
        return str(new.get(int(found[0]), int(found[0])))

    for lines in (folder / "labels").rglob("*.txt"):
        lines.write_text(re.sub(r"(?m)^\d+", renumbered, lines.read_text()))


def tabled(folder: Path, new: New, names: Names) -> None:
    path = folder / "classes.csv"
    rows = list(csv.reader(io.StringIO(path.read_text(encoding="utf-8"))))
    for row in rows[1:]:
        if row[5] != "0":
            row[:2] = [str(new.get(int(row[0]), int(row[0]))), names(row[1])]
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    path.write_text(text.getvalue(), encoding="utf-8")


def indexed(folder: Path, new: New, names: Names) -> None:
    tabled(folder, new, names)
    for path in (folder / "SegmentationClass").glob("*.png"):
        changed_map(path, new)


def hugging_face(folder: Path, new: New, names: Names) -> None:
    tabled(folder, new, names)

    def change(document: dict[str, Any]) -> None:
        found = {
            str(new.get(int(number), int(number))): names(name) if int(number) else name
            for number, name in document.items()
        }
        document.clear()
        document |= found

    changed_json(folder / "id2label.json", change)
    for path in folder.rglob("*.png"):
        changed_map(path, new)


def ome_zarr(folder: Path, new: New, names: Names) -> None:
    def change(document: dict[str, Any]) -> None:
        told = document["attributes"]["ome"]["image-label"]
        for each in (*told["colors"], *told["properties"]):
            each["label-value"] = new.get(each["label-value"], each["label-value"])
            if each.get("value"):
                each["name"] = names(each["name"])

    for path in folder.glob("*.ome.zarr"):
        changed_json(path / "labels" / "classes" / "zarr.json", change)
        array = zarr.open_array(path / "labels" / "classes" / "0", mode="r+")
        numbers = np.asarray(array[:])
        for number, other in new.items():
            array[numbers == number] = other


def cvat(folder: Path, new: New, names: Names) -> None:
    """Of CVAT, whose classes are colours, the lines have another order."""
    with zipfile.ZipFile(folder / ARCHIVE) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    header, nothing, *lines = files["labelmap.txt"].decode().splitlines()
    told = [line.split(":") for line in (reversed(lines) if new else lines)]
    lines = [":".join([names(name), *more]) for name, *more in told]
    files["labelmap.txt"] = "\n".join([header, nothing, *lines]).encode()
    with zipfile.ZipFile(folder / ARCHIVE, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)


def geojson(folder: Path, new: New, names: Names) -> None:
    """Of GeoJSON, which has no numbers, the table has another order."""

    def change_table(document: dict[str, Any]) -> None:
        if new:
            document["pathClasses"].reverse()
        for each in document["pathClasses"]:
            if each["name"] != "Ignore*":
                each["name"] = names(each["name"])

    def change(document: dict[str, Any]) -> None:
        for feature in document["features"]:
            class_ = feature["properties"].get("classification")
            if class_ and class_["name"] != "Ignore*":
                class_["name"] = names(class_["name"])

    changed_json(folder / "classes.json", change_table)
    for path in folder.glob("*.geojson"):
        changed_json(path, change)


def label_studio(folder: Path, new: New, names: Names) -> None:
    """Of Label Studio, which has no numbers, the interface has another order."""

    def change(document: list[dict[str, Any]]) -> None:
        for task in document:
            for told in (*task["annotations"], *task["predictions"]):
                for each in told["result"]:
                    each["value"]["brushlabels"] = [names(each["value"]["brushlabels"][0])]

    path = folder / "config.xml"
    lines = path.read_text(encoding="utf-8").splitlines()
    at = [number for number, line in enumerate(lines) if "<Label " in line]
    labels = [re.sub(r'(?<=value=")\w+', lambda found: names(found[0]), lines[each]) for each in at]
    lines[at[0] : at[-1] + 1] = labels[::-1] if new else labels
    path.write_text("\n".join(lines), encoding="utf-8")
    changed_json(folder / "tasks.json", change)


WAYS: Mapping[str, Callable[[Path, New, Names], None]] = {
    "coco": coco,
    "coco-panoptic": coco,
    "yolo": yolo,
    "indexed": indexed,
    "huggingface": hugging_face,
    "ome-zarr": ome_zarr,
    "cvat": cvat,
    "geojson": geojson,
    "label-studio": label_studio,
}
"""What a program of each format does that gives classes other numbers, or other names."""


def test_each_format_is_looked_at() -> None:
    assert set(WAYS) == set(WRITTEN)


@pytest.mark.parametrize("name", WRITTEN)
def test_classes_that_were_sorted_and_numbered_anew_are_the_same(name: str, tmp_path: Path) -> None:
    one = image(1, vocabulary=THREE)
    folder = write(tmp_path / "out", [one], FORMATS[name], THREE, BARE)
    first = 0 if name == "yolo" else 1
    WAYS[name](folder, {first: first + 2, first + 1: first, first + 2: first + 1}, same)
    for manifest in (False, True):
        opened = Opened.of(folder, manifest=manifest)
        (back,) = (opened.image(entry) for entry in opened.entries)
        names = ["", *THREE.names]
        found = {0: "", **{class_.value: class_.name for class_ in opened.vocabulary}}
        for value in np.unique(back.labels).tolist():
            assert {names[each] for each in one.labels[back.labels == value].tolist()} == {
                found[value]
            }
    np.testing.assert_array_equal(back.labels, one.labels)
    assert same_notes(back, one)


@pytest.mark.parametrize("name", WRITTEN)
def test_classes_whose_names_were_swapped_are_the_others(name: str, tmp_path: Path) -> None:
    one = image(1, vocabulary=THREE)
    folder = write(tmp_path / "out", [one], FORMATS[name], THREE, BARE)
    swapped = {"zebra": "bee", "bee": "zebra"}
    WAYS[name](folder, {}, lambda name: swapped.get(name, name))
    (back,) = read(folder)
    np.testing.assert_array_equal(back.labels, np.array([0, 3, 2, 1])[one.labels])
    changed = [note for note in one.notes if note.value in (1, 3)]
    known = {note.id: note for note in back.notes}
    assert changed
    assert all(known[note.id].state == "assigned" for note in changed)


@pytest.mark.parametrize("name", WRITTEN)
def test_a_class_of_another_name_is_none_that_was_exported(name: str, tmp_path: Path) -> None:
    one = image(1, vocabulary=THREE)
    folder = write(tmp_path / "out", [one], FORMATS[name], THREE, BARE)
    WAYS[name](folder, {}, lambda name: "wasp" if name == "bee" else name)
    with pytest.raises(InputError, match=r"'wasp' is none of those that were exported; import wi"):
        read(folder)
    opened = Opened.of(folder, manifest=False)
    assert "wasp" in opened.vocabulary.names
    assert opened.image(opened.entries[0]).labels.any()


def edited(
    folder: Path,
    one: LabelledImage,
    other: LabelledImage,
    name: str,
    options: ExportOptions = BARE,
) -> LabelledImage:
    """Export an image, let a program make another one of its labels, and return what comes back."""
    before = write(folder / "before", [one], FORMATS[name], THREE, options)
    after = write(folder / "after", [other], FORMATS[name], THREE, options)
    shutil.rmtree(after / "napari-corrclip")
    shutil.copytree(before / "napari-corrclip", after / "napari-corrclip")
    (back,) = read(after)
    return back


def with_gaps() -> LabelledImage:
    """Return masks that leave gaps, of which a part has a class; nobody has painted."""
    regions, labels = np.zeros((30, 40), np.int32), np.zeros((30, 40), np.uint16)
    for region, left in ((2, 3), (5, 15), (7, 27)):
        regions[5:15, left : left + 9] = region
        labels[5:15, left : left + 9] = {2: 1, 5: 2, 7: 0}[region]
    labels[20:25, 3:9] = 3
    notes = (
        RegionNote(2, 1, 1),
        RegionNote(5, 2, 1, "assigned", by="Ann", at=5.0),
        RegionNote(7, 0, 1),
    )
    return LabelledImage("", labels, regions, notes, path="masks.png")


@pytest.mark.parametrize("name", WRITTEN)
def test_what_was_painted_or_erased_in_no_region_is_said_by_somebody(
    name: str, tmp_path: Path
) -> None:
    one = with_gaps()
    same = edited(tmp_path / "same", one, one, name)
    assert (same.painted, same.outside) == (False, False)
    outside = one.regions == 0
    for where, value in ((np.s_[20:25, 20:30], 2), (np.s_[20:25, 3:9], 0)):
        labels = one.labels.copy()
        labels[where] = value
        back = edited(tmp_path / str(value), one, replace(one, labels=labels), name)
        np.testing.assert_array_equal(back.labels, labels)
        np.testing.assert_array_equal(back.regions, one.regions)
        assert same_notes(back, one)
        assert back.painted
        decided = back.decided()
        assert decided[outside].all()
        np.testing.assert_array_equal(decided[~outside], one.decided()[~outside])


@pytest.mark.parametrize("value", [0, 2])
def test_an_image_shows_what_somebody_did_outside_of_its_regions(
    value: int, tmp_path: Path
) -> None:
    """Over what a run proposes there, too."""
    one = with_gaps()
    labels = one.labels.copy()
    labels[20:25, 3:9] = value
    back = edited(tmp_path, one, replace(one, labels=labels), "indexed")
    proposed = replace(
        one, notes=[replace(note, state="", predicted=note.value) for note in one.notes]
    )
    result = result_of(proposed, THREE, "a test")
    session = Session(result, np.zeros((30, 40, 3), np.uint8))
    assert (session.labels[20:25, 3:9] == 3).all()
    take_into(session, back, "Import")
    np.testing.assert_array_equal(session.labels, labels)


def test_a_manifest_that_knows_nothing_of_what_is_in_no_region_is_read(tmp_path: Path) -> None:
    """As former ones are."""
    one = with_gaps()
    folder = write(tmp_path / "out", [one], FORMATS["indexed"], THREE, BARE)
    changed_json(
        folder / "napari-corrclip" / "manifest.json",
        lambda document: document["items"][0].pop("outside"),
    )
    changed_map(folder / "SegmentationClass" / "masks.png", {3: 1})
    (back,) = read(folder)
    assert (back.labels[20:25, 3:9] == 1).all()
    assert not back.painted
    assert same_notes(back, one)


TELLS = ("indexed", "huggingface", "ome-zarr", "geojson")
"""Formats that have something for what is left out of training."""


def told(name: str) -> ExportOptions:
    """Return the options by which a format says what is left out of training."""
    return replace(BARE, ignored=255) if "ignored" in FORMATS[name].free else BARE


@pytest.mark.parametrize("name", TELLS)
@pytest.mark.parametrize("region", [2, 5, 7])
def test_a_region_that_another_program_ignores_is_ignored(
    region: int, name: str, tmp_path: Path
) -> None:
    """Of a class, of one that a person gave it, and of none."""
    one = with_gaps()
    labels = np.where(one.regions == region, 0, one.labels).astype(np.uint16)
    notes = [
        replace(note, value=0, state="ignored") if note.id == region else note for note in one.notes
    ]
    back = edited(tmp_path, one, replace(one, labels=labels, notes=notes), name, told(name))
    states = {note.id: (note.state, note.value) for note in back.notes}
    wanted = {note.id: (note.state, note.value) for note in one.notes}
    assert states == {**wanted, region: ("ignored", 0)}
    np.testing.assert_array_equal(back.labels, labels)
    assert verdicts_of(back)[region].kind == "ignored"


@pytest.mark.parametrize("name", TELLS)
def test_a_region_that_another_program_ignores_no_more_is_of_no_class(
    name: str, tmp_path: Path
) -> None:
    one = with_gaps()
    ignored = [replace(note, state="ignored") if not note.value else note for note in one.notes]
    one = replace(one, notes=[*ignored, RegionNote(9, 0, 1, "ignored")])
    one.regions[20:25, 20:30] = 9  # which stays as it is
    kept = [replace(note, state="") if note.id == 7 else note for note in one.notes]
    back = edited(tmp_path / "kept", one, replace(one, notes=kept), name, told(name))
    states = {note.id: note.state for note in back.notes}
    assert states == {2: "", 5: "assigned", 7: "assigned", 9: "ignored"}


@pytest.mark.parametrize("name", WRITTEN)
@pytest.mark.parametrize("unlabelled", [0, 255])
def test_what_a_file_does_not_tell_apart_stays_ignored(
    unlabelled: int, name: str, tmp_path: Path
) -> None:
    """Where the table of classes is gone, too."""
    one = with_gaps()
    one = replace(one, notes=[replace(one.notes[2], state="ignored"), RegionNote(9, 0, 1)])
    one.regions[20:25, 20:30] = 9
    free = FORMATS[name].free
    options = (
        replace(BARE, unlabelled=unlabelled, ignored=unlabelled) if "ignored" in free else BARE
    )
    folder = write(tmp_path / "out", [one], FORMATS[name], THREE, options)
    if name == "huggingface":
        (folder / "classes.csv").unlink()
    (back,) = read(folder)
    assert {note.id: note.state for note in back.notes} == {7: "ignored", 9: ""}


def test_a_region_of_which_most_is_erased_and_little_is_ignored_is_of_no_class(
    tmp_path: Path,
) -> None:
    """And without a manifest likewise."""
    one = with_gaps()
    both = ExportOptions(pictures="none", masks="both")
    folder = write(tmp_path / "out", [one], FORMATS["indexed"], THREE, both)
    path = folder / "SegmentationClass" / "masks.png"
    with Image.open(path) as opened:
        palette, numbers = opened.getpalette(), np.array(opened)
    numbers[one.regions == 2] = 0
    numbers[5, 3:9] = 255
    numbers[one.regions == 5] = 255
    numbers[5, 15] = 0
    picture = Image.fromarray(numbers)
    picture.putpalette(palette or [])
    picture.save(path)
    (back,) = read(folder)
    assert [(note.value, note.state) for note in back.notes] == [
        (0, "assigned"),
        (0, "ignored"),
        (0, ""),
    ]
    (bare,) = read(folder, manifest=False)
    assert [(note.value, note.state) for note in bare.notes] == [(0, ""), (0, "ignored"), (0, "")]
