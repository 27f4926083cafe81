"""The pace of a run in words: how far it is, how fast it goes, how long it will take."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter


class Pace:
    """The pace of a run, told after each image that is over.

    The first images that are worked on take as long as the networks to load, and say nothing of the others:
    what is measured begins after them.

    Args:
        total: how many images there are likely to be; where more come, so many.
        warming: how many images wait for networks that are loaded: one of each process that has its own.
        clock: tells seconds.
    """

    def __init__(
        self, total: int, *, warming: int = 1, clock: Callable[[], float] = perf_counter
    ) -> None:
        self._total, self._warming, self._clock = total, warming, clock
        self._began, self._untimed = clock(), 0
        self.over = 0
        """How many images are over."""

    def told(self, *, worked: bool) -> str:
        """Count an image, and return ``12 of 300 · 2.1 a second · 137 s left``.

        Args:
            worked: whether the networks had it; one that cannot be read, or has its result, tells no pace.
        """
        now = self._clock()
        self.over += 1
        timed, seconds = self.over - self._untimed, now - self._began
        if self._warming and worked:
            self._warming -= 1
            self._began, self._untimed = now, self.over
        if self._warming or self._untimed == self.over:
            timed = 0
        return _told(self.over, max(self._total, self.over), timed, seconds)


def _told(over: int, total: int, timed: int, seconds: float) -> str:
    """Return the words; ``timed`` is of how many images the seconds are."""
    parts = [f"{over:,} of {total:,}"]
    if timed and seconds > 0:
        each = seconds / timed
        parts.append(f"{1 / each:.1f} a second" if each < 1 else f"{each:.1f} s each")
        if total > over:
            parts.append(f"{duration((total - over) * each)} left")
    return " · ".join(parts)


def duration(seconds: float) -> str:
    """Return a time in whole seconds, minutes or hours: ``45 s``, ``12 min``, ``3 h 5 min``."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60} min"
