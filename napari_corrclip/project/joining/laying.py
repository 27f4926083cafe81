"""One person's decisions on an image laid over another's: pixel by pixel, in as few regions as hold them.

Where both have the same regions, decisions go region by region. Where regions differ, what the second has
decided becomes a region of its own, so that each pixel shows what was decided of it, and counts as decided.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from napari_corrclip.project.export.image import IGNORED, LabelledImage, RegionNote
from napari_corrclip.project.joining.conflicts import Prefer

_OUT = 1 << 16
"""What stands for "left out" beside the label values."""
_SECOND, _OPEN = 1 << 32, 1 << 33
"""What is added to ids of the second's regions, and to numbers of conflicts, to tell them apart."""
Winner = Literal["", "A", "B"]


@dataclass(frozen=True, slots=True)
class Clash:
    """Pixels of which two people decided otherwise: one region of the first and one of the second.

    Attributes:
        region: id that they have when the decisions are laid over each other.
        pixels: how many they are.
        box: first row, first column, last row + 1, last column + 1.
        first: what the first decided; a region of id 0 stands for pixels in none.
        second: what the second decided.
        won: whose decision comes through; empty: nobody's.
    """

    region: int
    pixels: int
    box: tuple[int, int, int, int]
    first: RegionNote
    second: RegionNote
    won: Winner


@dataclass(frozen=True, eq=False, slots=True)
class Laid:
    """An image with the decisions of both.

    Attributes:
        image: labels, regions and notes; ``verified`` as of the first.
        where: (H, W), which pixels somebody has decided, and that show these labels in any case.
        clashes: what both decided otherwise.
        changed: whether it is anything else than the first.
    """

    image: LabelledImage
    where: NDArray[np.bool_]
    clashes: tuple[Clash, ...]
    changed: bool


@dataclass(frozen=True, eq=False, slots=True)
class _Said:
    """The word of one person on the pixels of an image.

    Attributes:
        categories: (H, W) label values, or what stands for "left out".
        regions: (H, W) int64 ids.
        decided: (H, W), which pixels they decided, by a verdict or a brush.
        verdict: (H, W), which pixels are of a region that they decided.
        notes: on all regions, by id.
    """

    categories: NDArray[np.int64]
    regions: NDArray[np.int64]
    decided: NDArray[np.bool_]
    verdict: NDArray[np.bool_]
    notes: Mapping[int, RegionNote]

    @classmethod
    def of(cls, image: LabelledImage) -> _Said:
        """Return what an image says; of a verified one that is all that it shows."""
        labels, regions = np.asarray(image.labels), np.asarray(image.regions)
        categories = labels.astype(np.int64)
        categories[image.ignored(labels, regions)] = _OUT
        notes = {note.id: _own(note, verified=image.verified) for note in image.notes}
        ids = np.array([0, *notes], np.int64)
        by_hand = np.array([False, *(bool(note.state) for note in notes.values())])
        at = np.minimum(np.searchsorted(ids, regions), len(ids) - 1)
        verdict = by_hand[at] & (ids[at] == regions)
        decided = np.ones(labels.shape, np.bool_) if image.verified else image.decided()
        return cls(categories, regions.astype(np.int64), decided, verdict, notes)

    def note(self, region: int, category: int) -> RegionNote:
        """Return what is known of a decision on pixels: of a region, or of such as were painted."""
        known = self.notes.get(region)
        value = 0 if category == _OUT else category
        if known is None or not known.state:
            return RegionNote(region, value, 0, IGNORED if category == _OUT else "assigned")
        return replace(known, value=value)


def _own(note: RegionNote, *, verified: bool) -> RegionNote:
    """Return a note of which the verdict says what a person has said of the whole image."""
    if not verified or note.state or not note.value:
        return note
    return replace(
        note, state="accepted" if note.value == note.predicted else "assigned", looked=False
    )


def lay(one: LabelledImage, other: LabelledImage, prefer: Prefer = "none") -> Laid:
    """Lay the second's decisions over the first's.

    Args:
        one: of the first, whose notes say who decided and when.
        other: of the second, of the same size, in the same values.
        prefer: whose decision comes through where they decided otherwise. By ``"newest"`` that is nobody's
            where nobody knows which one is.
    """
    first, second = _Said.of(one), _Said.of(other)
    differ = first.decided & second.decided & (first.categories != second.categories)
    groups, clash_of = _groups(first, second, differ)
    winners = [_winner(first, second, group, prefer) for group in groups]
    won = np.zeros(differ.shape, np.uint8)
    if groups:
        won[differ] = np.array([("", "A", "B").index(each) for each in winners])[clash_of]
    from_second = second.decided & (~first.decided | (won == 2))
    # What the first has only painted, and the second said of the whole region, is the region's.
    from_second |= first.decided & second.decided & ~differ & second.verdict & ~first.verdict
    left_open = differ & (won == 0)
    if not from_second.any() and not left_open.any():
        clashes = _clashes(first, second, differ, clash_of, groups, winners, first.regions)
        return Laid(one, first.decided, clashes, changed=False)
    code = first.regions.copy()
    takes = from_second & second.verdict
    code[takes] = second.regions[takes] + _SECOND
    number = np.zeros(differ.shape, np.int64)
    number[differ] = clash_of
    code[left_open] = number[left_open] + _OPEN
    regions, ids = _numbered(code, first.regions)
    notes = []
    for key, region in sorted(ids.items(), key=lambda pair: pair[1]):
        if region:
            notes.append(_note_of(key, region, first, second))
    labels = np.where(from_second, np.asarray(other.labels), np.asarray(one.labels))
    where = (first.decided & ~left_open) | from_second
    clashes = _clashes(first, second, differ, clash_of, groups, winners, regions)
    merged = replace(
        one, labels=labels, regions=regions.astype(np.int32), notes=tuple(notes), painted=True
    )
    return Laid(merged, where, clashes, changed=True)


