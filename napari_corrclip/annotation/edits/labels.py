"""Labels from elsewhere that take the place of what a session shows."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from napari_corrclip.annotation.change import Change, Map, Plan, Swap
from napari_corrclip.annotation.region import Verdict
from napari_corrclip.annotation.runs import Patch
from napari_corrclip.annotation.state import NOT_PINNED, State
from napari_corrclip.errors import InputError
from napari_corrclip.maps.regions import check_regions


def take_labels(
    state: State,
    labels: NDArray[np.integer],
    regions: NDArray[np.integer],
    verdicts: Mapping[int, Verdict],
    where: NDArray[np.bool_] | None,
    values: Mapping[int, int],
    title: str,
) -> Plan:
    """Show these labels: by regions and verdicts, and where those show something else by painted pixels.

    Args:
        state: as it is; its evidence stays.
        labels: (H, W) label values.
        regions: (H, W) ids.
        verdicts: by region id; other regions are decided by nobody.
        where: (H, W), which pixels show these labels in any case; ``None``: all.
        values: classes of undecided regions; one for which another class is predicted is assigned its own.
        title: of the step.

    Raises:
        InputError: they are of another size, or of no class.
    """
    found = check_regions(regions)
    if not labels.shape == found.shape == state.shape:
        raise InputError(
            f"The labels have {labels.shape} pixels, the regions {found.shape} and the image {state.shape}; "
            "give maps of the image's size, upright as it is seen."
        )
    known = {0, *state.vocabulary.values}
    given = {int(value) for value in np.unique(labels)} | {each.value for each in verdicts.values()}
    if not given <= known:
        raise InputError(
            f"The labels have the value {min(given - known)}, which no class has; add the class first."
        )
    there = set(np.unique(found).tolist())
    said = {region: verdict for region, verdict in verdicts.items() if region in there - {0}}
    # Who says it once more has not said that it is of no other class that became this one.
    merged = {region for region, former in state.verdicts.items() if former.given} & said.keys()
    said |= {
        region: state.verdicts[region]
        for region in merged & _unchanged(state.regions, found)
        if state.verdicts[region].agrees(said[region])
    }
    bare = state.copy()
    bare.apply(_change(bare, {"pins": np.full(state.shape, NOT_PINNED, np.int32)}, {}))
    bare.apply(_change(bare, {"regions": found}, said))
    others = {
        region: Verdict("assigned", value, looked=False)
        for region, value in values.items()
        if value and region in there - {0, *said} and bare.rows[region].value != value
    }
    if others:
        said |= others
        bare.apply(_change(bare, {"regions": found}, said))
    differs = bare.labels != labels
    if where is not None:
        differs &= where
    pins = np.where(differs, labels.astype(np.int32), np.int32(NOT_PINNED))
    return Plan(title, _change(state, {"regions": found, "pins": pins}, said))


def _unchanged(before: NDArray[np.int32], after: NDArray[np.int32]) -> set[int]:
    """Return the ids that have the same pixels in two maps."""
    counts = [
        dict(zip(*(part.tolist() for part in np.unique(ids, return_counts=True)), strict=True))
        for ids in (before, after, after[before == after])
    ]
    was, now, both = counts
    return {region for region, pixels in both.items() if was[region] == pixels == now[region]}


def _change(
    state: State, maps: Mapping[Map, NDArray[np.int32]], verdicts: Mapping[int, Verdict]
) -> Change:
    """Return what makes a state have these maps and, with regions, these verdicts alone."""
    patches = {
        name: Patch.between(getattr(state, name), after, state.full) for name, after in maps.items()
    }
    swaps = {
        region: Swap(state.verdicts.get(region), verdicts.get(region))
        for region in sorted({*state.verdicts, *verdicts} if "regions" in maps else ())
        if state.verdicts.get(region) != verdicts.get(region)
    }
    votings = state.votings if "regions" in maps else {}
    return Change(
        {name: patch for name, patch in patches.items() if patch is not None},
        swaps,
        {region: Swap(by, None) for region, by in sorted(votings.items())},
    )
