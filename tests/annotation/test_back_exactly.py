"""Undo leads back exactly or not at all, whatever was drafted, refined, refused or failed before."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from psygnal import EmitLoopError

from napari_corrclip.annotation import Draft, Journal, Session, restore
from napari_corrclip.annotation.change import Change, Step, Swap
from napari_corrclip.annotation.region import Verdict
from napari_corrclip.annotation.state import State
from napari_corrclip.errors import InputError
from napari_corrclip.results.segmentation import segmentation_from_probabilities
from tests.annotation.random_edits import SHAPE, digest, edit, look, new_session, recounted
from tests.annotation.seen import Seen, one_sentence

Act = Callable[[Session], object]


def first_look(session: Session, seed: int) -> object:
    words = session.vocabulary.add(f"new {seed}")
    random = np.random.default_rng(seed)
    raw = random.random((len(words), *SHAPE)).astype(np.float32) + 1e-3
    found = segmentation_from_probabilities(raw / raw.sum(axis=0), np.array(session.regions), words)
    return session.set_vocabulary(words, result=found, provisional=True)


def another_run(session: Session, seed: int) -> object:
    blocks = np.random.default_rng(seed).integers(0, 9, (SHAPE[0] // 4, SHAPE[1] // 4))
    regions = np.kron(blocks, np.ones((4, 4), int)).astype(np.int32)
    return session.rerun(look(session, seed, regions))


def several(session: Session, seed: int) -> None:
    with session.step("Several things"):
        session.assign(session.ids[:3], session.vocabulary.values[0])
        another_run(session, seed)


ACTS: dict[str, Callable[[Session, int], object]] = {
    "edit": lambda session, seed: edit(session, seed, seed),
    "first look": first_look,
    "refine": lambda session, seed: session.refine(look(session, seed)),
    "another run": another_run,
    "several": several,
    "rename": lambda session, seed: session.set_vocabulary(
        session.vocabulary.rename(session.vocabulary.names[0], f"called {seed}")
    ),
    "undo": lambda session, seed: session.undo(),
    "redo": lambda session, seed: session.redo(),
}


@pytest.mark.parametrize("seed", range(3))
def test_a_session_of_drafts_goes_back_and_forth_as_one_without(seed: int) -> None:
    direct, session = new_session(seed), new_session(seed)
    random = np.random.default_rng(seed)
    for number in range(30):
        act, drafted = ACTS[random.choice([*ACTS, "undo"])], random.random() < 0.5
        act(direct, 100 * seed + number)
        if drafted:
            work = lambda copy, act=act, number=number: act(copy, 100 * seed + number)  # noqa: E731
            assert Draft.make(session, work).take()
        else:
            act(session, 100 * seed + number)
        np.testing.assert_array_equal(session.labels, direct.labels)
        assert len(session.history.done) == len(direct.history.done)
        if random.random() < 0.1:  # a copy knows nothing of what was taken, and goes on alone
            session = session.copy()
    assert digest(session) == digest(direct)
    for way in ("undo", "redo"):
        while getattr(direct, way)():
            getattr(session, way)()
            np.testing.assert_array_equal(session.labels, direct.labels)
            np.testing.assert_array_equal(session.regions, direct.regions)
            assert session.vocabulary == direct.vocabulary
        assert digest(session) == digest(direct)
    recounted(session)


def test_a_draft_that_was_taken_before_a_better_look_is_undone_to_the_better_look() -> None:
    session = new_session(0)
    first = Seen(session)
    first_look(session, 1)
    assert Draft.make(session, lambda copy: copy.merge([1, 2])).take()
    session.refine(look(session, 2))
    merged = Seen(session)
    session.undo()
    refined = Seen(session)
    assert session.region(2)
    session.undo()
    Seen(session).same(first)
    session.redo()
    session.redo()
    Seen(session).same(merged)
    session.undo()
    Seen(session).same(refined)


def test_a_better_look_beside_an_undone_draft_is_in_the_redone_state() -> None:
    session = new_session(0)
    first_look(session, 1)
    assert Draft.make(session, lambda copy: copy.merge([1, 2])).take()
    session.undo()
    assert Draft.make(session, lambda copy: copy.refine(look(copy, 2))).take()
    refined = np.array(session.prediction)
    session.redo()
    np.testing.assert_array_equal(session.prediction, refined)
    recounted(session)


# -- refused, and failed in the middle


def impossible(session: Session) -> Step:
    """A step whose second change cannot be."""
    nobody = Verdict("assigned", 4711)
    return Step(
        "Impossible",
        (
            Change(verdicts={3: Swap(session.find(3).verdict, Verdict("ignored", 0))}),
            Change(verdicts={4: Swap(None, nobody)}),
        ),
    )


@pytest.mark.parametrize("way", ["undo", "redo"])
def test_a_refused_move_leaves_the_step_where_it_is(way: str) -> None:
    session = new_session(0)
    session.assign(1, "sky")
    session.merge([5, 6])
    step = impossible(session)
    if way == "undo":
        session.history.done.append(step.inverse())
    else:
        session.history.undone.append(step)
    done, undone = list(session.history.done), list(session.history.undone)
    before, heard = Seen(session), []
    session.changed.connect(heard.append)
    session.recorded.connect(lambda *what: heard.append(what))
    for _ in range(2):
        with pytest.raises(InputError, match="cannot be") as told:
            getattr(session, way)()
        assert one_sentence(str(told.value))
        Seen(session).same(before)
        assert (session.history.done, session.history.undone) == (done, undone)
        assert not heard
    session.assign(7, "cat")  # and it goes on
    assert session.history.done[-1].title.startswith("Assign")
    recounted(session)


def test_a_step_of_another_session_is_refused_whole() -> None:
    session = new_session(0)
    before = Seen(session)
    with pytest.raises(InputError, match="cannot be made"):
        session.repeat(impossible(session))
    Seen(session).same(before)
    assert not session.can_undo


@pytest.mark.parametrize("kind", [MemoryError, KeyboardInterrupt, RuntimeError])
def test_counting_that_fails_costs_the_edit_and_nothing_else(
    kind: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    session = new_session(0)
    session.assign(1, "sky")
    session.paint(np.ones(SHAPE, bool), "cat")
    session.neighbours(2)
    before = Seen(session)
    draw = State._draw_regions

    def fails(state: State, ids: object) -> None:
        monkeypatch.setattr(State, "_draw_regions", draw)
        raise kind

    for act in (
        lambda: session.merge([2, 3]),
        session.undo,
        lambda: several(session, 3),
        lambda: Draft.make(session, lambda copy: copy.merge([2, 3])),
    ):
        monkeypatch.setattr(State, "_draw_regions", fails)
        with pytest.raises(kind):
            act()
        Seen(session).same(before)
        assert len(session.history.done) == 2
        assert session.neighbours(2) == new_session(0).neighbours(2)
    session.undo()
    assert session.region(1).verdict is not None
    recounted(session)


def fail(*_: object) -> None:
    raise RuntimeError("a listener's own")


@pytest.mark.parametrize("signal", ["changed", "recorded"])
@pytest.mark.parametrize(
    "act",
    [
        lambda session: session.merge([2, 3]),
        lambda session: session.undo(),
        lambda session: session.redo(),
        lambda session: several(session, 1),
        lambda session: session.refine(look(session, 5)),
        lambda session: Draft.make(session, lambda copy: copy.merge([2, 3])).take(),
    ],
    ids=["edit", "undo", "redo", "step", "refine", "draft"],
)
def test_what_a_listener_raises_is_told_and_the_edit_is_made(
    act: Act, signal: str, tmp_path: object
) -> None:
    direct, session = (prepared() for _ in range(2))
    act(direct)
    with Journal(session, tmp_path):
        getattr(session, signal).connect(fail)
        with pytest.raises(EmitLoopError):
            act(session)
        assert digest(session) == digest(direct)
        assert digest(restore(tmp_path)) == digest(direct)
        getattr(session, signal).disconnect(fail)
        heard: list[object] = []
        session.changed.connect(heard.append)
        session.assign(1, "cat")
        assert len(heard) == 1  # nothing was left over
        direct.assign(1, "cat")
    while direct.undo():
        session.undo()
        assert digest(session) == digest(direct)


def prepared() -> Session:
    session = new_session(4)
    session.assign([5, 6], "sky")
    session.merge([7, 8])
    session.undo()
    return session


def test_what_is_encoded_goes_back_with_a_step_that_fails() -> None:
    class Encoded:
        nbytes = 1

    former, other = Encoded(), Encoded()
    session = new_session(0)
    session.engine = former  # type: ignore[assignment]
    again = replace(look(session, 1))
    session.rerun(again)
    with pytest.raises(InputError), session.step("Two"):  # noqa: PT012
        session.rerun(again, engine=other)  # type: ignore[arg-type]
        assert session.engine is other
        session.assign(999, "sky")
    assert session.engine is former
