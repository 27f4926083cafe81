"""The images beside their labels: which files are copied as they are, and what is told where none can be."""

from __future__ import annotations

import struct
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import zarr
from PIL import Image

from napari_corrclip.progress import finish
from napari_corrclip.project.export.exporting import Exported, ExportOptions, Source, export_steps
from napari_corrclip.project.export.formats import FORMATS, WRITTEN
from napari_corrclip.project.export.image import LabelledImage
from napari_corrclip.project.export.importing import Opened
from napari_corrclip.project.export.ome_zarr import OmeZarrWriter
from tests.project.export.exported import image, words

SHAPE = (31, 47)
SEEN = np.random.default_rng(0).integers(0, 255, (*SHAPE, 3), np.uint8)


def exported(
    folder: Path, images: list[LabelledImage], name: str, options: ExportOptions | None = None
) -> Exported:
    sources = [Source(one.path, one.path, lambda one=one: one) for one in images]
    return finish(export_steps(sources, folder, FORMATS[name], words(), options))


def deep_png(file: Path, colors: bool) -> None:
    """Write a PNG of 16 bits, of colours too, which Pillow cannot write."""
    array = SEEN.astype(">u2") * 257 if colors else SEEN[..., 0].astype(">u2") * 257
    rows = b"".join(b"\0" + row.tobytes() for row in array)
    header = struct.pack(">IIBBBBB", SHAPE[1], SHAPE[0], 16, 2 if colors else 0, 0, 0, 0)
    data = b"\x89PNG\r\n\x1a\n"
    for kind, body in ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")):
        data += struct.pack(">I", len(body)) + kind + body
        data += struct.pack(">I", zlib.crc32(kind + body))
    file.write_bytes(data)


@pytest.mark.parametrize("kind", ["16 bits", "16 bits in colours", "CMYK"])
def test_what_trainers_do_not_read_alike_is_a_png_of_what_the_networks_saw(
    kind: str, tmp_path: Path
) -> None:
    file = tmp_path / ("a.jpg" if kind == "CMYK" else "a.png")
    if kind == "CMYK":
        Image.fromarray(SEEN).convert("CMYK").save(file)
    else:
        deep_png(file, colors=kind != "16 bits")
    done = exported(tmp_path / "out", [replace(image(1), file=file)], "yolo")
    assert done.left_out == ()
    (copy,) = (done.folder / "images" / "train").iterdir()
    assert copy.suffix == ".png"
    with Image.open(copy) as picture:
        assert picture.mode == "RGB"
        assert np.ptp(np.asarray(picture)) > 100
    assert copy.read_bytes()[24] == 8


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA"])
def test_ordinary_pictures_are_copied_as_they_are(mode: str, tmp_path: Path) -> None:
    Image.fromarray(SEEN).convert("L" if mode == "LA" else mode).convert(mode).save(
        tmp_path / "a.png"
    )
    one = replace(image(1), file=tmp_path / "a.png")
    done = exported(tmp_path / "out", [one], "yolo")
    (copy,) = (done.folder / "images" / "train").iterdir()
    assert copy.read_bytes() == (tmp_path / "a.png").read_bytes()


def on_disk(one: LabelledImage, folder: Path) -> LabelledImage:
    """Return an image whose maps are on the disk, as a large one's are."""
    labels, regions = (
        zarr.array(data=array, chunks=(16, 16), store=str(folder / name))
        for name, array in (("labels", one.labels), ("regions", one.regions))
    )
    return replace(one, labels=labels, regions=regions)


@pytest.mark.parametrize("large", [True, False])
@pytest.mark.parametrize("name", WRITTEN)
def test_an_image_whose_picture_cannot_be_put_is_left_out_alone(
    name: str, large: bool, tmp_path: Path
) -> None:
    (tmp_path / "garbage.tif").write_bytes(b"garbage")
    Image.fromarray(SEEN[:10, :10]).save(tmp_path / "small.tif")
    Image.fromarray(SEEN[:10, :10]).save(tmp_path / "small.png")
    Image.fromarray(SEEN).save(tmp_path / "cut.jpg")
    (tmp_path / "cut.jpg").write_bytes((tmp_path / "cut.jpg").read_bytes()[:-400])
    bad = ["garbage.tif", "small.tif", "small.png"]
    if FORMATS[name].writer is OmeZarrWriter:  # others copy it as it is
        bad.append("cut.jpg")
    images = [replace(image(0), pixels=SEEN, path="good.png")]
    for seed, each in enumerate(bad, start=1):
        one = replace(image(seed), file=tmp_path / each, path=each)
        (tmp_path / str(seed)).mkdir()
        images.append(on_disk(one, tmp_path / str(seed)) if large else one)
    done = exported(tmp_path / "out", images, name, ExportOptions(pictures="copy"))
    assert done.images == 1
    assert [told.partition(":")[0] for told in done.left_out] == bad
    assert len(Opened.of(done.folder).entries) == 1


def test_a_large_picture_goes_out(tmp_path: Path) -> None:
    Image.fromarray(SEEN).save(tmp_path / "a.tif")
    one = on_disk(replace(image(2), file=tmp_path / "a.tif"), tmp_path)
    done = exported(tmp_path / "out", [one], "coco")
    with Image.open(next(done.folder.rglob("a b.png"))) as picture:
        np.testing.assert_array_equal(np.asarray(picture), SEEN)


def test_images_without_a_picture_are_told(tmp_path: Path) -> None:
    first, second = image(1, name="a.png"), image(2, name="b.png")
    done = exported(tmp_path / "one", [first, replace(second, pixels=SEEN)], "yolo")
    assert done.notes[0].startswith("Of 'a.png' there is no picture at hand, and the labels alone")
    done = exported(tmp_path / "two", [first, second, image(3, name="c.png")], "yolo")
    assert done.notes[0].startswith("Of 'a.png' and 2 other images there is no picture at hand")
    done = exported(tmp_path / "none", [replace(second, pixels=SEEN)], "yolo")
    assert done.notes == ()
