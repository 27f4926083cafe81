"""Colours of a vocabulary that are hard to tell apart, and the sentence that says so; nothing is refused."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from napari_corrclip.vocabulary.classes import VocabularyClass, color_is_given
from napari_corrclip.vocabulary.color_difference import WELL_APART, differences
from napari_corrclip.vocabulary.model import Vocabulary
from napari_corrclip.vocabulary.palette import DISTINCT


@dataclass(frozen=True, slots=True)
class NearColors:
    """Two classes whose colours are nearer than what is well told apart.

    Attributes:
        one: the class that is spoken of.
        other: the one that is nearest to it.
        difference: how far they are from each other.
    """

    one: VocabularyClass
    other: VocabularyClass
    difference: float

    @property
    def sentence(self) -> str:
        """It, in words."""
        # what rounds to 8 is less all the same
        shown = min(round(self.difference, 1), WELL_APART - 0.1)
        return (
            f"The colour of {self.one.name!r} is hard to tell from that of {self.other.name!r} "
            f"(difference {shown:.1f}; {WELL_APART:g} and more is well told apart)."
        )


def nearest(one: VocabularyClass, others: Iterable[VocabularyClass]) -> NearColors | None:
    """Return ``one`` with the nearest of ``others``; ``None``: it is well told apart from all of them.

    Of more classes than a palette can tell apart nothing is said.
    """
    beside = [other for other in others if other.value != one.value]
    if not 0 < len(beside) <= DISTINCT:
        return None
    apart = differences([one.color], [other.color for other in beside])[0]
    at = int(np.argmin(apart))
    return NearColors(one, beside[at], float(apart[at])) if apart[at] < WELL_APART else None


def nearest_given(words: Vocabulary, former: Vocabulary | None = None) -> NearColors | None:
    """Return the nearest two of which one has its colour from a person, who has just given it.

    Args:
        words: the classes.
        former: what they were before; ``None``: all are new.
    """
    before = {} if former is None else former.colors
    given = [
        class_
        for class_ in words
        if before.get(class_.value) != class_.color and color_is_given(class_)
    ]
    found = [pair for class_ in given if (pair := nearest(class_, words)) is not None]
    return min(found, key=lambda pair: pair.difference, default=None)
