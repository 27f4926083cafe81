"""Autosave: what was done is on the disk, whatever happens then."""

from __future__ import annotations

import gc
import os
import shutil
import threading
from pathlib import Path

import pytest
from filelock import FileLock

from napari_corrclip.annotation import Journal, Source, has_session, journal_folder, restore
from napari_corrclip.annotation.files.log import is_open, lock_folder
from napari_corrclip.errors import InputError
from napari_corrclip.storage.locks import take
from tests.annotation.killed import kill_once
from tests.annotation.random_edits import digest, edit, new_session
from tests.forms import short
from tests.full_disk import files_of_at_most
from tests.users import another_user


@pytest.mark.parametrize("records", short(3, rest=[1, 1000]))
def test_a_journal_holds_what_was_done(tmp_path: Path, records: int) -> None:
    session = new_session(1)
    with Journal(session, tmp_path, records=records):
        for number in range(40):
            edit(session, 1, number)
            # as after a crash: nothing was closed
            assert digest(restore(tmp_path)) == digest(session)
    assert has_session(tmp_path)


@pytest.mark.parametrize("records", [1, 200])
def test_what_somebody_else_did_since_it_was_read_is_not_written_over(
    tmp_path: Path, records: int
) -> None:
    with Journal(new_session(1), tmp_path):
        pass
    theirs = restore(tmp_path)
    with Journal(theirs, tmp_path, records=records) as journal:
        theirs.assign(1, "sky")
        journal.wait()
        ours = restore(tmp_path)  # between two edits
        theirs.assign(2, "sky")
        theirs.assign(3, "sky")
    with pytest.raises(InputError, match="was edited in another window"):
        Journal(ours, tmp_path)
    assert digest(restore(tmp_path)) == digest(theirs)


def test_a_session_that_begins_before_the_lock_is_taken_is_not_written_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs = new_session(1)

    def late(folder: Path) -> FileLock:
        monkeypatch.undo()
        with Journal(theirs, folder):
            theirs.assign(1, "sky")
        return lock_folder(folder)

    monkeypatch.setattr("napari_corrclip.annotation.journal.lock_folder", late)
    with pytest.raises(InputError, match="keeps a session that this one would replace"):
        Journal(new_session(2), tmp_path)
    assert digest(restore(tmp_path)) == digest(theirs)


def test_a_look_whether_a_session_is_open_keeps_nobody_out(tmp_path: Path) -> None:
    """Whoever looks holds the lock for a moment, as a run does of each item."""
    with Journal(new_session(1), tmp_path):
        pass
    session = restore(tmp_path)
    looking = take(tmp_path / "lock")
    assert looking is not None
    threading.Timer(0.02, looking.release, kwargs={"keep": True}).start()
    with Journal(session, tmp_path):
        assert is_open(tmp_path)


def test_a_record_that_was_cut_off_costs_only_itself(tmp_path: Path) -> None:
    session = new_session(2)
    assigned = [digest_after(count, session_seed=2) for count in (1, 2, 3)]
    states, sizes = [], []
    with Journal(session, tmp_path):
        path = next(tmp_path.glob("journal-*.bin"))
        for region in (1, 2, 3):
            states.append(digest(session))
            sizes.append(path.stat().st_size)
            session.assign(region, "sky" if region != 2 else "cat")
        session.undo()
    data = path.read_bytes()
    last = len(data)
    for end in range(sizes[0], last, 11):
        path.write_bytes(data[:end])
        whole = max(index for index, size in enumerate(sizes) if size <= end)
        found = digest(restore(tmp_path))
        # Behind the third assignment there is the undo, which leads back to the state before it.
        assert found in {states[whole], assigned[whole]}


def digest_after(assignments: int, session_seed: int) -> str:
    session = new_session(session_seed)
    for region in (1, 2, 3)[:assignments]:
        session.assign(region, "sky" if region != 2 else "cat")
    return digest(session)


def test_the_older_snapshot_is_taken_where_the_newest_is_damaged(tmp_path: Path) -> None:
    session = new_session(0)
    with Journal(session, tmp_path, records=2):
        session.assign(1, "sky")
        before = digest(session)
        shutil.copytree(tmp_path, tmp_path.with_name("copy"))
        session.assign(2, "cat")
        session.assign(3, "cat")
    (newest,) = tmp_path.glob("snapshot-*")
    # A crash before the former snapshot was removed, and a disk that lost a block of the newest.
    for path in tmp_path.with_name("copy").iterdir():
        if path.is_dir():
            shutil.copytree(path, tmp_path / path.name, dirs_exist_ok=True)
        elif path.name != "lock":
            shutil.copy(path, tmp_path / path.name)
    (newest / "session.safetensors").write_bytes(b"")
    found = restore(tmp_path)
    assert digest(found) == before
    assert any("An older state was taken" in note for note in found.notes)


