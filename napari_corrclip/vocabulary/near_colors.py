"""Colours of a vocabulary that are hard to tell apart, and the sentence that says so; nothing is refused."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
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


def nearest(one: VocabularyClass, words: Vocabulary) -> NearColors | None:
    """Return ``one`` with the nearest other class; ``None``: it is well told apart from all of them."""
    return next(_near([one], words), None)


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
    return min(_near(given, words), key=lambda pair: pair.difference, default=None)


def _near(some: Sequence[VocabularyClass], words: Vocabulary) -> Iterator[NearColors]:
    """Yield those of ``some`` that are hard to tell from another class, each with the nearest."""
    if not some or len(words) > DISTINCT:  # more than any palette could tell apart
        return
    apart = differences([class_.color for class_ in some], list(words.colors.values()))
    apart[np.equal.outer([class_.value for class_ in some], words.values)] = np.inf
    for class_, row in zip(some, apart, strict=True):
        at = int(row.argmin())
        if row[at] < WELL_APART:
            yield NearColors(class_, words.classes[at], float(row[at]))
