"""The conflicts of a merged project that wait for somebody, and what either decision would be there now."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from napari_corrclip.errors import InputError
from napari_corrclip.project.index import Index
from napari_corrclip.project.joining.conflicts import Conflict, Decision
from napari_corrclip.project.records import ItemState
from napari_corrclip.project.words import Names
from napari_corrclip.vocabulary import grammar

_DONE = (ItemState.VERIFIED, ItemState.SKIPPED)
"""The states of images of which somebody has said all that there is to say."""


@dataclass(frozen=True, slots=True)
class OpenConflict:
    """A conflict that nobody has decided since the merge.

    Attributes:
        conflict: as it was told when the projects were merged.
        item: number of its item.
        values: label values in the set, as it is now, of what the first and what the second has said; 0: it
            is left out; ``None``: the set has that class no more.
    """

    conflict: Conflict
    item: int
    values: tuple[int | None, int | None]

    @property
    def place(self) -> tuple[int, int]:
        """The number of its item, and the id of its region."""
        return self.item, self.conflict.region

    def word_of(self, side: Literal[0, 1]) -> int:
        """Return the label value of what somebody has said, to be decided; 0: left out.

        Args:
            side: 0: the first, 1: the second.

        Raises:
            InputError: the set has that class no more, or there is no such side.
        """
        if side not in (0, 1) or isinstance(side, bool):
            raise InputError(
                f"{side!r} is neither of the two; give 0, the first, or 1, the second."
            )
        value = self.values[side]
        if value is None:
            name = (self.conflict.first, self.conflict.second)[side].class_
            raise InputError(f"The set has no class {name!r} any more; give another class.")
        return value


def open_conflicts(index: Index, conflicts: Sequence[Conflict]) -> list[OpenConflict]:
    """Return those conflicts that wait for somebody, in their order.

    Nobody won them, their pixels' region is there and decided by nobody, and their image is neither verified
    nor skipped.

    Args:
        index: of the merged project.
        conflicts: of it.
    """
    left = [conflict for conflict in conflicts if not conflict.won]
    if not left:
        return []
    rows = index.rows(
        "SELECT name, id, state FROM items WHERE name IN (SELECT value FROM json_each(?))",
        (json.dumps(sorted({conflict.item for conflict in left})),),
    )
    items = {name: number for name, number, state in rows if state not in _DONE}
    by_place = {
        (items[conflict.item], conflict.region): conflict
        for conflict in left
        if conflict.item in items
    }
    regions = index.regions_of(list(by_place))
    values = _Values(index)
    return [
        OpenConflict(conflict, place[0], (values.of(conflict.first), values.of(conflict.second)))
        for place, conflict in by_place.items()
        if place in regions and not regions[place].state
    ]


class _Values:
    """The label values of classes that conflicts name, whatever became of these since.

    Args:
        index: of the project.
    """

    def __init__(self, index: Index) -> None:
        names = Names(index)
        ours = set(index.vocabulary.values)
        self._by_name: dict[str, int] = {}
        for name, value in names.values.items():  # of former classes, too, as they are called now
            value = names.survivors.get(value, value)
            if value in ours:
                self._by_name[grammar.key(name)] = value
        for class_ in index.vocabulary:
            self._by_name[grammar.key(class_.name)] = class_.value
        # There may be many conflicts, and are few classes.
        self._asked: dict[str, int | None] = {"": 0}

    def of(self, decision: Decision) -> int | None:
        """Return the value of a decision; 0: left out; ``None``: there is no such class any more."""
        name = decision.class_
        if name not in self._asked:
            self._asked[name] = self._by_name.get(grammar.key(name))
        return self._asked[name]
