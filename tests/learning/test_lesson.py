"""A lesson as a person meets it: nothing without verdicts, all of it undone, the same bits when replayed."""

from __future__ import annotations

import datetime
from collections import Counter
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import napari_corrclip as nc
from napari_corrclip.learning import Lesson, OpenImage, Sitting, Taught
from napari_corrclip.learning import state as of_states
from napari_corrclip.learning.guard import faded, weight
from napari_corrclip.learning.sitting import MOST_UNDECIDED, evenly
from napari_corrclip.learning.state import foretold
from tests.learning.worlds import (
    World,
    bits,
    corrected,
    elected,
    looked_at,
    opened,
    random_vectors,
    sittings,
)

seeds = st.integers(0, 10_000)
counts = st.tuples(st.integers(1, 6), st.integers(0, 25))
NOON = datetime.datetime(2026, 11, 29, 12, tzinfo=datetime.UTC)


def same(taught: Taught, other: Taught) -> None:
    for name, value in vars(taught).items():
        np.testing.assert_array_equal(getattr(other, name), value, name)


@given(seeds, counts)
def test_without_verdicts_everything_is_as_the_networks_say(
    seed: int, count: tuple[int, int]
) -> None:
    classes, regions = count
    lesson = Lesson.new(range(1, classes + 1))
    for number in range(3):  # images that were merely seen teach nothing, however many
        vectors = random_vectors(seed + number, regions, classes)
        own = np.random.default_rng(seed).uniform(size=(regions, classes)).astype(np.float32)
        values = elected(vectors, seed)
        image = lesson.open("a", vectors, own, values)
        eligible = np.flatnonzero(values)
        for taught in (image.opening, image.refresh([]), lesson.opening_of(vectors, own, values)):
            assert bits(taught.probabilities) == bits(own[eligible])
            assert bits(taught.classes) == bits(values[eligible])
            assert taught.ids.tolist() == vectors.ids[eligible].tolist()
            assert not taught.changes.any()
            assert taught.weight == taught.verdicts == 0
        begun = lesson.begun(vectors)
        if begun.state is not None:
            lesson = begun.finish(image.leave([], number=number + 1))
            assert lesson.state is not None
            assert bits(replace(lesson, state=replace(lesson.state, last=0))) == bits(
                begun.replayed([])
            )


@given(seeds, st.integers(1, 5), st.integers(1, 20), st.integers(1, 6))
def test_replayed_sittings_give_the_same_bits(
    seed: int, classes: int, regions: int, images: int
) -> None:
    lesson, kept = sittings(Lesson.new(range(1, classes + 1)), seed, images, regions)
    assert bits(lesson.replayed(kept[::-1])) == bits(lesson)
    half = images // 2
    assert bits(lesson.replayed(kept[:half]).finish(*kept[half:])) == bits(lesson)
    assert lesson.state is not None
    assert lesson.state.nbytes > 0


