"""The review queue: which region a person should look at next."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from napari_corrclip.annotation.orders import ORDERS, Order
from napari_corrclip.annotation.session import Session
from napari_corrclip.errors import InputError

__all__ = ["ORDERS", "SMALL", "Left", "Queue", "SmallGroup"]

SMALL = 0.0002
"""Regions below this share of the image wait in one group."""


@dataclass(frozen=True, slots=True)
class SmallGroup:
    """The undecided regions that are too small to be looked at one by one.

    Attributes:
        ids: ascending; accept or absorb them together.
        area: their pixels.
    """

    ids: tuple[int, ...]
    area: int


@dataclass(frozen=True, slots=True)
class Left:
    """What is still undecided.

    Attributes:
        regions: how many.
        share: of the image's pixels, 0 to 1.
    """

    regions: int
    share: float


class Queue:
    """Iterates over the undecided regions, those first that are most worth a look.

    The order is computed at a refresh and stays from then on, so that nothing jumps about while a
    person works: it is refreshed by hand or after every ``refresh_every`` looks. Decided regions are
    passed over; regions under 0.02 % of the image come last, as one :class:`SmallGroup`. A region that
    was passed by undecided comes again at the end.

    Args:
        session: what is reviewed.
        order: a name of :data:`ORDERS`, or a function of one's own.
        refresh_every: looks between two refreshes; 0: only by hand.
        small: share of the image below which a region waits in the group.

    Raises:
        InputError: there is no such order, or a number is out of range.
    """

    def __init__(
        self,
        session: Session,
        order: str | Order = "area-margin",
        *,
        refresh_every: int = 10,
        small: float = SMALL,
    ) -> None:
        if isinstance(order, str) and order not in ORDERS:
            raise InputError(f"There is no order {order!r}; choose one of {', '.join(ORDERS)}.")
        if isinstance(refresh_every, bool) or refresh_every < 0:
            raise InputError(
                f"The queue cannot be refreshed every {refresh_every} looks; give 0 or more."
            )
        if not 0 <= small < 1:
            raise InputError(f"The share of small regions is {small}; give a number from 0 to 1.")
        self.session = session
        self.order = order
        self.refresh_every = refresh_every
        self.small = small
        self.refresh()

    def refresh(self) -> None:
        """Order the undecided regions anew and begin with the first."""
        least = self.small * self.session.shape[0] * self.session.shape[1]
        rows = [row for row in self.session.rows() if row.verdict is None and row.area >= least]
        score = ORDERS[self.order] if isinstance(self.order, str) else self.order
        scores = score(self.session, rows) if rows else np.zeros(0)
        ranked = sorted(zip((-scores).tolist(), (row.id for row in rows), strict=True))
        self._ids = [one for _, one in ranked]
        self._at = 0
        self._looks = 0
        self._trail: list[int] = []

    @property
    def left(self) -> Left:
        """How many regions are undecided, and which share of the image."""
        areas = [row.area for row in self.session.rows() if row.verdict is None]
        return Left(len(areas), sum(areas) / (self.session.shape[0] * self.session.shape[1]))

    def peek(self) -> int | SmallGroup | None:
        """Return what :meth:`next` would, and stay."""
        for one in self._ids[self._at :]:
            if self._open(one):
                return one
        for one in self._ids[: self._at]:
            if self._open(one):
                return one
        return self._new_or_small()

    def next(self) -> int | SmallGroup | None:
        """Return the region to look at, or the group of the small ones, or ``None`` at the end."""
        if self.refresh_every and self._looks >= self.refresh_every:
            trail = self._trail
            self.refresh()
            self._trail = trail
        found = self.peek()
        if isinstance(found, int):
            if found in self._ids:
                self._at = self._ids.index(found) + 1
            self._looks += 1
            self._trail.append(found)
        return found

    def back(self) -> int | None:
        """Return the region that was looked at before the last one, decided or not.

        ``None`` where there was none; regions that exist no more are passed over.
        """
        while len(self._trail) > 1:
            self._trail.pop()
            if self._trail[-1] in self.session.ids:
                return self._trail[-1]
        return None

    def runner_up(self, region: int) -> str:
        """Return the name of the likeliest class besides the predicted one; "" if there is none."""
        row = self.session.region(region)
        ranked = [
            one
            for index in (-row.probabilities).argsort(kind="stable").tolist()
            if (one := self.session.vocabulary.classes[index]).value != row.predicted
        ]
        return ranked[0].name if ranked else ""

    def _open(self, region: int) -> bool:
        row = self.session.find(region)
        return row is not None and row.verdict is None

    def _new_or_small(self) -> int | SmallGroup | None:
        """Regions that came after the refresh (a split), then the small ones."""
        least = self.small * self.session.shape[0] * self.session.shape[1]
        rows = [row for row in self.session.rows() if row.verdict is None]
        large = [row for row in rows if row.area >= least]
        if large:
            return max(large, key=lambda row: (row.area, -row.id)).id
        if rows:
            return SmallGroup(tuple(row.id for row in rows), sum(row.area for row in rows))
        return None
