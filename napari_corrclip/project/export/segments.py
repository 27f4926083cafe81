"""The segments of an image: its regions or its classes, each as runs of pixels.

A region whose pixels are of several classes, as a person may paint it, is a segment for each of them, and so
are the pixels of a class that are in no region: the segments of one image have each of its labelled pixels
once, so that they give its label map again. All of them are found in one pass over the pixels; time and
memory are those of the runs, and not segments x pixels.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from napari_corrclip.maps.regions import boxes_of_runs
from napari_corrclip.maps.runs import begins
from napari_corrclip.project.export.image import LabelledImage, RegionNote

Masks = Literal["regions", "classes"]
"""What a mask is of: one region, or all pixels of a class."""
_VALUES = 1 << 16


@dataclass(frozen=True, eq=False, slots=True)
class Runs:
    """The runs of pixels along the lines of an image, of one region and one label value each.

    Attributes:
        starts: (n,) int64, the place of the first pixel where lines follow one another, ascending.
        lengths: (n,) int64 pixels; no run goes on in the next line.
        regions: (n,) int64 ids.
        values: (n,) int64 label values.
        width: pixels of a line.
    """

    starts: NDArray[np.int64]
    lengths: NDArray[np.int64]
    regions: NDArray[np.int64]
    values: NDArray[np.int64]
    width: int

    @classmethod
    def of(cls, image: LabelledImage, *, columns: bool = False) -> Runs:
        """Return those of an image, of pixels without region and label, too.

        Args:
            image: whose labels are cut.
            columns: whether the lines are its columns, from the left to the right; else its rows.
        """
        pieces = list(runs_by_bands(image, columns=columns))
        fields = ("starts", "lengths", "regions", "values")
        none = [np.zeros(0, np.int64)]
        arrays = {
            name: np.concatenate([getattr(piece, name) for piece in pieces] or none)
            for name in fields
        }
        return cls(**arrays, width=image.shape[0 if columns else 1])

    def relabelled(self, values: NDArray[np.int64]) -> Runs:
        """Return these with other values: runs that have become alike side by side are one.

        Args:
            values: (n,) label values.
        """
        alike = (values[1:] == values[:-1]) & (self.regions[1:] == self.regions[:-1])
        alike &= self.starts[1:] % max(self.width, 1) != 0
        at = np.flatnonzero(~np.concatenate([np.zeros(min(len(values), 1), np.bool_), alike]))
        lengths = np.add.reduceat(self.lengths, at) if len(at) else self.lengths
        return Runs(self.starts[at], lengths, self.regions[at], values[at], self.width)


def runs_by_bands(image: LabelledImage, *, columns: bool = False) -> Iterator[Runs]:
    """Yield the runs of an image, those of a few lines after another, so that few are in memory.

    Args:
        image: whose labels are cut.
        columns: as of :meth:`Runs.of`.
    """
    width = image.shape[0 if columns else 1]
    for first, labels, regions in image.column_bands() if columns else image.bands():
        at = begins(labels, regions)
        values, ids = (array.ravel()[at].astype(np.int64) for array in (labels, regions))
        yield Runs(at + first * width, np.diff(at, append=labels.size), ids, values, width)


@dataclass(frozen=True, eq=False, slots=True)
class Segment:
    """A segment: pixels of one class, of one region or of all.

    Attributes:
        value: the label value of its pixels.
        region: the id of its region; 0: it is of none, or of a whole class.
        area: pixels.
        box: min_row, min_col, max_row, max_col, maxima excluded.
        starts: (n,) of its runs, see :class:`Runs`.
        lengths: (n,) of its runs.
        note: on its region; ``None``: there is none.
    """

    value: int
    region: int
    area: int
    box: tuple[int, int, int, int]
    starts: NDArray[np.int64]
    lengths: NDArray[np.int64]
    note: RegionNote | None = None


def segments_of(
    image: LabelledImage, masks: Masks = "regions", *, columns: bool = False
) -> Iterator[Segment]:
    """Yield the segments of an image, by ascending region and value; unlabelled pixels are in none.

    Args:
        image: whose labels are cut.
        masks: of what they are.
        columns: whether their runs are along columns, as COCO's are; else along rows.
    """
    runs = Runs.of(image, columns=columns)
    labelled = runs.values > 0
    starts, lengths = runs.starts[labelled], runs.lengths[labelled]
    values, regions = runs.values[labelled], runs.regions[labelled]
    if masks == "classes":
        regions = np.zeros_like(regions)
    keys, owner = np.unique(regions * _VALUES + values, return_inverse=True)
    order = np.argsort(owner, kind="stable")
    ends = np.cumsum(np.bincount(owner, minlength=len(keys)))
    areas = np.zeros(len(keys), np.int64)
    np.add.at(areas, owner, lengths)
    line, place = np.divmod(starts, max(runs.width, 1))
    boxes = boxes_of_runs(owner, line, place, lengths, len(keys))
    if columns:
        boxes = boxes[:, [1, 0, 3, 2]]
    starts, lengths = starts[order], lengths[order]
    known = {note.id: note for note in image.notes}
    begin = 0
    for number, (key, end) in enumerate(zip(keys.tolist(), ends.tolist(), strict=True)):
        region, value = divmod(key, _VALUES)
        top, left, bottom, right = boxes[number].tolist()
        yield Segment(
            value,
            region,
            int(areas[number]),
            (top, left, bottom, right),
            starts[begin:end],
            lengths[begin:end],
            known.get(region) if region else None,
        )
        begin = end


def joined(segment: Segment) -> Segment:
    """Return a segment whose runs are as long as they can be: one that fills a line goes on in the next."""
    starts, lengths = segment.starts, segment.lengths
    first = np.ones(len(starts), np.bool_)
    first[1:] = starts[1:] != starts[:-1] + lengths[:-1]
    at = np.flatnonzero(first)
    return replace(segment, starts=starts[at], lengths=np.add.reduceat(lengths, at))


class Tally:
    """A tally of an image's regions, taken a band after another: what stands for each, and its class."""

    def __init__(self) -> None:
        self._prints, self._areas = _Sums(np.uint64), _Sums(np.int64)

    @classmethod
    def of(cls, image: LabelledImage) -> Tally:
        """Return that of a whole image."""
        tally = cls()
        for runs in runs_by_bands(image):
            tally.add(runs)
        return tally

    def add(self, runs: Runs) -> None:
        """Count a band, by its runs along the rows."""
        mixed = _mixed(runs.starts.astype(np.uint64))
        mixed = _mixed(mixed ^ runs.lengths.astype(np.uint64))
        mixed = _mixed(mixed ^ runs.values.astype(np.uint64))
        self._prints.add(runs.regions, mixed)
        self._areas.add(runs.regions * _VALUES + runs.values, runs.lengths)

    def fingerprints(self) -> dict[int, int]:
        """Return a number for each region that stands for its pixels and their labels, by its id.

        Two are alike where a region has the same pixels with the same labels, and hardly ever else.
        """
        return {region: number for region, number in self._numbers().items() if region}

    def outside(self) -> int:
        """Return such a number of the pixels that are in no region; 0 where there is none."""
        return self._numbers().get(0, 0)

    def _numbers(self) -> dict[int, int]:
        ids, found = self._prints.total()
        return dict(zip(ids.tolist(), found.tolist(), strict=True))

    def majorities(self) -> dict[int, int]:
        """Return the label value that most pixels of each region have, by its id; of equals the lowest."""
        keys, areas = self._areas.total()
        regions, values = np.divmod(keys, _VALUES)
        order = np.lexsort((-values, areas, regions))  # the last one of each region has most
        return {
            region: value
            for region, value in zip(regions[order].tolist(), values[order].tolist(), strict=True)
            if region
        }