_Group = tuple[int, int, int, int]
"""A region of the first, one of the second, and what each of them decided."""


def _groups(
    first: _Said, second: _Said, differ: NDArray[np.bool_]
) -> tuple[list[_Group], NDArray[np.int64]]:
    """Return the pairs of regions that clash, and for each pixel that does the number of its pair."""
    sides = (first.regions, second.regions, first.categories, second.categories)
    columns = np.stack([side[differ] for side in sides], axis=1)
    if not len(columns):
        return [], np.zeros(0, np.int64)
    found, inverse = np.unique(columns, axis=0, return_inverse=True)
    rows = [(int(row[0]), int(row[1]), int(row[2]), int(row[3])) for row in found]
    return rows, inverse.reshape(-1).astype(np.int64)


def _winner(first: _Said, second: _Said, group: _Group, prefer: Prefer) -> Winner:
    if prefer == "newest":
        one, other = first.note(group[0], group[2]).at, second.note(group[1], group[3]).at
        if not one or not other or one == other:
            return ""
        return "A" if one > other else "B"
    return "" if prefer == "none" else prefer


def _numbered(
    code: NDArray[np.int64], former: NDArray[np.int64]
) -> tuple[NDArray[np.int64], dict[int, int]]:
    """Return ids for pieces, and the id of each by its code: the former one of a region that is whole.

    Args:
        code: (H, W) a number a piece; that of a region of the first is its id.
        former: (H, W) the first's ids.
    """
    codes, inverse = np.unique(code, return_inverse=True)
    inverse = inverse.reshape(-1)
    old, number, counts = np.unique(former, return_inverse=True, return_counts=True)
    number = number.reshape(-1)
    pairs, met = np.unique(inverse * len(old) + number, return_counts=True)
    pieces, within = pairs // len(old), pairs % len(old)
    alone = np.bincount(pieces, minlength=len(codes)) == 1
    ids: dict[int, int] = {}
    for piece, at, size in zip(pieces.tolist(), within.tolist(), met.tolist(), strict=True):
        key = int(codes[piece])
        if key < _SECOND:
            ids[key] = key
        elif alone[piece] and old[at] and size == counts[at]:
            ids[key] = int(old[at])
    free = int(old[-1]) + 1
    for key in codes.tolist():
        if key not in ids:
            ids[key], free = free, free + 1
    table = np.array([ids[key] for key in codes.tolist()], np.int64)
    return table[inverse].reshape(code.shape), ids


def _note_of(key: int, region: int, first: _Said, second: _Said) -> RegionNote:
    """Return the note on a piece, by its code and the id that it gets."""
    if key >= _OPEN:
        return RegionNote(region, 0, 0)
    if key >= _SECOND:
        return replace(second.notes[key - _SECOND], id=region)
    return first.notes.get(key) or RegionNote(region, 0, 0)


def _clashes(
    first: _Said,
    second: _Said,
    differ: NDArray[np.bool_],
    clash_of: NDArray[np.int64],
    groups: list[_Group],
    winners: list[Winner],
    regions: NDArray[np.int64],
) -> tuple[Clash, ...]:
    """Return what is told of each clash, from the top of the image to its bottom."""
    if not groups:
        return ()
    rows, columns = np.nonzero(differ)
    found = []
    order = np.argsort(clash_of, kind="stable")
    ends = np.cumsum(np.bincount(clash_of, minlength=len(groups)))
    for number, (group, winner) in enumerate(zip(groups, winners, strict=True)):
        its = order[ends[number - 1] if number else 0 : ends[number]]
        y, x = rows[its], columns[its]
        box = (int(y.min()), int(x.min()), int(y.max()) + 1, int(x.max()) + 1)
        found.append(
            Clash(
                int(regions[y[0], x[0]]),
                len(its),
                box,
                first.note(group[0], group[2]),
                second.note(group[1], group[3]),
                winner,
            )
        )
    return tuple(sorted(found, key=lambda clash: (clash.box, clash.region)))
