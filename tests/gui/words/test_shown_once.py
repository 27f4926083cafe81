"""A change of the words is shown once, by whoever makes it."""

from __future__ import annotations

import pytest
from pytestqt.qtbot import QtBot

from napari_corrclip.gui.words.panel import VocabularyPanel
from napari_corrclip.gui.words.table import NAME, VocabularyModel
from napari_corrclip.vocabulary import Vocabulary
from tests.annotation.random_edits import new_session
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
    person.dock.words.prompts_follow = True
    assert model.setData(model.index(0, NAME), "crimson")
    person.wait()
    assert session.vocabulary.names == ("crimson", "green")
    assert shown == [session.vocabulary]
    session.undo()  # from the console
    assert shown[1:] == [session.vocabulary]
    assert person.dock.words.vocabulary == session.vocabulary
    person.agree()


def test_classes_that_wait_stay_whatever_the_session_has(qtbot: QtBot) -> None:
    panel, session = VocabularyPanel(), new_session(7)
    qtbot.addWidget(panel)
    typed = Vocabulary.parse("cat, dog")
    panel.show_vocabulary(typed)
    panel.wait()
    panel.follow(session)
    panel.show_session()
    assert panel.vocabulary == typed
    assert panel.take_waiting()
    assert not panel.take_waiting()
    panel.show_session()
    assert panel.vocabulary == session.vocabulary
    panel.let_go()
