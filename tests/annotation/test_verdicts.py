"""What a person decided about regions."""

from __future__ import annotations

import numpy as np
import pytest

from napari_corrclip.annotation import Session, Verdict
from napari_corrclip.errors import InputError
from napari_corrclip.results.segmentation import segmentation_from_probabilities
from napari_corrclip.vocabulary import Vocabulary
from tests.annotation.strips import (
    CAT,
    DOG,
    SKY,
    WORDS,
    result_of,
    strip,
)


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


def test_a_region_is_as_sure_as_the_class_that_it_shows() -> None:
    session = strip([1, 2], [CAT, DOG])

    def probability(name: str) -> float:
        at = session.vocabulary.names.index(name)
        return float(session.region(1).probabilities[at])

    assert session.region(1).confidence == probability("cat") > probability("dog")
    session.assign(1, "sky")
    assert session.region(1).confidence == probability("sky")
    session.set_vocabulary(session.vocabulary.reorder(["sky", "dog", "cat"]))
    assert session.region(1).confidence == probability("sky")
    session.ignore(1)
    row = session.region(1)
    assert row.class_index == -1
    assert row.confidence == probability("cat")


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


def test_undeciding_takes_verdicts_and_paint_back_and_leaves_other_regions() -> None:
    session = strip([1, 1, 2, 2, 3], [CAT, CAT, DOG, DOG, CAT])
    session.assign([1, 3], "sky")
    session.paint(([0, 0, 0], [1, 2, 4]), "dog")
    before = session.labels.copy()
    edited = session.undecide([1, 2])
    assert edited.title == "Undecide 2 regions"
    assert session.labels.tolist() == [[CAT, CAT, DOG, DOG, DOG]]
    assert session.pins.tolist() == [[-1, -1, -1, -1, DOG]]
    assert session.table["state"].tolist() == ["", "", "assigned"]
    session.undo()
    np.testing.assert_array_equal(session.labels, before)
    session.redo()
    steps = len(session.history.done)
    session.undecide(1)  # nothing is decided any more
    assert len(session.history.done) == steps
    with pytest.raises(InputError, match="There is no region 9"):
        session.undecide(9)
