"""The dock for everybody: names, and a keyboard that goes to all that there is and is seen there."""

from __future__ import annotations

from pathlib import Path

import imageio.v3 as iio
import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import (
    QApplication,
    QWidget,
)

from napari_corrclip.demo.scenes import generate_scene
from napari_corrclip.gui.model.weights_question import WeightsDialog
from napari_corrclip.gui.pages import Page
from napari_corrclip.gui.words.merging import AgainDialog, MergeDialog
from napari_corrclip.gui.words.panel import COLOR
from napari_corrclip.gui.words.removal import RemovalDialog
from napari_corrclip.gui.work.said import done
from napari_corrclip.vocabulary import Vocabulary
from napari_corrclip.weights.catalogue import get_preset
from tests.forms import short
from tests.gui.hand import click_at, turn_to
from tests.gui.person import Person
from tests.gui.seen import check_names, check_seen, check_walk, controls, name_of, walk
from tests.gui.window import settle

pytestmark = pytest.mark.canvas


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
    merging = MergeDialog(words, [0], "…", dock)
    again = AgainDialog("Part again", {"red": "red, which became green"}, "…", dock)
    for dialog in (removal, weights, merging, again):
        names = [name_of(widget, dialog) for widget in controls(dialog)]
        assert len(names) >= 2
        assert all(any(letter.isalpha() for letter in name) for name in names)
        dialog.deleteLater()


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
