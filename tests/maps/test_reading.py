"""Ids of map files come as they are stored, whole or a piece at a time; what holds none is refused."""

from __future__ import annotations

import contextlib
import io
import os
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import Image

from napari_corrclip.cli.segment import Job, Options
from napari_corrclip.engine.large.reading import LazyImage, LazyRegions
from napari_corrclip.engine.large.run import _given
from napari_corrclip.errors import InputError
from napari_corrclip.evaluation.effort.cases.folder import read_folder
from napari_corrclip.images.planes import Plane, as_plane
from napari_corrclip.maps.reading import find_map, open_map, read_map
from napari_corrclip.regions.given import GivenRegions
from tests.images.tiffs import Page, page, tiff

IDS = np.array([[0, 1, 2, 3, 3], [7, 0, 90, 2, 3], [200, 200, 0, 255, 1]], np.uint8)
MANY = (IDS.astype(np.uint16) * 257)[::-1]
WRITE = Callable[[], bytes]


def written(save: Callable[..., object], *args: object, **options: object) -> bytes:
    """Return what ``save`` writes into a file."""
    file = io.BytesIO()
    save(file, *args, **options)
    return file.getvalue()


def packed(values: NDArray[np.integer], bits: int) -> bytes:
    """Return rows of numbers of so many bits, each from a whole byte on."""
    single = (values[:, :, None] >> np.arange(bits)[::-1]) & 1
    return np.packbits(single.reshape(len(values), -1).astype(bool), axis=1).tobytes()


def every(bits: int) -> NDArray[np.integer]:
    """Return all numbers of so many bits, in rows of which some do not end with a byte."""
    values = np.arange(1 << bits)
    return np.stack([values, values[::-1], values])[:, : max(2, len(values) - 1)]


def lzw(data: bytes) -> bytes:
    """Return LZW that saves nothing: every byte for itself, the table cleared before it grows."""
    codes = []
    for start in range(0, len(data), 200):
        codes += [256, *data[start : start + 200]]
    text = "".join(f"{code:09b}" for code in [*codes, 257])
    text += "0" * (-len(text) % 8)
    return int(text, 2).to_bytes(len(text) // 8, "big")


def png(values: NDArray[np.integer], bits: int, color: int = 0, **chunks: bytes) -> bytes:
    """Return a PNG of so many bits; ``color`` 0 is gray, 3 a palette, 4 gray with opacity."""

    def chunk(name: str, data: bytes) -> bytes:
        body = name.encode() + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    height, width = values.shape[0], values.shape[1] // (2 if color == 4 else 1)
    wide = values.astype(">u2").tobytes() if bits == 16 else packed(values, bits)
    step = len(wide) // height
    rows = b"".join(b"\0" + wide[at : at + step] for at in range(0, len(wide), step))
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk("IHDR", struct.pack(">IIBBBBB", width, height, bits, color, 0, 0, 0))
        + b"".join(chunk(name, data) for name, data in chunks.items())
        + chunk("IDAT", zlib.compress(rows))
        + chunk("IEND", b"")
    )


def palette(bits: int) -> dict[str, bytes]:
    """Return colours of which no two indices keep their order."""
    return {"PLTE": np.random.default_rng(0).permutation(256).astype(np.uint8)[: 1 << bits]
            .repeat(3).tobytes()}  # fmt: skip


TWELVE = np.arange(12, dtype=np.uint8).reshape(
    3, 4
)  # all used: Pillow drops other colours of a GIF


def picture(kind: str, mode: str = "P", ids: NDArray[np.uint8] = IDS) -> bytes:
    image = Image.fromarray(ids)
    if mode == "P":
        image.putpalette(np.arange(768).astype(np.uint8)[::-1].tobytes())
    return written(image.save, format=kind)


def turned() -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 6
    return written(Image.fromarray(IDS).save, format="PNG", exif=exif)


def tif(array: NDArray[np.generic], **options: object) -> WRITE:
    return lambda: written(tifffile.imwrite, array, **options)


def bits_tif(bits: int, photometric: int, **tags: object) -> WRITE:
    made = Page(every(bits).shape, [packed(every(bits), bits)], bits=bits, photometric=photometric)
    made.tags = tags  # type: ignore[assignment]
    if photometric == 3:
        made.tags = {320: list(range(3 << bits)), **tags}
    return lambda: tiff(made)


def lzw_tif(array: NDArray[np.generic], **tags: object) -> WRITE:
    made = page(array)
    made.pieces = [lzw(made.pieces[0])]
    made.tags = {**made.tags, 259: 5, **{int(name[1:]): value for name, value in tags.items()}}
    return lambda: tiff(made)


