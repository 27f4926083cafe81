"""Autosave beside the edits: snapshots in a thread, large steps written before they are made."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from napari_corrclip.annotation import Draft, Journal, has_session, put_aside, restore
from napari_corrclip.annotation.change import Step
from napari_corrclip.annotation.files.records import Kind
from napari_corrclip.errors import InputError
from tests.annotation.images import small_result
from tests.annotation.random_edits import SHAPE, digest, edit, new_session
from tests.full_disk import files_of_at_most


def test_snapshots_are_written_beside_the_edits(tmp_path: Path) -> None:
    session = new_session(3)
    with Journal(session, tmp_path, records=5, wait=False) as journal, held_back(journal) as go:
        for number in range(30):
            edit(session, 3, number)
            # Whatever the thread does, all of it is on the disk.
            assert digest(restore(tmp_path)) == digest(session)
            if number == 20:
                assert len(list(tmp_path.glob("journal-*.bin"))) > 1
                go.set()
    assert digest(restore(tmp_path)) == digest(session)
    assert len(list(tmp_path.glob("snapshot-*"))) == 1


@contextlib.contextmanager
def held_back(journal: Journal) -> Iterator[threading.Event]:
    """Let the snapshots after the first wait until the event is set."""
    journal.wait()
    go, save = threading.Event(), journal._save

    def slow(*what: Any) -> None:
        assert go.wait(60)
        save(*what)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(journal, "_save", slow)
        yield go
        go.set()
        journal.wait()


def test_an_edit_that_is_lost_beside_a_snapshot_is_made_good(tmp_path: Path) -> None:
    session = new_session(0)
    with Journal(session, tmp_path, records=2, wait=False) as journal, held_back(journal) as go:
        session.assign(1, "dog")
        session.assign(2, "dog")
        assert journal._thread is not None
        with files_of_at_most(20):
            session.assign(3, "sky")
        assert journal.problem is not None
        threading.Timer(0.2, go.set).start()
        session.assign(4, "sky")
        assert journal.problem is None
        assert digest(restore(tmp_path)) == digest(session)
        session.assign(5, "sky")
        assert digest(restore(tmp_path)) == digest(session)


def test_a_journal_may_be_closed_while_a_draft_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = new_session(0)
    Journal(session, tmp_path)
    prepare = Journal.prepare

    def closed(self: Journal, kind: Kind, step: Step) -> None:
        self.close()
        prepare(self, kind, step)

    monkeypatch.setattr("napari_corrclip.annotation.journal.LARGE", 0)
    monkeypatch.setattr(Journal, "prepare", closed)
    draft = Draft.make(session, lambda copy: copy.assign(1, "sky"))
    assert draft.take()
    assert digest(restore(tmp_path)) == digest(new_session(0))
    assert list(tmp_path.glob("prepared-*")) == []


def test_the_first_edit_waits_until_the_session_is_on_the_disk(tmp_path: Path) -> None:
    session = new_session(0)
    began, save = threading.Event(), Journal._save

    def slow(self: Journal, *what: Any) -> None:
        began.set()
        time.sleep(0.3)
        save(self, *what)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Journal, "_save", slow)
        journal = Journal(session, tmp_path, wait=False)
        assert began.wait(60)
        assert not has_session(tmp_path)
        session.assign(1, "sky")
        assert digest(restore(tmp_path)) == digest(session)
        journal.close()


def test_a_first_snapshot_that_fails_is_told_and_made_good_with_the_next_edit(
    tmp_path: Path,
) -> None:
    session = new_session(0)
    told: list[str] = []
    go, save = threading.Event(), Journal._save

    def fails(self: Journal, *what: Any) -> None:
        assert go.wait(60)
        with files_of_at_most(20):
            save(self, *what)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Journal, "_save", fails)
        journal = Journal(session, tmp_path, wait=False)
        journal.failed.connect(told.append)
        go.set()
        journal.wait()
    assert len(told) == 1
    assert "cannot be written" in told[0]
    assert told[0].endswith("is kept in memory until then.")
    assert journal.problem == told[0]
    assert not has_session(tmp_path)
    session.assign(1, "sky")
    assert journal.problem is None
    assert digest(restore(tmp_path)) == digest(session)
    journal.close()


def test_a_later_snapshot_that_fails_costs_nothing(tmp_path: Path) -> None:
    session = new_session(0)
    told: list[str] = []
    with Journal(session, tmp_path, records=2) as journal:
        journal.failed.connect(told.append)
        save = journal._save

        def fails(*what: Any) -> None:
            with files_of_at_most(20):
                save(*what)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(journal, "_save", fails)
            session.assign(1, "sky")
            session.assign(2, "cat")
            journal.wait()
        assert len(told) == 1
        assert told[0].endswith("What you did so far is on the disk.")
        assert journal.problem is None
        assert digest(restore(tmp_path)) == digest(session)
        for region in range(3, 8):
            session.assign(region, "dog")
            assert digest(restore(tmp_path)) == digest(session)
        journal.wait()
    assert len(list(tmp_path.glob("journal-*.bin"))) == 1
    assert digest(restore(tmp_path)) == digest(session)


def test_a_restored_session_is_not_written_again(tmp_path: Path) -> None:
    session = new_session(4)
    with Journal(session, tmp_path, records=6):
        for number in range(10):
            edit(session, 4, number)
    before = sorted(path.name for path in tmp_path.iterdir())
    restored = restore(tmp_path)
    for again in range(3):
        with Journal(restored, tmp_path, records=6):
            assert sorted(path.name for path in tmp_path.iterdir()) == before
        restored.assign(1, "sky") if again == 2 else None  # nobody listens
    with Journal(restored, tmp_path, records=6):
        assert digest(restore(tmp_path)) == digest(restored)
        for number in range(10, 40):
            edit(restored, 4, number)
            assert digest(restore(tmp_path)) == digest(restored)
    assert len(list(tmp_path.glob("snapshot-*"))) == 1


def test_half_a_record_is_gone_on_from(tmp_path: Path) -> None:
    session = new_session(5)
    with Journal(session, tmp_path):
        session.assign(1, "sky")
        session.assign(2, "sky")
    (path,) = tmp_path.glob("journal-*.bin")
    path.write_bytes(path.read_bytes()[:-3])
    restored = restore(tmp_path)
    assert restored.region(2).verdict is None
    with Journal(restored, tmp_path):
        restored.assign(3, "cat")
        assert digest(restore(tmp_path)) == digest(restored)
    assert len(list(tmp_path.glob("journal-*.bin"))) == 2


def test_a_large_step_is_on_the_disk_before_it_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("napari_corrclip.annotation.journal.LARGE", 1)
    session = new_session(6)
    with Journal(session, tmp_path) as journal:
        session.assign(1, "sky")
        again = small_result(SHAPE, seed=8)[0]
        draft = Draft.make(session, lambda copy: copy.rerun(again))
        assert len(list(tmp_path.glob("prepared-*"))) == 1
        session.assign(2, "sky")  # another file is to be prepared now
        assert not draft.take()
        draft = Draft.make(session, lambda copy: copy.rerun(again))
        assert len(list(tmp_path.glob("prepared-*"))) == 1
        assert digest(restore(tmp_path)) == digest(session)  # it is not made yet
        written = journal._count
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(journal, "_write", None)  # nothing is left to be written
            assert draft.take()
        assert journal._count == written + 1
        assert not list(tmp_path.glob("prepared-*"))
        assert digest(restore(tmp_path)) == digest(session)
        session.undo()
        session.assign(3, "cat")
        assert digest(restore(tmp_path)) == digest(session)
        Draft.make(session, lambda copy: copy.rerun(again))
    assert not list(tmp_path.glob("prepared-*"))
    assert digest(restore(tmp_path)) == digest(session)


def test_files_that_follow_from_nothing_are_left_alone(tmp_path: Path) -> None:
    session = new_session(7)
    with Journal(session, tmp_path):
        session.assign(1, "sky")
    (path,) = tmp_path.glob("journal-*.bin")
    (tmp_path / "journal-8.bin").write_bytes(b"continues 1 5\n" + path.read_bytes())
    (tmp_path / "journal-9.bin").write_bytes(path.read_bytes())
    assert digest(restore(tmp_path)) == digest(session)


def test_a_session_whose_folder_was_put_aside_is_written_again(tmp_path: Path) -> None:
    place = tmp_path / "place"
    session = new_session(8)
    with Journal(session, place):
        session.assign(1, "sky")
    put_aside(place)
    with Journal(session, place):  # nothing was done since, and nothing is there
        assert digest(restore(place)) == digest(session)
        session.assign(2, "sky")
        assert digest(restore(place)) == digest(session)
    put_aside(place)
    with Journal(new_session(9), place) as other:
        other.session.assign(3, "sky")
    with Journal(session, place):  # another one lies in its place
        session.assign(4, "sky")
        assert digest(restore(place)) == digest(session)


def test_a_snapshot_that_takes_anothers_place_meanwhile_is_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = new_session(0)
    with Journal(session, tmp_path) as journal:
        session.assign(1, "sky")
        before = set(tmp_path.iterdir())
        journal._write_anew()
        real, calls = Path.iterdir, [0]

        def late(path: Path) -> Iterator[Path]:
            """The folder as it was, before the new snapshot came and the old one went."""
            calls[0] += path == tmp_path
            return iter(sorted(before)) if path == tmp_path and calls[0] == 1 else real(path)

        with monkeypatch.context() as patch:
            patch.setattr(Path, "iterdir", late)
            assert has_session(tmp_path)
        assert calls[0] == 2
        assert digest(restore(tmp_path)) == digest(session)


def test_a_session_that_was_gone_on_with_elsewhere_is_not_continued(tmp_path: Path) -> None:
    session = new_session(0)
    with Journal(session, tmp_path):
        session.assign(1, "sky")
    stale, other = restore(tmp_path), restore(tmp_path)
    with Journal(other, tmp_path):
        other.assign(2, "sky")
    stale.assign(3, "sky")
    with pytest.raises(InputError, match="edited in another window"):
        Journal(stale, tmp_path)
    assert digest(restore(tmp_path)) == digest(other)
    with Journal(stale, tmp_path, replace=True):
        stale.assign(4, "sky")
    assert digest(restore(tmp_path)) == digest(stale)
