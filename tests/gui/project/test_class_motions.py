"""Classes of a project in motion, by mouse and keys: removed everywhere, merged, parted, brought back."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import imageio.v3 as iio
import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QApplication, QLabel

from napari_corrclip.annotation import Session
from napari_corrclip.demo.scenes import generate_scene
from napari_corrclip.gui.pages import Page
from napari_corrclip.gui.words.merging import AgainDialog, MergeDialog
from napari_corrclip.gui.words.removal import TAKE_BACK, RemovalDialog
from napari_corrclip.project.project import Project
from napari_corrclip.project.reviewing import read_session
from tests.gui.gates import at_stage
from tests.gui.hand import choose, click_at, turn_to
from tests.gui.menus import ask, press, row_of
from tests.gui.person import MINUTE, Person, answer
from tests.gui.project.opened import name_shown, prelabelled, shown
from tests.gui.project.reviewer import SCENE, go_to

pytestmark = pytest.mark.canvas


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project of two scenes that was run, with three decisions on the second one as red."""
    folder = tmp_path_factory.mktemp("motions") / "scenes"
    folder.mkdir()
    for number in range(2):
        iio.imwrite(folder / f"scene {number}.png", generate_scene(number).image[:96, :128])
    made = prelabelled(folder)
    with Project.open(made) as project, project.session(SCENE.format(1), by="Ann") as session:
        session.assign(session.ids[:3].tolist(), "red")
    return made


@pytest.fixture
def project(person: Person, run: Path, tmp_path: Path) -> Project:
    """The project, open, with two decisions on the first image as red, too."""
    shutil.copytree(run.parent, tmp_path / "motions")
    person.dock.open_project(str(tmp_path / "motions" / run.name))
    found = shown(person)
    person.qtbot.waitUntil(lambda: name_shown(person) == "scene 0", timeout=MINUTE)
    turn_to(person, Page.CORRECT)
    session = person.dock.session
    session.assign(session.ids[:2].tolist(), "red")
    return found


def idle(person: Person) -> None:
    """Wait until nothing is at work on the classes."""
    dock = person.dock
    person.qtbot.waitUntil(
        lambda: not dock.motions.running and not dock.controller.running, timeout=MINUTE
    )


def replying(to: str | None, told: list[str], press_: str = "Remove") -> Callable[..., None]:
    """Return what a person does in a question: reads it, chooses by keys, and presses a button."""

    def reply(dialog: RemovalDialog | MergeDialog | AgainDialog) -> None:
        boxes = dialog.boxes.values() if isinstance(dialog, RemovalDialog) else [dialog.box]
        (box,) = boxes
        told.extend(label.text() for label in dialog.findChildren(QLabel))
        told.append(box.currentText())
        if to is not None:
            choose(box, to)
        press(dialog, press_)

    return reply


def remove(person: Person, *names: str) -> None:
    person.dock.words.table.select([row_of(person, name) for name in names])
    click_at(person, person.dock.words.remove_button)


def taking_back(titles: list[str]) -> Callable[[RemovalDialog], None]:
    """Return what a person does in questions who takes everything back; what they are called is noted."""

    def reply(dialog: RemovalDialog) -> None:
        titles.append(dialog.windowTitle())
        for box in dialog.boxes.values():
            choose(box, TAKE_BACK)
        answer(RemovalDialog, reply)  # were there another one
        press(dialog, "Remove")

    return reply


def elsewhere(project: Project, number: int = 1) -> Session:
    """Return the session of an image as it is on the disk."""
    return read_session(project.folder_of(SCENE.format(number)))


def decided(session: Session) -> list[str]:
    names = {class_.value: class_.name for class_ in session.vocabulary}
    return [names[verdict.value] for _, verdict in sorted(session.state.verdicts.items())]


