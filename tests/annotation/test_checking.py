"""Records with right checksums that say what cannot be: found out before anything is changed."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load, save

from napari_corrclip.annotation import Journal, Session, Source, restore
from napari_corrclip.annotation.change import Change, Seen, Step, Swap
from napari_corrclip.annotation.files.folder import HISTORY_FILE, STATE_FILE
from napari_corrclip.annotation.files.packing import Damaged, pack_step, unpack_step
from napari_corrclip.annotation.files.records import Kind, pack_history, pack_record
from napari_corrclip.annotation.region import Verdict
from napari_corrclip.annotation.runs import Patch
from napari_corrclip.annotation.state import State
from napari_corrclip.errors import InputError
from napari_corrclip.vocabulary import Vocabulary
from tests.annotation.images import small_result
from tests.annotation.seen import Seen as Looks
from tests.annotation.seen import one_sentence

DOG = 2


def new_session() -> Session:
    session = Session(*small_result())
    session.assign([3, 4], "dog")
    session.paint(([0, 1], [9, 9]), "sky")
    return session


def pixel(name: str, value: int) -> Callable[[State], Change]:
    """One pixel of a map becomes ``value``."""

    def change(state: State) -> Change:
        old = np.array([state._map(name)[9, 9]], np.int32)  # type: ignore[arg-type]
        one = np.array([1], np.int64)
        new = np.array([value], np.int32)
        return Change({name: Patch((9, 9, 10, 10), one - 1, one, old, new)})  # type: ignore[dict-item]

    return change


def runs(
    start: list[int], length: list[int], box: tuple[int, int, int, int] = (0, 0, 24, 32)
) -> Callable[[State], Change]:
    """Runs of the pins, painted as the first class."""

    def change(_: State) -> Change:
        values = np.full(len(start), -1, np.int32)
        at, pixels = np.array(start, np.int64), np.array(length, np.int64)
        return Change({"pins": Patch(box, at, pixels, values, values + 2)})

    return change


def decided(region: int, value: int, kind: str = "assigned") -> Callable[[State], Change]:
    return lambda state: Change(
        verdicts={region: Swap(state.verdicts.get(region), Verdict(kind, value))}  # type: ignore[arg-type]
    )


def words(
    change: Callable[[Vocabulary], Vocabulary], columns: int | None = None
) -> Callable[[State], Change]:
    """Other classes, with probabilities of so many columns, or without."""

    def made(state: State) -> Change:
        former = state.evidence.probabilities
        found = None if columns is None else np.zeros((len(former), columns), np.float32)
        return Change(
            vocabulary=Swap(state.vocabulary, change(state.vocabulary)),
            probabilities=None if found is None else Swap(former, found),
        )

    return made


def chances(change: Callable[[np.ndarray], np.ndarray]) -> Callable[[State], Change]:
    def made(state: State) -> Change:
        former = state.evidence.probabilities
        return Change(probabilities=Swap(former, change(former)))

    return made


def gone(state: State) -> Change:
    """A region is given away, and its verdict stays."""
    old = np.array(state.regions)
    return Change({"regions": Patch.between(old, np.where(old == 3, 5, old), state.full)})  # type: ignore[dict-item]


CANNOT_BE: dict[str, Callable[[State], Change]] = {
    "a negative id": pixel("regions", -7),
    "a prediction of no class": pixel("prediction", 999),
    "a negative prediction": pixel("prediction", -2),
    "a prediction above uint16": pixel("prediction", 70_000),
    "a number that has no probabilities": pixel("numbers", 4000),
    "a negative number": pixel("numbers", -1),
    "a pin of no class": pixel("pins", 777),
    "a pin above uint16": pixel("pins", 70_000),
    "a pin below none": pixel("pins", -2),
    "a box outside the map": runs([0], [1], (0, 0, 25, 33)),
    "a box without pixels": runs([0], [1], (4, 4, 4, 8)),
    "a box far away": runs([2**62], [1], (0, 0, 2**62, 2**62)),
    "a run before the box": runs([-1], [1]),
    "a run behind the box": runs([24 * 32], [1]),
    "a run into the next row": runs([30], [4]),
    "a run without pixels": runs([3], [0]),
    "a run that overflows": runs([2**63 - 1], [1]),
    "a run of all there is": runs([0], [2**63 - 1]),
    "runs over each other": runs([3, 4], [2, 2]),
    "runs backwards": runs([9, 3], [1, 1]),
    "no run": runs([], []),
    "a verdict of no class": decided(1, 999),
    "a verdict of a negative class": decided(1, -1),
    "a verdict on no region": decided(12345, 1),
    "a verdict on region 0": decided(0, 1),
    "a verdict on a negative region": decided(-4, 1),
    "a verdict on a region that goes": gone,
    "a verdict where there was another": lambda state: Change(
        verdicts={3: Swap(None, Verdict("ignored", 0))}
    ),
    "a voting where there was another": lambda state: Change(votings={3: Swap("mean", None)}),
    "a voting of a negative region": lambda state: Change(votings={-3: Swap(None, "mean")}),
    "another default voting than there was": lambda state: Change(voting=Swap("mean", "pixels")),
    "NaN": chances(lambda former: np.full_like(former, np.nan)),
    "infinite": chances(lambda former: np.full_like(former, np.inf)),
    "above 1": chances(lambda former: former + 2),
    "below 0": chances(lambda former: former - 2),
    "other columns": chances(lambda former: np.zeros((len(former), 9), np.float32)),
    "too few rows": chances(lambda former: former[:-1]),
    "no row": chances(lambda former: former[:0]),
    "other probabilities than there were": lambda state: Change(
        probabilities=Swap(state.evidence.probabilities / 2, state.evidence.probabilities)
    ),
    "a class more, without probabilities": words(lambda known: known.add("ox")),
    "a class more, with those of before": words(lambda known: known.add("ox"), 3),
    "a class less that is predicted, decided and painted": words(
        lambda known: known.remove("dog"), 2
    ),
    "another order, without probabilities": words(
        lambda known: known.reorder(("sky", "dog", "cat"))
    ),
    "other classes than there were": lambda state: Change(
        vocabulary=Swap(state.vocabulary.rename("cat", "lion"), state.vocabulary)
    ),
    "a checksum that is none": lambda state: Change(
        image=Swap(Seen("", None), Seen("x" * 2000, None))
    ),
}


@pytest.mark.parametrize("change", CANNOT_BE.values(), ids=CANNOT_BE)
def test_what_cannot_be_is_left_out_and_told(
    tmp_path: Path, change: Callable[[State], Change]
) -> None:
    session = new_session()
    evil = Step("Evil", (decided(7, DOG)(session.state), change(session.state)))
    before = Looks(session)
    with Journal(session, tmp_path / "journal"):
        pass
    append(tmp_path / "journal", ("do", evil), ("do", Step("Fine", evil.changes[:1])))
    found = restore(tmp_path / "journal")
    (note,) = found.notes
    assert one_sentence(note)
    assert "what was done before that is here" in note
    Looks(found).same(before)
    assert [step.title for step in found.history.done] == [
        step.title for step in session.history.done
    ]
    found.save(tmp_path / "saved")
    Looks(Session.load(tmp_path / "saved")).same(before)
    for of in (session, found):
        with pytest.raises(InputError, match="cannot be made") as told:
            of.repeat(evil)
        assert one_sentence(str(told.value))
        Looks(of).same(before)
    not_undone(tmp_path, evil, before)


def not_undone(folder: Path, evil: Step, before: Looks) -> None:
    """A history that holds it is refused, or else the step is, when its turn comes."""
    session = new_session()
    session.history.done.append(evil.inverse())
    session.history.undone.append(evil)
    folder = folder / "history"
    new_session().save(folder)
    (folder / HISTORY_FILE).write_bytes(pack_history(session.history))
    try:
        found = Session.load(folder)
    except InputError as error:
        assert one_sentence(str(error)), str(error)  # noqa: PT017
        return
    steps = found.history.done[:], found.history.undone[:]
    for move in (found.undo, found.redo):
        with pytest.raises(InputError, match="cannot be") as told:
            move()
        assert one_sentence(str(told.value))
        Looks(found).same(before)
        assert (found.history.done, found.history.undone) == steps
    found.assign(1, "cat")


def append(folder: Path, *records: tuple[Kind, Step]) -> None:
    (path,) = folder.glob("journal-*.bin")
    path.write_bytes(path.read_bytes() + b"".join(pack_record(*record) for record in records))


@pytest.mark.parametrize("kind", ["undo", "redo"])
def test_a_record_that_takes_back_what_was_not_done_is_told(tmp_path: Path, kind: Kind) -> None:
    session = Session(*small_result())
    with Journal(session, tmp_path):
        session.assign(1, "cat")
    before = Looks(session)
    append(tmp_path, *[(kind, session.history.done[0])] * 3)
    found = restore(tmp_path)
    assert f"there is nothing to {kind}" in found.notes[0]
    if kind == "redo":
        Looks(found).same(before)
    else:
        Looks(found).same(Looks(Session(*small_result())))
        found.redo()
        Looks(found).same(before)


DEEP = "[" * 50_000 + "]" * 50_000
TEXTS = {
    "deep": DEEP,
    "deep, and yet read": "[" * 300 + "]" * 300,
    "NaN": '{"seconds": {"a": NaN}, "classes": ["a"], "origin": "", "threshold": NaN, "size": NaN}',
    "infinite": '{"seconds": {"a": 1e999}, "classes": ["a"], "origin": "", "size": 1e999, "x": 1e999}',
    "a number of many digits": "9" * 5000,
    "a list": "[1]",
    "nothing": "",
    "half a letter": '{"classes": ["\\ud800"], "origin": "", "path": 3}',
}


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
@pytest.mark.parametrize("key", ["vocabulary", "provenance", "source", "voting", "format"])
def test_texts_of_a_session_that_cannot_be(tmp_path: Path, key: str, text: str) -> None:
    path = written(tmp_path)
    with_texts(path, {key: text})
    if key == "provenance" and text == TEXTS["half a letter"]:
        return  # unknown keys of it are left out
    with pytest.raises(InputError) as told:
        Session.load(tmp_path)
    assert one_sentence(str(told.value)), str(told.value)
    assert len(str(told.value)) < 700


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_texts_of_a_step_that_cannot_be(text: str) -> None:
    session = new_session()
    session.set_vocabulary(session.vocabulary.add("ox"))
    session.rerun(small_result(words="cat, dog, sky, ox", seed=1)[0])
    for step, key in zip(session.history.done[-2:], ("vocabulary", "provenance"), strict=True):
        data = pack_step(step)
        names = [name for name in texts_of(data) if f".{key}." in name]
        assert names
        if key == "provenance" and text == TEXTS["half a letter"]:
            continue
        for name in (*names, "changes"):
            with pytest.raises(Damaged) as told:
                unpack_step(repacked(data, {name: text}))
            assert "\n" not in str(told.value)


def texts_of(data: bytes) -> dict[str, str]:
    import json

    found: dict[str, str] = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])[
        "__metadata__"
    ]
    return found


def repacked(data: bytes, texts: dict[str, str], **arrays: np.ndarray) -> bytes:
    kept = {name: np.array(array) for name, array in load(data).items()}
    return bytes(save({**kept, **arrays}, {**texts_of(data), **texts}))


def written(folder: Path) -> Path:
    session = new_session()
    session.source = Source("/an/image.tif", 4, 7, crop=(0, 0, 24, 32))
    session.save(folder)
    return folder / STATE_FILE


def with_texts(path: Path, texts: dict[str, str], **arrays: np.ndarray) -> None:
    path.write_bytes(repacked(path.read_bytes(), texts, **arrays))


@pytest.mark.parametrize(
    "header",
    [
        (2**63).to_bytes(8, "little") + b"{}",
        (2**64 - 1).to_bytes(8, "little") + b"{}",
        (10**8).to_bytes(8, "little") + b"{}",
        b"\2\0\0\0\0\0\0\0{}",
        *(
            len(text).to_bytes(8, "little") + text
            for text in (
                DEEP.encode(),
                b'{"regions":{"dtype":"I32","shape":[4611686018427387904,4],"data_offsets":[0,0]}}',
                b'{"regions":{"dtype":"I32","shape":[0,4611686018427387904],"data_offsets":[0,0]}}',
                b'{"regions":{"dtype":"I32","shape":[-1],"data_offsets":[0,0]}}',
                b'{"__metadata__":null}',
                b'{"__metadata__":{"format":"napari-corrclip session 1"}}',
            )
        ),
    ],
    ids=range(10),
)
def test_headers_that_claim_what_is_not_there(tmp_path: Path, header: bytes) -> None:
    written(tmp_path).write_bytes(header)
    with pytest.raises(InputError) as told:
        Session.load(tmp_path)
    assert one_sentence(str(told.value))
    with pytest.raises(Damaged):
        unpack_step(header)


def test_arrays_of_a_session_that_cannot_be(tmp_path: Path) -> None:
    kept = written(tmp_path).read_bytes()
    arrays = load(kept)
    chances = np.array(arrays["probabilities"])
    wrong = {
        "regions": [np.zeros((0, 0), np.int32), np.zeros((24, 32), np.int64), -arrays["regions"]],
        "prediction": [arrays["prediction"][:4], arrays["prediction"] + np.uint16(7)],
        "numbers": [arrays["numbers"] + 1000, -arrays["numbers"]],
        "probabilities": [chances[:, :2], chances[:3], chances + 4, chances * np.nan],
        "verdicts": [np.full((1, 7), 2**62), np.full((2, 6), 1), np.full((1, 7), -1)],
        "votings": [np.full((1, 3), 9), np.full((1, 3), -1)],
        "pins.start": [arrays["pins.start"] + 2**62, arrays["pins.start"] - 1],
        "pins.box": [np.array([0, 0, 2**62, 2**62]), np.array([0, 0, 25, 32]), np.array([1, 2])],
        "pins.new": [np.full(len(arrays["pins.new"]), 9, np.int32)],
    }
    for name, others in wrong.items():
        for other in others:
            path = tmp_path / STATE_FILE
            path.write_bytes(repacked(kept, {}, **{name: np.ascontiguousarray(other)}))
            with pytest.raises(InputError, match="damaged") as told:
                Session.load(tmp_path)
            assert one_sentence(str(told.value))


def test_a_history_of_another_image_is_found_out_at_once(tmp_path: Path) -> None:
    session = new_session()
    other = Session(*small_result((48, 64)))
    other.paint(np.ones((48, 64), bool), "cat")
    session.save(tmp_path)
    (tmp_path / HISTORY_FILE).write_bytes(pack_history(other.history))
    with pytest.raises(InputError, match="outside the map"):
        Session.load(tmp_path)


@pytest.mark.parametrize("digits", [19, 5000])
def test_a_file_that_continues_what_cannot_be(tmp_path: Path, digits: int) -> None:
    session = new_session()
    with Journal(session, tmp_path):
        session.assign(1, "cat")
    (path,) = tmp_path.glob("journal-*.bin")
    head = b"continues %s 3\n" % (b"9" * digits)
    path.with_name("journal-9.bin").write_bytes(head + path.read_bytes())
    Looks(restore(tmp_path)).same(Looks(session))


def test_a_pipe_among_the_records_is_told_and_not_read(tmp_path: Path) -> None:
    session = new_session()
    with Journal(session, tmp_path):
        session.assign(1, "cat")
    os.mkfifo(tmp_path / "journal-9.bin")
    found = restore(tmp_path)
    assert "pipe" in found.notes[0]
    assert one_sentence(found.notes[0])
    Looks(found).same(Looks(session))


def test_a_result_of_numbers_that_are_no_probabilities_is_no_session() -> None:
    result, _ = small_result()
    wrong = result.region_probabilities * 3
    with pytest.raises(InputError, match="not numbers from 0 to 1") as told:
        Session(replace(result, region_probabilities=wrong))
    assert one_sentence(str(told.value))
