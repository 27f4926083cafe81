"""The numbers that a format gives to classes, to unlabelled pixels and to what is left out of training."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from napari_corrclip.errors import InputError
from napari_corrclip.project.export.checks import short
from napari_corrclip.vocabulary import MAX_VALUE, Vocabulary, VocabularyClass, grammar

Background = Literal["class", "unlabelled"]
"""What becomes of the background class: a class as any other, or as if its pixels had none."""
First = Literal["keep", 0, 1]
"""From where classes are numbered: as they are in the project, or without gaps from 0 or 1 on."""
_FIRSTS: tuple[First, ...] = get_args(First)
_BACKGROUNDS: tuple[Background, ...] = get_args(Background)

VOID = 255
"""The number of Pascal VOC, and of most trainers, for what is left out of training."""
UNLABELLED, IGNORED = "unlabelled", "ignored"
"""What tables of classes call what is no class."""
_NOTHING = frozenset((UNLABELLED, "unlabeled", "void", "ignore", IGNORED, "none", "no class"))
"""What those of others call it."""


def is_nothing(name: str) -> bool:
    """Whether a table of classes calls by this name what is no class, where the number is 0 or 255."""
    return grammar.key(name) in _NOTHING


@dataclass(frozen=True, slots=True)
class Choices:
    """The choices that a trainer needs first, stated; each format has its own defaults.

    Attributes:
        first: how classes are numbered.
        unlabelled: the number of pixels without a class; ``None``: they are in no mask.
        ignored: that of pixels that a person has said to ignore; ``None``: they are as the unlabelled.
        background: what becomes of the background class.

    Raises:
        InputError: one is none of these.
    """

    first: First = "keep"
    unlabelled: int | None = 0
    ignored: int | None = None
    background: Background = "class"

    def __post_init__(self) -> None:
        """Refuse what a person or a file cannot mean."""
        if type(self.first) not in (str, int) or self.first not in _FIRSTS:
            raise InputError(
                f"The first class's number is {short(self.first)}; choose {', '.join(map(repr, _FIRSTS))}."
            )
        if self.background not in _BACKGROUNDS:
            raise InputError(
                f"The background class is {short(self.background)}; choose "
                f"{' or '.join(map(repr, _BACKGROUNDS))}."
            )
        for what, number in (
            ("unlabelled pixels", self.unlabelled),
            ("ignored regions", self.ignored),
        ):
            if number is not None and not (type(number) is int and 0 <= number <= MAX_VALUE):
                raise InputError(
                    f"The number of {what} is {short(number)}; give one from 0 to {MAX_VALUE}."
                )


@dataclass(frozen=True)
class Numbering:
    """The numbers of one export.

    Attributes:
        choices: by which they were given.
        classes: those that are written, in the vocabulary's order.
        numbers: of each class.

    Raises:
        InputError: two would have one number.
    """

    choices: Choices
    classes: tuple[VocabularyClass, ...]
    numbers: tuple[int, ...]

    @classmethod
    def of(cls, vocabulary: Vocabulary, choices: Choices, *, as_they_are: bool = True) -> Numbering:
        """Return the numbers of a vocabulary's classes.

        Args:
            vocabulary: the classes.
            choices: by which they are numbered.
            as_they_are: whether the number of what is ignored was asked for, or written. Else that of most
                trainers, 255, becomes 65535 where classes have numbers from there on.
        """
        left_out = choices.background == "unlabelled"
        classes = tuple(class_ for class_ in vocabulary if not (left_out and class_.background))
        if choices.first == "keep":
            numbers = tuple(class_.value for class_ in classes)
        else:
            numbers = tuple(range(choices.first, choices.first + len(classes)))
        if not as_they_are and choices.ignored == VOID and max(numbers, default=0) >= VOID:
            choices = replace(choices, ignored=MAX_VALUE)
        return cls(choices, classes, numbers)

    def __post_init__(self) -> None:
        """Refuse numbers that do not tell what a pixel is."""
        names = dict(zip(self.numbers, (class_.name for class_ in self.classes), strict=True))
        for what, number in (
            ("unlabelled pixels", self.choices.unlabelled),
            ("ignored regions", self.choices.ignored),
        ):
            if number is not None and number in names:
                raise InputError(
                    f"{number} is the number of {names[number]!r}, and was chosen for {what}; choose "
                    "another one, or number the classes in another way."
                )

    @cached_property
    def by_value(self) -> dict[int, int]:
        """The number of each label value that is written."""
        return {
            class_.value: number for class_, number in zip(self.classes, self.numbers, strict=True)
        }

    @property
    def highest(self) -> int:
        """The largest number that a map may have."""
        return max((*self.numbers, self.choices.unlabelled or 0, self.choices.ignored or 0))

    @cached_property
    def _table(self) -> NDArray[np.uint16]:
        table = np.full(MAX_VALUE + 1, self.choices.unlabelled or 0, np.uint16)
        for value, number in self.by_value.items():
            table[value] = number
        return table

    def encode(self, labels: NDArray[np.integer], ignored: NDArray[np.bool_]) -> NDArray[np.uint16]:
        """Return a map in these numbers.

        Args:
            labels: (H, W) label values.
            ignored: (H, W), what a person has said to leave out of training.
        """
        numbers: NDArray[np.uint16] = self._table[labels]
        if self.choices.ignored is not None:
            numbers[ignored] = self.choices.ignored
        return numbers


def decode(
    numbers: NDArray[np.integer], values: Mapping[int, int], nothing: Iterable[int], where: str
) -> NDArray[np.uint16]:
    """Return label values of a map in a format's numbers.

    Args:
        numbers: (H, W) as stored.
        values: the label value of each number of a class.
        nothing: further numbers, of pixels that have no class.
        where: names the map in the sentence.

    Raises:
        InputError: there is a number that nobody knows.
    """
    known = sorted({*values, *nothing})
    given = np.zeros(known[-1] + 1 if known else 1, np.uint16)
    there = np.zeros(len(given), np.bool_)
    there[known] = True
    for number, value in values.items():
        given[number] = value
    labels = np.zeros(numbers.shape, np.uint16)
    rows = max(1, _BAND // max(numbers.shape[1], 1))
    for top in range(0, len(numbers), rows):
        band = numbers[top : top + rows]
        right = (band >= 0) & (band < len(given))
        right &= there[np.where(right, band, 0)]
        if not right.all():
            raise InputError(
                f"The label map {where!r} has the number {int(band[~right][0])}, which no class has "
                f"({_listed(known)}); add it to the classes."
            )
        labels[top : top + rows] = given[band]
    return labels


def are_of(numbers: NDArray[np.integer], some: Iterable[int]) -> NDArray[np.bool_]:
    """Return which pixels have one of some numbers, of the map's shape."""
    found = np.zeros(numbers.shape, np.bool_)
    for number in some:
        found |= numbers == number
    return found


def _listed(numbers: Sequence[int]) -> str:
    told = ", ".join(map(str, numbers[:_TOLD]))
    return told if len(numbers) <= _TOLD else f"{told}, …"


_TOLD = 12
_BAND = 1 << 18
"""Pixels that are decoded together, about."""
