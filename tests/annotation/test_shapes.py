"""Merging, splitting, absorbing, painting regions."""

from __future__ import annotations

import numpy as np
import pytest

from napari_corrclip.annotation import Session, Verdict
from tests.annotation.seen import Seen, one_sentence
from tests.annotation.strips import (
    CAT,
    DOG,
    SKY,
    prepared,
    result_of,
    strip,
)


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
