"""Whatever files of others say, it gets into a script as text and not as code."""

from __future__ import annotations

import ast
from dataclasses import replace
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_corrclip.annotation import Session
from napari_corrclip.annotation.change import Change, Step
from napari_corrclip.annotation.runs import Patch
from napari_corrclip.errors import InputError
from napari_corrclip.results.provenance import Provenance
from napari_corrclip.scripting import as_python
from napari_corrclip.scripting.words import vocabulary_expression
from napari_corrclip.vocabulary import Vocabulary
from tests.annotation.images import small_result
from tests.annotation.random_edits import SHAPE

RESULT, IMAGE = small_result(SHAPE, seed=0, correction=True)
EVIL = [
    *(f"Tidy up{end}raise SystemExit  #" for end in "\n\r\x0b\x0c\x1c\x85\u2028\u2029"),
    "'); raise SystemExit  #", '""" + x', "\\", "\\\n", "\x00", "\ud800", "\u202e x", "Accept above inf",
    "Accept above nan", "Accept above x", "Accept above 1e999", "mask(Path(replace(session",
]  # fmt: skip
hostile = st.sampled_from(EVIL) | st.text(max_size=20)


def script(title: str = "a title", name: str = "cat", image: str = "a.png") -> str:
    """Return the script of a step that no call makes, of one that one does, and of several calls."""
    words = RESULT.vocabulary.rename(0, name).with_prompts(0, ["cat"])
    session = Session(
        replace(RESULT, vocabulary=words, provenance=Provenance(preset="demo")), IMAGE
    )
    before = session.regions.copy()
    with session.step("both"):
        session.merge([1, 20])
        session.merge([2, 30])
    patch = Patch.between(before, session.regions, (0, 0, *session.shape))
    assert patch is not None
    session.assign([8], name)
    session.accept([9])
    with session.step("two"):
        session.ignore([10])
        session.clear([9])
    done = session.history.done
    done[0] = Step(
        "both", (Change({"regions": patch}),)
    )  # both merges in one change, which no call makes
    done[:] = [Step(title, step.changes) for step in done]
    return as_python(session, image)


def statements(text: str) -> str:
    """Return a script's statements, their texts left out."""
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            node.value = ""
    return ast.dump(tree)


def called(text: str) -> set[str]:
    """Return what a script calls."""
    return {ast.unparse(one.func) for one in ast.walk(ast.parse(text)) if isinstance(one, ast.Call)}


@cache
def harmless() -> str:
    return script()


@pytest.mark.parametrize("title", EVIL)
def test_a_title_is_text(title: str) -> None:
    text = script(title)
    assert statements(text) == statements(harmless())
    assert "repeat" in called(text)
    assert len(text.splitlines()) == len(harmless().splitlines())


@settings(max_examples=20, deadline=None)
@given(hostile, hostile)
def test_titles_names_and_paths_are_text(title: str, path: str) -> None:
    assert statements(script(title, image=path)) == statements(harmless())


@settings(max_examples=20, deadline=None)
@given(hostile)
def test_a_class_name_is_text(name: str) -> None:
    try:
        text = script(name=name)
    except InputError:  # can be no class
        return
    assert called(text) - {"nc.Vocabulary", "nc.VocabularyClass"} <= called(harmless())


def test_imports_are_of_what_is_called() -> None:
    text = script("=Path(", name="=Path(mask(replace(session, label_map(")
    imported = [line for line in text.splitlines() if line.startswith(("from", "import"))]
    assert imported == [
        "import napari_corrclip as nc",
        "from napari_corrclip.scripting import check_regions, repeat",
    ]


def test_a_class_is_not_taken_for_a_file() -> None:
    assert vocabulary_expression(Vocabulary.from_names(["x.csv"])).startswith("nc.Vocabulary(")
