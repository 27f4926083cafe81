"""The preset for other languages in the window: asked about with all its files, refused without its extra."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from napari_corrclip.gui.model.weights_question import WeightsDialog
from napari_corrclip.weights.presets import MULTILINGUAL
from napari_corrclip.weights.saved import save_preset
from tests.gui.person import Person, answer, open_scene
from tests.weights import tiny_xlm
from tests.weights.serving import Server, serving


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Server]:
    monkeypatch.setenv("no_proxy", "127.0.0.1,localhost")
    monkeypatch.setenv("NAPARI_CORRCLIP_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("NAPARI_CORRCLIP_PRESETS", str(tmp_path / "presets"))
    with serving() as state:
        state.store = True
        monkeypatch.setenv("HF_ENDPOINT", state.url)
        save_preset(tiny_xlm.publish(state))
        yield state


def choose(person: Person, preset: str) -> None:
    open_scene(person)
    person.dock.model.preset.setCurrentText(preset)
    assert person.dock.model.preset.currentText() == preset


def test_its_three_files_are_told_fetched_and_verified_and_the_words_found(
    server: Server, person: Person
) -> None:
    choose(person, tiny_xlm.NAME)
    files = person.dock.model.files
    shown = files.label.text()
    for file in tiny_xlm.spec().files:
        assert file.title in shown
    assert shown.count("<b>missing</b>") == 3
    person.dock.words.line.setText("Hund, ネコ")  # Qt's test types no such letters
    texts: list[str] = []

    def agree(dialog: WeightsDialog) -> None:
        texts.append(dialog.label.text())
        person.press(dialog.download_button)

    answer(WeightsDialog, agree)
    person.press(person.dock.bar.run_button)
    person.wait()
    [text] = texts
    for file in tiny_xlm.spec().files:
        assert file.title in text
    assert text.count("MIT") == 3
    session = person.dock.session
    assert session is not None
    assert [item.name for item in session.vocabulary] == ["Hund", "ネコ"]
    assert files.label.text().count("<b>here</b>") == 3
    person.press(files.verify_button)
    person.wait()
    assert person.dock.status.text() == "3 files are as published."


def test_without_the_extra_a_sentence_says_how_to_install_it_and_nothing_is_asked(
    server: Server, person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "transformers", None)
    for name in (MULTILINGUAL, tiny_xlm.NAME):
        choose(person, name)
        said = person.dock.status.text()
        assert "needs transformers, which is not installed" in said
        assert 'pip install "napari-corrclip[multilingual]"' in said
    person.dock.model.preset.setCurrentText("demo")
    person.dock.model.preset.setCurrentText(tiny_xlm.NAME)
    person.dock.words.line.setText("Hund, ネコ")  # Qt's test types no such letters
    person.press(person.dock.bar.run_button)
    assert not person.dock.controller.running
    assert "not installed" in person.dock.status.text()
    assert server.requests == []
