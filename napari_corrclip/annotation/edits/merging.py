"""The edits that make one region of several: merge and absorb."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_corrclip.annotation.change import Change, Plan, Swap
from napari_corrclip.annotation.edits.targets import Regions, name_of, regions_of
from napari_corrclip.annotation.region import Verdict
from napari_corrclip.annotation.runs import Patch
from napari_corrclip.annotation.state import State
from napari_corrclip.errors import InputError
from napari_corrclip.images.boxes import union, window
from napari_corrclip.wording.amounts import count


def merge(state: State, regions: Regions) -> Plan:
    """Make one region of several; it keeps the lowest id.

    Votes add up. Where some were decided, their verdict holds for all; where verdicts differ, that of
    the largest decided region, and the plan's notes say so.
    """
    rows = regions_of(state, regions)
    if len(rows) < 2:
        raise InputError(f"Only region {rows[0].id} is selected; select two or more to merge.")
    kept = min(row.id for row in rows)
    decided = [row for row in rows if row.verdict is not None]
    largest = max(decided, key=lambda row: (row.area, -row.id), default=None)
    verdict = None if largest is None else largest.verdict
    notes: tuple[str, ...] = ()
    if len({(row.verdict.kind, row.verdict.value) for row in decided if row.verdict}) > 1:
        notes = (
            f"The merged regions had different verdicts; the largest one's holds: {_said(state, verdict)}.",
        )
    elif largest is not None and len(decided) < len(rows):
        notes = (f"The undecided ones take the verdict of the decided: {_said(state, verdict)}.",)
    voting = state.votings.get(max(rows, key=lambda row: (row.area, -row.id)).id)
    change = _join(state, {row.id: kept for row in rows if row.id != kept})
    verdicts = dict(change.verdicts)
    votings = dict(change.votings)
    if state.verdicts.get(kept) != verdict:
        verdicts[kept] = Swap(state.verdicts.get(kept), verdict)
    if state.votings.get(kept) != voting:
        votings[kept] = Swap(state.votings.get(kept), voting)
    return Plan(
        f"Merge {count(len(rows), 'region')}", Change(change.patches, verdicts, votings), notes
    )


def absorb(state: State, regions: Regions) -> Plan:
    """Let each region become part of the neighbour with which it has the longest border.

    Of equally long ones the neighbour with the same prediction is taken, then the lowest id. The
    smallest go first, so that crumbs that touch each other end in the same neighbour.
    """
    rows = regions_of(state, regions)
    for row in rows:
        if row.verdict is not None:
            raise InputError(
                f"Region {row.id} is decided ({_said(state, row.verdict)}); clear it first, or leave it out."
            )
    into: dict[int, int] = {}

    def root(one: int) -> int:
        while one in into:
            one = into[one]
        return one

    members: dict[int, list[int]] = {}
    stranded = []
    for row in sorted(rows, key=lambda row: (row.area, row.id)):
        borders: dict[int, int] = {}
        for part in (row.id, *members.get(row.id, ())):
            for other, length in state.adjacency.neighbours(part).items():
                other = root(other)
                if other != row.id:
                    borders[other] = borders.get(other, 0) + length
        if not borders:
            stranded.append(row.id)
            continue
        target = max(
            borders,
            key=lambda one: (borders[one], state.rows[one].predicted == row.predicted, -one),
        )
        into[row.id] = target
        members.setdefault(target, []).extend([row.id, *members.pop(row.id, ())])
    notes: tuple[str, ...] = ()
    if stranded:
        listed = ", ".join(map(str, stranded[:5])) + (", …" if len(stranded) > 5 else "")
        notes = (
            f"{count(len(stranded), 'region')} ({listed}) touch no other and stay as they are.",
        )
    change = _join(state, {absorbed: root(absorbed) for absorbed in into})
    return Plan(f"Absorb {count(len(into), 'region')}", change, notes)


def _join(state: State, into: dict[int, int]) -> Change:
    """Plan that the pixels of each key of ``into`` go to its value; the keys' decisions go."""
    if not into:
        return Change()
    box = union(state.rows[absorbed].box for absorbed in into)
    assert box is not None
    before = state.regions[window(box)]
    patch = Patch.between(before, _replace(before, into), box)
    assert patch is not None
    return Change(
        {"regions": patch},
        {
            absorbed: Swap(state.verdicts[absorbed], None)
            for absorbed in into
            if absorbed in state.verdicts
        },
        {
            absorbed: Swap(state.votings[absorbed], None)
            for absorbed in into
            if absorbed in state.votings
        },
    )


def _replace(regions: NDArray[np.int32], into: dict[int, int]) -> NDArray[np.int32]:
    """Return a copy of ``regions`` in which each key of ``into`` is its value."""
    after = regions.copy()
    if len(into) == 1:
        ((old, new),) = into.items()
        after[regions == old] = new
        return after
    highest = int(regions.max(initial=0))
    if highest <= 4 * regions.size + 1024:  # one look into a table a pixel
        table = np.arange(highest + 1, dtype=np.int32)
        for old, new in into.items():
            if old <= highest:
                table[old] = new
        return table.take(regions, out=after, mode="clip")
    keys = np.array(sorted(into), np.int32)
    values = np.array([into[key] for key in keys.tolist()], np.int32)
    found = np.isin(regions, keys)
    after[found] = values[np.searchsorted(keys, regions[found])]
    return after


def _said(state: State, verdict: Verdict | None) -> str:
    if verdict is None:
        return "undecided"
    return "ignored" if verdict.kind == "ignored" else name_of(state, verdict.value)
