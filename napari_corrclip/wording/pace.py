"""The pace of a run in words: how far it is, how fast it goes, how long it will take."""

from __future__ import annotations


def pace(done: int, total: int, seconds: float) -> str:
    """Return ``12 of 300 · 2.1 a second · 137 s left``.

    Args:
        done: how many are done.
        total: how many there are; where more are done, so many.
        seconds: that they took together.
    """
    total = max(total, done)
    parts = [f"{done:,} of {total:,}"]
    if done and seconds > 0:
        each = seconds / done
        parts.append(f"{1 / each:.1f} a second" if each < 1 else f"{each:.1f} s each")
        if total > done:
            parts.append(f"{duration((total - done) * each)} left")
    return " · ".join(parts)


def duration(seconds: float) -> str:
    """Return a time in whole seconds, minutes or hours: ``45 s``, ``12 min``, ``3 h 5 min``."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60} min"
