"""TIFF files made byte by byte, with tags that no library would write."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

_KINDS = {int: (4, "I"), str: (2, ""), bytes: (7, "")}


@dataclass
class Page:
    """One picture of a file: its pieces as they are stored, and its tags.

    ``tags`` overrule what is made of the other attributes; numbers become 32-bit ones, text ASCII,
    bytes are stored as they are, and ``None`` leaves a tag out.
    """

    size: tuple[int, int]
    pieces: Sequence[bytes]
    bits: int = 8
    samples: int = 1
    photometric: int = 1
    tags: Mapping[int, int | str | bytes | Sequence[int] | None] = field(default_factory=dict)

    def all_tags(self) -> dict[int, int | str | bytes | Sequence[int] | None]:
        rows, columns = self.size
        return {
            256: columns,
            257: rows,
            258: [self.bits] * self.samples,
            259: 1,
            262: self.photometric,
            277: self.samples,
            278: -(-rows // max(len(self.pieces), 1)),
            284: 1,
            **self.tags,
        }


def page(array: NDArray[np.generic], **tags: int | str | bytes | Sequence[int]) -> Page:
    """A page of one strip; ``tags`` by number, such as ``t254=1``."""
    samples = array.shape[2] if array.ndim == 3 else 1
    found = {int(name[1:]): value for name, value in tags.items()}
    made = Page(
        (array.shape[0], array.shape[1]),
        [array.tobytes()],
        8 * array.dtype.itemsize,
        samples,
        2 if samples > 2 else 1,
        found,
    )
    if array.dtype.kind in "if":
        made.tags = {339: [{"i": 2, "f": 3}[array.dtype.kind]] * samples, **found}
    return made


def tiff(*pages: Page, order: str = "<") -> bytes:
    """Return the file of ``pages``; values of a page must have the byte order already."""
    data = bytearray((b"II*\0" if order == "<" else b"MM\0*") + bytes(4))
    link = 4
    for one in pages:
        offsets = []
        for piece in one.pieces:
            offsets.append(len(data) if piece else 0)
            data += piece + bytes(len(piece) % 2)
        tags = one.all_tags()
        where = (324, 325) if 322 in tags else (273, 279)
        tags = {where[0]: offsets, where[1]: [len(piece) for piece in one.pieces], **tags}
        if 322 in tags:
            tags.pop(278)
        rows = []
        for code, value in sorted(tags.items()):
            if value is None:
                continue
            if isinstance(value, str | bytes):
                raw = value.encode() + b"\0" if isinstance(value, str) else value
                kind, count = _KINDS[type(value)][0], len(raw)
            else:
                numbers = [value] if isinstance(value, int) else list(value)
                kind, count = 4, len(numbers)
                if code in (258, 320, 338, 339) or (code < 300 and max(numbers) < 1 << 16):
                    kind = 3 if code not in (273, 279) else 4
                raw = struct.pack(f"{order}{count}{'H' if kind == 3 else 'I'}", *numbers)
            if len(raw) > 4:
                at = len(data)
                data += raw + bytes(len(raw) % 2)
                raw = struct.pack(f"{order}I", at)
            rows.append(struct.pack(f"{order}HHI", code, kind, count) + raw.ljust(4, b"\0"))
        at = len(data)
        struct.pack_into(f"{order}I", data, link, at)
        data += struct.pack(f"{order}H", len(rows)) + b"".join(rows) + bytes(4)
        link = len(data) - 4
    return bytes(data)
