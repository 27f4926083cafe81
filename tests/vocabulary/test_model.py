from __future__ import annotations

from collections.abc import Callable
from dataclasses import FrozenInstanceError, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from napari_corrclip.errors import InputError
from napari_corrclip.vocabulary import MAX_VALUE, Vocabulary, VocabularyClass, grammar
from napari_corrclip.vocabulary.palette import BACKGROUND, Palette, default_color
from tests.vocabularies import texts, vocabularies

parse = Vocabulary.parse


# -- other sources


def test_lists_mappings_and_files_are_understood(tmp_path: Path) -> None:
    expected = parse("cat\nbackground: sky, grass")
    (tmp_path / "a.TXT").write_text("cat\nbackground: sky, grass")
    assert Vocabulary.coerce(expected) is expected
    assert Vocabulary.coerce("cat\nbackground: sky, grass") == expected
    assert Vocabulary.coerce(["cat", "background: sky, grass"]) == expected
    assert Vocabulary.coerce(name for name in ["cat", "background: sky, grass"]) == expected
    assert Vocabulary.coerce({"cat": None, "background": ["sky", "grass"]}) == expected
    assert Vocabulary.coerce(tmp_path / "a.TXT") == expected
    assert Vocabulary.coerce(f" {tmp_path / 'a.TXT'}") == expected
    with pytest.raises(InputError, match=r"none\.yaml.*cannot be read"):
        Vocabulary.coerce("none.yaml")
    wrong: Any
    for wrong in (5, None, [5], [""], [], b"cat", {}):
        with pytest.raises(InputError):
            Vocabulary.coerce(wrong)


def test_an_element_of_a_list_is_one_class() -> None:
    assert Vocabulary.coerce(["tench, Tinca tinca"]).names == ("tench, Tinca tinca",)
    assert Vocabulary.coerce(["person; man #ff0000"]).queries == ("person", "man")
    assert Vocabulary.from_names(["a: b; c, #d"]).queries == ("a: b; c, #d",)


# -- background, thresholds, queries, colours


def test_the_background_is_the_class_of_that_name() -> None:
    vocabulary = parse("cat\nBackGround: sky, grass")
    assert vocabulary.background == 1
    assert vocabulary.classes[1].color == BACKGROUND
    assert parse("cat, dog").background is None
    assert parse("cat, dog", background="DOG").background == 1
    assert parse("cat, background", background="cat").background == 0
    assert vocabulary.with_background(None).background is None
    assert vocabulary.with_background(None).classes[1].color == default_color(2)
    assert vocabulary.with_background("cat").background == 0
    for wrong in (2, -1, "cow", True):
        with pytest.raises(InputError, match="There is no class"):
            parse("cat, dog", background=wrong)


def test_prompts_without_a_name_may_be_the_background() -> None:
    text = "sky; wall; tree\naeroplane"
    assert parse(text).names == ("sky", "aeroplane")
    vocabulary = parse(text, background=0)
    assert vocabulary.names == ("background", "aeroplane")
    assert vocabulary.queries == ("sky", "wall", "tree", "aeroplane")
    assert vocabulary.background == 0


def test_queries_know_their_class() -> None:
    vocabulary = parse("cat\nbackground: sky, grass\ndog")
    assert vocabulary.queries == ("cat", "sky", "grass", "dog")
    assert vocabulary.query_class == (0, 1, 1, 2)


def test_a_class_may_have_a_threshold_of_its_own() -> None:
    vocabulary = parse("cat, dog").with_threshold(0.2).with_threshold(0.5, "dog")
    assert vocabulary.thresholds == (0.2, 0.5)
    assert vocabulary.with_threshold(None, "dog").thresholds == (0.2, 0.2)
    assert vocabulary.with_threshold(None).thresholds == (0.0, 0.5)
    for wrong in (-0.1, 1.1, float("nan"), "0.5", True):
        for which in (None, "dog"):
            with pytest.raises(InputError, match="threshold"):
                vocabulary.with_threshold(wrong, which)  # type: ignore[arg-type]


def test_a_palette_gives_colours_by_values() -> None:
    assert parse("a, b").remove("a").classes[0].color == default_color(2)
    former = Vocabulary.typed("a, b, background", palette=Palette.FORMER)
    assert former.colors == {1: (230, 60, 60), 2: (60, 130, 230), 3: BACKGROUND}


FORMER = Vocabulary.typed("a, b, c", palette=Palette.FORMER)
"""Classes of before, whose colours are another palette's than those of new classes."""


