"""Label maps of others with a table of classes: as such folders lie about."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from napari_corrclip.errors import InputError
from napari_corrclip.project.export.exporting import ExportOptions
from napari_corrclip.project.export.formats import FORMATS
from napari_corrclip.project.export.importing import Opened
from napari_corrclip.project.export.indexed import INDEXED
from napari_corrclip.project.export.label_maps import LABEL_MAPS, LABEL_MAPS_FROM_0
from napari_corrclip.results.label_files import write_tiff
from napari_corrclip.vocabulary import Vocabulary
from tests.project.export.exported import image, words, write

MAP = np.array([[0, 1, 2], [2, 2, 255]], np.uint8)
LABELS = [[0, 1, 2], [2, 2, 0]]


def put(path: Path, numbers: NDArray[np.integer] = MAP) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".npy":
        np.save(path, numbers)
    elif path.suffix == ".png":
        Image.fromarray(numbers).save(path)
    else:
        write_tiff(path, numbers)


def photograph(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.zeros((2, 3, 3), np.uint8)).save(path)


def table(folder: Path, text: str = "cat\ndog\n", name: str = "classes.txt") -> None:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(text, encoding="utf-8")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("classes.txt", "cat\ndog\n"),
        ("classes.txt", "name\tvalue\ncat\t1\ndog\t2\n"),
        ("classes.csv", "name,value\ndog,2\ncat,1\n"),
        ("Classes.csv", "id;name\n1;cat\n2;dog\n"),
        ("classes.csv", "class\ncat\ndog\n"),
        ("classes.json", '["cat", "dog"]'),
        ("classes.json", '{"1": "cat", "2": "dog"}'),
        ("classes.json", '{"dog": 2, "cat": 1}'),
        ("classes.json", '[{"id": 2, "name": "dog"}, {"id": 1, "name": "cat"}]'),
        ("classes.yaml", "- cat\n- dog\n"),
        ("classes.yaml", "1: cat\n2: dog\n"),
        ("classes.yml", "0: unlabelled\n1: cat\n2: dog\n255: void\n"),
        ("classes.yaml", "classes:\n- {name: dog, value: 2}\n- {name: cat, value: 1}\n"),
    ],
)
def test_tables_of_every_kind(name: str, text: str, tmp_path: Path) -> None:
    table(tmp_path, text, name)
    put(tmp_path / "a.png")
    opened = Opened.of(tmp_path)
    assert opened.format is LABEL_MAPS
    assert {class_.name: class_.value for class_ in opened.vocabulary} == {"cat": 1, "dog": 2}
    (entry,) = opened.entries
    taken = opened.reader.read(entry)
    np.testing.assert_array_equal(taken.labels, LABELS)
    np.testing.assert_array_equal(taken.ignored, MAP == 255)


def test_ignored_pixels_are_a_region_that_is_ignored(tmp_path: Path) -> None:
    table(tmp_path)
    put(tmp_path / "a.png")
    opened = Opened.of(tmp_path)
    other = opened.image(opened.entries[0])
    assert [(note.value, note.state) for note in other.notes] == [
        (1, "assigned"),
        (2, "assigned"),
        (0, "ignored"),
    ]


def test_255_may_be_a_class(tmp_path: Path) -> None:
    table(tmp_path, "name,value\ncat,1\ndog,2\nsky,255\n", "classes.csv")
    put(tmp_path / "a.png")
    opened = Opened.of(tmp_path)
    taken = opened.reader.read(opened.entries[0])
    np.testing.assert_array_equal(taken.labels, MAP)
    assert taken.ignored is None


def test_a_class_of_number_0_gets_a_value_of_its_own(tmp_path: Path) -> None:
    table(tmp_path, '{"0": "background", "1": "cat", "2": "dog"}', "classes.json")
    put(tmp_path / "a.png")
    opened = Opened.of(tmp_path)
    assert {class_.name: class_.value for class_ in opened.vocabulary} == {
        "background": 3,
        "cat": 1,
        "dog": 2,
    }
    taken = opened.reader.read(opened.entries[0])
    np.testing.assert_array_equal(taken.labels, [[3, 1, 2], [2, 2, 0]])


def test_classes_may_be_counted_from_0(tmp_path: Path) -> None:
    table(tmp_path, "sky\ncat\ndog\n")
    put(tmp_path / "a.png")
    opened = Opened.of(tmp_path, name=LABEL_MAPS_FROM_0.name)
    taken = opened.reader.read(opened.entries[0])
    names = {class_.value: class_.name for class_ in opened.vocabulary}
    assert [[names.get(value, "") for value in row] for row in taken.labels.tolist()] == [
        ["sky", "cat", "dog"],
        ["dog", "dog", ""],
    ]
    np.testing.assert_array_equal(taken.ignored, MAP == 255)


@pytest.mark.parametrize(
    "name",
    ["a_mask.png", "a.labels.tif", "a_labelIds.png", "a_seg.npy", "a_gtFine_labelIds.png", "a.png",
     "a-MASK.TIFF"],
)  # fmt: skip
def test_maps_are_called_as_their_images(name: str, tmp_path: Path) -> None:
    table(tmp_path)
    put(tmp_path / "deep" / "er" / name)
    opened = Opened.of(tmp_path)
    (entry,) = opened.entries
    assert (entry.name, entry.file_name) == ("a", "deep/er/a")
    np.testing.assert_array_equal(opened.reader.read(entry).labels, LABELS)


def test_folders_of_images_and_maps_and_subsets(tmp_path: Path) -> None:
    table(tmp_path)
    for subset in ("train", "val", "testing"):
        put(tmp_path / "labels" / subset / "site" / "a b.png")
        photograph(tmp_path / "images" / subset / "site" / "a b.png")
    photograph(tmp_path / "images" / "train" / "alone.png")
    opened = Opened.of(tmp_path)
    assert [(entry.name, entry.file_name, entry.subset) for entry in opened.entries] == [
        ("testing_site_a b", "testing/site/a b.png", "test"),
        ("train_site_a b", "train/site/a b.png", "train"),
        ("val_site_a b", "val/site/a b.png", "val"),
    ]
    for entry in opened.entries:
        assert entry.picture == tmp_path / "images" / entry.file_name
        np.testing.assert_array_equal(opened.reader.read(entry).labels, LABELS)


def test_maps_beside_their_images(tmp_path: Path) -> None:
    table(tmp_path)
    put(tmp_path / "a_mask.png")
    photograph(tmp_path / "a.png")
    photograph(tmp_path / "b.png")
    photograph(tmp_path / "a_color.png")
    opened = Opened.of(tmp_path)
    assert [(entry.name, entry.picture) for entry in opened.entries] == [("a", tmp_path / "a.png")]


def test_an_ending_may_be_of_the_image_itself(tmp_path: Path) -> None:
    table(tmp_path)
    put(tmp_path / "masks" / "face_mask.png")
    photograph(tmp_path / "face_mask.jpg")
    assert [entry.name for entry in Opened.of(tmp_path).entries] == ["face_mask"]


@pytest.mark.parametrize("folder", ["masks", "", "data"])
def test_an_ending_of_one_map_hides_no_other(folder: str, tmp_path: Path) -> None:
    table(tmp_path)
    for name in ("a.png", "b.tif", "c_label.png", "train/c.png"):
        put(tmp_path / folder / name)
    if folder == "masks":
        for name in ("a", "b", "c", "train/c"):
            photograph(tmp_path / "images" / f"{name}.png")
    opened = Opened.of(tmp_path)
    titles = sorted(
        entry.file_name.rpartition(".")[0] or entry.file_name for entry in opened.entries
    )
    inner = f"{folder}/" if folder == "data" else ""
    assert titles == [f"{inner}a", f"{inner}b", f"{inner}c", f"{inner}train/c"]
    for entry in opened.entries:
        np.testing.assert_array_equal(opened.reader.read(entry).labels, LABELS)


def test_gray_images_in_a_folder_of_their_own_are_no_maps(tmp_path: Path) -> None:
    table(tmp_path)
    for name in ("a", "b"):
        put(tmp_path / "raw" / f"{name}.png", MAP + 3)
        put(tmp_path / "m" / f"{name}_mask.png")
    opened = Opened.of(tmp_path)
    assert [entry.name for entry in opened.entries] == ["a", "b"]
    assert all(entry.picture is not None for entry in opened.entries)
    put(tmp_path / "raw" / "c.png", MAP)  # of which it is not known what they are
    assert len(Opened.of(tmp_path).entries) == 5


def test_what_cityscapes_has_beside_its_maps_is_none(tmp_path: Path) -> None:
    table(tmp_path)
    folder = tmp_path / "gtFine" / "train"
    for kind in ("labelIds", "instanceIds", "labelTrainIds"):
        put(folder / f"a_gtFine_{kind}.png")
    photograph(folder / "a_gtFine_color.png")
    photograph(tmp_path / "leftImg8bit" / "train" / "a.png")
    (entry,) = Opened.of(tmp_path).entries
    assert (entry.file_name, entry.subset) == ("train/a.png", "train")


def test_maps_of_more_than_a_byte(tmp_path: Path) -> None:
    given = Vocabulary.from_names([f"class {number}" for number in range(300)])
    given.save(tmp_path / "classes.csv")
    numbers = np.arange(301).reshape(7, 43)
    for name, kind in (("a.tif", np.uint16), ("b.npy", np.int64), ("c.png", np.uint16)):
        put(tmp_path / name, numbers.astype(kind))
    opened = Opened.of(tmp_path)
    assert opened.vocabulary.names == given.names
    assert len(opened.entries) == 3
    for entry in opened.entries:
        np.testing.assert_array_equal(opened.reader.read(entry).labels, numbers)


def test_our_own_table_is_read_without_the_folders(tmp_path: Path) -> None:
    one = image(1)
    folder = write(tmp_path / "out", [one], INDEXED, options=ExportOptions(pictures="none"))
    (folder / "SegmentationClass").rename(folder / "maps")
    (folder / "napari-corrclip").rename(tmp_path / "gone")
    opened = Opened.of(folder)
    assert opened.format is LABEL_MAPS
    assert opened.vocabulary.names == words().names
    np.testing.assert_array_equal(opened.reader.read(opened.entries[0]).labels, one.labels)


def test_they_are_never_written(tmp_path: Path) -> None:
    for format_ in (LABEL_MAPS, LABEL_MAPS_FROM_0):
        assert FORMATS[format_.name] is format_
        with pytest.raises(InputError, match="read and never written; choose another format"):
            write(tmp_path / "out", [image(1)], format_)
    assert not (tmp_path / "out").exists()


def test_numbers_of_no_class_are_told(tmp_path: Path) -> None:
    table(tmp_path)
    put(tmp_path / "a.png", np.array([[0, 1, 77]], np.uint8))
    opened = Opened.of(tmp_path)
    with pytest.raises(
        InputError, match=r"a\.png' has the number 77, which no class has \(0, 1, 2, 255\)"
    ):
        opened.reader.read(opened.entries[0])


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("classes.csv", "name,value\ncat,1\ndog,1\n", "number 1 is that of two classes"),
        ("classes.csv", "name,value\ncat,-1\n", "number -1; use a whole number from 0 to 65535"),
        ("classes.csv", "name,value\ncat,70000\n", "number 70000"),
        ("classes.csv", "name,value\ncat,x\n", "write a number"),
        ("classes.csv", "title\ncat\n", "header"),
        ("classes.csv", "number,name,red,green,blue,value\n1,cat\n", "row"),
        ("classes.json", "{", "no valid JSON"),
        ("classes.json", "7", "write a list of names"),
        ("classes.json", '{"cat": "1", "dog": 2}', "dog"),
        ("classes.json", '["cat", "CAT"]', r"[cC][aA][tT]"),
        ("classes.yaml", "a: [", "no valid YAML"),
        ("classes.yaml", "[]", "empty"),
        ("classes.txt", "", "empty|no class|at least"),
    ],
)
def test_tables_that_are_none_are_told(name: str, text: str, told: str, tmp_path: Path) -> None:
    table(tmp_path, text, name)
    put(tmp_path / "a.png")
    with pytest.raises(InputError, match=told):
        Opened.of(tmp_path)


def test_what_is_no_map_is_told(tmp_path: Path) -> None:
    table(tmp_path)
    photograph(tmp_path / "masks" / "a.png")
    opened = Opened.of(tmp_path)
    with pytest.raises(InputError, match="holds colours"):
        opened.reader.read(opened.entries[0])
    with pytest.raises(InputError, match="no table of classes"):
        Opened.of(tmp_path / "masks", name="label-maps")
    (tmp_path / "masks" / "a.png").unlink()
    with pytest.raises(InputError, match="no label map"):
        Opened.of(tmp_path, name="label-maps")
    with pytest.raises(InputError, match="is no export"):
        Opened.of(tmp_path)


@pytest.mark.skipif(os.name != "posix", reason="links need rights on Windows")
def test_no_link_leads_out_of_the_folder(tmp_path: Path) -> None:
    folder = tmp_path / "set"
    table(folder)
    put(tmp_path / "secret" / "a.png")
    (folder / "a.png").symlink_to(tmp_path / "secret" / "a.png")
    (folder / "more").symlink_to(tmp_path / "secret")
    opened = Opened.of(folder)
    assert [entry.name for entry in opened.entries] == ["a"]
    with pytest.raises(InputError, match="link out of the folder"):
        opened.reader.read(opened.entries[0])


def test_names_with_numbers_as_json_of_others(tmp_path: Path) -> None:
    table(
        tmp_path, json.dumps({name: at for at, name in enumerate(words().names, 1)}), "classes.json"
    )
    put(tmp_path / "a.png", np.arange(len(words()) + 1, dtype=np.uint8)[None])
    opened = Opened.of(tmp_path)
    assert opened.vocabulary.names == words().names
    assert opened.reader.read(opened.entries[0]).labels.max() == len(words())


def test_a_table_without_numbers_is_told_where_maps_may_begin_with_0(tmp_path: Path) -> None:
    table(tmp_path)
    put(tmp_path / "a.png", np.array([[0, 1, 255]], np.uint8))
    opened = Opened.of(tmp_path)
    np.testing.assert_array_equal(opened.image(opened.entries[0]).labels, [[0, 1, 0]])
    (note,) = opened.reader.notes
    assert note == (
        "'classes.txt' has no numbers: its first class, 'cat', was read as 1 in the label maps, and 0 as no "
        "class, which these allow; where the first class is 0 in them, import with --format "
        "label-maps-from-0 instead."
    )
    other = Opened.of(tmp_path, name="label-maps-from-0")
    names = {class_.value: class_.name for class_ in other.vocabulary}
    labels = other.image(other.entries[0]).labels
    assert [names.get(value, "") for value in labels[0].tolist()] == ["cat", "dog", ""]
    assert not other.reader.notes


@pytest.mark.parametrize(
    ("text", "name", "maps"),
    [
        ("cat\ndog\n", "classes.txt", [[0, 1], [0, 2]]),  # 2 is the second class
        ("cat\ndog\n", "classes.txt", [[1, 1], [1, 255]]),  # no 0 at all
        ("name,value\ncat,1\ndog,2\n", "classes.csv", [[0, 1], [0, 1]]),
        ('{"0": "cat", "1": "dog"}', "classes.json", [[0, 1], [0, 1]]),
    ],
)
def test_what_maps_or_their_table_tell_is_no_doubt(
    text: str, name: str, maps: list[list[int]], tmp_path: Path
) -> None:
    table(tmp_path, text, name)
    for number, row in enumerate(maps):
        put(tmp_path / f"{number}.png", np.array([row], np.uint8))
    opened = Opened.of(tmp_path)
    for entry in opened.entries:
        opened.image(entry)
    assert not opened.reader.notes


@pytest.mark.parametrize("name", ["masks/b.jpg", "b_mask.JPG", "masks/train/b.webp"])
def test_a_map_of_a_kind_that_keeps_no_numbers_is_told(name: str, tmp_path: Path) -> None:
    table(tmp_path)
    photograph(tmp_path / name)
    photograph(tmp_path / ("images/b.jpg" if "/" in name else "b.jpg"))
    with pytest.raises(InputError, match=f"no label map .*'{name}' was passed over, since JPEG"):
        Opened.of(tmp_path)
    put(tmp_path / ("masks/a.png" if "/" in name else "a_mask.png"))
    opened = Opened.of(tmp_path)
    assert [entry.name for entry in opened.entries] == ["a"]
    (note,) = opened.reader.notes
    assert note.startswith(f"{name!r} was passed over")
