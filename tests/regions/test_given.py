"""Regions of another program are taken as they are, or refused with a sentence."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from napari_corrclip.errors import InputError
from napari_corrclip.maps.regions import check_regions, number_regions
from napari_corrclip.progress import finish
from napari_corrclip.regions import GivenRegions, RegionSource

IMAGE = np.zeros((3, 4, 3), np.uint8)
CELLS = np.array([[0, 0, 7, 7], [2, 2, 7, 7], [2, 2, 0, 900]])


@pytest.mark.parametrize("dtype", ["u2", "i2", "u4", "i4", "u8", "i8", ">i4", ">u2"])
def test_ids_of_any_integer_type_are_kept(dtype: str) -> None:
    source = GivenRegions(CELLS.astype(dtype))
    regions = finish(source.segment(IMAGE))
    assert regions.dtype == np.int32
    np.testing.assert_array_equal(regions, CELLS)


def test_it_is_a_region_source_that_tells_its_origin() -> None:
    source = GivenRegions(CELLS, origin="cells.tif")
    assert isinstance(source, RegionSource)
    assert dict(source.describe()) | {"sha256": ""} == {
        "source": "given",
        "origin": "cells.tif",
        "sha256": "",
    }
    assert source.describe() == GivenRegions(CELLS.astype(np.uint16), origin="cells.tif").describe()
    assert source.describe() != GivenRegions(CELLS + 1, origin="cells.tif").describe()


def test_neither_side_can_change_the_other() -> None:
    mine = CELLS.astype(np.int32)
    source = GivenRegions(mine)
    mine[:] = 5
    finish(source.segment(IMAGE))[:] = 6
    np.testing.assert_array_equal(finish(source.segment(IMAGE)), CELLS)


@pytest.mark.parametrize(
    ("regions", "message"),
    [
        (CELLS.astype(np.float64), "are float64; give whole numbers"),
        (CELLS > 0, "are bool.*skimage.measure.label"),
        (CELLS - 1, "negative id -1"),
        (np.full((3, 4), 2**31, np.uint32), "the id 2147483648, above 2147483647"),
        (np.full((3, 4), 2**63, np.uint64), "the id 9223372036854775808"),
        (CELLS[None], r"shape \(1, 3, 4\)"),
        (np.array([["a"]]), "are <U1"),
    ],
)
def test_what_holds_no_regions_is_refused(regions: np.ndarray, message: str) -> None:
    with pytest.raises(InputError, match=message):
        GivenRegions(regions)


def test_regions_of_another_shape_are_refused() -> None:
    with pytest.raises(InputError, match=r"shape \(4, 3\) and the image \(3, 4\)"):
        finish(GivenRegions(CELLS.T).segment(IMAGE))


def test_an_image_of_the_wrong_type_is_refused() -> None:
    with pytest.raises(InputError, match="float64"):
        finish(GivenRegions(CELLS).segment(IMAGE.astype(float)))  # type: ignore[arg-type]


def test_regions_come_from_files(tmp_path: Path) -> None:
    import tifffile

    np.save(tmp_path / "cells.npy", CELLS)
    tifffile.imwrite(tmp_path / "cells.tif", CELLS.astype(np.int32))
    for name in ("cells.npy", "cells.tif"):
        source = GivenRegions.from_file(tmp_path / name)
        np.testing.assert_array_equal(source.regions, CELLS)
        assert source.origin.endswith(name)


def test_files_without_regions_are_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "broken.npy").write_bytes(b"\x93NUMPY no")
    np.save(tmp_path / "float.npy", CELLS / 2)
    np.save(tmp_path / "pickle.npy", np.array([{}]), allow_pickle=True)
    for name in ("broken.npy", "float.npy", "pickle.npy", "missing.npy", "missing.tif"):
        with pytest.raises(InputError, match=name):
            GivenRegions.from_file(tmp_path / name)


@given(
    arrays(
        np.int32,
        st.tuples(st.integers(1, 6), st.integers(1, 6)),
        elements=st.one_of(st.integers(0, 4), st.integers(0, 2**31 - 1)),
    )
)
def test_numbering_is_the_same_by_counting_and_by_sorting(regions: np.ndarray) -> None:
    numbers, ids = number_regions(check_regions(regions))
    expected = np.unique(regions[regions > 0])
    np.testing.assert_array_equal(ids, expected)
    np.testing.assert_array_equal(np.concatenate([[0], ids])[numbers], regions)


def test_a_class_map_with_a_palette_holds_its_indices(tmp_path: Path) -> None:
    """Such as our own ``labels.png``."""
    ids = np.arange(48, dtype=np.uint8).reshape(6, 8) // 7
    path = tmp_path / "labels.png"
    picture = Image.fromarray(ids)
    picture.putpalette([*range(0, 240), *range(0, 240), *range(0, 240)][: 3 * 240])
    picture.save(path)
    with Image.open(path) as written:
        assert written.mode == "P"
    np.testing.assert_array_equal(GivenRegions.from_file(path).regions, ids)
    Image.fromarray(ids * 30).convert("RGB").save(path)
    with pytest.raises(InputError, match="holds colours"):
        GivenRegions.from_file(path)


def test_what_a_masked_array_hides_is_in_no_region() -> None:
    hidden = np.ma.masked_array(np.full((2, 3), 3), np.array([[True] * 3, [False] * 3]))
    np.testing.assert_array_equal(GivenRegions(hidden).regions, [[0] * 3, [3] * 3])