def stripes(shape: tuple[int, int] = (96, 80)) -> NDArray[np.uint16]:
    return (np.indices(shape).sum(0) // 7 * 300).astype(np.uint16)


TABLE = np.arange(768)[::-1].reshape(3, 256).astype(np.uint16)
FILES: dict[str, tuple[WRITE, NDArray[np.integer]]] = {
    "npy": (lambda: written(np.save, IDS), IDS),
    "npy-swapped": (lambda: written(np.save, MANY.astype(">i4")), MANY),
    "npy-by-columns": (lambda: written(np.save, np.asfortranarray(MANY)), MANY),
    "tif": (tif(IDS), IDS),
    "tif-swapped": (tif(MANY, byteorder=">"), MANY),
    "tif-big": (tif(MANY, bigtiff=True), MANY),
    "tif-int8": (tif((IDS // 2).astype(np.int8)), IDS // 2),
    "tif-uint32": (tif(MANY.astype(np.uint32) * 9), MANY.astype(np.uint32) * 9),
    "tif-int64": (tif(MANY.astype(np.int64)), MANY),
    "tif-uint64": (tif(MANY.astype(np.uint64)), MANY),
    "tif-white-8": (tif(IDS, photometric="miniswhite"), IDS),
    "tif-white-16": (tif(MANY, photometric="miniswhite"), MANY),
    "tif-white-tiles": (
        tif(stripes(), photometric="miniswhite", tile=(16, 32), compression="zlib"),
        stripes(),
    ),
    "tif-white-strips": (tif(stripes(), photometric="miniswhite", rowsperstrip=7), stripes()),
    "tif-palette": (tif(IDS, photometric="palette", colormap=TABLE), IDS),
    "tif-palette-tiles": (
        tif(
            stripes().astype(np.uint8),
            photometric="palette",
            colormap=TABLE,
            tile=(32, 16),
            compression="zlib",
        ),
        stripes().astype(np.uint8),
    ),
    "tif-predictor": (tif(stripes(), compression="zlib", predictor=2, rowsperstrip=9), stripes()),
    "tif-lzw-white-8": (lzw_tif(IDS, t262=0), IDS),
    "tif-lzw-palette": (lzw_tif(IDS, t262=3, t320=list(range(768))), IDS),
    "tif-lzw-16": (lzw_tif(MANY), MANY),
    "tif-lzw-white-16": (lzw_tif(MANY, t262=0), MANY),
    "tif-lzw-int32": (lzw_tif(MANY.astype(np.int32)), MANY),
    "tif-lzw-uint32": (lzw_tif(MANY.astype(np.uint32)), MANY),
    "tif-lzw-predictor": (
        lzw_tif(np.diff(MANY, axis=1, prepend=np.uint16(0)), t317=2),
        MANY,
    ),
    "tif-turned": (lambda: tiff(page(IDS, t274=6)), np.rot90(IDS, -1)),
    "tif-lzw-turned": (lzw_tif(IDS, t274=6), np.rot90(IDS, -1)),
    "tif-thumbnail-first": (lambda: tiff(page(IDS[:1, :2], t254=1), page(IDS)), IDS),
    "tif-opacity": (
        lambda: tiff(page(np.stack([IDS, IDS // 3], axis=-1), t338=[2], t262=1)),
        IDS,
    ),
    **{f"tif-{bits}-bits": (bits_tif(bits, 1), every(bits)) for bits in (1, 2, 4)},
    **{f"tif-{bits}-bits-white": (bits_tif(bits, 0), every(bits)) for bits in (1, 2, 4)},
    **{f"tif-{bits}-bits-palette": (bits_tif(bits, 3), every(bits)) for bits in (2, 4)},
    "png": (lambda: png(IDS, 8), IDS),
    "png-16": (lambda: png(MANY, 16), MANY),
    **{f"png-{bits}-bits": (lambda bits=bits: png(every(bits), bits), every(bits)) for bits in (1, 2, 4)},
    **{
        f"png-{bits}-bits-palette": (
            lambda bits=bits: png(every(bits), bits, 3, **palette(bits)),
            every(bits),
        )
        for bits in (1, 2, 4, 8)
    },
    "png-opacity": (lambda: png(np.stack([IDS, 255 - IDS], -1).reshape(3, -1), 8, 4), IDS),
    "png-16-opacity": (lambda: png(np.stack([MANY, MANY], -1).reshape(3, -1), 16, 4), MANY),
    "png-turned": (turned, np.rot90(IDS, -1)),
    "bmp": (lambda: picture("BMP", "L"), IDS),
    "bmp-palette": (lambda: picture("BMP"), IDS),
    "gif-palette": (lambda: picture("GIF", ids=TWELVE), TWELVE),
    "pgm": (lambda: b"P5\n5 3\n255\n" + IDS.tobytes(), IDS),
    "pgm-2-bits": (lambda: b"P2 # plain\n4 1\n3\n0 1 2 3\n", np.arange(4)[None]),
    "pgm-10-bits": (
        lambda: b"P5\n# an instrument's\n1001 1 1000\n" + np.arange(1001, dtype=">u2").tobytes(),
        np.arange(1001)[None],
    ),
    "pgm-16": (lambda: b"P5\n5 3\n65535\n" + MANY.astype(">u2").tobytes(), MANY),
    "pbm": (lambda: b"P4\n6 1\n\x58", np.array([[0, 1, 0, 1, 1, 0]])),
}  # fmt: skip


def given(
    path: Path, shape: tuple[int, ...], stack: contextlib.ExitStack
) -> tuple[LazyRegions, object]:
    """Return the regions of a large image of this shape, and where they come from."""
    image = LazyImage(as_plane(np.zeros(shape, np.uint8), "image"))
    regions, described = _given(path, image, stack)
    return regions, described["origin"]


@pytest.mark.parametrize("kind", FILES)
def test_ids_are_read_as_they_are_stored(tmp_path: Path, kind: str) -> None:
    write, ids = FILES[kind]
    path = tmp_path / "map"  # told by the content
    path.write_bytes(write())
    found = read_map(path)
    assert found.dtype.kind in "iu"
    assert found.dtype.isnative
    np.testing.assert_array_equal(found, ids)
    regions = GivenRegions.from_file(path).regions
    np.testing.assert_array_equal(regions, ids)
    with contextlib.ExitStack() as stack:
        lazy, origin = given(path, ids.shape, stack)
        np.testing.assert_array_equal(lazy.read((0, 0, *ids.shape)), ids)
        np.testing.assert_array_equal(lazy.read((0, 1, 1, 3)), ids[:1, 1:3])
        assert origin == str(path)


@pytest.mark.parametrize(
    "kind",
    [
        one
        for one in FILES
        if one.startswith("npy") or one.endswith(("f-white-16", "tiles", "strips"))
    ],
)
def test_large_maps_are_read_a_piece_at_a_time(tmp_path: Path, kind: str) -> None:
    path = tmp_path / kind
    path.write_bytes(FILES[kind][0]())
    with open_map(path) as (array, axes):
        assert not isinstance(array, np.ndarray)
        assert Plane(array, axes, "map").size == FILES[kind][1].shape


@pytest.mark.parametrize("kind", ["npy", "tif-white-16"])
def test_a_map_that_shrinks_while_it_is_used_is_a_sentence(tmp_path: Path, kind: str) -> None:
    path = tmp_path / kind
    path.write_bytes(FILES[kind][0]())
    with contextlib.ExitStack() as stack:
        lazy, _ = given(path, IDS.shape, stack)
        os.truncate(path, 20)
        with pytest.raises(InputError, match="cut short"):
            lazy.read((0, 0, *IDS.shape))


class Bomb:
    """Runs when it is unpickled."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, ("exploded",)


def save_npy(path: Path, array: NDArray[np.generic]) -> None:
    path.write_bytes(written(np.save, array))


def jpeg_tiff(path: Path) -> None:
    Image.fromarray(IDS.repeat(8, 0).repeat(8, 1)).save(path, format="TIFF", compression="jpeg")


COLORS = np.stack([IDS, IDS, IDS], axis=-1)
NO_MAPS: dict[str, tuple[Callable[[Path], object], str]] = {
    "jpeg": (lambda p: Image.fromarray(IDS).save(p, "JPEG", quality=100), "packed by JPEG, which"),
    "jpeg-tif": (jpeg_tiff, "packed by JPEG, which changes values"),
    "webp": (lambda p: Image.fromarray(COLORS).save(p, "WEBP", lossless=True), "packed by WebP"),
    "png-rgb": (lambda p: Image.fromarray(COLORS).save(p, "PNG"), r"colours \(shape \(3, 5, 3\)\)"),
    "png-rgba": (lambda p: Image.fromarray(COLORS).convert("RGBA").save(p, "PNG"), "colours"),
    "tif-rgb": (lambda p: tifffile.imwrite(p, COLORS, photometric="rgb"), "colours .*one channel"),
    "tif-float": (lambda p: tifffile.imwrite(p, IDS.astype(np.float32)), "float32, and ids are"),
    "tif-stack": (
        lambda p: tifffile.imwrite(p, np.stack([IDS] * 4), photometric="minisblack"),
        "a stack of the shape",
    ),
    "gif-frames": (
        lambda p: Image.fromarray(IDS).save(
            p, "GIF", save_all=True, append_images=[Image.fromarray(255 - IDS)]
        ),
        "2 frames",
    ),
    "npy-bool": (lambda p: save_npy(p, IDS > 0), "bool, a mask"),
    "npy-float": (lambda p: save_npy(p, IDS / 2), "float64, and ids are"),
    "npy-dates": (lambda p: save_npy(p, IDS.astype("m8[s]")), "and no numbers"),
    "npy-one-axis": (lambda p: save_npy(p, IDS[0]), r"shape \(5,\)"),
    "npy-cut": (lambda p: p.write_bytes(written(np.save, MANY)[:-3]), "is cut short: it has"),
    "npz": (lambda p: p.write_bytes(written(np.savez, IDS)), r"an archive, such as \.npz"),
    "tif-cut": (lambda p: p.write_bytes(tiff(page(IDS))[:12]), "cut short|holds no picture"),
    "empty": (lambda p: p.write_bytes(b""), "empty"),
    "text": (lambda p: p.write_text("no map"), "is no image that can be read"),
    "folder": (lambda p: p.mkdir(), "it is a folder"),
    "missing": (lambda p: None, "No such file"),
}


@pytest.mark.parametrize("kind", NO_MAPS)
def test_what_holds_no_ids_is_refused_in_a_sentence(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "map"
    NO_MAPS[kind][0](path)
    for entrance in (read_map, GivenRegions.from_file, lambda p: open_map(p).__enter__()):
        with pytest.raises(InputError, match=NO_MAPS[kind][1]) as caught:
            entrance(path)
        assert str(path) in str(caught.value)
        assert str(caught.value).endswith(".")
        assert "\n" not in str(caught.value)


def test_python_objects_are_refused_unread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    np.save("map.npy", np.array([[Bomb()]], object), allow_pickle=True)
    with pytest.raises(InputError, match="holds pickled Python objects"):
        read_map("map.npy")
    assert not Path("exploded").exists()


@pytest.mark.parametrize(
    ("ids", "sentence"),
    [
        (np.array([[0, -1]], np.int8), "negative id -1"),
        (np.array([[0, 1 << 31]], np.uint32), "above 2147483647"),
        (np.array([[0, 1 << 63]], np.uint64), "the id 9223372036854775808"),
    ],
)
@pytest.mark.parametrize("ending", [".npy", ".tif"])
def test_ids_that_no_region_may_have_are_refused_and_never_wrapped(
    tmp_path: Path, ids: NDArray[np.integer], sentence: str, ending: str
) -> None:
    path = tmp_path / f"map{ending}"
    np.save(path, ids) if ending == ".npy" else tifffile.imwrite(path, ids)
    with pytest.raises(InputError, match=sentence):
        GivenRegions.from_file(path)
    with contextlib.ExitStack() as stack, pytest.raises(InputError, match=sentence):
        given(path, ids.shape, stack)[0].read((0, 0, *ids.shape))


def test_an_ending_counts_in_whatever_case(tmp_path: Path) -> None:
    for name in ("A1.TIF", "A10.tif", "a1.png", "B.Npy", "B.jpg", "C.png", "C.PNG"):
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "D.tif").mkdir()
    found = {stem: find_map(tmp_path, stem) for stem in ("A1", "B", "C", "D", "E")}
    names = {stem: path and path.name for stem, path in found.items()}
    assert names == {"A1": "A1.TIF", "B": "B.Npy", "C": "C.png", "D": None, "E": None}


def test_the_truth_of_photographs_is_read_as_it_is_stored(tmp_path: Path) -> None:
    """PASCAL VOC's and our own maps have a palette."""
    for part in ("images", "labels"):
        (tmp_path / part).mkdir()
    ids = (IDS % 3).astype(np.uint8)
    Image.fromarray(np.zeros((3, 5, 3), np.uint8)).save(tmp_path / "images" / "a.png")
    (tmp_path / "labels" / "a.PNG").write_bytes(png(ids, 8, 3, **palette(8)))
    (truth,) = read_folder(tmp_path, classes=["a", "b", "c"]).images
    np.testing.assert_array_equal(truth.truth, ids + 1)


def test_the_command_line_finds_regions_in_whatever_case(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "A1.TIF", IDS)
    job = Job(Options(classes="cat", output=tmp_path / "out", regions=str(tmp_path)))
    assert job._regions_file(Path("A1.jpg")) == tmp_path / "A1.TIF"
    with pytest.raises(InputError, match=r"has no regions for 'B\.jpg'; put 'B\.tif' there"):
        job._regions_file(Path("B.jpg"))
