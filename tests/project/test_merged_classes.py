"""Classes of a set that become one: at once for who reads, a step for who corrects, taken back exactly."""

from __future__ import annotations

import contextlib
import json
import random
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import imageio.v3 as iio
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import napari_corrclip as nc
from napari_corrclip.demo.scenes import generate_scene
from napari_corrclip.engine.segmenter import Segmenter
from napari_corrclip.errors import InputError
from napari_corrclip.project.project import Project
from napari_corrclip.project.schema import VERSION
from napari_corrclip.project.sheet.listing import SheetFilter
from napari_corrclip.vocabulary import RollUp, Vocabulary

RECIPE = nc.Recipe(regions="superpixels", region_options={"n_segments": 9})
WORDS = "red, green, blue, background: grass"


@pytest.fixture(scope="module")
def segmenter() -> Segmenter:
    return Segmenter.from_recipe(RECIPE)


@pytest.fixture
def project(tmp_path: Path, segmenter: Segmenter) -> Iterator[Project]:
    images = tmp_path / "images"
    images.mkdir()
    for number in range(3):
        iio.imwrite(images / f"{number}.png", generate_scene(number).image[:64, :64])
    with Project.create(tmp_path / "set", WORDS, images, recipe=RECIPE) as made:
        made.run(segmenter=segmenter, progress=False)
        yield made


def areas(project: Project, roll_up: RollUp | None = None) -> dict[str, int]:
    return {row.name: row.area for row in project.figures(roll_up=roll_up).classes if row.area}


def exported(project: Project, folder: Path) -> list[NDArray[Any]]:
    """The label maps of all images, by the names of their classes, as they are handed on."""
    done = project.export(folder, "indexed", progress=False)
    assert done.left_out == ()
    paths = sorted((folder / "SegmentationClass").rglob("*.png"))
    maps = [np.asarray(Image.open(path)) for path in paths]
    assert len(maps) == len(project)
    return maps


def told(project: Project) -> list[tuple[Any, ...]]:
    """Everything that the index has of regions: who decided what and when."""
    return project._index.rows(
        "SELECT item, id, value, state, by, at FROM shown_regions ORDER BY item, id"
    )


def decide(
    project: Project, name: str, by: str = "Ann", only: slice = slice(None, None, 3)
) -> None:
    for item in project:
        with project.session(item, by=by) as session:
            session.assign(session.ids[only].tolist(), name)


def test_who_reads_sees_it_at_once_and_it_is_taken_back_exactly(
    project: Project, tmp_path: Path
) -> None:
    decide(project, "red")
    words, before, said = project.vocabulary, areas(project), told(project)
    maps = exported(project, tmp_path / "before")
    red, blue = words.values[words.index("red")], words.values[words.index("blue")]
    sessions = {path: path.stat().st_mtime_ns for path in project.folder.glob("items/*/session/*")}
    project.merge_classes("red", "blue", by="Ann")
    # One row, and no file of an item is touched.
    assert {path: path.stat().st_mtime_ns for path in sessions} == sessions
    assert project.merged_classes() == {"red": "blue"}
    assert "red" not in project.vocabulary.names
    assert project.vocabulary.classes[project.vocabulary.index("blue")].prompts == ("blue", "red")
    after = areas(project)
    assert after.get("blue") == before["red"] + before.get("blue", 0)
    assert "red" not in after
    for was, now in zip(maps, exported(project, tmp_path / "after"), strict=True):
        np.testing.assert_array_equal(now, np.where(was == red, blue, was))
    assert project.part_classes("red", progress=False).sessions == 0
    assert project.vocabulary == words
    assert (areas(project), told(project)) == (before, said)
    for was, now in zip(maps, exported(project, tmp_path / "again"), strict=True):
        np.testing.assert_array_equal(now, was)


