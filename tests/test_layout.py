"""The tests lie as the package does, and share what they share by helpers beside them."""

from __future__ import annotations

from pathlib import Path

from tests.imports import PACKAGE, imports

TESTS = Path(__file__).parent
OTHERS = {
    "data",
    "golden",
    "tools",
}  # files of former versions and of references; tools/ beside the package
SCRIPTS = {Path("project/export/foreign")}
"""Folders of scripts that run in environments of other libraries, and are no tests."""


def test_nothing_is_imported_from_a_module_of_tests() -> None:
    """One that cannot be imported would take others with it."""
    found = {
        f"{path.relative_to(TESTS)}:{line} imports {name}"
        for path in TESTS.rglob("*.py")
        for line, name in imports(path, TESTS)
        if name.startswith("tests.") and ".test_" in name
    }
    assert found == set()


def test_every_folder_mirrors_a_room() -> None:
    folders = {path.parent.relative_to(TESTS) for path in TESTS.rglob("*.py")}
    rooms = {path.parent.relative_to(PACKAGE) for path in PACKAGE.rglob("*.py")}
    assert {
        folder for folder in folders - rooms - SCRIPTS if folder.parts[0] not in OTHERS
    } == set()
