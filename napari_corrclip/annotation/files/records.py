"""A file of steps that is only ever appended to: what was done, undone and redone, in order.

Each record has its length and a checksum, so that one that was cut off by a crash is known as such.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Literal

from napari_corrclip.annotation.change import Step
from napari_corrclip.annotation.files.checking import Damaged, check_patch
from napari_corrclip.annotation.files.packing import pack_step, unpack_step
from napari_corrclip.annotation.history import History

Kind = Literal["do", "amend", "undo", "redo"]

MAGIC = b"napari-corrclip steps 1\n"
_KINDS: dict[bytes, Kind] = {b"d": "do", b"a": "amend", b"u": "undo", b"r": "redo"}
_CODES: dict[Kind, bytes] = {kind: code for code, kind in _KINDS.items()}
_TOLD: tuple[Kind, ...] = ("do", "amend")
_HEAD = struct.Struct("<cII")


@dataclass(frozen=True, slots=True)
class OnDisk:
    """The end of a journal that says all of a session.

    Attributes:
        edits: of the session.
        number: of the last file of records.
        size: bytes of it.
        records: how many follow the snapshot.
        file: what tells whether it is still that file; ``None``: it was not there.
    """

    edits: int
    number: int
    size: int
    records: int
    file: tuple[int, int, int] | None


def pack_record(kind: Kind, step: Step) -> bytes:
    """Return one record; what is undone or redone is known already."""
    payload = pack_step(step) if kind in _TOLD else b""
    code = _CODES[kind]
    return _HEAD.pack(code, len(payload), zlib.crc32(code + payload)) + payload


def pack_history(history: History) -> bytes:
    """Return a whole file: everything that was done, then as many undos as there are."""
    steps = [*history.done, *reversed(history.undone)]
    records = [pack_record("do", step) for step in steps]
    records += [pack_record("undo", step) for step in history.undone]
    return MAGIC + b"".join(records)


def count_steps(file: BinaryIO) -> int:
    """Return how many steps of a file are in force at its end, less those of before that it takes back.

    No step is read and no checksum looked at; it is for a sentence.

    Args:
        file: at its :data:`MAGIC`.
    """
    steps, end = 0, os.fstat(file.fileno()).st_size
    if file.read(len(MAGIC)) != MAGIC:
        return 0
    while len(head := file.read(_HEAD.size)) == _HEAD.size:
        code, length, _ = _HEAD.unpack(head)
        kind = _KINDS.get(code)
        if kind is None or file.tell() + length > end:
            break
        steps += {"do": 1, "amend": 0, "undo": -1, "redo": 1}[kind]
        file.seek(length, os.SEEK_CUR)
    return steps


def read_records(data: bytes) -> Iterator[tuple[Kind, Step | None, int]]:
    """Yield each whole record of a file, with the position behind it.

    Stops at one that was cut off or is damaged; what lies behind it cannot be trusted.

    Raises:
        Damaged: it is no file of steps.
    """
    if not data.startswith(MAGIC):
        raise Damaged("it is no file of steps")
    at = len(MAGIC)
    while at + _HEAD.size <= len(data):
        code, length, checksum = _HEAD.unpack_from(data, at)
        payload = data[at + _HEAD.size : at + _HEAD.size + length]
        kind = _KINDS.get(code)
        if kind is None or len(payload) < length or zlib.crc32(code + payload) != checksum:
            return
        at += _HEAD.size + length
        yield kind, unpack_step(payload) if kind in _TOLD else None, at


def unpack_history(data: bytes, limit: int, shape: tuple[int, int] | None = None) -> History:
    """Return what :func:`pack_history` wrote.

    Whether a step can be made is known when its turn comes, and looked at then
    (:func:`~napari_corrclip.annotation.files.checking.apply_all`).

    Args:
        data: the file.
        limit: as of :class:`History`.
        shape: of the map that its steps are of; ``None``: of any.

    Raises:
        Damaged: it is something else, not whole, or of a map of another size.
    """
    history, end = History(limit), len(MAGIC)
    for kind, step, at in read_records(data):
        for change in () if step is None else step.changes:
            for name, patch in change.patches.items():
                check_patch(patch, name, shape)
        due(history, kind, step)
        follow(history, kind, step)
        end = at
    if end != len(data):
        raise Damaged("its history is cut off")
    return history


def due(history: History, kind: Kind, step: Step | None) -> Step:
    """Return the step that is to be applied to the state for a record, before :func:`follow`.

    Args:
        history: as it is.
        kind: of the record.
        step: of the record; ``None`` where the history knows it.

    Raises:
        Damaged: there is nothing to undo or redo.
    """
    if step is not None and kind in _TOLD:
        return step
    steps = history.done if kind == "undo" else history.undone
    if not steps:
        raise Damaged(f"there is nothing to {kind}")
    return steps[-1].inverse() if kind == "undo" else steps[-1]


def follow(history: History, kind: Kind, step: Step | None) -> None:
    """Do in ``history`` what a record says, when the step that was :func:`due` has been applied."""
    if kind in _TOLD:
        assert step is not None
        history.record(step) if kind == "do" else history.amend(step)
    elif kind == "undo":
        history.undo()
    else:
        history.redo()
