"""The steps of a session's history as the calls that make them.

Nothing here guesses: a call is written where planning it on the state before gives exactly the recorded
change. A step that no call makes (several merges in one, a verdict carried over from an earlier run) is
written as it was recorded, packed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from napari_corrclip.annotation.change import Change, Map, Plan, Step, Swap
from napari_corrclip.annotation.edits import merging, painting, predictions, splitting, verdicts
from napari_corrclip.annotation.evidence import Taught
from napari_corrclip.annotation.region import Verdict
from napari_corrclip.annotation.runs import Patch
from napari_corrclip.annotation.state import NOT_PINNED, State
from napari_corrclip.errors import InputError
from napari_corrclip.scripting.packed import pack, pack_mask
from napari_corrclip.scripting.words import vocabulary_calls
from napari_corrclip.wording.visible import visible

_ABOVE = re.compile(r"above ([0-9]{1,4}(?:\.[0-9]{1,20})?(?:e-?[0-9]{1,2})?)\Z", re.ASCII)
"""The bound in a title; titles in files are anybody's."""


@dataclass(frozen=True, slots=True)
class Call:
    """A method of the session with its arguments, and how it is planned."""

    text: str
    plan: Callable[[], Plan]

    def makes(self, change: Change) -> bool:
        """Whether it does exactly what was recorded."""
        try:
            return same_change(self.plan().change, change)
        except InputError:
            return False


def effective(steps: Iterable[Step]) -> list[Step]:
    """Return what is left of steps when those that were taken back are left out with their inverse."""
    left: list[Step] = []
    for step in steps:
        if left and _cancels(left[-1], step):
            left.pop()
        else:
            left.append(step)
    return left


def lines_of(state: State, step: Step) -> Iterator[str]:
    """Yield the calls that make ``step``, and make it in ``state``."""
    for change in step.changes:
        if change.predicts and change.vocabulary is None:
            state.apply(change)  # the better look at words that were just taken comes by itself
            continue
        yield from _lines(state, change, step.title)


def _lines(state: State, change: Change, title: str) -> Iterator[str]:
    found = _first(_calls(state, change, title), change)
    if found is not None:
        state.apply(change)
        yield found
        return
    parts = list(parted(change))
    if len(parts) > 1:
        for part in parts:
            yield from _lines(state, part, title)
        return
    state.apply(change)
    yield f"repeat(session, '{pack(Step(title, (change,)))}')  # {visible(title)}"


def _first(calls: Iterable[Call], change: Change) -> str | None:
    return next((f"session.{call.text}" for call in calls if call.makes(change)), None)


def parted(change: Change) -> Iterator[Change]:
    """Yield a change of decisions alone in parts: one for each verdict, voting and painted class.

    They speak of different data, so that making them one after another is making them at once. Any other
    change is yielded as it is.
    """
    if change.predicts or change.taught is not None or "regions" in change.patches:
        yield change
        return
    said: dict[Verdict | None, dict[int, Swap[Verdict | None]]] = {}
    for region, swap in change.verdicts.items():
        said.setdefault(swap.new, {})[region] = swap
    for some in said.values():
        yield Change(verdicts=some)
    for voting in {swap.new for swap in change.votings.values()}:
        yield Change(
            votings={region: swap for region, swap in change.votings.items() if swap.new == voting}
        )
    pins = change.patches.get("pins")
    if pins is not None:
        for value in np.unique(pins.new):
            runs = pins.new == value
            patch = Patch(
                pins.box, pins.start[runs], pins.length[runs], pins.old[runs], pins.new[runs]
            )
            yield Change({"pins": patch})


# -- calls that might have made a change


def _calls(state: State, change: Change, title: str) -> Iterator[Call]:
    if change.vocabulary is not None:
        yield from _vocabulary(state, change)
    elif "regions" in change.patches:
        yield from _shapes(state, change, title)
    elif change.votings:
        yield from _votings(state, change)
    elif change.verdicts:
        yield from _verdicts(state, change, title)
    elif "pins" in change.patches:
        yield from _paints(state, change.patches["pins"])


