"""Images and sets that other programs stumble over, in each format."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from napari_corrclip.errors import InputError
from napari_corrclip.maps.parts import parts_of
from napari_corrclip.project.export import formats
from napari_corrclip.project.export.exporting import (
    dealt,
    head_of,
    subset_called,
)
from napari_corrclip.project.export.format import Format, Wanted
from napari_corrclip.project.export.formats import FORMATS, format_called, format_of
from napari_corrclip.project.export.image import LabelledImage, RegionNote
from napari_corrclip.project.export.importing import Opened
from napari_corrclip.vocabulary import Vocabulary
from tests.project.export.exported import (
    BARE,
    MASKS,
    WRITTEN_FORMATS,
    grid,
    image,
    masks_of,
    plain,
    read,
    same_notes,
    same_segments,
    words,
    write,
)

EXACT = [
    pytest.param(format_, id=name) for name, format_ in formats.WRITTEN.items() if format_.exact
]


@pytest.mark.parametrize(("format_", "masks"), MASKS)
def test_no_region_and_classes_without_pixels(
    format_: Format, masks: Wanted, tmp_path: Path
) -> None:
    nothing = np.zeros((20, 30))
    one = LabelledImage("", nothing.astype(np.uint16), nothing.astype(np.int32), path="empty.png")
    images = [one, image(3, name="other.png")]
    folder = write(tmp_path / "out", images, format_, options=replace(BARE, masks=masks))
    assert Opened.of(folder).vocabulary == words()
    for manifest in (True, False):
        opened = Opened.of(folder, manifest=manifest)
        (empty,) = (opened.image(entry) for entry in opened.entries if entry.name == "empty")
        assert empty.shape == (20, 30)
        assert not empty.labels.any()
        assert not empty.notes


@pytest.mark.parametrize(("format_", "masks"), MASKS)
def test_three_hundred_classes(format_: Format, masks: Wanted, tmp_path: Path) -> None:
    vocabulary = plain(300)
    one = grid(60, 20, 300)
    options = replace(BARE, masks=masks)
    folder = write(tmp_path / "out", [one], format_, vocabulary, options)
    (back,) = read(folder)
    np.testing.assert_array_equal(back.labels, one.labels)
    (bare,) = read(folder, manifest=False)
    np.testing.assert_array_equal(bare.labels, one.labels)
    assert Opened.of(folder, manifest=False).vocabulary.names == vocabulary.names


@pytest.mark.parametrize("format_", WRITTEN_FORMATS)
def test_a_background_that_is_left_out_comes_back_with_its_decisions(
    format_: Format, tmp_path: Path
) -> None:
    """Of polygons, too: what nobody has changed elsewhere is as it was."""
    vocabulary = Vocabulary.parse("cat, dog, background: sky")
    one = image(5, (60, 70), vocabulary=vocabulary, name="a.png")
    free = "background" in format_.free
    options = replace(BARE, background="unlabelled" if free else None)
    folder = write(tmp_path / "out", [one], format_, vocabulary, options)
    opened = Opened.of(folder)
    (entry,) = opened.entries
    back = opened.image(entry)
    np.testing.assert_array_equal(back.labels, one.labels)
    assert same_notes(back, one)
    if free:
        sky = vocabulary.values[vocabulary.background or 0]
        assert (one.labels == sky).any()
        bare = Opened.of(folder, manifest=False)
        names = {class_.value: class_.name for class_ in bare.vocabulary}
        found = {names[value] for value in np.unique(bare.image(entry).labels).tolist() if value}
        assert "background" not in found


@pytest.mark.parametrize("format_", WRITTEN_FORMATS)
def test_two_images_of_one_name(format_: Format, tmp_path: Path) -> None:
    images = [
        image(1, name="north/a.jpg"),
        image(2, name="south/a.jpg"),
        image(3, name="south/A.png"),
        image(4, name="north_a.jpg"),
    ]
    folder = write(tmp_path / "out", images, format_, options=BARE)
    opened = Opened.of(folder)
    back = {opened.path_of(entry): opened.image(entry) for entry in opened.entries}
    assert len(back) == 4
    for one in images:
        np.testing.assert_array_equal(back[one.path].regions, one.regions)


@pytest.mark.parametrize("manifest", [True, False])
@pytest.mark.parametrize("format_", EXACT)
def test_a_mask_of_four_parts_is_one_and_ten_masks_are_ten(
    format_: Format, manifest: bool, tmp_path: Path
) -> None:
    """Hugging Face's label maps know no regions: there each connected part of a class is one."""
    regions = np.zeros((40, 40), np.int32)
    for top, left in ((1, 1), (1, 30), (30, 1), (30, 30)):
        regions[top : top + 6, left : left + 6] = 7
    for number in range(9):
        regions[12 + number, 10:20] = 20 + number
    labels = np.where(regions > 0, 1 + regions % 2, 0).astype(np.uint16)
    notes = tuple(
        RegionNote(region, 1 + region % 2, 1 + region % 2, "assigned")
        for region in (7, *range(20, 29))
    )
    one = LabelledImage("", labels, regions, notes, path="parts.png")
    folder = write(
        tmp_path / "out", [one], format_, plain(2), replace(BARE, masks=masks_of(format_))
    )
    (back,) = read(folder, manifest=manifest)
    if format_.name == "huggingface" and not manifest:
        one = replace(one, regions=parts_of(labels))
    assert same_segments(back, one)
    assert len(back.notes) == len(np.unique(one.regions)) - 1
    if manifest or format_.name not in ("huggingface", "cvat"):  # which have no place for ids
        assert [note.id for note in back.notes] == [7, *range(20, 29)]
        np.testing.assert_array_equal(back.regions, regions)


