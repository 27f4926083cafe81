"""The decisions that were made on sheets: a file that grows by a line, so that they can be taken back later.

``sheets.jsonl`` in the project's folder, a line a JSON document::

    {"sheet": 3, "by": "ann", "at": 1764460800.0, "made": null}
    {"sheet": 3, "item": "street-1f2e", "state": "new", "by": "", "at": 1764450000.0, "regions": [...]}
    {"sheet": 3, "undone": 1764460999.0, "items": ["street-1f2e"]}

The first line of one by which a class was removed from the set has it, too, as ``removed``. The line of
an item is written before its session is changed: whether it was is told by the session, where the step is
called after the sheet (:func:`title_of`). Lines that are cut or damaged are passed over.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from napari_corrclip.errors import InputError
from napari_corrclip.project.folder import SHEETS, now
from napari_corrclip.project.merged_classes import GoneClass, kin
from napari_corrclip.project.records import ItemState
from napari_corrclip.storage.disk import cannot_write
from napari_corrclip.storage.locks import take
from napari_corrclip.storage.text_files import load_json
from napari_corrclip.wording.amounts import count

LOCK = ".sheets.lock"
_WAIT = 10.0
"""Seconds for which another process that writes a line is waited for."""
_REMOVAL = re.compile(r"(Undo: )*Sheet \d+: class ")
_STATES = ("", "assigned", "accepted", "ignored")


@dataclass(frozen=True, slots=True)
class DecidedRegion:
    """A region that was decided on a sheet, and what was decided before.

    Attributes:
        region: its id.
        state: what was decided: ``assigned``, ``accepted`` or ``ignored``; empty: it was taken back.
        value: label value of the class that it shows by that; 0: none.
        former: what was decided before; empty: nothing.
        former_value: label value that it showed then.
        former_by: who decided that.
        former_at: when; ``None``: nobody had.
    """

    region: int
    state: str
    value: int
    former: str = ""
    former_value: int = 0
    former_by: str = ""
    former_at: float | None = None


@dataclass(frozen=True, slots=True)
class DecidedItem:
    """An image of which regions were decided on a sheet.

    Attributes:
        name: of its item.
        regions: that were decided.
        state: of the item before.
        by: who had brought it into that state.
        at: when.
    """

    name: str
    regions: tuple[DecidedRegion, ...]
    state: ItemState
    by: str
    at: float


@dataclass(frozen=True, slots=True)
class DecidedSheet:
    """The record of what was decided at once on a sheet.

    Attributes:
        number: of it in the project, from 1 on.
        by: who decided.
        at: when, in seconds since 1970.
        items: the images, in the order in which they were decided.
        left: what was not decided, and why, a sentence each.
        made: label value of the class that was made for it; ``None``: none was.
        removed: the class that went with all that was decided as it; ``None``: none did.
        undone: whether it was taken back since.
    """

    number: int
    by: str
    at: float
    items: tuple[DecidedItem, ...] = ()
    left: tuple[str, ...] = ()
    made: int | None = None
    removed: GoneClass | None = None
    undone: bool = False

    @property
    def regions(self) -> int:
        """How many regions were decided."""
        return sum(len(item.regions) for item in self.items)


def title_of(number: int, regions: int) -> str:
    """Return what the step of a sheet is called in the history of an image's session."""
    return f"{_beginning(number)}{count(regions, 'region')} decided"


def removal_title(number: int, name: str, regions: int) -> str:
    """Return what the step is called by which a session loses a class that went from the set."""
    back = f", {count(regions, 'region')} undecided" if regions else ""
    return f"{_beginning(number)}class {name!r} removed{back}"


def is_removal(title: str) -> bool:
    """Whether a session lost a class that went from the set by a step, or has it again by that."""
    return _REMOVAL.match(title) is not None


def is_of(title: str, number: int) -> bool:
    """Whether a step of a session's history is that of a sheet."""
    return title.startswith(_beginning(number))


def _beginning(number: int) -> str:
    return f"Sheet {number}: "


def begin(
    folder: Path, by: str, made: int | None = None, removed: GoneClass | None = None
) -> DecidedSheet:
    """Return the record of a sheet that is about to be decided, with a number that none has.

    Args:
        folder: of the project.
        by: who decides.
        made: label value of the class that was made for it.
        removed: the class that is about to go.

    Raises:
        InputError: it cannot be written.
    """
    with _alone(folder):
        last = max((sheet.number for sheet in read(folder)), default=0)
        sheet = DecidedSheet(last + 1, by, now(), made=made, removed=removed)
        line: dict[str, object] = {"sheet": sheet.number, "by": by, "at": sheet.at, "made": made}
        if removed is not None:
            line["removed"] = removed._asdict()
        _append(folder, line)
    return sheet


