from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray
from PIL import Image, ImageOps

from napari_corrclip.errors import InputError
from napari_corrclip.images import ImageOptions, read_image, read_rgb, to_rgb
from tests.images.pngs import DEEP, GRAY, RGB, SLOPES, write_png

# -- arrays


def test_uint8_passes_unchanged() -> None:
    assert np.array_equal(to_rgb(RGB), RGB)
    assert np.array_equal(to_rgb(GRAY), np.stack([GRAY] * 3, axis=-1))
    assert np.array_equal(to_rgb(GRAY[:, :, None]), to_rgb(GRAY))
    assert np.array_equal(to_rgb(np.dstack([RGB, GRAY])), RGB)
    assert np.array_equal(to_rgb(GRAY.tolist()), to_rgb(GRAY.astype(np.int64)))


def test_booleans_become_black_and_white() -> None:
    assert np.array_equal(to_rgb(GRAY > 100), to_rgb(np.where(GRAY > 100, 255, 0).astype(np.uint8)))


def test_float_rgb_within_one_is_scaled() -> None:
    assert np.array_equal(to_rgb(RGB / 255), RGB)
    assert np.array_equal(to_rgb((RGB / 255).astype(np.float32)), RGB)
    assert np.array_equal(to_rgb(np.dstack([RGB / 255, np.full(GRAY.shape, np.nan)])), RGB)


@pytest.mark.parametrize("dtype", [np.uint16, ">u2", np.int16, np.int32, np.float16, np.float64])
def test_deep_grayscale_is_stretched_by_percentiles(dtype: Any) -> None:
    image = np.linspace(100, 1100, 2500).reshape(50, 50).astype(dtype)
    image[0, 0], image[-1, -1] = 0, 20000  # a dead and a hot pixel
    rgb = to_rgb(image, percentiles=(1, 99))
    assert rgb.min() == 0
    assert rgb.max() == 255
    assert 120 < rgb[25, 0, 0] < 135
    assert np.array_equal(rgb[:, :, 0], rgb[:, :, 2])


def test_deep_rgb_is_stretched_as_one_so_that_colours_keep_their_balance() -> None:
    image = np.zeros((20, 20, 3), np.uint16)
    image[:, :, 0] = np.linspace(0, 4000, 20)
    image[:, :, 1] = np.linspace(0, 2000, 20)
    rgb = to_rgb(image, percentiles=(0, 100))
    assert rgb[:, :, 0].max() == 255
    assert rgb[:, :, 1].max() == 128
    assert rgb[:, :, 2].max() == 0


def test_limits_are_what_becomes_black_and_white() -> None:
    image = np.array([[0, 100, 150, 200, 65535]], np.uint16)
    assert to_rgb(image, limits=(100, 200))[0, :, 0].tolist() == [0, 0, 128, 255, 255]
    assert to_rgb(image.clip(0, 255).astype(np.uint8), limits=(100, 200))[0, :, 0].tolist() == [
        *[0, 0, 128, 255, 255]
    ]
    assert to_rgb([[0.0, 0.5]], limits=(0, 1))[0, :, 0].tolist() == [0, 128]


def test_sparse_and_constant_images_stay_finite() -> None:
    sparse = np.zeros((100, 100), np.uint16)
    sparse[3, 3] = 500
    assert to_rgb(sparse)[3, 3].tolist() == [255, 255, 255]
    assert not to_rgb(np.full((5, 5), 777, np.uint16)).any()
    assert not to_rgb(np.full((5, 5), 0.5)).any()


def test_channels_may_come_first_if_told() -> None:
    first = np.moveaxis(RGB, -1, 0)
    assert np.array_equal(to_rgb(first, channel_axis=0), RGB)
    assert np.array_equal(ImageOptions(channel_axis=0).rgb(first), RGB)
    assert np.array_equal(to_rgb(RGB, channel_axis=-1), RGB)


@given(
    hnp.arrays(
        st.sampled_from(
            [np.uint8, np.uint16, np.int32, np.uint64, np.float16, np.float32, np.float64]
        ),
        hnp.array_shapes(min_dims=2, max_dims=2, max_side=6).flatmap(
            lambda shape: st.sampled_from([shape, (*shape, 1), (*shape, 3), (*shape, 4)])
        ),
    )
)
def test_whatever_is_finite_becomes_rgb(image: NDArray[Any]) -> None:
    if image.dtype.kind == "f":
        image = np.nan_to_num(image)
    rgb = to_rgb(image)
    assert rgb.shape == (*image.shape[:2], 3)
    assert rgb.dtype == np.uint8
    assert rgb.flags.c_contiguous