def test_a_number_is_a_label_value_wherever_the_class_stands(project: Project) -> None:
    decide(project, "red")
    words = project.vocabulary
    red, blue = words.value_of("red"), words.value_of("blue")
    project.choose(words.reorder([*words.names[::-1]]))
    places = project.vocabulary.values
    assert places[red] != red
    assert project.decided_as(red) == project.decided_as("red")
    assert project.decided_as(red).regions
    project.merge_classes(red, blue)
    assert project.merged_classes() == {"red": "blue"}
    project.part_classes(red, progress=False)
    removed = project.remove_class(red, progress=False)
    assert removed is not None
    assert "red" not in project.vocabulary.names
    project.undo_sheet(removed, progress=False)
    project.remove_class(project.vocabulary.by_value(red), blue, progress=False)
    assert project.merged_classes() == {"red": "blue"}
    for which in (None, 1.0, True, [red]):
        for ask in (
            project.decided_as,
            project.remove_class,
            lambda which: project.merge_classes(which, blue),
            lambda which: project.merge_classes(blue, which),
        ):
            with pytest.raises(InputError, match="is no class; give its name or its label value"):
                ask(which)  # type: ignore[operator]


def test_a_session_takes_it_as_a_step_and_who_decided_stays(project: Project) -> None:
    decide(project, "red")
    first, second, _ = project
    words, said = project.vocabulary, told(project)
    with project.session(first) as session:
        labels = session.labels.copy()
    red, blue = words.values[words.index("red")], words.values[words.index("blue")]
    project.merge_classes("red", "blue")
    merged = told(project)
    with project.session(first, by="Bob") as session:
        assert "red" not in session.vocabulary.names
        assert session.history.done[-1].title == "'red' became 'blue' in the whole set"
        np.testing.assert_array_equal(session.labels, np.where(labels == red, blue, labels))
    assert told(project) == merged  # Bob has only looked
    with project.session(first, by="Bob") as session:
        steps = len(session.history.done)
        last = session.ids[-1]
        session.assign(last, "green")
        assert len(session.history.done) == steps + 1
    with project.session(second, by="Bob"):
        pass
    found = project.part_classes("red", progress=False)
    assert (found.name, found.sessions, found.left) == ("red", 2, ())
    # What Bob decided since stays, and all else is as it was.
    changed = [row for row in told(project) if row not in said]
    assert [(row[1], row[4]) for row in changed] == [(last, "Bob")]
    with project.session(first) as session:
        assert session.vocabulary.names == project.vocabulary.names
        here = session.regions != last
        np.testing.assert_array_equal(session.labels[here], labels[here])


def test_one_that_is_open_elsewhere_follows_when_it_is_opened_next(project: Project) -> None:
    decide(project, "red")
    first, *_ = project
    project.merge_classes("red", "blue")
    with Project.open(project.folder) as other, other.session(first):
        found = project.part_classes("red", progress=False)
        assert [sentence.partition(":")[0] for sentence in found.left] == [first.title]
    with project.session(first) as session:
        assert "red" in session.vocabulary.names
        assert {verdict.value for verdict in session.state.verdicts.values()} == {
            project.vocabulary.values[project.vocabulary.index("red")]
        }


def test_chains_are_followed_and_taken_back_in_any_order(project: Project) -> None:
    decide(project, "red")
    before, words = areas(project), project.vocabulary
    project.merge_classes("red", "blue")
    project.merge_classes("blue", "green")
    assert project.merged_classes() == {"red": "green", "blue": "green"}
    assert areas(project)["green"] == sum(before.get(name, 0) for name in ("red", "blue", "green"))
    project.part_classes("red", progress=False)
    assert project.merged_classes() == {"blue": "green"}
    assert areas(project)["red"] == before["red"]
    project.part_classes("blue", progress=False)
    assert areas(project) == before
    assert {c.name: c.prompts for c in project.vocabulary} == {c.name: c.prompts for c in words}


Parents = dict[str, str | None]


def parents(project: Project) -> Parents:
    names = {class_.value: class_.name for class_ in project.vocabulary}
    return {
        class_.name: None if class_.parent is None else names[class_.parent]
        for class_ in project.vocabulary
    }


