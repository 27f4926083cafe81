"""A session that was restored beside its image has it encoded when networks are asked, as in a project."""

from __future__ import annotations

from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest

import napari_corrclip as nc
from napari_corrclip.annotation import Source
from napari_corrclip.annotation.store import SessionStore
from napari_corrclip.demo.scenes import generate_scene
from tests.gui.person import MINUTE, Person

SCENE = generate_scene(7).image[:96, :128]
OPTIONS = {"regions": "superpixels", "detail": "fine"}


@pytest.fixture
def restored(person: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Person:
    """Somebody who goes on with what they corrected another day."""
    monkeypatch.setenv("NAPARI_CORRCLIP_SESSIONS", str(tmp_path / "sessions"))
    iio.imwrite(tmp_path / "scene.png", SCENE)
    session = nc.annotate(tmp_path / "scene.png", "red, green", progress=False, **OPTIONS)
    session.source = Source.of(tmp_path / "scene.png")
    session.assign(session.ids[:2].tolist(), "green")
    SessionStore().journal(session).close()
    person.viewer.open(str(tmp_path / "scene.png"), plugin="napari")
    person.dock.reset_choices()
    person.press(person.dock.restore_bar.restore_button)
    person.wait()
    assert person.dock.session.engine is None
    return person


def test_new_words_are_looked_for_as_the_run_would_have(restored: Person) -> None:
    person, session = restored, restored.dock.session
    person.type("wood")
    assert person.dock.status.text().startswith("Encoding this image for the new classes; ")
    person.qtbot.waitUntil(lambda: not session.provisional, timeout=MINUTE)
    person.wait()
    expected = nc.annotate(SCENE, "red, green, wood", progress=False, **OPTIONS)
    expected.assign(expected.ids[:2].tolist(), "green")
    np.testing.assert_array_equal(session.labels, expected.labels)
    assert person.dock.status.text() == "Labelled by 3 classes."
    person.agree()
    # What is let go of by a person's wish comes back with the next run, or the next question.
    person.press(person.dock.model.unload_button)
    assert session.engine is None
    person.type("stone")
    person.qtbot.waitUntil(lambda: not session.provisional, timeout=MINUTE)
    person.wait()
    expected.set_vocabulary("red, green, wood, stone")
    np.testing.assert_array_equal(session.labels, expected.labels)
