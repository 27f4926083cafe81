"""Decisions on a sheet: in the sessions of their images, in the lesson, in the index; and exactly back."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import napari_corrclip as nc
from napari_corrclip.annotation import Session
from napari_corrclip.progress import finish
from napari_corrclip.project.folder import SESSION, is_corrected
from napari_corrclip.project.project import Project
from napari_corrclip.project.records import ItemState
from napari_corrclip.project.reviewing import read_session
from napari_corrclip.project.sheet import acts
from napari_corrclip.project.sheet.listing import SheetFilter
from napari_corrclip.project.sheet.regions import SheetRegion
from napari_corrclip.project.vectors import VECTORS

FIRST, SECOND = "../images/0.png", "../images/1.png"


def page(project: Project, size: int = 24) -> list[SheetRegion]:
    return project.read_regions(project.sheet(SheetFilter(page=size), progress=False).page(0))


def some_of(project: Project, each: int = 4) -> list[SheetRegion]:
    """Return so many regions of each image."""
    found: list[SheetRegion] = []
    for item in project:
        places = [(item.id, region) for region in range(1, each + 1)]
        found += project.read_regions(places)
    return found


def decide(project: Project, decisions: Any, **more: Any) -> acts.DecidedSheet:
    return project.decide(decisions, by="Ann", progress=False, **more)


def session_of(project: Project, title: str) -> Session:
    return read_session(project.folder_of(title))


def rows_of(project: Project) -> list[tuple[Any, ...]]:
    """Return all that the index says of items and regions, but for when an item was looked at last."""
    regions = project._index.rows("SELECT * FROM regions ORDER BY item, id")
    items = "id, name, path, state, reason, by, run, regions, undecided, least, gain"
    return [*regions, *project._index.rows(f"SELECT {items} FROM items ORDER BY id")]


def looks(project: Project) -> list[tuple[str, int, int]]:
    """Return what the lesson was taught: image, region, class."""
    return sorted(
        (sitting.image, int(region), int(value))
        for store in project.lesson.stores()
        for sitting in store.sittings()
        for region, value in zip(sitting.looks.ids, sitting.looks.values, strict=True)
    )


def test_each_image_gets_one_step_and_the_lesson_every_verdict(project: Project) -> None:
    project.lesson.switch = "off"
    shown = some_of(project)
    wood = project.vocabulary.values[project.vocabulary.index("wood")]
    decisions: dict[Any, Any] = dict.fromkeys(shown)
    wrong, left_out = shown[1], shown[6]
    decisions |= {wrong: "wood", left_out: 0}
    record = decide(project, decisions)
    assert (record.number, record.by, record.left, record.regions) == (1, "Ann", (), len(shown))
    assert [item.name for item in record.items] == [item.name for item in project]
    for item in project:
        session = session_of(project, item.name)
        assert [step.title for step in session.history.done] == ["Sheet 1: 4 regions decided"]
        assert item.state is ItemState.IN_REVIEW
        for region in (each for each in shown if each.item.id == item.id):
            verdict = session.region(region.region).verdict
            assert verdict is not None
            expected = {wrong: ("assigned", wood), left_out: ("ignored", 0)}.get(
                region, ("accepted", region.value)
            )
            assert (verdict.kind, verdict.value, verdict.looked) == (*expected, True)
        session.undo()
        assert all(row.verdict is None for row in session.rows())
    now = project.read_regions(each.place for each in shown)
    assert {each.by for each in now} == {"Ann"}
    assert now[1].name == "wood"
    taught = looks(project)
    assert (wrong.item.name, wrong.region, wood) in taught
    assert len(taught) == len(shown) - 1  # what is left out teaches nothing
    # Said again, nothing is done; and what was decided is on no sheet of undecided regions.
    assert decide(project, dict.fromkeys(now)).items == ()
    sheet = project.sheet(progress=False)
    assert set(sheet.between(0, len(sheet))).isdisjoint(each.place for each in shown)


def test_pairs_values_and_classes_are_understood_and_others_refused(project: Project) -> None:
    words = project.vocabulary
    first = project.item(FIRST)
    record = decide(
        project,
        {
            (FIRST, 1): words.values[2],
            (first, 2): words.by_value(words.values[3]),
            (first.id, 3): None,
        },
    )
    assert [region.value for region in record.items[0].regions][:2] == [*words.values[2:4]]
    for wrong in ({(FIRST, 1): "horse"}, {(FIRST, 1): 999}, {(999, 1): None}, {("x", 1): None}, {}):
        with pytest.raises(nc.InputError):
            decide(project, wrong)
    assert len(project.decided_sheets()) == 1
    told = decide(project, {(FIRST, 999): None, (SECOND, 1): None})
    assert told.left == (f"{first.title}: region 999 is not there any more.",)
    assert len(told.items) == 1
    with (
        Project.open(project.folder, read_only=True) as only,
        pytest.raises(nc.InputError, match="read-only"),
    ):
        decide(only, {(FIRST, 5): None})


def test_what_is_not_as_it_was_looked_at_is_left(project: Project) -> None:
    shown = some_of(project, 3)
    one_of, merged, other = (each for each in shown if each.item.path == FIRST)
    with project.session(FIRST, by="Bob") as session:
        another = next(value for value in session.vocabulary.values if value != one_of.value)
        session.assign(one_of.region, another)
        near = [
            region
            for region in session.state.adjacency.neighbours(merged.region)
            if region not in (one_of.region, other.region)
        ]
        session.merge([merged.region, near[0]])
    record = decide(project, dict.fromkeys(shown))
    assert len(record.left) == 2
    assert all("look" in why for why in record.left)
    assert record.regions == len(shown) - 2
    assert session_of(project, FIRST).region(one_of.region).value == another


def test_who_gives_a_class_need_not_know_what_the_networks_show_by_now(project: Project) -> None:
    first, second, third = some_of(project, 1)[:3]
    other = next(value for value in project.vocabulary.values if value != first.value)
    shown = [replace(each, value=other, name="") for each in (first, second, third)]
    record = decide(project, {shown[0]: None, shown[1]: first.value, shown[2]: 0})
    assert record.left == (
        f"{first.item.title}: region {first.region} is not as it was looked at; look again.",
    )
    now = project.read_regions([first.place, second.place, third.place])
    assert [each.state for each in now] == ["", "assigned", "ignored"]
    # But what somebody else has decided meanwhile is theirs.
    with project.session(second.item, by="Bob") as session:
        session.assign(second.region, other)
    assert len(decide(project, {now[1]: first.value}).left) == 1


def test_who_has_an_image_open_keeps_it_and_none_of_the_rest_is_lost(project: Project) -> None:
    shown = some_of(project)
    project.lesson.switch = "off"
    before = rows_of(project)
    with Project.open(project.folder) as other, other.session(SECOND, by="Bob") as open_session:
        record = decide(project, dict.fromkeys(shown))
        assert len(record.items) == len(project) - 1
        assert len(record.left) == 1
        assert "is open already" in record.left[0]
        assert open_session.history.done == []
    gone = project.item("../images/3.png")
    path = project.path_of(gone)
    path.rename(path.with_suffix(".away"))
    undone = project.undo_sheet(record, progress=False)
    assert len(undone.items) == len(project) - 2
    assert "is gone" in undone.left[0]
    path.with_suffix(".away").rename(path)
    assert project.undo_sheet(record, progress=False).items == (gone.name,)
    assert rows_of(project) == before


@pytest.mark.parametrize("switch", ["off", "on"])
def test_a_sheet_is_taken_back_exactly_after_a_restart(project: Project, switch: Any) -> None:
    project.lesson.switch = "off"
    shown = some_of(project, 6)
    with project.session(FIRST, by="Bob") as session:
        session.assign(shown[0].region, "sand")
        session.ignore(shown[1].region)
    shown = project.read_regions(each.place for each in shown)
    before, labels = rows_of(project), [session_of(project, item.name).labels for item in project]
    project.lesson.switch = switch
    decisions: dict[Any, Any] = dict.fromkeys(shown)
    decisions |= {shown[0]: "wood", shown[1]: "wood", shown[7]: "grass"}
    record = decide(project, decisions)
    assert rows_of(project) != before
    project.close()
    with Project.open(project.folder) as again:
        assert again.decided_sheets() == [record]
        undone = again.undo_sheet(again.decided_sheets()[0], by="Cid", progress=False)
        assert (undone.left, undone.regions) == ((), record.regions)
        # The lesson knows what Bob had said, and nothing of the sheet.
        assert [each[1] for each in looks(again)] == [shown[0].region]
        assert rows_of(again) == before
        for item, former in zip(again, labels, strict=True):
            np.testing.assert_array_equal(session_of(again, item.name).labels, former)
        verdicts = {item.path: session_of(again, item.name).state.verdicts for item in again}
        assert {path: len(said) for path, said in verdicts.items() if said} == {FIRST: 2}
        assert [again.item(path).state for path in verdicts] == [
            ItemState.IN_REVIEW, *[ItemState.PRELABELLED] * 3,
        ]  # fmt: skip
        assert again.decided_sheets()[0].undone
        with pytest.raises(nc.InputError, match="taken back already"):
            again.undo_sheet(record, progress=False)


def test_an_edit_since_keeps_its_image_and_another_region_does_not(project: Project) -> None:
    project.lesson.switch = "off"
    shown = some_of(project)
    record = decide(project, dict.fromkeys(shown))
    with project.session(FIRST) as session:
        session.assign(shown[0].region, "wood")
    with project.session(SECOND) as session:
        session.assign(10, "wood")  # which was on no sheet
    second = decide(project, {("../images/2.png", 9): "wood"})
    undone = project.undo_sheet(record, progress=False)
    assert len(undone.left) == 1
    assert "was edited since" in undone.left[0]
    assert len(undone.items) == len(project) - 1
    assert set(session_of(project, SECOND).state.verdicts) == {10}
    assert set(session_of(project, "../images/2.png").state.verdicts) == {9}
    assert len(session_of(project, FIRST).state.verdicts) == 4
    assert not project.decided_sheets()[0].undone  # the rest of it can be
    # Undone in the image itself, there is nothing to take back.
    with project.session("../images/2.png") as session:
        while session.undo():
            pass
    told = project.undo_sheet(second, progress=False)
    assert "was undone in the image" in told.left[0]


def test_the_lesson_shows_what_it_learnt_where_its_switch_is_on(project: Project) -> None:
    """The last two images are one scene: what is said of all of one's regions is known of the other."""
    third, fourth = project.items()[2:]
    of_third = project.read_regions(
        (third.id, region) for region in range(1, (third.regions or 0) + 1)
    )
    decide(project, {each: "wood" if each.name != "wood" else "stone" for each in of_third})
    (asked,) = project.read_regions([(fourth.id, 1)])
    shown = session_of(project, fourth.name)
    values = [row.predicted for row in shown.rows()]
    decide(project, {asked: "stone"})
    now = session_of(project, fourth.name)
    changed = sum(a.predicted != b for a, b in zip(now.rows(), values, strict=True))
    assert changed > len(values) // 3
    assert now.provenance.lesson
    after = project.read_regions((fourth.id, row.id) for row in now.rows())
    assert [each.value for each in after] == [row.value for row in now.rows()]
    # Without vectors nothing is taught, and all is decided.
    second = project.item(SECOND)
    (project.folder_of(second) / VECTORS).unlink()
    before = looks(project)
    assert decide(project, {(second, 1): "stone"}).regions == 1
    assert looks(project) == before


