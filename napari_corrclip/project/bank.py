"""The vectors of all regions of a project as one matrix, kept in memory and as new as the items' files.

Two parts of a region's vectors are compared: the mean of CLIP's cells, which tells what a thing is, and that
of the similarity tower's queries plus keys, which tells which regions belong together. Colours and places are
not: they are in other units, and alike things of other colours, elsewhere in the image, are to be found.

The vectors of a tower all point much the same way. So the mean of all the project's regions is taken from
each, and the rest scaled to unit length; then the two are put side by side, each with half of the weight::

    x  =  [ (c - mean c) / |c - mean c| ,  (d - mean d) / |d - mean d| ] / sqrt 2

in which d is missing where the runs asked nothing of the similarity tower. The cosine of two regions is the
product of their x.

A region takes 1 KiB of memory, and half as much again what its x is made from.
"""

from __future__ import annotations

import os
import threading
import weakref
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_corrclip.errors import InputError
from napari_corrclip.progress import Progress, Steps
from napari_corrclip.project.folder import item_folder
from napari_corrclip.project.vectors import VECTORS, read_vectors
from napari_corrclip.results.vectors import RegionVectors

_Mark = tuple[int, int, int] | None
_Kind = tuple[str, str, int, int, int]
"""Networks, version of the projection, and numbers of each tower: vectors of two kinds are not compared."""


@dataclass(frozen=True, eq=False)
class BankRows:
    """The regions of a bank that can be compared with one another, a row each.

    Attributes:
        items: (N,) int64, numbers of the items.
        regions: (N,) int32, ids in their items.
        x: (N, X) float32, of unit length; 0 for a region that is as the mean of all.
    """

    items: NDArray[np.int64]
    regions: NDArray[np.int32]
    x: NDArray[np.float32]

    def __len__(self) -> int:
        """Number of regions."""
        return len(self.items)

    def row_of(self, item: int, region: int) -> int | None:
        """Return the row of a region; ``None``: it has none."""
        found = np.flatnonzero((self.items == item) & (self.regions == region))
        return int(found[0]) if len(found) else None


@dataclass(frozen=True, eq=False)
class _Held:
    """The content of a file of vectors at the time of a mark, or the reason why there is none."""

    mark: _Mark
    kind: _Kind | None = None
    ids: NDArray[np.int32] | None = None
    towers: tuple[NDArray[np.float16], ...] = ()
    why: str = ""


