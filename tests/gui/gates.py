"""Places in the program that a test closes: threads are held there until it lets them go on."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from napari_corrclip.annotation import Draft
from napari_corrclip.gui.work.job import Job
from napari_corrclip.progress import Progress

STAGES = ("load the networks", "regions", "windows", "text")
"""Of a run: load, regions, encode, classify."""


class Gate:
    """A place that threads pass, which holds them while it is closed.

    Attributes:
        came: what threads brought to it, in order.
        passed: what went on from it.
        threads: that came.
    """

    def __init__(self) -> None:
        self.came: list[Any] = []
        self.passed: list[Any] = []
        self.threads: list[threading.Thread] = []
        self._holds: Callable[[Any], bool] = lambda _: True
        self._opened = threading.Event()

    @property
    def waiting(self) -> int:
        return len(self.came) - len(self.passed)

    def reached(self) -> bool:
        return bool(self.came)

    def open(self) -> None:
        self._opened.set()

    def close(self, holds: Callable[[Any], bool] = lambda _: True) -> None:
        """Hold what comes from now on, or what of it is to be held."""
        self._holds = holds
        self._opened.clear()

    def clear(self) -> None:
        """Forget what came and went; nothing may be waiting."""
        assert not self.waiting
        self.came.clear()
        self.passed.clear()
        self.threads.clear()

    def hold(self, what: Any = None) -> None:
        """Note this thread and what it brings, and wait while the gate is closed for it."""
        self.threads.append(threading.current_thread())
        self.came.append(what)
        if self._holds(what):
            assert self._opened.wait(120)
        self.passed.append(what)


def before_method(
    patch: pytest.MonkeyPatch,
    owner: type,
    name: str,
    brings: Callable[..., Any] = lambda *_: None,
) -> Gate:
    """Close a gate before a method; ``brings`` says of its arguments what comes."""
    gate, real = Gate(), getattr(owner, name)

    def held(*args: Any, **named: Any) -> Any:
        gate.hold(brings(*args))
        return real(*args, **named)

    patch.setattr(owner, name, held)
    return gate


def after_drafts(patch: pytest.MonkeyPatch) -> Gate:
    """Close a gate behind the making of drafts."""
    gate, make = Gate(), Draft.make

    def held(*args: Any) -> Draft[Any]:
        draft = make(*args)
        gate.hold()
        return draft

    patch.setattr(Draft, "make", staticmethod(held))
    return gate


def at_stage(patch: pytest.MonkeyPatch, stage: str) -> Gate:
    """Close a gate for every job's thread between a stage's event and the next one."""
    gate, real = Gate(), Job._run

    def held(job: Job[object]) -> object:
        steps = real(job)
        try:
            while True:
                event = next(steps)
                if isinstance(event, Progress) and event.stage == stage:
                    gate.hold()
                yield event
        except StopIteration as stop:
            return stop.value

    patch.setattr(Job, "_run", held)
    return gate
