"""Exports whose pictures stay where they are: what names them leads there, or says that they are missing."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from PIL import Image

from napari_corrclip.progress import finish
from napari_corrclip.project.export.exporting import Exported, ExportOptions, Source, export_steps
from napari_corrclip.project.export.formats import FORMATS, WRITTEN
from napari_corrclip.project.export.importing import Opened
from tests.project.export.exported import HERON, THREE

BARE = ExportOptions(pictures="none")


def written(tmp_path: Path, format_: str, *, gone: bool = False) -> Exported:
    """Export two photographs of one name, which lie beside the project and not in it."""
    sources = []
    for site in ("north", "south"):
        file = tmp_path / "photos" / site / "=heron.JPG"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (5, 4)).save(file)
        path = f"../photos/{site}/=heron.JPG"
        one = replace(HERON, path=path, file=None if gone else file)
        sources.append(Source(path, path, lambda one=one: one))
    steps = export_steps(sources, tmp_path / "project" / "out", FORMATS[format_], THREE, BARE)
    return finish(steps)


def told(folder: Path, format_: str) -> list[str]:
    """Return where the files say that their images are."""
    if format_ == "huggingface":
        text = (folder / "data" / "metadata.jsonl").read_text("ascii")
        return [json.loads(line)["image_name"] for line in text.splitlines()]
    name = "instances_default" if format_ == "coco" else "panoptic_default"
    document: dict[str, Any] = json.loads((folder / "annotations" / f"{name}.json").read_bytes())
    return [image["file_name"] for image in document["images"]]


@pytest.mark.parametrize("format_", ["coco", "coco-panoptic", "huggingface"])
def test_a_path_leads_to_the_image_from_wherever_it_is_read(format_: str, tmp_path: Path) -> None:
    folder = written(tmp_path, format_).folder
    assert told(folder, format_) == [
        (tmp_path / "photos" / site / "=heron.JPG").as_posix() for site in ("north", "south")
    ]


@pytest.mark.parametrize("format_", ["coco", "coco-panoptic", "huggingface"])
def test_an_image_of_which_nobody_knows_where_it_is_has_its_name(
    format_: str, tmp_path: Path
) -> None:
    assert told(written(tmp_path, format_, gone=True).folder, format_) == ["=heron.JPG"] * 2


@pytest.mark.parametrize("format_", list(WRITTEN))
def test_the_images_are_known_again(format_: str, tmp_path: Path) -> None:
    folder = written(tmp_path, format_).folder
    opened = Opened.of(folder)
    assert [opened.path_of(entry) for entry in opened.entries] == [
        "../photos/north/=heron.JPG", "../photos/south/=heron.JPG",
    ]  # fmt: skip
    for entry in opened.entries:
        np.testing.assert_array_equal(opened.image(entry).regions, HERON.regions)
    bare = Opened.of(folder, manifest=False)
    assert [entry.name for entry in bare.entries] == ["north_=heron", "south_=heron"]


def test_yolo_and_label_studio_say_that_pictures_have_to_be_put_there(tmp_path: Path) -> None:
    done = written(tmp_path / "yolo", "yolo")
    assert done.notes == (
        "YOLO needs 2 pictures in the export, too: put the first one at 'images/train/north_=heron.jpg' and "
        "the others likewise, upright (called as the texts in labels).",
    )
    table = yaml.safe_load((done.folder / "data.yaml").read_text("utf-8"))
    assert table["train"] == "images/train"
    done = written(tmp_path / "studio", "label-studio")
    assert done.notes == (
        "Label Studio needs 2 pictures in the export, too: put the first one at 'images/north_=heron.jpg' "
        "and the others likewise, upright (as tasks.json has their names).",
    )
    tasks = json.loads((done.folder / "tasks.json").read_bytes())
    assert [task["data"]["image"] for task in tasks] == [
        "/data/local-files/?d=images/north_%3Dheron.jpg",
        "/data/local-files/?d=images/south_%3Dheron.jpg",
    ]


def test_pictures_that_are_put_where_it_is_said_are_found(tmp_path: Path) -> None:
    for format_, place in (("yolo", "images/train"), ("label-studio", "images")):
        folder = written(tmp_path / format_, format_).folder
        (folder / place).mkdir(parents=True)
        for site in ("north", "south"):
            Image.new("RGB", (5, 4)).save(folder / place / f"{site}_=heron.jpg")
        opened = Opened.of(folder, manifest=False)
        assert all(entry.picture is not None for entry in opened.entries)


@pytest.mark.parametrize(
    "format_", [name for name in WRITTEN if name not in ("yolo", "label-studio")]
)
def test_other_formats_need_none(format_: str, tmp_path: Path) -> None:
    assert written(tmp_path, format_).notes == ()
