"""A change of the words is shown once, by whoever makes it."""

from __future__ import annotations

import pytest

from napari_corrclip.gui.words.table import NAME, VocabularyModel
from napari_corrclip.vocabulary import Vocabulary
from tests.gui.person import Person, open_scene


def test_a_renamed_class_is_shown_once(person: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    open_scene(person)
    person.type("red, green")
    session = person.run()
    shown: list[Vocabulary | None] = []
    show = VocabularyModel.show

    def noted(model: VocabularyModel, vocabulary: Vocabulary | None) -> None:
        shown.append(vocabulary)
        show(model, vocabulary)

    monkeypatch.setattr(VocabularyModel, "show", noted)
    model = person.dock.words.model
    assert model.setData(model.index(0, NAME), "crimson")
    person.wait()
    assert session.vocabulary.names == ("crimson", "green")
    assert shown == [session.vocabulary]
    session.undo()  # from the console
    assert shown[1:] == [session.vocabulary]
    assert person.dock.words.vocabulary == session.vocabulary
    person.agree()
