"""NumPy's ``.npy`` and ``.npz`` files of strangers, whose headers are looked at before anything is read.

A header says the type and the shape. Objects, which NumPy pickles, are refused by it, and so is more
than the file holds: NumPy would ask for the memory first.
"""

from __future__ import annotations

import math
import os
import tokenize
import zipfile
import zlib
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from napari_corrclip.errors import InputError
from napari_corrclip.storage.untrusted import check_regular, guarded, reason

# What NumPy raises where a header is damaged: it is Python text, which goes through Python's parser.
_NO_HEADER = (ValueError, EOFError, SyntaxError, TypeError, KeyError, tokenize.TokenError)
# What is raised of the archive and the numbers in it, after the headers were looked at.
_DAMAGE = (ValueError, EOFError, zipfile.BadZipFile, zlib.error, NotImplementedError)
NPY_START = b"\x93NUMPY"
"""How every ``.npy`` file begins."""
_KINDS = "biufc"
"""NumPy's kinds of numbers; all others are text, dates, records and objects."""
_LONGEST = 1 << 48


def is_npy(path: str | os.PathLike[str], what: str, advice: str) -> bool:
    """Whether a file begins as an ``.npy`` file, whatever its name is.

    Args:
        path: of the file.
        what: names it in the sentence, such as ``"regions"``.
        advice: what to do, the end of the sentence.

    Raises:
        InputError: it is no regular file, or cannot be read.
    """
    check_regular(path, what, advice)
    with guarded(f"The {what} {os.fspath(path)!r}", advice), Path(path).open("rb") as file:
        return file.read(len(NPY_START)) == NPY_START


def read_npz(
    path: str | os.PathLike[str],
    names: Collection[str],
    what: str,
    advice: str,
    *,
    largest: int | None = None,
) -> dict[str, NDArray[Any]]:
    """Return arrays of numbers by name from an ``.npz`` file.

    Args:
        path: of the file.
        names: of the arrays that are wanted; others are not looked at.
        what: as of :func:`is_npy`.
        advice: as of :func:`is_npy`.
        largest: most bytes that an array may have in memory, since a small file may unfold to many.

    Raises:
        InputError: it is no regular file, no archive of NumPy's, damaged or cut short; an array is
            missing, encrypted, of anything else than numbers, or larger than ``largest``.
    """
    check_regular(path, what, advice)
    subject = f"The {what} {os.fspath(path)!r}"
    found = {}
    with (
        guarded(subject, advice, damage=_DAMAGE),
        zipfile.ZipFile(path) as archive,
    ):
        for name in names:
            try:
                entry = archive.getinfo(f"{name}.npy")
            except KeyError:
                raise InputError(f"{subject} holds no array {name!r}; {advice}.") from None
            if entry.flag_bits & 1:
                raise InputError(f"{subject} is encrypted; {advice}.")
            # No more than the stated size is ever unpacked.
            if largest is not None and entry.file_size > largest + _HEADER:
                raise InputError(
                    f"{subject} holds {name} of {entry.file_size} bytes where at most {largest} "
                    f"belong; {advice}."
                )
            with archive.open(entry) as file:
                read_header(file, entry.file_size, f"{subject}, {name!r},", advice)
            with archive.open(entry) as file:
                found[name] = np.lib.format.read_array(file, allow_pickle=False)
    return found


_HEADER = 1 << 16
"""NumPy's headers are of a few hundred bytes, and refused by itself above 10,000."""


@dataclass(frozen=True)
class Header:
    """The header of an ``.npy``: what it says of itself.

    Attributes:
        shape: of the array.
        dtype: of its numbers.
        by_columns: whether the first axis varies first (Fortran's order).
        offset: bytes before the first number.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    by_columns: bool
    offset: int


def read_header(file: IO[bytes], size: int, subject: str, advice: str) -> Header:
    """Return what an ``.npy`` says of itself.

    Args:
        file: at its begin; it is left where the numbers begin.
        size: bytes that it has in all.
        subject: of the sentence.
        advice: what to do.

    Raises:
        InputError: it is no header, the file has a part of the array only, or what it holds are no
            numbers.
    """
    try:
        version = np.lib.format.read_magic(file)
        # The third version differs from the second in how names of fields are written.
        read = (
            np.lib.format.read_array_header_1_0
            if version == (1, 0)
            else np.lib.format.read_array_header_2_0
        )
        shape, by_columns, dtype = read(file)
    except (*_NO_HEADER, MemoryError, RecursionError) as error:  # of Python's parser, the last two
        raise InputError(f"{subject} is no NumPy array ({reason(error)}); {advice}.") from None
    header = Header(shape, dtype, by_columns, file.tell())
    _check(header, size - header.offset, subject, advice)
    return header


def _check(header: Header, room: int, subject: str, advice: str) -> None:
    shape, dtype = header.shape, header.dtype
    if dtype.hasobject:
        raise InputError(
            f"{subject} holds pickled Python objects, which may run anything and are never opened; "
            "save it as numbers."
        )
    if dtype.kind not in _KINDS or dtype.shape:
        raise InputError(f"{subject} holds {dtype} and no numbers; save it as numbers.")
    if not all(0 <= side < _LONGEST for side in shape):
        raise InputError(f"{subject} is said to be of shape {shape}, which cannot be; {advice}.")
    needed = math.prod(shape) * dtype.itemsize
    if needed > room:
        raise InputError(
            f"{subject} is cut short: it has {max(room, 0)} of {needed} bytes; {advice}."
        )
