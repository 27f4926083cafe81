"""COCO's masks: counts of pixels down the columns, their compressed text, and polygons of others.

**Counts.** The pixels of a mask in the order of its columns are so many without, so many with, so many
without …; the first number may be 0.

**Text.** From the fourth on a number is told as the difference to the one two before it. A number is cut into
groups of five bits, the lowest first, as two's complement; a sixth bit says that another group follows, and
48 makes a printable character of it.

**Polygons.** A pixel belongs to one if its centre lies inside, by the even-odd rule; several are united.
Pixel (0, 0) has its centre at (0.5, 0.5).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from napari_corrclip.errors import InputError
from napari_corrclip.maps.regions import id_type
from napari_corrclip.project.export.checks import Covered
from napari_corrclip.project.export.segments import Segment

_GROUPS = 8
"""Of five bits in a number that is read."""
_FAR = 1e9
_CROSSINGS = 1 << 18
_SHORT, _RUNS = 256, 1 << 10
"""Runs that are painted together have so many pixels at most, and there are so many of them."""
_TOGETHER = 1 << 18
"""Characters of masks that are painted together."""
_BAND = 1 << 18
_T = TypeVar("_T", bound=np.generic)


def counts_of(segments: Sequence[Segment], pixels: int) -> tuple[NDArray[np.int64], list[int]]:
    """Return the counts of segments one after another, and where those of each begin.

    Args:
        segments: with runs along columns, at least one each.
        pixels: of the image.
    """
    starts = np.concatenate([segment.starts for segment in segments])
    lengths = np.concatenate([segment.lengths for segment in segments])
    sizes = np.array([len(segment.starts) for segment in segments])
    begins = np.cumsum(sizes) - sizes
    first = np.ones(len(starts), np.bool_)
    first[1:] = starts[1:] != starts[:-1] + lengths[:-1]
    first[begins] = True  # runs that touch in the next column are one, but none of another segment
    owner = np.repeat(np.arange(len(segments)), sizes)[first]
    at = np.flatnonzero(first)
    starts, lengths = starts[at], np.add.reduceat(lengths, at)
    ends = starts + lengths
    sizes = np.bincount(owner, minlength=len(segments))
    lasts = np.cumsum(sizes) - 1
    gaps = starts.copy()
    gaps[1:] -= ends[:-1]
    gaps[lasts - sizes + 1] = starts[lasts - sizes + 1]
    rests = pixels - ends[lasts]  # behind the last pixel of each; not told where there is nothing
    shift = np.cumsum(rests > 0) - (rests > 0)
    places = 2 * np.arange(len(starts)) + shift[owner]
    counts = np.empty(2 * len(starts) + int((rests > 0).sum()), np.int64)
    counts[places], counts[places + 1] = gaps, lengths
    counts[(places[lasts] + 2)[rests > 0]] = rests[rests > 0]
    return counts, places[lasts - sizes + 1].tolist()


def compressed(counts: NDArray[np.int64], begins: Sequence[int]) -> list[str]:
    """Return the text of each mask.

    Args:
        counts: of masks one after another.
        begins: where those of each begin, ascending, the first 0.
    """
    sizes = np.diff([*begins, len(counts)])
    late = np.flatnonzero(np.arange(len(counts)) - np.repeat(begins, sizes) > 2)
    numbers = counts.copy()
    numbers[late] -= counts[late - 2]
    groups = np.ones(len(numbers), np.int64)
    rest = np.where(numbers < 0, ~numbers, numbers) >> 4  # four bits and the sign
    while rest.any():
        groups += rest > 0
        rest >>= 5
    ends = np.cumsum(groups)
    place = np.arange(ends[-1] if len(ends) else 0) - np.repeat(ends - groups, groups)
    characters = (np.repeat(numbers, groups) >> 5 * place) & 31 | 32
    characters[ends - 1] &= 31
    text = (characters + 48).astype(np.uint8).tobytes().decode("ascii")
    bounds = [0, *ends[np.cumsum(sizes) - 1].tolist()]
    return [text[start:end] for start, end in pairwise(bounds)]


class Canvas:
    """The map of an image on which masks are painted one after another; a later one covers former ones.

    Args:
        height: of the image.
        width: of the image.
        masks: how many there are at most.
        where: names the image in a sentence.

    Attributes:
        columns: (W, H), a row is a column of the image: numbers of masks, from 1 on.
    """

    def __init__(self, height: int, width: int, masks: int, where: str = "An image") -> None:
        self.columns: NDArray[np.integer] = np.zeros((width, height), id_type(masks))
        self._covered = Covered((height, width), where)
        self._waiting: list[tuple[int, str, str]] = []
        self._characters = 0

    def paint(self, told: object, number: int, where: str) -> None:
        """Paint a mask.

        Args:
            told: what a document has as its segmentation.
            number: for its pixels.
            where: the subject of the sentence.

        Raises:
            InputError: it is none, or one of those before was none.
        """
        width, height = self.columns.shape
        try:
            if isinstance(told, list) and told:
                self.finish()
                for polygon in told:
                    _paint_polygon(self.columns, polygon, number, self._covered)
                return
            if not isinstance(told, dict):
                raise ValueError("it has no mask, which is in segmentation")
            size, counts = told.get("size"), told.get("counts")
            if size != [height, width]:
                raise ValueError(
                    f"its mask has the size {str(size)[:40]}, and its image {[height, width]}"
                )
            if isinstance(counts, str):
                self._waiting.append((number, where, counts))
                self._characters += len(counts)
                if self._characters >= _TOGETHER:
                    self.finish()
                return
            self.finish()
            begins = np.zeros(1, np.int64)
            _paint(self.columns, _counts(counts, width * height), begins, [number], self._covered)
        except ValueError as error:
            raise _damaged(where, error) from None

    def finish(self) -> None:
        """Paint what waits to be painted together.

        Raises:
            InputError: a mask is none.
        """
        if not self._waiting:
            return
        texts = [text for _, _, text in self._waiting]
        try:
            counts, begins = decompressed(texts, self.columns.size)
        except ValueError as error:
            for _, where, text in self._waiting:
                try:
                    decompressed([text], self.columns.size)
                except ValueError as its:
                    raise _damaged(where, its) from None
            raise AssertionError("each mask alone is right") from error
        numbers = [number for number, _, _ in self._waiting]
        _paint(self.columns, counts, begins, numbers, self._covered)
        self._waiting, self._characters = [], 0

    def labels(self, values: NDArray[np.uint16]) -> NDArray[np.uint16]:
        """Return (H, W), the label value of the mask that each pixel is of.

        Args:
            values: of each mask, and of 0.
        """
        return self._upright(values)

    def ids(self, ids: NDArray[np.int32]) -> NDArray[np.integer]:
        """Return (H, W), the region of the mask that each pixel is of; the canvas is of no use then.

        Args:
            ids: of each mask, and of 0.
        """
        kind = id_type(int(ids.max()))
        if kind != self.columns.dtype:
            return self._upright(ids.astype(kind))
        table = ids.astype(kind)
        for left, columns in self._bands():  # in its place, where there is memory already
            self.columns[left : left + len(columns)] = table[columns]
        return self.columns.T

    def _upright(self, table: NDArray[_T]) -> NDArray[_T]:
        found = np.empty(self.columns.shape[::-1], table.dtype)
        for left, columns in self._bands():
            found[:, left : left + len(columns)] = table[columns].T
        return found

    def _bands(self) -> Iterator[tuple[int, NDArray[np.integer]]]:
        width, height = self.columns.shape
        step = max(1, _BAND // height)
        for left in range(0, width, step):
            yield left, self.columns[left : left + step]


def _damaged(where: str, error: ValueError) -> InputError:
    return InputError(f"{where} is damaged ({error}); correct it.")


def _counts(told: object, pixels: int) -> NDArray[np.int64]:
    """Return the counts of a mask that is not compressed.

    Raises:
        ValueError: these are none.
    """
    if not isinstance(told, list) or not all(
        type(number) is int and 0 <= number <= pixels for number in told
    ):
        raise ValueError(f"its counts are no text and no whole numbers of {pixels} pixels")
    counts = np.array(told, np.int64)
    if int(counts.sum()) != pixels:
        raise ValueError(f"its counts are not those of {pixels} pixels")
    return counts


def decompressed(texts: Sequence[str], pixels: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the counts of masks one after another, and where those of each begin.

    Args:
        texts: of the masks, together not more than some millions of characters.
        pixels: of the image.

    Raises:
        ValueError: one is no such text, or not of an image of so many pixels.
    """
    codes = np.frombuffer("".join(texts).encode("ascii", "replace"), np.uint8).astype(np.int64) - 48
    closes = np.cumsum([len(text) for text in texts])  # each text
    if not all(texts):
        raise ValueError(f"its counts are empty, and not those of {pixels} pixels")
    if int(codes.min()) < 0 or int(codes.max()) > 63 or (codes[closes - 1] & 32).any():
        raise ValueError("the text of its counts is cut short, or none")
    ends = np.flatnonzero(codes & 32 == 0) + 1
    groups = np.diff(ends, prepend=0)
    if int(groups.max()) > _GROUPS:
        raise ValueError("its counts are far too large")
    place = np.arange(len(codes)) - np.repeat(ends - groups, groups)
    numbers = np.add.reduceat((codes & 31) << 5 * place, ends - groups)
    numbers -= np.where(codes[ends - 1] & 16, np.int64(1) << 5 * groups, 0)
    sizes = np.diff(np.searchsorted(ends, closes, "right"), prepend=0)
    begins = np.cumsum(sizes) - sizes
    place = np.arange(len(numbers)) - np.repeat(begins, sizes)
    odd = place % 2 == 1
    for chain in (odd, ~odd & (place > 0)):  # in each the next is told as a difference
        sums = np.cumsum(np.where(chain, numbers, 0))
        before = sums[begins]  # the first number of a mask is in no chain
        numbers = np.where(chain, sums - np.repeat(before, sizes), numbers)
    # each alone, too, since the sum of numbers that are far too large may be right
    wrong = ((numbers < 0) | (numbers > pixels)).any()
    if wrong or (np.add.reduceat(numbers, begins) != pixels).any():
        raise ValueError(f"its counts are not those of {pixels} pixels")
    return numbers, begins


