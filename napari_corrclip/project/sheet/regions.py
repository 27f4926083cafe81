"""Regions as a sheet has them: what each shows now, of which image, and where."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, cast

from napari_corrclip.errors import InputError
from napari_corrclip.project.index import Index
from napari_corrclip.project.records import ItemRecord
from napari_corrclip.whole_numbers import whole

Place = tuple[int, int]
"""An item's number, and the id of a region in it."""


@dataclass(frozen=True, slots=True)
class SheetRegion:
    """A region on a sheet, as it was when it was looked at.

    Attributes:
        item: the image that it is in.
        region: its id there.
        value: label value of the class that it shows; 0: none, or it is left out.
        name: of that class; empty: it shows none.
        state: what a person decided: ``assigned``, ``accepted``, ``ignored``; empty: nothing.
        p: probability of the class.
        margin: highest minus second highest probability.
        area: pixels.
        box: first row, first column, last row + 1, last column + 1, in pixels.
        run: number of the run that found it; ``None``: a person made it.
        by: who decided; empty: nobody has, or it is not known.
        at: when, in seconds since 1970; ``None``: nobody has.
    """

    item: ItemRecord
    region: int
    value: int
    name: str
    state: str
    p: float
    margin: float
    area: int
    box: tuple[int, int, int, int]
    run: int | None
    by: str
    at: float | None

    @property
    def place(self) -> Place:
        """The number of its item, and its id."""
        return self.item.id, self.region


def place_of(place: object) -> Place:
    """Return a place in Python's own whole numbers.

    Args:
        place: an item's number and a region's id, of NumPy's, too; or a region.

    Raises:
        InputError: it is none.
    """
    if isinstance(place, SheetRegion):
        return place.place
    with contextlib.suppress(TypeError, ValueError):
        item, region = (whole(each) for each in cast("tuple[Any, Any]", place))
        if item is not None and region is not None:
            return item, region
    raise InputError(
        f"{place!r} is the place of no region; give the number of an item and the id of a region, as a page "
        "of a sheet has them."
    )


def read_regions(index: Index, places: Iterable[Place | SheetRegion]) -> list[SheetRegion]:
    """Return regions as they are now, in the order of their places; those that are gone are left out.

    Raises:
        InputError: one is no place.
    """
    asked = [place_of(place) for place in places]
    rows = index.rows(
        "WITH asked (item, id) AS (SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]')"
        " FROM json_each(?)) SELECT item, id, shown_regions.value, state, p, margin, area, top,"
        ' "left", bottom, "right", run, by, at FROM asked JOIN shown_regions USING (item, id)',
        (json.dumps(asked),),
    )
    found = {(row[0], row[1]): row[2:] for row in rows}
    items = {record.id: record for record in index.items_of({item for item, _ in found})}
    names = {class_.value: class_.name for class_ in index.vocabulary}
    return [
        SheetRegion(
            items[place[0]],
            place[1],
            value,
            names.get(value, "" if value == 0 else f"value {value}"),
            state,
            p,
            margin,
            area,
            (top, left, bottom, right),
            run,
            by,
            at,
        )
        for place in asked
        if place in found and place[0] in items
        for value, state, p, margin, area, top, left, bottom, right, run, by, at in [found[place]]
    ]
