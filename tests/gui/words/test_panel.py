"""The vocabulary's panel by mouse and keys: type, sort, rename, remove, load and save."""

from __future__ import annotations

import html
from pathlib import Path

import pytest
from qtpy.QtCore import QMimeData, QModelIndex, Qt
from qtpy.QtGui import QAction, QColor
from qtpy.QtWidgets import (
    QApplication,
    QColorDialog,
    QFileDialog,
    QLabel,
    QLineEdit,
    QMenu,
    QMessageBox,
)

from napari_corrclip.gui.correct.class_keys import CLASS_KEYS
from napari_corrclip.gui.words.removal import RemovalDialog
from napari_corrclip.gui.words.table import COLOR, KEY, NAME, PROMPTS, ROWS, SHARE, THRESHOLD
from napari_corrclip.vocabulary import Vocabulary
from napari_corrclip.vocabulary.benchmarks import BENCHMARKS, benchmark
from tests.forms import short
from tests.gui.person import MINUTE, Person, answer, click_in, open_scene


def names(person: Person) -> tuple[str, ...]:
    words = person.dock.words.vocabulary
    return () if words is None else words.names


def key(person: Person, key: Qt.Key, modifier: Qt.KeyboardModifier | None = None) -> None:
    table = person.dock.words.table
    table.setFocus()
    person.qtbot.keyClick(table, key, modifier or Qt.KeyboardModifier.NoModifier)


def drop(person: Person, rows: list[int], at: int) -> None:
    """What the view does when dragged rows fall above the row ``at``; Qt's own drag blocks a test."""
    model = person.dock.words.model
    data = model.mimeData([model.index(row, NAME) for row in rows])
    move, nowhere = Qt.DropAction.MoveAction, QModelIndex()
    assert all(model.flags(model.index(row, NAME)) & Qt.ItemFlag.ItemIsDragEnabled for row in rows)
    assert model.canDropMimeData(data, move, at, 0, nowhere)
    model.dropMimeData(data, move, at, 0, nowhere)


def shown(person: Person) -> None:
    person.viewer.window.show()
    person.qtbot.waitUntil(person.dock.isVisible, timeout=MINUTE)


def action(menu: QMenu, *path: str) -> QAction:
    """An entry of the menu by the beginnings of its texts."""
    *above, name = path
    for (
        title
    ) in above:  # by its parent: PySide lets go of what QAction.menu() gave, entries and all
        (menu,) = [one for one in menu.findChildren(QMenu) if one.title().startswith(title)]
    (found,) = [one for one in menu.actions() if one.text().startswith(name)]
    return found


def choose(person: Person, *path: str) -> None:
    menu = person.dock.words.lists_button.menu()
    assert menu is not None
    action(menu, *path).trigger()


def test_what_is_typed_separates_by_commas_and_what_is_pasted_by_lines(person: Person) -> None:
    person.type("cat; dog; sky")
    assert names(person) == ("cat", "dog", "sky")
    person.type("pet: cow, ox")
    person.type("CAT, sea #102030")
    words = person.dock.words.vocabulary
    assert words is not None
    assert words.names == ("cat", "dog", "sky", "pet", "sea")
    assert words.classes[3].prompts == ("cow", "ox")
    assert words.classes[4].color == (16, 32, 48)
    person.type("cat, dog")
    assert person.dock.status.text() == "'cat', 'dog': there already."

    # Lines are pasted as a list.
    person.press(person.dock.words.clear_button)
    clipboard = QApplication.clipboard()
    assert clipboard is not None
    clipboard.setText("sky; cloud\nwall\nwater: sea, river\n")
    line = person.dock.words.line
    line.setFocus()
    person.qtbot.keyClick(line, Qt.Key.Key_V, Qt.KeyboardModifier.ControlModifier)
    person.qtbot.keyClick(line, Qt.Key.Key_Return)
    words = person.dock.words.vocabulary
    assert words is not None
    assert words.names == ("sky", "wall", "water")
    assert words.queries == ("sky", "cloud", "wall", "sea", "river")
    assert line.text() == ""


