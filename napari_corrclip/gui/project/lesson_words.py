"""The sentences of a lesson: what would change by it, what it has foretold, what it learnt from."""

from __future__ import annotations

from collections.abc import Collection

from napari_corrclip.annotation.learning import Lookout
from napari_corrclip.vocabulary import Vocabulary
from napari_corrclip.wording.amounts import count

MOST_PAIRS = 3
"""Changes from one class to another that a sentence tells of."""
NOTHING = "Nothing is learnt yet"
LITTLE = 0.05
"""A lesson that weighs less beside the networks changes next to nothing."""
UNHELPFUL = (
    "It has not helped lately, so that the networks' own opinion is shown nearly unchanged; it counts for "
    "more again when it foretells verdicts better than they do."
)


def name_of(value: int, words: Vocabulary) -> str:
    """Return the name of a label value's class."""
    return words.by_value(value).name if value in words.values else "no class"


def changes(found: Lookout, words: Vocabulary) -> str:
    """Say which classes regions would go from and to: ``14 tree → hedge, 9 sky → water``."""
    told = [
        f"{times:,} {name_of(before, words)} → {name_of(after, words)}"
        for before, after, times in found.pairs[:MOST_PAIRS]
    ]
    return ", ".join(told) + (", …" if len(found.pairs) > MOST_PAIRS else "")


def offer(found: Lookout, words: Vocabulary) -> str:
    """Say what would change: ``23 of 140 regions would change: 14 tree → hedge, …``."""
    many = f"{len(found.regions):,} of {count(found.undecided, 'region')}"
    return f"{many} would change: {changes(found, words)}"


def learnt(found: Lookout, words: Vocabulary) -> str:
    """Say what was changed: ``Learnt: 23 regions, 14 tree → hedge, …``."""
    return f"Learnt: {count(len(found.regions), 'region')}, {changes(found, words)}."


def helps(found: Lookout, weights: Collection[float] = ()) -> bool:
    """Whether a lesson weighs anything worth a word beside the networks.

    Args:
        found: a look at it.
        weights: the lesson's, when an image is opened and within one; without any, that of the look counts.
    """
    return max(found.weight, *weights, 0.0) >= LITTLE


def score(found: Lookout, weights: Collection[float] = ()) -> str:
    """Say in a few words who foretold the last verdicts: ``Foretold 31 of the last 40, networks 22``.

    Args:
        found: a look at the lesson.
        weights: as of :func:`helps`; of one that does not help it is said so.
    """
    foretold = found.foretold
    if not foretold.verdicts:
        return f"{NOTHING}."
    last = (
        f"oretold {foretold.lesson} of the last {foretold.verdicts}, networks {foretold.networks}"
    )
    return f"F{last}" if helps(found, weights) else f"Has not helped lately: f{last}"


def account(found: Lookout, weights: Collection[float] = ()) -> str:
    """Say who foretold the last verdicts, what was learnt from, and how much it counts.

    Args:
        found: a look at the lesson.
        weights: as of :func:`score`.
    """
    foretold = found.foretold
    if not foretold.verdicts:
        return (
            f"{NOTHING}: a lesson learns from the regions that you decide one by one, and says more of the "
            "others the more of its predictions came true."
        )
    last = f"the last {foretold.verdicts} verdicts" if foretold.verdicts > 1 else "the last verdict"
    if foretold.verdicts > 1:
        who = f"The lesson has foretold {foretold.lesson} of {last}, the networks {foretold.networks}."
    else:
        who = f"The lesson {_has(foretold.lesson)} foretold {last}, the networks {_has(foretold.networks)}."
    return (
        f"{who} It has learnt from {count(found.verdicts, 'verdict')} at "
        f"{count(found.images, 'sitting')}, and counts for {round(100 * found.weight)} % beside the networks."
    ) + ("" if helps(found, weights) else f" {UNHELPFUL}")


def _has(times: int) -> str:
    return "has" if times else "has not"
