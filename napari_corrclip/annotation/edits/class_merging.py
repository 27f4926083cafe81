"""Classes that become one in a session: regions, decisions and what was predicted follow.

What is shown changes by its label alone. A region that showed neither of the two shows what it did, though
the pixels of both together may be more than those of its class: who says that cats are animals has said
nothing of the sofa. The same is then true of what is read without a session, by the labels.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from napari_corrclip.annotation.change import Change, Map, Plan, Step, Swap
from napari_corrclip.annotation.edits.targets import name_of
from napari_corrclip.annotation.evidence import Taught
from napari_corrclip.annotation.region import Region, Verdict
from napari_corrclip.annotation.runs import Patch
from napari_corrclip.annotation.state import State
from napari_corrclip.errors import InputError
from napari_corrclip.vocabulary import Vocabulary


def merge_class(state: State, value: int, heir: int, vocabulary: Vocabulary, title: str) -> Plan:
    """Give everything of a class to another one.

    Its probabilities are added to the other's.

    Args:
        state: as it is.
        value: label value of the class that goes.
        heir: of the one that takes its place.
        vocabulary: the classes from then on, with the heir and without the other.
        title: of the step.

    Raises:
        InputError: the classes are not as they are said to be.
    """
    old = state.vocabulary
    if value not in old.values or heir not in vocabulary.values or value in vocabulary.values:
        raise InputError(
            f"The value {value} cannot become {heir}; give a class that goes and another one that stays."
        )
    verdicts = {
        region: Swap[Verdict | None](verdict, replace(verdict, value=heir))
        for region, verdict in state.verdicts.items()
        if verdict.value == value
    }
    evidence = state.evidence
    prediction = evidence.prediction.copy()
    prediction[prediction == value] = heir
    probabilities = _columns(evidence.probabilities, old, vocabulary)
    own = evidence.probabilities[:, old.values.index(value)]
    column = vocabulary.values.index(heir)
    probabilities[:, column] = np.minimum(probabilities[:, column] + own, 1)
    taught = evidence.taught
    if taught is not None:
        said = _columns(taught.probabilities, old, vocabulary)
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
    return Plan(title, change())


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


def part_class(state: State, step: Step, value: int, vocabulary: Vocabulary, title: str) -> Plan:
    """Take a merging back though other steps came after it: all that is still as it made it is as before.

    Args:
        state: as it is.
        step: by which the class went.
        value: its label value.
        vocabulary: the classes from now on, with it.
        title: of the new step.

    Raises:
        InputError: no class went by the step.
    """
    change = next(
        (
            change
            for change in step.changes
            if change.vocabulary is not None
            and value in change.vocabulary.old.values
            and value not in change.vocabulary.new.values
        ),
        None,
    )
    if change is None or change.vocabulary is None:
        raise InputError(f"The step {step.title[:100]!r} merged no class of the value {value}.")
    verdicts = {
        region: Swap(swap.new, swap.old)
        for region, swap in change.verdicts.items()
        if swap.new is not None and state.verdicts.get(region) == swap.new
    }
    maps: dict[Map, NDArray[np.integer]] = {
        "pins": state.pins,
        "prediction": state.evidence.prediction,
    }
    patches: dict[Map, Patch] = {}
    for name, patch in change.patches.items():
        if name in maps:
            found = Patch.between(maps[name], _before(maps[name], patch), state.full)
            if found is not None:
                patches[name] = found
    former, evidence = change.vocabulary.old, state.evidence
    probabilities = _columns(evidence.probabilities, state.vocabulary, vocabulary)
    kept = change.probabilities
    if kept is not None and np.array_equal(kept.new, evidence.probabilities):
        probabilities = _columns(kept.old, former, vocabulary)
    return Plan(
        title,
        Change(
            patches,
            verdicts,
            vocabulary=Swap(state.vocabulary, vocabulary),
            probabilities=Swap(evidence.probabilities, probabilities),
            taught=None if evidence.taught is None else Swap[Taught | None](evidence.taught, None),
        ),
    )


def _before(now: NDArray[np.integer], patch: Patch) -> NDArray[np.integer]:
    """Return a map with the former pixels of a patch where it still has the new ones."""
    found = now.copy()
    top, left, bottom, right = patch.box
    part = found[top:bottom, left:right]
    flat = np.repeat(patch.start, patch.length)
    flat += np.arange(len(flat)) - np.repeat(np.cumsum(patch.length) - patch.length, patch.length)
    rows, columns = np.divmod(flat, right - left)
    old, new = (np.repeat(each, patch.length) for each in (patch.old, patch.new))
    same = part[rows, columns] == new
    part[rows[same], columns[same]] = old[same]
    return found


def _columns(
    probabilities: NDArray[np.float32], old: Vocabulary, new: Vocabulary
) -> NDArray[np.float32]:
    """Return (R, K) probabilities in the columns of other classes; of new ones zeros."""
    found = np.zeros((len(probabilities), len(new)), np.float32)
    for index, value in enumerate(new.values):
        if value in old.values:
            found[:, index] = probabilities[:, old.values.index(value)]
    return found


def _as(shown: int, value: int, heir: int) -> int:
    return heir if shown == value else shown


def merging_title(state: State, value: int, heir: int) -> str:
    """Return what the step is called by which a class becomes another one."""
    return f"Merge {name_of(state, value)} into {name_of(state, heir)}"
