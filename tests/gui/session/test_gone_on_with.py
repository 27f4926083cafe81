"""What is gone on with: the number and date of what is kept, and the networks it was made by."""

from __future__ import annotations

import time
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest
from qtpy.QtWidgets import QFileDialog

import napari_corrclip as nc
from napari_corrclip.annotation import Journal, Session, Source, journal_folder
from napari_corrclip.annotation.files.log import glance
from napari_corrclip.demo.scenes import generate_scene
from napari_corrclip.engine.recipe import Recipe
from napari_corrclip.gui.session.restore_bar import described
from napari_corrclip.gui.work.said import Kind
from napari_corrclip.gui.work.workspace import Offer
from napari_corrclip.weights.catalogue import get_preset
from tests.annotation.images import small_result
from tests.gui.person import Person

SCENE = generate_scene(7).image[:96, :128]


def test_what_is_kept_is_counted_at_a_glance(tmp_path: Path) -> None:
    result, image = small_result((40, 50))
    session = Session(result, image)
    assert glance(tmp_path) is None
    ids = session.ids.tolist()
    session.assign(ids[:1], session.vocabulary.names[0])
    before = time.time()
    with Journal(session, tmp_path, records=3):
        found = glance(tmp_path)
        assert found is not None
        assert found.steps == 1
        assert abs(found.changed - before) < 600
        for region in ids[:3]:
            session.ignore([region])
        session.undo()
        found = glance(tmp_path)  # while a snapshot may be written behind
        assert found is not None
        assert found.steps == 3
        session.redo()
        for region in ids[:4]:  # beyond a snapshot
            session.clear([region])
    closed = glance(tmp_path)
    assert closed is not None
    assert closed.steps == len(session.history.done)


def test_the_row_says_how_many_corrections_of_when() -> None:
    at = time.mktime((2025, 11, 27, 20, 47, 9, 0, 0, -1))
    source = Source("scene.png")
    year = "" if time.localtime().tm_year == 2025 else " 2025"
    assert described(Offer(None, source, True, 21, at)) == f"21 corrections of 27 Nov{year}, 20:47"
    now = time.localtime()
    assert str(now.tm_year) not in described(Offer(None, source, True, 1, time.time()))
    assert described(Offer(None, source, True, 1, None)) == "1 correction in memory"


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NAPARI_CORRCLIP_SESSIONS", str(tmp_path / "sessions"))
    iio.imwrite(tmp_path / "scene.png", SCENE)
    return tmp_path / "scene.png"


def made(detail: str = "fine", **settings: object) -> Session:
    """A session that was made otherwise than a dock would at first."""
    chosen = get_preset("demo").settings.replace(tau=0.4, **settings)
    options = {"regions": "superpixels", "detail": detail, "settings": chosen}
    return nc.annotate(SCENE, "red, green", progress=False, **options)  # type: ignore[arg-type]


def open_image(person: Person, path: Path) -> None:
    person.viewer.open(str(path), plugin="napari")
    person.dock.reset_choices()


def test_restore_sets_the_networks_to_how_the_session_was_made(person: Person, scene: Path) -> None:
    session = made()
    session.source = Source.of(scene)
    session.assign(session.ids[:2].tolist(), "red")
    Journal(session, journal_folder(session.source)).close()
    open_image(person, scene)
    dock = person.dock
    assert dock.restore_bar.found.text().startswith("1 correction of ")
    assert dock.restore_bar.anew_button.text() == "Start over (keeps the old one)"
    device = dock.model.device.device
    before = dock.model.choice.recipe
    assert (before.regions, before.detail) == ("sam", "standard")
    person.press(dock.restore_bar.restore_button)
    person.wait()
    chosen = dock.model.choice.recipe
    assert (chosen.regions, chosen.detail, chosen.settings.tau) == ("superpixels", "fine", 0.4)
    assert chosen.key() == Recipe.from_json(session.provenance.recipe).key()
    assert dock.model.device.device == device
    assert "Not here any more" not in dock.status.text()
    np.testing.assert_array_equal(dock.session.labels, session.labels)


def test_load_says_in_a_sentence_what_is_not_here_any_more(
    person: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = made("standard")
    session.save(tmp_path / "x.corrclip")
    person.viewer.add_image(SCENE, rgb=True, name="scene")
    person.dock.reset_choices()
    person.dock.model.preset.removeItem(person.dock.model.preset.findText("demo"))
    mine = person.dock.model.preset.currentText()
    monkeypatch.setattr(
        QFileDialog, "getExistingDirectory", lambda *_: str(tmp_path / "x.corrclip")
    )
    person.press(person.dock.menu.load_button)
    person.wait()
    said = person.dock.status.said
    assert said.text.endswith("Not here any more: the preset 'demo'; choose before you run again.")
    assert said.kind is Kind.WARNING
    chosen = person.dock.model.choice.recipe
    assert chosen.name == mine
    assert chosen.regions == "superpixels"
    np.testing.assert_array_equal(person.dock.session.labels, session.labels)


def test_weights_that_are_gone_are_said(
    person: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NAPARI_CORRCLIP_CACHE", str(tmp_path))
    said = person.dock.model.show_run(Recipe("vit-b-16", regions="superpixels"))
    assert person.dock.model.preset.currentText() == "vit-b-16"
    assert said.startswith("Not here any more: the weights 'ViT-B-16")
    assert said.endswith("; choose before you run again.")
    assert person.dock.model.choice.recipe.regions == "superpixels"
