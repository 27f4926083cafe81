"""The place of sessions: a person's by absolute paths, a folder's by the paths inside it."""

from __future__ import annotations

import os
import shutil
import signal
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from napari_corrclip.annotation import (
    Journal,
    Session,
    SessionStore,
    Source,
    has_session,
    journal_folder,
    kept_parts,
    restore,
)
from napari_corrclip.annotation.belonging import Look, Looks, OtherImageError
from napari_corrclip.annotation.store import FOLDER
from napari_corrclip.errors import InputError
from tests.annotation.images import small_result
from tests.annotation.random_edits import digest, new_session
from tests.forms import short
from tests.storage.killed import child, sent_before
from tests.users import another_user, open_folder


@pytest.fixture(autouse=True)
def person(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the person's sessions."""
    folder = tmp_path / "person"
    monkeypatch.setenv("NAPARI_CORRCLIP_SESSIONS", str(folder))
    return folder


def image_in(root: Path, name: str = "images/a.png") -> Source:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"pixels")
    return Source.of(path)


def corrected(source: Source, store: SessionStore, regions: int = 1) -> Session:
    """A session of which ``store`` keeps so many decided regions."""
    session = new_session(0)
    session.source = source
    with store.journal(session):
        for region in range(1, regions + 1):
            session.assign(region, "sky")
    return session


def decided(source: Source, store: SessionStore) -> int:
    return len(store.restore(source).state.verdicts)


def test_a_persons_store_knows_images_by_their_absolute_paths(tmp_path: Path, person: Path) -> None:
    source, store = image_in(tmp_path), SessionStore()
    assert store.folder(source) == journal_folder(source) == person / source.key
    assert source not in store
    with pytest.raises(InputError, match=r"There is no session of .*a\.png"):
        store.restore(source)
    session = corrected(source, store)
    part = replace(source, crop=(0, 0, 3, 4))
    corrected(part, store)
    assert store.saved(source) == person / source.key
    assert store.parts(part) == kept_parts(source) == [source, part]
    assert digest(store.restore(source)) == digest(session)
    aside = store.put_aside(source)
    assert source not in store
    assert digest(restore(aside)) == digest(session)
    with pytest.raises(InputError, match=r"no session .* to be put aside"):
        store.put_aside(source)


def test_a_session_of_no_file_has_no_place() -> None:
    with pytest.raises(InputError, match="of no file"):
        SessionStore().journal(new_session(0))


def test_a_folder_that_moves_with_its_images_keeps_their_decisions(tmp_path: Path) -> None:
    root, store = tmp_path / "root", SessionStore(tmp_path / "root")
    source, other = image_in(root), image_in(root, "b.png")
    channels = (str(root / "images/a.png"), "DAPI", str(tmp_path / "elsewhere.png"))
    part = replace(source, crop=(0, 0, 3, 4), channels=channels)
    session, of_part = corrected(source, store), corrected(part, store, 2)
    corrected(replace(source, channels=channels), store)

    moved = tmp_path / "moved"
    root.rename(moved)
    store = SessionStore(moved)
    source = Source.of(moved / "images/a.png")
    channels = (str(moved / "images/a.png"), *channels[1:])
    part = replace(source, crop=(0, 0, 3, 4), channels=channels)
    assert Source.of(moved / "b.png") not in store
    assert other not in store
    assert store.parts(source) == [source]
    assert store.parts(part) == [replace(source, channels=channels), part]
    assert digest(store.restore(part)) == digest(of_part)
    restored = store.restore(source)
    assert digest(restored) == digest(session)
    assert restored.source == source
    assert restored.notes == ()
    with store.journal(restored):
        restored.assign(3, "sky")
    assert decided(source, store) == 2
    assert not (tmp_path / "root").exists()


def test_a_changed_image_is_told_wherever_it_lies(tmp_path: Path) -> None:
    root = tmp_path / "root"
    corrected(image_in(root), SessionStore(root))
    root.rename(tmp_path / "moved")
    path = tmp_path / "moved/images/a.png"
    path.write_bytes(b"other pixels")
    (note,) = SessionStore(tmp_path / "moved").restore(Source.of(path)).notes
    assert "was changed after the session was saved" in note


def test_a_session_of_other_pixels_is_refused_and_stays(tmp_path: Path, person: Path) -> None:
    """Scripts are held to the rule of the window: no session on the pixels of another image."""
    source, store = image_in(tmp_path), SessionStore()
    result, image = small_result()
    with store.journal(Session(result, image, source=source)) as journal:
        journal.session.ignore(1)
    Path(source.path).write_bytes(b"the same pixels, exported again")
    again = Source.of(source.path)
    assert store.restore(again, image).notes == ()
    with pytest.raises(OtherImageError, match=r"a\.png' has other pixels now than those that were"):
        store.restore(again, image[::-1])
    assert store.saved(again) == person / source.key
    # Of an unchanged file the pixels may differ by the library that reads it.
    assert "other pixels" in store.restore(source, image[::-1]).notes[0]


