"""Folders are all old or all new: for who is killed or held, for two writers and a reader at once."""

from __future__ import annotations

import json
import os
import pickle
import socket
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from napari_corrclip.annotation import Journal, Session, restore
from napari_corrclip.cli.targets import has_whole_result
from napari_corrclip.engine.large import LargeSegmentation
from napari_corrclip.errors import InputError
from napari_corrclip.results.folder import read_provenance
from napari_corrclip.results.segmentation import Segmentation
from napari_corrclip.results.zarr_maps import check_target
from napari_corrclip.storage import folders
from napari_corrclip.storage.files import recover_folder, write_bytes, write_folder
from napari_corrclip.storage.folders import read_whole, staged
from napari_corrclip.storage.locks import take
from tests.annotation.images import small_result
from tests.annotation.random_edits import new_session
from tests.storage import killed
from tests.storage.contents import contents, entries, texts
from tests.storage.killed import NEW, NEXT, OLD, PLACES
from tests.users import another_user, open_folder

POINTS = {  # of some 40 steps, 90 of a result and 200 of a large one: all that matter between them
    "texts": range(2, 60, 8),
    "session": (13, 22, 27),
    "result": (30, 52, 58),
    "large": (60, 150),
    "journal": (6, 17, 28),
    "effort": (24, 31),
    "file": (2, 5, 8),
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("name", killed.KINDS)
def test_who_is_killed_leaves_the_old_or_the_new(name: str, place: str) -> None:
    kind = killed.warmed(name)
    for step in POINTS[name] if place == "beside notes" else list(POINTS[name])[::2]:
        killed.kill_before(kind, place, step)


@pytest.mark.parametrize("place", PLACES)
def test_who_is_held_is_not_taken_for_dead(place: str) -> None:
    kind = killed.warmed("texts")
    held = [killed.hold_before(kind, place, step) for step in range(3, 60, 12)]
    assert any(held)


@pytest.mark.parametrize("place", PLACES)
def test_two_writers_and_a_reader(place: str) -> None:
    assert killed.beside_each_other(killed.warmed("texts"), place, 15) > 1


def test_sessions_are_read_beside_a_writer() -> None:
    assert killed.beside_each_other(killed.warmed("session"), "beside notes", 6) > 1


# -- after a crash


def interrupted(folder: Path, moved: int) -> None:
    """Let ``folder`` of a.txt and b.txt be as after a crash in an exchange for a.txt and c.txt."""
    write_folder(folder, texts(a_txt="1", b_txt="2"))
    new = folder / folders.NEW
    new.mkdir()
    for name in ("a.txt", "c.txt")[moved:]:
        (new / name).write_text("3")
    for name in ("a.txt", "c.txt")[:moved]:
        (folder / name).write_text("3")
    document = {"written": ["a.txt", "c.txt"], "owned": ["a.txt", "b.txt", "c.txt"]}
    (new / ".files").write_text(json.dumps(document))


def read_texts(folder: Path) -> dict[str, str]:
    names = ("a.txt", "b.txt", "c.txt")
    return read_whole(
        folder,
        names,
        lambda locate: {n: locate(n).read_text() for n in names if locate(n).exists()},
    )


@pytest.mark.parametrize("moved", [0, 1, 2])
def test_what_was_begun_is_ended_by_the_next(tmp_path: Path, moved: int) -> None:
    interrupted(tmp_path / "x", moved)
    recover_folder(tmp_path / "x")
    assert contents(tmp_path) == {"x/a.txt": "3", "x/c.txt": "3"}
    assert entries(tmp_path / "x") == {"a.txt", "c.txt"}


@pytest.mark.parametrize("moved", [0, 1, 2])
def test_who_may_not_write_sees_what_it_would_come_to(moved: int) -> None:
    with open_folder() as base:
        interrupted(base / "x", moved)
        (base / "x").chmod(0o555)
        before = contents(base)
        with another_user():
            assert read_texts(base / "x") == {"a.txt": "3", "c.txt": "3"}
        assert contents(base) == before
        (base / "x").chmod(0o755)


@pytest.mark.parametrize("moved", [0, 1, 2])
def test_a_living_one_is_left_alone(tmp_path: Path, moved: int) -> None:
    interrupted(tmp_path / "x", moved)
    lock = take(tmp_path / "x" / folders.LOCK)
    assert lock is not None
    before = contents(tmp_path)
    assert read_texts(tmp_path / "x") == {"a.txt": "3", "c.txt": "3"}
    said = "is being written by another program, which has not ended"
    with killed.impatient(), pytest.raises(InputError, match=said):
        write_folder(tmp_path / "x", texts(a_txt="4"))
    assert contents(tmp_path) == before
    lock.release()
    write_folder(tmp_path / "x", texts(a_txt="4"))
    assert contents(tmp_path) == {"x/a.txt": "4", "x/c.txt": "3"}


def test_a_list_of_a_stranger_reaches_nothing_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "a.txt").write_text("mine")
    for names in (["../mine/a.txt"], [str(tmp_path / "mine" / "a.txt")], [".."], [""], [".lock"]):
        folder = tmp_path / "x"
        write_folder(folder, texts(a_txt="1"))
        new = folder / folders.NEW
        new.mkdir()
        (new / ".files").write_text(json.dumps({"written": [], "owned": names}))
        recover_folder(folder)
        assert contents(tmp_path) == {"mine/a.txt": "mine", "x/a.txt": "1"}
    # nor does a link in it
    interrupted(tmp_path / "y", 0)
    (tmp_path / "y" / folders.NEW / ".former").symlink_to(tmp_path / "mine")
    recover_folder(tmp_path / "y")
    (tmp_path / "y" / folders.NEW).symlink_to(tmp_path / "mine")
    write_folder(tmp_path / "y", texts(a_txt="4"))
    assert (tmp_path / "mine" / "a.txt").read_text() == "mine"
    assert entries(tmp_path / "y") == {"a.txt", "c.txt"}


