"""Other axes than rows and columns, and 3-D: what is ours is hidden, and nothing is done to it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from napari import Viewer
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QApplication

from tests.gui.person import User, run
from tests.gui.stacks import planes, ready, to


def show_3d(viewer: Viewer) -> None:
    viewer.dims.ndisplay = 3


def roll(viewer: Viewer) -> None:
    viewer.dims.order = (1, 2, 0)


@pytest.mark.canvas
@pytest.mark.parametrize(
    ("turn", "said", "keys"),
    [
        (show_3d, "The viewer shows three dimensions, so labels and regions are hidden", "Ctrl+Y"),
        (roll, "The viewer shows other axes than rows and columns, so labels and", "Ctrl+E"),
    ],
)
def test_rolled_axes_and_three_dimensions_hide_our_layers_and_keys_do_nothing_to_them(
    user: User, turn: Callable[[Viewer], None], said: str, keys: str
) -> None:
    viewer, dock = user.viewer, user.dock
    viewer.add_image(planes(3), rgb=True, name="stack")
    ready(user)
    to(user, 1)
    run(user)
    user.press(dock.correct.button)
    dock.regions.check.setChecked(True)
    session, layers = user.session, dock.layers
    assert layers is not None
    session.assign(session.ids[:2], "blue")
    layers.regions.visible = False  # a person's own choice
    user.window.click(*user.inside(int(session.ids[5])))
    assert dock.correct.mode is not None
    selected = dock.correct.mode.selection
    assert selected
    labels, steps = session.labels.copy(), len(session.history.done)
    ours = [*layers.layers, viewer.layers["confidence"]]

    turn(viewer)
    QApplication.processEvents()
    assert not any(layer.visible for layer in ours)
    assert dock.status.text().startswith(said)
    assert keys in dock.status.text()
    for layer in layers.layers:
        viewer.layers.selection.active = layer
        for key in (Qt.Key.Key_1, Qt.Key.Key_2, Qt.Key.Key_Return, Qt.Key.Key_Delete, Qt.Key.Key_D):
            user.window.key(key)
        user.window.undo()
        user.window.click(40, 40)
        user.window.stroke((30, 30), (50, 50))
        layer.mode = "paint"
        user.window.stroke((30, 30), (50, 50))
    np.testing.assert_array_equal(session.labels, labels)
    assert len(session.history.done) == steps
    assert dock.workspace.session is session
    assert not dock.correct.undo_button.isEnabled()
    assert dock.status.text().startswith(said)

    viewer.dims.ndisplay = 2
    viewer.dims.order = (0, 1, 2)
    QApplication.processEvents()
    assert [layer.visible for layer in ours] == [True, False, True]
    assert dock.workspace.session is session
    assert dock.correct.mode.on
    assert dock.correct.mode.selection == selected
    assert "hidden" not in dock.status.text()
    user.agree()
    viewer.layers.selection.active = layers.labels
    user.window.key(Qt.Key.Key_1)
    assert len(session.history.done) == steps + 1
