"""What is read of image layers: planes, levels, parts, contrast, channels; and where it lies."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import dask
import dask.array as da
import imageio.v3 as iio
import numpy as np
import pytest
import zarr
from napari.components import ViewerModel
from napari.layers import Image, Labels
from napari.layers._source import layer_source

from napari_corrclip.annotation import Source
from napari_corrclip.errors import InputError
from napari_corrclip.gui.image.contrast import Contrast
from napari_corrclip.gui.image.picture import picture_of, source_of
from napari_corrclip.gui.image.planes import level_for, place, plane_name, plane_of

RNG = np.random.default_rng(3)


def ramp(*shape: int, dtype: Any = np.uint8) -> np.ndarray:
    return np.arange(np.prod(shape), dtype=np.int64).reshape(shape).astype(dtype)


# -- planes


def test_the_plane_is_the_one_that_the_viewer_shows_of_a_moved_and_scaled_layer() -> None:
    viewer = ViewerModel()
    viewer.add_image(np.zeros((50, 8, 8), np.uint8))
    stack = ramp(10, 8, 8)
    moved = viewer.add_image(stack, name="stack", scale=(2, 1, 1), translate=(20, 0, 0))
    viewer.dims.set_point(0, 20 + 2 * 7)
    assert plane_of(moved, viewer.dims) == (7,)
    np.testing.assert_array_equal(
        picture_of(moved, (7,), contrast=Contrast((0, 100))).rgb[..., 0],
        picture_of(Image(stack[7]), contrast=Contrast((0, 100))).rgb[..., 0],
    )
    assert plane_name(moved, (7,)) == "plane 7 of 0–9 along axis 0"
    viewer.dims.set_point(0, 3)
    with pytest.raises(InputError, match="no plane of 'stack': along axis 0 it stands at -8"):
        plane_of(moved, viewer.dims)


def test_a_layer_with_fewer_axes_than_the_viewer_is_taken_by_its_own() -> None:
    viewer = ViewerModel()
    viewer.add_image(np.zeros((4, 5, 8, 8), np.uint8))
    own = viewer.add_image(np.zeros((5, 8, 8), np.uint8))
    flat = viewer.add_image(np.zeros((8, 8), np.uint8))
    viewer.dims.set_point((0, 1), (3, 2))
    assert plane_of(own, viewer.dims) == (2,)
    assert plane_of(flat, viewer.dims) == ()
    labelled = Image(np.zeros((4, 5, 8, 8)), axis_labels=("t", "z", "y", "x"))
    assert plane_name(labelled, (3, 2)) == "plane 3 of 0–3 along axis t, 2 of 0–4 along axis z"


def test_other_axes_in_front_are_refused() -> None:
    viewer = ViewerModel()
    stack = viewer.add_image(np.zeros((5, 8, 8), np.uint8), name="s")
    viewer.dims.order = (0, 2, 1)
    assert plane_of(stack, viewer.dims) == (2,)
    viewer.dims.order = (1, 0, 2)
    with pytest.raises(InputError, match="does not show the rows and columns of 's'"):
        plane_of(stack, viewer.dims)


# -- where it lies


@pytest.mark.parametrize("axes", [2, 3])
def test_a_part_of_a_level_lies_over_the_image(axes: int) -> None:
    spatial: dict[str, Any] = {
        "scale": (3.0, 0.5, 0.25)[-axes:],
        "translate": (5.0, 10.0, -4.0)[-axes:],
        "rotate": 30 if axes == 2 else None,
        "shear": [0.2] if axes == 2 else None,
    }
    affine = np.eye(axes + 1)
    affine[-2, -1] = 7
    levels = [np.zeros((4, 64, 96)[-axes:]), np.zeros((4, 16, 24)[-axes:])]
    image = Image(levels, multiscale=True, affine=affine, **spatial)
    picture = picture_of(image, level=1, box=(2, 3, 12, 20))
    over = Labels(np.zeros(picture.shape, int), **picture.spatial)
    for row, column in ((-0.5, -0.5), (0.0, 0.0), (9.5, 16.5)):
        # A level's pixel spans four of the finest; both are squares around whole numbers.
        fine = ((row + 2 + 0.5) * 4 - 0.5, (column + 3 + 0.5) * 4 - 0.5)
        expected = image.data_to_world((0,) * (axes - 2) + fine)[-2:]
        np.testing.assert_allclose(over.data_to_world((row, column)), expected)


@pytest.mark.parametrize("level", [0, 1])
def test_what_stands_for_several_pixels_lies_over_them(level: int) -> None:
    image = Image(
        [np.zeros((60, 90)), np.zeros((15, 22))],
        multiscale=True,
        scale=(0.5, 2),
        translate=(3, 4),
        rotate=30,
    )
    every, third = (
        Labels(np.zeros((5, 7), int), **place(image, level=level, step=step)) for step in (1, 3)
    )
    for row, column in ((-0.5, -0.5), (0.0, 0.0), (4.5, 6.5)):
        # The square of three by three, whose corner is that of its first pixel.
        fine = ((row + 0.5) * 3 - 0.5, (column + 0.5) * 3 - 0.5)
        np.testing.assert_allclose(third.data_to_world((row, column)), every.data_to_world(fine))


def test_units_and_labels_of_axes_are_kept() -> None:
    image = Image(
        np.zeros((3, 8, 8)), units=("s", "um", "um"), axis_labels=("t", "y", "x"), scale=(1, 2, 2)
    )
    spatial = picture_of(image, (1,)).spatial
    over = Labels(np.zeros((8, 8), int), **spatial)
    assert [str(unit) for unit in over.units] == ["micrometer", "micrometer"]
    assert over.axis_labels == ("y", "x")
    pinned = Labels(np.zeros((1, 8, 8), int), **place(image, where=(2,)))
    np.testing.assert_allclose(pinned.data_to_world((0, 1, 1)), image.data_to_world((2, 1, 1)))


# -- contrast


def test_contrast_as_shown_and_by_percentiles() -> None:
    deep = np.linspace(1000, 5000, 64 * 64).reshape(64, 64).astype(np.uint16)
    layer = Image(deep, contrast_limits=(2000, 4000))
    shown = picture_of(layer).rgb[..., 0]
    expected = np.rint((np.clip(deep, 2000, 4000) - 2000.0) / 2000 * 255)
    np.testing.assert_allclose(shown, expected, atol=1)
    ranked = picture_of(layer, contrast=Contrast((10, 90))).rgb[..., 0]
    assert abs((ranked == 0).mean() - 0.1) < 0.01
    assert abs((ranked == 255).mean() - 0.1) < 0.01
    layer.gamma = 0.5
    bright = picture_of(layer).rgb[..., 0]
    np.testing.assert_array_equal(bright, np.rint(255 * (shown / 255) ** 0.5))
    with pytest.raises(InputError, match=r"percentiles are \(99, 1\)"):
        Contrast((99, 1))


@pytest.mark.parametrize("dtype", [bool, np.uint16, np.int32, np.float16, np.float32, np.float64])
@pytest.mark.parametrize("contrast", [Contrast(), Contrast((1, 99))])
def test_every_type_of_number_is_shown(dtype: Any, contrast: Contrast) -> None:
    plane = (RNG.random((32, 32)) * 2).astype(np.uint8 if dtype is bool else dtype).astype(dtype)
    rgb = picture_of(Image(plane), contrast=contrast).rgb
    assert rgb.dtype == np.uint8
    assert rgb.shape == (32, 32, 3)
    assert rgb.min() == 0
    assert rgb.max() == 255


@pytest.mark.parametrize("contrast", [Contrast(), Contrast((1, 99))])
def test_what_is_no_number_counts_for_nothing(contrast: Contrast) -> None:
    plane = np.linspace(0, 1, 1024, dtype=np.float32).reshape(32, 32)
    plane[0, :3] = np.nan, np.inf, -np.inf
    layer = Image(plane, contrast_limits=(0, 1))
    rgb = picture_of(layer, contrast=contrast).rgb[..., 0]
    assert rgb[0, :3].tolist() == [0, 255, 0]
    rest = Image(np.nan_to_num(plane, nan=0.01, posinf=0.01, neginf=0.01), contrast_limits=(0, 1))
    expected = picture_of(rest, contrast=contrast).rgb[..., 0]
    np.testing.assert_allclose(rgb[1:], expected[1:].astype(int), atol=1)


def test_infinite_limits_of_the_viewer_do_no_harm() -> None:
    plane = np.linspace(0, 1, 1024, dtype=np.float32).reshape(32, 32)
    plane[0, 0] = np.inf
    rgb = picture_of(Image(plane)).rgb[..., 0]
    assert rgb[-1, -1] == 255
    assert 100 < rgb[16, 0] < 150


def test_nothing_but_nan_is_said() -> None:
    layer = Image(np.full((20, 20), np.nan), contrast_limits=(0, 1), name="empty")
    with pytest.raises(InputError, match="'empty': There is no number in this part"):
        _ = picture_of(layer).rgb


@pytest.mark.parametrize("value", [0, 7, 65535])
def test_a_constant_image_is_one_colour(value: int) -> None:
    layer = Image(np.full((20, 20), value, np.uint16))
    for contrast in (Contrast(), Contrast((1, 99))):
        assert len(np.unique(picture_of(layer, contrast=contrast).rgb)) == 1


def test_colours_are_taken_as_they_are() -> None:
    rgba = RNG.integers(0, 255, (20, 20, 4), dtype=np.uint8)
    np.testing.assert_array_equal(picture_of(Image(rgba, rgb=True)).rgb, rgba[..., :3])
    floats = (rgba[..., :3] / 255).astype(np.float32)
    np.testing.assert_array_equal(picture_of(Image(floats, rgb=True)).rgb, rgba[..., :3])
    floats[0, 0] = np.nan
    assert picture_of(Image(floats, rgb=True)).rgb[0, 0].tolist() == [0, 0, 0]


# -- channels


def test_three_layers_are_one_image() -> None:
    red, blue = (Image(ramp(20, 20) // (1 + at), contrast_limits=(0, 255)) for at in (0, 1))
    rgb = picture_of(red, channels=[red, None, blue]).rgb
    np.testing.assert_array_equal(rgb[..., 0], red.data)
    assert not rgb[..., 1].any()
    np.testing.assert_array_equal(rgb[..., 2], blue.data)


def test_channels_have_to_lie_over_each_other() -> None:
    one = Image(ramp(3, 20, 20), name="one")
    cases = [
        ([one, Image(ramp(3, 20, 21), name="two"), None], "'one' of 3 × 20 × 20 and 'two' of 3"),
        ([one, Image(ramp(3, 20, 20), name="two", translate=(1, 0, 0)), None], "do not lie over"),
        ([one, Image(ramp(3, 20, 20), name="two", scale=(1, 2, 1)), None], "do not lie over"),
        ([one, None, Image(np.zeros((20, 20, 3), np.uint8), rgb=True, name="c")], "'c' is in colo"),
        ([None, None, None], "No channel is chosen"),
    ]
    for channels, wrong in cases:
        with pytest.raises(InputError, match=wrong):
            picture_of(one, channels=channels)


# -- levels


def test_the_level_is_the_smallest_with_enough_pixels() -> None:
    sizes = [8000, 4000, 2000, 1000]
    layer = Image([da.zeros((size, size // 2)) for size in sizes], multiscale=True)
    assert level_for(layer) == 2
    assert level_for(layer, 0.5) == 1
    assert level_for(layer, 0.01) == 0
    assert level_for(Image([np.zeros((40, 40)), np.zeros((20, 20))], multiscale=True)) == 0
    assert level_for(Image(np.zeros((9000, 9000), np.uint8))) == 0
    assert picture_of(layer, contrast=Contrast((1, 99))).shape == (2000, 1000)


def test_leading_axes_may_be_coarser_in_a_level() -> None:
    fine, coarse = ramp(8, 32, 32), np.zeros((4, 16, 16), np.uint8)
    coarse[3] = 200
    layer = Image([fine, coarse], multiscale=True, contrast_limits=(0, 200))
    assert (picture_of(layer, (7,), level=1).rgb == 255).all()
    assert (picture_of(layer, (3,), level=1).rgb == 0).all()


# -- lazy arrays


def test_dask_computes_one_plane_and_not_before_it_is_asked() -> None:
    seen: list[tuple[Any, str]] = []

    def block(block_id: tuple[int, ...] | None = None) -> np.ndarray:
        assert block_id is not None
        seen.append((block_id, threading.current_thread().name))
        return np.full((1, 32, 32), block_id[0], np.uint8)

    stack = da.map_blocks(block, chunks=((1,) * 5, (32,), (32,)), dtype=np.uint8)
    layer = Image(stack, contrast_limits=(0, 4))
    seen.clear()
    picture = picture_of(layer, (3,), box=(4, 4, 24, 28))
    assert not seen
    with dask.config.set(scheduler="synchronous"):
        assert (picture.rgb == round(255 * 3 / 4)).all()
    assert [one[0][0] for one in seen] == [3]
    assert picture.rgb.shape == (20, 24, 3)


def test_zarr_is_read_by_part(tmp_path: Path) -> None:
    array = zarr.create_array(
        str(tmp_path / "a.zarr"), shape=(3, 40, 40), chunks=(1, 20, 20), dtype="uint8"
    )
    array[:] = ramp(3, 40, 40)
    layer = Image(array, contrast_limits=(0, 255))
    np.testing.assert_array_equal(
        picture_of(layer, (2,), box=(5, 6, 30, 40)).rgb[..., 1], array[2, 5:30, 6:40]
    )


def test_a_broken_graph_is_a_sentence() -> None:
    def block() -> np.ndarray:
        raise KeyError("no such chunk")

    layer = Image(np.zeros((20, 20)), name="broken")
    broken = da.from_delayed(dask.delayed(block)(), (20, 20), float)
    picture = picture_of(_Stub(layer, broken))  # type: ignore[arg-type]
    with pytest.raises(
        InputError, match=r"'broken' cannot be read \(KeyError: 'no such chunk'\); look after its"
    ):
        _ = picture.rgb


class _Stub:
    """A layer whose array breaks after it was added: napari itself would raise before."""

    def __init__(self, layer: Image, data: Any) -> None:
        self._layer, self.data = layer, data

    def __getattr__(self, name: str) -> Any:
        return getattr(self._layer, name)


# -- sources


def test_sources_tell_parts_apart_and_old_keys_stay(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    iio.imwrite(path, np.zeros((40, 40), np.uint8))
    whole = Source.of(path, slice=(3,))
    # The key that sessions were kept under before there were crops.
    import hashlib
    import json

    former = hashlib.sha256(json.dumps([whole.path, 0, [3]]).encode()).hexdigest()[:24]
    assert whole.key == former
    crop = whole.part((1, 2, 30, 31))
    assert crop.key == f"{former}-1-2-30-31"
    assert Source.of(path, slice=(3,), channels=("a", "b", "")).key != whole.key
    for source in (whole, crop, Source.of(path, channels=("a", "", "b"), crop=(0, 0, 20, 20))):
        assert Source.from_json(source.to_json()) == source
    before = json.loads(whole.to_json())
    del before["crop"], before["channels"]
    assert Source.from_json(json.dumps(before)) == whole
    with pytest.raises(InputError, match="cannot be read"):
        Source.from_json(json.dumps(before | {"crop": [1, 2]}))
    told = whole.difference(crop)
    assert told is not None
    assert "rows 1 to 29 and columns 2 to 30" in told


def test_channels_of_one_file_are_told_apart_by_name(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    iio.imwrite(path, np.zeros((40, 40), np.uint8))
    with layer_source(path=str(path)):
        one, two = (Image(np.zeros((40, 40)), name=name) for name in ("one", "two"))
    pair = source_of(one, channels=[one, two, None])
    swapped = source_of(one, channels=[two, one, None])
    assert pair is not None
    assert swapped is not None
    assert pair.key != swapped.key
    assert source_of(one, channels=[one, Image(np.zeros((40, 40))), None]) is None


def test_one_image_is_known_again_whatever_its_contrast() -> None:
    layer = Image(ramp(20, 20), contrast_limits=(0, 255))
    first = picture_of(layer)
    _ = first.rgb
    layer.contrast_limits = (10, 90)
    layer.name = "renamed"
    assert first.same_as(picture_of(layer))
    assert not first.same_as(picture_of(layer, box=(0, 0, 20, 19)))
    assert not first.same_as(picture_of(layer, channels=[layer, None, None]))
    layer.data = ramp(20, 20)[::-1]
    assert not first.same_as(picture_of(layer))
