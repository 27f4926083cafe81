"""What other programs change in an export, beside a manifest that knows what was written."""

from __future__ import annotations

import csv
import io
import json
import re
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
import zarr
from PIL import Image

from napari_corrclip.errors import InputError
from napari_corrclip.project.export.cvat import ARCHIVE
from napari_corrclip.project.export.exporting import ExportOptions
from napari_corrclip.project.export.formats import FORMATS, WRITTEN
from napari_corrclip.project.export.importing import Opened
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
