"""Lists of a project's items, by number: chosen, sought and ordered by its index."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from enum import StrEnum

from napari_corrclip.errors import InputError
from napari_corrclip.project.index import Index
from napari_corrclip.project.records import ItemState


class ItemOrder(StrEnum):
    """The order of a list of items.

    ``GAIN`` is the sum of what the looks at an item's undecided regions are likely to correct, in pixels:
    area x (1 - margin), as the review queue scores them.
    """

    FILE = "file"
    GAIN = "gain"
    LEAST = "least"
    LEFT = "left"
    STATE = "state"
    RECENT = "recent"
    RANDOM = "random"
    CLASS = "class"


_ORDERS = {
    ItemOrder.FILE: "path, id",
    ItemOrder.GAIN: "gain DESC NULLS LAST, id",
    ItemOrder.LEAST: "least ASC NULLS LAST, id",
    ItemOrder.LEFT: "undecided DESC NULLS LAST, id",
    ItemOrder.STATE: "state, path, id",
    ItemOrder.RECENT: "at DESC, id",
    # Spread by the number itself, so that the sample is the same one however the list was come by.
    ItemOrder.RANDOM: "(id * 2654435761) % 4294967296, id",
    ItemOrder.CLASS: "coalesce(class.area, 0) DESC, id",
}


def list_items(
    index: Index,
    states: Iterable[ItemState] | None = None,
    *,
    search: str = "",
    order: ItemOrder | str = ItemOrder.FILE,
    value: int | None = None,
) -> list[int]:
    """Return the numbers of items in an order.

    Args:
        index: of the project.
        states: only those in one of them; ``None``: all.
        search: only those whose path has this in it, in whatever case.
        order: how they are sorted.
        value: of the class of which, by ``"class"``, an item with the largest area comes first.

    Raises:
        InputError: there is no such order, or no class is given where one is needed.
    """
    try:
        sorted_by = ItemOrder(order)
    except ValueError:
        raise InputError(
            f"Items cannot be listed by {order!r}; choose one of {', '.join(ItemOrder)}."
        ) from None
    if sorted_by is ItemOrder.CLASS and value is None:
        raise InputError("The order by class has no class; give the value of one.")
    chosen = [str(state) for state in (ItemState if states is None else states)]
    where = [f"state IN ({', '.join('?' * len(chosen))})"]
    given: list[object] = [*chosen]
    join = ""
    if sorted_by is ItemOrder.CLASS:
        join = (
            " LEFT JOIN (SELECT item, sum(area) AS area FROM shown_regions WHERE value = ? GROUP BY item)"
            " AS class ON class.item = items.id"
        )
        given.insert(0, value)
    columns = "id, path" if search else "id"
    rows = index.rows(
        f"SELECT {columns} FROM items{join} WHERE {' AND '.join(where)} ORDER BY {_ORDERS[sorted_by]}",
        given,
    )
    if not search:
        return [number for (number,) in rows]
    # Not by SQLite, whose LIKE knows the capitals of English alone.
    sought = _folded(search)
    return [number for number, path in rows if sought in _folded(path)]


def _folded(text: str) -> str:
    """Return a text without capitals, its letters in one form: some disks keep the dots beside the u."""
    if text.isascii():
        return text.lower()
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())
