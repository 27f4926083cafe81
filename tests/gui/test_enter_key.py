"""Enter in a field acts on the field alone, though napari hands keys that climb on to the canvas."""

from __future__ import annotations

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QAbstractSpinBox, QApplication, QWidget

from napari_corrclip.annotation import Session
from napari_corrclip.gui.words.panel import NAME
from tests.forms import short
from tests.gui.person import MINUTE, User, open_sample, start, threads_end

pytestmark = pytest.mark.canvas

ENTER = Qt.Key.Key_Return


@pytest.fixture
def user(make_napari_viewer_proxy, qtbot):  # type: ignore[no-untyped-def]
    user = start(make_napari_viewer_proxy(show=True), qtbot)
    open_sample(user)
    user.type("red, green, blue")
    user.dock.model.regions.setCurrentText("superpixels")
    user.run()
    user.viewer.reset_view()
    user.press(user.dock.correct.button)
    user.viewer.layers.selection.active = user.window.layers.labels
    yield user
    user.dock.cleanup()
    threads_end(qtbot)


def titles(session: Session) -> list[str]:
    return [step.title for step in session.history.done]


def select(user: User) -> int:
    region = max(user.session.rows(), key=lambda row: row.area).id
    user.window.click(*user.inside(region))
    mode = user.dock.correct.mode
    assert mode is not None
    assert mode.selection == (region,)
    return region


def test_the_mode_takes_enter_from_the_canvas(user: User) -> None:
    region = select(user)
    user.window.key(ENTER)
    assert user.session.region(region).verdict is not None


@pytest.mark.parametrize("text", short("stone", rest=["", "red"]))
def test_enter_behind_a_word_accepts_nothing(user: User, text: str) -> None:
    select(user)
    user.type(text)
    user.wait()
    assert not any("Accept" in title for title in titles(user.session))
    assert ("stone" in user.session.vocabulary.names) == (text == "stone")


def test_enter_behind_a_word_commits_no_split(user: User) -> None:
    region = select(user)
    window, mode = user.window, user.dock.correct.mode
    assert mode is not None
    window.key(Qt.Key.Key_S)
    inside = np.argwhere(user.session.regions == region)
    window.click(*map(float, inside[0]))
    window.click(*map(float, inside[-1]), button=Qt.MouseButton.RightButton)
    user.qtbot.waitUntil(lambda: not mode.splitting.busy, timeout=MINUTE)
    user.type("stone")
    user.wait()
    assert not any("Split" in title for title in titles(user.session))


def fields(user: User) -> dict[str, QWidget]:
    model = user.dock.model
    return {
        "the class table": user.dock.words.table,
        "a setting": model.advanced.fields["tau"],
        "a choice": model.detail,
        "the limit": model.advanced.resources.limit,
    }


@pytest.mark.parametrize(
    "which", short("the class table", "a choice", rest=["a setting", "the limit"])
)
def test_enter_in_another_field_accepts_nothing(user: User, which: str) -> None:
    select(user)
    field = fields(user)[which]
    user.dock.model.advanced.expand(False)
    if which == "the class table":
        table = user.dock.words.table
        table.setCurrentIndex(table.model().index(0, NAME))
    field.setFocus()
    QTest.keyClick(field, ENTER)
    QApplication.processEvents()
    assert titles(user.session) == []


def test_enter_in_a_number_of_napari_accepts_nothing(
    user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    select(user)
    window: QWidget = user.viewer.__wrapped__.window._qt_window  # type: ignore[attr-defined]
    numbers = [
        one for one in window.findChildren(QAbstractSpinBox) if not user.dock.isAncestorOf(one)
    ]
    number = next(one for one in numbers if one.isVisible())
    # Under a screen without a window manager no window is the active one.
    monkeypatch.setattr(QApplication, "focusWidget", staticmethod(lambda: number))
    QTest.keyClick(number, ENTER)
    QApplication.processEvents()
    assert titles(user.session) == []
    monkeypatch.undo()
    user.window.key(ENTER)
    assert len(titles(user.session)) == 1


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
