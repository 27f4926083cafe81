"""Outlines of segments: closed rings and paths, from which the very map comes back."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from numpy.typing import NDArray
from scipy import ndimage

from napari_corrclip.maps.filling import filled, paint
from napari_corrclip.maps.outlines import Connectivity, Outlines, Paths, outlines, paths

MAPS = arrays(
    np.int64, array_shapes(min_dims=2, max_dims=2, max_side=12), elements=st.integers(0, 2)
)

NOISE = st.builds(
    lambda seed, height, width, share: (
        np.random.default_rng(seed).random((height, width)) < share
    ).astype(np.int64),
    st.integers(0, 2**32 - 1),
    st.integers(1, 12),
    st.integers(1, 12),
    st.floats(0.4, 0.9),
)


def filled_map(found: Outlines | Paths, shape: tuple[int, int]) -> NDArray[np.int64]:
    numbers, owners = np.unique(found.segments, return_inverse=True)
    rule = "centres" if isinstance(found, Outlines) else "border"
    target = np.zeros(shape, np.int64)
    for piece in filled(owners, found.begins, found.rows, found.columns, shape, rule):
        assert (piece.lengths > 0).all()
        assert (np.diff(piece.owners) >= 0).all()
        paint(target, piece, numbers)
    return target


def rings(found: Outlines | Paths) -> list[list[tuple[int, int]]]:
    points = list(zip(found.rows.tolist(), found.columns.tolist(), strict=True))
    ends = found.begins.tolist()
    return [points[begin:end] for begin, end in itertools.pairwise(ends)]


def parts(array: NDArray[Any], connectivity: int) -> int:
    """Return how many connected parts all segments have."""
    around = np.ones((3, 3)) if connectivity == 8 else None
    return sum(
        ndimage.label(array == number, structure=around)[1]
        for number in np.unique(array[array > 0]).tolist()
    )


def holes(array: NDArray[Any], connectivity: int) -> int:
    """Return how many holes all parts of all segments have: what no side connects to what is around."""
    around = np.ones((3, 3)) if connectivity == 8 else None
    found = 0
    for number in np.unique(array[array > 0]).tolist():
        labelled, count = ndimage.label(array == number, structure=around)
        for part in range(1, count + 1):
            found += ndimage.label(np.pad(labelled != part, 1, constant_values=True))[1] - 1
    return found


def test_a_map_that_is_drawn_by_hand() -> None:
    array = np.array([[7, 7, 7, 0], [7, 0, 7, 0], [7, 7, 7, 9]])
    found = outlines([array], 4)
    assert found.segments.tolist() == [7, 7, 9]
    assert rings(found) == [
        [(0, 0), (0, 3), (3, 3), (3, 0)],
        [(1, 1), (2, 1), (2, 2), (1, 2)],  # the other way round
        [(2, 3), (2, 4), (3, 4), (3, 3)],
    ]
    assert found.areas.tolist() == [9, -1, 1]
    assert found.outer.tolist() == [0, 0, 2]
    assert list(found.parts()) == [(7, [[0, 1]]), (9, [[2]])]
    found_paths = paths([array], 4)
    assert found_paths.segments.tolist() == [7, 9]
    assert rings(found_paths)[1] == [(2, 3)]


@pytest.mark.parametrize(("connectivity", "count"), [(4, 2), (8, 1)])
def test_pixels_that_touch_by_a_corner_are_as_is_said(
    connectivity: Connectivity, count: int
) -> None:
    found = outlines([np.array([[1, 0], [0, 1]])], 2, connectivity)
    assert len(found.segments) == count
    assert found.areas.tolist() == [2 // count] * count


def test_no_ring_meets_itself_where_a_part_encloses_a_corner() -> None:
    # The hole touches what is outside by a corner: one ring would go through that corner twice.
    found = outlines([np.array([[1, 1, 1], [1, 0, 1], [1, 1, 0]])], 3)
    assert found.areas.tolist() == [8, -1]
    assert found.outer.tolist() == [0, 0]


@given(MAPS, st.sampled_from([4, 8]), st.integers(1, 5))
@settings(max_examples=400)
def test_any_map_comes_back_from_its_outlines(
    array: NDArray[np.int64], connectivity: Connectivity, step: int
) -> None:
    bands = [array[top : top + step] for top in range(0, len(array), step)]
    found = outlines(bands, array.shape[1], connectivity)
    np.testing.assert_array_equal(filled_map(found, array.shape), array)
    whole = outlines([array], array.shape[1], connectivity)
    assert rings(whole) == rings(found)
    areas = np.bincount(found.segments, found.areas, minlength=3)
    assert areas.tolist() == [0, *((array == number).sum() for number in (1, 2))]


@given(MAPS, st.sampled_from([4, 8]))
@settings(max_examples=400)
def test_rings_are_closed_and_turn_at_each_point(
    array: NDArray[np.int64], connectivity: Connectivity
) -> None:
    found = outlines([array], array.shape[1], connectivity)
    for ring in rings(found):
        steps = [
            (after[0] - here[0], after[1] - here[1])
            for here, after in zip(ring, [*ring[1:], ring[0]], strict=True)
        ]
        assert all((down == 0) != (right == 0) for down, right in steps)
        assert all(
            (one[0] == 0) != (two[0] == 0)
            for one, two in zip(steps, [*steps[1:], steps[0]], strict=True)
        )
        if connectivity == 4:
            assert len(set(ring)) == len(ring)


NESTED = """
10011011
11111101
01101110
01111011
11010101
11100111
10111111
"""


@example(np.array([list(map(int, row)) for row in NESTED.split()]), 4)
@given(MAPS | NOISE, st.sampled_from([4, 8]))
@settings(max_examples=400)
def test_each_part_is_one_ring_with_its_holes(
    array: NDArray[np.int64], connectivity: Connectivity
) -> None:
    found = outlines([array], array.shape[1], connectivity)
    is_hole = found.areas < 0
    assert (~is_hole).sum() == parts(array, connectivity)
    assert is_hole.sum() == holes(array, connectivity)
    assert not is_hole[found.outer].any()
    assert (found.segments[found.outer] == found.segments).all()
    told = [segment for segment, each in found.parts() for _ in each]
    assert sorted(told) == sorted(found.segments[~is_hole].tolist())
    # Filled by itself, each part is connected and as large as its rings say.
    for _, several in found.parts():
        for one in several:
            mask = np.zeros(array.shape, np.int64)
            begins = np.cumsum([0, *(found.begins[r + 1] - found.begins[r] for r in one)])
            at = np.concatenate([np.arange(found.begins[r], found.begins[r + 1]) for r in one])
            owners = np.zeros(len(one), np.int64)
            for piece in filled(owners, begins, found.rows[at], found.columns[at], array.shape):
                paint(mask, piece, 1)
            assert mask.sum() == found.areas[one].sum()
            assert parts(mask, connectivity) == 1


@given(MAPS | NOISE, st.integers(1, 5))
@settings(max_examples=400)
def test_any_map_comes_back_from_its_paths(array: NDArray[np.int64], step: int) -> None:
    bands = [array[top : top + step] for top in range(0, len(array), step)]
    found = paths(bands, array.shape[1])
    np.testing.assert_array_equal(filled_map(found, array.shape), array)
    assert len(found.segments) == parts(array, 8)
    for path, segment in zip(rings(found), found.segments.tolist(), strict=True):
        for here, after in zip(path, [*path[1:], path[0]], strict=True):
            down, right = after[0] - here[0], after[1] - here[1]
            long = max(abs(down), abs(right))
            assert down == 0 or right == 0 or abs(down) == abs(right)
            for step_ in range(long):
                assert (
                    array[here[0] + step_ * down // long, here[1] + step_ * right // long]
                    == segment
                )


def test_nothing_has_no_outline() -> None:
    for array in (np.zeros((3, 4), int), np.zeros((0, 4), int), np.zeros((3, 0), int)):
        assert not len(outlines([array], array.shape[1]).segments)
        assert not len(paths([array], array.shape[1]).segments)
    nothing = np.zeros(0, np.int64)
    assert not list(filled(nothing, np.zeros(1, np.int64), nothing, nothing, (3, 4)))


def test_seventy_thousand_segments() -> None:
    random = np.random.default_rng(0)
    cells = np.arange(1, 265 * 265 + 1).reshape(265, 265)
    array = np.kron(cells, np.ones((8, 8), np.int64))
    array = np.where(random.random(array.shape) < 0.1, np.roll(array, 3, axis=1), array)
    found = outlines([array], array.shape[1])
    assert len(np.unique(found.segments)) > 70_000
    np.testing.assert_array_equal(filled_map(found, array.shape), array)
    np.testing.assert_array_equal(filled_map(paths([array], array.shape[1]), array.shape), array)


@pytest.mark.parametrize("piece", [1, 7, 100])
def test_pieces_change_nothing(piece: int, monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(piece)
    array = np.kron(random.integers(0, 4, (6, 7)), np.ones((3, 2), np.int64))
    monkeypatch.setattr("napari_corrclip.maps.filling._PIECE", piece)
    np.testing.assert_array_equal(filled_map(outlines([array], 14), array.shape), array)
    np.testing.assert_array_equal(filled_map(paths([array], 14), array.shape), array)


def test_rings_of_others_are_filled_by_the_centres_of_pixels() -> None:
    begins, owners = np.array([0, 3]), np.array([0])
    rows, columns = np.array([-5.0, 3.2, 3.2]), np.array([1.0, 1.0, 90.0])
    target = np.zeros((5, 6), np.int64)
    for piece in filled(owners, begins, rows, columns, target.shape):
        paint(target, piece, 1)
    y, x = np.mgrid[:5, :6] + 0.5
    expected = (x > 1) & (y < 3.2) & (x - 1 < (y + 5) / 8.2 * 89)
    np.testing.assert_array_equal(target, expected)


def test_later_owners_lie_over_earlier_ones() -> None:
    rows, columns = np.array([0, 0, 2, 2, 1, 1, 3, 3]), np.array([0, 2, 2, 0, 1, 3, 3, 1])
    target = np.zeros((3, 3), np.int64)
    for piece in filled(np.array([0, 1]), np.array([0, 4, 8]), rows, columns, (3, 3)):
        paint(target, piece, np.array([5, 6]))
    np.testing.assert_array_equal(target, [[5, 5, 0], [5, 6, 6], [0, 6, 6]])
