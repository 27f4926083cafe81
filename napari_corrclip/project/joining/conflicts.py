"""The conflicts of a merge: what two people decided otherwise of the same pixels, and what became of it.

They stand in the merged project's ``conflicts.json``: the decision that did not come through is nowhere else.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, Literal, get_args

from napari_corrclip.errors import InputError
from napari_corrclip.storage.files import write_bytes
from napari_corrclip.storage.text_files import MAX_RECORDS, load_json, read_text

FILE: Final = "conflicts.json"
FORMAT: Final = "napari-corrclip conflicts 1"
Prefer = Literal["none", "A", "B", "newest"]
"""Whose decision comes through: nobody's, the first's, the second's, the one that was made last."""
NAMELESS = ("the first", "the second")
"""What two people are called where nothing else tells them apart."""
PREFERENCES: tuple[Prefer, ...] = get_args(Prefer)


@dataclass(frozen=True, slots=True)
class Decision:
    """A decision of one of the two people.

    Attributes:
        region: its id in that person's project; 0: pixels in no region, which were painted.
        class_: the name of the class; empty: none, it is left out of training.
        by: who decided; empty where nobody knows.
        at: when, in seconds since 1970; 0 where nobody knows.
    """

    region: int
    class_: str
    by: str
    at: float


@dataclass(frozen=True, slots=True)
class Conflict:
    """Pixels of an image of which two people decided otherwise.

    Attributes:
        image: path of the image in the merged project, and which plane.
        item: name of its item there.
        region: id that the pixels' region has there.
        pixels: how many they are.
        box: first row, first column, last row + 1, last column + 1.
        first: what was decided in the first project.
        second: in the second.
        won: whose decision came through, ``A`` or ``B``; empty: nobody's, so that somebody has to decide.
    """

    image: str
    item: str
    region: int
    pixels: int
    box: tuple[int, int, int, int]
    first: Decision
    second: Decision
    won: Literal["", "A", "B"]

    @property
    def people(self) -> tuple[str, str]:
        """What the two are called: who decided, where that tells them apart; else the first, the second."""
        names = self.first.by, self.second.by
        return names if all(names) and names[0] != names[1] else NAMELESS

    @property
    def said(self) -> tuple[str, str]:
        """What each of them has said: ``Ann: background``."""
        one, other = (
            f"{who}: {decision.class_ or 'left out'}"
            for who, decision in zip(self.people, (self.first, self.second), strict=True)
        )
        return one, other


def write_conflicts(folder: Path, conflicts: Sequence[Conflict]) -> None:
    """Write the conflicts into a project's folder.

    Raises:
        InputError: they cannot be written.
    """
    lines = ",\n".join(json.dumps(_document(each), ensure_ascii=False) for each in conflicts)
    text = f'{{"format": {json.dumps(FORMAT)}, "conflicts": [\n{lines}\n]}}\n'
    write_bytes(folder / FILE, text.encode())


def read_conflicts(folder: Path) -> tuple[Conflict, ...]:
    """Return the conflicts of a merged project; none of one that was never merged. The file is untrusted.

    Raises:
        InputError: the file is damaged, or of a newer version.
    """
    try:
        found = (folder / FILE).stat()
    except OSError:
        return ()
    return _read_file(folder, (found.st_ino, found.st_size, found.st_mtime_ns))


@lru_cache(maxsize=2)
def _read_file(folder: Path, _as_it_is: tuple[int, ...]) -> tuple[Conflict, ...]:
    """Read a file, which by its number, size and time is another one than those that were read before."""
    where = f"The conflicts {str(folder / FILE)!r}"
    document = load_json(read_text(folder / FILE, "conflicts", limit=MAX_RECORDS), where)
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise InputError(f"{where} are not of this version; install the newest napari-corrclip.")
    listed = document.get("conflicts")
    if not isinstance(listed, list):
        raise InputError(f"{where} have no list of them; merge once more.")
    return tuple(_conflict(each, where) for each in listed)


def _document(conflict: Conflict) -> dict[str, Any]:
    found = asdict(conflict)
    for side in ("first", "second"):
        found[side]["class"] = found[side].pop("class_")
    return found


def _conflict(document: object, where: str) -> Conflict:
    """Return a conflict by its document.

    Raises:
        InputError: it is damaged.
    """
    try:
        return _read(document)
    except (KeyError, TypeError, ValueError):
        raise InputError(f"{where} are damaged; merge once more.") from None


def _read(document: object) -> Conflict:
    if not isinstance(document, dict) or set(document) != {each.name for each in fields(Conflict)}:
        raise ValueError
    box = document["box"]
    if not isinstance(box, list) or len(box) != 4 or document["won"] not in ("", "A", "B"):
        raise ValueError
    _check_types([*box, document["region"], document["pixels"]], int)
    _check_types([document["image"], document["item"]], str)
    sides = {side: _decision(document[side]) for side in ("first", "second")}
    return Conflict(**{**document, **sides, "box": tuple(box)})


def _decision(document: object) -> Decision:
    if not isinstance(document, dict) or set(document) != {"region", "class", "by", "at"}:
        raise ValueError
    _check_types([document["region"]], int)
    _check_types([document["class"], document["by"]], str)
    return Decision(document["region"], document["class"], document["by"], float(document["at"]))


def _check_types(values: Iterable[object], kind: type) -> None:
    if any(type(value) is not kind for value in values):
        raise TypeError
