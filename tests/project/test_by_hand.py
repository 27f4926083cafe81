"""What a person says of an item while it is run, beside a session, or before a process is killed, stays."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import imageio.v3 as iio
import pytest

import napari_corrclip as nc
from napari_corrclip.annotation import Journal
from napari_corrclip.demo.scenes import generate_scene
from napari_corrclip.engine.segmenter import Segmenter
from napari_corrclip.errors import NotWrittenError
from napari_corrclip.progress import finish
from napari_corrclip.project import ledger
from napari_corrclip.project.folder import ITEM, RESULT, SESSION
from napari_corrclip.project.project import Project
from napari_corrclip.project.records import ItemRecord, ItemState
from napari_corrclip.project.reviewing import check_not_run_again, read_session, written
from napari_corrclip.project.run import Done, Event, Report
from tests.full_disk import files_of_at_most
from tests.project.small import WORDS

OTHERS = "red, green, background: wood"


@pytest.fixture
def labelled(project: Project, segmenter: Segmenter) -> Project:
    project.run(segmenter=segmenter, progress=False)
    return project


def written_down(project: Project, item: ItemRecord) -> dict[str, object]:
    """Return what lies in an item's folder of what became of it."""
    document = json.loads((project.folder_of(item) / ITEM).read_text())
    assert isinstance(document, dict)
    return document


def classes_of(project: Project, item: ItemRecord) -> list[str]:
    return list(project.result(item).vocabulary.names)


@pytest.mark.parametrize("part", [None, (1, 1)])
def test_a_run_leaves_what_is_skipped_meanwhile(
    project: Project, segmenter: Segmenter, part: tuple[int, int] | None
) -> None:
    last = project.items()[-1]

    def skip(event: Event[str, object]) -> None:
        if isinstance(event, Done) and project.item(last).state is not ItemState.SKIPPED:
            project.mark(last, "skipped", by="Ann")

    report = finish(project.run_steps(segmenter=segmenter, part=part), skip)
    assert report.skipped == (last.name,)
    if part is not None:
        project.collect(progress=False)
    item = project.item(last)
    assert (item.state, item.by, item.run) == (ItemState.SKIPPED, "Ann", None)
    assert written_down(project, last)["state"] == "skipped"
    assert [other.state for other in project.items()[:-1]] == [ItemState.PRELABELLED] * 2


@pytest.mark.parametrize("part", [None, (1, 1)])
def test_an_item_verified_unedited_keeps_its_labels(
    labelled: Project, segmenter: Segmenter, part: tuple[int, int] | None
) -> None:
    last = labelled.items()[-1]
    labelled.choose(OTHERS)
    steps = labelled.run_steps(segmenter=segmenter, stale=True, part=part)
    verified = False
    for event in steps:
        if isinstance(event, Done) and not verified:
            labelled.mark(last, "verified", by="Ann")
            verified = True
    assert verified
    assert classes_of(labelled, last) == ["red", "blue", "background"]
    if part is not None:
        labelled.collect(progress=False)
    assert labelled.item(last).state is ItemState.VERIFIED
    assert classes_of(labelled, labelled.items()[0]) == ["red", "green", "background"]
    assert not list(labelled.folder.glob("items/*/*.next"))


def test_an_item_that_fails_after_it_was_verified_stays_so(
    labelled: Project, images: Path, segmenter: Segmenter
) -> None:
    item = labelled.items()[0]
    before = written_down(labelled, item)
    labelled.choose(OTHERS)
    (images / "0.png").write_bytes(b"\x89PNG and no more")
    verified = False

    def verify(_: Event[str, object]) -> None:
        nonlocal verified
        if labelled.item(item).state is ItemState.RUNNING and not verified:
            labelled.mark(item, "verified", by="Ann")
            verified = True

    report: Report[str] = finish(labelled.run_steps(segmenter=segmenter, stale=True), verify)
    assert [name for name, _ in report.failed] == [item.name]
    found = labelled.item(item)
    assert (found.state, found.by, found.reason) == (ItemState.VERIFIED, "Ann", "")
    after = written_down(labelled, item)
    assert (after["state"], after["digest"], after["recipe"]) == (
        "verified",
        before["digest"],
        before["recipe"],
    )


