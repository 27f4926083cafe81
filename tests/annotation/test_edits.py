"""Every edit, there and back; how changes are told."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from napari_corrclip.annotation import Changed, Edited, Session
from tests.annotation.images import small_result
from tests.annotation.seen import Seen
from tests.annotation.strips import (
    EDITS,
    block,
    prepared,
)


@pytest.mark.parametrize("correction", [True, False])
@pytest.mark.parametrize("asked", [True, False])
@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS)
def test_there_and_back_and_there(
    edit: Callable[[Session], Edited], correction: bool, asked: bool
) -> None:
    session = prepared(correction=correction)
    if asked:
        session.neighbours(1)  # from now on neighbours are kept up to date
    before, steps = Seen(session), len(session.history.done)
    edited = edit(session)
    after = Seen(session)
    assert edited.title
    assert (
        before.table.to_csv() != after.table.to_csv()
        or (before.maps["labels"] != after.maps["labels"]).any()
        or before.vocabulary != after.vocabulary
    ), "the edit does nothing, so it shows nothing"
    assert len(session.history.done) == steps + 1
    near = {one: session.neighbours(one) for one in session.ids.tolist()}
    undone = session.undo()
    assert undone.title == f"Undo: {edited.title}"
    Seen(session).same(before)
    redone = session.redo()
    assert redone.title == edited.title
    Seen(session).same(after)
    assert {one: session.neighbours(one) for one in session.ids.tolist()} == near
    while session.can_undo:
        session.undo()
    Seen(session).same(Seen(Session(*small_result(correction=correction))))


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS)
def test_a_session_does_not_touch_what_it_was_given(edit: Callable[[Session], Edited]) -> None:
    result, image = small_result()
    arrays = {
        name: np.array(getattr(result, name))
        for name in ("labels", "regions", "pixel_labels", "region_probabilities")
    }
    session = Session(result, image)
    session.paint_regions(block(20, 28, 24, 32), 2)
    session.assign(2, "dog")
    session.paint(block(2, 10, 6, 30), "sky")
    edit(session)
    for name, array in arrays.items():
        np.testing.assert_array_equal(array, getattr(result, name))


def test_nothing_to_undo_or_redo_is_no_error() -> None:
    session = Session(*small_result())
    before = Seen(session)
    assert session.undo() == session.redo() == Edited("")
    Seen(session).same(before)


@pytest.mark.parametrize(
    "edit",
    [
        lambda session: session.assign(2, "dog"),
        lambda session: session.accept([2, 4]),
        lambda session: session.clear(1),
        lambda session: session.ignore(5),
        lambda session: session.paint(block(2, 10, 6, 30), "sky"),
        lambda session: session.paint(block(20, 0, 24, 3), None),
        lambda session: session.paint_regions(block(9, 9, 11, 11), 5),
        lambda session: session.accept_above(1),
        lambda session: session.revote(6, "mean"),
    ],
)
def test_what_changes_nothing_is_no_step(edit: Callable[[Session], Edited]) -> None:
    session = prepared()
    before, steps, heard = Seen(session), len(session.history.done), []
    session.changed.connect(heard.append)
    edit(session)
    Seen(session).same(before)
    assert len(session.history.done) == steps
    assert not heard


def test_a_listener_that_fails_does_not_halve_an_undo() -> None:
    session = Session(*small_result())
    before = Seen(session)
    with session.step("Both"):
        session.assign(1, "sky")
        session.paint(block(16, 8, 24, 16), "dog")
    after = Seen(session)

    def fail(_: Changed) -> None:
        raise RuntimeError("the screen is gone")

    recorded = []
    session.recorded.connect(lambda kind, _: recorded.append(kind))
    session.changed.connect(fail)
    for move, seen in ((session.undo, before), (session.redo, after)):
        with pytest.raises(Exception, match="the screen is gone"):
            move()
        Seen(session).same(seen)
    assert recorded == ["undo", "redo"]


def test_history_keeps_within_its_limit_and_the_newest_step_always() -> None:
    session = Session(*small_result(), history_limit=4000)
    for value in (1, 2, 3) * 20:
        session.assign([1, 2], value)
    assert session.history.nbytes <= 4000
    assert session.history.forgotten > 0
    assert session.can_undo
    session = Session(*small_result(), history_limit=0)
    session.assign(1, "sky")
    before = Seen(Session(*small_result()))
    session.undo()
    Seen(session).same(before)


def test_a_session_with_a_smaller_history_limit_is_no_damage(tmp_path: Any) -> None:
    session = Session(*small_result())
    for value in (1, 2, 3, 1, 2, 3):
        session.assign([1, 2], value)
    for _ in range(4):
        session.undo()
    session.save(tmp_path / "saved")
    loaded = Session.load(tmp_path / "saved", history_limit=1)
    Seen(loaded).same(Seen(session))
    for _ in range(4):
        session.redo()
        loaded.redo()
    Seen(loaded).same(Seen(session))


def test_an_edit_says_whether_anything_was_changed() -> None:
    session = Session(*small_result())
    assert session.assign(1, "cat").made
    assert not session.assign(1, "cat").made  # it was so already
    assert session.undo().made
    assert not session.undo().made
    with session.step("Both"):
        assert session.assign(2, "cat").made
        assert not session.assign(2, "cat").made
