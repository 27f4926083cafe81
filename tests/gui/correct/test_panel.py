"""What correct mode shows and says: the keys, the queue's row and sentence, finding beside the table."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import napari
import pytest
from qtpy.QtCore import QPoint, Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QLabel, QVBoxLayout, QWidget

from napari_corrclip.annotation import Session
from napari_corrclip.gui.correct import CorrectMode, CorrectPanel, help_text
from napari_corrclip.gui.correct.keys import BOUND, COMMANDS
from napari_corrclip.gui.layers.session_layers import SessionLayers
from napari_corrclip.gui.regions.table import RegionsBar
from napari_corrclip.gui.widgets import Column
from tests.annotation.images import small_result
from tests.gui.window import SIDE, Window, hearing

pytestmark = pytest.mark.canvas

WORDS = "cat, dog, sky, tree, road, car, scar, house, water, grass, bicycle, cart"


class Place:
    """A dock as wide as the smallest, with the panel and the table's button, scrolling as the real one."""

    def __init__(self, window: Window) -> None:
        self.window = window
        self.panel = CorrectPanel(window.tell)
        self.bar = RegionsBar(window.viewer)
        inner = QWidget()
        column = QVBoxLayout(inner)
        above = QWidget()
        above.setMinimumHeight(900)  # the other panels, on a small screen
        for one in (above, self.panel, self.bar):
            column.addWidget(one)
        self.widget = Column(inner)
        self.dock = window.viewer.window.add_dock_widget(self.widget, name="dock", area="right")
        self.mode = CorrectMode(window.viewer, window.layers, window.tell)
        self.panel.open(self.mode)
        self.bar.open(self.mode)


@pytest.fixture
def place(make_napari_viewer: Callable[..., napari.Viewer]) -> Iterator[Place]:
    result, image = small_result((SIDE, SIDE), words=WORDS)
    viewer = make_napari_viewer(show=True)
    viewer.add_image(image, rgb=True)
    session = Session(result, image)
    told: list[str] = []
    layers = SessionLayers(viewer, session, tell=hearing(told))
    viewer.reset_view()
    place = Place(Window(viewer, session, layers, told))
    place.panel.button.setChecked(True)
    QApplication.processEvents()
    yield place
    place.bar.close_mode()
    place.panel.close_mode()
    layers.close()


def is_seen(widget: QWidget) -> bool:
    """Whether the middle of a widget is on the screen, before all others of its window."""
    window = widget.window()
    assert window is not None
    middle = widget.mapTo(window, widget.rect().center())
    found = window.childAt(middle)
    return found is not None and (found is widget or widget.isAncestorOf(found))


@pytest.mark.parametrize("height", [700, 880])
def test_what_is_typed_into_is_seen_beside_the_table(place: Place, height: int) -> None:
    viewer, finder = place.window.viewer, place.panel.finder
    viewer.window.resize(1024, height)
    place.window.settle()
    place.mode.select([20])
    QTest.mouseClick(place.bar.button, Qt.MouseButton.LeftButton)
    place.window.settle()
    assert place.bar.table is not None
    assert is_seen(place.bar.table.view)
    # A low window has no room for both; there the table lies before the dock.
    assert place.dock.visibleRegion().isEmpty() == (height == 700)
    place.window.canvas.setFocus()
    place.window.key(Qt.Key.Key_Slash)
    place.window.settle()
    assert is_seen(finder.line)
    assert place.widget.window().focusWidget() is finder.line  # type: ignore[union-attr]
    assert place.bar.table.view.isVisible()
    QTest.keyClicks(finder.line, "bicy")
    QTest.keyClick(finder.line, Qt.Key.Key_Return)
    value = place.window.session.vocabulary.values[10]
    assert place.window.session.region(20).value == value


def test_the_queue_has_a_row_of_its_own(place: Place) -> None:
    panel = place.panel

    def middle(widget: QWidget) -> QPoint:
        return widget.mapTo(panel, widget.rect().center())

    place.window.settle()
    row = (panel.left, panel.back_button, panel.refresh_button)
    history = (panel.button, panel.undo_button, panel.redo_button)
    for one in (row, history):
        assert max(middle(part).y() for part in one) - min(middle(part).y() for part in one) <= 2
        assert [middle(part).x() for part in one] == sorted(middle(part).x() for part in one)
    assert middle(panel.undo_button).y() < panel.left.geometry().top() or (
        middle(panel.undo_button).y() < middle(panel.left).y() - 10
    )