@pytest.mark.parametrize(
    ("image", "words"),
    [
        (np.zeros((0, 5), np.uint8), "(0, 5)"),
        (np.zeros((5, 0, 3), np.uint8), "(5, 0, 3)"),
        (np.array([[0.5, np.nan]]), "(NaN) at row 0, column 1"),
        (np.array([[np.inf, 0.5]]), "(infinite) at row 0, column 0"),
        (np.zeros((1, 2, 3, 4, 5)), "5-dimensional"),
        (np.zeros((7, 8, 9, 3)), "4-dimensional"),
        (np.zeros(7), "1-dimensional"),
        (np.uint8(7), "0-dimensional"),
        (np.zeros((8, 9, 2)), "2 channels"),
        (np.zeros((8, 9, 5)), "5 channels"),
        (np.zeros((3, 8, 9)), "channel_axis=0"),
        (np.zeros((8, 9), complex), "complex128"),
        (np.array([["a"]]), "<U1"),
        (np.array([[None]]), "object"),
    ],
)
def test_a_wrong_array_is_one_sentence(image: NDArray[Any], words: str) -> None:
    with pytest.raises(InputError) as caught:
        to_rgb(image)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"limits": (1, 1)}, "limits are (1, 1)"),
        ({"limits": (0, float("nan"))}, "limits"),
        ({"limits": (1, 2, 3)}, "limits"),
        ({"limits": "ab"}, "limits"),
        ({"percentiles": (5, 101)}, "percentiles are (5, 101)"),
        ({"percentiles": (90, 10)}, "percentiles"),
        ({"channel_axis": 0}, "channel_axis is 0"),
    ],
)
def test_wrong_options_are_one_sentence(options: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError) as caught:
        to_rgb(DEEP, **options)
    assert words in str(caught.value)


# -- files

Save = Callable[[Path], object]


def pillow(mode: str, **options: Any) -> Save:
    return lambda path: Image.fromarray(RGB).convert(mode).save(path, **options)


def tiff(array: NDArray[Any], **options: Any) -> Save:
    return lambda path: tifffile.imwrite(path, array, **options)


EXACT: list[tuple[str, Save, NDArray[Any]]] = [
    ("rgb.png", pillow("RGB"), RGB),
    ("rgba.png", pillow("RGBA"), RGB),
    ("gray.png", pillow("L"), np.array(Image.fromarray(RGB).convert("L"))),
    ("opacity.png", pillow("LA"), np.array(Image.fromarray(RGB).convert("L"))),
    ("bits.png", pillow("1"), np.array(Image.fromarray(RGB).convert("1").convert("L"))),
    ("palette.png", pillow("P"), np.array(Image.fromarray(RGB).convert("P").convert("RGB"))),
    ("deep.png", lambda path: Image.fromarray(DEEP).save(path), DEEP),
    ("rgb.bmp", pillow("RGB"), RGB),
    ("rgb.ppm", pillow("RGB"), RGB),
    ("rgb.webp", pillow("RGB", lossless=True), RGB),
    ("wrong-name.jpg", lambda path: Image.fromarray(RGB).save(path, format="PNG"), RGB),
    ("rgb.tif", tiff(RGB), RGB),
    ("deep.tif", tiff(DEEP), DEEP),
    ("big-endian.tif", tiff(DEEP, byteorder=">"), DEEP),
    ("float.tif", tiff(GRAY.astype(np.float32)), GRAY.astype(np.float32)),
    ("big.tif", tiff(RGB, bigtiff=True), RGB),
    ("tiles.tif", tiff(RGB, tile=(16, 16)), RGB),
    ("zlib.tif", tiff(DEEP, compression="zlib", predictor=True), DEEP),
    ("lzw.tif", pillow("RGB", compression="tiff_lzw"), RGB),
    ("opaque.tif", tiff(np.dstack([RGB, GRAY]), photometric="rgb", extrasamples=[2]), RGB),
    ("white-is-0.tif", tiff(255 - GRAY, photometric="miniswhite"), GRAY),
    ("bits.tif", tiff(GRAY > 99, photometric="minisblack"), np.where(GRAY > 99, 255, 0)),
    (
        "planes.tif",
        tiff(np.moveaxis(RGB, -1, 0).copy(), photometric="rgb", planarconfig="separate"),
        RGB,
    ),
    (
        "palette.tif",
        tiff(
            GRAY,
            photometric="palette",
            colormap=np.stack([np.arange(256)[::-1] * 257] * 3).astype(np.uint16),
        ),
        255 - np.stack([GRAY] * 3, axis=-1),
    ),
    (
        "fiji.tif",
        tiff(np.moveaxis(RGB, -1, 0).astype(np.uint16), imagej=True, metadata={"axes": "CYX"}),
        RGB.astype(np.uint16),
    ),
    (
        "ome.tif",
        tiff(DEEP[None, None], ome=True, metadata={"axes": "TZYX"}, photometric="minisblack"),
        DEEP,
    ),
    ("deep-rgb.png", lambda path: write_png(path, SLOPES[:, :, :3], 2), SLOPES[:, :, :3]),
    ("deep-rgba.png", lambda path: write_png(path, SLOPES, 6), SLOPES[:, :, :3]),
    ("deep-opacity.png", lambda path: write_png(path, SLOPES[:, :, :2], 4), DEEP),
]


