"""An index that is made anew, and folders that are collected: nothing is lost, whatever lies there."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import imageio.v3 as iio
import pytest

import napari_corrclip as nc
from napari_corrclip.demo.scenes import generate_scene
from napari_corrclip.engine.segmenter import Segmenter
from napari_corrclip.project import database
from napari_corrclip.project.folder import ITEM, PROJECT, RESULT, SESSION
from napari_corrclip.project.index import Found
from napari_corrclip.project.project import Project
from napari_corrclip.project.records import ItemState
from tests.project.small import RECIPE, WORDS, write_scenes

DECISIONS = "SELECT item, id, state, value, by, at FROM regions WHERE state <> '' ORDER BY item, id"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project of three images that are run: two are corrected, by Ann and by Bob, and verified by Carl."""
    folder = tmp_path_factory.mktemp("made")
    (folder / "images").mkdir()
    write_scenes(folder / "images", 3, 60, 70)
    with Project.create(folder / "set", WORDS, folder / "images", recipe=RECIPE) as project:
        project.run(segmenter=Segmenter.from_recipe(RECIPE), progress=False)
        first, second, _ = project
        for item, by, at in ((first, "Ann", 0), (first, "Bob", 1), (second, "Bob", 2)):
            with project.session(item, by=by) as session:
                session.assign(session.ids[at : at + 1].tolist(), "red")
        for item in (first, second):
            project.mark(item, "verified", by="Carl")
    return folder


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    """Its folder in a copy, closed."""
    shutil.copytree(made, tmp_path / "copy", copy_function=shutil.copy2)
    return tmp_path / "copy" / "set.corrclip-project"


@pytest.fixture
def project(folder: Path) -> Iterator[Project]:
    with Project.open(folder) as opened:
        yield opened


def rows(path: Path, query: str) -> list[tuple[object, ...]]:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        return connection.execute(query).fetchall()


def change(file: Path, **values: object) -> None:
    """Write other values into a JSON file."""
    file.write_text(json.dumps(json.loads(file.read_text()) | values))


def item_file(folder: Path, number: int) -> Path:
    return sorted((folder / "items").iterdir())[number] / ITEM


# -- who and when


def test_who_decided_what_when_and_when_runs_were_is_kept(folder: Path) -> None:
    path = folder / database.NAME
    queries = DECISIONS, "SELECT * FROM runs", "SELECT name, run, seconds, at FROM items"
    before = [rows(path, query) for query in queries]
    assert {row[4] for row in before[0]} == {"Ann", "Bob"}
    for name in ("former", "former.2"):
        Project.repair(folder).close()
        assert [rows(path, query) for query in queries] == before
        aside = folder / f"{database.NAME}.{name}"
        assert [rows(aside, query) for query in queries] == before  # none is written over
    assert not any("tmp" in path.name for path in folder.iterdir())