@pytest.mark.parametrize(
    "steps",
    [
        "merge red blue, merge warm green, part red, part warm",
        "merge warm green, merge red blue, part warm, part red",
        "remove red, merge warm green, back red, part warm",
        "merge warm green, remove red, part warm, back red",
        "merge warm green, merge green blue, merge red grass, part green, part red, part warm",
        "merge warm blue, merge red blue, part warm, part red",
        "merge warm blue, remove red, part warm, back red",
        "remove green, merge red blue, remove yellow, part red, back green, back yellow",
        "merge red warm, merge yellow warm, merge warm cold, merge cold blue, part red, part cold, "
        "part warm, part yellow",
        "remove red, remove warm, back red, back warm",
        "remove warm, merge red blue, remove yellow, part red, back warm, back yellow",
        "merge cold blue, part cold",
        "merge warm green, merge cold red, part warm, part cold",
    ],
)
def test_the_tree_is_as_it_was_in_whatever_order_it_was_taken_apart(
    steps: str, project: Project
) -> None:
    project.choose("warm > red, warm > yellow, cold > green, cold > blue, background: grass")
    words = project.vocabulary.rename("background", "grass")
    project.change_classes(project.vocabulary, words)
    before, records = parents(project), dict[str, Any]()
    order, rolled_up = project.vocabulary.names, areas(project, "root")
    assert {"warm", "cold"} <= rolled_up.keys()
    for step in steps.split(", "):
        what, name, *into = step.split()
        if what == "merge":
            project.merge_classes(name, *into)
        elif what == "part":
            project.part_classes(name, progress=False)
        elif what == "remove":
            records[name] = project.remove_class(name, progress=False)
        else:
            project.undo_sheet(records[name], progress=False)
    assert parents(project) == before
    assert project.vocabulary.names == order
    assert areas(project, "root") == rolled_up


def taken_apart(project: Project) -> tuple[Vocabulary, Any]:
    """Classes of which some became others, and one was removed; return them as they were, and its record."""
    project.choose("warm > red, warm > yellow, cold > green, cold > blue, background: grass")
    words = project.vocabulary
    project.merge_classes("yellow", "red")
    record = project.remove_class("red", progress=False)
    project.merge_classes("warm", "blue")
    project.merge_classes("cold", "blue")
    return words, record


def put_together(project: Project, record: Any) -> Vocabulary:
    """The classes when all are back."""
    project.part_classes("warm", progress=False)
    project.undo_sheet(record, progress=False)
    project.part_classes("cold", progress=False)
    project.part_classes("yellow", progress=False)
    return project.vocabulary


def test_a_repair_keeps_the_tree_of_those_that_went(project: Project) -> None:
    words, record = taken_apart(project)
    folder = project.folder
    project.close()
    for path in folder.glob("project.sqlite*"):
        path.unlink()
    with Project.repair(folder) as mended:
        assert put_together(mended, record) == words
    # What the file says of it is looked at as all that anybody may have written.
    document = json.loads((folder / "project.json").read_text())
    assert "tree" not in document
    for tree in ([[1, 2, None], [2, 1, None]], [1], {}):
        (folder / "project.json").write_text(json.dumps(document | {"tree": tree}))
        with pytest.raises(InputError, match=r"'tree' is|The tree of all classes"):
            Project.repair(folder)


def test_a_sample_has_the_tree_of_those_that_went(project: Project) -> None:
    decide(project, "red")
    for item in project:
        project.mark(item, "verified")
    words, _ = taken_apart(project)
    made = project.sample(2, progress=False)
    with Project.open(made.folder) as sample:
        for name in ("warm", "cold"):
            sample.part_classes(name, progress=False)
        assert {c.name: sample.vocabulary.path(c.name) for c in sample.vocabulary} == {
            c.name: words.path(c.name) for c in words if c.name not in ("red", "yellow")
        }


