"""The painter's pictures, pixel by pixel; no screen is needed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from napari_corrclip.gui.canvas import painter, schemes
from napari_corrclip.gui.canvas.painter import PERIOD, View, paint, spot, tint
from napari_corrclip.gui.canvas.schemes import (
    BORDER_HALO,
    DARK,
    FAINT,
    HIGHLIGHTS,
    LIGHT,
    STRIPES,
    Kind,
    Level,
    Scheme,
    packed,
    scheme,
)

RED, BLUE = packed(255, 0, 0), packed(0, 0, 255)
PALETTE = np.array([[255, 0, 0], [0, 0, 255]], np.uint8)
BORDER, FILL = HIGHLIGHTS[Level.SELECTED]
HALVES = np.repeat([[1] * 4 + [2] * 4], 8, axis=0).astype(np.int32)


def identity(size: tuple[int, int], zoom: float = 1, width: int = 1) -> View:
    return View(size, np.eye(2) / zoom, np.zeros(2), width)


def look(*kinds: Kind, colors: tuple[int, ...] = (), levels: tuple[int, ...] = ()) -> Scheme:
    """The scheme of regions 1, 2, …"""
    count = len(kinds)
    return scheme(
        np.arange(1, count + 1),
        np.array(kinds),
        np.array(colors or (0,) * count),
        PALETTE,
        np.array(levels or (0,) * count),
    )


def row(regions: NDArray[np.int32], how: Scheme, at: int = 3) -> list[int]:
    picture = paint(regions, identity((regions.shape[0], regions.shape[1])), how)
    return picture[at].tolist()


def test_undecided_regions_have_a_light_line_with_a_dark_halo_between_them() -> None:
    drawn = row(HALVES, look(Kind.UNDECIDED, Kind.UNDECIDED))
    assert drawn == [0, 0, 0, DARK, LIGHT, DARK, 0, 0]


def test_decided_regions_have_a_thin_line_in_their_own_colour() -> None:
    drawn = row(HALVES, look(Kind.DECIDED, Kind.DECIDED, colors=(0, 1)))
    assert drawn == [0, 0, 0, RED, BLUE, 0, 0, 0]


def test_between_regions_decided_alike_there_is_nothing() -> None:
    assert not any(row(HALVES, look(Kind.DECIDED, Kind.DECIDED, colors=(1, 1))))


def test_a_decided_region_beside_an_undecided_one_keeps_its_colour() -> None:
    assert row(HALVES, look(Kind.DECIDED, Kind.UNDECIDED)) == [0, 0, 0, RED, DARK, 0, 0, 0]
    assert row(HALVES, look(Kind.UNDECIDED, Kind.DECIDED)) == [0, 0, 0, DARK, RED, 0, 0, 0]


def test_hidden_regions_are_as_where_there_is_none() -> None:
    assert not any(row(HALVES, look(Kind.HIDDEN, Kind.HIDDEN)))
    nothing = np.where(HALVES == 1, 0, HALVES)
    hidden = row(HALVES, look(Kind.HIDDEN, Kind.UNDECIDED))
    assert (
        hidden == row(nothing, look(Kind.HIDDEN, Kind.UNDECIDED)) == [0, 0, 0, 0, LIGHT, DARK, 0, 0]
    )


def test_ignored_regions_are_hatched() -> None:
    whole = np.ones((24, 32), np.int32)
    picture = paint(whole, identity((24, 32)), look(Kind.IGNORED))
    y, x = np.indices(picture.shape)
    np.testing.assert_array_equal(picture, np.where((y + x) % PERIOD == 0, STRIPES, 0))


def test_the_hatching_moves_with_the_image() -> None:
    regions = np.ones((64, 64), np.int32)
    how = look(Kind.IGNORED)
    whole = paint(regions, identity((40, 40)), how)
    moved = paint(regions, View((30, 30), np.eye(2), np.array([3.0, 5.0])), how)
    np.testing.assert_array_equal(moved, whole[3:33, 5:35])


def test_what_is_selected_has_one_border_and_a_fill() -> None:
    regions = np.zeros((9, 16), np.int32)
    regions[:, 3:8], regions[:, 8:13] = 1, 2
    levels = (Level.SELECTED, Level.SELECTED)
    drawn = row(regions, look(Kind.UNDECIDED, Kind.UNDECIDED, levels=levels))
    inside = [BORDER, BORDER, FILL, FILL, FILL, FAINT, FILL, FILL, BORDER, BORDER]
    assert drawn == [0, 0, BORDER_HALO, *inside, BORDER_HALO, 0, 0]


@pytest.mark.parametrize("width", [1, 2, 3])
@pytest.mark.parametrize("zoom", [0.25, 0.37, 1, 3, 7.5])
def test_a_line_is_as_wide_at_every_zoom(zoom: float, width: int) -> None:
    regions = np.repeat([[1] * 100 + [2] * 100], 200, axis=0).astype(np.int32)
    side = round(200 * zoom)
    how = look(Kind.UNDECIDED, Kind.UNDECIDED)
    drawn = paint(regions, identity((side, side), zoom, width), how)[side // 2]
    assert np.count_nonzero(drawn == LIGHT) == width
    assert np.count_nonzero(drawn == DARK) == 2 * width
    # It begins where the first pixel shows the second region.
    assert np.flatnonzero(drawn == LIGHT)[0] == np.ceil(100 * zoom - 0.5)


def test_turned_and_mirrored_images_are_painted_as_they_lie() -> None:
    regions = np.random.default_rng(2).integers(0, 3, (5, 7)).astype(np.int32)
    how = look(Kind.UNDECIDED, Kind.DECIDED)
    # Rows of the screen are columns of the image.
    across = View((35, 25), np.array([[0, 0.2], [0.2, 0]]), np.zeros(2))
    np.testing.assert_array_equal(
        paint(regions, across, how), paint(regions.T, identity((35, 25), 5), how)
    )
    mirrored = View((25, 35), np.diag([0.2, -0.2]), np.array([0.0, 7.0]))
    np.testing.assert_array_equal(
        paint(regions, mirrored, how), paint(regions[:, ::-1], identity((25, 35), 5), how)
    )


def test_beyond_the_image_there_is_nothing() -> None:
    how = look(Kind.UNDECIDED, Kind.UNDECIDED)
    far = View((6, 6), np.eye(2), np.array([100.0, 0.0]))
    assert not paint(HALVES, far, how).any()
    around = paint(HALVES, View((14, 14), np.eye(2), np.array([-3.0, -3.0])), how)
    assert not around[:3].any()
    assert not around[-3:].any()
    assert (around[3, 3:7] == LIGHT).all()


def test_regions_that_came_after_the_scheme_look_undecided() -> None:
    new = np.where(HALVES == 2, 9, HALVES)
    assert row(new, look(Kind.UNDECIDED)) == row(HALVES, look(Kind.UNDECIDED, Kind.UNDECIDED))


@pytest.mark.parametrize("kind", [Kind.UNDECIDED, Kind.DECIDED])
def test_ids_far_apart_are_painted_as_those_in_a_row(
    kind: Kind, monkeypatch: pytest.MonkeyPatch
) -> None:
    spread = np.array([7, 2**31 - 2])
    regions = np.where(HALVES == 0, 0, spread[HALVES - 1])
    regions[0] = 0
    regions[1] = 8  # known to nobody
    near = np.where(regions == 7, 1, np.where(regions == 8, 3, regions.clip(0, 2)))
    how = scheme(spread, np.array([Kind.UNDECIDED, kind]), np.array([0, 1]), PALETTE)
    other = scheme(np.array([1, 2]), np.array([Kind.UNDECIDED, kind]), np.array([0, 1]), PALETTE)
    view = identity((8, 8))
    np.testing.assert_array_equal(paint(regions, view, how), paint(near, view, other))


maps = arrays(
    np.int32, st.tuples(st.integers(1, 12), st.integers(1, 12)), elements=st.integers(0, 5)
)
KINDS = [Kind.UNDECIDED, Kind.DECIDED, Kind.IGNORED, Kind.HIDDEN, Kind.DECIDED]


@given(maps, st.integers(1, 2), st.floats(0.3, 6), st.floats(-3, 3), st.integers(3, 9))
def test_bands_leave_no_seam(
    regions: NDArray[np.int32], width: int, zoom: float, shift: float, band: int
) -> None:
    view = View((23, 19), np.eye(2) / zoom, np.array([shift, -shift]), width)
    how = look(*KINDS, levels=(0, 0, 1, 0, 2))
    whole = paint(regions, view, how)
    kept, painter.BAND = painter.BAND, band
    try:
        np.testing.assert_array_equal(paint(regions, view, how), whole)
    finally:
        painter.BAND = kept


@given(maps)
def test_lines_lie_between_different_regions(regions: NDArray[np.int32]) -> None:
    picture = paint(regions, identity(regions.shape), look(*[Kind.UNDECIDED] * 5))  # type: ignore[arg-type]
    beside = np.zeros(regions.shape, bool)
    around = np.pad(regions, 1, mode="edge")
    rows, columns = regions.shape
    for down, right in ((0, 1), (2, 1), (1, 0), (1, 2)):
        beside |= around[down : down + rows, right : right + columns] < regions
    np.testing.assert_array_equal(picture == LIGHT, beside)


def test_more_regions_than_fit_32_bits_stay_apart() -> None:
    palette = np.zeros((1200, 3), np.uint8)
    count = 2**20
    ids = np.arange(1, count + 1)
    how = scheme(ids, np.full(count, Kind.UNDECIDED), np.zeros(count, int), palette)
    assert how.codes.dtype == np.int64
    assert len(np.unique(how.codes[: count + 1])) == count + 1
    few = scheme(ids[:9], np.full(9, Kind.UNDECIDED), np.zeros(9, int), palette)
    assert few.codes.dtype == np.int32


def test_a_spot_is_three_lines_wide_and_cut_at_the_edges() -> None:
    picture = np.zeros((8, 8), np.uint32)
    spot(picture, identity((8, 8), 0.1), np.array([(45.0, 55.0), (1.0, 79.0), (500.0, 20.0)]), 7)
    want = np.zeros((8, 8), np.uint32)
    want[3:6, 4:7] = want[:2, 6:] = 7
    np.testing.assert_array_equal(picture, want)


def test_a_part_of_the_image_has_plain_colours() -> None:
    values = np.array([[1, 0], [2, 1]], np.uint8)
    picture = tint(values, (1, 2), identity((8, 12), 2), np.array([0, 5, 9], np.uint32))
    want = np.zeros((8, 12), np.uint32)
    want[2:4, 4:6] = want[4:6, 6:8] = 5
    want[4:6, 4:6] = 9
    np.testing.assert_array_equal(picture, want)


def test_colours_are_multiplied_by_their_alpha() -> None:
    assert packed(255, 0, 0) == 0xFFFF0000
    assert packed(200, 100, 50, 128) == 0x80643219
    assert len(schemes.Role) <= schemes.ROLES
