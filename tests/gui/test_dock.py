"""The dock from a person's side: type, run, cancel, correct, close."""

from __future__ import annotations

from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest
from qtpy.QtWidgets import QLabel, QMessageBox

from napari_corrclip.demo.scenes import generate_scene
from napari_corrclip.gui.dock import CorrClipDock
from napari_corrclip.gui.words.panel import NAME, PROMPTS, THRESHOLD
from napari_corrclip.gui.words.removal import TAKE_BACK, RemovalDialog
from tests.gui.person import Person, answer, click_in, open_scene, threads_end


def test_typing_running_and_correcting(person: Person) -> None:
    open_scene(person)
    person.type("red, green, blue")
    person.type("wood, stone")
    person.press(person.dock.bar.run_button)
    assert not person.dock.bar.run_button.isEnabled()
    person.wait()
    assert person.dock.bar.run_button.isEnabled()
    assert person.names() == ["scene", "labels", "regions"]
    person.agree()
    layers, session = person.dock.layers, person.dock.session
    assert layers is not None
    assert tuple(layers.labels.scale) == (0.5, 0.5)
    assert session.vocabulary.names == ("red", "green", "blue", "wood", "stone")

    before = session.labels.copy()
    session.assign(int(session.ids[0]), "blue")
    person.agree()
    person.press(person.dock.correct.undo_button)
    person.agree()
    np.testing.assert_array_equal(session.labels, before)
    person.press(person.dock.correct.redo_button)
    person.agree()

    # One class more, and the decision stays; undone, the panel follows.
    person.type("yellow")
    person.wait()
    assert person.dock.session is session
    assert session.vocabulary.names[-1] == "yellow"
    value = session.vocabulary.values[2]
    assert (session.labels[session.regions == session.ids[0]] == value).all()
    person.agree()
    person.press(person.dock.correct.undo_button)
    words = person.dock.words.vocabulary
    assert words == session.vocabulary
    assert words is not None
    assert words.names == ("red", "green", "blue", "wood", "stone")

    # Words for another image change nothing here.
    other = person.viewer.add_image(generate_scene(8).image, name="other", rgb=True)
    person.dock.reset_choices()
    person.dock.image.layer = other
    said = person.dock.status
    assert said.text() == "The labels of 'scene' are hidden until it is chosen again."
    assert person.dock.session is session
    person.viewer.dims.ndisplay = 3  # what brings them back is the image still
    assert said.text() == "The labels of 'scene' are hidden until it is chosen again."
    person.viewer.dims.ndisplay = 2
    person.type("purple")
    person.wait()
    assert "for the next run" in said.text()
    assert session.vocabulary == words
    person.dock.image.layer = person.viewer.layers["scene"]
    assert said.text() == "The labels of 'scene' are shown again."


@pytest.mark.canvas
def test_the_demo_and_correcting_are_switched_by_a_click(person: Person) -> None:
    dock = person.dock
    person.press(dock.bar.demo_button)
    assert not dock.correct.button.isEnabled()
    person.wait()
    assert person.names() == ["demo scene", "labels", "regions"]
    scene, session = generate_scene(7), dock.session
    truth = scene.truth([name.casefold() for name in session.vocabulary.names])
    assert (session.labels == truth).mean() > 0.8
    assert "regions in" in dock.status.text()

    person.press(dock.correct.button)
    mode = dock.correct.mode
    assert mode is not None
    assert mode.on
    assert not dock.correct.help.isHidden()
    mode.select(session.ids[:2].tolist())
    assert dock.correct.selection.text() == "2 selected"
    mode.actions.assign("1")
    assert dock.correct.undo_button.isEnabled()
    assert dock.display.layers is not None
    outlines = dock.display.layers.outlines
    assert outlines.selected == {*session.ids[:2].tolist()}
    person.press(dock.correct.button)
    assert not mode.on
    assert dock.correct.help.isHidden()
    assert not outlines.selected

    # A run that is cancelled leaves what there was.
    person.press(dock.bar.run_button)
    person.press(dock.bar.cancel_button)
    person.wait()
    assert "Cancelled" in dock.status.text()
    assert dock.session is session
    assert person.names() == ["demo scene", "labels", "regions"]
    person.agree()