def _verdicts(state: State, change: Change, title: str) -> Iterator[Call]:
    said = {swap.new for swap in change.verdicts.values()}
    kinds = {None if verdict is None else (verdict.kind, verdict.value) for verdict in said}
    ids = list(change.verdicts)
    accepted = all(verdict is not None and verdict.kind == "accepted" for verdict in said)
    if accepted:
        above = _ABOVE.search(title)
        if above is not None:
            bound = float(above[1])
            yield Call(f"accept_above({bound!r})", lambda: verdicts.accept_above(state, bound))
        yield Call(f"accept({_ids(ids)})", lambda: verdicts.accept(state, ids))
    if len(kinds) > 1:
        return
    (kind,) = kinds
    if kind is None:
        yield Call(f"clear({_ids(ids)})", lambda: verdicts.clear(state, ids))
    elif kind[0] == "ignored":
        yield Call(f"ignore({_ids(ids)})", lambda: verdicts.ignore(state, ids))
    elif kind[0] == "assigned":
        value = kind[1]
        name = _name(state, value)
        yield Call(f"assign({_ids(ids)}, {name})", lambda: verdicts.assign(state, ids, value))
        seen = [
            region
            for region, swap in change.verdicts.items()
            if swap.new is not None and swap.new.looked
        ]
        # Where the start shows that class already it does not change itself.
        for region in seen or ids[:1]:
            yield Call(f"spread({region}, {name})", partial(verdicts.spread, state, region, value))


def _votings(state: State, change: Change) -> Iterator[Call]:
    ways = {swap.new for swap in change.votings.values()}
    if len(ways) > 1:
        return
    (way,) = ways
    by = state.voting if way is None else way
    ids = sorted({*change.votings, *change.verdicts})
    asked: list[tuple[verdicts.Which, str]] = [
        ("undecided", "'undecided'"), ("all", "'all'"), (ids, _ids(ids)),
    ]  # fmt: skip
    for which, text in asked:
        for overrule in (False, True):
            told = ", overrule=True" if overrule else ""
            yield Call(
                f"revote({text}, {by!r}{told})",
                partial(verdicts.revote, state, which, by, overrule=overrule),
            )


def _paints(state: State, patch: Patch) -> Iterator[Call]:
    values = np.unique(patch.new)
    if len(values) > 1:
        return
    value = int(values[0])
    which = None if value == NOT_PINNED else value
    pixels = _pixels(state, patch, patch.new == value)
    said = "None" if which is None else _name(state, value)
    yield Call(
        f"paint(mask('{pack_mask(pixels)}'), {said})",
        lambda: painting.paint(state, pixels, which),
    )


def _shapes(state: State, change: Change, title: str) -> Iterator[Call]:
    patch = change.patches["regions"]
    old, new = (np.unique(ids).tolist() for ids in (patch.old, patch.new))
    lost = [
        region
        for region in old
        if region and _area(patch, patch.old == region) == state.rows[region].area
    ]
    unknown = [region for region in new if region and region not in state.rows]
    if len(new) == 1 and lost == old and not unknown and new != [0]:
        yield Call(f"merge({_ids([*new, *lost])})", lambda: merging.merge(state, [*new, *lost]))
    if lost == old and not unknown:
        yield Call(f"absorb({_ids(lost)})", lambda: merging.absorb(state, lost))
    if len(old) == 1 and unknown == new:
        (one,) = old
        if one:
            yield Call(f"split({one})", lambda: splitting.split(state, one))
        if len(new) == 1:
            cut = _pixels(state, patch, patch.new == new[0])
            text = f"mask('{pack_mask(cut)}')"
            if one:
                yield Call(
                    f"split_mask({one}, {text})", lambda: splitting.split_mask(state, one, cut)
                )
    if len(new) == 1:
        pixels = _pixels(state, patch, patch.new == new[0])
        target = None if unknown else new[0]
        yield Call(
            f"paint_regions(mask('{pack_mask(pixels)}'), {target})",
            lambda: painting.paint_regions(state, pixels, target),
        )


