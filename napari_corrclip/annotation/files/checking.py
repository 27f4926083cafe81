"""The rule of what a change may do to a state; all that was read from a file is held to it.

An edit is looked at while it is planned, so what was planned here needs no check. What comes from a file,
whether a record of a journal or a step of a history, may have the right checksum and say what cannot be:
a class that there is none of, a region that does not exist, runs outside the map. It is found out before
anything is changed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from napari_corrclip.annotation.change import Change, Seen
from napari_corrclip.annotation.evidence import NOT_TAUGHT, Taught, are_probabilities
from napari_corrclip.annotation.region import Verdict
from napari_corrclip.annotation.runs import Patch
from napari_corrclip.annotation.state import MAX_ID, NOT_PINNED, Changed, State
from napari_corrclip.errors import InputError
from napari_corrclip.vocabulary import Vocabulary

MOST_CLASSES = 20_000
"""What the regions are counted by grows by the square: some 3 GB for so many classes."""
_DIGEST = re.compile(r"[0-9a-f]{32}|")


class Damaged(ValueError):
    """Bytes that no session of this program wrote, or a change that none can have made."""


def apply_all(state: State, changes: Iterable[Change]) -> list[Changed]:
    """Make changes that came from elsewhere, each looked at first; all of them or none.

    Returns:
        What each touched.

    Raises:
        Damaged: one of them cannot be, or was made of another state; this one is as it was.
    """
    made: list[Change] = []
    told: list[Changed] = []
    try:
        for change in changes:
            check_change(state, change)
            told.append(state.apply(change))
            made.append(change)
    except BaseException as error:
        for change in reversed(made):
            state.apply(change.inverse())
        if isinstance(error, InputError):
            raise Damaged(str(error)) from None
        raise
    return told


def check_change(state: State, change: Change) -> None:
    """Look whether ``change`` can be made of ``state`` and leads to a state that can be.

    The old values of the pixels are looked at when it is made (:meth:`State.apply`).

    Raises:
        Damaged: it cannot.
    """
    _check_swaps(state, change)
    words = state.vocabulary if change.vocabulary is None else change.vocabulary.new
    values = {0, *words.values}
    gone = not values.issuperset(state.vocabulary.values)
    for name, patch in change.patches.items():
        check_patch(patch, name, state.shape)
    if change.predicts:
        check_classes(words)
        _check_evidence(state, change, words, gone=gone)
    taught = state.evidence.taught if change.taught is None else change.taught.new
    if taught is not None and (change.predicts or change.taught is not None):
        probabilities = change.probabilities
        count = len(state.evidence.probabilities if probabilities is None else probabilities.new)
        check_taught(taught, count, words)
    pins = change.patches.get("pins")
    if pins is not None and not _all_known(pins.new, words, NOT_PINNED):
        raise Damaged("it paints values that no class has")
    if gone and not _all_known(_after(state.pins, pins), words, NOT_PINNED):
        raise Damaged("it leaves pixels painted as a class that goes")
    regions = change.patches.get("regions")
    if regions is not None and int(regions.new.min()) < 0:
        raise Damaged("it makes regions of negative ids")
    _check_verdicts(state, change, values, gone=gone)
    if change.image is not None:
        for seen in (change.image.old, change.image.new):
            _check_seen(seen, state.shape)


def check_maps(
    regions: NDArray[np.int32],
    prediction: NDArray[np.uint16],
    numbers: NDArray[np.int32],
    probabilities: NDArray[np.float32],
    pins: Patch | None,
    vocabulary: Vocabulary,
) -> None:
    """Look whether the maps of a session can be and belong together.

    Args:
        regions: (H, W) ids.
        prediction: (H, W) label values.
        numbers: (H, W) region numbers of the run.
        probabilities: (R, K) of the run's regions.
        pins: what is painted, as a change of a map that is not; ``None``: nothing.
        vocabulary: the K classes.

    Raises:
        Damaged: they do not.
    """
    if not regions.shape == prediction.shape == numbers.shape:
        raise Damaged("its maps are of different sizes")
    check_classes(vocabulary)
    _check_probabilities(probabilities, vocabulary)
    if not regions.size or regions.min() < 0 or numbers.min() < 0:
        raise Damaged("its regions have negative ids")
    if numbers.max() > len(probabilities):
        raise Damaged("it has fewer probabilities than regions")
    if not _all_known(prediction, vocabulary):
        raise Damaged("it predicts values that no class has")
    if pins is not None:
        check_patch(pins, "pins", (regions.shape[0], regions.shape[1]))
        if not _all_known(pins.new, vocabulary):
            raise Damaged("it has painted values that no class has")


def check_taught(taught: Taught | None, regions: int, vocabulary: Vocabulary) -> None:
    """Look whether what a lesson says is of a run's regions and of classes that there are.

    Args:
        taught: what it says; ``None``: nothing.
        regions: of the run.
        vocabulary: the classes.

    Raises:
        Damaged: it is not.
    """
    if taught is None:
        return
    if taught.values.shape != (regions,) or len(taught.probabilities) != regions:
        raise Damaged("what it was taught is of other regions")
    _check_probabilities(taught.probabilities, vocabulary)
    if not 0 <= taught.weight <= 1 or min(taught.verdicts, taught.images) < 0:
        raise Damaged("what it was taught weighs what cannot be")
    if taught.values.dtype != np.int32 or not _all_known(taught.values, vocabulary, NOT_TAUGHT):
        raise Damaged("it was taught values that no class has")


def check_verdicts(state: State) -> None:
    """Look whether all verdicts are on regions that exist, and of classes that there are.

    Raises:
        Damaged: one is not.
    """
    values = {0, *state.vocabulary.values}
    for region_id, verdict in state.verdicts.items():
        if region_id not in state.rows:
            raise Damaged(f"it has a verdict on region {region_id}, which cannot be")
        _check_verdict(region_id, verdict, values)


def check_patch(patch: Patch, name: str, shape: tuple[int, int] | None = None) -> None:
    """Look whether the runs of a patch lie in its box one after another, and the box in the map.

    Args:
        patch: of a map.
        name: of the map.
        shape: of the map; ``None``: that is not known yet.

    Raises:
        Damaged: they do not.
    """
    top, left, bottom, right = patch.box
    start, length = patch.start, patch.length
    if not (0 <= top < bottom and 0 <= left < right and len(start)):
        raise Damaged(f"a change of its {name} lies nowhere")
    if shape is not None and (bottom > shape[0] or right > shape[1]):
        raise Damaged(f"a change of its {name} lies outside the map")
    width, pixels = right - left, (bottom - top) * (right - left)
    if not len(start) == len(length) == len(patch.old) == len(patch.new):
        raise Damaged(f"a change of its {name} has runs without values")
    # Each number by itself first: sums of such as cannot be may overflow, and look as if they could.
    outside = start.min() < 0 or start.max() >= pixels or length.min() < 1 or length.max() > width
    if outside or (start % width + length > width).any():
        raise Damaged(f"a change of its {name} has runs outside its box")
    if (start[1:] < (start + length)[:-1]).any():
        raise Damaged(f"a change of its {name} has runs that overlap")


def check_classes(vocabulary: Vocabulary) -> None:
    """Look whether there are not more classes than regions can be counted by.

    Raises:
        Damaged: there are.
    """
    if len(vocabulary) > MOST_CLASSES:
        raise Damaged(f"it has {len(vocabulary)} classes, more than {MOST_CLASSES}")


def _check_swaps(state: State, change: Change) -> None:
    """Look whether what is to be changed is there."""
    stale = [
        region_id
        for region_id, swap in change.votings.items()
        if swap.old != state.votings.get(region_id)
    ]
    stale += [
        region_id
        for region_id, swap in change.verdicts.items()
        if swap.old != state.verdicts.get(region_id)
    ]
    if stale:
        raise Damaged(f"it was made when region {stale[0]} was decided otherwise")
    if change.voting is not None and change.voting.old != state.voting:
        raise Damaged("it was made when regions voted otherwise")
    if change.vocabulary is not None and change.vocabulary.old != state.vocabulary:
        raise Damaged("it was made of other classes")
    if change.taught is not None:
        before, known = change.taught.old, state.evidence.taught
        if before is not known and (before is None or not before.same(known)):
            raise Damaged("it was made when something else was taught")
    former = state.evidence.probabilities
    if (
        change.probabilities is not None
        and change.probabilities.old is not former
        and not np.array_equal(change.probabilities.old, former)
    ):
        raise Damaged("it was made of other probabilities")


def _check_evidence(state: State, change: Change, words: Vocabulary, *, gone: bool) -> None:
    """Look whether prediction, numbers and probabilities fit each other and the classes."""
    evidence = state.evidence
    if change.probabilities is not None:
        _check_probabilities(change.probabilities.new, words)
    elif words.values != state.vocabulary.values:
        raise Damaged("it has other classes and not their probabilities")
    prediction = change.patches.get("prediction")
    if prediction is not None and not _all_known(prediction.new, words):
        raise Damaged("it predicts values that no class has")
    if gone and not _all_known(_after(evidence.prediction, prediction), words):
        raise Damaged("it goes on predicting a class that goes")
    former = len(evidence.probabilities)
    count = former if change.probabilities is None else len(change.probabilities.new)
    numbers = change.patches.get("numbers")
    if numbers is not None and not 0 <= int(numbers.new.min()) <= int(numbers.new.max()) <= count:
        raise Damaged("its numbers of regions have no probabilities")
    if count < former and int(_after(evidence.numbers, numbers).max()) > count:
        raise Damaged("it leaves regions without probabilities")


def _check_verdicts(state: State, change: Change, values: set[int], *, gone: bool) -> None:
    """Look whether all verdicts are, after the change, on regions that exist and of known classes."""
    for region_id, swap in change.verdicts.items():
        if swap.new is not None:
            _check_verdict(region_id, swap.new, values)
    if gone:
        for region_id, verdict in state.verdicts.items():
            if region_id not in change.verdicts:
                _check_verdict(region_id, verdict, values)
    areas = _areas(state, change)
    for region_id, swap in change.verdicts.items():
        exists = areas.get(region_id, 1 if region_id in state.rows else 0) > 0
        if swap.new is not None and not exists:
            raise Damaged(f"it decides on region {region_id}, which there is none of")
    for region_id in areas.keys() & state.verdicts.keys():
        if areas[region_id] < 1 and region_id not in change.verdicts:
            raise Damaged(f"it leaves a verdict on region {region_id}, which goes")
    for region_id in change.votings:
        if not 0 < region_id <= MAX_ID:
            raise Damaged(f"it lets region {region_id} vote, which cannot be")


def _areas(state: State, change: Change) -> dict[int, int]:
    """Return how many pixels the regions have after a change that win or lose some by it."""
    patch = change.patches.get("regions")
    if patch is None or not (state.verdicts or change.verdicts):
        return {}
    ids, at = np.unique(np.concatenate([patch.new, patch.old]), return_inverse=True)
    pixels = np.concatenate([patch.length, -patch.length])
    moved = np.bincount(at.reshape(-1), pixels, len(ids)).astype(np.int64).tolist()
    rows = state.rows
    return {
        region_id: by + (rows[region_id].area if region_id in rows else 0)
        for region_id, by in zip(ids.tolist(), moved, strict=True)
        if region_id
    }


def _check_verdict(region: int, verdict: Verdict, values: set[int]) -> None:
    if verdict.value not in values:
        raise Damaged(f"it has a verdict on region {region} of no class, {verdict.value}")


def _check_probabilities(probabilities: NDArray[np.float32], words: Vocabulary) -> None:
    if probabilities.ndim != 2 or probabilities.dtype != np.float32:
        raise Damaged("its probabilities are no table of float32")
    if probabilities.shape[1] != len(words) or not are_probabilities(probabilities):
        raise Damaged("its probabilities are not those of its classes")


def _check_seen(seen: Seen, shape: tuple[int, int]) -> None:
    if _DIGEST.fullmatch(seen.digest) is None:
        raise Damaged("the checksum of its image is none")
    pixels = seen.pixels
    if pixels is not None and (pixels.dtype != np.uint8 or pixels.shape != (*shape, 3)):
        raise Damaged("its image is of another size")


def _all_known(values: NDArray[np.integer], words: Vocabulary, lowest: int = 0) -> bool:
    """Whether all ``values`` are 0, a class's, or ``lowest``."""
    known = np.zeros(1 << 16, bool)
    known[[0, *words.values]] = True
    known = np.concatenate([np.ones(-lowest, bool), known])
    if not values.size:
        return True
    inside = values.min() >= lowest and values.max() < len(known) + lowest
    return bool(inside and known[values - lowest].all())


def _after(array: NDArray[np.integer], patch: Patch | None) -> NDArray[np.integer]:
    """Return a map as it is after ``patch``, of which only the new values are looked at."""
    if patch is None:
        return array
    after = array.copy()
    try:
        patch.apply(after)
    except InputError as error:
        raise Damaged(str(error)) from None
    return after