def test_keys_follow_the_order_and_values_stay(person: Person) -> None:
    person.type(", ".join(f"class {number}" for number in range(1, 13)))
    model, table = person.dock.words.model, person.dock.words.table
    shown = [model.data(model.index(row, KEY)) for row in range(12)]
    assert shown == [*"1234567890", "/", "/"]
    table.select([11])
    for _ in range(3):
        key(person, Qt.Key.Key_Up, Qt.KeyboardModifier.AltModifier)
    assert names(person)[8] == "class 12"
    assert model.data(model.index(8, KEY)) == "9"
    assert table.rows() == [8]
    words = person.dock.words.vocabulary
    assert words is not None
    assert words.values[8] == 12
    # Several at once, by the buttons, up to the top and no further.
    table.select([1, 3])
    for _ in range(3):
        person.press(person.dock.words.up_button)
    assert names(person)[:4] == ("class 2", "class 4", "class 1", "class 3")
    assert table.rows() == [0, 1]
    person.press(person.dock.words.down_button)
    assert names(person)[:4] == ("class 1", "class 2", "class 4", "class 3")
    table.select([11])
    key(person, Qt.Key.Key_Down, Qt.KeyboardModifier.AltModifier)
    assert names(person)[11] == "class 11"
    table.clearSelection()
    person.press(person.dock.words.up_button)
    assert "No class is selected" in person.dock.status.text()


@pytest.mark.long
def test_rows_are_dragged(person: Person) -> None:
    person.type("a, b, c, d, e")
    drop(person, [3, 4], 1)
    assert names(person) == ("a", "d", "e", "b", "c")
    drop(person, [0], 5)
    assert names(person) == ("d", "e", "b", "c", "a")
    drop(person, [1], 1)  # where it is
    assert names(person) == ("d", "e", "b", "c", "a")
    model = person.dock.words.model
    other = QMimeData()
    other.setText("1")
    assert not model.dropMimeData(other, Qt.DropAction.MoveAction, 0, 0, QModelIndex())
    assert model.mimeTypes() == [ROWS]


def tip(person: Person, row: int) -> str:
    model = person.dock.words.model
    return html.unescape(str(model.data(model.index(row, COLOR), Qt.ItemDataRole.ToolTipRole)))


@pytest.mark.canvas
def test_a_colour_near_another_is_taken_and_said(person: Person, tmp_path: Path) -> None:
    shown(person)
    status, table = person.dock.status, person.dock.words.table
    person.type("cat, dog #ff0000")
    assert "hard to tell" not in status.text()
    assert tip(person, 0) == "Click to choose the colour"

    # By the swatch.
    def choose(dialog: QColorDialog) -> None:
        dialog.setCurrentColor(QColor("#f01000"))
        dialog.accept()

    answer(QColorDialog, choose)
    where = table.visualRect(table.model().index(0, COLOR)).center()
    person.qtbot.mouseClick(table.viewport(), Qt.MouseButton.LeftButton, pos=where)
    said = (
        "The colour of 'cat' is hard to tell from that of 'dog' (difference 0.2; 8 and more is well told "
        "apart)."
    )
    assert status.text() == said
    words = person.dock.words.vocabulary
    assert words is not None
    assert words.classes[0].color == (0xF0, 0x10, 0)
    assert tip(person, 0).startswith(said)
    assert "hard to tell from that of 'cat'" in tip(person, 1)

    # By typing, and by a file.
    person.type("sea #f00")
    assert "The colour of 'sea' is hard to tell from that of 'dog' (difference 0.0" in status.text()
    (tmp_path / "a.csv").write_text("name,color\nsky,#00f\nlake,#0010ff\n")
    person.dock.words.load(tmp_path / "a.csv", replace=False)
    assert "The colour of 'sky' is hard to tell from that of 'lake'" in status.text()
    # What is there already is not said again.
    person.type("sun #ffff00")
    table.select([0])
    key(person, Qt.Key.Key_Down, Qt.KeyboardModifier.AltModifier)
    assert names(person)[:2] == ("dog", "cat")


