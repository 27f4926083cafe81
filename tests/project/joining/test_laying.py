"""Decisions laid over each other, against a slow model that looks at one pixel after another."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_corrclip.project.export.image import IGNORED, LabelledImage, RegionNote
from napari_corrclip.project.joining.conflicts import Prefer
from napari_corrclip.project.joining.laying import Laid, lay
from tests.project.export.exported import image
from tests.project.export.exported import words as classes

PREFER: tuple[Prefer, ...] = ("none", "A", "B", "newest")
WORDS = classes()


@st.composite
def labelled(draw: st.DrawFn) -> LabelledImage:
    made = image(draw(st.integers(0, 10_000)), (9, 11), vocabulary=WORDS, regions=5)
    painted = draw(st.booleans())
    labels = np.asarray(made.labels)
    if not painted:  # each region shows its class
        values = {0: 0} | {note.id: note.value for note in made.notes}
        labels = np.vectorize(values.__getitem__)(made.regions).astype(np.uint16)
    return replace(made, labels=labels, painted=painted, verified=draw(st.booleans()))


@st.composite
def pairs(draw: st.DrawFn) -> tuple[LabelledImage, LabelledImage]:
    one, other = draw(labelled()), draw(labelled())
    if draw(st.booleans()):  # of one run
        ids = np.asarray(one.regions)
        notes = {note.id: note for note in (*one.notes, *other.notes)}
        kept = tuple(notes[each] for each in np.unique(ids[ids > 0]).tolist())
        values = {0: 0} | {note.id: note.value for note in kept}
        labels = np.vectorize(values.__getitem__)(ids).astype(np.uint16)
        other = replace(other, regions=ids, notes=kept, labels=labels, painted=False)
    return one, other


def says(made: LabelledImage) -> dict[tuple[int, int], object]:
    """What somebody has decided of each pixel: a label value, or ``out``; others are not there."""
    by_hand = np.ones(made.shape, np.bool_) if made.verified else made.decided()
    out = {note.id for note in made.notes if note.state == IGNORED}
    return {
        (row, column): (
            "out"
            if not made.labels[row, column] and int(made.regions[row, column]) in out
            else int(made.labels[row, column])
        )
        for row, column in np.ndindex(made.shape)
        if by_hand[row, column]
    }


def when(made: LabelledImage, pixel: tuple[int, int]) -> float:
    """When somebody has decided about a pixel; 0: nobody knows."""
    region = int(made.regions[pixel])
    return next((note.at for note in made.notes if note.id == region), 0.0)


def expected(
    one: LabelledImage, other: LabelledImage, prefer: Prefer
) -> dict[tuple[int, int], object]:
    mine, theirs = says(one), says(other)
    found = theirs | mine
    for pixel in mine.keys() & theirs.keys():
        if mine[pixel] == theirs[pixel] or prefer == "A":
            continue
        times = when(one, pixel), when(other, pixel)
        if prefer == "B" or (prefer == "newest" and all(times) and times[1] > times[0]):
            found[pixel] = theirs[pixel]
        elif prefer == "none" or not all(times) or times[0] == times[1]:
            del found[pixel]
    return found


def said_by(laid: Laid) -> dict[tuple[int, int], object]:
    """What is decided of each pixel when it is laid together."""
    out = {note.id for note in laid.image.notes if note.state == IGNORED}
    labels, regions = laid.image.labels, laid.image.regions
    return {
        (row, column): (
            "out"
            if not labels[row, column] and int(regions[row, column]) in out
            else int(labels[row, column])
        )
        for row, column in zip(*(each.tolist() for each in np.nonzero(laid.where)), strict=True)
    }


@given(pairs(), st.sampled_from(PREFER))
def test_each_pixel_shows_what_was_decided_of_it(
    pair: tuple[LabelledImage, LabelledImage], prefer: Prefer
) -> None:
    one, other = pair
    laid = lay(one, other, prefer)
    found, wanted = said_by(laid), expected(one, other, prefer)
    assert found.keys() == wanted.keys()
    assert found == wanted
    mine, theirs = says(one), says(other)
    clashing = {pixel for pixel in mine.keys() & theirs.keys() if mine[pixel] != theirs[pixel]}
    assert sum(clash.pixels for clash in laid.clashes) == len(clashing)
    won = {"none": "", "A": "A", "B": "B"}.get(prefer)
    assert won is None or all(clash.won == won for clash in laid.clashes)
    for clash in laid.clashes:
        assert clash.first.value != clash.second.value or IGNORED in (
            clash.first.state,
            clash.second.state,
        )


@given(pairs(), st.sampled_from(PREFER))
def test_a_verdict_is_of_a_region_that_is_decided_as_a_whole(
    pair: tuple[LabelledImage, LabelledImage], prefer: Prefer
) -> None:
    """And what is left open is in a region that nobody has decided."""
    laid = lay(*pair, prefer)
    regions = np.asarray(laid.image.regions)
    assert sorted(note.id for note in laid.image.notes) == np.unique(regions[regions > 0]).tolist()
    if not laid.changed:
        assert laid.image is pair[0]
        return
    by_id = {note.id: note for note in laid.image.notes}
    for clash in laid.clashes:
        if not clash.won:
            assert by_id[clash.region].state == ""
            assert int((regions == clash.region).sum()) == clash.pixels
    for note in laid.image.notes:
        if note.state:
            assert laid.where[regions == note.id].all()


@given(labelled())
def test_laid_over_itself_nothing_changes(one: LabelledImage) -> None:
    laid = lay(one, one)
    assert (laid.changed, laid.clashes) == (False, ())


@given(pairs())
def test_the_order_matters_by_rule_alone(pair: tuple[LabelledImage, LabelledImage]) -> None:
    one, other = pair
    there, back = lay(one, other), lay(other, one)
    assert said_by(there) == said_by(back)
    assert said_by(lay(one, other, "A")) == said_by(lay(other, one, "B"))
    assert said_by(lay(one, other, "newest")) == said_by(lay(other, one, "newest"))
    swapped = [(clash.second.value, clash.first.value, clash.pixels) for clash in back.clashes]
    assert sorted(swapped) == sorted(
        (clash.first.value, clash.second.value, clash.pixels) for clash in there.clashes
    )


def test_regions_that_are_whole_keep_their_ids() -> None:
    ids = np.array([[4, 4, 6, 6], [4, 4, 6, 6], [0, 9, 9, 9]], np.int32)
    mine = (RegionNote(4, 1, 1), RegionNote(6, 1, 1, "assigned", at=5), RegionNote(9, 2, 2))
    one = LabelledImage(
        "", np.array([0, 1, 2], np.uint16)[np.array([[1, 1, 1, 1]] * 2 + [[0, 2, 2, 2]])], ids, mine
    )
    others = np.array([[1, 1, 2, 2], [1, 1, 2, 2], [0, 3, 3, 5]], np.int32)
    theirs = (
        RegionNote(1, 2, 1, "assigned", by="Bo", at=7),
        RegionNote(2, 3, 1, "assigned", by="Bo", at=3),
        RegionNote(3, 2, 2, "accepted"),
        RegionNote(5, 2, 2),
    )
    labels = np.array([0, 2, 3, 2, 0, 2], np.uint16)[others]
    other = LabelledImage("", labels, others, theirs)
    laid = lay(one, other)
    np.testing.assert_array_equal(laid.image.regions, [[4, 4, 6, 6], [4, 4, 6, 6], [0, 10, 10, 9]])
    assert [(note.id, note.value, note.state, note.by) for note in laid.image.notes] == [
        (4, 2, "assigned", "Bo"), (6, 0, "", ""), (9, 2, "", ""), (10, 2, "accepted", ""),
    ]  # fmt: skip
    (clash,) = laid.clashes
    assert (clash.region, clash.pixels, clash.box, clash.won) == (6, 4, (0, 2, 2, 4), "")
    assert (clash.first.value, clash.second.value, clash.second.by) == (1, 3, "Bo")
    newest = lay(one, other, "newest").clashes[0]
    assert newest.won == "A"


@pytest.mark.parametrize("prefer", PREFER)
def test_somebody_who_painted_and_somebody_who_decided_the_region(prefer: Prefer) -> None:
    ids = np.full((2, 3), 7, np.int32)
    painted = LabelledImage(
        "", np.array([[1, 1, 2], [1, 1, 1]], np.uint16), ids, (RegionNote(7, 1, 1),), painted=True
    )
    decided = LabelledImage(
        "", np.full((2, 3), 2, np.uint16), ids, (RegionNote(7, 2, 1, "assigned", at=1),)
    )
    laid = lay(painted, decided, prefer)
    assert laid.clashes == ()
    assert laid.where.all()
    np.testing.assert_array_equal(laid.image.regions, ids)
    assert laid.image.notes[0].state == "assigned"