@pytest.mark.canvas
def test_running_again_takes_no_decision_away(person: Person) -> None:
    dock, session = person.dock, person.run(demo=True)
    largest = max(session.rows(), key=lambda row: row.area)
    decided = session.regions == largest.id
    session.assign(largest.id, "purple circle")
    session.paint(([3, 3], [4, 5]), "blue square")
    before, words = session.labels.copy(), session.vocabulary
    # A run with one class more is one step back and forth, with other regions below.
    dock.words.show_vocabulary(words.add("sand"))
    dock.model.regions.setCurrentText("superpixels")
    person.press(dock.correct.button)
    mode = dock.correct.mode
    assert person.run() is session
    assert mode is not None
    assert dock.correct.mode is mode
    assert mode.on
    assert len(session.ids) > 100
    np.testing.assert_array_equal(session.labels[decided], before[decided])
    assert (session.labels[3, 4:6] == before[3, 4:6]).all()
    person.agree()
    after = session.labels.copy()
    for button, labels, names in (
        (dock.correct.undo_button, before, words.names),
        (dock.correct.redo_button, after, (*words.names, "sand")),
    ) * 2:
        person.press(button)
        np.testing.assert_array_equal(session.labels, labels)
        assert session.vocabulary.names == names
        assert dock.words.vocabulary == session.vocabulary
        person.agree()


def test_what_is_missing_is_said(person: Person) -> None:
    person.press(person.dock.bar.run_button)
    assert "There is no image" in person.dock.status.text()
    open_scene(person)
    person.press(person.dock.bar.run_button)
    assert "no classes yet" in person.dock.status.text()
    person.type("cat, cat")
    assert "cat" in person.dock.status.text()
    assert person.dock.words.vocabulary is None
    assert person.dock.words.line.text() == "cat, cat"  # to be mended, not typed again
    person.type("red, green")
    person.dock.words.line.setText("cat #zzzzzz")
    person.press(person.dock.bar.run_button)
    assert not person.dock.controller.running
    assert "#zzzzzz" in person.dock.status.text()
    assert person.dock.words.line.text() == "cat #zzzzzz"


