"""The memory that networks and encoded images take: limited, freed by Unload and with the dock."""

from __future__ import annotations

import gc
import weakref
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_corrclip.annotation.encoded_cache import FEATURES
from tests.gui.person import MINUTE, Person, run
from tests.gui.stacks import opened, saved, to


@pytest.fixture(autouse=True)
def _own_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FEATURES, "_limit", None)


def session_of(person: Person) -> Any:
    session = person.dock.workspace.session
    assert session is not None
    return session


def networks(person: Person) -> list[weakref.ref[Any]]:
    """The modules of torch that are loaded, held weakly."""
    loaded = person.dock.controller._loaded
    assert loaded is not None
    segmenter = loaded[1]
    parts = [segmenter.clip.model, segmenter.similarity.model]
    if segmenter.regions.name == "sam":
        parts.append(segmenter.regions.sam)
    return [weakref.ref(part) for part in parts]


def left(modules: list[weakref.ref[Any]]) -> list[str]:
    gc.collect()
    return [type(found).__name__ for one in modules if (found := one()) is not None]


def worked(person: Person) -> list[weakref.ref[Any]]:
    """Run with all three networks, and use each of them once more in the session."""
    person.press(person.dock.bar.demo_button)
    person.wait()
    session = session_of(person)
    engine = session.engine
    assert engine is not None
    person.type("purple")  # the text tower, in the thread
    person.qtbot.waitUntil(lambda: len(session.vocabulary) > 1, timeout=MINUTE)
    person.wait()
    largest = max(session.rows(), key=lambda row: row.area)
    rows, columns = np.nonzero(session.regions == largest.id)
    points = list(zip(rows.tolist(), columns.tolist(), strict=True))
    session.split_preview(largest.id, points[:1], points[-1:])  # SAM's decoder
    session.similar(largest.id, 2)
    modules = networks(person)
    assert len(modules) == 3
    return modules


def test_unload_frees_every_network_while_a_session_is_open(person: Person) -> None:
    modules = worked(person)
    assert len(left(modules)) == 3
    person.press(person.dock.model.unload_button)
    assert left(modules) == []
    assert FEATURES.nbytes == 0
    session = session_of(person)
    assert session.engine is None
    session.undo()
    assert session.engine is None
    person.agree()
    person.type("orange")
    assert person.dock.status.text() == "Press Run to look for these classes."


def test_a_dock_that_is_closed_frees_every_network(on_screen: Person) -> None:
    person = on_screen
    modules = worked(person)
    session = session_of(person)
    person.viewer.window.remove_dock_widget(person.dock.parent())
    person.qtbot.waitUntil(lambda: person.dock.controller._loaded is None, timeout=MINUTE)
    assert left(modules) == []
    assert session.engine is None
    assert FEATURES.nbytes == 0


def test_planes_keep_their_encoded_image(stack: Person) -> None:
    run(stack)
    first = session_of(stack)
    one = FEATURES.nbytes
    to(stack, 1)
    run(stack)
    assert FEATURES.nbytes > one
    to(stack, 0)
    assert session_of(stack) is first
    assert first.engine is not None
    stack.type("purple")  # no other run
    stack.wait()
    assert "Labelled by 4 classes" in stack.dock.status.text()
    stack.agree()


def test_planes_on_the_disk_keep_their_encoded_image(
    person: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened(person, saved(tmp_path, monkeypatch))
    run(person)
    first = session_of(person)
    to(person, 1)
    to(person, 0)
    again = session_of(person)
    assert again is not first  # it was read from the disk
    assert again.engine is first.engine is not None
    person.type("purple")
    person.wait()
    assert "Labelled by 4 classes" in person.dock.status.text()
    person.agree()
    person.press(person.dock.correct.undo_button)
    person.agree()


def test_planes_over_the_limit_ask_for_another_run(stack: Person) -> None:
    run(stack)
    first = session_of(stack)
    to(stack, 1)
    run(stack)
    FEATURES.limit = FEATURES.nbytes - 1
    assert session_of(stack).engine is not None
    to(stack, 0)
    assert session_of(stack) is first
    assert first.engine is None
    stack.type("purple")
    assert stack.dock.status.text() == "Press Run to look for these classes."
    stack.agree()
    run(stack)
    assert session_of(stack) is first
    assert first.engine is not None
    assert len(first.vocabulary) == 4
    stack.agree()


def test_unload_frees_the_networks_that_planes_hold(stack: Person) -> None:
    stack.dock.image.planes.setCurrentIndex(1)
    run(stack)
    modules = networks(stack)
    assert len(left(modules)) == 2
    stack.press(stack.dock.model.unload_button)
    assert left(modules) == []
    assert FEATURES.nbytes == 0
    to(stack, 2)
    assert session_of(stack).engine is None
    stack.agree()


def test_planes_do_not_hold_two_sets_of_networks(stack: Person) -> None:
    run(stack)
    modules = networks(stack)
    to(stack, 1)
    stack.dock.model.device.setCurrentIndex(1)  # the same networks, loaded anew for another device
    run(stack)
    assert left(modules) == []
    to(stack, 0)
    assert session_of(stack).engine is None


def test_an_image_that_is_over_the_limit_by_itself_is_said(person: Person) -> None:
    FEATURES.limit = 1000
    person.press(person.dock.bar.demo_button)
    person.wait()
    text = person.dock.status.text()
    assert "is more than the feature cache holds" in text
    assert "a higher limit under Advanced" in text
    assert session_of(person).engine is None
    person.agree()