def looks_at(image: np.ndarray) -> Looks:
    return lambda _: (Look(image),)


def test_what_is_known_by_its_pixels_is_found_by_them_and_stays(
    tmp_path: Path, person: Path
) -> None:
    source, store = image_in(tmp_path), SessionStore()
    result, image = small_result()
    with store.journal(Session(result, image, source=source)) as journal:
        journal.session.ignore(1)
    Path(source.path).write_bytes(b"other pixels")
    with pytest.raises(OtherImageError):
        store.find(Source.of(source.path), looks_at(image[::-1]))
    (lies,) = person.glob("pixels-*")

    named = image_in(tmp_path, "another name.png")
    assert named not in store
    assert store.stray_parts(named) == [named]
    assert store.stray(named, image.shape[:2], looks_at(image)) == lies
    assert store.stray(named, image.shape[:2], looks_at(image[::-1])) is None
    assert has_session(lies)

    def nobody_looks(_: object) -> list[Look]:
        raise AssertionError("an image of another size is not read")

    assert store.stray(named, (7, 7), nobody_looks) is None
    assert store.stray(replace(named, crop=(0, 0, 3, 4)), image.shape[:2], nobody_looks) is None
    session = store.find(named, looks_at(image))
    assert session is not None
    assert len(session.state.verdicts) == 1
    assert not has_session(lies)


def test_equal_planes_leave_each_others_session_where_it_is(tmp_path: Path) -> None:
    """The black ends of a stack that was written anew: nothing tells which of them a session is of."""
    path, store = tmp_path / "stack.tif", SessionStore()
    result, image = small_result()
    path.write_bytes(b"a stack")
    session = Session(result, image, source=Source.of(path, slice=(2,)))
    with store.journal(session):
        session.ignore(1)

    def nobody_looks(_: object) -> list[Look]:
        raise AssertionError("of a file that was not changed no pixel is read")

    assert store.has(Source.of(path, slice=(2,)), nobody_looks, (3,))
    path.write_bytes(b"the same stack, written anew")
    first, last = (Source.of(path, slice=(where,)) for where in (0, 2))
    equal, turned = looks_at(image), looks_at(image[::-1])

    def find(source: Source, last_plane: Looks) -> Session | None:
        planes = {(0,): equal, (1,): turned, (2,): last_plane}
        looks = planes[source.slice]
        assert store.has(source, looks, (3,), planes.get) == (
            source == last or last_plane is turned
        )
        assert store.saved(first) is None  # to look moves nothing
        return store.find(source, looks, stack=(3,), beside=planes.get)

    assert find(first, equal) is None
    assert find(last, equal) is not None
    assert find(first, equal) is None
    assert store.saved(last) is not None
    # What lies there is other pixels' now: it is of the first plane.
    assert find(first, turned) is not None
    assert store.saved(last) is None


def test_an_image_outside_the_root_is_known_by_its_absolute_path(tmp_path: Path) -> None:
    store, source = SessionStore(tmp_path / "root"), image_in(tmp_path)
    assert store.folder(source) == tmp_path / "root" / FOLDER / source.key
    assert store == SessionStore(tmp_path / "nothing" / ".." / "root")


def test_a_former_place_is_found_and_taken_over(tmp_path: Path, person: Path) -> None:
    root = tmp_path / "root"
    source, store = image_in(root), SessionStore(root)
    session = corrected(source, SessionStore())
    before = files_of(person)
    assert store.saved(source) == person / source.key
    assert store.parts(source) == [source]
    restored = store.restore(source)
    assert digest(restored) == digest(session)
    assert not (root / FOLDER).exists()  # to look changes nothing
    with store.journal(restored, wait=False):
        restored.assign(2, "sky")
    assert files_of(person) == before
    assert store.saved(source) == store.folder(source) == root / FOLDER / source.key_below(root)
    assert decided(source, store) == 2
    assert decided(source, SessionStore()) == 1
    again = store.restore(source)  # with the history of both places
    assert [bool(again.undo()) for _ in range(3)] == [True, True, False]


def test_where_both_have_one_the_folders_own_goes_first(tmp_path: Path, person: Path) -> None:
    root = tmp_path / "root"
    source, store = image_in(root), SessionStore(root)
    corrected(source, store, 3)
    corrected(source, SessionStore())
    corrected(replace(source, crop=(0, 0, 3, 4)), SessionStore())
    before = files_of(person)
    assert store.saved(source) == store.folder(source)
    assert decided(source, store) == 3
    assert len(store.parts(source)) == 2
    again = store.restore(source)
    with store.journal(again):
        again.assign(4, "sky")
    assert files_of(person) == before
    # Put aside are both: else the former one would come back.
    store.put_aside(source)
    assert source not in store
    assert source not in SessionStore()


