"""The decisions on regions: assign, accept, ignore, spread, and voting again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Literal

import numpy as np

from napari_corrclip.annotation.change import Change, Plan, Swap
from napari_corrclip.annotation.edits.targets import (
    Regions,
    name_of,
    region_of,
    regions_of,
    shown,
)
from napari_corrclip.annotation.region import VOTINGS, Region, Verdict, Voting
from napari_corrclip.annotation.runs import Patch
from napari_corrclip.annotation.state import NOT_PINNED, State
from napari_corrclip.errors import InputError
from napari_corrclip.images.boxes import union, window
from napari_corrclip.vocabulary import ClassLike
from napari_corrclip.wording.amounts import count

Which = Regions | Literal["undecided", "all"]


def assign(state: State, regions: Regions, which: ClassLike) -> Plan:
    """Give regions a class."""
    rows, value = regions_of(state, regions), state.vocabulary.value_of(which)
    verdict = Verdict("assigned", value)
    title = f"Assign {count(len(rows), 'region')} to {name_of(state, value)}"
    return Plan(title, _decide(rows, {row.id: verdict for row in rows}))


def accept(state: State, regions: Regions) -> Plan:
    """Say that what regions show is right; what was assigned or accepted before stays as it is.

    A region whose pixels show their own classes keeps them, as painted pixels.
    """
    rows = regions_of(state, regions)
    open_rows = [row for row in rows if row.verdict is None or row.verdict.kind == "ignored"]
    for row in open_rows:
        if not row.predicted:
            raise InputError(
                f"Region {row.id} has no predicted class to accept; assign one, or ignore it."
            )
    verdicts = {row.id: Verdict("accepted", row.predicted) for row in open_rows}
    title = f"Accept {count(len(rows), 'region')}"
    return Plan(title, _kept_by_pixels(state, open_rows, _decide(open_rows, verdicts)))


def accept_above(state: State, confidence: float) -> Plan:
    """Accept all undecided regions whose class has a mean probability above ``confidence``."""
    number = isinstance(confidence, int | float | np.integer | np.floating)
    if isinstance(confidence, bool) or not number or not 0 <= confidence <= 1:
        raise InputError(f"The confidence is {shown(confidence)}; give a number from 0 to 1.")
    rows = [
        row
        for row in state.rows.values()
        if row.verdict is None and row.predicted and np.float32(row.confidence) > confidence
    ]
    verdicts = {row.id: Verdict("accepted", row.predicted, looked=False) for row in rows}
    title = f"Accept {count(len(rows), 'region')} above {confidence:g}"
    return Plan(title, _kept_by_pixels(state, rows, _decide(rows, verdicts)))


def ignore(state: State, regions: Regions) -> Plan:
    """Leave regions out: they show no class, and no run gives them one."""
    rows = regions_of(state, regions)
    verdict = Verdict("ignored", 0)
    title = f"Ignore {count(len(rows), 'region')}"
    return Plan(title, _decide(rows, {row.id: verdict for row in rows}))


def clear(state: State, regions: Regions) -> Plan:
    """Take the verdicts on regions back; they show what was predicted."""
    rows = regions_of(state, regions)
    title = f"Clear {count(len(rows), 'region')}"
    return Plan(title, _decide(rows, {row.id: None for row in rows}))


def undecide(state: State, regions: Regions) -> Plan:
    """Take back all that was decided on regions: their verdicts, and what was painted inside them."""
    rows = regions_of(state, regions)
    change = _decide(rows, {row.id: None for row in rows})
    box = union(row.box for row in rows)
    assert box is not None
    before = state.pins[window(box)]
    inside = np.isin(state.regions[window(box)], [row.id for row in rows])
    patch = Patch.between(before, np.where(inside, np.int32(NOT_PINNED), before), box)
    title = f"Undecide {count(len(rows), 'region')}"
    return Plan(title, change if patch is None else replace(change, patches={"pins": patch}))


def patch_of(state: State, region: int) -> list[int]:
    """Return the ids, ascending, of ``region`` and of all undecided regions with its prediction to
    which a chain of such regions leads from it.
    """  # noqa: D205
    start = region_of(state, region)
    found, frontier = {start.id}, [start.id]
    while frontier:
        for neighbour in state.adjacency.neighbours(frontier.pop()):
            row = state.rows[neighbour]
            if neighbour not in found and row.verdict is None and row.predicted == start.predicted:
                found.add(neighbour)
                frontier.append(neighbour)
    return sorted(found)


def spread(state: State, region: int, which: ClassLike) -> Plan:
    """Assign a class to the whole patch of :func:`patch_of`."""
    value, start = state.vocabulary.value_of(which), region_of(state, region).id
    rows = regions_of(state, patch_of(state, start))
    verdicts = {row.id: Verdict("assigned", value, looked=row.id == start) for row in rows}
    title = f"Spread {name_of(state, value)} over {count(len(rows), 'region')}"
    return Plan(title, _decide(rows, verdicts))


def revote(state: State, which: Which, by: Voting = "majority", *, overrule: bool = False) -> Plan:
    """Let regions elect their class again, and take their verdicts back where that was asked for."""
    if by not in VOTINGS:
        raise InputError(f"Regions cannot vote by {by!r}; choose one of {', '.join(VOTINGS)}.")
    if not isinstance(which, str):
        rows = regions_of(state, which)
    elif which == "undecided":
        rows = [row for row in state.rows.values() if row.verdict is None]
    elif which == "all":
        rows = list(state.rows.values())
    else:
        raise InputError(f"{which!r} names no regions; give 'undecided', 'all' or ids.")
    decided = [row for row in rows if row.verdict is not None]
    if decided and not overrule:
        raise InputError(
            f"{len(decided)} of the {count(len(rows), 'region')} are decided, region {decided[0].id} "
            "for one; pass overrule=True to take these verdicts back, or vote on 'undecided'."
        )
    stored = None if by == state.voting else by
    votings = {
        row.id: Swap(state.votings.get(row.id), stored)
        for row in rows
        if state.votings.get(row.id) != stored
    }
    verdicts = _decide(decided, {row.id: None for row in decided}).verdicts
    title = f"Re-vote {count(len(rows), 'region')} by {by}"
    return Plan(title, Change(verdicts=verdicts, votings=votings))


def _kept_by_pixels(state: State, rows: Iterable[Region], change: Change) -> Change:
    """Pin the pixels of accepted ``rows`` that show a class of their own.

    Where each pixel shows its own class, that is what was accepted, and not the most frequent one. As
    pins they stay, whatever is predicted later.
    """
    rows = [row for row in rows if row.voting == "pixels"]
    around = union(row.box for row in rows)
    if around is None:
        return change
    before = state.pins[window(around)]
    after = before.copy()
    for row in rows:
        top, left = row.box[0] - around[0], row.box[1] - around[1]
        pins = after[top : top + row.box[2] - row.box[0], left : left + row.box[3] - row.box[1]]
        where = window(row.box)
        shown = state.evidence.shown[where]
        own = (state.regions[where] == row.id) & (pins == NOT_PINNED) & (shown != row.predicted)
        pins[own] = shown[own]
    patch = Patch.between(before, after, around)
    return change if patch is None else replace(change, patches={"pins": patch})


def _decide(rows: Iterable[Region], verdicts: Mapping[int, Verdict | None]) -> Change:
    return Change(
        verdicts={
            row.id: Swap(row.verdict, verdicts[row.id])
            for row in rows
            if not _is_said(row.verdict, verdicts[row.id])
        }
    )


def _is_said(former: Verdict | None, new: Verdict | None) -> bool:
    return former is new or (former is not None and new is not None and former.agrees(new))