def test_an_open_session_is_decided_where_it_is(project: Project) -> None:
    shown = some_of(project)
    with project.session(FIRST, by="Ann") as session:
        heard: list[str] = []
        session.recorded.connect(lambda kind, step: heard.append(f"{kind} {step.title}"))
        opened = {project.item(FIRST).name: session}
        first = [each for each in shown if each.item.path == FIRST]
        begun = decide(project, dict.fromkeys(first), opened=opened)
        record = decide(
            project, dict.fromkeys(each for each in shown if each not in first), to=begun
        )
        assert heard == ["do Sheet 1: 4 regions decided"]
        assert record.number == begun.number
        assert len(record.items) == len(project)
        assert record.regions == len(shown)
        undone = project.undo_sheet(record, opened=opened, progress=False)
        assert undone.left == ()
        assert heard[-1] == "undo Sheet 1: 4 regions decided"
        assert session.state.verdicts == {}


def test_examples_make_a_class_of_the_set_and_take_it_back(project: Project) -> None:
    before = project.vocabulary
    shown = some_of(project, 2)
    record = project.new_class("hedge", shown, by="Ann", progress=False)
    words = project.vocabulary
    assert words.names == (*before.names, "hedge")
    assert words.classes[-1].prompts == ()
    now = project.read_regions(each.place for each in shown)
    assert {(each.name, each.state) for each in now} == {("hedge", "assigned")}
    for item in project:
        assert session_of(project, item.name).vocabulary.names == words.names
    with pytest.raises(nc.InputError, match="hedge"):
        project.new_class("hedge", shown, progress=False)
    with pytest.raises(nc.InputError, match="at least one"):
        project.new_class("lawn", [], progress=False)
    assert project.vocabulary == words
    project.undo_sheet(record, progress=False)
    assert project.vocabulary.names == before.names
    assert {each.state for each in project.read_regions(each.place for each in shown)} == {""}
    # Where somebody gave it to another region meanwhile, it stays.
    record = project.new_class("lawn", shown, progress=False)
    with project.session(FIRST) as session:
        session.assign(9, "lawn")
    project.undo_sheet(record, progress=False)
    assert "lawn" in project.vocabulary.names


