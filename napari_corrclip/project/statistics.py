"""Figures of a project: images by state, area and images of each class, how sure the networks are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from napari_corrclip.project.index import Index
from napari_corrclip.project.records import ItemState

BINS = 10
"""Into so many parts of equal width the certainty from 0 to 1 is counted."""


@dataclass(frozen=True, slots=True)
class ClassFigures:
    """The figures of a class over all images.

    Attributes:
        value: of the class; 0: unlabelled or left out.
        name: of the class.
        area: pixels of its regions.
        images: how many have any.
        regions: how many regions it has.
        decided: how many of them a person has decided.
    """

    value: int
    name: str
    area: int
    images: int
    regions: int
    decided: int


@dataclass(frozen=True, slots=True)
class Figures:
    """The figures of a project.

    Attributes:
        states: how many images are in each state that any is in.
        classes: in the vocabulary's order; regions without a class come last.
        certainty: how many undecided regions have a probability of their class in each of :data:`BINS`
            parts, from 0 to 1.
    """

    states: Mapping[ItemState, int]
    classes: tuple[ClassFigures, ...]
    certainty: tuple[int, ...]


def figures(index: Index) -> Figures:
    """Return the figures of a project, as its index has them."""
    words = index.vocabulary
    names = {class_.value: class_.name for class_ in words}
    rows = index.rows(
        "SELECT value, sum(area), count(DISTINCT item), count(*), sum(state <> '') FROM shown_regions"
        " GROUP BY value"
    )
    found = {
        value: ClassFigures(
            value, names.get(value, "no class" if value == 0 else f"value {value}"), *more
        )
        for value, *more in rows
    }
    order = [*words.values, *(value for value in found if value not in words.values)]
    empty = {value: ClassFigures(value, names[value], 0, 0, 0, 0) for value in words.values}
    bins = dict(
        index.rows(
            "SELECT min(CAST(p * ? AS INTEGER), ? - 1), count(*) FROM regions WHERE state = ''"
            " AND value > 0 GROUP BY 1",
            (BINS, BINS),
        )
    )
    return Figures(
        index.count(),
        tuple((empty | found)[value] for value in order),
        tuple(bins.get(number, 0) for number in range(BINS)),
    )