def test_a_removed_class_is_asked_about_for_all_images_and_comes_back(
    person: Person, project: Project
) -> None:
    session, told = person.dock.session, list[str]()
    words, shares = project.vocabulary, session.labels.copy()
    answer(RemovalDialog, replying(None, told, "Cancel"))
    remove(person, "red")
    assert told[0] == "5 regions on 2 images were decided as 'red'. Give them to:"
    assert told[-1] == TAKE_BACK
    assert person.dock.words.vocabulary == words
    assert project.vocabulary == words
    assert decided(session) == ["red", "red"]
    answer(RemovalDialog, replying(TAKE_BACK, told))
    remove(person, "red")
    idle(person)
    assert project.vocabulary.names == ("green", "blue")
    assert person.dock.words.vocabulary == project.vocabulary
    told_last = "Removed 'red'; 5 regions on 2 images are undecided again."
    assert person.dock.status.text() == told_last
    assert session.history.done[-1].title == "Sheet 1: class 'red' removed, 2 regions undecided"
    assert decided(session) == decided(elsewhere(project)) == []
    assert "red" not in elsewhere(project).vocabulary.names
    assert project.decided_as("green").regions == 0
    # By keys alone it is there again, on both.
    answer(AgainDialog, replying("red", told, "Bring back"))
    ask(person, "green", "Bring back…", by_key=True)
    person.qtbot.waitUntil(lambda: "red" in project.vocabulary.names, timeout=MINUTE)
    idle(person)
    assert project.vocabulary == words
    assert decided(session) == ["red"] * 2
    assert decided(elsewhere(project)) == ["red"] * 3
    assert (session.labels == shares).all()
    assert person.dock.words.vocabulary == words
    assert person.dock.status.text() == "'red' is a class again, with 5 regions."


def test_the_parent_is_chosen_first_and_takes_it_on_all_images(
    person: Person, project: Project
) -> None:
    person.type("colour > red")
    idle(person)
    person.qtbot.waitUntil(lambda: "colour" in project.vocabulary.names, timeout=MINUTE)
    project.mark(SCENE.format(1), "verified", by="Ann")
    session, told = person.dock.session, list[str]()
    person.dock.projects.review.keep()
    steps = len(session.history.done)
    who = "SELECT id, by, state FROM regions WHERE state != '' ORDER BY item, id"
    before = project._index.rows(who)
    answer(RemovalDialog, replying(None, told))
    remove(person, "red")
    idle(person)
    assert told[-1] == "colour"
    assert project.merged_classes() == {"red": "colour"}
    assert project.vocabulary.classes[project.vocabulary.index("colour")].prompts == ()
    assert len(session.history.done) == steps + 1
    assert decided(session) == ["colour", "colour"]
    assert "'red' became 'colour' on all images. Part again…" in person.dock.status.text()
    assert decided(elsewhere(project)) == ["red"] * 3  # it follows when it is opened
    person.dock.projects.review.keep()
    assert project._index.rows(who) == before
    go_to(person, 1)
    assert decided(person.dock.session) == ["colour"] * 3
    assert str(project.item(SCENE.format(1)).state) == "verified"
    go_to(person, 0, Qt.Key.Key_PageUp)
    answer(AgainDialog, replying("red, which became colour", told, "Part again"))
    ask(person, "blue", "Part again…")
    person.qtbot.waitUntil(lambda: "red" in project.vocabulary.names, timeout=MINUTE)
    idle(person)
    assert person.dock.status.text() == "'red' is a class again on all images."
    assert decided(person.dock.session) == ["red", "red"]
    assert decided(elsewhere(project)) == ["red"] * 3
    assert project._index.rows(who) == before
    assert str(project.item(SCENE.format(1)).state) == "verified"


def test_a_class_is_merged_by_keys_on_all_images(person: Person, project: Project) -> None:
    session, told = person.dock.session, list[str]()
    answer(MergeDialog, replying("blue", told, "Merge"))
    ask(person, "red", "Merge into…", by_key=True)
    person.qtbot.waitUntil(lambda: "red" not in project.vocabulary.names, timeout=MINUTE)
    assert "5 regions on 2 images were decided as 'red'." in told[1]
    assert project.vocabulary.classes[-1].prompts == ("blue", "red")
    assert decided(session) == ["blue", "blue"]
    assert session.vocabulary == project.vocabulary
    assert "Merged 'red' into 'blue' on all images. Part again…" in person.dock.status.text()
    QApplication.processEvents()
    # Undone on this image it stays in the set, which is said.
    person.press(person.dock.correct.undo_button)
    person.qtbot.waitUntil(
        lambda: "Undone on this image alone; Part again…" in person.dock.status.text(),
        timeout=MINUTE,
    )
    assert project.merged_classes() == {"red": "blue"}


