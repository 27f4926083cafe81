"""Regions of tiles become regions of the image: properties, on any scene and any tiles."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from skimage.measure import label

from napari_corrclip.engine.large import joining
from napari_corrclip.engine.large.grid import TileGrid, blocks, slices
from napari_corrclip.engine.large.joining import Joiner, join, matches
from napari_corrclip.errors import InputError
from napari_corrclip.maps.regions import number_regions

Found = list[tuple[object, NDArray[np.integer]]]


@st.composite
def grids(draw: st.DrawFn) -> TileGrid:
    side = draw(st.integers(4, 40))
    size = draw(st.tuples(st.integers(1, 90), st.integers(1, 90)))
    return TileGrid(size, side, draw(st.integers(2, side // 2)), draw(st.integers(1, side // 2)))


@st.composite
def scenes(draw: st.DrawFn) -> tuple[TileGrid, NDArray[np.integer]]:
    """A grid, and regions each of which hangs together by its pixels' sides; some pixels in none."""
    grid = draw(grids())
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    pitch = draw(st.integers(1, 25))
    coarse = rng.integers(0, 4, [-(-side // pitch) for side in grid.size])
    values = np.kron(coarse, np.ones((pitch, pitch), int))[: grid.size[0], : grid.size[1]]
    return grid, label(values, background=0, connectivity=1)


def seen(grid: TileGrid, regions: NDArray[np.integer], seed: int = 0) -> Found:
    """What a perfect source sees in each tile: the same parts, under ids of the tile's own."""
    rng = np.random.default_rng(seed)
    found: Found = []
    for tile in grid.tiles:
        numbers, ids = number_regions(regions[slices(tile.box)])
        own = np.concatenate([[0], 1 + rng.permutation(3 * len(ids))[: len(ids)]])
        found.append((tile, own[numbers]))
    return found


@given(grids())
def test_cores_are_a_partition_and_neighbours_share_the_overlap(grid: TileGrid) -> None:
    cover = np.zeros(grid.size, int)
    for tile in grid.tiles:
        cover[slices(tile.core)] += 1
        top, left, bottom, right = tile.box
        assert 0 <= top <= tile.core[0] <= tile.core[2] <= bottom <= grid.size[0]
        assert 0 <= left <= tile.core[1] <= tile.core[3] <= right <= grid.size[1]
        assert (bottom - top, right - left) == tuple(min(grid.side, s) for s in grid.size)
        for other in grid.neighbours(tile):
            axis = 0 if other.place[0] != tile.place[0] else 1
            lower, upper = sorted([tile.box, other.box])
            assert lower[axis + 2] - upper[axis] >= grid.overlap
        for axis in (0, 1):
            last = tile.box[axis + 2] == grid.size[axis]
            assert last or tile.box[axis] % grid.pitch == 0
    assert (cover == 1).all()


@given(grids(), st.integers(1, 30))
def test_blocks_are_a_partition_on_one_raster(grid: TileGrid, side: int) -> None:
    cover = np.zeros(grid.size, int)
    for tile in grid.tiles:
        for block in blocks(tile.core, side):
            cover[slices(block)] += 1
            assert block[0] // side == (block[2] - 1) // side
            assert block[1] // side == (block[3] - 1) // side
    assert (cover == 1).all()


@given(scenes())
def test_what_borders_cut_is_one_again(scene: tuple[TileGrid, NDArray[np.integer]]) -> None:
    grid, regions = scene
    joined = join(grid, seen(grid, regions))  # type: ignore[arg-type]
    assert joined.dtype == np.int32
    _check_same_parts(joined, regions)
    assert set(np.unique(joined)) - {0} == set(range(1, joined.max() + 1))


@given(scenes(), st.randoms(use_true_random=False))
def test_the_order_of_the_tiles_changes_nothing(
    scene: tuple[TileGrid, NDArray[np.integer]], random: object
) -> None:
    grid, regions = scene
    found = seen(grid, regions)
    shuffled = found.copy()
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert np.array_equal(join(grid, found), join(grid, shuffled))  # type: ignore[arg-type]


@given(st.integers(0, 2**32 - 1), st.integers(1, 60), st.integers(1, 60))
def test_a_single_tile_keeps_its_parts(seed: int, rows: int, columns: int) -> None:
    regions = np.random.default_rng(seed).integers(0, 9, (rows, columns))
    grid = TileGrid(regions.shape, 60, 8)
    joined = join(grid, [(grid.tiles[0], regions)])
    assert np.array_equal(joined, number_regions(regions)[0])


@given(
    st.integers(0, 2**32 - 1),
    st.floats(0.5, 0.99),
    st.tuples(st.integers(1, 12), st.integers(1, 12)),
)
def test_matches_are_the_pairs_above_the_threshold(
    seed: int, threshold: float, shape: tuple[int, int]
) -> None:
    rng = np.random.default_rng(seed)
    one, other = rng.integers(0, 4, (2, *shape))
    other = np.where(rng.random(shape) < 0.7, one, other)
    expected = set()
    for a in range(1, 4):
        for b in range(1, 4):
            union = ((one == a) | (other == b)).sum()
            if union and ((one == a) & (other == b)).sum() > threshold * union:
                expected.add((a, b))
    found = matches(one, other, threshold)
    assert {tuple(pair) for pair in found.tolist()} == expected
    assert all(len(set(column)) == len(column) for column in found.T.tolist())


@settings(max_examples=20)  # each compares all pairs of tiles
@given(scenes(), st.integers(0, 2**32 - 1))
def test_regions_that_share_too_little_stay_apart(
    scene: tuple[TileGrid, NDArray[np.integer]], seed: int
) -> None:
    """Each tile draws a partition of its own: where no pair is above the threshold, none is joined."""
    grid, _ = scene
    rng = np.random.default_rng(seed)
    found = [
        (tile, rng.integers(1, 9, (tile.box[2] - tile.box[0], tile.box[3] - tile.box[1])))
        for tile in grid.tiles
    ]
    pairs = 0
    for index, (tile, labels) in enumerate(found):
        for other, others in found[index + 1 :]:
            if other in grid.neighbours(tile):
                box = joining.shared(tile.box, other.box)
                pairs += len(matches(labels[slices(box, tile.box)], others[slices(box, other.box)]))
    shown = sum(len(np.unique(labels[slices(t.core, t.box)])) for t, labels in found if _area(t))
    joined = join(grid, found)
    # every pair joins at most two into one
    assert joined.max() >= shown - pairs
    if pairs == 0:
        assert joined.max() == shown


def test_a_detail_that_one_tile_alone_saw_is_not_its_surroundings() -> None:
    grid = TileGrid((20, 60), 40, 20)
    left, right = (np.ones((20, 40), int) for _ in grid.tiles)
    right[5:9, 8:12] = 2  # on the right tile's half of the strip, and only there
    joined = join(grid, zip(grid.tiles, (left, right), strict=True))
    assert joined.max() == 2
    assert joined[0, 0] == joined[0, -1] == 1
    expected = np.ones((20, 60), int)
    expected[5:9, 30:32] = 2  # columns 28 to 32 of the image; the core begins at 30
    assert np.array_equal(joined, expected)


def test_what_has_been_compared_is_let_go() -> None:
    grid = TileGrid((400, 400), 100, 20)
    joiner = Joiner(grid)
    most = 0
    for tile in grid.tiles:
        joiner.add(tile, np.ones((100, 100), int))
        most = max(most, joiner.waiting)
    assert joiner.waiting == 0
    assert most < 6 * 100 * 34 + 2 * 100 * 34  # a row of strips, and the strip to the right
    assert joiner.numbers().max() == 1


def test_nothing_found_is_nothing() -> None:
    grid = TileGrid((50, 50), 20, 4)
    joined = join(grid, [(tile, np.zeros((20, 20), int)) for tile in grid.tiles])
    assert not joined.any()


def test_useless_numbers_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="is 3 pixels wide; give at least 4"):
        TileGrid((9, 9), 3, 2)
    for overlap in (1, 11):
        with pytest.raises(InputError, match=rf"is {overlap} pixels; give 2 to 10, half a tile"):
            TileGrid((9, 9), 20, overlap)
    grid = TileGrid((9, 9), 20, 4)
    for threshold in (0.4, 1.0):
        with pytest.raises(InputError, match=rf"joined is {threshold}; give a number from 0.5"):
            Joiner(grid, threshold)
    with pytest.raises(ValueError, match="a pitch of 11 pixels for tiles of 20"):
        TileGrid((9, 9), 20, 4, 11)
    monkeypatch.setattr(joining, "MAX_ID", 5)
    with pytest.raises(InputError, match="more than 5 regions in the tiles"):
        Joiner(grid).add(grid.tiles[0], np.arange(81).reshape(9, 9))


def _area(tile: object) -> int:
    top, left, bottom, right = tile.core  # type: ignore[attr-defined]
    return (bottom - top) * (right - left)


def _check_same_parts(one: NDArray[np.integer], other: NDArray[np.integer]) -> None:
    """The two maps are the same partition, whatever their ids."""
    assert np.array_equal(one > 0, other > 0)
    pairs = np.unique(np.stack([one.ravel(), other.ravel()], axis=1), axis=0)
    assert all(len(np.unique(column)) == len(column) for column in pairs.T)
