"""The cells of tables for people: numbers, intervals, names that are other people's; and plain JSON."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

from napari_corrclip.evaluation.resampling import Interval
from napari_corrclip.wording.visible import visible


def verdict_on(ratio: Interval, bound: float) -> str:
    """Return whether a bound is met or missed, in bold where the whole interval says so."""
    if math.isnan(ratio.value):
        return ""
    if ratio.value <= bound:
        return " **met**" if ratio.high <= bound else " met"
    return " **missed**" if ratio.low > bound else " missed"


def interval(found: Interval, digits: int = 2) -> str:
    """Return a figure with its interval."""
    if math.isnan(found.value):
        return "–"
    value, low, high = (number(part, digits) for part in (found.value, found.low, found.high))
    return f"{value} ({low}–{high})"


def number(value: float, digits: int = 2) -> str:
    """Return a number, a dash where it cannot be told."""
    return "–" if math.isnan(value) else f"{value:.{digits}f}"


def plain_text(text: str) -> str:
    """Return the name of somebody's folder so that Markdown shows it as it is."""
    return re.sub(r"([\\`*\[\]<>|&])", r"\\\1", visible(text))


def plain(value: object) -> object:
    """Return what JSON can hold, which has no NaN: what cannot be told is null."""
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, float) and math.isnan(value):
        return None
    return value