def test_classes_of_before_keep_their_colours_and_new_ones_get_the_new() -> None:
    old = [default_color(value, palette=Palette.FORMER) for value in (1, 2, 3)]
    new = default_color(4)
    for changed in (
        FORMER.add("d"),
        FORMER.extend("b, d"),
        FORMER.edit("c, a, b, d"),
        FORMER.matched(parse("d, b, a, c")),
        FORMER.add("d").beside(FORMER, {"d": 4}),
        FORMER.add("d").rename("a", "z").reorder([3, 2, 1, 0]).with_threshold(0.5),
        FORMER.add("d").with_background("d").with_background(None),
    ):
        assert [changed.by_value(value).color for value in (1, 2, 3, 4)] == [*old, new]
    assert parse(FORMER.to_text()) == FORMER
    assert Vocabulary.from_document(FORMER.to_document()) == FORMER
    assert FORMER.edit(FORMER.to_text()) == FORMER


def test_a_colour_that_a_palette_gave_goes_with_the_value_and_one_of_a_person_stays() -> None:
    moved = default_color(4, palette=Palette.FORMER)
    assert parse("x, y, z").extend(FORMER.remove("b")).by_value(4).color == moved
    assert FORMER.add("d").beside(parse("a"), {"b": 4}).classes[1].color == moved
    assert parse("x, y, z").matched(FORMER).by_value(4).color == moved
    assert FORMER.with_background("b").classes[1].color == BACKGROUND
    assert FORMER.rename("a", "background").classes[0].color == BACKGROUND
    # Values of a vocabulary that was made anew say nothing; a colour that a person chose does.
    own = parse("b #010203, c")
    assert [one.color for one in FORMER.matched(own)] == [(1, 2, 3), FORMER.classes[2].color]
    assert parse("x").extend(own).colors[2] == (1, 2, 3)
    assert parse("x").matched(own).colors == {2: (1, 2, 3), 3: default_color(3)}


# -- changes


def test_a_value_stays_and_is_never_given_again() -> None:
    vocabulary = parse("cat, dog, cow")
    changed = vocabulary.remove("cow").add("fox").reorder(["fox", "cat", 1]).rename("dog", "wolf")
    assert list(zip(changed.names, changed.values, strict=True)) == [
        ("fox", 4),
        ("cat", 1),
        ("wolf", 2),
    ]
    assert changed.next_value == 5
    assert changed.by_value(2).name == "wolf"
    assert vocabulary == parse("cat, dog, cow")
    with pytest.raises(InputError, match="No class has the value 3"):
        changed.by_value(3)


def test_a_class_is_meant_by_its_name_its_label_value_or_itself_wherever_it_stands() -> None:
    words = parse("cat, dog, cow").remove("dog").reorder(["cow", "cat"])
    assert words.values == (3, 1)
    for which in (
        "cow",
        "COW",
        3,
        np.uint16(3),
        words.classes[0],
        words.recolor(0, "#fff").classes[0],
    ):
        assert words.value_of(which) == 3
    for which in (0, 2, 4, -1):
        with pytest.raises(
            InputError, match=f"No class has the value {which}; there are 3 cow, 1 cat"
        ):
            words.value_of(which)
    for which in (None, 1.0, True, np.True_, [3], b"cow"):
        with pytest.raises(InputError, match="is no class; give its name or its label value"):
            words.value_of(which)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="There is no class 'dog'"):
        words.value_of("dog")


def test_a_new_name_is_the_new_prompt_unless_there_are_own_prompts() -> None:
    vocabulary = parse("cat\ndog: puppy")
    assert vocabulary.rename("cat", "lion").queries == ("lion", "puppy")
    assert vocabulary.rename("dog", "hound").queries == ("cat", "puppy")
    assert vocabulary.rename("cat", "CAT").names == ("CAT", "dog")
    assert vocabulary.rename("cat", "background").background == 0
    assert vocabulary.with_prompts("cat", "tabby, tom").queries == ("tabby", "tom", "puppy")
    assert vocabulary.with_prompts("dog", None).queries == ("cat", "dog")


def test_add_takes_all_that_a_class_has() -> None:
    vocabulary = parse("cat").add(
        "salt, pepper", prompts=["salt"], color=(1, 2, 3), threshold=0.5, background=True, index=0
    )
    assert vocabulary.classes[0] == VocabularyClass(
        "salt, pepper", ("salt",), 2, (1, 2, 3), 0.5, True
    )
    assert parse("cat").add("Background").background == 1
    assert parse("background").add("other").background == 0


