"""Boxes of regions, held against their definition."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from napari_corrclip.maps.regions import bounding_boxes, boxes_of_runs, number_regions, with_new_ids

maps = arrays(np.int32, st.tuples(st.integers(1, 7), st.integers(1, 7)), elements=st.integers(0, 5))


@given(maps)
def test_the_box_is_the_smallest_that_holds_the_region(regions: np.ndarray) -> None:
    numbers, ids = number_regions(regions)
    for one, (top, left, bottom, right) in zip(ids, bounding_boxes(numbers, len(ids)), strict=True):
        here = regions == one
        outside = here.copy()
        outside[top:bottom, left:right] = False
        assert not outside.any()
        box = here[top:bottom, left:right]
        assert box[0].any()
        assert box[-1].any()
        assert box[:, 0].any()
        assert box[:, -1].any()


@given(maps)
def test_boxes_of_runs_are_those_of_the_pixels(regions: np.ndarray) -> None:
    numbers, ids = number_regions(regions)
    begins = np.ones(numbers.shape, bool)
    begins[:, 1:] = numbers[:, 1:] != numbers[:, :-1]
    row, column = np.nonzero(begins)
    length = np.diff(np.append(np.flatnonzero(begins), begins.size))
    owner = numbers[row, column] - 1
    inside = owner >= 0
    boxes = boxes_of_runs(owner[inside], row[inside], column[inside], length[inside], len(ids))
    np.testing.assert_array_equal(boxes, bounding_boxes(numbers, len(ids)))


def test_new_ids_are_behind_the_highest_or_else_the_lowest_that_are_free() -> None:
    highest = 2**31 - 1
    assert with_new_ids([]).tolist() == []
    assert with_new_ids([None, 7, None, 7, 0]).tolist() == [8, 7, 9, 7, 0]
    assert with_new_ids([None, highest - 1]).tolist() == [highest, highest - 1]
    assert with_new_ids([None, highest, 1, None]).tolist() == [2, highest, 1, 3]
    assert with_new_ids([None, highest]).dtype == np.int32
