"""The runner: what is there stays, what fails is told, and a run that was stopped goes on."""

from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Generator, Iterator, Sequence
from functools import partial

import pytest

from napari_corrclip.errors import InputError
from napari_corrclip.progress import Progress, Steps, finish
from napari_corrclip.project.run import (
    Done,
    Failed,
    Item,
    KeptMeanwhileError,
    Made,
    Skipped,
    gather_steps,
    run_steps,
)


class Result:
    """A result that can be seen to go."""


class Memory:
    """A store in memory that says what it was asked, and refuses some."""

    def __init__(self, kept: Sequence[str] = (), refused: Sequence[str] = ()) -> None:
        self.kept, self.refused = list(kept), refused

    def has(self, key: str) -> bool:
        return key in self.kept

    def save(self, key: str, result: Result) -> None:
        if key in self.refused:
            raise InputError(f"{key} cannot be written.")
        self.kept.append(key)


def work(key: str) -> Steps[Result]:
    yield Progress("read", 0, 1)
    if key.startswith("bad"):
        raise InputError(f"{key} cannot be read.")
    if key.startswith("bug"):
        raise ZeroDivisionError(key)
    yield Progress("segment", 1, 1)
    return Result()


def items(*keys: str) -> list[Item[str, Result]]:
    return [Item(key, partial(work, key), key.upper()) for key in keys]


def test_each_is_saved_as_it_is_done_and_all_are_told() -> None:
    store = Memory(kept=["b"], refused=["d"])
    told, at_that_time = [], []

    def tell(event: object) -> None:
        told.append(event)
        at_that_time.append(list(store.kept))

    report = finish(run_steps(items("a", "b", "bad", "d", "e"), store), tell)
    assert (report.done, report.skipped) == (("a", "d", "e"), ("b",))
    assert report.failed == (("bad", "bad cannot be read."),)
    assert report.unsaved == (("d", "d cannot be written."),)
    assert store.kept == ["b", "a", "e"]
    kinds = [type(event) for event in told if not isinstance(event, Progress)]
    assert kinds == [Done, Skipped, Failed, Done, Done]
    stages = [event.stage for event in told if isinstance(event, Progress)]
    assert stages == [
        "A: read", "A: segment", "BAD: read", "D: read", "D: segment", "E: read", "E: segment"
    ]  # fmt: skip
    first = next(i for i, event in enumerate(told) if isinstance(event, Done))
    assert at_that_time[first] == ["b", "a"]


def test_what_came_meanwhile_is_skipped_and_not_done() -> None:
    class Busy(Memory):
        def save(self, key: str, result: Result) -> None:
            if key == "b":
                raise KeptMeanwhileError(f"{key} is there.")
            super().save(key, result)

    told: list[object] = []
    report = finish(run_steps(items("a", "b", "c"), Busy()), told.append)
    assert (report.done, report.skipped, report.unsaved) == (("a", "c"), ("b",), ())
    kinds = [type(event) for event in told if not isinstance(event, Progress)]
    assert kinds == [Done, Skipped, Done]


def test_a_run_that_was_cancelled_goes_on() -> None:
    store = Memory()
    steps = run_steps(items("a", "b", "c"), store)
    for event in steps:
        if isinstance(event, Progress) and event.stage == "B: segment":
            break
    steps.close()
    assert store.kept == ["a"]
    report = finish(run_steps(items("a", "b", "c"), store))
    assert (report.done, report.skipped) == (("b", "c"), ("a",))


def test_cancelling_closes_the_work_itself() -> None:
    closed = []

    def long() -> Steps[Result]:
        try:
            yield Progress("long", 0, 1)
            raise AssertionError("it went on")
        finally:
            closed.append(True)

    steps = run_steps([Item("a", long)], Memory())
    assert next(steps) == Progress("long", 0, 1)
    steps.close()
    assert closed == [True]


def test_nothing_of_an_item_is_made_before_its_turn() -> None:
    begun = []

    def begin(key: str) -> Steps[Result]:
        begun.append(key)
        return work(key)

    steps = run_steps([Item(key, partial(begin, key)) for key in "ab"], Memory())
    while not isinstance(next(steps), Done):
        pass
    assert begun == ["a"]


def test_a_mistake_in_the_program_ends_the_run() -> None:
    with pytest.raises(ZeroDivisionError):
        finish(run_steps(items("a", "bug", "c"), Memory()))


@pytest.mark.parametrize("key", ["bad", "d"])
def test_the_caller_says_which_errors_end_it(key: str) -> None:
    store = Memory(refused=["d"])
    with pytest.raises(InputError, match=key):
        finish(run_steps(items(key, "c"), store, ends=lambda _: True))
    report = finish(run_steps(items("bug", "c"), store, ends=lambda _: False))
    assert (report.done, report.failed) == (("c",), (("bug", "bug"),))


def test_one_result_is_held_at_a_time_and_no_frames_of_what_failed() -> None:
    held: list[weakref.ref[Result]] = []
    errors: list[Exception] = []
    for event in run_steps(items("a", "bad", "c", "e"), Memory()):
        gc.collect()
        assert sum(one() is not None for one in held) <= isinstance(event, Done)
        if isinstance(event, Done):
            held.append(weakref.ref(event.result))
        elif isinstance(event, Failed):
            errors.append(event.error)
        del event
    assert len(held) == 3
    assert [error.__traceback__ for error in errors] == [None]


class Pairs:
    """Work elsewhere that takes two keys at a time, and gives them back the other way round."""

    def __init__(self) -> None:
        self.taken: list[str] = []
        self.closed = False

    def __call__(self, keys: Iterator[str]) -> Generator[Progress | Made[str, Result], None, None]:
        try:
            while pair := [key for _, key in zip(range(2), keys, strict=False)]:
                self.taken += pair
                yield Progress("elsewhere", len(self.taken), 9)
                for key in reversed(pair):
                    if key.startswith("b"):
                        yield Made(key, error=InputError(f"{key} cannot be read."))
                    else:
                        yield Made(key, Result())
        finally:
            self.closed = True


