"""Words as a person gives them: typed in a line, added as a list, taken from a benchmark."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from napari_corrclip.errors import InputError
from napari_corrclip.vocabulary import MAX_VALUE, Vocabulary, benchmarks, grammar
from napari_corrclip.vocabulary.benchmarks import BENCHMARKS, benchmark
from napari_corrclip.vocabulary.palette import default_color
from tests.vocabularies import vocabularies

parse = Vocabulary.parse


@given(vocabularies(), st.data())
def test_another_order_changes_neither_values_nor_what_is_found(
    words: Vocabulary, data: st.DataObject
) -> None:
    order = data.draw(st.permutations(range(len(words))))
    moved = words.reorder(order)
    assert moved.names == tuple(words.names[index] for index in order)
    assert {one.value: one for one in moved} == {one.value: one for one in words}
    assert moved.next_value == words.next_value
    assert moved.origin == words.origin
    assert moved.finds_the_same(words)
    back = [order.index(index) for index in range(len(words))]
    assert moved.reorder(back) == words


@given(vocabularies(), st.data())
def test_what_is_found_depends_on_prompts_thresholds_and_background_alone(
    words: Vocabulary, data: st.DataObject
) -> None:
    which = data.draw(st.integers(0, len(words) - 1))
    assert words.recolor(which, "#123456").finds_the_same(words)
    one = words.classes[which]
    renamed = words.with_prompts(which, [*one.prompts, "so new"]).rename(which, "entirely new")
    assert renamed.finds_the_same(words.with_prompts(which, [*one.prompts, "so new"]))
    assert not renamed.finds_the_same(words)
    if words.next_value <= MAX_VALUE:
        assert not words.add("entirely new").finds_the_same(words)
    assert not words.with_templates(["a drawing of a {}"]).finds_the_same(words)
    other = 0.25 if words.thresholds[which] != 0.25 else 0.75
    sought = bool(one.prompts) or one.background
    assert words.with_threshold(other, which).finds_the_same(words) != sought
    # A threshold that is said twice is said once.
    assert words.with_threshold(words.thresholds[which], which).finds_the_same(words)


@given(vocabularies(), vocabularies())
def test_extending_keeps_what_there_was_and_takes_what_is_new(
    words: Vocabulary, other: Vocabulary
) -> None:
    assume(words.next_value + len(other) <= MAX_VALUE + 1)
    try:
        both = words.extend(other)
    except InputError:
        # only where what is above a class there is below it here
        words.extend(replace(other, classes=tuple(replace(one, parent=None) for one in other)))
        return
    for had, has in zip(words, both.classes[: len(words)], strict=True):
        assert has == (had if had.parent is not None else replace(had, parent=has.parent))
    known = {grammar.key(name) for name in words.names}
    new = [one for one in other if grammar.key(one.name) not in known]
    added = both.classes[len(words) :]
    assert [one.name for one in added] == [one.name for one in new]
    assert [one.prompts for one in added] == [one.prompts for one in new]
    assert [one.threshold for one in added] == [one.threshold for one in new]
    assert all(one.value >= words.next_value for one in added)
    assert both.extend(other) == both
    if words.background is not None:
        assert both.background == words.background


def test_extending_takes_text_and_gives_own_colours() -> None:
    both = parse("cat, dog").remove("dog").extend("CAT, wall #102030, water: sea, river")
    assert both.names == ("cat", "wall", "water")
    assert both.values == (1, 3, 4)
    assert both.classes[1].color == (16, 32, 48)
    assert both.classes[2].color == default_color(4)
    assert both.classes[2].prompts == ("sea", "river")


@pytest.mark.parametrize("name", ["wall, water", "wall; water", "wall\nwater"])
def test_a_list_is_not_added_as_one_class(name: str) -> None:
    words = parse("cat")
    with pytest.raises(InputError, match="reads like several classes; add those with extend"):
        words.add(name)
    assert words.extend(name).names[-1].startswith("wa")
    if "\n" not in name:
        assert words.add(name, prompts=["a wall by the water"]).names == ("cat", name)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("cat; dog; sky", ["cat", "dog", "sky"]),
        ("cat;dog;", ["cat", "dog"]),
        ("cat, dog", ["cat", "dog"]),
        ("cat", ["cat"]),
        ('"a; b"; c', ["a; b", "c"]),
        # With commas, colons or further lines the semicolons are the grammar's.
        ("cat; kitten, dog", ["cat", "dog"]),
        ("pet: cat; dog", ["pet"]),
        ("cat; kitten\ndog; puppy", ["cat", "dog"]),
    ],
)
def test_semicolons_in_a_typed_line(text: str, names: list[str]) -> None:
    assert list(Vocabulary.typed(text).names) == names


@given(vocabularies())
def test_lines_that_a_file_holds_can_be_pasted(words: Vocabulary) -> None:
    typed = Vocabulary.typed(words.to_text())
    assert (typed.names, typed.queries) == (words.names, words.queries)


@pytest.mark.parametrize("name", BENCHMARKS)
def test_the_lists_of_the_benchmarks_are_there(name: str) -> None:
    about, words = BENCHMARKS[name], benchmark(name)
    assert len(words) == about.classes
    assert words.threshold == about.threshold
    assert words.background == (0 if about.background else None)
    assert words.values == tuple(range(1, len(words) + 1))
    if about.background:
        assert words.names[0] == "background"
    assert f"`{name}.txt`" in (benchmarks.DATA / "README.md").read_text(encoding="utf-8")


def test_the_backgrounds_of_the_benchmarks_are_found_by_what_is_in_them() -> None:
    assert {"sky", "wall", "floor"} <= set(benchmark("voc21").classes[0].prompts)
    assert benchmark("voc20").names == benchmark("voc21").names[1:]
    assert benchmark("context59").names == benchmark("context60").names[1:]


def test_the_lists_are_all_that_lies_beside_them() -> None:
    assert {path.stem for path in Path(benchmarks.DATA).glob("*.txt")} == set(BENCHMARKS)


def test_an_unknown_list_is_refused() -> None:
    with pytest.raises(InputError, match="did you mean 'voc21'"):
        benchmark("voc12")
    with pytest.raises(InputError, match="there are voc20, voc21"):
        benchmark("zzz")
