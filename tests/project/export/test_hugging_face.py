"""Hugging Face's image folder: what is in the files, what those of others may have, and what is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from PIL import Image

from napari_corrclip.errors import InputError
from napari_corrclip.project.export.exporting import ExportOptions
from napari_corrclip.project.export.hugging_face import HUGGING_FACE
from napari_corrclip.project.export.image import LabelledImage, RegionNote
from napari_corrclip.project.export.importing import Opened
from napari_corrclip.vocabulary import Vocabulary
from tests.project.export.exported import image, read, turned, words, write

PLAIN = ExportOptions(pictures="none")
SMALL = LabelledImage(
    "",
    np.array([[1, 1, 0, 0, 2], [1, 0, 0, 0, 2], [1, 1, 0, 4, 2], [0, 0, 0, 4, 2]], np.uint16),
    np.array([[7, 7, 0, 0, 9], [7, 0, 0, 0, 9], [7, 7, 0, 8, 9], [5, 5, 0, 8, 9]], np.int32),
    (RegionNote(5, 0, 1, "ignored"), RegionNote(7, 1, 1), RegionNote(8, 4, 1), RegionNote(9, 2, 2)),
    path="site/heron.jpg",
)
GAPS = Vocabulary.from_names(["sky", "=bird", "gone", 'a|b, "c"']).remove(2)


def lines(folder: Path, subset: str = "data") -> list[dict[str, str]]:
    text = (folder / subset / "metadata.jsonl").read_text("ascii")
    return [json.loads(line) for line in text.splitlines()]


def test_files_are_as_the_library_reads_them(tmp_path: Path) -> None:
    file = tmp_path / "heron.jpg"
    Image.new("RGB", (5, 4)).save(file)
    one = replace(SMALL, file=file)
    folder = write(tmp_path / "out", [one], HUGGING_FACE, GAPS, ExportOptions())
    assert lines(folder) == [
        {"file_name": "images/heron.jpg", "label_file_name": "masks/heron.png"}
    ]
    assert (folder / "data" / "images" / "heron.jpg").read_bytes() == file.read_bytes()
    with Image.open(folder / "data" / "masks" / "heron.png") as map_:
        assert map_.mode == "P"
        np.testing.assert_array_equal(
            np.asarray(map_),
            [[1, 1, 0, 0, 2], [1, 0, 0, 0, 2], [1, 1, 0, 3, 2], [255, 255, 0, 3, 2]],
        )
        palette = map_.getpalette()
        assert palette is not None
        assert tuple(palette[9:12]) == GAPS.classes[2].color
    names = json.loads((folder / "id2label.json").read_text("ascii"))
    assert names == {"0": "unlabelled", "1": "sky", "2": "=bird", "3": 'a|b, "c"'}
    _, settings, body = (folder / "README.md").read_text("utf-8").split("---\n", 2)
    assert yaml.safe_load(settings) == {
        "task_categories": ["image-segmentation"],
        "configs": [
            {"config_name": "default", "data_files": [{"split": "train", "path": "data/**"}]}
        ],
    }
    red, green, blue = GAPS.classes[2].color
    assert f'| 3 | a\\|b, "c" | {red}, {green}, {blue} |' in body
    assert "255 is what a person has left out" in body


def test_what_was_ignored_needs_no_manifest(tmp_path: Path) -> None:
    folder = write(tmp_path / "out", [SMALL], HUGGING_FACE, GAPS, PLAIN)
    assert lines(folder) == [{"image_name": "heron.jpg", "label_file_name": "masks/heron.png"}]
    opened = Opened.of(folder, manifest=False)
    assert opened.format is HUGGING_FACE
    assert opened.vocabulary.values == GAPS.values
    (entry,) = opened.entries
    assert (entry.name, entry.file_name, entry.subset, entry.picture) == (
        "heron", "heron.jpg", "", None,
    )  # fmt: skip
    other = opened.image(entry)
    np.testing.assert_array_equal(other.labels, SMALL.labels)
    states = {note.id: note.state for note in other.notes}
    assert {states[region] for region in np.unique(other.regions[3, :2]).tolist()} == {"ignored"}


def test_subsets_and_pictures(tmp_path: Path) -> None:
    images = []
    for number in range(6):
        file = turned(tmp_path / f"{number}.jpg")
        one = image(number, (31, 47), name=f"s{number}/a b.jpg")
        images.append(replace(one, file=file))
    options = ExportOptions(split=(50, 50, 0))
    folder = write(tmp_path / "out", images, HUGGING_FACE, options=options)
    assert not (folder / "test").exists()  # nothing is in it
    for subset in ("train", "val"):
        found = lines(folder, subset)
        assert len(found) == 3
        for told in found:
            with (
                Image.open(folder / subset / told["file_name"]) as picture,
                Image.open(folder / subset / told["label_file_name"]) as map_,
            ):
                assert picture.size == map_.size
                assert picture.getexif().get(0x0112, 1) == 1
    settings = yaml.safe_load((folder / "README.md").read_text("utf-8").split("---\n", 2)[1])
    assert {each["split"]: each["path"] for each in settings["configs"][0]["data_files"]} == {
        "train": "train/**",
        "validation": "val/**",
    }
    entries = Opened.of(folder, manifest=False).entries
    assert sorted(entry.subset for entry in entries) == ["train"] * 3 + ["val"] * 3
    assert all(entry.picture is not None for entry in entries)


def test_many_classes_need_16_bits(tmp_path: Path) -> None:
    row = np.arange(0, 299, dtype=np.uint16)[None]  # the last class has no pixel
    regions = row.astype(np.int32)
    many = LabelledImage(
        "", np.where(row == 5, 0, row).astype(np.uint16), regions, (RegionNote(5, 0, 5, "ignored"),)
    )
    names = Vocabulary.from_names([f"n {number}" for number in range(1, 301)])
    nothing = LabelledImage("", np.zeros((3, 2), np.uint16), np.zeros((3, 2), np.int32), path="n")
    images = [replace(many, path="many"), nothing]
    folder = write(tmp_path / "out", images, HUGGING_FACE, names, PLAIN)
    with Image.open(folder / "data" / "masks" / "many.png") as map_:
        assert map_.mode == "I;16"
        assert np.asarray(map_)[0, 5] == 65535
    other, empty = read(folder, manifest=False)
    np.testing.assert_array_equal(other.labels, many.labels)
    assert not empty.labels.any()
    assert Opened.of(folder, manifest=False).vocabulary.names == names.names


def test_numbers_are_as_they_are_chosen(tmp_path: Path) -> None:
    options = ExportOptions(pictures="none", first="keep", unlabelled=255, ignored=254)
    folder = write(tmp_path / "out", [SMALL], HUGGING_FACE, GAPS, options)
    names = json.loads((folder / "id2label.json").read_text("ascii"))
    assert names == {"1": "sky", "2": "=bird", "4": 'a|b, "c"'}
    with Image.open(folder / "data" / "masks" / "heron.png") as map_:
        np.testing.assert_array_equal(np.unique(np.asarray(map_)), [1, 2, 4, 254, 255])
    np.testing.assert_array_equal(read(folder)[0].labels, SMALL.labels)
    np.testing.assert_array_equal(read(folder, manifest=False)[0].labels, SMALL.labels)


# -- of others


def others(folder: Path, line: str | None = None, names: Any = None, pixels: Any = None) -> Path:
    """Write a folder of somebody else, without a split."""
    (folder / "seg").mkdir(parents=True)
    if line is None:
        line = '{"file_name": "x.jpg", "text": "some", "mask_file_name": "seg/x.png"}'
    (folder / "metadata.jsonl").write_bytes(line.encode("utf-8", "surrogateescape"))
    names = {"0": "wall", "1": "floor"} if names is None else names
    text = names if isinstance(names, str) else json.dumps(names)
    (folder / "id2label.json").write_text(text)
    pixels = np.array([[0, 1, 255]], np.uint8) if pixels is None else pixels
    Image.fromarray(pixels).save(folder / "seg" / "x.png")
    Image.new("RGB", (3, 1)).save(folder / "x.jpg")
    return folder


def test_folders_of_others(tmp_path: Path) -> None:
    opened = Opened.of(others(tmp_path / "in"))
    assert opened.format is HUGGING_FACE
    assert (opened.vocabulary.names, opened.vocabulary.values) == (("wall", "floor"), (1, 2))
    (entry,) = opened.entries
    assert (entry.name, entry.subset, entry.picture) == ("x", "", tmp_path / "in" / "x.jpg")
    np.testing.assert_array_equal(opened.image(entry).labels, [[1, 2, 0]])


def test_unlabelled_pixels_of_others(tmp_path: Path) -> None:
    names = {"0": "Unlabeled", "2": "floor"}
    folder = others(tmp_path / "in", names=names, pixels=np.array([[0, 2, 255]], np.uint8))
    opened = Opened.of(folder)
    assert (opened.vocabulary.names, opened.vocabulary.values) == (("floor",), (2,))
    np.testing.assert_array_equal(opened.image(opened.entries[0]).labels, [[0, 2, 0]])


DAMAGED: dict[str, tuple[dict[str, Any], str]] = {
    "line that is none": ({"line": "[]"}, "no object"),
    "line cut short": ({"line": '{"file_name": "x'}, "no valid JSON"),
    "line of other bytes": ({"line": "\udcff"}, "UTF-8"),
    "line of a deep list": ({"line": "[" * 100_000}, "levels|deep"),
    "no map": ({"line": '{"file_name": "x.jpg"}'}, "without a label map"),
    "map of no name": ({"line": '{"mask_file_name": 5}'}, "without a label map"),
    "map outside": ({"line": '{"mask_file_name": "../secret.png"}'}, "secret"),
    "map that is gone": ({"line": '{"mask_file_name": "seg/y.png"}'}, "'y'"),
    "map that is no name": ({"line": '{"mask_file_name": "."}'}, "put it there"),
    "map of colours": ({"pixels": np.zeros((1, 3, 3), np.uint8)}, "colours"),
    "unknown number": ({"pixels": np.full((1, 3), 9, np.uint8)}, "the number 9"),
    "names that are none": ({"names": []}, "no object"),
    "names of numbers": ({"names": {"0": 5}}, "no object"),
    "numbers that are none": ({"names": {"a": "wall"}}, "no number"),
    "numbers twice": ({"names": {"1": "wall", "01": "floor"}}, "twice"),
    "numbers that are too large": ({"names": {"70000": "wall"}}, "65535"),
    "the largest number moved": ({"names": {"0": "wall", "65535": "floor"}}, "65536"),
    "names that are no JSON": ({"names": "{"}, "no valid JSON"),
    "no names": ({"names": {}}, "no class|empty"),
}


@pytest.mark.parametrize("case", DAMAGED)
def test_damaged_folders_are_refused_in_a_sentence(case: str, tmp_path: Path) -> None:
    more, sentence = DAMAGED[case]
    Image.new("L", (3, 1)).save(tmp_path / "secret.png")
    folder = others(tmp_path / "in", **more)
    with pytest.raises(InputError, match=sentence):
        read(folder)


def test_names_of_classes_in_the_card(tmp_path: Path) -> None:
    folder = write(tmp_path / "out", [image(1)], HUGGING_FACE, options=PLAIN)
    rows = [
        line for line in (folder / "README.md").read_text("utf-8").splitlines() if line[:1] == "|"
    ]
    assert len(rows) == len(words()) + 3
    assert all(row.replace("\\|", "").count("|") == 4 for row in rows)


@pytest.mark.parametrize("manifest", [True, False])
def test_two_tables_that_do_not_agree_are_told(manifest: bool, tmp_path: Path) -> None:
    """A program that numbers classes anew knows nothing of ours."""
    folder = write(tmp_path / "out", [SMALL], HUGGING_FACE, GAPS, PLAIN)
    path = folder / "id2label.json"
    names = json.loads(path.read_text())
    path.write_text(json.dumps({**names, "9": "new"}))
    Opened.of(folder, manifest=manifest)
    path.write_text(json.dumps({**names, "1": names["2"], "2": names["1"]}))
    with pytest.raises(
        InputError, match=r"id2label.json' calls the class 1 '=bird', and classes.csv"
    ):
        Opened.of(folder, manifest=manifest)
    path.write_text(json.dumps({**names, "0": "cat"}))
    with pytest.raises(
        InputError, match=r"the class 0 'cat', and classes.csv calls it 'unlabelled'"
    ):
        Opened.of(folder, manifest=manifest)
    (folder / "classes.csv").unlink()
    assert "cat" in Opened.of(folder, manifest=False).vocabulary.names
