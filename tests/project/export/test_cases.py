"""Images and sets that other programs stumble over, in each format."""

from __future__ import annotations

import os
import tracemalloc
import unicodedata
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import zarr
from PIL import Image

from napari_corrclip.errors import InputError
from napari_corrclip.maps.parts import parts_of
from napari_corrclip.project.export import checks, formats, indexed
from napari_corrclip.project.export.cvat import MOST
from napari_corrclip.project.export.exporting import (
    ExportOptions,
    alike,
    dealt,
    head_of,
    names_of,
    names_with_folders,
    subset_called,
)
from napari_corrclip.project.export.format import Format, Wanted
from napari_corrclip.project.export.formats import FORMATS, format_called, format_of
from napari_corrclip.project.export.image import LabelledImage, RegionNote
from napari_corrclip.project.export.importing import Opened
from napari_corrclip.vocabulary import Vocabulary
from tests.project.export.exported import (
    MASKS,
    image,
    read,
    same_notes,
    same_segments,
    words,
    write,
)

BARE = ExportOptions(pictures="none")
WRITTEN = [pytest.param(format_, id=name) for name, format_ in formats.WRITTEN.items()]
EXACT = [
    pytest.param(format_, id=name) for name, format_ in formats.WRITTEN.items() if format_.exact
]
EXACT_MASKS = [pair for pair in MASKS if pair.values[0].exact]


def plain(count: int) -> Vocabulary:
    """Return a vocabulary of the values from 1 on."""
    return Vocabulary.from_names([f"class {number}" for number in range(count)])


def masks_of(format_: Format) -> Wanted:
    """Return what masks are to be of, so that a format's files know regions if they can."""
    return next((masks for masks in format_.masks if masks != "classes"), "classes")


def grid(side: int, cells: int, classes: int) -> LabelledImage:
    """Return an image of cells x cells regions, each of one class."""
    at = np.arange(side) * cells // side
    regions = (at[:, None] * cells + at + 1).astype(np.int32)
    values = (1 + np.arange(cells * cells + 1) % classes).astype(np.uint16)
    notes = tuple(
        RegionNote(region, int(values[region]), int(values[region]), p=0.5)
        for region in range(1, cells * cells + 1)
    )
    return LabelledImage("", values[regions], regions, notes, path="grid.png")


#: Formats that write every region's outline as text, which takes a minute and more for so many.
SLOW = ("label-studio", "geojson")


@pytest.mark.parametrize(
    "format_",
    [
        pytest.param(*each.values, id=each.id, marks=pytest.mark.long) if each.id in SLOW else each
        for each in WRITTEN
    ],
)
def test_many_regions(format_: Format, tmp_path: Path) -> None:
    one = grid(530, 265, 7)  # 70,225 of four pixels
    assert len(one.notes) > 70_000
    folder = write(
        tmp_path / "out", [one], format_, plain(7), replace(BARE, masks=masks_of(format_))
    )
    (back,) = read(folder)
    np.testing.assert_array_equal(back.labels, one.labels)
    np.testing.assert_array_equal(back.regions, one.regions)
    assert same_notes(back, one)
    (bare,) = read(folder, manifest=False)
    np.testing.assert_array_equal(bare.labels, one.labels)
    if format_.name == "cvat":  # which knows so many
        assert len(bare.notes) == MOST
    elif (
        format_.name != "huggingface"
    ):  # which knows no regions, but neighbours are of other classes
        assert same_segments(bare, one)


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


@pytest.mark.parametrize("format_", WRITTEN)
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


@pytest.mark.parametrize("format_", WRITTEN)
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


@pytest.mark.parametrize("format_", WRITTEN)
def test_two_hundred_masks_in_little_memory(format_: Format, tmp_path: Path) -> None:
    one = grid(2610, 15, 7)  # 225 masks; what is needed whatever the size is little beside it
    limit = 3 * one.labels.nbytes
    (tmp_path / "warm").mkdir()
    for manifest in (True, False):  # imports and tables
        write(tmp_path / "warm" / str(manifest), [grid(30, 3, 7)], format_, plain(7), BARE)
        read(tmp_path / "warm" / str(manifest), manifest=manifest)
    tracemalloc.start()
    try:
        folder = write(tmp_path / "out", [one], format_, plain(7), BARE)
        _, peak = tracemalloc.get_traced_memory()
        assert peak <= limit, f"writing took {peak / one.labels.nbytes:.1f} label maps"
        for manifest in (True, False):
            opened = Opened.of(folder, manifest=manifest)
            held, _ = tracemalloc.get_traced_memory()
            tracemalloc.reset_peak()
            taken = opened.image(opened.entries[0])
            _, peak = tracemalloc.get_traced_memory()
            assert taken.shape == one.shape
            del taken
            took = (peak - held) / one.labels.nbytes
            assert peak - held <= limit, f"reading took {took:.1f} label maps"
    finally:
        tracemalloc.stop()


