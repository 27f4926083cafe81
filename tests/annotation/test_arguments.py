"""What is taken for a region, a class, pixels."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from napari_corrclip.annotation import Session
from tests.annotation.images import small_result
from tests.annotation.seen import Seen
from tests.annotation.strips import (
    CAT,
    DOG,
    SKY,
    block,
    strip,
)


@pytest.mark.parametrize(
    "regions",
    [
        [2, 3],
        (3, 2),
        {2, 3},
        np.array([2, 3]),
        np.array([2, 3], np.uint8),
        (one for one in (2, 3, 2)),
        range(2, 4),
        [np.int32(2), np.uint16(3)],
    ],
)
def test_regions_come_in_many_ways(regions: Any) -> None:
    session = Session(*small_result())
    edited = session.assign(regions, "sky")
    assert edited.updated == (2, 3)
    assert edited.title == "Assign 2 regions to 'sky'"


@pytest.mark.parametrize("by", [int, np.int64, np.uint8])
def test_numbers_of_numpy_are_numbers(by: Callable[[int], Any]) -> None:
    session = Session(*small_result())
    plain = Session(*small_result())
    for one, make in ((session, by), (plain, int)):
        one.spread(make(1), make(SKY))
        one.revote(np.array([6, 7]) if by is not int else [6, 7], "mean")
        one.paint(block(0, 0, 3, 3), make(CAT))
        one.paint(block(3, 3, 5, 5), make(0))
        one.paint_regions(block(9, 9, 12, 12), make(4))
        one.paint_regions(block(12, 9, 13, 12), make(0))
        one.set_vocabulary(one.vocabulary.remove("sky"), reassign={make(SKY): make(DOG)})
    Seen(session).same(Seen(plain))
    for row in session.rows():
        if row.verdict is not None:
            assert type(row.verdict.value) is int
            assert type(row.verdict.looked) is bool


@pytest.mark.parametrize("confidence", [0, 0.5, np.float32(0.5), np.float64(0.5), 1, np.int64(1)])
def test_confidences_of_numpy_are_confidences(confidence: Any) -> None:
    sessions = strip([1, 2], [CAT, DOG]), strip([1, 2], [CAT, DOG])
    sessions[0].accept_above(confidence)
    sessions[1].accept_above(float(confidence))
    accepted = [[row.verdict is not None for row in session.rows()] for session in sessions]
    assert accepted == [[confidence < 0.8] * 2] * 2


def test_a_class_is_found_by_its_name_in_any_case() -> None:
    session = Session(*small_result())
    session.assign(1, "SKY")
    assert session.region(1).value == SKY
