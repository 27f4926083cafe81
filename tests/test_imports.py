"""Who may import whom; the table is the architecture."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import napari_corrclip

PACKAGE = Path(napari_corrclip.__file__).parent
NAME = "napari_corrclip"

# Open to everybody but `method`, which knows tensors alone.
OPEN = {
    "devices",
    "errors",
    "feature_cache",
    "frozen",
    "images",
    "libraries",
    "maps",
    "plain",
    "progress",
    "region_map",
    "settings",
    "storage",
    "templates",
    "tiling",
    "vocabulary",
}
NETWORKS = {"method", "encoders", "windows", "regions", "weights"}
FINDINGS = {"provenance", "segmentation", "table"}
ENGINE = NETWORKS | FINDINGS | {"demo", "features", "pipeline", "text_cache"}
RESULTS = {"segmenter", "annotation", "engine", "export"}

# Unit (a module or folder of the package) -> units it may import besides the open ones and itself.
# The demo's world, scenes and networks are at the bottom; what trains and measures them is on top.
ALLOWED: dict[str, set[str]] = {
    "method": set(),
    "windows": {"method"},
    "encoders.fingerprint": set(),
    "encoders": {"encoders.fingerprint", "method", "windows"},
    "regions": {"encoders.fingerprint", "method"},
    "weights": {"demo"},
    "provenance": set(),
    "table": set(),
    # Its save, load and to_layers are doors to export, which they import when they are called.
    "segmentation": {"export", "provenance", "table"},
    "demo": set(),
    "demo.evaluate": ENGINE | {"evaluation", "segmenter"},
    "demo.training": ENGINE | {"demo.evaluate", "evaluation", "segmenter"},
    "pipeline": {"encoders", "windows", "method"},
    "features": {"pipeline", "windows"},
    "text_cache": {"encoders"},
    "segmenter": ENGINE,
    "engine": ENGINE | {"annotation", "segmenter"},
    "annotation": FINDINGS | {"method"},
    "export": FINDINGS | {"annotation"},
    "large": ENGINE | {"export", "segmenter"},
    "stack": ENGINE | {"annotation", "engine", "segmenter"},
    "project": ENGINE | RESULTS,
    "evaluation": ENGINE | RESULTS,
    "cli": ENGINE | RESULTS | {"demo.evaluate", "evaluation", "large", "project"},
    "scripting": FINDINGS | {"annotation", "demo", "regions", "weights"},
    "gui": ENGINE | RESULTS | {"evaluation", "project", "scripting", "stack"},
    "__main__": {"cli"},
    "_sample": {"demo"},
    "_reader": RESULTS | FINDINGS,
    "_writer": RESULTS,
}
# Only `gui` and `_sample` know napari, only `gui` Qt.
VIEWER = {"napari", "qtpy", "magicgui", "PyQt6", "PySide6", "vispy", "superqt"}


def unit_of(module: str) -> str:
    """Return the table's row for a dotted module name inside the package."""
    parts = module.split(".")
    two = ".".join(parts[:2])
    return two if two in ALLOWED else parts[0]


def modules() -> dict[str, Path]:
    """Return every module of the package but its ``__init__``, by its name inside the package."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        if parts != ("__init__",):
            found[".".join(parts).removesuffix(".__init__")] = path
    return found


def imports(path: Path, root: Path = PACKAGE) -> Iterator[tuple[int, str]]:
    """Yield the line and full name of everything that ``path`` imports, inside functions too."""
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
            # `from napari_corrclip import settings` names a module by its alias.
            for alias in node.names:
                yield node.lineno, f"{base}.{alias.name}" if base == NAME else base


@pytest.mark.parametrize("module", modules())
def test_imports_go_one_way(module: str) -> None:
    unit = unit_of(module)
    if unit in OPEN:
        allowed = OPEN
    else:
        assert unit in ALLOWED, f"{unit} is new: add it to the table of {Path(__file__).name}"
        allowed = ALLOWED[unit] | {unit} | (OPEN if unit != "method" else set())
    for line, name in imports(modules()[module]):
        if name.partition(".")[0] != NAME:
            continue
        target = name.removeprefix(NAME).removeprefix(".")
        assert target, f"{module}:{line} imports the package's front door"
        wanted = unit_of(target)
        assert wanted in allowed, f"{module}:{line} imports {wanted}, which {unit} may not"


@pytest.mark.parametrize("module", modules())
def test_only_the_gui_knows_napari_and_qt(module: str) -> None:
    if unit_of(module) in {"gui", "_sample"}:
        return
    for line, name in imports(modules()[module]):
        assert name.partition(".")[0] not in VIEWER, f"{module}:{line} imports {name}"


def test_the_reader_of_imports_sees_all_forms(tmp_path: Path) -> None:
    folder = tmp_path / "regions"
    folder.mkdir()
    path = folder / "sam.py"
    path.write_text(
        "import torch\n"
        "from napari_corrclip import settings\n"
        "from napari_corrclip.gui.dock import Dock\n"
        "from . import painting\n"
        "from ..encoders import clip\n"
        "def late():\n"
        "    import napari_corrclip.cli\n"
    )
    assert {name for _, name in imports(path, tmp_path)} == {
        "torch",
        "napari_corrclip.settings",
        "napari_corrclip.gui.dock",
        "napari_corrclip.regions",
        "napari_corrclip.encoders",
        "napari_corrclip.cli",
    }
