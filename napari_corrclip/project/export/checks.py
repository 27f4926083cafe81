"""The checks of what a file of an export says, whoever wrote it."""

from __future__ import annotations

from collections.abc import Sequence

from napari_corrclip.errors import InputError

MOST_PIXELS = 1 << 28
"""Pixels of an image whose size is but a number in a file: a small file is not to fill the memory."""


def check_size(shape: Sequence[object], where: str, *, stored: int = 0) -> tuple[int, int]:
    """Return the size of an image as a file tells it.

    Args:
        shape: rows and columns.
        where: the subject of the sentence.
        stored: pixels that the files on the disk can hold; so many are taken, however many these are.

    Raises:
        InputError: it is none, or that of an image which is too large.
    """
    height, width = shape
    if type(height) is not int or type(width) is not int or min(height, width) < 1:
        raise InputError(
            f"{where} has the height {height!r} and the width {width!r}; give its pixels as whole numbers."
        )
    if height * width > max(MOST_PIXELS, stored):
        raise InputError(
            f"{where} is said to have {height} x {width} pixels, and {MOST_PIXELS} are read at most; cut it "
            "into parts, or take the labels from files of maps."
        )
    return height, width


def short(value: object) -> str:
    """Return a value as a sentence has it."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:59]}…"
