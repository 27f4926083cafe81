"""Vocabularies as Python: the words of a script give the values and the colours that a session had."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest

import napari_corrclip as nc
from napari_corrclip.scripting.words import vocabulary_calls, vocabulary_expression
from napari_corrclip.vocabulary import Vocabulary
from napari_corrclip.vocabulary.palette import Palette

FORMER = Vocabulary.typed("a, b, c", palette=Palette.FORMER)


def test_new_classes_are_their_names_and_those_of_before_say_their_colours() -> None:
    assert vocabulary_expression(Vocabulary.parse("a, b, c")) == "'a, b, c'"
    written = vocabulary_expression(FORMER)
    assert "#e63c3c" in written
    assert Vocabulary.coerce(eval(written, {"nc": nc})) == FORMER


@pytest.mark.parametrize(
    "new",
    [
        FORMER.add("d"),
        FORMER.remove("b"),
        FORMER.extend(Vocabulary.typed("d", palette=Palette.FORMER)),
        FORMER.matched(Vocabulary.parse("c, d, a")),
    ],
)
def test_a_script_changes_classes_of_before_to_the_same_colours(new: Vocabulary) -> None:
    names = {"nc": nc, "session": SimpleNamespace(vocabulary=FORMER), "replace": replace}
    for call in vocabulary_calls(FORMER, new):
        made = FORMER.matched(Vocabulary.coerce(eval(call, names)))
        assert made == new


@pytest.mark.parametrize(
    ("new", "call"),
    [
        (FORMER.with_parent("a", "c"), "session.vocabulary.with_parent('a', 'c')"),
        (FORMER.with_parent("a", "c").with_parent("a", None), None),
        (FORMER.add("d", parent="a").with_parent("b", "d"), None),
    ],
)
def test_a_script_puts_classes_below_others(new: Vocabulary, call: str | None) -> None:
    names = {"nc": nc, "session": SimpleNamespace(vocabulary=FORMER), "replace": replace}
    calls = list(vocabulary_calls(FORMER, new))
    for text in calls:
        assert FORMER.matched(Vocabulary.coerce(eval(text, names))) == new
    assert call is None or calls[0] == call
    back = FORMER.with_parent("a", "c")
    assert next(iter(vocabulary_calls(back, FORMER))) == "session.vocabulary.with_parent('a', None)"


def test_the_words_of_an_older_script_give_the_same_values() -> None:
    words = Vocabulary.coerce("a, b, c")
    assert words.values == FORMER.values
    assert words.colors != FORMER.colors
