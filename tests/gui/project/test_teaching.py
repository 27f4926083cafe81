"""The lesson of a set before a person: switched, offered, applied, undone, and kept for the next image."""

from __future__ import annotations

import itertools
import shutil
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest
from numpy.typing import NDArray
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QPushButton

import napari_corrclip as nc
from napari_corrclip.annotation import Session
from napari_corrclip.demo.scenes import VALIDATION_SEED, generate_scene
from napari_corrclip.demo.world import COLORS, GROUNDS
from napari_corrclip.gui.canvas.schemes import Level
from napari_corrclip.gui.correct.naming import NewClassDialog
from napari_corrclip.gui.pages import Page
from napari_corrclip.gui.words.removal import RemovalDialog
from napari_corrclip.learning.store import LessonStore
from napari_corrclip.project.project import Project
from tests.gui.hand import choose, click_at, turn_to
from tests.gui.person import MINUTE, Person, answer
from tests.gui.project.opened import key, name_shown, shown
from tests.gui.seen import cut
from tests.gui.window import Window, settle

pytestmark = pytest.mark.canvas
TRUE_WORDS = (*COLORS, *GROUNDS)
WORDS = ["lawn" if word == "grass" else word for word in TRUE_WORDS]
"""The networks know no lawn."""
RECIPE = nc.Recipe(regions="superpixels")


@pytest.fixture(scope="module")
def truths() -> list[NDArray[np.integer]]:
    values = np.array([0, *range(1, len(WORDS) + 1)], np.uint16)
    return [values[generate_scene(seed).truth(TRUE_WORDS)] for seed in seeds()]


def seeds() -> list[int]:
    """Three scenes with much grass."""
    lawn = GROUNDS.index("grass")
    found = (
        seed
        for seed in itertools.count(VALIDATION_SEED + 200)
        if (generate_scene(seed).grounds == lawn).mean() > 0.2
    )
    return list(itertools.islice(found, 3))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("lesson")
    images = folder / "scenes"
    images.mkdir()
    for number, seed in enumerate(seeds()):
        iio.imwrite(images / f"scene {number}.png", generate_scene(seed).image)
    with Project.create(folder / "set", WORDS, images, recipe=RECIPE, copy=True) as project:
        project.run(progress=False)
        return project.folder


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / made.name))


def begin(person: Person, folder: Path, switch: str = "ask") -> Project:
    """Open the project, correct its first image, and turn the switch."""
    person.dock.open_project(str(folder))
    project = shown(person)
    person.qtbot.waitUntil(lambda: person.dock.workspace.session is not None, timeout=MINUTE)
    turn_to(person, Page.CORRECT)
    click_at(person, person.dock.correct.button)
    settle(person.viewer)
    choose(person.dock.projects.lesson.switch, switch)
    assert project.lesson.switch == switch
    return project


def decide(person: Person, truth: NDArray[np.integer], looks: int) -> None:
    """Say the truth of regions that the queue presents, by keys."""
    session = person.dock.session
    mode = person.dock.correct.mode
    assert mode is not None
    for _ in range(looks):
        if not mode.review.on:
            key(person, Qt.Key.Key_D)
        (region,) = mode.selection
        value = int(np.bincount(truth[session.regions == region]).argmax())
        if session.region(region).value == value:
            key(person, Qt.Key.Key_Return)
        elif value:
            session.assign(region, value)
            key(person, Qt.Key.Key_D)
        else:
            key(person, Qt.Key.Key_Backspace)


def wrong(session: Session, truth: NDArray[np.integer]) -> float:
    return float((session.labels != truth).mean())


def window(person: Person) -> Window:
    layers = person.dock.layers
    assert layers is not None
    seen = getattr(person.viewer, "__wrapped__", person.viewer)
    return Window(seen, person.dock.session, layers, [])


