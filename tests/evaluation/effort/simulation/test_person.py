"""The simulated person, on cases whose actions are counted by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from napari_corrclip.annotation import ORDERS, Session
from napari_corrclip.evaluation.effort.cases.case import Case
from napari_corrclip.evaluation.effort.simulation import person as persons
from napari_corrclip.evaluation.effort.simulation.arms import (
    BRUSH,
    ORACLE,
    ORACLE_TOOLS,
    TOOLS,
    UNLABELLED,
    UNLABELLED_TOOLS,
    VARIANTS,
    Arm,
    queue_arm,
    standard_arms,
)
from napari_corrclip.evaluation.effort.simulation.person import Run, correct
from napari_corrclip.evaluation.effort.simulation.prices import KINDS, PRICES, costs
from napari_corrclip.evaluation.effort.simulation.region_truth import ceiling
from napari_corrclip.evaluation.metrics import Confusion, true_miou
from napari_corrclip.progress import finish
from tests.evaluation.effort.worlds import NAMES, make_case, of_regions, random_case, stripes


def run(case: Case, arm: Arm, **options: Any) -> Run:
    return finish(correct(case, arm, **options))


def did(found: Run) -> list[str]:
    return [KINDS[kind] for kind in found.kinds]


def four() -> Case:
    """Areas 80, 60, 40, 20 of 200; the second and the fourth are wrong."""
    regions = stripes([8, 6, 4, 2])
    return make_case(regions, of_regions(regions, [1, 2, 1, 3]), [1, 1, 1, 1])


def test_largest_first_by_hand() -> None:
    found = run(four(), queue_arm("area"))
    assert did(found) == ["look", "look", "assign", "look", "look", "assign"]
    np.testing.assert_allclose(found.accuracy, [0.6, 0.6, 0.6, 0.9, 0.9, 0.9, 1.0])
    assert (found.looked, found.untouched) == (4, 2)
    assert found.best.accuracy == 1.0
    # Class 1: 120 of 120 are found among 200; then 120 / 140 and class 2 60 / 60; then all.
    expected = [0.6 / 3, 0.6 / 3, 0.6 / 3, (120 / 140 + 1) / 3, 0, 0, 1.0]
    np.testing.assert_allclose(found.miou[[0, 1, 2, 3, 6]], np.array(expected)[[0, 1, 2, 3, 6]])


def test_without_labels_by_hand_and_by_both_price_tables() -> None:
    found = run(four(), UNLABELLED)
    assert did(found) == ["find", "assign"] * 4
    np.testing.assert_allclose(found.accuracy, [0, 0, 0.4, 0.4, 0.7, 0.7, 0.9, 0.9, 1.0])
    assert costs(found.kinds, PRICES["equal"]).tolist() == list(range(9))
    assert costs(found.kinds, PRICES["one-each"]).tolist() == [0, 0, 1, 1, 2, 2, 3, 3, 4]


def test_pre_labels_cost_the_same_by_both_price_tables() -> None:
    kinds = run(four(), queue_arm("area")).kinds
    assert costs(kinds, PRICES["equal"]).tolist() == costs(kinds, PRICES["one-each"]).tolist()


def test_the_oracle_begins_where_most_is_to_gain() -> None:
    found = run(four(), ORACLE)
    assert did(found) == ["look", "assign", "look", "assign", "look", "look"]
    np.testing.assert_allclose(found.accuracy, [0.6, 0.6, 0.9, 0.9, 1.0, 1.0, 1.0])


def test_raster_goes_from_left_to_right() -> None:
    regions = stripes([2, 4, 14])
    found = run(make_case(regions, of_regions(regions, [2, 2, 1]), [1, 1, 1]), queue_arm("raster"))
    np.testing.assert_allclose(found.accuracy, [0.7, 0.7, 0.8, 0.8, 1.0, 1.0])


def test_spread_takes_the_whole_patch_at_once() -> None:
    regions = stripes([8, 6, 4, 2])
    case = make_case(regions, of_regions(regions, [1, 2, 2, 2]), [1, 1, 1, 1])
    found = run(case, Arm("s", "", True, "area", ("spread",)))
    # The first is accepted, so that the patch of the second is what is left: all of it a tree.
    assert did(found) == ["look", "look", "spread"]
    assert found.accuracy[-1] == 1


def test_spread_is_left_alone_where_it_would_spoil_a_region() -> None:
    regions = stripes([8, 6, 4, 2])
    case = make_case(regions, of_regions(regions, [2, 2, 2, 1]), [1, 1, 1, 1])
    found = run(case, Arm("s", "", True, "area", ("spread",)))
    assert did(found)[:2] == ["look", "assign"]
    assert "spread" not in did(found)[:4]
    assert found.accuracy[-1] == 1


def test_a_box_takes_neighbours_of_other_predictions() -> None:
    regions = stripes([8, 6, 4, 2])
    case = make_case(regions, of_regions(regions, [2, 2, 1, 3]), [1, 3, 1, 3])
    found = run(case, Arm("b", "", True, "area", ("box",)))
    assert did(found) == ["look", "box", "look", "look"]
    np.testing.assert_allclose(found.accuracy, [0.3, 0.3, 1, 1, 1])


SWEEPING = Arm("w", "", True, "area", ("sweep",))


def around_a_corner() -> Case:
    """An L of trees around a road: no box holds it, and no patch, for its predictions differ."""
    regions = np.repeat(np.repeat([[1, 2], [3, 4]], 6, axis=0), 6, axis=1)
    return make_case(regions, of_regions(regions, [2, 2, 2, 1]), [1, 3, 1, 1])


def test_a_sweep_takes_what_touches_around_corners() -> None:
    found = run(around_a_corner(), SWEEPING)
    assert did(found) == ["look", "sweep", "look"]
    assert found.accuracy.tolist() == [0.25, 0.25, 1, 1]
    boxes = run(around_a_corner(), Arm("b", "", True, "area", ("spread", "box")))
    assert len(boxes.kinds) > len(found.kinds)


def test_a_sweep_never_runs_over_another_class() -> None:
    regions = stripes([8, 6, 4, 2])
    case = make_case(regions, of_regions(regions, [2, 1, 2, 2]), [1, 1, 1, 3])
    # The trees on both sides of a road are two strokes, the first of them over one region alone.
    assert did(run(case, SWEEPING)) == ["look", "assign", "look", "look", "sweep"]
    case = make_case(regions, of_regions(regions, [2, 0, 2, 2]), [1, 1, 1, 3])
    assert did(run(case, SWEEPING)) == ["look", "sweep"]  # what is not counted may lie on the way


def test_without_labels_the_same_tools_are_there() -> None:
    regions = stripes([8, 6, 4, 2])
    case = make_case(regions, of_regions(regions, [2, 2, 1, 1]), [1, 3, 1, 3])
    found = run(case, UNLABELLED_TOOLS)
    # A box for the trees; what is left is one patch without a class, all of it road.
    assert did(found) == ["find", "box", "find", "spread"]
    assert found.accuracy[-1] == 1


def test_what_is_not_counted_costs_a_look_and_no_more() -> None:
    regions = stripes([8, 6, 4, 2])
    case = make_case(regions, of_regions(regions, [0, 1, 1, 1]), [2, 1, 1, 1])
    assert did(run(case, queue_arm("area"))) == ["look"] * 4
    found = run(case, UNLABELLED)
    assert did(found) == ["find", *["find", "assign"] * 3]
    assert costs(found.kinds, PRICES["one-each"])[-1] == 3
    assert found.accuracy[-1] == 1


def test_what_is_sure_is_accepted_unseen() -> None:
    regions = stripes([8, 6, 4, 2])
    truth = of_regions(regions, [1, 2, 1, 3])
    case = make_case(regions, truth, [1, 1, 1, 3], [0.9, 0.6, 0.6, 0.9])
    found = run(case, Arm("a", "", True, "area", accept_above=0.7))
    assert did(found) == ["accept", "look", "assign", "look"]
    assert (found.looked, found.untouched) == (2, 1)


def small_ones() -> Case:
    """Three pixels of a class of their own, each a region, in a map of 10 000 pixels."""
    regions = np.ones((150, 150), int)
    regions[:, 80:] = 2
    for at, row in enumerate((10, 50, 90)):
        regions[row, 20] = 3 + at
    return make_case(regions, np.ones_like(regions), [1, 2, 1, 2, 1])


def test_small_regions_are_one_look_together() -> None:
    case = small_ones()
    found = run(case, queue_arm("area"))
    assert did(found) == ["look", "look", "assign", "look"]
    # One of the small ones was wrong, and accepted with the others.
    assert found.accuracy[-1] == 1 - 1 / 150**2
    without = run(case, UNLABELLED)
    assert did(without) == ["find", "assign", "find", "assign", "find", "merge"]
    assert without.accuracy[-1] == 1


def test_the_ceiling_is_reached_and_not_passed_by_regions_alone() -> None:
    for seed in range(4):
        case = random_case(seed)
        for arm in (UNLABELLED, ORACLE, queue_arm("adaptive")):
            assert run(case, arm).accuracy[-1] == pytest.approx(ceiling(case).accuracy)


def test_the_ceiling_by_hand() -> None:
    regions = stripes([10, 10])
    truth = regions.copy()
    truth[:, :3] = 2
    truth[:, 10:14] = 0
    found = ceiling(make_case(regions, truth, [1, 1]))
    assert found.accuracy == pytest.approx((70 + 60) / 160)
    assert found.miou == pytest.approx((70 / 100 + 60 / 90) / 2)


def test_a_brush_paints_until_enough_is_right() -> None:
    regions = stripes([20], 20)
    truth = regions.copy()
    truth[:, 12:] = 2
    found = run(make_case(regions, truth, [1]), BRUSH)
    assert set(did(found)) == {"brush"}
    assert found.accuracy[0] == 0
    assert 0.95 <= found.accuracy[-1] < 1
    assert (found.accuracy[:-1] < 0.95).all()
    assert len(run(make_case(regions, truth, [1]), BRUSH, strokes=3).kinds) == 3


def test_a_split_by_one_click_where_it_pays() -> None:
    regions = np.ones((40, 60), int)
    truth = np.full((40, 60), 2)
    truth[:7] = 1  # long and narrow: two discs would paint little of it
    case = make_case(regions, truth, [1])
    case = replace(case, image=np.repeat(100 * truth[..., None], 3, axis=2).astype(np.uint8))
    found = run(case, Arm("t", "", True, "area", TOOLS))
    assert did(found)[:4] == ["look", "assign", "split", "assign"]
    assert found.accuracy[4] > 0.97


class Watched(Session):
    """A session that looks whether an edit stays inside its target."""

    def _in_target(self, target: np.ndarray, edit: Any, *args: Any) -> Any:
        before = self.labels.copy()
        done = edit(*args)
        assert (self.labels == before)[~target].all()
        return done

    def assign(self, regions: Any, which: Any) -> Any:
        target = np.isin(self.regions, regions)
        return self._in_target(target, super().assign, regions, which)

    def spread(self, region: Any, which: Any) -> Any:
        target = np.isin(self.regions, self.patch_of(region))
        return self._in_target(target, super().spread, region, which)

    def accept(self, regions: Any) -> Any:
        return self._in_target(np.zeros(self.shape, bool), super().accept, regions)

    def absorb(self, regions: Any) -> Any:
        return self._in_target(np.isin(self.regions, regions), super().absorb, regions)

    def paint(self, pixels: Any, which: Any) -> Any:
        target = np.zeros(self.shape, bool)
        target[pixels] = True
        return self._in_target(target, super().paint, pixels, which)

    def split_points(self, region: Any, keep: Any, cut: Any) -> Any:
        target = self.regions == region
        return self._in_target(target, super().split_points, region, keep, cut)


@pytest.mark.parametrize("seed", range(3))
def test_nothing_outside_the_target_changes_and_nothing_gets_worse(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(persons, "Session", Watched)
    case = random_case(seed, side=40, count=25)
    for arm in (*standard_arms(tuple(ORDERS)), *VARIANTS):
        found = run(case, arm)
        assert (np.diff(found.accuracy) >= -1e-12).all(), arm.name
        assert len(found.accuracy) == len(found.miou) == len(found.kinds) + 1
        whole = Confusion(len(NAMES))
        whole.counts += found.marks[-1].confusion
        assert whole.accuracy == pytest.approx(found.accuracy[-1])
        assert true_miou(whole) == pytest.approx(found.miou[-1])


def test_all_tools_take_no_more_than_none() -> None:
    for seed in range(3):
        case = random_case(seed, side=40, count=25)
        for arm, plain in ((UNLABELLED_TOOLS, UNLABELLED), (ORACLE_TOOLS, ORACLE)):
            target = ceiling(case).accuracy
            with_tools, without = run(case, arm), run(case, plain)
            first = [int((r.accuracy >= target - 1e-9).argmax()) for r in (with_tools, without)]
            assert 0 < first[0] <= first[1]


def test_a_case_stays_as_it_was() -> None:
    case = random_case(1)
    labels, regions = case.result.labels.copy(), case.result.regions.copy()
    for arm in (ORACLE_TOOLS, UNLABELLED_TOOLS):
        run(case, arm)
    np.testing.assert_array_equal(case.result.labels, labels)
    np.testing.assert_array_equal(case.result.regions, regions)


def test_it_can_be_stopped_at_every_action() -> None:
    steps = correct(four(), queue_arm("area"))
    seen = [next(steps).done for _ in range(3)]
    assert seen == [1, 2, 3]
    steps.close()
