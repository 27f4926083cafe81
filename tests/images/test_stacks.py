"""Stacks: which planes there are, by the readers' own rule, and that each is read as it was written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import zarr

from napari_corrclip.errors import InputError
from napari_corrclip.images import read_pixels
from napari_corrclip.images.planes import opened
from napari_corrclip.images.stack import Stack
from napari_corrclip.images.stacks import read_plane, read_stack

RNG = np.random.default_rng(7)
GRAY = RNG.integers(0, 256, (2, 5, 20, 24), np.uint8)
COLOUR = RNG.integers(0, 256, (5, 20, 24, 3), np.uint8)
NONE = (None, None)


def _zarr(path: Path, array: np.ndarray, axes: list[dict[str, str]], scale: list[float]) -> None:
    group = zarr.open_group(path, mode="w")
    group.create_array("0", data=array)
    dataset = {"path": "0", "coordinateTransformations": [{"type": "scale", "scale": scale}]}
    group.attrs["ome"] = {"version": "0.5", "multiscales": [{"axes": axes, "datasets": [dataset]}]}


def _pages(path: Path) -> None:
    with tifffile.TiffWriter(path) as writer:
        for page in GRAY[0]:
            writer.write(page, contiguous=False, metadata=None)


def _palettes(path: Path) -> None:
    """Two pages of the same numbers, each with a palette of its own."""
    with tifffile.TiffWriter(path) as writer:
        for colour in (0, 2):
            table = np.zeros((3, 256), np.uint16)
            table[colour] = np.arange(256) * 257
            writer.write(
                GRAY[0, 0], contiguous=False, metadata=None, photometric="palette", colormap=table
            )


def _in_palettes() -> np.ndarray:
    found = np.zeros((2, 20, 24, 3), np.uint8)
    found[0, :, :, 0] = found[1, :, :, 2] = GRAY[0, 0]
    return found


def _by_columns(path: Path) -> None:
    np.save(path, np.asfortranarray(GRAY))


CASES: dict[str, tuple[str, Callable[[Path], object], Stack, np.ndarray]] = {
    "shaped": (
        "a.tif", lambda path: tifffile.imwrite(path, GRAY),
        Stack(("page", "page"), (2, 5), NONE, ("", "")), GRAY,
    ),
    "pages": ("a.tif", _pages, Stack(("page",), (5,), (None,), ("",)), GRAY[0]),
    "tiles": (
        "a.tif", lambda path: tifffile.imwrite(path, GRAY[0], tile=(16, 16), compression="zlib"),
        Stack(("page",), (5,), (None,), ("",)), GRAY[0],
    ),
    "imagej": (
        "a.tif",
        lambda path: tifffile.imwrite(
            path, GRAY[:, :, None], imagej=True,
            metadata={"axes": "TZCYX", "spacing": 0.5, "unit": "um", "finterval": 30},
        ),
        Stack(("t", "z"), (2, 5), (30.0, 0.5), ("s", "um")), GRAY,
    ),
    "imagej in one piece": (
        "a.tif",
        lambda path: tifffile.imwrite(
            path, GRAY, imagej=True, truncate=True, metadata={"axes": "TZYX"}
        ),
        Stack(("t", "z"), (2, 5), NONE, ("", "")), GRAY,
    ),
    "colours": (
        "a.tif", lambda path: tifffile.imwrite(path, COLOUR, photometric="rgb"),
        Stack(("page",), (5,), (None,), ("",)), COLOUR,
    ),
    "channels as pages": (
        "a.ome.tif",
        lambda path: tifffile.imwrite(
            path, np.moveaxis(COLOUR, -1, 1), photometric="minisblack", ome=True,
            metadata={"axes": "ZCYX", "PhysicalSizeZ": 1.5, "PhysicalSizeZUnit": "nm"},
        ),
        Stack(("z",), (5,), (1.5,), ("nm",)), COLOUR,
    ),
    "measurements": (
        "a.ome.tif",
        lambda path: tifffile.imwrite(path, GRAY[:, 0], ome=True, metadata={"axes": "CYX"}),
        Stack(("c",), (2,), (None,), ("",)), GRAY[:, 0],
    ),
    "palettes": (
        "a.tif", _palettes, Stack(("page",), (2,), (None,), ("",)), _in_palettes(),
    ),
    "npy": (
        "a.npy", lambda path: np.save(path, GRAY),
        Stack(("axis 0", "axis 1"), (2, 5), NONE, ("", "")), GRAY,
    ),
    "npy by columns": (
        "a.npy", _by_columns, Stack(("axis 0", "axis 1"), (2, 5), NONE, ("", "")), GRAY,
    ),
    "npy of colours": (
        "a.npy", lambda path: np.save(path, COLOUR), Stack(("axis 0",), (5,), (None,), ("",)), COLOUR,
    ),
    "zarr": (
        "a.zarr", lambda path: zarr.save_array(path, GRAY),
        Stack(("axis 0", "axis 1"), (2, 5), NONE, ("", "")), GRAY,
    ),
    "OME-Zarr": (
        "a.zarr",
        lambda path: _zarr(
            path, GRAY[:, :, None],
            [{"name": "t", "unit": "second"}, {"name": "z"}, {"name": "c"}, {"name": "y"}, {"name": "x"}],
            [9.0, 0.25, 1, 1, 1],
        ),
        Stack(("t", "z", "c"), (2, 5, 1), (9.0, 0.25, 1.0), ("second", "", "")), GRAY[:, :, None],
    ),
    "OME-Zarr of colours": (
        "a.zarr",
        lambda path: _zarr(
            path, np.moveaxis(COLOUR, -1, 1), [{"name": name} for name in "zcyx"], [2.0, 1, 1, 1]
        ),
        Stack(("z",), (5,), (2.0,), ("",)), COLOUR,
    ),
    "OME-Zarr of measurements": (
        "a.zarr",
        lambda path: _zarr(path, GRAY[:, 0], [{"name": name} for name in "cyx"], [1, 1, 1]),
        Stack(("c",), (2,), (1.0,), ("",)), GRAY[:, 0],
    ),
}  # fmt: skip

COLOURS_FIRST = ("channels as pages", "OME-Zarr of colours")


@pytest.mark.parametrize("case", CASES)
def test_planes_are_told_and_read_as_they_were_written(tmp_path: Path, case: str) -> None:
    name, write, stack, truth = CASES[case]
    path = tmp_path / name
    write(path)
    assert read_stack(path) == stack
    assert len(stack) == len(list(stack))
    for where in stack:
        expected = read_pixels(truth[where]).rgb
        np.testing.assert_array_equal(read_plane(path, where).rgb, expected)
        with opened(path, "image", where=where) as plane:  # a piece of it, as a large image is
            assert plane.size == (20, 24)
            piece = read_pixels(plane.read((3, 4, 15, 20))).rgb
            np.testing.assert_array_equal(piece, expected[3:15, 4:20])
    for wrong in (
        (99,) * len(stack.shape),
        (0,) * (len(stack.shape) + 1),
        (-1,) * len(stack.shape),
    ):
        with pytest.raises(InputError, match=r"has no plane \["):
            read_plane(path, wrong)


@pytest.mark.parametrize("case", [case for case in CASES if case not in COLOURS_FIRST])
def test_planes_are_counted_as_the_viewer_counts_them(tmp_path: Path, case: str) -> None:
    """By napari's own reader; where channels are an axis of their own it has a slider for them, too."""
    reader = pytest.importorskip("napari_builtins.io")  # the library is tested without napari, too
    name, write, stack, _ = CASES[case]
    write(tmp_path / name)
    shown = reader.magic_imread([str(tmp_path / name)])
    shape = (shown[0] if isinstance(shown, list) else shown).shape
    assert shape[: len(stack.shape)] == stack.shape
    assert shape[len(stack.shape) :] in ((20, 24), (20, 24, 3))


