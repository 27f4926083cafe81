"""TIFF files: which picture of one is read, and that its numbers are what its tags mean."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import Image

from napari_corrclip.errors import InputError
from napari_corrclip.images import read_image, read_picture
from napari_corrclip.images.files import open_tiff_plane
from tests.images.tiffs import Page, page, tiff

RNG = np.random.default_rng(0)
COLORS = RNG.integers(0, 255, (40, 60, 3), np.uint8)
GRAY = COLORS[:, :, 0].copy()
SMALL = COLORS[::4, ::4].copy()
DEEP = RNG.integers(0, 65536, (33, 47)).astype(np.uint16)
FLOATS = RNG.normal(size=(33, 47)).astype(np.float32)

# -- which picture

APERIO = "Aperio Image Library v12.0\r\n"


def pages(*parts: tuple[NDArray[Any], dict[str, Any]], **options: Any) -> Callable[[Path], object]:
    def save(path: Path) -> None:
        with tifffile.TiffWriter(path, **options) as file:
            for array, tags in parts:
                file.write(array, **({} if "ome" in options else {"metadata": None}), **tags)

    return save


def raw(*parts: Page, order: str = "<") -> Callable[[Path], object]:
    return lambda path: path.write_bytes(tiff(*parts, order=order))


def slide(path: Path) -> None:
    """As Aperio's scanner writes one: the thumbnail is no reduced page by its tags."""
    size = f"{APERIO}60x40"
    pages(
        (COLORS, {"tile": (16, 16), "description": f"{size} [0,0 60x40] (16x16) J|AppMag = 20"}),
        (SMALL, {"description": f"{size} -> 15x10"}),
        (COLORS[::2, ::2], {"tile": (16, 16), "description": f"{size} -> 30x20"}),
        (np.zeros((90, 80, 3), np.uint8), {"description": f"{APERIO}label 80x90"}),
        (
            np.zeros((70, 95, 3), np.uint8),
            {"subfiletype": 9, "description": f"{APERIO}macro 95x70"},
        ),
    )(path)


MASK = page((GRAY > 99).astype(np.uint8), t254=4)
SEVERAL: list[tuple[str, Callable[[Path], object], list[str]]] = [
    ("thumbnail", pages((SMALL, {"subfiletype": 1}), (COLORS, {})), ["smaller copy of 10 × 15"]),
    ("by size alone", pages((SMALL, {}), (COLORS, {})), ["picture of 10 × 15"]),
    ("older tag", raw(page(SMALL, t255=2), page(COLORS)), ["smaller copy of 10 × 15"]),
    ("mask", raw(page(COLORS), MASK), ["mask of 40 × 60"]),
    ("mask first", raw(MASK, page(COLORS)), ["mask of 40 × 60"]),
    (
        "mask of 1 bit",
        raw(page(COLORS), Page((40, 60), [np.packbits(GRAY > 99, axis=1).tobytes()], 1, 1, 4)),
        ["mask of 40 × 60"],
    ),
    (
        "overviews",
        raw(page(COLORS), page(COLORS[::2, ::2].copy(), t254=1), page(SMALL, t254=1)),
        ["20 × 30", "10 × 15"],
    ),
    (
        "pyramid below",
        pages((COLORS, {"subifds": 1}), (COLORS[::2, ::2], {"subfiletype": 1})),
        ["smaller copy of 20 × 30"],
    ),
    (
        "picture below",
        pages((SMALL, {"subifds": 1, "subfiletype": 1}), (COLORS, {})),
        ["smaller copy of 10 × 15"],
    ),
    ("ome", pages((SMALL, {}), (COLORS, {}), ome=True), ["picture of 10 × 15"]),
    (
        "slide",
        slide,
        ["thumbnail of 10 × 15", "label of 90 × 80", "macro of 70 × 95", "smaller copy of 20 × 30"],
    ),
]


