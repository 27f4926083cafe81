"""A filter of regions as a person types it: ``cat undecided area>500 conf<0.4``."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Container
from typing import Any

from napari_corrclip.annotation.region import Region
from napari_corrclip.errors import InputError
from napari_corrclip.vocabulary import Vocabulary
from napari_corrclip.vocabulary.numbers import number, whole_number

STATES = ("assigned", "accepted", "ignored", "decided", "undecided", "selected")

_COMPARED = {"id": "id", "conf": "conf", "confidence": "conf", "margin": "margin", "area": "area"}
_SIGNS: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt, ">": operator.gt, "<=": operator.le, ">=": operator.ge, "=": operator.eq
}  # fmt: skip
# A comma is in a number where a digit follows it; else it ends one.
_COMPARISON = re.compile(r"(\w+)\s*(<=|>=|<|>|=)\s*((?:[^\s,]|,(?=\d))*)")

Keep = Callable[[Region], bool]
"""Whether a region is kept."""


def parse_filter(text: str, vocabulary: Vocabulary, selection: Container[int]) -> Keep:
    """Return which regions a line such as ``cat undecided area>500 conf<0.4`` keeps.

    All parts must hold: comparisons of id, conf, margin and area; words for a state; what is left is
    part of a class name.

    Args:
        text: the line.
        vocabulary: the classes.
        selection: ids of the regions that the word ``selected`` keeps.

    Raises:
        InputError: no such column, no number, or a word that is neither a state nor in a class name.
    """
    keeps: list[Keep] = []
    for name, sign, typed in _COMPARISON.findall(text):
        keeps.append(_comparison(name, sign, typed, vocabulary))
    words = re.split(r"[\s,]+", _COMPARISON.sub(" ", text).strip())
    names = []
    for word in words:
        if word.casefold() in STATES:
            keeps.append(_state(word.casefold(), selection))
        elif word:
            names.append(word)
    if names:
        part = " ".join(names).casefold()
        values = {class_.value for class_ in vocabulary if part in class_.name.casefold()}
        if not values:
            raise InputError(
                f"{' '.join(names)!r} is in no class name and is no state; states are "
                f"{', '.join(STATES[:-1])} and {STATES[-1]}, and 'area>500' compares."
            )
        keeps.append(lambda row: row.value in values)
    return lambda row: all(keep(row) for keep in keeps)


def _comparison(name: str, sign: str, typed: str, vocabulary: Vocabulary) -> Keep:
    column = _COMPARED.get(name.casefold())
    if column is None:
        raise InputError(f"{name!r} cannot be compared; id, conf, margin and area can.")
    limit = whole_number(typed) if column == "id" else number(typed)
    if limit is None:
        raise InputError(
            f"{typed!r} is no number in '{name}{sign}{typed}'; write such as '{name}{sign}0.4'."
        )
    holds = _SIGNS[sign]
    read = reader_of(column, vocabulary)
    return lambda row: holds(read(row), limit)


def _state(word: str, selection: Container[int]) -> Keep:
    if word == "selected":
        return lambda row: row.id in selection
    if word == "undecided":
        return lambda row: row.verdict is None
    if word == "decided":
        return lambda row: row.verdict is not None
    return lambda row: row.verdict is not None and row.verdict.kind == word


def reader_of(column: str, vocabulary: Vocabulary) -> Callable[[Region], Any]:
    """Return what a column of a table of regions is sorted and compared by.

    Args:
        column: ``id``, ``class``, ``conf``, ``margin``, ``area`` or ``state``.
        vocabulary: the classes, for their names.
    """
    names = {class_.value: class_.name.casefold() for class_ in vocabulary}
    readers: dict[str, Callable[[Region], Any]] = {
        "id": lambda row: row.id,
        "class": lambda row: names.get(row.value, ""),
        "conf": lambda row: row.confidence,
        "margin": lambda row: row.margin,
        "area": lambda row: row.area,
        "state": lambda row: "" if row.verdict is None else row.verdict.kind,
    }
    return readers[column]