def _paint(
    columns: NDArray[np.integer],
    counts: NDArray[np.int64],
    begins: NDArray[np.int64],
    numbers: Sequence[int],
    covered: Covered,
) -> None:
    """Paint masks; of their pixels so many are looked at together that their places need little memory.

    Args:
        columns: is painted on.
        counts: of the masks one after another.
        begins: where those of each begin.
        numbers: of the masks.
        covered: counts the pixels.

    Raises:
        InputError: they are too many.
    """
    flat, sizes = columns.reshape(-1), np.diff(begins, append=len(counts))
    ends = np.cumsum(counts)
    ends -= np.repeat(ends[begins] - counts[begins], sizes)
    inside = (np.arange(len(counts)) - np.repeat(begins, sizes)) % 2 == 1
    lengths, starts = counts[inside], (ends - counts)[inside]
    covered.add(int(lengths.sum()))
    owners = np.repeat(np.array(numbers, np.int32), sizes)[inside]
    pieces = -(-lengths // _SHORT)
    nth = np.arange(int(pieces.sum())) - np.repeat(np.cumsum(pieces) - pieces, pieces)
    starts = np.repeat(starts, pieces) + _SHORT * nth
    lengths = np.minimum(np.repeat(lengths, pieces) - _SHORT * nth, _SHORT)
    owners = np.repeat(owners, pieces)
    for begin in range(0, len(starts), _RUNS):
        cut = slice(begin, begin + _RUNS)
        some = lengths[cut]
        before = np.cumsum(some) - some
        places = np.repeat(starts[cut] - before, some)
        flat[places + np.arange(len(places))] = np.repeat(owners[cut], some)  # the last one counts


def _paint_polygon(
    canvas: NDArray[np.integer], told: object, number: int, covered: Covered
) -> None:
    """Give the pixels in a polygon a number.

    Args:
        canvas: the map with its columns as rows.
        told: x and y of its corners one after another, as a file has them.
        number: for its pixels.
        covered: counts the pixels that are looked at.

    Raises:
        ValueError: it is none.
        InputError: there are too many pixels.
    """
    if not isinstance(told, list) or not all(type(each) in (int, float) for each in told):
        raise ValueError("its polygon is no list of numbers")
    if len(told) < 6 or len(told) % 2:
        raise ValueError(f"its polygon has {len(told)} numbers and not two for each of its corners")
    points = np.array(told, np.float64).reshape(-1, 2)
    if float(np.abs(points).max()) > _FAR:
        raise ValueError("its polygon has a corner that is far outside of any image")
    width, height = canvas.shape
    (left, top), (right, bottom) = np.rint(points.min(0)) - 1, np.rint(points.max(0)) + 1
    left, right = (int(np.clip(each, 0, width)) for each in (left, right))
    top, bottom = (int(np.clip(each, 0, height)) for each in (top, bottom))
    if left < right and top < bottom:
        covered.add((right - left) * (bottom - top))
        inside = _inside(points - (left, top), right - left, bottom - top)
        canvas[left:right, top:bottom][inside.T] = number


def _inside(points: NDArray[np.float64], width: int, height: int) -> NDArray[np.bool_]:
    """Return (height, width), which pixels' centres lie in a polygon.

    Each side changes, in the rows whose middle it crosses, what all pixels to the right of it are.
    """
    others = np.roll(points, -1, axis=0)
    low = np.minimum(points[:, 1], others[:, 1])
    high = np.maximum(points[:, 1], others[:, 1])
    firsts, lasts = (np.clip(np.ceil(y - 0.5), 0, height).astype(np.int64) for y in (low, high))
    crossed = np.flatnonzero(lasts > firsts)
    points, others = points[crossed], others[crossed]
    firsts, lasts = firsts[crossed], lasts[crossed]
    flips = np.zeros((height, width + 1), np.uint8)
    counts = lasts - firsts
    piece = np.cumsum(counts) // _CROSSINGS
    for bound in np.unique(piece).tolist():
        some = np.flatnonzero(piece == bound)
        side = np.repeat(some, counts[some])
        before = np.cumsum(counts[some]) - counts[some]
        rows = np.arange(len(side)) - np.repeat(before - firsts[some], counts[some])
        x, y = points[side].T
        run, rise = (others[side] - points[side]).T
        columns = np.clip(np.ceil(x + (rows + 0.5 - y) * run / rise - 0.5), 0, width)
        np.add.at(flips, (rows, columns.astype(np.int64)), np.uint8(1))
    inside: NDArray[np.bool_] = (np.add.accumulate(flips[:, :-1], axis=1, dtype=np.uint8) & 1) > 0
    return inside
