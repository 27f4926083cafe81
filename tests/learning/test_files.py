"""Lessons and sittings as bytes: the same when they are read again, and refused where they are damaged."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import load, save

import napari_corrclip as nc
from napari_corrclip.learning import Lesson, Sitting
from napari_corrclip.learning.files import pack_lesson, pack_sitting, unpack_lesson, unpack_sitting
from tests.learning.worlds import bits, opened, random_vectors, sittings

LESSON, KEPT = sittings(Lesson.new((1, 2, 3)), 0, 3)
DATA = pack_sitting(KEPT[1])
HEAD = pack_lesson(replace(LESSON, merged={7: 2}))


def same(sitting: Sitting, other: Sitting) -> None:
    for name, value in vars(sitting).items():
        if name in ("looks", "undecided"):
            for column, array in vars(value).items():
                found = getattr(getattr(other, name), column)
                if isinstance(array, np.ndarray):
                    assert found.dtype == array.dtype
                np.testing.assert_array_equal(found, array)
        else:
            assert getattr(other, name) == value


@given(st.integers(0, 1000), st.integers(1, 4), st.integers(1, 20), st.booleans())
def test_a_sitting_is_the_same_when_it_is_read_again(
    seed: int, classes: int, regions: int, empty: bool
) -> None:
    lesson, kept = sittings(Lesson.new(range(1, classes + 1)), seed, 3, regions)
    again = [unpack_sitting(pack_sitting(sitting)) for sitting in kept]
    for sitting, other in zip(kept, again, strict=True):
        same(sitting, other)
    if empty:
        sitting = opened(lesson, "", seed, 0).leave([])
        same(unpack_sitting(pack_sitting(sitting)), sitting)

    # Lesson and sittings together are what was learnt, bit by bit.
    head = unpack_lesson(pack_lesson(lesson))
    assert head.verdicts == 0
    rebuilt = head.replayed(again)
    assert bits(rebuilt) == bits(lesson)
    assert pack_lesson(rebuilt) == pack_lesson(lesson)


def test_paths_that_are_no_text_are_kept() -> None:
    sitting = replace(KEPT[0], image="straße/\udcff.png")
    assert unpack_sitting(pack_sitting(sitting)).image == sitting.image


def test_a_lesson_that_has_not_begun_is_kept() -> None:
    lesson = unpack_lesson(pack_lesson(Lesson.new((4, 2))))
    assert (lesson.classes, lesson.normalisation, lesson.state) == ((4, 2), None, None)
    without = random_vectors(0, 5, 2, similarity=None)
    assert unpack_lesson(pack_lesson(Lesson.new((4, 2)).begun(without))).normalisation is not None
    assert unpack_lesson(HEAD).merged == {7: 2}


def changed(data: bytes, change: Callable[[dict[str, Any], dict[str, Any]], object]) -> bytes:
    """The file with its arrays and what it says changed."""
    arrays = dict(load(data))
    texts = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])["__metadata__"]
    said = json.loads(texts["said"])
    change(arrays, said)
    return bytes(save(arrays, {"said": json.dumps(said)}))


def put(name: str, value: Any) -> Callable[[dict[str, Any], dict[str, Any]], object]:
    """Change the first number of an array, or what is said."""

    def change(arrays: dict[str, Any], said: dict[str, Any]) -> None:
        if name not in arrays:
            said[name] = value
            return
        array = arrays[name].copy()
        array.reshape(-1)[0] = value
        arrays[name] = array

    return change


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("looks.values", 9, "label value 9, which is of no class"),
        ("looks.elected", 0, "label value 0, which is of no class"),
        ("undecided.shown", -1, "label value -1, which is of no class"),
        ("looks.ids", 0, "no ids of different regions"),
        ("undecided.ids", KEPT[1].undecided.ids[1], "no ids of different regions"),
        ("looks.q", np.nan, "not all of looks.q are finite"),
        ("looks.q", 1.5, "not all from 0 to 1"),
        ("looks.p", -0.1, "not all from 0 to 1"),
        ("undecided.probabilities", np.inf, "not all of undecided.probabilities are finite"),
        ("undecided.places", 2, "not all from 0 to 1"),
        ("looks.clip", np.nan, "finite"),
        ("number", 0, "its number is 0"),
        ("number", "1", "its number is '1'"),
        ("looks.colours", 1e35, "within"),
        ("each", 0.5, "counts for 0.5"),
        ("each", 1e300, r"counts for 1e\+300"),  # which no ridge can be solved with
        ("each", None, "each is None"),
        ("classes", [1, 2], "which is of no class|of shape"),
        ("classes", [1, 2, 2], "one of them twice"),
        ("classes", [1, 2, 3.0], "no label values"),
        ("image", 3, "its image is no text"),
        ("left", "yesterday", "isoformat"),
    ],
)
def test_a_sitting_that_says_what_cannot_be_is_refused(name: str, value: object, why: str) -> None:
    with pytest.raises(nc.InputError, match=why) as caught:
        unpack_sitting(changed(DATA, put(name, value)))
    assert str(caught.value).startswith("The sitting is damaged")


@pytest.mark.parametrize("part", ["looks", "undecided"])
def test_arrays_of_other_types_and_shapes_are_refused(part: str) -> None:
    for name in load(DATA):
        if not name.startswith(part):
            continue
        short = lambda arrays, _, name=name: arrays.update({name: arrays[name][:-1]})  # noqa: E731
        other = lambda arrays, _, name=name: arrays.update({name: arrays[name].astype(np.uint8)})  # noqa: E731
        flat = lambda arrays, _, name=name: arrays.update({name: arrays[name].reshape(-1, 1, 1)})  # noqa: E731
        gone = lambda arrays, _, name=name: arrays.pop(name)  # noqa: E731
        for change in (short, other, flat, gone):
            with pytest.raises(nc.InputError, match="The sitting is damaged"):
                unpack_sitting(changed(DATA, change))


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("clip_mean", np.nan, "finite"),
        ("colour_mean", 1e308, "within"),
        ("colour_spread", 0, "spreads are 0.001 or more"),
        ("colour_spread", 5e-324, "spreads are 0.001 or more"),
        ("classes", [], "has no classes"),
        ("merged", [[1]], "no list of pairs"),
        ("merged", [[1, "2"]], "no label values"),
        ("merged", 3, "no list of pairs"),
        ("normalisation", {}, "clip_length"),
        ("normalisation", None, "not subscriptable"),
    ],
)
def test_a_lesson_that_says_what_cannot_be_is_refused(name: str, value: object, why: str) -> None:
    with pytest.raises(nc.InputError, match=why) as caught:
        unpack_lesson(changed(HEAD, put(name, value)))
    assert str(caught.value).startswith("The lesson is damaged")


def test_a_length_that_makes_all_numbers_infinite_is_refused() -> None:
    known = LESSON.normalisation
    assert known is not None
    for name in ("clip_length", "similarity_length"):
        tiny = replace(LESSON, normalisation=replace(known, **{name: 5e-324}))
        with pytest.raises(nc.InputError, match=r"spreads are 0\.001 or more"):
            unpack_lesson(pack_lesson(tiny))


def test_one_is_not_the_other() -> None:
    with pytest.raises(nc.InputError, match="it is no 'napari-corrclip sitting 1'"):
        unpack_sitting(HEAD)
    with pytest.raises(nc.InputError, match="it is no 'napari-corrclip lesson 1'"):
        unpack_lesson(DATA)
    for data in (b"", b"{}", bytes(64), bytes(save({"a": np.zeros(2)}))):
        with pytest.raises(nc.InputError, match="damaged"):
            unpack_sitting(data)


@given(st.data())
def test_any_damage_is_refused_or_harmless(data: st.DataObject) -> None:
    whole = data.draw(st.sampled_from([DATA, HEAD]))
    damaged = bytearray(whole)
    if data.draw(st.booleans()):
        del damaged[data.draw(st.integers(0, len(whole) - 1)) :]
    for _ in range(data.draw(st.integers(0, 3))):
        if damaged:
            damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    unpack: Callable[[bytes], Sitting | Lesson] = unpack_sitting if whole is DATA else unpack_lesson
    try:
        found = unpack(bytes(damaged))
    except nc.InputError:
        return
    if isinstance(found, Sitting):
        again = Lesson(LESSON.classes, normalisation=LESSON.normalisation)
        try:
            again = again.replayed([found])
        except nc.InputError:
            return
        assert again.state is not None
        for value in vars(again.state).values():
            assert np.isfinite(value).all()
