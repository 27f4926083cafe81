"""Jobs: results in the GUI thread, prompt ends, nothing late."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from pytestqt.qtbot import QtBot

from napari_corrclip.gui.work.job import Job
from napari_corrclip.progress import Progress, Steps
from tests.gui.person import MINUTE, threads_end


@dataclass
class Heard:
    """Everything that a job said, and in which thread."""

    done: list[object] = field(default_factory=list)
    failed: list[Exception] = field(default_factory=list)
    events: list[Progress] = field(default_factory=list)
    stopped: int = 0
    threads: set[int] = field(default_factory=set)

    def job(self, steps: Steps[object]) -> Job[object]:
        def note(action: object) -> None:
            self.threads.add(threading.get_ident())

        return Job(
            steps,
            done=lambda value: note(self.done.append(value)),
            failed=lambda error: note(self.failed.append(error)),
            progressed=lambda event: note(self.events.append(event)),
            stopped=lambda: note(setattr(self, "stopped", self.stopped + 1)),
        )


@dataclass
class Work:
    """Steps that note in which thread they ran and that they were closed."""

    count: int
    thread: int = 0
    reached: int = 0
    closed: bool = False

    def steps(self, error: Exception | None = None) -> Steps[object]:
        self.thread = threading.get_ident()
        try:
            for number in range(self.count):
                self.reached = number
                yield Progress("work", number, self.count)
                time.sleep(0.005)
            if error is not None:
                raise error
            return "result"
        finally:
            self.closed = True


def test_a_result_comes_in_the_gui_thread(qtbot: QtBot) -> None:
    heard, work = Heard(), Work(5)
    heard.job(work.steps()).start()
    qtbot.waitUntil(lambda: bool(heard.done), timeout=MINUTE)
    assert heard.done == ["result"]
    assert [event.done for event in heard.events] == [0, 1, 2, 3, 4]
    assert heard.threads == {threading.get_ident()}
    assert work.thread != threading.get_ident()
    assert not heard.failed
    assert not heard.stopped


@pytest.mark.parametrize("error", [ValueError("no"), RuntimeError("out of memory"), MemoryError()])
def test_every_error_is_handed_over(qtbot: QtBot, error: Exception) -> None:
    heard = Heard()
    heard.job(Work(2).steps(error)).start()
    qtbot.waitUntil(lambda: bool(heard.failed), timeout=MINUTE)
    assert heard.failed == [error]
    assert not heard.done


def test_cancelling_ends_the_work_and_drops_what_is_late(qtbot: QtBot) -> None:
    heard, work = Heard(), Work(10_000)
    job = heard.job(work.steps()).start()
    qtbot.waitUntil(lambda: len(heard.events) > 2, timeout=MINUTE)
    job.cancel()
    before = len(heard.events)
    qtbot.waitUntil(lambda: heard.stopped == 1, timeout=MINUTE)
    assert work.closed
    assert work.reached < 9_999
    assert len(heard.events) == before
    assert not heard.done
    assert not heard.failed


def test_an_abandoned_job_calls_nobody(qtbot: QtBot) -> None:
    heard, work = Heard(), Work(10_000)
    job = heard.job(work.steps()).start()
    qtbot.waitUntil(lambda: len(heard.events) > 2, timeout=MINUTE)
    job.abandon()
    before = len(heard.events)
    qtbot.waitUntil(lambda: work.closed, timeout=MINUTE)
    threads_end(qtbot)
    assert (len(heard.events), heard.done, heard.failed, heard.stopped) == (before, [], [], 0)


def test_a_job_that_was_cancelled_before_it_began_does_nothing(qtbot: QtBot) -> None:
    heard = Heard()

    def steps() -> Iterator[Progress]:
        pytest.fail("it ran")
        yield

    job = heard.job(steps())  # type: ignore[arg-type]
    job.cancel()
    job.start()
    qtbot.waitUntil(lambda: heard.stopped == 1, timeout=MINUTE)


def test_a_job_whose_worker_napari_quits_ends_as_cancelled(qtbot: QtBot) -> None:
    heard, work = Heard(), Work(10_000)
    job = heard.job(work.steps()).start()
    qtbot.waitUntil(lambda: len(heard.events) > 2, timeout=MINUTE)
    job._worker.quit()
    qtbot.waitUntil(lambda: heard.stopped == 1, timeout=MINUTE)
    assert work.closed
    assert job not in Job._running
    assert not heard.done
    assert not heard.failed
