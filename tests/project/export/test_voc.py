"""Pascal VOC's own sets, and those of others that are laid like it, with other tables."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from napari_corrclip.errors import InputError
from napari_corrclip.project.export.importing import Opened
from napari_corrclip.project.export.indexed import INDEXED
from napari_corrclip.project.export.voc import voc_colors

# Two sheep that touch, as VOC has them: 17 within borders of 255, beside a person and the background.
CLASSES = np.array(
    [
        [0, 255, 255, 255, 255, 0, 0],
        [0, 255, 17, 255, 17, 255, 0],
        [0, 255, 255, 255, 255, 0, 15],
    ],
    np.uint8,
)
OBJECTS = np.array(
    [[0, 255, 255, 255, 255, 0, 0], [0, 255, 1, 255, 2, 255, 0], [0, 255, 255, 255, 255, 0, 3]],
    np.uint8,
)


def save(path: Path, numbers: np.ndarray, palette: bytes | None) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = Image.fromarray(numbers)
    if palette is not None:
        picture.putpalette(palette)
    picture.save(path)


def voc(folder: Path, *, numbers: np.ndarray = CLASSES, palette: bytes | None = b"") -> Path:
    """Return a folder as VOC2012 has it: three images with maps, one of the test without."""
    if palette == b"":
        palette = voc_colors(np.arange(256)).tobytes()
    for name in ("2007_000032", "2007_000033", "2007_000039"):
        save(folder / "SegmentationClass" / f"{name}.png", numbers, palette)
        save(folder / "SegmentationObject" / f"{name}.png", OBJECTS, palette)
    (folder / "JPEGImages").mkdir()
    for name in ("2007_000032", "2007_000033", "2007_000039", "2008_000001"):
        Image.new("RGB", (7, 3)).save(folder / "JPEGImages" / f"{name}.jpg")
    lists = folder / "ImageSets" / "Segmentation"
    lists.mkdir(parents=True)
    (lists / "train.txt").write_text("2007_000032\n2007_000039\n")
    (lists / "val.txt").write_text("2007_000033\n")
    (lists / "trainval.txt").write_text("2007_000032\n2007_000033\n2007_000039\n")
    (lists / "test.txt").write_text("2008_000001\n")
    return folder


def test_a_set_of_pascal_voc_needs_no_table(tmp_path: Path) -> None:
    opened = Opened.of(voc(tmp_path / "VOC2012"))
    assert opened.format is INDEXED
    assert len(opened.vocabulary) == 20
    assert opened.vocabulary.names[14] == "person"
    assert opened.vocabulary.classes[14].color == (192, 128, 128)
    listed = [(entry.name, entry.subset, entry.file_name) for entry in opened.entries]
    assert listed == [
        ("2007_000032", "train", "2007_000032.jpg"),
        ("2007_000039", "train", "2007_000039.jpg"),
        ("2007_000033", "val", "2007_000033.jpg"),
    ]
    assert all(entry.picture is not None for entry in opened.entries)
    one = opened.image(opened.entries[0])
    np.testing.assert_array_equal(one.labels, np.where(CLASSES == 255, 0, CLASSES))
    notes = {note.id: note for note in one.notes}
    assert [notes[region].value for region in (1, 2, 3)] == [17, 17, 15]
    np.testing.assert_array_equal(one.regions == 2, OBJECTS == 2)
    out = {region for region, note in notes.items() if note.state == "ignored"}
    np.testing.assert_array_equal(np.isin(one.regions, sorted(out)), CLASSES == 255)
    classes, passed = opened.reader.notes
    assert "the 20 classes of Pascal VOC" in classes
    assert "number, name, red, green, blue, value" in classes
    assert passed == (
        "1 image in ImageSets/Segmentation with no label map in SegmentationClass, such as '2008_000001', "
        "was passed over."
    )


def test_without_lists_all_maps_are_read(tmp_path: Path) -> None:
    folder = voc(tmp_path)
    for path in (folder / "ImageSets" / "Segmentation").iterdir():
        path.unlink()
    opened = Opened.of(folder)
    assert [(entry.name, entry.subset) for entry in opened.entries] == [
        ("2007_000032", ""), ("2007_000033", ""), ("2007_000039", ""),
    ]  # fmt: skip


@pytest.mark.parametrize("palette", [None, bytes(range(256)) * 3])
def test_maps_in_other_colours_are_not_taken_for_its_classes(
    palette: bytes | None, tmp_path: Path
) -> None:
    folder = voc(tmp_path, palette=palette)
    with pytest.raises(InputError, match="is no export that can be read"):
        Opened.of(folder)
    with pytest.raises(
        InputError, match=r"has no classes.csv, and its label maps are not in .*put one"
    ):
        Opened.of(folder, name="indexed")


@pytest.mark.parametrize(
    ("table", "text"),
    [
        ("classes.csv", "name,value\ndog,17\ncat,15\n"),
        ("classes.json", '{"17": "dog", "15": "cat"}'),
    ],
)
def test_a_table_of_others_counts_instead(table: str, text: str, tmp_path: Path) -> None:
    folder = voc(tmp_path)
    (folder / table).write_text(text)
    opened = Opened.of(folder)
    assert sorted(opened.vocabulary.names) == ["cat", "dog"]
    (one, *_) = (opened.image(entry) for entry in opened.entries)
    names = {class_.value: class_.name for class_ in opened.vocabulary}
    assert names[int(one.labels[1, 2])] == "dog"
    assert names[int(one.labels[2, 6])] == "cat"


def test_a_number_beyond_its_classes_is_told(tmp_path: Path) -> None:
    opened = Opened.of(voc(tmp_path, numbers=np.full((3, 7), 21, np.uint8)))
    with pytest.raises(InputError, match="has the number 21, which no class has"):
        opened.image(opened.entries[0])


def test_a_table_with_other_columns_is_told_what_it_needs(tmp_path: Path) -> None:
    folder = voc(tmp_path)
    (folder / "classes.csv").write_text("number,label,red,green,blue\n1,cat,0,0,0\n")
    with pytest.raises(
        InputError, match="number,name,red,green,blue,value; write them as its first"
    ) as caught:
        Opened.of(folder)
    assert "export again" not in str(caught.value)
