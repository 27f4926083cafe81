"""Whatever was done to a session, its script does it again, exactly."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_corrclip.annotation import Session
from napari_corrclip.annotation.state import State
from napari_corrclip.errors import InputError
from napari_corrclip.results.provenance import Provenance
from napari_corrclip.results.segmentation import Segmentation
from napari_corrclip.scripting import as_python
from napari_corrclip.settings import Settings
from tests.annotation.images import small_result
from tests.annotation.random_edits import SHAPE, edit
from tests.scripting.played import play


def ran(result: Segmentation, name: str = "", *, correction: bool = True) -> Segmentation:
    made = Provenance(
        preset="demo",
        device="cpu (2 threads)",
        settings=Settings(correction=correction),
        image=name,
    )
    return replace(result, provenance=made)


def open_session(seed: int = 0, *, correction: bool = True) -> Session:
    result, image = small_result(SHAPE, seed=seed, correction=correction)
    return Session(ran(result, correction=correction), image)


def calls(text: str) -> list[str]:
    """The lines after the one that looks after the regions."""
    lines = text.splitlines()
    at = next((at for at, line in enumerate(lines) if "check_regions(s" in line), len(lines))
    return [line for line in lines[at + 1 :] if line]


def same(one: State, other: State) -> None:
    for name in ("regions", "labels", "pins"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name)
    np.testing.assert_array_equal(one.evidence.prediction, other.evidence.prediction)
    assert one.vocabulary == other.vocabulary
    assert one.verdicts == other.verdicts
    votings = [
        {row: state.votings.get(row, state.voting) for row in state.rows} for state in (one, other)
    ]
    assert votings[0] == votings[1]


def square(session: Session, row: int = 10, column: int = 10) -> np.ndarray:
    mask = np.zeros(session.shape, bool)
    mask[row : row + 5, column : column + 6] = True
    return mask


EDITS: dict[str, tuple[Callable[[Session], object], str]] = {
    "assign": (lambda s: s.assign([3, 7], "cat"), "session.assign([3, 7], 'cat')"),
    "accept": (lambda s: s.accept(5), "session.accept(5)"),
    "accept above": (lambda s: s.accept_above(0.41), "session.accept_above(0.41)"),
    "ignore": (lambda s: s.ignore([5, 6]), "session.ignore([5, 6])"),
    "merge": (lambda s: s.merge([9, 1, 2]), "session.merge([1, 2, 9])"),
    "absorb": (lambda s: s.absorb([12]), "session.merge("),
    "absorb several": (lambda s: s.absorb([12, 30]), "session.absorb([12, 30])"),
    "spread": (lambda s: s.spread(3, "dog"), "session."),
    "revote": (lambda s: s.revote("all", "mean"), "session.revote('undecided', 'mean')"),
    "revote some": (lambda s: s.revote([4, 5], "pixels"), "session.revote([4, 5], 'pixels')"),
    "paint": (lambda s: s.paint(square(s), "sky"), "session.paint(mask('"),
    "unlabel": (lambda s: s.paint(square(s), 0), "session.paint(mask('"),
    "split": (lambda s: s.split_mask(20, square(s, 16, 32)), "session.split_mask(20, mask('"),
    "extend": (lambda s: s.paint_regions(square(s), 10), "session.paint_regions(mask('"),
    "new region": (
        lambda s: s.paint_regions(square(s, 10, 12), None),
        "session.paint_regions(mask('",
    ),
    "no region": (lambda s: s.paint_regions(square(s), 0), "session.paint_regions(mask('"),
    "add": (
        lambda s: s.set_vocabulary(s.vocabulary.add("car")),
        "session.set_vocabulary(session.vocabulary.add('car'), classify=False)",
    ),
    "rename": (
        lambda s: s.set_vocabulary(s.vocabulary.rename("cat", "tomcat").with_prompts(0, ["cat"])),
        "session.set_vocabulary(",
    ),
    "no words": (
        lambda s: s.set_vocabulary(s.vocabulary.add("type B", prompts=())),
        """session.set_vocabulary('cat\\ndog\\nsky\\ntype B: ""\\n')""",
    ),
    "recolor": (
        lambda s: s.set_vocabulary(s.vocabulary.recolor("dog", (1, 2, 3))),
        "session.set_vocabulary(session.vocabulary.recolor('dog', (1, 2, 3)))",
    ),
    "type": (
        lambda s: s.set_vocabulary("car, dog, cat, sky, sea"),
        "session.set_vocabulary('car, dog, cat, sky, sea', classify=False)",
    ),
    "thresholds": (
        lambda s: s.set_vocabulary(s.vocabulary.add("car").with_threshold(0.4).remove("sky")),
        "session.set_vocabulary(replace(session.vocabulary, ",
    ),
}


@pytest.mark.parametrize("name", EDITS)
def test_an_edit_is_the_call_that_made_it(name: str) -> None:
    make, expected = EDITS[name]
    session = open_session()
    make(session)
    text = as_python(session, "photo.png")
    (line,) = calls(text)
    assert line.startswith(expected)
    same(play(text, open_session()).state, session.state)


def test_the_run_finds_its_regions_as_it_did() -> None:
    result, image = small_result(SHAPE)
    made = Provenance(
        preset="demo", settings=Settings(), regions={"source": "sam", "points_per_side": 16}
    )
    text = as_python(Session(replace(result, provenance=made), image), "a.png")
    assert "regions='sam'" in text
    assert "'points_per_side': 16" in text


def test_verdicts_that_are_taken_back() -> None:
    session = open_session()
    session.assign([3, 4], "cat")
    session.clear(3)
    assert calls(as_python(session, "a.png"))[1] == "session.clear(3)"


def test_a_spread_that_reaches_others_is_one() -> None:
    session = open_session()
    (new,) = session.split_mask(20, square(session, 16, 32)).updated[1:]
    assert session.patch_of(20) == [20, new]
    session.spread(20, "sky")
    assert calls(as_python(session, "a.png"))[1] == "session.spread(20, 'sky')"


def test_parts_of_a_region_are_split() -> None:
    session = open_session()
    session.merge([1, 20])
    session.split(1)
    assert calls(as_python(session, "a.png"))[1] == "session.split(1)"


def test_what_was_taken_back_is_left_out() -> None:
    session = open_session()
    session.assign(3, "cat")
    session.merge([5, 6])
    session.paint(square(session), "dog")
    session.undo()
    session.undo()
    session.ignore(9)  # what was undone is part of the history from now on
    assert len(session.history.done) > 2
    text = as_python(session, "a.png")
    assert calls(text) == ["session.assign(3, 'cat')", "session.ignore(9)"]
    same(play(text, open_session()).state, session.state)


def test_several_edits_of_one_step_stay_one() -> None:
    session = open_session()
    with session.step("Both"):
        session.assign(3, "cat")
        session.merge([5, 6])
    text = as_python(session, "a.png")
    again = play(text, open_session())
    assert [step.title for step in again.history.done] == ["Both"]
    same(again.state, session.state)


def test_a_class_that_goes_gives_its_decisions_to_another() -> None:
    session = open_session()
    session.assign([3, 4], "cat")
    session.paint(square(session), "sky")
    words = session.vocabulary.remove("cat").remove("sky")
    session.set_vocabulary(words, reassign={"cat": "dog", "sky": None})
    text = as_python(session, "a.png")
    assert "reassign={'cat': 'dog', 'sky': None}" in text
    same(play(text, open_session()).state, session.state)


@given(st.integers(0, 2**32 - 1), st.integers(1, 25), st.booleans(), st.sampled_from([0, 1, 2]))
@settings(max_examples=60, deadline=None)
def test_any_edits_are_done_again(seed: int, count: int, correction: bool, runs: int) -> None:
    """Undone and redone ones among them, before another run and after it."""
    result, image = small_result(SHAPE, seed=seed, correction=correction)
    opened = {"run 0": ran(result, "run 0", correction=correction)}
    session = Session(opened["run 0"], image)
    for run in range(1, runs + 1):
        for number in range(count):
            edit(session, seed, 1000 * run + number)
        name = f"run {run}"
        result, _ = small_result(SHAPE, seed=seed ^ run, words=", ".join(session.vocabulary.names))
        opened[name] = ran(_with_words(result, session), name)
        session.rerun(opened[name])
    for number in range(count):
        edit(session, seed, 100_000 + number)
    fresh = Session(opened[session.provenance.image], image)  # a run may have been undone
    same(play(as_python(session, "photo.png"), fresh).state, session.state)


def _with_words(result: Segmentation, session: Session) -> Segmentation:
    """The same prediction by the session's own classes and values."""
    values = np.array([0, *session.vocabulary.values], np.uint16)
    return replace(
        result,
        vocabulary=session.vocabulary,
        labels=values[result.labels],
        pixel_labels=values[result.pixel_labels],
    )


def test_a_session_that_does_not_know_its_run_is_refused() -> None:
    result, image = small_result(SHAPE)
    with pytest.raises(InputError, match=r"does not know how its last run was made; save it"):
        as_python(Session(result, image), "photo.png")


def test_a_history_that_has_forgotten_is_refused() -> None:
    result, image = small_result(SHAPE)
    session = Session(ran(result), image, history_limit=1)
    session.merge([5, 6])
    session.assign(9, "cat")
    with pytest.raises(InputError, match=r"does not know how its last run was made"):
        as_python(session, "photo.png")


def test_an_image_in_no_file_needs_a_path() -> None:
    with pytest.raises(InputError, match=r"is in no file that a script could read; save it"):
        as_python(open_session())
