"""PNGs that are written band by band, so that an image never lies in memory as a picture, too.

Each row is told as the difference to the one above, which is nothing nearly everywhere in a map of segments.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_RGB, _BITS, _UP = 2, 8, 2
_LEVEL = 4
"""Of what is nearly all zeros; looking for more than runs takes twice as long for a tenth of the bytes."""


def write_rgb_png(path: Path, height: int, width: int, bands: Iterable[NDArray[np.uint8]]) -> None:
    """Write a PNG of 8 bits a channel.

    Args:
        path: of the file.
        height: of the image.
        width: of the image.
        bands: (h, W, 3) from the top to the bottom.
    """
    with path.open("wb") as file:
        file.write(_SIGNATURE)
        _chunk(file, b"IHDR", struct.pack(">IIBBBBB", width, height, _BITS, _RGB, 0, 0, 0))
        packer = zlib.compressobj(_LEVEL, zlib.DEFLATED, zlib.MAX_WBITS, 9, zlib.Z_RLE)
        above = np.zeros((1, 3 * width), np.uint8)
        for band in bands:
            rows = band.reshape(len(band), 3 * width)
            lines = np.empty((len(rows), 1 + 3 * width), np.uint8)
            lines[:, 0] = _UP
            np.subtract(rows, np.concatenate([above, rows[:-1]]), out=lines[:, 1:])
            above = rows[-1:].copy()
            _chunk(file, b"IDAT", packer.compress(lines))
        _chunk(file, b"IDAT", packer.flush())
        _chunk(file, b"IEND", b"")


def _chunk(file: IO[bytes], kind: bytes, data: bytes) -> None:
    if data or kind == b"IEND":
        file.write(struct.pack(">I", len(data)) + kind + data)
        file.write(struct.pack(">I", zlib.crc32(kind + data)))
