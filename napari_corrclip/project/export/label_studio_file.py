"""Label Studio's file of tasks, which may be larger than memory: a list, read one task after another.

The numbers of a mask are no JSON for long: they are cut out and kept as bytes, so that what is checked of a
stranger's document is as short as what it says beside its masks.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from napari_corrclip.errors import InputError
from napari_corrclip.storage.text_files import load_json
from napari_corrclip.storage.untrusted import check_regular, guarded

ADVICE = "export once more from Label Studio, as JSON"
_TOKEN = re.compile(rb'"(?:[^"\\]+|\\.)*("?)|[\[\]{}]', re.DOTALL)
"""A text, with its end if it has one, or what begins and ends a list or an object."""
_MASK = re.compile(rb'"rle"\s*:\s*(\[[\d,\s]*\])')
_CHUNK = 1 << 22
_LONGEST = 1 << 30
"""Bytes of a task."""
_TEXT = 1 << 26
"""Bytes of a text."""
_MARK = b"\xef\xbb\xbf"
_BETWEEN = b" \t\r\n,"


@dataclass(frozen=True, eq=False, slots=True)
class Task:
    """A task.

    Attributes:
        document: all that is said, with numbers of masks instead of these.
        masks: packed.
        where: the subject of a sentence about it.
    """

    document: dict[str, Any]
    masks: list[bytes]
    where: str


def places_of(path: Path) -> Iterator[tuple[int, int]]:
    """Yield the first byte of each task and the one behind it.

    Args:
        path: of the file.

    Raises:
        InputError: it cannot be read, or is no list of objects.
    """
    check_regular(path, "file of tasks", ADVICE)
    where = f"The file of tasks {str(path)!r}"
    with guarded(where, ADVICE), path.open("rb") as file:
        text = file.read(_CHUNK).removeprefix(_MARK)
        before = file.tell() - len(text)  # bytes in front of the text in memory
        depth, begun, start, last = 0, False, 0, before
        while True:
            more, rest = file.read(_CHUNK), len(text)
            for found in _TOKEN.finditer(text):
                at, kind = before + found.start(), found[0][:1]
                if kind == b'"' and not found[1]:  # it goes on in what was not read yet
                    rest = found.start()
                    break
                if kind == b'"' and depth > 1:
                    continue
                if depth <= 1:
                    gap = text[max(last - before, 0) : found.start()]
                    allowed = b"{]" if depth else b"" if begun else b"["
                    if gap.strip(_BETWEEN) or kind not in allowed or not allowed:
                        raise InputError(f"{where} is no list of tasks (byte {at}); {ADVICE}.")
                if kind in b"[{":
                    start, begun = at if depth == 1 else start, True
                    depth += 1
                else:
                    depth -= 1
                    if depth == 1:
                        yield start, at + 1
                last = at + 1
            if depth <= 1:
                if text[max(last - before, 0) : rest].strip(_BETWEEN):
                    raise InputError(f"{where} is no list of tasks (byte {last}); {ADVICE}.")
                last = before + rest
            elif before + rest - start > _LONGEST or len(text) - rest > _TEXT:
                raise InputError(f"{where} has a task that is too long (byte {start}); {ADVICE}.")
            if not more:
                break
            text, before = text[rest:] + more, before + rest
        if depth or not begun or rest < len(text):
            raise InputError(f"{where} is no list of tasks, or is cut short; {ADVICE}.")


def task_at(path: Path, place: tuple[int, int], *, masks: bool = True) -> Task:
    """Return a task.

    Args:
        path: of the file.
        place: as of :func:`places_of`.
        masks: whether they are taken along.

    Raises:
        InputError: it is damaged.
    """
    where = f"The task at byte {place[0]} of {str(path)!r}"
    check_regular(path, "file of tasks", ADVICE)
    with guarded(where, ADVICE), path.open("rb") as file:
        file.seek(place[0])
        data = file.read(place[1] - place[0])
    cuts: list[bytes] = []

    def cut(found: re.Match[bytes]) -> bytes:
        try:
            cuts.append(bytes(json.loads(found[1])) if masks else b"")
        except ValueError:
            raise InputError(
                f"{where} has a mask that is no list of bytes, 0 to 255; {ADVICE}."
            ) from None
        return b'"rle":%d' % (len(cuts) - 1)

    try:
        text = _MASK.sub(cut, data).decode("utf-8")
    except UnicodeDecodeError as error:
        raise InputError(f"{where} is no UTF-8 text (byte {error.start}); {ADVICE}.") from None
    document = load_json(text, where)
    if not isinstance(document, dict):
        raise InputError(f"{where} is no task; {ADVICE}.")
    return Task(document, cuts, where)