def test_a_new_session_hides_no_former_one(tmp_path: Path) -> None:
    root = tmp_path / "root"
    source, store = image_in(root), SessionStore(root)
    corrected(source, SessionStore())
    with pytest.raises(InputError, match="keeps a session that this one would replace"):
        corrected(source, store)
    assert decided(source, store) == 1
    session = new_session(0)
    session.source = source
    store.journal(session, replace=True).close()
    assert decided(source, store) == 0


def test_one_of_two_takes_a_session_over(tmp_path: Path) -> None:
    root = tmp_path / "root"
    source, store = image_in(root), SessionStore(root)
    corrected(source, SessionStore())
    first, second = store.restore(source), store.restore(source)
    with store.journal(first):
        first.assign(2, "sky")
        with pytest.raises(InputError, match="in this program or another"):
            store.journal(second, replace=True)
    with pytest.raises(InputError, match="would replace"):
        store.journal(second)
    assert decided(source, store) == 2


def test_a_session_that_is_edited_at_its_former_place_stays_there(tmp_path: Path) -> None:
    root = tmp_path / "root"
    source, store, former = image_in(root), SessionStore(root), SessionStore()
    corrected(source, former)
    stale, there = store.restore(source), former.restore(source)
    with former.journal(there):
        with pytest.raises(InputError, match="is open already, in this program or another"):
            store.journal(stale)
        there.assign(2, "sky")
    with pytest.raises(InputError, match="edited in another window; restore it again"):
        store.journal(stale)
    assert decided(source, store) == 2
    store.journal(store.restore(source)).close()
    assert has_session(store.folder(source))
    assert decided(source, store) == 2


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="POSIX permissions")
def test_where_nobody_may_write_the_person_goes_on_in_their_own_place(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with open_folder() as base:
        root, person = base / "root", base / "person"
        monkeypatch.setenv("NAPARI_CORRCLIP_SESSIONS", str(person))
        person.mkdir()
        person.chmod(0o777)
        source, store = image_in(root), SessionStore(root)
        session = corrected(source, store)
        before = files_of(root)
        for path in [root, *root.rglob("*")]:
            path.chmod(0o555 if path.is_dir() else 0o444)
        with another_user():
            assert store.saved(source) == root / FOLDER / source.key_below(root)
            restored = store.restore(source)
            assert digest(restored) == digest(session)
            with store.journal(restored):
                restored.assign(2, "sky")
            assert store.saved(source) == person / source.key
            assert decided(source, store) == 2
            with pytest.raises(InputError, match="cannot be written"):
                store.put_aside(source)
            assert decided(source, store) == 2
            shutil.rmtree(person / source.key)
        assert files_of(root) == before
        for path in [root, *root.rglob("*")]:
            path.chmod(0o755)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="kills a fork")
@pytest.mark.parametrize("every", short(4, rest=[1]))
def test_a_process_that_is_killed_while_it_takes_over_loses_nothing(
    tmp_path: Path, every: int
) -> None:
    source = image_in(tmp_path / "root")
    store = SessionStore(tmp_path / "root")
    session = corrected(source, SessionStore())

    def work(step: int) -> None:
        sent_before(step, tmp_path, signal.SIGKILL)
        restored = store.restore(source)
        with store.journal(restored):
            restored.assign(2, "sky")

    found = []
    for step in range(1, 1000, every):
        shutil.rmtree(tmp_path / "root" / FOLDER, ignore_errors=True)
        with child(lambda step=step: work(step)) as process:
            _, status = os.waitpid(process, 0)
        restored = store.restore(source)
        found.append(len(restored.state.verdicts))
        if found[-1] == 1:
            assert digest(restored) == digest(session)
        with store.journal(restored):  # it goes on from there
            restored.assign(3, "sky")
        assert decided(source, store) == found[-1] + 1
        if os.WIFEXITED(status):
            assert os.WEXITSTATUS(status) == 0
            break
    assert found == sorted(found)
    assert found[0] == 1
    assert found[-1] == 2
    assert digest(SessionStore().restore(source)) == digest(session)


def files_of(folder: Path) -> dict[str, bytes]:
    """What lies in a folder, without the locks."""
    files = (path for path in folder.rglob("*") if path.is_file() and path.name != "lock")
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def test_a_journal_by_hand_is_the_stores(tmp_path: Path) -> None:
    source, store = image_in(tmp_path), SessionStore()
    session = new_session(0)
    session.source = source
    with Journal(session, store.folder(source)):
        session.assign(1, "sky")
    assert decided(source, store) == 1


@pytest.mark.parametrize("root", ["", 5, b""])
def test_a_root_that_is_no_path_is_refused(root: object) -> None:
    with pytest.raises(InputError, match=r"cannot be kept in .*; give the folder of the images"):
        SessionStore(root)  # type: ignore[arg-type]
