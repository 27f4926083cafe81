"""The classes of two projects, matched by name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_corrclip.vocabulary import MAX_VALUE, Vocabulary, VocabularyClass, grammar
from napari_corrclip.vocabulary.palette import Color


@dataclass(frozen=True, slots=True)
class JointClass:
    """A class that at least one of two projects has.

    Attributes:
        name: as the first has it, else as the second.
        color: likewise.
        first: its label value in the first; ``None``: that has no class of this name.
        second: its label value in the second.
    """

    name: str
    color: Color
    first: int | None
    second: int | None


def joint_classes(first: Vocabulary, second: Vocabulary) -> tuple[JointClass, ...]:
    """Return the classes of both: those of the first in its order, then those that the second alone has."""
    others = {grammar.key(class_.name): class_ for class_ in second}
    found = []
    for class_ in first:
        same = others.pop(grammar.key(class_.name), None)
        value = None if same is None else same.value
        found.append(JointClass(class_.name, class_.color, class_.value, value))
    found += [JointClass(left.name, left.color, None, left.value) for left in others.values()]
    return tuple(found)


def parents_apart(first: Vocabulary, second: Vocabulary) -> tuple[str, ...]:
    """Return of which classes of both the second has another one above them than the first, a sentence each.

    Those that are below none in the second are not told: most sets have no tree.
    """
    ours = {grammar.key(class_.name): class_ for class_ in first}
    found = []
    for class_ in second:
        own = ours.get(grammar.key(class_.name))
        if own is None or class_.parent is None:
            continue
        above = second.by_value(class_.parent).name
        here = None if own.parent is None else first.by_value(own.parent).name
        if here is None or grammar.key(here) != grammar.key(above):
            place = "no other" if here is None else repr(here)
            found.append(
                f"{own.name!r} is below {place} in the first and below {above!r} in the second; it stays "
                "where it is in the first."
            )
    return tuple(found)


@dataclass(frozen=True, eq=False, slots=True)
class Numbers:
    """The numbers of the joint classes: 1 to K in their order.

    Attributes:
        of_values: (65536,) int64, of each label value of one project; 0 of one that is no class there.
        left_out: K + 1, which stands for what is left out of training.
    """

    of_values: NDArray[np.int64]
    left_out: int


def numbers_of(classes: Sequence[JointClass]) -> tuple[Numbers, Numbers]:
    """Return the numbers of the classes for labels of the first project, and of the second."""
    tables = np.zeros((2, MAX_VALUE + 1), np.int64)
    for number, class_ in enumerate(classes, 1):
        for table, value in zip(tables, (class_.first, class_.second), strict=True):
            if value is not None:
                table[value] = number
    return Numbers(tables[0], len(classes) + 1), Numbers(tables[1], len(classes) + 1)


def numbered(classes: Sequence[JointClass]) -> Vocabulary:
    """Return the joint classes as a vocabulary whose label values are 1, 2, …, for pictures."""
    made = [
        VocabularyClass(each.name, (), number, each.color) for number, each in enumerate(classes, 1)
    ]
    return Vocabulary(tuple(made), len(made) + 1)
