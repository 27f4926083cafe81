"""Stacks that are others than when they were corrected: a decision stays with its own image."""

from __future__ import annotations

import os
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest
import tifffile
from napari.layers import Image
from qtpy.QtWidgets import QMessageBox

from napari_corrclip.annotation import Session, SessionStore, Source, has_session, journal_folder
from napari_corrclip.gui.dock import CorrClipDock
from napari_corrclip.gui.work.restoring import Belongs
from tests.annotation.images import small_result
from tests.forms import short
from tests.gui.person import MINUTE, Person, answer, click_in, run
from tests.gui.stacks import planes, ready, to

SCENES = planes(5)
GRAY = SCENES.mean(axis=-1).astype(np.uint8)


@pytest.fixture(autouse=True)
def sessions(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The folder of the person's sessions."""
    monkeypatch.setenv("NAPARI_CORRCLIP_SESSIONS", str(tmp_path / "sessions"))
    return tmp_path / "sessions"


def photographs(folder: Path, *names: str) -> Path:
    """Photographs in a folder, of which each name has its own scene."""
    folder.mkdir(exist_ok=True)
    for name in names:
        iio.imwrite(folder / f"{name}.png", SCENES["abcde".index(name)])
    return folder


def open_stack(person: Person, paths: Path | list[Path]) -> Image:
    several = isinstance(paths, list)
    given = [str(path) for path in paths] if several else str(paths)
    (layer,) = person.viewer.open(given, plugin="napari", stack=several)
    person.dock.reset_choices()
    person.dock.image.layer = layer
    ready(person)
    return layer


def open_again(person: Person, paths: Path | list[Path]) -> Image:
    """Open it in another dock, as on another day."""
    person.dock.cleanup()
    person.viewer.layers.clear()
    person.dock = CorrClipDock(person.viewer)
    person.viewer.window.add_dock_widget(person.dock, name="another day")
    return open_stack(person, paths)


def correct(person: Person, plane: int, word: str) -> np.ndarray:
    """Run on a plane, decide some of its regions, and return what its labels are then."""
    to(person, plane)
    run(person)
    session = person.dock.session
    before = session.labels.copy()
    session.assign(session.ids[: 3 + plane], word)
    assert (session.labels != before).any(), "the decision must be seen in the labels"
    return session.labels.copy()


def restore(person: Person) -> None:
    person.press(person.dock.restore_bar.restore_button)
    person.wait()


def shows(person: Person, labels: np.ndarray) -> None:
    np.testing.assert_array_equal(person.dock.session.labels, labels)
    person.agree()


def test_a_photograph_added_to_the_folder_or_removed_leaves_decisions_where_they_belong(
    person: Person, tmp_path: Path
) -> None:
    folder = photographs(tmp_path / "photographs", "b", "c", "d")
    open_stack(person, folder)
    of_b, of_d = correct(person, 0, "blue"), correct(person, 2, "blue")
    assert person.dock.session.source.path == str(folder / "d.png")

    photographs(folder, "a")
    open_again(person, folder)
    assert person.dock.restore_bar.isHidden()
    to(person, 2)  # where d was, and c is
    assert person.dock.restore_bar.isHidden()
    to(person, 3)
    restore(person)
    shows(person, of_d)
    to(person, 0)
    assert person.dock.workspace.session is None
    to(person, 1)
    shows(person, of_b)
    assert "changed" not in person.dock.status.text()

    (folder / "a.png").unlink()
    (folder / "b.png").unlink()
    open_again(person, folder)
    assert person.dock.restore_bar.isHidden()
    to(person, 1)
    restore(person)
    shows(person, of_d)

    # A photograph by itself is the one of the folder.
    open_again(person, folder / "d.png")
    restore(person)
    shows(person, of_d)


def test_several_files_opened_as_one_stack_are_known_one_by_one(
    person: Person, tmp_path: Path
) -> None:
    folder = photographs(tmp_path / "photographs", "a", "b", "c")
    open_stack(person, [folder / "c.png", folder / "b.png"])
    of_c = correct(person, 0, "blue")
    open_again(person, [folder / "a.png", folder / "c.png"])
    assert person.dock.restore_bar.isHidden()
    to(person, 1)
    restore(person)
    shows(person, of_c)


def kept_as_before(path: Path, where: int, image: np.ndarray) -> Session:
    """Keep a session as earlier versions did: by its place in a stack."""
    session = Session(small_result(image.shape[:2])[0], image)
    session.source = Source.of(path, slice=(where,))
    with SessionStore().journal(session):
        session.assign(session.ids[: 3 + where], session.vocabulary.names[0])
    return session


def test_a_session_of_an_earlier_version_is_not_opened_on_its_neighbour(
    person: Person, tmp_path: Path
) -> None:
    folder = photographs(tmp_path / "photographs", "b", "c")
    of_b = kept_as_before(folder, 0, SCENES[1])
    of_c = kept_as_before(folder, 1, SCENES[2])
    photographs(folder, "a")
    open_stack(person, folder)
    bar = person.dock.restore_bar
    restore(person)
    assert person.dock.workspace.session is None
    assert person.dock.status.text() == (
        "The corrections that were kept for 'photographs', plane 0 of 0–2 along axis 0 are of plane 1 of 0–2 "
        "along axis 0; they open there."
    )
    person.press(bar.go_button)
    person.wait()
    assert person.viewer.dims.current_step[0] == 1
    shows(person, of_b.labels)
    person.dock.session.assign(person.dock.session.ids[5:7], "sky")
    again = person.dock.session.labels.copy()
    to(person, 2)
    shows(person, of_c.labels)
    to(person, 0)
    assert person.dock.workspace.session is None
    to(person, 1)
    shows(person, again)


@pytest.mark.parametrize("pages", short([4, 0, 1, 2], rest=([1, 2], [2, 1, 0])))
def test_pages_put_into_a_tiff_taken_out_or_turned_round_keep_their_decisions(
    person: Person, tmp_path: Path, pages: list[int]
) -> None:
    path = tmp_path / "stack.tif"
    tifffile.imwrite(path, GRAY[:3], photometric="minisblack")
    open_stack(person, path)
    labels = {page: correct(person, page, "red") for page in range(3)}
    tifffile.imwrite(path, GRAY[pages], photometric="minisblack", compression="zlib")
    open_again(person, path)
    restore(person)
    if pages[0] != 0:
        # What lay here is of another page, or of none any more; nothing else is opened by itself.
        person.dock.workspace.follow(person.dock.image.picture())
    for place, page in [*enumerate(pages), (0, pages[0])][1:]:
        to(person, place)
        if page in labels:
            shows(person, labels[page])
        else:
            assert person.dock.workspace.session is None


def test_the_image_to_which_corrections_belong_is_said_and_a_button_leads_there(
    person: Person, tmp_path: Path
) -> None:
    path = tmp_path / "stack.tif"
    tifffile.imwrite(path, GRAY[:2], photometric="minisblack")
    open_stack(person, path)
    labels = correct(person, 0, "red")
    tifffile.imwrite(path, GRAY[[3, 4, 0, 1]], photometric="minisblack")
    open_again(person, path)
    restore(person)
    assert person.dock.workspace.session is None
    assert "plane 0 of 0–3 along axis 0 are of plane 2 of" in person.dock.status.text()
    bar = person.dock.restore_bar
    assert not bar.isHidden()
    assert bar.restore_button.isHidden()
    person.press(bar.go_button)
    person.wait()
    assert person.viewer.dims.current_step[0] == 2
    shows(person, labels)
    assert bar.isHidden()
    # The plane in whose place they lay is free for its own.
    to(person, 0)
    run(person)
    to(person, 2)
    shows(person, labels)


def test_a_run_over_a_stack_takes_no_session_of_another_page_for_one_that_is_done(
    person: Person, tmp_path: Path
) -> None:
    path = tmp_path / "stack.tif"
    tifffile.imwrite(path, GRAY[:2], photometric="minisblack")
    open_stack(person, path)
    labels = correct(person, 0, "red")
    tifffile.imwrite(path, GRAY[[3, 0, 1]], photometric="minisblack")
    open_again(person, path)
    person.dock.image.planes.setCurrentIndex(1)
    run(person)
    assert "2 of 3 planes segmented. 1 had a session already" in person.dock.status.text()
    to(person, 2)
    to(person, 1)
    shows(person, labels)


def test_no_wolf_is_cried_where_only_times_and_metadata_changed(
    person: Person, tmp_path: Path
) -> None:
    folder = photographs(tmp_path / "photographs", "a", "b")
    path = tmp_path / "stack.tif"
    tifffile.imwrite(path, GRAY[:2], photometric="minisblack")
    for stack in (folder, path):
        open_again(person, stack)
        labels = correct(person, 1, "red" if stack is path else "blue")
        if stack is path:
            tifffile.imwrite(path, GRAY[:2], compression="zlib", description="exported again")
        else:
            os.utime(folder)
            os.utime(folder / "b.png")
        open_again(person, stack)
        to(person, 1)
        restore(person)
        shows(person, labels)
        assert person.dock.status.text().startswith("Restored ")
        assert "chang" not in person.dock.status.text()


def test_what_nothing_proves_is_asked(person: Person, tmp_path: Path) -> None:
    path = tmp_path / "stack.tif"
    tifffile.imwrite(path, GRAY[:2], photometric="minisblack")
    result, _ = small_result(GRAY.shape[1:])
    session = Session(result, source=Source.of(path, slice=(0,)))
    with SessionStore().journal(session):
        session.assign(session.ids[:3], session.vocabulary.names[0])
    os.utime(path)
    open_stack(person, path)
    for reply in ("Cancel", "Restore"):
        asked: list[str] = []

        def click(box: QMessageBox, reply: str = reply, asked: list[str] = asked) -> None:
            asked.append(box.text())
            click_in(box, reply)

        answer(QMessageBox, click)
        restore(person)
        person.qtbot.waitUntil(lambda asked=asked: bool(asked), timeout=MINUTE)
        person.wait()
        assert asked[0].startswith("Nothing proves that the corrections in ")
        assert (person.dock.workspace.session is None) == (reply == "Cancel")
    shows(person, session.labels)


def test_a_photograph_that_was_retouched_keeps_its_corrections_for_itself(
    person: Person, tmp_path: Path
) -> None:
    path = photographs(tmp_path, "a") / "a.png"
    open_stack(person, path)
    labels = correct(person, 0, "blue")
    iio.imwrite(path, SCENES[0][::-1])
    open_again(person, path)
    restore(person)
    assert person.dock.workspace.session is None
    assert "'a' has other pixels now than those that were corrected" in person.dock.status.text()
    assert not has_session(journal_folder(Source.of(path)))
    run(person)  # nothing stands in its way
    iio.imwrite(path, SCENES[0], compression=1)
    open_again(person, path)
    restore(person)
    shows(person, labels)


def test_corrections_whose_photograph_comes_back_are_offered_under_any_name(
    person: Person, tmp_path: Path
) -> None:
    path = photographs(tmp_path, "a") / "a.png"
    original = path.read_bytes()
    open_stack(person, path)
    labels = correct(person, 0, "blue")
    iio.imwrite(path, SCENES[0][::-1])
    open_again(person, path)
    restore(person)  # refused
    path.write_bytes(original)
    (tmp_path / "copy.png").write_bytes(original)
    for name in ("a.png", "copy.png"):
        open_again(person, tmp_path / name)
        bar = person.dock.restore_bar
        person.qtbot.waitUntil(lambda bar=bar: not bar.isHidden(), timeout=MINUTE)
        assert "This image was corrected before" in person.dock.status.text()
    person.press(person.dock.bar.run_button)
    assert "restore them, or start over" in person.dock.status.text()
    restore(person)
    shows(person, labels)


def test_a_button_leads_to_the_file_whose_corrections_were_found(
    person: Person, tmp_path: Path
) -> None:
    path = photographs(tmp_path, "a", "b") / "a.png"
    original = path.read_bytes()
    open_stack(person, path)
    labels = correct(person, 0, "blue")
    iio.imwrite(path, SCENES[0][::-1])
    open_again(person, path)
    restore(person)  # refused, and known by its pixels from then on
    moved = tmp_path / "moved.png"
    moved.write_bytes(original)
    bar = person.dock.restore_bar
    for file in (tmp_path / "gone.png", moved):
        bar.tell_belonging(person.dock.image.picture(), Belongs("They are there.", path=str(file)))
        person.press(bar.go_button)
        person.wait()
        if file is not moved:
            said = person.dock.status.text()
            assert said.startswith(f"The image {str(file)!r} cannot be opened (")
    assert person.dock.session.source.path == str(moved)
    shows(person, labels)
    assert bar.isHidden()