KILLED = """
import os, signal, sys
from napari_corrclip.project.project import Project
with Project.open(sys.argv[1]) as project:
    places = [(item.id, region) for item in project for region in range(1, 5)]
    shown = project.read_regions(places)
    steps = project.decide_steps(dict.fromkeys(shown), by="Ann")
    for _ in range(int(sys.argv[2])):
        next(steps)
    {how}
"""
IN_BETWEEN = "os.kill(os.getpid(), signal.SIGKILL)"
IN_THE_MIDDLE = """
    from napari_corrclip.project.index import Index
    def take_regions(*_, **__):
        os.kill(os.getpid(), signal.SIGKILL)
    Index.take_regions = take_regions  # the journal has it, and the index not yet
    next(steps)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
@pytest.mark.parametrize(("how", "decided"), [(IN_BETWEEN, 2), (IN_THE_MIDDLE, 3)])
def test_killed_an_image_is_decided_or_not(project: Project, how: str, decided: int) -> None:
    project.lesson.switch = "off"
    before = rows_of(project)
    project.close()
    script = KILLED.replace("{how}", how.strip())
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    ended = subprocess.run(
        [sys.executable, "-c", script, str(project.folder), "3"], env=environment, check=False
    )
    assert ended.returncode == -signal.SIGKILL
    with Project.open(project.folder) as again:
        again.catch_up()
        folders = [again.folder_of(item) for item in again]
        assert [is_corrected(folder) for folder in folders] == [at < decided for at in range(4)]
        for folder in folders[:decided]:
            assert len(read_session(folder).state.verdicts) == 4
        (record,) = again.decided_sheets()
        assert [item.name for item in record.items] == [item.name for item in again][:decided]
        undone = again.undo_sheet(record, progress=False)
        assert undone.left == ()
        assert rows_of(again) == before


def test_a_cut_or_foreign_line_is_passed_over(project: Project) -> None:
    record = decide(project, dict.fromkeys(some_of(project, 1)))
    path = project.folder / acts.SHEETS
    whole = path.read_bytes()
    foreign = [
        b"no json", b"[1]", b'{"sheet": -1, "by": "", "at": 0.0, "made": null}',
        b'{"sheet": 9, "item": "x", "state": "new", "by": "", "at": 1.0, "regions": []}',
        b'{"sheet": 1, "item": "x", "state": "gone", "by": "", "at": 1.0, "regions": []}',
        b'{"sheet": 1, "item": "x", "state": "new", "by": "", "at": 1.0, "regions": [[1, 2]]}',
        b"\xff\xfe", whole.splitlines()[1][:40],
    ]  # fmt: skip
    path.write_bytes(whole + b"\n".join(foreign))
    assert project.decided_sheets() == [record]
    second = decide(project, {(FIRST, 7): "wood"})
    assert project.decided_sheets() == [record, second]
    assert json.loads(path.read_bytes().splitlines()[-1])["sheet"] == second.number == 2


def test_what_was_decided_is_read_on_and_not_again(project: Project) -> None:
    first = decide(project, dict.fromkeys(some_of(project, 1)))
    (read,) = project.decided_sheets()
    assert read == first
    project.decided_sheets().clear()  # which is the caller's own
    assert project.decided_sheets()[0] is read
    second = decide(project, {(FIRST, 7): "wood"})
    again, other = project.decided_sheets()
    assert (again, other) == (first, second)
    assert again is read
    project.undo_sheet(second, progress=False)
    again, other = project.decided_sheets()
    assert again is read
    assert (other.undone, other.items) == (True, ())
    # Another file in its place is read, too, though it is as large.
    path = project.folder / acts.SHEETS
    new = path.with_suffix(".new")
    whole = path.read_bytes()
    assert b'"sheet": 2' in whole
    new.write_bytes(whole.replace(b'"sheet": 2', b'"sheet": 3'))
    os.utime(new, ns=(path.stat().st_atime_ns, path.stat().st_mtime_ns))
    new.replace(path)
    assert [each.number for each in project.decided_sheets()] == [1, 3]
    path.unlink()
    assert project.decided_sheets() == []


@pytest.mark.parametrize("seed", range(3))
def test_sheets_edits_and_ways_back_agree_with_a_slow_model(project: Project, seed: int) -> None:
    """Whatever is decided and taken back in whatever order, each region is as the last word says."""
    project.lesson.switch = "off"
    dice = np.random.default_rng(seed)
    places = [(item.id, region) for item in project.items()[:2] for region in range(1, 7)]
    values = [0, *project.vocabulary.values]
    predicted = {each.place: each.value for each in project.read_regions(places)}
    said: dict[tuple[int, int], list[tuple[int, str, int]]] = {place: [] for place in places}
    sheets: list[acts.DecidedSheet] = []
    for turn in range(14):
        if sheets and dice.random() < 0.4:
            sheet = sheets.pop(int(dice.integers(len(sheets))))
            undone = project.undo_sheet(sheet, progress=False)
            numbers = {item.name: item.id for item in project}
            for item in sheet.items:
                mine = [(numbers[item.name], region.region) for region in item.regions]
                back = all(said[place][-1][0] == sheet.number for place in mine)
                assert (item.name in undone.items) == back
                for place in mine if back else ():
                    said[place].pop()
        else:
            chosen = [places[at] for at in dice.choice(len(places), 4, replace=False)]
            answers = {
                place: None if dice.random() < 0.4 else int(dice.choice(values)) for place in chosen
            }
            shown = {each.place: each for each in project.read_regions(chosen)}
            sheet = decide(project, {shown[place]: answer for place, answer in answers.items()})
            sheets.append(sheet)
            assert sheet.left == (), turn
            for place, answer in answers.items():
                last = said[place][-1][1:] if said[place] else ("", 0)
                verdict = ("ignored", 0) if answer == 0 else ("assigned", answer)
                if answer is None:
                    verdict = last if last[0] else ("accepted", predicted[place])
                if verdict != last:
                    said[place].append((sheet.number, *verdict))
        for each in project.read_regions(places):
            expected = said[each.place][-1][1:] if said[each.place] else ("", predicted[each.place])
            assert (each.state, each.value) == expected
        for item in project.items()[:2]:
            kept = {
                place[1]: said[place][-1][1:]
                for place in places
                if place[0] == item.id and said[place]
            }
            now = session_of(project, item.name).state.verdicts
            assert {
                region: (verdict.kind, verdict.value) for region, verdict in now.items()
            } == kept


def test_a_class_of_which_nothing_became_an_example_goes_again(project: Project) -> None:
    names = project.vocabulary.names
    with pytest.raises(nc.InputError, match="is the number of no region"):
        project.new_class("lawn", [(FIRST, 1), (FIRST, "2")], progress=False)  # type: ignore[list-item]
    assert project.vocabulary.names == names
    with Project.open(project.folder) as other, other.session(FIRST):
        made = project.new_class("lawn", [(FIRST, 1)], progress=False)
    assert (made.regions, len(made.left)) == (0, 1)
    assert project.vocabulary.names == names
    made = project.new_class("lawn", [(FIRST, 1)], progress=False)
    assert (made.regions, made.left) == (1, ())
    assert project.vocabulary.names == (*names, "lawn")


def test_nothing_is_driven_that_nobody_drives(project: Project) -> None:
    steps = project.decide_steps(dict.fromkeys(some_of(project)), by="Ann")
    next(steps)
    next(steps)
    steps.close()
    corrected = [is_corrected(project.folder_of(item)) for item in project]
    assert corrected == [True, False, False, False]
    assert not (project.folder_of(SECOND) / SESSION).exists()
    (record,) = project.decided_sheets()
    assert finish(project.undo_sheet_steps(record)).regions == 4


def test_what_is_no_argument_is_refused_before_anything_is_begun(project: Project) -> None:
    for wrong in ((FIRST, 1.5), (FIRST, "1"), (True, 1), (FIRST,), FIRST, 3):
        with pytest.raises(nc.InputError, match="give"):
            decide(project, {wrong: None})
    for answer in (1.0, True, b"wood", (1,)):
        with pytest.raises(nc.InputError, match="is no class; give its name or its label value"):
            decide(project, {(FIRST, 1): answer})
    with pytest.raises(nc.InputError, match="Who decides is None; give a name"):
        project.decide({(FIRST, 1): None}, by=None, progress=False)  # type: ignore[arg-type]
    for place in ("x", "ab", 3, (1,), (1, "2"), (1, 2.0)):
        with pytest.raises(nc.InputError, match="is the place of no region; give the number of"):
            project.read_regions([place])  # type: ignore[list-item]
    refused: list[tuple[Callable[[], object], str]] = [
        (lambda: project.decide(None), "None says not what is decided"),  # type: ignore[arg-type]
        (lambda: project.decide([(FIRST, 1)]), "says not what is decided"),  # type: ignore[arg-type]
        (lambda: project.undo_sheet(3), "3 is no sheet"),  # type: ignore[arg-type]
        (lambda: project.sheet("red"), "'red' says not which regions are wanted"),  # type: ignore[arg-type]
        (lambda: project.new_class("q", None), "No region is chosen"),  # type: ignore[arg-type]
        (lambda: project.figures(roll_up=5), "5 says not what is rolled up to"),  # type: ignore[arg-type]
        (lambda: SheetFilter(page="24"), "A page of '24' regions"),  # type: ignore[arg-type]
        (lambda: SheetFilter(states=5), "There is no state of an image 5"),  # type: ignore[arg-type]
        (lambda: SheetFilter(like=5), "look like 5 were asked for"),  # type: ignore[arg-type]
        (lambda: project.remove_class("wood", by=None), "Who decides is None"),  # type: ignore[arg-type]
        (lambda: project.merge_classes("wood", "sand", by=3), "Who decides is 3"),  # type: ignore[arg-type]
        (lambda: project.mark(FIRST, "verified", by=3), "Who decides is 3"),  # type: ignore[arg-type]
    ]
    for call, why in refused:
        with pytest.raises(nc.InputError, match=why):
            call()
    assert SheetFilter(page=np.int64(12)).page == 12
    assert project.decided_sheets() == []
    # Numbers of NumPy's are numbers.
    first = project.items()[0]
    value = np.int64(project.vocabulary.values[1])
    assert decide(project, {(np.int64(first.id), np.uint16(1)): value}).regions == 1
    (region,) = project.read_regions([(np.int64(first.id), np.int32(1))])  # type: ignore[list-item]
    assert (region.value, region.state) == (value, "assigned")
    assert project.read_regions([region]) == [region]
