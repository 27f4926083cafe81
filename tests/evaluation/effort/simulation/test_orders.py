"""Orders that were tried, and the bound."""

from __future__ import annotations

import numpy as np
import pytest

from napari_corrclip.annotation import ORDERS, Session
from napari_corrclip.evaluation.effort.simulation.arms import ORACLE, Arm, queue_arm
from napari_corrclip.evaluation.effort.simulation.orders import ExpectedError, Factors
from napari_corrclip.evaluation.effort.simulation.person import Run, correct
from napari_corrclip.progress import finish
from tests.evaluation.effort.worlds import make_case, of_regions, random_case, stripes


def to(found: Run, accuracy: float) -> int:
    return int((found.accuracy >= accuracy - 1e-9).argmax())


@pytest.mark.parametrize("seed", range(4))
def test_factors_of_the_session_are_its_adaptive_order(seed: int) -> None:
    case = random_case(seed, side=40, count=30)
    theirs = finish(correct(case, queue_arm("adaptive")))
    ours = finish(correct(case, Arm("f", "", True, Factors(2, 0.7))))
    np.testing.assert_array_equal(theirs.kinds, ours.kinds)
    np.testing.assert_allclose(theirs.accuracy, ours.accuracy)


@pytest.mark.parametrize("seed", range(4))
def test_expected_error_is_the_session_s_order_of_that_name(seed: int) -> None:
    case = random_case(seed, side=40, count=30)
    session = Session(case.result, case.image)
    ours = ExpectedError()(case, session)
    random = np.random.default_rng(seed)
    for _ in range(12):
        rows = [row for row in session.rows() if row.verdict is None]
        np.testing.assert_allclose(
            ORDERS["expected-error"](session, rows), ours(session, rows), 1e-5
        )
        looked = random.choice(rows)
        session.assign(looked.id, random.choice(session.vocabulary.values))


@pytest.mark.parametrize("order", sorted({*ORDERS} - {"adaptive", "expected-error"}))
def test_a_refresh_moves_nothing_in_a_static_order(order: str) -> None:
    """So the study leaves it out."""
    case = random_case(5, side=40, count=30)
    often = finish(correct(case, Arm("o", "", True, order, ("box",), 3)))
    never = finish(correct(case, Arm("o", "", True, order, ("box",), 0)))
    np.testing.assert_array_equal(often.kinds, never.kinds)
    np.testing.assert_array_equal(often.accuracy, never.accuracy)


@pytest.mark.parametrize("seed", range(4))
def test_no_order_reaches_anything_in_fewer_actions_than_the_oracle(seed: int) -> None:
    case = random_case(seed, side=40, count=30)
    bound = finish(correct(case, ORACLE))
    for order in (*ORDERS, Factors(2, 0.7), ExpectedError()):
        found = finish(correct(case, Arm("o", "", True, order)))
        for accuracy in np.linspace(bound.accuracy[0], bound.accuracy[-1], 7):
            assert to(bound, accuracy) <= to(found, accuracy)


def test_evidence_by_hand() -> None:
    """Areas 80, 60, 40, 20; the first three are neighbours in a row of one prediction."""
    regions = stripes([8, 6, 4, 2])
    case = make_case(regions, of_regions(regions, [2, 1, 1, 3]), [1, 1, 1, 3], 0.8)
    session = Session(case.result, case.image)
    order = ExpectedError(alike=0, power=0.5)(case, session)
    doubt = 1 - (0.8 - 0.1)
    rows = session.rows()
    start = np.sqrt([80, 60, 40, 20]) * doubt
    np.testing.assert_allclose(order(session, rows), start, rtol=1e-5)
    session.assign(1, "tree")  # it was wrong
    rows = [row for row in session.rows() if row.verdict is None]
    expected = np.sqrt([60, 40, 20]) * [(doubt + 1) / 2, doubt, doubt]
    np.testing.assert_allclose(order(session, rows), expected, rtol=1e-5)
    session.accept(2)
    rows = [row for row in session.rows() if row.verdict is None]
    np.testing.assert_allclose(order(session, rows), np.sqrt([40, 20]) * [doubt / 2, doubt])
    session.undo()
    session.undo()
    np.testing.assert_allclose(order(session, session.rows()), start, rtol=1e-5)


def test_evidence_reaches_regions_that_look_alike_wherever_they_lie() -> None:
    regions = stripes([5, 2, 5, 2, 5])
    # 1, 3 and 5 are of one prediction and do not touch; 1 and 5 look the same, 3 does not
    case = make_case(regions, of_regions(regions, [1, 3, 1, 3, 1]), [1, 2, 1, 2, 1])
    case.image[:] = np.array([0, 20, 80, 220, 80, 20], np.uint8)[regions][..., None]
    session = Session(case.result, case.image)
    order = ExpectedError(power=0.5)(case, session)
    before = order(session, session.rows())
    session.assign(1, "sky")
    rows = [row for row in session.rows() if row.verdict is None]
    after = dict(zip([row.id for row in rows], order(session, rows), strict=True))
    assert after[5] > before[4] * 1.3
    assert after[3] == pytest.approx(before[2], rel=0.1)
    assert after[2] == pytest.approx(before[1])
