"""Pieces of a large image are what the whole image would have there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import torch
import zarr
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from napari_corrclip.engine.large import reading as lazy
from napari_corrclip.engine.large.reading import LazyImage, reduced
from napari_corrclip.engine.large.resampling import bilinear, lines, nearest_lines
from napari_corrclip.engine.large.tally import Count, Tally, total
from napari_corrclip.errors import InputError
from napari_corrclip.images import ImageOptions, planes, to_rgb
from napari_corrclip.images.planes import as_plane, opened
from napari_corrclip.method import grids
from napari_corrclip.progress import finish

RNG = np.random.default_rng(0)
IMAGES: dict[str, NDArray[Any]] = {
    "uint8": RNG.integers(0, 256, (61, 47, 3), np.uint8),
    "gray": RNG.integers(0, 256, (61, 47), np.uint8),
    "opacity": RNG.integers(0, 256, (61, 47, 4), np.uint8),
    "bool": RNG.random((61, 47)) < 0.5,
    "uint16": RNG.integers(100, 5000, (61, 47), np.uint16),
    "int32": RNG.integers(-(10**6), 10**6, (61, 47, 3)),
    "float": RNG.normal(size=(61, 47)),
    "unit": RNG.random((61, 47, 3)).astype(np.float32),
    "half": RNG.normal(size=(61, 47)).astype(np.float16),
    "constant": np.full((61, 47), 700, np.uint16),
    "rare": np.where(np.arange(61 * 47).reshape(61, 47) == 7, 5, 3).astype(np.uint16),
}


@pytest.mark.parametrize("name", IMAGES)
def test_a_piece_has_the_colours_of_the_whole(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lazy, "_READ", 17)
    image = IMAGES[name]
    piece = LazyImage(as_plane(image, "image"))
    finish(piece.measure())
    assert np.array_equal(piece.read((10, 5, 40, 33)), to_rgb(image)[10:40, 5:33])
    rows, columns = np.array([0, 3, 4, 50]), np.array([1, 2, 46])
    assert np.array_equal(piece.pick(rows, columns), to_rgb(image)[rows][:, columns])


def test_limits_are_taken_as_they_are() -> None:
    image = IMAGES["uint16"]
    piece = LazyImage(as_plane(image, "image"), ImageOptions(limits=(200, 900)))
    assert not list(piece.measure())
    assert np.array_equal(piece.read((0, 0, 61, 47)), to_rgb(image, limits=(200, 900)))
    with pytest.raises(InputError, match="give two finite numbers"):
        LazyImage(as_plane(image, "image"), ImageOptions(limits=(3, 1)))


def test_of_many_pixels_some_are_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lazy, "_MEASURED", 300)
    monkeypatch.setattr(lazy, "_READ", 20)
    image = IMAGES["uint16"]
    piece = LazyImage(as_plane(image, "image"))
    finish(piece.measure())
    low, high = np.percentile(image[::4, ::4], (0.1, 99.9))
    assert np.array_equal(piece.read((0, 0, 61, 47)), to_rgb(image, limits=(low, high)))


def test_no_number_is_told_with_its_place() -> None:
    image = np.zeros((50, 60))
    image[33, 44] = np.inf
    piece = LazyImage(as_plane(image, "image"), ImageOptions(limits=(0, 1)))
    piece.read((0, 0, 33, 60))
    with pytest.raises(InputError, match="row 33, column 44"):
        piece.read((20, 30, 50, 60))
    with pytest.raises(InputError, match="row 33, column 44"):
        piece.pick(np.array([1, 33]), np.array([44, 50]))


@given(st.integers(0, 2**32 - 1), st.integers(1, 40), st.integers(1, 40), st.integers(1, 9))
def test_bands_give_what_one_reading_gives(seed: int, height: int, width: int, band: int) -> None:
    rng = np.random.default_rng(seed)
    array = rng.integers(0, 99, (height, width))
    rows, columns = (np.flatnonzero(rng.random(side) < 0.5) for side in (height, width))
    if not (len(rows) and len(columns)):
        return
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(planes, "_BAND", band * width)
        picked = as_plane(array, "image").pick(rows, columns)
    assert np.array_equal(picked, array[rows][:, columns])


@given(st.integers(1, 60), st.integers(1, 60), st.integers(1, 90), st.integers(1, 90), st.data())
def test_a_piece_of_a_resampled_map_is_its_piece(
    height: int, width: int, rows: int, columns: int, data: st.DataObject
) -> None:
    torch.manual_seed(0)
    maps = torch.randn(2, height, width)
    whole = grids.bilinear(maps[None], (rows, columns))[0]
    (top, bottom), (left, right) = (
        sorted((data.draw(st.integers(0, side - 1)), data.draw(st.integers(0, side - 1))))
        for side in (rows, columns)
    )
    down, across = lines(top, bottom + 1, height, rows), lines(left, right + 1, width, columns)
    part = maps[:, slice(*down.span), slice(*across.span)]
    piece = bilinear(part, down.within(down.span[0]), across.within(across.span[0]))
    assert torch.allclose(piece, whole[:, top : bottom + 1, left : right + 1], atol=2e-5)
    near = grids.nearest(maps, (rows, columns))[:, top : bottom + 1, left : right + 1]
    at = (
        nearest_lines(top, bottom + 1, height, rows),
        nearest_lines(left, right + 1, width, columns),
    )
    assert torch.equal(maps[:, at[0][:, None], at[1]], near)


@pytest.mark.parametrize("factor", [1, 2, 3, 7])
def test_a_reduced_tile_is_the_mean_of_its_pixels(
    factor: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lazy, "_READ", 10)
    image = IMAGES["uint8"]
    small = reduced(LazyImage(as_plane(image, "image")), (3, 2, 60, 47), factor)
    cut = image[3:60, 2:47]
    assert small.shape == (-(-57 // factor), -(-45 // factor), 3)
    mean = cut[:factor, factor : 2 * factor].reshape(-1, 3).mean(axis=0)
    assert np.abs(small[0, 1] - mean).max() <= 0.51


@given(st.integers(0, 2**32 - 1), st.integers(1, 8), st.integers(1, 4))
def test_what_is_counted_in_parts_is_what_is_counted_at_once(
    seed: int, parts: int, classes: int
) -> None:
    rng = np.random.default_rng(seed)
    tallies = []
    for _ in range(parts):
        ids = np.unique(rng.integers(1, 30, rng.integers(0, 12)))
        corner = rng.integers(0, 50, (len(ids), 2))
        boxes = np.concatenate([corner, corner + 1], axis=1).astype(np.int32)
        votes = rng.integers(0, 9, (len(ids), 1 + classes))
        tallies.append(Tally(ids, votes, rng.random((len(ids), classes)), boxes))
    whole = total(tallies)
    assert whole.ids.tolist() == sorted({i for one in tallies for i in one.ids.tolist()})
    for row, number in enumerate(whole.ids):
        own = [(one, one.ids.tolist().index(number)) for one in tallies if number in one.ids]
        assert np.array_equal(whole.votes[row], sum(one.votes[at] for one, at in own))
        assert np.allclose(whole.sums[row], sum(one.sums[at] for one, at in own))
        corners = np.array([one.boxes[at] for one, at in own])
        assert whole.boxes[row, :2].tolist() == corners[:, :2].min(axis=0).tolist()
        assert whole.boxes[row, 2:].tolist() == corners[:, 2:].max(axis=0).tolist()
    count = Count(classes)
    for one in tallies:
        count.add(one)
        count.total()
    assert np.array_equal(count.total().votes, whole.votes)


def _two_arrays(folder: Path) -> Path:
    group = zarr.open_group(folder / "two.zarr", mode="w")
    for name in "ab":
        group.create_array(name, shape=(4, 4), dtype="uint8")
    return folder / "two.zarr"


def _stack(folder: Path) -> Path:
    group = zarr.open_group(folder / "stack.zarr", mode="w")
    group.create_array("0", shape=(5, 4, 4), dtype="uint8")
    axes = [{"name": name} for name in "zyx"]
    group.attrs["ome"] = {"multiscales": [{"axes": axes, "datasets": [{"path": "0"}]}]}
    return folder / "stack.zarr"


def _no_ome(folder: Path) -> Path:
    group = zarr.open_group(folder / "odd.zarr", mode="w")
    group.attrs["multiscales"] = [{"axes": [{"name": "y"}], "datasets": []}]
    return folder / "odd.zarr"


def _no_npy(folder: Path) -> Path:
    (folder / "image.npy").write_bytes(b"no array at all")
    return folder / "image.npy"


def _tiff_stack(folder: Path) -> Path:
    tifffile.imwrite(folder / "s.tif", np.zeros((5, 64, 64), np.uint8), tile=(16, 16))
    return folder / "s.tif"


def _cut_short(folder: Path) -> Path:
    path = folder / "cut.tif"
    tifffile.imwrite(path, IMAGES["gray"], tile=(16, 16), compression="zlib")
    path.write_bytes(path.read_bytes()[:-40])
    return path


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (_two_arrays, "holds 2 arrays; give a folder of one zarr array, or OME-Zarr."),
        (_stack, "has the shape (5, 4, 4) (axes z, y, x) and is not one plane"),
        (_no_ome, "is no OME-Zarr that can be read"),
        (_no_npy, "is no image that can be read"),
        (_tiff_stack, "holds a stack of the shape (5, 64, 64)"),
        (_cut_short, "is cut short"),
        (lambda folder: folder, "is no zarr ("),
        (lambda folder: folder / "no.tif", "cannot be read (No such file or directory)"),
    ],
)
def test_a_file_that_cannot_be_used_is_told_with_its_name(
    tmp_path: Path, make: Any, sentence: str
) -> None:
    path = make(tmp_path)
    with pytest.raises(InputError) as caught, opened(path, "image"):
        raise AssertionError("it was opened")
    text = str(caught.value)
    assert sentence in text
    assert str(path) in text
    assert "\n" not in text


def test_a_damaged_chunk_is_told_with_its_place(tmp_path: Path) -> None:
    path = tmp_path / "image.zarr"
    zarr.create_array(path, data=IMAGES["gray"], chunks=(30, 30))
    for chunk in (path / "c" / "1").iterdir():
        chunk.write_bytes(b"damaged")
    with opened(path, "image") as plane:
        assert np.array_equal(plane.read((0, 0, 30, 47)), IMAGES["gray"][:30])
        with pytest.raises(InputError, match=r"cannot be read at rows 30 to 40, columns 0 to 9"):
            plane.read((30, 0, 40, 9))


def test_a_palette_is_looked_up_as_in_small_images(tmp_path: Path) -> None:
    path = tmp_path / "palette.tif"
    colors = RNG.integers(0, 65536, (3, 256), dtype=np.uint16)
    tifffile.imwrite(path, IMAGES["gray"], photometric="palette", colormap=colors, tile=(16, 16))
    with opened(path, "image") as plane:
        shown = LazyImage(plane).read((0, 0, 61, 47))
    assert np.array_equal(shown, (colors >> 8).T[IMAGES["gray"]])
