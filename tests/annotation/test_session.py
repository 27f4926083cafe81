"""The session's way of doing things: made, recorded, told, taken back."""

from __future__ import annotations

import numpy as np
import pytest

from napari_corrclip.annotation import Changed, Session, Verdict
from napari_corrclip.errors import InputError
from tests.annotation.images import small_result


def test_labels_are_the_result_s_until_somebody_decides() -> None:
    result, image = small_result()
    session = Session(result, image)
    np.testing.assert_array_equal(session.labels, result.labels)
    np.testing.assert_array_equal(session.regions, result.regions)
    assert not session.can_undo
    assert session.undo().title == ""


def test_without_map_correction_pixels_show_their_own_class() -> None:
    result, image = small_result(correction=False)
    assert not np.array_equal(result.labels, small_result()[0].labels)
    session = Session(result, image)
    np.testing.assert_array_equal(session.labels, result.labels)
    session.revote("all")
    np.testing.assert_array_equal(session.labels, small_result()[0].labels)
    session.undo()
    np.testing.assert_array_equal(session.labels, result.labels)


def test_an_edit_tells_what_it_touched() -> None:
    session = Session(*small_result())
    heard: list[Changed] = []
    session.changed.connect(heard.append)
    before = session.labels.copy()
    session.assign(2, "cat")
    (told,) = heard
    assert told.updated == (2,)
    assert session.region(2).verdict == Verdict("assigned", session.vocabulary.values[0])
    differs = before != session.labels
    assert differs.any()
    for top, left, bottom, right in told.labels:
        differs[top:bottom, left:right] = False
    assert not differs.any()


def test_several_edits_are_one_step_or_none() -> None:
    session = Session(*small_result())
    before = session.labels.copy()
    with session.step("Two of them"):
        session.merge([1, 2])
        session.assign(1, "sky")
    assert [step.title for step in session.history.done] == ["Two of them"]
    session.undo()
    np.testing.assert_array_equal(session.labels, before)
    with pytest.raises(InputError, match="no region 99"), session.step("Refused"):  # noqa: PT012
        session.assign(1, "sky")
        session.assign(99, "sky")
    np.testing.assert_array_equal(session.labels, before)
    assert not session.can_undo


def test_an_edit_after_an_undo_discards_no_state() -> None:
    session = Session(*small_result())
    states = [session.labels.copy()]
    session.assign(1, "sky")
    states.append(session.labels.copy())
    session.undo()
    session.assign(2, "sky")
    seen = [session.labels.copy()]
    while session.can_undo:
        session.undo()
        seen.append(session.labels.copy())
    assert all(any(np.array_equal(state, other) for other in seen) for state in states)


def test_it_counts_what_was_decided_as_a_class() -> None:
    session = Session(*small_result())
    assert session.decided_as("sky") == (0, 0)
    session.assign([1, 2], "sky")
    session.ignore(3)
    session.paint(([0, 0, 0], [1, 2, 3]), "sky")
    assert session.decided_as("sky") == (2, 3)
    assert session.decided_as(session.vocabulary.values[0]) == (0, 0)
