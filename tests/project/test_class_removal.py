"""Classes that go from a set with what was decided as them: on all images, on record, exactly back."""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from napari_corrclip.annotation import Session
from napari_corrclip.cli import main
from napari_corrclip.errors import InputError
from napari_corrclip.progress import finish
from napari_corrclip.project.class_removal import DecidedAs
from napari_corrclip.project.project import Project
from napari_corrclip.project.records import ItemState
from napari_corrclip.project.reviewing import read_session
from napari_corrclip.project.sheet import acts
from tests.project.set_machine import template


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    """Six small images of red, green, blue and background, that were run."""
    shutil.copytree(template().parent, tmp_path, dirs_exist_ok=True)
    with Project.open(tmp_path / template().name) as opened:
        yield opened


def decide(project: Project, name: str, by: str = "Ann", images: int = 3) -> None:
    """Give every third region of some images to a class, and a corner of the first one by hand."""
    for number, item in enumerate(list(project)[:images]):
        with project.session(item, by=by) as session:
            learning = project.lesson.learn(session, item)
            session.assign(session.ids[::3].tolist(), name)
            if not number:
                session.paint(np.eye(*session.shape, dtype=bool), name)
            project.lesson.finish(learning)


def session_of(project: Project, number: int) -> Session:
    return read_session(project.folder_of(project.items()[number]))


def told(project: Project) -> list[tuple[Any, ...]]:
    """Everything that the index has of regions and items, but for when an item was looked at."""
    rows = project._index.rows(
        "SELECT item, id, value, state, by, at, p, margin FROM regions ORDER BY item, id"
    )
    items = project._index.rows("SELECT id, state, by, regions, undecided, gain FROM items")
    return [*rows, *items]


def labels(project: Project) -> list[NDArray[np.uint16]]:
    return [session_of(project, number).labels for number in range(len(project))]


def looks(project: Project) -> list[tuple[str, int, int]]:
    """What the lesson was taught: image, region, class."""
    return sorted(
        (sitting.image, int(region), int(value))
        for store in project.lesson.stores()
        for sitting in store.sittings()
        for region, value in zip(sitting.looks.ids, sitting.looks.values, strict=True)
    )


def test_it_goes_from_all_images_as_one_step_each_and_comes_back_exactly(project: Project) -> None:
    decide(project, "red")
    words, before, shown = project.vocabulary, told(project), labels(project)
    taught = looks(project)
    red = words.values[words.index("red")]
    verdicts = [session_of(project, number).state.verdicts for number in range(3)]
    regions = sum(verdict.value == red for each in verdicts for verdict in each.values())
    assert project.decided_as("red") == DecidedAs(regions, 3)
    record = project.remove_class("red", by="Bob", progress=False)
    assert record is not None
    assert (record.by, record.regions, record.left) == ("Bob", regions, ())
    assert [item.name for item in record.items] == [item.name for item in project][:3]
    assert project.vocabulary == words.remove("red")
    for number in range(3):
        session = session_of(project, number)
        assert session.history.done[-1].title.startswith("Sheet 1: class 'red' removed, ")
        assert "red" not in session.vocabulary.names
        assert not session.state.verdicts
        assert not (session.labels == red).any()
        session.undo()
        assert session.state.verdicts == verdicts[number]
        np.testing.assert_array_equal(session.labels, shown[number])
    assert red not in {value for *_, value in looks(project)}
    folder = project.folder
    project.close()
    with Project.open(folder) as again:
        assert list(again.removed_classes()) == ["red"]
        undone = again.undo_sheet(again.removed_classes()["red"], by="Cid", progress=False)
        assert (undone.left, undone.regions) == ((), regions)
        assert again.vocabulary == words
        assert told(again) == before
        assert looks(again) == taught
        for was, now in zip(shown, labels(again), strict=True):
            np.testing.assert_array_equal(now, was)
        assert not again.removed_classes()


def test_what_is_exported_has_the_class_no_more(project: Project, tmp_path: Path) -> None:
    """An image that somebody corrected is never labelled anew, so that its session is to lose the class."""
    with project.session(project.items()[0]) as session:
        session.accept(session.ids.tolist())
    name = next(row.name for row in project.figures().classes if row.decided)
    project.remove_class(name, progress=False)
    done = project.export(tmp_path / "out", "indexed", only=ItemState.IN_REVIEW, progress=False)
    assert (done.images, done.left_out) == (1, ())