@pytest.mark.parametrize(("name", "save", "others"), SEVERAL, ids=[case[0] for case in SEVERAL])
def test_the_full_picture_is_read_and_the_others_are_named(
    name: str, save: Callable[[Path], object], others: list[str], tmp_path: Path
) -> None:
    path = tmp_path / f"{name}.tif"
    save(path)
    picture = read_picture(path)
    assert np.array_equal(picture.array, COLORS)
    (note,) = picture.notes
    assert "the picture of 40 × 60 pixels" in note
    assert [one for one in others if one not in note] == []
    with open_tiff_plane(path) as (plane, notes):
        assert notes == picture.notes
        if plane is not None:
            assert np.array_equal(plane[5:40, 2:59], COLORS[5:40, 2:59])


def test_a_mask_stored_as_its_picture_is_told_from_it(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    path.write_bytes(tiff(page(GRAY), MASK))  # tifffile takes them for a stack of two
    picture = read_picture(path)
    assert np.array_equal(picture.array, GRAY)
    assert "mask of 40 × 60" in picture.notes[0]


def test_one_packed_by_lzw_behind_a_thumbnail_is_not_the_thumbnail(tmp_path: Path) -> None:
    path, first, second = (tmp_path / name for name in ("a.tif", "1.tif", "2.tif"))
    for array, place in ((SMALL, first), (COLORS, second)):
        Image.fromarray(array).save(place, compression="tiff_lzw")
    parts = []
    for place, kind in ((first, 1), (second, 0)):
        with tifffile.TiffFile(place) as file:
            one = file.pages[0]
            data = place.read_bytes()
            pieces = [
                data[offset : offset + count]
                for offset, count in zip(one.dataoffsets, one.databytecounts, strict=True)
            ]
            tags = {254: kind, 259: 5, 278: one.rowsperstrip, 317: one.predictor}
            parts.append(Page(one.shape[:2], pieces, 8, 3, 2, tags))
    path.write_bytes(tiff(*parts))
    assert np.array_equal(read_image(path), COLORS)


def test_equal_pictures_are_refused(tmp_path: Path) -> None:
    pages((COLORS, {}), (GRAY, {}))(tmp_path / "kinds.tif")
    with pytest.raises(
        InputError, match="holds 2 images of different kinds, all of 40 × 60 pixels"
    ):
        read_image(tmp_path / "kinds.tif")
    pages((COLORS, {}), (255 - COLORS, {}))(tmp_path / "stack.tif")
    with pytest.raises(InputError, match=r"a stack of the shape \(2, 40, 60, 3\)"):
        read_image(tmp_path / "stack.tif")


def test_a_plain_file_has_no_note(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", COLORS)
    assert read_picture(tmp_path / "a.tif").notes == ()


# -- its numbers


def packed(values: NDArray[Any], bits: int) -> bytes:
    """Numbers of any bits, highest first, each row from a whole byte."""
    single = (values[:, :, None] >> np.arange(bits - 1, -1, -1)) & 1
    return np.packbits(single.astype(np.uint8).reshape(len(values), -1), axis=1).tobytes()


@pytest.mark.parametrize("white_is_zero", [False, True])
@pytest.mark.parametrize("bits", [1, 2, 3, 4, 6, 7, 9, 10, 12, 14, 17, 31])
def test_packed_bits_are_unpacked(bits: int, white_is_zero: bool, tmp_path: Path) -> None:
    values = RNG.integers(0, 2**bits, (9, 13))
    meant = 2**bits - 1 - values if white_is_zero else values
    path = tmp_path / "a.tif"
    path.write_bytes(
        tiff(Page((9, 13), [packed(values, bits)], bits, 1, 0 if white_is_zero else 1))
    )
    if bits < 8:  # as every other picture of so few bits: 0 to 255
        expected = np.rint(meant * 255 / (2**bits - 1)).astype(np.uint8)
    else:
        expected = meant.astype(np.uint16 if bits <= 16 else np.uint32)
    image = read_image(path)
    assert image.dtype == expected.dtype
    assert np.array_equal(image, expected)


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_palettes_of_any_bits_are_looked_up(bits: int, tmp_path: Path) -> None:
    values = RNG.integers(0, 2**bits, (9, 13))
    table = RNG.integers(0, 256, (3, 2**bits)) * 257
    table[0, 0] = 65535
    colors = [int(one) for one in table.ravel()]
    path = tmp_path / "a.tif"
    path.write_bytes(tiff(Page((9, 13), [packed(values, bits)], bits, 1, 3, {320: colors})))
    assert np.array_equal(read_image(path), (table >> 8).astype(np.uint8).T[values])


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.uint32, np.int8, np.int16])
def test_white_is_zero_is_inverted_within_the_type(dtype: Any, tmp_path: Path) -> None:
    limits = np.iinfo(dtype)
    values = RNG.integers(limits.min, limits.max, (9, 13), dtype, endpoint=True)
    tifffile.imwrite(tmp_path / "a.tif", values, photometric="miniswhite")
    image = read_image(tmp_path / "a.tif")
    assert image.dtype == dtype
    assert np.array_equal(image.astype(object), limits.max + limits.min - values.astype(object))