@settings(max_examples=15)
@given(seeds, st.integers(1, 12), st.integers(1, 9), st.lists(st.integers(0, 9), max_size=3))
def test_sittings_give_the_same_bits_however_many_are_folded_at_once(
    seed: int, group: int, together: int, cuts: list[int]
) -> None:
    """Verdicts are added up in groups, and what was left undecided long ago is passed over."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(of_states, "GROUP", group)
        patch.setattr(of_states, "TOGETHER", together)
        lesson, kept = sittings(Lesson.new(range(1, 4)), seed, 9, 8, 3)
        assert bits(lesson.replayed(kept)) == bits(lesson)
        at = [0, *sorted(cuts), len(kept)]
        parts = lesson.replayed([])
        for first, end in pairwise(at):
            parts = parts.finish(*kept[first:end])
        assert bits(parts) == bits(lesson)


def test_whole_groups_of_verdicts_give_the_same_bits() -> None:
    lesson, kept = sittings(Lesson.new(range(1, 5)), 0, 6, 500, 200, refresh=100)
    assert lesson.verdicts > 2 * of_states.GROUP
    assert bits(lesson.replayed(kept)) == bits(lesson)


@given(seeds, st.integers(1, 5), st.integers(2, 20), st.integers(0, 3))
def test_what_was_taken_back_leaves_nothing_behind(
    seed: int, classes: int, regions: int, images: int
) -> None:
    lesson, _ = sittings(Lesson.new(range(1, classes + 1)), seed, images, regions)
    image, other = (opened(lesson, "open", seed + 99, regions) for _ in range(2))
    first = image.vectors.ids[: regions // 2].tolist()
    for each in (image, other):
        for region in first:
            each.look(region, 1, "assigned", NOON)
        each.refresh(first)
    before = image.refresh(first)
    looked = image.looked

    more = image.vectors.ids[regions // 2 :].tolist()
    for region in more:
        image.look(region, classes, "accepted", NOON)
    image.refresh([*first, *more])
    for region in looked:  # a person changes their mind, and again
        image.look(region, classes, "assigned", NOON)
        image.look(region, 1, "assigned", NOON)
    for region in more:
        image.take_back(region)
    assert image.looked == looked
    same(image.refresh(first), before)
    kept, never = image.leave(first, when=NOON), other.leave(first, when=NOON)
    for name, value in vars(never.looks).items():
        np.testing.assert_array_equal(getattr(kept.looks, name), value, name)

    image.follow({})
    assert image.looked == ()
    nothing = image.refresh([])
    expected = opened(lesson, "open", seed + 99, regions).opening
    np.testing.assert_array_equal(nothing.probabilities, expected.probabilities)
    np.testing.assert_array_equal(nothing.classes, expected.classes)


@given(
    seeds,
    st.lists(
        st.tuples(
            st.sampled_from(["look", "back", "refresh"]), st.integers(0, 11), st.integers(1, 3)
        ),
        max_size=40,
    ),
)
def test_only_the_verdicts_that_are_left_count(
    seed: int, steps: list[tuple[str, int, int]]
) -> None:
    """Whatever was said and unsaid, a refresh says what it says to whoever gave the last verdicts alone."""
    lesson, _ = sittings(Lesson.new((1, 2, 3)), seed, 2)
    image = opened(lesson, "open", seed + 7, 12)
    verdicts: dict[int, int] = {}
    for step, number, value in steps:
        region = int(image.vectors.ids[number])
        if step == "look" and image.look(region, value, "assigned", NOON):
            verdicts[region] = value
        elif step == "back":
            image.take_back(region)
            verdicts.pop(region, None)
        elif step == "refresh":
            image.refresh(list(verdicts))
    fresh = opened(lesson, "open", seed + 7, 12)
    fresh.follow({region: (value, "assigned") for region, value in verdicts.items()}, NOON)
    taught, expected = image.refresh(list(verdicts)), fresh.refresh(list(verdicts))
    assert image.looked == fresh.looked == tuple(verdicts)
    rows = image.vectors.rows_of(taught.ids)
    np.testing.assert_array_equal(image.told[rows], fresh.told[rows])
    # Its weight is what the rows that are left earned, by what was told of each before its verdict.
    kept = image.leave(list(verdicts)).looks
    inside, outside = foretold(*faded(lesson.state.inside, lesson.state.opening), kept)  # type: ignore[union-attr]
    assert taught.weight == weight(inside if verdicts else outside)
    assert expected.verdicts == taught.verdicts == lesson.verdicts + len(verdicts)


def test_an_image_follows_the_verdicts_that_there_are() -> None:
    image, told = (opened(Lesson.new(range(1, 4)), "a", 3, 20) for _ in range(2))
    usable = image.opening.ids.tolist()
    first, second, third = usable[:3]
    image.follow({first: (1, "assigned"), second: (2, "accepted")}, NOON)
    image.follow({first: (3, "assigned"), third: (2, "accepted")}, NOON)
    told.look(first, 3, "assigned", NOON)
    told.look(third, 2, "accepted", NOON)
    assert image.looked == told.looked == (first, third)
    same(image.refresh([first, third]), told.refresh([first, third]))


@given(seeds, st.integers(1, 5), st.integers(1, 20))
def test_a_verdict_of_a_finished_image_is_taken_back(seed: int, classes: int, images: int) -> None:
    lesson, kept = sittings(Lesson.new(range(1, classes + 1)), seed, 3)
    region = kept[1].looks.ids[:1].tolist()
    without = [kept[0], kept[1].without(region), kept[2]]
    assert len(without[1].looks) == len(kept[1].looks) - len(region)
    again = lesson.replayed(without)
    assert again.verdicts == lesson.verdicts - len(region)
    assert bits(again.replayed(kept)) == bits(lesson)


def test_of_some_regions_nothing_is_learnt_and_nothing_told() -> None:
    image = opened(Lesson.new(range(1, 4)), "a", 3, 60)
    vectors = image.vectors
    none = vectors.ids[elected(vectors, 3) == 0].tolist()
    usable = image.opening.ids.tolist()
    assert none
    assert not set(none) & set(usable)
    assert not image.look(none[0], 1, "assigned")
    assert not image.look(int(vectors.ids.max()) + 1, 1, "assigned")  # made by a split since
    assert not image.look(usable[0], 0, "ignored")
    assert image.looked == ()
    assert image.look(usable[0], 1, "assigned")
    assert not image.look(usable[0], 0, "ignored")
    assert image.looked == ()
    with pytest.raises(nc.InputError, match="label value 9, of which the lesson has no class"):
        image.look(usable[0], 9, "assigned")

    assert image.look(usable[1], 1, "assigned")
    taught = image.refresh([usable[2]])  # accepted with a group: decided, and not looked at
    assert taught.ids.tolist() == [usable[0], *usable[3:]]
    left = image.leave([usable[2]])
    assert left.undecided.ids.tolist() == [usable[0], *usable[3:]]
    assert left.looks.ids.tolist() == [usable[1]]


@given(
    seeds,
    st.sampled_from([(1, 1), (1, 0), (1, 9), (4, 0), (4, 1), (300, 3), (300, 40)]),
    st.sampled_from([None, 5]),
)
def test_all_numbers_are_finite(seed: int, count: tuple[int, int], similarity: int | None) -> None:
    classes, regions = count
    lesson = Lesson.new(range(1, classes + 1))
    for number in range(3):
        vectors = random_vectors(seed + number, regions, classes, similarity=similarity)
        own = vectors.probabilities.astype(np.float32)
        image = lesson.open(str(number), vectors, own, elected(vectors, seed))
        decided = looked_at(image, seed, min(regions, 4), refresh=2)
        for taught in (image.opening, image.refresh(decided)):
            assert np.isfinite(taught.probabilities).all()
            assert 0 <= taught.weight <= 1
            if taught.weight:
                np.testing.assert_allclose(taught.probabilities.sum(axis=1), 1, atol=1e-5)
        if regions:
            lesson = lesson.begun(vectors).finish(image.leave(decided))
            assert lesson.state is not None
            for value in vars(lesson.state).values():
                assert np.isfinite(value).all()


def test_a_first_image_that_is_one_colour_and_alike_can_be_learnt_from() -> None:
    vectors = random_vectors(0, 6, 3, similarity=None)
    alike = replace(
        vectors,
        clip=np.repeat(vectors.clip[:1], 6, axis=0),
        colours=np.zeros((6, 8), np.float32),
        places=np.full((6, 2), 0.5, np.float32),
        probabilities=np.tile(np.array([0.6, 0.3, 0.1], np.float16), (6, 1)),
    )
    own = alike.probabilities.astype(np.float32)
    lesson = Lesson.new((1, 2, 3)).begun(alike)
    image = lesson.open("a", alike, own, np.ones(6, np.int32))
    image.look(int(alike.ids[0]), 2, "assigned")
    taught = image.refresh([])
    assert np.isfinite(taught.probabilities).all()
    assert taught.classes.tolist() == [2] * 5


def test_an_image_that_was_left_is_opened_as_it_was_left() -> None:
    """Its former verdicts are known to its own level, and say nothing new about openings."""
    lesson = Lesson.new(range(1, 4)).begun(random_vectors(3, 40, 3))
    image = opened(lesson, "a", 3, 40, run="run 1")
    decided = image.opening.ids[:9].tolist()
    for region in decided:
        image.look(region, 1 + region % 3, "assigned")
    last = image.refresh(decided)
    sitting = image.leave(decided)
    lesson = lesson.finish(sitting)
    again, stranger = (
        opened(lesson, "a", 3, 40, run=run, former=[sitting], decided=decided)
        for run in ("run 1", "run 2")
    )
    assert again.opening.ids.tolist() == last.ids.tolist()
    distance = np.abs(again.opening.probabilities - last.probabilities).max()
    assert distance < np.abs(stranger.opening.probabilities - last.probabilities).max()
    assert again.opening.weight == lesson.weights[1]
    assert stranger.opening.weight == lesson.weights[0]
    again.look(int(last.ids[0]), 1, "assigned")
    rows = again.leave([*decided, int(last.ids[0])]).looks
    assert rows.q_opening.tolist() == rows.p.tolist()


def test_what_was_decided_when_an_image_is_opened_again_earns_nothing() -> None:
    """Neither by a verdict that is another one now, nor by those that a new run has taken over."""
    world = World(seed=1)
    vectors, truth = world.image(0)
    own = vectors.probabilities.astype(np.float32)
    shown = np.array(vectors.classes, np.int32)[own.argmax(axis=1)]
    ids = vectors.ids[:40].tolist()
    lesson = Lesson.new(range(1, 7)).begun(vectors)
    image = lesson.open("a", vectors, own, shown, run="1")
    for region in ids:
        image.look(region, int(truth[region - 1]), "assigned")
    first = image.leave(ids)
    lesson = lesson.finish(first)

    changed = lesson.open("a", vectors, own, shown, run="1", decided=ids, former=[first])
    for region in ids[:10]:
        changed.look(region, int(truth[region - 1]) % 6 + 1, "assigned")
    rows = changed.leave(ids).looks
    assert rows.q.tolist() == rows.q_opening.tolist() == rows.p.tolist()

    again = lesson.open("a", vectors, own, shown, run="2", decided=ids, former=[first])
    again.forget({first.number: ids})
    for region in ids:
        again.look(region, int(truth[region - 1]), "assigned")
    told = again.refresh(ids)
    assert told.verdicts == len(ids)  # and not twice as many
    rows = again.leave(ids).looks
    assert rows.q.tolist() == rows.q_opening.tolist() == rows.p.tolist()
    # What is said now is held to what was told before it, and the opening told nothing new.
    region = int(told.ids[0])
    again.look(region, int(truth[region - 1]), "assigned")
    rows = again.leave([*ids, region]).looks
    assert rows.q[-1] != rows.p[-1] == rows.q_opening[-1]


def test_of_former_verdicts_on_a_region_the_last_one_counts() -> None:
    lesson = Lesson.new(range(1, 4)).begun(random_vectors(3, 30, 3))
    kept: list[Sitting] = []
    for value in (1, 2):  # the person changed their mind
        image = opened(lesson, "a", 3, 30, former=kept)
        first, second = image.opening.ids[:2].tolist()
        image.look(first, value, "assigned")
        image.look(second, 3, "assigned")
        kept.append(image.leave([first, second]))
        lesson = lesson.finish(kept[-1])
    decided = [first, second]
    both, last, former = (
        opened(lesson, "a", 3, 30, former=some, decided=decided).opening.probabilities
        for some in (kept, kept[1:], kept[:1])
    )
    np.testing.assert_array_equal(both, last)
    assert (both != former).any()


def test_changes_are_counted_by_what_they_change() -> None:
    world = World()
    vectors, truth = world.image(0)
    own = vectors.probabilities.astype(np.float32)
    values = np.array(vectors.classes)[own.argmax(axis=1)].astype(np.int32)
    image = Lesson.new(range(1, 7)).open("a", vectors, own, values)
    assert image.opening.moves == ()
    for row in range(20):
        image.look(row + 1, int(truth[row]), "assigned")
    taught = image.refresh(range(1, 21))
    rows = range(len(taught))
    changed = [(int(taught.before[i]), int(taught.classes[i])) for i in rows if taught.changes[i]]
    assert len(changed) > 5
    assert {(before, after): count for before, after, count in taught.moves} == Counter(changed)
    counts = [count for *_, count in taught.moves]
    assert counts == sorted(counts, reverse=True)
    # Applied, nothing changes until something else is learnt.
    assert image.refresh(range(1, 21)).moves == ()


def test_who_foretold_the_last_verdicts_is_counted() -> None:
    """A world whose networks are wrong about two classes of six: the lesson comes to know them."""
    world = World()
    lesson = Lesson.new(range(1, 7))
    for number in range(6):
        vectors, truth = world.image(number)
        own = vectors.probabilities.astype(np.float32)
        lesson = lesson.begun(vectors)
        values = np.array(vectors.classes)[own.argmax(axis=1)]
        image = lesson.open(str(number), vectors, own, values)
        for row in range(20):
            image.look(row + 1, int(truth[row]), "assigned")
            if row % 5 == 4:
                image.refresh(range(1, row + 2))
        lesson = lesson.finish(image.leave(range(1, 21)))
    counted = lesson.foretold
    assert counted.verdicts == 40
    assert counted.networks == int((values[:20] == truth[:20]).sum()) + counted_before(world, 4)
    assert counted.lesson > counted.networks
    assert image.opening.foretold.verdicts == 40
    assert Lesson.new([1]).foretold.verdicts == 0
    assert Lesson.new([1]).weights == (pytest.approx(0.3), 0.5)
    assert min(lesson.weights) > 0.3


def counted_before(world: World, number: int) -> int:
    vectors, truth = world.image(number)
    values = np.array(vectors.classes)[vectors.probabilities.argmax(axis=1)]
    return int((values[:20] == truth[:20]).sum())


def test_a_lesson_makes_later_images_easier() -> None:
    world, images = World(seed=1), range(12)
    alone = corrected(world, images, taught=False)
    taught = corrected(world, images, taught=True)
    assert sum(taught) < 0.35 * sum(alone)
    assert sum(taught[-4:]) < 0.2 * sum(alone[-4:])


@pytest.mark.parametrize("world", [World(mistaken=0, sure=1.8), World(mistaken=2)])
def test_looks_that_say_nothing_do_no_harm(world: World) -> None:
    """Networks that are unsure, and that are wrong."""
    images = range(12)
    alone = corrected(world, images, taught=False, shuffled=True)
    taught = corrected(world, images, taught=True, shuffled=True)
    assert sum(taught) <= 1.05 * sum(alone)


def test_where_networks_are_nearly_always_right_features_that_say_nothing_cost_a_look_an_image() -> (
    None
):
    """Two looks an image find all that is wrong: there is no room for a share."""
    world, images = World(mistaken=0), range(12)
    alone = corrected(world, images, taught=False, shuffled=True)
    taught = corrected(world, images, taught=True, shuffled=True)
    assert sum(taught) - sum(alone) <= len(images)


def test_another_preset_is_another_lesson() -> None:
    vectors = random_vectors(0, 10, 3)
    lesson = Lesson.new((1, 2, 3)).begun(vectors)
    own, values = vectors.probabilities.astype(np.float32), elected(vectors, 0)
    others = (
        replace(vectors, clip_network="d" * 64),
        replace(vectors, similarity_network="d" * 64),
        replace(vectors, projection=vectors.projection + 1),
        replace(vectors, similarity=None),
    )
    for other in others:
        with pytest.raises(nc.InputError, match="begin another lesson for another preset"):
            lesson.open("a", other, own, values)
    short = replace(vectors, clip=vectors.clip[:, :3])
    image = Lesson.new((1, 2, 3)).begun(short).open("a", short, own, values)
    image.look(int(image.opening.ids[0]), 1, "assigned")
    with pytest.raises(nc.InputError, match="of another preset"):
        lesson.finish(image.leave([]))


def test_what_cannot_be_is_refused() -> None:
    vectors = random_vectors(0, 10, 3)
    own, values = vectors.probabilities.astype(np.float32), elected(vectors, 0)
    for classes in ([], [1, 1], [0, 1]):
        with pytest.raises(nc.InputError, match="give each label value of the vocabulary once"):
            Lesson.new(classes)
    lesson, kept = sittings(Lesson.new((1, 2, 3)), 0, 2)
    with pytest.raises(nc.InputError, match="Sitting 1 comes after sitting 2"):
        lesson.finish(kept[0])
    with pytest.raises(nc.InputError, match="Two sittings have the number 1"):
        lesson.replayed([kept[0], kept[0]])
    with pytest.raises(nc.InputError, match="has not begun"):
        Lesson.new((1, 2, 3)).finish(kept[0])
    with pytest.raises(nc.InputError, match=r"of shape \(10, 2\)"):
        lesson.open("a", vectors, own[:, :2], values)


def test_a_finished_sitting_keeps_an_even_part_of_what_was_left() -> None:
    image = opened(Lesson.new((1, 2, 3)), "a", 0, 700)
    first = int(image.opening.ids[0])
    image.look(first, 1, "assigned")
    left = image.leave([first]).undecided
    assert len(left) == MOST_UNDECIDED
    assert left.each * len(left) == pytest.approx(len(image.opening) - 1)
    assert np.diff(evenly(700, MOST_UNDECIDED)).max() == 11
    assert np.diff(evenly(700, MOST_UNDECIDED)).min() == 10


def test_the_nearest_verdicts_taught_most() -> None:
    world = World(seed=2)
    vectors, truth = world.image(0)
    own = vectors.probabilities.astype(np.float32)
    values = np.array(vectors.classes)[own.argmax(axis=1)]
    lesson = Lesson.new(range(1, 7)).begun(vectors)

    def taught(key: str) -> OpenImage:
        image = lesson.open(key, vectors, own, values)
        for row in range(30):
            image.look(row + 1, int(truth[row]), "assigned")
        return image

    finished = taught("former").leave([])
    image = taught("open")
    found = image.what_taught(5, [finished])
    assert [(each.image, each.region, each.sitting, each.distance) for each in found[:1]] == [
        ("former", 5, 1, 0)
    ]
    assert {each.region for each in image.what_taught(5)}.isdisjoint({5})
    unseen = image.what_taught(41, [finished])
    assert len(unseen) == 3
    assert [each.distance for each in unseen] == sorted(each.distance for each in unseen)
    # The same verdict on both sides of the door is as near.
    assert unseen[0].region == unseen[1].region
    assert {unseen[0].image, unseen[1].image} == {"former", "open"}
    assert image.what_taught(999) == ()


def test_values_cannot_be_written_to() -> None:
    lesson, kept = sittings(Lesson.new((1, 2, 3)), 0, 2)
    sitting: Sitting = kept[0]
    image = opened(lesson, "a", 0, 10)
    assert sitting.nbytes > 0
    assert lesson.state is not None
    for array in (
        sitting.looks.q, sitting.undecided.shown, lesson.state.said, image.opening.probabilities, image.told,
    ):  # fmt: skip
        with pytest.raises(ValueError, match="read-only"):
            array[:] = 0