def test_what_a_removed_class_is_shown_of_cannot_be_accepted_on_a_sheet(project: Project) -> None:
    """Nor can it be given there; an image whose networks found it shows it until it is labelled anew."""
    item = project.items()[0]
    shown = {row.id: row.value for row in session_of(project, 0).rows()}
    name = project.vocabulary.by_value(shown[1]).name
    project.remove_class(name, progress=False)
    decided = project.decide({(item, 1): None, (item, 2): "blue"}, progress=False)
    (why,) = decided.left
    assert why.endswith(
        f"region 1 shows {name!r}, which is no class of the set any more; give it one."
    )
    assert list(session_of(project, 0).state.verdicts) == [2]


def test_to_another_class_it_is_a_merging_without_prompts(project: Project) -> None:
    decide(project, "red")
    words, before = project.vocabulary, told(project)
    assert project.remove_class("red", "blue", by="Bob", progress=False) is None
    assert project.merged_classes() == {"red": "blue"}
    assert project.vocabulary == words.remove("red")
    assert project.decided_as("blue").regions == sum(row[3] != "" for row in before if len(row) > 6)
    project.part_classes("red", progress=False)
    assert (project.vocabulary, told(project)) == (words, before)
    # What became a class is taken back with it.
    project.remove_class("red", "blue", progress=False)
    project.remove_class("blue", progress=False)
    assert not session_of(project, 0).state.verdicts
    assert (session_of(project, 0).pins < 0).all()


def test_an_image_that_is_open_elsewhere_is_left_and_the_class_stays(project: Project) -> None:
    decide(project, "red")
    project.choose(project.vocabulary.add("crimson", parent="red"))
    words = project.vocabulary
    assert words.names[0] == "red"
    first, second, _ = list(project)[:3]
    with Project.open(project.folder) as other, other.session(second, by="Bob") as session:
        record = project.remove_class("red", progress=False)
        assert record is not None
        assert [sentence.partition(":")[0] for sentence in record.left] == [second.title]
        assert len(record.items) == 2
        assert project.vocabulary == words  # where it was, with what is below it
        assert session.decided_as("red")[0] > 0
    rest = project.remove_class("red", progress=False)
    assert rest is not None
    assert ([item.name for item in rest.items], rest.left) == ([second.name], ())
    assert "red" not in project.vocabulary.names
    project.undo_sheet(record, progress=False)
    assert "red" in project.vocabulary.names
    assert project.decided_as("red").images == 2
    # In an image where it was undone by hand there is nothing to take back.
    with project.session(first) as opened:
        opened.clear(opened.ids.tolist())


