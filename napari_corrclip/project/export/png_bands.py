"""PNGs of colours that are written band by band, so that no picture of them is ever in memory.

Each row is told as the difference to the one above, which is nothing nearly everywhere in a map of segments.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable
from typing import IO, Final

import numpy as np
from numpy.typing import NDArray

_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
_RGB, _BITS, _UP = 2, 8, 2
"""The standard's numbers of colours without opacity, of bits a channel, of the filter by the row above."""
_LEVEL: Final = 4
"""Of what is nearly all zeros; looking for more than runs takes twice as long for a tenth of the bytes."""


def write_rgb(file: IO[bytes], shape: tuple[int, int], bands: Iterable[NDArray[np.uint8]]) -> None:
    """Write a picture as a PNG of three channels of 8 bits.

    Args:
        file: open for writing; it need not be able to go back.
        shape: rows and columns.
        bands: (rows, W, 3), one below another, as many rows as the picture has.
    """
    height, width = shape
    file.write(_SIGNATURE)
    _chunk(file, b"IHDR", struct.pack(">IIBBBBB", width, height, _BITS, _RGB, 0, 0, 0))
    packer = zlib.compressobj(_LEVEL, zlib.DEFLATED, zlib.MAX_WBITS, 9, zlib.Z_RLE)
    above = np.zeros((1, 3 * width), np.uint8)
    for band in bands:
        rows = band.reshape(len(band), 3 * width)
        lines = np.empty((len(rows), 1 + 3 * width), np.uint8)
        lines[:, 0] = _UP
        np.subtract(rows[:1], above, out=lines[:1, 1:])
        np.subtract(rows[1:], rows[:-1], out=lines[1:, 1:])
        above = rows[-1:].copy()
        _chunk(file, b"IDAT", packer.compress(lines))
    _chunk(file, b"IDAT", packer.flush())
    _chunk(file, b"IEND", b"")


def _chunk(file: IO[bytes], kind: bytes, data: bytes) -> None:
    if not data and kind == b"IDAT":
        return
    file.write(struct.pack(">I", len(data)) + kind)
    file.write(data)
    file.write(struct.pack(">I", zlib.crc32(data, zlib.crc32(kind))))
