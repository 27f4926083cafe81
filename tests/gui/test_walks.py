"""The walks of docs/walks.md that a person begins, walked with mouse and keys."""

from __future__ import annotations

from collections.abc import Callable

import napari
import pytest
from pytestqt.qtbot import QtBot
from qtpy.QtCore import Qt

from tests import walks
from tests.gui.person import open_sample, start

pytestmark = pytest.mark.canvas


@walks.needs_monitoring
def test_run_a_key_and_another_name(
    make_napari_viewer_proxy: Callable[..., napari.Viewer], qtbot: QtBot
) -> None:
    viewer = make_napari_viewer_proxy(show=True)
    user = start(viewer, qtbot)
    open_sample(user)
    user.type("purple circle, white cross, wood, water")
    with walks.called() as order:
        session = user.run()
    walks.check("run", order)

    user.press(user.dock.correct.button)
    viewer.layers.selection.active = user.window.layers.labels
    viewer.reset_view()
    largest = max(session.rows(), key=lambda row: row.area)
    user.window.click(*user.inside(largest.id))
    with walks.called() as order:
        user.window.key(Qt.Key.Key_3)
    walks.check("key", order)
    assert session.region(largest.id).value == session.vocabulary.values[2]

    model = user.dock.words.table.model()
    assert model is not None
    cell = next(
        model.index(0, column)
        for column in range(model.columnCount())
        if model.index(0, column).data() == "purple circle"
    )
    user.dock.words.prompts_follow = True
    with walks.called() as order:
        model.setData(cell, "violet disc")
        user.wait()
    walks.check("rename", order)
    assert "violet disc" in session.vocabulary.names
    user.dock.cleanup()