def test_what_nobody_owns_is_removed_and_what_somebody_writes_stays(tmp_path: Path) -> None:
    for name in ("00000000", "11111111"):
        (tmp_path / f".{name}.tmp").mkdir()
        (tmp_path / f".{name}.tmp" / "half").write_text("")
        (tmp_path / f".{name}.tmp.a.txt").write_text("")
        (tmp_path / f".{name}.lock").write_text("")
    (tmp_path / ".22222222.tmp").mkdir()  # somebody else's: there is no lock
    lock = take(tmp_path / ".11111111.lock")
    assert lock is not None
    write_bytes(tmp_path / "a.txt", b"1")
    others = {".11111111.tmp", ".11111111.tmp.a.txt", ".11111111.lock", ".22222222.tmp"}
    assert entries(tmp_path) == {"a.txt", *others}
    lock.release(keep=True)
    write_folder(tmp_path / "x", texts(a_txt="1"))
    assert entries(tmp_path) == {"a.txt", "x", ".22222222.tmp"}


def test_a_snapshot_that_was_being_written_is_removed_with_the_next_session(tmp_path: Path) -> None:
    session = new_session(0)
    with Journal(session, tmp_path):
        session.assign(1, "sky")
    before = entries(tmp_path)
    for name in (".0a0b0c0d.tmp", ".snapshot-7.0a0b0c0e.tmp", ".snapshot-7.0a0b0c0e.old"):
        (tmp_path / name).mkdir()
    (tmp_path / ".0a0b0c0d.lock").write_text("")
    with Journal(restore(tmp_path), tmp_path):
        assert entries(tmp_path) == before | {"lock"}


# -- what earlier versions left


@pytest.mark.parametrize("name", [".x.previous", ".x.0a1b2c3d.old"])
def test_a_former_folder_comes_back(tmp_path: Path, name: str) -> None:
    write_folder(tmp_path / name, texts(a_txt="1"))
    assert read_texts(tmp_path / "x") == {"a.txt": "1"}
    assert entries(tmp_path) == {"x"}


def test_what_an_earlier_version_left_is_removed_by_the_next_writer(tmp_path: Path) -> None:
    for name in (".x.previous", ".x.0a1b2c3d.old", ".x.0a1b2c3d.tmp", "x", ".y.0a1b2c3d.tmp"):
        write_folder(tmp_path / name, texts(a_txt="1"))
    write_folder(tmp_path / "x", texts(a_txt="2"))
    assert entries(tmp_path) == {"x", ".y.0a1b2c3d.tmp"}
    assert contents(tmp_path / "x") == {"a.txt": "2"}


