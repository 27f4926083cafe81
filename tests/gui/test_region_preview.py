"""The preview of regions by mouse and keys: settings, what is drawn, what a run takes, when it goes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import napari
import numpy as np
import pytest
from numpy.typing import NDArray
from pytestqt.qtbot import QtBot
from qtpy.QtWidgets import QApplication, QLineEdit

from napari_corrclip.demo.scenes import generate_scene
from napari_corrclip.engine.recipe import Recipe
from napari_corrclip.gui.canvas.cover import Cover
from napari_corrclip.gui.canvas.schemes import LIGHT
from napari_corrclip.gui.dock import CorrClipDock
from napari_corrclip.gui.pages import Page
from napari_corrclip.gui.work.said import Kind
from napari_corrclip.regions.options import SuperpixelOptions
from napari_corrclip.regions.superpixels import SuperpixelRegions
from napari_corrclip.weights import loading
from tests.gui.gates import at_stage, before_method
from tests.gui.hand import choose, click_at, turn_to, write
from tests.gui.person import MINUTE, Person, threads_end
from tests.gui.window import settle

pytestmark = pytest.mark.canvas

SCENE = generate_scene(7).image[:96, :128]


@pytest.fixture
def person(make_napari_viewer: Callable[..., napari.Viewer], qtbot: QtBot) -> Iterator[Person]:
    viewer = make_napari_viewer(show=True)
    viewer.window.resize(1200, 800)
    dock = CorrClipDock(viewer)
    viewer.window.add_dock_widget(dock, name="CorrCLIP")
    settle(viewer)
    yield Person(viewer, dock, qtbot)
    dock.cleanup()
    threads_end(qtbot)


def open_image(person: Person, image: NDArray[Any] = SCENE, source: str = "superpixels") -> None:
    person.viewer.add_image(image, rgb=True, name="scene")
    person.dock.reset_choices()
    click_at(person, person.dock.model.head)
    choose(person.dock.model.regions, source)


def preview(person: Person) -> str:
    """Press the button, wait, and return what is said."""
    click_at(person, person.dock.model.preview_button)
    person.wait()
    settle(person.viewer)
    return person.dock.status.text()


def outlined(person: Person) -> int:
    """How many pixels of the screen have the line of undecided regions."""
    QApplication.processEvents()
    canvas = person.viewer.window._qt_viewer.canvas.native
    found = 0
    for cover in canvas.findChildren(Cover):
        if cover.isVisible() and cover.picture is not None:
            found += int((cover.picture[0] == LIGHT).sum())
    return found


def advanced(person: Person, name: str) -> QLineEdit:
    """A field of the window of the parameters, which is open."""
    model = person.dock.model
    if not model.advanced.isVisible():
        click_at(person, model.advanced_button)
    return model.advanced.regions.lines[name]


def test_regions_are_shown_before_any_word_and_taken_by_the_run(
    person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    dock = person.dock
    open_image(person)
    searched = before_method(monkeypatch, SuperpixelRegions, "segment")
    searched.open()
    said = preview(person)
    number = int(said.split()[0])
    assert number > 50
    assert said == f"{number} regions found, shown until something else is chosen; Run takes them."
    assert dock.status.said.kind is Kind.DONE
    assert dock.model.advanced.regions.found.text() == f"{number} regions"
    assert person.names() == ["scene"]  # no layer comes of it
    assert dock.workspace.session is None
    assert dock.controller.networks.loaded is None  # no CLIP, no similarity tower
    assert outlined(person) > 500

    preview(person)
    person.type("red, green")
    session = person.run()
    assert len(searched.came) == 1
    assert len(session.ids) == number
    assert dock.pages.page is Page.CORRECT
    assert not dock.preview.shown


def test_the_settings_of_superpixels_are_the_run_s(person: Person) -> None:
    dock = person.dock
    open_image(person)
    preview(person)
    assert dock.preview.shown
    write(person, advanced(person, "n_segments"), "12")
    assert outlined(person) == 0
    assert dock.status.text() == "The preview of regions is gone with the settings that it was of."
    assert dock.model.advanced.regions.found.text() == ""
    assert dock.model.advanced_button.text() == "Advanced (1 changed)…"
    assert "superpixels (12)" in dock.model.summary
    write(person, advanced(person, "compactness"), "1.5")
    for name, typed, why in (
        ("n_segments", "0", "'number' is 0; give a whole number from 1 to 1000000."),
        ("n_segments", "some", "'number' is 'some'; give a whole number from 1 to 1000000."),
        ("compactness", "-1", "'compactness' is -1.0; give a number above 0, up to 1,000,000."),
    ):
        write(person, advanced(person, name), typed)
        assert dock.status.text() == why
        assert dock.status.said.kind is Kind.WARNING
    assert advanced(person, "n_segments").text() == "12"
    click_at(person, dock.model.advanced.regions.preview_button)
    person.wait()
    number = int(dock.status.text().split()[0])
    assert number < 30
    # What is of the method alone leaves the regions as they are.
    tau = dock.model.advanced.fields["tau"]
    assert isinstance(tau, QLineEdit)
    dock.model.advanced.ensureWidgetVisible(tau)
    QApplication.processEvents()
    write(person, tau, "0.5")
    assert dock.preview.shown
    person.type("red, green")
    session = person.run()
    assert len(session.ids) == number
    assert session.provenance is not None
    recipe = Recipe.from_json(session.provenance.recipe)
    assert recipe.region_options == SuperpixelOptions(12, 1.5)
    dock.model.advanced.ensureWidgetVisible(dock.model.advanced.reset_button)
    QApplication.processEvents()
    click_at(person, dock.model.advanced.reset_button)
    assert advanced(person, "n_segments").text() == "by size"
    assert dock.model.choice.recipe.region_options == SuperpixelOptions()


def test_sam_s_points_and_thresholds_are_the_recipe_s_and_it_is_loaded_once(
    person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    dock = person.dock
    open_image(person, source="SAM fast (8 × 8)")
    loaded: list[object] = []
    load = loading.load_sam

    def counted(*args: Any, **options: Any) -> Any:
        loaded.append(load(*args, **options))
        return loaded[-1]

    monkeypatch.setattr(loading, "load_sam", counted)
    assert not advanced(person, "n_segments").isVisible()
    write(person, advanced(person, "points_per_side"), "5")
    write(person, advanced(person, "iou_threshold"), "0.1")
    write(person, advanced(person, "stability_threshold"), "2")
    assert dock.status.text() == "'stability' is 2.0; give a number from 0 to 1."
    write(person, advanced(person, "stability_threshold"), "0.2")
    options: Any = dock.model.choice.recipe.region_options
    assert (options.points_per_side, options.iou_threshold) == (5, 0.1)
    assert options.stability_threshold == 0.2
    assert "SAM (5 × 5)" in dock.model.summary
    number = int(preview(person).split()[0])
    person.type("red, green")
    session = person.run()
    assert len(session.ids) == number
    assert len(loaded) == 1
    engine: Any = session.engine
    assert engine.segmenter.regions.sam is loaded[0]
    assert engine.segmenter.recipe.region_options == options

    # Points that the list names are its own; thresholds stay.
    turn_to(person, Page.SET_UP)
    choose(dock.model.regions, "SAM normal (16 × 16)")
    options = dock.model.choice.recipe.region_options
    assert (options.points_per_side, options.iou_threshold) == (16, 0.1)
    preview(person)
    assert len(loaded) == 1


def test_a_preview_can_be_cancelled_and_nothing_is_shown(
    person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    dock = person.dock
    open_image(person)
    gate = at_stage(monkeypatch, "regions")
    click_at(person, dock.model.preview_button)
    person.qtbot.waitUntil(gate.reached, timeout=MINUTE)
    assert not dock.model.preview_button.isEnabled()
    click_at(person, dock.bar.cancel_button)
    gate.open()
    person.wait()
    assert dock.status.text() == "Cancelled; nothing was changed."
    assert not dock.preview.shown
    assert outlined(person) == 0
    assert dock.model.preview_button.isEnabled()

    # Other settings, chosen while it is at work: what it finds is of the former ones.
    gate.clear()
    gate.close()
    click_at(person, dock.model.preview_button)
    person.qtbot.waitUntil(gate.reached, timeout=MINUTE)
    write(person, advanced(person, "n_segments"), "12")
    gate.open()
    person.wait()
    assert outlined(person) == 0
    assert dock.status.text().startswith("Other things were chosen meanwhile")


def test_what_is_corrected_makes_way_and_comes_back(person: Person) -> None:
    dock = person.dock
    open_image(person)
    person.type("red, green")
    session = person.run()
    session.assign(session.ids[:40].tolist(), "red")
    before = session.labels.copy(), session.regions.copy(), len(session.history.done)
    decided = outlined(person)
    turn_to(person, Page.SET_UP)
    write(person, advanced(person, "n_segments"), "12")
    preview(person)
    few = outlined(person)
    assert 0 < few != decided
    assert dock.session is session
    assert person.names() == ["scene", "labels", "regions"]
    turn_to(person, Page.CORRECT)
    assert not dock.preview.shown
    assert outlined(person) == decided
    assert dock.status.text() == "The preview of regions is gone with the page that it was on."
    turn_to(person, Page.SET_UP)
    preview(person)
    assert outlined(person) == few
    session.assign(int(session.ids[-1]), "green")  # by the console, for example
    assert not dock.preview.shown
    np.testing.assert_array_equal(session.regions, before[1])
    assert len(session.history.done) == before[2] + 1


def test_a_preview_goes_with_its_image(person: Person) -> None:
    dock = person.dock
    stack = np.stack([SCENE, SCENE[::-1], SCENE[:, ::-1]])
    open_image(person, stack)
    preview(person)
    assert outlined(person) > 500
    person.viewer.dims.set_current_step(0, 2)
    assert outlined(person) == 0
    assert (
        dock.status.text()
        == "The preview of regions is gone with the image or part that it was of."
    )
    preview(person)
    assert dock.preview.shown
    person.viewer.layers.remove("scene")
    assert not dock.preview.shown
    assert outlined(person) == 0
    turn_to(person, Page.SET_UP)

    # What a grayscale image looks like is part of it.
    person.viewer.add_image(SCENE[..., 0], name="gray")
    dock.reset_choices()
    preview(person)
    assert dock.preview.shown
    person.viewer.layers["gray"].contrast_limits = (10, 90)
    assert not dock.preview.shown


def test_regions_of_a_layer_need_no_preview(person: Person) -> None:
    open_image(person)
    person.viewer.add_labels(np.ones(SCENE.shape[:2], np.int32), name="mine")
    person.dock.reset_choices()
    assert person.dock.model.preview_button.isEnabled()
    choose(person.dock.model.regions, "layer: mine")
    assert not person.dock.model.preview_button.isEnabled()
