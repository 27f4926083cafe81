"""Tests of the folder that a lesson is kept in; its writers are processes, and some of them are killed."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from napari_corrclip.errors import InputError
from napari_corrclip.learning import Lesson, Sitting
from napari_corrclip.learning import store as of_lessons
from napari_corrclip.learning.files import pack_sitting, unpack_sitting
from napari_corrclip.learning.state import State
from napari_corrclip.learning.store import HEAD, SITTINGS, SWITCHES, LessonStore
from napari_corrclip.storage.files import write_bytes
from tests.learning.worlds import looked_at, opened, random_vectors

CLASSES = (1, 2, 3, 4)


def same_state(one: Lesson, other: Lesson) -> None:
    assert isinstance(one.state, State)
    assert isinstance(other.state, State)
    for name, value in vars(one.state).items():
        np.testing.assert_array_equal(value, getattr(other.state, name), err_msg=name)


def sitting_of(store: LessonStore, seed: int) -> Sitting:
    """Sit with a random image."""
    lesson = store.begun(CLASSES, random_vectors(seed, 12, len(CLASSES)))
    image = opened(lesson, f"image {seed}", seed, 12)
    return image.leave(looked_at(image, seed, 5))


def filled(folder: Path, count: int = 4) -> LessonStore:
    store = LessonStore(folder)
    for seed in range(count):
        store.finish(CLASSES, sitting_of(store, seed))
    return store


def test_a_lesson_is_the_same_when_it_is_opened_again(tmp_path: Path) -> None:
    store = filled(tmp_path / "lesson")
    again = LessonStore(tmp_path / "lesson")
    same_state(again.lesson(CLASSES), store.lesson(CLASSES))
    assert [sitting.number for sitting in again.sittings()] == [1, 2, 3, 4]
    assert [sitting.image for sitting in again.sittings("image 2")] == ["image 2"]
    assert again.lesson(CLASSES).verdicts == 20


def test_nothing_is_written_before_something_is_learnt(tmp_path: Path) -> None:
    store = LessonStore(tmp_path / "lesson")
    assert store.lesson(CLASSES).verdicts == 0
    assert not list(store.sittings())
    assert not (tmp_path / "lesson").exists()


def test_what_was_taken_back_is_as_though_it_had_never_been_said(tmp_path: Path) -> None:
    store = filled(tmp_path / "lesson")
    second = next(store.sittings("image 1"))
    gone = second.looks.ids[:2].tolist()
    lesson = store.finish(CLASSES, sitting_of(store, 9), {second.number: gone})
    kept = [
        sitting.without(gone) if sitting.number == second.number else sitting
        for sitting in sittings_of(filled(tmp_path / "other"))
    ]
    last = list(store.sittings())[-1]
    same_state(lesson, lesson.replayed([*kept, last]))
    assert lesson.verdicts == 23


def test_what_is_taken_back_of_many_is_folded_from_a_lesson_of_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(of_lessons, "_TOGETHER", 4)
    monkeypatch.setattr(of_lessons, "_KEPT", 2)
    store = filled(tmp_path / "lesson", 15)
    for number in (14, 9, 2, 15, 1):
        gone = {number: [int(next(_with(store, number)).looks.ids[0])]}
        lesson = store.finish(CLASSES, sitting_of(store, 50 + number), gone)
        assert len(store._earlier) <= 2 + 5
        same_state(lesson, lesson.replayed(store.sittings()))
        same_state(LessonStore(tmp_path / "lesson").lesson(CLASSES), lesson)


def test_a_file_that_is_written_anew_in_one_tick_of_the_clock_is_read_again(tmp_path: Path) -> None:
    store = filled(tmp_path / "lesson", 2)
    before = store.lesson(CLASSES)
    path = tmp_path / "lesson" / SITTINGS / "000002.safetensors"
    was = path.stat()
    sitting = list(store.sittings())[1]
    looks = sitting.looks
    other = np.where(looks.values == CLASSES[0], CLASSES[1], CLASSES[0]).astype(np.int32)
    write_bytes(path, pack_sitting(replace(sitting, looks=replace(looks, values=other))))
    os.utime(path, ns=(was.st_atime_ns, was.st_mtime_ns))
    assert path.stat().st_size == was.st_size
    now = store.lesson(CLASSES)
    same_state(now, before.replayed(store.sittings()))
    assert now.state is not None
    assert before.state is not None
    assert (now.state.residuals != before.state.residuals).any()


def test_sittings_stay_in_memory_up_to_a_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = Counter[int]()

    def counted(data: bytes) -> Sitting:
        sitting = unpack_sitting(data)
        read[sitting.number] += 1
        return sitting

    monkeypatch.setattr(of_lessons, "unpack_sitting", counted)
    filled(tmp_path / "lesson", 6)
    read.clear()
    store = LessonStore(tmp_path / "lesson")
    of_all = store.lesson(CLASSES)
    store.lesson(CLASSES[::-1])
    sizes = [sitting.nbytes for sitting in store.sittings()]
    same_state(store.lesson(CLASSES), of_all)
    assert read == dict.fromkeys(range(1, 7), 1)
    monkeypatch.setattr(of_lessons, "_MEMORY", sum(sizes[-2:]))
    small = LessonStore(tmp_path / "lesson")
    same_state(small.lesson(CLASSES), of_all)
    assert list(small._read_last) == [5, 6]
    assert small._held == sum(sizes[-2:])
    for _ in range(2):
        assert [sitting.number for sitting in small.sittings()] == [*range(1, 7)]
    assert small._held <= sum(sizes[-2:])
    assert read[1] == 4


def _with(store: LessonStore, number: int) -> Iterator[Sitting]:
    return (sitting for sitting in store.sittings() if sitting.number == number)


def sittings_of(store: LessonStore) -> list[Sitting]:
    return list(store.sittings())


def test_a_sitting_without_looks_is_not_kept(tmp_path: Path) -> None:
    store = filled(tmp_path / "lesson", 1)
    image = opened(store.lesson(CLASSES), "another", 5, 12)
    store.finish(CLASSES, image.leave([]))
    assert len(list(store.sittings())) == 1


def test_what_another_one_finished_is_learnt_too(tmp_path: Path) -> None:
    mine, yours = (LessonStore(tmp_path / "lesson") for _ in range(2))
    for seed in range(6):
        store = (mine, yours)[seed % 2]
        store.finish(CLASSES, sitting_of(store, seed))
    same_state(mine.lesson(CLASSES), yours.lesson(CLASSES))
    same_state(mine.lesson(CLASSES), LessonStore(tmp_path / "lesson").lesson(CLASSES))


def teach(folder: Path, seeds: range) -> None:
    store = LessonStore(folder)
    for seed in seeds:
        store.finish(CLASSES, sitting_of(store, seed))


def test_processes_finish_one_after_another(tmp_path: Path) -> None:
    folder, spawn = tmp_path / "lesson", multiprocessing.get_context("spawn")
    workers = [spawn.Process(target=teach, args=(folder, range(at, at + 8))) for at in (0, 10, 20)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(120)
        assert worker.exitcode == 0
    found = sittings_of(LessonStore(folder))
    assert [sitting.number for sitting in found] == list(range(1, 25))
    assert {sitting.image for sitting in found} == {
        f"image {seed}" for at in (0, 10, 20) for seed in range(at, at + 8)
    }


@pytest.mark.skipif(os.name != "posix", reason="kill -9 is POSIX's")
def test_who_is_killed_while_writing_leaves_a_whole_lesson(tmp_path: Path) -> None:
    folder, spawn = tmp_path / "lesson", multiprocessing.get_context("spawn")
    filled(folder, 1)
    worker = spawn.Process(target=teach, args=(folder, range(100, 100_000)))
    worker.start()
    until = time.monotonic() + 120
    for times in (3, 6, 10):
        while len(list((folder / SITTINGS).glob("0*"))) < times and time.monotonic() < until:
            time.sleep(0.001)
        assert worker.pid is not None
        os.kill(worker.pid, signal.SIGKILL)
        worker.join(60)
        store = LessonStore(folder)
        numbers = [sitting.number for sitting in store.sittings()]
        assert numbers == list(range(1, len(numbers) + 1))
        assert len(numbers) >= times
        lesson = store.lesson(CLASSES)
        same_state(lesson, lesson.replayed(store.sittings()))
        more = sitting_of(store, 7)
        assert store.finish(CLASSES, more).verdicts == lesson.verdicts + len(more.looks)
        if times < 10:
            start = 1000 * times
            worker = spawn.Process(target=teach, args=(folder, range(start, start + 10_000)))
            worker.start()


def test_other_words_bring_the_lesson_along(tmp_path: Path) -> None:
    store = filled(tmp_path / "lesson")
    expected = store.lesson(CLASSES).changed((1, 2, 3), sittings_of(store), {4: 2})
    same_state(store.merge((1, 2, 3), {4: 2}), expected)
    same_state(LessonStore(tmp_path / "lesson").lesson((1, 2, 3)), expected)
    assert store.lesson((1, 2, 3, 5)).classes == (1, 2, 3, 5)
    same_state(store.lesson((1, 2, 3)), expected)


def test_a_merging_that_another_one_notes_is_known_at_once(tmp_path: Path) -> None:
    mine = filled(tmp_path / "lesson")
    yours = LessonStore(tmp_path / "lesson")
    fewer = CLASSES[:-1]
    before = mine.lesson(fewer).verdicts
    merged = yours.merge(fewer, {CLASSES[-1]: CLASSES[0]})
    assert merged.verdicts > before
    same_state(mine.lesson(fewer), merged)


def test_a_number_that_is_given_again_is_that_of_another_image(tmp_path: Path) -> None:
    store = filled(tmp_path / "lesson")
    other = LessonStore(tmp_path / "lesson")
    assert len(list(other.sittings("image 3"))) == 1
    (tmp_path / "lesson" / SITTINGS / "000004.safetensors").unlink()  # somebody moved it away
    store.finish(CLASSES, sitting_of(store, 9))
    assert [sitting.number for sitting in other.sittings("image 9")] == [4]
    assert not list(other.sittings("image 3"))


def test_the_switch(tmp_path: Path) -> None:
    store = LessonStore(tmp_path / "lesson")
    assert store.switch == "on"
    for switch in SWITCHES:
        store.switch = switch
        assert LessonStore(tmp_path / "lesson").switch == switch
    with pytest.raises(InputError, match="say off, ask or on"):
        store.switch = "perhaps"  # type: ignore[assignment]
    (tmp_path / "lesson" / "switch").write_text("perhaps")
    with pytest.raises(InputError, match="write off, ask or on"):
        _ = store.switch


@pytest.mark.parametrize("name", [HEAD, f"{SITTINGS}/000002.safetensors"])
@pytest.mark.parametrize("damage", ["cut", "other", "gone"])
def test_damaged_files_are_told(tmp_path: Path, name: str, damage: str) -> None:
    filled(tmp_path / "lesson")
    path = tmp_path / "lesson" / name
    if damage == "cut":
        path.write_bytes(path.read_bytes()[:-7])
    elif damage == "other":
        path.write_bytes(b"{}")
    else:
        path.unlink()
    store = LessonStore(tmp_path / "lesson")
    if damage == "gone" and name != HEAD:
        assert store.lesson(CLASSES).verdicts == 15  # somebody moved it away
        return
    with pytest.raises(InputError, match=r"backup|move it away"):
        store.lesson(CLASSES)


def test_sittings_of_another_preset_are_told(tmp_path: Path) -> None:
    store = filled(tmp_path / "lesson")
    wide = random_vectors(3, 12, len(CLASSES), clip=9)
    own = wide.probabilities.astype(np.float32)
    image = Lesson.new(CLASSES).begun(wide).open("wide", wide, own, np.full(12, 1, np.int32))
    image.look(int(wide.ids[0]), 1, "accepted")
    before = store.lesson(CLASSES)
    with pytest.raises(InputError, match="other lengths"):
        store.finish(CLASSES, image.leave([]))
    same_state(LessonStore(tmp_path / "lesson").lesson(CLASSES), before)
