"""The review queue: what comes first, what is passed over, and what is left."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_corrclip.annotation import ORDERS, Left, Queue, Region, Session, SmallGroup
from napari_corrclip.errors import InputError
from napari_corrclip.results.segmentation import segmentation_from_probabilities
from napari_corrclip.vocabulary import Vocabulary
from tests.annotation.images import small_result
from tests.annotation.seen import one_sentence

CAT, DOG, SKY = 1, 2, 3


def strip(*parts: tuple[int, int, tuple[float, float, float]], rows: int = 1) -> Session:
    """Regions side by side: id (0 = in no region), columns, and the probabilities of three classes."""
    ids = np.concatenate([np.full(width, one) for one, width, _ in parts])
    chances = np.concatenate([np.tile(p, (width, 1)) for _, width, p in parts]).T
    raw = np.repeat(chances[:, None], rows, axis=1).astype(np.float32)
    regions = np.repeat(ids[None], rows, axis=0)
    return Session(segmentation_from_probabilities(raw, regions, Vocabulary.parse("cat, dog, sky")))


def order_of(queue: Queue) -> list[int]:
    """All that the queue would show, one after the other; decides them."""
    found = []
    while isinstance(one := queue.next(), int):
        found.append(one)
        queue.session.ignore(one)
    return found


def four() -> Session:
    return strip(
        (7, 10, (0.8, 0.1, 0.1)),  # margin 0.7, area x 0.3 = 3
        (3, 6, (0.3, 0.5, 0.2)),  # margin 0.2: 4.8
        (9, 4, (0.1, 0.3, 0.6)),  # margin 0.3: 2.8
        (5, 2, (0.5, 0.5, 0.0)),  # margin 0: 2
        (0, 2, (0.4, 0.3, 0.3)),
    )


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ("area-margin", [3, 7, 9, 5]),
        ("area", [7, 3, 9, 5]),
        ("margin", [5, 3, 9, 7]),
        # 3: 1.03 nats, 9: 0.90, 5: 0.69, 7: 0.64
        ("entropy", [3, 9, 5, 7]),
        # sky 4 pixels, dog 6, cat 12 of which 7 has 10
        ("rare", [9, 3, 7, 5]),
        ("raster", [7, 3, 9, 5]),
        ("adaptive", [3, 7, 9, 5]),
        # 7: 10^0.85 x 0.3 = 2.1, 3: 3.7, 9: 2.3, 5: 1.8
        ("expected-error", [3, 9, 7, 5]),
    ],
)
def test_orders_by_name(order: str, expected: list[int]) -> None:
    assert order_of(Queue(four(), order, refresh_every=0)) == expected


def test_every_order_is_tested() -> None:
    assert {*ORDERS} == {
        "area-margin", "area", "margin", "entropy", "rare", "raster", "random", "adaptive",
        "expected-error",
    }  # fmt: skip


def test_raster_goes_by_rows_first() -> None:
    raw = np.full((3, 2, 4), 1 / 3, np.float32)
    regions = np.array([[4, 4, 1, 1], [3, 3, 2, 2]])
    session = Session(segmentation_from_probabilities(raw, regions, Vocabulary.parse("a, b, c")))
    assert order_of(Queue(session, "raster")) == [4, 1, 3, 2]


@pytest.mark.parametrize("order", ORDERS)
def test_equals_come_by_the_lowest_id(order: str) -> None:
    if order in ("random", "raster"):
        return
    session = strip(*[(one, 2, (0.5, 0.3, 0.2)) for one in (8, 2, 5, 11, 1)])
    assert order_of(Queue(session, order, refresh_every=0)) == [1, 2, 5, 8, 11]


@given(
    ids=st.sets(st.integers(1, 2**31 - 1), min_size=2, max_size=30),
    decided=st.lists(st.integers(0, 29), max_size=10),
)
def test_random_is_stable_whatever_else_is_decided(ids: set[int], decided: list[int]) -> None:
    parts = [(one, 1, (0.5, 0.3, 0.2)) for one in sorted(ids)]
    whole = order_of(Queue(strip(*parts), "random"))
    assert whole == order_of(Queue(strip(*reversed(parts)), "random"))
    assert sorted(whole) == sorted(ids)
    session = strip(*parts)
    gone = {whole[at % len(whole)] for at in decided}
    if gone:
        session.accept(gone)
    assert order_of(Queue(session, "random")) == [one for one in whole if one not in gone]


def test_random_is_no_order_at_all() -> None:
    ids = list(range(1, 201))
    found = order_of(Queue(strip(*[(one, 1, (0.5, 0.3, 0.2)) for one in ids]), "random"))
    assert abs(np.corrcoef(ids, found)[0, 1]) < 0.25


# -- adaptive


def neighbours_of_two() -> Session:
    """1 and 3 are cats like 2 between them; 4 is a dog; 5 a cat that touches no other cat."""
    return strip(
        (1, 4, (0.6, 0.2, 0.2)),
        (2, 5, (0.6, 0.2, 0.2)),
        (3, 4, (0.6, 0.2, 0.2)),
        (4, 4, (0.2, 0.6, 0.2)),
        (5, 4, (0.6, 0.2, 0.2)),
    )


def scores(session: Session) -> dict[int, float]:
    rows = session.rows()
    plain = ORDERS["area-margin"](session, rows)
    found = ORDERS["adaptive"](session, rows)
    return {
        row.id: round(float(score / one), 6)
        for row, score, one in zip(rows, found, plain, strict=True)
    }


def test_wrong_predictions_double_their_likes_and_right_ones_soothe() -> None:
    session = neighbours_of_two()
    nothing = {1: 1.0, 2: 1.0, 3: 1.0, 4: 1.0, 5: 1.0}
    assert scores(session) == nothing
    session.assign(2, "dog")
    assert scores(session) == nothing | {1: 2.0, 3: 2.0}
    session.assign(1, "cat")  # assigned what was predicted: right
    assert scores(session) == nothing | {1: 2.0, 2: 0.7, 3: 2.0}
    session.undo()
    session.undo()
    assert scores(session) == nothing
    session.accept(2)
    assert scores(session) == nothing | {1: 0.7, 3: 0.7}
    session.accept([1, 3])
    assert scores(session) == nothing | {1: 0.7, 2: 0.49, 3: 0.7}
    session.clear([1, 2, 3])
    assert scores(session) == nothing


def test_what_was_not_looked_at_says_nothing() -> None:
    session = neighbours_of_two()
    session.accept_above(0.5)
    assert set(scores(session).values()) == {1.0}
    session.undo()
    session.ignore(2)
    assert set(scores(session).values()) == {1.0}
    session.undo()
    session.spread(1, "sky")  # 1 was looked at, 2 and 3 were not
    assert scores(session) == {1: 1.0, 2: 2.0, 3: 1.0, 4: 1.0, 5: 1.0}


def test_adaptive_moves_regions_at_the_next_refresh_and_back_with_undo() -> None:
    session = neighbours_of_two()
    queue = Queue(session, "adaptive", refresh_every=0)
    assert queue.next() == 2
    session.assign(2, "dog")
    assert queue.peek() == 1
    session.paint_regions(([0], [0]), 0)  # 1 is smaller now than its equals
    assert queue.peek() == 1
    queue.refresh()
    assert order_of(queue)[:2] == [3, 1]
    while len(session.history.done) > 1:
        session.undo()
    session.undo()
    queue.refresh()
    assert order_of(queue)[:2] == [2, 1]


# -- moving through it


def test_the_order_is_frozen_between_refreshes() -> None:
    session = four()
    queue = Queue(session, "area", refresh_every=0)
    assert queue.next() == 7
    session.paint_regions(np.arange(24)[None] > 10, 5)  # 5 would be first now
    assert session.region(3).area == 1
    assert queue.peek() == 3
    queue.refresh()
    assert order_of(queue) == [5, 7, 3]


@pytest.mark.parametrize("every", [1, 2, 3])
def test_it_refreshes_after_so_many_looks(every: int) -> None:
    session = strip(*[(one, 20 - one, (0.5, 0.3, 0.2)) for one in range(1, 9)])
    queue = Queue(session, "area", refresh_every=every)
    for look in range(1, every + 1):
        assert queue.next() == look
        session.ignore(look)
    session.merge([7, 8])
    assert queue.peek() == 7
    assert queue.next() == 7


def test_decided_and_vanished_regions_are_passed_over() -> None:
    session = four()
    queue = Queue(session, "area", refresh_every=0)
    session.assign(7, "dog")
    assert queue.next() == 3
    session.merge([3, 9])
    assert queue.peek() == 5
    session.undo()
    assert queue.peek() == 9
    session.accept([3, 9])
    assert queue.next() == 5
    session.ignore(5)
    assert queue.peek() is None
    assert queue.next() is None
    session.undo()
    assert queue.next() == 5


def test_what_was_passed_by_comes_again_at_the_end() -> None:
    session = four()
    queue = Queue(session, "area", refresh_every=0)
    assert [queue.next() for _ in range(2)] == [7, 3]
    session.accept(3)
    assert [queue.next() for _ in range(5)] == [9, 5, 7, 9, 5]


@pytest.mark.parametrize("every", [1, 3, 10])
def test_passing_by_reaches_every_region(every: int) -> None:
    session = strip(*[(one, 60 - one, (0.5, 0.3, 0.2)) for one in range(1, 31)])
    queue = Queue(session, refresh_every=every)
    assert [queue.next() for _ in range(60)] == [*range(1, 31), *range(1, 31)]


@pytest.mark.parametrize("every", [0, 1, 3])
@pytest.mark.parametrize("order", ORDERS)
def test_peek_is_what_next_returns(order: str, every: int) -> None:
    session = Session(*small_result((48, 64)))
    queue = Queue(session, order, refresh_every=every, small=0.01)
    random = np.random.default_rng(0)
    for look in range(60):
        ahead = queue.peek()
        assert queue.peek() == ahead
        found = queue.next()
        assert found == ahead
        if isinstance(found, int) and random.random() < 0.7:
            session.assign(found, int(random.integers(1, 4)))
        if look % 9 == 0:
            session.paint_regions(([look % 48] * 3, [5, 6, 7]), None)


def test_parts_of_a_split_come_at_the_end_all_of_them() -> None:
    session = four()
    queue = Queue(session, "area", refresh_every=0)
    assert queue.next() == 7
    session.split_mask(7, np.arange(24)[None] < 3)
    session.split_mask(7, np.arange(24)[None] < 5)
    assert [queue.next() for _ in range(9)] == [3, 9, 5, 3, 7, 9, 10, 5, 11]


def test_back_leads_through_what_was_looked_at() -> None:
    session = four()
    queue = Queue(session, "area", refresh_every=2)
    assert queue.back() is None
    assert queue.next() == 7
    assert queue.back() is None
    session.accept(7)
    assert queue.next() == 3
    assert queue.next() == 9
    assert queue.back() == 3
    session.merge([3, 9])
    assert queue.next() == 5
    assert queue.back() == 3
    assert queue.back() == 7  # decided or not
    assert queue.back() is None


def test_back_passes_over_what_is_gone_and_survives_a_refresh() -> None:
    session = four()
    queue = Queue(session, "area", refresh_every=0)
    assert [queue.next() for _ in range(3)] == [7, 3, 9]
    session.paint_regions(session.regions == 3, 5)
    queue.refresh()
    assert queue.back() == 7


# -- small ones


def crumbs() -> Session:
    """10,000 pixels: 1 has most, 2 and 3 one each, 4 two, which is 0.02 % of the image."""
    return strip(
        (1, 9996, (0.6, 0.2, 0.2)),
        (2, 1, (0.6, 0.2, 0.2)),
        (3, 1, (0.2, 0.6, 0.2)),
        (4, 2, (0.2, 0.6, 0.2)),
    )


def test_regions_under_a_fiftieth_of_a_hundredth_wait_in_one_group() -> None:
    session = crumbs()
    queue = Queue(session)
    assert [queue.next(), queue.next()] == [1, 4]
    session.accept([1, 4])
    group = SmallGroup((2, 3), 2)
    assert queue.peek() == group
    assert queue.next() == group
    assert queue.next() == group
    session.accept(3)
    assert queue.next() == SmallGroup((2,), 1)
    session.absorb(2)
    assert queue.next() is None
    assert queue.left == Left(0, 0.0)


def test_the_share_of_small_ones_can_be_chosen() -> None:
    session = four()  # 24 pixels
    queue = Queue(session, "area", small=0.25)
    assert queue.next() == 7
    session.accept(7)
    assert queue.next() == 3  # 6 of 24 are no less than a quarter
    session.accept(3)
    assert queue.next() == SmallGroup((5, 9), 6)
    assert Queue(four(), "area", small=0).next() == 7


def test_a_listed_region_that_shrank_joins_the_small_ones() -> None:
    session = crumbs()
    queue = Queue(session)
    session.paint_regions(([0], [9999]), 1)
    assert queue.next() == 1
    session.accept(1)
    assert queue.next() == SmallGroup((2, 3, 4), 3)


# -- what it tells


def test_what_is_left_is_counted() -> None:
    session = four()
    queue = Queue(session)
    assert queue.left == Left(4, 22 / 24)
    session.accept([7, 5])
    assert queue.left == Left(2, 10 / 24)
    session.undo()
    assert queue.left == Left(4, 22 / 24)


def test_the_runner_up_is_the_likeliest_other_class() -> None:
    session = four()
    queue = Queue(session)
    assert [queue.runner_up(one) for one in (7, 3, 9, 5)] == ["dog", "cat", "dog", "dog"]
    session.assign(3, "cat")  # says nothing of the prediction
    assert queue.runner_up(3) == "cat"
    one = segmentation_from_probabilities(
        np.ones((1, 2, 2)), np.ones((2, 2), int), Vocabulary.parse("all")
    )
    assert Queue(Session(one)).runner_up(1) == ""
    with pytest.raises(InputError):
        queue.runner_up(99)


def test_nothing_to_review() -> None:
    session = strip((0, 4, (0.6, 0.2, 0.2)))
    for order in ORDERS:
        queue = Queue(session, order)
        assert queue.peek() is None
        assert queue.next() is None
        assert queue.back() is None
        assert queue.left == Left(0, 0.0)


# -- orders of one's own


@pytest.mark.parametrize("kind", [np.array, list, tuple, lambda it: np.array(it, np.int64)])
def test_an_order_can_be_a_function(kind: Any) -> None:
    def by_id(session: Session, rows: list[Region]) -> Any:
        assert isinstance(session, Session)
        return kind([row.id for row in rows])

    assert order_of(Queue(four(), by_id)) == [9, 7, 5, 3]


def test_scores_that_are_no_number_come_last() -> None:
    queue = Queue(
        four(), lambda _, rows: np.array([np.nan if row.id == 9 else row.id for row in rows])
    )
    assert order_of(queue) == [7, 5, 3, 9]


@pytest.mark.parametrize(
    "wrong",
    [
        {"order": "largest"},
        {"order": ""},
        {"order": None},
        {"order": 3},
        {"order": lambda session, rows: np.zeros(len(rows) + 1)},
        {"order": lambda session, rows: np.zeros((len(rows), 2))},
        {"order": lambda session, rows: 1.0},
        {"refresh_every": -1},
        {"refresh_every": True},
        {"refresh_every": 2.5},
        {"refresh_every": "often"},
        {"small": -0.1},
        {"small": 1},
        {"small": float("nan")},
        {"small": "tiny"},
    ],
)
def test_refusals_are_a_sentence(wrong: dict[str, Any]) -> None:
    with pytest.raises(InputError) as told:
        Queue(four(), **wrong)
    assert one_sentence(str(told.value)), str(told.value)