class Bank:
    """The vectors of a project's regions in memory; any thread may ask.

    Args:
        folder: of the project.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._held: dict[int, _Held] = {}
        self._rows: dict[_Kind, BankRows] = {}
        self._lock = threading.Lock()

    def rows_steps(self, names: Mapping[int, str], item: int) -> Steps[BankRows]:
        """Generator of the rows of some items, of the networks that one of them was run by.

        Of files that are as they were, nothing is read; each costs a look at its time and size.

        Args:
            names: of the items, by their numbers.
            item: number of one of them.

        Raises:
            InputError: that one has no vectors, or they are damaged.
        """
        with self._lock:
            yield from self._refresh_steps(names)
            asked = self._held.get(item)
            if asked is None or asked.kind is None:
                raise InputError("no vectors" if asked is None else asked.why)
            kind = asked.kind
            if kind not in self._rows:
                self._rows[kind] = _rows(
                    {
                        number: held
                        for number, held in sorted(self._held.items())
                        if held.kind == kind
                    }
                )
            return self._rows[kind]

    def commonest_steps(
        self, names: Mapping[int, str], counted: Mapping[int, int]
    ) -> Steps[int | None]:
        """Generator of an item by whose networks most of some regions were run; ``None``: none has vectors.

        Args:
            names: as of :meth:`rows_steps`.
            counted: how many of these regions are in each item, by its number; the others have none.
        """
        with self._lock:
            yield from self._refresh_steps(names)
            totals: Counter[_Kind] = Counter()
            of: dict[_Kind, int] = {}
            for number, held in sorted(self._held.items()):
                if held.kind is not None and counted.get(number):
                    totals[held.kind] += counted[number]
                    of.setdefault(held.kind, number)
            return of[max(totals, key=totals.__getitem__)] if totals else None

    def left_out(self, item: int) -> dict[int, str]:
        """Return why other items could not be compared with one, when :meth:`rows_steps` was last asked.

        Args:
            item: number of that one.
        """
        with self._lock:
            asked = self._held.get(item)
            return {
                number: held.why or "its vectors are of other networks"
                for number, held in sorted(self._held.items())
                if asked is not None and held.kind != asked.kind
            }

    def _refresh_steps(self, names: Mapping[int, str]) -> Steps[None]:
        """Read the files that came or changed, and forget those that went."""
        # As text: paths as objects cost more than the looks at the files.
        start = os.fspath(item_folder(self._folder, ""))
        marks = {number: _mark(start, name) for number, name in names.items()}
        gone = [number for number in self._held if number not in marks]
        new = [
            number
            for number, mark in marks.items()
            if number not in self._held or self._held[number].mark != mark
        ]
        if gone or new:
            self._rows.clear()  # before what it is made of is changed, and the work may be stopped
        for number in gone:
            del self._held[number]
        for done, number in enumerate(new):
            yield Progress("read the vectors", done, len(new))
            self._held[number] = _read(item_folder(self._folder, names[number]), marks[number])


_BANKS: weakref.WeakValueDictionary[Path, Bank] = weakref.WeakValueDictionary()
_LOCK = threading.Lock()


def bank_of(folder: Path) -> Bank:
    """Return the bank of a project, one for all in this process who have it open."""
    with _LOCK:
        bank = _BANKS.get(folder)
        if bank is None:
            bank = _BANKS[folder] = Bank(folder)
        return bank


def _mark(start: str, name: str) -> _Mark:
    """Return what tells an item's file of vectors from the one before; ``None``: there is none."""
    try:
        found = os.stat(f"{start}{os.sep}{name}{os.sep}{VECTORS}")  # noqa: PTH116
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def _read(folder: Path, mark: _Mark) -> _Held:
    try:
        vectors = read_vectors(folder)
    except InputError as error:
        return _Held(mark, why=str(error))
    return _Held(mark, _kind(vectors), vectors.ids, _towers(vectors))


def _towers(vectors: RegionVectors) -> tuple[NDArray[np.float16], ...]:
    if vectors.similarity is None:
        return (vectors.clip,)
    return vectors.clip, vectors.similarity


def _kind(vectors: RegionVectors) -> _Kind:
    width = 0 if vectors.similarity is None else vectors.similarity.shape[1]
    return (
        vectors.clip_network,
        vectors.similarity_network,
        vectors.projection,
        vectors.clip.shape[1],
        width,
    )


def _rows(held: dict[int, _Held]) -> BankRows:
    """Return the rows of items whose vectors are of one kind, of which there is at least one."""
    parts = [
        (number, each.ids, each.towers) for number, each in held.items() if each.ids is not None
    ]
    counts = [len(ids) for _, ids, _ in parts]
    widths = [tower.shape[1] for tower in parts[0][2]]
    x = np.empty((sum(counts), sum(widths)), np.float32)
    first = 0
    for which, width in enumerate(widths):
        block = x[:, first : first + width]
        first += width
        np.concatenate([towers[which] for _, _, towers in parts], out=block)
        block -= block.mean(axis=0, dtype=np.float64).astype(np.float32)
        length = np.sqrt(np.einsum("ij,ij->i", block, block) * len(widths))[:, None]
        np.divide(block, length, out=block, where=length > _NOTHING)
        np.multiply(block, 0, out=block, where=length <= _NOTHING)
    return BankRows(
        np.repeat(np.array([number for number, _, _ in parts], np.int64), counts),
        np.concatenate([ids for _, ids, _ in parts]),
        x,
    )


_NOTHING = 1e-3
"""A shorter rest than this is the rounding of float16 and not a direction."""