def test_a_full_disk_costs_no_edit(tmp_path: Path) -> None:
    session = new_session(0)
    with Journal(session, tmp_path) as journal:
        session.assign(1, "sky")
        told: list[str] = []
        journal.failed.connect(told.append)
        path = next(tmp_path.glob("journal-*.bin"))
        before = digest(session)
        with files_of_at_most(path.stat().st_size + 20):
            session.assign(2, "cat")
        assert len(told) == 1
        assert "cannot be written" in told[0]
        assert told[0].endswith(".")
        assert digest(session) != before
        assert digest(restore(tmp_path)) == before  # the half record is no record
        session.assign(3, "cat")  # there is space again: everything is written anew
        assert journal.problem is None
        assert digest(restore(tmp_path)) == digest(session)


@pytest.mark.parametrize(("place", "written"), [("write", 9), ("write", None), ("fsync", 0)])
def test_an_interrupt_costs_no_edit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str, written: int | None
) -> None:
    session = new_session(0)
    told: list[object] = []
    session.recorded.connect(lambda *record: told.append(record[0]))
    session.changed.connect(lambda _: told.append("changed"))
    with Journal(session, tmp_path / "one") as journal, Journal(session, tmp_path / "two"):
        session.assign(1, "sky")
        write = os.write

        def interrupted(file: int, data: bytes = b"") -> int:
            monkeypatch.undo()
            write(file, data[:written])
            raise KeyboardInterrupt

        monkeypatch.setattr(f"napari_corrclip.annotation.journal.os.{place}", interrupted)
        with pytest.raises(KeyboardInterrupt):
            session.assign(2, "cat")
        assert told == ["do", "changed"] * 2
        assert journal.problem is not None
        # The other journal lacks nothing, and this one has it again with the next edit.
        assert digest(restore(tmp_path / "two")) == digest(session)
        session.assign(3, "cat")
        assert journal.problem is None
        for name in ("one", "two"):
            assert digest(restore(tmp_path / name)) == digest(session)


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    with another_user(), pytest.raises(InputError, match="Permission denied"):
        Journal(new_session(0), tmp_path / "journal")


def test_two_programs_do_not_write_one_journal(tmp_path: Path) -> None:
    with (
        Journal(new_session(0), tmp_path),
        pytest.raises(InputError, match="in this program or another"),
    ):
        Journal(new_session(0), tmp_path, replace=True)
    Journal(new_session(0), tmp_path, replace=True).close()


def test_a_journal_takes_no_other_session_s_place(tmp_path: Path) -> None:
    session = new_session(0)
    with Journal(session, tmp_path):
        session.assign(1, "sky")
    kept = digest(session)
    with pytest.raises(InputError, match="keeps a session that this one would replace"):
        Journal(new_session(0), tmp_path)
    assert digest(restore(tmp_path)) == kept
    # The session itself goes on, and so does the restored one.
    with Journal(session, tmp_path):
        session.assign(2, "cat")
    restored = restore(tmp_path)
    with Journal(restored, tmp_path):
        restored.assign(3, "cat")
    assert digest(restore(tmp_path)) == digest(restored)
    with Journal(new_session(1), tmp_path, replace=True):
        pass
    assert digest(restore(tmp_path)) == digest(new_session(1))


def test_a_journal_that_nobody_holds_goes_on(tmp_path: Path) -> None:
    session = new_session(0)
    Journal(session, tmp_path)
    gc.collect()
    session.assign(1, "sky")
    assert digest(restore(tmp_path)) == digest(session)
    with pytest.raises(InputError, match="in this program or another"):
        Journal(new_session(0), tmp_path, replace=True)
    assert session.journal_folder == tmp_path


def test_a_closed_journal_hears_nothing(tmp_path: Path) -> None:
    session = new_session(0)
    journal = Journal(session, tmp_path)
    before = digest(session)
    journal.close()
    session.assign(1, "sky")
    assert digest(restore(tmp_path)) == before


def test_a_journal_that_is_closed_twice_loses_nothing(tmp_path: Path) -> None:
    session = new_session(0)
    with Journal(session, tmp_path) as journal:
        journal.close()
        session.assign(1, "sky")
    with Journal(session, tmp_path):
        session.assign(2, "cat")
        assert digest(restore(tmp_path)) == digest(session)


def test_nothing_to_restore_is_told(tmp_path: Path) -> None:
    assert not has_session(tmp_path / "nowhere")
    with pytest.raises(InputError, match="There is no session in"):
        restore(tmp_path / "nowhere")


def test_an_image_has_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NAPARI_CORRCLIP_SESSIONS", str(tmp_path))
    one = Source("/a/photo.png", 10, 20)
    assert journal_folder(one).parent == tmp_path
    assert journal_folder(one) == journal_folder(Source("/a/photo.png", 11, 21))
    others = [Source("/a/photo.png", level=1), Source("/a/photo.png", slice=(0,)), Source("/b.png")]
    assert len({journal_folder(source) for source in (one, *others)}) == 4


@pytest.mark.parametrize("seed", short(0, 1, rest=range(2, 6)))
def test_killed_processes_lose_at_most_the_last_edit(tmp_path: Path, seed: int) -> None:
    made, restored = kill_once(tmp_path / "journal", seed)
    assert restored in (made, made + 1)