def left_out(
    image: LabelledImage, ignored: NDArray[np.bool_]
) -> tuple[frozenset[int], frozenset[int]]:
    """Return ids of regions of whose unlabelled pixels most are ignored, and of those with other ones.

    Args:
        image: whose labels are cut.
        ignored: (H, W), what was to be left out of training.
    """
    sums = _Sums(np.int64)
    for top, labels, regions in image.bands():
        out, nothing = ignored[top : top + len(labels)], labels == 0
        at = begins(nothing, out, regions)
        lengths = np.diff(at, append=labels.size)
        ids, empty, told = (array.ravel()[at] for array in (regions, nothing, out))
        sums.add(ids[empty].astype(np.int64), np.where(told, lengths, -lengths)[empty])
    found, surplus = sums.total()
    return frozenset(found[surplus >= 0].tolist()), frozenset(found[surplus < 0].tolist())


class _Sums:
    """The sums of amounts by their keys, of which more come with each band.

    Args:
        dtype: of the amounts; sums run over as it does.
    """

    def __init__(self, dtype: type[np.generic]) -> None:
        self._pieces = [(np.zeros(0, np.int64), np.zeros(0, dtype))]

    def add(self, keys: NDArray[np.int64], amounts: NDArray[Any]) -> None:
        """Add each amount to the sum of its key."""
        found, owner = np.unique(keys, return_inverse=True)
        sums = np.zeros(len(found), amounts.dtype)
        np.add.at(sums, owner, amounts)  # in whatever order
        self._pieces.append((found, sums))

    def total(self) -> tuple[NDArray[np.int64], NDArray[Any]]:
        """Return each key once, ascending, and its sum."""
        keys, amounts = (np.concatenate(arrays) for arrays in zip(*self._pieces, strict=True))
        self._pieces.clear()
        self.add(keys, amounts)
        return self._pieces[0]


def _mixed(numbers: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Return numbers whose bits all hang on all bits of the given ones (SplitMix64's finisher)."""
    numbers = numbers + np.uint64(0x9E3779B97F4A7C15)
    numbers = (numbers ^ (numbers >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    numbers = (numbers ^ (numbers >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return numbers ^ (numbers >> np.uint64(31))