def test_recolor() -> None:
    vocabulary = parse("cat, dog").recolor("cat", "#010203").recolor(1, (4, 5, 6))
    assert vocabulary.colors == {1: (1, 2, 3), 2: (4, 5, 6)}
    assert vocabulary.recolor("cat", "#f00").colors[1] == (255, 0, 0)
    assert vocabulary.recolor("cat", None).colors[1] == default_color(1)
    for wrong in ("red", (1, 2), (1, 2, 256), (1.0, 2, 3), "#12345"):
        with pytest.raises(InputError, match="colour"):
            vocabulary.recolor("cat", wrong)  # type: ignore[arg-type]


def test_templates_are_checked() -> None:
    assert parse("cat").templates is None
    assert parse("cat").with_templates("single").templates == ("a photo of a {}.",)
    assert parse("cat").with_templates("single").with_templates(None) == parse("cat")
    with pytest.raises(InputError, match=r"\{\}"):
        parse("cat").with_templates(["a photo"])


def test_editing_the_text_keeps_what_the_text_does_not_say() -> None:
    vocabulary = (
        parse("cat, dog, background").recolor("dog", "#010203").with_threshold(0.3, "dog").remove(0)
    )
    edited = vocabulary.edit("bird, DOG: puppy\nfox #040506, background: sky")
    assert edited.names == ("bird", "DOG", "fox", "background")
    assert edited.values == (4, 2, 5, 3)
    assert edited.next_value == 6
    assert edited.thresholds == (0.0, 0.3, 0.0, 0.0)
    assert edited.classes[1].color == (1, 2, 3)
    assert edited.queries == ("bird", "puppy", "fox", "sky")
    assert edited.background == 3


def test_wrong_changes_are_one_sentence() -> None:
    vocabulary = parse("cat, dog, background")
    changes: list[tuple[Callable[[], object], str]] = [
        (lambda: vocabulary.add("Cat"), "'cat' and 'Cat' are the same"),
        (lambda: vocabulary.add(" "), "is empty"),
        (lambda: vocabulary.add("fox", prompts=""), "The prompts are empty; write at least one"),
        (lambda: Vocabulary.parse('a: ""').check_prompts(), "None of the classes (a) has a prompt"),
        (lambda: vocabulary.add("fox", background=True), "both the background"),
        (lambda: vocabulary.remove("fox"), "no class 'fox'; the classes are cat, dog, background"),
        (lambda: vocabulary.remove(3), "no class 3"),
        (lambda: parse("cat").remove("cat"), "last class"),
        (lambda: vocabulary.rename("cat", "DOG"), "are the same"),
        (lambda: vocabulary.reorder(["cat", "dog"]), "each of the 3 classes once"),
        (lambda: vocabulary.reorder([0, 0, 1]), "each of the 3 classes once"),
        (lambda: replace(vocabulary, next_value=3), "next_value is 3"),
        (lambda: replace(vocabulary, classes=()), "empty"),
        (lambda: replace(vocabulary.classes[0], value=0), "value 0"),
        (lambda: replace(vocabulary.classes[0], value=MAX_VALUE + 1), "value 65536"),
        (lambda: replace(vocabulary.classes[0], prompts="cat"), "no list of prompts"),  # type: ignore[arg-type]
        (lambda: parse(5), "5"),  # type: ignore[arg-type]
    ]
    for change, words in changes:
        with pytest.raises(InputError) as caught:
            change()
        assert words in str(caught.value)


def test_a_vocabulary_is_a_value() -> None:
    first, second = parse("cat, dog"), parse("cat\ndog\n")
    assert first == second
    assert hash(first) == hash(second)
    assert first.fingerprint == second.fingerprint
    assert first.with_threshold(0.1).fingerprint != first.fingerprint
    with pytest.raises(FrozenInstanceError):
        first.threshold = 1.0  # type: ignore[misc]
    with pytest.raises(FrozenInstanceError):
        first.classes[0].name = "x"  # type: ignore[misc]


@settings(max_examples=40)
@given(vocabularies())
def test_editing_its_own_text_changes_nothing(vocabulary: Vocabulary) -> None:
    assert vocabulary.edit(vocabulary.to_text()) == vocabulary


