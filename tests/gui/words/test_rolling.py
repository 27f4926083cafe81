"""The choice what classes count as: in exports of the page Export, and in the window of figures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from napari_corrclip.demo.scenes import generate_scene
from napari_corrclip.errors import InputError
from napari_corrclip.gui.pages import Page
from napari_corrclip.gui.words.rolling import EACH, NAMED, UPPERMOST, RollUpChoice
from napari_corrclip.project.export.formats import FORMATS
from napari_corrclip.vocabulary import Vocabulary
from tests.gui.hand import choose, click_at, turn_to, write
from tests.gui.person import MINUTE, Person
from tests.gui.seen import check_names, cut

WORDS = Vocabulary.parse("colour > red > crimson, colour > green, blue")


def test_it_is_a_choice_where_a_class_is_below_another_one(person: Person) -> None:
    choice = RollUpChoice(person.dock)
    assert not choice.show_words(None)
    assert not choice.show_words(Vocabulary.parse("red, green"))
    choose(choice.box, UPPERMOST)
    assert choice.value is None  # there is nothing to choose
    assert choice.show_words(WORDS)
    assert choice.value == "root"
    choose(choice.box, NAMED)
    assert choice.line.placeholderText() == "colour, red"
    with pytest.raises(
        InputError, match="No class is named that others count as; name some, such as"
    ):
        _ = choice.value
    choice.line.setText("red, whale")
    with pytest.raises(InputError, match="There is no class 'whale'"):
        _ = choice.value
    choice.line.setText("red")
    assert WORDS.roll_up(choice.value or "").vocabulary.names == ("colour", "red", "green", "blue")
    choose(choice.box, EACH)
    assert choice.value is None
    choice.deleteLater()


@pytest.mark.canvas
def test_an_export_counts_classes_as_what_they_are_kinds_of(person: Person, tmp_path: Path) -> None:
    person.viewer.window.resize(1024, 700)
    person.viewer.window.show()
    person.qtbot.waitUntil(person.dock.isVisible, timeout=MINUTE)
    dock = person.dock
    person.viewer.add_image(generate_scene(7).image[:64, :64], name="scene", rgb=True)
    dock.reset_choices()
    dock.model.regions.setCurrentText("superpixels")
    person.type("red, green, blue")
    session = person.run()
    turn_to(person, Page.EXPORT)
    panel = dock.export
    panel.folder = tmp_path
    choose(panel.kind, FORMATS["indexed"].title)
    assert not panel.trainer.roll_up.isVisible()
    session.set_vocabulary(
        session.vocabulary.add("colour", prompts=()).with_parent("red", "colour"), classify=False
    )
    session.assign(session.ids[:3].tolist(), "red")
    person.qtbot.waitUntil(panel.trainer.roll_up.isVisible, timeout=MINUTE)
    choose(panel.trainer.roll_up.box, NAMED)
    assert cut(dock.pages) == []
    assert check_names(dock.pages)
    click_at(person, panel.button)
    assert dock.status.text().startswith("No class is named that others count as")
    write(person, panel.trainer.roll_up.line, "colour")
    click_at(person, panel.button)
    person.wait()
    (path,) = (tmp_path / "scene-indexed" / "SegmentationClass").glob("*.png")
    red, colour = (session.vocabulary.by_value(value).value for value in (1, 4))
    expected = np.where(session.labels == red, colour, session.labels)
    np.testing.assert_array_equal(np.asarray(Image.open(path)), expected)
    assert (expected == colour).any()
