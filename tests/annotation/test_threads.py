"""A session in several threads: edits, records and signals are one, in order, and nobody waits for ever."""

from __future__ import annotations

import random
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_corrclip.annotation import Draft, Journal, Queue, Session, restore
from napari_corrclip.annotation.change import Step
from napari_corrclip.annotation.timeline import Timeline
from napari_corrclip.errors import InputError
from napari_corrclip.results.segmentation import Segmentation, segmentation_from_probabilities
from napari_corrclip.vocabulary import Vocabulary
from tests.annotation.images import small_result
from tests.annotation.random_edits import SHAPE, digest, edit, look, new_session, recounted
from tests.full_disk import files_of_at_most

WAIT = 30


@pytest.fixture(autouse=True)
def _impatient() -> Iterator[None]:
    """Threads take turns as often as they can."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(interval)


class Beside(threading.Thread):
    """A thread whose failure fails the test."""

    def __init__(self, work: Callable[[], object]) -> None:
        super().__init__(daemon=True)
        self._work = work
        self.failure: BaseException | None = None
        self.start()

    def run(self) -> None:
        try:
            self._work()
        except BaseException as error:
            self.failure = error

    def end(self) -> None:
        self.join(WAIT)
        assert not self.is_alive(), "it waits for ever"
        if self.failure is not None:
            raise self.failure


def together(*works: Callable[[], object]) -> None:
    threads = [Beside(work) for work in works]
    for thread in threads:
        thread.end()


@pytest.mark.parametrize("seed", range(2))
def test_edits_records_and_signals_are_in_one_order(tmp_path: Path, seed: int) -> None:
    session = new_session(seed)
    first = digest(session)
    told: list[tuple[str, Any]] = []
    session.recorded.connect(lambda kind, step: told.append((kind, step)))
    session.changed.connect(lambda changed: told.append(("changed", changed)))
    with Journal(session, tmp_path, records=20):
        follower = new_session(seed)  # edits as it is told to

        def work(number: int) -> None:
            for at in range(25):
                edit(session, 1000 * seed + number, at)
                if at % 8 == 5:
                    draft = Draft.make(session, lambda copy: copy.accept(copy.ids[:2]))
                    draft.take()

        together(*(lambda number=number: work(number) for number in range(2)))
        assert digest(restore(tmp_path)) == digest(session)
    recounted(session)
    # Each record is followed by what it changed, and whoever repeats the records has the session.
    kinds = [kind for kind, _ in told]
    assert kinds[1::2] == ["changed"] * (len(told) // 2)
    assert "changed" not in kinds[::2]
    for kind, what in told[::2]:
        follower.repeat(what) if kind == "do" else getattr(follower, kind)()
    np.testing.assert_array_equal(follower.labels, session.labels)
    np.testing.assert_array_equal(follower.regions, session.regions)
    while session.undo():
        pass
    session.history.undone.clear()
    assert digest(session) == first


def test_what_is_read_belongs_together() -> None:
    session = new_session(0)
    session.assign([1, 2], session.vocabulary.names[0])  # who reads first sees one class, too
    ends = threading.Event()

    def write() -> None:
        for number in range(30):
            with session.step("Both"):
                session.assign([1, 2], session.vocabulary.names[number % 3])
            session.merge([1, 2])
            session.undo()
        ends.set()

    def read() -> None:
        while not ends.is_set():
            for row in session.rows():
                assert row.area > 0
            table = session.table
            said = table.set_index("id")["label"]
            assert 2 not in said.index or said[1] == said[2]
            with session.locked():
                labels, rows = session.labels.copy(), session.rows()
                for row in rows[:3]:
                    assert np.unique(labels[session.regions == row.id]).tolist() == [row.value]
                assert session.ids.tolist() == [row.id for row in rows]
            session.neighbours(5)
            session.patch_of(5)

    together(write, read)


def test_a_saved_session_is_one_that_there_was(tmp_path: Path) -> None:
    session = new_session(0)
    ends = threading.Event()

    def write() -> None:
        for number in range(30):
            edit(session, 5, number)
        ends.set()

    def save() -> None:
        number = 0
        while not ends.is_set() or not number:
            session.save(tmp_path / str(number))
            loaded = Session.load(tmp_path / str(number))
            while loaded.undo():
                pass
            np.testing.assert_array_equal(loaded.labels, new_session(0).labels)
            number += 1

    together(write, save)


def test_another_thread_waits_until_a_step_is_whole(tmp_path: Path) -> None:
    session = new_session(0)
    inside, tried = threading.Event(), threading.Event()

    def other() -> None:
        assert inside.wait(WAIT)
        tried.set()
        session.undo()
        session.save(tmp_path / "saved")
        session.assign(3, "dog")

    thread = Beside(other)
    with session.step("Slowly"):
        session.assign(1, "sky")
        inside.set()
        assert tried.wait(WAIT)
        session.assign(2, "sky")
        assert thread.is_alive()
    thread.end()
    assert session.region(1).verdict is None
    assert [step.title for step in session.history.done[:1]] == ["Slowly"]


@pytest.mark.parametrize("ask", ["edit", "step", "read", "draft", "save", "undo"])
def test_a_listener_may_wait_for_another_thread(tmp_path: Path, ask: str) -> None:
    session = new_session(0)
    session.assign(9, "dog")
    act = {
        "edit": lambda: session.assign(5, "sky"),
        "step": lambda: several(session),
        "read": lambda: (session.table, session.labels.sum(), session.neighbours(3)),
        "draft": lambda: Draft.make(session, lambda copy: copy.assign(5, "sky")).take(),
        "save": lambda: session.save(tmp_path / "saved"),
        "undo": session.undo,
    }[ask]
    heard: list[str] = []

    def wait(*_: object) -> None:
        session.changed.disconnect(wait)
        together(act)
        heard.append("waited")

    with Journal(session, tmp_path / "journal"):
        session.changed.connect(wait)
        session.changed.connect(lambda _: heard.append("changed"))
        session.merge([1, 2])
        assert heard[0] == "waited"
        # What the other thread did is told afterwards, in order.
        assert heard[1:] == ["changed"] * (1 if ask in ("read", "save") else 2)
        assert digest(restore(tmp_path / "journal")) == digest(session)


def several(session: Session) -> None:
    with session.step("Several"):
        session.assign(5, "sky")
        session.assign(6, "dog")


def test_a_listener_that_edits_is_told_of_in_order(tmp_path: Path) -> None:
    session = new_session(0)
    titles: list[str] = []

    def answer(kind: str, step: Step) -> None:
        if len(session.history.done) < 4:
            session.assign(len(session.history.done), "sky")

    session.recorded.connect(answer)
    with Journal(
        session, tmp_path
    ):  # which comes after the listener, and hears it in order all the same
        session.recorded.connect(lambda _, step: titles.append(step.title))
        session.merge([5, 6])
        assert titles == [step.title for step in session.history.done]
        assert len(titles) == 4
        assert digest(restore(tmp_path)) == digest(session)


def test_who_only_reads_calls_no_listener(monkeypatch: pytest.MonkeyPatch) -> None:
    session = new_session(0)
    heard: list[tuple[str, threading.Thread]] = []
    session.recorded.connect(lambda kind, _: heard.append((kind, threading.current_thread())))
    session.changed.connect(lambda _: heard.append(("changed", threading.current_thread())))
    seen: list[object] = []
    tell_all = Timeline._tell_all

    def read() -> None:
        with session.locked():
            seen.append(session.region(1).verdict)

    def late(self: Timeline) -> None:
        """Let another thread read between an edit and its signals."""
        if threading.current_thread() is here:
            together(read)
        tell_all(self)

    here = threading.current_thread()
    monkeypatch.setattr(Timeline, "_tell_all", late)
    session.assign(1, "sky")
    session.undo()
    session.redo()
    assert heard == [(kind, here) for one in ("do", "undo", "redo") for kind in (one, "changed")]
    assert [verdict is None for verdict in seen] == [False, True, False]


def test_one_session_may_have_two_journals_and_lose_one_beside_edits(tmp_path: Path) -> None:
    session = new_session(0)
    with Journal(session, tmp_path / "one"):

        def open_and_close() -> None:
            for number in range(5):
                with Journal(session, tmp_path / "two", replace=True):
                    edit(session, 9, number)
                last.append(restore(tmp_path / "two"))

        last: list[Session] = []
        together(open_and_close, lambda: [edit(session, 8, number) for number in range(30)])
        assert digest(restore(tmp_path / "one")) == digest(session)
        for found in last:
            recounted(found)
            while found.undo():
                pass
            np.testing.assert_array_equal(found.labels, new_session(0).labels)
    # What was said of the folder when it was closed is true: it goes on from there.
    with Journal(session, tmp_path / "two", replace=True):
        session.assign(session.ids[0], session.vocabulary.names[0])
        assert digest(restore(tmp_path / "two")) == digest(session)


def test_a_listener_of_a_failed_journal_may_ask_the_session(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = new_session(0)
    go, save, told = threading.Event(), Journal._save, []

    def fails(self: Journal, *what: Any) -> None:
        assert go.wait(WAIT)
        monkeypatch.setattr(Journal, "_save", save)
        with files_of_at_most(20):
            save(self, *what)

    monkeypatch.setattr(Journal, "_save", fails)
    journal = Journal(session, tmp_path / "journal", wait=False)

    def ask(sentence: str) -> None:  # in the thread of the snapshot, for which an edit is waiting
        told.append(sentence)
        session.save(tmp_path / "elsewhere")

    journal.failed.connect(ask)
    edited = Beside(lambda: session.assign(1, "sky"))
    edited.join(0.2)
    go.set()
    edited.end()
    journal.close()
    assert len(told) == 1
    assert digest(restore(tmp_path / "journal")) == digest(session)


def test_nobody_waits_while_networks_look() -> None:
    class Slow:
        nbytes = 1

        def classify(self, words: Vocabulary) -> Segmentation:
            asked.append(words.names)
            began.release()
            assert go.acquire(timeout=WAIT)
            chances = np.full((len(words), *SHAPE), 1 / len(words), np.float32)
            return segmentation_from_probabilities(chances, np.array(session.regions), words)

    began, go, asked = threading.Semaphore(0), threading.Semaphore(0), []
    session = Session(*small_result(SHAPE), engine=Slow())  # type: ignore[arg-type]
    thread = Beside(lambda: session.set_vocabulary("cat, dog, sky, ox"))
    assert began.acquire(timeout=WAIT)
    session.assign(3, "sky")
    session.set_vocabulary(session.vocabulary.rename("cat", "puma"), classify=False)
    go.release()
    # The classes were others meanwhile: it looks again, and "cat" is a new one now.
    assert began.acquire(timeout=WAIT)
    assert session.region(3).verdict is not None
    go.release()
    thread.end()
    assert asked == [("cat", "dog", "sky", "ox")] * 2
    assert session.vocabulary.names == asked[0]
    assert session.vocabulary.values == (4, 2, 3, 5)
    recounted(session)


def test_what_is_merged_while_networks_look_stays_merged() -> None:
    class Slow:
        nbytes = 1

        def encode(self, regions: Any, words: Vocabulary) -> tuple[Segmentation, Any]:
            asked.append(regions.copy())
            began.release()
            assert go.acquire(timeout=WAIT)
            chances = np.full((len(words), *SHAPE), 1 / len(words), np.float32)
            return segmentation_from_probabilities(chances, regions, words), Slow()

    began, go, asked = threading.Semaphore(0), threading.Semaphore(0), []
    engine = Slow()
    session = Session(*small_result(SHAPE), engine=engine)  # type: ignore[arg-type]
    thread = Beside(session.reencode)
    assert began.acquire(timeout=WAIT)
    session.merge([1, 2])
    go.release()
    assert began.acquire(timeout=WAIT)  # the regions were others: it looks again
    session.assign(3, "sky")  # which is no reason to
    go.release()
    thread.end()
    assert len(asked) == 2
    np.testing.assert_array_equal(session.regions, asked[1])
    assert 2 not in session.ids
    assert session.region(3).verdict is not None
    recounted(session)


def test_a_queue_is_asked_by_several_threads() -> None:
    session = new_session(0)
    queue = Queue(session, "adaptive", refresh_every=3)

    def review(name: str) -> Callable[[], None]:
        def work() -> None:
            while (found := queue.next()) is not None:
                ids = [found] if isinstance(found, int) else list(found.ids)
                try:
                    session.assign(ids, name)
                except InputError:
                    continue
                queue.back()
                assert queue.left.regions >= 0

        return work

    together(review("cat"), review("dog"))
    assert queue.left.regions == 0


def test_drafts_and_edits_race_and_each_is_whole(tmp_path: Path) -> None:
    session = new_session(3)
    taken = threading.Semaphore(0)

    def draft() -> None:
        for number in range(8):
            while True:
                kind = random.Random(number).randrange(3)
                work = (
                    lambda copy, number=number: copy.rerun(look(copy, number)),
                    lambda copy, number=number: edit(copy, 77, number),
                    lambda copy, number=number: copy.refine(look(copy, number)),
                )[kind]
                try:
                    if Draft.make(session, work).take():
                        break
                except InputError:
                    break
            taken.release()

    def write() -> None:
        for number in range(8):
            edit(session, 78, number)
            taken.acquire(timeout=WAIT)

    with pytest.MonkeyPatch.context() as patch, Journal(session, tmp_path):
        patch.setattr("napari_corrclip.annotation.journal.LARGE", 1)
        together(draft, write)
        assert digest(restore(tmp_path)) == digest(session)
    assert not list(tmp_path.glob("prepared-*.tmp"))
    recounted(session)
    while session.undo():
        recounted(session)
    np.testing.assert_array_equal(session.labels, new_session(3).labels)
