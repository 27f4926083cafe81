"""Two classes that become one in a session: what is shown follows, whatever was done before and since."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_corrclip.annotation import Session, restore
from napari_corrclip.annotation.change import Step
from napari_corrclip.annotation.edits.class_merging import Merging
from napari_corrclip.annotation.journal import Journal
from napari_corrclip.errors import InputError
from napari_corrclip.vocabulary import Vocabulary
from tests.annotation.random_edits import digest, edit, new_session, recounted
from tests.annotation.worlds import random_result, random_vocabulary

SEEDS = st.integers(0, 2**32 - 1)


def edited(seed: int, edits: int) -> Session:
    """A session after some edits; of every other seed with ties and pixels without a class."""
    random = np.random.default_rng(seed)
    session = new_session(seed)
    if seed % 2:
        session = Session(random_result(random, random_vocabulary(random), (24, 32)))
    for number in range(edits):
        edit(session, seed, number)
    return session


def two_classes(session: Session, seed: int) -> tuple[int, int]:
    random = np.random.default_rng(seed)
    value, heir = random.choice(session.vocabulary.values, 2, replace=False).tolist()
    return value, heir


@settings(max_examples=60, deadline=None)
@given(SEEDS, st.integers(0, 12))
def test_what_is_shown_follows_by_its_label(seed: int, edits: int) -> None:
    session = edited(seed, edits)
    if len(session.vocabulary) < 2:
        return
    value, heir = two_classes(session, seed)
    before, labels = dict(session.state.rows), session.labels.copy()
    said = dict(session.state.verdicts)
    table, words = session.table, session.vocabulary
    session.merge_classes(value, heir)
    assert value not in session.vocabulary.values
    np.testing.assert_array_equal(session.labels, np.where(labels == value, heir, labels))
    for region, row in session.state.rows.items():
        verdict = said.get(region)
        assert (row.verdict is None) == (verdict is None)
        if verdict is not None and row.verdict is not None:
            assert (row.verdict.kind, row.verdict.looked) == (verdict.kind, verdict.looked)
        if row.voting != "pixels":
            former = before[region].value
            assert row.value == (heir if former == value else former)
    assert session.state.evidence.probabilities.max(initial=0) <= 1
    recounted(session)
    session.undo()
    np.testing.assert_array_equal(session.labels, labels)
    pd.testing.assert_frame_equal(session.table, table)
    assert session.vocabulary == words


def part(session: Session, step: Step, value: int, words: Vocabulary) -> None:
    """Take the merging of a class back that was made by a step."""
    (change,) = step.changes
    after = session.history.done[session.history.done.index(step) + 1 :]
    later = [change for each in after for change in each.changes]
    session.route_classes([Merging(value, change, tuple(later))], words, {}, "Part")


@settings(max_examples=40, deadline=None)
@given(SEEDS, st.integers(0, 8), st.integers(0, 8))
def test_it_is_taken_back_whatever_came_since(seed: int, edits: int, later: int) -> None:
    session = edited(seed, edits)
    if len(session.vocabulary) < 3:
        return
    value, heir = two_classes(session, seed)
    words, labels = session.vocabulary, session.labels.copy()
    said = dict(session.state.verdicts)
    session.merge_classes(value, heir, of_set=True)
    step = session.history.done[-1]
    merged = dict(session.state.verdicts)
    if not later:
        part(session, step, value, words)
        np.testing.assert_array_equal(session.labels, labels)
        assert session.state.verdicts == said
        return
    ids = sorted(session.state.rows)
    others = [other for other in session.vocabulary.values if other != heir]
    touched = set(
        np.random.default_rng(seed + 1).choice(ids, min(later, len(ids)), replace=False).tolist()
    )
    for region in sorted(touched):
        session.assign(region, others[0])
    part(session, step, value, words)
    for region in ids:
        now = session.state.verdicts.get(region)
        if region in touched:
            assert now is not None
            assert now.value == others[0]
        elif merged.get(region) is not None:
            assert now == said[region]


def test_it_is_on_the_disk_like_every_step(tmp_path: Path) -> None:
    session = edited(3, 6)
    with Journal(session, tmp_path / "session"):
        value, heir = session.vocabulary.values[:2]
        session.merge_classes(value, heir)
        was = digest(session)
    again = restore(tmp_path / "session")
    assert digest(again) == was
    again.undo()
    assert value in again.vocabulary.values


def test_what_cannot_be_merged_is_said() -> None:
    session = edited(3, 0)
    name = session.vocabulary.names[0]
    with pytest.raises(InputError, match=f"'{name}' is one class already"):
        session.merge_classes(name, name)
    with pytest.raises(InputError, match="There is no class 'whale'"):
        session.merge_classes(name, "whale")
    session.merge_classes(0 + session.vocabulary.values[0], session.vocabulary.values[1])


def test_another_run_and_another_map_keep_which_class_was_given() -> None:
    """By pixels where regions are others, and by the region alone where it is the same one."""
    session = edited(3, 0)
    value, heir = session.vocabulary.values[:2]
    ids = sorted(session.state.rows)
    session.assign(ids, value)
    words = session.vocabulary
    session.merge_classes(value, heir, of_set=True)
    step = session.history.done[-1]
    verdicts, labels = dict(session.state.verdicts), session.labels.copy()
    shifted = np.where(session.regions > 0, session.regions + 1, 0)
    session.take_labels(labels, session.regions.copy(), verdicts)
    assert session.state.verdicts == verdicts
    bare = {region: replace(verdict, given=0) for region, verdict in verdicts.items()}
    session.take_labels(labels, session.regions.copy(), bare)
    assert session.state.verdicts == verdicts
    # Another region of the same number has nothing of the former one.
    session.take_labels(labels, shifted, {region + 1: each for region, each in bare.items()})
    assert {each.given for each in session.state.verdicts.values()} == {0}
    session.undo()
    part(session, step, value, words)
    assert {verdict.value for verdict in session.state.verdicts.values()} == {value}


def test_a_class_that_is_gone_for_good_is_not_brought_back_by_its_pixels() -> None:
    session = edited(3, 0)
    value, heir = session.vocabulary.values[:2]
    session.merge_classes(value, heir, of_set=True)
    words, step = session.vocabulary, session.history.done[-1]
    (change,) = step.changes
    session.route_classes([Merging(value, change)], words, {}, "Part")
    assert session.vocabulary == words
    assert not (session.labels == value).any()
    assert set(np.unique(session.state.evidence.prediction)) <= {0, *words.values}


def test_a_session_tells_its_set_s_steps_from_a_person_s_whatever_they_are_called(
    tmp_path: Path,
) -> None:
    session = edited(3, 0)
    with Journal(session, tmp_path / "session"):
        value, heir = session.vocabulary.values[:2]
        session.merge_classes(value, heir, of_set=True)
        with session.step("'a' became 'b' in the whole set"):
            session.assign(sorted(session.state.rows)[:1], heir)
    again = restore(tmp_path / "session")
    assert [step.of_set for step in again.history.done[-2:]] == [True, False]
    again.undo()
    again.undo()
    again.assign(sorted(again.state.rows)[:1], value)
    assert [step.of_set for step in again.history.done if "Undo" in step.title][:1] == [False]
    assert any(step.of_set and step.title.startswith("Undo") for step in again.history.done)


def test_a_step_says_of_which_act_it_is_and_whether_it_takes_one_back(tmp_path: Path) -> None:
    session = edited(3, 0)
    first, second, *_ = session.vocabulary.values
    ids = sorted(session.state.rows)
    with Journal(session, tmp_path / "session"):
        with session.step("Undo: by hand", act="k1"):
            session.assign(ids[:1], first)
        session.undo()
        session.assign(ids[1:2], second)
    again = restore(tmp_path / "session")
    again.save(tmp_path / "saved")
    for each in (session, again, Session.load(tmp_path / "saved")):
        steps = each.history.done[-3:]
        assert [(step.title, step.act, step.back) for step in steps] == [
            ("Undo: by hand", "k1", False),
            ("Undo: Undo: by hand", "k1", True),
            (steps[2].title, "", False),
        ]
        made, back, other = steps
        assert back.takes_back(made)
        assert not made.takes_back(back)
        assert not other.takes_back(made)
        inverse = back.inverse()
        assert (inverse.title, inverse.act, inverse.back) == ("Undo: by hand", "k1", False)


def test_other_regions_of_another_run_have_what_most_of_their_pixels_were_given() -> None:
    session = edited(3, 0)
    value, heir, *_ = session.vocabulary.values
    ids = sorted(session.state.rows)
    session.assign(ids[0], heir)
    session.assign(ids[1:], value)
    words = session.vocabulary
    session.merge_classes(value, heir, of_set=True)
    step = session.history.done[-1]
    given = np.zeros(session.shape, np.int64)
    for region, verdict in session.state.verdicts.items():
        given[session.regions == region] = verdict.said
    session.rerun(random_result(np.random.default_rng(5), session.vocabulary, session.shape))
    decided = {region: each.said for region, each in session.state.verdicts.items()}
    assert decided
    for region, said in decided.items():
        own = given[(session.regions == region) & (given > 0)]
        assert said == max((value, heir), key=lambda each, own=own: int((own == each).sum()))
    part(session, step, value, words)
    for region, said in decided.items():
        assert session.state.verdicts[region].value == said
