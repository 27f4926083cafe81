"""Finding a class by typing, by real keys."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import napari
import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication

from napari_corrclip.annotation import Session
from napari_corrclip.gui.correct import CorrectMode, CorrectPanel, help_text
from napari_corrclip.gui.correct.finding import matches
from napari_corrclip.gui.layers.session_layers import SessionLayers
from tests.annotation.images import small_result
from tests.gui.window import SIDE, Window, hearing

WORDS = "cat, dog, sky, tree, road, car, scar, house, water, grass, bicycle, cart"


def test_prefixes_come_first_then_parts_then_letters() -> None:
    names = WORDS.split(", ")
    assert matches("", names) == names
    assert matches("CAR", names) == ["car", "cart", "scar"]
    assert matches("ca", names) == ["cat", "car", "cart", "scar"]
    assert matches("bcl", names) == ["bicycle"]
    assert matches("ar", names) == ["car", "scar", "cart", "water"]
    assert matches("zz", names) == []


@pytest.fixture
def finding(
    make_napari_viewer: Callable[..., napari.Viewer],
) -> Iterator[tuple[Window, CorrectPanel]]:
    result, image = small_result((SIDE, SIDE), words=WORDS)
    viewer = make_napari_viewer(show=True)
    viewer.add_image(image, rgb=True)
    session = Session(result, image)
    told: list[str] = []
    layers = SessionLayers(viewer, session, tell=hearing(told))
    panel = CorrectPanel(hearing(told))
    viewer.window.add_dock_widget(panel, name="correct")
    panel.open(CorrectMode(viewer, layers, hearing(told)))
    QTest.mouseClick(panel.button, Qt.MouseButton.LeftButton)
    viewer.reset_view()
    window = Window(viewer, session, layers, told)
    window.canvas.setFocus()
    QApplication.processEvents()
    yield window, panel
    panel.close_mode()
    layers.close()


def typed(panel: CorrectPanel, text: str) -> None:
    QTest.keyClicks(panel.finder.line, text)
    QApplication.processEvents()


def enter(panel: CorrectPanel, key: Qt.Key = Qt.Key.Key_Return) -> None:
    QTest.keyClick(panel.finder.line, key)
    QApplication.processEvents()


def select(panel: CorrectPanel, *regions: int) -> None:
    assert panel.mode is not None
    panel.mode.select(regions)


@pytest.mark.canvas
def test_a_class_without_a_digit_is_found(finding: tuple[Window, CorrectPanel]) -> None:
    window, panel = finding
    session = window.session
    select(panel, 20, 40)
    window.key(Qt.Key.Key_Slash)
    assert panel.finder.isVisible()
    assert panel.keys.text() == help_text("finding")
    assert panel.window().focusWidget() is panel.finder.line
    typed(panel, "bicy")
    enter(panel)
    value = session.vocabulary.values[10]
    assert [session.region(one).value for one in (20, 40)] == [value, value]
    assert len(session.history.done) == 1
    assert not panel.finder.isVisible()
    assert panel.keys.text() == help_text("normal")
    assert panel.window().focusWidget() is window.canvas
    window.agree()
    # Arrows choose; the digits typed there are no commands.
    window.key(Qt.Key.Key_Slash)
    typed(panel, "car")
    enter(panel, Qt.Key.Key_Down)
    enter(panel)
    assert session.region(20).value == session.vocabulary.values[11]
    window.undo()
    assert session.region(20).value == value


@pytest.mark.canvas
def test_escape_gives_the_focus_back(finding: tuple[Window, CorrectPanel]) -> None:
    window, panel = finding
    select(panel, 20)
    window.key(Qt.Key.Key_Slash)
    typed(panel, "zz1")
    assert [panel.finder.list.item(0).text()] == ["New class 'zz1'"]
    assert not window.session.can_undo
    enter(panel, Qt.Key.Key_Escape)
    assert not panel.finder.isVisible()
    assert panel.window().focusWidget() is window.canvas
    assert panel.mode is not None
    assert panel.mode.selection == (20,)
    window.key(Qt.Key.Key_2)
    assert window.session.region(20).value == window.session.vocabulary.values[1]


@pytest.mark.canvas
def test_a_list_or_what_is_no_name_is_no_new_class(finding: tuple[Window, CorrectPanel]) -> None:
    window, panel = finding
    asked: list[str] = []
    panel.class_asked.connect(asked.append)
    select(panel, 20)
    for text, why in (("boat, quay", "names 2 classes; type the name of one"), ("quay:", "quay")):
        window.key(Qt.Key.Key_Slash)
        typed(panel, text)
        enter(panel)
        assert not panel.finder.isVisible()
        assert why in window.told[-1]
    assert asked == []
    # One that nobody makes is forgotten, and assigned to nothing later.
    window.key(Qt.Key.Key_Slash)
    typed(panel, "boat")
    enter(panel)
    assert asked == ["boat"]
    panel.forget_made()
    window.session.set_vocabulary(window.session.vocabulary.add("boat"))
    QApplication.processEvents()
    assert window.session.region(20).verdict is None


@pytest.mark.canvas
def test_a_found_class_spreads_with_alt(finding: tuple[Window, CorrectPanel]) -> None:
    window, panel = finding
    session = window.session
    start = max(session.ids.tolist(), key=lambda one: len(session.patch_of(one)))
    patch = session.patch_of(start)
    select(panel, start)
    window.key(Qt.Key.Key_Slash, Qt.KeyboardModifier.AltModifier)
    typed(panel, "house")
    enter(panel)
    assert all(session.region(one).value == session.vocabulary.values[7] for one in patch)


@pytest.mark.canvas
def test_another_vocabulary_or_the_mode_s_end_closes_it(
    finding: tuple[Window, CorrectPanel],
) -> None:
    window, panel = finding
    select(panel, 20)
    window.key(Qt.Key.Key_Slash)
    window.session.set_vocabulary(window.session.vocabulary.add("boat"))
    assert not panel.finder.isVisible()
    window.key(Qt.Key.Key_Slash)
    QTest.mouseClick(panel.button, Qt.MouseButton.LeftButton)
    assert not panel.finder.isVisible()
    assert panel.mode is not None
    assert not panel.mode.on


@pytest.mark.canvas
def test_with_no_target_nothing_is_asked(finding: tuple[Window, CorrectPanel]) -> None:
    window, panel = finding
    select(panel)
    window.click(2, 2)  # there is no region
    window.key(Qt.Key.Key_Slash)
    assert not panel.finder.isVisible()
    assert "No region is selected or under the cursor" in window.told[-1]
