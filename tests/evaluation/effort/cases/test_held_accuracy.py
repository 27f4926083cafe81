"""The knob is turned until the accuracy is there, or as near as it comes."""

from __future__ import annotations

import pytest

from napari_corrclip.evaluation.effort.cases.held_accuracy import hold
from napari_corrclip.progress import Progress, Steps, finish


def making(accuracy: object) -> object:
    def make(knob: float) -> Steps[tuple[str, float]]:
        yield Progress("make", 0, 1)
        return f"made at {knob}", accuracy(knob)  # type: ignore[operator]

    return make


@pytest.mark.parametrize("rising", [True, False])
def test_it_finds_the_place(rising: bool) -> None:
    at = (lambda x: x) if rising else (lambda x: 1 - x)
    found = finish(hold(making(at), 0, 1, rising=rising))  # type: ignore[arg-type]
    assert found.reached
    assert found.accuracy == pytest.approx(0.8, abs=0.01)
    assert found.made == f"made at {found.knob}"


def test_what_cannot_be_reached_is_said() -> None:
    found = finish(hold(making(lambda x: 0.5 * x), 0, 1, rising=True, tries=5))  # type: ignore[arg-type]
    assert not found.reached
    assert found.knob == 1 - 0.5**5
