"""The session saved by its button: named like its image, made where there is nothing, never over another."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest
from qtpy.QtWidgets import QApplication, QMessageBox

from napari_corrclip.annotation import Journal, Session
from napari_corrclip.demo.scenes import generate_scene
from napari_corrclip.gui.session.saving import NameDialog
from tests.gui.person import Person, answer, click_in, name_folder


def save(person: Person, act: Callable[[NameDialog], object]) -> str:
    """Press the button, do something in the dialog that comes, and return what is said then."""
    clock = answer(NameDialog, act)
    person.press(person.dock.menu.save_button)
    clock.stop()
    return person.dock.status.text()


def save_as(person: Person, name: Path | str) -> str:
    return save(person, lambda dialog: name_folder(dialog, str(name)))


def suggested(person: Person) -> str:
    """The whole name that the dialog comes up with."""
    found: list[str] = []

    def look(dialog: NameDialog) -> None:
        found.append(str(dialog.folder()))
        dialog.reject()

    before = person.dock.status.text()
    assert save(person, look) == before
    (name,) = found
    return name


def test_save_session_suggests_the_image_s_name_and_makes_the_folder(
    person: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NAPARI_CORRCLIP_SESSIONS", str(tmp_path / "sessions"))
    folder = tmp_path / "photographs"
    folder.mkdir()
    iio.imwrite(folder / "a scene.png", generate_scene(7).image)
    person.viewer.open(str(folder / "a scene.png"), plugin="napari")
    person.dock.reset_choices()
    person.dock.model.regions.setCurrentText("superpixels")
    person.type("red, green")
    session = person.run()
    place = folder / "a scene.corrclip"
    assert suggested(person) == str(place)
    assert save(person, lambda dialog: dialog.accept()) == f"Saved the session in {str(place)!r}."
    np.testing.assert_array_equal(Session.load(place).labels, session.labels)
    # A name without the ending gets it, and folders that are not there are made.
    deep = tmp_path / "new" / "deeper" / "mine"
    assert save_as(person, deep) == f"Saved the session in {f'{deep}.corrclip'!r}."
    np.testing.assert_array_equal(Session.load(f"{deep}.corrclip").labels, session.labels)
    assert suggested(person) == f"{deep}.corrclip"  # where it was saved last


def test_a_session_is_saved_and_never_over_another_unasked(person: Person, tmp_path: Path) -> None:
    person.press(person.dock.menu.save_button)
    assert person.dock.status.text() == "There is no session yet; press Run, or restore one."
    assert QApplication.activeModalWidget() is None
    session = person.run(demo=True)
    session.assign([int(session.ids[0])], session.vocabulary.names[-1])
    person.qtbot.waitUntil(lambda: person.dock.status.said.undo)  # the dock tells of it, too
    labels = session.labels.copy()

    # The image is in no file.
    assert suggested(person) == str(Path.home() / "demo scene.corrclip")

    # Nobody can write there, an administrator neither.
    file = tmp_path / "file.corrclip"
    file.write_text("a file where a folder should be")
    blocked = [file, file / "below.corrclip"]
    if sys.platform == "linux":
        blocked.append(Path("/proc/self/x.corrclip"))
    for place in blocked:
        said = save_as(person, place)
        assert said.startswith(f"{str(place)!r} cannot be written ("), said
        assert "choose a folder that exists, that you may write to" in said
    assert file.read_text() == "a file where a folder should be"
    np.testing.assert_array_equal(session.labels, labels)
    assert session.can_undo

    own, other, kept = (tmp_path / f"{name}.corrclip" for name in ("own", "other", "kept"))
    for _ in range(2):  # the second time, it is its own folder
        assert save_as(person, own) == f"Saved the session in {str(own)!r}."
        again = Session.load(own)
        np.testing.assert_array_equal(again.labels, session.labels)
        np.testing.assert_array_equal(again.regions, session.regions)
        session.undo()

    def files(folder: Path) -> dict[Path, bytes]:
        return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}

    # Another's is asked about.
    again.save(other)
    asked: list[str] = []

    def reply(box: QMessageBox, text: str) -> None:
        asked.append(box.text())
        click_in(box, text)

    before = files(other)
    clock = answer(QMessageBox, lambda box: reply(box, "Cancel"))
    assert save_as(person, other) == "Nothing was saved; what lies there is as it was."
    assert files(other) == before
    clock.stop()
    clock = answer(QMessageBox, lambda box: reply(box, "Replace"))
    session.assign([int(session.ids[0])], session.vocabulary.names[0])
    assert save_as(person, other) == f"Saved the session in {str(other)!r}."
    clock.stop()
    assert asked == [f"{str(other)!r} holds another session already."] * 2
    np.testing.assert_array_equal(Session.load(other).labels, session.labels)

    # A journal's folder is a session, too, and is written as somebody corrects.
    Journal(Session.load(other), kept).close()
    before = files(kept)
    assert save_as(person, kept) == (
        f"{str(kept)!r} holds corrections as they are made; choose another name."
    )
    assert files(kept) == before