@pytest.mark.parametrize("edited", [False, True])
def test_what_is_said_of_an_item_beside_its_session_stays(labelled: Project, edited: bool) -> None:
    item = labelled.items()[0]
    with labelled.session(item, by="Ann") as session:
        if edited:
            session.assign(session.ids[:1].tolist(), "red")
        labelled.mark(item, "verified", by="Ann")
    found = labelled.item(item)
    assert (found.state, found.by) == (ItemState.VERIFIED, "Ann")
    assert written_down(labelled, item)["state"] == "verified"
    assert found.regions is not None
    assert found.undecided == found.regions - edited


def test_a_look_changes_nothing_of_an_item(labelled: Project, images: Path) -> None:
    item = labelled.items()[0]
    with labelled.session(item, by="Ann"):
        assert labelled.item(item).state is ItemState.IN_REVIEW
    assert labelled.item(item) == item


def test_a_look_at_an_item_that_is_run_does_not_leave_it_running(
    labelled: Project, segmenter: Segmenter
) -> None:
    first = labelled.items()[0]
    labelled.choose(OTHERS)
    steps = labelled.run_steps(segmenter=segmenter, stale=True)
    while labelled.item(first).state is not ItemState.RUNNING:
        next(steps)
    with Project.open(labelled.folder) as beside, beside.session(first):
        finish(steps)
    assert labelled.item(first).state is ItemState.PRELABELLED
    assert classes_of(labelled, first) == ["red", "blue", "background"]


def test_a_run_that_is_stopped_leaves_states_and_reasons_as_they_were(
    labelled: Project, images: Path, segmenter: Segmenter
) -> None:
    iio.imwrite(images / "0.png", generate_scene(9).image[:60, :70])
    (images / "1.png").write_bytes(b"\x89PNG and no more")
    first, second, _ = labelled.items()
    for item in (first, second):
        labelled.mark(item, "new", by="Ann")
    labelled.run(segmenter=segmenter, progress=False)
    assert labelled.item(second).state is ItemState.FAILED
    labelled.mark(first, "new", by="Ann")
    for name in (first.name, second.name):
        item = labelled.item(name)
        steps = labelled.run_steps(segmenter=segmenter)
        for _ in steps:
            if labelled.item(item).state is ItemState.RUNNING:
                break
        steps.close()
        assert labelled.item(item) == item
        if item.state is ItemState.NEW:
            labelled.run(segmenter=segmenter, progress=False)
            assert labelled.item(item).state is ItemState.PRELABELLED


def test_what_a_killed_run_has_left_is_run_again(labelled: Project, segmenter: Segmenter) -> None:
    item = labelled.items()[0]
    with labelled._index.transaction():
        labelled._index.mark(item.id, ItemState.RUNNING)
    assert labelled.status().states[ItemState.NEW] == 1
    # It was killed when the result was there, and the index did not know of it yet.
    assert labelled.run(segmenter=segmenter, progress=False).done == ()
    assert (labelled.item(item).state, labelled.item(item).at) == (item.state, item.at)
    labelled.choose(OTHERS)  # before there was another one
    with labelled._index.transaction():
        labelled._index.mark(item.id, ItemState.RUNNING)
    assert labelled.run(segmenter=segmenter, progress=False).done == (item.name,)
    assert classes_of(labelled, item) == ["red", "green", "background"]


def test_an_edit_that_the_disk_refuses_is_told_and_not_in_the_index(labelled: Project) -> None:
    item = labelled.items()[0]
    with (
        pytest.raises(nc.InputError, match="cannot be written"),
        labelled.session(item, by="Ann") as session,
        files_of_at_most(0),
    ):
        session.assign(session.ids.tolist(), "red")
    found = labelled.item(item)
    assert (found.state, found.undecided) == (ItemState.PRELABELLED, found.regions)
    with labelled.session(item) as session:
        assert not any(row.verdict for row in session.rows())


def test_edits_that_the_index_never_heard_of_are_caught_up(
    labelled: Project, segmenter: Segmenter
) -> None:
    item, *_ = labelled.items()
    folder = labelled.folder_of(item)
    session = read_session(folder)
    with Journal(
        session, folder / SESSION
    ):  # by a process that is killed before it tells the index
        session.assign(session.ids.tolist(), "red")
    assert labelled.item(item).undecided == item.regions
    labelled.run(segmenter=segmenter, progress=False)
    found = labelled.item(item)
    assert (found.state, found.undecided) == (ItemState.IN_REVIEW, 0)
    assert written_down(labelled, item)["state"] == "in review"
    # What is verified later is not brought back by the same edits.
    labelled.mark(item, "verified", by="Ann")
    labelled.run(segmenter=segmenter, progress=False)
    assert labelled.item(item).state is ItemState.VERIFIED


