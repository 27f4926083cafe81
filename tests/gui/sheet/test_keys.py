"""The keys of the classes on a sheet: of ten classes, of more, and of those that have a letter."""

from __future__ import annotations

from pathlib import Path

import pytest
from qtpy.QtCore import Qt

from napari_corrclip.gui.correct.class_keys import CLASS_KEYS
from napari_corrclip.gui.sheet.keys import keys_of_classes
from napari_corrclip.project.project import Project
from napari_corrclip.vocabulary import Vocabulary
from tests.gui.person import Person
from tests.gui.project.opened import shown
from tests.gui.sheet.sheet_hand import begin, click_on, names, press, written


def test_the_tenth_class_has_the_zero_and_those_behind_it_letters(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    words = Vocabulary.parse(", ".join(f"class {number}" for number in range(1, 41)))
    monkeypatch.setattr(
        "napari_corrclip.gui.correct.class_keys.kept_class_keys",
        lambda: {"class 2": "T", "class 12": "B", "class 3": "A", "class 4": "Shift+K"},
    )
    assert CLASS_KEYS.letters(words)["T"] == "class 2"
    found = {key: class_.name for key, class_ in keys_of_classes(words).items()}
    assert [found[digit] for digit in "1234567890"] == [f"class {n}" for n in range(1, 11)]
    assert (found["T"], found["B"]) == ("class 2", "class 12")
    assert [found[letter] for letter in "CDEF"] == [f"class {n}" for n in (11, 13, 14, 15)]
    assert not {"A", "M", "N"} & found.keys()
    assert len(found) == 10 + 23


@pytest.mark.canvas
def test_zero_gives_the_tenth_class_and_backspace_leaves_out(person: Person, folder: Path) -> None:
    with Project.open(folder) as project:
        words = project.vocabulary
        for number in range(len(words), 10):
            words = words.add(f"class {number + 1}", background=False)
        project.choose(words)
    sheet = begin(person, folder)
    tenth = shown(person).vocabulary.classes[9].name
    assert f"0 {tenth} · Backspace left out" in sheet.keys.text()
    click_on(sheet, 1)
    press(sheet, "0")
    click_on(sheet, 2)
    press(sheet, Qt.Key.Key_Backspace)
    assert [names(sheet)[row] for row in (1, 2)] == [tenth, "left out"]
    written(person)
    places = [cell.region.place for cell in sheet.model][1:3]
    states = [each.state for each in shown(person).read_regions(places)]
    assert states == ["assigned", "ignored"]