@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("a.tif", lambda path: tifffile.imwrite(path, COLOUR[0], photometric="rgb")),
        ("a.tif", lambda path: tifffile.imwrite(path, np.moveaxis(COLOUR[0], -1, 0), photometric="rgb")),
        ("a.ome.tif", lambda path: tifffile.imwrite(path, GRAY[:1, 0], ome=True, metadata={"axes": "ZYX"})),
        ("a.npy", lambda path: np.save(path, COLOUR[0])),
        ("a.npy", lambda path: np.save(path, GRAY[0, 0])),
        ("a.zarr", lambda path: zarr.save_array(path, COLOUR[0])),
        ("a.zarr", lambda path: _zarr(path, GRAY[:1, :1], [{"name": name} for name in "tcyx"], [1] * 4)),
    ],
)  # fmt: skip
def test_one_plane_is_no_stack(tmp_path: Path, name: str, write: Callable[[Path], Any]) -> None:
    path = tmp_path / name
    write(path)
    assert read_stack(path) is None
    assert read_plane(path).rgb.shape == (20, 24, 3)
    with pytest.raises(InputError, match=r"has no plane \[2, 2, 2, 2\]"):
        read_plane(path, (2, 2, 2, 2))


def test_what_might_be_channels_or_planes_is_told_as_ever(tmp_path: Path) -> None:
    path = tmp_path / "a.npy"
    np.save(path, np.moveaxis(COLOUR[0], -1, 0))
    assert read_stack(path) is None
    with pytest.raises(InputError, match="its channels seem to come first"):
        read_plane(path)


def test_what_hides_pixels_hides_them_in_its_planes(tmp_path: Path) -> None:
    path, pages = tmp_path / "a.tif", GRAY[0, :2].copy()
    pages[0, 3:5] = pages[1, 7:9] = 7
    with tifffile.TiffWriter(path) as writer:
        for page in pages:
            writer.write(
                page, contiguous=False, metadata=None, extratags=[(42113, 2, 2, "7", True)]
            )
    for where in ((0,), (1,)):
        nodata = read_plane(path, where).nodata
        assert nodata is not None
        np.testing.assert_array_equal(nodata, pages[where] == 7)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"II*\0 and no more", "holds no picture"),
        (b"", "empty file"),
        (b"\x93NUMPY", "is no NumPy array"),
    ],
)
def test_a_damaged_file_is_told(tmp_path: Path, content: bytes, sentence: str) -> None:
    path = tmp_path / "a.tif"
    path.write_bytes(content)
    with pytest.raises(InputError, match=sentence):
        read_stack(path)


@pytest.mark.parametrize(
    "document",
    [None, [], {}, {"axes": ["z"], "shape": [0], "spacing": [None], "units": [""]},
     {"axes": ["z"], "shape": [2, 3], "spacing": [None], "units": [""]},
     {"axes": [1], "shape": [2], "spacing": [None], "units": [""]},
     {"axes": ["z"], "shape": [True], "spacing": ["a"], "units": [""]}],
)  # fmt: skip
def test_a_document_of_a_stranger_is_told(document: object) -> None:
    with pytest.raises(InputError, match="The item tells"):
        Stack.from_document(document, "The item")
    whole = Stack(("z",), (2,), (0.5,), ("um",))
    assert Stack.from_document(whole.to_document(), "The item") == whole
