"""Names and commands that Markdown pages and scripts speak of, as lines that can be kept and held to.

    python -m tests.documented README.md docs > tests/data/public_names.txt

A line is a dotted name with the keywords that it is called with, or a command with its options.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import re
import shlex
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import napari_corrclip
from napari_corrclip import annotation

PACKAGE = "napari_corrclip"
# What the examples call the objects that they make.
INSTANCES = {
    "features": "Features",
    "result": "Segmentation",
    "seg": "Segmenter",
    "session": "Session",
    "queue": "Queue",
    "widget": "gui.dock.CorrClipDock",
}
_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", re.DOTALL | re.MULTILINE)
_SPAN = re.compile(r"(?<!`)`([^`]+)`(?!`)")
_DOTTED = re.compile(rf"\b{PACKAGE}(?:\.[A-Za-z_]\w*)+")
_MODULE = re.compile(rf"-m ({PACKAGE}(?:\.\w+)*)")
_ATTRIBUTE = re.compile(rf"(?<![\w./-])({'|'.join(['nc', *INSTANCES])})\.([A-Za-z_]\w*)")
_ENDINGS = {"md", "py", "safetensors", "yaml"}  # `session.py` is a file
_SHELL = {"", "bash", "console", "sh"}


def lines_of(paths: Iterable[Path]) -> list[str]:
    """Return what the files and folders speak of, each once, sorted."""
    found: dict[str, set[str]] = {}
    for path in paths:
        files = sorted(path.rglob("*")) if path.is_dir() else [path]
        for file in files:
            if file.suffix in {".md", ".py"}:
                text = file.read_text(encoding="utf-8")
                for name, words in (_python if file.suffix == ".py" else _markdown)(text):
                    found.setdefault(name, set()).update(words)
    return [" ".join([name, *sorted(found[name])]) for name in sorted(found)]


def found(dotted: str) -> Any:
    """Return what a dotted name means; ``None``: an attribute that every object of the class has."""
    parts = dotted.split(".")
    value: Any = importlib.import_module(parts[0])
    for number, part in enumerate(parts[1:], 1):
        if inspect.ismodule(value) and not hasattr(value, part):
            value = importlib.import_module(".".join(parts[: number + 1]))
        elif inspect.isclass(value) and part not in dir(value):
            fields = getattr(value, "__dataclass_fields__", {})
            assert part in fields or f"self.{part} = " in inspect.getsource(value)
            return None
        else:
            value = getattr(value, part)
    return value


def _markdown(text: str) -> Iterator[tuple[str, list[str]]]:
    """Yield what a page's blocks and spans of code speak of."""
    for language, block in _BLOCK.findall(text):
        if language in {"py", "python"}:
            yield from _python(block)
        elif language in _SHELL:
            yield from _commands(block)
    for span in _SPAN.findall(_BLOCK.sub("", text)):
        yield from _commands(span)
        yield from _python(span)
    yield from ((name, []) for name in _DOTTED.findall(text) if not name.endswith((".md", ".yaml")))


def _commands(text: str) -> Iterator[tuple[str, list[str]]]:
    """Yield commands of the shell with their options."""
    for name in _MODULE.findall(text):
        yield name, []
    for line in text.replace("\\\n", " ").splitlines():
        try:
            words = shlex.split(line, comments=True)
        except ValueError:
            continue
        words = [
            word.rpartition("/")[2] if word.endswith("/napari-corrclip") else word for word in words
        ]
        if "napari-corrclip" not in words:
            continue
        place = words.index("napari-corrclip")
        if place and words[place - 1] in {"-w", "install", "validate"}:
            continue
        after = words[place + 1 :]
        command = [word for word in after[:1] if re.fullmatch("[a-z]+", word)]
        if command in (["models"], ["project"]):
            command += [word for word in after[1:2] if re.fullmatch("[a-z]+", word)]
        if command or after:
            options = [word.partition("=")[0] for word in after if re.match("--?[a-z]", word)]
            yield " ".join(["$", *command]), options


def _python(text: str) -> Iterator[tuple[str, list[str]]]:
    """Yield dotted names of the package in Python, with the keywords that they are called with."""
    names = _front_door() | {name: f"{PACKAGE}.{kind}" for name, kind in INSTANCES.items()}
    # In comments too, and in what is no whole statement.
    for name, attribute in _ATTRIBUTE.findall(text):
        if attribute not in _ENDINGS:
            yield f"{names[name]}.{attribute}", []
    tree = _parsed(text)
    if tree is None:
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == PACKAGE:
            for alias in node.names:
                yield f"{node.module}.{alias.name}", []
                names[alias.asname or alias.name] = f"{node.module}.{alias.name}"
        elif isinstance(node, ast.Import):
            yield from ((alias.name, []) for alias in node.names if alias.name.startswith(PACKAGE))
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr not in _ENDINGS:
            if dotted := _dotted(node, names):
                yield dotted, []
        elif isinstance(node, ast.Call) and (dotted := _dotted(node.func, names)):
            yield dotted, [word.arg for word in node.keywords if word.arg]


def _parsed(text: str) -> ast.Module | None:
    """Return the tree of a statement, or of its head; ``None``: it is no Python."""
    for whole in (text.strip(), f"{text.strip()}: ..."):
        try:
            return ast.parse(whole.replace("…", "..."))
        except SyntaxError:
            continue
    return None


def _front_door() -> dict[str, str]:
    """Return what pages name without saying where it is."""
    return {
        **{name: f"{PACKAGE}.annotation.{name}" for name in annotation.__all__},
        **{name: f"{PACKAGE}.{name}" for name in napari_corrclip.__all__},
        "nc": PACKAGE,
    }


def _dotted(node: ast.expr, names: dict[str, str]) -> str | None:
    """Return what an attribute is called from the package on; ``None``: it is not of the package."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.insert(0, node.attr)
        node = node.value
    if not isinstance(node, ast.Name) or node.id not in names:
        return None
    # An attribute of an object's attribute is of another class.
    return ".".join([names[node.id], *(parts[:1] if node.id in INSTANCES else parts)])


if __name__ == "__main__":
    print(*lines_of(map(Path, sys.argv[1:])), sep="\n")
