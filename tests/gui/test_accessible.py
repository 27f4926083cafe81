"""The dock for everybody: names, and a keyboard that goes to all that there is and is seen there."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest
from numpy.typing import NDArray
from qtpy.QtCore import QPoint, Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QHeaderView,
    QLabel,
    QLineEdit,
    QProgressBar,
    QWidget,
)

from napari_corrclip.demo.scenes import generate_scene
from napari_corrclip.gui.model.weights_question import WeightsDialog
from napari_corrclip.gui.pages import Page
from napari_corrclip.gui.words.panel import COLOR
from napari_corrclip.gui.words.removal import RemovalDialog
from napari_corrclip.gui.work.said import done
from napari_corrclip.vocabulary import Vocabulary
from napari_corrclip.weights.catalogue import get_preset
from tests.forms import short
from tests.gui.hand import click_at, turn_to
from tests.gui.person import Person
from tests.gui.window import settle

pytestmark = pytest.mark.canvas

CONTROLS = (
    QAbstractButton, QAbstractItemView, QAbstractSpinBox, QComboBox, QLineEdit, QProgressBar,
)  # fmt: skip


@pytest.fixture
def person(on_screen: Person) -> Person:
    """Somebody who has run once, and corrects."""
    dock = on_screen.dock
    on_screen.viewer.window.resize(1024, 700)
    scene = generate_scene(7).image[:96, :128]
    for channel in range(2):
        on_screen.viewer.add_image(scene[..., channel], name=f"gray {channel}")
    on_screen.viewer.add_image(scene, rgb=True, name="scene")
    dock.reset_choices()
    dock.image.layer = on_screen.viewer.layers["scene"]
    dock.model.regions.setCurrentText("superpixels")
    on_screen.type("red, green")
    on_screen.run()
    click_at(on_screen, dock.correct.button)
    settle(on_screen.viewer)
    return on_screen


def controls(root: QWidget) -> Iterator[QWidget]:
    """What a person presses, types into, reads as a list or comes to by Tab; none of Qt's own parts."""
    for widget in [root, *root.findChildren(QWidget)]:
        if isinstance(widget, QHeaderView) or widget.objectName().startswith("qt_"):
            continue
        parent = widget.parentWidget()
        if isinstance(parent, QWidget) and isinstance(parent.parentWidget(), QComboBox):
            continue  # the list that it opens
        if isinstance(parent, QLineEdit):
            continue  # the cross that clears it
        if isinstance(widget, CONTROLS) or widget.focusPolicy() != Qt.FocusPolicy.NoFocus:
            yield widget


def name_of(widget: QWidget, root: QWidget) -> str:
    """What a screen reader says of a control: its name, its text, or that of the label before it."""
    if widget.accessibleName():
        return widget.accessibleName()
    if isinstance(widget, QAbstractButton | QLabel):
        return widget.text()
    return "".join(label.text() for label in root.findChildren(QLabel) if label.buddy() is widget)


def check_names(root: QWidget) -> int:
    found = list(controls(root))
    nameless = [
        f"{type(widget).__name__} {widget.toolTip()!r}"
        for widget in found
        if not any(letter.isalpha() for letter in name_of(widget, root))
    ]
    assert nameless == []
    silent = [
        name_of(widget, root)
        for widget in found
        if not isinstance(widget, QLabel)
        and not (widget.accessibleDescription() or widget.toolTip())
    ]
    assert [name for name in silent if not name.startswith("Scroll")] == []  # Qt's own, of the tabs
    return len(found)


def test_every_control_list_and_table_has_a_name_and_says_what_it_is_for(person: Person) -> None:
    dock = person.dock
    dock.regions.show_table()
    assert dock.regions.table is not None
    assert check_names(dock) > 80  # what is folded away, Advanced and the keys too
    assert check_names(dock.regions.table) >= 3
    index = dock.words.model.index(0, COLOR)
    assert index.data(Qt.ItemDataRole.AccessibleTextRole).startswith("colour #")

    words = Vocabulary.typed("red, green")
    removal = RemovalDialog({words.classes[0]: (2, 3)}, words, dock)
    weights = WeightsDialog(get_preset("vit-b-16").networks, dock)
    for dialog in (removal, weights):
        names = [name_of(widget, dialog) for widget in controls(dialog)]
        assert len(names) >= 2
        assert all(any(letter.isalpha() for letter in name) for name in names)
        dialog.deleteLater()


def walk(start: QWidget, root: QWidget) -> list[QWidget]:
    """Press Tab from a control on until the keyboard leaves a widget, or comes back."""
    window = start.window()
    assert window is not None
    start.setFocus()
    seen: list[QWidget] = []
    while True:
        QApplication.processEvents()
        at = window.focusWidget()  # without a window manager no window is active
        assert at is not None
        if at in seen or not (at is root or root.isAncestorOf(at)):
            return seen
        seen.append(at)
        region = at.visibleRegion().boundingRect()
        assert region.size() == at.size(), f"{name_of(at, root)!r} is cut, or not to be seen"
        QTest.keyClick(at, Qt.Key.Key_Tab)