@pytest.mark.canvas
def test_delete_removes_and_f2_renames(person: Person) -> None:
    shown(person)
    person.type("cat, dog, sky, sea")
    table = person.dock.words.table
    table.select([1, 2])
    key(person, Qt.Key.Key_Delete)
    assert names(person) == ("cat", "sea")
    table.select([1])
    answer(QMessageBox, lambda box: click_in(box, "Look for 'ocean'"))
    rename(person, "ocean")
    # Qt commits an editor's Return in the next turn of its loop.
    person.qtbot.waitUntil(
        lambda: names(person) == ("cat", "ocean") and prompts(person)[1] == ("ocean",),
        timeout=MINUTE,
    )
    # Letters and digits are no edit, and nothing selected is nothing to remove.
    key(person, Qt.Key.Key_A)
    key(person, Qt.Key.Key_1)
    assert names(person) == ("cat", "ocean")
    table.clearSelection()
    key(person, Qt.Key.Key_Delete)
    assert "No class is selected" in person.dock.status.text()
    assert names(person) == ("cat", "ocean")


def test_prompts_are_edited_with_quotes_and_a_list_is_no_name(person: Person) -> None:
    person.type("cat, dog")
    model = person.dock.words.model
    assert model.setData(model.index(0, PROMPTS), 'cat; "salt, pepper"')
    words = person.dock.words.vocabulary
    assert words is not None
    assert words.classes[0].prompts == ("cat", "salt, pepper")
    shown = model.data(model.index(0, PROMPTS), Qt.ItemDataRole.EditRole)
    assert shown == 'cat, "salt, pepper"'
    assert not model.setData(model.index(0, PROMPTS), shown)  # nothing was changed
    assert model.setData(model.index(0, PROMPTS), "")
    assert person.dock.words.vocabulary == Vocabulary.parse("cat, dog")
    assert not model.setData(model.index(0, NAME), "cat, lion")
    assert "reads like several classes" in person.dock.status.text()
    assert not model.setData(model.index(0, PROMPTS), "cat #ffffff")
    assert "hold a colour" in person.dock.status.text()


def test_a_background_class_is_called_so_once(person: Person) -> None:
    model = person.dock.words.model
    for name, shown in (("background", "background"), ("Rest", "Rest  (background)")):
        person.dock.words.replace(Vocabulary.parse("cat").add(name, background=True))
        assert [model.data(model.index(row, NAME)) for row in range(2)] == ["cat", shown]


def test_lists_are_added_replaced_and_saved(
    person: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    status = person.dock.status
    choose(person, "Save")  # the dialog is never reached without classes
    person.dock.words.save(tmp_path / "words.yaml")
    assert "no classes to save yet" in status.text()
    choose(person, "Bring the former")
    assert "nothing to bring back" in status.text()
    first, second = tmp_path / "first.txt", tmp_path / "second.csv"
    first.write_text("cat\ndog: puppy, hound\n")
    second.write_text("name,threshold\ndog,\nsky,0.4\n")
    asked = [str(first), str(second), "", str(second)]
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (asked.pop(0), ""))
    choose(person, "Add from a file")
    assert names(person) == ("cat", "dog")
    choose(person, "Add from a file")
    words = person.dock.words.vocabulary
    assert words is not None
    assert words.names == ("cat", "dog", "sky")
    assert words.classes[1].prompts == ("puppy", "hound")
    assert words.classes[2].threshold == 0.4
    choose(person, "Replace by a file")  # cancelled
    assert person.dock.words.vocabulary == words
    person.dock.words.load(second, replace=False)
    assert status.text() == "All of these 2 classes are there already."
    choose(person, "Replace by a file")
    assert names(person) == ("dog", "sky")
    choose(person, "Bring the former")
    assert person.dock.words.vocabulary == words
    saved = tmp_path / "mine"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(saved), ""))
    choose(person, "Save as")
    assert "Saved 3 classes" in status.text()
    assert Vocabulary.from_file(tmp_path / "mine.yaml") == words
    person.dock.words.save(tmp_path / "mine.txt")
    assert "A .txt file cannot hold this vocabulary's thresholds" in status.text()
    person.dock.words.load(tmp_path / "none.txt", replace=True)
    assert "none.txt" in status.text()
    assert person.dock.words.vocabulary == words
    person.press(person.dock.words.clear_button)
    assert names(person) == ()
    choose(person, "Bring the former")
    assert person.dock.words.vocabulary == words


