"""Sessions and journals that somebody has changed by hand, read by whoever trusts nobody.

python -m tests.annotation.mutated --times 2000
"""

from __future__ import annotations

import argparse
import json
import random
import re
import shutil
import struct
import tempfile
import warnings
import zlib
from collections import Counter
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load, save

from napari_corrclip.annotation import Journal, Session, Source, restore
from napari_corrclip.errors import InputError
from tests.annotation.random_edits import edit
from tests.annotation.seen import Seen
from tests.annotation.worlds import random_image, random_lesson, random_result, random_vocabulary

FORMATS = ("session.safetensors", "history.bin", "journal")
MAGIC = b"napari-corrclip steps 1\n"
HEAD = struct.Struct("<cII")
SHAPE = (12, 16)

NUMBERS = (0, 1, -1, 2, 7, -7, 255, 256, 999, 65535, 65536, 70000, 2**31 - 1, -(2**31), 2**62)
HUGE = (2**63 - 1, -(2**63))
JSON = (
    '{"a": ' * 900 + "1" + "}" * 900,
    "[" * 100_000,
    '{"classes": NaN}',
    "1e999",
    "null",
    '"x"',
    "[]",
    "{}",
    "9" * 5000,
    '{"classes": {"\\ud800": "cat"}, "origin": ""}',
)


def write_base(folder: Path, seed: int = 0) -> None:
    """Write the session and the journal that are changed."""
    random_ = np.random.default_rng(seed)
    words = random_vocabulary(random_)
    session = Session(random_result(random_, words, SHAPE), random_image(random_, SHAPE))
    session.source = Source(str(folder / "image.tif"), 5, 7, crop=(0, 0, *SHAPE))
    with Journal(session, folder / "journal"):
        for number in range(14):
            edit(session, seed, number)
        session.rerun(
            random_result(random_, session.vocabulary, SHAPE), image=random_image(random_, SHAPE)
        )
        session.assign(session.ids[:2], session.vocabulary.values[0])
        session.merge(session.ids[:2])
        for seed_ in (1, 2):
            session.teach(random_lesson(np.random.default_rng(seed_), session))
        session.refine(random_result(random_, session.vocabulary, SHAPE, np.array(session.regions)))
        session.undo()
    session.save(folder / "session")


# -- what is done to a file


def bytes_changed(pick: random.Random, data: bytes) -> bytes:
    """Some bytes others, gone, doubled or new."""
    changed = bytearray(data)
    for _ in range(pick.choice((1, 1, 2, 8))):
        at = pick.randrange(len(changed) + 1)
        end = min(len(changed), at + pick.choice((1, 1, 4, 8, 200)))
        kind = pick.randrange(5)
        if kind == 0 and at < len(changed):
            changed[at] ^= 1 << pick.randrange(8)
        elif kind == 1:
            changed[at:end] = bytes(pick.choice((0, 255)) for _ in range(end - at))
        elif kind == 2:
            del changed[at:end]
        elif kind == 3:
            changed[at:at] = changed[at:end]
        else:
            changed[at:at] = pick.randbytes(end - at)
    return bytes(changed)


def header_changed(pick: random.Random, data: bytes) -> bytes:
    """A header that claims another size, shape, place or type of an array."""
    length = int.from_bytes(data[:8], "little")
    header = data[8 : 8 + length]
    if pick.random() < 0.2:
        return pick.choice(NUMBERS + HUGE).to_bytes(8, "little", signed=True) + data[8:]
    try:
        document = json.loads(header)
        name = pick.choice([one for one in document if one != "__metadata__"])
    except (ValueError, IndexError):
        return data
    entry = document[name]
    kind = pick.choice(("shape", "data_offsets", "dtype", "deep", "gone"))
    if kind == "dtype":
        entry["dtype"] = pick.choice(("F16", "BF16", "F64", "U8", "I64", "BOOL", "F8_E4M3", "C64"))
    elif kind == "deep":
        document[name] = "DEEP"
    elif kind == "gone":
        del document[name]
    else:
        entry[kind] = [pick.choice((*NUMBERS, *HUGE, 2**64)) for _ in entry[kind]]
        if pick.random() < 0.3:
            entry[kind] = [0, 2**62]
    text = json.dumps(document).replace('"DEEP"', "[" * 5000 + "]" * 5000)
    return len(text).to_bytes(8, "little") + text.encode() + data[8 + length :]


