"""Drafts: made beside the edits of a session, and taken as if they had been made there."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from napari_corrclip.annotation import Changed, Draft, Session
from napari_corrclip.annotation.change import Step
from napari_corrclip.annotation.state import State
from napari_corrclip.errors import InputError
from napari_corrclip.results.segmentation import Segmentation, segmentation_from_probabilities
from tests.annotation.images import small_result
from tests.annotation.random_edits import SHAPE, digest, edit, new_session
from tests.forms import short


class Listener:
    """Notes what a session tells."""

    def __init__(self, session: Session) -> None:
        self.told: list[Changed] = []
        self.records: list[tuple[str, str]] = []
        session.changed.connect(self.told.append)
        session.recorded.connect(self._record)

    def _record(self, kind: str, step: Step) -> None:
        self.records.append((kind, step.title))


@pytest.mark.parametrize("seed", short(0, rest=range(1, 4)))
def test_a_taken_draft_is_the_edit_itself(seed: int) -> None:
    direct, session = new_session(seed), new_session(seed)
    views = session.labels, session.regions, session.pins
    one, other = Listener(direct), Listener(session)
    for number in range(40):
        before = digest(session)
        edit(direct, seed, number)
        draft = Draft.make(session, lambda copy, number=number: edit(copy, seed, number))
        assert digest(session) == before
        assert draft.take()
        assert digest(session) == digest(direct)
        assert session.labels.base is views[0].base
    assert other.records == one.records
    assert {box for told in other.told for box in told.labels} == {
        box for told in one.told for box in told.labels
    }
    for view, truth in zip(views, (direct.labels, direct.regions, direct.pins), strict=True):
        np.testing.assert_array_equal(view, truth)
    for region in session.ids.tolist():
        assert session.neighbours(region) == direct.neighbours(region)
    while direct.undo():
        session.undo()
        assert digest(session) == digest(direct)


@pytest.mark.parametrize("seed", short(0, 1, 2, rest=range(3, 12)))
def test_what_was_taken_is_undone_and_redone_as_an_edit_is(seed: int) -> None:
    direct, session = new_session(seed), new_session(seed)
    views = session.labels, session.regions, session.pins
    random = np.random.default_rng(seed)
    undone = 0
    for number in range(120):
        kind = random.choice(["edit", "draft", "run", "undo", "redo"], p=[0.3, 0.1, 0.1, 0.3, 0.2])
        if kind == "run":
            raw = random.random((len(session.vocabulary), *SHAPE)).astype(np.float32) ** 4 + 1e-3
            regions = np.kron(random.integers(0, 9, (12, 16)), np.ones((4, 4))).astype(np.int32)
            result = segmentation_from_probabilities(
                raw / raw.sum(axis=0), regions, session.vocabulary
            )

            def again(copy: Session, result: Segmentation = result) -> object:
                return copy.rerun(result)

            again(direct)
            assert Draft.make(session, again).take()
        elif kind == "draft":
            edit(direct, seed, number)
            assert Draft.make(session, lambda copy, number=number: edit(copy, seed, number)).take()
        elif kind == "edit":
            edit(direct, seed, number)
            edit(session, seed, number)
        else:
            former = session.timeline._taken
            step = (session.history.done if kind == "undo" else session.history.undone)[-1:]
            undone += former is not None and step == [former.step]
            told: list[Changed] = []
            session.changed.connect(told.append)
            getattr(direct, kind)()
            getattr(session, kind)()
            session.changed.disconnect(told.append)
            assert bool(told) == bool(step)
        assert digest(session) == digest(direct)
        if random.random() < 0.5:  # else nobody has asked for neighbours yet
            for region in session.ids.tolist():
                assert session.neighbours(region) == direct.neighbours(region)
    assert undone > 3  # by what was kept
    for view, truth in zip(views, (direct.labels, direct.regions, direct.pins), strict=True):
        np.testing.assert_array_equal(view, truth)


def run_again(session: Session) -> None:
    with session.step("Run again"):
        session.set_vocabulary(session.vocabulary.add("new"), classify=False)
        session.merge(session.ids[:3])


def test_an_edit_made_meanwhile_is_kept_and_the_draft_is_not_taken() -> None:
    session = new_session(0)
    draft = Draft.make(session, run_again)
    session.assign(5, "sky")
    before = digest(session)
    listener = Listener(session)
    assert not draft.take()
    assert digest(session) == before
    assert not listener.told
    assert Draft.make(session, run_again).take()
    assert session.region(5).verdict is not None
    assert [title for _, title in listener.records] == ["Run again"]
    session.undo()
    assert digest(session) != before  # there is something to redo
    assert session.region(5).value == session.vocabulary.values[-1]


@pytest.mark.parametrize("act", ["undo", "redo", "refine", "engine"])
def test_anything_done_meanwhile_outdates_a_draft(act: str) -> None:
    result, image = small_result(SHAPE)
    session = Session(result, image)
    session.assign(1, "sky")
    session.assign(2, "sky")
    session.undo()
    draft = Draft.make(session, lambda copy: copy.assign(3, "sky"))
    if act == "refine":
        session.refine(small_result(SHAPE, seed=1)[0])
    elif act == "engine":
        session.engine = None
    else:
        getattr(session, act)()
    assert not draft.take()


def test_another_run_is_taken_with_its_engine_and_undone() -> None:
    session = new_session(0)
    session.assign(session.ids[:20], "sky")
    before = session.labels.copy()
    again = small_result(SHAPE, seed=3)[0]
    draft = Draft.make(session, lambda copy: copy.rerun(again))
    assert draft.take()
    direct = new_session(0)
    direct.assign(direct.ids[:20], "sky")
    assert direct.rerun(again).conflicts == draft.made.conflicts
    assert digest(session) == digest(direct)
    session.undo()
    np.testing.assert_array_equal(session.labels, before)


def test_a_refused_draft_leaves_the_session_as_it_was() -> None:
    session = new_session(0)
    before = digest(session)
    with pytest.raises(InputError, match="no region 999999"):
        Draft.make(session, lambda copy: copy.assign(999999, "sky"))
    assert digest(session) == before


def test_no_draft_is_made_in_the_middle_of_a_step() -> None:
    session = new_session(0)
    with session.step("two"), pytest.raises(InputError, match="being put together"):
        Draft.make(session, lambda copy: copy.assign(1, "sky"))


def test_a_thread_copies_between_edits_and_never_within_one() -> None:
    session = new_session(0)
    names, ends = session.vocabulary.names, threading.Event()
    wrong: list[str] = []
    drafts = 0

    def look(copy: Session) -> None:
        values = {copy.region(one).value for one in (1, 2)}
        if len(values) > 1:
            wrong.append("half a step was copied")
        if len(copy.history.done) and copy.history.done[-1].title != names[_index(copy)]:
            wrong.append("the history is not the state's")
        state = copy.state
        fresh = State(
            state.regions,
            state.evidence,
            state.vocabulary,
            pins=state.pins,
            verdicts=state.verdicts,
            voting=state.voting,
        )
        if not np.array_equal(fresh.labels, state.labels):
            wrong.append("the labels are of other decisions")

    def _index(copy: Session) -> int:
        return copy.vocabulary.values.index(copy.region(1).value)

    def make() -> None:
        nonlocal drafts
        while not ends.is_set():
            Draft.make(session, look)
            drafts += 1

    with session.step(names[0]):
        session.assign([1], names[0])
        session.assign([2], names[0])
    thread = threading.Thread(target=make)
    thread.start()
    try:
        number = 0
        while drafts < 20 and not wrong and thread.is_alive():
            number += 1
            name = names[number % len(names)]
            with session.step(name):
                session.assign([1], name)
                session.assign([2], name)
    finally:
        ends.set()
        thread.join()
    assert drafts >= 20
    assert not wrong