@pytest.mark.parametrize("name", short("voc21", rest=["cityscapes"]))
def test_the_lists_of_the_benchmarks_are_in_the_menu(person: Person, name: str) -> None:
    person.type("lamp, road")
    entry = f"{BENCHMARKS[name].title} ("
    choose(person, "Add a benchmark", entry)
    assert names(person)[:2] == ("lamp", "road")
    assert set(benchmark(name).names) <= set(names(person))
    choose(person, "Replace by a benchmark", entry)
    assert person.dock.words.vocabulary == benchmark(name)


def test_replacing_asks_about_decisions_of_classes_that_go(person: Person, tmp_path: Path) -> None:
    open_scene(person)
    person.type("red, green, blue")
    session = person.run()
    session.assign(session.ids[:2], "blue")
    session.assign(int(session.ids[2]), "green")
    labels = session.labels.copy()
    path = tmp_path / "words.txt"
    path.write_text("green\nstone\n")

    def replaced(*, sure: bool) -> None:
        def reply(dialog: RemovalDialog) -> None:
            assert "2 regions were assigned to 'blue'. Give them to:" in [
                label.text() for label in dialog.findChildren(QLabel)
            ]
            (box,) = dialog.boxes.values()
            box.setCurrentText("stone")
            dialog.accept() if sure else dialog.reject()

        answer(RemovalDialog, reply)
        person.dock.words.load(path, replace=True)
        person.wait()

    def as_before() -> None:
        assert session.vocabulary.names == ("red", "green", "blue")
        assert (session.labels == labels).all()
        assert person.dock.words.vocabulary == session.vocabulary
        person.agree()

    replaced(sure=False)
    as_before()
    replaced(sure=True)
    # By name: green is the same class as before, though it was written anew.
    assert session.vocabulary.names == ("green", "stone")
    assert session.vocabulary.values == (2, 4)
    assert session.decided_as("green") == (1, 0)
    assert session.decided_as("stone") == (2, 0)
    person.qtbot.waitUntil(person.dock.correct.undo_button.isEnabled, timeout=MINUTE)
    person.press(person.dock.correct.undo_button)
    person.wait()
    as_before()


def test_shares_follow_the_edits_and_clearing_is_refused(person: Person) -> None:
    session, model = person.run(demo=True), person.dock.words.model

    def shares() -> list[str]:
        return [model.data(model.index(row, SHARE)) for row in range(model.rowCount())]

    def expected() -> list[str]:
        shares = [(session.labels == value).mean() for value in session.vocabulary.values]
        return [f"{one:.0%}" if one >= 0.0995 else f"{one:.1%}" for one in shares]

    person.qtbot.waitUntil(lambda: shares() == expected(), timeout=MINUTE)
    before = shares()
    session.assign(session.ids, session.vocabulary.values[0])
    person.qtbot.waitUntil(lambda: shares() == expected() != before, timeout=MINUTE)

    # What is corrected needs its classes.
    count = len(session.vocabulary)
    person.press(person.dock.words.clear_button)
    assert "What is corrected needs a class" in person.dock.status.text()
    assert len(names(person)) == count
    person.dock.words.table.selectAll()
    key(person, Qt.Key.Key_Delete)
    assert len(names(person)) == count == len(session.vocabulary)


