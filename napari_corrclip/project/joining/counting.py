"""The counts of two people's labels of one image: pixels, and regions that both have decided.

Of an image whose maps are on the disk a piece at a time is in memory.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_corrclip.maps.votes import crosstab
from napari_corrclip.project.export.image import IGNORED, LabelledImage
from napari_corrclip.project.joining.classes import Numbers

_KEY = 32
"""Bits of a region's id in the key of a pair of regions."""


@dataclass(frozen=True, eq=False, slots=True)
class Counts:
    """The counts of one image; K is how many joint classes there are.

    Attributes:
        pixels: (K + 2, K + 2).
        regions: (K + 2, K + 2) of regions that are the same pixels, decided in both.
        decided: how many regions somebody has decided in the first, and in the second.
    """

    pixels: NDArray[np.int64]
    regions: NDArray[np.int64]
    decided: tuple[int, int]


@dataclass(frozen=True, eq=False, slots=True)
class Piece:
    """Whole rows of an image: what both show, what of it is counted, and their regions.

    Attributes:
        top: the first row.
        first: (h, W) the category of each pixel in the first, see :func:`categories`.
        second: (h, W) in the second.
        counted: (h, W) which pixels are counted.
        regions: (h, W) ids in the first.
        others: (h, W) ids in the second.
    """

    top: int
    first: NDArray[np.int64]
    second: NDArray[np.int64]
    counted: NDArray[np.bool_]
    regions: NDArray[np.int32]
    others: NDArray[np.int32]


def count_pair(
    one: LabelledImage, other: LabelledImage, numbers: tuple[Numbers, Numbers], *, decided: bool
) -> Counts:
    """Count one image.

    Args:
        one: its labels in the first project, in that one's values.
        other: in the second, of the same size.
        numbers: of the classes of the first, and of the second.
        decided: whether only those pixels count that somebody has decided in both.
    """
    size = numbers[0].left_out + 1
    says = decisions(one, numbers[0]), decisions(other, numbers[1])
    pixels = np.zeros((size, size), np.int64)
    meetings = Meetings()
    for piece in pieces(one, other, numbers, decided=decided):
        rows, columns = piece.first[piece.counted], piece.second[piece.counted]
        pixels += crosstab(rows, columns, (size, size))
        if says[0] and says[1]:
            meetings.add(piece.regions, piece.others)
    regions = np.zeros((size, size), np.int64)
    for region, its in meetings.same():
        if region in says[0] and its in says[1]:
            regions[says[0][region], says[1][its]] += 1
    return Counts(pixels, regions, (len(says[0]), len(says[1])))


def pieces(
    one: LabelledImage, other: LabelledImage, numbers: tuple[Numbers, Numbers], *, decided: bool
) -> Iterator[Piece]:
    """Yield an image from the top to the bottom, with what is counted of it; see :func:`count_pair`."""
    for top, labels, regions in one.bands():
        cut = slice(top, top + len(labels))
        theirs, others = np.asarray(other.labels[cut]), np.asarray(other.regions[cut], np.int32)
        counted = np.ones(labels.shape, np.bool_)
        if decided:
            counted = is_decided(one, labels, regions) & is_decided(other, theirs, others)
        yield Piece(
            top,
            categories(one, numbers[0], labels, regions),
            categories(other, numbers[1], theirs, others),
            counted,
            regions,
            others,
        )


def categories(
    image: LabelledImage,
    numbers: Numbers,
    labels: NDArray[np.integer],
    regions: NDArray[np.integer],
) -> NDArray[np.int64]:
    """Return what each pixel of a piece shows: 0 nothing, 1 to K a joint class, K + 1 is left out.

    Args:
        image: in the values of its project.
        numbers: of that one's classes.
        labels: the piece, as of :meth:`LabelledImage.bands`.
        regions: the same piece.
    """
    found: NDArray[np.int64] = numbers.of_values[labels]
    found[image.ignored(labels, regions)] = numbers.left_out
    return found


def is_decided(
    image: LabelledImage, labels: NDArray[np.integer], regions: NDArray[np.integer]
) -> NDArray[np.bool_]:
    """Return which pixels of a piece somebody has decided; of a verified image that is all of them."""
    if image.verified:
        return np.ones(labels.shape, np.bool_)
    return image.decided_in(labels, regions)


def decisions(image: LabelledImage, numbers: Numbers) -> Mapping[int, int]:
    """Return the category of each region of an image that somebody has decided, by its id."""
    return {
        note.id: numbers.left_out if note.state == IGNORED else int(numbers.of_values[note.value])
        for note in image.notes
        if note.state or image.verified
    }


class Meetings:
    """The regions of two maps of one image: how many pixels each of the one has in each of the other."""

    def __init__(self) -> None:
        self._counts: dict[int, int] = {}

    def add(self, regions: NDArray[np.integer], others: NDArray[np.integer]) -> None:
        """Count the same piece of both maps."""
        keys, counts = np.unique(
            (regions.astype(np.int64) << _KEY) | others.astype(np.int64), return_counts=True
        )
        for key, number in zip(keys.tolist(), counts.tolist(), strict=True):
            self._counts[key] = self._counts.get(key, 0) + number

    def same(self) -> list[tuple[int, int]]:
        """Return the ids of regions that are the same pixels in both, ascending."""
        partners: dict[int, list[int]] = {}
        backwards: dict[int, list[int]] = {}
        for key in self._counts:
            region, other = key >> _KEY, key & ((1 << _KEY) - 1)
            partners.setdefault(region, []).append(other)
            backwards.setdefault(other, []).append(region)
        return sorted(
            (region, others[0])
            for region, others in partners.items()
            if region and len(others) == 1 and others[0] and len(backwards[others[0]]) == 1
        )
