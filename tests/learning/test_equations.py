"""What a lesson computes beside the equations in loops, and the order in which it is told things."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from napari_corrclip.learning import Lesson, OpenImage, Sitting
from napari_corrclip.learning import state as of_states
from napari_corrclip.learning.guard import earned, weight
from napari_corrclip.learning.sitting import joined
from napari_corrclip.results.vectors import scaled
from tests.learning.slow import Asked, Looks, Sums, folded, foretold, moved
from tests.learning.worlds import elected, looked_at, opened, random_vectors, sittings

seeds = st.integers(0, 10_000)


def asked(looks: Looks, image: OpenImage, seed: int) -> Asked:
    vectors = image.vectors
    # As they are kept: what is given is scaled and rounded.
    vectors = replace(vectors, probabilities=scaled(vectors.probabilities.astype(np.float32)))
    everything = range(len(vectors))
    return Asked(
        [looks.p(vectors, i) for i in everything],
        [looks.x(vectors, i) for i in everything],
        elected(vectors, seed).tolist(),
    )


@given(seeds, st.integers(1, 5), st.integers(1, 30), st.integers(0, 4), st.integers(0, 9))
def test_a_prediction_is_that_of_the_equations(
    seed: int, classes: int, regions: int, images: int, looks: int
) -> None:
    first = random_vectors(seed, regions, classes)
    lesson, before = sittings(Lesson.new(range(1, classes + 1)), seed, images, regions)
    slow = Looks(first)
    values = lesson.classes

    def sums() -> Sums:
        return folded(before, slow, Sums(values, 7 + 5 + 8 + 2))

    image = opened(lesson, "open", seed + images, regions)
    whole = asked(slow, image, seed + images)
    decided = looked_at(image, seed + images + 1, looks, refresh=4)
    taught = image.refresh(decided)
    undecided = [i for i, r in enumerate(image.vectors.ids) if r not in decided and whole.e[i]]
    assert taught.ids.tolist() == [image.vectors.ids[i] for i in undecided]

    rows = image.leave(decided).looks
    verdicts = [
        (int(image.vectors.rows_of(region)), int(value))
        for region, value in zip(rows.ids, rows.values, strict=True)
    ]
    if not verdicts and not lesson.verdicts:
        return
    expected = foretold(sums(), whole, verdicts, undecided)
    state = sums()
    if verdicts:
        logit = 0.9 * state.inside
        for p, q in zip(rows.p, rows.q, strict=True):
            logit = moved(logit, 0.25, q, p)
    else:
        start = np.log(0.3 / 0.7)
        logit = start + 0.9 * (state.opening - start)
    assert taught.weight == np.float64(1 / (1 + np.exp(-logit))).item() or np.isclose(
        taught.weight, 1 / (1 + np.exp(-logit)), rtol=1e-9, atol=0
    )
    for row, i in enumerate(undecided):
        np.testing.assert_allclose(image.told[i], expected[i], rtol=0, atol=1e-9)
        mixed = taught.weight * expected[i] + (1 - taught.weight) * whole.p[i]
        np.testing.assert_allclose(taught.probabilities[row], mixed, rtol=0, atol=1e-6)


@given(
    seeds, st.integers(1, 5), st.integers(1, 30), st.integers(1, 7), st.sampled_from([2, 3, 100])
)
@example(1, 3, 150, 2, 100)  # more undecided regions than are kept
def test_the_state_is_that_of_the_equations(
    seed: int, classes: int, regions: int, images: int, together: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(of_states, "TOGETHER", together)
        lesson, kept = sittings(Lesson.new(range(1, classes + 1)), seed, images, regions)
        _check_state(lesson, kept, Looks(random_vectors(seed, regions, classes)), together)


def _check_state(lesson: Lesson, kept: list[Sitting], looks: Looks, together: int) -> None:
    expected = folded(kept, looks, Sums(lesson.classes, 22), together)
    state = lesson.state
    assert state is not None
    for found, slow in (
        (state.gram, expected.s),
        (state.residuals, expected.b),
        (state.weak_gram, expected.f),
        (state.weak_residuals, expected.g),
        (state.verdicts, expected.n),
        (state.right, expected.r),
    ):
        np.testing.assert_allclose(found, slow, rtol=0, atol=1e-9)
    np.testing.assert_allclose(
        [state.inside, state.opening], [expected.inside, expected.opening], rtol=1e-9
    )


def test_the_last_400_verdicts_and_512_anchors_are_those_of_the_equations() -> None:
    """Large enough for both limits."""
    classes, regions = 3, 1100
    image = opened(Lesson.new(range(1, classes + 1)), "large", 5, regions)
    slow = Looks(image.vectors)
    whole = asked(slow, image, 5)
    ids = image.vectors.ids
    chosen = np.random.default_rng(0).permutation(len(ids))[:450].tolist()
    verdicts = []
    for i in chosen:
        if image.look(int(ids[i]), 1 + i % classes, "assigned"):
            verdicts.append((i, 1 + i % classes))
    assert len(verdicts) > 400
    decided = ids[chosen]
    taught = image.refresh(decided)
    undecided = image.vectors.rows_of(taught.ids).tolist()
    assert len(undecided) > 512
    expected = foretold(Sums(image.classes, 22), whole, verdicts, undecided)
    for i in undecided[::50]:
        np.testing.assert_allclose(image.told[i], expected[i], rtol=0, atol=1e-9)


@given(seeds, st.randoms())
def test_the_order_inside_an_image_is_of_no_matter_to_the_sums(seed: int, random: object) -> None:
    lesson, kept = sittings(Lesson.new(range(1, 4)), seed, 3)
    last = kept[-1]
    order = np.random.default_rng(seed).permutation(len(last.looks))
    other = Sitting(**{**vars(last), "looks": last.looks.chosen(order)})
    again = lesson.replayed([*kept[:-1], other])
    assert lesson.state is not None
    assert again.state is not None
    for name in ("gram", "residuals", "weak_gram", "weak_residuals", "verdicts", "right"):
        np.testing.assert_allclose(
            getattr(again.state, name), getattr(lesson.state, name), rtol=0, atol=1e-9
        )


def test_the_weight_is_earned_by_what_was_foretold() -> None:
    """Verdicts that the prediction in force foretold raise it, whoever else is right."""
    assert weight(0) == 0.5
    sure = np.ones(100), np.full(100, 1e-9)
    assert earned(0, 0.25, *sure) == -6
    assert earned(0, 0.25, *sure[::-1]) == 6
    lesson, kept = sittings(Lesson.new(range(1, 4)), 3, 6)
    assert lesson.state is not None
    rows = joined([sitting.looks for sitting in kept])
    sure = [Sitting(**{**vars(each), "looks": _told(each, 0.9)}) for each in kept]
    wrong = [Sitting(**{**vars(each), "looks": _told(each, 0.01)}) for each in kept]
    trusted, doubted = (lesson.replayed(each).state for each in (sure, wrong))
    assert trusted is not None
    assert doubted is not None
    assert trusted.inside > lesson.state.inside > doubted.inside
    assert trusted.opening > lesson.state.opening > doubted.opening
    assert len(rows) == lesson.verdicts


def _told(sitting: Sitting, chance: float) -> object:
    looks = sitting.looks
    told = np.full(len(looks), chance)
    return type(looks)(**{**vars(looks), "q": told, "q_opening": told})
