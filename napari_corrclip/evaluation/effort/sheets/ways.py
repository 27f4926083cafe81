"""The ways of going through the sheets of a set that are compared, and what their actions cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final

from napari_corrclip.project.sheet.listing import PAGE, SheetOrder

KINDS: Final = ("look", "mark", "all", "give", "accept", "class", "list", "teach")
"""What a person does, one action each.

``look``: at a page; ``mark``: a region, or take its mark away; ``all``: mark all that are undecided;
``give``: a class to the marked ones, by one key; ``accept``: the rest of the page; ``class``: list the
regions of another class; ``list``: make the list anew; ``teach``: let images that nobody has begun show what
was learnt.
"""
PRICES: Final[Mapping[str, Mapping[str, float]]] = MappingProxyType(
    {
        "accept-free": MappingProxyType({**dict.fromkeys(KINDS, 1.0), "accept": 0.0}),
        "accept-paid": MappingProxyType(dict.fromkeys(KINDS, 1.0)),
    }
)
"""Price tables by name.

``accept-free``: accepting is part of the look, as it is region by region. ``accept-paid``: the key for it is
an action of its own, one a page; region by region it stays free.
"""


@dataclass(frozen=True)
class SheetWay:
    """A way of going through the sheets of a set.

    Attributes:
        name: such as ``alike+all``.
        title: for tables.
        order: of the sheet.
        by_class: a sheet for each class; the next page is of the class whose last one had the most wrong.
        best_first: the pages of the sheet in the order of the pixels that they put right: the bound.
        marks_all: whether a page is marked whole where that saves clicks.
        overlooks: share of the regions that need a click and get none; of those smaller than the set's median
            twice as much.
        shuffled: whether the features of an image's regions are exchanged among them.
        taught: whether decisions are made in the project page by page, and what they teach is shown.
        list_every: with a lesson, pages after which images that nobody has begun are taught, and the list is
            made anew.
        page: regions of a page.
    """

    name: str
    title: str
    order: SheetOrder = SheetOrder.P
    by_class: bool = False
    best_first: bool = False
    marks_all: bool = False
    overlooks: float = 0.0
    shuffled: bool = False
    taught: bool = False
    list_every: int = 5
    page: int = PAGE


def with_all(way: SheetWay) -> SheetWay:
    """Return a way in which pages are also marked whole."""
    return replace(way, name=f"{way.name}+all", title=f"{way.title}, marking all", marks_all=True)


def hasty(way: SheetWay, share: float = 0.05) -> SheetWay:
    """Return a way of who overlooks a share."""
    return replace(
        way,
        name=f"{way.name}-hasty",
        title=f"{way.title}, {100 * share:g} % overlooked",
        overlooks=share,
    )


LEAST_SURE: Final = SheetWay("p", "least sure first")
MARGIN: Final = SheetWay("margin", "nearest to another class first", SheetOrder.MARGIN)
ALIKE: Final = SheetWay("alike", "most alike together", SheetOrder.ALIKE)
STAKES: Final = SheetWay("stakes", "most pixels at stake first", SheetOrder.STAKES)
BY_CLASS_STAKES: Final = SheetWay(
    "class-stakes", "by class, most pixels at stake first", SheetOrder.STAKES, by_class=True
)
BY_CLASS: Final = SheetWay(
    "class-alike", "by class, most alike together", SheetOrder.ALIKE, by_class=True
)
BOUND: Final = SheetWay(
    "alike-best", "alike, the best page first (the bound)", SheetOrder.ALIKE, best_first=True
)
TAUGHT_P: Final = replace(LEAST_SURE, name="p-on", title="least sure first, taught", taught=True)
TAUGHT_ALIKE: Final = replace(
    ALIKE, name="alike-on", title="most alike together, taught", taught=True
)

SHUFFLED: Final = replace(
    with_all(ALIKE), name="alike+all-shuffled", title="the same, features shuffled", shuffled=True
)

STANDARD: Final = (
    LEAST_SURE,
    STAKES,
    ALIKE,
    BY_CLASS_STAKES,
    BY_CLASS,
    with_all(LEAST_SURE),
    with_all(ALIKE),
    with_all(BY_CLASS),
    hasty(LEAST_SURE),
    hasty(ALIKE),
    hasty(with_all(ALIKE)),
    TAUGHT_P,
    with_all(TAUGHT_ALIKE),
)
VARIANTS: Final = (MARGIN, BOUND, with_all(BOUND), SHUFFLED)
