"""The words of the package: docstrings that say what a thing is, loops that name their items."""

from __future__ import annotations

import ast

import pytest

from tests.imports import modules

# A first line is a noun, then the clause: no question, no verb.
QUESTIONS = {"From", "How", "What", "When", "Where", "Whether", "Which", "Who", "Whose", "Why"}
VERBS = {
    "Asks", "Brings", "Checks", "Compares", "Computes", "Divides", "Does", "Draws", "Finds", "Gives", "Goes",
    "Has", "Holds", "Is", "Iterates", "Keeps", "Knows", "Lets", "Listens", "Loads", "Makes", "Opens", "Puts",
    "Reads", "Remembers", "Returns", "Runs", "Saves", "Says", "Selects", "Sends", "Sets", "Shows",
    "Switches", "Takes", "Tells", "Turns", "Watches", "Writes",
}  # fmt: skip
ITEMS = {"it", "one", "that", "thing", "this"}
"""Names that say nothing of an item."""

TREES = {module: ast.parse(path.read_text(encoding="utf-8")) for module, path in modules().items()}


def first_line(node: ast.Module | ast.ClassDef) -> str:
    """The first paragraph of a docstring in one line."""
    return " ".join((ast.get_docstring(node) or "").partition("\n\n")[0].split())


def wrong(line: str) -> str:
    """Why a first line is none; empty: it is one."""
    if not line:
        return "there is no docstring"
    if not line.endswith("."):
        return "it does not end with a full stop"
    word = line.split()[0].strip(",;:.")
    if word in QUESTIONS | VERBS:
        return f"it begins with {word!r}"
    return ""


def nameless(tree: ast.AST) -> list[str]:
    """Return the places at which an item of a loop has a name that says nothing."""
    targets = [
        node.target for node in ast.walk(tree) if isinstance(node, (ast.For, ast.comprehension))
    ]
    return [
        f"line {name.lineno}: {name.id}"
        for target in targets
        for name in ast.walk(target)
        if isinstance(name, ast.Name) and name.id in ITEMS
    ]


@pytest.mark.parametrize("module", TREES)
def test_first_lines_are_nouns(module: str) -> None:
    tree = TREES[module]
    nodes = [tree, *(node for node in ast.walk(tree) if isinstance(node, ast.ClassDef))]
    lines = {getattr(node, "name", "the module"): first_line(node) for node in nodes}
    assert {name: wrong(line) for name, line in lines.items() if wrong(line)} == {}


def test_items_of_loops_have_names() -> None:
    found = {module: places for module in TREES if (places := nameless(TREES[module]))}
    assert found == {}


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("A region, and what a person said about it.", ""),
        ("", "there is no docstring"),
        ("A region", "it does not end with a full stop"),
        ("What a region is.", "it begins with 'What'"),
        ("Shows a region.", "it begins with 'Shows'"),
    ],
)
def test_wrong_first_lines_are_found(line: str, why: str) -> None:
    assert wrong(line) == why


def test_nameless_items_are_found() -> None:
    text = "for one in a:\n    b = [c for d, (it, e) in f]\nfor region in regions:\n    one = 1\n"
    assert nameless(ast.parse(text)) == ["line 1: one", "line 2: it"]