@pytest.mark.parametrize(("name", "save", "expected"), EXACT, ids=[case[0] for case in EXACT])
def test_files_are_read_as_stored(
    name: str, save: Save, expected: NDArray[Any], tmp_path: Path
) -> None:
    save(tmp_path / name)
    image = read_image(tmp_path / name)
    assert image.shape == expected.shape
    assert np.array_equal(image, expected)
    assert image.dtype.isnative
    assert read_rgb(tmp_path / name).shape == (*RGB.shape[:2], 3)


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_jpegs_are_nearly_as_stored(mode: str, tmp_path: Path) -> None:
    pillow(mode, quality=98, subsampling=0)(tmp_path / "a.jpg")
    expected = np.array(Image.fromarray(RGB).convert(mode).convert("RGB")).astype(int)
    assert np.abs(read_rgb(tmp_path / "a.jpg") - expected).mean() < 3


@pytest.mark.parametrize("mode", ["CMYK", "YCbCr"])
def test_a_tiff_of_another_colour_model_becomes_rgb(mode: str, tmp_path: Path) -> None:
    pillow(mode)(tmp_path / "a.tif")
    expected = np.array(Image.fromarray(RGB).convert(mode).convert("RGB"))
    assert np.array_equal(read_image(tmp_path / "a.tif"), expected)


