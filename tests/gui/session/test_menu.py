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
    dock, asked = person.dock, [""]

    def save(folder: Path | str) -> str:
        asked[:] = [str(folder)]
        monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: asked.pop())
        dock.menu.save_button.click()
        return dock.status.text()

    assert save(tmp_path) == "There is no session yet; press Run, or restore one."
    assert asked  # for nothing
    session = person.run(demo=True)
    session.assign([int(session.ids[0])], session.vocabulary.names[-1])
    labels = session.labels.copy()

    # The dialog was cancelled.
    before, here = dock.status.text(), sorted(Path.cwd().iterdir())
    assert save("") == before
    assert sorted(Path.cwd().iterdir()) == here

    # Nobody can write there, an administrator neither.
    file = tmp_path / "file"
    file.write_text("a file where a folder should be")
    blocked = [str(file), str(file / "below"), *(["/proc/self"] if sys.platform == "linux" else [])]
    for place in blocked:
        said = save(place)
        assert said.startswith(f"{place!r} cannot be written ("), said
        assert "choose a folder that exists, that you may write to" in said
    assert file.read_text() == "a file where a folder should be"
    np.testing.assert_array_equal(session.labels, labels)
    assert session.can_undo

    own, other, kept = (tmp_path / name for name in ("own", "other", "kept"))
    for _ in range(2):  # the second time, it is its own folder
        assert save(own) == f"Saved the session in {str(own)!r}."
        again = Session.load(own)
        np.testing.assert_array_equal(again.labels, session.labels)
        np.testing.assert_array_equal(again.regions, session.regions)
        session.undo()

    # A journal's folder is a session, too.
    again.save(other)
    Journal(Session.load(other), kept).close()
    for folder in (other, kept):
        files = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
        assert save(folder) == (f"{str(folder)!r} holds a session already; choose another folder.")
        assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == files
