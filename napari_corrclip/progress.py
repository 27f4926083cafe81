"""Long work as generators of progress events.

A long function *yields* a :class:`Progress` at every point at which it may be stopped and *returns*
its result. Whoever drives it decides what progress looks like (a bar, a dock, nothing) and cancels by
closing the generator; the work itself knows neither threads nor screens.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any, TypeVar

from napari_corrclip.wording.visible import visible

T = TypeVar("T")
E = TypeVar("E")
F = TypeVar("F")


@dataclass(frozen=True, slots=True)
class Progress:
    """``done`` of ``total`` units of the named stage are finished."""

    stage: str
    done: int
    total: int


Steps = Generator[Progress, None, T]


def finish(steps: Generator[E, None, T], tell: Callable[[E], object] | None = None) -> T:
    """Drive ``steps`` to its end and return its result.

    Args:
        steps: the work.
        tell: is told every event; ``None``: in silence.
    """
    while True:
        try:
            event = next(steps)
        except StopIteration as stop:
            result: T = stop.value
            return result
        if tell is not None:
            tell(event)


def retold(steps: Generator[E, None, T], tell: Callable[[E], F]) -> Generator[F, None, T]:
    """Drive ``steps`` inside other work, and yield what ``tell`` makes of each of its events."""
    try:
        while True:
            try:
                event = next(steps)
            except StopIteration as stop:
                result: T = stop.value
                return result
            yield tell(event)
    finally:
        steps.close()


def drive(
    steps: Generator[Progress | E, None, T],
    *,
    show: bool | None = None,
    tell: Callable[[Any], object] | None = None,
) -> T:
    """Drive ``steps`` to its end under a progress bar on stderr and return its result.

    Args:
        steps: the work.
        show: whether to draw the bar; ``None`` draws it only when stderr is a terminal.
        tell: is told every event that is no progress, with no bar on the screen; ``None``: nobody is.
    """
    if show is None:
        show = sys.stderr.isatty()
    with contextlib.ExitStack() as drawn:
        bar: Any = None

        def draw(event: Progress | E) -> None:
            nonlocal bar
            if not isinstance(event, Progress):
                drawn.close()
                bar = None
                if tell is not None:
                    tell(event)
            elif show:
                if bar is None:
                    from tqdm import tqdm

                    bar = drawn.enter_context(tqdm(file=sys.stderr, leave=False))
                bar.set_description_str(visible(event.stage))
                bar.total, bar.n = event.total, event.done
                bar.refresh()

        return finish(steps, draw)
