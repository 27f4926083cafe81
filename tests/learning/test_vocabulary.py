"""A lesson under other words: merged as though it had always been one, removed, added, split, put back."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

import napari_corrclip as nc
from napari_corrclip.learning import Lesson, Sitting
from napari_corrclip.learning.features import probabilities_of
from napari_corrclip.learning.state import State
from napari_corrclip.learning.vocabulary import dropped, recast, reclassified, survivor
from tests.learning.worlds import bits, opened, sittings

seeds = st.integers(0, 10_000)


def state_of(lesson: Lesson) -> State:
    assert lesson.state is not None
    return lesson.state


def columns_added(classes: int, length: int, into: list[int]) -> tuple[NDArray[np.float64], ...]:
    """The matrices that take features and classes to those of merged or reordered classes."""
    kept = max(into) + 1
    columns = np.zeros((classes, kept))
    columns[np.arange(classes), into] = 1
    features = np.zeros((1 + classes + length, 1 + kept + length))
    features[0, 0] = 1
    features[1 : 1 + classes, 1 : 1 + kept] = columns
    features[1 + classes :, 1 + kept :] = np.eye(length)
    return features, columns


@given(seeds, st.permutations([1, 2, 3, 4]))
def test_merged_is_as_though_it_had_always_been_one(seed: int, order: list[int]) -> None:
    """And reordered as though it had always been in that order: what W is solved from is linear in P."""
    lesson, kept = sittings(Lesson.new((1, 2, 3, 4)), seed, 3)
    classes = tuple(value for value in order if value != 4)
    merged = lesson.changed(classes, kept, merged={4: 2})
    state, before = state_of(merged), state_of(lesson)
    into = [classes.index(value if value != 4 else 2) for value in (1, 2, 3, 4)]
    features, columns = columns_added(4, 22, into)
    for found, expected in (
        (state.gram, features.T @ before.gram @ features),
        (state.residuals, features.T @ before.residuals @ columns),
        (state.weak_residuals, features.T @ before.weak_residuals @ columns),
        (state.verdicts, before.verdicts @ columns),
    ):
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-9)
    assert (state.right >= before.right @ columns).all()
    assert (state.inside, state.opening) == (before.inside, before.opening)
    # Sittings are kept as they were: put back, the lesson is what it was.
    assert bits(replace(merged, merged={}).changed((1, 2, 3, 4), kept)) == bits(lesson)


def test_a_class_merged_twice_is_followed() -> None:
    lesson, kept = sittings(Lesson.new((1, 2, 3)), 5, 3)
    once = lesson.changed((2, 3), kept, merged={1: 2}).changed((3,), kept, merged={2: 3})
    together = lesson.changed((3,), kept, merged={1: 3, 2: 3})
    assert bits(once) == bits(together)
    assert state_of(once).looks == state_of(lesson).looks
    assert survivor(1, {1: 2, 2: 1}, (3,)) in (1, 2)  # nonsense ends


def test_a_class_that_came_back_has_its_verdicts_again() -> None:
    """As after an undo of what merged it."""
    lesson, kept = sittings(Lesson.new((1, 2, 3)), 5, 3)
    merged = lesson.changed((2, 3), kept, merged={1: 2})
    assert bits(merged.changed((1, 2, 3), kept)) == bits(lesson)


def test_sittings_of_the_former_words_go_on_teaching() -> None:
    """An image that was open while two classes were merged."""
    lesson, kept = sittings(Lesson.new((1, 2, 3)), 5, 2)
    image = opened(lesson, "open", 9, 20)
    image.look(int(image.opening.ids[0]), 3, "assigned")
    last = image.leave([])
    merged = lesson.changed((1, 2), kept, merged={3: 2})
    assert bits(merged.finish(last)) == bits(lesson.changed((1, 2), [*kept, last], merged={3: 2}))


@given(seeds)
def test_of_a_removed_class_the_verdicts_go(seed: int) -> None:
    lesson, kept = sittings(Lesson.new((1, 2, 3)), seed, 3, regions=20, looks=9)
    for sitting in kept:
        found = recast(sitting, (3, 1), {})
        looks, former = found.looks, sitting.looks
        own = probabilities_of(former.probabilities)
        # Gone are those who said it, and regions for which the networks never had another class in mind.
        stays = (former.values != 2) & ((former.elected != 2) | (own[:, [0, 2]].sum(axis=1) > 0))
        assert looks.ids.tolist() == former.ids[stays].tolist()
        assert looks.values.tolist() == former.values[stays].tolist()
        for row, region in enumerate(looks.ids):
            before = own[former.ids == region][0]
            left = before[[2, 0]]
            expected = left / left.sum() if left.sum() else np.full(2, 0.5)
            np.testing.assert_allclose(looks.probabilities[row], expected, atol=1e-12)
            was = int(former.elected[former.ids == region][0])
            assert looks.elected[row] == (was if was != 2 else (3, 1)[int(left.argmax())])
        assert np.isin(found.undecided.shown, (1, 3)).all()
        assert np.isin(found.undecided.elected, (1, 3)).all()
    changed = lesson.changed((3, 1), kept)
    for value in vars(state_of(changed)).values():
        assert np.isfinite(value).all()
    assert bits(changed.changed((1, 2, 3), kept)) == bits(lesson)


def test_a_new_class_begins_with_nothing_and_is_classified_anew() -> None:
    lesson, kept = sittings(Lesson.new((1, 2)), 3, 2)
    wider = lesson.changed((1, 2, 8), kept)
    state = state_of(wider)
    assert not state.residuals[:, 2].any()
    assert not state.gram[3].any()
    narrow, found = kept[0], recast(kept[0], (1, 2, 8), {})
    np.testing.assert_allclose(
        found.looks.probabilities[:, :2], probabilities_of(narrow.looks.probabilities)
    )

    def anew(count: int) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
        rows = np.full((count, 3), 0.25)
        rows[:, 2] = 0.5
        return rows, np.where(np.arange(count) % 2, 8, 0).astype(np.int32)

    said = reclassified(found, (1, 2, 8), anew(len(found.looks)), anew(len(found.undecided)))
    assert set(said.looks.elected) == {8}
    assert len(said.looks) == len(found.looks) // 2
    assert (said.undecided.probabilities[:, 2] == 0.5).all()
    again = wider.replayed([said])
    assert state_of(again).gram[3].any()


def test_the_verdicts_on_a_split_class_can_be_dropped() -> None:
    lesson, kept = sittings(Lesson.new((1, 2, 3)), 3, 4)
    without: list[Sitting] = [dropped(sitting, {2}) for sitting in kept]
    assert all(2 not in sitting.looks.values for sitting in without)
    count = sum(int((sitting.looks.values == 2).sum()) for sitting in kept)
    assert count > 0
    assert lesson.replayed(without).verdicts == lesson.verdicts - count
    assert dropped(without[0], {2}) is without[0]


def test_an_image_is_opened_by_the_words_of_today() -> None:
    lesson, kept = sittings(Lesson.new((1, 2, 3)), 3, 2)
    merged = lesson.changed((1, 2), kept, merged={3: 1})
    image = opened(merged, "image 0", 3, 20, former=kept)
    assert set(image.opening.classes) <= {1, 2}
    with pytest.raises(nc.InputError, match="no class"):
        image.look(int(image.opening.ids[0]), 3, "assigned")
