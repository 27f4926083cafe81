"""Overlapping masks become one partition."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from napari_corrclip.errors import InputError
from napari_corrclip.regions.painting import PAINTINGS, Painting, paint

orders = st.sampled_from(PAINTINGS)
stacks = st.integers(0, 6).flatmap(lambda n: arrays(np.bool_, (n, 5, 6)))


def disc(size: int, radius: float) -> np.ndarray:
    rows, columns = np.mgrid[:size, :size] - size // 2
    return rows**2 + columns**2 <= radius**2


def test_small_masks_keep_their_pixels_by_default() -> None:
    large, small = disc(21, 9), disc(21, 3)
    regions = paint([small, large])
    assert regions.dtype == np.int32
    np.testing.assert_array_equal(regions == 2, small)
    np.testing.assert_array_equal(regions == 1, large & ~small)
    np.testing.assert_array_equal(regions == 0, ~large)


def test_large_masks_cover_the_small_ones_as_published() -> None:
    large, small = disc(21, 9), disc(21, 3)
    aside = np.zeros_like(small)
    aside[0, 0] = True
    regions = paint([small, large, aside], "large-on-top")
    # the covered mask leaves no gap between the ids
    np.testing.assert_array_equal(regions, large * 1 + aside * 2)


@given(stacks, orders)
def test_every_covered_pixel_has_the_mask_that_the_order_says(
    masks: np.ndarray, order: Painting
) -> None:
    regions = paint(masks, order, shape=(5, 6))
    areas = masks.sum(axis=(1, 2))
    by_id = np.argsort(-areas, kind="stable")
    shown = np.full((5, 6), -1)
    for row, column in np.ndindex(5, 6):
        over = np.flatnonzero(masks[:, row, column])
        if len(over):
            sign = 1 if order == "small-on-top" else -1
            shown[row, column] = min(over, key=lambda mask: (sign * areas[mask], -mask))
    seen = [mask for mask in by_id if (shown == mask).any()]
    expected = np.zeros((5, 6), np.int32)
    for number, mask in enumerate(seen, start=1):
        expected[shown == mask] = number
    np.testing.assert_array_equal(regions, expected)


@given(stacks, orders)
def test_ids_have_no_gaps_and_cover_the_masks(masks: np.ndarray, order: Painting) -> None:
    regions = paint(masks, order, shape=(5, 6))
    np.testing.assert_array_equal(np.unique(np.append(regions, 0)), np.arange(regions.max() + 1))
    np.testing.assert_array_equal(regions > 0, masks.any(axis=0))


@given(stacks, st.permutations(range(6)))
def test_the_order_of_masks_of_different_areas_does_not_matter(
    masks: np.ndarray, permutation: list[int]
) -> None:
    areas = masks.sum(axis=(1, 2))
    masks = masks[np.unique(areas, return_index=True)[1]]
    mixed = masks[[index for index in permutation if index < len(masks)]]
    for order in PAINTINGS:
        np.testing.assert_array_equal(
            paint(masks, order, shape=(5, 6)), paint(mixed, order, shape=(5, 6))
        )


@given(stacks, orders)
def test_known_areas_change_nothing(masks: np.ndarray, order: Painting) -> None:
    areas = masks.sum(axis=(1, 2))
    np.testing.assert_array_equal(
        paint(masks, order, shape=(5, 6)), paint(list(masks), order, shape=(5, 6), areas=areas)
    )


@pytest.mark.parametrize(
    ("masks", "options", "message"),
    [
        ([], {}, "no masks"),
        ([np.zeros((2, 2), bool)], {"order": "random"}, "'random' is no painting order"),
        ([np.ones((2, 2), bool), np.ones((3, 2), bool)], {}, r"Mask \d.*\(3, 2\)|Mask 0"),
        ([np.ones((2, 2), np.uint8)], {}, "uint8"),
        ([np.ones((2, 2, 1), bool)], {}, r"\(2, 2, 1\)"),
        ([np.ones((2, 2), bool)], {"areas": [1, 2]}, "1 masks and 2 areas"),
    ],
)
def test_what_cannot_be_painted_is_refused(
    masks: list[np.ndarray], options: dict[str, object], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        paint(masks, **options)  # type: ignore[arg-type]
