"""Another prediction under the same decisions: a changed vocabulary, or another run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from napari_corrclip.annotation.change import Change, Map, Plan, Swap
from napari_corrclip.annotation.edits.targets import name_of
from napari_corrclip.annotation.evidence import NOT_TAUGHT, Evidence, Taught, columns_of
from napari_corrclip.annotation.region import Verdict
from napari_corrclip.annotation.runs import Patch
from napari_corrclip.annotation.state import NOT_PINNED, State
from napari_corrclip.errors import InputError
from napari_corrclip.images.boxes import Box
from napari_corrclip.maps.votes import crosstab
from napari_corrclip.results.segmentation import Segmentation
from napari_corrclip.vocabulary import Vocabulary
from napari_corrclip.wording.amounts import count

Reassign = Mapping[str | int, str | int | None]
"""A removed class -> the class that takes its decisions, or ``None`` to take them back."""


def change_vocabulary(
    state: State,
    vocabulary: Vocabulary,
    result: Segmentation | None = None,
    reassign: Reassign | None = None,
) -> Plan:
    """Take another vocabulary; the regions stay, and so do the decisions.

    Args:
        state: as it is.
        vocabulary: the classes from now on.
        result: the image classified by it. ``None``: what was predicted stays; an added class has no
            votes yet, and pixels of a removed one have no class. What a lesson says of a region stays,
            too, but where the networks' likeliest class of it is another one by this result.
        reassign: for each removed class that has decisions, what becomes of them.

    Raises:
        InputError: decisions would be lost, or the result does not belong here.
    """
    old = state.vocabulary
    renamed = _renamed(state, vocabulary)
    moved = moved_decisions(state, vocabulary, reassign or {})
    verdicts: dict[int, Swap[Verdict | None]] = {}
    for region, verdict in state.verdicts.items():
        if verdict.value in moved:
            value = moved[verdict.value]
            new = None if value is None else Verdict("assigned", value, verdict.looked)
            verdicts[region] = Swap(verdict, new)
    table = np.arange(-1, 1 << 16, dtype=np.int32)  # entry 1 + value: what a pin of it becomes
    for before, after in moved.items():
        table[1 + before] = NOT_PINNED if after is None else after
    patches: dict[Map, Patch | None] = {}
    if moved:
        patches["pins"] = _patch(state.pins, table[1 + state.pins], state.full)
    probabilities: NDArray[np.float32] | None
    if result is None:
        kept = np.isin(np.arange(1 << 16), vocabulary.values)
        known = state.evidence.prediction
        probabilities = None  # where the classes and their order stay
        if vocabulary.values != old.values:
            patches["prediction"] = _patch(known, np.where(kept[known], known, 0), state.full)
            probabilities = columns_of(state.evidence.probabilities, old, vocabulary)
    else:
        _belongs(state, result, vocabulary)
        evidence = Evidence.of(result)
        patches["prediction"] = _patch(state.evidence.prediction, evidence.prediction, state.full)
        patches["numbers"] = _patch(state.evidence.numbers, evidence.numbers, state.full)
        probabilities = evidence.probabilities
    other_regions = patches.get("numbers") is not None
    return Plan(
        f"Change the vocabulary to {count(len(vocabulary), 'class', 'classes')}",
        Change(
            _present(patches),
            verdicts,
            vocabulary=Swap(old, vocabulary),
            probabilities=None
            if probabilities is None
            else Swap(state.evidence.probabilities, probabilities),
            taught=_untaught(state)
            if other_regions
            else _taught_of(state, vocabulary, probabilities if result is not None else None),
        ),
        renamed,
    )


def teach(state: State, taught: Taught | None, title: str) -> Plan:
    """Take what a lesson says of the run's regions; those with a decision keep the networks' opinion.

    Args:
        state: as it is.
        taught: of each of the run's regions; ``None``: nothing is said any more.
        title: of the step.

    Raises:
        InputError: it is of other regions or classes.
    """
    if taught is None:
        return Plan(title, Change(taught=_untaught(state)))
    evidence, classes = state.evidence, len(state.vocabulary)
    if taught.probabilities.shape != (len(evidence.probabilities), classes):
        raise InputError(
            f"What was learnt is of {len(taught.values)} regions, and the run has "
            f"{len(evidence.probabilities)} of {classes} classes; learn from this image's own vectors."
        )
    known = np.isin(taught.values, [NOT_TAUGHT, *state.vocabulary.values])
    if not known.all():
        raise InputError(
            f"What was learnt has the value {int(taught.values[~known][0])}, which no class has; learn with "
            "the session's vocabulary."
        )
    said = (taught.values != NOT_TAUGHT) & undecided(state)
    new = replace(
        taught,
        values=np.where(said, taught.values, NOT_TAUGHT).astype(np.int32),
        probabilities=np.where(said[:, None], taught.probabilities, 0).astype(np.float32),
    )
    before = evidence.taught
    after = new if said.any() else None
    same = before is after or (after is not None and after.same(before))
    return Plan(title, Change(taught=None if same else Swap(before, after)))


def undecided(state: State) -> NDArray[np.bool_]:
    """Return (R,) of which of the run's regions no pixel lies in a region that a person has decided."""
    found = np.ones(len(state.evidence.probabilities), np.bool_)
    for row in state.rows.values():
        if row.verdict is not None:
            sources = row.sources[0]
            found[sources[sources < len(found)]] = False
    return found


