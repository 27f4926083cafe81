"""First a look at new words, then a better one, and engines that go with the runs: as one history."""

from __future__ import annotations

import contextlib
import gc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_corrclip.annotation import Draft, Journal, Session, restore
from napari_corrclip.annotation.files.folder import digest as image_digest
from napari_corrclip.errors import InputError
from napari_corrclip.vocabulary import Vocabulary
from tests.annotation.random_edits import digest, edit, new_session
from tests.annotation.strips import CAT, DOG, SKY, Networks, result_of
from tests.annotation.worlds import random_result


@pytest.fixture
def session() -> Session:
    return Session(result_of([[1, 2, 3]], [[CAT, CAT, CAT]]))


def seen_by(session: Session, classes: list[int], words: Vocabulary | None = None):
    """What networks would find in the three regions by ``words``."""
    words = session.vocabulary if words is None else words
    found = result_of([[1, 2, 3]], [classes], words=", ".join(words.names))
    return found if found.vocabulary.values == words.values else None


def test_a_better_look_is_one_step_with_the_first(session: Session) -> None:
    words = session.vocabulary.add("bird")
    session.set_vocabulary(words, result=seen_by(session, [CAT, DOG, 4], words))
    assert session.labels.tolist() == [[CAT, DOG, 4]]
    session.assign(1, "bird")
    session.refine(seen_by(session, [SKY, SKY, 4]))
    assert session.labels.tolist() == [[4, SKY, 4]]
    assert [step.title for step in session.history.done] == [
        "Change the vocabulary to 4 classes",
        "Assign 1 region to 'bird'",
    ]
    session.undo()
    assert session.labels.tolist() == [[SKY, SKY, 4]]
    session.undo()
    assert session.labels.tolist() == [[CAT, CAT, CAT]]
    assert not session.can_undo
    session.redo()
    assert session.labels.tolist() == [[SKY, SKY, 4]]
    session.redo()
    assert session.labels.tolist() == [[4, SKY, 4]]


def test_a_first_look_is_known_as_such(session: Session) -> None:
    words = session.vocabulary.add("bird")
    session.set_vocabulary(words, result=seen_by(session, [CAT, DOG, 4], words), provisional=True)
    assert session.provisional
    session.assign(1, "bird")
    session.set_vocabulary(words.recolor("cat", "#102030"))
    assert session.provisional
    more = session.vocabulary.add("fish")
    session.set_vocabulary(more, result=seen_by(session, [5, 5, 5], more), provisional=True)
    session.undo()
    # The former words are looked for well while a later step is undone, which still can be redone.
    session.refine(seen_by(session, [SKY, SKY, SKY]))
    assert not session.provisional
    assert session.labels.tolist() == [[4, SKY, SKY]]
    session.redo()
    assert session.provisional
    assert session.labels.tolist() == [[4, 5, 5]]
    session.refine(seen_by(session, [CAT, CAT, CAT], more))
    assert not session.provisional
    session.undo()
    assert session.labels.tolist() == [[4, SKY, SKY]]
    assert not session.provisional
    for _ in range(2):
        session.undo()
    assert session.provisional  # as it was before it had another colour
    session.undo()
    assert session.labels.tolist() == [[CAT, CAT, CAT]]
    assert not session.provisional
    for _ in range(4):
        session.redo()
    assert session.labels.tolist() == [[4, CAT, CAT]]


def test_a_better_look_of_other_words_is_refused(session: Session) -> None:
    other = result_of([[1, 2, 3]], [[1, 1, 1]], words="a, b")
    with pytest.raises(InputError, match="classified by other classes"):
        session.refine(other)
    assert not session.can_undo


def test_where_no_step_brought_what_is_seen_it_is_one_itself(session: Session) -> None:
    session.refine(seen_by(session, [DOG, DOG, DOG]))
    assert session.labels.tolist() == [[DOG, DOG, DOG]]
    session.undo()
    assert session.labels.tolist() == [[CAT, CAT, CAT]]


