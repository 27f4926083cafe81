"""Reviewers, and a run, beside each other: what is said last is what sessions, the index and folders have."""

from __future__ import annotations

import random
import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import napari_corrclip as nc
from napari_corrclip.annotation import Journal, Session
from napari_corrclip.annotation.files.log import is_open
from napari_corrclip.engine.segmenter import Segmenter
from napari_corrclip.project import reviewing
from napari_corrclip.project.content import Content
from napari_corrclip.project.folder import SESSION, Outcome
from napari_corrclip.project.index import Index
from napari_corrclip.project.project import Project
from napari_corrclip.project.records import ItemRecord, ItemState
from napari_corrclip.project.reviewing import read_session
from tests.project.small import RECIPE, WORDS, write_scenes

CLASSES = ("red", "blue", "background")
ACTS = 12


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, segmenter: Segmenter) -> Path:
    """A folder of five scenes, and of a project of them that was run."""
    place = tmp_path_factory.mktemp("made")
    (place / "images").mkdir()
    write_scenes(place / "images", 5, 40, 44)
    with Project.create(place / "set", WORDS, place / "images", recipe=RECIPE) as project:
        project.run(segmenter=segmenter, progress=False)
    return place


@pytest.fixture
def labelled(made: Path, tmp_path: Path) -> Iterator[Project]:
    shutil.copytree(made, tmp_path / "copy")
    with Project.open(tmp_path / "copy" / "set") as project:
        yield project


@pytest.fixture
def beside(labelled: Project) -> Iterator[Project]:
    """The same one, opened by somebody else."""
    with Project.open(labelled.folder) as opened:
        yield opened


def decide(project: Project, item: ItemRecord | str, region: int, by: str) -> None:
    with project.session(item, by=by) as session:
        session.assign(region, "red")


def said_of(project: Project, item: ItemRecord | str) -> dict[int, tuple[str, str]]:
    """Return by region which class somebody has decided, and who, as the index has it."""
    rows = project._index.rows(
        "SELECT id, value, by FROM regions WHERE item = ? AND state = 'assigned'",
        (project.item(item).id,),
    )
    return {region: (project.vocabulary.by_value(value).name, by) for region, value, by in rows}


