"""Pins, another vocabulary, another run: the prediction changes below the decisions."""

from __future__ import annotations

import numpy as np
import pytest

from napari_corrclip.annotation import Session, Verdict, descriptors
from napari_corrclip.errors import InputError
from tests.annotation.images import small_result
from tests.annotation.seen import one_sentence
from tests.annotation.strips import (
    CAT,
    DOG,
    EDITS,
    SKY,
    Networks,
    prepared,
    result_of,
    strip,
)


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
