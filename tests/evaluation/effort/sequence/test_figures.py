"""The figures of sequences, by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from napari_corrclip.evaluation.effort.sequence import figures
from napari_corrclip.evaluation.effort.sequence.goals import judged
from napari_corrclip.evaluation.effort.sequence.study import SequenceStudy
from napari_corrclip.evaluation.effort.simulation.lesson import BINS, Visit
from napari_corrclip.evaluation.effort.simulation.prices import KINDS


def visit(looks: int, assigned: int = 0, applied: int = 0, *, wrong: float = 0.1) -> Visit:
    kinds = np.zeros(len(KINDS), np.int64)
    for kind, count in (("look", looks), ("assign", assigned), ("apply", applied)):
        kinds[KINDS.index(kind)] = count
    opening = np.array([[0, 0, 0], [0, 6, 4], [0, 0, 10]])
    bins = np.zeros((2, BINS, 3))
    bins[0, 3] = 10, 2.5, 4
    return Visit("image", kinds, opening, bins, wrong, reached=True)


@pytest.fixture
def study() -> SequenceStudy:
    untaught = tuple(visit(looks) for looks in (10, 20, 30))
    return SequenceStudy(
        name="demo-superpixels-plain",
        title="by hand",
        how="written down",
        held=False,
        accuracy=0.8,
        classes=("a", "b"),
        regions=100.0,
        few=False,
        ceiling=1.0,
        orders=((0, 1, 2), (2, 1, 0)),
        untaught={"untaught": untaught},
        taught={
            "on": (
                (visit(8), visit(5), visit(3)),
                (visit(16), visit(5), visit(14)),
            )
        },
        alone={"on": (visit(8), visit(12), visit(16))},
        spared={},
    )


def test_totals(study: SequenceStudy) -> None:
    assert figures.total(study, "on").value == pytest.approx(51 / 120)
    assert figures.total(study, "untaught").value == 1
    assert figures.places(study) == range(2, 3)
    assert figures.total(study, "on", range(2, 3)).value == pytest.approx(17 / 40)
    assert figures.late_to_first(study, "on").value == pytest.approx(8.5 / 20)
    assert figures.late_to_first(study, "on", strict=True).value == pytest.approx(8.5 / 12)
    found = figures.total(study, "on")
    assert found.low <= found.value <= found.high
    assert [point.value for point in figures.by_place(study, "on")] == [12, 5, 8.5]
    assert [point.value for point in figures.by_place(study, "untaught")] == [20, 20, 20]


def test_an_image_is_worse_by_more_than_two_actions(study: SequenceStudy) -> None:
    found = figures.worse(study, "on")  # the last one: 14 instead of 10
    assert found.share == pytest.approx(1 / 6)
    assert found.extra == pytest.approx(4 / 120)


def test_with_few_regions_assignments_and_strips_are_counted(study: SequenceStudy) -> None:
    few = replace(study, few=True)
    counted = figures.spent(few, [visit(12, 3, 2), visit(12, 1)])
    assert counted.tolist() == [5, 1]
    assert figures.spent(study, [visit(12, 3, 2)]).tolist() == [17]


def test_openings_and_calibration(study: SequenceStudy) -> None:
    found = figures.opening(study, "on")
    assert found.accuracy == pytest.approx(0.8)
    assert found.miou == pytest.approx((6 / 10 + 10 / 14) / 2)
    assert found.error == pytest.approx(0.15)
    assert np.isnan(found.later)
    assert figures.opening(study, None).error == pytest.approx(0.15)


def test_looks_spared(study: SequenceStudy) -> None:
    some = tuple(tuple(visit(5, wrong=0.3) for _ in range(3)) for _ in range(1))
    few = replace(study, few=True, spared={"on-0.5": some})
    points = {point.way: point for point in figures.spared(few)}
    assert set(points) == {"untaught", "on", "on-0.5"}
    assert points["untaught"].saved == 0
    assert points["untaught"].left == 0
    assert points["on-0.5"].saved == pytest.approx(1 - 15 / 60)
    assert points["on-0.5"].left == pytest.approx(0.2)
    assert points["on"].saved == pytest.approx(1 - 16 / 60)


def test_goals(study: SequenceStudy) -> None:
    found = {goal.what: goal for goal in judged(study)}
    assert found["on / untaught"].bound == 0.5
    assert found["on / untaught"].found.value < 0.5
    assert found["on, image 20 / image 1 untaught"].found.value < 0.5
    assert set(found) == {
        "on / untaught",
        "on, image 20 / image 1 untaught",
        "on / untaught, never more",
    }
