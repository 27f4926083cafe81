"""Notes on words that a text tower was not trained for, or that stand in sentences of another language."""

from __future__ import annotations

from dataclasses import replace

import pytest

from napari_corrclip.engine.language_notes import language_notes
from napari_corrclip.weights.catalogue import get_preset
from napari_corrclip.weights.presets import MULTILINGUAL, NetworkSpec


def notes(name: str, *queries: str, own_templates: bool = False) -> tuple[str, ...]:
    return language_notes(get_preset(name), queries, own_templates=own_templates)


@pytest.mark.parametrize("name", ["lite", "vit-h-14", MULTILINGUAL])
def test_latin_words_bring_no_note(name: str) -> None:
    assert notes(name, "dog", "Hund", "chłopiec") == ()
    assert notes(name) == ()


def test_of_a_tower_that_was_trained_on_english_it_is_said() -> None:
    [note] = notes("lite", "dog", "ネコ", own_templates=True)
    assert note == (
        "The text tower of ViT-B-16-quickgelu/openai was trained on English captions, so what it marks "
        "with 'ネコ' is a guess; the preset xlm-roberta-base-ViT-B-32 reads about a hundred languages."
    )
    [note] = notes("lite", *"犬猫鳥馬牛羊象")
    assert "'犬', '猫', '鳥', '馬', '牛' and 2 more" in note


def test_of_a_network_of_ones_own_nobody_knows_what_it_was_trained_on() -> None:
    own = replace(get_preset("lite"), clip=NetworkSpec.local("open_clip", "ViT-B-32", "mine.pt"))
    assert language_notes(own, ["ネコ"], own_templates=False) == ()
    assert notes("demo", "ネコ") == ()


def test_of_the_one_that_reads_them_the_sentences_are_said() -> None:
    [note] = notes(MULTILINGUAL, "dog", "猫")
    assert note == (
        "'猫' was put into English sentences; the templates 'zh' (Chinese) may suit better, which was not "
        "measured."
    )
    assert notes(MULTILINGUAL, "قطة") == ()  # in which no templates are offered
    assert notes(MULTILINGUAL, "猫", own_templates=True) == ()
    chinese = replace(get_preset(MULTILINGUAL), template_set="zh")
    assert language_notes(chinese, ["猫"], own_templates=False) == ()
