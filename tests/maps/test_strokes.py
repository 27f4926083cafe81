"""Lines and outlines drawn by hand, against a look at every pixel."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from napari_corrclip.maps.strokes import enclosed, line, touched

SHAPE = (9, 12)
# Off the grid, so that nothing merely touches the edge of a pixel or the middle.
places = st.tuples(st.integers(-40, 160), st.integers(-40, 160)).map(
    lambda at: np.array(at) / 10 + 0.0137
)


def meets(polygon: NDArray[np.float64], row: int, column: int) -> bool:
    """Whether a convex polygon and a pixel's square meet: no line lies between them."""
    square = np.array([(-0.5, -0.5), (-0.5, 0.5), (0.5, 0.5), (0.5, -0.5)])
    square += np.array([row, column])
    ways = [np.array([1.0, 0.0]), np.array([0.0, 1.0])]
    for along in np.roll(polygon, -1, axis=0) - polygon:
        if np.hypot(*along) > 1e-9:
            ways += [along, np.array([-along[1], along[0]])]
    return all(
        (polygon @ way).max() >= (square @ way).min()
        and (square @ way).max() >= (polygon @ way).min()
        for way in ways
    )


@settings(max_examples=60, deadline=None)
@given(places, places, st.sampled_from([0.0, 0.4, 1.5]), st.sampled_from([1.0, 4.0, 0.3]))
def test_a_line_touches_what_it_meets(
    start: NDArray[np.float64], end: NDArray[np.float64], reach: float, zoom: float
) -> None:
    turn = np.array([[0.8, -0.6], [0.6, 0.8]]) @ np.diag([1.0, 1.3]) * zoom
    polygon = line(start, end, turn, reach)
    found = np.zeros(SHAPE, bool)
    found[touched(polygon, SHAPE)] = True
    expected = [
        [meets(polygon, row, column) for column in range(SHAPE[1])] for row in range(SHAPE[0])
    ]
    np.testing.assert_array_equal(found, expected)


def test_a_line_misses_no_pixel_between_its_ends() -> None:
    polygon = line(np.array([0.0, 0.0]), np.array([8.0, 11.0]), np.eye(2), 0.0)
    rows, columns = touched(polygon, SHAPE)
    way = np.linspace(0, 1, 500)[:, None] * (8, 11)
    crossed = {tuple(at) for at in np.floor(way + 0.5).astype(int).tolist()}
    assert crossed <= set(zip(rows.tolist(), columns.tolist(), strict=True))


def test_a_line_is_as_wide_on_the_screen_at_every_zoom() -> None:
    for zoom in (0.1, 1.0, 8.0):
        corners = line(np.array([5.0, 5.0]), np.array([5.0, 25.0]), zoom * np.eye(2), 2.0)
        on_screen = zoom * corners
        assert np.ptp(on_screen[:, 0]) == pytest.approx(4)
        assert np.ptp(on_screen[:, 1]) == pytest.approx(zoom * 20 + 4)


def turns(outline: NDArray[np.float64], at: tuple[int, int]) -> int:
    """How often an outline goes around a place, by the angles it is seen under."""
    rows, columns = (outline - at).T
    angles = np.arctan2(rows, columns)
    steps = np.diff(angles, append=angles[0])
    return round(float((steps - 2 * np.pi * np.round(steps / (2 * np.pi))).sum() / (2 * np.pi)))


@settings(max_examples=60, deadline=None)
@given(st.lists(places, min_size=1, max_size=12))
def test_an_outline_encloses_what_it_goes_around(outline: list[NDArray[np.float64]]) -> None:
    # The columns off the slopes, too: a middle that an edge goes through is on neither side.
    corners = np.array(outline) + np.array([0, 0.00071])
    box, inside = enclosed(corners, SHAPE)
    assert 0 <= box[0] <= box[2] <= SHAPE[0]
    assert 0 <= box[1] <= box[3] <= SHAPE[1]
    found = np.zeros(SHAPE, bool)
    found[box[0] : box[2], box[1] : box[3]] = inside
    for row, column in np.ndindex(SHAPE):
        assert found[row, column] == (turns(corners, (row, column)) != 0)


def test_an_outline_that_crosses_itself_has_no_hole() -> None:
    twice = [(-0.5, -0.5), (-0.5, 9.5), (7.5, 9.5), (7.5, -0.5)] * 2
    _, inside = enclosed(np.array(twice), SHAPE)
    assert inside.sum() == 8 * 10