@pytest.mark.parametrize(
    ("moved", "placed", "expected"), [(1, 0, "old"), (2, 0, "old"), (2, 1, "new"), (2, 2, "new")]
)
def test_an_exchange_of_an_earlier_version_is_ended_or_taken_back(
    tmp_path: Path, moved: int, placed: int, expected: str
) -> None:
    left = tmp_path / ".0a1b2c3d.tmp"
    for folder in (left / "new", left / "old"):
        folder.mkdir(parents=True)
    for number, name in enumerate(("a.txt", "b.txt")):
        (left / "old" / name if number < moved else tmp_path / name).write_text("old")
        (tmp_path / name if number < placed else left / "new" / name).write_text("new")
    assert read_texts(tmp_path) == {"a.txt": expected, "b.txt": expected}
    assert entries(tmp_path) == {"a.txt", "b.txt"}


# -- writers and readers


def test_who_came_first_is_replaced_by_who_ends_last(tmp_path: Path) -> None:
    with staged(tmp_path / "x") as stage:
        (stage / "a.txt").write_text("late")
        write_folder(tmp_path / "x", texts(a_txt="early", b_txt="early"))
        (tmp_path / "x" / "notes.txt").write_text("mine")
    assert contents(tmp_path / "x") == {"a.txt": "late", "b.txt": "early", "notes.txt": "mine"}
    assert entries(tmp_path) == {"x"}


def test_a_folder_in_the_place_of_a_file_is_one_sentence(tmp_path: Path) -> None:
    write_folder(tmp_path / "x", texts(b_txt="1"))
    (tmp_path / "x" / "a.txt").mkdir()
    with pytest.raises(InputError, match=r"a\.txt' is there and a folder"):
        write_folder(tmp_path / "x", texts(a_txt="2", b_txt="2"))
    assert contents(tmp_path / "x") == {"b.txt": "1"}


def test_threads_keep_each_other_out(tmp_path: Path) -> None:
    def work(text: str) -> None:
        for _ in range(15):
            write_folder(tmp_path / "x", texts(a_txt=text, b_txt=text))

    threads = [threading.Thread(target=work, args=(text,)) for text in "12"]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        found = read_texts(tmp_path / "x")
        assert len(set(found.values())) <= 1
    assert entries(tmp_path) == {"x"}
    assert entries(tmp_path / "x") == {"a.txt", "b.txt"}


def test_a_reader_that_is_overtaken_each_time_takes_the_lock(tmp_path: Path) -> None:
    write_folder(tmp_path, texts(a_txt="0"))
    calls = []

    def read(locate: folders.Locate) -> str:
        text = locate("a.txt").read_text()
        calls.append(text)
        if len(calls) < 20 and (free := take(tmp_path / folders.LOCK)) is not None:
            free.release()
            write_folder(tmp_path, texts(a_txt=str(len(calls))))
        return text

    assert int(read_whole(tmp_path, ["a.txt"], read)) == len(calls) - 1
    assert 2 < len(calls) < 20
    assert entries(tmp_path) == {"a.txt"}


@pytest.mark.parametrize("kind", ["pipe", "link to a device", "socket"])
@pytest.mark.parametrize("name", ["session", "result", "large", "journal"])
def test_what_is_no_file_is_refused_and_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, kind: str
) -> None:
    folder = tmp_path / "x"
    killed.warmed(name).write(folder, OLD)
    for path in sorted(folder.rglob("*")):
        if not path.is_file() or path.name in {"lock", "regions.csv", "demo.png"}:
            continue
        kept = path.read_bytes()
        path.unlink()
        if kind == "pipe":
            os.mkfifo(path)
        elif kind == "socket":
            monkeypatch.chdir(path.parent)  # a socket's name has to be short
            with socket.socket(socket.AF_UNIX) as made:
                made.bind(path.name)
        else:
            path.symlink_to("/dev/zero")
        if name == "journal" and path.suffix == ".bin" and path.parent == folder:
            assert "a pipe, a device or the like" in restore(folder).notes[0]
        else:
            with pytest.raises(InputError, match="it is a pipe, a device or the like"):
                killed.KINDS[name].read(folder)
            assert not has_whole_result(folder) or "c" in path.parts  # pieces are not looked at
            if path.name == "provenance.json":
                assert read_provenance(folder) is None
        path.unlink()
        path.write_bytes(kept)
    assert killed.KINDS[name].read(folder) == OLD


# -- results


