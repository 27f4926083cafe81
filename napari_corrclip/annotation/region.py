"""A region as a person judges it, and what they said about it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from napari_corrclip.images.boxes import Box
from napari_corrclip.maps import table as tables
from napari_corrclip.maps.votes import winners
from napari_corrclip.vocabulary import Vocabulary

if TYPE_CHECKING:
    import pandas as pd

Kind = Literal["assigned", "accepted", "ignored"]
"""What a person said of a region: its class, that the predicted one is right, or leave it out."""
KINDS: tuple[Kind, ...] = get_args(Kind)

Voting = Literal["majority", "mean", "pixels"]
"""What an undecided region shows: its pixels' most frequent class (eq. 12 of the paper), the class of
the highest mean probability, or each pixel its own class (map correction switched off)."""
VOTINGS: tuple[Voting, ...] = get_args(Voting)


@dataclass(frozen=True, slots=True)
class Verdict:
    """A person's decision on a region.

    Attributes:
        kind: ``assigned``, ``accepted`` or ``ignored``.
        value: the label value that the region has by it; 0 where ignored.
        looked: whether the person saw this very region, and not a whole group of them at once; what
            was accepted unseen says nothing about its neighbours.
        given: the label value that the person gave, where that class became another one of a set since; 0:
            it is ``value`` still.
    """

    kind: Kind
    value: int
    looked: bool = True
    given: int = 0

    @property
    def said(self) -> int:
        """The label value that the person gave, whatever that class became."""
        return self.given or self.value

    def agrees(self, other: Verdict) -> bool:
        """Whether another decision says the same; of a class that others became it agrees with those, too."""
        return replace(self, given=0) == replace(other, given=0)

    def become(self, value: int) -> Verdict:
        """Return the same decision, of which the class that was given is another one now, or itself again."""
        return replace(self, value=value, given=0 if value == self.said else self.said)


@dataclass(frozen=True, slots=True, eq=False)
class Region:
    """One region: what was predicted in it and what the person said. All of it follows from the maps
    and decisions of the session; it is recomputed where they change.

    Attributes:
        id: as in the region map.
        box: (min_row, min_col, max_row, max_col), maxima excluded.
        area: pixels.
        votes: (1 + K,) int64, pixels by predicted class, in the vocabulary's order; the first counts
            those without a class.
        sources: (n,) indices and (n,) pixels: where its probabilities come from; see
            :class:`~napari_corrclip.annotation.counting.Ballots`.
        probabilities: (K,) float32 mean probability of each class.
        values: (K,) the classes' label values.
        voting: how its pixels elect its class.
        predicted: the label value that they elect; 0 = none.
        verdict: the person's decision; ``None`` = undecided.
    """  # noqa: D205

    id: int
    box: Box
    area: int
    votes: NDArray[np.int64]
    sources: tuple[NDArray[np.integer], NDArray[np.integer]]
    probabilities: NDArray[np.float32]
    values: tuple[int, ...] = field(repr=False)
    voting: Voting
    predicted: int
    verdict: Verdict | None = None

    @property
    def value(self) -> int:
        """The label value of the region: by verdict, else as predicted; 0 = unlabelled."""
        return self.predicted if self.verdict is None else self.verdict.value

    @property
    def class_index(self) -> int:
        """The index in the vocabulary of the class that the region shows; -1 = it shows none."""
        verdict = self.verdict
        try:
            return self.values.index(self.predicted if verdict is None else verdict.value)
        except ValueError:
            return -1

    @property
    def confidence(self) -> float:
        """Mean probability of the class that the region shows, or of the likeliest if it shows none."""
        index = self.class_index
        return float(self.probabilities.max() if index < 0 else self.probabilities[index])

    @property
    def margin(self) -> float:
        """Highest minus second highest mean probability; the highest where there is one class."""
        two = np.sort(self.probabilities)[-2:]
        return float(two[-1] - (two[0] if len(two) > 1 else 0))


def elect(
    votes: NDArray[np.int64],
    probabilities: NDArray[np.floating],
    voting: NDArray[np.bool_],
    values: NDArray[np.int64],
) -> NDArray[np.int64]:
    """Return the label values that regions elect.

    Args:
        votes: (R, 1 + K) pixels by class, the first column without one.
        probabilities: (R, K) mean probabilities.
        voting: (R,) True: by mean probability; else by the most frequent class, the first of equals
            (eq. 12).
        values: (1 + K,) label values of the columns, 0 first.
    """
    chosen = np.where(voting, probabilities.argmax(axis=1), winners(votes))
    elected: NDArray[np.int64] = values[chosen + 1]
    return elected


def region_frame(rows: list[Region], vocabulary: Vocabulary) -> pd.DataFrame:
    """Return the table of :attr:`Session.table` for some regions."""
    count, classes = len(rows), len(vocabulary)
    frame = tables.frame(
        np.array([row.id for row in rows], np.int64),
        np.array([row.box for row in rows], np.int32).reshape(count, 4),
        np.array([row.votes for row in rows], np.int64).reshape(count, 1 + classes),
        np.array([row.probabilities for row in rows], np.float32).reshape(count, classes),
        vocabulary,
        elected=np.array([row.predicted for row in rows], np.int64),
    )
    names = {entry.value: entry.name for entry in vocabulary} | {0: ""}
    frame["state"] = [row.verdict.kind if row.verdict else "" for row in rows]
    frame["label"] = np.array([row.value for row in rows], np.int64)
    frame["label_class"] = [names[row.value] for row in rows]
    return frame
