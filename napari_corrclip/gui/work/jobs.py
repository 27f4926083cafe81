"""One job at a time: the next begins when the former has really left its thread.

Who asks for something new makes the former job's results unwanted; but its thread may still be in the
middle of a network's block, and two jobs side by side would take each other's memory and time.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any

from psygnal import Signal

from napari_corrclip.gui.work.job import Job


class Jobs:
    """The queue of one: the last job that was asked for.

    Attributes:
        segmenting: whether it is a whole run, and not a change of words or a file that is read.

    Signals (psygnal):
        busy: whether a job is wanted and has not ended.
    """

    busy = Signal(bool)

    def __init__(self) -> None:
        self.segmenting = False
        self._owner: object = None
        self._dropped: Callable[[], object] = lambda: None
        self._job: Job[Any] | None = None
        self._in_thread: Job[Any] | None = None

    @property
    def running(self) -> bool:
        """Whether a job is wanted and has not ended."""
        return self._job is not None

    def start(
        self,
        steps: Generator[Any, None, Any],
        *,
        done: Callable[[Any], object],
        failed: Callable[[Exception], object],
        progressed: Callable[[Any], object] = lambda _: None,
        stopped: Callable[[], object] = lambda: None,
        dropped: Callable[[], object] = lambda: None,
        segmenting: bool = False,
        owner: object = None,
    ) -> None:
        """Run ``steps``, and drop what runs; the callbacks are those of :class:`Job`.

        Args:
            steps: the work.
            done: gets what it returns.
            failed: gets what it raises.
            progressed: gets what it yields.
            stopped: called once it was cancelled.
            dropped: called instead of them where the job is dropped, so that nothing ends without a word.
            segmenting: see above.
            owner: who may :meth:`drop` it without touching the jobs of others.

        ``running`` and ``segmenting`` are false again when ``done``, ``failed`` or ``stopped`` is called.
        """
        self.drop()

        def last(call: Callable[..., object]) -> Callable[..., object]:
            def ending(*values: Any) -> None:
                self._job, self._owner = None, None
                self.segmenting = False
                self.busy.emit(False)
                call(*values)

            return ending

        self._job = Job(
            steps,
            done=last(done),
            failed=last(failed),
            progressed=progressed,
            stopped=last(stopped),
            ended=self._ended,
        )
        self.segmenting = segmenting
        self._owner, self._dropped = owner, dropped
        self.busy.emit(True)
        if self._in_thread is None:
            self._begin()

    def cancel(self) -> None:
        """Stop what runs at its next event; ``stopped`` is called then."""
        if self._job is not None:
            self._job.cancel()

    def is_of(self, owner: object) -> bool:
        """Whether what runs was started by ``owner``."""
        return self._job is not None and self._owner is owner

    def drop(self, owner: object = None) -> None:
        """Stop what runs; its ``dropped`` is called, and nothing else of it.

        Args:
            owner: whose job it has to be; ``None``: whoever's.
        """
        if owner is not None and not self.is_of(owner):
            return
        former, self._job = self._job, None
        if former is not None:
            dropped, self._owner = self._dropped, None
            former.abandon()
            self.segmenting = False
            self.busy.emit(False)
            dropped()

    def _begin(self) -> None:
        self._in_thread = self._job
        if self._job is not None:
            self._job.start()

    def _ended(self) -> None:
        """A job has left its thread; one that was asked for meanwhile may enter."""
        waiting = self._job is not None and self._job is not self._in_thread
        self._in_thread = None
        if waiting:
            self._begin()
