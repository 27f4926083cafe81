"""The goals of pre-labels and the queue, as ratios with bounds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from napari_corrclip.evaluation.effort.curves import CEILING, GAP, Measure
from napari_corrclip.evaluation.effort.simulation.arms import ORACLE, UNLABELLED, UNLABELLED_TOOLS
from napari_corrclip.evaluation.effort.study import SetStudy
from napari_corrclip.evaluation.resampling import Interval

LEAST_CEILING = 0.90
"""Regions that can reach less are no fair ground: most of what is wrong lies inside them."""


@dataclass(frozen=True)
class Goal:
    """The bound of what one way of working may take, in parts of another.

    Attributes:
        over: the arm that is judged; ``{}`` stands for the queue's order.
        under: the arm it is compared with.
        target: what both aim at.
        prices: the price table.
        bound: the ratio is to be at most this.
    """

    over: str
    under: str
    target: str
    prices: str
    bound: float

    def ratio(self, study: SetStudy, order: str, measure: Measure = "accuracy") -> Interval:
        """Return the ratio in a study, for one order of the queue."""
        return study.ratio(self.over.format(order), self.under, self.target, measure, self.prices)


GOALS: Final = (
    Goal("{}", UNLABELLED.name, CEILING, "equal", 0.2),
    Goal("{}", UNLABELLED.name, GAP, "equal", 0.25),
    Goal("{}", UNLABELLED.name, CEILING, "one-each", 1 / 3),
    Goal("{}", "area", CEILING, "equal", 0.75),
    Goal("{}", "area", GAP, "equal", 0.75),
    Goal("{}", ORACLE.name, CEILING, "equal", 2.0),
    Goal("{}+tools", UNLABELLED_TOOLS.name, CEILING, "equal", 0.6),
    Goal("{}+tools", UNLABELLED_TOOLS.name, GAP, "equal", 0.6),
    Goal("{}+tools", UNLABELLED_TOOLS.name, CEILING, "one-each", 0.6),
    Goal("{}+tools", UNLABELLED_TOOLS.name, GAP, "one-each", 0.6),
)


def counts_for_goals(study: SetStudy) -> bool:
    """Whether the goals are meant for this set: held pre-labels, regions that can reach 0.90."""
    return study.held and study.ceiling("accuracy").value >= LEAST_CEILING
