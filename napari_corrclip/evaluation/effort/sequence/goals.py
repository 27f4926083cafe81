"""The goals of corrections that teach, as figures with bounds."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from napari_corrclip.evaluation.effort.sequence import figures
from napari_corrclip.evaluation.effort.sequence.study import SequenceStudy
from napari_corrclip.evaluation.effort.sequence.ways import ASK, ON, ON_TOOLS, SHUFFLED, WRONG
from napari_corrclip.evaluation.resampling import Interval

TOTALS: Final = {
    "demo-superpixels-plain": 0.5,
    "demo-superpixels-noise": 0.12,
    "demo-superpixels-cast": 0.10,
    "demo-superpixels-words": 0.07,
    "demo-superpixels-class": 0.4,
    "held": 0.6,
    "few": 0.5,
    "cast": 0.5,
}
"""What ``on`` may take in parts of untaught, by the name of a set, or by its last word."""
LATE: Final = 0.5
NEVER_MORE: Final = 1.03
WITH_TOOLS: Final = 1.0
BLIND: Final = 1.05
WRONG_MORE: Final = 0.05


@dataclass(frozen=True)
class Judged:
    """A goal on one set, and what was found.

    Attributes:
        what: is measured.
        found: the figure.
        bound: it is to be at most this.
    """

    what: str
    found: Interval
    bound: float


def judged(study: SequenceStudy) -> Iterator[Judged]:
    """Yield the goals that are meant for a set, for what was run on it."""
    bound = TOTALS.get(study.name)
    if bound is None and not study.name.startswith("demo-"):
        bound = TOTALS.get(study.name.rpartition("-")[2])
    if ON.name in study.taught and not study.few:
        if bound is not None:
            yield Judged("on / untaught", figures.total(study, ON.name), bound)
        found = figures.late_to_first(study, ON.name)
        yield Judged("on, image 20 / image 1 untaught", found, LATE)
    for way in (ON, ASK):
        if way.name in study.taught:
            found = figures.total(study, way.name)
            yield Judged(f"{way.name} / untaught, never more", found, NEVER_MORE)
    if ON_TOOLS.name in study.taught:
        found = figures.total(study, ON_TOOLS.name)
        yield Judged("on / untaught, all tools in both", found, WITH_TOOLS)
    if SHUFFLED.name in study.taught:
        found = figures.total(study, SHUFFLED.name)
        yield Judged("on / untaught, features shuffled", found, BLIND)
    if WRONG.name in study.taught:
        misled, told = figures.total(study, WRONG.name), figures.total(study, ON.name)
        more = Interval(misled.value - told.value, math.nan, math.nan, misled.images)
        yield Judged("5 % wrong verdicts: on / untaught, more", more, WRONG_MORE)
