"""A project that somebody may only read: they see what is there now, and leave nothing."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import imageio.v3 as iio
import pytest

import napari_corrclip as nc
from napari_corrclip.demo.scenes import generate_scene
from napari_corrclip.project import database
from napari_corrclip.project.index import Index
from napari_corrclip.project.project import Project
from tests.project.small import RECIPE
from tests.users import another_user, open_folder


@pytest.fixture
def folder() -> Iterator[Path]:
    """A project's folder that everybody may read, with an image."""
    with open_folder() as base:
        (base / "images").mkdir()
        iio.imwrite(base / "images" / "a.png", generate_scene(1).image[:60, :70])
        with Project.create(base / "set", "red, blue", base / "images", recipe=RECIPE) as project:
            made = project.folder
        yield made
        made.chmod(0o755)


def close(folder: Path) -> None:
    """Let nobody write there."""
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o555 if path.is_dir() else 0o444)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def has_none(connection: sqlite3.Connection) -> bool:
    """Have no log, as some disks have none."""
    return connection.execute("PRAGMA journal_mode = DELETE").fetchone() is None


def test_who_may_only_read_sees_what_a_writer_does(folder: Path) -> None:
    with Project.open(folder) as project:
        project.mark(project.items()[0], "skipped", by="Ann")
        folder.chmod(0o555)
        with another_user(), Project.open(folder, read_only=True) as shown:
            assert shown.status().lines() == ["1 skipped"]
            project._index.rows("SELECT 1")
        folder.chmod(0o755)


def test_a_disk_that_is_read_only_shows_what_is_there_and_gets_nothing(folder: Path) -> None:
    before = names(folder)
    close(folder)
    with another_user(), Project.open(folder, read_only=True) as shown:
        assert shown.status().lines() == ["1 new"]
    assert names(folder) == before


@pytest.mark.parametrize("memory", [True, False])
def test_what_a_killed_writer_left_in_its_log_is_seen_on_a_disk_that_is_read_only(
    folder: Path, memory: bool
) -> None:
    killed = folder.with_name("killed.corrclip-project")
    with Project.open(folder) as project:
        project.mark(project.items()[0], "skipped", by="Ann")
        shutil.copytree(folder, killed)
    if not memory:
        (killed / f"{database.NAME}-shm").unlink()
    before = names(killed)
    close(killed)
    with another_user(), Project.open(killed, read_only=True) as shown:
        assert shown.status().lines() == ["1 skipped"]
    assert names(killed) == before


def test_whatever_changes_something_is_refused_before_anything_else(folder: Path) -> None:
    with Project.open(folder, read_only=True) as shown:
        before = names(folder)
        session = nc.Session(nc.segment(generate_scene(1).image[:60, :70], "red", recipe=RECIPE))
        for change in (
            lambda: shown.choose("cat,,dog"),
            lambda: shown.change_classes(None, shown.vocabulary),
            lambda: shown.add("gone.png"),
            lambda: shown.add(folder.parent / "images", copy=True, progress=False),
            lambda: shown.look_again(),
            lambda: shown.relink("nowhere", "anywhere"),
            lambda: shown.mark("gone", "done"),
            lambda: shown.mark_all(["gone"], "done"),
            lambda: shown.run(progress=False),
            lambda: shown.relabel(progress=False),
            lambda: shown.collect(progress=False),
            lambda: shown.catch_up(),
            lambda: shown.take("gone", session),
            lambda: shown.session("gone").__enter__(),
        ):
            with pytest.raises(nc.InputError, match="was opened read-only; open it for writing"):
                change()
        assert names(folder) == before
        # A part writes into the items' folders alone.
        assert len(shown.run(part=(1, 1), progress=False).done) == 1


@pytest.mark.parametrize("closed", [False, True])
def test_what_a_killed_writer_has_half_written_is_shown_as_it_was_before(
    folder: Path, monkeypatch: pytest.MonkeyPatch, closed: bool
) -> None:
    """On a disk without a log, of which the journal takes back what has come into the file."""
    with monkeypatch.context() as without:
        without.setattr(database, "_has_log", has_none)
        places = [f"place {number:04} {'x' * 300}" for number in range(400)]
        with (
            contextlib.closing(Index(folder / database.NAME)) as index,
            contextlib.suppress(KeyboardInterrupt),
        ):
            assert index.is_only_writer
            with index.transaction():
                index.look_in(places)
            index._connection.execute("PRAGMA cache_size = 1")
            killed = folder.with_name("killed.corrclip-project")
            with index.transaction():
                for place in places:
                    index.forget_place(place)
                index.look_in(place.upper() for place in places)
                shutil.copytree(folder, killed)
                raise KeyboardInterrupt
    assert (killed / f"{database.NAME}-journal").stat().st_size
    assert (killed / database.NAME).read_bytes() != (folder / database.NAME).read_bytes()
    before = names(killed)
    if closed:
        close(killed)
    with another_user(), Project.open(killed, read_only=True) as shown:
        assert shown.status().lines() == ["1 new"]
        assert set(places) < set(shown._index.places)
        assert shown._index.rows("PRAGMA integrity_check") == [("ok",)]
    assert names(killed) == before
    killed.chmod(0o755)


def test_who_may_not_change_a_project_is_told_so(folder: Path) -> None:
    close(folder)
    told = r"can be looked at and not changed \(Permission denied\); look at its permissions"
    with another_user():
        for ask in (Project.open, Project.repair):
            with pytest.raises(nc.InputError, match=told):
                ask(folder)


def test_a_file_that_lost_its_log_is_shown_as_it_is(folder: Path) -> None:
    lost = folder.with_name("lost.corrclip-project")
    with Project.open(folder):
        shutil.copytree(folder, lost)
    for ending in ("-wal", "-shm"):
        (lost / f"{database.NAME}{ending}").unlink()
    close(lost)
    with another_user(), Project.open(lost, read_only=True) as shown:
        assert shown.status().lines() == ["1 new"]