def test_what_was_taken_back_in_two_goes_comes_back_whole(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    decide(project, "red")
    before = told(project)
    with Project.open(project.folder) as other, other.session(other.items()[0]):
        assert (
            main(["project", "classes", str(project.folder), "--remove", "red", "--undecide"]) == 2
        )
        said = capsys.readouterr().err
        assert "is open already" in said
        assert "Note: 'red' stays until that can be taken back, too; ask for it again then." in said
    assert main(["project", "classes", str(project.folder), "--remove", "red", "--undecide"]) == 0
    assert "red" not in project.vocabulary.names
    assert main(["project", "classes", str(project.folder), "--bring-back", "red"]) == 0
    assert told(project) == before
    assert project.removed_classes() == {}


def test_a_verified_image_is_verified_again_though_a_class_became_another_one_since(
    project: Project,
) -> None:
    decide(project, "red", images=1)
    item = project.items()[0]
    project.mark(item, ItemState.VERIFIED, by="Ann")
    project.merge_classes("red", "green")
    before = project.item(item.name)
    record = project.remove_class("green", progress=False)
    assert record is not None
    assert project.item(item.name).state is ItemState.IN_REVIEW
    project.undo_sheet(record, progress=False)
    assert project.item(item.name).state is ItemState.VERIFIED
    assert project.item(item.name).by == before.by


def test_a_session_that_is_open_here_takes_it_where_it_is(project: Project) -> None:
    decide(project, "red")
    first, second, *_ = project
    with project.session(first, by="Ann") as session:
        opened = {first.name: session}
        steps = project.remove_class_steps("red", opened=opened, only=opened)
        begun = finish(steps)
        assert begun is not None
        assert "red" in project.vocabulary.names
        assert "red" not in session.vocabulary.names
        assert begun.items
        assert session_of(project, 1).decided_as("red")[0]
        project.take(first, session, by="Ann")
        record = finish(project.remove_class_steps("red", opened=opened, begun=begun))
        assert record is not None
        assert record.number == begun.number
        assert [item.name for item in record.items] == [item.name for item in list(project)[:3]]
        assert "red" not in project.vocabulary.names
        project.undo_sheet(record, opened=opened, progress=False)
        assert session.decided_as("red")[0]
    assert project.decided_as("red").images == 3
    assert second.name in {item.name for item in record.items}


def test_it_is_taken_back_beside_what_was_done_since(project: Project) -> None:
    decide(project, "red")
    words = project.vocabulary
    red = words.values[words.index("red")]
    pins = session_of(project, 0).pins == red
    said = {
        number: {region for region, v in session_of(project, number).state.verdicts.items()}
        for number in range(3)
    }
    record = project.remove_class("red", progress=False)
    assert record is not None
    project.choose(project.vocabulary.add("plum"))
    project.merge_classes("green", "blue")
    for item in list(project)[:3]:
        with project.session(item, by="Bob") as session:
            session.set_vocabulary(project.vocabulary, classify=False)
            session.assign(int(session.ids[1]), "plum")
    undone = project.undo_sheet(record, progress=False)
    assert undone.left == ()
    assert set(project.vocabulary.names) == {"red", "blue", "background", "plum"}
    for number in range(3):
        session = session_of(project, number)
        assert session.vocabulary.names == project.vocabulary.names
        now = {
            region: session.vocabulary.by_value(verdict.value).name
            for region, verdict in session.state.verdicts.items()
        }
        assert now == dict.fromkeys(said[number], "red") | {int(session.ids[1]): "plum"}
    np.testing.assert_array_equal(session_of(project, 0).pins == red, pins)
    assert project.part_classes("green", progress=False).left == ()


def test_stopped_in_between_the_class_stays_and_what_was_done_is_taken_back(
    project: Project,
) -> None:
    decide(project, "red")
    before = told(project)
    steps = project.remove_class_steps("red", by="Bob")
    for _ in range(3):
        next(steps)
    steps.close()
    assert "red" in project.vocabulary.names
    assert project.decided_as("red").images == 1
    (record,) = project.decided_sheets()
    assert len(record.items) == 2
    assert project.undo_sheet(record, progress=False).left == ()
    assert told(project) == before


def test_what_is_below_it_goes_up_and_comes_back(project: Project) -> None:
    words = project.vocabulary.add("colour", prompts=(), index=0)
    project.choose(words.with_parent("red", "colour").add("crimson", parent="red"))
    before = project.vocabulary
    decide(project, "red")
    record = project.remove_class("red", progress=False)
    assert project.vocabulary.path("crimson") == ("colour", "crimson")
    assert record is not None
    project.undo_sheet(record, progress=False)
    assert project.vocabulary == before


def test_what_cannot_be_is_said(project: Project) -> None:
    decide(project, "red")
    with pytest.raises(InputError, match="There is no class 'whale'"):
        project.remove_class("whale", progress=False)
    with pytest.raises(InputError, match="'red' is one class already"):
        project.remove_class("red", "red", progress=False)
    with Project.open(project.folder, read_only=True) as reader, pytest.raises(InputError):
        reader.remove_class("red", progress=False)
    assert project.decided_sheets() == []
    record = project.remove_class("red", progress=False)
    assert record is not None
    project.choose("red, green, blue, background: grass")  # it has its value again
    project.merge_classes("red", "blue")
    with pytest.raises(InputError, match="'red' came back and became 'blue' since; part it first"):
        project.undo_sheet(record, progress=False)
    project.part_classes("red", progress=False)
    assert project.undo_sheet(record, progress=False).left == ()
    assert project.decided_as("red").images == 3
    record = project.remove_class("red", progress=False)
    assert record is not None
    project.choose(project.vocabulary.rename("green", "Red"))
    with pytest.raises(InputError, match="There is another class 'red' by now"):
        project.undo_sheet(record, progress=False)
    for name in ("Red", "blue"):
        project.remove_class(name, progress=False)
    with pytest.raises(InputError, match="'background' is the last class"):
        project.remove_class("background", progress=False)


def test_a_damaged_record_is_passed_over(project: Project) -> None:
    decide(project, "red")
    record = project.remove_class("red", progress=False)
    path = project.folder / acts.SHEETS
    with path.open("ab") as file:
        for gone in (
            '{"place": -1, "class_": {}}',
            '{"place": 0, "class_": {"parent": "x"}}',
            "[]",
        ):
            line = f'{{"sheet": 9, "key": "x", "by": "", "at": 1.0, "made": null, "removed": {gone}}}\n'
            file.write(line.encode())
    assert project.decided_sheets() == [record]


@pytest.mark.parametrize("seed", range(3))
def test_whatever_is_done_decisions_are_as_a_model_has_them(seed: int, project: Project) -> None:
    """Deciding, removing and bringing back in any order: each region has the last word that holds."""
    dice = random.Random(seed)
    items = [item.name for item in project][:2]
    value_of = {class_.name: class_.value for class_ in project.vocabulary}
    said: dict[tuple[str, int], str] = {}
    removed: list[tuple[acts.DecidedSheet, dict[tuple[str, int], str]]] = []
    for step in range(24):
        names = list(project.vocabulary.names)
        kind = dice.choice(["decide", "decide", "remove", "back", "look"])
        if kind == "decide":
            with project.session(dice.choice(items), by="Ann") as session:
                name = dice.choice(names)
                if name not in session.vocabulary.names:
                    words = project.vocabulary
                    session.set_vocabulary(words, classify=False)
                free = [
                    region
                    for region in session.ids.tolist()
                    if not any(
                        (session_item(session, items, project), region) in each
                        for _, each in removed
                    )
                ]
                if free:
                    region = dice.choice(free)
                    session.assign(region, name)
                    said[session_item(session, items, project), region] = name
        elif kind == "remove" and len(names) > 2:
            name = dice.choice(names)
            record = project.remove_class(name, progress=False)
            assert record is not None
            assert record.left == (), step
            gone = {place: each for place, each in said.items() if each == name}
            assert record.regions == len(gone)
            said = {place: each for place, each in said.items() if each != name}
            removed.append((record, gone))
        elif kind == "back" and removed:
            record, gone = removed.pop(dice.randrange(len(removed)))
            undone = project.undo_sheet(record, progress=False)
            assert undone.left == (), step
            said |= gone
        found = {
            (item, region): verdict.value
            for item in items
            for region, verdict in read_session(project.folder_of(item)).state.verdicts.items()
        }
        assert found == {place: value_of[name] for place, name in said.items()}, step
        rows = project._index.rows("SELECT count(*) FROM regions WHERE state != ''")
        assert rows == [(len(said),)], step


def session_item(session: Session, items: list[str], project: Project) -> str:
    """Return the item that a session is of."""
    source = session.source
    assert source is not None
    return next(name for name in items if str(project.path_of(name)) == source.path)


def test_a_merging_is_followed_back_past_a_removal_that_was_taken_back(project: Project) -> None:
    decide(project, "green")
    item = project.items()[0]
    before = session_of(project, 0).labels
    red = project.vocabulary.value_of("red")
    assert (before == red).any()
    project.merge_classes("red", "blue")
    with project.session(item) as session:  # which takes it
        session.ignore(session.ids[1])
    record = project.remove_class("blue", progress=False)
    assert record is not None
    with project.session(item) as session:
        session.ignore(session.ids[2])
    assert project.undo_sheet(record, progress=False).left == ()
    assert [step.back for step in session_of(project, 0).history.done][-1]
    project.part_classes("red", progress=False)
    with project.session(item) as session:
        session.clear(session.ids[1:3].tolist())
        np.testing.assert_array_equal(session.labels == red, before == red)