def test_an_image_that_is_open_elsewhere_is_told_and_keeps_the_class(
    person: Person, project: Project
) -> None:
    told: list[str] = []
    with Project.open(project.folder) as other, other.session(SCENE.format(1), by="Bob"):
        answer(RemovalDialog, replying(TAKE_BACK, told))
        remove(person, "red")
        idle(person)
        assert "red" in project.vocabulary.names
        text = person.dock.status.text()
        assert "'red' stays as long as regions have it; remove it again." in text
        assert "scene 1.png" in text
        assert "is open already" in text
    assert decided(person.dock.session) == []
    assert decided(elsewhere(project)) == ["red"] * 3


def test_what_nobody_decided_goes_without_a_question(person: Person, project: Project) -> None:
    remove(person, "green")
    person.qtbot.waitUntil(lambda: "green" not in project.vocabulary.names, timeout=MINUTE)
    idle(person)
    assert "green" not in person.dock.session.vocabulary.names


def with_green(person: Person, project: Project) -> Session:
    """Decide two more regions on each image as green; return the session of that which is open."""
    with Project.open(project.folder) as other, other.session(SCENE.format(1), by="Ann") as session:
        session.assign(session.ids[3:5].tolist(), "green")
    found = person.dock.session
    found.assign(found.ids[2:4].tolist(), "green")
    return found


def bring_back(person: Person, project: Project, name: str) -> None:
    answer(AgainDialog, replying(name, [], "Bring back"))
    ask(person, "blue", "Bring back…")
    person.qtbot.waitUntil(lambda: name in project.vocabulary.names, timeout=MINUTE)
    idle(person)


def test_two_classes_go_at_once_with_one_question_and_come_back_one_by_one(
    person: Person, project: Project
) -> None:
    session, titles = with_green(person, project), list[str]()
    answer(RemovalDialog, taking_back(titles))
    remove(person, "red", "green")
    idle(person)
    assert titles == ["Remove 2 classes"]
    assert project.vocabulary.names == session.vocabulary.names == ("blue",)
    assert decided(session) == decided(elsewhere(project)) == []
    bring_back(person, project, "green")
    assert decided(session) == ["green"] * 2
    assert decided(elsewhere(project)) == ["green"] * 2
    bring_back(person, project, "red")
    assert sorted(decided(session)) == ["green"] * 2 + ["red"] * 2
    assert sorted(decided(elsewhere(project))) == ["green"] * 2 + ["red"] * 3


