"""The way of long work on the console: a bar on a terminal, and now and then a line in a log."""

from __future__ import annotations

import sys
import time
from typing import Final

from napari_corrclip.cli.console import say
from napari_corrclip.progress import Progress, Steps, T, drive, finish
from napari_corrclip.wording.pace import duration

EVERY: Final = 30.0
"""Seconds between two lines."""


def follow(steps: Steps[T], *, every: float = EVERY) -> T:
    """Drive ``steps`` to its end and return its result; who reads a log sees that it moves.

    Args:
        steps: the work.
        every: off a terminal, how many seconds pass between two lines.
    """
    if sys.stderr.isatty():
        return drive(steps, show=True)
    began = told = time.monotonic()

    def tell(event: Progress) -> None:
        nonlocal told
        now = time.monotonic()
        if now - told >= every and event.total:
            told = now
            share = event.done / max(event.done, event.total)
            say(f"{event.stage}: {share:.0%} after {duration(now - began)}")

    return finish(steps, tell)
