"""The pre-labels held at an accuracy: the knob that weakens them is turned until they are there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from napari_corrclip.progress import Progress, Steps

T = TypeVar("T")

GOAL = 0.80
TOLERANCE = 0.01


@dataclass(frozen=True)
class Trial(Generic[T]):
    """A position of the knob, what it gave, and how accurate that was."""

    knob: float
    made: T
    accuracy: float
    reached: bool


def hold(
    make: Callable[[float], Steps[tuple[T, float]]],
    low: float,
    high: float,
    *,
    rising: bool,
    goal: float = GOAL,
    tolerance: float = TOLERANCE,
    tries: int = 9,
) -> Steps[Trial[T]]:
    """Halve the interval of a knob until what it makes has the accuracy ``goal``.

    Args:
        make: makes something at a position of the knob and says how accurate it is.
        low: one end of the knob.
        high: the other.
        rising: whether accuracy rises with the knob.
        goal: the accuracy wanted.
        tolerance: how far from it is near enough.
        tries: how often to halve; what came nearest is returned then.
    """
    best: Trial[T] | None = None
    for done in range(tries):
        knob = (low + high) / 2
        yield Progress("pre-labels", done, tries)
        made, accuracy = yield from make(knob)
        found = Trial(knob, made, accuracy, abs(accuracy - goal) <= tolerance)
        if best is None or abs(accuracy - goal) < abs(best.accuracy - goal):
            best = found
        if found.reached:
            break
        if (accuracy < goal) == rising:
            low = knob
        else:
            high = knob
    if best is None:
        raise ValueError("no tries")
    return best
