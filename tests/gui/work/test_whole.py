"""Work that is done whole: by its thread to the end, or by whoever closes before that has begun."""

from __future__ import annotations

import threading

import pytest

import napari_corrclip as nc
from napari_corrclip.gui.work.whole import Whole
from napari_corrclip.progress import Progress, Steps, finish


def three(done: list[int], fails: bool = False) -> Steps[str]:
    for number in range(3):
        yield Progress("step", number, 3)
        done.append(number)
    if fails:
        raise nc.InputError("It cannot be done.")
    return "whole"


@pytest.mark.parametrize("events", range(5))
def test_dropped_it_has_not_begun_or_goes_on_to_its_end(events: int) -> None:
    """The first event stands before the work: up to there it is left to who finishes it."""
    done = list[int]()
    work = Whole(three(done))
    job = work.in_thread()
    for _ in range(events):
        next(job)
    job.close()
    assert done == ([] if events < 2 else [0, 1, 2])
    assert work.finish() == "whole"
    assert done == [0, 1, 2]


def test_a_thread_that_has_begun_is_waited_for_and_one_that_has_not_does_nothing() -> None:
    done, begun, go_on = list[int](), threading.Event(), threading.Event()

    def held() -> Steps[str]:
        begun.set()
        go_on.wait(60)
        return (yield from three(done))

    work = Whole(held())
    job = work.in_thread()
    next(job)
    thread = threading.Thread(target=finish, args=(job,))
    thread.start()
    assert begun.wait(60)
    with pytest.raises(nc.InputError, match=r"still being written after 0.01 seconds"):
        work.finish(0.01)
    go_on.set()
    assert work.finish(60) == "whole"
    thread.join()
    assert done == [0, 1, 2]
    late = Whole(three(done))
    job = late.in_thread()
    next(job)
    assert late.finish() == "whole"
    with pytest.raises(nc.InputError, match="somebody else"):
        next(job)
    assert done == [0, 1, 2] * 2


@pytest.mark.parametrize("events", [0, 2])
def test_what_it_raises_is_raised_to_who_finishes_it(events: int) -> None:
    work = Whole(three([], fails=True))
    job = work.in_thread()
    for _ in range(events):
        next(job)
    if events:
        with pytest.raises(nc.InputError, match="cannot be done"):
            job.close()
    with pytest.raises(nc.InputError, match="cannot be done"):
        work.finish()
