"""The notes on regions as attributes, for formats that have a place for them."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from datetime import UTC, datetime

from napari_corrclip.errors import InputError
from napari_corrclip.project.export.checks import moment, share
from napari_corrclip.project.export.image import RegionNote
from napari_corrclip.project.export.manifest import STATES

_DIGITS = 6
"""Of scores behind the point."""


def scores_of(note: RegionNote) -> dict[str, float]:
    """Return the scores of a region."""
    return {"p": round(note.p, _DIGITS), "margin": round(note.margin, _DIGITS)}


def attributes_of(note: RegionNote) -> dict[str, str]:
    """Return where a region's class comes from, and what a person decided, who and when, as text."""
    at = datetime.fromtimestamp(note.at, UTC).isoformat() if note.at else ""
    told = {"state": note.state, "by": note.by, "at": at}
    return {"origin": note.origin, **{name: text for name, text in told.items() if text}}


def note_of(
    region: int, attributes: Mapping[str, object], scores: Mapping[str, object], where: str
) -> RegionNote:
    """Return the note on a region, of whose classes nothing is said here.

    Args:
        region: its id.
        attributes: as of :func:`attributes_of`, of a file that is not trusted.
        scores: as of :func:`scores_of`, likewise.
        where: the subject of the sentence.

    Raises:
        InputError: they cannot be.
    """
    state = attributes.get("state", "")
    known = next((each for each in STATES if each == state), None)
    if known is None:
        raise InputError(
            f"{where} has the state {str(state)[:40]!r}; write {', '.join(filter(None, STATES))}."
        )
    at, by = attributes.get("at", ""), attributes.get("by", "")
    seconds = None
    with contextlib.suppress(ValueError, OverflowError, OSError):
        seconds = moment(datetime.fromisoformat(str(at)).timestamp() if at else 0)
    if seconds is None:
        raise InputError(
            f"{where} was decided at {str(at)[:40]!r}; write such as 2026-01-31T12:00."
        )
    p, margin = (share(scores.get(name)) for name in ("p", "margin"))
    return RegionNote(region, 0, 0, known, p, margin, True, str(by), seconds)
