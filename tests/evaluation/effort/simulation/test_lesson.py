"""The person's side of teaching, on scenes of the demo: what is shown when, and what it costs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from napari_corrclip.annotation import Session
from napari_corrclip.evaluation.effort.sequence.ways import ASK, ON, SHUFFLED, UNTAUGHT
from napari_corrclip.evaluation.effort.simulation.lesson import (
    Misled,
    Pupil,
    Visit,
    Way,
    correct_steps,
    shuffled,
)
from napari_corrclip.evaluation.effort.simulation.region_truth import ceiling
from napari_corrclip.learning import Lesson
from napari_corrclip.progress import finish
from tests.evaluation.effort.taught import scenes


def new() -> Lesson:
    return Lesson.new(scenes().cases[0].result.vocabulary.values)


def correct(
    at: int, way: Way, lesson: Lesson | None, share: float = 0.95
) -> tuple[Visit, Lesson | None]:
    case = scenes().cases[at]
    return finish(correct_steps(case, way, lesson, share * ceiling(case).accuracy))


@pytest.fixture(scope="module")
def taught() -> Lesson:
    lesson = correct(0, ON, new())[1]
    assert lesson is not None
    return lesson


def test_without_verdicts_all_is_as_untaught() -> None:
    case = scenes().cases[0]
    pupil = Pupil(case, ON, new(), few=False)
    untaught = Session(case.result)
    next(pupil.review())  # the image is opened, and nothing said yet
    assert np.array_equal(pupil.session.labels, untaught.labels)
    assert pupil.session.history.done == untaught.history.done
    for row, other in zip(pupil.session.rows(), untaught.rows(), strict=True):
        assert np.array_equal(row.probabilities, other.probabilities)
    plain, lesson = correct(0, UNTAUGHT, None)
    assert lesson is None
    # Its first refresh is after as many looks as there are: nothing was learnt by then.
    late = replace(ON, refresh_every=10_000)
    unhurried = replace(UNTAUGHT, refresh_every=10_000)
    first, after = correct(0, late, new())
    second, _ = correct(0, unhurried, None)
    assert np.array_equal(first.kinds, second.kinds)
    assert np.array_equal(first.opening, plain.opening)
    assert after is not None
    assert after.verdicts == first.actions("look") > 0


def test_what_was_taught_makes_the_next_image_easier(taught: Lesson) -> None:
    untaught, _ = correct(1, UNTAUGHT, None)
    visit, after = correct(1, ON, taught)
    assert visit.reached
    assert untaught.reached
    assert visit.actions() < 0.5 * untaught.actions()
    assert visit.actions("apply") == 0
    assert after is not None
    assert after.verdicts == taught.verdicts + visit.actions("look")
    again, _ = correct(1, ON, taught)
    assert np.array_equal(again.kinds, visit.kinds)
    assert np.array_equal(again.calibration, visit.calibration)


def test_asking_costs_an_action_for_each_strip_that_changes_something(taught: Lesson) -> None:
    case = scenes().cases[1]
    pupil = Pupil(case, ASK, taught, few=False)
    shown = [pupil.session.labels.copy()]
    for event in pupil.review():
        if event.stage == "asked":
            shown.append(pupil.session.labels.copy())
            applied = pupil.visit(reached=False).actions("apply")
        elif len(shown) == 2 and pupil.visit(reached=False).actions("apply") == applied + 1:
            assert not np.array_equal(pupil.session.labels, shown[1])
            break
    else:
        raise AssertionError("nobody was asked")
    visit, _ = correct(1, ASK, taught)
    assert visit.actions("apply") >= 1
    assert visit.actions() == visit.actions("look") + visit.actions("assign") + visit.actions(
        "apply"
    )


def test_who_has_enough_answers_nothing(taught: Lesson) -> None:
    case = scenes().cases[1]
    right = case.accuracy / ceiling(case).accuracy
    for way in (ON, ASK):
        visit, after = correct(1, way, taught, 0.9 * right)
        assert visit.reached
        assert visit.actions() == 0
        assert after is not None
        assert after.verdicts == taught.verdicts


def test_undo_leads_back_to_the_beginning(taught: Lesson) -> None:
    case = scenes().cases[1]
    pupil = Pupil(case, ON, taught, few=False)
    for done, _ in enumerate(pupil.review()):
        if done > 20:
            break
    assert not np.array_equal(pupil.session.labels, case.result.labels)
    while pupil.session.history.done:
        pupil.session.undo()
    assert np.array_equal(pupil.session.labels, case.result.labels)
    assert pupil.learning is not None
    assert pupil.learning.leave().looks.ids.tolist() == []


def test_shuffled_features_are_those_of_other_regions() -> None:
    vectors = scenes().cases[0].vectors
    assert vectors is not None
    others = shuffled(vectors, "a")
    assert not np.array_equal(others.clip, vectors.clip)
    assert np.array_equal(np.sort(others.places, axis=0), np.sort(vectors.places, axis=0))
    assert np.array_equal(others.probabilities, vectors.probabilities)
    assert np.array_equal(others.clip, shuffled(vectors, "a").clip)
    assert not np.array_equal(others.clip, shuffled(vectors, "b").clip)
    case = scenes().cases[0]
    learning = Pupil(case, SHUFFLED, new(), few=False).learning
    assert learning is not None
    assert np.array_equal(learning.vectors.clip, shuffled(vectors, case.name).clip)


def test_wrong_verdicts_reach_the_lesson_alone() -> None:
    case = scenes().cases[0]
    pupil = Pupil(case, replace(ON, wrong=0.3), new(), few=False)
    assert isinstance(pupil.learning, Misled)
    for done, _ in enumerate(pupil.review()):
        if done > 120:
            break
    decided = {row.id: row.value for row in pupil.session.rows() if row.verdict is not None}
    looks = pupil.learning.leave().looks
    wrong = [
        decided[region] != value for region, value in zip(looks.ids, looks.values, strict=True)
    ]
    assert len(wrong) > 40
    assert 0.1 < np.mean(wrong) < 0.5
    assert pupil.running.accuracy > case.accuracy


def test_the_rest_is_accepted_once_all_of_it_is_sure(taught: Lesson) -> None:
    case = scenes().cases[1]
    sparing, never = replace(ON, rest_above=0.3), replace(ON, rest_above=0.9999)
    visit, _ = finish(correct_steps(case, sparing, taught, None))
    whole, _ = finish(correct_steps(case, never, taught, None))
    assert visit.actions("accept") == 1
    assert visit.actions("look") < whole.actions("look")
    assert visit.wrong >= whole.wrong
    assert whole.wrong == pytest.approx(1 - ceiling(case).accuracy, abs=0.01)
