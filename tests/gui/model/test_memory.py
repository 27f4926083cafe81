"""The memory that networks and encoded images take: limited, freed by Unload and with the dock."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import numpy as np
import pytest

from napari_corrclip.annotation.encoded_cache import FEATURES
from tests.gui.person import MINUTE, Person, run
from tests.gui.stacks import to


@pytest.fixture(autouse=True)
def _own_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FEATURES, "_limit", None)


def session_of(person: Person) -> Any:
    session = person.dock.workspace.session
    assert session is not None
    return session


def networks(person: Person) -> list[weakref.ref[Any]]:
    """The modules of torch that are loaded, held weakly."""
    loaded = person.dock.controller.networks.loaded
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
    assert "unloaded" in person.dock.status.text()
    assert left(modules) == []
    assert FEATURES.nbytes == 0
    session = session_of(person)
    assert session.engine is None
    session.undo()
    assert session.engine is None
    person.agree()
    person.type("orange")
    assert person.dock.status.text() == "Press Run to look for these classes."

    # They are loaded again; an image that is over the limit by itself is said.
    FEATURES.limit = 1000
    person.press(person.dock.bar.run_button)
    person.press(person.dock.model.unload_button)
    assert "at work" in person.dock.status.text()
    person.wait()
    text = person.dock.status.text()
    assert "is more than the feature cache holds" in text
    assert "a higher limit under Advanced" in text
    assert session_of(person) is session
    person.qtbot.waitUntil(lambda: session.engine is None)  # the thread that made it ends
    person.agree()


@pytest.mark.canvas
def test_a_dock_that_is_closed_lets_go(on_screen: Person) -> None:
    person = on_screen
    modules = worked(person)
    session, layers, mode = session_of(person), person.dock.layers, person.dock.correct.mode
    assert layers is not None
    assert mode is not None
    mode.start()
    person.viewer.window.remove_dock_widget(person.dock.parent())
    person.qtbot.waitUntil(lambda: person.dock.controller.networks.loaded is None, timeout=MINUTE)
    assert person.dock.layers is None
    assert not mode.on
    assert "undo" not in vars(layers.labels)
    assert person.names() == ["demo scene", "labels of demo scene", "regions of demo scene"]
    assert left(modules) == []
    assert session.engine is None
    assert FEATURES.nbytes == 0


def test_planes_keep_their_encoded_image_up_to_the_limit(stack: Person) -> None:
    run(stack)
    first, one = session_of(stack), FEATURES.nbytes
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

    # Over the limit, the plane that is shown keeps its own, and the other one asks for a run.
    FEATURES.limit = FEATURES.nbytes - 1
    assert first.engine is not None
    to(stack, 1)
    second = session_of(stack)
    assert second.engine is None
    stack.type("orange")
    assert stack.dock.status.text() == "Press Run to look for these classes."
    stack.agree()
    FEATURES.limit = None
    run(stack)
    assert session_of(stack) is second
    assert second.engine is not None
    assert second.vocabulary.names[-1] == "orange"
    stack.agree()


def test_planes_hold_one_set_of_networks_and_unload_frees_it(stack: Person) -> None:
    run(stack)
    first = networks(stack)
    to(stack, 1)
    stack.dock.model.device.setCurrentIndex(1)  # the same networks, loaded anew for another device
    run(stack)
    assert left(first) == []
    modules = networks(stack)
    assert len(left(modules)) == 2
    to(stack, 0)
    assert session_of(stack).engine is None
    stack.press(stack.dock.model.unload_button)
    assert left(modules) == []
    assert FEATURES.nbytes == 0
    to(stack, 1)
    assert session_of(stack).engine is None
    stack.agree()