def test_a_failure_in_the_thread_is_a_sentence(
    person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    from napari_corrclip.engine.segmenter import Segmenter

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("CUDA out of memory. Tried to allocate 20 GiB")

    monkeypatch.setattr(Segmenter, "from_recipe", broken)
    open_scene(person)
    person.type("red, green")
    person.press(person.dock.bar.run_button)
    person.wait()
    assert "not enough memory" in person.dock.status.text()
    assert person.names() == ["scene"]


def test_the_table_edits_the_vocabulary(person: Person) -> None:
    person.type("cat, dog")
    model = person.dock.words.model
    person.dock.words.prompts_follow = True
    assert model.setData(model.index(0, NAME), "lion")
    assert model.setData(model.index(1, PROMPTS), "a dog, a puppy")
    assert model.setData(model.index(1, THRESHOLD), "0.3")
    words = person.dock.words.vocabulary
    assert words is not None
    assert words.names == ("lion", "dog")
    assert words.classes[1].prompts == ("a dog", "a puppy")
    assert words.classes[1].threshold == 0.3
    assert not model.setData(model.index(1, THRESHOLD), "much")
    assert "is no number" in person.dock.status.text()
    assert not model.setData(model.index(1, NAME), "lion")
    assert person.dock.words.vocabulary == words


def test_removing_a_class_asks_what_becomes_of_its_decisions(person: Person) -> None:
    open_scene(person)
    person.type("red, green, blue")
    session = person.run()
    session.assign(session.ids[:2], "blue")
    for choice in ("cancel", "take back", "give to green"):

        def reply(dialog: RemovalDialog, choice: str = choice) -> None:
            assert "2 regions were assigned to 'blue'. Give them to:" in [
                label.text() for label in dialog.findChildren(QLabel)
            ]
            (box,) = dialog.boxes.values()
            box.setCurrentText("green" if choice == "give to green" else TAKE_BACK)
            dialog.reject() if choice == "cancel" else dialog.accept()

        person.dock.words.table.selectRow(2)
        answer(RemovalDialog, reply)
        person.press(person.dock.words.remove_button)
        person.wait()
        names = ("red", "green", "blue") if choice == "cancel" else ("red", "green")
        assert session.vocabulary.names == names
        assert person.dock.words.vocabulary == session.vocabulary
        verdicts = [session.region(region).verdict for region in session.ids[:2]]
        if choice == "take back":
            assert verdicts == [None, None]
        else:
            kept = session.vocabulary.values[2 if choice == "cancel" else 1]
            assert [verdict.value for verdict in verdicts if verdict is not None] == [kept, kept]
        person.agree()
        if choice == "take back":
            person.press(person.dock.correct.undo_button)


def test_corrections_of_a_file_are_kept_and_offered(
    person: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NAPARI_CORRCLIP_SESSIONS", str(tmp_path / "sessions"))
    path = tmp_path / "scene.png"
    iio.imwrite(path, generate_scene(7).image)

    def opened() -> None:
        (layer,) = person.viewer.open(str(path), plugin="napari")
        person.dock.reset_choices()
        person.dock.image.layer = layer

    opened()
    person.dock.model.regions.setCurrentText("superpixels")
    person.type("red, green, blue, wood")
    session = person.run()
    session.assign(session.ids[:3], "blue")
    labels, decided = session.labels.copy(), np.isin(session.regions, session.ids[:3])

    # The window goes without a word, and another one comes.
    person.dock.cleanup()
    person.viewer.layers.clear()
    second = CorrClipDock(person.viewer)
    person.viewer.window.add_dock_widget(second, name="second")
    person.dock = second
    opened()
    assert not second.restore_bar.isHidden()
    person.type("cat")
    person.press(second.bar.run_button)
    assert "restore them, or start over" in second.status.text()
    assert second.workspace.session is None
    person.press(second.restore_bar.restore_button)
    person.wait()
    restored = second.workspace.session
    assert restored is not None
    np.testing.assert_array_equal(restored.labels, labels)
    assert restored.vocabulary.names == ("red", "green", "blue", "wood")
    assert second.restore_bar.isHidden()
    person.agree()
    person.press(second.correct.undo_button)
    assert restored.region(int(restored.ids[0])).verdict is None
    # Networks come back with the next run, and the corrections stay.
    person.press(second.correct.redo_button)
    person.press(second.bar.run_button)
    person.wait()
    assert second.workspace.session is restored
    assert restored.engine is not None
    np.testing.assert_array_equal(restored.labels[decided], labels[decided])
    person.agree()


def test_closing_while_it_runs_is_harmless(person: Person) -> None:
    open_scene(person)
    person.type("red, green")
    person.press(person.dock.bar.run_button)
    person.dock.cleanup()
    threads_end(person.qtbot)
    assert person.names() == ["scene"]


def test_corrections_whose_image_is_gone_are_not_left_without_a_question(person: Person) -> None:
    open_scene(person)
    person.type("red, green, blue")
    session = person.run()
    session.assign(session.ids[:3].tolist(), "blue")
    person.viewer.layers.remove("scene")
    said = person.dock.status
    other = person.viewer.add_image(generate_scene(8).image, name="other", rgb=True)
    person.dock.reset_choices()
    person.dock.image.layer = other
    asked: list[str] = []

    def click(button: str) -> None:
        def reply(box: QMessageBox) -> None:
            asked.append(box.text())
            click_in(box, button)

        answer(QMessageBox, reply)
        person.press(person.dock.bar.run_button)
        person.wait()
        assert "1 step of what was corrected is kept in memory only. The image 'scene'" in (
            asked.pop()
        )
        person.agree()

    click("Cancel")
    assert person.dock.session is session
    assert said.text() == "Nothing was run; what is corrected is as it was."
    click("Run")
    second = person.dock.session
    assert second is not session
    assert "labels of scene" in person.names()

    # And where all of it goes at once, it is said.
    second.assign(second.ids[:2].tolist(), "red")
    person.viewer.layers.clear()
    assert said.text().startswith(
        "The image 'other' was removed; what was corrected of it stays in memory"
    )
    assert person.dock.restore_bar.isHidden()
