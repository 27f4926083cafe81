"""Tests of what a lesson says in the place of the networks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from napari_corrclip.annotation import Session
from napari_corrclip.annotation.edits.predictions import change_vocabulary, teach
from napari_corrclip.annotation.evidence import NOT_TAUGHT, Taught
from napari_corrclip.annotation.region import Voting
from napari_corrclip.errors import InputError
from napari_corrclip.vocabulary import Vocabulary
from tests.annotation.images import small_result
from tests.annotation.random_edits import look
from tests.annotation.seen import Seen, one_sentence

SHAPE = (48, 64)


@pytest.fixture
def session() -> Session:
    return Session(*small_result(SHAPE, seed=3))


def all_of(session: Session, name: str, p: float = 0.9) -> Taught:
    """Say of all regions that they are of one class."""
    words = session.vocabulary
    count, at = len(session.state.evidence.probabilities), words.names.index(name)
    probabilities = np.full((count, len(words)), (1 - p) / (len(words) - 1), np.float32)
    probabilities[:, at] = p
    return Taught(np.full(count, words.values[at], np.int32), probabilities)


def test_regions_show_what_is_taught_and_decided_ones_what_was_decided(session: Session) -> None:
    one, other = session.vocabulary.names[:2]
    decided = int(session.ids[0])
    session.assign(decided, other)
    before = session.region(decided)
    session.teach(all_of(session, one), "Learnt: all")
    rows = session.rows()
    value = session.vocabulary.values[0]
    assert {row.value for row in rows if row.verdict is None} == {value}
    assert {round(row.confidence, 6) for row in rows if row.verdict is None} == {0.9}
    after = session.region(decided)
    assert (after.value, after.confidence) == (before.value, before.confidence)
    inside = session.regions > 0
    shown = session.labels[inside & (session.regions != decided)]
    assert set(shown.tolist()) == {value}


def test_lessons_are_one_step_that_one_undo_takes_back(session: Session) -> None:
    seen = Seen(session)
    one, other = session.vocabulary.names[:2]
    session.teach(all_of(session, one), "Learnt: 1 region")
    session.teach(all_of(session, other), "Learnt: 2 regions")
    assert [step.title for step in session.history.done] == ["Learnt: 2 regions"]
    taught = Seen(session)
    session.undo()
    Seen(session).same(seen)
    session.redo()
    Seen(session).same(taught)


def test_nothing_taught_is_the_networks_opinion_and_a_step_of_its_own(session: Session) -> None:
    seen = Seen(session)
    one = session.vocabulary.names[0]
    session.teach(all_of(session, one))
    taught = Seen(session)
    session.teach(None)
    Seen(session).same(seen)
    session.teach(all_of(session, one))
    assert len(session.history.done) == 3
    for expected in (seen, taught, seen):
        session.undo()
        Seen(session).same(expected)
    assert not session.teach(None).made


def test_what_is_decided_between_lessons_stays_when_they_are_undone(session: Session) -> None:
    one, other = session.vocabulary.names[:2]
    session.teach(all_of(session, one))
    session.accept(int(session.ids[0]))
    session.teach(all_of(session, other))
    assert session.region(int(session.ids[0])).value == session.vocabulary.values[0]
    session.undo()
    assert session.region(int(session.ids[0])).verdict is None
    session.undo()
    assert session.state.evidence.taught is None


def test_parts_of_a_taught_region_show_what_it_was_taught(session: Session) -> None:
    one = session.vocabulary.names[0]
    session.teach(all_of(session, one))
    region = max(session.rows(), key=lambda row: row.area)
    top, _, bottom, _ = region.box
    half = np.zeros(session.shape, bool)
    half[top : (top + bottom) // 2] = True
    made = session.split_mask(region.id, half)
    assert len(made.updated) == 2
    assert {session.region(part).value for part in made.updated} == {session.vocabulary.values[0]}


def reordered(words: Vocabulary) -> Vocabulary:
    return words.reorder(words.names[::-1])


def added(words: Vocabulary) -> Vocabulary:
    return words.add("another")


def unused_gone(words: Vocabulary) -> Vocabulary:
    return words.remove(words.names[-1])


@pytest.mark.parametrize("changed", [reordered, added, unused_gone])
def test_what_is_taught_stays_where_other_classes_come_go_and_move(
    session: Session, changed: Callable[[Vocabulary], Vocabulary]
) -> None:
    session.teach(all_of(session, session.vocabulary.names[0], p=0.7))
    taught = Seen(session)
    before = {row.id: (row.value, row.confidence) for row in session.rows()}
    session.set_vocabulary(changed(session.vocabulary))
    assert {row.id: (row.value, row.confidence) for row in session.rows()} == before
    session.undo()
    Seen(session).same(taught)


def test_a_new_class_from_examples_changes_no_other_region(session: Session) -> None:
    session.teach(all_of(session, session.vocabulary.names[0]))
    before = {row.id: row.value for row in session.rows()}
    example = int(session.ids[0])
    session.new_class("type B", [example])
    after = {row.id: row.value for row in session.rows()}
    assert {region for region in before if after[region] != before[region]} == {example}


def test_nothing_is_said_any_more_of_a_class_that_goes(session: Session) -> None:
    own = {row.id: row.value for row in session.rows()}
    first = session.vocabulary.classes[0]
    session.teach(all_of(session, first.name))
    session.set_vocabulary(session.vocabulary.remove(first.name))
    assert session.state.evidence.taught is None
    shown = {row.id: row.value for row in session.rows()}
    assert all(shown[region] == value for region, value in own.items() if value != first.value)


def test_what_networks_that_are_asked_anew_say_otherwise_shows(session: Session) -> None:
    one = session.vocabulary.names[0]
    session.teach(all_of(session, one))
    result = small_result(SHAPE, seed=3)[0]
    chances = result.region_probabilities.copy()
    chances[0] = np.roll(chances[0], 1)  # another class is the likeliest
    again = replace(result, region_probabilities=chances)
    session.timeline.do(change_vocabulary(session.state, session.vocabulary, again))
    taught = session.state.evidence.taught
    assert taught is not None
    assert taught.values[0] == NOT_TAUGHT
    assert (taught.values[1:] == session.vocabulary.value_of(one)).all()


def test_other_regions_are_of_the_networks_alone(session: Session) -> None:
    session.teach(all_of(session, session.vocabulary.names[0]))
    taught = Seen(session)
    session.rerun(look(session, 5))  # type: ignore[arg-type]
    assert session.state.evidence.taught is None
    session.undo()
    Seen(session).same(taught)


def test_a_session_is_saved_with_what_it_was_taught(session: Session, tmp_path: Path) -> None:
    session.teach(all_of(session, session.vocabulary.names[0]))
    session.save(tmp_path / "saved")
    again = Session.load(tmp_path / "saved")
    Seen(again).same(Seen(session))
    again.undo()
    session.undo()
    Seen(again).same(Seen(session))


@pytest.mark.parametrize("wrong", ["regions", "classes", "value"])
def test_what_does_not_belong_here_is_refused(session: Session, wrong: str) -> None:
    taught = all_of(session, session.vocabulary.names[0])
    values, probabilities = taught.values.copy(), taught.probabilities
    if wrong == "regions":
        values, probabilities = values[1:], probabilities[1:]
    elif wrong == "classes":
        probabilities = probabilities[:, 1:]
    else:
        values[0] = 4711
    seen = Seen(session)
    with pytest.raises(InputError) as told:
        session.teach(Taught(values, probabilities))
    assert one_sentence(str(told.value))
    Seen(session).same(seen)
    assert NOT_TAUGHT not in taught.values


@pytest.mark.parametrize("voting", ["majority", "mean"])
def test_what_is_counted_by_sources_is_what_counting_pixels_gives(voting: Voting) -> None:
    session = Session(small_result((40, 64), seed=3)[0])
    random, ids = np.random.default_rng(0), session.ids.tolist()
    session.merge(ids[:3])
    session.paint_regions(np.pad(np.ones((7, 21), bool), ((5, 28), (9, 34))), None)
    session.revote(ids[5:20], voting)
    session.assign(ids[20:22], "sky")
    run, values = len(session.state.evidence.probabilities), session.vocabulary.values
    former = None
    for share in (0.9, 0.5, 1.0):
        said = np.where(random.random(run) < share, random.choice(values, run), NOT_TAUGHT)
        chances = random.dirichlet(np.ones(len(values)), run).astype(np.float32)
        new = Taught(said.astype(np.int32), chances, 0.5, 1, 1)
        plan = teach(session.state, new, "").change.taught
        assert plan is not None
        assert plan.old is former
        before = {row.id: row.value for row in session.rows()}
        found = session.state.foretell(plan)
        session.teach(new)
        former = session.state.evidence.taught
        after = {row.id: row.value for row in session.rows() if row.verdict is None}
        assert {**{region: before[region] for region in after}, **found} == after
        counted = session.state.copy()
        counted._count()
        counted._draw(counted.full)
        for row, again in zip(session.rows(), counted.rows.values(), strict=True):
            assert (row.id, row.box, row.area) == (again.id, again.box, again.area)
            assert row.predicted == again.predicted
            np.testing.assert_array_equal(row.votes, again.votes)
            np.testing.assert_array_equal(row.probabilities, again.probabilities)
            for mine, other in zip(row.sources, again.sources, strict=True):
                np.testing.assert_array_equal(mine, other)
        np.testing.assert_array_equal(session.labels, counted.labels)
