"""Letters of one's own as keys of classes: given in the class table, by real keys, and kept."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import napari.settings
import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication

from napari_corrclip.errors import InputError
from napari_corrclip.gui.correct.class_keys import CLASS_KEYS, key_of, reserved
from napari_corrclip.gui.preferences import is_kept, kept_class_keys
from napari_corrclip.gui.words.table import KEY, NAME
from napari_corrclip.vocabulary import Vocabulary
from tests.gui.person import User, open_scene

NAMES = "water, grass, sky, red, green, blue, yellow, white, black, brown, boat, quay"
SHIFT = Qt.KeyboardModifier.ShiftModifier


@pytest.fixture(autouse=True)
def _own_letters() -> Iterator[None]:
    yield
    for name in kept_class_keys():
        CLASS_KEYS.give(name, "", Vocabulary.from_names([name]))


def give(user: User, row: int, key: Qt.Key, held: Qt.KeyboardModifier, *, how: str = "F2") -> None:
    """Double-click on a key cell, or press F2 in it, and press a key."""
    table = user.dock.words.table
    index = user.dock.words.model.index(row, KEY)
    table.scrollTo(index)
    QApplication.processEvents()
    where = table.visualRect(index).center()
    view = table.viewport()
    assert view is not None
    assert not view.visibleRegion().isEmpty()
    QTest.mouseClick(view, Qt.MouseButton.LeftButton, pos=where)
    if how == "F2":
        QTest.keyClick(table, Qt.Key.Key_F2)
    else:
        QTest.mouseDClick(view, Qt.MouseButton.LeftButton, pos=where)
    QApplication.processEvents()
    editor = table.indexWidget(index) or QApplication.focusWidget()
    assert editor is not None
    assert editor is not table
    QTest.keyClick(editor, key, held)
    QApplication.processEvents()


@pytest.mark.canvas
def test_a_letter_is_given_in_the_table_and_assigns_spreads_and_sweeps(user: User) -> None:
    open_scene(user)
    user.type(NAMES)
    session = user.run()
    dock, words = user.dock, session.vocabulary
    assert key_of(words, 10) == "/"
    give(user, 10, Qt.Key.Key_T, Qt.KeyboardModifier.NoModifier)
    give(user, 11, Qt.Key.Key_Q, SHIFT, how="double click")
    give(user, 2, Qt.Key.Key_J, Qt.KeyboardModifier.NoModifier)
    shown = [dock.words.model.data(dock.words.model.index(row, KEY)) for row in (2, 9, 10, 11)]
    assert shown == ["3 J", "0", "T", "⇧Q"]
    user.press(dock.correct.next_button)
    mode = dock.correct.mode
    assert mode is not None
    (region,) = mode.selection
    window = user.window
    window.canvas.setFocus()
    window.key(Qt.Key.Key_T)
    verdict = session.region(region).verdict
    assert verdict is not None
    assert verdict.value == words.values[10]
    mode.select([region])
    window.key(Qt.Key.Key_Q, SHIFT)
    assert session.region(region).verdict.value == words.values[11]  # type: ignore[union-attr]
    # With Alt it spreads; held, it sweeps.
    mode.select([region])
    window.key(Qt.Key.Key_T, Qt.KeyboardModifier.AltModifier)
    assert session.history.done[-1].title.startswith("Spread 'boat'")
    QTest.keyPress(window.canvas, Qt.Key.Key_T)
    assert mode.sweeping.ready() == "boat"
    QTest.keyRelease(window.canvas, Qt.Key.Key_T)
    assert mode.sweeping.ready() is None
    # Taken away, it is nobody's, and napari's own keys are as they were.
    give(user, 10, Qt.Key.Key_Delete, Qt.KeyboardModifier.NoModifier)
    assert key_of(words, 10) == "/"
    keys = [str(key) for key in dock.layers.labels.keymap]  # type: ignore[union-attr]
    assert "T" not in keys
    assert "J" in keys
    dock.correct.button.setChecked(False)
    assert "J" not in [str(key) for key in dock.layers.labels.keymap]  # type: ignore[union-attr]


@pytest.mark.canvas
def test_a_letter_that_is_taken_is_refused_in_a_sentence(user: User) -> None:
    user.type(NAMES)
    give(user, 10, Qt.Key.Key_T, Qt.KeyboardModifier.NoModifier)
    for key, held, why in (
        (Qt.Key.Key_G, Qt.KeyboardModifier.NoModifier, "G is the key for 'merge'; press another"),
        (Qt.Key.Key_W, Qt.KeyboardModifier.NoModifier, "W is the key for 'sweep by drag'"),
        (Qt.Key.Key_S, SHIFT, "Shift+S is the key for 'split parts'"),
        (Qt.Key.Key_P, Qt.KeyboardModifier.NoModifier, "P is the key for napari's tool 'paint'"),
        (Qt.Key.Key_T, Qt.KeyboardModifier.NoModifier, "T is the key of 'boat'"),
        (Qt.Key.Key_5, Qt.KeyboardModifier.NoModifier, "'5' is no key for a class"),
    ):
        give(user, 11, key, held)
        assert why in user.dock.status.text()
        assert CLASS_KEYS.letter_of("quay") == ""
    assert CLASS_KEYS.letter_of("boat") == "T"


@pytest.mark.canvas
def test_a_letter_follows_its_class_and_outlives_the_window(user: User) -> None:
    user.type("cat, dog")
    give(user, 1, Qt.Key.Key_K, Qt.KeyboardModifier.NoModifier)
    model = user.dock.words.model
    user.dock.words.prompts_follow = True  # else it is asked, and nobody answers
    model.setData(model.index(1, NAME), "hound")
    assert CLASS_KEYS.letter_of("hound") == "K"
    assert CLASS_KEYS.letter_of("dog") == ""
    forget = getattr(napari.settings, "_clear_plugin_settings_cache", None)
    if is_kept() and forget is not None:
        forget()  # as at the next start: it is read from the file
    assert kept_class_keys() == {"hound": "K"}


def letters() -> dict[str, str]:
    return dict(kept_class_keys())


@pytest.mark.canvas
def test_other_classes_rewrite_no_letter(user: User, tmp_path: Path) -> None:
    user.type("cat, dog")
    words = user.dock.words
    give(user, 0, Qt.Key.Key_T, Qt.KeyboardModifier.NoModifier)
    give(user, 1, Qt.Key.Key_K, Qt.KeyboardModifier.NoModifier)
    given = {"cat": "T", "dog": "K"}
    for number, listed in enumerate(("road, car", "dog, cat")):
        file = tmp_path / f"{number}.txt"
        Vocabulary.from_names(listed.split(", ")).save(file)
        words.load(file, replace=True)
        assert letters() == given
    assert [key_of(words.vocabulary, row) for row in (0, 1)] == ["1 K", "2 T"]  # type: ignore[arg-type]
    menu = words.lists_button.menu()
    assert menu is not None
    (back,) = [one for one in menu.actions() if one.text() == "Bring the former classes back"]
    back.trigger()
    assert letters() == given


def _active_is_selected(user: User) -> None:
    """The row that the table selects is what brush and sweep go by, from the beginning."""
    layers, table = user.dock.layers, user.dock.words.table
    assert layers is not None
    assert table.rows() == [0]
    assert layers.labels.selected_label == user.session.vocabulary.values[0]
    layers.labels.selected_label = 0  # which is no class
    assert table.rows() == []
    layers.labels.selected_label = user.session.vocabulary.values[1]
    assert table.rows() == [1]


@pytest.mark.canvas
def test_undo_of_a_rename_gives_the_letter_back(user: User) -> None:
    open_scene(user)
    user.type("water, grass")
    session, words = user.run(), user.dock.words
    _active_is_selected(user)
    give(user, 1, Qt.Key.Key_K, Qt.KeyboardModifier.NoModifier)
    words.prompts_follow = False
    words.model.setData(words.model.index(1, NAME), "meadow")
    user.wait()
    assert session.vocabulary.names == ("water", "meadow")
    assert letters() == {"meadow": "K"}
    user.press(user.dock.correct.undo_button)
    assert session.vocabulary.names == ("water", "grass")
    assert letters() == {"grass": "K"}
    user.press(user.dock.correct.redo_button)
    assert letters() == {"meadow": "K"}
    # A rename that comes to nothing takes the letter back as well.
    before = session.vocabulary
    words.model.setData(words.model.index(1, NAME), "lawn")
    assert letters() == {"lawn": "K"}
    words.show_vocabulary(before)
    assert letters() == {"meadow": "K"}
    user.wait()


def test_letters_move_at_once_and_over_none() -> None:
    for name, letter in (("cat", "T"), ("dog", "K"), ("cow", "J")):
        CLASS_KEYS.give(name, letter, Vocabulary.from_names([name]))
    CLASS_KEYS.rename({"cat": "dog", "dog": "cat", "owl": "cow"})
    assert letters() == {"cat": "K", "dog": "T", "cow": "J"}
    CLASS_KEYS.rename({"cat": "cow"})
    assert letters() == {"cat": "K", "dog": "T", "cow": "J"}


def test_of_two_classes_with_one_letter_the_first_has_it() -> None:
    one, other = Vocabulary.from_names(["cat"]), Vocabulary.from_names(["dog"])
    CLASS_KEYS.give("cat", "T", one)
    CLASS_KEYS.give("dog", "T", other)
    both = Vocabulary.from_names(["dog", "cat"])
    assert CLASS_KEYS.letters(both) == {"T": "dog"}
    assert [key_of(both, row) for row in (0, 1)] == ["1 T", "2"]
    with pytest.raises(InputError, match="no key for a class"):
        CLASS_KEYS.give("cat", "ä", one)
    assert reserved("T") == ""
    for name, words in (("cat", one), ("dog", other)):
        CLASS_KEYS.give(name, "", words)
