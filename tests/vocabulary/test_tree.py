"""Classes that are kinds of others: said, kept by every change, written and read."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_corrclip.errors import InputError
from napari_corrclip.vocabulary import Vocabulary, VocabularyClass, grammar, tree
from tests.vocabularies import texts, vocabularies

parse = Vocabulary.parse

ANIMALS = parse("animal > cat > tabby, animal > dog, sky")
"""Two of whose classes, 'animal' and 'cat', are only named above others."""


def paths(words: Vocabulary) -> dict[str, tuple[str, ...]]:
    """Return the path of each class by its name, as keys that do not care for case."""
    return {
        grammar.key(name): tuple(map(grammar.key, words.path(index)))
        for index, name in enumerate(words.names)
    }


# -- what is typed


def test_a_parent_that_is_only_named_is_a_class_without_prompts_before_its_children() -> None:
    assert ANIMALS.names == ("animal", "cat", "tabby", "dog", "sky")
    assert ANIMALS.values == (1, 2, 3, 4, 5)
    assert [class_.parent for class_ in ANIMALS] == [None, 1, 2, 1, None]
    assert ANIMALS.queries == ("tabby", "dog", "sky")
    assert ANIMALS.path("TABBY") == ("animal", "cat", "tabby")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("animal > cat, animal", [("cat", ["cat"], "animal"), ("animal", ["animal"], None)]),
        ("animal: fauna\nAnimal > cat", [("animal", ["fauna"], None), ("cat", ["cat"], "animal")]),
        (
            "cat, animal > cat > tom",
            [("cat", ["cat"], "animal"), ("animal", [], None), ("tom", ["tom"], "cat")],
        ),
        ("pet > cat: kitty, tom > x", [("pet", [], None), ("cat", ["kitty", "tom > x"], "pet")]),
        ("pet > cat; kitten", [("pet", [], None), ("cat", ["cat", "kitten"], "pet")]),
        ('"p > q" > "r > s"', [("p > q", [], None), ("r > s", ["r > s"], "p > q")]),
        ("pet>cat", [("pet", [], None), ("cat", ["cat"], "pet")]),
        ("动物＞猫", [("动物", [], None), ("猫", ["猫"], "动物")]),
        ('pet > cat: ""', [("pet", [], None), ("cat", [], "pet")]),
    ],
)
def test_a_line_says_what_is_below_what(
    text: str, expected: list[tuple[str, list[str], str | None]]
) -> None:
    words = parse(text)
    names = dict(zip(words.values, words.names, strict=True))
    assert [
        (one.name, list(one.prompts), one.parent and names[one.parent]) for one in words
    ] == expected
    assert parse(words.to_text()) == words


def test_a_typed_line_lists_classes_by_semicolons_below_others_too() -> None:
    for text in ("a > b; a > c", "a > b, a > c"):
        assert Vocabulary.typed(text) == Vocabulary.listed(text) == parse("a > b\na > c")
    assert Vocabulary.typed("a > b; c").names == ("a", "b", "c")
    assert Vocabulary.coerce(["a > b, c", "d"]).names == ("a", "b, c", "d")


def test_a_colour_of_a_class_below_another_is_its_own() -> None:
    words = parse("animal #ff0000, animal > cat #00ff00: kitty")
    assert [one.color for one in words] == [(255, 0, 0), (0, 255, 0)]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a >", "after 'a' comes > but no class"),
        ("a > # b", "after 'a' comes > but no class"),
        ("> a", "there is no class name before a >; write one, or put"),
        ("a > > b", "there is no class name before a >"),
        ("a >, b", "empty class name"),
        ("a > : b", "empty class name"),
        ("a #f00 > b", "the colour #ff0000 stands before a >; give it where 'a' is listed"),
        ("#f00 > b", "colour without a name"),
        ("a; b > c", "semicolon before the > of 'b'"),
        ("a > a", "The class 'a' is its own parent"),
        ("a > b, b > a", "The parents go in a circle, 'b' > 'a' > 'b'; give one"),
        ("a > b > a", "The parents go in a circle"),
        ("a > b, c > b", "The class 'b' is put below 'a' and below 'c'; choose one"),
        ("a > b > c, d > B > e", "The class 'B' is put below 'a' and below 'd'; choose one"),
        ("a > b, b", "'b' and 'b' are the same"),
    ],
)
def test_what_is_wrong_with_a_tree_is_one_sentence(text: str, words: str) -> None:
    with pytest.raises(InputError) as caught:
        parse(text)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_long_circle_is_told_in_short() -> None:
    ring = [*"abcdefgh"]
    text = ", ".join(f"{up} > {down}" for up, down in zip(ring, [*ring[1:], "a"], strict=True))
    with pytest.raises(InputError, match=r"circle, 'b' > 'c' > 'd' > 'e' > … > 'b'; give one"):
        parse(text)


# -- the rules of a tree


def test_a_parent_is_another_class_of_the_vocabulary() -> None:
    cat, dog = parse("cat, dog")
    with pytest.raises(InputError, match=r"'cat' has the parent 7, which is no class's value"):
        Vocabulary((replace(cat, parent=7), dog), 3)
    for wrong in (0, -1, "dog", True, 70000, 1.0):
        with pytest.raises(InputError, match="'cat' has the parent"):
            replace(cat, parent=wrong)  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"circle, 'cat' > 'dog' > 'cat'"):
        Vocabulary((replace(cat, parent=2), replace(dog, parent=1)), 3)
    words = parse("cat, dog").with_parent("cat", "dog")
    with pytest.raises(InputError, match="circle"):
        words.with_parent("dog", "cat")
    with pytest.raises(InputError, match="its own parent"):
        words.with_parent("dog", "dog")
    with pytest.raises(InputError, match="There is no class 'fox'"):
        words.with_parent("dog", "fox")
    assert words.with_parent("cat", None) == parse("cat, dog")


def test_a_deep_tree_is_read_in_no_time() -> None:
    names = [f"class {number}" for number in range(3000)]
    words = parse(" > ".join(names))
    assert words.path(2999) == tuple(names)
    assert parse(words.to_text()) == words


# -- changes


def test_every_change_keeps_the_tree() -> None:
    tree_of = paths(ANIMALS)
    assert paths(ANIMALS.rename("cat", "felid"))["tabby"] == ("animal", "felid", "tabby")
    for changed in (
        ANIMALS.reorder([4, 3, 2, 1, 0]),
        ANIMALS.recolor("cat", "#010203"),
        ANIMALS.with_prompts("cat", ["kitty"]),
        ANIMALS.with_threshold(0.5, "cat").with_threshold(0.1),
        ANIMALS.with_background("sky"),
        ANIMALS.with_templates("single"),
        ANIMALS.edit(ANIMALS.to_text()),
        ANIMALS.extend("sky, cat"),
        ANIMALS.matched(parse("sky, animal > dog, animal > cat > tabby")),
        parse("dog, fox, animal").remove("fox").matched(ANIMALS),
        ANIMALS.beside(parse("x, y"), {"cat": 40, "tabby": 9}),
    ):
        assert paths(changed) == tree_of
    more = ANIMALS.add("siamese", parent="cat")
    assert more.path("siamese") == ("animal", "cat", "siamese")
    assert more.classes[-1].parent == 2


def test_what_was_below_a_removed_class_is_below_its_parent() -> None:
    assert ANIMALS.remove("cat").path("tabby") == ("animal", "tabby")
    assert ANIMALS.remove("animal").path("tabby") == ("cat", "tabby")
    assert ANIMALS.remove("animal").path("dog") == ("dog",)
    assert ANIMALS.remove("tabby").names == ("animal", "cat", "dog", "sky")


def test_an_edited_text_says_the_tree() -> None:
    edited = ANIMALS.with_threshold(0.5, "cat").edit("dog > cat: kitty, sky\ntabby, pet > bird")
    assert paths(edited) == {
        "dog": ("dog",),
        "cat": ("dog", "cat"),
        "tabby": ("tabby",),
        "pet": ("pet",),
        "bird": ("pet", "bird"),
    }
    assert edited.values == (4, 2, 3, 6, 7)
    assert edited.by_value(2).threshold == 0.5
    assert edited.by_value(4).prompts == ()  # named above another one, and not listed


def test_extending_places_what_has_no_place_yet() -> None:
    words = parse("cat, dog").extend("animal > cat, animal > fox > vixen")
    assert paths(words) == paths(parse("animal > cat, dog, animal > fox > vixen"))
    assert words.names == ("cat", "dog", "animal", "fox", "vixen")
    assert parse("pet > cat").extend("animal > cat").path("cat") == ("pet", "cat")
    with pytest.raises(InputError, match="circle"):
        parse("cat > animal").extend("animal > cat")


def test_adding_a_name_that_reads_like_a_path_is_refused() -> None:
    with pytest.raises(InputError, match=r"'a > b' reads like several classes; add those with ext"):
        parse("cat").add("a > b")
    assert parse("cat").add("a > b", prompts=["x"]).names == ("cat", "a > b")


@settings(max_examples=60)
@given(vocabularies(), st.data())
def test_removing_any_class_leaves_all_others_in_line(
    words: Vocabulary, data: st.DataObject
) -> None:
    if len(words) == 1:
        return
    gone = data.draw(st.sampled_from(words.names))
    left = words.remove(gone)
    for name in left.names:
        assert left.path(name) == tuple(other for other in words.path(name) if other != gone)


@settings(max_examples=60)
@given(vocabularies(), st.data(), texts)
def test_no_change_moves_a_value_or_breaks_the_tree(
    words: Vocabulary, data: st.DataObject, name: str
) -> None:
    index = data.draw(st.integers(0, len(words) - 1))
    changes: list[Callable[[], Vocabulary]] = [
        lambda: words.rename(index, name),
        lambda: words.reorder(data.draw(st.permutations(range(len(words))))),
        lambda: words.with_parent(index, data.draw(st.sampled_from(words.names) | st.none())),
        lambda: words.add(name, parent=index),
        lambda: words.extend(Vocabulary.from_names([name]).add("new one", parent=0)),
        lambda: words.edit(words.to_text()),
    ]
    change = data.draw(st.sampled_from(range(len(changes))))
    try:
        changed = changes[change]()
    except InputError:
        return
    assert set(words.values) <= set(changed.values)
    if change != 2:
        assert {value: changed.parents[value] for value in words.values} == words.parents


@settings(max_examples=60)
@given(vocabularies(), vocabularies())
def test_matching_gives_the_other_tree_with_the_values_of_here(
    mine: Vocabulary, theirs: Vocabulary
) -> None:
    if len(mine) + len(theirs) + mine.next_value > 65535:
        return
    found = mine.matched(theirs)
    assert paths(found) == paths(theirs)
    assert paths(theirs.beside(mine, {})) == paths(theirs)


@settings(max_examples=80)
@given(vocabularies(), vocabularies(), st.data())
def test_classes_of_several_vocabularies_have_one_tree(
    first: Vocabulary, second: Vocabulary, data: st.DataObject
) -> None:
    some = {class_.value: class_ for class_ in first} | {class_.value: class_ for class_ in second}
    kept = data.draw(st.lists(st.sampled_from(sorted(some)), min_size=1, unique=True))
    classes = [some[value] for value in kept]
    joined = tree.rejoined(classes, first.parents | second.parents)
    tree.check(joined)
    assert [replace(class_, parent=None) for class_ in joined] == [
        replace(class_, parent=None) for class_ in classes
    ]
    if {*kept} <= {*first.values} and some == {class_.value: class_ for class_ in first}:
        for class_ in joined:
            line = tree.line_of(first.parents, class_.value)[1:]
            assert class_.parent == next((value for value in line if value in kept), None)


def test_contradicting_trees_lose_one_parent() -> None:
    first, second = parse("a > b").classes, parse("b > a").reorder(["a", "b"]).classes
    joined = tree.rejoined([replace(second[0], value=1, parent=2), first[1]], {})
    assert [class_.parent for class_ in joined] == [None, 1]


# -- files


@settings(max_examples=60)
@given(vocabularies())
def test_every_format_brings_the_tree_back(words: Vocabulary) -> None:
    import tempfile

    plain = replace(
        words,
        classes=tuple(
            replace(class_, value=number, threshold=None, background=False, parent=None)
            for number, class_ in enumerate(words, start=1)
        ),
        next_value=len(words) + 1,
        threshold=0.0,
        templates=None,
    )
    plain = replace(plain, classes=tree.below_as_in(words.classes, plain.classes))
    if "background" in map(grammar.key, plain.names):
        plain = plain.with_background("background")
    with tempfile.TemporaryDirectory() as folder:
        for ending in ("yaml", "json", "csv", "txt"):
            path = Path(folder) / f"classes.{ending}"
            plain.save(path)
            assert Vocabulary.from_file(path) == plain
    assert Vocabulary.from_document(words.to_document()) == words
    assert parse(plain.to_text()) == plain


@given(vocabularies())
def test_files_without_parents_are_as_ever(words: Vocabulary) -> None:
    document = words.to_document()
    said = [class_ for class_ in words if class_.parent is not None]
    assert document["version"] == (2 if said else 1)
    classes = document["classes"]
    assert isinstance(classes, list)
    assert [fields.get("parent") for fields in classes] == [
        None if class_.parent is None else words.by_value(class_.parent).name for class_ in words
    ]
    for fields, class_ in zip(classes, words, strict=True):
        assert ("parent" in fields) == (class_.parent is not None)


OLD = (
    parse("cat: cat, big > small #010203\nbackground: sky\ndog")
    .with_threshold(0.25, "dog")
    .remove("dog")
    .add("dog")
)
"""A vocabulary without parents, as any version before could write it."""


def test_old_files_and_fingerprints_stay_byte_for_byte(tmp_path: Path) -> None:
    """What is expected here was written before classes could have parents."""
    assert OLD.fingerprint == "0a7b452e9f15455b"
    assert json.dumps(OLD.to_document()) == (
        '{"version": 1, "next_value": 5, "threshold": 0.0, "templates": null, "classes": ['
        '{"name": "cat", "value": 1, "color": "#010203", "prompts": ["cat", "big > small"], '
        '"background": false}, {"name": "background", "value": 2, "color": "#707074", '
        '"prompts": ["sky"], "background": true}, {"name": "dog", "value": 4, "color": "#76427b", '
        '"prompts": ["dog"], "background": false}]}'
    )
    OLD.save(tmp_path / "old.csv")
    assert (tmp_path / "old.csv").read_text() == (
        "name,prompts,color,threshold,value,background\ncat,cat; big > small,#010203,,1,false\n"
        "background,sky,#707074,,2,true\ndog,dog,#76427b,,4,false\n"
    )
    assert OLD.to_text() == "cat #010203: cat, big > small\nbackground: sky\ndog\n"


def test_files_with_parents_say_so_in_a_way_that_older_programs_refuse(tmp_path: Path) -> None:
    ANIMALS.save(tmp_path / "a.yaml")
    text = (tmp_path / "a.yaml").read_text()
    assert text.startswith("version: 2\n")
    assert "  parent: animal\n" in text
    ANIMALS.save(tmp_path / "a.csv")
    header, *rows = (tmp_path / "a.csv").read_text().splitlines()
    assert header == "name,prompts,color,threshold,value,background,parent"
    assert [row.rpartition(",")[2] for row in rows] == ["", "animal", "cat", "animal", ""]
    ANIMALS.save(tmp_path / "a.txt")
    assert (tmp_path / "a.txt").read_text() == "animal > cat > tabby\nanimal > dog\nsky\n"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("list.yaml", "- animal > cat\n- dog > puppy\n"),
        ("fields.yaml", "- {name: cat, parent: animal}\n- {name: puppy, parent: dog}\n"),
        ("mapping.yaml", "cat: {parent: animal}\npuppy: {parent: dog}\n"),
        (
            "one.json",
            '{"version": 1, "classes": {"cat": {"parent": "animal"}, "dog > puppy": null}}',
        ),
        ("table.csv", "name,parent\ncat,animal\npuppy,dog\n"),
        ("tabs.txt", "class\tParent\ncat\tanimal\npuppy\tdog\n"),
        ("lines.txt", "animal > cat, dog > puppy"),
    ],
)
def test_a_file_with_parents_may_be_written_by_hand(name: str, text: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text)
    if name == "one.json":  # the names of a mapping are taken as they are
        assert Vocabulary.from_file(tmp_path / name).names == ("animal", "cat", "dog > puppy")
        return
    assert Vocabulary.from_file(tmp_path / name) == parse("animal > cat, dog > puppy")


def test_parents_make_no_difference_to_what_is_found() -> None:
    flat = parse('animal: ""\ncat: ""\ntabby, dog, sky')
    assert flat.finds_the_same(ANIMALS)
    assert flat.fingerprint != ANIMALS.fingerprint
    assert flat != ANIMALS


def test_a_class_says_its_parent_by_value() -> None:
    assert VocabularyClass("cat", (), 2, (1, 2, 3), parent=1).parent == 1
    assert VocabularyClass("cat", (), 2, (1, 2, 3)).parent is None
