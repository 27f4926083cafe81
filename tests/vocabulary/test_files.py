from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings

from napari_corrclip.errors import InputError
from napari_corrclip.vocabulary import Vocabulary, grammar
from napari_corrclip.vocabulary.files import SUFFIXES
from napari_corrclip.vocabulary.palette import Palette, default_color
from tests.vocabularies import vocabularies

parse = Vocabulary.parse


@settings(max_examples=40)
@given(vocabularies())
def test_yaml_and_json_files_bring_back_everything(vocabulary: Vocabulary) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        for ending in ("yaml", "yml", "json"):
            path = Path(folder) / f"classes.{ending}"
            vocabulary.save(path)
            assert Vocabulary.from_file(path) == vocabulary
        assert len(list(Path(folder).iterdir())) == 3


@settings(max_examples=40)
@given(vocabularies())
def test_csv_and_text_files_bring_back_everything_or_refuse(vocabulary: Vocabulary) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        for ending in ("csv", "txt"):
            path = Path(folder) / f"classes.{ending}"
            try:
                vocabulary.save(path)
            except InputError as error:
                message = str(error)
                assert not path.exists()
            else:
                message = "save it as .yaml"
                assert Vocabulary.from_file(path) == vocabulary
            assert "save it as .yaml" in message
        tight = replace(
            vocabulary, threshold=0, templates=None, next_value=max(vocabulary.values) + 1
        )
        tight.save(Path(folder) / "tight.csv")
        assert Vocabulary.from_file(Path(folder) / "tight.csv") == tight


def test_what_a_text_file_cannot_hold_is_named(tmp_path: Path) -> None:
    vocabulary = parse("cat, dog")
    vocabulary.save(tmp_path / "a.txt")
    assert (tmp_path / "a.txt").read_text() == "cat\ndog\n"
    for changed, words in [
        (vocabulary.remove("cat"), "values"),
        (vocabulary.with_threshold(0.5), "thresholds"),
        (vocabulary.with_templates("single"), "templates"),
        (vocabulary.with_background("cat"), "background"),
    ]:
        with pytest.raises(InputError, match=rf"cannot hold this vocabulary's .*{words}"):
            changed.save(tmp_path / "a.txt")
    assert (tmp_path / "a.txt").read_text() == "cat\ndog\n"
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]


BENCHMARK = "sky; wall; tree; wood\naeroplane\nbicycle \n\ntraffic light\nwall-other"