def _untaught(state: State) -> Swap[Taught | None] | None:
    taught = state.evidence.taught
    return None if taught is None else Swap(taught, None)


def _taught_of(
    state: State, vocabulary: Vocabulary, probabilities: NDArray[np.float32] | None
) -> Swap[Taught | None] | None:
    """Bring what a lesson says to other classes; of a class that goes nothing is said any more.

    Args:
        state: as it is.
        vocabulary: the classes from now on.
        probabilities: what the networks say anew of the same regions; ``None``: they were not asked.
    """
    taught, old = state.evidence.taught, state.vocabulary
    if taught is None:
        return None
    said = np.isin(taught.values, vocabulary.values)
    if probabilities is not None:
        before = np.array(old.values)[state.evidence.probabilities.argmax(axis=1)]
        said &= before == np.array(vocabulary.values)[probabilities.argmax(axis=1)]
    new = replace(
        taught,
        values=np.where(said, taught.values, NOT_TAUGHT).astype(np.int32),
        probabilities=np.where(
            said[:, None], columns_of(taught.probabilities, old, vocabulary), 0
        ).astype(np.float32),
    )
    after = new if said.any() else None
    return None if taught.same(after) else Swap(taught, after)


def _renamed(state: State, vocabulary: Vocabulary) -> tuple[str, ...]:
    """Return what to tell of classes that have decisions and another name."""
    new = {entry.value: entry.name for entry in vocabulary}
    decided = {verdict.value for verdict in state.verdicts.values()}
    decided |= _painted(state)
    others = [
        (entry.name, new[entry.value])
        for entry in state.vocabulary
        if entry.value in decided and new.get(entry.value, entry.name) != entry.name
    ]
    return tuple(
        f"{before!r} is called {after!r} now, and what was decided as it, too."
        for before, after in others
    )


def _painted(state: State) -> set[int]:
    """Return the values that pixels are pinned to."""
    # Much faster than sorting; values are those of uint16.
    counts = np.bincount(state.pins.ravel() - NOT_PINNED)
    return set((np.flatnonzero(counts) + NOT_PINNED).tolist()) - {NOT_PINNED}


def rerun(state: State, result: Segmentation) -> Plan:
    """Take another run's regions and prediction; the decisions are carried over by their pixels.

    A new region of which at least half was decided gets the most frequent verdict in it. Decided
    pixels that would show something else than was decided are pinned, so that none is lost; the
    regions where that happened are the plan's conflicts.

    Raises:
        InputError: the result is of another image or another vocabulary.
    """
    _belongs(state, result, state.vocabulary)
    fresh = State.of(result)
    evidence = fresh.evidence
    codes, said, seen, given = _decided_pixels(state)
    ids = [0, *result.table["id"].tolist()]
    counts = crosstab(evidence.numbers.ravel(), codes.ravel(), (len(ids), len(said)))
    areas = counts.sum(axis=1)
    # No verdict is said by code 0, so the most frequent is looked for among the others.
    counts[:, 0] = 0
    decided = counts.sum(axis=1)
    carried = (2 * decided >= areas) & (decided > 0)
    carried[0] = False  # what is in no region has no verdict
    winner = np.where(carried, counts.argmax(axis=1), 0)
    shown = winner[evidence.numbers]
    carrying = (codes > 0) & (codes == shown)
    looks = np.bincount(
        evidence.numbers[carrying], np.where(seen[carrying], 1, -1), minlength=len(ids)
    )
    most = _most_given(evidence.numbers[carrying], given[carrying], len(ids))
    verdicts = {
        region_id: replace(said[code], looked=look >= 0, given=value)
        for region_id, code, look, value in zip(
            ids, winner.tolist(), looks.tolist(), most, strict=True
        )
        if code > 0
    }
    values = np.array([NOT_PINNED, *(verdict.value for verdict in said[1:])], np.int32)
    unkept = (codes > 0) & (values[shown] != values[codes]) & (state.pins == NOT_PINNED)
    conflicts = sorted({ids[number] for number in np.unique(evidence.numbers[unkept])} - {0})
    notes = []
    if unkept.any():
        notes.append(
            f"{count(int(unkept.sum()), 'pixel')} would show something else in the new run than what was "
            f"decided, in {count(len(conflicts), 'region')} or in none; they keep it, as painted pixels."
        )
    changed: dict[Map, Patch | None] = {
        "regions": _patch(state.regions, fresh.regions, state.full),
        "pins": _patch(state.pins, np.where(unkept, values[codes], state.pins), state.full),
        "prediction": _patch(state.evidence.prediction, evidence.prediction, state.full),
        "numbers": _patch(state.evidence.numbers, evidence.numbers, state.full),
    }
    return Plan(
        f"Another run with {count(len(ids) - 1, 'region')}",
        Change(
            _present(changed),
            {
                region_id: Swap(state.verdicts.get(region_id), verdicts.get(region_id))
                for region_id in sorted({*state.verdicts, *verdicts})
                if state.verdicts.get(region_id) != verdicts.get(region_id)
            },
            {region_id: Swap(by, None) for region_id, by in sorted(state.votings.items())},
            None if fresh.voting == state.voting else Swap(state.voting, fresh.voting),
            probabilities=Swap(state.evidence.probabilities, evidence.probabilities),
            provenance=Swap(state.provenance, result.provenance),
            taught=_untaught(state),
        ),
        tuple(notes),
        tuple(conflicts),
    )