def float_differences(values: NDArray[np.float32]) -> bytes:
    """The floating point predictor: the bytes of a row's floats apart, and their differences."""
    rows, columns = values.shape
    apart = values.astype(">f4").view(np.uint8).reshape(rows, columns, 4).swapaxes(1, 2)
    flat = apart.reshape(rows, -1)
    return np.diff(flat, axis=1, prepend=np.zeros((rows, 1), np.uint8)).tobytes()


def stored(name: str, path: Path) -> NDArray[Any]:
    """Write a file and return what it means."""
    if name == "float predictor":
        tags = {259: 8, 317: 3, 339: 3, 278: 11}
        pieces = [zlib.compress(float_differences(FLOATS[at : at + 11])) for at in (0, 11, 22)]
        path.write_bytes(tiff(Page(FLOATS.shape, pieces, 32, 1, 1, tags)))
        return FLOATS
    if name == "signed":
        array = RNG.integers(-128, 128, (33, 47), np.int8)
        tifffile.imwrite(path, array, tile=(16, 16), compression="zlib", predictor=True)
        return array
    if name == "big-endian predictor":
        tifffile.imwrite(
            path, DEEP, byteorder=">", rowsperstrip=5, compression="zlib", predictor=True
        )
        return DEEP
    if name == "planes":
        planes = np.moveaxis(COLORS, -1, 0)
        tifffile.imwrite(
            path, planes, photometric="rgb", planarconfig="separate", rowsperstrip=7, bigtiff=True
        )
        return COLORS
    if name == "sparse":
        array = np.zeros((32, 32), np.uint8)
        array[:16, :16] = GRAY[:16, :16]
        pieces = [GRAY[:16, :16].tobytes(), b"", b"", b""]
        path.write_bytes(tiff(Page((32, 32), pieces, tags={322: 16, 323: 16, 278: None})))
        return array
    if name == "low bits first":
        bits = np.unpackbits(GRAY[:, :, None], axis=2, bitorder="little")
        path.write_bytes(tiff(page(np.packbits(bits, axis=2)[:, :, 0], t266=2)))
        return GRAY
    modes = {"lzw 16": (DEEP, {317: 2}), "lzw float": (FLOATS, {317: 3}), "lzw": (COLORS, {})}
    array, tags = modes[name]
    Image.fromarray(array).save(path, compression="tiff_lzw", tiffinfo=tags)
    return array


STORED = (
    "float predictor",
    "signed",
    "big-endian predictor",
    "planes",
    "sparse",
    "low bits first",
    "lzw",
    "lzw 16",
    "lzw float",
)