def test_class_files_of_benchmarks(tmp_path: Path) -> None:
    (tmp_path / "cls.txt").write_text(BENCHMARK)
    vocabulary = Vocabulary.from_file(tmp_path / "cls.txt", background=0)
    assert vocabulary.names == ("background", "aeroplane", "bicycle", "traffic light", "wall-other")
    assert vocabulary.values == (1, 2, 3, 4, 5)
    assert vocabulary.query_class == (0, 0, 0, 0, 1, 2, 3, 4)
    assert Vocabulary.from_file(tmp_path / "cls.txt").background is None


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("list.yaml", "- 'cat #ff8800'\n- 'background: sky, grass'\n"),
        ("pairs.yaml", "- cat: {color: '#ff8800'}\n- background: sky; grass\n"),
        (
            "fields.yaml",
            "- {name: cat, color: [255, 136, 0]}\n- {name: background, prompts: [sky, grass]}\n",
        ),
        ("mapping.yaml", "cat: {color: '#ff8800'}\nbackground: sky, grass\n"),
        ("short.yaml", "cat: {color: '#f80'}\nbackground: sky, grass\n"),
        ("short.json", '["cat #F80", "background: sky, grass"]'),
        ("short.csv", "name,prompts,color\ncat,,#F80\nbackground,sky; grass,\n"),
        ("short.txt", "cat #f80\nbackground: sky, grass\n"),
        (
            "full.yml",
            "version: 1\nthreshold: 0\nclasses:\n  cat: {color: '#ff8800', value: 1}\n"
            "  background: [sky, grass]\n",
        ),
        ("list.json", '["cat #ff8800", "background: sky, grass"]'),
        ("mapping.json", '{"cat": {"color": "#ff8800"}, "background": ["sky", "grass"]}'),
        ("table.csv", "name,prompts,color\ncat,,#ff8800\nbackground,sky; grass,\n"),
        ("excel.csv", "\ufeffName;Color;Prompts\r\ncat;#FF8800;\r\nbackground;;sky, grass\r\n\r\n"),
        ("tabs.csv", "prompts\tname\tcolor\n\tcat\t#ff8800\nsky,grass\tbackground\t\n"),
        ("lines.txt", "\ufeffcat #ff8800\r\nbackground: sky, grass\r\n"),
    ],
)
def test_a_file_may_be_written_by_hand(name: str, text: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(text.encode())
    assert Vocabulary.from_file(tmp_path / name) == parse("cat #ff8800\nbackground: sky, grass")


def test_all_columns_and_keys(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(
        "name,threshold,value,background\ncat,0.5,7,no\nwall,,3,yes\nnew,,,\n"
    )
    vocabulary = Vocabulary.from_file(tmp_path / "a.csv")
    assert vocabulary.values == (7, 3, 8)
    assert vocabulary.next_value == 9
    assert vocabulary.thresholds == (0.5, 0, 0)
    assert vocabulary.background == 1
    (tmp_path / "a.yaml").write_text(
        "threshold: 0.1\ntemplates: ['a {}']\nnext_value: 12\n"
        "classes:\n- {name: a, value: 7}\n- b\n"
    )
    vocabulary = Vocabulary.from_file(tmp_path / "a.yaml")
    assert vocabulary.values == (7, 8)
    assert (vocabulary.next_value, vocabulary.threshold) == (12, 0.1)
    assert vocabulary.templates == ("a {}",)


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("a.yaml", "", "empty"),
        ("a.yaml", "[]", "empty"),
        ("a.yaml", "cat", "the classes are 'cat'"),
        ("a.yaml", "- no", "False"),
        ("a.yaml", "no: cat", "class name False is no text"),
        ("a.yaml", "- 5", "5 has no name"),
        ("a.yaml", "cat: {colour: '#ff0000'}", "'colour'; did you mean 'color'"),
        ("a.yaml", "cat: {color: #ff0000\n}", "empty colour; put it in quotes"),
        ("a.yaml", "cat: {color: red}", "'red' is no colour"),
        ("a.yaml", "cat: {color: 5}", "colour 5"),
        (
            "a.yaml",
            "cat: {prompts: ''}",
            "the class 'cat': The prompts are empty; write at least one",
        ),
        ("a.yaml", "cat: {prompts: {a: b}}", "write text or a list"),
        ("a.yaml", "cat: [5]", "prompt 5 is no text"),
        ("a.yaml", "cat: {background: 1}", "background 1"),
        ("a.yaml", "cat: {value: 1.5}", "value 1.5"),
        ("a.yaml", "cat: {value: 0}", "value 0"),
        ("a.yaml", "cat: {value: 3}\ndog: {value: 3}", "both have the value 3"),
        ("a.yaml", "cat: {threshold: high}", "'high'"),
        ("a.yaml", "a: {background: true}\nb: {background: true}", "both the background"),
        ("a.yaml", "classes: [cat]\nclases: 1", "'clases'; did you mean 'classes'"),
        ("a.yaml", "classes: [cat]\nversion: 3", "version 3"),
        ("a.yaml", "classes: [cat]\nversion: true", "version True"),
        ("a.yaml", "classes: [cat]\nversion: '1'", "version '1'"),
        ("a.yaml", "classes: [cat]\nversion: 0", "version 0"),
        ("a.yaml", "cat: {parent: cat}", "The class 'cat' is its own parent"),
        ("a.yaml", "cat: {parent: 5}", "the class 'cat': The parent 5 is no text"),
        ("a.yaml", "cat: {parents: pet}", "'parents'; did you mean 'parent'"),
        (
            "a.json",
            '{"a": {"parent": "c"}, "b": {"parent": "a"}, "c": {"parent": "b"}}',
            "The parents go in a circle, 'a' > 'b' > 'c' > 'a'",
        ),
        ("a.csv", "name,parent\na,b\nb,a\n", "The parents go in a circle"),
        ("a.csv", "name,parent\na,\u200b\n", "row 2: the class 'a': The parent '\\u200b' is empty"),
        ("a.txt", "a > b > c\nd > b > e\n", "The class 'b' is put below 'a' and below 'd'"),
        ("a.txt", "a > b\nd > b\n", "The class 'b' is put below 'a' and below 'd'"),
        ("a.yaml", "classes: [cat]\nnext_value: 1", "next_value is 1"),
        ("a.yaml", "classes: [cat]\ntemplates: [a]", "template 'a'"),
        ("a.yaml", "classes: [cat]\nthreshold: 7", "threshold of the vocabulary is 7"),
        ("a.yaml", "cat: a\ncat: b", "'cat' occurs twice (line 2)"),
        ("a.yaml", "a: &x [b]\nc: *x", "alias"),
        ("a.yaml", "!!python/object/apply:os.system ['true']", "no valid YAML"),
        ("a.yaml", "{" * 1000, "YAML"),
        ("a.yaml", "a: \x00", "no valid YAML"),
        ("a.json", '["cat"', "no valid JSON"),
        ("a.json", '{"a": 1, "a": 2}', "'a' occurs twice"),
        ("a.json", "[" * 100000, "JSON"),
        ("a.csv", "", "empty"),
        ("a.csv", "name\n", "empty"),
        ("a.csv", "cat\ndog\n", "unknown key 'cat'"),
        ("a.csv", "prompts\ncat\n", "must hold 'name'"),
        ("a.csv", "name,name\na,b\n", "no column twice"),
        ("a.csv", "name,colour\n", "did you mean 'color'"),
        ("a.csv", "name,color\ncat\n", "row 2 has 1 cells"),
        ("a.csv", "name,value\ncat,one\n", "row 2: the value is 'one'"),
        ("a.csv", "name,threshold\ncat,nan\n", "nan"),
        ("a.csv", "name,background\ncat,maybe\n", "'maybe'"),
        ("a.csv", "name,color\ncat,red\n", "'red' is no colour"),
        ("a.csv", 'name\n"cat\n', "no valid CSV"),
        ("a.csv", "name\ncat\nCAT\n", "are the same"),
        ("a.txt", "a: b: c", "second colon"),
        ("a.png", "cat", "ends like no vocabulary file"),
    ],
)
def test_what_is_wrong_with_a_file_is_one_sentence_with_its_name(
    name: str, text: str, words: str, tmp_path: Path
) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(InputError) as caught:
        Vocabulary.from_file(tmp_path / name)
    assert words in str(caught.value)
    assert name in str(caught.value)
    assert "\n" not in str(caught.value)