def test_an_index_of_the_version_before_has_the_tree_that_is_in_what_it_wrote_down(
    project: Project,
) -> None:
    words, record = taken_apart(project)
    folder = project.folder
    project.close()
    value = {class_.name: class_.value for class_ in words}
    told = {
        "yellow": {"parent": value["warm"], "children": []},
        "warm": {"parent": None, "children": []},
        "cold": {"parent": None, "children": [value["green"], value["blue"]]},
    }
    with contextlib.closing(sqlite3.connect(folder / "project.sqlite")) as connection, connection:
        for name, kin in told.items():
            where = (json.dumps(kin), value[name])
            connection.execute(
                "UPDATE merged_classes SET class = json_patch(class, ?) WHERE value = ?", where
            )
        connection.execute("DROP TABLE class_tree")
        connection.execute(f"PRAGMA user_version = {VERSION - 1}")
    sheets = folder / "sheets.jsonl"
    kin = json.dumps({"parent": value["warm"], "children": []})[1:]
    sheets.write_text(sheets.read_text().replace('"class_": {', f'"class_": {{{kin[:-1]}, ', 1))
    with Project.open(folder, read_only=True) as shown:
        assert shown.vocabulary.path("green") == ("green",)
    with Project.open(folder) as opened:
        found = put_together(opened, record)
        assert {c.name: found.path(c.name) for c in found} == {
            c.name: words.path(c.name) for c in words
        }


def test_what_is_below_a_class_goes_with_it_and_comes_back(project: Project) -> None:
    words = project.vocabulary.add("colour", prompts=(), index=0)
    words = words.with_parent("red", "colour").with_parent("green", "colour")
    words = words.add("crimson", parent="red").add("lilac")
    project.choose(words)
    before = {class_.name: project.vocabulary.path(class_.name) for class_ in project.vocabulary}
    for item in project:
        with project.session(item) as session:
            session.set_vocabulary(project.vocabulary, classify=False)
            session.assign(session.ids[::3].tolist(), "crimson")
    project.merge_classes("red", "blue")
    assert project.vocabulary.path("crimson") == ("blue", "crimson")
    with project.session(next(iter(project))) as session:  # which takes it
        assert session.vocabulary.path("crimson") == ("blue", "crimson")
    project.part_classes("red", progress=False)
    assert {c.name: project.vocabulary.path(c.name) for c in project.vocabulary} == before
    assert project.vocabulary == words
    # A parent that becomes its own child: its other children go up.
    project.merge_classes("colour", "green")
    assert project.vocabulary.path("green") == ("green",)
    assert project.vocabulary.path("crimson") == ("red", "crimson")
    project.part_classes("colour", progress=False)
    assert {c.name: project.vocabulary.path(c.name) for c in project.vocabulary} == before


def test_sheets_and_comparisons_go_by_it(project: Project, tmp_path: Path) -> None:
    decide(project, "red", by="Ann")
    with Project.open(shutil.copytree(project.folder, tmp_path / "b.corrclip-project")) as other:
        other.merge_classes("red", "blue")
        blue = other.vocabulary.by_value(other.vocabulary.values[other.vocabulary.index("blue")])
        wanted = SheetFilter(value=blue.value, undecided=False)
        sheet = other.sheet(wanted, progress=False)
        figures = {row.name: row.regions for row in other.figures().classes}
        assert len(sheet) == figures["blue"] > 0
        shown = other.read_regions(sheet.between(0, len(sheet)))
        assert {region.value for region in shown} == {blue.value}
        found = project.compare(other, progress=False)
    # By their names: what is red in the one is blue in the other.
    counts, names = found.pixels.counts, found.names
    red, as_blue = names.index("red"), names.index("blue")
    assert counts[red, as_blue] == areas(project)["red"] > 0
    assert counts[red, red] == 0


def test_a_repair_keeps_it(project: Project) -> None:
    decide(project, "red")
    project.merge_classes("red", "blue")
    after, folder = areas(project), project.folder
    project.close()
    (folder / "project.sqlite").unlink()
    with Project.repair(folder) as mended:
        assert areas(mended) == after
        mended.part_classes("red", progress=False)
        assert "red" in areas(mended)


