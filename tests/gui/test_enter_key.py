"""Enter in a field acts on the field alone, though napari hands keys that climb on to the canvas."""

from __future__ import annotations

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QAbstractSpinBox, QApplication, QWidget

from napari_corrclip.annotation import Session
from napari_corrclip.gui.pages import Page
from napari_corrclip.gui.words.panel import NAME
from tests.gui.person import MINUTE, User, open_sample

pytestmark = pytest.mark.canvas

ENTER = Qt.Key.Key_Return


@pytest.fixture(autouse=True)
def _corrected(user: User) -> None:
    open_sample(user)
    user.type("red, green, blue")
    user.dock.model.regions.setCurrentText("superpixels")
    user.run()
    user.viewer.reset_view()
    user.press(user.dock.correct.button)
    user.viewer.layers.selection.active = user.window.layers.labels


def titles(session: Session) -> list[str]:
    return [step.title for step in session.history.done]


def select(user: User) -> int:
    region = max(user.session.rows(), key=lambda row: row.area).id
    user.window.click(*user.inside(region))
    mode = user.dock.correct.mode
    assert mode is not None
    assert mode.selection == (region,)
    return region


def enter(field: QWidget) -> None:
    field.setFocus()
    QTest.keyClick(field, ENTER)
    QApplication.processEvents()


def test_enter_in_a_field_accepts_nothing_and_on_the_canvas_it_does(
    user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    region = select(user)
    dock, table = user.dock, user.dock.words.table
    dock.pages.turn_to(Page.SET_UP)
    dock.model.open()
    dock.model.open_advanced()
    table.setCurrentIndex(table.model().index(0, NAME))
    fields = {
        "the class table": table,
        "a setting": dock.model.advanced.fields["tau"],
        "a choice": dock.model.detail,
        "the limit": dock.model.advanced.resources.limit,
    }
    for name, field in fields.items():
        enter(field)
        assert titles(user.session) == [], name
    window: QWidget = user.viewer.__wrapped__.window._qt_window  # type: ignore[attr-defined]
    number = next(
        box
        for box in window.findChildren(QAbstractSpinBox)
        if box.isVisible() and not dock.isAncestorOf(box)
    )
    # Under a screen without a window manager no window is the active one.
    with monkeypatch.context() as patch:
        patch.setattr(QApplication, "focusWidget", staticmethod(lambda: number))
        QTest.keyClick(number, ENTER)
        QApplication.processEvents()
    assert titles(user.session) == [], "a number of napari's"
    user.window.key(ENTER)
    assert len(titles(user.session)) == 1
    assert user.session.region(region).verdict is not None


def test_enter_behind_a_word_accepts_nothing_and_commits_no_split(user: User) -> None:
    region = select(user)
    for text in ("", "red", "stone"):
        user.type(text)
        user.wait()
        assert not any("Accept" in title for title in titles(user.session)), text
        assert ("stone" in user.session.vocabulary.names) == (text == "stone")
    window, mode = user.window, user.dock.correct.mode
    assert mode is not None
    window.key(Qt.Key.Key_S)
    inside = np.argwhere(user.session.regions == region)
    window.click(*map(float, inside[0]))
    window.click(*map(float, inside[-1]), button=Qt.MouseButton.RightButton)
    user.qtbot.waitUntil(lambda: not mode.splitting.busy, timeout=MINUTE)
    user.type("grass")
    user.wait()
    assert user.session.vocabulary.names[-1] == "grass"
    assert not any("Split" in title for title in titles(user.session))


def test_enter_in_the_filter_accepts_nothing_and_keys_of_the_table_decide(user: User) -> None:
    user.press(user.dock.regions.button)
    table = user.dock.regions.table
    assert table is not None
    region = select(user)
    table.line.setText("area > 5")
    QTest.keyClick(table.line, ENTER)
    assert titles(user.session) == []
    for key, title in (
        (Qt.Key.Key_3, "Assign 1 region"),
        (Qt.Key.Key_U, ""),
        (Qt.Key.Key_R, "Runner-up of 1 region"),
    ):
        mode = user.dock.correct.mode
        assert mode is not None
        mode.select([region])
        QTest.keyClick(table.view, key)
        QApplication.processEvents()
        assert mode.selection == (region,)
        assert title in titles(user.session)[-1]
