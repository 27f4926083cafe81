"""The sentences of a lesson: what would change by it, what it has foretold, what it learnt from."""

from __future__ import annotations

from napari_corrclip.annotation.learning import Lookout
from napari_corrclip.vocabulary import Vocabulary
from napari_corrclip.wording.amounts import count

MOST_PAIRS = 3
"""Changes from one class to another that a sentence tells of."""
NOTHING = "Nothing is learnt yet"


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


def score(found: Lookout) -> str:
    """Say in a few words who foretold the last verdicts: ``Foretold 31 of the last 40, networks 22``."""
    foretold = found.foretold
    if not foretold.verdicts:
        return f"{NOTHING}."
    last = foretold.verdicts
    return f"Foretold {foretold.lesson} of the last {last}, networks {foretold.networks}"


def account(found: Lookout) -> str:
    """Say who foretold the last verdicts, what was learnt from, and how much it counts."""
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
    )


def _has(times: int) -> str:
    return "has" if times else "has not"
