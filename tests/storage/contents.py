"""What lies in a folder, and texts to be written into it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path


def contents(folder: Path) -> dict[str, str]:
    """Every file below ``folder`` with its text."""
    return {
        str(path.relative_to(folder)): path.read_text()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def entries(folder: Path) -> set[str]:
    """Names of what lies in ``folder``."""
    return {path.name for path in folder.iterdir()}


def texts(**named: str) -> dict[str, Callable[[Path], object]]:
    """Writers of the given texts; ``a_txt="x"`` writes x into a.txt."""
    return {
        name.replace("_", "."): lambda path, text=text: path.write_text(text)
        for name, text in named.items()
    }