class Changes(RuleBasedStateMachine):
    """Any sequence of changes: a name that once had a value keeps it, and no value comes back."""

    def __init__(self) -> None:
        super().__init__()
        self.vocabulary = parse("a, b")
        self.given = {1: "a", 2: "b"}  # value -> the name it has or last had
        self.gone: set[int] = set()

    @rule(name=texts)
    def add(self, name: str) -> None:
        try:
            self.vocabulary = self.vocabulary.add(name)
        except InputError:
            return
        new = self.vocabulary.classes[-1]
        assert new.value not in self.given
        self.given[new.value] = new.name

    @precondition(lambda self: len(self.vocabulary) > 1)
    @rule(data=st.data())
    def remove(self, data: st.DataObject) -> None:
        one = data.draw(st.sampled_from(self.vocabulary.classes))
        self.vocabulary = self.vocabulary.remove(one.name)
        self.gone.add(one.value)

    @rule(data=st.data())
    def reorder(self, data: st.DataObject) -> None:
        self.vocabulary = self.vocabulary.reorder(
            data.draw(st.permutations(range(len(self.vocabulary))))
        )

    @rule(data=st.data(), name=texts)
    def rename(self, data: st.DataObject, name: str) -> None:
        index = data.draw(st.integers(0, len(self.vocabulary) - 1))
        value = self.vocabulary.values[index]
        try:
            self.vocabulary = self.vocabulary.rename(index, name)
        except InputError:
            return
        self.given[value] = self.vocabulary.names[index]

    @rule(data=st.data(), new=texts)
    def edit(self, data: st.DataObject, new: str) -> None:
        kept = data.draw(st.lists(st.sampled_from(self.vocabulary.classes), unique=True))
        if grammar.key(new) in {grammar.key(one.name) for one in self.vocabulary}:
            return
        entries = [grammar.Entry(one.name) for one in kept]
        before = self.vocabulary
        self.vocabulary = before.edit(grammar.write([*entries, grammar.Entry(new)]))
        self.gone |= set(before.values) - {one.value for one in kept}
        value = self.vocabulary.values[-1]
        assert value not in self.given
        self.given[value] = self.vocabulary.names[-1]

    @invariant()
    def values_are_never_given_again(self) -> None:
        held = {one.value: one.name for one in self.vocabulary}
        assert not self.gone & set(held)
        assert all(self.given[value] == name for value, name in held.items())
        assert self.vocabulary.next_value > max(self.given)


TestChanges = Changes.TestCase
TestChanges.settings = settings(
    max_examples=40,
    stateful_step_count=25,
    # Awkward text is often no name at all, and then another is drawn.
    suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow],
)


@given(
    st.lists(st.sampled_from("abcdefgh"), unique=True, min_size=1),
    st.lists(st.sampled_from("abcdefgh"), unique=True),
    st.dictionaries(st.sampled_from("abcdefghxyz"), st.integers(1, 30)),
)
def test_beside_other_maps_a_value_means_one_class(
    first: list[str], more: list[str], given: dict[str, int]
) -> None:
    former = Vocabulary.from_names(first)
    changed = former
    for name in more:
        if name not in changed.names:
            changed = changed.add(name)
    found = changed.beside(former, given)
    assert found.names == changed.names
    assert len(set(found.values)) == len(found.values)
    assert found.next_value > max(found.values)
    for one in found:
        if one.name in first:
            assert one.value == former.values[former.index(one.name)]
        elif (
            one.name in given
            and given[one.name] not in former.values
            and (list(given.values()).count(given[one.name]) == 1)
        ):
            assert one.value == given[one.name]
        else:
            assert one.value not in former.values
            assert one.value not in given.values() or one.name in given


def test_a_class_without_prompts_asks_no_network() -> None:
    words = parse("cat, dog")
    more = words.add("type B", prompts=())
    assert more.queries == ("cat", "dog")
    assert more.finds_the_same(words)
    assert more.remove("cat").query_class == (0,)
    assert not more.with_prompts("type B", None).finds_the_same(words)
    assert more.with_prompts("type B", None).queries == ("cat", "dog", "type B")
    assert more.rename("type B", "mitosis").queries == ("cat", "dog")
    # As background it takes what is below the thresholds.
    assert not more.with_background("type B").finds_the_same(words)


@pytest.mark.parametrize("text", ['type B: ""', 'type B #ff0000: ""', 'type B: "", '])
def test_empty_quotes_say_that_there_are_no_prompts(text: str) -> None:
    (one,) = parse(text).classes
    assert (one.name, one.prompts) == ("type B", ())
    assert parse(parse(text).to_text()) == parse(text)
