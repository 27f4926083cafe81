"""Every edit, there and back; what edits mean, and what they refuse."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from napari_corrclip.annotation import Changed, Edited, Region, Session, Verdict, descriptors
from napari_corrclip.errors import InputError
from napari_corrclip.segmentation import Segmentation, segmentation_from_probabilities
from napari_corrclip.vocabulary import Vocabulary
from tests.annotation.images import small_result
from tests.annotation.seen import Seen, one_sentence

WORDS = "cat, dog, sky"
CAT, DOG, SKY = 1, 2, 3


def result_of(
    regions: Any,
    classes: Any,
    *,
    words: str = WORDS,
    sure: float = 0.8,
    correction: bool = True,
) -> Segmentation:
    """A result in which each pixel is ``sure`` of its class, by value; 0: unsure of all."""
    regions, classes = np.array(regions, np.int32), np.array(classes)
    vocabulary = Vocabulary.parse(words).with_threshold(0.34)
    count = len(vocabulary)
    raw = np.full((count, *regions.shape), (1 - sure) / max(count - 1, 1))
    for index, value in enumerate(vocabulary.values):
        raw[index][classes == value] = sure
    raw[:, classes == 0] = 0.33
    return segmentation_from_probabilities(
        raw.astype(np.float32), regions, vocabulary, correction=correction
    )


def strip(ids: list[int], classes: list[int], **options: Any) -> Session:
    """An image of one row: a region of pixels for each id, each pixel of its class."""
    return Session(result_of([ids], [classes], **options), np.zeros((1, len(ids), 3), np.uint8))


def block(top: int, left: int, bottom: int, right: int) -> NDArray[np.bool_]:
    mask = np.zeros((24, 32), bool)
    mask[top:bottom, left:right] = True
    return mask


def prepared(*, correction: bool = True) -> Session:
    """Blocks of 8 x 8 pixels, 1 to 11 and one in no region; with decisions of every kind."""
    session = Session(*small_result(correction=correction))
    session.assign([2, 3], "dog")
    session.accept(4)
    session.ignore(5)
    session.revote([6], "mean")
    session.paint(block(2, 10, 6, 30), "sky")
    session.paint_regions(block(20, 28, 24, 32), 2)  # region 2 in two pieces
    return session


EDITS: dict[str, Callable[[Session], Edited]] = {
    "assign": lambda session: session.assign([1, 2, 4, 5], "cat"),
    "assign by value": lambda session: session.assign(1, CAT),
    "accept": lambda session: session.accept([1, 5, 6]),
    "accept above": lambda session: session.accept_above(0.2),
    "ignore": lambda session: session.ignore([1, 2, 4]),
    "clear": lambda session: session.clear([1, 2, 4, 5]),
    "spread": lambda session: session.spread(1, "sky"),
    "revote undecided": lambda session: session.revote("undecided", "pixels"),
    "revote all": lambda session: session.revote("all", "mean", overrule=True),
    "revote ids": lambda session: session.revote([2, 7], "pixels", overrule=True),
    "merge": lambda session: session.merge([7, 2, 4]),
    "merge undecided": lambda session: session.merge([6, 7, 8]),
    "absorb": lambda session: session.absorb([1, 6, 7]),
    "split": lambda session: session.split(2),
    "split by a mask": lambda session: session.split_mask(4, block(8, 0, 11, 40)),
    "split by clicks": lambda session: session.split_points(6, [(9, 17)], [(14, 22)]),
    "paint": lambda session: session.paint(block(0, 0, 12, 12), "dog"),
    "paint unlabelled": lambda session: session.paint(block(4, 4, 12, 12), 0),
    "unpaint": lambda session: session.paint(block(0, 0, 12, 24), None),
    "extend a region": lambda session: session.paint_regions(block(0, 0, 12, 30), 2),
    "new region": lambda session: session.paint_regions(block(6, 6, 18, 18), None),
    "unsegment": lambda session: session.paint_regions(block(0, 0, 24, 20), 0),
    "add a class": lambda session: session.set_vocabulary(session.vocabulary.add("bird")),
    "rename a class": lambda session: session.set_vocabulary(
        session.vocabulary.rename("cat", "lion")
    ),
    "reorder classes": lambda session: session.set_vocabulary(
        session.vocabulary.reorder(["sky", "dog", "cat"])
    ),
    "remove a class": lambda session: session.set_vocabulary(
        session.vocabulary.remove("sky"), reassign={"sky": "cat"}
    ),
    "remove a class and its decisions": lambda session: session.set_vocabulary(
        session.vocabulary.remove("dog"), reassign={"dog": None}
    ),
    "classify anew": lambda session: session.set_vocabulary(
        session.vocabulary.add("bird"), result=small_result(seed=5, words=f"{WORDS}, bird")[0]
    ),
    "run again": lambda session: session.rerun(small_result(seed=5)[0]),
    "run again without correction": lambda session: session.rerun(
        small_result(seed=5, correction=False)[0]
    ),
}


@pytest.mark.parametrize("correction", [True, False])
@pytest.mark.parametrize("asked", [True, False])
@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS)
def test_there_and_back_and_there(
    edit: Callable[[Session], Edited], correction: bool, asked: bool
) -> None:
    session = prepared(correction=correction)
    if asked:
        session.neighbours(1)  # from now on neighbours are kept up to date
    before, steps = Seen(session), len(session.history.done)
    edited = edit(session)
    after = Seen(session)
    assert edited.title
    assert (
        before.table.to_csv() != after.table.to_csv()
        or (before.maps["labels"] != after.maps["labels"]).any()
        or before.vocabulary != after.vocabulary
    ), "the edit does nothing, so it shows nothing"
    assert len(session.history.done) == steps + 1
    near = {one: session.neighbours(one) for one in session.ids.tolist()}
    undone = session.undo()
    assert undone.title == f"Undo: {edited.title}"
    Seen(session).same(before)
    redone = session.redo()
    assert redone.title == edited.title
    Seen(session).same(after)
    assert {one: session.neighbours(one) for one in session.ids.tolist()} == near
    while session.can_undo:
        session.undo()
    Seen(session).same(Seen(Session(*small_result(correction=correction))))


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS)
def test_a_session_does_not_touch_what_it_was_given(edit: Callable[[Session], Edited]) -> None:
    result, image = small_result()
    arrays = {
        name: np.array(getattr(result, name))
        for name in ("labels", "regions", "pixel_labels", "region_probabilities")
    }
    session = Session(result, image)
    session.paint_regions(block(20, 28, 24, 32), 2)
    session.assign(2, "dog")
    session.paint(block(2, 10, 6, 30), "sky")
    edit(session)
    for name, array in arrays.items():
        np.testing.assert_array_equal(array, getattr(result, name))


def test_nothing_to_undo_or_redo_is_no_error() -> None:
    session = Session(*small_result())
    before = Seen(session)
    assert session.undo() == session.redo() == Edited("")
    Seen(session).same(before)


@pytest.mark.parametrize(
    "edit",
    [
        lambda session: session.assign(2, "dog"),
        lambda session: session.accept([2, 4]),
        lambda session: session.clear(1),
        lambda session: session.ignore(5),
        lambda session: session.paint(block(2, 10, 6, 30), "sky"),
        lambda session: session.paint(block(20, 0, 24, 3), None),
        lambda session: session.paint_regions(block(9, 9, 11, 11), 5),
        lambda session: session.accept_above(1),
        lambda session: session.revote(6, "mean"),
    ],
)
def test_what_changes_nothing_is_no_step(edit: Callable[[Session], Edited]) -> None:
    session = prepared()
    before, steps, heard = Seen(session), len(session.history.done), []
    session.changed.connect(heard.append)
    edit(session)
    Seen(session).same(before)
    assert len(session.history.done) == steps
    assert not heard


# -- refusals

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


def not_a_number(result: Segmentation) -> Segmentation:
    probabilities = np.array(result.region_probabilities)
    probabilities[4, 1] = np.nan
    return replace(result, region_probabilities=probabilities)


def refuser() -> Session:
    """As prepared, with region 12 of one pixel."""
    session = prepared()
    session.paint_regions(([23], [0]), None)
    return session


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


# -- what is taken for a region, a class, pixels


@pytest.mark.parametrize(
    "regions",
    [
        [2, 3],
        (3, 2),
        {2, 3},
        np.array([2, 3]),
        np.array([2, 3], np.uint8),
        (one for one in (2, 3, 2)),
        range(2, 4),
        [np.int32(2), np.uint16(3)],
    ],
)
def test_regions_come_in_many_ways(regions: Any) -> None:
    session = Session(*small_result())
    edited = session.assign(regions, "sky")
    assert edited.updated == (2, 3)
    assert edited.title == "Assign 2 regions to 'sky'"


@pytest.mark.parametrize("by", [int, np.int64, np.uint8])
def test_numbers_of_numpy_are_numbers(by: Callable[[int], Any]) -> None:
    session = Session(*small_result())
    plain = Session(*small_result())
    for one, make in ((session, by), (plain, int)):
        one.spread(make(1), make(SKY))
        one.revote(np.array([6, 7]) if by is not int else [6, 7], "mean")
        one.paint(block(0, 0, 3, 3), make(CAT))
        one.paint(block(3, 3, 5, 5), make(0))
        one.paint_regions(block(9, 9, 12, 12), make(4))
        one.paint_regions(block(12, 9, 13, 12), make(0))
        one.set_vocabulary(one.vocabulary.remove("sky"), reassign={make(SKY): make(DOG)})
    Seen(session).same(Seen(plain))
    for row in session.rows():
        if row.verdict is not None:
            assert type(row.verdict.value) is int
            assert type(row.verdict.looked) is bool


@pytest.mark.parametrize("confidence", [0, 0.5, np.float32(0.5), np.float64(0.5), 1, np.int64(1)])
def test_confidences_of_numpy_are_confidences(confidence: Any) -> None:
    strip([1, 2], [CAT, DOG]).accept_above(confidence)


def test_a_class_is_found_by_its_name_in_any_case() -> None:
    session = Session(*small_result())
    session.assign(1, "SKY")
    assert session.region(1).value == SKY


# -- verdicts


def test_an_assigned_region_shows_its_class_and_keeps_its_prediction() -> None:
    session = strip([1, 1, 2, 2], [CAT, CAT, DOG, DOG])
    session.assign(1, "sky")
    assert session.labels.tolist() == [[SKY, SKY, DOG, DOG]]
    row = session.region(1)
    assert (row.predicted, row.value, row.verdict) == (CAT, SKY, Verdict("assigned", SKY))
    assert session.table["state"].tolist() == ["assigned", ""]
    assert session.table["value"].tolist() == [CAT, DOG]
    assert session.table["label_class"].tolist() == ["sky", "dog"]


def test_accepting_leaves_what_was_assigned_and_takes_ignored_ones_in() -> None:
    session = strip([1, 2, 3], [CAT, CAT, CAT])
    session.assign(1, "sky")
    session.ignore(2)
    session.accept([1, 2, 3])
    assert session.labels.tolist() == [[SKY, CAT, CAT]]
    assert session.table["state"].tolist() == ["assigned", "accepted", "accepted"]


def test_accept_above_takes_what_is_surer_and_not_what_is_as_sure() -> None:
    result = result_of([[1, 2]], [[CAT, DOG]], sure=0.5)
    session = Session(result)
    session.accept_above(0.5)
    assert not session.can_undo
    session.accept_above(0.49)
    assert session.region(1).verdict == Verdict("accepted", CAT, looked=False)


def test_an_ignored_region_is_unlabelled() -> None:
    session = strip([1, 2], [CAT, DOG])
    session.ignore(1)
    assert session.labels.tolist() == [[0, DOG]]
    session.clear(1)
    assert session.labels.tolist() == [[CAT, DOG]]


def test_spread_takes_the_connected_undecided_of_one_prediction() -> None:
    #       a chain of cats, a dog, a decided cat, and a cat behind it
    session = strip([5, 4, 9, 2, 7, 3], [CAT, CAT, CAT, DOG, CAT, CAT])
    session.assign(7, "cat")
    assert session.patch_of(4) == [4, 5, 9]
    assert session.patch_of(3) == [3]
    assert session.patch_of(7) == [3, 7]  # a decided one, too, is where one may begin
    session.spread(4, "sky")
    assert session.labels.tolist() == [[SKY, SKY, SKY, DOG, CAT, CAT]]
    looked = {row.id: row.verdict.looked for row in session.rows() if row.verdict is not None}
    assert looked == {4: True, 5: False, 9: False, 7: True}
    session.undo()
    assert session.labels.tolist() == [[CAT, CAT, CAT, DOG, CAT, CAT]]


def test_spread_goes_by_sides_not_by_corners() -> None:
    result = result_of([[1, 2], [3, 4]], [[CAT, DOG], [DOG, CAT]])
    assert Session(result).patch_of(1) == [1]


def test_revoting_by_mean_and_back() -> None:
    # Two pixels are a little for cat, one is much for sky.
    raw = np.array([[[0.4, 0.4, 0.0]], [[0.3, 0.3, 0.0]], [[0.3, 0.3, 1.0]]], np.float32)
    session = Session(
        segmentation_from_probabilities(raw, np.array([[1, 1, 1]]), Vocabulary.parse(WORDS))
    )
    assert session.region(1).predicted == CAT
    session.revote("undecided", "mean")
    assert session.labels.tolist() == [[SKY, SKY, SKY]]
    session.revote("all", "pixels")
    assert session.labels.tolist() == [[CAT, CAT, SKY]]
    session.assign(1, "dog")
    with pytest.raises(InputError, match="overrule=True"):
        session.revote(1, "majority")
    session.revote("undecided", "majority")  # there is none: no error, no step
    session.revote(1, "majority", overrule=True)
    assert session.labels.tolist() == [[CAT, CAT, CAT]]
    session.undo()
    assert session.labels.tolist() == [[DOG, DOG, DOG]]


# -- shapes


def test_merging_keeps_the_lowest_id_and_adds_votes_up() -> None:
    session = strip([7, 7, 3, 3, 3, 5], [CAT, CAT, DOG, DOG, CAT, CAT])
    assert session.region(3).predicted == DOG
    votes = sum(session.region(one).votes for one in (7, 3, 5))
    edited = session.merge([7, 3, 5])
    assert session.ids.tolist() == [3]
    assert edited.removed == (5, 7)
    assert session.region(3).votes.tolist() == votes.tolist() == [0, 4, 2, 0]
    assert session.labels.tolist() == [[CAT] * 6]
    assert not edited.notes


@pytest.mark.parametrize(("larger", "voting"), [(2, "mean"), (1, "majority")])
def test_a_merged_region_votes_as_the_largest_did(larger: int, voting: str) -> None:
    session = strip([1, 2, larger, 3], [CAT] * 4)
    session.revote(2, "mean")
    session.merge([1, 2])
    assert session.region(1).voting == voting


def test_merging_different_verdicts_takes_the_largest_s_and_says_so() -> None:
    session = strip([1, 2, 2, 3, 3, 3, 4, 4, 4, 4], [CAT] * 10)
    session.assign(1, "sky")
    session.assign(2, "dog")
    session.ignore(3)
    (note,) = session.merge([1, 2, 3, 4]).notes  # 4 is the largest, but nobody decided it
    assert "ignored" in note
    assert one_sentence(note)
    assert session.region(1).verdict == Verdict("ignored", 0)
    session.undo()
    assert session.labels.tolist() == [[SKY, DOG, DOG, 0, 0, 0, CAT, CAT, CAT, CAT]]
    (note,) = session.merge([1, 2]).notes
    assert "'dog'" in note


def test_split_parts_of_an_assigned_region_stay_assigned() -> None:
    session = strip([1, 1, 2, 1, 3, 1], [CAT, CAT, DOG, DOG, DOG, DOG])
    session.assign(1, "sky")
    session.split(1)
    assert session.regions.tolist() == [[1, 1, 2, 4, 3, 5]]
    assert session.labels.tolist() == [[SKY, SKY, DOG, SKY, DOG, SKY]]
    assert session.table["state"].tolist() == ["assigned", "", "", "assigned", "assigned"]


@pytest.mark.parametrize("decide", ["accept", "ignore", "nothing"])
def test_split_parts_of_any_other_region_vote_anew(decide: str) -> None:
    session = strip([1, 1, 2, 1, 3, 1], [CAT, CAT, DOG, DOG, DOG, DOG])
    if decide != "nothing":
        getattr(session, decide)(1)
    session.split(1)
    assert session.labels.tolist() == [[CAT, CAT, DOG, DOG, DOG, DOG]]
    assert set(session.table["state"]) == {""}


def test_parts_that_touch_at_a_corner_are_two() -> None:
    session = Session(result_of([[1, 2], [2, 1]], [[CAT, CAT], [CAT, CAT]]))
    session.split(1)
    assert session.regions.tolist() == [[1, 2], [2, 3]]


def test_split_children_vote_as_their_parent_did() -> None:
    session = strip([1, 1, 2, 1], [CAT, CAT, DOG, DOG], correction=True)
    session.revote(1, "pixels")
    session.split(1)
    assert [session.region(one).voting for one in (1, 3)] == ["pixels", "pixels"]


def test_splitting_by_clicks_cuts_along_the_edge() -> None:
    image = np.zeros((12, 16, 3), np.uint8)
    image[:, 9:] = 200
    result = result_of(np.full((12, 16), 4), np.full((12, 16), CAT))
    session = Session(result, image)
    session.split_points(4, [(3, 2), (9.7, 1.2)], (6, 14))
    assert session.regions.tolist() == [[4] * 9 + [5] * 7] * 12


@pytest.mark.parametrize("shape", [(1, 2), (2, 1), (1, 9), (9, 1), (2, 2)])
def test_the_smallest_regions_can_be_split_by_clicks(shape: tuple[int, int]) -> None:
    image = np.random.default_rng(0).integers(0, 256, (*shape, 3)).astype(np.uint8)
    session = Session(result_of(np.ones(shape), np.full(shape, CAT)), image)
    session.split_points(1, [(0, 0)], [(shape[0] - 1, shape[1] - 1)])
    assert session.regions[0, 0] == 1
    assert session.regions[-1, -1] == 2


def test_crumbs_are_absorbed_by_the_longest_border() -> None:
    session = Session(
        result_of(
            [[1, 1, 1, 1, 1],
             [1, 3, 3, 2, 2],
             [2, 2, 2, 2, 2]],
            np.full((3, 5), CAT),
        )
    )  # fmt: skip
    assert session.neighbours(3) == {1: 3, 2: 3}
    session.absorb(3)
    assert session.regions[1].tolist() == [1, 1, 1, 2, 2]  # as long: the lowest id
    session.undo()
    session.assign(1, "dog")
    session.absorb(3)
    assert session.labels[1].tolist() == [DOG, DOG, DOG, CAT, CAT]


def test_of_equal_borders_the_one_of_like_prediction_absorbs() -> None:
    session = strip([1, 5, 9], [DOG, CAT, CAT])
    session.absorb(5)
    assert session.regions.tolist() == [[1, 9, 9]]


def test_chains_of_crumbs_end_in_one_region() -> None:
    # 8 touches only 7, and 7 the large one: the smallest goes first, then both.
    session = strip([1, 1, 1, 1, 7, 7, 8], [CAT] * 7)
    edited = session.absorb([7, 8])
    assert session.ids.tolist() == [1]
    assert edited.removed == (7, 8)
    session = strip([7, 7, 8], [CAT] * 3)  # nothing but crumbs: one is left
    session.absorb([7, 8])
    assert session.ids.tolist() == [7]


def test_an_absorbed_crumb_brings_its_borders_along() -> None:
    # 5 alone touches 1 and 9 on two sides each; with 4 in it, 9 on three.
    session = Session(
        result_of(
            [[1, 5, 5, 9],
             [1, 5, 4, 9],
             [0, 5, 5, 9]],
            np.full((3, 4), CAT),
        )
    )  # fmt: skip
    session.absorb([4, 5])
    assert session.regions.tolist() == [[1, 9, 9, 9], [1, 9, 9, 9], [0, 9, 9, 9]]


def test_a_crumb_that_touches_nothing_stays_and_is_told() -> None:
    session = strip([1, 0, 2, 3], [CAT] * 4)
    edited = session.absorb([1, 2])
    assert session.ids.tolist() == [1, 3]
    (note,) = edited.notes
    assert one_sentence(note)
    assert "1" in note
    before = Seen(session)
    assert session.absorb(1).notes
    Seen(session).same(before)


def test_painting_over_a_whole_decided_region_is_told() -> None:
    session = prepared()
    edited = session.paint_regions(session.regions == 4, None)
    assert edited.removed == (4,)
    (note,) = edited.notes
    assert one_sentence(note)
    session.undo()
    assert session.region(4).verdict is not None


# -- pins


def test_pins_survive_everything() -> None:
    session = prepared()
    pinned = session.pins >= 0
    assert pinned.any()
    for name, edit in EDITS.items():
        if name in ("unpaint", "paint", "paint unlabelled"):
            continue
        session = prepared()
        edit(session)
        expected = CAT if name == "remove a class" else SKY
        assert set(session.labels[pinned].tolist()) == {expected}, name


def test_pins_of_nothing_are_unlabelled_and_unpinning_shows_what_is_below() -> None:
    session = strip([1, 1, 0], [CAT, CAT, DOG])
    session.paint(([0, 0], [1, 2]), 0)
    assert session.labels.tolist() == [[CAT, 0, 0]]
    session.assign(1, "sky")
    assert session.labels.tolist() == [[SKY, 0, 0]]
    session.paint(([0, 0], [1, 2]), None)
    assert session.labels.tolist() == [[SKY, SKY, DOG]]


# -- another vocabulary


def test_a_removed_class_is_reassigned_or_its_decisions_go() -> None:
    for target, shown, state in (("cat", CAT, "assigned"), (CAT, CAT, "assigned"), (None, CAT, "")):
        session = strip([1, 2, 2], [CAT, CAT, DOG])
        session.assign(1, "sky")
        session.paint(([0], [2]), "sky")
        session.set_vocabulary(session.vocabulary.remove("sky"), reassign={"sky": target})
        assert session.labels.tolist() == [[shown, CAT, CAT]]
        assert session.pins[0, 2] == (-1 if target is None else CAT)
        assert session.table["state"].tolist() == [state, ""]
        session.undo()
        assert session.labels.tolist() == [[SKY, CAT, SKY]]


def test_the_refusal_says_how_many_decisions_would_be_lost() -> None:
    session = strip([1, 2, 2], [CAT, CAT, DOG])
    session.assign(1, "sky")
    session.paint(([0, 0], [1, 2]), "sky")
    with pytest.raises(InputError, match="'sky' has 1 decided region and 2 painted pixels"):
        session.set_vocabulary(session.vocabulary.remove("sky"))


def test_pixels_of_a_removed_class_have_none() -> None:
    session = strip([1, 2], [CAT, DOG])
    session.set_vocabulary(session.vocabulary.remove("dog"))
    assert session.labels.tolist() == [[CAT, 0]]
    session.set_vocabulary(session.vocabulary.add("bird"))
    assert session.vocabulary.values == (CAT, SKY, 4)  # no value is given twice


def test_accepted_regions_keep_their_class_when_another_vocabulary_takes_it_away() -> None:
    session = strip([1, 2], [CAT, DOG])
    session.accept(1)
    again = result_of([[1, 2]], [[DOG, DOG]])
    session.set_vocabulary(session.vocabulary, result=again)
    assert session.labels.tolist() == [[CAT, DOG]]
    assert session.region(1).predicted == DOG


class Networks:
    """An engine that answers as it is told."""

    def __init__(self, mask: NDArray[np.bool_] | None = None) -> None:
        self.mask, self.asked = mask, list[Any]()

    def classify(self, vocabulary: Vocabulary) -> Segmentation:
        self.asked.append(vocabulary)
        return result_of([[1, 2, 3]], [[len(vocabulary)] * 3], words=", ".join(vocabulary.names))

    def encode(self, regions: NDArray[np.int32], vocabulary: Vocabulary) -> Segmentation:
        self.asked.append(regions)
        return result_of(regions, [[DOG] * 3])

    def click(self, points: Any, on: Any) -> NDArray[np.bool_] | None:
        self.asked.append((points.tolist(), on.tolist()))
        return self.mask

    def cells(self) -> NDArray[np.float32]:
        return np.array([[[1.0, 0.0], [0.9, 0.1], [0.0, 1.0]]], np.float32)


def test_an_added_class_labels_at_once_where_there_are_networks() -> None:
    session = Session(result_of([[1, 2, 3]], [[CAT, CAT, CAT]]), engine=Networks())
    session.assign(1, "dog")
    session.set_vocabulary(session.vocabulary.add("bird"))
    assert session.labels.tolist() == [[DOG, 4, 4]]
    session.undo()
    assert session.labels.tolist() == [[DOG, CAT, CAT]]


def test_a_refusal_costs_no_classification() -> None:
    networks = Networks()
    session = Session(result_of([[1, 2, 3]], [[CAT, CAT, CAT]]), engine=networks)
    session.assign(1, "dog")
    with pytest.raises(InputError):
        session.set_vocabulary(session.vocabulary.remove("dog"))
    assert not networks.asked


def test_encoding_anew_keeps_regions_and_decisions() -> None:
    session = Session(result_of([[1, 2, 3]], [[CAT, CAT, CAT]]), engine=Networks())
    session.accept(1)
    session.merge([2, 3])
    session.reencode()
    assert session.regions.tolist() == [[1, 2, 2]]
    assert session.labels.tolist() == [[CAT, DOG, DOG]]


def test_sam_tells_the_part_where_it_divides_the_region_as_the_clicks_do() -> None:
    whole = np.zeros((1, 3, 3), np.uint8)
    for mask, parts in (
        ([[True, False, False]], [2, 1, 1]),
        ([[True, True, False]], [2, 2, 1]),
        ([[True, True, True]], None),  # as the clicks do not: watershed
        (None, None),
    ):
        networks = Networks(None if mask is None else np.array(mask))
        session = Session(result_of([[1, 1, 1]], [[CAT] * 3]), whole, engine=networks)
        session.split_points(1, [(0, 2)], [(0, 0)])
        assert networks.asked == [([[0, 0], [0, 2]], [True, False])]
        if parts is not None:
            assert session.regions.tolist() == [parts]
        assert session.regions[0, 0] == 2
        assert session.regions[0, 2] == 1


def test_likeness_goes_by_the_networks_or_else_by_colour() -> None:
    result = result_of([[1, 2, 3]], [[CAT, CAT, CAT]])
    assert Session(result, engine=Networks()).similar(1, 2) == [2, 3]
    image = np.array([[[0, 0, 0], [255, 255, 255], [9, 9, 9]]], np.uint8)
    session = Session(result, image)
    assert session.similar(1, 5) == [3, 2]
    session.accept(3)
    assert session.similar(1, 5) == [2]
    assert session.similar(1, 1, among=[1, 2, 3]) == [3]
    assert session.similar(1, 1, among=1) == []


def test_likeness_of_regions_all_over_the_image_is_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    random = np.random.default_rng(0)
    regions = random.integers(0, 9, (40, 50)) * 1000
    image = random.integers(0, 256, (40, 50, 3)).astype(np.uint8)
    session = Session(result_of(regions, random.integers(1, 4, regions.shape)), image)
    found = []
    for crowded in (0, 10**9):
        monkeypatch.setattr(descriptors, "_CROWDED", crowded)
        found.append(session.descriptors(session.rows()))
    np.testing.assert_array_equal(*found)


# -- another run


def test_a_new_region_is_decided_where_at_least_half_of_it_was() -> None:
    session = strip([1, 1, 2, 2, 3, 3, 3], [CAT] * 7)
    session.assign(1, "sky")
    #  half of 5 was decided, a third of 6 was not
    edited = session.rerun(result_of([[4, 5, 5, 6, 6, 6, 7]], [[DOG] * 7]))
    assert session.region(4).verdict == Verdict("assigned", SKY)
    assert session.region(5).verdict == Verdict("assigned", SKY)
    assert session.region(6).verdict is None
    assert session.labels.tolist() == [[SKY, SKY, SKY, DOG, DOG, DOG, DOG]]
    assert not edited.conflicts
    session.undo()
    edited = session.rerun(result_of([[4, 5, 5, 5, 6, 6, 7]], [[DOG] * 7]))
    assert session.region(5).verdict is None
    assert session.labels.tolist() == [[SKY, SKY, DOG, DOG, DOG, DOG, DOG]]
    assert session.pins.tolist() == [[-1, SKY, -1, -1, -1, -1, -1]]
    assert edited.conflicts == (5,)
    (note,) = edited.notes
    assert one_sentence(note)


def test_where_verdicts_meet_the_most_frequent_holds_and_the_others_are_painted() -> None:
    session = strip([1, 1, 2, 2, 2, 3], [CAT] * 6)
    session.assign(1, "sky")
    session.ignore(2)
    edited = session.rerun(result_of([[8] * 6], [[DOG] * 6]))
    assert session.region(8).verdict == Verdict("ignored", 0)
    assert session.labels.tolist() == [[SKY, SKY, 0, 0, 0, 0]]
    assert session.pins.tolist() == [[SKY, SKY, -1, -1, -1, -1]]
    assert edited.conflicts == (8,)


def test_decisions_on_what_is_unsegmented_now_are_painted() -> None:
    session = strip([1, 2], [CAT, CAT])
    session.ignore(1)
    session.accept(2)
    session.rerun(result_of([[0, 0]], [[DOG, DOG]]))
    assert session.labels.tolist() == [[0, CAT]]
    assert session.pins.tolist() == [[0, CAT]]


def test_acceptance_survives_every_run() -> None:
    session = strip([1, 1, 2], [CAT, CAT, CAT])
    session.accept(1)
    for classes in ([DOG] * 3, [SKY] * 3):
        session.rerun(result_of([[5, 5, 6]], [classes]))
        assert session.region(5).verdict == Verdict("accepted", CAT)
        assert session.labels.tolist() == [[CAT, CAT, classes[0]]]


def test_who_was_looked_at_survives_a_run() -> None:
    session = strip([1, 1, 2, 2], [CAT, CAT, DOG, DOG])
    session.accept(1)
    session.accept_above(0.5)
    session.rerun(result_of([[7, 7, 8, 8]], [[SKY] * 4]))
    assert session.region(7).verdict == Verdict("accepted", CAT, looked=True)
    assert session.region(8).verdict == Verdict("accepted", DOG, looked=False)


@pytest.mark.parametrize("before", [True, False])
@pytest.mark.parametrize("after", [True, False])
def test_a_run_shows_what_it_found(before: bool, after: bool) -> None:
    session = Session(*small_result(correction=before))
    result = small_result(seed=9, correction=after)[0]
    session.rerun(result)
    np.testing.assert_array_equal(session.labels, result.labels)


# -- how changes are told


def test_a_listener_that_fails_does_not_halve_an_undo() -> None:
    session = Session(*small_result())
    before = Seen(session)
    with session.step("Both"):
        session.assign(1, "sky")
        session.paint(block(16, 8, 24, 16), "dog")
    after = Seen(session)

    def fail(_: Changed) -> None:
        raise RuntimeError("the screen is gone")

    recorded = []
    session.recorded.connect(lambda kind, _: recorded.append(kind))
    session.changed.connect(fail)
    for move, seen in ((session.undo, before), (session.redo, after)):
        with pytest.raises(Exception, match="the screen is gone"):
            move()
        Seen(session).same(seen)
    assert recorded == ["undo", "redo"]


def test_history_keeps_within_its_limit_and_the_newest_step_always() -> None:
    session = Session(*small_result(), history_limit=4000)
    for value in (1, 2, 3) * 20:
        session.assign([1, 2], value)
    assert session.history.nbytes <= 4000
    assert session.history.forgotten > 0
    assert session.can_undo
    session = Session(*small_result(), history_limit=0)
    session.assign(1, "sky")
    before = Seen(Session(*small_result()))
    session.undo()
    Seen(session).same(before)


def test_a_session_with_a_smaller_history_limit_is_no_damage(tmp_path: Any) -> None:
    session = Session(*small_result())
    for value in (1, 2, 3, 1, 2, 3):
        session.assign([1, 2], value)
    for _ in range(4):
        session.undo()
    session.save(tmp_path / "saved")
    loaded = Session.load(tmp_path / "saved", history_limit=1)
    Seen(loaded).same(Seen(session))
    for _ in range(4):
        session.redo()
        loaded.redo()
    Seen(loaded).same(Seen(session))


# -- the edges of what there can be


def test_the_smallest_image() -> None:
    session = Session(result_of([[7]], [[CAT]]), np.zeros((1, 1, 3), np.uint8))
    session.assign(7, "dog")
    session.paint(([0], [0]), "sky")
    session.paint_regions(([0], [0]), None)
    assert session.ids.tolist() == [8]
    assert session.labels.tolist() == [[SKY]]
    while session.can_undo:
        session.undo()
    assert session.labels.tolist() == [[CAT]]
    assert session.neighbours(7) == {}
    assert session.patch_of(7) == [7]


def test_no_regions_at_all() -> None:
    session = Session(
        result_of(np.zeros((3, 4)), np.full((3, 4), DOG)), np.zeros((3, 4, 3), np.uint8)
    )
    assert session.ids.tolist() == []
    assert len(session.table) == 0
    assert {*session.labels.ravel().tolist()} == {DOG}
    session.revote("undecided", "mean")
    session.accept_above(0)
    with pytest.raises(InputError) as told:
        session.assign(1, "cat")
    assert one_sentence(str(told.value))
    session.paint_regions(np.ones((3, 4), bool), None)
    assert session.region(1).area == 12
    assert session.region(1).predicted == DOG
    session.paint_regions(np.ones((3, 4), bool), 0)
    assert session.ids.tolist() == []
    session.rerun(result_of(np.zeros((3, 4)), np.full((3, 4), CAT)))
    assert {*session.labels.ravel().tolist()} == {CAT}


def test_one_class() -> None:
    session = strip([1, 2, 0, 0], [1, 1, 1, 1], words="cat", sure=1.0)
    session.paint_regions(([0], [2]), None)
    for region in (1, 3):
        row = session.region(region)
        assert row.probabilities.tolist() == [1.0]
        assert row.margin == 1.0
    assert session.table["margin"].tolist() == [1.0] * 3
    assert session.table["runner_up"].tolist() == [""] * 3
    session.spread(1, "cat")
    with pytest.raises(InputError):
        session.vocabulary.remove("cat")


def test_a_region_that_covers_everything() -> None:
    session = Session(result_of(np.full((6, 8), 3), np.full((6, 8), CAT)))
    session.assign(3, "dog")
    session.clear(3)
    (note,) = session.absorb(3).notes
    assert "touch no other" in note
    session.split_mask(3, np.eye(6, 8, dtype=bool))
    assert session.ids.tolist() == [3, 4]
    session.merge([3, 4])
    assert session.region(3).box == (0, 0, 6, 8)


HIGHEST = 2**31 - 1


def test_ids_up_to_the_highest_work() -> None:
    session = strip([HIGHEST, HIGHEST, HIGHEST - 1, 5], [CAT, CAT, CAT, DOG])
    assert session.neighbours(HIGHEST - 1) == {HIGHEST: 1, 5: 1}
    assert session.patch_of(HIGHEST) == [HIGHEST - 1, HIGHEST]
    session.merge([HIGHEST, HIGHEST - 1])
    session.undo()
    session.absorb(HIGHEST - 1)
    session.undo()
    assert session.regions.tolist() == [[HIGHEST, HIGHEST, HIGHEST - 1, 5]]
    session.assign([HIGHEST, HIGHEST - 1], "sky")
    session.rerun(result_of([[1, HIGHEST, HIGHEST, HIGHEST]], [[DOG] * 4]))
    assert session.labels.tolist() == [[SKY, SKY, SKY, SKY]]
    assert session.ids.tolist() == [1, HIGHEST]


@pytest.mark.parametrize(
    "edit",
    [
        lambda session: session.split(HIGHEST - 1),
        lambda session: session.split_mask(HIGHEST, np.array([[True] + [False] * 7])),
        lambda session: session.paint_regions(([0], [0]), None),
    ],
)
def test_no_id_beyond_the_highest_is_given(edit: Callable[[Session], Any]) -> None:
    # Three pieces need two new ids, and there is none.
    session = strip([HIGHEST, HIGHEST, 1, HIGHEST - 1, 2, HIGHEST - 1, 3, HIGHEST - 1], [CAT] * 8)
    before = Seen(session)
    with pytest.raises(InputError) as told:
        edit(session)
    assert one_sentence(str(told.value))
    Seen(session).same(before)


def test_pieces_that_need_one_id_more_than_there_are() -> None:
    session = strip([HIGHEST - 1, 1, HIGHEST - 1, 2, HIGHEST - 1], [CAT] * 5)
    before = Seen(session)
    with pytest.raises(InputError) as told:
        session.split(HIGHEST - 1)
    assert one_sentence(str(told.value))
    Seen(session).same(before)
    session.split_mask(HIGHEST - 1, np.array([[True, False, False, False, False]]))
    assert session.ids.tolist() == [1, 2, HIGHEST - 1, HIGHEST]


def test_the_highest_label_value_works() -> None:
    vocabulary = Vocabulary.parse("cat, dog")
    one, two = vocabulary.classes
    vocabulary = replace(vocabulary, classes=(one, replace(two, value=65535)), next_value=65536)
    raw = np.array([[[0.2, 0.9]], [[0.8, 0.1]]], np.float32)
    session = Session(segmentation_from_probabilities(raw, np.array([[1, 2]]), vocabulary))
    assert session.labels.tolist() == [[65535, 1]]
    session.assign(2, 65535)
    session.paint(([0], [0]), 65535)
    session.set_vocabulary(vocabulary.remove("dog"), reassign={65535: "cat"})
    assert session.labels.tolist() == [[1, 1]]
    session.undo()
    assert session.labels.tolist() == [[65535, 65535]]


def test_maps_cannot_be_written_to() -> None:
    session = Session(*small_result())
    for name in ("labels", "regions", "pins", "prediction"):
        with pytest.raises(ValueError, match="read-only"):
            getattr(session, name)[0, 0] = 1
    for array in (session.region(1).votes, session.region(1).probabilities):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1


def test_rows_are_looked_up_in_many_ways() -> None:
    session = Session(*small_result())
    assert isinstance(session.find(3), Region)
    assert session.find(99) is None
    assert [row.id for row in session.rows()] == session.ids.tolist()
    assert session.region_at(0, 0) == 0
    assert session.region_at(0, 8) == 1
    assert session.region_at(-1, 0) == session.region_at(0, 32) == 0


def test_a_vocabulary_from_scratch_is_matched_by_name() -> None:
    session = Session(*small_result())
    session.assign(1, "cat")
    session.assign(2, "dog")
    cat, dog = (session.vocabulary.values[at] for at in (0, 1))
    before = session.labels.copy()
    with pytest.raises(InputError, match="'cat' has 1 decided region"):
        session.set_vocabulary("tree, house, sky")
    with pytest.raises(InputError, match="'dog' has 1 decided region"):
        session.set_vocabulary(Vocabulary.parse("sky, cat"))
    np.testing.assert_array_equal(session.labels, before)
    session.set_vocabulary(["sky", "bird", "Dog", "cat"])
    assert session.vocabulary.names == ("sky", "bird", "Dog", "cat")
    assert session.vocabulary.values == (3, 4, dog, cat)
    assert [session.region(one).value for one in (1, 2)] == [cat, dog]
    for nonsense in (None, 5, ""):
        with pytest.raises(InputError):
            session.set_vocabulary(nonsense)  # type: ignore[arg-type]


def test_one_renamed_class_keeps_its_decisions() -> None:
    session = Session(*small_result())
    session.assign(1, "cat")
    edited = session.set_vocabulary(session.vocabulary.rename("cat", "lion"))
    assert edited.notes == ("'cat' is called 'lion' now, and what was decided as it, too.",)
    assert session.region(1).value == session.vocabulary.values[0]


def test_a_removed_value_means_nothing_to_a_vocabulary_from_scratch() -> None:
    session = Session(*small_result())
    session.set_vocabulary(session.vocabulary.remove("dog"))
    session.set_vocabulary(Vocabulary.parse("cat, bird, sky"))
    assert session.vocabulary.values == (1, 4, 3)


def test_loops_over_undo_end() -> None:
    session = Session(*small_result())
    session.assign(1, "cat")
    session.assign(2, "cat")
    steps = 0
    while session.undo():
        steps += 1
    assert steps == 2


def test_what_a_split_and_a_merge_do_to_verdicts_is_told() -> None:
    session = Session(*small_result())
    session.ignore(1)
    mask = np.zeros(session.shape, bool)
    mask[:4] = True
    assert session.split_mask(1, mask).notes == (
        "Region 1 was ignored as a whole; its parts are undecided.",
    )
    session.assign(2, "cat")
    assert session.merge([2, 3]).notes == (
        "The undecided ones take the verdict of the decided: 'cat'.",
    )
