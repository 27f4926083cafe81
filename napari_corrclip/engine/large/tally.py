"""The counts of each region: in a block, and added up over all blocks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_corrclip.maps.votes import means


@dataclass(frozen=True)
class Tally:
    """Votes, probabilities and places of regions in some part of an image.

    Attributes:
        ids: (R,) int64, ascending, without 0.
        votes: (R, 1 + K) int64 pixels by class before map correction; column 0 = no class.
        sums: (R, K) float64, each class's probability added up over the region's pixels.
        boxes: (R, 4) int32 min_row, min_col, max_row, max_col, maxima excluded.
    """

    ids: NDArray[np.int64]
    votes: NDArray[np.int64]
    sums: NDArray[np.float64]
    boxes: NDArray[np.int32]

    @classmethod
    def empty(cls, classes: int) -> Tally:
        """Of no region."""
        return cls(
            np.zeros(0, np.int64),
            np.zeros((0, 1 + classes), np.int64),
            np.zeros((0, classes)),
            np.zeros((0, 4), np.int32),
        )

    @property
    def probabilities(self) -> NDArray[np.float32]:
        """(R, K) mean probability of each class in each region."""
        return means(self.sums, self.votes)


def total(tallies: Sequence[Tally]) -> Tally:
    """Add up; the order of the parts changes nothing but the sums' last digits.

    Args:
        tallies: at least one, all of as many classes.
    """
    ids = np.concatenate([tally.ids for tally in tallies])
    order = np.argsort(ids, kind="stable")
    ids = ids[order]
    if not len(ids):
        return tallies[0]
    starts = np.flatnonzero(np.concatenate([[True], ids[1:] != ids[:-1]]))
    boxes = np.concatenate([tally.boxes for tally in tallies])[order]
    return Tally(
        ids[starts],
        np.add.reduceat(np.concatenate([tally.votes for tally in tallies])[order], starts),
        np.add.reduceat(np.concatenate([tally.sums for tally in tallies])[order], starts),
        np.concatenate(
            [
                np.minimum.reduceat(boxes[:, :2], starts),
                np.maximum.reduceat(boxes[:, 2:], starts),
            ],
            axis=1,
        ),
    )


class Count:
    """A running total; memory is that of regions x classes.

    Args:
        classes: how many classes K.
    """

    def __init__(self, classes: int) -> None:
        self._total = Tally.empty(classes)
        self._new: list[Tally] = []
        self._rows = 0

    def add(self, tally: Tally) -> None:
        """Count in what was found in one more part of the image."""
        self._new.append(tally)
        self._rows += len(tally.ids)
        # so that each row is added up a few times and not once a block
        if self._rows > 4096 + len(self._total.ids):
            self.total()

    def total(self) -> Tally:
        """Return what was counted so far."""
        self._total = total([self._total, *self._new])
        self._new, self._rows = [], 0
        return self._total