@pytest.mark.canvas
def test_a_selection_and_the_place_outlive_a_change_and_the_table_fits(person: Person) -> None:
    shown(person)
    person.dock.words.load_benchmark("ade20k", replace=True)
    table, model = person.dock.words.table, person.dock.words.model
    table.select([120])
    place = table.verticalScrollBar().value()
    assert place > 0
    assert model.setData(model.index(120, THRESHOLD), "0.2")
    assert table.rows() == [120]
    assert table.verticalScrollBar().value() > 0
    person.type("something new")
    assert table.rows() == [120]

    # A narrow dock.
    person.dock.resize(320, person.dock.height())
    header, viewport = table.horizontalHeader(), table.viewport()
    assert header is not None
    assert viewport is not None
    assert viewport.width() < 300
    assert header.length() <= viewport.width()
    assert header.sectionSize(NAME) >= 150
    widest = header.sectionSize(SHARE) - viewport.fontMetrics().horizontalAdvance("100%")
    assert widest >= 8


@pytest.mark.canvas
def test_the_selected_class_has_its_prompts_and_threshold_below(person: Person) -> None:
    shown(person)
    person.type("cat, dog")
    panel = person.dock.words
    for line in (panel.detail.prompts, panel.detail.threshold):
        assert not line.isEnabled()
    panel.table.select([1])
    assert (panel.detail.prompts.text(), panel.detail.threshold.text()) == ("dog", "")

    def write(line: QLineEdit, text: str) -> None:
        line.setFocus()
        line.selectAll()
        person.qtbot.keyClicks(line, text)
        person.qtbot.keyClick(line, Qt.Key.Key_Return)

    write(panel.detail.prompts, "a dog, a puppy")
    write(panel.detail.threshold, "0.3")
    words = panel.vocabulary
    assert words is not None
    assert words.classes[1].prompts == ("a dog", "a puppy")
    assert words.classes[1].threshold == 0.3
    assert panel.table.rows() == [1]
    write(panel.detail.threshold, "much")
    assert "The threshold 'much' is no number" in person.dock.status.text()
    assert panel.detail.threshold.text() == "0.3"
    panel.table.selectAll()
    assert not panel.detail.prompts.isEnabled()
    assert panel.detail.prompts.text() == ""


@pytest.mark.canvas
def test_the_selected_row_is_what_napari_s_tools_paint_and_back(person: Person) -> None:
    open_scene(person)
    person.type("red, green, blue")
    session = person.run()
    layers, table = person.dock.layers, person.dock.words.table
    assert layers is not None
    values = session.vocabulary.values
    index = person.dock.words.model.index(2, NAME)
    viewport = table.viewport()
    assert viewport is not None
    person.qtbot.mouseClick(
        viewport, Qt.MouseButton.LeftButton, pos=table.visualRect(index).center()
    )
    assert layers.labels.selected_label == values[2]
    layers.labels.selected_label = values[0]
    assert table.rows() == [0]
    layers.labels.selected_label = 999  # no class
    assert table.rows() == []
    table.selectAll()
    assert layers.labels.selected_label == 999  # several classes are none that could be painted


@pytest.mark.canvas
def test_a_selected_row_shows_its_swatch_and_the_bar_is_as_long_as_the_share(
    person: Person,
) -> None:
    shown(person)
    person.type("cat #ff0000, dog #0000ff")
    table, model = person.dock.words.table, person.dock.words.model
    words = model.vocabulary
    assert words is not None
    model.show_shares({words.values[0]: 1.0, words.values[1]: 0.5})
    table.selectAll()
    QApplication.processEvents()
    picture = table.viewport().grab().toImage()  # type: ignore[union-attr]
    scale = picture.devicePixelRatio()

    def color(row: int, column: int, across: float, up: int) -> str:
        place = table.visualRect(model.index(row, column))
        at = round(place.left() + 2 + across * (place.width() - 4)), place.bottom() - up
        return picture.pixelColor(*(round(side * scale) for side in at)).name()

    assert color(0, COLOR, 0.5, 11) == "#ff0000"
    assert color(1, COLOR, 0.5, 11) == "#0000ff"
    assert [color(0, SHARE, across, 2) == "#ff0000" for across in (0.1, 0.95)] == [True, True]
    assert [color(1, SHARE, across, 2) == "#0000ff" for across in (0.1, 0.95)] == [True, False]


