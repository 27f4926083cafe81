"""A small picture in 8 and 16 bits, and PNGs of them."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

ROWS, COLUMNS = np.mgrid[:24, :36]
RGB = np.stack([COLUMNS * 7, ROWS * 10, COLUMNS + ROWS], axis=-1).astype(np.uint8)
GRAY = RGB[:, :, 0]
DEEP = GRAY.astype(np.uint16) * 257
SLOPES = np.stack([DEEP, DEEP // 2, DEEP // 3, DEEP // 4], axis=-1)  # for 16-bit colours


def write_png(path: Path, array: NDArray[np.uint16], color_type: int) -> None:
    """Write a 16-bit PNG of any colour type, which Pillow cannot."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    header = struct.pack(">IIBBBBB", array.shape[1], array.shape[0], 16, color_type, 0, 0, 0)
    lines = b"".join(b"\0" + row.astype(">u2").tobytes() for row in array)
    data = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(lines)) + chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + data)