def test_a_class_that_waits_to_go_goes_from_its_own_project(
    person: Person, project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session, titles = with_green(person, project), list[str]()
    person.dock.projects.review.keep()
    shutil.copytree(project.folder.parent, tmp_path / "other")
    folder, other = project.folder, tmp_path / "other" / project.folder.name
    gate = at_stage(monkeypatch, "take back")
    answer(RemovalDialog, taking_back(titles))
    remove(person, "red")
    person.qtbot.waitUntil(gate.reached, timeout=MINUTE)
    # While that is on its way to the other image, green is gone from this one, and nothing asks again.
    remove(person, "green")
    assert titles == ["Remove 'red'", "Remove 'green'"]
    assert decided(session) == []
    person.dock.open_project(str(other))
    now = shown(person)
    assert now.folder == other
    gate.open()
    idle(person)
    assert (
        person.dock.status.text() == "Removed 'green'; 4 regions on 2 images are undecided again."
    )
    assert now.vocabulary.names == ("red", "green", "blue")
    assert now.decided_as("green").images == now.decided_as("red").images == 2
    with Project.open(folder) as former:
        assert former.vocabulary.names == ("blue",)
        assert list(former.removed_classes()) == ["red", "green"]
        for number in range(2):
            assert decided(elsewhere(former, number)) == []


def test_an_image_that_cannot_be_asked_again_is_told_though_the_class_is_gone(
    person: Person, project: Project
) -> None:
    with Project.open(project.folder) as other, other.session(SCENE.format(1), by="Ann") as session:
        session.clear(session.ids[:3].tolist())
    gone = project.path_of(project.item(SCENE.format(1)))
    gone.unlink()
    answer(RemovalDialog, taking_back([]))
    remove(person, "red")
    idle(person)
    assert "red" not in project.vocabulary.names
    told = person.dock.status.text()
    assert told.startswith(
        "Removed 'red'; 2 regions on 1 image are undecided again. Left as it was:"
    )
    assert "scene 1.png" in told
    assert "is gone" in told


def test_a_class_that_is_back_was_decided_by_those_who_had_in_the_open_image_too(
    person: Person, project: Project
) -> None:
    go_to(person, 1)
    project.mark(SCENE.format(1), "verified", by="Ann")
    rows = "SELECT item, id, state, value, by, at FROM regions WHERE state != '' ORDER BY item, id"
    before, item = project._index.rows(rows), project.item(SCENE.format(1))
    assert [row[4] for row in before if row[0] == item.id] == ["Ann"] * 3
    answer(RemovalDialog, taking_back([]))
    remove(person, "red")
    idle(person)
    assert str(project.item(SCENE.format(1)).state) == "in review"
    bring_back(person, project, "red")
    assert decided(person.dock.session) == ["red"] * 3
    assert project._index.rows(rows) == before
    now = project.item(SCENE.format(1))
    assert (now.state, now.by, now.at) == (item.state, item.by, item.at)


def test_an_image_that_was_left_at_parting_keeps_who_decided_when_it_is_corrected_next(
    person: Person, project: Project
) -> None:
    who = "SELECT id, value, by, at FROM regions WHERE item = ? AND state != '' ORDER BY id"
    place = (project.item(SCENE.format(1)).id,)
    before = project._index.rows(who, place)
    answer(MergeDialog, replying("blue", [], "Merge"))
    ask(person, "red", "Merge into…")
    person.qtbot.waitUntil(lambda: "red" not in project.vocabulary.names, timeout=MINUTE)
    go_to(person, 1)  # which takes it
    session = person.dock.session
    assert decided(session) == ["blue"] * 3
    session.assign(int(session.ids[4]), "green")
    person.dock.projects.review.keep()
    go_to(person, 0, Qt.Key.Key_PageUp)
    image = project.path_of(project.item(SCENE.format(1)))
    image.rename(image.with_suffix(".away"))
    answer(AgainDialog, replying("red, which became blue", [], "Part again"))
    ask(person, "blue", "Part again…")
    person.qtbot.waitUntil(lambda: "red" in project.vocabulary.names, timeout=MINUTE)
    idle(person)
    assert "Left as it was: " in person.dock.status.text()
    image.with_suffix(".away").rename(image)
    go_to(person, 1)
    session = person.dock.session
    assert sorted(decided(session)) == ["green", *["red"] * 3]
    session.assign(int(session.ids[5]), "green")
    person.dock.projects.review.keep()
    found = project._index.rows(who, place)
    assert found[:3] == before
    assert all(by != "Ann" for _, _, by, _ in found[3:])


def test_classes_that_are_on_their_way_go_though_the_dock_is_closed(
    person: Person, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second one has gone from the open image already, and waits to go from the other."""
    with_green(person, project)
    gate = at_stage(monkeypatch, "take back")
    answer(RemovalDialog, taking_back([]))
    remove(person, "red")
    person.qtbot.waitUntil(gate.reached, timeout=MINUTE)
    remove(person, "green")
    threading.Timer(0.5, gate.open).start()
    person.dock.cleanup()
    with Project.open(project.folder, read_only=True) as left:
        assert left.vocabulary.names == ("blue",)
        assert list(left.removed_classes()) == ["red", "green"]
        for number in range(2):
            assert decided(elsewhere(left, number)) == []


def test_a_class_that_cannot_go_at_the_end_is_in_the_log(
    person: Person,
    project: Project,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    gate = at_stage(monkeypatch, "take back")
    answer(RemovalDialog, taking_back([]))
    with Project.open(project.folder) as other, other.session(SCENE.format(1), by="Ann"):
        remove(person, "red")
        person.qtbot.waitUntil(gate.reached, timeout=MINUTE)
        threading.Timer(0.5, gate.open).start()
        person.dock.cleanup()
    (told,) = (record.getMessage() for record in caplog.records)
    assert told.startswith("'red' stays as long as regions have it; remove it again. Left as it")


def test_what_nobody_foresaw_is_told_and_what_waits_goes_on(
    person: Person, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_green(person, project)
    real, told = Project.remove_class_steps, list[str]()

    def breaks(found: Project, name: str, **how: Any) -> object:
        if name == "red" and threading.current_thread() is not threading.main_thread():
            raise OSError("the disk is on fire")
        return real(found, name, **how)

    monkeypatch.setattr(Project, "remove_class_steps", breaks)
    person.dock.motions.changed.connect(lambda: told.append(person.dock.status.text()))
    answer(RemovalDialog, taking_back([]))
    remove(person, "red", "green")
    idle(person)
    assert any("(the disk is on fire); please report it." in text for text in told)
    assert project.vocabulary.names == ("red", "blue")
    assert decided(elsewhere(project)) == ["red"] * 3
