"""The decisions that were made on sheets: a file that grows by a line, so that they can be taken back later.

``sheets.jsonl`` in the project's folder, a line a JSON document::

    {"sheet": 3, "key": "5f0c…", "by": "ann", "at": 1764460800.0, "made": null}
    {"sheet": 3, "item": "street-1f2e", "state": "new", "by": "", "at": 1764450000.0, "regions": [...]}
    {"sheet": 3, "undone": 1764460999.0, "items": ["street-1f2e"]}

The first line of one by which a class was removed from the set has it, too, as ``removed``. The line of
an item is written before its session is changed: whether it was is told by the session, where the step has
the sheet's key. Lines that are cut or damaged are passed over. A file that grew is read on from where it was.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from uuid import uuid4

from napari_corrclip.annotation.change import Step
from napari_corrclip.errors import InputError
from napari_corrclip.project.folder import SHEETS, now
from napari_corrclip.project.merged_classes import GoneClass, class_of
from napari_corrclip.project.records import ItemState
from napari_corrclip.storage.disk import cannot_write
from napari_corrclip.storage.locks import take
from napari_corrclip.storage.text_files import load_json
from napari_corrclip.wording.amounts import count

LOCK = ".sheets.lock"
_WAIT = 10.0
"""Seconds for which another process that writes a line is waited for."""
_NUMBER = re.compile(rb'^\{"sheet": (\d{1,18}), "key": ', re.MULTILINE)
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
        key: by which its steps are known in the sessions, also where two projects were merged.
    """

    number: int
    by: str
    at: float
    items: tuple[DecidedItem, ...] = ()
    left: tuple[str, ...] = ()
    made: int | None = None
    removed: GoneClass | None = None
    undone: bool = False
    key: str = ""

    def made_step(self, step: Step) -> bool:
        """Whether a step of a session's history is that of this sheet."""
        return bool(self.key) and step.act == self.key and not step.back

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


def is_removal(step: Step) -> bool:
    """Whether a session lost a class that went from the set by a step, or has it again by that."""
    return bool(step.act) and any(change.vocabulary is not None for change in step.changes)


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
        key = uuid4().hex
        sheet = DecidedSheet(_last(folder) + 1, by, now(), made=made, removed=removed, key=key)
        line: dict[str, object] = {"sheet": sheet.number, "key": key, "by": by, "at": sheet.at}
        line["made"] = made
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

    Raises:
        InputError: it cannot be read.
    """
    path = folder / SHEETS
    try:
        with _reading:
            found = _known.pop(path, None) or _Lines()
            found.read_on(path)
            _known[path] = found
            while len(_known) > _KEPT:
                del _known[next(iter(_known))]
            return found.sheets()
    except FileNotFoundError:
        return []
    except OSError as error:
        raise _cannot_read(path, error) from None


def removals(folder: Path) -> list[DecidedSheet]:
    """Return those by which a class was removed; where none was, the file is only looked through.

    Raises:
        InputError: it cannot be read.
    """
    if b'"removed"' not in _bytes(folder / SHEETS):
        return []
    return [sheet for sheet in read(folder) if sheet.removed is not None]


class _Lines:
    """The lines of a file as far as they were read, and the sheets that they tell of."""

    def __init__(self) -> None:
        self._file, self._end, self._tail = 0, 0, b""
        self._heads: dict[int, DecidedSheet] = {}
        self._items: dict[int, list[DecidedItem]] = {}
        self._back: dict[int, set[str]] = {}
        self._whole: dict[int, DecidedSheet] = {}

    def read_on(self, path: Path) -> None:
        """Read what was appended since; all of a file that is another one."""
        with path.open("rb") as file:
            found = os.fstat(file.fileno())
            file.seek(max(self._end - len(self._tail), 0))
            same = found.st_ino == self._file and file.read(len(self._tail)) == self._tail
            if not same or found.st_size < self._end:
                self.__init__()  # type: ignore[misc]
                self._file = found.st_ino
                file.seek(0)
            data = file.read()
        whole = data[: data.rfind(b"\n") + 1]  # a last line may be half written yet
        self._end += len(whole)
        self._tail = (self._tail + whole)[-_TAIL:]
        for line in whole.split(b"\n"):
            with contextlib.suppress(
                InputError, UnicodeDecodeError, TypeError, ValueError, KeyError
            ):
                if line:
                    self._take(load_json(line.decode(), "It", unchecked="regions"))

    def _take(self, said: dict[str, Any]) -> None:
        """Take a line; what is none of ours raises."""
        number = _whole(said["sheet"])
        if "made" in said:
            made = None if said["made"] is None else _whole(said["made"])
            removed = _gone(said["removed"]) if "removed" in said else None
            self._heads[number] = DecidedSheet(
                number, str(said["by"]), float(said["at"]), made=made, removed=removed,
                key=str(said["key"]),
            )  # fmt: skip
            self._items[number] = []
        elif "undone" in said:
            self._back.setdefault(number, set()).update(map(str, said["items"]))
        else:
            regions = tuple(_region(*each) for each in said["regions"].value)
            state, by, at = ItemState(said["state"]), str(said["by"]), float(said["at"])
            item = DecidedItem(str(said["item"]), regions, state, by, at)
            self._items[number].append(item)
        self._whole.pop(number, None)

    def sheets(self) -> list[DecidedSheet]:
        """Return the sheets, the first one first."""
        for number in self._heads.keys() - self._whole.keys():
            items, back = self._items[number], self._back.get(number)
            self._whole[number] = replace(
                self._heads[number],
                items=tuple(item for item in items if not back or item.name not in back),
                undone=back is not None and back >= {item.name for item in items},
            )
        return [self._whole[number] for number in sorted(self._whole)]


_reading = threading.Lock()
_known: dict[Path, _Lines] = {}
_KEPT = 4
"""Files of which it is kept what they say: a person looks at few projects at a time."""
_TAIL = 256
"""Bytes before the end of what was read by which a file is known to be the same."""


def _last(folder: Path) -> int:
    """Return the largest number of a sheet, which takes no look at what the lines say."""
    return max((int(number) for number in _NUMBER.findall(_bytes(folder / SHEETS))), default=0)


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""
    except OSError as error:
        raise _cannot_read(path, error) from None


def _cannot_read(path: Path, error: OSError) -> InputError:
    return InputError(
        f"The decisions on sheets in {str(path)!r} cannot be read ({error.strerror or error}); check its "
        "permissions."
    )


def _region(
    region: object,
    state: object,
    value: object,
    former: object,
    former_value: object,
    by: object,
    at: Any,
) -> DecidedRegion:
    return DecidedRegion(
        _whole(region),
        _state(state),
        _whole(value),
        _state(former),
        _whole(former_value),
        str(by),
        None if at is None else float(at),
    )


def _gone(said: dict[str, Any]) -> GoneClass:
    gone = GoneClass(_whole(said["place"]), dict(said["class_"]))
    class_of(gone)
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