def check_walk(seen: list[QWidget], root: QWidget) -> None:
    """Check that it went as one reads, and to all that is there."""
    places = [(widget.mapTo(root, QPoint(0, 0)), widget) for widget in seen]
    for (former, above), (place, below) in pairwise(places):
        is_below = place.y() + below.height() > former.y() + above.height() / 2
        beside = abs(place.y() - former.y()) < 12
        right = place.x() > former.x()
        assert (beside and right) or (is_below and not beside), (
            f"{name_of(below, root)!r} comes after {name_of(above, root)!r}"
        )
    wanted = {
        widget
        for widget in controls(root)
        if isinstance(widget, CONTROLS)
        and not isinstance(widget, QProgressBar)
        and widget.isEnabled()
        and widget.focusProxy() is None
        and not widget.visibleRegion().isEmpty()
        and widget.window() is root.window()
    }
    assert {name_of(widget, root) for widget in wanted - {*seen}} == set()


def picture(widget: QWidget) -> NDArray[np.uint8]:
    image = widget.grab().toImage()
    raw = image.constBits()
    assert raw is not None
    flat = np.frombuffer(raw.asstring(image.sizeInBytes()), np.uint8)  # type: ignore[attr-defined]
    return flat.reshape(image.height(), -1)


def check_seen(stops: list[QWidget], root: QWidget) -> None:
    """Check that one sees where the keyboard is."""
    window = root.window()
    assert window is not None
    window.activateWindow()
    for widget in stops:
        widget.setFocus()
        focused = picture(widget)
        window.setFocus()
        changed = (picture(widget) != focused).reshape(len(focused), -1, 4).any(axis=-1)
        # At least a frame around a check box; the mark of typing alone is less.
        assert changed.sum() >= 40, name_of(widget, root)


@pytest.mark.parametrize("theme", short("dark", rest=["light"]))
def test_tab_goes_through_all_that_is_there_as_it_is_read_and_is_seen(
    person: Person, theme: str
) -> None:
    dock, window = person.dock, person.dock.window()
    assert window is not None
    person.viewer.theme = theme
    window.activateWindow()
    person.qtbot.waitUntil(window.isActiveWindow)
    for page in dock.pages.offered:
        turn_to(person, page)
        dock.say("Nothing to take back.")
        for fold in [None, *([dock.image.fold, dock.model] if page is Page.SET_UP else [])]:
            if fold is not None:
                click_at(person, fold.head)
            stops = walk(dock.pages.tabs, dock)
            assert len(stops) >= 8
            check_walk(stops, dock)
            check_seen(stops, dock)
    # What a sentence takes back comes last.
    dock.say(done("Assign 3 regions to 'cat'"))
    assert walk(dock.pages.tabs, dock)[-1] is dock.status.undo_button

    dock.model.open_advanced()
    advanced = dock.model.advanced
    QApplication.processEvents()
    assert len(walk(advanced.regions.lines["n_segments"], advanced)) > 20  # each came to sight
    dock.model.window_of_advanced.close()
    turn_to(person, Page.CORRECT)
    dock.correct.help.more_button.setFocus()
    QTest.keyClick(dock.correct.help.more_button, Qt.Key.Key_Space)
    QApplication.processEvents()
    keys = dock.correct.help.keys
    assert keys.isVisible()
    assert keys.window().width() <= 933  # type: ignore[union-attr]  # the smallest screen
    assert keys.heightForWidth(keys.width()) <= keys.height()  # none is cut
    dock.correct.help.window_of_keys.close()
    dock.regions.show_table()
    settle(person.viewer)
    table = dock.regions.table
    assert table is not None
    stops = [table.line, table.refresh_button, table.view]
    assert walk(table.line, table) == stops
    check_seen(stops, table)


def test_the_whole_way_by_the_keyboard(on_screen: Person, tmp_path: Path) -> None:
    person, dock, window = on_screen, on_screen.dock, on_screen.dock.window()
    assert window is not None
    path = tmp_path / "scene.png"
    iio.imwrite(path, generate_scene(7).image[:96, :128])
    person.viewer.open(str(path), plugin="napari")
    dock.reset_choices()
    dock.model.regions.setCurrentText("superpixels")
    settle(person.viewer)

    def key(code: Qt.Key) -> None:
        at = window.focusWidget()
        assert at is not None
        QTest.keyClick(at, code)
        QApplication.processEvents()

    def tab_to(widget: QWidget) -> None:
        for _ in range(60):
            if window.focusWidget() is widget:
                return
            key(Qt.Key.Key_Tab)
        raise AssertionError(f"Tab does not come to {name_of(widget, dock)!r}")

    dock.pages.tabs.setFocus()
    tab_to(dock.words.line)
    QTest.keyClicks(dock.words.line, "red, green")
    key(Qt.Key.Key_Return)
    tab_to(dock.bar.run_button)
    key(Qt.Key.Key_Space)
    person.wait()
    session = dock.session
    assert dock.pages.page is Page.CORRECT
    tab_to(dock.correct.next_button)
    key(Qt.Key.Key_Space)
    assert len(dock.correct.mode.selection) == 1  # type: ignore[union-attr]
    (region,) = dock.correct.mode.selection  # type: ignore[union-attr]
    key(Qt.Key.Key_2)
    verdict = session.region(region).verdict
    assert verdict is not None
    assert verdict.kind == "assigned"
    tab_to(dock.correct.undo_button)
    key(Qt.Key.Key_Space)
    assert session.region(region).verdict is None
    tab_to(dock.pages.tabs)
    key(Qt.Key.Key_Right)
    assert dock.pages.page is Page.EXPORT
    tab_to(dock.export.button)
    key(Qt.Key.Key_Space)
    person.wait()
    assert (tmp_path / "scene.labels.png").exists()