class Lazy:
    """An array on the disk, which is never cut as a whole."""

    def __init__(self, array: np.ndarray, store: Path) -> None:
        self._array = zarr.array(data=array, chunks=(256, 256), store=str(store))
        self.shape, self.dtype, self.chunks = array.shape, array.dtype, (256, 256)
        self.largest = 0

    def __getitem__(self, key: object) -> np.ndarray:
        piece = self._array[key]
        self.largest = max(self.largest, piece.size)
        return piece


@pytest.mark.parametrize(("format_", "masks"), EXACT_MASKS)
def test_large_images_are_read_in_pieces(format_: Format, masks: Wanted, tmp_path: Path) -> None:
    one = image(5, (1100, 1000), vocabulary=plain(5), regions=40)  # 255 masks are too few for more
    labels, regions = Lazy(one.labels, tmp_path / "l"), Lazy(one.regions, tmp_path / "r")
    large = LabelledImage("", labels, regions, one.notes, path="large.tif")
    options = replace(BARE, masks=masks)
    folder = write(tmp_path / "out", [large], format_, plain(5), options)
    assert max(labels.largest, regions.largest) <= 256 * 1100  # a chunk high, and as wide as it is
    (back,) = read(folder)
    np.testing.assert_array_equal(back.labels, one.labels)
    np.testing.assert_array_equal(back.regions, one.regions)
    (bare,) = read(folder, manifest=False)
    np.testing.assert_array_equal(bare.labels, one.labels)
    assert masks == "classes" or same_segments(bare, one)


