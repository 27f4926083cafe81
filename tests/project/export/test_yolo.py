"""YOLO's polygons: what is in the files, that they are filled to the very masks, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

from napari_corrclip.errors import InputError
from napari_corrclip.project.export.exporting import ExportOptions
from napari_corrclip.project.export.image import LabelledImage, RegionNote
from napari_corrclip.project.export.importing import Opened
from napari_corrclip.project.export.yolo import YOLO, _shares
from napari_corrclip.vocabulary import Vocabulary
from tests.project.export.exported import holed, image, turned, words, write

TWO = Vocabulary.from_names(["cat", "per:son"])
BARE = ExportOptions(pictures="none")
SQUARE = "0.3 0.3 0.7 0.3 0.7 0.7 0.3 0.7"


def by_hand() -> LabelledImage:
    """Return a region with a hole and a part beside it, one that is ignored, and pixels of no region."""
    return holed(RegionNote(7, 1, 2, "accepted"), RegionNote(9, 0, 1, "ignored"))


def others(
    folder: Path,
    lines: str = f"0 {SQUARE}",
    table: str = "names: [a, b]\ntrain: images\nval: images\n",
    size: tuple[int, int] = (10, 10),
) -> Opened:
    """Return a folder that another program wrote."""
    for name in ("images", "labels"):
        (folder / name).mkdir(exist_ok=True)
    Image.new("RGB", size).save(folder / "images" / "one.png")
    (folder / "labels" / "one.txt").write_text(lines, encoding="utf-8")
    (folder / "data.yaml").write_text(table, encoding="utf-8")
    return Opened.of(folder)


def taken(opened: Opened) -> LabelledImage:
    return opened.image(opened.entries[0])


def test_the_files_are_as_they_are_written_here(tmp_path: Path) -> None:
    folder = write(tmp_path / "out", [by_hand()], YOLO, TWO, BARE)
    lines = (folder / "labels/train/a b.txt").read_text().splitlines()
    # Around the region up to the hole's row, around the hole, and back.
    assert lines == [
        "1 0.85 0.81 0.85 0.81 0.85 0.81",
        "0 0.05 0.06 0.45 0.06 0.45 0.56 0.05 0.56 0.05 0.31 0.25 0.56 0.45 0.31 0.25 0.06 0.05 0.31",
        "0 0.85 0.06 0.85 0.06 0.85 0.06",
    ]
    assert yaml.safe_load((folder / "data.yaml").read_text(encoding="utf-8")) == {
        "train": "images/train",
        "val": "images/train",
        "names": {0: "cat", 1: "per:son"},
    }


@pytest.mark.parametrize("pixels", [1, 7, 640, 4032, 36_000, 100_000])
def test_cutting_and_rounding_find_the_same_pixels(pixels: int) -> None:
    shares = np.array(_shares(pixels), np.float32)
    for kind in (np.float32, np.float64):
        places = shares.astype(kind) * kind(pixels)
        np.testing.assert_array_equal(places.astype(np.int32), np.arange(pixels))
        np.testing.assert_array_equal(np.round(places), np.arange(pixels))


def test_names_of_all_kinds_are_text_in_the_table(tmp_path: Path) -> None:
    names = [
        "yes",
        "1",
        "null",
        "a: b",
        "- x",
        "'",
        '"',
        "Käfer 🪲",
        "#c",
        "1e3",
        "{x}",
        "0x10",
        "~",
    ]
    folder = write(tmp_path / "out", [by_hand()], YOLO, Vocabulary.from_names(names), BARE)
    table = yaml.safe_load((folder / "data.yaml").read_text(encoding="utf-8"))
    assert list(table["names"].values()) == names
    assert list(Opened.of(folder, manifest=False).vocabulary.names) == names


def test_sizes_are_those_of_the_pictures(tmp_path: Path) -> None:
    images = []
    for number in range(6):
        file = turned(tmp_path / f"{number}.jpg")
        images.append(replace(image(number, (31, 47), name=f"{number}.jpg"), file=file))
    folder = write(tmp_path / "out", images, YOLO, options=ExportOptions(split=(50, 25, 25)))
    table = yaml.safe_load((folder / "data.yaml").read_text(encoding="utf-8"))
    assert [table[name] for name in ("train", "val", "test")] == [
        "images/train",
        "images/val",
        "images/test",
    ]
    (folder / "napari-corrclip").rename(tmp_path / "away")
    opened = Opened.of(folder)
    assert len(opened.entries) == 6
    for entry in opened.entries:
        assert entry.picture is not None
        assert entry.picture.parent == folder / "images" / entry.subset
        renumbered = np.array([0, *words().values])[opened.image(entry).labels]
        np.testing.assert_array_equal(renumbered, images[int(entry.name)].labels)


def test_the_background_is_left_out_unless_it_is_wanted(tmp_path: Path) -> None:
    classes = TWO.with_background("cat")
    folder = write(tmp_path / "out", [by_hand()], YOLO, classes, BARE)
    assert (folder / "labels/train/a b.txt").read_text()[:2] == "0 "
    assert Opened.of(folder, manifest=False).vocabulary.names == ("per:son",)
    options = replace(BARE, background="class")
    folder = write(tmp_path / "all", [by_hand()], YOLO, classes, options)
    assert Opened.of(folder, manifest=False).vocabulary.names == ("cat", "per:son")


def test_lines_of_others_are_filled_with_their_border(tmp_path: Path) -> None:
    found = taken(others(tmp_path))
    expected = np.zeros((10, 10))
    expected[3:8, 3:8] = 1
    np.testing.assert_array_equal(found.labels, expected)
    assert [(note.value, note.state) for note in found.notes] == [(1, "assigned")]


def test_small_ones_lie_over_large_ones(tmp_path: Path) -> None:
    lines = f"1 0.4 0.4 0.5 0.4 0.5 0.5\n0 {SQUARE}\n\n"
    found = taken(others(tmp_path, lines)).labels
    assert np.bincount(found.ravel()).tolist() == [75, 22, 3]


@pytest.mark.parametrize(
    "table",
    [
        "names: {0: a, 1: b}\ntrain: images\n",
        "names: {'0': a, '1': b}\ntrain: ../images\nval:\n",
        "path: ../datasets/x\nnames: [a, b]\ntrain: [images]\n",
        "names: [a, b]\ntrain: /home/me/x/images/\nnc: 2\n",
        "names: [a, b]\ntrain: C:\\x\\images\n",
        "names: [a, b]\nval: ./images\n",
    ],
)
def test_tables_of_others_are_read(tmp_path: Path, table: str) -> None:
    opened = others(tmp_path, table=table)
    assert opened.vocabulary.names == ("a", "b")
    assert taken(opened).labels.sum() == 25


def test_an_image_without_lines_has_no_labels(tmp_path: Path) -> None:
    others(tmp_path)
    (tmp_path / "labels" / "one.txt").unlink()
    assert not taken(Opened.of(tmp_path)).labels.any()


@pytest.mark.parametrize(
    ("table", "sentence"),
    [
        ("names: [", "no valid YAML"),
        ("[a, b]", "is no mapping"),
        ("train: images", "has no names"),
        ("names: {}\ntrain: images", "has no names"),
        ("names: {a: b}\ntrain: images", "the number 'a' of 'b'"),
        ("names: {70000: b}\ntrain: images", "the number 70000"),
        ("names: [[a]]\ntrain: images", "the name"),
        ("names: [a, A]\ntrain: images", "are the same"),
        ("names: [a]\ntrain: 3", "names 3 for train, which is no path"),
        ("names: [a]\ntrain: train.txt", "there is no such list"),
        ("names: [a]\ntrain: elsewhere", "there is no such folder"),
        ("names: [a]\ntrain: images/../../..", "there is no such folder"),
    ],
)
def test_a_damaged_table_is_told(tmp_path: Path, table: str, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        others(tmp_path, table=table)


@pytest.mark.parametrize(
    ("lines", "sentence"),
    [
        ("0 0.5 0.5 0.1 0.1", r"Line 1 of .* has a box alone \(5 numbers\), and masks are read"),
        ("\n0 0.5 0.5 0.1", "Line 2 of .* has 4 numbers"),
        ("0", "has 1 numbers"),
        ("0 0 0 0 1 1 1 1", "has 8 numbers"),
        ("0 0 0 0 1 1 x", "something that is no number"),
        ("0 0 0 0 1 1 nan", "a point at nan"),
        ("0 0 0 0 1 1 inf", "a point at inf"),
        ("0 0 0 0 30 40 1", "a point at 30; points are shares from 0 to 1: divide x"),
        (f"2 {SQUARE}", "the class 2, which has no name"),
        (f"0.5 {SQUARE}", r"the class 0\.5, which has no name"),
        (f"nan {SQUARE}", "the class nan, which has no name"),
        ("\udcff", "no UTF-8"),
    ],
)
def test_damaged_lines_are_told(tmp_path: Path, lines: str, sentence: str) -> None:
    opened = others(tmp_path)
    (tmp_path / "labels" / "one.txt").write_text(lines, encoding="utf-8", errors="surrogateescape")
    with pytest.raises(InputError, match=sentence) as caught:
        taken(opened)
    assert "\n" not in str(caught.value)


def test_a_size_that_nobody_knows_is_asked_for(tmp_path: Path) -> None:
    others(tmp_path)
    (tmp_path / "images" / "one.png").unlink()
    with pytest.raises(InputError, match="There is no image of 'one'"):
        taken(Opened.of(tmp_path))


def test_the_table_names_subsets_that_have_images_alone(tmp_path: Path) -> None:
    images = []
    for number in range(3):
        file = tmp_path / f"{number}.png"
        Image.new("RGB", (47, 31)).save(file)
        images.append(replace(image(number, (31, 47), name=f"{number}.png"), file=file))
    folder = write(tmp_path / "out", images, YOLO, options=ExportOptions(split=(80, 10, 10)))
    table = yaml.safe_load((folder / "data.yaml").read_text(encoding="utf-8"))
    table.pop("names")
    assert table == {"train": "images/train", "val": "images/val"}
    for kind in ("images", "labels"):
        assert sorted(path.name for path in (folder / kind).iterdir()) == ["train", "val"]
    folder = write(tmp_path / "one", images[:1], YOLO, options=ExportOptions(split=(80, 10, 10)))
    table = yaml.safe_load((folder / "data.yaml").read_text(encoding="utf-8"))
    (subset,) = (path.name for path in (folder / "images").iterdir())
    assert table["train"] == table["val"] == f"images/{subset}"
    (folder / "napari-corrclip").rename(tmp_path / "away")
    assert len(Opened.of(folder).entries) == 1


def test_a_subset_that_is_not_there_is_told_and_the_others_are_read(tmp_path: Path) -> None:
    table = "names: [a]\ntrain: images/\nval: ../images/val\ntest: test.txt\n"
    opened = others(tmp_path, table=table)
    (entry,) = opened.entries
    assert (entry.name, entry.subset) == ("one", "train")
    assert taken(opened).labels.any()
    val, test = opened.reader.notes
    assert "names '../images/val' for val, and there is no such folder in" in val
    assert "names 'test.txt' for test, and there is no such list in" in test
    assert val.endswith("; the others were read.")


def test_lists_of_images_are_read(tmp_path: Path) -> None:
    for subset in ("train", "val"):
        for kind in ("images", "labels"):
            (tmp_path / kind / subset).mkdir(parents=True)
    names = {"train/a": "train", "train/b": "train", "val/c": "val"}
    for name in names:
        Image.new("RGB", (10, 10)).save(tmp_path / "images" / f"{name}.jpg")
        (tmp_path / "labels" / f"{name}.txt").write_text(f"0 {SQUARE}")
    (tmp_path / "labels" / "train" / "b.txt").unlink()  # an image without anything in it
    (tmp_path / "train.txt").write_text(
        "./images/train/a.jpg\nimages/train/b.jpg\nimages/train/gone.jpg\n../../../../etc/passwd\n"
    )
    (tmp_path / "val.txt").write_text("/home/ann/set/images/val/c.jpg\r\n")
    (tmp_path / "data.yaml").write_text("names: [x]\ntrain: train.txt\nval: ./val.txt\n")
    opened = Opened.of(tmp_path)
    assert [(entry.name, entry.subset, entry.file_name) for entry in opened.entries] == [
        ("a", "train", "a.jpg"), ("b", "train", "b.jpg"), ("c", "val", "c.jpg"),
    ]  # fmt: skip
    assert all(entry.picture is not None for entry in opened.entries)
    assert [bool(opened.image(entry).labels.any()) for entry in opened.entries] == [
        True,
        False,
        True,
    ]
    assert opened.reader.notes == [
        f"Of the list 'train.txt' 2 images, such as 'images/train/gone.jpg', are not in {str(tmp_path)!r}; "
        "the others were read."
    ]