def note_item(folder: Path, number: int, item: DecidedItem) -> None:
    """Write down what is about to be decided in an item.

    Raises:
        InputError: it cannot be written.
    """
    regions = [
        [
            each.region,
            each.state,
            each.value,
            each.former,
            each.former_value,
            each.former_by,
            each.former_at,
        ]
        for each in item.regions
    ]
    line = {"sheet": number, "item": item.name, "state": str(item.state), "by": item.by}
    with _alone(folder):
        _append(folder, line | {"at": item.at, "regions": regions})


def note_undone(folder: Path, number: int, items: list[str]) -> None:
    """Write down that a sheet was taken back in some items.

    Raises:
        InputError: it cannot be written.
    """
    with _alone(folder):
        _append(folder, {"sheet": number, "undone": now(), "items": items})


def read(folder: Path) -> list[DecidedSheet]:
    """Return what was decided on sheets, the first one first; the file is taken as untrusted.

    One that is as it was is not read again.

    Raises:
        InputError: it cannot be read.
    """
    try:
        found = (folder / SHEETS).stat()
        return list(_read(folder / SHEETS, (found.st_ino, found.st_size, found.st_mtime_ns)))
    except FileNotFoundError:
        return []
    except OSError as error:
        raise InputError(
            f"The decisions on sheets in {str(folder / SHEETS)!r} cannot be read "
            f"({error.strerror or error}); check its permissions."
        ) from None


@lru_cache(maxsize=4)
def _read(path: Path, _as_it_is: tuple[int, ...]) -> tuple[DecidedSheet, ...]:
    """Read a file, which by its number, size and time is another one than those that were read before."""
    data = path.read_bytes()
    found: dict[int, DecidedSheet] = {}
    back: dict[int, set[str]] = {}
    for line in data.split(b"\n"):
        with contextlib.suppress(InputError, UnicodeDecodeError, TypeError, ValueError, KeyError):
            _take(load_json(line.decode(), "It") if line else {}, found, back)
    return tuple(
        replace(
            sheet,
            items=tuple(item for item in sheet.items if item.name not in back.get(number, ())),
            undone=number in back and back[number] >= {item.name for item in sheet.items},
        )
        for number, sheet in sorted(found.items())
    )


def _take(said: dict[str, Any], found: dict[int, DecidedSheet], back: dict[int, set[str]]) -> None:
    """Take a line; what is none of ours raises."""
    if not said:
        return
    number = _whole(said["sheet"])
    if "made" in said:
        made = None if said["made"] is None else _whole(said["made"])
        removed = _gone(said["removed"]) if "removed" in said else None
        found[number] = DecidedSheet(
            number, str(said["by"]), float(said["at"]), made=made, removed=removed
        )
    elif "undone" in said:
        back.setdefault(number, set()).update(map(str, said["items"]))
    else:
        regions = tuple(
            DecidedRegion(
                _whole(region),
                _state(state),
                _whole(value),
                _state(former),
                _whole(former_value),
                str(by),
                None if at is None else float(at),
            )
            for region, state, value, former, former_value, by, at in said["regions"]
        )
        item = DecidedItem(
            str(said["item"]),
            regions,
            ItemState(said["state"]),
            str(said["by"]),
            float(said["at"]),
        )
        sheet = found[number]
        found[number] = replace(sheet, items=(*sheet.items, item))


def _gone(said: dict[str, Any]) -> GoneClass:
    gone = GoneClass(_whole(said["place"]), dict(said["class_"]))
    kin(gone)
    return gone


def _whole(value: object) -> int:
    if type(value) is not int or value < 0:
        raise ValueError("no whole number")
    return value


def _state(value: object) -> str:
    if value not in _STATES:
        raise ValueError("no state")
    return str(value)


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Be the one who writes a line."""
    try:
        lock = take(folder / LOCK, wait=_WAIT)
    except OSError as error:
        raise cannot_write(folder / SHEETS, error) from None
    if lock is None:
        raise InputError(
            f"Another process has been writing to {str(folder / SHEETS)!r} for {_WAIT:g} seconds; try again."
        )
    try:
        yield
    finally:
        lock.release()


def _append(folder: Path, line: dict[str, object]) -> None:
    """Append a line, and have it on the disk; one that was cut before ends there."""
    try:
        with (folder / SHEETS).open("ab+") as file:
            size = file.seek(0, os.SEEK_END)
            cut = False
            if size:
                file.seek(size - 1)
                cut = file.read(1) != b"\n"
            file.write(b"\n" * cut + json.dumps(line).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise cannot_write(folder / SHEETS, error) from None
