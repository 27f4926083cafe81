"""A file of steps that is only ever appended to: what was done, undone and redone, in order.

Each record has its length and a checksum, so that one that was cut off by a crash is known as such.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from typing import Literal

from napari_corrclip.annotation.change import Step
from napari_corrclip.annotation.history import History
from napari_corrclip.annotation.packing import Damaged, pack_step, unpack_step

Kind = Literal["do", "amend", "undo", "redo"]

MAGIC = b"napari-corrclip steps 1\n"
_KINDS: dict[bytes, Kind] = {b"d": "do", b"a": "amend", b"u": "undo", b"r": "redo"}
_CODES: dict[Kind, bytes] = {kind: code for code, kind in _KINDS.items()}
_TOLD: tuple[Kind, ...] = ("do", "amend")
_HEAD = struct.Struct("<cII")


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


def unpack_history(data: bytes, limit: int) -> History:
    """Return what :func:`pack_history` wrote.

    Raises:
        Damaged: it is something else, or not whole.
    """
    history, end = History(limit), len(MAGIC)
    for kind, step, at in read_records(data):
        follow(history, kind, step)
        end = at
    if end != len(data):
        raise Damaged("its history is cut off")
    return history


def follow(history: History, kind: Kind, step: Step | None) -> Step:
    """Do in ``history`` what a record says and return the step to be applied for it.

    Raises:
        Damaged: there is nothing to undo or redo.
    """
    if kind == "do":
        assert step is not None
        history.record(step)
        return step
    if kind == "amend":
        assert step is not None
        history.amend(step)
        return step
    found = history.undo() if kind == "undo" else history.redo()
    if found is None:
        raise Damaged(f"there is nothing to {kind}")
    return found.inverse() if kind == "undo" else found
