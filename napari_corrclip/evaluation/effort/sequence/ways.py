"""The ways of correcting a set that are compared."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from napari_corrclip.evaluation.effort.simulation.lesson import Way

UNTAUGHT: Final = Way("untaught", "untaught", "off", 10, 10)
UNTAUGHT_5: Final = Way("untaught-5", "untaught, the queue refreshed as with a lesson", "off", 5, 3)
ON: Final = Way("on", "on")
ASK: Final = Way("ask", "ask", "ask")
SHUFFLED: Final = Way("shuffled", "on, features shuffled", shuffled=True)
WRONG: Final = Way("wrong", "on, 5 % of the verdicts told wrongly", wrong=0.05)

TOOLS: Final = ("spread", "box", "sweep", "split")
UNTAUGHT_TOOLS: Final = replace(
    UNTAUGHT, name="untaught+tools", title="untaught, all tools", tools=TOOLS
)
ON_TOOLS: Final = replace(ON, name="on+tools", title="on, all tools", tools=TOOLS)

BASES: Final = {ON_TOOLS.name: UNTAUGHT_TOOLS.name}
"""What a way is compared with, where that is not ``untaught``."""

STANDARD: Final = (UNTAUGHT, ON, ASK)
VARIANTS: Final = (UNTAUGHT_5, SHUFFLED, WRONG, UNTAUGHT_TOOLS, ON_TOOLS)

ABOVE: Final = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98)
"""Probabilities above which the rest is accepted, for few regions."""


def sparing(way: Way, above: float) -> Way:
    """Return a way in which the rest is accepted once nothing is less sure than ``above``."""
    return replace(way, name=f"{way.name}-{above:g}", rest_above=above)
