"""Two layers, one history: painted and typed with real mouse and keys."""

from __future__ import annotations

import numpy as np
import pytest
from pytestqt.qtbot import QtBot
from qtpy.QtTest import QTest

from tests.gui.person import MINUTE
from tests.gui.window import Window

pytestmark = pytest.mark.canvas


def test_one_history_over_both_layers_by_real_keys(window: Window) -> None:
    session, layers = window.session, window.layers
    states = [(session.labels.copy(), session.regions.copy())]

    def done() -> None:
        window.agree()
        states.append((session.labels.copy(), session.regions.copy()))
        assert len(session.history.done) == len(states) - 1

    window.viewer.layers.selection.active = layers.labels
    layers.labels.selected_label = session.vocabulary.values[2]
    layers.labels.mode = "paint"
    layers.labels.brush_size = 5
    window.stroke((20, 20), (40, 60))
    assert (session.pins >= 0).sum() > 50
    done()

    session.assign(30, "dog" if session.region(30).value != session.vocabulary.values[1] else "cat")
    done()

    window.viewer.layers.selection.active = layers.regions
    layers.regions.selected_label = session.region_at(70, 70)
    layers.regions.mode = "paint"
    layers.regions.brush_size = 7
    window.stroke((70, 70), (70, 88))
    assert session.region_at(70, 84) == session.region_at(70, 70)
    done()

    for number, state in enumerate(reversed(states[:-1])):
        # whichever of the layers is active
        window.viewer.layers.selection.active = layers.layers[number % 2]
        window.undo()
        window.agree()
        np.testing.assert_array_equal(session.labels, state[0])
        np.testing.assert_array_equal(session.regions, state[1])
    window.undo()
    assert window.told[-1] == "There is nothing to undo."
    for number, state in enumerate(states[1:]):
        window.viewer.layers.selection.active = layers.layers[number % 2]
        window.redo()
        window.agree()
        np.testing.assert_array_equal(session.labels, state[0])
        np.testing.assert_array_equal(session.regions, state[1])


def test_a_stroke_extends_the_region_in_which_it_begins(window: Window) -> None:
    session, layer = window.session, window.layers.regions
    window.viewer.layers.selection.active = layer
    layer.selected_label = 1  # whatever is selected
    layer.mode = "paint"
    layer.brush_size = 7
    begun = session.region_at(70, 70)
    assert begun != session.region_at(70, 84)
    window.stroke((70, 70), (70, 88))
    assert session.region_at(70, 84) == begun
    window.agree()
    # In what is in no region a stroke makes one.
    new = int(session.ids.max()) + 1
    assert session.region_at(3, 3) == 0
    window.stroke((3, 3), (3, 12))
    assert session.region_at(3, 3) == session.region_at(3, 10) == new
    window.agree()


def test_a_value_that_is_no_class_is_wiped_away_with_a_sentence(window: Window) -> None:
    before = window.session.labels.copy()
    window.viewer.layers.selection.active = window.layers.labels
    window.layers.labels.selected_label = 77
    window.layers.labels.mode = "paint"
    window.stroke((20, 20), (40, 60))
    window.agree()
    np.testing.assert_array_equal(window.session.labels, before)
    assert "No class has the value 77" in window.told[-1]
    assert not window.session.can_undo


def test_a_new_vocabulary_is_seen(window: Window) -> None:
    window.session.set_vocabulary(window.session.vocabulary.add("bird").recolor("cat", "#010203"))
    colors = window.layers.labels.colormap.color_dict
    value = window.session.vocabulary.values[0]
    np.testing.assert_allclose(colors[value][:3], np.array([1, 2, 3]) / 255, atol=1e-6)
    assert "bird" in list(window.layers.labels.features["class"])
    window.agree()


def test_the_status_bar_tells_a_region(window: Window) -> None:
    region = window.session.region_at(70, 70)
    row = window.session.region(region)
    status = window.layers.regions.get_status((70, 70))["value"]
    name = window.session.vocabulary.by_value(row.value).name
    assert str(region) in status
    assert f"{name} {row.probabilities.max():.2f}" in status


def test_the_status_bar_follows_edits(window: Window, qtbot: QtBot) -> None:
    session, layer = window.session, window.layers.regions
    session.assign(30, "dog")
    assert "dog" in layer.get_status(_middle(window, 30))["value"]
    assert "assigned" in layer.get_status(_middle(window, 30))["value"]
    mask = np.zeros(session.shape, bool)
    mask[:40] = True
    session.paint_regions(mask, None)
    new = int(session.ids.max())
    qtbot.waitUntil(lambda: new in list(layer.features["index"]), timeout=MINUTE)
    assert list(layer.features["index"]) == [0, *session.ids.tolist()]
    assert str(new) in layer.get_status((20, 20))["value"]
    session.undo()
    qtbot.waitUntil(lambda: new not in list(layer.features["index"]), timeout=MINUTE)
    assert "assigned" in layer.get_status(_middle(window, 30))["value"]


def _middle(window: Window, region: int) -> tuple[float, float]:
    box = window.session.region(region).box
    return (box[0] + box[2]) / 2, (box[1] + box[3]) / 2


def test_closed_layers_are_napari_s_own_again(window: Window) -> None:
    window.viewer.layers.selection.active = window.layers.labels
    window.layers.labels.selected_label = 2
    window.layers.labels.mode = "paint"
    window.stroke((60, 20), (70, 60))
    window.layers.close()
    before = window.session.labels.copy()
    window.stroke((20, 20), (40, 60))
    assert not np.array_equal(window.layers.labels.data, before)
    window.undo()
    np.testing.assert_array_equal(window.layers.labels.data, before)
    np.testing.assert_array_equal(window.session.labels, before)
    window.undo()  # the stroke that the session has is the session's to undo
    np.testing.assert_array_equal(window.layers.labels.data, before)


# -- data that others set


def test_labels_that_others_set_are_pinned(window: Window) -> None:
    session, layer = window.session, window.layers.labels
    own = layer.data
    given = layer.data.copy()
    given[10:20, 10:30] = session.vocabulary.values[1]
    given[40:50, 10:30] = session.vocabulary.values[2]
    expected = given.copy()
    layer.data = given
    QTest.qWait(20)
    np.testing.assert_array_equal(session.labels, expected)
    window.agree()
    assert layer.data is own
    assert len(session.history.done) == 1
    window.stroke((70, 70), (70, 88))
    window.agree()
    session.undo()
    session.undo()
    window.agree()
    assert not session.can_undo


@pytest.mark.parametrize("what", ["a value of no class", "another shape", "regions"])
def test_what_others_set_and_cannot_be_taken_is_taken_off_again(window: Window, what: str) -> None:
    session = window.session
    layer = window.layers.regions if what == "regions" else window.layers.labels
    if what == "another shape":
        layer.data = np.zeros((10, 12), np.uint16)
    else:
        given = layer.data.copy()
        given[10:20, 10:30] = 77
        layer.data = given
    QTest.qWait(20)
    said = {
        "a value of no class": "77",
        "another shape": "Data of shape (10, 12) were set on 'labels', which has (96, 96)",
        "regions": "Regions change by strokes, merges, splits or another run",
    }
    assert said[what] in window.told[-1]
    window.agree()
    assert not session.can_undo


def test_data_that_are_set_on_layers_left_alone_stay(window: Window) -> None:
    window.layers.close()
    given = np.zeros((96, 96), np.uint16)
    window.layers.labels.data = given
    QTest.qWait(20)
    assert window.layers.labels.data is given
