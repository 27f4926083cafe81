"""How a region would be divided by clicks, before it is."""

from __future__ import annotations

import numpy as np
import pytest

from napari_corrclip.annotation import Session
from napari_corrclip.errors import InputError
from napari_corrclip.images.boxes import window
from tests.annotation.images import small_result

KEEP, CUT = [(12.0, 4.0)], [(12.0, 28.0)]


def test_the_preview_is_what_the_split_does() -> None:
    result, image = small_result()
    session = Session(result, image)
    session.merge(session.ids)
    region = int(session.ids[0])
    steps, before = len(session.history.done), session.regions.copy()
    box, parts = session.split_preview(region, KEEP, CUT)
    np.testing.assert_array_equal(session.regions, before)
    assert len(session.history.done) == steps
    assert box == session.region(region).box
    np.testing.assert_array_equal(parts > 0, before[window(box)] == region)
    session.split_points(region, KEEP, CUT)
    np.testing.assert_array_equal(session.regions[window(box)] == region, parts == 1)
    assert (session.regions[window(box)][parts == 2] == session.ids[-1]).all()


def test_what_cannot_be_previewed_is_said() -> None:
    result, image = small_result()
    session = Session(result, image)
    region = session.region_at(12, 12)
    with pytest.raises(InputError, match="is both to keep and to cut"):
        session.split_preview(region, [(12, 12)], [(12, 12)])
    with pytest.raises(InputError, match=r"to cut is not in region"):
        session.split_preview(region, [(12, 12)], [(0, 30)])
    with pytest.raises(InputError, match="cannot be split by clicks without the image"):
        Session(result).split_preview(region, [(12, 12)], [(13, 13)])


def test_a_divider_tells_again_and_again_what_the_split_does() -> None:
    result, image = small_result()
    session = Session(result, image)
    session.merge(session.ids)
    region = int(session.ids[0])
    divider = session.divider(region)
    clicks = [(KEEP, CUT), (KEEP, [*CUT, (20.0, 20.0)]), (CUT, KEEP)]
    parts = [divider.divide(*divider.points(*one)) for one in clicks]
    points = divider.points(*clicks[0])
    session.split_points(region, *clicks[0])  # what it tells is of the region as it was
    np.testing.assert_array_equal(divider.divide(*points), parts[0])
    for one, found in zip(clicks, parts, strict=True):
        fresh = Session(result, image)
        fresh.merge(fresh.ids)
        _, expected = fresh.split_preview(region, *one)
        np.testing.assert_array_equal(found, expected)
