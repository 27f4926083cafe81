"""The list behind a sheet: which regions of a project are on it, and in which order.

It is made once and stays as it is, so that nothing jumps while somebody decides; what its regions show by
then is read page by page (:func:`~napari_corrclip.project.sheet.regions.read_regions`).
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from napari_corrclip.errors import InputError
from napari_corrclip.progress import Progress, Steps
from napari_corrclip.project.bank import Bank, BankRows
from napari_corrclip.project.folder import RESULT, image_in, item_folder
from napari_corrclip.project.index import Index
from napari_corrclip.project.joining.conflicts import read_conflicts
from napari_corrclip.project.joining.drawn import read_drawn
from napari_corrclip.project.joining.waiting import OpenConflict, open_conflicts
from napari_corrclip.project.records import LABELLED, ItemState
from napari_corrclip.project.sheet.alike import grouped
from napari_corrclip.project.sheet.regions import Place, SheetRegion, place_of
from napari_corrclip.results.folder import LARGE_MAPS
from napari_corrclip.whole_numbers import whole

PAGE = 24
"""Regions of a page: as many small pictures as are seen at once in a window of usual size."""
OPEN = (ItemState.PRELABELLED, ItemState.IN_REVIEW)
"""The states of images that wait for somebody: what is verified or skipped is on no sheet unless it is asked
for."""

Known = TypeVar("Known", bound=StrEnum)


class SheetOrder(StrEnum):
    """The order of a sheet.

    ``P`` has the regions first of whose class the networks are least sure, ``MARGIN`` those where another
    class is nearest, and ``STAKES`` those by which the most pixels would change if they were wrong: the area
    times 1 minus the margin. ``ALIKE`` has pages of regions that look alike, the pages of the least mean
    probability first, and the one that is most unlike its page first on it
    (:mod:`~napari_corrclip.project.sheet.alike` says why). ``LIKE`` has those first that look most like the
    mean of some.
    """

    P = "p"
    MARGIN = "margin"
    STAKES = "stakes"
    ALIKE = "alike"
    LIKE = "like"


@dataclass(frozen=True, slots=True)
class SheetFilter:
    """The regions that are wanted on a sheet.

    Attributes:
        value: only those that show the class of this label value; ``None``: of any.
        undecided: only those that nobody has decided about.
        states: only those of images in these states.
        order: what comes first.
        like: those that the others are to look like, where they are sorted so: item numbers and ids, which
            regions are made into.
        page: regions of a page.
        conflicts: only those of which two people decided otherwise, whose projects were merged into this one,
            and that nobody has decided since. The largest are first, where else the least sure would be.
        drawn: in a sample of regions for a second look only those that were drawn: the others do not count.
    """

    value: int | None = None
    undecided: bool = True
    states: tuple[ItemState, ...] = OPEN
    order: SheetOrder = SheetOrder.P
    like: tuple[Place | SheetRegion, ...] = ()
    page: int = PAGE
    conflicts: bool = False
    drawn: bool = True

    @property
    def places(self) -> tuple[Place, ...]:
        """The places of :attr:`like`."""
        return tuple(place_of(each) for each in self.like)

    def __post_init__(self) -> None:
        if self.value is not None:
            object.__setattr__(self, "value", _value(self.value))
        object.__setattr__(self, "states", _known(ItemState, self.states, "state of an image"))
        (order,) = _known(SheetOrder, [self.order], "order of a sheet")
        object.__setattr__(self, "order", order)
        if not isinstance(self.like, Iterable):
            raise InputError(
                f"Regions that look like {self.like!r} were asked for; give a list of places."
            )
        object.__setattr__(self, "like", tuple(place_of(each) for each in self.like))
        page = whole(self.page)
        if page is None or page < 1:
            raise InputError(
                f"A page of {self.page!r} regions was asked for; ask for at least one."
            )
        object.__setattr__(self, "page", page)
        if self.order is SheetOrder.LIKE and not self.like:
            raise InputError(
                "Regions that look like some were asked for, and none of these was given; give one."
            )


def _value(value: object) -> int:
    """Return a label value.

    Raises:
        InputError: it is none, such as the name of a class.
    """
    found = whole(value)
    if found is not None:
        return found
    raise InputError(
        f"Regions of {value!r} were asked for; give the label value of a class, which is a whole number."
    )


def _known(kind: type[Known], asked: object, what: str) -> tuple[Known, ...]:
    """Return what is asked for as members of an enumeration.

    Raises:
        InputError: there is no such one.
    """
    given = list(asked) if isinstance(asked, Iterable) and not isinstance(asked, str) else [asked]
    names = [str(each) for each in kind]
    for each in given:
        if each not in names:
            raise InputError(f"There is no {what} {each!r}; give of {', '.join(names)}.")
    return tuple(kind(str(each)) for each in given)


@dataclass(frozen=True, eq=False)
class Sheet:
    """The regions of a project in an order, as they were when it was made.

    Attributes:
        items: (N,) int64, numbers of their items.
        regions: (N,) int64, their ids.
        filter: what was wanted.
        gone: images that are left out, for their files are gone.
        large: images that are left out, for they were run as large ones, whose regions no session holds.
        without_vectors: regions at the end, in an order by looks: those that cannot be compared.
        conflicts: of a sheet of conflicts what two people said of each region, by its place.
    """

    items: NDArray[np.int64]
    regions: NDArray[np.int64]
    filter: SheetFilter
    gone: int = 0
    large: int = 0
    without_vectors: int = 0
    conflicts: Mapping[Place, OpenConflict] = field(default_factory=dict)

    def __len__(self) -> int:
        """Number of regions."""
        return len(self.items)

    @property
    def pages(self) -> int:
        """How many pages it has."""
        return -(-len(self) // self.filter.page)

    def page(self, number: int) -> list[Place]:
        """Return the regions of a page, from 0 on; one that there is not has none."""
        first = number * self.filter.page
        return self.between(first, first + self.filter.page)

    def between(self, first: int, last: int) -> list[Place]:
        """Return the regions from one place of the list up to another one."""
        first = max(first, 0)
        pairs = zip(self.items[first:last].tolist(), self.regions[first:last].tolist(), strict=True)
        return list(pairs)


def sheet_steps(index: Index, bank: Bank, wanted: SheetFilter) -> Steps[Sheet]:
    """Make a sheet; see :meth:`~napari_corrclip.project.project.Project.sheet`."""
    yield Progress("list the regions", 0, 1)
    items, regions, sure = _rows(index, wanted)
    conflicts: dict[Place, OpenConflict] = {}
    if wanted.conflicts:
        found = open_conflicts(index, read_conflicts(index.folder))
        conflicts = {each.place: each for each in found}
        kept = _among(conflicts, items, regions)
        items, regions, sure = items[kept], regions[kept], sure[kept]
    if wanted.drawn and (sample := drawn_places(index)) is not None:
        kept = _among(sample, items, regions)
        items, regions, sure = items[kept], regions[kept], sure[kept]
    usable, gone, large = yield from _usable_steps(index, wanted.states, items)
    here = np.flatnonzero(np.isin(items, usable))
    here = here[np.lexsort((regions[here], items[here]))]  # however SQLite came by them
    items, regions, sure = items[here], regions[here], sure[here]
    lacking = 0
    if wanted.order in (SheetOrder.P, *_COLUMNS):
        order = np.argsort(sure, kind="stable")
    else:
        order, lacking = yield from _by_looks(index, bank, wanted, items, regions, sure)
    return Sheet(items[order], regions[order], wanted, gone, large, lacking, conflicts)


def drawn_places(index: Index) -> frozenset[Place] | None:
    """Return the regions that were drawn for a second look; ``None``: single ones were not.

    Raises:
        InputError: the record of the sample is damaged.
    """
    drawn = read_drawn(index.folder)
    if drawn is None or drawn.kind == "images":
        return None
    numbers = {name: number for number, name in index.rows("SELECT id, name FROM items")}
    return frozenset(
        (numbers[name], region) for name, ids in drawn.regions if name in numbers for region in ids
    )


def _among(
    places: Collection[Place], items: NDArray[np.int64], regions: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Return which of some regions are among others, (N,)."""
    pairs = zip(items.tolist(), regions.tolist(), strict=True)
    return np.fromiter((pair in places for pair in pairs), np.bool_, len(items))