def test_a_former_index_that_is_damaged_in_part_tells_what_it_can(folder: Path) -> None:
    path = folder / database.NAME
    before = rows(path, DECISIONS)
    runs = rows(path, "SELECT * FROM runs")
    ((page,),) = rows(path, "SELECT rootpage FROM sqlite_master WHERE name = 'items_by_state'")
    ((size,),) = rows(path, "PRAGMA page_size")
    assert isinstance(page, int)
    assert isinstance(size, int)
    content = bytearray(path.read_bytes())
    content[(page - 1) * size : page * size] = bytes(range(256)) * (size // 256)
    path.write_bytes(content)
    with Project.repair(folder) as anew:
        assert anew.count() == {ItemState.PRELABELLED: 1, ItemState.VERIFIED: 2}
    assert rows(path, DECISIONS) == before
    assert rows(path, "SELECT * FROM runs") == runs


def test_without_a_former_index_nobody_is_named_and_times_are_those_of_files(folder: Path) -> None:
    path = folder / database.NAME
    before = rows(path, DECISIONS)
    path.unlink()
    made, decided = 1_700_000_000, 1_700_000_060
    for file in folder.glob(f"items/*/{RESULT}/*"):
        os.utime(file, (made, made))
    for file in folder.glob(f"items/*/{SESSION}/**/*"):
        os.utime(file, (decided, decided))
    with Project.repair(folder) as anew:
        assert [item.by for item in anew.items("verified")] == ["Carl", "Carl"]
    after = rows(path, DECISIONS)
    assert [row[:4] for row in after] == [row[:4] for row in before]
    assert {row[4] for row in after} == {""}
    assert {row[5] for row in after} == {decided}
    (run,) = rows(path, "SELECT begun, ended FROM runs")
    assert run[1] == made
    assert made - 10 < run[0] < made


@pytest.mark.parametrize("left", [b"", b"\0" * 4096, None], ids=["empty", "zeros", "gone"])
def test_whoever_opens_an_index_without_content_is_told_what_to_type(
    folder: Path, left: bytes | None
) -> None:
    index = folder / database.NAME
    index.unlink()
    if left is not None:
        index.write_bytes(left)
    for read_only in (False, True):
        with pytest.raises(nc.InputError) as told:
            Project.open(folder, read_only=read_only)
        assert f"make it anew: napari-corrclip project repair {str(folder)!r}." in str(told.value)
    with Project.repair(folder) as project:
        assert [item.state for item in project][:2] == [ItemState.VERIFIED] * 2


def test_a_damaged_project_json_comes_from_the_index(folder: Path) -> None:
    file = folder / PROJECT
    whole = file.read_bytes()
    for damage in (b"{", b"", None):
        file.unlink()
        if damage is not None:
            file.write_bytes(damage)
        with Project.repair(folder) as project:
            assert project.vocabulary.names == ("red", "blue", "background")
            assert len(project) == 3
        assert file.read_bytes() == whole
    (folder / database.NAME).write_bytes(b"no")
    file.write_bytes(b"{")
    with pytest.raises(nc.InputError, match=r"project\.json.* is no valid JSON"):
        Project.repair(folder)


def test_nothing_is_made_where_a_project_lay_before_it_was_moved(
    folder: Path, project: Project
) -> None:
    item = project.items()[2]
    folder.rename(folder.with_name("moved"))
    with pytest.raises(nc.InputError, match="cannot be written"):
        project.mark(item, "verified", by="Ann")
    assert not folder.exists()
    assert project.item(item.name).state is ItemState.PRELABELLED


def test_an_index_that_is_ahead_of_its_folders_is_believed(folder: Path) -> None:
    """A process was killed after its COMMIT, before it wrote into the items' folders."""
    third = item_file(folder, 2)
    files = item_file(folder, 0), third
    before = [path.read_text() for path in files]
    with Project.open(folder) as project:
        project.mark(project.items()[2], "skipped", by="Dora")
        project.mark(project.items()[0], "in review", by="Dora")
    for path, text in zip(files, before, strict=True):
        path.write_text(text)
    item_file(folder, 1).write_text("{")
    with Project.repair(folder) as anew:
        assert [(item.state, item.by) for item in anew] == [
            ("in review", "Dora"), ("verified", "Carl"), ("skipped", "Dora"),
        ]  # fmt: skip
        assert anew.passed_over == ()
    (folder / database.NAME).unlink()  # the folders have it now
    with Project.repair(folder) as anew:
        assert [item.state for item in anew] == ["in review", "verified", "skipped"]


def test_images_of_which_nothing_has_become_are_kept(folder: Path) -> None:
    images = folder.parent / "images"
    iio.imwrite(images / "4.png", generate_scene(4).image[:60, :70])
    with Project.open(folder) as project:
        assert project.look_again() == 1
    images.rename(images.with_name("moved"))
    with Project.repair(folder) as anew:
        assert anew.status().missing == 4
        assert anew.relink(images, images.with_name("moved")) == 4
        assert anew.status().missing == 0


# -- the former index


def test_a_former_index_comes_with_its_log(folder: Path, tmp_path: Path) -> None:
    killed = tmp_path / "killed.corrclip-project"
    with Project.open(folder) as project:
        project.mark(project.items()[2], "skipped", by="Dora")
        shutil.copytree(folder, killed)  # as a process that is killed leaves it
    assert (killed / f"{database.NAME}-wal").stat().st_size
    Project.repair(killed).close()
    former = killed / f"{database.NAME}.former"
    alone = Path(shutil.copy(former, tmp_path / "alone.sqlite"))
    assert ("skipped", "Dora") in rows(alone, "SELECT state, by FROM items")


def test_nothing_of_a_damaged_one_is_taken_for_that_of_the_new_one(folder: Path) -> None:
    path = folder / database.NAME
    path.write_bytes(b"no index at all" * 999)
    for ending in ("-journal", "-shm"):
        path.with_name(path.name + ending).write_bytes(b"nor a journal")
    with Project.repair(folder) as anew:
        assert len(anew) == 3
        assert anew._index.rows("PRAGMA integrity_check") == [("ok",)]
        assert not path.with_name(f"{path.name}-journal").exists()
    assert path.with_name(f"{path.name}.former").read_bytes() == b"no index at all" * 999


def test_an_index_is_put_aside_with_what_belongs_to_it_by_the_names_that_sqlite_knows(
    tmp_path: Path,
) -> None:
    endings = ("", "-journal", "-wal", "-shm")
    path = tmp_path / "a.sqlite"
    for number in ("", ".2", ".3"):
        for ending in endings:
            path.with_name(path.name + ending).write_text(number + ending)
        assert database.put_aside(path) == path.with_name(f"{path.name}.former{number}")
    assert {each.name: each.read_text() for each in tmp_path.iterdir()} == {
        f"a.sqlite.former{number}{ending}": number + ending
        for number in ("", ".2", ".3")
        for ending in endings
    }
    assert database.put_aside(path) is None


def test_what_somebody_has_open_is_not_repaired_under_them(folder: Path, project: Project) -> None:
    project.mark(project.items()[2], "skipped", by="Dora")
    with pytest.raises(nc.InputError, match=r"is open, in this process or another; close it first"):
        Project.repair(folder)
    project.mark(project.items()[2], "new", by="Dora")
    assert len(project) == 3
    assert not (folder / f"{database.NAME}.former").exists()


# -- killed, or failed

KILLED = """
import os, shutil, signal, sys
from pathlib import Path
from napari_corrclip.errors import InputError
from napari_corrclip.project.index import Found
from napari_corrclip.project.project import Project

folder, copy = Path(sys.argv[1]), Path(sys.argv[1]).with_name("copy.corrclip-project")
count, last = 0, None

def hook(event, arguments):
    global count
    if event in ("os.rename", "os.remove", "os.link", "sqlite3.connect", "napari_corrclip.fsync") or (
        event == "open" and str(arguments[0]).endswith(("item.json", "provenance.json"))
    ):
        count += 1
        if count == last:
            os.kill(os.getpid(), signal.SIGKILL)

def states(project):
    return [(item.state, item.by, item.undecided) for item in project]

with Project.open(folder) as project:
    expected = states(project)
sys.addaudithook(hook)
step, killed = 0, True
while killed:
    step += 1
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(folder, copy)
    child = os.fork()
    if child == 0:
        count, last = 0, step
        Project.repair(copy).close()
        os._exit(0)
    killed = os.waitpid(child, 0)[1] != 0
    try:
        opened = Project.open(copy)
    except InputError as error:
        assert "is missing; make it anew: napari-corrclip project repair" in str(error), error
        opened = Project.repair(copy)
    with opened:
        opened.look_again()
        assert states(opened) == expected, (step, states(opened))
        assert opened.items_to_run() == []
        former = sorted(path.name for path in copy.glob("*.former*"))
        assert killed or former == ["project.sqlite.former"], former
print(step)
"""


@pytest.mark.process
@pytest.mark.skipif(sys.platform == "win32", reason="there is no kill -9")
def test_a_repair_that_is_killed_at_any_step_loses_nothing(folder: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(folder)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 10


@pytest.mark.skipif(sys.platform == "win32", reason="Windows knows no such limit")
def test_a_repair_that_fails_leaves_all_as_it_was(folder: Path) -> None:
    from tests.full_disk import files_of_at_most

    path = folder / database.NAME
    content, names = path.read_bytes(), sorted(each.name for each in folder.iterdir())
    with files_of_at_most(30_000), pytest.raises(nc.InputError):
        Project.repair(folder)
    assert path.read_bytes() == content
    assert sorted(each.name for each in folder.iterdir()) == names
    Project.repair(folder).close()  # and nothing of the first one is open


def test_an_index_that_is_older_than_the_folders_takes_what_lies_there(folder: Path) -> None:
    """No run takes it for new, and writes over it."""
    path = folder / database.NAME
    item_file(folder, 2).write_text("{")
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("DELETE FROM regions")
        connection.execute("DELETE FROM items")
    with Project.open(folder) as project:
        assert project.look_again() == 3
        assert [item.state for item in project] == ["verified", "verified", "failed"]
        assert [item.undecided for item in project.items("verified")] == [
            len(project.result(item).table) - decided
            for item, decided in zip(project.items("verified"), (2, 1), strict=True)
        ]
        assert "no valid JSON" in project.items("failed")[0].reason


# -- what cannot be used is told, and passed over


def test_the_copy_of_an_items_folder_is_told_and_left(folder: Path) -> None:
    first = item_file(folder, 0).parent
    for name in (f"{first.name} (copy)", f"Copy of {first.name}"):
        shutil.copytree(first, first.with_name(name))
    with Project.open(folder) as project:
        assert project.collect(progress=False) == 0
        assert len(project.passed_over) == 2
        assert all(repr(first.name) in told for told in project.passed_over)
        assert project.status().lines()[-2:] == list(project.passed_over)
    for without in (False, True):
        if without:
            (folder / database.NAME).unlink()
        with Project.repair(folder) as anew:
            assert [item.name for item in anew] == sorted(
                path.name for path in first.parent.iterdir() if "opy" not in path.name
            )
            assert anew.count()[ItemState.VERIFIED] == 2
            assert len(anew.passed_over) == 2


@pytest.mark.parametrize(
    "values",
    [{"size": 1 << 63}, {"mtime": -(1 << 63) - 1}, {"path": "a\0b.png"}, {"at": "never"}],
)
def test_a_number_that_no_index_can_have_costs_its_own_item_alone(
    folder: Path, values: dict[str, object]
) -> None:
    change(item_file(folder, 2), **values)
    change(item_file(folder, 1), at=5.0)
    (folder / database.NAME).unlink()
    with Project.repair(folder) as anew:
        assert [item.state for item in anew.items()] == ["verified", "verified", "failed"]
        assert repr(next(iter(values))) in anew.items("failed")[0].reason
    with Project.open(folder) as project:
        change(item_file(folder, 1), at=6.0)
        assert project.collect(progress=False) == 0
        assert project.items()[2].state is ItemState.FAILED


@pytest.mark.skipif(sys.platform != "linux", reason="others allow no such names")
def test_a_folder_whose_name_is_no_text_is_told(folder: Path) -> None:
    first = item_file(folder, 0).parent
    shutil.copytree(first, os.fsdecode(os.fsencode(first) + b"\xff"))
    with Project.repair(folder) as anew:
        assert len(anew) == 3
        assert "names are text" in anew.passed_over[0]


def test_a_result_of_a_newer_recipe_is_taken_and_counts_as_stale(folder: Path) -> None:
    provenance = item_file(folder, 2).parent / RESULT / "provenance.json"
    recipe = json.loads(provenance.read_text())["recipe"] | {"later": 1}
    change(provenance, recipe=recipe)
    change(item_file(folder, 2), at=5.0)
    with Project.open(folder) as project:
        assert project.collect(progress=False) == 1
        assert project.status().stale == {ItemState.PRELABELLED: 1}
        assert [item.path for item in project.items_to_run(stale=True)] == ["../images/2.png"]
        assert [item.path for item in project.items_to_relabel().others] == ["../images/2.png"]
        assert '"later": 1' in project.runs[-1].recipe
    for _ in range(2):
        with Project.repair(folder) as anew:
            assert anew.status().lines() == [
                "1 pre-labelled, 1 of them by older settings", "2 verified",
            ]  # fmt: skip
            assert len(anew.runs) == 2
        (folder / database.NAME).unlink()


def test_what_was_skipped_after_a_part_is_not_collected_over(folder: Path) -> None:
    with Project.open(folder) as project:
        third = project.items()[2]
        project.choose("red, green, background: wood")
        project.run(part=(1, 1), stale=True, progress=False)
        with project._index.transaction():  # the index alone has heard of it
            project._index.mark(third.id, ItemState.SKIPPED, by="Ann")
        assert project.collect(progress=False) == 0
        assert project.item(third).state is ItemState.SKIPPED


def test_a_session_without_its_index_is_in_review(folder: Path) -> None:
    change(item_file(folder, 0), state="pre-labelled", by="", at=5.0)
    (folder / database.NAME).unlink()
    assert (item_file(folder, 0).parent / SESSION).is_dir()
    with Project.repair(folder) as anew:
        assert anew.items()[0].state is ItemState.IN_REVIEW


def test_taking_one_more_folder_costs_the_same_whatever_is_there(tmp_path: Path) -> None:
    """In steps of SQLite's machine; with 50,000 there each one took a tenth of a second."""
    steps: list[int] = []
    with Project.create(tmp_path / "set", WORDS, recipe=RECIPE) as project:
        index, connection = project._index, project._index._connection
        for number in (10, 3000):
            with index.transaction():
                index.add(
                    [Found(f"{number}-{at}", f"{number}/{at}.png", 1, 1) for at in range(number)]
                )
                done = [0]

                def count(done: list[int] = done) -> int:
                    done[0] += 1
                    return 0

                connection.set_progress_handler(count, 1)
                index.add([Found(f"{number}-more", f"{number}/more.png", 1, 1)])
                connection.set_progress_handler(None, 1)
            steps.append(done[0])
    assert steps[1] < 2 * steps[0]
