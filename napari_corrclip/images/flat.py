"""Bytes of a file that are read where they are asked for, and the array that they are.

Nothing is mapped into memory: of a mapped file that another program shortens meanwhile, the system
ends whoever looks at it. A read tells instead that the bytes are not there.
"""

from __future__ import annotations

import itertools
import math
import os
import threading
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_corrclip.errors import InputError
from napari_corrclip.storage.arrays import read_header


class FileBytes:
    """An open file of which any bytes can be had, by several threads.

    Args:
        path: of a regular file.
        what: names it in sentences, such as ``"image"``.
    """

    def __init__(self, path: Path, what: str = "image") -> None:
        self.path, self.what = path, what
        self._file = path.open("rb", buffering=0)
        self._lock = threading.Lock()

    def __enter__(self) -> FileBytes:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()

    def read(self, offset: int, count: int) -> bytes:
        """Return ``count`` bytes from ``offset``.

        Raises:
            InputError: the file ends before.
        """
        found = bytearray(count)
        self.fill(memoryview(found), offset)
        return bytes(found)

    def fill(self, found: memoryview, offset: int) -> None:
        """Fill a view of bytes from ``offset``.

        Raises:
            InputError: the file ends before.
        """
        done = 0
        with self._lock:
            self._file.seek(offset)
            while done < len(found):
                count = self._file.readinto(found[done:])
                if not count:
                    raise InputError(
                        f"The {self.what} {str(self.path)!r} is cut short: it ends before byte "
                        f"{offset + len(found)}, or was made smaller while it was read; save or copy it "
                        "again."
                    )
                done += count


def check_mapped(array: Any, what: str) -> None:
    """Refuse an array that is mapped from a file which has become shorter than the array is.

    To look at it would end the program; nothing is done about an array of another kind.

    Args:
        array: looked at for a :class:`numpy.memmap` that it is a view of.
        what: names it in the sentence, such as ``"image"``.

    Raises:
        InputError: the file is too short, or is gone.
    """
    root = array
    while isinstance(root, np.ndarray) and isinstance(root.base, np.ndarray):
        root = root.base
    name = getattr(root, "filename", None) if isinstance(root, np.memmap) else None
    if name is None:
        return
    end = root.offset + root.nbytes
    try:
        size = Path(name).stat().st_size
    except OSError:
        return  # a file that was removed stays whole as long as it is mapped
    if size < end:
        raise InputError(
            f"The {what}, mapped from {str(name)!r}, is cut short: the file has {size} of {end} bytes; "
            "save or copy it again."
        )


class FlatArray:
    """An array whose elements lie one after the other in a file; a cut is read when it is made.

    Args:
        file: open as long as the array is used.
        offset: of its first element.
        shape: length of every axis, the last one varying fastest.
        dtype: of the elements, in the file's byte order.
    """

    def __init__(
        self, file: FileBytes, offset: int, shape: tuple[int, ...], dtype: np.dtype[Any]
    ) -> None:
        self.file, self.offset, self.shape = file, offset, shape
        self.dtype = np.dtype(dtype)

    def __getitem__(self, key: Any) -> NDArray[Any]:
        """Return a cut by slices of step 1 and whole numbers, in the machine's byte order."""
        keys = key if isinstance(key, tuple) else (key,)
        keys = (*keys, *[slice(None)] * (len(self.shape) - len(keys)))
        spans = [_span(index, side) for index, side in zip(keys, self.shape, strict=True)]
        found = np.empty([stop - start for start, stop in spans], self.dtype)
        if found.size:
            self._fill(found, spans)
        native = found.astype(self.dtype.newbyteorder("="), copy=False)
        return native[tuple(slice(None) if isinstance(index, slice) else 0 for index in keys)]

    def _fill(self, found: NDArray[Any], spans: list[tuple[int, int]]) -> None:
        # the axes behind the last one that is cut lie together
        cut = [axis for axis, side in enumerate(self.shape) if spans[axis] != (0, side)]
        last = cut[-1] if cut else 0
        strides = [math.prod(self.shape[axis + 1 :]) for axis in range(len(self.shape))]
        runs = found.reshape(-1, math.prod(found.shape[last:])).view(np.uint8)
        starts = itertools.product(*(range(*span) for span in spans[:last]))
        for run, start in zip(runs, starts, strict=True):
            first = (*start, spans[last][0])
            at = sum(index * step for index, step in zip(first, strides, strict=False))
            self.file.fill(memoryview(run), self.offset + at * self.dtype.itemsize)


def open_npy(file: FileBytes, advice: str) -> tuple[FlatArray, bool]:
    """Return the array of an ``.npy`` file, of which nothing but the header is read.

    Args:
        file: open as long as the array is used.
        advice: what to do where it is none, the end of the sentence.

    Returns:
        The array as it lies, and whether it lies by columns: then its axes are in reversed order.

    Raises:
        InputError: as of :func:`~napari_corrclip.storage.arrays.read_header`.
    """
    with file.path.open("rb") as start:
        size = os.fstat(start.fileno()).st_size
        said = read_header(start, size, f"The {file.what} {str(file.path)!r}", advice)
    shape = said.shape[::-1] if said.by_columns else said.shape
    return FlatArray(file, said.offset, shape, said.dtype), said.by_columns


def _span(key: Any, side: int) -> tuple[int, int]:
    if isinstance(key, slice):
        start, stop, step = key.indices(side)
        if step != 1:
            raise ValueError("a cut of a file has no steps")
        return start, max(start, stop)
    at = int(key) % side
    return at, at + 1
