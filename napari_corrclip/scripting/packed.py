"""Arrays and steps as text that fits a line of a script, and back.

Texts are base 85 of zlib: no quote and no backslash in them, and nothing that could run. What a script holds
is read as untrusted all the same.
"""

from __future__ import annotations

import base64
import hashlib
import zlib
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from napari_corrclip.annotation import Session
from napari_corrclip.annotation.change import Edited, Step
from napari_corrclip.annotation.files.packing import Damaged, pack_step, unpack_step
from napari_corrclip.errors import InputError

D = TypeVar("D", np.int32, np.int64)

LARGEST = 1 << 31
"""Bytes that a text may unfold to."""


def pack_mask(mask: NDArray[np.bool_]) -> str:
    """Return (H, W) bool as text: where its value changes, counted row by row."""
    edges = np.flatnonzero(np.diff(mask.ravel(), prepend=False, append=False))
    return _pack(np.array([*mask.shape, *np.diff(edges, prepend=0)], np.int64).tobytes())


def mask(text: str) -> NDArray[np.bool_]:
    """Return the (H, W) bool that :func:`pack_mask` wrote.

    Raises:
        InputError: the text is damaged.
    """
    numbers = _numbers(text, np.int64)
    height, width = (int(size) for size in numbers[:2])
    edges = np.cumsum(numbers[2:])
    size = height * width
    if min(height, width) < 1 or size > LARGEST or len(edges) % 2 or (numbers[2:] < 0).any():
        raise _damaged("it is no mask")
    if len(edges) and edges[-1] > size:
        raise _damaged("the mask is larger than the image")
    steps = np.zeros(size + 1, np.int8)
    steps[edges[::2]], steps[edges[1::2]] = 1, -1
    found: NDArray[np.bool_] = np.cumsum(steps[:-1], dtype=np.int8).view(np.bool_)
    return found.reshape(height, width)


def pack_label_map(labels: NDArray[np.int32]) -> str:
    """Return (H, W) int32 as text."""
    shape = np.array(labels.shape, np.int32)
    return _pack(shape.tobytes() + np.ascontiguousarray(labels).tobytes())


def label_map(text: str) -> NDArray[np.int32]:
    """Return the (H, W) int32 that :func:`pack_label_map` wrote.

    Raises:
        InputError: the text is damaged.
    """
    numbers: NDArray[np.int32] = _numbers(text, np.int32)
    height, width = (int(size) for size in numbers[:2])
    if min(height, width) < 1 or height * width != len(numbers) - 2:
        raise _damaged("it is no label map")
    return numbers[2:].reshape(height, width).copy()


def pack(step: Step) -> str:
    """Return a step as text."""
    return _pack(pack_step(step))


def repeat(session: Session, text: str) -> Edited:
    """Make a step of an equal session that no single call can make.

    Raises:
        InputError: the text is damaged, or the session is not as the other one was.
    """
    try:
        step = unpack_step(_unpack(text))
    except Damaged as error:
        raise _damaged(str(error)) from None
    return session.repeat(step)


def check_regions(session: Session, expected: str) -> None:
    """See that the run found the regions of which the edits speak by their ids.

    Args:
        session: as the run left it.
        expected: checksum of the regions.

    Raises:
        InputError: it found others.
    """
    if regions_digest(session.regions) != expected:
        raise InputError(
            f"The run found other regions ({len(session.ids)}) than those that were corrected, whose ids the "
            "edits name; run on the same image and device, with the same versions of the libraries."
        )


def regions_digest(regions: NDArray[np.integer]) -> str:
    """Return a checksum of (H, W) ids."""
    found = hashlib.sha256(repr(regions.shape).encode())
    found.update(np.ascontiguousarray(regions, np.int32).tobytes())
    return found.hexdigest()[:12]


def _pack(data: bytes) -> str:
    return base64.b85encode(zlib.compress(data, 9)).decode()


def _unpack(text: str) -> bytes:
    try:
        reader = zlib.decompressobj()
        data = reader.decompress(base64.b85decode(text), LARGEST)
    except (ValueError, TypeError, zlib.error) as error:
        raise _damaged(str(error)) from None
    if not reader.eof:
        raise _damaged("it is cut off")
    return data


def _numbers(text: str, dtype: type[D]) -> NDArray[D]:
    data = _unpack(text)
    if len(data) % np.dtype(dtype).itemsize or len(data) < 2 * np.dtype(dtype).itemsize:
        raise _damaged("it is cut off")
    return np.frombuffer(data, dtype)


def _damaged(why: str) -> InputError:
    return InputError(f"A packed text of the script is damaged ({why}); copy the script again.")