@settings(max_examples=40)
@given(st.integers(0, 10_000), st.lists(st.integers(0, 3), min_size=1, max_size=12))
def test_any_order_of_edits_and_looks_can_be_undone_redone_and_restored(
    tmp_path_factory: pytest.TempPathFactory, seed: int, what: list[int]
) -> None:
    random = np.random.default_rng(seed)
    session = new_session(seed)

    def look():
        return random_result(random, session.vocabulary, session.shape)

    before = session.labels.copy()
    folder = tmp_path_factory.mktemp("journal")
    with Journal(session, folder):
        for number, kind in enumerate(what):
            if kind == 0:
                words = session.vocabulary.add(f"new {number}")
                result = random_result(random, words, session.shape)
                session.set_vocabulary(words, result=result)
            elif kind == 1:
                session.refine(look())
            elif kind == 2:
                session.undo()
            else:
                edit(session, seed, number)
            assert digest(restore(folder)) == digest(session)
    labels, words = session.labels.copy(), session.vocabulary
    count = len(session.history.done)
    for _ in range(count):
        session.undo()
    np.testing.assert_array_equal(session.labels, before)
    for _ in range(count):
        session.redo()
    np.testing.assert_array_equal(session.labels, labels)
    assert session.vocabulary == words


def test_names_colours_and_order_ask_no_network(session: Session) -> None:
    networks = Networks()
    session.engine = networks
    session.assign(1, "dog")
    words = session.vocabulary.with_prompts("cat", ["a cat"])
    session.set_vocabulary(words)
    assert len(networks.asked) == 1
    labels = session.labels.copy()
    words = words.rename("cat", "tom").recolor("dog", "#102030").reorder([2, 0, 1])
    session.set_vocabulary(words)
    assert len(networks.asked) == 1
    assert session.vocabulary.names == ("sky", "tom", "dog")
    np.testing.assert_array_equal(session.labels, labels)
    shown = session.region(2)
    assert shown.probabilities[words.values.index(shown.predicted)] == shown.probabilities.max()
    # A name that is also what the class is looked for by is another question.
    assert not words.rename("dog", "hound").finds_the_same(words)


def test_undoing_a_run_brings_its_engine_back(session: Session) -> None:
    first, second = Networks(), Networks()
    session.engine = first
    session.rerun(result_of([[7, 7, 8]], [[DOG, DOG, SKY]]), engine=second)
    assert session.engine is second
    session.assign(7, "cat")
    session.undo()
    assert session.engine is second
    session.undo()
    assert session.engine is first
    session.redo()
    assert session.engine is second
    # An edit after the undo keeps all states reachable, each with its engine.
    session.undo()
    session.assign(1, "sky")
    assert session.engine is first
    session.undo()
    session.undo()
    assert session.engine is second
    assert session.regions.tolist() == [[7, 7, 8]]
    while session.undo():
        pass
    assert session.engine is first
    assert session.regions.tolist() == [[1, 2, 3]]


def test_an_engine_that_a_loaded_session_is_given_is_of_its_last_run(
    session: Session, tmp_path: Path
) -> None:
    session.rerun(result_of([[7, 7, 8]], [[DOG, DOG, SKY]]))
    session.assign(7, "cat")
    session.save(tmp_path / "session")
    networks = Networks()
    loaded = Session.load(tmp_path / "session", engine=networks)
    loaded.undo()
    assert loaded.engine is networks
    loaded.undo()
    assert loaded.regions.tolist() == [[1, 2, 3]]
    assert loaded.engine is None


def test_a_step_that_is_refused_leaves_the_engine(session: Session) -> None:
    first = Networks()
    session.engine = first
    result = result_of([[7, 7, 8]], [[DOG, DOG, SKY]])
    with contextlib.suppress(InputError), session.step("Run again"):
        session.rerun(result, engine=Networks())
        session.assign(99, "cat")
    assert session.engine is first
    assert not session.can_undo


