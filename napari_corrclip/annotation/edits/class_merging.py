"""Classes that become one in a session: regions, decisions and what was predicted follow.

What is shown changes by its label alone. A region that showed neither of the two shows what it did, though
the pixels of both together may be more than those of its class: who says that cats are animals has said
nothing of the sofa. The same is then true of what is read without a session, by the labels.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from napari_corrclip.annotation.change import Change, Map, Plan, Swap
from napari_corrclip.annotation.edits.targets import name_of
from napari_corrclip.annotation.evidence import Taught, columns_of
from napari_corrclip.annotation.region import Region, Verdict
from napari_corrclip.annotation.runs import Patch
from napari_corrclip.annotation.state import State
from napari_corrclip.errors import InputError
from napari_corrclip.vocabulary import Vocabulary


def merge_class(
    state: State, value: int, heir: int, vocabulary: Vocabulary, title: str, *, of_set: bool = False
) -> Plan:
    """Give everything of a class to another one.

    Its probabilities are added to the other's.

    Args:
        state: as it is.
        value: label value of the class that goes.
        heir: of the one that takes its place.
        vocabulary: the classes from then on, with the heir and without the other.
        title: of the step.
        of_set: whether they became one in a whole set, and not by a decision about this image: who gave the
            class has still given it.

    Raises:
        InputError: the classes are not as they are said to be.
    """
    old = state.vocabulary
    if value not in old.values or heir not in vocabulary.values or value in vocabulary.values:
        raise InputError(
            f"The value {value} cannot become {heir}; give a class that goes and another one that stays."
        )
    verdicts = {
        region: Swap[Verdict | None](
            verdict, verdict.become(heir) if of_set else replace(verdict, value=heir, given=0)
        )
        for region, verdict in state.verdicts.items()
        if verdict.value == value
    }
    evidence = state.evidence
    prediction = evidence.prediction.copy()
    prediction[prediction == value] = heir
    probabilities = columns_of(evidence.probabilities, old, vocabulary)
    own = evidence.probabilities[:, old.values.index(value)]
    column = vocabulary.values.index(heir)
    probabilities[:, column] = np.minimum(probabilities[:, column] + own, 1)
    taught = evidence.taught
    if taught is not None:
        said = columns_of(taught.probabilities, old, vocabulary)
        said[:, column] += taught.probabilities[:, old.values.index(value)]
        values = np.where(taught.values == value, heir, taught.values).astype(np.int32)
        taught = replace(taught, values=values, probabilities=said)
    pins = np.where(state.pins == value, heir, state.pins)

    def change() -> Change:
        patches: dict[Map, Patch | None] = {
            "pins": Patch.between(state.pins, pins, state.full),
            "prediction": Patch.between(evidence.prediction, prediction, state.full),
        }
        return Change(
            {name: patch for name, patch in patches.items() if patch is not None},
            verdicts,
            vocabulary=Swap(old, vocabulary),
            probabilities=Swap(evidence.probabilities, probabilities),
            taught=None if taught is None else Swap[Taught | None](evidence.taught, taught),
        )

    tried = state.copy()
    tried.apply(change())
    others = [
        row
        for region, row in state.rows.items()
        if row.verdict is None and tried.rows[region].value != _as(row.value, value, heir)
    ]
    for row in others:
        _leave(row, state, value, prediction, probabilities, (vocabulary, heir, own))
    return Plan(title, change(), of_set=of_set)


def _leave(
    row: Region,
    state: State,
    value: int,
    prediction: NDArray[np.uint16],
    probabilities: NDArray[np.float32],
    given: tuple[Vocabulary, int, NDArray[np.float32]],
) -> None:
    """Let a region show what it did: its pixels of the class that goes become those of its own class."""
    vocabulary, heir, own = given
    top, left, bottom, right = row.box
    box = np.s_[top:bottom, left:right]
    inside = state.regions[box] == row.id
    if row.voting == "majority" and row.value == value:
        # As many pixels as another class, which comes before the heir now, as it did not before the other.
        rows, columns = np.nonzero(inside & (prediction[box] != heir))
        prediction[box][rows[0], columns[0]] = heir
    elif row.voting == "majority":
        prediction[box][inside & (state.evidence.prediction[box] == value)] = row.value
    elif row.voting == "mean" and row.value not in (0, value):
        sources = row.sources[0]
        sources = sources[sources < len(own)]
        column = vocabulary.values.index(row.value)
        probabilities[sources, vocabulary.values.index(heir)] -= own[sources]
        probabilities[sources, column] = np.minimum(
            probabilities[sources, column] + own[sources], 1
        )
        np.maximum(probabilities, 0, out=probabilities)


@dataclass(frozen=True, eq=False)
class Merging:
    """A class that became another one by a step of a history.

    Attributes:
        value: its label value.
        change: by which it went.
        later: the changes after it by which somebody decided or painted, or another prediction came; those
            that merged or parted other classes are none.
    """

    value: int
    change: Change
    later: tuple[Change, ...] = ()


def route_classes(
    state: State,
    mergings: Sequence[Merging],
    vocabulary: Vocabulary,
    now: Mapping[int, int],
    title: str,
) -> Plan:
    """Let what was of merged classes be of those that they are now, or their own again, whatever came since.

    Args:
        state: as it is.
        mergings: the last one first.
        vocabulary: the classes from now on.
        now: label values that are others.
        title: of the step.
    """
    maps: dict[Map, NDArray[np.integer]] = {
        "pins": state.pins,
        "prediction": state.evidence.prediction,
    }
    patches: dict[Map, Patch] = {}
    for name, before in maps.items():
        found = np.array(before)
        for merging in mergings:
            if name in merging.change.patches:
                _route(found, name, merging, now, vocabulary.values)
        patch = Patch.between(before, found, state.full)
        if patch is not None:
            patches[name] = patch
    said = {
        region: Swap[Verdict | None](verdict, verdict.become(value))
        for region, verdict in state.verdicts.items()
        if verdict.value != (value := now.get(verdict.said, verdict.said))
        and value in vocabulary.values
    }
    same = vocabulary == state.vocabulary
    if same and not patches and not said:
        return Plan(title, Change())
    evidence = state.evidence
    probabilities = _routed(evidence.probabilities, state.vocabulary, mergings, vocabulary, now)
    changed = not np.array_equal(probabilities, evidence.probabilities)
    forgets = evidence.taught is not None and (changed or not same)
    return Plan(
        title,
        Change(
            patches,
            said,
            vocabulary=None if same else Swap(state.vocabulary, vocabulary),
            probabilities=Swap(evidence.probabilities, probabilities) if changed else None,
            taught=Swap[Taught | None](evidence.taught, None) if forgets else None,
        ),
        of_set=True,
    )


def _route(
    found: NDArray[np.integer],
    name: Map,
    merging: Merging,
    now: Mapping[int, int],
    known: Collection[int],
) -> None:
    """Give the pixels that changed by a merging, and by nobody's hand since, the class that is theirs now.

    Those of a class that there is no longer stay as they are.
    """
    patch, flat, width = merging.change.patches[name], found.reshape(-1), found.shape[1]
    touched = np.zeros(flat.shape, np.bool_)
    for change in merging.later:
        if name in change.patches:
            touched[change.patches[name].at(width)] = True
    at = patch.at(width)
    values = [now.get(value, value) for value in patch.old.tolist()]
    old = np.repeat(np.array(values, found.dtype), patch.length)
    left = ~touched[at] & np.repeat([value in known for value in values], patch.length)
    flat[at[left]] = old[left]


def _routed(
    probabilities: NDArray[np.float32],
    former: Vocabulary,
    mergings: Sequence[Merging],
    vocabulary: Vocabulary,
    now: Mapping[int, int],
) -> NDArray[np.float32]:
    """Return (R, K) probabilities of which classes that are back have their own share again."""
    found = columns_of(probabilities, former, vocabulary)
    for merging in mergings:
        words, kept = merging.change.vocabulary, merging.change.probabilities
        if words is None or kept is None or len(kept.old) != len(found):
            continue
        if np.array_equal(kept.new, probabilities) and len(mergings) == 1:
            return columns_of(kept.old, words.old, vocabulary)
        value = now.get(merging.value, merging.value)
        if value in former.values or value not in vocabulary.values:
            continue
        own = kept.old[:, words.old.values.index(merging.value)]
        found[:, vocabulary.values.index(value)] += own
        grown = (kept.new - columns_of(kept.old, words.old, words.new)).sum(axis=0)
        heir = words.new.values[int(grown.argmax())]
        heir = now.get(heir, heir)
        if heir in vocabulary.values and heir != value:
            column = vocabulary.values.index(heir)
            found[:, column] = np.maximum(found[:, column] - own, 0)
    return np.minimum(found, 1)


def _as(shown: int, value: int, heir: int) -> int:
    return heir if shown == value else shown


def merging_title(state: State, value: int, heir: int) -> str:
    """Return what the step is called by which a class becomes another one."""
    return f"Merge {name_of(state, value)} into {name_of(state, heir)}"
