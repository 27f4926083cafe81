"""The menu beside Run."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from qtpy.QtWidgets import QFileDialog

from napari_corrclip.annotation import Journal, Session
from tests.gui.person import Person


def test_a_session_is_saved_and_never_over_another(
    person: Person, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    dock = person.dock
    asked: list[str] = []

    def answer(*_: object) -> str:
        asked.append(str(tmp_path))
        return asked[-1]

    monkeypatch.setattr(QFileDialog, "getExistingDirectory", answer)
    dock.menu.save_action.trigger()
    assert dock.status.text() == "There is no session yet; press Run, or restore one."
    assert not asked

    session = person.run(demo=True)
    session.assign([int(session.ids[0])], session.vocabulary.names[-1])
    dock.menu.save_action.trigger()
    assert dock.status.text() == f"The session was saved in {str(tmp_path)!r}."
    again = Session.load(tmp_path)
    np.testing.assert_array_equal(again.labels, session.labels)
    np.testing.assert_array_equal(again.regions, session.regions)
    former = (tmp_path / "session.safetensors").read_bytes()

    session.undo()
    dock.menu.save_action.trigger()  # its own folder
    assert dock.status.text() == f"The session was saved in {str(tmp_path)!r}."
    assert (tmp_path / "session.safetensors").read_bytes() != former
    np.testing.assert_array_equal(Session.load(tmp_path).labels, session.labels)

    other = tmp_path / "other"
    again.save(other)
    former = (other / "session.safetensors").read_bytes()
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(other))
    dock.menu.save_action.trigger()
    assert dock.status.text() == (f"{str(other)!r} holds a session already; choose another folder.")
    assert (other / "session.safetensors").read_bytes() == former


def test_a_session_that_is_not_saved_is_said_and_stays(
    person: Person, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    dock = person.dock
    session = person.run(demo=True)
    session.assign([int(session.ids[0])], session.vocabulary.names[-1])
    labels = session.labels.copy()

    def save(folder: str) -> str:
        monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: folder)
        assert dock.menu.save_action is not None
        dock.menu.save_action.trigger()
        return dock.status.text()

    # The dialog was cancelled.
    before, here = dock.status.text(), sorted(Path.cwd().iterdir())
    assert save("") == before
    assert sorted(Path.cwd().iterdir()) == here

    # Nobody can write there, an administrator neither.
    file = tmp_path / "file"
    file.write_text("a file where a folder should be")
    blocked = [str(file), str(file / "below"), *(["/proc/self"] if sys.platform == "linux" else [])]
    for folder in blocked:
        said = save(folder)
        assert said.startswith(f"{folder!r} cannot be written ("), said
        assert "choose a folder that exists, that you may write to" in said
    assert file.read_text() == "a file where a folder should be"

    # A journal's folder is a session, too.
    Journal(Session.load(session_of(session, tmp_path / "saved")), tmp_path / "kept").close()
    kept = sorted((tmp_path / "kept").rglob("*"))
    assert save(str(tmp_path / "kept")).endswith("holds a session already; choose another folder.")
    assert sorted((tmp_path / "kept").rglob("*")) == kept

    # Nothing of that was lost, and a good folder is as good as ever.
    np.testing.assert_array_equal(session.labels, labels)
    assert session.can_undo
    assert save(str(tmp_path / "good")) == f"The session was saved in {str(tmp_path / 'good')!r}."
    np.testing.assert_array_equal(Session.load(tmp_path / "good").labels, labels)


def session_of(session: Session, folder: Path) -> Path:
    session.save(folder)
    return folder