def _vocabulary(state: State, change: Change) -> Iterator[Call]:
    """Calls whose decisions are those recorded; what is predicted is the networks' in either case."""
    swap = change.vocabulary
    assert swap is not None
    old, words = swap.old, swap.new
    reassign = _reassigned(change)
    told = f", reassign={reassign!r}" if reassign else ""
    # Looked for by no network: by choice, or because there was none.
    bare = predictions.change_vocabulary(state, words, None, reassign).change
    if same_change(bare, change) and not words.finds_the_same(old):
        told += ", classify=False"
    # What else is predicted is the networks' doing, in the script as it was here.
    patches: dict[Map, Patch] = {
        name: patch for name, patch in change.patches.items() if name != "pins"
    }
    if "pins" in bare.patches:
        patches["pins"] = bare.patches["pins"]
    again = replace(change, patches=patches, verdicts=bare.verdicts)
    for text in vocabulary_calls(old, words):
        yield Call(f"set_vocabulary({text}{told})", lambda: Plan("", again))


def _reassigned(change: Change) -> dict[str | int, str | int | None]:
    """Return what became of the decisions of classes that went."""
    assert change.vocabulary is not None
    old, new = change.vocabulary.old, change.vocabulary.new
    became: dict[int, int | None] = {}
    for swap in change.verdicts.values():
        if swap.old is not None and swap.old.value not in new.values:
            became[swap.old.value] = None if swap.new is None else swap.new.value
    pins = change.patches.get("pins")
    if pins is not None:
        for before, after in {*zip(pins.old.tolist(), pins.new.tolist(), strict=True)}:
            became[before] = None if after == NOT_PINNED else after
    return {
        old.by_value(before).name: None if after is None else new.by_value(after).name
        for before, after in sorted(became.items())
        if before in old.values
    }


# -- arguments, and whether two changes are one


def _ids(ids: Sequence[int]) -> str:
    return str(ids[0]) if len(ids) == 1 else str(sorted(ids))


def _name(state: State, value: int) -> str:
    return repr(state.vocabulary.by_value(value).name) if value else "0"


def _area(patch: Patch, runs: NDArray[np.bool_]) -> int:
    return int(patch.length[runs].sum())


def _pixels(state: State, patch: Patch, runs: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return (H, W), the pixels of some runs of a patch."""
    pixels = np.zeros(state.shape, bool)
    some = Patch(patch.box, patch.start[runs], patch.length[runs], patch.old[runs], patch.new[runs])
    pixels.reshape(-1)[some.at(state.shape[1])] = True
    return pixels


def _cancels(first: Step, second: Step) -> bool:
    back = second.inverse().changes
    return len(back) == len(first.changes) and all(
        same_change(a, b) for a, b in zip(first.changes, back, strict=True)
    )


def same_change(one: Change, other: Change) -> bool:
    """Whether two changes do the same to the same state; the engine is not looked at."""
    if one is other:
        return True
    if one.verdicts != other.verdicts or one.votings != other.votings:
        return False
    if one.voting != other.voting:
        return False
    if one.vocabulary != other.vocabulary or one.provenance != other.provenance:
        return False
    if not same_taught(one.taught, other.taught):
        return False
    mine, yours = one.probabilities, other.probabilities
    if (mine is None) != (yours is None):
        return False
    if (
        mine is not None
        and yours is not None
        and mine is not yours
        and not (np.array_equal(mine.old, yours.old) and np.array_equal(mine.new, yours.new))
    ):
        return False
    return one.patches.keys() == other.patches.keys() and all(
        _same_patch(patch, other.patches[name]) for name, patch in one.patches.items()
    )


def same_taught(one: Swap[Taught | None] | None, other: Swap[Taught | None] | None) -> bool:
    """Whether two changes of what is taught are the same."""
    if one is None or other is None:
        return one is other
    return all(
        mine is yours or (mine is not None and mine.same(yours))
        for mine, yours in ((one.old, other.old), (one.new, other.new))
    )


def _same_patch(one: Patch, other: Patch) -> bool:
    return one is other or (
        one.box == other.box
        and all(
            np.array_equal(getattr(one, name), getattr(other, name))
            for name in ("start", "length", "old", "new")
        )
    )