@pytest.mark.parametrize("name", STORED)
def test_a_picture_is_the_same_whole_and_by_pieces(name: str, tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    expected = stored(name, path)
    image = read_image(path)
    assert image.dtype == expected.dtype
    assert np.array_equal(image, expected)
    with open_tiff_plane(path) as (plane, _):
        if plane is None:  # one packed piece
            assert name.startswith("l")
            return
        assert plane.shape == expected.shape
        for rows, columns in (((0, 9), (0, 9)), ((13, 31), (5, 29)), ((4, 5), (0, 31))):
            where = slice(*rows), slice(*columns)
            assert np.array_equal(plane[where], expected[where])


# -- what cannot be read

REASONS = {
    "zstd": (page(GRAY, t259=50000), r"packed by ZSTD.*pip install imagecodecs"),
    "lerc": (page(GRAY, t259=34887), r"packed by LERC.*pip install imagecodecs"),
    "jpeg 2000": (page(GRAY, t259=34712), r"packed by JPEG2000.*pip install imagecodecs"),
    "unknown": (page(GRAY, t259=61234), r"packed by compression 61234"),
    "deep jpeg": (
        Page((40, 60), [bytes(9)], 12, 1, 1, {259: 7}),
        r"packed by JPEG \(12 bits\)",
    ),
    "24 bits": (Page((1, 2), [bytes(6)], 24), r"numbers of 24 bits.*8, 16 or 32 bits"),
    "complex": (page(GRAY[:, :56].copy().view(np.uint64), t339=[6]), r"sample format 6"),
    "lab": (page(COLORS, t262=8), r"CIELAB colours of 3 × 8 bits.* as RGB"),
    "predictor": (page(FLOATS, t317=7, t259=8), r"predictor 7|damaged"),
}


@pytest.mark.parametrize("name", REASONS)
def test_what_cannot_be_read_is_told_by_its_reason(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from napari_corrclip.images.tiff import unpacking

    monkeypatch.setattr(unpacking, "_has_zstd", lambda: False)
    made, words = REASONS[name]
    path = tmp_path / "a.tif"
    path.write_bytes(tiff(made))
    with pytest.raises(InputError, match=words) as caught:
        read_image(path)
    if name != "predictor":
        assert "damaged" not in str(caught.value)


@pytest.mark.parametrize(
    "owner",
    [
        (tifffile.TiffPageSeries, "axes"),
        (tifffile.TiffFile, "series"),
        (np, "frombuffer"),
        (zlib, "decompressobj"),
    ],
    ids=lambda one: one[1],
)
@pytest.mark.parametrize("mistake", [AttributeError, TypeError])
def test_a_fault_of_a_library_is_not_told_as_damage(
    owner: tuple[Any, str],
    mistake: type[Exception],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, DEEP, rowsperstrip=8, compression="zlib")

    def fail(*_: object, **__: object) -> None:
        raise mistake("no attribute 'get_shape'")

    monkeypatch.setattr(
        *owner, property(fail) if isinstance(owner[0], type) else fail, raising=False
    )
    with pytest.raises(InputError, match=rf"its reader failed \({mistake.__name__}") as caught:
        read_image(path)
    assert "damaged" not in str(caught.value)


def test_a_tag_behind_the_end_is_no_default(tmp_path: Path) -> None:
    data = tiff(page(COLORS))
    bits = data.index(b"\x02\x01\x03\x00\x03")  # tag 258, three short numbers elsewhere
    path = tmp_path / "a.tif"
    path.write_bytes(data[: bits + 8] + b"\xff\xff\xff\x7f" + data[bits + 12 :])
    with pytest.raises(InputError, match=r"damaged or cut short .*tag 258"):
        read_image(path)


@pytest.mark.parametrize("compression", [None, "zlib"])
def test_a_size_without_pixels_asks_for_no_memory(tmp_path: Path, compression: str | None) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, np.ones((12, 10), np.uint8), compression=compression)
    with tifffile.TiffFile(path, mode="r+") as file:
        file.pages.first.tags["ImageWidth"].overwrite(1 << 30)
    with pytest.raises(InputError, match="its 12884901888 bytes of pixels are stored in"):
        read_image(path)


@pytest.mark.parametrize(
    ("channels", "kinds", "left"),
    [
        (4, ["unspecified"], "the last is"),
        (5, ["unspecified", "unspecified"], "the last 2 are"),
        (5, ["unassalpha", "unspecified"], "the last is"),
        (4, ["unassalpha"], None),
        (4, ["assocalpha"], None),
    ],
)
def test_channels_that_are_left_out_are_told(
    tmp_path: Path, channels: int, kinds: list[Any], left: str | None
) -> None:
    values = np.random.default_rng(3).integers(0, 256, (32, 48, channels), np.uint8)
    path = tmp_path / "bands.tif"
    tifffile.imwrite(path, values, photometric="rgb", extrasamples=kinds, tile=(16, 16))
    picture = read_picture(path)
    assert np.array_equal(picture.array, values[:, :, :3])
    with open_tiff_plane(path) as (_, notes):
        assert notes == picture.notes
    if left is None:
        assert picture.notes == ()
    else:
        (note,) = picture.notes
        assert f"'bands.tif' has {channels} channels" in note
        assert left in note
