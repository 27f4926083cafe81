"""Saving and loading: everything comes back, nothing half-written is taken for a session."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load

from napari_corrclip.annotation import Journal, Session, Source, restore
from napari_corrclip.annotation.files.folder import HISTORY_FILE, STATE_FILE, is_session
from napari_corrclip.annotation.files.packing import Damaged, pack_step, unpack_step
from napari_corrclip.errors import InputError
from napari_corrclip.plugin.reader import get_reader
from tests.annotation.images import small_result
from tests.annotation.random_edits import digest, edit, new_session
from tests.full_disk import files_of_at_most
from tests.users import another_user


@pytest.mark.parametrize("seed", range(5))
def test_everything_comes_back(tmp_path: Path, seed: int) -> None:
    session = new_session(seed)
    for number in range(60):
        edit(session, seed, number)
    session.save(tmp_path / "saved")
    loaded = Session.load(tmp_path / "saved")
    assert digest(loaded) == digest(session)
    # what can be undone and redone, too
    for _ in range(2):
        while session.can_undo:
            session.undo()
            loaded.undo()
            assert digest(loaded) == digest(session)
        while session.can_redo:
            session.redo()
            loaded.redo()
        assert digest(loaded) == digest(session)


def test_a_session_is_replaced_whole(tmp_path: Path) -> None:
    session = new_session(0)
    session.save(tmp_path / "saved")
    session.assign(1, "sky")
    session.save(tmp_path / "saved")
    assert digest(Session.load(tmp_path / "saved")) == digest(session)
    assert {path.name for path in tmp_path.iterdir()} == {"saved"}


def test_a_session_whose_writer_was_killed_at_its_end_is_one(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    assert not is_session(tmp_path)
    # The set is whole, and none of its files has its place.
    program = (
        "import os, sys; from napari_corrclip.storage import folders; "
        "from tests.annotation.random_edits import new_session; "
        "folders._complete = lambda *_: os._exit(9); new_session(0).save(sys.argv[1])"
    )
    ended = subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=False)
    assert ended.returncode == 9
    assert not (tmp_path / STATE_FILE).exists()
    assert is_session(tmp_path)
    assert get_reader(str(tmp_path)) is not None
    assert digest(Session.load(tmp_path)) == digest(new_session(0))
    assert (tmp_path / STATE_FILE).is_file()


def test_a_full_disk_leaves_the_former_session(tmp_path: Path) -> None:
    session = new_session(0)
    session.save(tmp_path / "saved")
    before = digest(session)
    session.assign(1, "sky")
    with (
        files_of_at_most(1000),
        pytest.raises(InputError, match=r"cannot be written .*space left"),
    ):
        session.save(tmp_path / "saved")
    assert digest(Session.load(tmp_path / "saved")) == before
    session.undo()
    assert digest(session) != before  # it can be redone: nothing was lost
    assert session.can_redo


def test_a_read_only_folder_is_told(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    with another_user(), pytest.raises(InputError, match=r"cannot be written .*Permission denied"):
        new_session(0).save(tmp_path / "saved")
    assert not (tmp_path / "saved").exists()


@pytest.mark.parametrize("name", [STATE_FILE, HISTORY_FILE])
@pytest.mark.parametrize("harm", ["missing", "empty", "half", "noise", "flipped"])
def test_damage_is_one_sentence(tmp_path: Path, name: str, harm: str) -> None:
    session = new_session(0)
    session.merge([1, 2])
    session.assign(1, "sky")
    session.save(tmp_path)
    path = tmp_path / name
    data = bytearray(path.read_bytes())
    if harm == "missing":
        path.unlink()
    else:
        middle = len(data) // 2 if name == HISTORY_FILE else 40
        data[middle] ^= 0x80
        kept = {"empty": b"", "half": data[: len(data) // 2], "noise": b"\0" * 900, "flipped": data}
        path.write_bytes(bytes(kept[harm]))
    with pytest.raises(InputError) as told:
        Session.load(tmp_path)
    assert str(told.value).endswith(".")
    assert "\n" not in str(told.value)


def test_no_memory_is_no_damage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    session = new_session(0)
    with Journal(session, tmp_path):
        session.assign(1, "sky")
    shutil.copytree(next(tmp_path.glob("snapshot-*")), tmp_path / "snapshot-9")

    def full(_: bytes) -> None:
        monkeypatch.undo()
        raise MemoryError

    monkeypatch.setattr("napari_corrclip.annotation.files.packing.load", full)
    with pytest.raises(MemoryError):  # and no older snapshot is taken for the newest
        restore(tmp_path)


@pytest.mark.parametrize("claim", ["header", "offsets", "shape", "overflow"])
def test_absurd_sizes_are_damage(tmp_path: Path, claim: str) -> None:
    new_session(0).save(tmp_path)
    path = tmp_path / STATE_FILE
    data = path.read_bytes()
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    if claim == "offsets":
        header["regions"]["data_offsets"][1] = 1 << 60
    elif claim != "header":
        header["regions"]["shape"] = [1 << 40, 1 if claim == "shape" else 1 << 40]
    written = json.dumps(header).encode()
    size = 1 << 60 if claim == "header" else len(written)
    path.write_bytes(size.to_bytes(8, "little") + written + data[8 + length :])
    with pytest.raises(InputError, match="damaged"):
        Session.load(tmp_path)


def test_a_newer_version_is_told(tmp_path: Path) -> None:
    new_session(0).save(tmp_path)
    path = tmp_path / STATE_FILE
    path.write_bytes(path.read_bytes().replace(b"corrclip session 1", b"corrclip session 2"))
    with pytest.raises(InputError, match="use a newer version"):
        Session.load(tmp_path)


def test_a_folder_without_a_session_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="There is no session in"):
        Session.load(tmp_path / "nowhere")


def test_a_changed_image_is_told_and_another_one_refused(tmp_path: Path) -> None:
    path = tmp_path / "photo.png"
    path.write_bytes(b"first")
    result, image = small_result()
    Session(result, image, source=Source.of(path)).save(tmp_path / "saved")
    assert Session.load(tmp_path / "saved", image, source=Source.of(path)).notes == ()
    path.write_bytes(b"second, and longer")
    # Of the same pixels nothing is to be told, whatever else was written into the file.
    assert Session.load(tmp_path / "saved", image, source=Source.of(path)).notes == ()
    (note,) = Session.load(tmp_path / "saved", image[::-1], source=Source.of(path)).notes
    assert "was changed after the session was saved" in note
    with pytest.raises(InputError, match="slice"):
        Session.load(tmp_path / "saved", image, source=Source.of(path, slice=(3,)))


def test_an_image_of_another_size_is_refused(tmp_path: Path) -> None:
    new_session(0).save(tmp_path)
    with pytest.raises(InputError, match="the session needs"):
        Session.load(tmp_path, np.zeros((3, 3, 3), np.uint8))


def test_steps_survive_packing_and_nothing_else_does() -> None:
    session = new_session(3)
    for number in range(40):
        edit(session, 3, number)
    assert len(session.history.done) > 10
    for step in session.history.done:
        again = unpack_step(pack_step(step))
        assert again.title == step.title
        arrays, texts = load(pack_step(again)), [change.vocabulary for change in again.changes]
        assert texts == [change.vocabulary for change in step.changes]
        for name, array in load(pack_step(step)).items():
            np.testing.assert_array_equal(arrays.pop(name), array)
        assert not arrays
    data = pack_step(session.history.done[0])
    for cut in range(0, len(data), 7):
        with pytest.raises(Damaged):
            unpack_step(data[:cut])


def test_another_image_of_the_same_size_is_told(tmp_path: Path) -> None:
    result, image = small_result()
    Session(result, image).save(tmp_path / "saved")
    assert Session.load(tmp_path / "saved", image).notes == ()
    (note,) = Session.load(tmp_path / "saved", image[::-1]).notes
    assert "other pixels than the one that was corrected" in note
    # Saved again without the image, it is still known.
    Session.load(tmp_path / "saved").save(tmp_path / "again")
    assert Session.load(tmp_path / "again", image).notes == ()
    assert Session.load(tmp_path / "again", image[::-1]).notes == (note,)
