"""A stack in the dock: a session for each plane, that follows the slider."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.gui.person import MINUTE, Person, run, threads_end
from tests.gui.stacks import PLANES, opened, planes, ready, saved, to


def test_one_plane_is_segmented_and_said(stack: Person) -> None:
    to(stack, 2)
    run(stack)
    session, picture = stack.dock.workspace.session, stack.dock.workspace.picture
    assert session is not None
    assert picture is not None
    assert picture.where == (2,)
    assert stack.dock.status.text().startswith("Plane 3 of 4 along axis 0: ")
    np.testing.assert_array_equal(session.image, planes()[2])
    assert stack.dock.layers is not None
    assert tuple(stack.dock.layers.labels.translate) == (3, 4)
    assert tuple(stack.dock.layers.labels.scale) == (0.5, 0.5)
    stack.agree()


def test_layers_follow_the_slider_and_edits_stay(stack: Person) -> None:
    run(stack)
    first = stack.dock.workspace.session
    assert first is not None
    first.assign(first.ids[:3], "blue")
    labels = first.labels.copy()
    assert stack.dock.layers is not None
    stack.dock.layers.labels.opacity = 0.7
    stack.dock.layers.regions.visible = False
    stack.press(stack.dock.correct.button)

    to(stack, 1)
    assert stack.names() == ["stack"]
    assert stack.dock.workspace.session is None
    assert not stack.dock.correct.button.isEnabled()
    run(stack)
    second = stack.dock.workspace.session
    assert second is not None
    assert second is not first
    second.paint(([3, 3], [4, 5]), "green")
    stack.agree()

    to(stack, 3)
    assert stack.names() == ["stack"]
    to(stack, 0)
    assert stack.names() == ["stack", "labels", "regions"]
    assert stack.dock.workspace.session is first
    np.testing.assert_array_equal(first.labels, labels)
    stack.agree()
    stack.press(stack.dock.correct.undo_button)
    stack.agree()
    assert first.region(int(first.ids[0])).verdict is None
    to(stack, 1)
    assert stack.dock.workspace.session is second
    stack.agree()
    # Running again goes into the plane's session: its decision stays.
    run(stack)
    assert stack.dock.workspace.session is second
    assert (second.labels[3, 4:6] == second.vocabulary.values[1]).all()
    stack.agree()


def test_the_look_of_the_layers_is_carried_along(stack: Person) -> None:
    stack.dock.image.planes.setCurrentIndex(1)
    run(stack)
    layers = stack.dock.layers
    assert layers is not None
    layers.labels.opacity = 0.7
    layers.regions.contour = 2
    stack.viewer.layers.selection.active = layers.regions
    stack.press(stack.dock.correct.button)
    to(stack, 1)
    other = stack.dock.layers
    assert other is not None
    assert other is not layers
    assert other.labels.opacity == 0.7
    assert other.regions.contour == 2
    assert stack.viewer.layers.selection.active is other.regions
    mode = stack.dock.correct.mode
    assert mode is not None
    assert mode.on


def test_all_planes_are_segmented_and_shown_as_the_slider_moves(stack: Person) -> None:
    to(stack, 1)
    stack.dock.image.planes.setCurrentIndex(1)
    assert stack.dock.image.planes.currentText() == "all 4 along axis 0"
    run(stack)
    assert "4 of 4 planes segmented" in stack.dock.status.text()
    assert stack.names() == ["stack", "labels", "regions"]
    seen = []
    for plane in range(PLANES):
        to(stack, plane)
        session = stack.dock.workspace.session
        assert session is not None
        np.testing.assert_array_equal(session.image, planes()[plane])
        stack.agree()
        seen.append(session)
    assert len(set(map(id, seen))) == PLANES
    run(stack)
    assert "0 of 4 planes segmented. 4 had a session" in stack.dock.status.text()


def test_a_cancelled_run_keeps_what_is_done_and_goes_on(stack: Person) -> None:
    stack.dock.image.planes.setCurrentIndex(1)
    stack.press(stack.dock.bar.run_button)
    stack.qtbot.waitUntil(lambda: stack.dock.workspace.session is not None, timeout=MINUTE)
    first = stack.dock.workspace.session
    stack.press(stack.dock.bar.run_button)
    stack.wait()
    assert "Resume with Run" in stack.dock.status.text()
    assert stack.dock.workspace.session is first
    assert first is not None
    first.assign(first.ids[:2], "blue")
    labels = first.labels.copy()
    run(stack)
    text = stack.dock.status.text()
    done = int(text.split()[0])
    assert 1 <= done <= 3
    assert f"{4 - done} had a session already" in text
    np.testing.assert_array_equal(first.labels, labels)
    for plane in range(PLANES):
        to(stack, plane)
        assert stack.dock.workspace.session is not None


def test_the_slider_may_move_while_a_run_over_the_stack_goes_on(stack: Person) -> None:
    stack.dock.image.planes.setCurrentIndex(1)
    stack.press(stack.dock.bar.run_button)
    stack.qtbot.waitUntil(lambda: stack.dock.workspace.session is not None, timeout=MINUTE)
    first = stack.dock.workspace.session
    to(stack, 3)
    assert stack.dock.controller.running
    to(stack, 0)
    assert stack.dock.workspace.session is first
    stack.wait()
    assert "4 of 4 planes segmented" in stack.dock.status.text()
    stack.agree()


def test_a_run_that_ends_on_another_plane_is_kept_for_its_own(stack: Person) -> None:
    stack.press(stack.dock.bar.run_button)
    to(stack, 2)
    stack.wait()
    assert stack.names() == ["stack"]
    assert "plane 1 of 4 along axis 0 is segmented; move the slider" in stack.dock.status.text()
    to(stack, 0)
    session = stack.dock.workspace.session
    assert session is not None
    np.testing.assert_array_equal(session.image, planes()[0])
    stack.agree()


def test_a_stack_goes_on_in_another_window(
    person: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from napari_corrclip.gui.dock import CorrClipDock

    file = saved(tmp_path, monkeypatch)
    opened(person, file)
    run(person)
    session = person.dock.workspace.session
    assert session is not None
    session.assign(session.ids[:2], "blue")
    labels = session.labels.copy()
    person.dock.cleanup()
    person.viewer.layers.clear()

    person.dock = CorrClipDock(person.viewer)
    person.viewer.window.add_dock_widget(person.dock, name="second")
    opened(person, file)
    assert not person.dock.restore_bar.isHidden()
    to(person, 1)
    assert person.dock.restore_bar.isHidden()
    person.dock.image.planes.setCurrentIndex(1)
    run(person)
    assert "3 of 4 planes segmented. 1 had a session already" in person.dock.status.text()
    to(person, 0)
    restored = person.dock.workspace.session
    assert restored is not None
    np.testing.assert_array_equal(restored.labels, labels)
    person.agree()
    person.dock.cleanup()


def test_what_was_corrected_in_memory_becomes_layers_of_the_stack(stack: Person) -> None:
    stack.dock.image.planes.setCurrentIndex(1)
    run(stack)
    expected = []
    for plane in range(PLANES):
        to(stack, plane)
        session = stack.dock.workspace.session
        assert session is not None
        session.assign(session.ids[:2], "blue")
        expected.append(session.labels.copy())
    image = stack.viewer.layers["stack"]
    stack.dock.cleanup()
    # The open plane's, and those of the others.
    found = [layer for layer in stack.viewer.layers if layer.name.startswith("labels (before)")]
    joined = np.zeros((PLANES, 96, 128), np.uint16)
    for layer in found:
        assert layer.ndim == 3
        start = image.world_to_data(layer.data_to_world((0, 0, 0)))
        at = round(start[0])
        joined[at : at + layer.data.shape[0]] += layer.data
        np.testing.assert_allclose(start[1:], 0, atol=1e-6)
    np.testing.assert_array_equal(joined, expected)


def test_a_removed_stack_leaves_its_labels(stack: Person) -> None:
    stack.dock.image.planes.setCurrentIndex(1)
    run(stack)
    stack.viewer.layers.remove("stack")
    assert stack.dock.workspace.session is None
    assert "'stack' was removed; its labels stay" in stack.dock.status.text()
    assert all(layer.ndim == 3 for layer in stack.viewer.layers)
    assert {name.split(" [")[0] for name in stack.names()} == {
        "labels (before)",
        "regions (before)",
    }


def test_a_stack_removed_while_it_runs_is_harmless(stack: Person) -> None:
    stack.dock.image.planes.setCurrentIndex(1)
    stack.press(stack.dock.bar.run_button)
    stack.qtbot.waitUntil(lambda: stack.dock.workspace.session is not None, timeout=MINUTE)
    stack.viewer.layers.remove("stack")
    stack.wait()
    threads_end(stack.qtbot)
    assert stack.dock.workspace.session is None
    assert all(layer.ndim == 3 for layer in stack.viewer.layers)


def test_a_plane_that_cannot_be_read_is_passed_over(person: Person) -> None:
    import dask.array as da

    bad = [False]

    def block(block_id: tuple[int, ...] | None = None) -> np.ndarray:
        assert block_id is not None
        if bad[0] and block_id[0] == 2:
            raise OSError("the disk is gone")
        return planes()[block_id[0]].mean(axis=-1)[None].astype(np.uint8)

    array = da.map_blocks(block, chunks=((1,) * PLANES, (96,), (128,)), dtype=np.uint8)
    person.viewer.add_image(array, name="lazy", contrast_limits=(0, 255))
    ready(person)
    bad[0] = True
    person.dock.image.planes.setCurrentIndex(1)
    run(person)
    text = person.dock.status.text()
    assert "3 of 4 planes segmented" in text
    assert "1 failed, the first at 3: The image 'lazy' cannot be read (OSError" in text


def test_sliders_outside_the_stack_are_said(stack: Person) -> None:
    stack.viewer.add_image(np.zeros((60, 8, 8), np.uint8), name="long")
    stack.dock.image.layer = stack.viewer.layers["stack"]
    run(stack)
    assert stack.dock.layers is not None
    stack.viewer.dims.set_point(0, 50)
    stack.qtbot.waitUntil(lambda: stack.dock.layers is None, timeout=MINUTE)
    stack.press(stack.dock.bar.run_button)
    assert "The viewer shows no plane of 'stack'" in stack.dock.status.text()
    to(stack, 0)
    assert stack.dock.layers is not None
    stack.agree()


def test_a_value_means_one_class_on_all_planes(stack: Person) -> None:
    def typed(word: str) -> int:
        stack.type(word)
        stack.wait()
        words = stack.dock.session.vocabulary
        return words.values[words.index(word)]

    stack.dock.image.planes.setCurrentIndex(1)
    run(stack)
    before = set(stack.dock.session.vocabulary.values)
    sand = typed("sand")
    to(stack, 2)
    stone = typed("stone")
    assert len({sand, stone} - before) == 2
    assert typed("sand") == sand
    to(stack, 1)
    grass = typed("grass")
    assert grass not in {sand, stone} | before
    assert typed("stone") == stone
    to(stack, 0)
    assert typed("grass") == grass
    stack.agree()
