"""More like this: the regions of a whole project that look most like one of them."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_corrclip.errors import InputError
from napari_corrclip.progress import Steps
from napari_corrclip.project.bank import Bank, BankRows
from napari_corrclip.project.index import Index, RegionRecord
from napari_corrclip.project.records import LABELLED, ItemRecord

_FIRST = 64
"""So many of the likest are looked up in the index at first, at least."""


@dataclass(frozen=True, slots=True)
class LikeRegion:
    """A region that looks like another one.

    Attributes:
        item: the image that it is in.
        region: its id there.
        value: label value of the class that it shows; 0: none, or it is left out.
        name: of that class.
        state: what a person decided: ``assigned``, ``accepted``, ``ignored``; empty: nothing.
        box: first row, first column, last row + 1, last column + 1, in pixels.
        cosine: of the two regions' vectors, 1 for the same look, 0 for no more alike than any two.
    """

    item: ItemRecord
    region: int
    value: int
    name: str
    state: str
    box: tuple[int, int, int, int]
    cosine: float


@dataclass(frozen=True, slots=True)
class LikeRegions:
    """The regions that look most like one, the likest first.

    Attributes:
        regions: that were found.
        compared: with how many regions it was compared.
        left_out: images with labels that could not be compared, a sentence each.
    """

    regions: tuple[LikeRegion, ...]
    compared: int
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Wanted:
    """The regions that are looked for.

    Attributes:
        most: how many at most.
        undecided: only those that nobody has decided about.
        value: only those that show the class of this label value; ``None``: of any.
        elsewhere: only those of other images.
    """

    most: int = 20
    undecided: bool = False
    value: int | None = None
    elsewhere: bool = False

    def fits(self, region: RegionRecord) -> bool:
        """Whether a region is one of them, by what it shows and what was decided."""
        return not (self.undecided and region.state) and self.value in (None, region.value)


def like_steps(
    index: Index, bank: Bank, record: ItemRecord, region: int, wanted: Wanted
) -> Steps[LikeRegions]:
    """Look for a region's like; see :meth:`~napari_corrclip.project.project.Project.like`."""
    if wanted.most < 1:
        raise InputError(f"{wanted.most} regions were asked for; ask for at least one.")
    names = index.names_by_number(LABELLED)
    if record.id not in names:
        raise InputError(f"{record.title!r} is {record.state}, and has no labels; run it first.")
    rows = yield from bank.rows_steps(names, record.id)
    at = rows.row_of(record.id, region)
    if at is None:
        raise InputError(
            f"{record.title!r} has no vector of a region {region}: its run found none of this id, or the "
            "region was made by a split since; choose one that the run found."
        )
    found = tuple(_found(index, rows, at, wanted))
    left_out = bank.left_out(record.id)
    titles = {each.id: each.title for each in index.items_of(left_out)}
    told = tuple(f"{titles[number]}: {why}" for number, why in left_out.items() if number in titles)
    return LikeRegions(found, len(rows) - 1, told)


def _found(index: Index, rows: BankRows, at: int, wanted: Wanted) -> list[LikeRegion]:
    """Return the likest that are wanted; the index is asked of those alone that come into question."""
    cosines = rows.x @ rows.x[at]
    left_out = rows.items == rows.items[at] if wanted.elsewhere else np.arange(len(rows)) == at
    cosines[left_out] = -np.inf
    chosen = _wanted_of(index, rows, _likest(rows, cosines, max(_FIRST, 2 * wanted.most)), wanted)
    if len(chosen) < wanted.most:  # few are wanted: which ones, is asked first
        items, ids = index.region_keys(undecided=wanted.undecided, value=wanted.value)
        cosines[~np.isin(_keys(rows.items, rows.regions), _keys(items, ids))] = -np.inf
        chosen = _wanted_of(index, rows, _likest(rows, cosines, wanted.most), wanted)
    names = {class_.value: class_.name for class_ in index.vocabulary}
    records = {each.id: each for each in index.items_of({int(rows.items[row]) for row in chosen})}
    return [
        LikeRegion(
            records[int(rows.items[row])],
            int(rows.regions[row]),
            found.value,
            names.get(found.value, "no class" if found.value == 0 else f"value {found.value}"),
            found.state,
            found.box,
            min(float(cosines[row]), 1.0),
        )
        for row, found in itertools.islice(chosen.items(), wanted.most)
    ]


def _likest(rows: BankRows, cosines: NDArray[np.float32], most: int) -> NDArray[np.int64]:
    """Return the rows of the highest cosines, the highest first; those of -inf are left out."""
    end = min(most, int(np.isfinite(cosines).sum()))
    if not end:
        return np.zeros(0, np.int64)
    some = np.argpartition(-cosines, end - 1)[:end]  # these alone are sorted
    return some[np.lexsort((rows.regions[some], rows.items[some], -cosines[some]))]


def _wanted_of(
    index: Index, rows: BankRows, some: NDArray[np.int64], wanted: Wanted
) -> dict[int, RegionRecord]:
    """Return those of some rows that are wanted and still there: others were merged into one since."""
    pairs = [(int(rows.items[row]), int(rows.regions[row])) for row in some]
    known = index.regions_of(pairs)
    return {
        int(row): known[pair]
        for row, pair in zip(some, pairs, strict=True)
        if pair in known and wanted.fits(known[pair])
    }


def _keys(items: NDArray[np.int64], regions: NDArray[np.integer]) -> NDArray[np.int64]:
    keys: NDArray[np.int64] = (items << 32) + regions
    return keys