def _rows(
    index: Index, wanted: SheetFilter
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Return items, ids, and how sure the networks are, of all that is wanted."""
    column = "-area" if wanted.conflicts else _COLUMNS.get(wanted.order, "p")
    states = ", ".join("?" * len(wanted.states))
    # Without the index of states, by which SQLite would look each region up again.
    where = [f"item IN (SELECT id FROM items WHERE state IN ({states}))"]
    given: list[object] = [*wanted.states]
    if wanted.undecided:
        where.append("+state = ''")
    if wanted.value is not None:
        values = index.became(wanted.value)  # classes that were merged into it, too
        where.append(f"value IN ({', '.join('?' * len(values))})")
        given += values
    rows = index.rows(f"SELECT item, id, {column} FROM regions WHERE {' AND '.join(where)}", given)
    flat = itertools.chain.from_iterable(rows)
    found = np.fromiter(flat, np.float64, 3 * len(rows)).reshape(-1, 3)
    return found[:, 0].astype(np.int64), found[:, 1].astype(np.int64), found[:, 2]


_COLUMNS: Mapping[SheetOrder, str] = {
    SheetOrder.MARGIN: "margin",
    SheetOrder.STAKES: "-area * (1 - margin)",
}
"""By what SQLite sorts; by the probability where nothing is said."""


def _usable_steps(
    index: Index, states: Sequence[ItemState], items: NDArray[np.int64]
) -> Steps[tuple[list[int], int, int]]:
    """Return the items of which a session can be opened, and how many are gone, and how many large."""
    rows = index.rows(
        "SELECT id, name, path FROM items WHERE state IN ({})".format(", ".join("?" * len(states))),
        [*states],
    )
    listed = set(np.unique(items).tolist())
    looked = [row for row in rows if row[0] in listed]
    kept, gone, large = [], 0, 0
    exists = os.path.exists  # paths as objects cost more than the looks at the files
    start = os.fspath(item_folder(index.folder, ""))
    for done, (number, name, path) in enumerate(looked):
        if not done % _LOOKED:
            yield Progress("look for the images", done, len(looked))
        if not exists(image_in(index.folder, path)):
            gone += 1
        elif exists(os.path.join(start, name, RESULT, LARGE_MAPS)):  # noqa: PTH118
            large += 1
        else:
            kept.append(number)
    return kept, gone, large


_LOOKED = 1000
"""Images after which it may be stopped."""


def _by_looks(
    index: Index,
    bank: Bank,
    wanted: SheetFilter,
    items: NDArray[np.int64],
    regions: NDArray[np.int64],
    sure: NDArray[np.float64],
) -> Steps[tuple[NDArray[np.int64], int]]:
    """Return the order by what regions look like, and how many at its end could not be compared."""
    names = index.names_by_number(LABELLED)
    if wanted.order is SheetOrder.LIKE:
        asked: int | None = wanted.places[0][0]
    else:
        numbers, counts = np.unique(items, return_counts=True)
        counted = dict(zip(numbers.tolist(), counts.tolist(), strict=True))
        asked = yield from bank.commonest_steps(names, counted)
    if asked is None:
        return np.argsort(sure, kind="stable"), len(items)
    rows = yield from bank.rows_steps(names, asked)
    at = _find(rows, items, regions)
    known = np.flatnonzero(at >= 0)
    x = rows.x[at[known]]
    yield Progress("compare the regions", 0, 1)
    if wanted.order is SheetOrder.LIKE:
        order = known[np.argsort(-(x @ _mean(rows, wanted.places)), kind="stable")]
    else:
        order = known[_in_pages(x, sure[known], wanted.page)]
    rest = np.flatnonzero(at < 0)
    rest = rest[np.argsort(sure[rest], kind="stable")]
    return np.concatenate([order, rest]), len(rest)


def _in_pages(x: NDArray[np.float32], sure: NDArray[np.float64], page: int) -> NDArray[np.int64]:
    """Return the order by pages of alike regions, the least sure page first, the oddest on it first."""
    order, odd = grouped(x, page)
    number = np.arange(len(order)) // page
    sums = np.bincount(number, sure[order], minlength=1)
    means = sums / np.maximum(np.bincount(number, minlength=1), 1)
    # The last page, which may have fewer, stays the last: the others fill theirs.
    if len(order) % page:
        means[-1] = np.inf
    return order[np.lexsort((-odd, number, means[number]))]


def _mean(rows: BankRows, like: Sequence[Place]) -> NDArray[np.float32]:
    """Return the mean of the vectors of some regions.

    Raises:
        InputError: one has none.
    """
    at = _find(rows, np.array([item for item, _ in like]), np.array([region for _, region in like]))
    if (at < 0).all():
        raise InputError(
            "None of the regions that the others are to look like has a vector; choose regions that a run "
            "found, which keeps them (Run again)."
        )
    mean: NDArray[np.float32] = rows.x[at[at >= 0]].mean(axis=0)
    return mean


def _find(
    rows: BankRows, items: NDArray[np.int64], regions: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return the rows of a bank that regions have, (N,); -1: it has none."""
    keys, wanted = (rows.items << 32) + rows.regions, (items << 32) + regions
    if not len(keys):
        return np.full(len(wanted), -1)
    order = np.argsort(keys)
    at = np.minimum(np.searchsorted(keys, wanted, sorter=order), len(keys) - 1)
    found = order[at]
    return np.where(keys[found] == wanted, found, -1)