def contents_changed(pick: random.Random, data: bytes) -> bytes:
    """Arrays and texts that are whole and say something else."""
    arrays = {name: np.array(array) for name, array in load(data).items()}
    length = int.from_bytes(data[:8], "little")
    texts: dict[str, str] = json.loads(data[8 : 8 + length]).get("__metadata__") or {}
    for _ in range(pick.choice((1, 1, 2, 3))):
        if texts and pick.random() < 0.35:
            key = pick.choice(sorted(texts))
            texts[key] = text_changed(pick, texts[key])
        elif arrays:
            name = pick.choice(sorted(arrays))
            found = array_changed(pick, arrays[name])
            if found is None:
                del arrays[name]
            else:
                arrays[name] = np.ascontiguousarray(found)
    return bytes(save(arrays, texts))


def text_changed(pick: random.Random, text: str) -> str:
    kind = pick.randrange(5)
    if kind == 0:
        return pick.choice(JSON)
    if kind == 1:  # a number in it is another
        value = pick.choice(
            ("NaN", "Infinity", "1e999", "-1", "0", "65536", "1" * 400, "true", "[]")
        )
        return re.sub(r"\d+(\.\d+)?", value, text, count=pick.choice((0, 1)))
    if kind == 2:  # a text in it
        value = pick.choice(('"\\ud800"', '""', "[[]]", "null"))
        return re.sub(r'"[^"]*"', lambda _: value, text, count=1)
    if kind == 3:
        return text[: pick.randrange(len(text) + 1)]
    return pick.choice(("", "0", "-1", "1000000000", "é", "\0", "x" * 3000))


def array_changed(pick: random.Random, array: np.ndarray) -> np.ndarray | None:
    kind = pick.randrange(8)
    if kind == 0:
        return None
    if kind == 1:
        return array[:-1] if len(array.shape) and len(array) else array
    if kind == 2:
        return np.concatenate([array, array]) if array.ndim else array
    if kind == 3:
        return array.astype(pick.choice((np.int64, np.int32, np.uint16, np.float32, np.float64)))
    if kind == 4:
        return array.reshape(-1)
    changed = array.copy()
    flat = changed.reshape(-1)
    if not flat.size:
        return changed
    at = pick.randrange(flat.size)
    if np.issubdtype(array.dtype, np.floating):
        flat[at] = pick.choice((np.nan, np.inf, -1.0, 2.0, 3e38))
    else:
        value = pick.choice((*NUMBERS, *HUGE, int(flat[at]) + 1, int(flat[at]) - 1))
        flat[at] = np.int64(value).astype(array.dtype)
        if kind == 7:
            flat[:] = flat[at]
    return changed


def records_changed(pick: random.Random, data: bytes) -> bytes:
    """Records with right checksums: others inside, in another order, too many or too few."""
    start = data.index(MAGIC) + len(MAGIC) if MAGIC in data else 0
    at, records = start, []
    while at + HEAD.size <= len(data):
        code, length, _ = HEAD.unpack_from(data, at)
        records.append((code, data[at + HEAD.size : at + HEAD.size + length]))
        at += HEAD.size + length
    for _ in range(pick.choice((1, 1, 2))):
        if not records:
            break
        place = pick.randrange(len(records))
        code, payload = records[place]
        kind = pick.randrange(7)
        if payload and kind < 4:
            work = pick.choice((contents_changed, contents_changed, header_changed, bytes_changed))
            try:
                records[place] = code, work(pick, payload)
            except Exception:  # of the one that changes it a second time
                records[place] = code, payload[:-3]
        elif kind == 4:
            del records[place]
        elif kind == 5:
            records.insert(pick.randrange(len(records) + 1), records[place])
        else:
            records.insert(place, (pick.choice((b"u", b"r", b"a", b"d", b"x")), payload))
    packed = [
        HEAD.pack(code, len(payload), zlib.crc32(code + payload)) + payload
        for code, payload in records
    ]
    return data[:start] + b"".join(packed)