def test_what_cannot_be_is_said(project: Project) -> None:
    with pytest.raises(InputError, match="'red' is one class already; give two"):
        project.merge_classes("red", "RED")
    with pytest.raises(InputError, match="There is no class 'whale'"):
        project.merge_classes("red", "whale")
    with pytest.raises(InputError, match="No class 'red' became another one; nothing was merged"):
        project.part_classes("red")
    project.merge_classes("red", "blue")
    project.choose(project.vocabulary.add("red"))
    with pytest.raises(InputError, match="There is another class 'red' by now"):
        project.part_classes("red")
    with pytest.raises(InputError, match="'whale' became another one; these did: 'red'"):
        project.part_classes("whale")
    with Project.open(project.folder, read_only=True) as other:
        assert other.merged_classes() == {"red": "blue"}
        with pytest.raises(InputError):
            other.merge_classes("green", "blue")


@pytest.mark.parametrize("seed", range(2))
def test_whatever_is_done_readers_and_sessions_agree(
    seed: int, project: Project, tmp_path: Path
) -> None:
    """Merging, parting, deciding and looking, in any order, against a model of maps by original class."""
    dice = random.Random(seed)
    origin = {c.value: c.name for c in project.vocabulary}
    truth: dict[str, NDArray[Any]] = {}
    for item in project:
        with project.session(item) as session:
            truth[item.name] = session.labels.copy()
    merged: dict[int, int] = {}

    def now(value: int) -> int:
        while value in merged:
            value = merged[value]
        return value

    for step in range(30):
        values = list(project.vocabulary.values)
        kind = dice.choice(["merge", "part", "decide", "look", "look"])
        if kind == "merge" and len(values) > 2:
            value, heir = dice.sample(values, 2)
            project.merge_classes(value, origin[heir])
            merged[value] = heir
        elif kind == "part" and merged:
            value = dice.choice(sorted(merged))
            project.part_classes(value, progress=False)
            del merged[value]
        else:
            item = dice.choice(list(project))
            with project.session(item, by="Ann") as session:
                became = np.vectorize(now, otypes=[np.uint16])(truth[item.name])
                np.testing.assert_array_equal(session.labels, became)
                if kind == "decide":
                    region = dice.choice(session.ids.tolist())
                    value = dice.choice(session.vocabulary.values)
                    session.assign(region, value)
                    truth[item.name][session.regions == region] = value
        counts: dict[int, int] = {}
        for labels in truth.values():
            for value, number in zip(*np.unique(labels, return_counts=True), strict=True):
                counts[now(int(value))] = counts.get(now(int(value)), 0) + int(number)
        found = {row.value: row.area for row in project.figures().classes if row.area}
        assert found == counts, step
    for (name, labels), shown in zip(
        sorted(truth.items()), exported(project, tmp_path / "out"), strict=True
    ):
        np.testing.assert_array_equal(shown, np.vectorize(now, otypes=[np.uint8])(labels), name)


def test_the_first_sitting_of_a_lesson_is_of_classes_that_were_merged_meanwhile(
    project: Project,
) -> None:
    """Nothing was taught by then, so that no lesson was there to hear of it."""
    project.lesson.switch = "off"
    item = project.items()[0]
    with project.session(item, by="Ann") as session:
        learning = project.lesson.learn(session, item)
        session.assign([1, 2], "red")
        project.merge_classes("red", "blue")
        project.lesson.finish(learning)
    blue = project.vocabulary.value_of("blue")
    project.decide({(item, 3): "blue"}, by="Ann", progress=False)
    taught = [
        (int(region), store.merged.get(int(value), int(value)))
        for store in project.lesson.stores()
        for sitting in store.sittings()
        for region, value in zip(sitting.looks.ids, sitting.looks.values, strict=True)
    ]
    assert sorted(taught) == [(1, blue), (2, blue), (3, blue)]