@pytest.mark.parametrize("edited", [False, True])
def test_a_session_that_is_left_after_its_project_was_closed_loses_nothing(
    labelled: Project, edited: bool
) -> None:
    item, *_ = labelled.items()
    way = "Project.catch_up tells it: open the project" if edited else "counts as in review; open"

    def decide() -> None:
        with labelled.session(item, by="Ann") as session:
            if edited:
                session.assign(session.ids.tolist(), "red")
            labelled.close()

    with pytest.raises(nc.InputError, match=f"was closed before the session of .*0.png.*{way}"):
        decide()
    with Project.open(labelled.folder) as anew:
        found = anew.item(item.name)
        assert (found.state, found.undecided) == (ItemState.IN_REVIEW, item.regions)
        assert anew.catch_up() == edited
        found = anew.item(item.name)
        assert (found.by, found.undecided) == ("Ann", 0 if edited else item.regions)


def test_an_edit_that_the_disk_refuses_is_told_where_the_project_was_closed_too(
    labelled: Project,
) -> None:
    item, *_ = labelled.items()

    def decide() -> None:
        with labelled.session(item, by="Ann") as session:
            with files_of_at_most(0):
                session.assign(session.ids.tolist(), "red")
            labelled.close()

    with pytest.raises(nc.InputError, match="cannot be written"):
        decide()


def test_a_project_that_was_closed_says_so_whatever_it_is_asked(
    labelled: Project, images: Path, segmenter: Segmenter
) -> None:
    item, *_ = labelled.items()
    labelled.close()
    labelled.close()
    for ask in (
        lambda: labelled.vocabulary,
        lambda: labelled.items(),
        lambda: len(labelled),
        lambda: labelled.item(item),
        lambda: labelled.status(),
        lambda: labelled.figures(),
        lambda: labelled.list_items(),
        lambda: labelled.result(item),
        lambda: labelled.mark(item, "verified"),
        lambda: labelled.add(images),
        lambda: labelled.look_again(),
        lambda: labelled.choose("cat"),
        lambda: labelled.collect(progress=False),
        lambda: labelled.relabel(segmenter=segmenter, progress=False),
        lambda: labelled.run(segmenter=segmenter, progress=False),
        lambda: labelled.relink(images, images.parent),
        lambda: labelled.session(item).__enter__(),
    ):
        with pytest.raises(
            nc.InputError, match=r"project' was closed; open it again: Project\.open\."
        ):
            ask()


def test_who_opens_an_item_while_its_result_is_replaced_is_told(
    labelled: Project, segmenter: Segmenter
) -> None:
    item = labelled.items()[0]
    folder = labelled.folder_of(item)
    before = written(folder)
    check_not_run_again(item, folder, before)
    labelled.choose(OTHERS)
    labelled.run(segmenter=segmenter, stale=True, progress=False)
    with pytest.raises(nc.InputError, match="was run while it was opened; open it again"):
        check_not_run_again(item, folder, before)


def test_who_opens_an_item_at_the_last_moment_ends_no_run(
    labelled: Project, segmenter: Segmenter, monkeypatch: pytest.MonkeyPatch
) -> None:
    item = labelled.items()[0]
    with labelled.session(item):
        pass  # a look, which leaves a journal without steps
    labelled.choose(OTHERS)
    session = read_session(labelled.folder_of(item))
    opened: list[Journal] = []
    real = ledger.has_session

    def has_session(folder: Path) -> bool:
        """Open the session between the look whether somebody has and the way aside."""
        if folder.parent.name == item.name and not opened:
            opened.append(Journal(session, folder, replace=True))
        return real(folder)

    monkeypatch.setattr(ledger, "has_session", has_session)
    report = labelled.run(segmenter=segmenter, stale=True, progress=False)
    opened[0].close()
    assert report.skipped == (item.name,)
    assert len(report.done) == 2
    assert classes_of(labelled, item) == ["red", "blue", "background"]


