"""The menu beside Run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import napari
import numpy as np
import pytest
from pytestqt.qtbot import QtBot
from qtpy.QtWidgets import QFileDialog

from napari_corrclip.annotation import Session
from napari_corrclip.gui.dock import CorrClipDock


def test_a_session_is_saved_and_never_over_another(
    make_napari_viewer: Callable[..., napari.Viewer],
    qtbot: QtBot,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    dock = CorrClipDock(viewer := make_napari_viewer())
    viewer.window.add_dock_widget(dock, name="CorrCLIP")
    asked: list[str] = []

    def answer(*_: object) -> str:
        asked.append(str(tmp_path))
        return asked[-1]

    monkeypatch.setattr(QFileDialog, "getExistingDirectory", answer)
    dock.menu.save_action.trigger()
    assert dock.status.text() == "There is no session yet; press Run, or restore one."
    assert not asked

    dock.try_demo()
    qtbot.waitUntil(lambda: dock.controller.session is not None, timeout=120_000)
    qtbot.waitUntil(lambda: not dock.controller.running, timeout=120_000)
    session = dock.session
    session.assign([int(session.ids[0])], session.vocabulary.names[-1])
    dock.menu.save_action.trigger()
    assert dock.status.text() == f"The session was saved in {str(tmp_path)!r}."
    again = Session.load(tmp_path)
    np.testing.assert_array_equal(again.labels, session.labels)
    np.testing.assert_array_equal(again.regions, session.regions)
    former = (tmp_path / "session.safetensors").read_bytes()

    session.undo()
    dock.menu.save_action.trigger()
    assert "holds a session already; choose another folder." in dock.status.text()
    assert (tmp_path / "session.safetensors").read_bytes() == former
    dock.cleanup()
    qtbot.wait(50)
