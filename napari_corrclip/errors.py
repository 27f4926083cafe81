"""What can go wrong, as types.

A message is one sentence that says what is wrong, with the value, and what to do about it.
"""

from __future__ import annotations


class CorrClipError(Exception):
    """Any failure this package raises on purpose."""


class InputError(CorrClipError, ValueError):
    """Something the caller gave cannot be used; the command line ends with exit code 2."""


class WeightsError(InputError):
    """A network's weights are missing, broken or of another architecture."""


class NotEnoughMemory(CorrClipError, MemoryError):
    """A device has too little memory, even for the smallest piece of the work at a time."""
