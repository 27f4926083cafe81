"""Class lists as other people and programs write them: understood or refused in a sentence."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_corrclip.errors import InputError
from napari_corrclip.vocabulary import Vocabulary
from napari_corrclip.vocabulary.files import names_of_lines, to_csv

ADE20K = "Idx\tRatio\tTrain\tVal\tName\n1\t0.15\t11664\t1172\twall\n2\t0.1\t6046\t612\tbuilding, edifice\n"
ADE20K_CSV = (
    "Idx,Ratio,Train,Val,Stuff,Name\n1,0.15,11664,1172,1,wall\n2,0.1,6046,612,1,building;edifice\n"
)


@pytest.mark.parametrize(
    "text", [ADE20K, ADE20K_CSV, ADE20K.replace("\n", "\r\n"), "\ufeff" + ADE20K]
)
@pytest.mark.parametrize("name", ["objects.txt", "objects.csv"])
def test_the_table_of_ade20k_gives_names_values_and_synonyms(
    text: str, name: str, tmp_path: Path
) -> None:
    (tmp_path / name).write_bytes(text.encode())
    found = Vocabulary.from_file(tmp_path / name)
    assert found.names == ("wall", "building")
    assert found.values == (1, 2)
    assert found.queries == ("wall", "building", "edifice")


def test_a_table_is_one_wherever_classes_are_told() -> None:
    expected = ("wall", "building")
    for found in (Vocabulary.parse(ADE20K), Vocabulary.typed(ADE20K), Vocabulary.coerce(ADE20K)):
        assert found.names == expected
    assert found.edit(ADE20K).names == expected
    assert tuple(names_of_lines(ADE20K)) == expected


@pytest.mark.parametrize(
    "text",
    [
        'name,prompts\ncat,"cat, kitten"\ndog,dog\n',
        "name;prompts\r\ncat;cat, kitten\r\ndog;\r\n",
        "sep=;\nName;Prompts\ncat;cat, kitten\ndog;\n",
        '"name"\t"prompts"\n"cat"\t"cat, kitten"\n"dog"\t\n',
        "name;prompts;threshold\ncat;cat; kitten\n",
        "id\tclass\tprompts\n1\tcat\tcat, kitten\n2\tdog\t\n",
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_table_in_a_text_file_is_a_table(text: str, encoding: str, tmp_path: Path) -> None:
    path = tmp_path / "table.txt"
    path.write_bytes(text.encode(encoding))
    if text.startswith("name;prompts;threshold"):
        with pytest.raises(InputError, match=r"table\.txt.*threshold is 'kitten'"):
            Vocabulary.from_file(path)
        return
    found = Vocabulary.from_file(path)
    assert found.names == ("cat", "dog")
    assert found.queries == ("cat", "kitten", "dog")


def test_a_decimal_comma_is_one_where_semicolons_separate() -> None:
    assert Vocabulary.parse("name;threshold\ncat;0,25\n").thresholds == (0.25,)


@pytest.mark.parametrize(
    ("text", "names", "queries"),
    [
        ("猫，狗", ["猫", "狗"], ["猫", "狗"]),
        ("猫、狗，", ["猫", "狗"], ["猫", "狗"]),
        ("قطة، كلب", ["قطة", "كلب"], ["قطة", "كلب"]),
        ("背景：天空，草", ["背景"], ["天空", "草"]),
        ("猫；小猫", ["猫"], ["猫", "小猫"]),
        ("猫\u3000狗", ["猫 狗"], ["猫 狗"]),
        ("cat ＃ff8800， dog", ["cat", "dog"], ["cat", "dog"]),
        ("“salt, pepper”: salt", ["salt, pepper"], ["salt"]),
        ("„salt, pepper“, cat", ["salt, pepper", "cat"], ["salt, pepper", "cat"]),
        ('"猫，狗"', ["猫，狗"], ["猫，狗"]),
        ("cat\x0bdog\u2028sky\x85sea", ["cat", "dog", "sky", "sea"], None),
        ("cat\t#ff8800\nbackground:\tsky,\tgrass", ["cat", "background"], ["cat", "sky", "grass"]),
        ("name, address\nsignature, logo", ["name", "address", "signature", "logo"], None),
        ("2 euro, 1 euro\n1 cent", ["2 euro", "1 euro", "1 cent"], None),
    ],
)
def test_separators_of_other_scripts_are_separators(
    text: str, names: list[str], queries: list[str] | None
) -> None:
    found = Vocabulary.parse(text)
    assert list(found.names) == names
    assert queries is None or list(found.queries) == queries
    assert Vocabulary.parse(found.to_text()) == found


def test_semicolons_of_other_scripts_list_typed_classes() -> None:
    assert Vocabulary.typed("猫；狗").names == ("猫", "狗")
    with pytest.raises(InputError, match="reads like several"):
        Vocabulary.parse("cat").add("猫，狗")


def test_in_a_list_commas_of_any_script_are_characters() -> None:
    assert Vocabulary.coerce(["salt, pepper", "猫，狗"]).names == ("salt, pepper", "猫，狗")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("1\t0.15\twall\n2\t0.10\tbuilding", "begins with a number"),
        ("cat\tdog", "a tab after 'cat'"),
        ("Idx\tRatio\tLabel\n1\t0.2\twall", "a tab after 'Idx'"),
        ("name\tsize\nwall\t5", "unknown key 'size'"),
        ("name,prompts\ncat,a,b", "row 2 has 3 cells"),
        ("0: unlabeled\n1: person", "begins with a number"),
        ("1. wall\n2. sky", "begins with a number"),
        ("1、猫\n2、狗", "begins with a number"),
        ("0 background\n1 person\n2 car", "begins with a number, as '0 background'"),
        ("“salt, pepper", "never closed"),
    ],
)
def test_what_would_become_odd_names_is_refused(text: str, words: str) -> None:
    for read in (Vocabulary.parse, Vocabulary.typed):
        with pytest.raises(InputError) as caught:
            read(text)
        assert words in str(caught.value)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("element", ["cat\ndog", "1\t0.2\twall"])
def test_an_element_of_a_list_is_one_class(element: str) -> None:
    with pytest.raises(InputError, match=r"line break|a tab after"):
        Vocabulary.coerce([element])
    assert Vocabulary.coerce(["cat\n"]).names == ("cat",)


def test_numbers_that_belong_to_the_names_are_kept() -> None:
    for names in (["1: one", "2: two"], ["1 story", "2 stories", "3 stories"], ["0", "1"]):
        found = Vocabulary.from_names(names)
        assert Vocabulary.parse(found.to_text()) == found


# -- formulas

FORMULAS = ["=1+1", "+cat", "-dog", "@sum", "＝a", "'=b", "'tis", "a;=b", "=a, -b", "''+c"]


def test_classes_that_begin_like_formulas_are_quoted_and_read_back(tmp_path: Path) -> None:
    words = Vocabulary.from_names(FORMULAS)
    words.save(tmp_path / "a.classes.csv")
    cells = [line.lstrip('"')[0] for line in (tmp_path / "a.classes.csv").read_text().splitlines()]
    assert not {*cells} & set("=+-@＝")
    assert Vocabulary.from_file(tmp_path / "a.classes.csv") == words


@settings(max_examples=60)
@given(st.lists(st.text("=+-@'＝a,; \"", min_size=1, max_size=5), min_size=1, max_size=4))
def test_any_names_come_back_from_a_table(names: list[str]) -> None:
    try:
        words = Vocabulary.from_names(names)
    except InputError:
        return
    assert Vocabulary.parse(to_csv(words)) == words


def test_tables_of_before_are_read() -> None:
    text = "name,prompts\n=1+1,=1+1\n'tis,\n-5,\n"
    assert Vocabulary.parse(text).names == ("=1+1", "'tis", "-5")


@given(st.text('1、.: \t\n，；“”"ab#＃', max_size=20))
def test_any_text_is_a_vocabulary_that_comes_back_or_one_sentence(text: str) -> None:
    try:
        found = Vocabulary.parse(text)
    except InputError as error:
        message = str(error)
    else:
        message = ""
        assert Vocabulary.parse(found.to_text()) == found
    assert "\n" not in message


def test_semicolons_alone_list_classes_where_they_are_handed_over() -> None:
    assert Vocabulary.coerce("wood; water; white cross").names == ("wood", "water", "white cross")
    assert Vocabulary.coerce("cat: cat; kitten").names == ("cat",)
