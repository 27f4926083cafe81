"""The counts of regions: what their pixels voted for, and where their probabilities come from.

All counts are whole numbers, so that what a region gained and lost pixel by pixel is exactly what it would
be if it were counted anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from napari_corrclip.annotation.evidence import NOT_TAUGHT, Evidence
from napari_corrclip.maps.regions import boxes_of_runs, number_regions
from napari_corrclip.maps.votes import crosstab, means
from napari_corrclip.vocabulary import Vocabulary


@dataclass(frozen=True, eq=False)
class Counts:
    """Pixels of R regions.

    Attributes:
        votes: (R, 1 + K) int64 by predicted class, the first column without one.
        sources: (R, S) sparse int64 by source of probabilities (:meth:`Ballots.sources`).
    """

    votes: NDArray[np.int64]
    sources: sparse.csr_array


@dataclass(frozen=True, eq=False)
class Ballots:
    """The ballots of an image's pixels: by class, and by the source of their probabilities.

    Attributes:
        evidence: what the last run said.
        columns: (65536,) the column of votes of each label value: 0 for none, else 1 + class index.
        probabilities: (S, K) float64 of each source: first the run's regions; then, for pixels that
            were in none of them, one source for each column of votes. Half of such a pixel is its
            class's, and the rest is shared evenly.
    """

    evidence: Evidence
    columns: NDArray[np.int64]
    probabilities: NDArray[np.float64]

    @classmethod
    def of(cls, evidence: Evidence, vocabulary: Vocabulary) -> Ballots:
        """Return how pixels count by ``evidence`` for the classes of ``vocabulary``."""
        classes = len(vocabulary)
        columns = np.zeros(1 << 16, np.int64)
        columns[list(vocabulary.values)] = np.arange(1, classes + 1)
        outside = np.full((1 + classes, classes), 0.5 / classes)
        outside[0] = 1 / classes
        outside[1:] += 0.5 * np.eye(classes)
        return cls(evidence, columns, np.concatenate([evidence.opinions, outside]))

    def sources(self, column: NDArray[np.int64], number: NDArray[np.int32]) -> NDArray[np.int64]:
        """Return the row of ``probabilities`` for pixels of a vote's column and a run's region."""
        return np.where(number > 0, number - 1, len(self.evidence.probabilities) + column)

    def count(
        self,
        owner: NDArray[np.integer],
        at: NDArray[np.integer],
        count: int,
        weight: NDArray[np.int64] | None = None,
    ) -> Counts:
        """Count pixels by their owners.

        Args:
            owner: (n,) 0 to ``count`` - 1.
            at: (n,) where the pixels lie in the flat maps.
            count: how many owners R.
            weight: how many pixels each stands for; ``None``: one.
        """
        column = self.columns[self.evidence.shown.reshape(-1)[at]]
        source = self.sources(column, self.evidence.numbers.reshape(-1)[at])
        sources = len(self.probabilities)
        votes = crosstab(owner, column, (count, 1 + self.probabilities.shape[1]), weight)
        shape = (count, sources)
        if count * sources <= 4 * len(at):
            found = sparse.csr_array(crosstab(owner, source, shape, weight))
        else:
            ones = np.ones(len(at), np.int64) if weight is None else weight
            found = sparse.coo_array((ones, (owner, source)), shape=shape).tocsr()
        return Counts(votes, found)

    def recount(self, sources: Sequence[tuple[NDArray[np.integer], NDArray[np.integer]]]) -> Counts:
        """Return the counts of R regions by what is known of them, without a look at pixels.

        Args:
            sources: of each region the sources of its pixels, and how many there are; a lesson says something
                of every region of the run among them (:meth:`are_taught`).
        """
        lengths = [len(numbers) for numbers, _ in sources]
        owner = np.repeat(np.arange(len(sources)), lengths)
        number = np.concatenate([numbers for numbers, _ in sources])
        pixels = np.concatenate([each for _, each in sources])
        run, taught = len(self.evidence.probabilities), self.evidence.taught
        said = np.zeros(run, np.int32) if taught is None else taught.values
        # Of pixels outside of the run's regions there is one source for each column.
        columns = np.concatenate([self.columns[said], np.arange(len(self.probabilities) - run)])
        votes = np.zeros((len(sources), 1 + self.probabilities.shape[1]), np.int64)
        np.add.at(votes, (owner, columns[number]), pixels)
        begins = np.concatenate([[0], np.cumsum(lengths)])
        shape = (len(sources), len(self.probabilities))
        found = sparse.csr_array((pixels, number, begins), shape=shape)
        found.sort_indices()  # as they are counted, so that sums are rounded alike
        return Counts(votes, found)

    @property
    def are_taught(self) -> NDArray[np.bool_]:
        """(S,) of which sources it is known what their pixels vote for: what is taught, or no region's."""
        known = np.ones(len(self.probabilities), np.bool_)
        run, taught = len(self.evidence.probabilities), self.evidence.taught
        known[:run] = False if taught is None else taught.values != NOT_TAUGHT
        return known

    def means(self, counts: Counts) -> NDArray[np.float32]:
        """Return (R, K) the mean probabilities of counted regions; 0 for one without pixels."""
        sums = counts.sources.astype(np.float64) @ self.probabilities
        return means(np.asarray(sums), counts.votes)


def count_all(
    regions: NDArray[np.int32], ballots: Ballots
) -> tuple[NDArray[np.int64], NDArray[np.int64], Counts]:
    """Return the ids of all regions, their (R, 4) boxes and counts, in one pass over the pixels.

    Neighbouring pixels of a row mostly belong to one region, one class and one source. So pixels are
    first put together into such runs, and the runs are counted.

    Args:
        regions: (H, W) ids, 0 = unsegmented.
        ballots: how pixels count.
    """
    numbers, ids = number_regions(regions)
    begins = np.zeros(regions.shape, bool)
    begins[:, 0] = True
    for array in (numbers, ballots.evidence.shown, ballots.evidence.numbers):
        begins[:, 1:] |= array[:, 1:] != array[:, :-1]
    start = np.flatnonzero(begins)
    length = np.diff(np.append(start, begins.size))
    inside = numbers.ravel()[start] > 0
    start, length = start[inside], length[inside]
    owner = numbers.ravel()[start] - 1
    row, column = np.divmod(start, regions.shape[1])
    boxes = boxes_of_runs(owner, row, column, length, len(ids))
    return ids, boxes, ballots.count(owner.astype(np.int64), start, len(ids), length)
