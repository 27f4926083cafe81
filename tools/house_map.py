"""The map of the house in docs/architecture.md, out of the first docstring lines of the modules.

python -m tools.house_map            # writes it
python -m tools.house_map --check    # exit code 1 where it is stale
"""

from __future__ import annotations

import argparse
import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "architecture.md"
PACKAGE = ROOT / "napari_corrclip"
_MARKUP = re.compile(r"(?::\w+:)?`+~?([^`]+)`+")  # ``code`` and :class:`roles` of docstrings


def first_line(path: Path) -> str:
    """Return the first line of a module's docstring as plain text."""
    told = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    if not told:
        raise SystemExit(f"{path.relative_to(ROOT)} has no docstring; say in one what it is.")
    return _MARKUP.sub(r"\1", told.splitlines()[0])


def rooms() -> str:
    """Return a table of the rooms, then of the modules beside them."""
    folders = sorted(path.parent for path in PACKAGE.glob("*/__init__.py"))
    loose = sorted(path for path in PACKAGE.glob("*.py") if path.name != "__init__.py")
    rows = [(f"{folder.name}/", first_line(folder / "__init__.py")) for folder in folders]
    rows += [(path.name, first_line(path)) for path in loose]
    lines = [f"| `{name}` | {what.replace('|', '/')} |" for name, what in rows]
    return "\n".join(["| room | what it is |", "|---|---|", *lines])


def modules() -> str:
    """Return every module below its room, as a block of text."""
    lines = list(_lines(PACKAGE, 0))
    width = max(len(name) for name, _ in lines) + 2
    return "\n".join(["```text", *(f"{name:<{width}}{what}" for name, what in lines), "```"])


def _lines(folder: Path, depth: int) -> Iterator[tuple[str, str]]:
    """Yield name and first line of a folder, of its modules, and of the folders in it."""
    yield f"{'  ' * depth}{folder.name}/", first_line(folder / "__init__.py")
    for path in sorted(folder.glob("*.py")):
        if path.name != "__init__.py":
            yield f"{'  ' * (depth + 1)}{path.name}", first_line(path)
    for inner in sorted(path.parent for path in folder.glob("*/__init__.py")):
        yield from _lines(inner, depth + 1)


def filled(page: str) -> str:
    """Return the page with what stands between its marks written anew."""
    for name, text in (("rooms", rooms()), ("modules", modules())):
        begin, end = f"<!-- house: {name} -->", f"<!-- end of house: {name} -->"
        before, found, rest = page.partition(begin)
        _, closed, after = rest.partition(end)
        if not (found and closed):
            raise SystemExit(f"{PAGE.name} has no marks {begin} and {end}.")
        page = f"{before}{begin}\n\n{text}\n\n{end}{after}"
    return page


def main() -> int:
    """Write the map, or say whether it is stale."""
    parser = argparse.ArgumentParser(description="The map of the house in docs/architecture.md.")
    parser.add_argument("--check", action="store_true", help="write nothing")
    check = parser.parse_args().check
    page = PAGE.read_text(encoding="utf-8")
    if filled(page) == page:
        return 0
    if check:
        print(f"{PAGE.name} is stale; python -m tools.house_map writes it.", file=sys.stderr)
        return 1
    PAGE.write_text(filled(page), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