def test_unreadable_files_are_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "large.txt").write_bytes(b"cat\n" * (1 << 20) + b"x")
    (tmp_path / "latin.txt").write_bytes("café".encode("latin-1"))
    (tmp_path / "folder.txt").mkdir()
    for name, words in {
        "large.txt": "larger than 4 MiB",
        "latin.txt": "no UTF-8",
        "folder.txt": "it is a folder",
        "missing.txt": "No such file",
    }.items():
        with pytest.raises(InputError, match=words):
            Vocabulary.from_file(tmp_path / name)


def test_a_file_that_cannot_be_written_leaves_the_old_one(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be written"):
        parse("cat").save(tmp_path / "none" / "a.yaml")
    (tmp_path / "a.yaml").mkdir()
    (tmp_path / "a.yaml" / "kept").touch()
    with pytest.raises(InputError, match="cannot be written"):
        parse("cat").save(tmp_path / "a.yaml")
    assert [path.name for path in tmp_path.iterdir()] == ["a.yaml"]


def test_a_saved_document_reads_well(tmp_path: Path) -> None:
    parse("cat, 猫").save(tmp_path / "a.yaml")
    text = (tmp_path / "a.yaml").read_text(encoding="utf-8")
    assert "name: 猫" in text
    parse("cat").save(tmp_path / "a.json")
    document: dict[str, Any] = json.loads((tmp_path / "a.json").read_text())
    assert document["classes"][0]["color"] == grammar.color_to_text(default_color(1))


@pytest.mark.parametrize("ending", SUFFIXES)
@pytest.mark.parametrize("palette", Palette)
def test_what_was_saved_keeps_its_colours_whatever_new_classes_get(
    ending: str, palette: Palette, tmp_path: Path
) -> None:
    former = Vocabulary.typed("cat, dog", palette=Palette.FORMER)
    former.save(tmp_path / f"a{ending}")
    assert Vocabulary.from_file(tmp_path / f"a{ending}", palette=palette) == former


# As they were written when new classes had the former colours.
BEFORE = {
    "a.yaml": (
        "version: 1\nnext_value: 2\nthreshold: 0.0\ntemplates: null\nclasses:\n- name: cat\n"
        "  value: 1\n  color: '#e63c3c'\n  prompts:\n  - cat\n  background: false\n"
    ),
    "a.json": (
        '{"version": 1, "next_value": 2, "threshold": 0.0, "templates": null, "classes": [{"name": "cat", '
        '"value": 1, "color": "#e63c3c", "prompts": ["cat"], "background": false}]}'
    ),
    "a.csv": "name,prompts,color,threshold,value,background\ncat,cat,#e63c3c,,1,false\n",
}


@pytest.mark.parametrize("name", BEFORE)
def test_files_of_before_have_the_former_colours(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(BEFORE[name])
    words = Vocabulary.from_file(tmp_path / name)
    assert words == Vocabulary.typed("cat", palette=Palette.FORMER)
    assert words.add("dog").colors == {1: (230, 60, 60), 2: default_color(2)}


@pytest.mark.parametrize(
    ("name", "text"), [("a.yaml", "- cat"), ("a.json", '["cat"]'), ("a.csv", "name\ncat\n"),
    ("a.txt", "cat\n"), ("b.yaml", "classes: [cat]")],
)  # fmt: skip
def test_a_class_of_a_file_without_a_colour_gets_that_of_the_palette_that_is_chosen(
    name: str, text: str, tmp_path: Path
) -> None:
    (tmp_path / name).write_text(text)
    assert Vocabulary.from_file(tmp_path / name).colors == {1: default_color(1)}
    for palette in Palette:
        words = Vocabulary.from_file(tmp_path / name, palette=palette)
        assert words.colors == {1: default_color(1, palette=palette)}


@pytest.mark.parametrize("suffix", [".yaml", ".json", ".csv", ".txt"])
def test_a_class_without_prompts_is_kept_in_every_format(suffix: str, tmp_path: Path) -> None:
    words = Vocabulary.parse("cat, dog").add("type B", prompts=())
    words.save(tmp_path / f"a{suffix}")
    back = Vocabulary.from_file(tmp_path / f"a{suffix}")
    assert [one.prompts for one in back] == [("cat",), ("dog",), ()]