def prompts(person: Person) -> list[tuple[str, ...]]:
    words = person.dock.words.vocabulary
    return [] if words is None else [one.prompts for one in words]


def rename(person: Person, name: str) -> None:
    """Press F2 in the selected row, type, and press Enter."""
    key(person, Qt.Key.Key_F2)
    lines = person.dock.words.table.findChildren(QLineEdit)
    (editor,) = [line for line in lines if line.isVisible()]  # one before is deleted later
    editor.selectAll()
    person.qtbot.keyClicks(editor, name)
    person.qtbot.keyClick(editor, Qt.Key.Key_Return)


@pytest.mark.canvas
@pytest.mark.parametrize(
    ("reply", "found"),
    [("Go on with 'sea'", "sea"), ("Look for 'ocean'", "ocean"), ("Cancel", "sea")],
)
def test_a_renamed_class_asks_once_whether_its_prompt_follows(
    person: Person, reply: str, found: str
) -> None:
    shown(person)
    person.type("cat, sea, pet: dog, puppy")
    table = person.dock.words.table
    asked: list[str] = []

    def replied(box: QMessageBox) -> None:
        asked.append(box.text())
        check = box.checkBox()
        assert check is not None
        check.setChecked(True)
        click_in(box, reply)

    table.select([1])
    answer(QMessageBox, replied)
    rename(person, "ocean")
    person.qtbot.waitUntil(lambda: bool(asked), timeout=MINUTE)
    assert "'sea'" in asked[0]
    if reply == "Cancel":
        said = person.dock.status
        person.qtbot.waitUntil(lambda: "'sea' as before" in said.text(), timeout=MINUTE)
        assert names(person) == ("cat", "sea", "pet")
        return
    person.qtbot.waitUntil(lambda: names(person)[1] == "ocean", timeout=MINUTE)
    assert prompts(person)[1] == (found,)
    assert names(person) == ("cat", "ocean", "pet")
    # Prompts of its own stay, and nobody is asked.
    table.select([2])
    rename(person, "animal")
    person.qtbot.waitUntil(lambda: names(person)[2] == "animal", timeout=MINUTE)
    assert prompts(person)[2] == ("dog", "puppy")
    # What was to be done with further names is done.
    table.select([0])
    rename(person, "tiger")
    person.qtbot.waitUntil(lambda: names(person)[0] == "tiger", timeout=MINUTE)
    assert prompts(person)[0] == (("tiger",) if found == "ocean" else ("cat",))
    assert len(asked) == 1


@pytest.mark.canvas
@pytest.mark.parametrize(
    ("reply", "classes"),
    [
        ("3 classes: d, e, f", "d, e, f"),
        ("2 classes: d, e (e, f)", "d, e: e, f"),
        ("Cancel", None),
    ],
)
def test_commas_and_semicolons_together_ask_what_is_meant(
    person: Person, reply: str, classes: str | None
) -> None:
    shown(person)
    answer(QMessageBox, lambda box: click_in(box, reply))
    person.type("d, e; f")
    if classes is None:
        assert person.dock.words.vocabulary is None
        assert person.dock.words.line.text() == "d, e; f"
        assert "not added" in person.dock.status.text()
    else:
        assert person.dock.words.vocabulary == Vocabulary.typed(classes)
        assert person.dock.words.line.text() == ""


@pytest.mark.canvas
@pytest.mark.parametrize(
    ("text", "classes"),
    [
        ("coffee,, Cup", ("coffee", "Cup")),
        (",cat;", ("cat",)),
        ("cat; ;dog, ", ("cat", "dog")),
    ],
)
def test_a_separator_typed_once_too_often_is_no_mistake(
    person: Person, text: str, classes: tuple[str, ...]
) -> None:
    shown(person)
    person.type(text)
    words = person.dock.words.vocabulary
    assert words is not None
    assert words.names == classes


