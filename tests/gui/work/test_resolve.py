"""What Run and other words come to, as a table of choices and states."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from napari_corrclip.annotation import Session
from napari_corrclip.gui.work.resolve import (
    FIRST,
    Ask,
    Choices,
    Fetch,
    Leave,
    Refuse,
    Removal,
    Run,
    State,
    answered,
    refusal,
    resolve,
    resolve_words,
)
from napari_corrclip.vocabulary import Vocabulary
from napari_corrclip.weights.catalogue import get_preset
from tests.annotation.random_edits import new_session

WORDS = Vocabulary.parse("cat, dog")
NETWORKS = get_preset("demo").networks[:1]
RUN = Choices(WORDS)
SESSION = new_session(7)
OPEN = State(SESSION, same=True, name="scene")
OTHER = replace(OPEN, same=False)
OFFERED = "There are corrections of this image; restore them, or start over."


@pytest.mark.parametrize(
    ("choices", "state", "found"),
    [
        (RUN, State(), Run),
        (RUN, OPEN, Run),
        (RUN, OTHER, Run),
        (replace(RUN, vocabulary=None), State(), "There are no classes yet; type some"),
        (replace(RUN, all_planes=True), State(offered=True), Run),
        (replace(RUN, given=True), State(), Run),
        (replace(RUN, all_planes=True, given=True), State(), "serve one plane at a time"),
        (replace(RUN, missing=NETWORKS), State(), Fetch),
        (replace(RUN, missing=NETWORKS, may_fetch=True), State(), Run),
        (replace(RUN, missing=NETWORKS), State(offered=True), Fetch),
        (RUN, replace(OTHER, lost=2), Leave),
        (replace(RUN, all_planes=True), replace(OTHER, lost=2), Leave),
        (replace(RUN, may_leave=True), replace(OTHER, lost=2), Run),
        (RUN, replace(OPEN, lost=2), Run),
        (RUN, State(offered=True), OFFERED),
        (replace(RUN, may_leave=True), replace(OTHER, lost=2, offered=True), OFFERED),
    ],
)
def test_what_run_comes_to(choices: Choices, state: State, found: Any) -> None:
    says(resolve(choices, state), found)


@pytest.mark.parametrize(
    ("words", "state", "found"),
    [
        (None, State(), FIRST),
        (WORDS, State(), "Press Run to look for these classes."),
        (WORDS, OTHER, "These classes are for the next run; the labels are of 'scene'."),
        (None, OTHER, "These classes are for the next run; the labels are of 'scene'."),
        (None, OPEN, "What is corrected needs a class"),
        (WORDS, OPEN, Run),
    ],
)
def test_what_other_words_come_to(words: Vocabulary | None, state: State, found: Any) -> None:
    resolved = resolve_words(Choices(words), state)
    says(resolved, found)
    if isinstance(resolved, Refuse):
        assert resolved.words_back == (words is None and state is OPEN)


def says(resolved: Ask | Refuse | Run, found: Any) -> None:
    if isinstance(found, str):
        assert isinstance(resolved, Refuse)
        assert found in resolved.sentence
    elif found is Run:
        assert isinstance(resolved, Run)
    else:
        assert isinstance(resolved, Ask)
        assert isinstance(resolved.question, found)


def decided() -> tuple[Session, Vocabulary]:
    """A session with a region decided as its last class, and words without that class."""
    session = new_session(7)
    session.assign(session.ids[:1].tolist(), session.vocabulary.values[-1])
    return session, session.vocabulary.remove(session.vocabulary.names[-1])


@pytest.mark.parametrize("what", [resolve, resolve_words])
def test_decisions_of_a_class_that_goes_are_asked_about(what: Any) -> None:
    session, words = decided()
    state = State(session, same=True)
    found = what(Choices(words), state)
    assert isinstance(found, Ask)
    assert isinstance(found.question, Removal)
    gone = session.vocabulary.values[-1]
    assert {entry.value: counts for entry, counts in found.question.decided.items()} == {
        gone: (1, 0)
    }
    assert found.question.vocabulary == words
    for target in (None, words.values[0]):
        run = what(answered(Choices(words), found.question, {gone: target}), state)
        assert isinstance(run, Run)
        assert run.reassign == {gone: target}
    # What was said while the class still waits to go holds, unless it was of a class that goes as well.
    again = what(Choices(words), replace(state, answered={gone: words.values[0]}))
    assert isinstance(again, Run)
    fewer = words.remove(words.names[0])
    assert isinstance(what(Choices(fewer), replace(state, answered={gone: words.values[0]})), Ask)


def test_a_class_without_decisions_goes_unasked() -> None:
    words = SESSION.vocabulary.remove(SESSION.vocabulary.names[0])
    found = resolve_words(Choices(words), OPEN)
    assert isinstance(found, Run)
    assert found.reassign == {}
    assert found.vocabulary == words


def test_a_new_class_takes_the_value_that_it_has_on_other_planes() -> None:
    words = SESSION.vocabulary.add("sand")
    found = resolve_words(Choices(words), replace(OPEN, values={"sand": 40, "stone": 41}))
    assert isinstance(found, Run)
    assert found.vocabulary.values[-1] == 40
    found = resolve_words(Choices(words), replace(OPEN, values={"stone": 41}))
    assert isinstance(found, Run)
    assert found.vocabulary.values[-1] == 42


def test_cancel_leaves_all_as_it_is() -> None:
    assert "nothing was run" in refusal(Fetch(NETWORKS)).sentence
    assert "is as it was" in refusal(Leave(2, "")).sentence
    assert refusal(Removal({}, WORDS)).words_back


def test_an_answer_is_not_asked_for_again() -> None:
    state = replace(OTHER, lost=2)
    choices = replace(RUN, missing=NETWORKS)
    asked = []
    while isinstance(found := resolve(choices, state), Ask):
        asked.append(type(found.question))
        choices = answered(choices, found.question)
    assert asked == [Fetch, Leave]
    assert isinstance(found, Run)
