"""Images that are large, or have very many regions, in each format."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import zarr
from PIL import Image

from napari_corrclip.errors import InputError
from napari_corrclip.project.export import checks, formats, indexed
from napari_corrclip.project.export.cvat import MOST
from napari_corrclip.project.export.exporting import (
    head_of,
)
from napari_corrclip.project.export.format import Format, Wanted
from napari_corrclip.project.export.formats import FORMATS
from napari_corrclip.project.export.image import LabelledImage, RegionNote
from napari_corrclip.project.export.importing import Opened
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

EXACT_MASKS = [pair for pair in MASKS if pair.values[0].exact]
#: Formats in which so many regions need another form: a TIFF, or masks that are put together. The others have
#: a list of regions or an array of 32 bits, whatever there is of them, and take a minute for so many.
COUNTED = ("indexed", "cvat")


@pytest.mark.parametrize(
    "format_",
    [
        each
        if each.id in COUNTED
        else pytest.param(*each.values, id=each.id, marks=pytest.mark.long)
        for each in WRITTEN_FORMATS
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


@pytest.mark.parametrize(("format_", "masks"), EXACT_MASKS)
def test_numbers_of_regions_that_no_sixteen_bits_hold(
    format_: Format, masks: Wanted, tmp_path: Path
) -> None:
    few = grid(60, 20, 7)
    regions = np.where(few.regions > 0, few.regions + 70_000, 0).astype(np.int32)
    notes = tuple(replace(note, id=note.id + 70_000) for note in few.notes)
    one = replace(few, regions=regions, notes=notes)
    folder = write(tmp_path / "out", [one], format_, plain(7), replace(BARE, masks=masks))
    (back,) = read(folder)
    np.testing.assert_array_equal(back.labels, one.labels)
    np.testing.assert_array_equal(back.regions, one.regions)
    assert same_notes(back, one)
    (bare,) = read(folder, manifest=False)
    np.testing.assert_array_equal(bare.labels, one.labels)
    if masks != "classes":
        assert same_segments(bare, one) or (format_.name == "cvat" and len(bare.notes) == MOST)


@pytest.mark.parametrize("format_", WRITTEN_FORMATS)
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
        self._array = zarr.array(data=array, chunks=(128, 128), store=str(store))
        self.shape, self.dtype, self.chunks = array.shape, array.dtype, (128, 128)
        self.largest = 0

    def __getitem__(self, key: object) -> np.ndarray:
        piece = self._array[key]
        self.largest = max(self.largest, piece.size)
        return piece


@pytest.mark.parametrize(("format_", "masks"), EXACT_MASKS)
def test_large_images_are_read_in_pieces(format_: Format, masks: Wanted, tmp_path: Path) -> None:
    one = image(5, (800, 700), vocabulary=plain(5), regions=40)  # 255 masks are too few for more
    labels, regions = Lazy(one.labels, tmp_path / "l"), Lazy(one.regions, tmp_path / "r")
    large = LabelledImage("", labels, regions, one.notes, path="large.tif")
    options = replace(BARE, masks=masks)
    folder = write(tmp_path / "out", [large], format_, plain(5), options)
    assert max(labels.largest, regions.largest) <= 256 * 800  # two chunks, and as long as it is
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
