"""Label Studio's masks: the bytes of an image of red, green, blue and opacity, run-length encoded in bits.

The packing is that of thi.ng's rle-pack. 32 bits say how many words there are, 5 how many bits less one a
word has (here 8), four times 4 how many bits less one the lengths of the four classes have. Then block by
block: a bit, which is 1 of one word that is repeated and 0 of words one after another; 2 bits of the class;
the length less one; the word, or the words. The last byte is filled with 0.

A pixel is in the mask where it is opaque. What is written here has 255 in all four channels of such a pixel
and 0 in those of others, so that its runs are long ones.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from napari_corrclip.errors import InputError
from napari_corrclip.maps.regions import as_ids

CHANNELS = 4
MOST = (1 << 32) // CHANNELS - 1
"""Pixels of an image at most."""
_SIZES = (3, 4, 8, 16)
"""Bits of the lengths of each class, as usual."""
_WORD = 8
_HEAD = 32 + 5 + 4 * 4
_FULL = 1 << _SIZES[-1]
_OPAQUE = 127
"""What is more opaque is in."""
_WINDOW = 5
"""Bytes that a block's head fits into, wherever it begins: 7 + 3 + 16 bits, and a word."""


def packed(
    masks: Sequence[tuple[NDArray[np.int64], NDArray[np.int64]]], pixels: int
) -> list[bytes]:
    """Return masks of one image, packed.

    Args:
        masks: of each the starts and lengths of its runs, ascending, in pixels where rows follow one another.
        pixels: of the image, :data:`MOST` at most.
    """
    if not masks:
        return []
    edges = []
    for number, (starts, lengths) in enumerate(masks):
        ends = np.empty(2 * len(starts) + 2, np.int64)
        ends[0], ends[-1] = 0, pixels
        ends[1:-1:2], ends[2:-1:2] = starts, starts + lengths
        edges.append(ends + number * pixels)
    every = np.concatenate(edges)
    counts = [len(ends) for ends in edges]
    # Out, in, out, …; between two masks there is an "in" of no length.
    lengths = CHANNELS * np.diff(every)
    owner = np.repeat(np.arange(len(masks)), counts)[:-1]
    words = np.where(np.arange(len(lengths)) % 2, 255, 0)
    there = lengths > 0
    lengths, owner, words = lengths[there], owner[there], words[there]
    # Longer ones than a length can tell are several.
    times = -(-lengths // _FULL)
    last = np.cumsum(times) - 1
    split = np.full(int(times.sum()), _FULL, np.int64)
    split[last] = lengths - (times - 1) * _FULL
    owner, words = np.repeat(owner, times), np.repeat(words, times)
    kind = np.searchsorted([1 << size for size in _SIZES[:-1]], split)
    size = np.array(_SIZES)[kind]
    codes = (((4 | kind) << size | (split - 1)) << _WORD) | words
    return _joined(codes, 3 + size + _WORD, owner, len(masks), CHANNELS * pixels)


def _joined(
    codes: NDArray[np.int64],
    bits: NDArray[np.int64],
    owner: NDArray[np.int64],
    count: int,
    words: int,
) -> list[bytes]:
    """Return the bytes of each mask out of its blocks, whose owners ascend."""
    used = _HEAD + np.bincount(owner, bits, count).astype(np.int64)
    size = -(-used // 8)
    begin = np.cumsum(size) - size
    before = np.cumsum(bits) - bits
    first = np.searchsorted(owner, np.arange(count))
    at = 8 * begin[owner] + _HEAD + before - before[np.minimum(first, len(before) - 1)][owner]
    # A code of up to 27 bits lies in up to 5 bytes, and no two codes share a bit.
    words_of = codes << (8 * _WINDOW - bits - (at & 7))
    out = np.zeros(int(size.sum()) + _WINDOW, np.int64)
    for place in range(_WINDOW):
        byte = (words_of >> (8 * (_WINDOW - 1 - place))) & 255
        out += np.bincount((at >> 3) + place, byte, len(out)).astype(np.int64)
    head = words << (_HEAD - 32) | (_WORD - 1) << 16
    for number, bits_of in enumerate(_SIZES):
        head |= (bits_of - 1) << (4 * (3 - number))
    head <<= -_HEAD % 8
    for place in range(-(-_HEAD // 8)):
        out[begin + place] += (head >> (8 * (-(-_HEAD // 8) - 1 - place))) & 255
    data = out.astype(np.uint8).tobytes()
    return [
        data[start : start + length]
        for start, length in zip(begin.tolist(), size.tolist(), strict=True)
    ]


def unpacked(data: bytes, pixels: int, where: str) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the starts and lengths of a mask's runs.

    Args:
        data: packed, by whomever.
        pixels: that it ought to have.
        where: the subject of the sentence.

    Raises:
        InputError: it is damaged, or of another size.
    """
    head = int.from_bytes(data[:7], "big") >> (-_HEAD % 8)
    if len(data) < 7 or head >> (_HEAD - 32) != CHANNELS * pixels:
        raise InputError(
            f"{where} has {(head >> (_HEAD - 32)) // CHANNELS} pixels, and its image {pixels}; save it in "
            "Label Studio again."
        )
    if (head >> 16 & 31) + 1 != _WORD:
        raise InputError(
            f"{where} has words of {(head >> 16 & 31) + 1} bits, and no bytes; save it in Label Studio again."
        )
    sizes = [(head >> 4 * (3 - number) & 15) + 1 for number in range(4)]
    at, lengths, repeated = _blocks(data, sizes, CHANNELS * pixels, where)
    ends = np.cumsum(lengths)
    begins = ends - lengths
    # The opacity of pixel i is word 4 i + 3, so that words a to b have that of a // 4 to b // 4.
    padded = np.frombuffer(data + bytes(2), np.uint8)
    byte = at >> 3
    pairs = padded[byte].astype(np.int64) << 8 | padded[byte + 1]
    word = (pairs >> (8 - (at & 7))) & 255
    inside = repeated & (word > _OPAQUE)
    starts = [begins[inside] // CHANNELS]
    stops = [ends[inside] // CHANNELS]
    for place, begin, length in zip(
        at[~repeated].tolist(), begins[~repeated].tolist(), lengths[~repeated].tolist(), strict=True
    ):
        piece = padded[place >> 3 : (place >> 3) + length + 1].astype(np.uint16)
        words = ((piece[:-1] << 8 | piece[1:]) >> (8 - (place & 7))) & 255
        first = (-begin - 1) % CHANNELS
        found = np.flatnonzero(words[first::CHANNELS] > _OPAQUE) + (begin + first) // CHANNELS
        starts.append(found)
        stops.append(found + 1)
    return _runs(np.concatenate(starts), np.concatenate(stops))


def _blocks(
    data: bytes, sizes: Sequence[int], words: int, where: str
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
    """Return of each block the bit where its words begin, how many they are, and whether one is repeated."""
    padded = data + bytes(_WINDOW)
    masks = [(1 << size) - 1 for size in sizes]
    ats: list[int] = []
    lengths: list[int] = []
    repeated: list[bool] = []
    at, done, end = _HEAD, 0, 8 * len(data)
    while done < words:
        if at + 3 > end:
            raise InputError(f"{where} is cut short; save it in Label Studio again.")
        window = int.from_bytes(padded[at >> 3 : (at >> 3) + _WINDOW], "big")
        rest = window >> (8 * _WINDOW - 3 - (at & 7))
        kind = rest & 3
        size = sizes[kind]
        length = (window >> (8 * _WINDOW - 3 - size - (at & 7)) & masks[kind]) + 1
        again = rest & 4 != 0
        at += 3 + size
        ats.append(at)
        lengths.append(length)
        repeated.append(again)
        at += _WORD if again else _WORD * length
        done += length
    if at > end or done > words:
        raise InputError(f"{where} is cut short or damaged; save it in Label Studio again.")
    return np.array(ats, np.int64), np.array(lengths, np.int64), np.array(repeated, np.bool_)


def _runs(
    starts: NDArray[np.int64], stops: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return runs in their order, those that touch as one, and none of no length."""
    there = stops > starts
    starts, stops = starts[there], stops[there]
    order = np.argsort(starts, kind="stable")
    starts, stops = starts[order], stops[order]
    first = np.ones(len(starts), np.bool_)
    first[1:] = starts[1:] != stops[:-1]
    at = np.flatnonzero(first)
    if not len(at):
        return starts, stops
    ends = stops[np.append(at[1:] - 1, len(stops) - 1)]
    return starts[at], ends - starts[at]


def painted(
    masks: Sequence[tuple[NDArray[np.int64], NDArray[np.int64], int, int]], shape: tuple[int, int]
) -> tuple[NDArray[np.uint16], NDArray[np.int32] | NDArray[np.uint16]]:
    """Return the labels and regions of masks, of which later ones lie upon former ones.

    Args:
        masks: of each the starts and lengths of its runs, its label value and its region.
        shape: rows and columns.

    Returns:
        (H, W) label values, and ids of regions, in 16 bits where they fit.
    """
    pixels = shape[0] * shape[1]
    counts = [len(starts) for starts, _, _, _ in masks]
    starts = np.concatenate([np.zeros(0, np.int64), *(mask[0] for mask in masks)])
    lengths = np.concatenate([np.zeros(0, np.int64), *(mask[1] for mask in masks)])
    values = np.repeat(np.array([mask[2] for mask in masks], np.uint16), counts)
    ids = np.repeat(as_ids(np.array([mask[3] for mask in masks], np.int32)), counts)
    order = np.argsort(starts, kind="stable")
    ends = (starts + lengths)[order]
    if (starts[order][1:] < ends[:-1]).any():
        labels, regions = np.zeros(pixels, np.uint16), np.zeros(pixels, ids.dtype)
        for start, end, value, id_ in zip(
            starts.tolist(), (starts + lengths).tolist(), values.tolist(), ids.tolist(), strict=True
        ):
            labels[start:end] = value
            regions[start:end] = id_
        return labels.reshape(shape), regions.reshape(shape)
    # No two share a pixel: gap, run, gap, run, …, gap
    every = np.zeros(2 * len(order) + 1, np.int64)
    every[1::2] = lengths[order]
    every[0::2] = np.diff(starts[order], append=pixels, prepend=0)
    every[2::2] -= lengths[order]
    told = np.zeros(len(every), np.uint16), np.zeros(len(every), ids.dtype)
    told[0][1::2], told[1][1::2] = values[order], ids[order]
    return np.repeat(told[0], every).reshape(shape), np.repeat(told[1], every).reshape(shape)
