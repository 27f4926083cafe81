"""Long work that is driven, retold and closed."""

from __future__ import annotations

import pytest

from napari_corrclip.progress import Progress, Steps, finish, retold

CLOSED: list[str] = []


def work(count: int) -> Steps[str]:
    try:
        for done in range(count):
            yield Progress("work", done, count)
    finally:
        CLOSED.append("work")
    return "made"


def test_every_event_is_told_and_the_result_returned() -> None:
    told: list[int] = []
    assert finish(work(3), lambda event: told.append(event.done)) == "made"
    assert told == [0, 1, 2]
    assert finish(work(0)) == "made"


def test_events_are_retold_inside_other_work() -> None:
    stages: list[str] = []
    steps = retold(work(2), lambda event: f"{event.stage} {event.done}")
    assert finish(steps, stages.append) == "made"
    assert stages == ["work 0", "work 1"]


def test_who_closes_the_outer_work_closes_the_inner_at_once() -> None:
    CLOSED.clear()
    inner = work(3)
    steps = retold(inner, lambda event: event)
    next(steps)
    steps.close()
    assert CLOSED == ["work"]


def test_an_error_of_the_teller_closes_the_work() -> None:
    CLOSED.clear()

    def tell(event: Progress) -> None:
        raise ValueError("told")

    inner = work(3)
    with pytest.raises(ValueError, match="told"):
        next(retold(inner, tell))
    assert CLOSED == ["work"]