def changed(pick: random.Random, form: str, data: bytes) -> bytes:
    """Return what ``data``, a file of a format, is after somebody had their hands on it."""
    if pick.random() < 0.2:
        return bytes_changed(pick, data)
    if form != "session.safetensors":
        return records_changed(pick, data)
    return pick.choice((contents_changed, contents_changed, header_changed))(pick, data)


# -- what must be true then


def read(base: Path, form: str, seed: int, moves: int = 100) -> str:
    """Change a file by ``seed`` and read it; return what came of it.

    So many ``moves`` are undone and redone.

    Raises:
        AssertionError: neither a refusal of one sentence, nor a session that works.
    """
    pick = random.Random(seed)
    with tempfile.TemporaryDirectory() as folder:
        here = Path(folder)
        if form == "journal":
            shutil.copytree(base / "journal", here / "journal")
            path = pick.choice(sorted(here.glob("journal/journal-*.bin")))
            open_: Callable[[Path], Session] = lambda place: restore(place / "journal")  # noqa: E731
        else:
            shutil.copytree(base / "session", here / "session")
            path = here / "session" / form
            open_ = lambda place: Session.load(place / "session")  # noqa: E731
        path.write_bytes(changed(pick, form, path.read_bytes()))
        refused = ""
        try:
            session = open_(here)
        except InputError as error:
            refused = str(error)
        if refused:
            assert "\n" not in refused, refused
            assert refused.endswith("."), refused
            assert len(refused) < 1200, refused[:300]
            return "refused"
        for note in session.notes:
            assert note.endswith("."), note
        works(session, here, moves)
        return "read, with a note" if session.notes else "read"


def works(session: Session, folder: Path, moves: int) -> None:
    """Assert that all can be read, saved and loaded, and undone and redone or refused."""
    look(session)
    session.save(folder / "saved")
    Seen(Session.load(folder / "saved")).same(Seen(session))
    for move in (session.undo, session.redo):
        for _ in range(moves):
            before, steps = Seen(session), len(session.history.done)
            refused = ""
            try:
                if not move():
                    break
            except InputError as error:
                refused = str(error)
            if refused:
                assert "cannot be" in refused, refused
                Seen(session).same(before)
                assert len(session.history.done) == steps
                break
            look(session)
    session.save(folder / "again")
    Seen(Session.load(folder / "again")).same(Seen(session))
    if len(session.ids):
        session.ignore(session.ids[:1])


def look(session: Session) -> None:
    assert session.table is not None
    assert int(session.labels.sum()) >= 0
    assert session.regions.min() >= 0
    _ = session.provenance.to_document(), session.vocabulary.names


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=2000, help="of each format")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    warnings.simplefilter("error")
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder)
        write_base(base)
        for form in FORMATS:
            came: Counter[str] = Counter()
            for seed in range(options.seed, options.seed + options.times):
                try:
                    came[read(base, form, seed)] += 1
                except Exception as error:
                    came["WRONG"] += 1
                    print(f"{form} {seed}: {type(error).__name__}: {str(error)[:200]}", flush=True)
            said: list[Any] = [f"{count} {what}" for what, count in sorted(came.items())]
            print(f"{form}: {', '.join(said)}; {date.today()}", flush=True)


if __name__ == "__main__":
    main()