def test_random_edits_beside_a_run_lose_nothing(labelled: Project, segmenter: Segmenter) -> None:
    project, names = labelled, [item.name for item in labelled]
    journal: dict[tuple[str, int], tuple[str, str]] = {}
    problems: list[BaseException] = []
    over = threading.Event()
    ran = 0

    def run() -> None:
        nonlocal ran
        with Project.open(project.folder) as own:
            while not over.is_set():
                own.choose(f"{WORDS}, {'sand' if ran % 2 else 'stone'}")
                report = own.run(segmenter=segmenter, stale=True, progress=False)
                assert report.failed == ()
                ran += 1

    def review(by: str, dice: random.Random) -> None:
        with Project.open(project.folder) as own:
            acts = 0
            while acts < ACTS:
                name = dice.choice(names[: 1 + acts // 3])  # some are run till the end
                try:
                    with own.session(name, by=by) as session:
                        for region in dice.sample(session.ids.tolist(), 2):
                            class_ = dice.choice(CLASSES)
                            session.assign(region, class_)
                            before = journal.get((name, region), ("", ""))
                            # Who says once more what was said is not the one who has decided it.
                            who = before[1] if before[0] == class_ else by
                            journal[name, region] = class_, who
                        time.sleep(dice.random() / 100)
                    acts += 1
                except nc.InputError as error:
                    if not any(told in str(error) for told in ("is open already", "open it again")):
                        raise

    def guarded(work: object, *given: object) -> None:
        try:
            work(*given)  # type: ignore[operator]
        except BaseException as error:
            problems.append(error)

    people = [
        threading.Thread(target=guarded, args=(review, by, random.Random(number)))
        for number, by in enumerate(("Ann", "Bob"))
    ]
    runner = threading.Thread(target=guarded, args=(run,))
    for thread in (runner, *people):
        thread.start()
    for thread in people:
        thread.join()
    over.set()
    runner.join()
    assert problems == []
    assert ran
    for name in names:
        mine = {region: said for (of, region), said in journal.items() if of == name}
        assert said_of(project, name) == mine
        state = ItemState.IN_REVIEW if mine else ItemState.PRELABELLED
        assert project.item(name).state is state
        if mine:
            session = read_session(project.folder_of(name))
            names_of = {class_.value: class_.name for class_ in session.vocabulary}
            shown = {row.id: names_of[row.value] for row in session.rows() if row.verdict}
            assert shown == {region: class_ for region, (class_, _) in mine.items()}


def test_who_decides_nothing_leaves_the_state_that_somebody_brought_just_before(
    labelled: Project, beside: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    item = labelled.items()[0]

    def late(folder: Path) -> tuple[int, int] | None:
        monkeypatch.undo()
        decide(beside, item, 1, "Bob")
        return reviewing.written(folder)

    monkeypatch.setattr(reviewing, "written", late)
    with labelled.session(item, by="Ann"):
        pass
    assert labelled.item(item).state is ItemState.IN_REVIEW


def test_what_is_said_while_a_session_ends_stays(
    labelled: Project, beside: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    item, real = labelled.items()[0], reviewing.decides

    def decides(session: Session) -> bool:
        beside.mark(item, "verified", by="Bob")
        return real(session)

    monkeypatch.setattr(reviewing, "decides", decides)
    decide(labelled, item, 1, "Ann")
    found = labelled.item(item)
    assert (found.state, found.by) == (ItemState.VERIFIED, "Bob")
    assert said_of(labelled, item) == {1: ("red", "Ann")}


def test_nobody_has_a_session_before_the_index_was_told_of_it(
    labelled: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    item, real, told = labelled.items()[0], Index.take_regions, list[bool]()

    def take_regions(self: Index, *given: object, **more: object) -> None:
        told.append(is_open(labelled.folder_of(item) / SESSION))
        real(self, *given, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(Index, "take_regions", take_regions)
    decide(labelled, item, 1, "Ann")
    assert told == [True]


def test_what_is_decided_while_others_are_caught_up_stays(
    labelled: Project, beside: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    item, real = labelled.items()[0], reviewing._decides_more
    session = read_session(labelled.folder_of(item))
    with Journal(session, labelled.folder_of(item) / SESSION):  # by a process that is killed then
        session.assign(1, "red")

    def decides_more(index: Index, record: ItemRecord, read: Session) -> bool:
        decide(beside, item, 2, "Bob")
        return real(index, record, read)

    monkeypatch.setattr(reviewing, "_decides_more", decides_more)
    assert labelled.catch_up() == 0
    assert said_of(labelled, item).keys() == {1, 2}


def test_what_is_decided_while_parts_are_collected_stays(
    labelled: Project, beside: Project, segmenter: Segmenter, monkeypatch: pytest.MonkeyPatch
) -> None:
    item, real = labelled.items()[0], Content.read
    labelled.choose(f"{WORDS}, stone")
    labelled.run(segmenter=segmenter, stale=True, part=(1, 1), progress=False)

    def read(folder: Path, outcome: Outcome) -> Content:
        found = real(folder, outcome)
        if folder.name == item.name:
            monkeypatch.setattr(Content, "read", real)
            decide(beside, item, 2, "Bob")
        return found

    monkeypatch.setattr(Content, "read", read)
    assert labelled.collect(progress=False) == 4
    assert labelled.item(item).state is ItemState.IN_REVIEW
    assert said_of(labelled, item) == {2: ("red", "Bob")}


def test_who_opens_what_somebody_else_has_just_left_is_told_so(
    labelled: Project, beside: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    item, real = labelled.items()[0], reviewing.read_session
    for number in (1, 2):  # first there is no session, and then one

        def read(*given: object, number: int = number) -> Session:
            monkeypatch.setattr(reviewing, "read_session", real)
            found = real(*given)  # type: ignore[arg-type]
            decide(beside, item, number, "Bob")
            return found

        monkeypatch.setattr(reviewing, "read_session", read)
        with pytest.raises(nc.InputError, match=r"by somebody else just before; open it again\."):
            decide(labelled, item, 3, "Ann")
    assert said_of(labelled, item).keys() == {1, 2}
    with (
        beside.session(item),
        pytest.raises(nc.InputError, match="is open already"),
        labelled.session(item),
    ):
        pass


def test_who_marks_many_items_holds_nobody_up(
    labelled: Project, beside: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that is safe on the disk takes milliseconds, and a writer that waits gives up in seconds."""
    real, first = Outcome.write, labelled.items()[0]

    def write(self: Outcome, *given: Any) -> None:
        assert not labelled._index._connection.in_transaction
        real(self, *given)

    monkeypatch.setattr(Outcome, "write", write)
    assert labelled.mark_all(labelled.items(), "verified", by="Ann") == 5
    monkeypatch.undo()

    def meanwhile(self: Outcome, *given: Any) -> None:
        real(self, *given)
        monkeypatch.undo()
        beside.mark(first, "in review", by="Bob")

    monkeypatch.setattr(Outcome, "write", meanwhile)
    labelled.mark_all(labelled.items(), "skipped", by="Ann")
    assert {(item.state, item.by) for item in labelled} == {(ItemState.SKIPPED, "Ann")}
    for item in labelled:
        folder = labelled.folder_of(item)
        assert Outcome.read(folder).at == item.at
        assert not list(folder.glob("*.marked"))


def test_an_item_without_a_result_has_no_session(project: Project) -> None:
    with (
        pytest.raises(nc.InputError, match=r"0\.png' has no result; run it first\."),
        project.session(project.items()[0]),
    ):
        pass
