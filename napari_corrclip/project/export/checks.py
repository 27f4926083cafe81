"""The checks of what a file of an export says, whoever wrote it."""

from __future__ import annotations

import math
from collections.abc import Container, Sequence
from pathlib import Path

from napari_corrclip.errors import InputError
from napari_corrclip.storage.untrusted import guarded
from napari_corrclip.vocabulary import MAX_VALUE

MOST_PIXELS = 1 << 28
"""Pixels of an image whose size is but a number in a file: a small file is not to fill the memory."""
MOST_OF_PICTURE = 178_956_970
"""Pixels of a PNG, JPEG, WebP or BMP: Pillow takes a larger one for one that is to fill the memory."""

_TIMES, _MORE = 64, 1 << 26
"""How often masks may cover an image, and pixels besides, which no image is too small for."""

_LATEST = 253_402_300_799
"""Seconds until the end of the year 9999, the last that dates are written of."""


def is_too_large(shape: tuple[int, int], most: int | None = None) -> bool:
    """Whether an image has more pixels than are read: so many, else :data:`MOST_PIXELS`."""
    return shape[0] * shape[1] > (MOST_PIXELS if most is None else most)


def check_read_back(shape: tuple[int, int], most: int | None, where: str) -> None:
    """Refuse to write an image that the same files would not be read for again.

    Args:
        shape: rows and columns.
        most: pixels that are read; ``None``: as many as the files hold.
        where: names the format in the sentence.

    Raises:
        InputError: it has more.
    """
    if most is not None and is_too_large(shape, most):
        raise InputError(
            f"It has {shape[0]} x {shape[1]} pixels, and {most} are read back at most from {where}; cut it "
            "into parts, or take another format, such as ome-zarr."
        )


def check_size(shape: Sequence[object], where: str, *, stored: int = 0) -> tuple[int, int]:
    """Return the size of an image as a file tells it.

    Args:
        shape: rows and columns.
        where: the subject of the sentence.
        stored: pixels that the files on the disk can hold; so many are taken, however many these are.

    Raises:
        InputError: it is none, or that of an image which is too large.
    """
    height, width = map(whole, shape)
    if type(height) is not int or type(width) is not int or min(height, width) < 1:
        raise InputError(
            f"{where} has the height {height!r} and the width {width!r}; give its pixels as whole numbers."
        )
    if is_too_large((height, width), max(MOST_PIXELS, stored)):
        raise InputError(
            f"{where} is said to have {height} x {width} pixels, and {MOST_PIXELS} are read at most; cut it "
            "into parts, or take the labels from files of maps."
        )
    return height, width


def whole(value: object) -> object:
    """Return a value, as a whole number where it is one: some programs write 200.0 for 200."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def inside(folder: Path, path: Path, what: str) -> Path:
    """Return a file or folder of an export, which lies there and is no link that leads out of it.

    Pictures alone may be links: those that were exported as such are.

    Args:
        folder: of the export.
        path: of the file.
        what: names it in the sentence.

    Raises:
        InputError: it lies elsewhere.
    """
    with guarded(f"The {what} {str(path)!r}", "check the path"):
        lies_there = path.resolve().is_relative_to(folder.resolve())
    if not lies_there:
        raise InputError(
            f"The {what} {str(path)!r} is a link out of the folder, to what lies outside of {str(folder)!r}; "
            "put the file itself there."
        )
    return path


def share(value: object) -> float:
    """Return a probability or margin that a file tells, cut to 0 to 1; what is none is 0."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return 0.0
    return float(min(value, 1)) if 0 < value < math.inf else 0.0  # NaN is not, either


def moment(value: object) -> float | None:
    """Return when a file says that something was, in seconds since 1970; ``None``: no calendar has that."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if 0 <= value <= _LATEST else None


def short(value: object) -> str:
    """Return a value as a sentence has it."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:59]}…"


def check_number(number: int, known: Container[int], where: str) -> int:
    """Return the number that a table gives to a class, or to what has none.

    Args:
        number: as it is read.
        known: the numbers of the classes before it.
        where: the subject of the sentence.

    Raises:
        InputError: no pixel can have it, or another class has it.
    """
    if not 0 <= number <= MAX_VALUE:
        raise InputError(
            f"{where} has the number {short(number)}, and classes have numbers from 0 to {MAX_VALUE}; "
            "correct it."
        )
    if number in known:
        raise InputError(f"{where} has the number {number} twice; give each class its own.")
    return number


class Covered:
    """The pixels that the masks of one image may be painted over: many masks of a small file take long.

    Args:
        shape: of the image.
        where: the subject of the sentence.
    """

    def __init__(self, shape: tuple[int, int], where: str) -> None:
        self._left = _TIMES * shape[0] * shape[1] + _MORE
        self._where = where

    def add(self, pixels: int) -> None:
        """Count further pixels.

        Raises:
            InputError: they are too many.
        """
        self._left -= pixels
        if self._left < 0:
            raise InputError(
                f"{self._where} has masks that cover the image more than {_TIMES} times over; leave out "
                "those that others lie upon."
            )
