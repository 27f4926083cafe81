"""Orders that need more than the session knows (the bound), or that were tried beside its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_corrclip.evaluation.effort.cases.case import Case
from napari_corrclip.evaluation.effort.simulation.region_truth import case_counts, gains

if TYPE_CHECKING:
    from napari_corrclip.annotation import Region, Session

Order = Callable[["Session", "list[Region]"], NDArray[np.floating]]
"""(session, R regions) -> (R,) scores; the highest is looked at first."""

OrderFor = Callable[[Case, "Session"], Order]
"""Makes an order for one run on one image."""


def oracle(case: Case, _session: Session) -> Order:
    """Return the order of who knows the truth: most pixels to gain first.

    It is the bound for one region at a time: no order reaches an accuracy in fewer looks.
    """
    counts, ids = case_counts(case)
    gained = dict(zip(ids.tolist(), gains(case, counts).tolist(), strict=True))

    def order(_session: Session, rows: list[Region]) -> NDArray[np.float64]:
        return np.array([gained.get(row.id, 0.0) for row in rows], np.float64)

    return order


@dataclass(frozen=True)
class Factors:
    """Area x (1 - margin), times a factor for every neighbour of the same prediction looked at.

    With the session's own factors it is the order ``adaptive``.

    Attributes:
        wrong: the factor where the neighbour's prediction was wrong.
        right: where it was right.
    """

    wrong: float
    right: float

    def __call__(self, _case: Case, session: Session) -> Order:
        """Return the order for one run."""
        looks = _Looks(session)

        def order(_session: Session, rows: list[Region]) -> NDArray[np.float64]:
            looked, wrong, at = looks.read(rows)
            a, b = looks.edges
            known = looked[b]
            factors = np.zeros(len(looked))
            each = np.where(wrong[b], np.log(self.wrong), np.log(self.right))
            np.add.at(factors, a[known], each[known])
            return looks.areas[at] * looks.doubt[at] * np.exp(factors[at])

        return order


@dataclass(frozen=True)
class ExpectedError:
    """Area by the share of wrong predictions that is expected of a region.

    The expectation begins with 1 - margin and moves with every look at a region of the same
    prediction, by its weight: neighbours count, and so do regions that look alike wherever they lie.

        area^power x (prior (1 - margin) + sum of the weights of wrong ones)
                     / (prior + sum of all weights)

    Attributes:
        prior: weight of what the networks say.
        neighbour: weight of a look at a neighbour.
        alike: weight of a look at a region that looks the same.
        width: squared distance of descriptors (of unit length) at which that has fallen to 1/e.
        power: of the area. Below 1 large regions have to be in more doubt to come first.
    """

    prior: float = 1.0
    neighbour: float = 1.0
    alike: float = 0.5
    width: float = 0.04
    power: float = 0.85

    def __call__(self, _case: Case, session: Session) -> Order:
        """Return the order for one run."""
        looks = _Looks(session)

        def order(_session: Session, rows: list[Region]) -> NDArray[np.float64]:
            looked, wrong, at = looks.read(rows)
            a, b = looks.edges
            known = looked[b]
            weight = np.zeros(len(looked))
            against = np.zeros(len(looked))
            np.add.at(weight, a[known], self.neighbour)
            np.add.at(against, a[known], self.neighbour * wrong[b[known]])
            if self.alike:
                near = looks.likeness(at, np.flatnonzero(looked), self.width)
                weight[at] += self.alike * near.sum(axis=1)
                against[at] += self.alike * (near @ wrong[looked])
            expected = (self.prior * looks.doubt + against) / (self.prior + weight)
            return looks.areas[at] ** self.power * expected[at]

        return order


class _Looks:
    """The looks of one run as arrays: in a run regions keep their shape and prediction."""

    def __init__(self, session: Session) -> None:
        every = session.rows()
        self.session = session
        self.ids = [row.id for row in every]
        self.index = {row.id: at for at, row in enumerate(every)}
        self.predicted = np.array([row.predicted for row in every], np.int64)
        self.areas = np.array([row.area for row in every], np.float64)
        self.doubt = 1 - np.array([row.margin for row in every], np.float64)
        pairs = [
            (self.index[row.id], self.index[region])
            for row in every
            for region in session.neighbours(row.id)
        ]
        edges = np.array(pairs, np.int64).reshape(-1, 2).T
        self.edges = edges[:, self.predicted[edges[0]] == self.predicted[edges[1]]]

    @cached_property
    def descriptors(self) -> NDArray[np.float32]:
        """(R, D) of unit length, what each region looks like."""
        return self.session.descriptors(self.session.rows())

    def read(
        self, rows: list[Region]
    ) -> tuple[NDArray[np.bool_], NDArray[np.bool_], NDArray[np.int64]]:
        """Return which regions were looked at, which of those were wrong, and where ``rows`` are."""
        every = [self.session.find(region) for region in self.ids]
        verdicts = [None if row is None else row.verdict for row in every]
        said = [v if v is not None and v.looked and v.kind != "ignored" else None for v in verdicts]
        looked = np.array([v is not None for v in said], np.bool_)
        values = np.array([0 if v is None else v.value for v in said], np.int64)
        at = np.array([self.index[row.id] for row in rows], np.int64)
        return looked, looked & (values != self.predicted), at

    def likeness(
        self, rows: NDArray[np.int64], others: NDArray[np.int64], width: float
    ) -> NDArray[np.float64]:
        """Return (rows, others): 1 for regions that look the same, 0 for another prediction."""
        cosines = self.descriptors[rows] @ self.descriptors[others].T
        near = np.exp((2 * cosines - 2) / width)
        same = self.predicted[rows][:, None] == self.predicted[others]
        return np.asarray(near * same, np.float64)
