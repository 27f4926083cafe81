"""The whole way as a user goes it, by real mouse and keys; pixels compared with the session at each step."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import napari
import numpy as np
import pytest
from pytestqt.qtbot import QtBot
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QDockWidget, QFileDialog, QPushButton

from napari_corrclip.gui.session.saving import NameDialog
from tests.gui.person import MINUTE, User, answer, name_folder, open_sample, start

pytestmark = pytest.mark.canvas

SHIFT, CONTROL = Qt.KeyboardModifier.ShiftModifier, Qt.KeyboardModifier.ControlModifier


def close_by_title_bar(user: User) -> None:
    place = user.dock.parent()
    assert isinstance(place, QDockWidget)
    bar = place.titleBarWidget()
    assert bar is not None
    (cross,) = (
        one for one in bar.findChildren(QPushButton) if one.objectName() == "QTitleBarCloseButton"
    )
    user.qtbot.mouseClick(cross, Qt.MouseButton.LeftButton)
    user.qtbot.waitUntil(lambda: user.dock.layers is None, timeout=MINUTE)


def test_a_user_goes_the_whole_way(
    make_napari_viewer_proxy: Callable[..., napari.Viewer],
    qtbot: QtBot,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder = tmp_path / "scene.corrclip"
    viewer = make_napari_viewer_proxy(show=True)
    user = start(viewer, qtbot)
    open_sample(user)

    # Type, run, wait.
    user.type("purple circle, blue square, white cross, yellow circle")
    user.type("green square, green triangle, wood, water")
    user.press(user.dock.bar.run_button)
    user.wait()
    session = user.session
    assert {"labels", "regions"} <= set(user.names())
    viewer.reset_view()
    user.agree()
    seen = [session.labels.copy()]
    regions = [session.regions.copy()]

    def step(changed: bool = True) -> None:
        """Layers show the session, and something happened that one undo takes back."""
        user.agree()
        seen.append(session.labels.copy())
        regions.append(session.regions.copy())
        now = len(session.history.done)
        assert now == len(seen) - 1, user.dock.status.text()
        if changed:
            same = np.array_equal(seen[-1], seen[-2]) and np.array_equal(regions[-1], regions[-2])
            assert not same, user.dock.status.text()

    # Select by click, assign by key.
    user.press(user.dock.correct.button)
    mode, window = user.dock.correct.mode, user.window
    assert mode is not None
    viewer.layers.selection.active = user.window.layers.labels
    large = sorted(session.rows(), key=lambda row: -row.area)
    first = next(row for row in large if row.value != session.vocabulary.values[2])
    window.click(*user.inside(first.id))
    assert mode.selection == (first.id,)
    window.key(Qt.Key.Key_3)
    step()
    assert session.region(first.id).value == session.vocabulary.values[2]

    # Merge two neighbours, and split them again by a click on each.
    window.key(Qt.Key.Key_Escape)
    second = large[1].id
    near = max(session.neighbours(second), key=lambda one: session.region(one).area)
    points = [user.inside(second), user.inside(near)]
    window.click(*points[0])
    window.click(*points[1], SHIFT)
    assert set(mode.selection) == {second, near}
    window.key(Qt.Key.Key_G)
    step()
    merged = mode.selection[0]
    assert len(session.ids) == len(large) - 1
    window.key(Qt.Key.Key_S)
    window.click(*points[0])
    window.click(*points[1], button=Qt.MouseButton.RightButton)
    qtbot.waitUntil(lambda: window.layers.outlines.division is not None, timeout=MINUTE)
    window.key(Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: len(session.history.done) == len(seen), timeout=MINUTE)
    step()
    assert len(session.ids) == len(large)
    parts = [session.region_at(*(int(one) for one in point)) for point in points]
    assert len({*parts}) == 2
    assert merged in parts
    window.key(Qt.Key.Key_Escape)
    window.key(Qt.Key.Key_Escape)
    user.press(user.dock.correct.button)

    # Paint on both layers.
    layers = user.window.layers
    viewer.layers.selection.active = layers.labels
    layers.labels.mode = "paint"
    layers.labels.brush_size = 8
    layers.labels.selected_label = session.vocabulary.values[1]
    window.stroke((12, 12), (12, 60))
    step()
    assert session.labels[12, 30] == session.vocabulary.values[1]
    viewer.layers.selection.active = layers.regions
    layers.regions.mode = "paint"
    layers.regions.brush_size = 8
    beside = max(session.neighbours(merged), key=lambda one: session.region(one).area)
    window.stroke(user.inside(merged), user.inside(beside))
    step()
    assert not np.array_equal(regions[-1], regions[-2])
    assert session.region(merged).area > np.count_nonzero(regions[-2] == merged)
    layers.labels.mode = layers.regions.mode = "pan_zoom"

    # The queue: next, accept.
    user.press(user.dock.correct.button)
    viewer.layers.selection.active = layers.labels
    window.key(Qt.Key.Key_D)
    assert mode.selection
    (undecided,) = mode.selection
    assert session.region(undecided).verdict is None
    window.key(Qt.Key.Key_Return)
    step(changed=False)  # what was shown is right
    accepted = session.region(undecided).verdict
    assert accepted is not None
    assert accepted.kind == "accepted"

    # Undo all, redo all.
    count = len(session.history.done)
    last = session.labels.copy(), session.regions.copy()
    for back in range(count - 1, -1, -1):
        window.undo()
        user.agree()
        np.testing.assert_array_equal(session.labels, seen[back])
        np.testing.assert_array_equal(session.regions, regions[back])
    assert not session.can_undo
    for forth in range(1, count + 1):
        window.redo()
        user.agree()
        np.testing.assert_array_equal(session.labels, seen[forth])
    np.testing.assert_array_equal(session.regions, last[1])

    # Save, close; another dock loads all of it.
    answer(NameDialog, lambda dialog: name_folder(dialog, str(folder)))
    user.dock.menu.save_button.click()
    assert "Saved the session in" in user.dock.status.text()
    close_by_title_bar(user)
    viewer.layers.clear()
    user.dock.deleteLater()
    again = start(viewer, qtbot)
    open_sample(again)
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(folder))
    again.dock.menu.load_button.click()
    qtbot.waitUntil(lambda: again.dock.workspace.session is not None, timeout=MINUTE)
    again.wait()
    again.agree()
    np.testing.assert_array_equal(again.session.labels, last[0])
    np.testing.assert_array_equal(again.session.regions, last[1])
    assert again.session.vocabulary == session.vocabulary
    assert again.undo_all() == count
    np.testing.assert_array_equal(again.session.labels, seen[0])
    again.dock.cleanup()
