"""A piece of work that is done whole, by a thread or by whoever closes the window before that has begun."""

from __future__ import annotations

import threading
from typing import Generic, TypeVar

from napari_corrclip.errors import InputError
from napari_corrclip.progress import Progress, Steps, finish

T = TypeVar("T")
LAST = 60.0
"""Seconds for which who closes a window waits for what a thread has begun."""


class Whole(Generic[T]):
    """Work that is wanted also where nobody waits for it any more.

    A job that is dropped, or that napari ends with its window, stops at its next event. This one begins then,
    and goes on to its end, or it does not begin at all, and is left to :meth:`finish`.

    Args:
        steps: the work.
    """

    def __init__(self, steps: Steps[T]) -> None:
        self._steps = steps
        self._taken, self._ended = threading.Lock(), threading.Event()
        self._result: list[T] = []
        self._error: Exception | None = None

    def in_thread(self) -> Steps[T]:
        """Generator of it, for a job."""
        yield Progress("begin", 0, 1)  # up to here it may be dropped
        if not self._taken.acquire(blocking=False):
            raise InputError(
                "It was done by somebody else."
            )  # nobody hears that: the job was dropped
        try:
            while True:
                try:
                    event = next(self._steps)
                except StopIteration as stop:
                    self._result.append(stop.value)
                    break
                try:
                    yield event
                except GeneratorExit:
                    self._result.append(finish(self._steps))
                    raise
        except Exception as error:
            self._error = error
            raise
        finally:
            self._ended.set()
        return self._result[0]

    def finish(self, wait: float = 0.0) -> T:
        """Do it here, unless a thread has begun; then wait for that. Return its result.

        Args:
            wait: seconds, at most.

        Raises:
            InputError: the thread has not ended by then.
            Exception: what the work raises.
        """
        if self._taken.acquire(blocking=False):
            return finish(self._steps)
        if not self._ended.wait(wait):
            raise InputError(
                f"It was still being written after {wait:g} seconds; look at it when it is opened again."
            )
        if self._error is not None:
            raise self._error
        return self._result[0]