def test_engines_of_older_runs_are_let_go(session: Session) -> None:
    session.engine = Networks()
    for number in range(3):
        session.rerun(
            result_of([[7 + number, 7 + number, 20 + number]], [[DOG, DOG, 1 + number]]),
            engine=Networks(),
        )
    gc.collect()
    last = session.engine
    session.undo()
    assert session.engine is not None
    assert session.engine is not last
    session.undo()
    assert session.engine is None  # and no engine that saw other regions
    session.redo()
    session.redo()
    assert session.engine is last
    session.engine = None
    session.undo()
    assert session.engine is None


def test_encoding_anew_and_undoing_it_keeps_both_engines() -> None:
    first = Networks()
    session = Session(result_of([[1, 2, 3]], [[CAT, CAT, CAT]]), engine=first)
    session.merge([2, 3])
    session.reencode()
    assert session.engine is not first
    session.undo()
    assert session.engine is first


def test_a_record_of_a_better_look_is_followed(tmp_path: Path, session: Session) -> None:
    with Journal(session, tmp_path):
        words = session.vocabulary.add("bird")
        session.set_vocabulary(words, result=seen_by(session, [CAT, DOG, 4], words))
        session.refine(seen_by(session, [SKY, SKY, 4]))
    restored = restore(tmp_path)
    assert restored.labels.tolist() == [[SKY, SKY, 4]]
    restored.undo()
    assert restored.labels.tolist() == [[CAT, CAT, CAT]]
    assert not restored.can_undo


# -- what a run saw


def pixels(value: int) -> np.ndarray:
    return np.full((1, 3, 3), value, np.uint8)


@pytest.mark.parametrize("drafted", [False, True])
def test_a_run_on_another_contrast_brings_its_pixels_and_undo_takes_them_back(
    tmp_path: Path, drafted: bool
) -> None:
    session = Session(result_of([[1, 2, 3]], [[CAT, CAT, CAT]]), pixels(10))
    result = result_of([[7, 7, 8]], [[DOG, DOG, SKY]])

    def run(on: Session) -> object:
        return on.rerun(result, image=pixels(20))

    with Journal(session, tmp_path / "journal"):
        if drafted:
            assert Draft.make(session, run).take()
        else:
            run(session)
        for _ in range(2):
            assert session.image[0, 0, 0] == 20
            assert session.image_digest == image_digest(pixels(20))
            # Whoever restores it with what the run saw is told of no other pixels.
            assert restore(tmp_path / "journal", pixels(20)).notes == ()
            assert "other pixels" in restore(tmp_path / "journal", pixels(10)).notes[0]
            session.undo()
            assert session.image[0, 0, 0] == 10
            assert session.image_digest == image_digest(pixels(10))
            assert restore(tmp_path / "journal", pixels(10)).notes == ()
            session.redo()
    session.save(tmp_path / "saved")
    loaded = Session.load(tmp_path / "saved", pixels(20))
    assert loaded.notes == ()
    loaded.undo()
    assert loaded.image_digest == image_digest(pixels(10))
    assert loaded.image[0, 0, 0] == 20  # nobody has the others
    loaded.save(tmp_path / "saved")
    assert Session.load(tmp_path / "saved", pixels(10)).notes == ()


def test_the_same_pixels_are_no_change_and_others_do_not_fit() -> None:
    session = Session(result_of([[1, 2, 3]], [[CAT, CAT, CAT]]), pixels(10))
    session.rerun(result_of([[7, 7, 8]], [[DOG, DOG, SKY]]), image=pixels(10))
    assert session.history.done[-1].changes[0].image is None
    with pytest.raises(InputError, match=r"The image has shape \(2, 3, 3\) and type uint8"):
        session.rerun(
            result_of([[7, 7, 9]], [[DOG, DOG, SKY]]), image=np.zeros((2, 3, 3), np.uint8)
        )
