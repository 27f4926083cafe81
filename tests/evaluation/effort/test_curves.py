"""Targets, means, ratios and curves, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from napari_corrclip.evaluation.effort.curves import (
    CEILING,
    GAP,
    actions_to,
    mean_curve,
    mean_interval,
    ratio_interval,
    target_value,
)
from napari_corrclip.evaluation.effort.simulation.person import Run
from napari_corrclip.evaluation.effort.simulation.prices import KINDS, PRICES, costs
from napari_corrclip.evaluation.effort.simulation.region_truth import Measures


def a_run(kinds: list[str], accuracy: list[float]) -> Run:
    return Run(
        case="a",
        arm="b",
        kinds=np.array([KINDS.index(kind) for kind in kinds], np.uint8),
        accuracy=np.array(accuracy),
        miou=np.array(accuracy) / 2,
        marks=(),
        looked=0,
        untouched=0,
        best=Measures(1, 1),
    )


def test_targets_by_hand() -> None:
    start, best = Measures(0.8, 0.3), Measures(0.9, 0.5)
    assert target_value("85 %", "accuracy", start, best) == 0.85
    assert target_value(CEILING, "accuracy", start, best) == pytest.approx(0.855)
    assert target_value(GAP, "accuracy", start, best) == pytest.approx(0.88)
    assert target_value(GAP, "miou", start, best) == pytest.approx(0.46)
    # Pre-labels beyond what regions can reach have no gap to close.
    assert np.isnan(target_value(GAP, "accuracy", Measures(0.95, 0), best))
    run = a_run(["look"], [0.5, 0.9])
    assert np.isnan(actions_to(float("nan"), "accuracy", run, PRICES["equal"]))


def test_actions_to_a_target_are_what_was_spent_when_it_was_first_reached() -> None:
    run = a_run(["find", "assign", "find", "assign"], [0, 0, 0.5, 0.5, 0.9])
    equal, one = PRICES["equal"], PRICES["one-each"]
    assert actions_to(0.5, "accuracy", run, equal) == 2
    assert actions_to(0.5, "accuracy", run, one) == 1
    assert actions_to(0.9, "accuracy", run, equal) == 4
    assert actions_to(0.45, "miou", run, one) == 2
    assert actions_to(0, "accuracy", run, equal) == 0
    assert np.isnan(actions_to(0.91, "accuracy", run, equal))


def test_prices_are_put_on_afterwards() -> None:
    kinds = np.array([KINDS.index(kind) for kind in ("find", "assign", "box")])
    assert costs(kinds, PRICES["equal"]).tolist() == [0, 1, 2, 3]
    assert costs(kinds, PRICES["one-each"]).tolist() == [0, 0, 1, 2]
    assert set(PRICES["equal"].values()) == {1.0}


def test_a_mean_with_its_interval() -> None:
    same = mean_interval([3.0, 3.0, 3.0])
    assert (same.value, same.low, same.high, same.images) == (3, 3, 3, 3)
    spread = mean_interval([0.0, 10.0, float("nan"), 2.0])
    assert (spread.value, spread.images) == (4, 3)
    assert 0 <= spread.low < 4 < spread.high <= 10
    many = np.random.default_rng(1).normal(5, 2, 400)
    found = mean_interval(many)
    # The normal interval is 1.96 standard errors to either side.
    error = many.std() / 20
    assert found.low == pytest.approx(many.mean() - 1.96 * error, abs=0.3 * error)
    assert found.high == pytest.approx(many.mean() + 1.96 * error, abs=0.3 * error)
    assert np.isnan(mean_interval([float("nan")]).value)


def test_a_ratio_is_of_totals_and_paired() -> None:
    under = np.array([10.0, 200, 40, 1000])
    paired = ratio_interval(under / 4, under)
    # Image by image it is a quarter, whichever are drawn; unpaired it would be all over the place.
    assert (paired.value, paired.low, paired.high) == pytest.approx((0.25, 0.25, 0.25))
    assert ratio_interval([0, 3.0], [1, 5.0]).value == 0.5
    partly = ratio_interval([1, np.nan, 5], [2, 7, np.nan])
    assert (partly.value, partly.images) == (0.5, 1)
    assert np.isnan(ratio_interval([1.0], [0.0]).value)


def test_a_curve_holds_between_actions_and_after_the_end() -> None:
    short = a_run(["look", "assign"], [0.5, 0.5, 0.7])
    long = a_run(["look"] * 4, [0.1, 0.2, 0.3, 0.4, 0.5])
    curve = mean_curve([short, long], "accuracy", PRICES["equal"])
    assert curve.spent[0] == 0
    assert curve.spent[-1] == 4
    assert curve.mean[0] == pytest.approx(0.3)
    assert curve.mean[-1] == pytest.approx(0.6)
    assert (curve.low <= curve.mean + 1e-12).all()
    assert (curve.mean <= curve.high + 1e-12).all()
