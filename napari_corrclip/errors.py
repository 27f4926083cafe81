"""The errors that are raised on purpose, as types.

A message is one sentence that says what is wrong, with the value, and what to do about it.
"""

from __future__ import annotations


class CorrClipError(Exception):
    """Any failure this package raises on purpose."""


class InputError(CorrClipError):
    """An error of the caller's: a value that cannot be used; the command line ends with exit code 2.

    It is no ``ValueError``: programs that call us (napari's writers, for one) take any of those for
    something else, and the sentence would be lost on its way to the person.
    """


class NotWrittenError(InputError):
    """A file or a folder that cannot be written: no space, no permission, no such name."""


class WeightsError(InputError):
    """A network's weights are missing, broken or of another architecture."""


class NotEnoughMemory(CorrClipError, MemoryError):
    """A device has too little memory, even for the smallest piece of the work at a time."""