@pytest.mark.canvas
def test_of_many_classes_only_those_that_matter_are_shown(person: Person) -> None:
    shown(person)
    person.type("a, b, c, d, e")
    words = person.dock.words
    table, model, menu = words.table, words.model, words.shown

    def seen() -> list[str]:
        """The names on the screen, from above."""
        header = table.verticalHeader()
        assert header is not None
        rows = [header.logicalIndex(at) for at in range(model.rowCount())]
        return [names(person)[row] for row in rows if not table.isRowHidden(row)]

    menu.only_these.trigger()
    assert "No class is selected" in person.dock.status.text()
    assert seen() == ["a", "b", "c", "d", "e"]
    table.select([1, 3])
    menu.only_these.trigger()
    assert seen() == ["b", "d"]
    assert menu.button.text() == "2 of 5"
    person.type("f")  # what is new is seen
    assert seen() == ["b", "d", "f"]
    menu.only_these.trigger()
    assert seen() == ["a", "b", "c", "d", "e", "f"]
    assert menu.button.text() == "Show"
    table.clearSelection()
    menu.only_present.trigger()
    assert "press Run first" in person.dock.status.text()
    model.show_shares(dict(zip(words.vocabulary.values, (0.1, 0, 0.5, 0, 0.4, 0), strict=True)))
    menu.only_present.trigger()
    menu.by_share.trigger()
    assert seen() == ["c", "e", "a"]
    assert not words.up_button.isEnabled()
    # A class that comes into the image is shown; one that goes does not go under the hand.
    model.show_shares(dict(zip(words.vocabulary.values, (0.0, 0.9, 0.1, 0, 0, 0), strict=True)))
    assert seen() == ["c", "e", "a", "b"]
    table.select([5])  # the class that is painted
    assert seen() == ["c", "e", "a", "b", "f"]
    assert words.vocabulary.names == ("a", "b", "c", "d", "e", "f")
    menu.by_share.trigger()
    menu.only_present.trigger()
    assert seen() == ["a", "b", "c", "d", "e", "f"]
    assert words.up_button.isEnabled()


def test_a_text_that_one_reading_refuses_is_read_in_the_other(person: Person) -> None:
    person.type("a; b: c, d")  # a semicolon parts classes here, and no prompts
    assert names(person) == ("a", "b")
    assert person.dock.words.vocabulary.classes[1].prompts == ("c", "d")  # type: ignore[union-attr]


@pytest.mark.canvas
def test_a_renaming_that_was_taken_back_leaves_the_letter_where_it_was(person: Person) -> None:
    shown(person)
    person.type("cat, dog")
    words = person.dock.words
    CLASS_KEYS.give("cat", "T", words.vocabulary)
    answered: list[bool] = []
    answer(QMessageBox, lambda box: (click_in(box, "Cancel"), answered.append(True)))
    try:
        words.model.setData(words.model.index(0, NAME), "lion")
        person.qtbot.waitUntil(lambda: bool(answered) and names(person)[0] == "cat", timeout=MINUTE)
        assert CLASS_KEYS.letter_of("cat") == "T"
        assert CLASS_KEYS.letter_of("lion") == ""
    finally:
        for name in ("cat", "lion"):
            CLASS_KEYS.give(name, "", words.vocabulary)


@pytest.mark.canvas
def test_classes_of_another_list_are_shown_whatever_was_hidden_before(person: Person) -> None:
    shown(person)
    person.type("cat, dog, sky")
    words = person.dock.words
    words.table.select([0])
    words.shown.only_these.trigger()
    assert words.shown.button.text() == "1 of 3"
    words.load_benchmark(next(iter(BENCHMARKS)), replace=True)
    assert not any(words.table.isRowHidden(row) for row in range(words.model.rowCount()))