@pytest.mark.parametrize("name", formats.WRITTEN)
def test_what_would_not_be_read_again_is_not_written(name: str, tmp_path: Path) -> None:
    """An image of one pixel too many is left out and told, before any of its pixels is looked at."""
    assert 2 * (Image.MAX_IMAGE_PIXELS or 0) == checks.MOST_OF_PICTURE  # of the Pillow that is here
    of_pngs = name in ("indexed", "coco-panoptic", "cvat", "huggingface")
    most = checks.MOST_OF_PICTURE if of_pngs else checks.MOST_PIXELS
    shape = (2, most // 2 + 1)
    labels, regions = (np.broadcast_to(kind(0), shape) for kind in (np.uint16, np.int32))
    large = LabelledImage("", labels, regions, path="large.tif")
    if name == "ome-zarr":
        assert FORMATS[name].writer is not None
        head = head_of(FORMATS[name], words(), BARE)
        assert FORMATS[name].writer(tmp_path, head).most_pixels is None
        return
    with pytest.raises(
        InputError,
        match=rf"large.tif: It has 2 x {shape[1]} pixels, and {most} are read back at most from",
    ):
        write(tmp_path / "out", [large], FORMATS[name], options=BARE)
    assert not (tmp_path / "out").exists()
    folder = write(tmp_path / "out", [large, image(1)], FORMATS[name], options=BARE)
    assert [one.shape for one in read(folder)] == [image(1).shape]


@pytest.mark.parametrize("name", ["yolo", "geojson"])
def test_a_picture_beside_polygons_is_no_larger_than_it_can_be_read(
    name: str, tmp_path: Path
) -> None:
    for pictures, most in (("copy", checks.MOST_OF_PICTURE), ("none", checks.MOST_PIXELS)):
        head = head_of(FORMATS[name], words(), replace(BARE, pictures=pictures))
        writer = FORMATS[name].writer
        assert writer is not None
        assert writer(tmp_path, head).most_pixels == most


def test_a_large_zarr_with_hardly_a_label_comes_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its chunks of nothing are there, so that it is as large as it says."""
    monkeypatch.setattr(checks, "MOST_PIXELS", 1 << 20)
    labels, regions = np.zeros((3000, 3000), np.uint16), np.zeros((3000, 3000), np.int32)
    labels[7, 9] = regions[7, 9] = 1
    one = LabelledImage("", labels, regions, (RegionNote(1, 1, 1),), path="large.tif")
    folder = write(tmp_path / "out", [one], FORMATS["ome-zarr"], plain(1), BARE)
    (back,) = read(folder)
    np.testing.assert_array_equal(back.labels, labels)
    np.testing.assert_array_equal(back.regions, regions)


def test_regions_of_more_pixels_than_a_png_has_are_a_tiff(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(indexed, "MOST_OF_PICTURE", 50)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 25)
    one = grid(10, 2, 2)
    choice = replace(BARE, masks="both", unlabelled=300)  # all numbers are TIFF's, then
    folder = write(tmp_path / "out", [one], FORMATS["indexed"], plain(2), choice)
    for manifest in (True, False):
        (back,) = read(folder, manifest=manifest)
        np.testing.assert_array_equal(back.labels, one.labels)
        np.testing.assert_array_equal(back.regions, one.regions)


def test_names_of_files() -> None:
    titles = [
        "../a/heron.jpg",
        "../b/heron.jpg",
        "../b/reed.png",
        "cells.tif[3]",
        "cells.tif[0, 12]",
    ]
    assert names_of(titles) == ["a_heron", "b_heron", "reed", "cells_3", "cells_0_12"]
    assert names_of(["x.png", "x.jpg", "X.tif"]) == ["x", "x_2", "X_3"]
    assert names_of(["a\nb\t:.png", "..png", "a" * 300])[0] == "a_b_"
    assert all(len(name.encode()) < 240 for name in names_of(["ä" * 300 + ".png"]))
    assert names_with_folders("../a/b/heron.jpg") == ["heron", "b_heron", "a_b_heron"]


def test_names_of_devices_are_none_of_files() -> None:
    """Windows takes them for devices, whatever follows."""
    titles = ["con.png", "NUL.tif", "aux.jpg", "com1.x.png", "LPT³.png", "CONIN$.png"]
    assert names_of(titles) == ["con_", "NUL_", "aux_", "com1_.x", "LPT³_", "CONIN$_"]
    assert names_of(["con/a.png", "b/a.png"]) == ["con__a", "b_a"]
    assert names_of(["console.png", "com10.png", "con_.png", "con.png"]) == [
        "console",
        "com10",
        "con_",
        "con__2",
    ]
    assert names_with_folders("prn/con.png") == ["con_", "prn__con_"]


def test_names_that_are_one_on_some_disk_are_two() -> None:
    """As macOS has names, and as others do; and bytes that are no text, which no list in UTF-8 can have."""
    whole, parts = "Käfer.png", unicodedata.normalize("NFD", "KÄFER.png")
    assert names_of([whole, parts]) == ["Käfer", "KÄFER_2"]
    assert names_of([f"a/{whole}", f"b/{parts}"]) == ["a_Käfer", "b_KÄFER"]
    assert names_of(["caf\udce9.png", "caf\udce8.png", "\ud800.png"]) == [
        "caf_xE9",
        "caf_xE8",
        "_uD800",
    ]
    assert names_with_folders(os.fsdecode(b"b\xff/caf\xe9.jpg")) == ["caf_xE9", "b_xFF_caf_xE9"]
    assert alike("Straße ΐ") == alike(unicodedata.normalize("NFD", "STRASSE ΐ"))


@pytest.mark.parametrize("manifest", [True, False])
@pytest.mark.parametrize("name", formats.WRITTEN)
def test_names_of_all_disks_come_back(name: str, manifest: bool, tmp_path: Path) -> None:
    titles = ["caf\udce9.png", "\ud83d.png", "Käfer.png", unicodedata.normalize("NFD", "KÄFER.png")]
    images = [replace(image(seed), path=title) for seed, title in enumerate(titles)]
    folder = write(tmp_path / "out", images, FORMATS[name], options=BARE)
    names = [path.name for path in folder.rglob("*")]
    assert all(name.isprintable() and name.encode() for name in names)
    assert len({alike(name) for name in names}) == len(set(names))
    if name == "yolo" and not manifest:  # nothing else says how large they are
        return
    opened = Opened.of(folder, manifest=manifest)
    assert {entry.name for entry in opened.entries} == set(names_of(titles))
    back = {entry.name: opened.image(entry) for entry in opened.entries}
    if manifest:
        assert [back[each].path for each in names_of(titles)] == titles
    if FORMATS[name].exact:
        for one, each in zip(images, names_of(titles), strict=True):
            np.testing.assert_array_equal(back[each].labels > 0, one.labels > 0)


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