def _decided_pixels(
    state: State,
) -> tuple[NDArray[np.int64], list[Verdict], NDArray[np.bool_], NDArray[np.int64]]:
    """Return (H, W) the number of the verdict on each pixel's region, the verdicts by number, (H, W)
    whether the region was looked at, and (H, W) which merged class was given.

    Number 0 stands for none; its entry is only there to be counted.
    """  # noqa: D205
    said = [Verdict("ignored", 0)]
    number: dict[tuple[str, int], int] = {}
    ids = np.array(sorted(state.verdicts), np.int64)
    codes = np.zeros(len(ids) + 1, np.int64)
    looked = np.zeros(len(ids) + 1, bool)
    given = np.zeros(len(ids) + 1, np.int64)
    for index, region_id in enumerate(ids.tolist()):
        verdict = state.verdicts[region_id]
        key = (verdict.kind, verdict.value)
        if key not in number:
            number[key] = len(said)
            said.append(Verdict(verdict.kind, verdict.value))
        codes[index] = number[key]
        looked[index] = verdict.looked
        given[index] = verdict.given
    at = np.searchsorted(ids, state.regions)
    hit = np.append(ids, -1)[at] == state.regions
    return np.where(hit, codes[at], 0), said, hit & looked[at], np.where(hit, given[at], 0)


def _most_given(numbers: NDArray[np.int32], given: NDArray[np.int64], count: int) -> list[int]:
    """Return of each of ``count`` regions the value that most of its pixels were given; 0: their own."""
    values = np.unique(given)
    if not values.any():
        return [0] * count
    table = crosstab(numbers, np.searchsorted(values, given), (count, len(values)))
    return [int(value) for value in values[table.argmax(axis=1)]]


def moved_decisions(
    state: State, vocabulary: Vocabulary, reassign: Reassign
) -> dict[int, int | None]:
    """Return what becomes of the decisions for each removed value that has any.

    Raises:
        InputError: that was not said for one of them, or what was said cannot be.
    """
    old = state.vocabulary
    asked: dict[int, int | None] = {}
    for which, target in reassign.items():
        value = old.value_of(which)
        if value in vocabulary.values:
            raise InputError(f"{which!r} is no removed class; reassign only classes that go.")
        asked[value] = None if target is None else vocabulary.value_of(target)
    pinned = _painted(state) - {0}
    moved: dict[int, int | None] = {}
    for value in old.values:
        if value in vocabulary.values:
            continue
        regions = sum(verdict.value == value for verdict in state.verdicts.values())
        if not regions and value not in pinned:
            continue
        if value not in asked:
            pixels = int((state.pins == value).sum())
            name = name_of(state, value)
            raise InputError(
                f"The class {name} has {count(regions, 'decided region')} and "
                f"{count(pixels, 'painted pixel')}; say what becomes of them: "
                f"reassign={{{name}: another class}}, or None to take the decisions back."
            )
        moved[value] = asked[value]
    return moved


def _belongs(state: State, result: Segmentation, vocabulary: Vocabulary) -> None:
    if result.shape != state.shape:
        raise InputError(
            f"The result has {result.shape} pixels and the session {state.shape}; segment the same image."
        )
    if (result.vocabulary.values, result.vocabulary.names) != (vocabulary.values, vocabulary.names):
        raise InputError(
            f"The result was classified by other classes ({', '.join(result.vocabulary.names[:5])}, …) "
            "than the vocabulary has; classify by the session's vocabulary."
        )


def _patch(before: NDArray[np.integer], after: NDArray[np.integer], box: Box) -> Patch | None:
    return Patch.between(before, after, box)


def _present(patches: Mapping[Map, Patch | None]) -> dict[Map, Patch]:
    return {name: patch for name, patch in patches.items() if patch is not None}
