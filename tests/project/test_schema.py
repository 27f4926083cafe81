"""Projects of earlier versions: they open, and keep everything."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
from pathlib import Path

import pytest

from napari_corrclip.project import database
from napari_corrclip.project.folder import PROJECT
from napari_corrclip.project.project import Project
from napari_corrclip.project.schema import VERSION

FORMER = Path(__file__).parent.parent / "data" / "project-1"


@pytest.fixture
def former(tmp_path: Path) -> Path:
    """A project of version 1: an image that is verified, one that is pre-labelled, one that failed."""
    folder = tmp_path / "set.corrclip-project"
    (folder / "items").mkdir(parents=True)
    shutil.copy(FORMER / "project.json", folder / PROJECT)
    with contextlib.closing(sqlite3.connect(folder / database.NAME)) as connection:
        connection.executescript((FORMER / "project.sql").read_text(encoding="utf-8"))
    return folder


def content(path: Path) -> dict[str, list[tuple[object, ...]]]:
    """Everything in the tables of version 1."""
    queries = {
        table: f'SELECT * FROM "{table}"'
        for table in ("project", "places", "recipes", "vocabularies", "runs", "regions")
    }
    queries["items"] = (
        "SELECT id, name, path, size, mtime, digest, state, reason, by, at, run, seconds, regions,"
        " undecided, least FROM items"
    )
    with contextlib.closing(sqlite3.connect(path)) as connection:
        return {table: connection.execute(query).fetchall() for table, query in queries.items()}


def test_a_project_of_version_1_keeps_everything(former: Path) -> None:
    path = former / database.NAME
    before = content(path)
    assert len(before["regions"]) == 12
    with Project.open(former, read_only=True) as shown:  # as it would be; nothing is written
        assert [item.state for item in shown] == ["verified", "pre-labelled", "failed"]
        assert shown.stacks == []
    assert content(path) == before
    assert sorted(each.name for each in former.iterdir()) == ["items", PROJECT, database.NAME]

    with Project.open(former) as project:
        first = project.item("../images/1.png")
        assert (first.state, first.by, first.regions, first.undecided) == ("verified", "Bob", 6, 4)
        assert (first.plane, first.stack) == ((), None)
        assert project.status().lines()[:3] == ["1 pre-labelled", "1 verified", "1 failed"]
        left = [region for region in before["regions"] if region[0] == 1 and not region[10]]
        assert first.undecided == len(left)
        gain = {1: sum(area * (1 - margin) for _, _, _, _, margin, area, *_ in left)}
        gain[2] = sum(region[5] * (1 - region[4]) for region in before["regions"] if region[0] == 2)
        numbers = project.list_items("pre-labelled", "verified", order="gain")
        assert numbers == sorted(gain, key=lambda number: -gain[number])
        project.mark("../images/2.png", "skipped")
    after = content(path)
    for table in before.keys() - {"items"}:
        assert after[table] == before[table]
    assert [row for row in after["items"] if row[0] != 2] == [
        row for row in before["items"] if row[0] != 2
    ]
    with contextlib.closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (VERSION,)
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("DELETE FROM items WHERE id = 1")  # its regions go with it
        assert connection.execute("SELECT DISTINCT item FROM regions").fetchall() == [(2,)]


def test_it_has_the_tables_of_a_new_one(former: Path, tmp_path: Path) -> None:
    def columns(path: Path) -> dict[str, list[tuple[object, ...]]]:
        with contextlib.closing(sqlite3.connect(path)) as connection:
            names = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
            return {
                name: connection.execute(f"PRAGMA table_info({name})").fetchall()
                for (name,) in names.fetchall()
            }

    Project.open(former).close()
    Project.create(tmp_path / "new", "red").close()
    assert columns(former / database.NAME) == columns(
        tmp_path / "new.corrclip-project" / database.NAME
    )
