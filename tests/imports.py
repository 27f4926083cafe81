"""Which module of the package imports which; imports inside functions count."""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterator
from pathlib import Path

import napari_corrclip

PACKAGE = Path(napari_corrclip.__file__).parent
NAME = "napari_corrclip"


def room_of(module: str) -> str:
    """Return the room of a dotted module name inside the package: a folder, or a module beside them."""
    return module.partition(".")[0]


@functools.cache
def modules() -> dict[str, Path]:
    """Return every module of the package but its ``__init__``, by its name inside the package."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        if parts != ("__init__",):
            found[".".join(parts).removesuffix(".__init__")] = path
    return found


@functools.cache
def imports(path: Path, root: Path = PACKAGE) -> tuple[tuple[int, str], ...]:
    """Return the line and full name of everything that ``path`` imports, inside functions too."""
    return tuple(_imports(path, root))


def _imports(path: Path, root: Path) -> Iterator[tuple[int, str]]:
    package = (NAME, *path.relative_to(root).parent.parts)
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                start = ".".join(package[: len(package) - node.level + 1])
                base = f"{start}.{base}" if base else start
            # `from napari_corrclip import settings` may name a module by its alias.
            for alias in node.names:
                yield node.lineno, f"{base}.{alias.name}"


def graph() -> dict[str, set[str]]:
    """Return, for each module of the package, the modules of the package that it imports."""
    paths = modules()
    found: dict[str, set[str]] = {}
    for module, path in paths.items():
        targets = set()
        for line, name in imports(path):
            if name.partition(".")[0] != NAME:
                continue
            target = name.removeprefix(NAME).removeprefix(".")
            assert target, f"{module}:{line} imports the package's front door"
            while target not in paths and "." in target:  # a name in a module
                target = target.rpartition(".")[0]
            assert target in paths, f"{module}:{line} imports {name}, which is not there"
            targets.add(target)
        found[module] = targets - {module}
    return found


GRAPH = graph()
