"""Documents of strangers are plain: within bounds, whatever reads on need not ask again."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from napari_corrclip.errors import InputError
from napari_corrclip.storage.text_files import (
    MAX_DEPTH,
    Unchecked,
    load_json,
    load_yaml,
    read_text,
)

Load = Callable[[str, str], Any]


def nested(depth: int) -> str:
    return "[" * depth + "]" * depth


@pytest.mark.parametrize("load", [load_json, load_yaml])
@pytest.mark.parametrize("depth", [MAX_DEPTH + 2, 300, 1500, 100_000])
def test_what_nests_too_deep_is_refused(load: Load, depth: int) -> None:
    with pytest.raises(InputError, match=r"^It: its (JSON|YAML) nests more than 64 levels;"):
        load(nested(depth), "It")


@pytest.mark.parametrize("load", [load_json, load_yaml])
def test_what_nests_a_little_is_read(load: Load) -> None:
    assert repr(load(nested(20), "It")) == nested(20)


@pytest.mark.parametrize(
    ("load", "text", "said"),
    [
        (load_json, "1e999", "holds inf, which is no finite number"),
        (load_json, '{"a": [NaN]}', "holds nan"),
        (load_json, "-Infinity", "holds -inf"),
        (load_json, "9" * 5000, "no valid JSON"),
        (load_json, "9" * 400, "a number of 1329 bits"),
        (load_json, f"-{1 << 64}", "a number of 65 bits"),
        (load_json, '{"\\ud800": 1}', "half a character"),
        (load_json, '["\\udfff"]', "half a character"),
        (load_yaml, "a: .inf", "holds inf"),
        (load_yaml, "a: .NaN", "holds nan"),
        (load_yaml, "9" * 4000, "a number of 4000 characters"),
        (load_yaml, "1" + ":59" * 100_000, "a number of 300001 characters"),
        (load_yaml, "0x" + "f" * 40, "a number of 160 bits"),
        (load_yaml, '"\\ud800"', "half a character"),
        (load_yaml, "!!int ''", "the tag 'tag:yaml.org,2002:int', and no tags are read"),
        (load_yaml, "!!bool x", "no tags"),
        (load_yaml, "!!timestamp x", "no tags"),
        (load_yaml, "- !!python/name:os.system", "no tags"),
        (load_yaml, "yes: 1\ntrue: 2", "two keys from line 1 on are the same value"),
        (load_yaml, "a: 1\nb: 2\na: 3", "the key 'a' occurs twice (line 3)"),
        (load_yaml, "a: &b 1\nc: *b", "line 2 holds a YAML alias"),
        (load_yaml, "? [a]\n: b", "no valid YAML"),
        (load_yaml, "<<: 3", "no valid YAML"),
        (load_yaml, "2024-13-45", "no valid YAML"),
        (load_yaml, "a\0", "no valid YAML"),
    ],
)  # fmt: skip
def test_what_no_document_of_ours_holds(load: Load, text: str, said: str) -> None:
    with pytest.raises(InputError) as caught:
        load(text, "It")
    assert str(caught.value).startswith("It")
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_what_others_write_beside_numbers_may_be_read() -> None:
    assert load_json('["M\\udcfcnchen"]', "It", surrogates=True) == ["M\udcfcnchen"]
    assert load_json("[1e999, -1e999]", "It", finite=False) == [float("inf"), float("-inf")]
    with pytest.raises(InputError, match="64 levels"):
        load_json(nested(100), "It", finite=False)


@pytest.mark.parametrize("text", ["- !!str 5", "- '5'"])
def test_the_tag_of_text_is_read(text: str) -> None:
    assert load_yaml(text, "It") == ["5"]


def test_merge_keys_are_read() -> None:
    assert load_yaml("<<: {a: 1, b: 2}\nb: 3", "It") == {"a": 1, "b": 3}


@pytest.mark.skipif(os.name != "posix", reason="pipes are POSIX's")
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.yaml")
    with pytest.raises(InputError, match=r"The settings file '.*' cannot be read \(it is a pipe"):
        read_text(tmp_path / "a.yaml", "settings file")


def test_values_that_the_caller_looks_at_itself_are_handed_on() -> None:
    text = '[{"a": [NaN, "\\ud800"], "b": 1}, {"a": 2}, {"c": [3]}]'
    first, second, third = load_json(text, "The document", unchecked="a")
    assert isinstance(first["a"], Unchecked)
    assert first["a"].value[1] == "\ud800"
    assert (first["b"], second["a"].value, third) == (1, 2, {"c": [3]})
    for other, said in (('{"b": NaN}', "nan"), ('{"a": 1, "a": 2}', "twice")):
        with pytest.raises(InputError, match=said):
            load_json(other, "The document", unchecked="a")
    deep = '{"a": ' + "[" * 100_000 + "]" * 100_000 + "}"
    with pytest.raises(InputError, match="nests"):
        load_json(deep, "The document", unchecked="a")