def test_what_is_made_elsewhere_is_saved_as_it_comes() -> None:
    store, pairs = Memory(kept=["c"], refused=["f"]), Pairs()
    told: list[object] = []
    report = finish(gather_steps(list("abcdefc"), pairs, store), told.append)
    assert (report.done, report.skipped) == (("a", "e", "d", "f"), ("c", "c"))
    assert report.failed == (("b", "b cannot be read."),)
    assert report.unsaved == (("f", "f cannot be written."),)
    assert store.kept == ["c", "a", "e", "d"]
    assert pairs.closed
    kinds = [type(event) for event in told if not isinstance(event, Progress)]
    assert kinds == [Failed, Done, Skipped, Done, Done, Skipped, Done]


@pytest.mark.parametrize("key", ["b", "f"])
def test_an_error_that_ends_the_run_ends_what_is_elsewhere(key: str) -> None:
    store, pairs = Memory(refused=["f"]), Pairs()
    steps = gather_steps(["a", key, "c"], pairs, store, ends=lambda _: True)
    with pytest.raises(InputError, match=key):
        finish(steps)
    assert pairs.closed
    assert pairs.taken == ["a", key]


def test_closing_closes_what_is_elsewhere() -> None:
    store, pairs = Memory(), Pairs()
    steps = gather_steps(list("adceg"), pairs, store)
    while not isinstance(next(steps), Done):
        pass
    steps.close()
    assert pairs.closed
    assert (store.kept, pairs.taken) == (["d"], ["a", "d"])


def test_of_what_comes_from_elsewhere_one_result_is_held() -> None:
    held: list[weakref.ref[Result]] = []
    for event in gather_steps(list("adbc"), Pairs(), Memory()):
        assert sum(one() is not None for one in held) <= isinstance(event, Done)
        if isinstance(event, Done):
            held.append(weakref.ref(event.result))
        elif isinstance(event, Failed):
            event.error.__traceback__ = None
        del event
    assert len(held) == 3


def test_what_is_slow_about_saving_is_done_while_the_next_is_made() -> None:
    store, next_is_made, threads = Memory(), threading.Event(), set[str]()

    def behind(key: str, result: Result) -> Result:
        threads.add(threading.current_thread().name)
        if key == "a":
            assert next_is_made.wait(20)
        return result

    def steps(key: str) -> Steps[Result]:
        if key == "b":
            assert not store.kept
            next_is_made.set()
        return (yield from work(key))

    told = []
    report = finish(
        run_steps([Item(key, partial(steps, key)) for key in "abc"], store, behind=behind),
        lambda event: None if isinstance(event, Progress) else told.append(event.key),
    )
    assert report.done == tuple(told) == tuple(store.kept) == ("a", "b", "c")
    assert threads
    assert threading.main_thread().name not in threads
    assert not [each for each in threading.enumerate() if each.name in threads]


def test_a_result_on_its_way_is_saved_when_a_run_is_cancelled() -> None:
    store, free = Memory(), threading.Event()

    def behind(key: str, result: Result) -> Result:
        assert free.wait(20)
        return result

    steps = run_steps(items("a", "b"), store, behind=behind)
    for event in steps:
        if isinstance(event, Progress) and event.stage == "B: read":
            break
    assert not store.kept
    threading.Timer(0.1, free.set).start()
    steps.close()
    assert store.kept == ["a"]


def test_a_result_on_its_way_is_saved_when_another_item_ends_the_run() -> None:
    store = Memory()
    with pytest.raises(ZeroDivisionError):
        finish(run_steps(items("a", "bug"), store, behind=lambda _, result: result))
    assert store.kept == ["a"]


def test_what_goes_wrong_behind_is_told_like_what_goes_wrong_in_the_store() -> None:
    def behind(key: str, result: Result) -> Result:
        if key == "b":
            raise InputError("b cannot be written.")
        return result

    store = Memory()
    report = finish(run_steps(items("a", "b", "bad", "c"), store, behind=behind))
    assert (report.done, report.unsaved) == (("a", "b", "c"), (("b", "b cannot be written."),))
    assert (store.kept, report.failed) == (["a", "c"], (("bad", "bad cannot be read."),))
    with pytest.raises(InputError, match="b cannot be written"):
        finish(run_steps(items("a", "b", "c"), Memory(), ends=lambda _: True, behind=behind))


def test_results_that_were_written_behind_are_let_go_of() -> None:
    made = weakref.WeakSet[Result]()

    def steps() -> Steps[Result]:
        yield Progress("segment", 0, 1)
        gc.collect()
        assert len(made) <= 1
        result = Result()
        made.add(result)
        return result

    report = finish(
        run_steps([Item(key, steps) for key in "abcdef"], Memory(), behind=lambda _, result: result)
    )
    gc.collect()
    assert (len(report.done), len(made)) == (6, 0)


def test_what_is_made_elsewhere_is_written_behind_too() -> None:
    store, second_was_asked_for = Memory(), threading.Event()

    def behind(key: str, result: Result) -> Result:
        if key == "a":
            assert second_was_asked_for.wait(20)
        return result

    def elsewhere(keys: Iterator[str]) -> Generator[Progress | Made[str, Result], None, None]:
        yield Made(next(keys), Result())
        second_was_asked_for.set()
        for key in keys:
            yield Made(key, Result())

    report = finish(gather_steps(["a", "b"], elsewhere, store, behind=behind))
    assert report.done == tuple(store.kept) == ("a", "b")