def test_maps_that_were_replaced_are_not_mixed(tmp_path: Path) -> None:
    kind = killed.warmed("large")
    kind.write(tmp_path / "x", OLD)
    first = LargeSegmentation.load(tmp_path / "x")
    assert np.all(first.labels[...] == OLD)
    assert np.all(pickle.loads(pickle.dumps(first.labels))[...] == OLD)
    for value in (NEW, NEXT, OLD):
        kind.write(tmp_path / "x", value)
        for read in (lambda: first.labels[...], first.class_shares):
            with pytest.raises(
                InputError, match="was replaced, moved or removed since it was opened"
            ):
                read()
    assert kind.read(tmp_path / "x") == OLD


def test_a_large_result_leaves_notes_beside_the_former_one(tmp_path: Path) -> None:
    kind = killed.warmed("large")
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / ".DS_Store").write_text("")
    kind.write(tmp_path / "x", OLD)
    (tmp_path / "x" / "notes.txt").write_text("mine")
    kind.write(tmp_path / "x", NEW)
    assert kind.read(tmp_path / "x") == NEW
    assert {".DS_Store", "notes.txt"} < entries(tmp_path / "x")
    (tmp_path / "y").mkdir()
    (tmp_path / "y" / "notes.txt").write_text("mine")
    with pytest.raises(InputError, match=r"notes\.txt' is there and no part of a result"):
        check_target(tmp_path / "y")


def test_ordinary_and_large_results_leave_nothing_of_each_other(tmp_path: Path) -> None:
    result, large = killed.warmed("result"), killed.warmed("large")
    for kind in (result, large, result):
        kind.write(tmp_path / "x", OLD)
        assert kind.read(tmp_path / "x") == OLD
        assert ("maps.zarr" in entries(tmp_path / "x")) == (kind is large)
        assert ("arrays.npz" in entries(tmp_path / "x")) == (kind is result)


@pytest.mark.parametrize("name", ["result", "large"])
def test_a_result_is_whole_with_all_its_files(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "x"
    assert not has_whole_result(folder)
    killed.warmed(name).write(folder, OLD)
    assert has_whole_result(folder)
    for path in [one for one in sorted(folder.rglob("*")) if one.is_file()]:
        if "c" in path.parts:  # pieces may be missing: they are zero then
            continue
        kept = path.read_bytes()
        path.unlink()
        assert not has_whole_result(folder), path
        path.write_bytes(kept)
    assert has_whole_result(folder)


def test_old_sessions_and_results_in_one_folder_stay_apart(tmp_path: Path) -> None:
    result = small_result()[0]
    result.save(tmp_path)
    Session(result).save(tmp_path)
    result.save(tmp_path)
    assert np.array_equal(Segmentation.load(tmp_path).labels, result.labels)
    assert np.array_equal(Session.load(tmp_path).labels, result.labels)


def test_a_list_that_cannot_be_read_now_costs_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_folder(tmp_path / "x", {name: _text("old") for name in "abc"})
    replace = Path.replace
    refused = []

    def once(path: Path, target: Path) -> Path:
        if path.name == "b" and not refused:
            refused.append(path)
            raise OSError(5, "Input/output error")
        return replace(path, target)

    def unreadable(folder: Path) -> None:
        raise OSError(24, "Too many open files")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", once)
        patch.setattr(folders._Set, "read", unreadable)
        write_folder(tmp_path / "x", {name: _text("new") for name in "abc"})
    assert refused
    assert {path.name: path.read_text() for path in (tmp_path / "x").iterdir()} == dict.fromkeys(
        "abc", "new"
    )


def test_a_reader_that_cannot_see_the_list_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / folders.NEW).mkdir()

    def unreadable(folder: Path) -> None:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(folders._Set, "read", unreadable)
    with pytest.raises(InputError, match=r"cannot be read \(Too many open files\); try again"):
        read_whole(tmp_path, ["a"], lambda locate: locate("a").read_text())


@pytest.mark.parametrize("name", ["a\0b", "a\ud800b"])
def test_what_can_be_no_name_is_one_sentence(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match="can be no name in a file system"):
        write_folder(f"{tmp_path}/{name}", {"a": _text("")})
    with pytest.raises(InputError, match="can be no name in a file system"):
        write_bytes(f"{tmp_path}/{name}", b"")


def test_a_lock_of_another_program_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / ".deadbeef.lock").write_text("pid 7")
    (tmp_path / ".deadbeef.tmp.doc").write_text("theirs")
    write_folder(tmp_path, {"a": _text("")})
    assert (tmp_path / ".deadbeef.tmp.doc").read_text() == "theirs"


def _text(text: str) -> Callable[[Path], object]:
    return lambda path: path.write_text(text)