def test_a_split_is_the_same_one_again_and_keeps_planes_together() -> None:
    paths = [f"{number}.png" for number in range(90)] + ["stack.tif"] * 10
    parts = dealt(paths, (80, 10, 10), 3)
    assert parts == dealt(paths, (80, 10, 10), 3)
    assert parts != dealt(paths, (80, 10, 10), 4)
    assert len(set(parts[90:])) == 1
    files = dict(zip(paths, parts, strict=True))
    counts = [sum(part == subset for part in files.values()) for subset in ("train", "val", "test")]
    assert counts == [73, 9, 9]
    assert set(dealt(paths, (1, 1))) == {"train", "val"}
    for split in ((1,), (1, 1, 1, 1), (0, 0), (-1, 2)):
        with pytest.raises(InputError, match="give two or three parts"):
            dealt(paths, split)


def test_a_label_of_no_class_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"'grid.png' has the label 3, which no class has"):
        write(tmp_path / "out", [grid(20, 2, 3)], FORMATS["indexed"], plain(2), BARE)
    assert not (tmp_path / "out").exists()


def test_what_is_no_export_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="There is no format 'voc'"):
        format_called("voc")
    with pytest.raises(InputError, match="is no export that can be read"):
        format_of(tmp_path)
    with pytest.raises(InputError, match="There is no folder"):
        Opened.of(tmp_path / "gone")


@pytest.mark.parametrize(
    "damage",
    ["{", '{"format": "napari-corrclip export 2"}', '{"format": "napari-corrclip export 1"}'],
)
def test_a_damaged_manifest_is_told_and_can_be_left_out(damage: str, tmp_path: Path) -> None:
    folder = write(tmp_path / "out", [image(1)], FORMATS["indexed"], options=BARE)
    (folder / "napari-corrclip" / "manifest.json").write_text(damage)
    with pytest.raises(InputError, match="manifest"):
        Opened.of(folder)
    assert len(read(folder, manifest=False)) == 1


def test_damaged_regions_of_a_manifest_are_told(tmp_path: Path) -> None:
    folder = write(tmp_path / "out", [image(1)], FORMATS["indexed"], options=BARE)
    path = folder / "napari-corrclip" / "items" / "000000.npz"
    arrays = dict(np.load(path))
    for name, wrong in (
        ("lengths", arrays["lengths"][:-1]),
        ("run_ids", -arrays["run_ids"]),
        ("states", arrays["states"] + 9),
        ("by", arrays["by"] + 9),
        ("ids", arrays["ids"][:-1]),
    ):
        np.savez_compressed(path, **{**arrays, name: wrong})
        with pytest.raises(InputError, match="is damaged"):
            read(folder)
    path.unlink()
    with pytest.raises(InputError, match=r"000000\.npz"):
        read(folder)


def test_a_number_that_was_asked_for_stays(tmp_path: Path) -> None:
    """255, which most trainers leave out, becomes another one only where nobody asked for it."""
    many = Vocabulary.from_names([f"class {number}" for number in range(300)])
    few = Vocabulary(many.classes[280:], many.next_value)
    asked = replace(BARE, ignored=255)
    assert head_of(FORMATS["indexed"], few, asked).numbering.choices.ignored == 255
    assert head_of(FORMATS["indexed"], few, BARE).numbering.choices.ignored == 65535
    with pytest.raises(InputError, match="255 is the number of 'class 254'"):
        head_of(FORMATS["indexed"], many, asked)


def test_what_is_ignored_as_if_unlabelled_is_black(tmp_path: Path) -> None:
    folder = write(
        tmp_path / "out", [image(3)], FORMATS["indexed"], options=replace(BARE, ignored=0)
    )
    (path,) = (folder / "SegmentationClass").glob("*.png")
    with Image.open(path) as picture:
        assert picture.getpalette()[:3] == [0, 0, 0]


def test_subsets_are_known_by_what_others_call_them() -> None:
    found = [subset_called(name) for name in ("Train", "valid", "VALIDATION", "testing", "fold2")]
    assert found == ["train", "val", "val", "test", "fold2"]
    assert subset_called("default") == "default"
