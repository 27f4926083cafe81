"""Files and folders are written whole or not at all."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path

import pytest

from napari_corrclip.errors import InputError
from napari_corrclip.storage.files import atomic_path, write_bytes, write_folder
from tests.storage.contents import contents, entries, texts
from tests.users import another_user, open_folder


def stop(_: Path) -> None:
    raise KeyboardInterrupt


def test_a_file_is_replaced_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    write_bytes(tmp_path / "a.txt", b"old")
    write_bytes(tmp_path / "a.txt", b"new")
    assert contents(tmp_path) == {"a.txt": "new"}


def test_an_interrupted_file_leaves_the_old_one(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("old")

    def write_half() -> None:
        with atomic_path(tmp_path / "a.txt") as temporary:
            temporary.write_text("half")
            stop(temporary)

    with pytest.raises(KeyboardInterrupt):
        write_half()
    assert contents(tmp_path) == {"a.txt": "old"}


@pytest.mark.parametrize("name", ["a.ome.tif", f"{'é' * 124}.tif"])
def test_the_temporary_file_keeps_the_suffix(tmp_path: Path, name: str) -> None:
    with atomic_path(tmp_path / name) as temporary:
        assert temporary.name.endswith(".ome.tif" if len(name) < 20 else ".tif")
        temporary.write_bytes(b"")
    assert entries(tmp_path) == {name}


@pytest.mark.parametrize("write", [lambda p: write_bytes(p, b""), lambda p: write_folder(p, {})])
def test_below_a_regular_file_is_one_sentence(
    tmp_path: Path, write: Callable[[Path], None]
) -> None:
    (tmp_path / "file").write_text("kept")
    with pytest.raises(InputError, match=r"file/below.*cannot be written .*choose a folder"):
        write(tmp_path / "file" / "below")
    assert contents(tmp_path) == {"file": "kept"}


def test_a_file_in_the_place_of_the_folder_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("kept")
    with pytest.raises(InputError, match="cannot be written"):
        write_folder(tmp_path / "file", texts(a_txt="new"))
    assert contents(tmp_path) == {"file": "kept"}


def test_a_folder_is_made_with_its_parents(tmp_path: Path) -> None:
    write_folder(tmp_path / "x" / "y", texts(a_txt="1", b_txt="2"))
    assert contents(tmp_path) == {"x/y/a.txt": "1", "x/y/b.txt": "2"}


def test_a_folder_of_the_same_files_is_replaced_and_nothing_of_them_stays(tmp_path: Path) -> None:
    write_folder(tmp_path / "x", texts(a_txt="1", b_txt="2"))
    write_folder(tmp_path / "x", texts(a_txt="3"), owned=["a.txt", "b.txt"])
    assert contents(tmp_path) == {"x/a.txt": "3"}
    assert entries(tmp_path) == {"x"}
    assert entries(tmp_path / "x") == {"a.txt"}


def test_other_peoples_files_stay(tmp_path: Path) -> None:
    folder = tmp_path / "x"
    (folder / "theirs").mkdir(parents=True)
    (folder / "theirs" / "notes").write_text("mine")
    (folder / "b.txt").write_text("old")
    write_folder(folder, texts(a_txt="1"), owned=["a.txt", "b.txt"])
    assert contents(tmp_path) == {"x/a.txt": "1", "x/theirs/notes": "mine"}


@pytest.mark.parametrize("foreign", [False, True])
@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError(28, "No space left on device")])
def test_a_writer_that_stops_leaves_the_old_files(
    tmp_path: Path, foreign: bool, error: BaseException | type[BaseException]
) -> None:
    folder = tmp_path / "x"
    write_folder(folder, texts(a_txt="1", b_txt="2"))
    if foreign:
        (folder / "notes").write_text("mine")
    before = contents(tmp_path)

    def fail(path: Path) -> None:
        path.write_text("half")
        raise error

    expected = InputError if isinstance(error, OSError) else KeyboardInterrupt
    with pytest.raises(expected):
        write_folder(folder, {**texts(a_txt="3"), "b.txt": fail}, owned=["a.txt", "b.txt"])
    assert contents(tmp_path) == before
    assert entries(tmp_path) == {"x"}


def test_a_new_folder_that_fails_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        write_folder(tmp_path / "x", {**texts(a_txt="1"), "b.txt": stop})
    assert entries(tmp_path) == set()


@pytest.mark.parametrize("foreign", [False, True])
def test_an_interrupt_at_every_rename_leaves_old_or_new(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, foreign: bool
) -> None:
    rename = Path.rename
    old, new = texts(a_txt="1", b_txt="2"), texts(a_txt="3", c_txt="4")
    owned = ["a.txt", "b.txt", "c.txt"]
    outcomes = set()
    for moment in range(12):
        folder = tmp_path / str(moment) / "x"
        write_folder(folder, old)
        if foreign:
            (folder / "notes").write_text("mine")
        calls = []

        def interrupted(
            path: Path, target: Path, calls: list[int] = calls, moment: int = moment
        ) -> Path:
            calls.append(1)
            # before the rename and, every other time, just after it
            if len(calls) == moment // 2 + 1:
                if moment % 2:
                    rename(path, target)
                raise KeyboardInterrupt
            return rename(path, target)

        with monkeypatch.context() as patch:
            patch.setattr(Path, "rename", interrupted)
            with contextlib.suppress(KeyboardInterrupt):
                write_folder(folder, new, owned=owned)
        found = contents(folder)
        notes = {"notes": "mine"} if foreign else {}
        assert found in (
            {"a.txt": "1", "b.txt": "2", **notes},
            {"a.txt": "3", "c.txt": "4", **notes},
        )
        outcomes.add(found["a.txt"])
    assert outcomes == {"1", "3"}


def test_a_folder_one_works_in_is_not_moved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_folder(tmp_path / "x", texts(a_txt="1"))
    monkeypatch.chdir(tmp_path / "x")
    inode = Path().stat().st_ino
    write_folder(".", texts(a_txt="2"), owned=["a.txt"])
    assert Path("a.txt").read_text() == "2"
    assert (tmp_path / "x").stat().st_ino == inode
    assert entries(Path()) == {"a.txt"}


def test_a_link_to_a_folder_stays_a_link(tmp_path: Path) -> None:
    write_folder(tmp_path / "x", texts(a_txt="1"))
    (tmp_path / "link").symlink_to("x")
    write_folder(tmp_path / "link", texts(a_txt="2"))
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "x" / "a.txt").read_text() == "2"


def test_the_parent_need_not_be_writable() -> None:
    with open_folder() as base:
        write_folder(base / "x", texts(a_txt="1", b_txt="2"))
        (base / "x").chmod(0o777)
        base.chmod(0o555)
        with another_user():
            write_folder(base / "x", texts(a_txt="3"), owned=["a.txt", "b.txt"])
        assert contents(base) == {"x/a.txt": "3"}
        assert entries(base / "x") == {"a.txt"}
