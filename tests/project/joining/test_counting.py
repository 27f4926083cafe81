"""The counts of two people's labels, against a slow model that looks at one pixel after another."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from napari_corrclip.project.export import image as labels_of
from napari_corrclip.project.export.image import LabelledImage
from napari_corrclip.project.joining.classes import Numbers, joint_classes, numbers_of
from napari_corrclip.project.joining.counting import Counts, count_pair
from napari_corrclip.vocabulary import Vocabulary
from tests.project.export.exported import image

FIRST = Vocabulary.parse("cat, dog, sea")
SECOND = Vocabulary.parse("sky, Dog, cat")
CLASSES = joint_classes(FIRST, SECOND)
NUMBERS = numbers_of(CLASSES)


def test_classes_go_by_their_names() -> None:
    assert [(each.name, each.first, each.second) for each in CLASSES] == [
        ("cat", 1, 3), ("dog", 2, 2), ("sea", 3, None), ("sky", None, 1),
    ]  # fmt: skip


@st.composite
def pairs(draw: st.DrawFn) -> tuple[LabelledImage, LabelledImage]:
    """Two people's labels of one image, whose regions are the same ones in most places."""
    seeds = st.integers(0, 10_000)
    one = replace(image(draw(seeds), (9, 11), vocabulary=FIRST, regions=5), verified=False)
    other = image(draw(seeds), (9, 11), vocabulary=SECOND, regions=5)
    if draw(st.booleans()):  # as they are after two runs by one recipe
        mine = image(draw(seeds), (9, 11), vocabulary=SECOND, regions=5)
        ids = np.where(np.arange(11) < draw(st.integers(0, 11)), one.regions, other.regions)
        kept = {int(each) for each in np.unique(ids)}
        notes = [note for note in (*one.notes, *other.notes) if note.id in kept]
        by_id = {note.id: replace(note, value=min(note.value, 3)) for note in notes}
        other = replace(mine, regions=ids, notes=tuple(by_id[each] for each in sorted(by_id)))
    return (
        replace(one, verified=draw(st.booleans()), painted=draw(st.booleans())),
        replace(other, verified=draw(st.booleans()), painted=draw(st.booleans())),
    )


def name_at(labelled: LabelledImage, words: Vocabulary, row: int, column: int) -> str:
    """What somebody says of a pixel."""
    value = int(labelled.labels[row, column])
    if value:
        return words.by_value(value).name.lower()
    region = int(labelled.regions[row, column])
    out = any(note.id == region and note.state == "ignored" for note in labelled.notes)
    return "out" if out else "none"


def regions_of(labelled: LabelledImage, words: Vocabulary) -> dict[frozenset[int], str]:
    """What somebody has decided, by the pixels of the region."""
    found = {}
    for note in labelled.notes:
        pixels = np.flatnonzero(np.asarray(labelled.regions) == note.id)
        if note.state or labelled.verified:
            name = words.by_value(note.value).name.lower() if note.value else "none"
            found[frozenset(pixels.tolist())] = "out" if note.state == "ignored" else name
    return found


def slowly(
    one: LabelledImage, other: LabelledImage, *, decided: bool
) -> tuple[Counter[tuple[str, str]], Counter[tuple[str, str]]]:
    by_hand = [each.verified | each.decided() for each in (one, other)]
    pixels: Counter[tuple[str, str]] = Counter()
    for row, column in np.ndindex(one.shape):
        if not decided or (by_hand[0][row, column] and by_hand[1][row, column]):
            pixels[name_at(one, FIRST, row, column), name_at(other, SECOND, row, column)] += 1
    mine, theirs = regions_of(one, FIRST), regions_of(other, SECOND)
    regions = Counter((mine[same], theirs[same]) for same in mine.keys() & theirs.keys() if same)
    return pixels, regions


def named(counts: NDArray[np.int64]) -> Counter[tuple[str, str]]:
    names = ("none", *(class_.name for class_ in CLASSES), "out")
    cells = zip(*np.nonzero(counts), strict=True)
    return Counter({(names[row], names[column]): int(counts[row, column]) for row, column in cells})


def count(one: LabelledImage, other: LabelledImage, *, decided: bool) -> Counts:
    return count_pair(one, other, NUMBERS, decided=decided)


@given(pairs(), st.booleans(), st.integers(1, 60))
def test_counts_are_those_of_the_slow_model(
    pair: tuple[LabelledImage, LabelledImage], decided: bool, band: int
) -> None:
    whole = labels_of._BAND
    labels_of._BAND = band  # in pieces of a few rows
    try:
        found = count(*pair, decided=decided)
    finally:
        labels_of._BAND = whole
    pixels, regions = slowly(*pair, decided=decided)
    assert named(found.pixels) == pixels
    assert named(found.regions) == regions
    assert found.decided == (len(regions_of(pair[0], FIRST)), len(regions_of(pair[1], SECOND)))


@given(pairs(), st.booleans())
def test_the_other_way_round_everything_is_transposed(
    pair: tuple[LabelledImage, LabelledImage], decided: bool
) -> None:
    there = count(*pair, decided=decided)
    numbers: tuple[Numbers, Numbers] = (NUMBERS[1], NUMBERS[0])
    back = count_pair(pair[1], pair[0], numbers, decided=decided)
    np.testing.assert_array_equal(back.pixels, there.pixels.T)
    np.testing.assert_array_equal(back.regions, there.regions.T)
    assert back.decided == there.decided[::-1]
