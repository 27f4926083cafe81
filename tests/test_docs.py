"""README and pages: every link leads somewhere, every picture is shown, the map of the house is of today."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

import napari_corrclip
from tests.documented import found
from tools import house_map

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = sorted(DOCS.rglob("*.md"))
SHEETS = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")]
_CODE = re.compile(r"^```.*?^```|`[^`\n]*`", re.DOTALL | re.MULTILINE)
_LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")


def links(page: Path) -> list[str]:
    """Return what a page links to, pictures too."""
    return _LINK.findall(_CODE.sub("", page.read_text(encoding="utf-8")))


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as the site and GitHub make them."""
    text = re.sub(
        r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE
    )
    heads = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).strip().replace(" ", "-") for head in heads}


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("page", [*SHEETS, *PAGES], ids=name)
def test_every_link_leads_somewhere(page: Path) -> None:
    for link in links(page):
        if link.startswith(("https://", "http://")):
            continue
        place, _, anchor = link.partition("#")
        target = (page.parent / place).resolve() if place else page
        assert target.is_file(), f"{name(page)} links to {link}"
        if anchor:
            assert anchor in anchors(target), f"{name(page)} links to {link}"
        if DOCS in page.parents:  # the site has nothing else
            assert DOCS in target.parents, f"{name(page)} links to {link}, outside of docs/"


def test_every_picture_is_shown() -> None:
    shown = {(page.parent / link).resolve() for page in PAGES for link in links(page)}
    assert [name(path) for path in sorted((DOCS / "images").iterdir()) if path not in shown] == []


def test_every_page_is_in_the_menu_of_the_site() -> None:
    menu = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))["nav"]
    listed: list[str] = []

    def walk(entry: object) -> None:
        if isinstance(entry, str):
            listed.append(entry)
        else:
            for inner in entry.values() if isinstance(entry, dict) else entry:  # type: ignore[attr-defined]
                walk(inner)

    walk(menu)
    assert sorted(listed) == [path.relative_to(DOCS).as_posix() for path in sorted(PAGES)]


def objects() -> dict[str, Path]:
    """Return what mkdocstrings is to show, and on which page."""
    shown = re.compile(r"^::: (\S+)$", re.MULTILINE)
    return {
        dotted: page for page in PAGES for dotted in shown.findall(page.read_text(encoding="utf-8"))
    }


@pytest.mark.parametrize("dotted", objects())
def test_what_the_reference_shows_is_there(dotted: str) -> None:
    assert found(dotted).__doc__


def test_every_public_name_is_in_the_reference() -> None:
    names = {f"napari_corrclip.{name}" for name in napari_corrclip.__all__ if name[0] != "_"}
    assert names - set(objects()) == set()


def test_the_map_of_the_house_is_of_today() -> None:
    page = house_map.PAGE.read_text(encoding="utf-8")
    assert house_map.filled(page) == page, "write it anew: python -m tools.house_map"


def test_the_map_of_the_house_holds_every_module() -> None:
    written = house_map.modules()
    paths = list(house_map.PACKAGE.rglob("*.py"))
    assert len(written.splitlines()) - 2 == len(paths) > 200
    for path in paths:
        assert house_map.first_line(path) in written


def test_the_readme_is_short_and_has_its_commands() -> None:
    lines = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    assert len(lines) <= 120
    for command in ("demo", "test"):
        place = lines.index(f"<!-- command: {command} -->")
        assert lines[place + 1] == "```bash"
