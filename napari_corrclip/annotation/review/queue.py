"""The review queue: which region a person should look at next."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from napari_corrclip.annotation.region import Region
from napari_corrclip.annotation.review.orders import ORDERS, Order
from napari_corrclip.annotation.session import Session
from napari_corrclip.errors import InputError
from napari_corrclip.maps.votes import runners_up

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
    """The regions that are still undecided.

    Attributes:
        regions: how many.
        share: of the image's pixels, 0 to 1.
    """

    regions: int
    share: float


class Queue:
    """An iterator over the undecided regions, those first that are most worth a look.

    The order is computed at a refresh and stays from then on, so that nothing jumps about while a
    person works: it is refreshed by hand or after every ``refresh_every`` looks. Decided regions are
    passed over; regions under 0.02 % of the image come last, as one :class:`SmallGroup`. A region that
    was looked at and left undecided comes again at the end, when all others had their turn; with them
    come those that a split made since the last refresh. Threads may share it, as they may the session.

    Args:
        session: what is reviewed.
        order: a name of :data:`ORDERS`, or a function of one's own. The default needs the fewest looks
            of those that were measured (docs/effort.md).
        refresh_every: looks between two refreshes; 0: only by hand.
        small: share of the image below which a region waits in the group.

    Raises:
        InputError: there is no such order, it scores not every region, or a number is out of range.
    """

    def __init__(
        self,
        session: Session,
        order: str | Order = "adaptive",
        *,
        refresh_every: int = 10,
        small: float = SMALL,
    ) -> None:
        if order not in ORDERS if isinstance(order, str) else not callable(order):
            raise InputError(f"There is no order {order!r}; choose one of {', '.join(ORDERS)}.")
        whole = isinstance(refresh_every, int) and not isinstance(refresh_every, bool)
        if not whole or refresh_every < 0:
            raise InputError(
                f"The queue cannot be refreshed every {refresh_every!r} looks; give 0 or more."
            )
        if not isinstance(small, int | float) or not 0 <= small < 1:
            raise InputError(f"The share of small regions is {small!r}; give a number from 0 to 1.")
        self.session = session
        self.order = order
        self.refresh_every = refresh_every
        self.small = small
        self._least = small * session.shape[0] * session.shape[1]
        self._trail: list[int] = []
        self.refresh()

    def refresh(self) -> None:
        """Order the undecided regions anew and begin with the first, whatever was passed by."""
        with self.session.locked():
            self._shown = Counter[int]()
            self._rank()

    def reorder(self) -> None:
        """Order the undecided regions anew, as after every ``refresh_every`` looks."""
        with self.session.locked():
            self._rank()

    def _rank(self) -> None:
        """Order the undecided regions anew, those first that were shown the fewest times."""
        rows = [row for row in self.session.rows() if self._waits(row)]
        score = ORDERS[self.order] if isinstance(self.order, str) else self.order
        scores = np.asarray(score(self.session, rows) if rows else (), np.float64)
        if scores.shape != (len(rows),):
            raise InputError(
                f"The order gave scores of shape {scores.shape} for {len(rows)} regions; return one "
                "number for each."
            )
        ids = np.array([row.id for row in rows], np.int64)
        shown = np.array([self._shown[row.id] for row in rows], np.int64)
        self._ids: list[int] = ids[np.lexsort((ids, -scores, shown))].tolist()
        self._at = 0
        self._looks = 0

    def bring(self, regions: Iterable[int]) -> None:
        """Let regions come next, in the order of the queue; those that do not wait stay away."""
        with self.session.locked():
            wanted, ahead = frozenset(regions), self._ids[self._at :]
            chosen = [region for region in ahead if region in wanted]
            passed = [region for region in self._ids[: self._at] if region in wanted]
            others = [region for region in ahead if region not in wanted]
            kept = [region for region in self._ids[: self._at] if region not in wanted]
            self._ids, self._at = [*kept, *chosen, *passed, *others], len(kept)

    @property
    def left(self) -> Left:
        """How many regions are undecided, and which share of the image."""
        areas = [row.area for row in self.session.rows() if row.verdict is None]
        return Left(len(areas), sum(areas) / (self.session.shape[0] * self.session.shape[1]))

    def peek(self) -> int | SmallGroup | None:
        """Return what :meth:`next` would, and stay."""
        with self.session.locked():  # else the last region might be decided between two looks at it
            return self._ahead()

    def _ahead(self) -> int | SmallGroup | None:
        if self.refresh_every and self._looks >= self.refresh_every:
            self._rank()
        for region_id in self._ids[self._at :]:
            row = self.session.find(region_id)
            if row is not None and self._waits(row):
                return region_id
        rows = [row for row in self.session.rows() if row.verdict is None]
        if any(self._waits(row) for row in rows):
            self.refresh()
            return self._ids[0]
        if rows:
            return SmallGroup(tuple(row.id for row in rows), sum(row.area for row in rows))
        return None

    def next(self) -> int | SmallGroup | None:
        """Return the region to look at, or the group of the small ones, or ``None`` at the end."""
        with self.session.locked():
            found = self._ahead()
            if isinstance(found, int):
                self._at = self._ids.index(found, self._at) + 1
                self._looks += 1
                self._shown[found] += 1
                self._trail.append(found)
            return found

    def back(self) -> int | None:
        """Return the region that was looked at before the last one, decided or not.

        ``None`` where there was none; regions that exist no more are passed over.
        """
        with self.session.locked():
            while len(self._trail) > 1:
                self._trail.pop()
                if self.session.find(self._trail[-1]) is not None:
                    return self._trail[-1]
        return None

    def runner_up(self, region: int) -> str:
        """Return the name of the likeliest class besides the predicted one; "" if there is none."""
        with self.session.locked():
            row, classes = self.session.region(region), self.session.vocabulary.classes
        predicted = row.values.index(row.predicted) if row.predicted else -1
        second = int(runners_up(row.probabilities[None], np.array([predicted]))[0][0])
        return classes[second].name if second >= 0 else ""

    def _waits(self, row: Region) -> bool:
        """Whether a region is to be looked at by itself."""
        return row.verdict is None and row.area >= self._least
