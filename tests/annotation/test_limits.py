"""The edges of what there can be."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from napari_corrclip.annotation import Region, Session
from napari_corrclip.errors import InputError
from napari_corrclip.results.segmentation import segmentation_from_probabilities
from napari_corrclip.vocabulary import Vocabulary
from tests.annotation.images import small_result
from tests.annotation.seen import Seen, one_sentence
from tests.annotation.strips import (
    CAT,
    DOG,
    SKY,
    result_of,
    strip,
)


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
