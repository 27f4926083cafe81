"""The regions table, used as a person does: typed into, clicked, sorted, closed."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest
from pytestqt.qtbot import QtBot
from qtpy.QtCore import QModelIndex, QPoint, Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QDockWidget, QLabel

from napari_corrclip.annotation import Session
from napari_corrclip.annotation.review.filter import parse_filter
from napari_corrclip.demo.scenes import generate_scene
from napari_corrclip.errors import InputError
from napari_corrclip.gui.correct import CorrectMode
from napari_corrclip.gui.regions.model import COLUMNS, RegionsModel, spans
from napari_corrclip.gui.regions.table import NAME, RegionsBar, RegionsTable
from tests.annotation.images import small_result
from tests.gui.person import MINUTE, Person, delete_now, open_scene
from tests.gui.window import Window

ID, CLASS, CONFIDENCE, MARGIN, AREA, STATE = range(6)


@pytest.fixture
def session() -> Session:
    result, image = small_result((96, 96))
    return Session(result, image)


@pytest.fixture
def model(session: Session, qapp: QApplication) -> Iterator[RegionsModel]:
    made = RegionsModel(session)
    yield made
    made.close()


@pytest.fixture
def bar(window: Window, qtbot: QtBot) -> Iterator[RegionsBar]:
    mode = CorrectMode(window.viewer, window.layers, window.tell)
    made = RegionsBar(window.viewer)
    qtbot.addWidget(made)
    made.open(mode)
    mode.start()
    yield made
    made.close_mode()
    mode.stop()
    delete_now()


def in_view(window: Window, box: tuple[int, int, int, int]) -> bool:
    QApplication.processEvents()
    corners = np.asarray(window.layers.regions.corner_pixels)[:, -2:]
    return bool((corners[0] <= box[:2]).all() and (corners[1] + 1 >= box[2:]).all())


@pytest.fixture
def table(bar: RegionsBar) -> RegionsTable:
    QTest.mouseClick(bar.button, Qt.MouseButton.LeftButton)
    QApplication.processEvents()
    assert bar.table is not None
    assert bar.table.isVisible()
    return bar.table


def cells(model: RegionsModel, column: int) -> list[str]:
    return [model.data(model.index(row, column)) for row in range(model.rowCount())]


def click_row(table: RegionsTable, place: int, held: Qt.KeyboardModifier | None = None) -> None:
    at = table.view.visualRect(table.model.index(place, CLASS)).center()
    QTest.mouseClick(
        table.view.viewport(), Qt.MouseButton.LeftButton,
        Qt.KeyboardModifier.NoModifier if held is None else held, at,
    )  # fmt: skip
    QApplication.processEvents()


def kept(session: Session, text: str, selection: frozenset[int] = frozenset()) -> list[int]:
    keep = parse_filter(text, session.vocabulary, selection)
    return [row.id for row in session.rows() if keep(row)]


def test_a_row_says_what_the_session_knows(session: Session, model: RegionsModel) -> None:
    session.assign(30, "dog")
    table = session.table.set_index("id")
    assert cells(model, ID) == [str(one) for one in session.ids.tolist()]
    names = dict(zip(session.vocabulary.values, session.vocabulary.names, strict=True))
    for place, one in enumerate(session.ids.tolist()):
        row = session.region(one)
        assert model.data(model.index(place, CLASS)) == names.get(row.value, "unlabelled")
        assert model.data(model.index(place, AREA)) == f"{table.loc[one, 'area']:,}"
        assert model.data(model.index(place, STATE)) == table.loc[one, "state"]
        assert model.data(model.index(place, MARGIN)) == f"{row.margin:.2f}"
    at = session.vocabulary.names.index("dog")
    place = model.place(30)
    assert place is not None
    shown = f"{session.region(30).probabilities[at]:.2f}"
    assert model.data(model.index(place, CONFIDENCE)) == shown


@pytest.mark.parametrize("column", range(len(COLUMNS)))
def test_sorting_is_by_the_value(session: Session, model: RegionsModel, column: int) -> None:
    session.assign(30, "dog")
    session.ignore(int(session.ids[0]))
    value: Callable[[str], int | float | str] = {
        ID: int,
        AREA: lambda text: int(text.replace(",", "")),
        CONFIDENCE: float,
        MARGIN: float,
    }.get(column, lambda text: text.replace("unlabelled", ""))
    for order in (Qt.SortOrder.AscendingOrder, Qt.SortOrder.DescendingOrder):
        model.sort(column, order)
        values = [value(text) for text in cells(model, column)]
        assert values == sorted(values, reverse=order == Qt.SortOrder.DescendingOrder)
        assert sorted(model.ids) == sorted(session.ids.tolist())


def test_rows_keep_their_places_while_somebody_edits(
    session: Session, model: RegionsModel, qtbot: QtBot
) -> None:
    model.sort(CLASS, Qt.SortOrder.AscendingOrder)
    before = list(model.ids)
    told: list[tuple[int, int]] = []
    model.dataChanged.connect(lambda first, last: told.append((first.row(), last.row())))
    other = "cat" if session.region(before[-1]).value != session.vocabulary.values[0] else "dog"
    session.assign(before[-1], other)
    assert model.ids == before
    assert told == [(len(before) - 1, len(before) - 1)]  # the changed row alone
    assert model.data(model.index(len(before) - 1, CLASS)) == other
    # A new region comes last, one that goes leaves its place.
    mask = np.zeros(session.shape, bool)
    mask[:10, :10] = True
    session.paint_regions(mask, None)
    new = int(session.ids.max())
    assert [one for one in model.ids if one in before] == [
        one for one in before if session.find(one) is not None
    ]
    assert model.ids[-1] == new
    session.undo()
    assert new not in model.ids
    first, second = before[0], sorted(session.neighbours(before[0]))[0]
    session.merge([first, second])
    assert set(model.ids) == set(session.ids.tolist())
    model.refresh()
    names = [one.replace("unlabelled", "") for one in cells(model, CLASS)]
    assert names == sorted(names)


def test_thousands_at_once(qapp: QApplication) -> None:
    """As many rows removed and added in one step as are not told one by one."""
    from napari_corrclip.gui.regions import model as regions_model

    result, image = small_result((96, 96))
    session = Session(result, image)
    model = RegionsModel(session)
    few, regions_model.MANY = regions_model.MANY, 2
    try:
        ids = session.ids.tolist()
        session.merge(ids)
        assert model.ids == session.ids.tolist()
        session.undo()
        assert sorted(model.ids) == ids
    finally:
        regions_model.MANY = few
        model.close()


def test_the_filter(session: Session) -> None:
    session.assign(30, "dog")
    ids = session.ids.tolist()
    session.ignore(ids[0])
    session.accept(ids[1])
    rows = {row.id: row for row in session.rows()}
    assert kept(session, "") == ids
    assert kept(session, "ignored") == [ids[0]]
    assert kept(session, "ACCEPTED") == [ids[1]]
    assert kept(session, "decided") == sorted({30, ids[0], ids[1]})
    assert kept(session, "undecided") == [one for one in ids if rows[one].verdict is None]
    assert kept(session, "selected", frozenset(ids[2:4])) == ids[2:4]
    dog = session.vocabulary.values[session.vocabulary.names.index("dog")]
    assert kept(session, "do") == [one for one in ids if rows[one].value == dog]
    limit = int(np.median([row.area for row in rows.values()]))
    assert kept(session, f"area>{limit}") == [one for one in ids if rows[one].area > limit]
    assert kept(session, f"area <= {limit}, dog assigned") == [
        one for one in (30,) if rows[one].area <= limit
    ]
    assert kept(session, "margin<0.2") == [one for one in ids if rows[one].margin < 0.2]
    assert kept(session, "id=30") == [30]
    assert kept(session, "conf>=0.5") + kept(session, "confidence<0.5") != []
    assert sorted(kept(session, "conf>=0.5") + kept(session, "confidence<0.5")) == ids


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("size>5", "'size' cannot be compared; id, conf, margin and area can."),
        ("area>big", "'big' is no number in 'area>big'; write such as 'area>0.4'."),
        ("area>", "'' is no number in 'area>'; write such as 'area>0.4'."),
        ("zebra", "'zebra' is in no class name and is no state;"),
    ],
)
def test_a_wrong_filter_is_a_sentence(session: Session, text: str, sentence: str) -> None:
    with pytest.raises(InputError) as caught:
        kept(session, text)
    assert str(caught.value).startswith(sentence)


def test_runs_of_rows() -> None:
    assert spans([]) == []
    assert spans([5, 1, 2, 3, 9]) == [(1, 3), (5, 5), (9, 9)]


@pytest.mark.canvas
def test_typed_into_clicked_and_sorted(table: RegionsTable, window: Window, qtbot: QtBot) -> None:
    session = table.mode.session
    qtbot.keyClicks(table.line, "area>300")
    expected = [row.id for row in session.rows() if row.area > 300]
    qtbot.waitUntil(lambda: table.model.ids == expected, timeout=MINUTE)
    assert table.said.text() == f"{len(expected)} of {len(session.ids)} regions"
    qtbot.keyClicks(table.line, " zebra")
    qtbot.keyClick(table.line, Qt.Key.Key_Return)
    assert "'zebra' is in no class name" in table.said.text()
    assert table.model.ids == expected
    table.line.clear()
    qtbot.waitUntil(lambda: len(table.model.ids) == len(session.ids), timeout=MINUTE)

    # The selection goes both ways.
    mode = table.mode
    window.viewer.layers.selection.active = window.layers.labels
    chosen = table.view.selectionModel()
    assert chosen is not None

    def selected() -> set[int]:
        return {table.model.ids[index.row()] for index in chosen.selectedRows()}

    click_row(table, 1)
    click_row(table, 3, Qt.KeyboardModifier.ControlModifier)
    assert set(mode.selection) == selected() == {table.model.ids[1], table.model.ids[3]}
    assert window.viewer.layers.selection.active is window.layers.labels
    window.click(70, 70)
    assert selected() == set(mode.selection) == {window.session.region_at(70, 70)}
    window.key(Qt.Key.Key_Escape)
    assert selected() == set()
    # Sorted and filtered, a row is the same region.
    mode.select([30])
    header = table.view.horizontalHeader()
    assert header is not None
    at = QPoint(header.sectionViewportPosition(AREA) + 10, header.height() // 2)
    QTest.mouseClick(header.viewport(), Qt.MouseButton.LeftButton, pos=at)
    areas = [int(one.replace(",", "")) for one in cells(table.model, AREA)]
    assert areas in (sorted(areas), sorted(areas, reverse=True))
    assert selected() == {30}
    table.line.setText("selected")
    table.filter()
    assert table.model.ids == [30]

    # What a filter hides stays selected, until a row is clicked alone.
    ids = window.session.ids.tolist()
    mode.select(ids[:2])
    table.line.setText(f"id>{ids[1]}")
    table.filter()
    assert set(mode.selection) == set(ids[:2])
    click_row(table, 0, Qt.KeyboardModifier.ControlModifier)
    assert set(mode.selection) == {*ids[:2], table.model.ids[0]}
    click_row(table, 1)
    assert mode.selection == (table.model.ids[1],)
    mode.stop()
    click_row(table, 0)
    assert mode.selection == ()
    assert table.said.text() == "Switch on 'Correct regions' to select them on the image too."


@pytest.mark.canvas
def test_it_takes_no_focus_and_does_not_scroll_till_a_region_is_to_be_shown(
    table: RegionsTable, window: Window
) -> None:
    table.view.setFixedHeight(90)  # three rows
    QApplication.processEvents()
    scroll = table.view.verticalScrollBar()
    assert scroll is not None
    assert scroll.maximum() > 0
    click_row(table, 1)
    scroll.setValue(scroll.maximum() // 2)
    place = scroll.value()
    window.canvas.setFocus()
    window.viewer.layers.selection.active = window.layers.labels
    QApplication.processEvents()
    focused = QApplication.focusWidget()
    window.click(70, 70)
    window.key(Qt.Key.Key_1)
    window.key(Qt.Key.Key_D)
    window.key(Qt.Key.Key_Return)
    window.undo()
    near = sorted(window.session.neighbours(table.model.ids[0]))[0]
    table.mode.select([table.model.ids[0], near])
    window.key(Qt.Key.Key_G)
    window.undo()
    assert len(window.session.history.undone) > 0
    assert scroll.value() == place
    assert QApplication.focusWidget() is focused
    assert not table.view.hasFocus()

    # Enter and a double click show the region.
    camera = getattr(window.viewer, "scene", window.viewer).camera
    far = (0.0, 92.0, 92.0)
    camera.zoom *= 6
    camera.center = far
    QApplication.processEvents()
    click_row(table, 2)
    assert np.allclose(camera.center, far)
    assert not in_view(window, window.session.region(table.model.ids[2]).box)
    QTest.keyClick(table.view, Qt.Key.Key_Return)
    box = window.session.region(table.model.ids[2]).box
    assert in_view(window, box)
    camera.center = far
    QApplication.processEvents()
    at = table.view.visualRect(table.model.index(0, CLASS)).center()
    QTest.mouseClick(table.view.viewport(), Qt.MouseButton.LeftButton, pos=at)
    QTest.mouseDClick(table.view.viewport(), Qt.MouseButton.LeftButton, pos=at)
    box = window.session.region(table.model.ids[0]).box
    assert in_view(window, box)


@pytest.mark.canvas
def test_a_digit_held_over_the_table_sweeps_where_the_canvas_is_pressed(
    table: RegionsTable, window: Window
) -> None:
    window.viewer.window.activate()
    click_row(table, 3)
    table.view.setFocus()
    assert QApplication.focusWidget() is table.view
    (chosen,) = table.mode.selection
    QTest.keyPress(table.view, Qt.Key.Key_3)
    assert table.mode.sweeping.held is not None
    assert not window.session.can_undo
    window.stroke((20, 20), (20, 70))  # the press takes the focus
    assert QApplication.focusWidget() is window.canvas
    QTest.keyRelease(window.canvas, Qt.Key.Key_3)
    touched = set(np.unique(window.session.regions[20, 20:71]).tolist())
    decided = {row.id for row in window.session.rows() if row.verdict is not None}
    assert touched <= decided
    assert chosen not in decided
    assert len(window.session.history.done) == 1


@pytest.mark.canvas
def test_closed_and_opened_again(bar: RegionsBar, table: RegionsTable, window: Window) -> None:
    dock = table.parent()
    assert isinstance(dock, QDockWidget)
    dock.close()
    window_docks = window.viewer.window.dock_widgets
    for _ in range(10):
        QApplication.processEvents()
        if bar.table is None:
            break
    if bar.table is not None:  # napari hid it only
        window.viewer.window.remove_dock_widget(table)
        for _ in range(10):
            QApplication.processEvents()
    window.session.assign(30, "dog")
    window.click(70, 70)
    QTest.mouseClick(bar.button, Qt.MouseButton.LeftButton)
    assert bar.table is not None
    assert bar.table.isVisible()
    assert NAME in window_docks
    assert bar.table.model.ids == window.session.ids.tolist()
    assert [bar.table.model.ids[index.row()] for index in _rows(bar.table)] == [
        window.session.region_at(70, 70)
    ]

    # A dock beside it, raised: nothing of the table is to be seen, so nothing is hidden when it goes.
    table = bar.table
    label = QLabel("front")
    window.viewer.window.add_dock_widget(label, name="front", tabify=True)
    front = label.parent()
    assert isinstance(front, QDockWidget)
    front.raise_()
    QApplication.processEvents()
    assert table.visibleRegion().isEmpty()
    window.viewer.window.remove_dock_widget(table)
    for _ in range(10):
        QApplication.processEvents()
    assert bar.table is None
    window.session.undo()  # nobody is told who is gone
    window.viewer.window.remove_dock_widget(label)
    label.deleteLater()


def _rows(table: RegionsTable) -> list[QModelIndex]:
    chosen = table.view.selectionModel()
    assert chosen is not None
    return list(chosen.selectedRows())


@pytest.mark.canvas
def test_confidence_on_request(bar: RegionsBar, window: Window) -> None:
    session, viewer = window.session, window.viewer
    viewer.layers.selection.active = window.layers.labels
    bar.check.click()
    layer = viewer.layers["confidence"]
    assert viewer.layers.selection.active is window.layers.labels
    labels, outlines = map(viewer.layers.index, window.layers.layers)
    assert labels < viewer.layers.index(layer) < outlines

    def right() -> None:
        assert layer.data.dtype == np.float32
        for row in session.rows():
            inside = session.regions == row.id
            known = row.value in session.vocabulary.values
            at = session.vocabulary.values.index(row.value) if known else None
            expected = row.probabilities.max() if at is None else row.probabilities[at]
            if row.verdict is not None:
                expected = 1.0  # a person is sure of it
            np.testing.assert_allclose(layer.data[inside], expected, rtol=1e-6)
        assert (layer.data[session.regions == 0] == 0).all()

    right()
    session.assign(30, "dog" if session.region(30).value != session.vocabulary.values[1] else "cat")
    right()
    session.merge([30, sorted(session.neighbours(30))[0]])
    right()
    session.undo()
    right()
    mask = np.zeros(session.shape, bool)
    mask[40:60, 10:80] = True
    session.paint_regions(mask, None)
    right()
    viewer.layers.remove(layer)
    assert not bar.check.isChecked()
    session.undo()
    bar.check.click()
    layer = viewer.layers["confidence"]
    right()
    bar.check.click()
    assert "confidence" not in viewer.layers


@pytest.mark.canvas
def test_the_dock_brings_it_and_takes_it(on_screen: Person) -> None:
    person, dock, viewer = on_screen, on_screen.dock, on_screen.viewer
    assert not dock.regions.isVisible()
    open_scene(person)
    person.type("red, green")
    outlined: list[bool] = []  # what was found, until the classes are there
    dock.controller.regions_found.connect(
        lambda *_: outlined.append(dock.display._preview is not None)
    )
    session = person.run()
    assert outlined == [True]
    assert dock.display._preview is None
    assert dock.regions.isVisible()
    person.press(dock.regions.button)
    table = dock.regions.table
    assert table is not None
    assert table.model.ids == session.ids.tolist()
    dock.regions.check.click()
    # Run again, it is the same session, and the table follows.
    assert person.run() is session
    assert dock.regions.table is table
    assert sorted(table.model.ids) == session.ids.tolist()
    assert outlined == [True, False]  # those of the session stayed
    # Another image: the open table is about the new session.
    small = generate_scene(8).image[:96, :128]
    dock.image.layer = viewer.add_image(small, name="other", rgb=True)
    other = person.run()
    person.qtbot.waitUntil(lambda: dock.regions.table not in (None, table), timeout=MINUTE)
    assert dock.regions.table is not None
    assert dock.regions.table.mode.session is other
    assert not dock.regions.check.isChecked()
    assert "confidence" not in viewer.layers
    viewer.window.remove_dock_widget(dock)
    person.qtbot.waitUntil(lambda: dock.regions.table is None, timeout=MINUTE)
    assert NAME not in viewer.window.dock_widgets
