"""Painting: pinned labels, and the shapes of regions."""

from __future__ import annotations

import numpy as np

from napari_corrclip.annotation.change import Change, Plan, Swap
from napari_corrclip.annotation.edits.targets import (
    Pixels,
    name_of,
    pixels_of,
    region_of,
)
from napari_corrclip.annotation.runs import Patch
from napari_corrclip.annotation.state import NOT_PINNED, State
from napari_corrclip.images.boxes import window
from napari_corrclip.vocabulary import ClassLike
from napari_corrclip.wording.amounts import count


def paint(state: State, pixels: Pixels, which: ClassLike | None) -> Plan:
    """Pin pixels to a class, to 0 (unlabelled), or to nothing (``None``): what is below shows again.

    Pinned pixels keep their label whatever becomes of the region below.
    """
    box, inside = pixels_of(state, pixels)
    if which is None:
        value, title = NOT_PINNED, f"Unpin {count(int(inside.sum()), 'pixel')}"
    else:
        value = 0 if _is_zero(which) else state.vocabulary.value_of(which)
        title = f"Paint {count(int(inside.sum()), 'pixel')} {name_of(state, value)}"
    before = state.pins[window(box)]
    patch = Patch.between(before, np.where(inside, np.int32(value), before), box)
    return Plan(title, Change() if patch is None else Change({"pins": patch}))


def paint_regions(state: State, pixels: Pixels, region: int | None) -> Plan:
    """Give pixels to ``region``; ``None``: to a new one; 0: to none (unsegmented).

    The regions that lose or win pixels vote anew, decided ones keep their verdict; one that loses
    all of them is gone, and the plan says so where it was decided.
    """
    box, inside = pixels_of(state, pixels)
    if region is None:
        (target,) = state.new_ids(1)
        title = f"New region {target} of {count(int(inside.sum()), 'pixel')}"
    elif _is_zero(region):
        target, title = 0, f"Unsegment {count(int(inside.sum()), 'pixel')}"
    else:
        target = region_of(state, region).id
        title = f"Extend region {target}"
    before = state.regions[window(box)]
    patch = Patch.between(before, np.where(inside, np.int32(target), before), box)
    if patch is None:
        return Plan(title, Change())
    lost = {}
    ids, pixels_lost = np.unique(before[inside], return_counts=True)
    for region_id, number in zip(ids.tolist(), pixels_lost.tolist(), strict=True):
        if region_id not in (0, target) and state.rows[region_id].area == number:
            lost[region_id] = state.rows[region_id]
    decided = [row.id for row in lost.values() if row.verdict is not None]
    notes: tuple[str, ...] = ()
    if decided:
        notes = (
            f"{count(len(decided), 'decided region')} ({', '.join(map(str, decided[:5]))}) "
            f"lost all pixels and {'is' if len(decided) == 1 else 'are'} gone; undo brings "
            f"{'it' if len(decided) == 1 else 'them'} back.",
        )
    return Plan(
        title,
        Change(
            {"regions": patch},
            {
                region_id: Swap(state.verdicts[region_id], None)
                for region_id in lost
                if region_id in state.verdicts
            },
            {
                region_id: Swap(state.votings[region_id], None)
                for region_id in lost
                if region_id in state.votings
            },
        ),
        notes,
    )


def _is_zero(which: object) -> bool:
    return isinstance(which, int | np.integer) and not isinstance(which, bool) and which == 0
