"""Classes that are merged on one image, by mouse and keys: one step of it, or words for the next run."""

from __future__ import annotations

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QMenu

from napari_corrclip.demo.scenes import generate_scene
from napari_corrclip.gui.words.merging import MergeDialog
from tests.gui.hand import choose
from tests.gui.menus import ask, press
from tests.gui.person import MINUTE, Person, answer

pytestmark = pytest.mark.canvas


def merging(into: str, *, prompts: bool = True) -> object:
    def reply(dialog: MergeDialog) -> None:
        choose(dialog.box, into)
        if not prompts:
            QTest.mouseClick(dialog.prompts, Qt.MouseButton.LeftButton)
        press(dialog, "Merge")

    return answer(MergeDialog, reply)


def shown(person: Person) -> None:
    person.viewer.window.show()
    person.qtbot.waitUntil(person.dock.isVisible, timeout=MINUTE)


def test_words_for_the_next_run_are_merged(person: Person) -> None:
    shown(person)
    person.type("animal > cat, dog, sky")
    merging("dog")
    ask(person, "cat", "Merge into…")
    words = person.dock.words.vocabulary
    assert words is not None
    assert words.names == ("animal", "dog", "sky")
    assert words.classes[1].prompts == ("dog", "cat")
    merging("sky", prompts=False)
    ask(person, "dog", "Merge into…", by_key=True)
    words = person.dock.words.vocabulary
    assert words is not None
    assert [class_.prompts for class_ in words] == [(), ("sky",)]


def test_a_merging_is_a_step_of_the_image_and_taken_back(person: Person) -> None:
    shown(person)
    person.viewer.add_image(generate_scene(7).image[:64, :64], name="scene", rgb=True)
    person.dock.reset_choices()
    person.dock.model.regions.setCurrentText("superpixels")
    person.type("red, green, blue")
    session = person.run()
    session.assign(session.ids[:2].tolist(), "red")
    labels, before = session.labels.copy(), session.vocabulary
    red, blue = before.values[0], before.values[2]
    merging("blue")
    ask(person, "red", "Merge into…")
    person.qtbot.waitUntil(lambda: "red" not in session.vocabulary.names, timeout=MINUTE)
    person.agree()
    np.testing.assert_array_equal(session.labels, np.where(labels == red, blue, labels))
    assert session.vocabulary.classes[-1].prompts == ("blue", "red")
    person.qtbot.waitUntil(
        lambda: "Merged 'red' into 'blue'" in person.dock.status.text(), timeout=MINUTE
    )
    person.press(person.dock.correct.undo_button)
    assert session.vocabulary == before
    np.testing.assert_array_equal(session.labels, labels)
    person.agree()
    # What was merged on one image is not offered to be parted: undo does that.
    table = person.dock.words.table
    table.select([0])
    table.asked.emit(table.mapToGlobal(table.rect().center()))
    person.qtbot.waitUntil(
        lambda: isinstance(QApplication.activePopupWidget(), QMenu), timeout=MINUTE
    )
    menu = QApplication.activePopupWidget()
    assert isinstance(menu, QMenu)
    assert [action.text() for action in menu.actions()] == ["Parent…", "Merge into…"]
    menu.close()