def test_a_person_is_told_the_way_on_where_a_corrected_image_was_changed(
    labelled: Project, images: Path, segmenter: Segmenter
) -> None:
    item = labelled.items()[0]
    with labelled.session(item, by="Ann") as session:
        session.assign(session.ids[:1].tolist(), "red")
    iio.imwrite(images / "0.png", generate_scene(9).image[:60, :70])
    with pytest.raises(nc.InputError, match="was changed") as told, labelled.session(item):
        pass
    place = f"items/{item.name}/session"
    assert f"move {place!r} of the project away" in str(told.value)
    shutil.move(labelled.folder / place, labelled.folder.parent / "decided")
    labelled.mark(item, "new")
    assert labelled.run(segmenter=segmenter, progress=False).done == (item.name,)
    with labelled.session(item) as session:
        assert session.shape == (60, 70)


def test_a_disk_that_refuses_ends_a_run_of_large_images_too(images: Path, tmp_path: Path) -> None:
    recipe = nc.Recipe(
        regions="superpixels", region_options={"n_segments": 9}, scale=1.0, tile=64, overlap=8
    )
    with Project.create(tmp_path / "large", WORDS, images, recipe=recipe) as project:
        in_the_way = project.folder_of(project.items()[1])
        in_the_way.write_text("no folder can be made here")
        with pytest.raises(NotWrittenError, match="cannot be written"):
            project.run(progress=False)
        assert project.status().lines() == ["2 new", "1 pre-labelled"]
        in_the_way.unlink()
        assert len(project.run(progress=False).done) == 2


def test_a_part_is_refused_while_the_whole_is_run(project: Project, segmenter: Segmenter) -> None:
    steps = project.run_steps(segmenter=segmenter)
    next(steps)
    with pytest.raises(nc.InputError, match="Another run is at work"):
        project.run(part=(1, 2), progress=False)
    steps.close()
    assert project.run(segmenter=segmenter, part=(1, 1), progress=False).done


def test_what_a_killed_process_has_staged_is_in_nobodys_way(
    labelled: Project, segmenter: Segmenter
) -> None:
    item = labelled.items()[0]
    folder = labelled.folder_of(item)
    shutil.copytree(folder / RESULT, folder / "result.next")
    (folder / "vectors.next").write_bytes(b"half")
    labelled.choose(OTHERS)
    report = labelled.run(segmenter=segmenter, stale=True, progress=False)
    assert len(report.done) == 3
    assert not list(folder.glob("*.next"))
    assert classes_of(labelled, item) == ["red", "green", "background"]
    assert len(labelled.vectors(item)) == item.regions


def test_the_run_of_a_part_is_known_of_what_is_reviewed_before_it_is_collected(
    project: Project, images: Path, segmenter: Segmenter
) -> None:
    project.run(segmenter=segmenter, part=(1, 1), progress=False)
    first, second, _ = project.items()
    with project.session(first, by="Ann") as session:
        session.assign(session.ids[:1].tolist(), "red")
    project.mark(second, "verified", by="Ann")
    for item in (first, second):
        found = project.item(item)
        assert (found.run is not None, bool(found.digest)) == (True, True)
        assert written_down(project, item)["digest"] == found.digest
    assert project.collect(progress=False) == 1
    assert [item.state for item in project] == [
        ItemState.IN_REVIEW, ItemState.VERIFIED, ItemState.PRELABELLED,
    ]  # fmt: skip
    project.choose(OTHERS)
    assert sum(project.status().stale.values()) == 3
    iio.imwrite(images / "0.png", generate_scene(9).image[:60, :70])
    with pytest.raises(nc.InputError, match="was changed"), project.session(first):
        pass


def test_a_look_that_brought_the_classes_of_the_set_is_no_decision(
    labelled: Project, segmenter: Segmenter
) -> None:
    first, second, _ = labelled.items()
    labelled.choose(OTHERS)
    for item in (first, second):
        folder = labelled.folder_of(item)
        session = read_session(folder)
        with Journal(session, folder / SESSION):  # as a window does
            session.set_vocabulary(labelled.vocabulary)
            if item == second:
                session.assign(session.ids[:1].tolist(), "green")
    report = labelled.run(segmenter=segmenter, stale=True, progress=False)
    assert first.name in report.done
    assert labelled.item(second).state is ItemState.IN_REVIEW
    assert classes_of(labelled, second) == ["red", "blue", "background"]
