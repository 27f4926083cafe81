"""What asks the networks about an image of a project: it is encoded in the background, and told so."""

from __future__ import annotations

import gc
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import imageio.v3 as iio
import numpy as np
import pytest
from qtpy.QtCore import QPoint, Qt
from qtpy.QtTest import QTest

import napari_corrclip as nc
from napari_corrclip.annotation.encoded_cache import FEATURES
from napari_corrclip.engine.encoded_image import annotate_steps
from napari_corrclip.engine.segmenter import Segmenter
from napari_corrclip.gui.canvas.outlines import CUT
from napari_corrclip.gui.pages import Page
from napari_corrclip.gui.work.said import Kind
from napari_corrclip.progress import finish
from napari_corrclip.project.project import Project
from tests.gui.gates import Gate, at_stage
from tests.gui.hand import click_at, turn_to, write
from tests.gui.person import MINUTE, Person
from tests.gui.project.opened import (
    SUPERPIXELS,
    key,
    name_shown,
    prelabelled,
    shown,
    states,
)
from tests.gui.window import Window

pytestmark = pytest.mark.canvas
SAM = nc.Recipe(region_options={"points_per_side": 8})
GO_ON = "assign, accept, merge and paint go on."


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A place at which the encoding is held, when its first block is done."""
    gate = at_stage(monkeypatch, "windows")
    yield gate
    gate.open()


def opened(person: Person, images: Path, recipe: nc.Recipe = SUPERPIXELS) -> Project:
    """Open a project that was run, and correct its first image."""
    person.dock.open_project(str(prelabelled(images, recipe)))
    project = shown(person)
    person.qtbot.waitUntil(lambda: name_shown(person) == "scene 0", timeout=MINUTE)
    turn_to(person, Page.CORRECT)
    click_at(person, person.dock.correct.button)
    assert person.dock.session.engine is None
    return project


def window_of(person: Person) -> Window:
    assert person.dock.layers is not None
    return Window(person.viewer, person.dock.session, person.dock.layers, [])


def selected(person: Person) -> tuple[int, ...]:
    assert person.dock.correct.mode is not None
    return person.dock.correct.mode.selection


def inside(person: Person, region: int) -> tuple[int, int]:
    """A pixel of a region: of those nearest to its middle."""
    rows, columns = np.nonzero(person.dock.session.regions == region)
    at = np.argmin(np.hypot(rows - rows.mean(), columns - columns.mean()))
    return int(rows[at]), int(columns[at])


def click(
    person: Person, at: tuple[int, int], button: Qt.MouseButton = Qt.MouseButton.LeftButton
) -> None:
    window = window_of(person)
    window.settle()
    where: QPoint = window.at(*at)
    QTest.mouseMove(window.canvas, where)
    QTest.mouseClick(window.canvas, button, pos=where)


def encoded(person: Person) -> None:
    """Wait until nothing is encoded or looked for any more."""
    person.qtbot.waitUntil(
        lambda: not person.dock.controller.running and person.dock.session.engine is not None,
        timeout=MINUTE,
    )


def with_networks(images: Path, recipe: nc.Recipe, words: str = "red, green, blue") -> nc.Session:
    """The session that the first image has where it never was without networks."""
    image = iio.imread(images / "scene 0.png")
    return finish(annotate_steps(Segmenter.from_recipe(recipe), image, words))


def test_similar_regions_come_when_the_image_is_encoded(
    person: Person, images: Path, gate: Gate
) -> None:
    dock, qtbot = person.dock, person.qtbot
    project = opened(person, images)
    session = dock.session
    first, other = session.ids[[5, 20]].tolist()
    click(person, inside(person, first))
    assert selected(person) == (first,)
    key(person, Qt.Key.Key_F)
    assert dock.status.text() == f"Encoding this image for similar regions; {GO_ON}"
    qtbot.waitUntil(gate.reached, timeout=MINUTE)
    assert dock.bar.cancel_button.isVisible()
    assert dock.bar.text() != ""
    # What a person does meanwhile is as ever; then the selection is again what they asked about.
    click(person, inside(person, other))
    key(person, Qt.Key.Key_2)
    assert session.region(other).verdict is not None
    click(person, inside(person, first))
    by_colours = session.similar(first, 5)
    gate.open()
    encoded(person)
    expected = with_networks(images, SUPERPIXELS)
    expected.assign(other, "green")
    like = expected.similar(first, 5)
    assert like != by_colours
    assert list(selected(person)) == [first, *like]
    assert dock.status.text() == "6 regions are selected, 5 of them for likeness."
    person.agree()
    # The next one is there at once.
    key(person, Qt.Key.Key_Escape)
    click(person, inside(person, like[0]))
    key(person, Qt.Key.Key_F)
    assert len(selected(person)) == 6
    assert not dock.controller.running
    # What vectors are projected from is kept of what was decided, of both towers.
    key(person, Qt.Key.Key_PageDown)
    qtbot.waitUntil(lambda: name_shown(person) == "scene 1", timeout=MINUTE)
    means = project.means(project.items()[0])
    assert means.ids.tolist() == means.similarity_ids.tolist() == [other]


def test_somebody_who_has_gone_on_keeps_their_selection(
    person: Person, images: Path, gate: Gate
) -> None:
    dock = person.dock
    project = opened(person, images)
    first, other = dock.session.ids[[5, 20]].tolist()
    click(person, inside(person, first))
    key(person, Qt.Key.Key_F)
    click(person, inside(person, other))
    gate.open()
    encoded(person)
    assert selected(person) == (other,)
    assert dock.status.text().startswith("This image is encoded: ")
    assert dock.status.said.kind is Kind.DONE
    # To look is not to decide.
    key(person, Qt.Key.Key_PageDown)
    person.qtbot.waitUntil(lambda: name_shown(person) == "scene 1", timeout=MINUTE)
    assert states(project)[0] == "pre-labelled"
    with pytest.raises(nc.InputError, match="no means"):
        project.means(project.items()[0])


def test_a_new_word_is_there_at_once_and_its_labels_follow(
    person: Person, images: Path, gate: Gate
) -> None:
    dock, qtbot = person.dock, person.qtbot
    project = opened(person, images)
    session = dock.session
    write(person, dock.words.line, "wood")
    assert session.vocabulary.names == ("red", "green", "blue", "wood")
    assert project.vocabulary == session.vocabulary
    assert dock.status.text() == f"Encoding this image for the new classes; {GO_ON}"
    qtbot.waitUntil(gate.reached, timeout=MINUTE)
    # It can be assigned at once; another word joins the one that is looked for.
    region = int(session.ids[7])
    click(person, inside(person, region))
    key(person, Qt.Key.Key_4)
    write(person, dock.words.line, "stone")
    assert len(gate.came) == 1
    gate.open()
    encoded(person)
    qtbot.waitUntil(lambda: not session.provisional, timeout=MINUTE)
    expected = with_networks(images, SUPERPIXELS, "red, green, blue, wood, stone")
    expected.assign(region, "wood")
    np.testing.assert_array_equal(session.labels, expected.labels)
    assert dock.status.text() == (
        "Labelled by 5 classes. Run on the page Images looks for them in the others."
    )
    person.agree()
    # Words and labels are one step each, and what was decided between them is another.
    titles = [step.title for step in session.history.done]
    assert titles == [
        "Change the vocabulary to 4 classes",
        "Assign 1 region to 'wood'",
        "Change the vocabulary to 5 classes",
    ]
    window_of(person).undo()
    person.wait()
    expected = with_networks(images, SUPERPIXELS, "red, green, blue, wood")
    expected.assign(region, "wood")
    np.testing.assert_array_equal(session.labels, expected.labels)
    qtbot.waitUntil(lambda: states(project)[0] == "in review", timeout=MINUTE)
    # All of it is on the disk, as another process reads it.
    labels = session.labels.copy()
    key(person, Qt.Key.Key_PageDown)
    qtbot.waitUntil(lambda: name_shown(person) == "scene 1", timeout=MINUTE)
    with project.session(project.items()[0]) as again:
        np.testing.assert_array_equal(again.labels, labels)


def test_a_split_is_by_edges_until_sam_can_be_asked(
    person: Person, images: Path, gate: Gate
) -> None:
    dock, qtbot = person.dock, person.qtbot
    opened(person, images, SAM)
    session = dock.session
    ids = session.ids.tolist()
    region, kept, away = ids[0], inside(person, ids[1]), inside(person, ids[0])
    session.merge(ids)  # so that the networks see more than one thing in it
    click(person, kept)
    key(person, Qt.Key.Key_S)
    assert dock.status.text() == (
        "Encoding this image for split by points; until then clicks divide along edges."
    )
    mode = dock.correct.mode
    assert mode is not None
    splitting = mode.splitting
    qtbot.waitUntil(gate.reached, timeout=MINUTE)
    click(person, kept)
    click(person, away, Qt.MouseButton.RightButton)
    qtbot.waitUntil(lambda: not splitting.busy, timeout=MINUTE)
    by_edges = session.split_preview(region, [kept], [away])[1]
    np.testing.assert_array_equal(splitting._parts, by_edges)
    gate.open()
    encoded(person)
    qtbot.waitUntil(lambda: not splitting.busy, timeout=MINUTE)
    expected = with_networks(images, SAM)
    expected.merge(ids)
    parts = expected.split_preview(region, [kept], [away])[1]
    np.testing.assert_array_equal(splitting._parts, parts)
    assert not np.array_equal(parts, by_edges)
    assert splitting.on
    key(person, Qt.Key.Key_Return)
    assert session.region(region).area == int((parts > 0).sum() - (parts == CUT).sum())
    person.agree()


def test_networks_that_know_no_clicks_are_not_loaded_for_them(person: Person, images: Path) -> None:
    dock = person.dock
    opened(person, images)
    click(person, inside(person, int(dock.session.ids[5])))
    key(person, Qt.Key.Key_S)
    assert dock.status.text().startswith("Left-click what stays")
    key(person, Qt.Key.Key_Escape)
    key(person, Qt.Key.Key_S, Qt.KeyboardModifier.ShiftModifier)  # its parts, which need none
    assert not dock.controller.running
    assert dock.controller.networks.loaded is None


def test_who_goes_to_another_image_drops_it_and_keeps_the_networks(
    person: Person, images: Path, gate: Gate
) -> None:
    dock, qtbot = person.dock, person.qtbot
    project = opened(person, images)
    former, region = dock.session, int(dock.session.ids[5])
    click(person, inside(person, region))
    key(person, Qt.Key.Key_1)
    key(person, Qt.Key.Key_F)
    qtbot.waitUntil(gate.reached, timeout=MINUTE)
    loaded = dock.controller.networks.loaded
    assert loaded is not None
    key(person, Qt.Key.Key_PageDown)
    qtbot.waitUntil(lambda: name_shown(person) == "scene 1", timeout=MINUTE)
    shown(person)
    assert not dock.controller.running
    gate.open()
    second, other = dock.session, int(dock.session.ids[5])
    click(person, inside(person, other))
    key(person, Qt.Key.Key_F)
    encoded(person)
    assert former.engine is None
    assert second.engine is not None
    assert dock.controller.networks.loaded is loaded
    with project.session(project.items()[0]) as again:
        assert again.region(region).verdict is not None


def test_labels_that_were_left_before_they_came_do_with_the_next_question(
    person: Person, images: Path, gate: Gate
) -> None:
    dock, qtbot = person.dock, person.qtbot
    opened(person, images)
    write(person, dock.words.line, "wood")
    qtbot.waitUntil(gate.reached, timeout=MINUTE)
    key(person, Qt.Key.Key_PageDown)
    qtbot.waitUntil(lambda: name_shown(person) == "scene 1", timeout=MINUTE)
    shown(person)
    gate.open()
    assert dock.session.vocabulary.names == ("red", "green", "blue", "wood")  # on all images
    key(person, Qt.Key.Key_PageUp)
    qtbot.waitUntil(lambda: name_shown(person) == "scene 0", timeout=MINUTE)
    shown(person)
    click(person, inside(person, int(dock.session.ids[5])))
    key(person, Qt.Key.Key_F)
    encoded(person)
    qtbot.waitUntil(lambda: not dock.session.provisional, timeout=MINUTE)
    person.wait()
    expected = with_networks(images, SUPERPIXELS, "red, green, blue, wood")
    np.testing.assert_array_equal(dock.session.labels, expected.labels)
    person.agree()


def test_a_cancel_leaves_the_image_as_it_is_and_it_can_be_asked_again(
    person: Person, images: Path, gate: Gate
) -> None:
    dock, qtbot = person.dock, person.qtbot
    opened(person, images)
    session = dock.session
    write(person, dock.words.line, "wood")
    qtbot.waitUntil(gate.reached, timeout=MINUTE)
    labels = session.labels.copy()
    click_at(person, dock.bar.cancel_button)
    gate.open()
    person.wait()
    assert dock.status.text() == "Stopped; this image is not encoded. What you decided stays."
    assert session.engine is None
    np.testing.assert_array_equal(session.labels, labels)
    # Whoever asks for something else gets the labels of the words, too.
    click(person, inside(person, int(session.ids[5])))
    key(person, Qt.Key.Key_F)
    encoded(person)
    qtbot.waitUntil(lambda: not session.provisional, timeout=MINUTE)
    expected = with_networks(images, SUPERPIXELS, "red, green, blue, wood")
    np.testing.assert_array_equal(session.labels, expected.labels)
    assert len(selected(person)) == 6


def test_other_work_comes_first_and_the_encoding_after_it(
    person: Person, images: Path, gate: Gate, tmp_path: Path
) -> None:
    dock, qtbot = person.dock, person.qtbot
    opened(person, images)
    click(person, inside(person, int(dock.session.ids[5])))
    key(person, Qt.Key.Key_F)
    qtbot.waitUntil(gate.reached, timeout=MINUTE)
    heard: list[object] = []
    dock.controller.work(_nothing(), heard.append)  # as an export does
    gate.open()
    encoded(person)
    assert heard == ["done"]
    assert len(selected(person)) == 6


def _nothing() -> Any:
    yield nc.progress.Progress("export", 0, 1)
    return "done"


def test_the_run_of_the_set_goes_on_beside_it_by_the_same_networks(
    person: Person, images: Path, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    dock, qtbot = person.dock, person.qtbot
    loads: list[nc.Recipe] = []
    project = opened(person, images)
    for item in project.items()[1:]:
        project.mark(item, "new")
    real = Segmenter.from_recipe.__func__  # type: ignore[attr-defined]

    def counted(cls: type[Segmenter], recipe: nc.Recipe, **options: Any) -> Segmenter:
        loads.append(recipe)
        return real(cls, recipe, **options)  # type: ignore[no-any-return]

    monkeypatch.setattr(Segmenter, "from_recipe", classmethod(counted))
    click(person, inside(person, int(dock.session.ids[5])))
    key(person, Qt.Key.Key_F)
    qtbot.waitUntil(gate.reached, timeout=MINUTE)
    turn_to(person, Page.IMAGES)
    dock.projects.panel.refresh()
    click_at(person, dock.projects.panel.run_button)
    qtbot.waitUntil(lambda: not dock.projects.run.running, timeout=MINUTE)
    assert states(project) == ["pre-labelled"] * 4
    assert gate.waiting == 1
    gate.open()
    encoded(person)
    assert len(selected(person)) == 6
    assert len(loads) == 1
    session = dock.session
    session.set_vocabulary("red, green, blue, wood")
    expected = with_networks(images, SUPERPIXELS, "red, green, blue, wood")
    np.testing.assert_array_equal(session.labels, expected.labels)


def test_a_run_by_other_networks_is_waited_for(person: Person, images: Path) -> None:
    """Two sets of them may not fit at once, and none is unloaded under a run."""
    dock, qtbot = person.dock, person.qtbot
    opened(person, images)
    networks = dock.controller.networks
    click(person, inside(person, int(dock.session.ids[5])))
    with networks.working(replace(SUPERPIXELS, dtype="float16")):
        dock.controller.unload()
        assert "at work; cancel the run" in dock.status.text()
        key(person, Qt.Key.Key_F)
        qtbot.waitUntil(lambda: "Waiting for the run" in dock.bar.text(), timeout=MINUTE)
        assert networks.loaded is None
    encoded(person)
    assert len(selected(person)) == 6
    dock.controller.unload()
    assert networks.loaded is None


def test_an_undone_run_is_not_what_the_session_gets(
    person: Person, images: Path, gate: Gate
) -> None:
    """Who takes a run back while it is encoded is asked of the run before it."""
    dock, qtbot = person.dock, person.qtbot
    project = opened(person, images)
    session = dock.session
    image = iio.imread(images / "scene 0.png")
    session.rerun(Segmenter.from_recipe(SAM).segment(image, session.vocabulary, progress=False))
    click(person, inside(person, int(session.ids[0])))
    key(person, Qt.Key.Key_F)
    qtbot.waitUntil(gate.reached, timeout=MINUTE)
    window_of(person).undo()
    gate.open()
    encoded(person)
    assert len(gate.came) > 1
    regions = project.result(project.items()[0]).regions
    engine: Any = session.engine
    np.testing.assert_array_equal(engine.features.regions, regions)


def test_what_was_kept_needs_no_image_tower(
    person: Person, images: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dock = person.dock
    project = opened(person, images)
    expected = with_networks(images, SUPERPIXELS, "red, green, blue, wood")
    segmenter = Segmenter.from_recipe(SUPERPIXELS)
    features = segmenter.encode(iio.imread(images / "scene 0.png"), progress=False)
    features.save(project.folder_of(project.items()[0]) / "features.safetensors")
    monkeypatch.setattr(Segmenter, "encode_steps", None)
    write(person, dock.words.line, "wood")
    encoded(person)
    person.qtbot.waitUntil(lambda: not dock.session.provisional, timeout=MINUTE)
    np.testing.assert_array_equal(dock.session.labels, expected.labels)
    person.agree()


def test_an_image_that_cannot_be_encoded_is_corrected_without(person: Person, images: Path) -> None:
    dock = person.dock
    folder = prelabelled(images)
    for path in folder.glob("items/*/result/provenance.json"):
        said = json.loads(path.read_text()) | {"recipe": None}  # as of earlier versions
        path.write_text(json.dumps(said))
    dock.open_project(str(folder))
    shown(person)
    turn_to(person, Page.CORRECT)
    click_at(person, dock.correct.button)
    click(person, inside(person, int(dock.session.ids[5])))
    key(person, Qt.Key.Key_F)
    assert dock.status.text() == "6 regions are selected, 5 of them for likeness of colours."
    write(person, dock.words.line, "wood")
    assert dock.status.text() == "Press Run to look for these classes."


def test_an_image_that_the_cache_has_no_room_for_answers_once(person: Person, images: Path) -> None:
    dock = person.dock
    opened(person, images)
    FEATURES.limit = 1000
    click(person, inside(person, int(dock.session.ids[5])))
    key(person, Qt.Key.Key_F)
    person.wait()
    assert len(selected(person)) == 6

    def is_let_go() -> bool:
        gc.collect()  # the thread that made it may be about to end
        return dock.session.engine is None

    person.qtbot.waitUntil(is_let_go)
    key(person, Qt.Key.Key_Escape)
    click(person, inside(person, int(dock.session.ids[5])))
    key(person, Qt.Key.Key_F)
    assert dock.status.text().endswith("for likeness of colours.")
    assert not dock.controller.running
    # With more room it is encoded again.
    FEATURES.limit = None
    key(person, Qt.Key.Key_Escape)
    click(person, inside(person, int(dock.session.ids[5])))
    key(person, Qt.Key.Key_F)
    encoded(person)
    assert not dock.status.text().endswith("for likeness of colours.")