def test_six_keys_fit_a_narrow_dock_and_all_have_a_window(place: Place) -> None:
    panel = place.panel
    assert panel.help.minimumSizeHint().width() <= 310
    for cap in panel.help.findChildren(QLabel):
        assert cap.width() >= cap.minimumSizeHint().width() or cap.isHidden(), cap.text()
    QTest.mouseClick(panel.help.more_button, Qt.MouseButton.LeftButton)
    assert panel.keys.isVisible()
    assert panel.keys.width() >= panel.keys.minimumSizeHint().width()
    assert panel.keys.height() >= panel.keys.heightForWidth(panel.keys.width())
    assert panel.keys.window().width() <= 933  # 1400 at a scaling of 150 %
    QTest.mouseClick(panel.button, Qt.MouseButton.LeftButton)
    assert not panel.keys.isVisible()


def test_the_keys_of_the_help_are_those_that_are_bound(place: Place) -> None:
    bound = {
        command.keys
        for commands in COMMANDS["normal"].values()
        for command in commands
        if command.bound
    }
    told = re.findall(r"<b>(.*?)</b>", help_text().replace("&nbsp;", " "))
    assert len(told) == len(set(told))
    assert bound <= set(told)
    layer = place.window.layers.labels
    keys = [str(key) for key in layer.keymap]
    assert len(keys) == len(BOUND["normal"])
    # What a split is ended by is bound, and nothing is told to a person that is not.
    assert BOUND["splitting"].keys() < BOUND["normal"].keys()
    for commands in COMMANDS["normal"].values():
        for command in commands:
            if len(command.bound) == 1:
                key = command.keys.removeprefix("hold ").replace("Esc", "Escape")
                assert command.bound.keys() == {key.replace("+", "-")}
    text = re.sub(r"<.*?>|&nbsp;", " ", help_text())
    order = [text.index(word) for word in ("Select", "Decide", "Shape", "View", "undo", "redo")]
    assert order == sorted(order)


def test_the_queue_says_what_it_shows_and_which_keys_are_likeliest(place: Place) -> None:
    window, session, mode = place.window, place.window.session, place.mode
    value_of = dict(zip(session.vocabulary.names, session.vocabulary.values, strict=True))
    said = re.compile(r"#(\d+): (\w+) 0\.\d\d \((\w+) 0\.\d\d\) – Enter accepts, (.) = (\w+)\.")
    window.canvas.setFocus()
    window.key(Qt.Key.Key_D)
    found = said.fullmatch(window.told[-1])
    assert found is not None, window.told[-1]
    region, best, other, key, name = found.groups()
    assert mode.selection == (int(region),)
    assert session.region(int(region)).value == value_of[best]
    assert name == other
    # The key does what the sentence says.
    index = session.vocabulary.names.index(other)
    assert key == ("1234567890"[index] if index < 10 else "R")
    window.key(getattr(Qt.Key, f"Key_{key}"))
    assert session.region(int(region)).value == value_of[other]
    assert said.fullmatch(window.told[-1])  # of the next one
    window.key(Qt.Key.Key_A)
    assert window.told[-1].startswith(f"#{region}: {other} ")
    assert "assigned" in window.told[-1]
    assert "Enter" not in window.told[-1]


def test_a_class_without_a_digit_is_named_by_its_key(place: Place) -> None:
    session = place.window.session
    names = session.vocabulary.names
    eleventh = [
        one
        for one in session.ids.tolist()
        if names.index(place.mode.review.queue.runner_up(one)) >= 10
    ]
    for region in eleventh[:1]:
        place.mode.review._present(region)
        assert " R = " in place.window.told[-1]
    assert eleventh


def test_next_region_comes_to_the_layers_whose_keys_it_tells_of(place: Place) -> None:
    viewer, session = place.window.viewer, place.window.session
    viewer.layers.selection.active = viewer.layers[0]  # the image, as a click in the list does
    QTest.mouseClick(place.panel.next_button, Qt.MouseButton.LeftButton)
    assert place.mode.selection
    place.window.canvas.setFocus()
    place.window.key(Qt.Key.Key_1)
    assert len(session.history.done) == 1


@pytest.mark.parametrize("typed", ["-5", "0", "7", ""])
def test_what_the_button_counts_is_what_the_box_accepts(place: Place, typed: str) -> None:
    panel, session = place.panel, place.window.session

    def sure() -> int:
        return sum(
            row.verdict is None and row.predicted > 0 and row.confidence >= panel.sure.value()
            for row in session.rows()
        )

    panel.sure.setFocus()
    panel.sure.selectAll()
    QTest.keyClicks(panel.sure, typed or "0.5")
    QTest.keyClick(panel.sure, Qt.Key.Key_Return)
    assert panel.sure_button.text() == f"Accept {sure():,} from"
    assert panel.sure_button.isEnabled() == (sure() > 0)


def test_thousands_of_regions_fit_the_row(place: Place) -> None:
    panel = place.panel
    place.dock.setFixedWidth(340)
    panel.sure_button.setText("Accept 1,195 from")
    panel.rest_button.setText("The rest (1,287)")
    place.window.settle()
    for button in (panel.sure_button, panel.rest_button):
        assert button.width() >= button.fontMetrics().horizontalAdvance(button.text()) + 6
