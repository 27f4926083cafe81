"""Long work beside the GUI thread.

One asynchronous cycle, told once: :meth:`Job.start` runs a generator of progress events in a thread of
napari's pool. Between two events the thread looks whether it was cancelled and closes the generator if so;
networks yield after every block, so that is a fraction of a second. Events, the result and errors come
back as calls *in the GUI thread*. A job that was cancelled or abandoned hands over nothing more: late
results of an old run are dropped here, so nobody else needs to ask.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, TypeVar

from napari.qt.threading import create_worker
from qtpy.QtCore import QTimer

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Failed:
    """The result of a job that failed."""

    error: Exception


class _Cancelled:
    """The result of a cancelled job."""


def _ignored(_warning: object) -> None:
    """Do nothing."""


class Job(Generic[T]):
    """A thread that runs ``steps``.

    Args:
        steps: the work.
        done: gets its result.
        failed: gets what it raised.
        progressed: gets every event.
        stopped: called when a cancelled job has really ended.
        ended: called when the thread is left, however, before any of the others; also if abandoned.
    """

    # Signals hold bound methods weakly: without this a job that nobody keeps would fall silent.
    _running: ClassVar[set[Job[Any]]] = set()
    # PySide crashes if a listener is freed that signals are still on their way to: jobs are kept longer.
    _kept: ClassVar[set[Job[Any]]] = set()

    def __init__(
        self,
        steps: Generator[Any, None, T],
        *,
        done: Callable[[T], object],
        failed: Callable[[Exception], object],
        progressed: Callable[[Any], object] = lambda _: None,
        stopped: Callable[[], object] = lambda: None,
        ended: Callable[[], object] = lambda: None,
    ) -> None:
        self._steps = steps
        self._done = done
        self._failed = failed
        self._progressed = progressed
        self._stopped = stopped
        self._ended = ended
        self._cancelled = False
        self._worker = create_worker(self._run, _start_thread=False)
        # Every warning of a library, of networks that load above all, would become a notification. Where
        # nobody listens, disconnecting is an error, and a different one in each binding.
        self._worker.warned.connect(_ignored)
        self._worker.warned.disconnect()
        self._worker.yielded.connect(self._on_progress)
        self._worker.returned.connect(self._on_return)
        self._worker.finished.connect(self._on_finished)

    def start(self) -> Job[T]:
        """Begin; returns itself."""
        self._running.add(self)
        self._kept.add(self)
        self._worker.start()
        return self

    def cancel(self) -> None:
        """Stop at the next event; of all that may still come, only ``stopped`` is called."""
        self._cancelled = True

    def abandon(self) -> None:
        """Cancel, and call nobody back at all: whoever wanted the result has gone."""
        self._stopped = lambda: None
        self.cancel()

    def _run(self) -> Generator[Any, None, T | _Failed | _Cancelled]:
        """The loop in the thread.

        Errors are returned and not raised: napari's worker takes a RuntimeError, which is what torch
        raises, for its own end and would hand it over as a result.
        """
        try:
            while not self._cancelled:
                try:
                    event = next(self._steps)
                except StopIteration as stop:
                    return stop.value  # type: ignore[no-any-return]
                yield event
        except Exception as error:
            return _Failed(error)
        finally:
            self._steps.close()
        return _Cancelled()

    def _on_progress(self, event: Any) -> None:
        if not self._cancelled:
            self._progressed(event)

    def _on_finished(self) -> None:
        """The thread is left; without a result if napari quit the worker, as a window does that is closed."""
        if self in self._running:
            self.cancel()
            self._steps.close()
            self._on_return(_Cancelled())
        QTimer.singleShot(0, lambda: self._kept.discard(self))

    def _on_return(self, result: T | _Failed | _Cancelled) -> None:
        self._running.discard(self)
        self._ended()
        if self._cancelled or isinstance(result, _Cancelled):
            self._stopped()
        elif isinstance(result, _Failed):
            self._failed(result.error)
        else:
            self._done(result)