def test_deep_colours_of_another_model_are_told(tmp_path: Path) -> None:
    tiff(SLOPES, photometric="separated")(tmp_path / "a.tif")
    with pytest.raises(InputError, match=r"SEPARATED colours of 4 × 16 bits.* as RGB"):
        read_image(tmp_path / "a.tif")


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_orientation_of_a_camera_is_applied(orientation: int, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    image = Image.fromarray(RGB)
    image.save(tmp_path / "a.png", exif=exif)
    image.save(tmp_path / "a.tif", tiffinfo={0x0112: orientation})
    image.save(tmp_path / "lzw.tif", tiffinfo={0x0112: orientation}, compression="tiff_lzw")
    with Image.open(tmp_path / "a.png") as stored:
        upright = np.array(ImageOps.exif_transpose(stored))
    for name in ("a.png", "a.tif", "lzw.tif"):
        assert np.array_equal(read_image(tmp_path / name), upright), name


WHOLE: dict[str, Save] = {
    "a.jpg": pillow("RGB"),
    "progressive.jpg": pillow("RGB", progressive=True),
    "a.png": pillow("RGB"),
    "palette.png": pillow("P"),
    "deep.png": lambda path: write_png(path, SLOPES[:, :, :3], 2),
    "a.tif": tiff(RGB),
    "zlib.tif": tiff(DEEP, compression="zlib"),
    "lzw.tif": pillow("RGB", compression="tiff_lzw"),
    "a.webp": pillow("RGB"),
}


@pytest.mark.parametrize("name", WHOLE)
def test_a_file_that_is_cut_short_is_an_error_and_never_half_an_image(
    name: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    WHOLE[name](tmp_path / name)
    whole, data = read_image(tmp_path / name), (tmp_path / name).read_bytes()
    messages = []
    for length in np.linspace(1, len(data) - 1, 25).astype(int):
        (tmp_path / "cut").write_bytes(data[:length])
        try:
            image = read_image(tmp_path / "cut")
        except InputError as error:
            messages.append(str(error))
        else:  # only what comes after the pixels is missing, such as the last chunk of a PNG
            assert length > 0.8 * len(data)
            assert np.array_equal(image, whole)
    assert len(messages) > 15
    assert not any("\n" in message for message in messages)
    assert capfd.readouterr() == ("", "")


@given(st.binary(max_size=200), st.sampled_from([b"", b"II*\0", b"MM\0*", b"\x89PNG\r\n\x1a\n"]))
def test_any_other_bytes_are_one_sentence(data: bytes, start: bytes) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "image"
        path.write_bytes(start + data)
        with pytest.raises(InputError) as caught:
            read_image(path)
    assert "\n" not in str(caught.value)


def test_what_is_no_image_file_is_said(tmp_path: Path) -> None:
    (tmp_path / "empty.png").touch()
    (tmp_path / "notes.txt").write_text("dear diary")
    (tmp_path / "page.eps").write_text("%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n")
    cases = {
        "missing.png": "No such file",
        "": "it is a folder",
        "empty.png": "empty file",
        "notes.txt": "no image",
        "page.eps": "no image",
        "a\0b": "names no file",
    }
    for name, words in cases.items():
        with pytest.raises(InputError, match=words):
            read_image(tmp_path / name)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="POSIX special files")
def test_what_is_no_regular_file_is_refused_before_it_is_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")  # to open it would wait for a writer
    (tmp_path / "link.png").symlink_to("pipe.png")
    for path in (tmp_path / "pipe.png", tmp_path / "link.png", "/dev/zero"):
        with pytest.raises(InputError, match="no regular file") as caught:
            read_image(path)
        assert repr(str(path)) in str(caught.value)


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="POSIX permissions")
def test_a_file_without_permission_is_said(tmp_path: Path) -> None:
    pillow("RGB")(tmp_path / "a.png")
    (tmp_path / "a.png").chmod(0)
    user = os.geteuid()
    if user == 0:  # root reads everything, so be nobody for a moment
        os.seteuid(65534)
    try:
        with pytest.raises(InputError, match="Permission denied"):
            read_image(tmp_path / "a.png")
    finally:
        os.seteuid(user)


@pytest.mark.parametrize(
    ("array", "options"),
    [
        (np.zeros((4, 3, 2, 20, 30), np.uint8), {"photometric": "minisblack"}),
        (np.zeros((5, 20, 30), np.uint8), {"photometric": "minisblack"}),
        (np.zeros((3, 20, 30), np.uint8), {"imagej": True, "metadata": {"axes": "ZYX"}}),
        (np.zeros((4, 20, 30), np.uint8), {"imagej": True, "metadata": {"axes": "CYX"}}),
    ],
)
def test_a_stack_is_an_error_that_tells_its_axes(
    array: NDArray[Any], options: dict[str, Any], tmp_path: Path
) -> None:
    tifffile.imwrite(tmp_path / "stack.tif", array, **options)
    with pytest.raises(InputError, match=r"stack of the shape .* \(axes \w+\)"):
        read_image(tmp_path / "stack.tif")


def test_several_images_in_a_file_are_an_error(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "two.tif") as file:
        file.write(GRAY, metadata=None)
        file.write(RGB, metadata=None)
    frames = [Image.fromarray(RGB), Image.fromarray(255 - RGB)]
    frames[0].save(tmp_path / "two.gif", save_all=True, append_images=frames[1:])
    with pytest.raises(InputError, match="2 images"):
        read_image(tmp_path / "two.tif")
    with pytest.raises(InputError, match="2 frames"):
        read_image(tmp_path / "two.gif")


def test_an_absurdly_large_picture_is_refused(tmp_path: Path) -> None:
    pillow("RGB")(tmp_path / "a.png")
    data = bytearray((tmp_path / "a.png").read_bytes())
    data[16:24] = struct.pack(">II", 40000, 40000)
    data[29:33] = struct.pack(">I", zlib.crc32(bytes(data[12:29])))
    (tmp_path / "a.png").write_bytes(bytes(data))
    with pytest.raises(InputError, match="too large"):
        read_image(tmp_path / "a.png")


def test_an_error_about_the_values_names_the_file(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "nan.tif", np.full((4, 4), np.nan, np.float32))
    with pytest.raises(InputError, match=r"nan\.tif.*NaN"):
        read_rgb(tmp_path / "nan.tif")
