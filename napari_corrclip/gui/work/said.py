"""Sentences for a person, and their kinds: something was done, is to be known, or went wrong."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from napari_corrclip.errors import CorrClipError

_log = logging.getLogger(__name__)


class Kind(Enum):
    """The kind of a sentence; its value is how the icon beside it is read out."""

    DONE = "Done"
    NOTE = "Note"
    WARNING = "Warning"


@dataclass(frozen=True, slots=True)
class Said:
    """A sentence with its kind.

    Attributes:
        text: the sentence.
        kind: shown as an icon.
        undo: whether a click takes back what it tells of.
        for_now: whether it is true for a moment alone, which :data:`OVER` ends.
    """

    text: str
    kind: Kind = Kind.NOTE
    undo: bool = False
    for_now: bool = False

    @classmethod
    def of(cls, told: str | Said | CorrClipError) -> Said:
        """Return what was told as a sentence with its kind: an error warns, mere text is a note."""
        if isinstance(told, Said):
            return told
        return cls(str(told), Kind.WARNING if isinstance(told, CorrClipError) else Kind.NOTE)


OVER = Said("")
"""What is told when a moment is over: what was said :attr:`Said.for_now` gives way to what was before."""

Tell = Callable[[str | Said | CorrClipError], object]


def write_down(told: str | Said | CorrClipError) -> None:
    """Have the log tell what went wrong, where nobody can be told on the screen any more."""
    said = Said.of(told)
    if said.kind is Kind.WARNING:
        _log.warning("%s", said.text)


_PAST = {
    "Absorb": "Absorbed",
    "Accept": "Accepted",
    "Add": "Added",
    "Assign": "Assigned",
    "Change": "Changed",
    "Clear": "Cleared",
    "Extend": "Extended",
    "Ignore": "Ignored",
    "Merge": "Merged",
    "Move": "Moved",
    "Paint": "Painted",
    "Re-vote": "Re-voted",
    "Remove": "Removed",
    "Rename": "Renamed",
    "Run": "Ran",
    "Split": "Split",
    "Spread": "Spread",
    "Undecide": "Undecided",
    "Unpin": "Unpinned",
    "Unsegment": "Unsegmented",
}


VOID = "Left out of training: void (0) in exported labels."
"""What it means that a region is ignored."""


def done(title: str, *notes: str) -> Said:
    """Return what is told of a step that was made, and can be taken back."""
    meaning = [VOID] if title.startswith("Ignore ") else []
    return Said(" ".join([f"{past(title)}.", *meaning, *notes]), Kind.DONE, undo=True)


def past(title: str) -> str:
    """Return a step's title in the past tense: "Assigned 3 regions to 'cat'"; others as they are."""
    verb, space, rest = title.partition(" ")
    return f"{_PAST.get(verb, verb)}{space}{rest}"