def test_what_was_learnt_is_offered_looked_at_applied_and_undone(
    person: Person, folder: Path, truths: list[NDArray[np.integer]]
) -> None:
    begin(person, folder)
    dock, session = person.dock, person.dock.session
    teaching, bar = dock.projects.teaching, dock.projects.lesson
    assert bar.apply_button.isHidden()
    before = session.labels.copy()
    steps = 0
    while teaching.offered is None:
        decide(person, truths[0], 1)
        steps += 1
        assert steps < 40
    assert steps % 5 == 0  # at a refresh alone
    decided = [row.id for row in session.rows() if row.verdict is not None]
    left = ~np.isin(session.regions, decided)
    np.testing.assert_array_equal(session.labels[left], before[left])
    offered = teaching.left_of_offer
    assert bar.apply_button.isVisible()
    assert bar.told.text().startswith(f"{len(offered)} of ")
    assert cut(dock) == []
    dock.correct.mode.select(())
    window(person).stand_out(offered, Level.OFFERED)

    click_at(person, bar.look_button)
    (region,) = dock.correct.mode.selection
    assert region in offered
    assert "by the lesson" in dock.status.text()
    key(person, Qt.Key.Key_Return)  # the networks are right, says the person
    assert region not in teaching.left_of_offer
    undecided = sum(row.verdict is None for row in session.rows())
    assert bar.told.toolTip().startswith(f"{len(offered) - 1} of {undecided} regions would change")

    verdicts = dict(session.state.verdicts)
    shows = session.labels.copy()
    click_at(person, bar.apply_button)
    person.agree()
    assert bar.apply_button.isHidden()
    assert "Learnt" in dock.status.text()
    assert session.state.verdicts == verdicts
    assert session.region(region).verdict is not None
    assert (session.labels != shows).any()
    assert session.history.done[-1].title.startswith("Learnt: ")
    key(person, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    np.testing.assert_array_equal(session.labels, shows)
    assert teaching.offered is None
    decide(person, truths[0], 1)
    assert teaching.offered is None  # nobody is asked again at once


def test_the_next_image_opens_nearer_to_the_truth_and_off_shows_the_networks_own(
    person: Person, folder: Path, truths: list[NDArray[np.integer]]
) -> None:
    project = begin(person, folder, "on")
    dock = person.dock
    decide(person, truths[0], 40)
    assert sum(step.teaches for step in dock.session.history.done) == 1
    key(person, Qt.Key.Key_PageDown)
    person.qtbot.waitUntil(lambda: name_shown(person) == "scene 1", timeout=MINUTE)
    shown(person)
    assert dock.projects.teaching.last is not None
    session = dock.session
    taught = wrong(session, truths[1])
    (step,) = session.history.done
    assert step.title.startswith("Learnt: ")
    assert "Learnt: " in dock.status.text()
    assert str(project.items()[1].state) == "pre-labelled"
    query = "SELECT id, value FROM regions WHERE item = ? ORDER BY id"
    known = project._index.rows(query, (project.items()[1].id,))
    table = session.table
    assert [tuple(row) for row in known] == list(
        zip(table["id"].tolist(), table["label"].tolist(), strict=True)
    )
    choose(dock.projects.lesson.switch, "off")
    person.agree()
    assert session.state.evidence.taught is None
    assert taught < 0.9 * wrong(session, truths[1])
    control, shift = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier
    key(person, Qt.Key.Key_Z, control)  # the switch says what is shown
    assert wrong(session, truths[1]) == taught
    assert dock.projects.lesson.switch.currentText() == project.lesson.switch == "ask"  # as before
    key(person, Qt.Key.Key_Z, control | shift)
    assert session.state.evidence.taught is None
    assert dock.projects.lesson.switch.currentText() == project.lesson.switch == "off"
    choose(dock.projects.lesson.switch, "on")
    assert wrong(session, truths[1]) == taught
    assert "Foretold" in dock.projects.lesson.told.text()
    assert "networks" in dock.projects.lesson.told.toolTip()
    person.agree()


def sittings(project: Project) -> list[tuple[str, int]]:
    (kept,) = (path for path in project.lesson.folder.iterdir() if path.is_dir())
    return [(sitting.image, len(sitting.looks)) for sitting in LessonStore(kept).sittings()]


def test_it_is_kept_when_the_image_is_left_and_when_the_window_is_closed(
    person: Person, folder: Path, truths: list[NDArray[np.integer]]
) -> None:
    project = begin(person, folder, "on")
    dock, (first, second, _) = person.dock, project.items()
    decide(person, truths[0], 7)
    ways = (Qt.Key.Key_PageDown, Qt.Key.Key_PageDown, Qt.Key.Key_PageUp)
    for number, way in zip((1, 2, 1), ways, strict=True):  # nothing is looked at in the third
        key(person, way)
        person.qtbot.waitUntil(lambda n=number: name_shown(person) == f"scene {n}", timeout=MINUTE)
        shown(person)
    ((image, looks),) = sittings(project)
    assert image == first.name
    assert 0 < looks <= 7
    decide(person, truths[1], 4)
    person.viewer.window.remove_dock_widget(dock)
    person.qtbot.waitUntil(lambda: dock.projects.review.project is None, timeout=MINUTE)
    with Project.open(folder) as again:
        assert [image for image, _ in sittings(again)] == [first.name, second.name]
        assert str(again.item(first).state) == "in review"


def test_what_was_decided_before_a_process_was_killed_counts_when_the_image_is_opened(
    person: Person, folder: Path, truths: list[NDArray[np.integer]]
) -> None:
    with Project.open(folder) as project, project.session(project.items()[0]) as before:
        for region in before.ids[::4].tolist():  # and it is in no sitting
            value = int(np.bincount(truths[0][before.regions == region]).argmax())
            before.assign(region, value or before.region(region).value)
        networks = wrong(before, truths[0])
    begin(person, folder, "on")
    assert person.dock.session.history.done[-1].title.startswith("Learnt: ")
    assert wrong(person.dock.session, truths[0]) < 0.9 * networks


def test_a_class_that_comes_or_moves_changes_no_region(
    person: Person, folder: Path, truths: list[NDArray[np.integer]]
) -> None:
    begin(person, folder, "on")
    dock, session = person.dock, person.dock.session
    decide(person, truths[0], 20)
    labels, told = session.labels.copy(), dock.projects.lesson.told.text()
    assert session.state.evidence.taught is not None
    assert "Foretold" in told
    dock.words.table.selectRow(2)
    click_at(person, dock.words.down_button)
    settle(person.viewer)
    assert session.vocabulary.names[3] == WORDS[2]
    np.testing.assert_array_equal(session.labels, labels)
    assert dock.projects.lesson.told.text() == told


def test_what_was_taken_back_does_not_come_again_at_once(
    person: Person, folder: Path, truths: list[NDArray[np.integer]]
) -> None:
    begin(person, folder, "on")
    session = person.dock.session
    while not session.history.done or not session.history.done[-1].teaches:
        decide(person, truths[0], 1)
        assert len(session.history.done) < 40
    key(person, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert session.state.evidence.taught is None
    for _ in range(3):
        key(person, Qt.Key.Key_D)
        assert session.state.evidence.taught is None
    decide(person, truths[0], 6)
    assert session.state.evidence.taught is not None


def test_an_image_that_is_verified_stays_as_it_is(
    person: Person, folder: Path, truths: list[NDArray[np.integer]]
) -> None:
    project = begin(person, folder, "on")
    second = project.items()[1]
    project.mark(second, "verified")
    decide(person, truths[0], 20)
    key(person, Qt.Key.Key_PageDown)
    person.qtbot.waitUntil(lambda: name_shown(person) == "scene 1", timeout=MINUTE)
    shown(person)
    assert not person.dock.session.history.done
    assert person.dock.projects.teaching.last is not None
    choose(person.dock.projects.lesson.switch, "off")
    choose(person.dock.projects.lesson.switch, "on")
    assert not person.dock.session.history.done
    assert str(project.item(second).state) == "verified"


def test_one_sees_what_taught_a_region_and_goes_there(
    person: Person, folder: Path, truths: list[NDArray[np.integer]]
) -> None:
    begin(person, folder, "on")
    dock, project = person.dock, person.dock.projects.review.project
    assert project is not None
    decide(person, truths[0], 12)
    key(person, Qt.Key.Key_PageDown)
    person.qtbot.waitUntil(lambda: name_shown(person) == "scene 1", timeout=MINUTE)
    shown(person)
    why = dock.projects.lesson.why_button
    assert not why.isEnabled()
    key(person, Qt.Key.Key_D)
    click_at(person, why)
    rows = dock.projects.teachers.rows
    person.qtbot.waitUntil(lambda: rows[0].isVisible(), timeout=MINUTE)
    assert [row.isVisible() for row in rows] == [True] * 3
    for row in rows:
        name, file, _ = row.text().splitlines()
        assert name in WORDS
        assert file == "scene 0.png"
        assert not row.icon().isNull()
    rows[0].window().grab().save(str(folder.parent / "teachers.png"))
    region = int(region_of(rows[0]))
    QTest.mouseClick(rows[0], Qt.MouseButton.LeftButton)
    person.qtbot.waitUntil(lambda: name_shown(person) == "scene 0", timeout=MINUTE)
    shown(person)
    assert dock.correct.mode is not None
    assert dock.correct.mode.selection == (region,)
    verdict = dock.session.region(region).verdict
    assert verdict is not None
    assert dock.session.vocabulary.by_value(verdict.value).name == rows[0].text().splitlines()[0]
    key(person, Qt.Key.Key_Y)  # by the key, within the image itself
    person.qtbot.waitUntil(lambda: f"region {region}." in dock.projects.teachers.text.text())


def region_of(row: QPushButton) -> str:
    return row.text().splitlines()[2].removeprefix("region ")


def test_a_class_is_made_of_examples_and_a_merged_one_stays_learnt(
    person: Person, folder: Path, truths: list[NDArray[np.integer]]
) -> None:
    project = begin(person, folder, "on")
    dock = person.dock
    decide(person, truths[0], 6)
    assert dock.correct.mode is not None
    examples = dock.session.ids[-2:].tolist()
    dock.correct.mode.select(examples)
    answer(NewClassDialog, lambda dialog: write_name(dialog, "type B"))
    click_at(person, dock.correct.new_button)
    session = dock.session
    made = session.vocabulary.by_value(session.region(examples[0]).value)
    assert (made.name, made.prompts) == ("type B", ())
    assert project.vocabulary.by_value(made.value) == made
    assert dock.words.vocabulary == session.vocabulary
    assert session.history.done[-1].title == "New class 'type B' from 2 regions"
    teaching = dock.projects.teaching
    person.qtbot.waitUntil(lambda: teaching.learning is not None and teaching.learning.fits)
    decide(person, truths[0], 5)
    assert teaching.last is not None

    for way, name in ((Qt.Key.Key_PageDown, "scene 1"), (Qt.Key.Key_PageUp, "scene 0")):
        key(person, way)
        person.qtbot.waitUntil(lambda name=name: name_shown(person) == name, timeout=MINUTE)
        shown(person)
    session = dock.session
    (store,) = project.lesson.stores()
    # What was asked for is noted once the image has it, and not before.
    dock.projects.words.merge(session, {made.value: session.vocabulary.values[0]})
    session.accept(session.ids[-3:].tolist())
    assert dict(store.lesson(session.vocabulary.values).merged) == {}

    other = session.vocabulary.names[0]
    answer(RemovalDialog, lambda dialog: give(dialog, made.value, other))
    dock.words.table.selectRow(len(session.vocabulary) - 1)
    QTest.keyClick(dock.words.table, Qt.Key.Key_Delete)
    person.wait()
    assert "type B" not in session.vocabulary.names
    assert session.region(examples[0]).value == session.vocabulary.values[0]
    assert dict(store.lesson(session.vocabulary.values).merged) == {
        made.value: session.vocabulary.values[0]
    }
    key(person, Qt.Key.Key_PageDown)
    person.qtbot.waitUntil(lambda: name_shown(person) == "scene 1", timeout=MINUTE)
    shown(person)
    assert dock.projects.teaching.learning is not None
    looks = [sitting.looks for sitting in store.sittings()]
    said = [
        (region, value)
        for rows in looks
        for region, value in zip(rows.ids.tolist(), rows.values.tolist(), strict=True)
    ]
    # What was said of the class that went is of the one that is left.
    left, merged = session.vocabulary.values[0], store.lesson(session.vocabulary.values).merged
    assert {merged.get(value, value) for region, value in said if region in examples} == {left}


def write_name(dialog: NewClassDialog, name: str) -> None:
    """Type a name, after one that another class has, and none."""
    for wrong, told in (("RED", "There is a class 'red'"), ("", "Type a name")):
        QTest.keyClicks(dialog.line, wrong)
        QTest.keyClick(dialog.line, Qt.Key.Key_Return)
        assert dialog.isVisible()
        assert dialog.told.text().startswith(told)
        dialog.line.clear()
    QTest.keyClicks(dialog.line, name)
    QTest.keyClick(dialog.line, Qt.Key.Key_Return)


def give(dialog: RemovalDialog, value: int, name: str) -> None:
    dialog.boxes[value].setCurrentText(name)
    dialog.accept()
