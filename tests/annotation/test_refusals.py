"""What edits refuse, in a sentence, changing nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from napari_corrclip.annotation import Session
from napari_corrclip.errors import InputError
from napari_corrclip.results.segmentation import segmentation_from_probabilities
from tests.annotation.images import small_result
from tests.annotation.seen import Seen, one_sentence
from tests.annotation.strips import (
    CAT,
    WORDS,
    block,
    not_a_number,
    prepared,
    refuser,
    strip,
)

OTHER = small_result((8, 8))[0]
RAGGED: Any = [(1, 2), (3,)]
LONG: Any = np.arange(600).reshape(2, 300)

REFUSED: dict[str, Callable[[Session], Any]] = {
    # which regions
    "no such region": lambda s: s.assign(99, "cat"),
    "region 0": lambda s: s.assign(0, "cat"),
    "negative region": lambda s: s.accept(-3),
    "huge region": lambda s: s.accept(2**70),
    "one of many is unknown": lambda s: s.assign([1, 2, 99], "cat"),
    "no region": lambda s: s.assign([], "cat"),
    "no region, as an array": lambda s: s.ignore(np.array([], np.int64)),
    "a float": lambda s: s.assign(2.0, "cat"),
    "a float of numpy": lambda s: s.assign(np.float64(2), "cat"),
    "floats": lambda s: s.assign(np.array([2.0, 3.0]), "cat"),
    "a string": lambda s: s.assign("2", "cat"),
    "an empty string": lambda s: s.assign("", "cat"),
    "True": lambda s: s.assign(True, "cat"),
    "a list with True": lambda s: s.assign([True], "cat"),
    "a mask of regions": lambda s: s.assign(np.array([True, False]), "cat"),
    "None": lambda s: s.assign(None, "cat"),
    "a list with None": lambda s: s.merge([1, None]),
    "a table of regions": lambda s: s.merge(LONG),
    "NaN": lambda s: s.clear(float("nan")),
    "accept unknown": lambda s: s.accept(99),
    "ignore unknown": lambda s: s.ignore([1, 99]),
    "clear unknown": lambda s: s.clear([1, 99]),
    "spread from unknown": lambda s: s.spread(99, "cat"),
    "spread from two": lambda s: s.spread([1, 2], "cat"),
    "patch of unknown": lambda s: s.patch_of(99),
    "neighbours of unknown": lambda s: s.neighbours(99),
    "row of unknown": lambda s: s.region(99),
    "similar to unknown": lambda s: s.similar(99, 2),
    "similar, none": lambda s: s.similar(1, 0),
    "similar, True": lambda s: s.similar(1, True),
    "similar, half": lambda s: s.similar(1, 1.5),
    "similar among unknown": lambda s: s.similar(1, 1, among=[99]),
    "revote unknown": lambda s: s.revote([99]),
    "revote none": lambda s: s.revote([]),
    "revote a word": lambda s: s.revote("everything"),
    "revote decided": lambda s: s.revote([1, 2]),
    "revote all with decided ones": lambda s: s.revote("all"),
    "revote by a lot": lambda s: s.revote("undecided", "lot"),
    "merge unknown": lambda s: s.merge([1, 99]),
    "merge one": lambda s: s.merge([1]),
    "merge one twice": lambda s: s.merge([1, 1]),
    "merge an id": lambda s: s.merge(1),
    "absorb unknown": lambda s: s.absorb([1, 99]),
    "absorb decided": lambda s: s.absorb([1, 2]),
    "absorb ignored": lambda s: s.absorb(5),
    "absorb none": lambda s: s.absorb([]),
    # which class
    "no class of that name": lambda s: s.assign(1, "bird"),
    "no name": lambda s: s.assign(1, ""),
    "no class of that value": lambda s: s.assign(1, 4),
    "class 0": lambda s: s.assign(1, 0),
    "negative class": lambda s: s.assign(1, -1),
    "class as a float": lambda s: s.assign(1, 1.0),
    "class True": lambda s: s.assign(1, True),
    "class None": lambda s: s.assign(1, None),
    "class as an array": lambda s: s.assign(1, LONG),
    "spread no class": lambda s: s.spread(1, "bird"),
    "paint no class": lambda s: s.paint(block(0, 0, 4, 4), "bird"),
    "paint no value": lambda s: s.paint(block(0, 0, 4, 4), 9),
    "paint -1": lambda s: s.paint(block(0, 0, 4, 4), -1),
    "paint 65536": lambda s: s.paint(block(0, 0, 4, 4), 65536),
    "paint 0.0": lambda s: s.paint(block(0, 0, 4, 4), 0.0),
    "paint True": lambda s: s.paint(block(0, 0, 4, 4), True),
    "paint False": lambda s: s.paint(block(0, 0, 4, 4), False),
    # how sure
    "above 1": lambda s: s.accept_above(1.01),
    "below 0": lambda s: s.accept_above(-0.1),
    "above NaN": lambda s: s.accept_above(float("nan")),
    "above a word": lambda s: s.accept_above("high"),
    "above True": lambda s: s.accept_above(True),
    "above None": lambda s: s.accept_above(None),
    # splitting
    "split unknown": lambda s: s.split(99),
    "split two": lambda s: s.split([1, 2]),
    "split one piece": lambda s: s.split(1),
    "split one pixel": lambda s: s.split(12),
    "split one pixel by a mask": lambda s: s.split_mask(12, block(0, 0, 24, 32)),
    "split one pixel by clicks": lambda s: s.split_points(12, [(23, 0)], [(23, 0)]),
    "mask of all of it": lambda s: s.split_mask(4, block(0, 0, 24, 32)),
    "mask of none of it": lambda s: s.split_mask(4, block(0, 0, 8, 32)),
    "mask of another shape": lambda s: s.split_mask(4, np.ones((24, 31), bool)),
    "mask of the box": lambda s: s.split_mask(4, np.ones((8, 8), bool)),
    "mask of numbers": lambda s: s.split_mask(4, block(8, 0, 11, 40).astype(np.uint8)),
    "mask is None": lambda s: s.split_mask(4, None),
    "ragged mask": lambda s: s.split_mask(4, [[True], [True, False]]),
    "keep outside the region": lambda s: s.split_points(6, [(0, 0)], [(14, 22)]),
    "cut outside the region": lambda s: s.split_points(6, [(9, 17)], [(9, 17), (0, 0)]),
    "keep outside the image": lambda s: s.split_points(6, [(99, 99)], [(14, 22)]),
    "negative point": lambda s: s.split_points(6, [(-15, 17)], [(14, 22)]),
    "no keep": lambda s: s.split_points(6, [], [(14, 22)]),
    "no cut": lambda s: s.split_points(6, [(9, 17)], []),
    "keep and cut at one pixel": lambda s: s.split_points(6, [(9, 17)], [(14, 22), (9, 17)]),
    "keep and cut in one pixel": lambda s: s.split_points(6, [(9.1, 17)], [(9.8, 17.5)]),
    "NaN points": lambda s: s.split_points(6, [(9, 17)], [(float("nan"), 22)]),
    "infinite points": lambda s: s.split_points(6, [(9, 17)], [(float("inf"), 22)]),
    "points very far away": lambda s: s.split_points(6, [(9, 17)], [(1e300, 22)]),
    "points of three": lambda s: s.split_points(6, [(9, 17, 0)], [(14, 22, 0)]),
    "ragged points": lambda s: s.split_points(6, RAGGED, [(14, 22)]),
    "points as words": lambda s: s.split_points(6, [("9", "17")], [(14, 22)]),
    "points None": lambda s: s.split_points(6, None, [(14, 22)]),
    "many points": lambda s: s.split_points(6, LONG, [(14, 22)]),
    # painting
    "no pixel": lambda s: s.paint(block(0, 0, 0, 0), "cat"),
    "no indices": lambda s: s.paint(([], []), "cat"),
    "pixels below the image": lambda s: s.paint(([24], [0]), "cat"),
    "pixels right of the image": lambda s: s.paint(([0, 0], [0, 32]), "cat"),
    "negative pixels": lambda s: s.paint(([0, -1], [0, 0]), "cat"),
    "pixels as floats": lambda s: s.paint(([0.0], [1.0]), "cat"),
    "pixels as bools": lambda s: s.paint((np.array([True]), np.array([True])), "cat"),
    "rows and no columns": lambda s: s.paint(([0, 1], [0]), "cat"),
    "three axes": lambda s: s.paint(([0], [0], [0]), "cat"),
    "mask of labels": lambda s: s.paint(np.zeros((24, 32), np.uint8), "cat"),
    "a mask too small": lambda s: s.paint(np.ones((24, 31), bool), "cat"),
    "pixels None": lambda s: s.paint(None, "cat"),
    "ragged pixels": lambda s: s.paint([[True], [True, False]], "cat"),
    "extend unknown": lambda s: s.paint_regions(block(0, 0, 4, 4), 99),
    "extend -1": lambda s: s.paint_regions(block(0, 0, 4, 4), -1),
    "extend True": lambda s: s.paint_regions(block(0, 0, 4, 4), True),
    "extend False": lambda s: s.paint_regions(block(0, 0, 4, 4), False),
    "extend 0.0": lambda s: s.paint_regions(block(0, 0, 4, 4), 0.0),
    "extend two": lambda s: s.paint_regions(block(0, 0, 4, 4), [1, 2]),
    "new region of nothing": lambda s: s.paint_regions(block(0, 0, 0, 0), None),
    "new region outside": lambda s: s.paint_regions(([99], [0]), None),
    # vocabulary and runs
    "remove a class with decisions": lambda s: s.set_vocabulary(s.vocabulary.remove("dog")),
    "remove a class with paint": lambda s: s.set_vocabulary(s.vocabulary.remove("sky")),
    "reassign to no class": lambda s: s.set_vocabulary(
        s.vocabulary.remove("dog"), reassign={"dog": "bird"}
    ),
    "reassign to no value": lambda s: s.set_vocabulary(
        s.vocabulary.remove("dog"), reassign={"dog": 9}
    ),
    "reassign to itself": lambda s: s.set_vocabulary(
        s.vocabulary.remove("dog"), reassign={"dog": "dog"}
    ),
    "reassign to True": lambda s: s.set_vocabulary(
        s.vocabulary.remove("dog"), reassign={"dog": True}
    ),
    "reassign to a float": lambda s: s.set_vocabulary(
        s.vocabulary.remove("dog"), reassign={"dog": 1.0}
    ),
    "reassign what stays": lambda s: s.set_vocabulary(
        s.vocabulary.remove("dog"), reassign={"dog": "cat", "sky": "cat"}
    ),
    "reassign what never was": lambda s: s.set_vocabulary(
        s.vocabulary.remove("dog"), reassign={"dog": "cat", "bird": "cat"}
    ),
    "reassign a float": lambda s: s.set_vocabulary(
        s.vocabulary.remove("dog"), reassign={2.0: "cat"}
    ),
    "reassign without removal": lambda s: s.set_vocabulary(
        s.vocabulary.add("bird"), reassign={"dog": "cat"}
    ),
    "classified by another vocabulary": lambda s: s.set_vocabulary(
        s.vocabulary.add("bird"), result=small_result()[0]
    ),
    "classified by other names": lambda s: s.set_vocabulary(
        s.vocabulary.rename("cat", "lion"), result=small_result()[0]
    ),
    "classified another image": lambda s: s.set_vocabulary(s.vocabulary, result=OTHER),
    "run of another image": lambda s: s.rerun(OTHER),
    "run of more classes": lambda s: s.rerun(small_result(words=f"{WORDS}, bird")[0]),
    "run of other classes": lambda s: s.rerun(small_result(words="sea, land, air")[0]),
    "run of classes in another order": lambda s: s.rerun(
        segmentation_from_probabilities(
            np.full((3, 24, 32), 1 / 3),
            np.ones((24, 32), int),
            s.vocabulary.reorder(["sky", "dog", "cat"]),
        )
    ),
    "run with NaN": lambda s: s.rerun(not_a_number(small_result()[0])),
    "run with labels of no class": lambda s: s.rerun(
        replace(small_result()[0], pixel_labels=np.full((24, 32), 9))
    ),
    "classified with NaN": lambda s: s.set_vocabulary(
        s.vocabulary, result=not_a_number(small_result()[0])
    ),
    "encode without networks": lambda s: s.reencode(),
}


@pytest.mark.parametrize("edit", REFUSED.values(), ids=REFUSED)
def test_refusals_are_a_sentence_and_change_nothing(edit: Callable[[Session], Any]) -> None:
    session = refuser()
    before, heard = Seen(session), []
    done, undone = list(session.history.done), list(session.history.undone)
    session.changed.connect(heard.append)
    session.recorded.connect(lambda *what: heard.append(what))
    with pytest.raises(InputError) as told:
        edit(session)
    assert one_sentence(str(told.value)), str(told.value)
    assert len(str(told.value)) < 400
    Seen(session).same(before)
    assert not heard
    assert (session.history.done, session.history.undone) == (done, undone)


@pytest.mark.parametrize("edit", REFUSED.values(), ids=REFUSED)
def test_a_refusal_takes_the_whole_step_back(edit: Callable[[Session], Any]) -> None:
    session = refuser()
    before, steps = Seen(session), len(session.history.done)
    with pytest.raises(InputError), session.step("Several things"):  # noqa: PT012
        session.assign([7, 8], "sky")
        session.paint(block(20, 0, 22, 8), "cat")
        session.clear([7, 8])
        edit(session)
    Seen(session).same(before)
    assert len(session.history.done) == steps
    session.assign(7, "cat")  # and it goes on


def test_accepting_what_has_no_class_is_refused() -> None:
    session = strip([1, 1, 2], [0, 0, CAT])
    before = Seen(session)
    with pytest.raises(InputError, match="Region 1 has no predicted class to accept"):
        session.accept([2, 1])
    Seen(session).same(before)
    session.accept(2)
    session.accept_above(0)
    assert session.region(1).verdict is None


def test_without_an_image_clicks_and_likeness_are_refused() -> None:
    session = Session(small_result()[0])
    for ask in (
        lambda: session.split_points(6, [(9, 17)], [(14, 22)]),
        lambda: session.similar(1, 2),
    ):
        with pytest.raises(InputError, match=r"image|networks") as told:
            ask()
        assert one_sentence(str(told.value))


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((24, 31, 3), np.uint8),
        np.zeros((24, 32), np.uint8),
        np.zeros((24, 32, 4), np.uint8),
        np.zeros((24, 32, 3), np.float32),
    ],
)
def test_an_image_that_does_not_fit_is_refused(image: NDArray[Any]) -> None:
    with pytest.raises(InputError) as told:
        Session(small_result()[0], image)
    assert one_sentence(str(told.value))


def test_a_result_with_nan_is_refused_before_anybody_works_on_it() -> None:
    with pytest.raises(InputError, match="The probabilities of region 5") as told:
        Session(not_a_number(small_result()[0]))
    assert one_sentence(str(told.value))


def test_undo_and_saving_inside_a_step_are_refused(tmp_path: Path) -> None:
    session = prepared()
    before = Seen(session)
    for wrong in (
        session.undo,
        session.redo,
        lambda: session.step("Two").__enter__(),
        lambda: session.save(tmp_path),
    ):
        with pytest.raises(InputError) as told, session.step("One"):  # noqa: PT012
            session.assign(1, "cat")
            wrong()
        assert one_sentence(str(told.value))
        Seen(session).same(before)
